//! An app in order is found so, and each way of damaging one is found too.
//!
//! The subject is the app that `APP_UNDER_TEST` names (CI gives the one it has linked), or one around
//! a Mach-O that is made here and holds just what a signature needs.

use std::fs;
use std::path::{Path, PathBuf};

use icns::IconFamily;
use tempfile::TempDir;

use crate::layout::Layout;
use crate::{icon, layout, macho, plists, seal, verify};

/// A copy of the subject that a test may damage.
struct Subject {
    _folder: TempDir,
    app: PathBuf,
    layout: Layout,
}

impl Subject {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("Subject.app");
        if let Some(given) = std::env::var_os("APP_UNDER_TEST") {
            copy(Path::new(&given), &app);
        } else {
            let binary = folder.path().join("program");
            fs::write(&binary, tiny_program("/usr/lib/libSystem.B.dylib", 13)).unwrap();
            make_executable(&binary);
            layout::make(&binary, &app).unwrap();
            seal::sign_ad_hoc(&app).unwrap();
        }
        Self {
            _folder: folder,
            layout: Layout::of(&app),
            app,
        }
    }

    fn program(&self) -> PathBuf {
        self.layout.executable("mlx-throughput-lab")
    }

    fn icon(&self) -> PathBuf {
        self.layout.icon("AppIcon")
    }

    fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }

    /// The faults hold `wanted`.
    #[track_caller]
    fn assert_fault(&self, wanted: &str) {
        let faults = verify::verify(&self.app).faults;
        assert!(
            faults.iter().any(|fault| fault.contains(wanted)),
            "no fault says {wanted:?}: {faults:#?}"
        );
    }

    /// `wanted` is the only fault, so that the signature does not cover up for another check.
    #[track_caller]
    fn assert_only_fault(&self, wanted: &str) {
        let faults = verify::verify(&self.app).faults;
        assert!(
            matches!(faults.as_slice(), [fault] if fault.contains(wanted)),
            "not the one fault {wanted:?}: {faults:#?}"
        );
    }

    fn sign_again(&self) {
        seal::sign_ad_hoc(&self.app).unwrap();
    }
}

#[test]
fn an_app_in_order_has_no_faults() {
    let subject = Subject::new();
    let findings = verify::verify(&subject.app);
    assert_eq!(findings.faults, Vec::<String>::new());
    assert!(
        findings
            .facts
            .iter()
            .any(|fact| fact.contains("icon: 10 sizes"))
    );
}

#[test]
fn signing_twice_gives_the_same_app() {
    let subject = Subject::new();
    subject.sign_again();
    let once = fs::read(subject.program()).unwrap();
    subject.sign_again();
    assert_eq!(fs::read(subject.program()).unwrap(), once);
    assert_eq!(verify::verify(&subject.app).faults, Vec::<String>::new());
}

#[test]
fn a_flipped_bit_anywhere_in_the_program_is_found() {
    let subject = Subject::new();
    let code_bytes = {
        let file = fs::read(subject.program()).unwrap();
        macho::parse(&file).unwrap().signature.unwrap().offset
    };
    // The last byte, one in the middle, and the header's reserved word, which nothing else reads.
    for at in [code_bytes - 1, code_bytes / 2, 28] {
        Subject::edit(&subject.program(), |bytes| bytes[at] ^= 1);
        subject.assert_only_fault("pages of the program have changed");
        Subject::edit(&subject.program(), |bytes| bytes[at] ^= 1);
    }
}

#[test]
fn a_changed_hash_in_the_signature_is_found() {
    let subject = Subject::new();
    let offset = {
        let file = fs::read(subject.program()).unwrap();
        macho::parse(&file).unwrap().signature.unwrap().offset
    };
    // Past table (36), header (88) and identifier (29): the first special hash, of the seal.
    Subject::edit(&subject.program(), |bytes| {
        bytes[offset + 36 + 88 + 29 + 3] ^= 1;
    });
    subject.assert_only_fault("CodeResources has changed");
}

#[test]
fn a_changed_resource_is_found() {
    let subject = Subject::new();
    // The last byte of the last picture's PNG end, which decoders skip.
    Subject::edit(&subject.icon(), |bytes| *bytes.last_mut().unwrap() ^= 1);
    subject.assert_fault("Resources/AppIcon.icns has changed since the app was signed");
}

#[test]
fn an_added_and_a_removed_resource_are_found() {
    let subject = Subject::new();
    let added = subject.layout.contents().join("Resources/more.txt");
    fs::write(&added, "more").unwrap();
    subject.assert_only_fault("Resources/more.txt was added");

    fs::remove_file(added).unwrap();
    fs::remove_file(subject.icon()).unwrap();
    subject.assert_fault("Resources/AppIcon.icns is missing, though it was signed");
}

#[test]
fn what_finder_and_apple_add_is_no_fault() {
    let subject = Subject::new();
    for name in ["Resources/.DS_Store", "CodeResources"] {
        fs::write(subject.layout.contents().join(name), "added").unwrap();
    }
    assert_eq!(verify::verify(&subject.app).faults, Vec::<String>::new());
}

