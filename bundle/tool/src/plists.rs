//! The app's property lists, made of the files in `bundle/`.

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result};
use plist::{Dictionary, Value};

const INFO: &str = include_str!("../../Info.plist");
const ENTITLEMENTS: &str = include_str!("../../entitlements.plist");
const LICENSE: &str = include_str!("../../../LICENSE");

/// `Info.plist`, with the version of Cargo.toml and the copyright line of LICENSE.
pub fn info() -> Result<Dictionary> {
    let copyright = LICENSE
        .lines()
        .find_map(|line| line.strip_prefix("Copyright (c) "))
        .context("LICENSE has no line that begins with \"Copyright (c) \"")?;
    let mut info = parse(INFO.as_bytes()).context("bundle/Info.plist")?;
    for (_, value) in &mut info {
        if value.as_string() == Some("VERSION") {
            *value = env!("CARGO_PKG_VERSION").into();
        } else if value.as_string() == Some("COPYRIGHT") {
            *value = format!("Copyright © {copyright}. MIT licence.").into();
        }
    }
    Ok(info)
}

/// The entitlements that a signature has to hold.
pub fn entitlements() -> Result<Dictionary> {
    parse(ENTITLEMENTS.as_bytes()).context("bundle/entitlements.plist")
}

pub fn parse(bytes: &[u8]) -> Result<Dictionary> {
    Value::from_reader(Cursor::new(bytes))?
        .into_dictionary()
        .context("it is a property list, but not a dictionary")
}

pub fn read(path: &Path) -> Result<Dictionary> {
    let bytes =
        std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    parse(&bytes).with_context(|| format!("{} cannot be read as a property list", path.display()))
}

pub fn write(list: Dictionary, path: &Path) -> Result<()> {
    Value::Dictionary(list)
        .to_file_xml(path)
        .with_context(|| format!("{} cannot be written", path.display()))
}

pub fn text<'a>(list: &'a Dictionary, key: &str) -> Result<&'a str> {
    list.get(key)
        .and_then(Value::as_string)
        .with_context(|| format!("Info.plist has no text for {key}"))
}
