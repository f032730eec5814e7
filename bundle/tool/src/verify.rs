//! Says all that is wrong with an app. Signatures are read with the `object` crate, not with what
//! writes them here, and each hash is computed anew.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use icns::IconFamily;
use object::BigEndian as BE;
use object::macho as format;
use object::read::macho::{CodeDirectory, CodeSignature};
use plist::{Dictionary, Value};

use crate::layout::{Layout, PKG_INFO};
use crate::macho::{self, MachO};
use crate::signature::sha256;
use crate::{icon, plists, seal};

/// What a verification found.
#[derive(Default)]
pub struct Findings {
    /// What is in order, with its figures.
    pub facts: Vec<String>,
    pub faults: Vec<String>,
}

impl Findings {
    fn fact(&mut self, fact: impl Into<String>) {
        self.facts.push(fact.into());
    }

    fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// The value, or a fault that says why there is none.
    fn take<T>(&mut self, outcome: Result<T>) -> Option<T> {
        outcome
            .map_err(|error| self.fault(format!("{error:#}")))
            .ok()
    }
}

/// Verifies all of `app`; a fault of one part does not keep the others from being looked at.
pub fn verify(app: &Path) -> Findings {
    let mut findings = Findings::default();
    let layout = Layout::of(app);
    let Some(info) = findings.take(plists::read(&layout.info())) else {
        return findings;
    };
    let outcome = check_info(&info, &layout, &mut findings);
    findings.take(outcome);
    let outcome = check_icon(&info, &layout);
    if let Some(fact) = findings.take(outcome) {
        findings.fact(fact);
    }
    let outcome = check_program(&info, &layout, &mut findings);
    findings.take(outcome);
    findings
}

/// Everything that the template asks for is there, as it says it.
fn check_info(info: &Dictionary, layout: &Layout, findings: &mut Findings) -> Result<()> {
    let wanted = plists::info()?;
    for (key, value) in &wanted {
        match info.get(key) {
            None => findings.fault(format!("Info.plist has no {key}")),
            Some(found) if found != value => findings.fault(format!(
                "Info.plist says {found:?} for {key}, and bundle/Info.plist {value:?}"
            )),
            Some(_) => {}
        }
    }
    let pkg_info = fs::read_to_string(layout.pkg_info()).context("PkgInfo cannot be read")?;
    ensure!(pkg_info == PKG_INFO, "PkgInfo says {pkg_info:?}");
    findings.fact(format!(
        "Info.plist: {} entries, version {}, macOS {} or newer",
        info.len(),
        plists::text(info, "CFBundleShortVersionString")?,
        plists::text(info, "LSMinimumSystemVersion")?
    ));
    Ok(())
}

/// Every size is there, can be read, and shows something.
fn check_icon(info: &Dictionary, layout: &Layout) -> Result<String> {
    let path = layout.icon(plists::text(info, "CFBundleIconFile")?);
    let file = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let family =
        IconFamily::read(file.as_slice()).context("the icon cannot be read as an icns file")?;
    for (kind, name) in icon::TYPES {
        ensure!(
            family.has_icon_with_type(kind),
            "the icon has no picture of {name} points"
        );
        let image = family
            .get_icon_with_type(kind)
            .with_context(|| format!("the icon's picture of {name} points cannot be read"))?;
        let pixels = image.data();
        ensure!(
            image.width() == kind.pixel_width() && image.height() == kind.pixel_height(),
            "the icon's picture of {name} points is {} by {} pixels",
            image.width(),
            image.height()
        );
        ensure!(
            pixels.iter().any(|byte| *byte != pixels[0]),
            "the icon's picture of {name} points shows nothing"
        );
    }
    Ok(format!("icon: {} sizes", icon::TYPES.len()))
}

fn check_program(info: &Dictionary, layout: &Layout, findings: &mut Findings) -> Result<()> {
    let path = layout.executable(plists::text(info, "CFBundleExecutable")?);
    let file = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let is_executable = is_executable(&path)?;
    if !is_executable {
        findings.fault(format!("{} may not be executed", path.display()));
    }
    let program = macho::parse(&file).context("the program cannot be read")?;

    if !program.is_arm64_program {
        findings.fault("the program is not an executable for arm64");
    }
    if !program.is_two_level_and_pie {
        findings.fault("the program has a flat namespace or a fixed address");
    }
    let asked = plists::text(info, "LSMinimumSystemVersion")?;
    match &program.minimum {
        Some(minimum) if minimum == asked => {}
        Some(minimum) => findings.fault(format!(
            "the program needs macOS {minimum}, and Info.plist says {asked}"
        )),
        None => findings.fault("the program does not say which macOS it needs"),
    }
    findings.fact(format!(
        "program: arm64, {} bytes, macOS {}, {} libraries",
        file.len(),
        program.minimum.as_deref().unwrap_or("unknown"),
        program.libraries.len()
    ));
    check_libraries(&program, findings);
    check_signature(info, layout, &file, &program, findings)
}

/// All libraries are parts of macOS, and named by their full path.
fn check_libraries(program: &MachO, findings: &mut Findings) {
    if program.libraries.is_empty() {
        findings.fault("the program names no library, not even libSystem");
    }
    for library in &program.libraries {
        if !["/System/Library/", "/usr/lib/"]
            .iter()
            .any(|place| library.starts_with(place))
        {
            findings.fault(format!("the program loads {library}, which macOS has not"));
        }
        findings.fact(format!("  {library}"));
    }
    for folder in &program.search_paths {
        findings.fault(format!(
            "the program would look for libraries in {folder}; the app brings none"
        ));
    }
}