#[test]
fn a_missing_seal_is_found() {
    let subject = Subject::new();
    fs::remove_file(subject.layout.code_resources()).unwrap();
    subject.assert_only_fault("CodeResources is missing");
}

#[test]
fn a_changed_info_is_found_by_the_signature() {
    let subject = Subject::new();
    // White space: all entries stay as they are.
    Subject::edit(&subject.layout.info(), |bytes| bytes.push(b'\n'));
    subject.assert_only_fault("Info.plist has changed");
}

#[test]
fn every_missing_entry_of_info_is_found() {
    let subject = Subject::new();
    let whole = plists::info().unwrap();
    for (key, _) in &whole {
        // Without these two there is no program to sign.
        if ["CFBundleExecutable", "CFBundleIdentifier"].contains(&key.as_str()) {
            continue;
        }
        let mut info = whole.clone();
        info.remove(key);
        plists::write(info, &subject.layout.info()).unwrap();
        subject.assert_fault(&format!("Info.plist has no {key}"));
    }
}

#[test]
fn every_missing_size_of_the_icon_is_found() {
    let subject = Subject::new();
    let file = fs::read(subject.icon()).unwrap();
    for (kind, name) in icon::TYPES {
        let mut family = IconFamily::read(file.as_slice()).unwrap();
        family
            .elements
            .retain(|element| element.ostype != kind.ostype());
        family
            .write(fs::File::create(subject.icon()).unwrap())
            .unwrap();
        subject.sign_again();
        subject.assert_only_fault(&format!("no picture of {name} points"));
    }
}

#[test]
fn a_program_that_may_not_be_executed_is_found() {
    use std::os::unix::fs::PermissionsExt;
    let subject = Subject::new();
    fs::set_permissions(subject.program(), fs::Permissions::from_mode(0o644)).unwrap();
    subject.assert_only_fault("may not be executed");
}

#[test]
fn a_library_of_somebody_else_and_another_minimum_are_found() {
    let subject = Subject::new();
    for (library, minimum, wanted) in [
        (
            "/opt/homebrew/lib/libssl.dylib",
            13,
            "loads /opt/homebrew/lib/libssl.dylib",
        ),
        ("@rpath/libssl.dylib", 13, "loads @rpath/libssl.dylib"),
        (
            "/usr/lib/libSystem.B.dylib",
            12,
            "needs macOS 12.0, and Info.plist says 13.0",
        ),
    ] {
        fs::write(subject.program(), tiny_program(library, minimum)).unwrap();
        subject.sign_again();
        subject.assert_only_fault(wanted);
    }
}

#[test]
fn what_is_not_a_program_for_arm64_is_found() {
    let subject = Subject::new();
    Subject::edit(&subject.program(), |bytes| bytes[4] = 7); // x86-64
    subject.sign_again();
    subject.assert_only_fault("not an executable for arm64");

    fs::write(subject.program(), "#!/bin/sh\n").unwrap();
    subject.assert_only_fault("the program cannot be read");
}

/// A program in form only: header, load commands, some code, and a place for a signature.
fn tiny_program(library: &str, minimum: u32) -> Vec<u8> {
    const TEXT_BYTES: u64 = 0x8000;
    let u32s = |numbers: &[u32]| {
        numbers
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect::<Vec<_>>()
    };
    let segment = |name: &str, at: u64, bytes: u64| {
        let mut command = u32s(&[0x19, 72]);
        command.extend(name.bytes().chain([0; 16]).take(16));
        for number in [0x1_0000_0000 + at, bytes, at, bytes] {
            command.extend(number.to_le_bytes());
        }
        command.extend(u32s(&[5, 5, 0, 0]));
        command
    };
    let mut load = u32s(&[0xc, 0, 24, 2, 0x1_0000, 0x1_0000]);
    load.extend(library.bytes());
    load.resize(load.len().next_multiple_of(8) + 8, 0);
    let load_bytes = u32::try_from(load.len()).unwrap();
    load[4..8].copy_from_slice(&load_bytes.to_le_bytes());
    let commands = [
        segment("__TEXT", 0, TEXT_BYTES),
        segment("__LINKEDIT", TEXT_BYTES, 16),
        u32s(&[0x32, 24, 1, minimum << 16, minimum << 16, 0]),
        load,
        u32s(&[0x1d, 16, u32::try_from(TEXT_BYTES).unwrap(), 16]),
    ];
    let all = commands.concat();
    let mut file = u32s(&[
        0xfeed_facf,
        0x0100_000c,
        0,
        2,
        u32::try_from(commands.len()).unwrap(),
        u32::try_from(all.len()).unwrap(),
        0x20_0085,
        0,
    ]);
    file.extend(all);
    file.resize(usize::try_from(TEXT_BYTES).unwrap() + 16, 0x1f);
    file
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
