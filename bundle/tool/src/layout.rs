//! The folders and files of an app.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{icon, plists};

/// Type and creator codes, as every app's `PkgInfo` has them.
pub const PKG_INFO: &str = "APPL????";

/// Where things are in an app.
pub struct Layout {
    app: PathBuf,
}

impl Layout {
    pub fn of(app: &Path) -> Self {
        Self {
            app: app.to_owned(),
        }
    }

    pub fn contents(&self) -> PathBuf {
        self.app.join("Contents")
    }

    pub fn info(&self) -> PathBuf {
        self.contents().join("Info.plist")
    }

    pub fn pkg_info(&self) -> PathBuf {
        self.contents().join("PkgInfo")
    }

    /// `name`: as `CFBundleExecutable` says it.
    pub fn executable(&self, name: &str) -> PathBuf {
        self.contents().join("MacOS").join(name)
    }

    /// `name`: as `CFBundleIconFile` says it, with or without `.icns`.
    pub fn icon(&self, name: &str) -> PathBuf {
        let name = name.strip_suffix(".icns").unwrap_or(name);
        self.contents().join(format!("Resources/{name}.icns"))
    }

    pub fn code_resources(&self) -> PathBuf {
        self.contents().join("_CodeSignature/CodeResources")
    }
}

/// Makes the unsigned app `app` around `binary`, in place of what is there.
pub fn make(binary: &Path, app: &Path) -> Result<()> {
    ensure!(
        app.extension().is_some_and(|extension| extension == "app"),
        "{} does not end in .app",
        app.display()
    );
    if app.exists() {
        fs::remove_dir_all(app)
            .with_context(|| format!("the old {} cannot be removed", app.display()))?;
    }
    let info = plists::info()?;
    let layout = Layout::of(app);
    let executable = layout.executable(plists::text(&info, "CFBundleExecutable")?);
    let icon = layout.icon(plists::text(&info, "CFBundleIconFile")?);
    for file in [&executable, &icon] {
        let folder = file.parent().expect("both are inside Contents");
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
    }

    // With its permissions: it stays executable.
    fs::copy(binary, &executable)
        .with_context(|| format!("{} cannot be copied into the app", binary.display()))?;
    let mut file = BufWriter::new(fs::File::create(icon)?);
    icon::family()?.write(&mut file)?;
    file.flush()?;
    fs::write(layout.pkg_info(), PKG_INFO)?;
    plists::write(info, &layout.info())
}