fn check_signature(
    info: &Dictionary,
    layout: &Layout,
    file: &[u8],
    program: &MachO,
    findings: &mut Findings,
) -> Result<()> {
    let place = macho::place(program)?;
    let bytes = file
        .get(place.offset..place.offset + place.bytes)
        .context("the signature lies outside the program")?;
    ensure!(
        place.offset + place.bytes == file.len(),
        "something follows the signature"
    );
    let signature = CodeSignature::parse(bytes).context("the signature cannot be read")?;

    let mut requirements = None;
    let mut directory = None;
    let mut blobs = signature.blobs();
    while let Some(blob) = blobs.next().context("the signature cannot be read")? {
        match blob.slot() {
            format::CSSLOT_CODEDIRECTORY => directory = blob.code_directory()?,
            format::CSSLOT_REQUIREMENTS => requirements = Some(blob.data()),
            _ => {}
        }
    }
    let directory = directory.context("the signature has no code directory")?;
    ensure!(
        directory.header().hash_type == format::CS_HASHTYPE_SHA256,
        "the signature does not use SHA-256"
    );

    let identifier = String::from_utf8_lossy(directory.ident()?);
    if identifier != plists::text(info, "CFBundleIdentifier")? {
        findings.fault(format!("the signature is that of {identifier}"));
    }
    check_pages(&directory, &file[..place.offset], findings)?;

    let info_bytes = fs::read(layout.info())?;
    check_special(
        &directory,
        format::CSSLOT_INFOSLOT,
        "Info.plist",
        Some(&info_bytes),
        findings,
    );
    check_special(
        &directory,
        format::CSSLOT_REQUIREMENTS,
        "the requirements",
        requirements,
        findings,
    );
    let seal = fs::read(layout.code_resources()).ok();
    check_special(
        &directory,
        format::CSSLOT_RESOURCEDIR,
        "_CodeSignature/CodeResources",
        seal.as_deref(),
        findings,
    );
    match seal {
        Some(seal) => check_seal(&seal, layout, findings),
        None => Ok(()),
    }
}

/// Every page of the program is as it was signed.
fn check_pages(directory: &CodeDirectory, code: &[u8], findings: &mut Findings) -> Result<()> {
    let header = directory.header();
    ensure!(
        directory.code_limit() == code.len() as u64,
        "the signature covers {} bytes of {}",
        directory.code_limit(),
        code.len()
    );
    let pages = code.chunks(1usize << header.page_size);
    let count = header.n_code_slots.get(BE);
    ensure!(
        pages.len() == count as usize,
        "the signature has {count} hashes for {} pages",
        pages.len()
    );
    let mut changed = 0;
    for (page, index) in pages.zip(0..) {
        changed += u32::from(directory.code_hash(index)? != sha256(page));
    }
    if changed > 0 {
        findings.fault(format!(
            "{changed} of {count} pages of the program have changed since it was signed"
        ));
    }
    findings.fact(format!(
        "signature: {}, {count} pages, {changed} changed",
        if header.flags.get(BE).contains(format::CS_ADHOC) {
            "ad hoc"
        } else {
            "with a certificate (not checked here)"
        }
    ));
    Ok(())
}

fn check_special(
    directory: &CodeDirectory,
    slot: format::CsSlot,
    name: &str,
    bytes: Option<&[u8]>,
    findings: &mut Findings,
) {
    let Ok(hash) = directory.special_hash(slot) else {
        findings.fault(format!("the signature does not cover {name}"));
        return;
    };
    match bytes {
        None => findings.fault(format!("{name} is missing")),
        Some(bytes) if sha256(bytes) != hash => {
            findings.fault(format!("{name} has changed since the app was signed"));
        }
        Some(_) => {}
    }
}

/// Every file is in the seal, with the hash that it has, and none is gone.
fn check_seal(seal: &[u8], layout: &Layout, findings: &mut Findings) -> Result<()> {
    let seal = plists::parse(seal).context("_CodeSignature/CodeResources cannot be read")?;
    let sealed = seal
        .get("files2")
        .and_then(Value::as_dictionary)
        .context("_CodeSignature/CodeResources has no files2")?;
    ensure!(
        seal.get("rules2").and_then(Value::as_dictionary).is_some(),
        "_CodeSignature/CodeResources has no rules2"
    );
    let files = seal::sealed_files(&layout.contents())?;
    for (name, bytes) in &files {
        let hash = sealed
            .get(name)
            .and_then(Value::as_dictionary)
            .and_then(|entry| entry.get("hash2"))
            .and_then(Value::as_data);
        match hash {
            None => findings.fault(format!("{name} was added after the app was signed")),
            Some(hash) if hash != sha256(bytes) => {
                findings.fault(format!("{name} has changed since the app was signed"));
            }
            Some(_) => {}
        }
    }
    for (name, _) in sealed {
        if !files.contains_key(name) {
            findings.fault(format!("{name} is missing, though it was signed"));
        }
    }
    findings.fact(format!("sealed resources: {}", sealed.len()));
    Ok(())
}

#[cfg(unix)]
fn is_executable(path: &Path) -> Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(path)?.permissions().mode() & 0o111 == 0o111)
}
