//! The seal over an app's resources (`_CodeSignature/CodeResources`), and the signature over it all.
//!
//! The seal is a property list with a hash of every file in the app but the program (which has its own
//! hashes) and what the signature covers by itself. It also holds the rules by which files were
//! chosen, so that a system that knows other rules can tell. Each hash stands twice, by the rules of
//! before OS X 10.9 (`files`) and of since (`files2`).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use plist::{Dictionary, Value};
use sha1::{Digest, Sha1};

use crate::layout::Layout;
use crate::plists;
use crate::signature::{self, Covered, sha256};

/// Files that the seal leaves out, relative to `Contents`: what the signature covers itself, what is
/// the same in every app, and the ticket that Apple's notarisation adds to a signed app.
const LEFT_OUT: [&str; 3] = ["Info.plist", "PkgInfo", "CodeResources"];
/// Folders that the seal leaves out: the program, and the seal itself.
const FOLDERS_LEFT_OUT: [&str; 2] = ["MacOS", "_CodeSignature"];

/// Signs the app in place, without anybody's certificate.
///
/// Errors where `bundle/entitlements.plist` asks for anything: that takes Apple's `codesign`.
pub fn sign_ad_hoc(app: &Path) -> Result<()> {
    ensure!(
        plists::entitlements()?.is_empty(),
        "bundle/entitlements.plist asks for something, which only `codesign` on a Mac can sign"
    );
    let layout = Layout::of(app);
    let info_bytes =
        fs::read(layout.info()).with_context(|| format!("{} has no Info.plist", app.display()))?;
    let info = plists::parse(&info_bytes)?;

    let seal_path = layout.code_resources();
    fs::create_dir_all(seal_path.parent().expect("it is inside Contents"))?;
    plists::write(seal(&layout.contents())?, &seal_path)?;

    let executable = layout.executable(plists::text(&info, "CFBundleExecutable")?);
    let mut file = fs::read(&executable)
        .with_context(|| format!("{} cannot be read", executable.display()))?;
    let covered = Covered {
        identifier: plists::text(&info, "CFBundleIdentifier")?,
        info: &info_bytes,
        resources: &fs::read(&seal_path)?,
    };
    signature::sign(&mut file, &covered)
        .with_context(|| format!("{} cannot be signed", executable.display()))?;
    // Written over, so that it stays executable.
    fs::write(&executable, file)
        .with_context(|| format!("{} cannot be written", executable.display()))
}

/// The bytes of all files that have to be sealed, by their path in `contents` with slashes.
pub fn sealed_files(contents: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![contents.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?
        {
            let path = entry?.path();
            let name = path
                .strip_prefix(contents)?
                .to_str()
                .context("a file in the app has a name that is not UTF-8")?
                .to_owned();
            ensure!(
                !path.is_symlink(),
                "{name} is a link, which this tool does not seal"
            );
            if path.is_dir() {
                if !FOLDERS_LEFT_OUT.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if !LEFT_OUT.contains(&name.as_str()) && !path.ends_with(".DS_Store") {
                found.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

fn seal(contents: &Path) -> Result<Dictionary> {
    let mut files = Dictionary::new();
    let mut files2 = Dictionary::new();
    for (name, bytes) in sealed_files(contents)? {
        // The older rules know of no files elsewhere.
        if name.starts_with("Resources/") {
            files.insert(name.clone(), Value::Data(Sha1::digest(&bytes).to_vec()));
        }
        files2.insert(
            name,
            dictionary([("hash2", Value::Data(sha256(&bytes).to_vec()))]),
        );
    }
    Ok(Dictionary::from_iter([
        ("files", Value::Dictionary(files)),
        ("files2", Value::Dictionary(files2)),
        ("rules", rules()),
        ("rules2", rules2()),
    ]))
}

/// The rules that `codesign` writes for an app, of before OS X 10.9.
fn rules() -> Value {
    dictionary([
        ("^Resources/", true.into()),
        ("^Resources/.*\\.lproj/", optional(1000.0)),
        ("^Resources/.*\\.lproj/locversion.plist$", omitted(1100.0)),
        ("^Resources/Base\\.lproj/", weight(1010.0)),
        ("^version.plist$", true.into()),
    ])
}

/// The same of since.
fn rules2() -> Value {
    dictionary([
        (".*\\.dSYM($|/)", weight(11.0)),
        ("^(.*/)?\\.DS_Store$", omitted(2000.0)),
        (
            "^(Frameworks|SharedFrameworks|PlugIns|Plug-ins|XPCServices|Helpers|MacOS|Library/(Automator|Spotlight|LoginItems))/",
            dictionary([("nested", true.into()), ("weight", 10.0.into())]),
        ),
        ("^.*", true.into()),
        ("^Info\\.plist$", omitted(20.0)),
        ("^PkgInfo$", omitted(20.0)),
        ("^Resources/", weight(20.0)),
        ("^Resources/.*\\.lproj/", optional(1000.0)),
        ("^Resources/.*\\.lproj/locversion.plist$", omitted(1100.0)),
        ("^Resources/Base\\.lproj/", weight(1010.0)),
        (
            "^[^/]+$",
            dictionary([("nested", true.into()), ("weight", 10.0.into())]),
        ),
        ("^embedded\\.provisionprofile$", weight(20.0)),
        ("^version\\.plist$", weight(20.0)),
    ])
}

fn weight(weight: f64) -> Value {
    dictionary([("weight", weight.into())])
}

fn omitted(weight: f64) -> Value {
    dictionary([("omit", true.into()), ("weight", weight.into())])
}

fn optional(weight: f64) -> Value {
    dictionary([("optional", true.into()), ("weight", weight.into())])
}

fn dictionary<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Dictionary(Dictionary::from_iter(entries))
}
