use std::fmt::Write as _;
use std::fs;

use super::super::row_file::header_of;
use super::super::testing::{cell, plan, result};
use super::*;

fn read(bytes: impl AsRef<[u8]>) -> Result<Opened, StoreError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file.csv");
    fs::write(&path, bytes).unwrap();
    open(&path)
}

fn fixture(name: &str) -> Opened {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/csv");
    open(&folder.join(name)).unwrap()
}

fn legacy(opened: &Opened, row: usize) -> LegacyRow {
    match opened.typed(row) {
        Some(Ok(TypedRow::Legacy(row))) => row,
        other => panic!("{other:?}"),
    }
}

fn lines_of(opened: &Opened) -> Vec<u64> {
    opened.damaged.iter().map(|damage| damage.line).collect()
}

#[test]
fn files_of_the_python_lab_are_known_and_cautioned() {
    for (name, rows) in [
        ("full_sweep_20261124_012945.csv", 24),
        ("full_sweep_highconc.csv", 10),
        ("full_sweep_server_killed.csv", 3),
    ] {
        let opened = fixture(name);
        assert_eq!(opened.origin, Origin::MlxLab);
        assert_eq!(opened.table.len(), rows, "{name}");
        assert_eq!(opened.damaged_lines, 0);
        let caution = opened.origin.caution().unwrap();
        assert!(caution.contains("decode/prompt axes were not applied"));
    }
    let killed = legacy(&fixture("full_sweep_server_killed.csv"), 1);
    assert_eq!(
        (killed.decode_concurrency, killed.errors),
        (Some(8), Some(16))
    );
    assert_eq!((killed.elapsed_s, killed.max_tokens), (Some(4.11), None));

    let opened = fixture("round_robin_sweep_20261124_013825.csv");
    assert_eq!(opened.origin, Origin::MlxLabRoundRobin);
    let last = legacy(&opened, 5);
    assert_eq!((last.max_tokens, last.instances), (Some(64), None));
    assert_eq!(last.throughput_tps, Some(1843.6));
}

#[test]
fn files_of_the_llama_lab_are_known() {
    for (header, row) in [
        (
            "instances,parallel,concurrency,throughput_tps,total_tokens,elapsed_s,errors",
            "2,4,8,100.5,1024,10.19,0",
        ),
        (
            "instances,parallel,batch,ubatch,concurrency,throughput_tps,total_tokens,elapsed_s,errors",
            "2,4,default,512,8,100.5,1024,10.19,0",
        ),
    ] {
        let opened = read(format!("{header}\r\n{row}\r\n")).unwrap();
        assert_eq!(opened.origin, Origin::LlamaLab);
        let row = legacy(&opened, 0);
        assert_eq!((row.parallel, row.concurrency), (Some(4), Some(8)));
        assert_eq!(row.decode_concurrency, None);
        assert_eq!(opened.damaged, []);
    }
}

#[test]
fn our_own_rows_come_back_as_they_were() {
    let row = CellRow::new(&result(&cell(2, Some(8), 4)), &plan(Path::new("r"), 1));
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    writer.serialize(&row).unwrap();
    let opened = read(writer.into_inner().unwrap()).unwrap();
    assert_eq!(opened.origin, Origin::Ours);
    assert_eq!(opened.typed(0), Some(Ok(TypedRow::Ours(Box::new(row)))));
    let header = header_of::<CellRow>(Path::new("x")).unwrap();
    assert_eq!(opened.table.header(), header);
}

#[test]
fn line_ends_and_a_byte_order_mark_make_no_difference() {
    let mut tables = Vec::new();
    for end in ["\n", "\r\n", "\r"] {
        for mark in ["", "\u{feff}"] {
            for last in [end, ""] {
                let text = format!("{mark}\"a\",b{end}1,\"x{end}y\"{end}{end}2,z{last}");
                let opened = read(text.clone()).unwrap();
                assert_eq!(opened.damaged, [], "{text:?}");
                let (table, name) = (&opened.table, opened.table.header()[0].clone());
                assert_eq!(name, "a", "{text:?}");
                assert_eq!(table.get(0, 1), Some(format!("x{end}y").as_str()));
                tables.push((table.len(), table.get(1, 0).map(str::to_owned)));
            }
        }
    }
    tables.dedup();
    assert_eq!(tables, [(2, Some("2".to_owned()))]);
}

