//! A copy of a results file that a spreadsheet can open without running anything in it.

use std::path::Path;

use super::document::ReportError;
use super::escape;
use crate::store::read;

/// The rows as they are, in UTF-8 with LF; text that a spreadsheet would take for a formula has an
/// apostrophe before it, numbers never. Damaged lines are left out.
///
/// # Errors
/// The file cannot be read.
pub fn copy(path: &Path) -> Result<Vec<u8>, ReportError> {
    let table = read::open(path)?.table;
    let encode = |error: csv::Error| ReportError::Encode {
        what: "rows",
        why: error.to_string(),
    };
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    let plain = |cell: &str| escape::spreadsheet(cell).into_owned();
    writer
        .write_record(table.header().iter().map(|name| plain(name)))
        .map_err(encode)?;
    for row in 0..table.len() {
        writer
            .write_record(table.row(row).map(plain))
            .map_err(encode)?;
    }
    writer.into_inner().map_err(|error| ReportError::Encode {
        what: "rows",
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text_and_figures_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.csv");
        let text =
            "model,throughput_tps,delta\n=cmd|' /C calc'!A0,12.50,-3.5\n\"a,\"\"b\",1e3,@x\n";
        std::fs::write(&path, text).unwrap();
        let copied = String::from_utf8(copy(&path).unwrap()).unwrap();
        assert_eq!(
            copied,
            "model,throughput_tps,delta\n'=cmd|' /C calc'!A0,12.50,-3.5\n\"a,\"\"b\",1e3,'@x\n"
        );
    }

    #[test]
    fn a_file_without_formulas_is_copied_byte_for_byte() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
        let path = folder.join("full_sweep_20261124_012945.csv");
        let original = std::fs::read_to_string(&path).unwrap();
        let copied = String::from_utf8(copy(&path).unwrap()).unwrap();
        assert_eq!(copied, original.replace("\r\n", "\n"));
    }
}