#[test]
fn damage_stays_in_its_lines() {
    let opened = read(
        b"instances,decode_concurrency,prompt_concurrency,concurrency,throughput_tps,total_tokens,elapsed_s,errors\n\
          1,8,2,1,10.0,64,6.4,0\n\
          1,8,2\n\
          1,8,2,2,\"20.0,64,6.4,0\n\
          1,8,2,4,30.0,64,6.4,0\n\
          1,8,2,8,fast,64,6.4,0\n\
          1,8,2,8,\xff\xfe,64,6.4,0\n\
          1,8,2,8,\0\0\0\0,64,6.4,0\n\
          1,8,2,16,40.0,64,6.4,0\n\
          1,8,2,32,50.0,64",
    )
    .unwrap();
    assert_eq!(opened.origin, Origin::MlxLab);
    let good: Vec<_> = (0..opened.table.len())
        .map(|row| legacy(&opened, row).concurrency.unwrap())
        .collect();
    assert_eq!(good, [1, 4, 16]);
    assert_eq!(lines_of(&opened), [3, 4, 6, 7, 8, 10]);
    let said: Vec<_> = opened.damaged.iter().map(|d| d.what.as_str()).collect();
    for (what, part) in said.iter().zip([
        "3 values for 8 columns",
        "never closed",
        "throughput_tps is not a number: \"fast\"",
        "not UTF-8",
        "NUL",
        "cut off",
    ]) {
        assert!(what.contains(part), "{what}");
    }
}

#[test]
fn a_last_line_without_an_end_is_good_in_others_files_and_torn_in_ours() {
    let classic = CLASSIC_COLUMNS.join(",");
    let row = "1,8,2,16,40.0,64,6.4,0";
    let theirs = read(format!("{classic}\r\n{row}")).unwrap();
    assert_eq!((theirs.table.len(), theirs.damaged_lines), (1, 0));
    let ours = read(format!("{classic},cell,status\r\n{row},0,ok\r\n{row},1,o")).unwrap();
    assert_eq!((ours.table.len(), lines_of(&ours)), (1, vec![3]));
}

#[test]
fn what_is_no_table_says_so() {
    let text = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert!(text(b"").contains("no header line"));
    assert!(text(b"\x89PNG\r\n\x1a\n\0\0").contains("is damaged"));
    let missing = open(Path::new("no/such.csv")).unwrap_err().to_string();
    assert!(missing.contains("Check the path"), "{missing}");
    let dir = tempfile::tempdir().unwrap();
    let folder = open(dir.path()).unwrap_err().to_string();
    assert!(folder.contains("cannot read"), "{folder}");
}

#[test]
fn memory_is_a_small_multiple_of_the_file() {
    let mut text = CLASSIC_COLUMNS.join(",") + "\r\n";
    for i in 0..50_000 {
        write!(text, "1,8,2,{},{}.5,64,1.60,0\r\n", i % 256, 900 + i % 999).unwrap();
    }
    let opened = read(&text).unwrap();
    assert_eq!(opened.table.len(), 50_000);
    let memory = opened.table.memory_bytes();
    assert!(memory < 3 * text.len(), "{memory} of {}", text.len());
}

#[test]
fn a_damaged_file_describes_a_thousand_lines_and_counts_the_rest() {
    let opened = read("a,b\n".to_owned() + &"1\n".repeat(1500)).unwrap();
    assert_eq!((opened.damaged.len(), opened.damaged_lines), (1000, 1500));
}

#[test]
fn a_long_file_reads_as_its_pieces_do() {
    // Long enough for several threads; quoted fields span lines, so that not every line end is the
    // end of a record.
    let mut text = "a,b\n".to_owned();
    for i in 0..60_000_u32 {
        match i % 1_000 {
            10 => writeln!(text, "{i},\"two\nlines, \"\"{i}\"\"\"").unwrap(),
            20 => writeln!(text, "{i}").unwrap(),
            30 => writeln!(text, "\n{i},\"opened and never closed").unwrap(),
            _ => writeln!(text, "{i},some text of no importance").unwrap(),
        }
    }
    let opened = read(&text).unwrap();
    assert!(text.len() > 1 << 20, "{}", text.len());
    let bad = |i: u32| matches!(i % 1_000, 20 | 30);
    let good: Vec<u32> = (0..60_000).filter(|i| !bad(*i)).collect();
    assert_eq!(opened.table.len(), good.len());
    for (row, i) in good.iter().enumerate() {
        assert_eq!(opened.table.get(row, 0), Some(i.to_string().as_str()));
        // A thousand have a quoted line end and a blank line, up to here.
        let lines_more = 2 * (i / 1_000) + u32::from(i % 1_000 > 10) + u32::from(i % 1_000 > 30);
        assert_eq!(opened.line(row), u64::from(2 + i + lines_more), "{i}");
    }
    assert_eq!(opened.table.get(10, 1), Some("two\nlines, \"10\""));
    assert_eq!(opened.damaged_lines, 120);
    assert_eq!(lines_of(&opened)[..2], [23, 34]);
    assert_eq!(lines_of(&opened)[118..], [59_141, 59_152]);
}
