use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::*;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> PathBuf {
    repository().join("tests/fixtures/csv").join(name)
}

fn options(field: &str, order: Order, count: i64) -> Options<'_> {
    Options {
        field,
        order,
        count,
        all_columns: false,
    }
}

fn shown(path: &Path, options: &Options<'_>) -> String {
    let mut out = Vec::new();
    write_table(&mut out, path, options).unwrap();
    String::from_utf8(out).unwrap()
}

/// A file that is gone with the test.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// Asks Python; one answer a task.
fn python(tasks: &[Value]) -> Vec<Value> {
    let input = tempfile::NamedTempFile::new().unwrap();
    let lines: Vec<String> = tasks.iter().map(Value::to_string).collect();
    fs::write(input.path(), lines.join("\n") + "\n").unwrap();
    let answered = Command::new("python3")
        .arg(repository().join("tests/support/analyze_oracle.py"))
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(fs::File::open(input.path()).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .expect("python3 can be started");
    assert!(answered.status.success());
    let text = String::from_utf8(answered.stdout).unwrap();
    let answers: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), tasks.len());
    answers
}

fn task(path: &Path, options: &Options<'_>) -> Value {
    json!({
        "file": path,
        "field": options.field,
        "descending": options.order == Order::Desc,
        "count": options.count,
    })
}

#[test]
fn the_best_rows_of_a_full_sweep() {
    let path = fixture("full_sweep_20261124_012945.csv");
    let text = shown(&path, &options("throughput_tps", Order::Desc, 2));
    let expected = "\
instances | decode_concurrency | prompt_concurrency | concurrency | throughput_tps | total_tokens | elapsed_s | errors
----------------------------------------------------------------------------------------------------------------------
      1.0 |               16.0 |                1.0 |        32.0 |         1454.3 |       2048.0 |      1.41 |    0.0
      2.0 |                1.0 |                4.0 |        32.0 |         1439.5 |       2048.0 |      1.42 |    0.0
";
    assert_eq!(text, expected);
    assert_eq!(text.lines().nth(1).unwrap().len(), 118);
}

#[test]
fn sample_files_look_as_python_shows_them() {
    let fields = [
        "throughput_tps",
        "concurrency",
        "errors",
        "elapsed_s",
        "max_tokens",
        "instances",
        "nope",
    ];
    let mut cases = Vec::new();
    for name in [
        "full_sweep_20261124_012945.csv",
        "full_sweep_highconc.csv",
        "full_sweep_server_killed.csv",
        "round_robin_sweep_20261124_013825.csv",
    ] {
        for field in fields {
            for order in [Order::Asc, Order::Desc] {
                for count in [5, 100, 0, -3, -100] {
                    cases.push((fixture(name), options(field, order, count)));
                }
            }
        }
    }
    let tasks: Vec<_> = cases.iter().map(|(path, o)| task(path, o)).collect();
    for ((path, options), answer) in cases.iter().zip(python(&tasks)) {
        assert_eq!(
            shown(path, options),
            answer,
            "{} {options:?}",
            path.display()
        );
    }
}

/// A value as someone might write it, number or not.
fn any_text(rng: &mut StdRng) -> String {
    const TEXTS: [&str; 14] = [
        "",
        "None",
        "default",
        "a,b",
        "say \"hi\"",
        "\"",
        "two\nlines",
        "cr\r\nlf",
        "é",
        "日本語",
        "👍🏽",
        "1 2",
        "0x1F",
        "e\u{301}",
    ];
    if rng.random_ratio(1, 3) {
        TEXTS[rng.random_range(0..TEXTS.len())].to_owned()
    } else {
        any_number(rng)
    }
}

fn any_number(rng: &mut StdRng) -> String {
    const NUMBERS: [&str; 16] = [
        "inf",
        "-Infinity",
        "1_000",
        "  7",
        "8\t",
        "-0.0",
        "0",
        "1e999",
        "4.9e-324",
        "1e16",
        "9999999999999998",
        "1e-4",
        "0.00009999",
        "２.５",
        "+1.50",
        "1e22",
    ];
    let bits = f64::from_bits(rng.random());
    let finite = if bits.is_finite() { bits } else { 0.5 };
    match rng.random_range(0..6) {
        0 => NUMBERS[rng.random_range(0..NUMBERS.len())].to_owned(),
        1 => format!("{finite:e}"),
        2 => format!("{finite}"),
        3 => format!("{:.1}", rng.random_range(-1e5..1e5)),
        4 => rng.random_range(0..5).to_string(),
        // Around the exponents where Python changes its form.
        _ => format!(
            "{}",
            rng.random::<f64>() * 10f64.powi(rng.random_range(-7..20))
        ),
    }
}

/// A table whose first column sorts (all numbers, or all text), and one that is named twice.
fn any_table(rng: &mut StdRng) -> Vec<u8> {
    let terminator = if rng.random() {
        csv::Terminator::CRLF
    } else {
        csv::Terminator::Any(b'\n')
    };
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .terminator(terminator)
        .from_writer(Vec::new());
    writer
        .write_record(["key", "mixed", "größe", "mixed", "a long name"])
        .unwrap();
    let words = rng.random_ratio(1, 4);
    for row in 0..rng.random_range(0..14) {
        let key = if words {
            ["b", "a", "é", "Z", "", "10 apples"][rng.random_range(0..6)].to_owned()
        } else {
            any_number(rng)
        };
        let mut cells = vec![key];
        // The first row may not be longer than the header: Python then has a column without a name.
        let most = if row == 0 { 5 } else { 7 };
        for _ in 1..rng.random_range(2..=most) {
            cells.push(any_text(rng));
        }
        writer.write_record(&cells).unwrap();
        if rng.random_ratio(1, 8) {
            writer.flush().unwrap();
        }
    }
    writer.into_inner().unwrap()
}

#[test]
fn random_tables_look_as_python_shows_them() {
    let mut rng = StdRng::seed_from_u64(20_260_211);
    let scratch = Scratch::new();
    let mut cases = Vec::new();
    for i in 0..300 {
        let path = scratch.write(&format!("{i}.csv"), any_table(&mut rng));
        let order = if rng.random() {
            Order::Asc
        } else {
            Order::Desc
        };
        let field = if i % 10 == 0 { "nope" } else { "key" };
        cases.push((path, options(field, order, rng.random_range(-2..16))));
    }
    let tasks: Vec<_> = cases.iter().map(|(path, o)| task(path, o)).collect();
    for ((path, options), answer) in cases.iter().zip(python(&tasks)) {
        let file = fs::read_to_string(path).unwrap();
        assert_eq!(shown(path, options), answer, "{options:?} of {file:?}");
    }
}

#[test]
fn thousands_of_floats_are_read_and_shown_as_python_does() {
    let mut rng = StdRng::seed_from_u64(4);
    let mut texts: Vec<String> = (0..6000)
        .map(|_| format!("{:e}", f64::from_bits(rng.random())))
        .collect();
    // Subnormals, and neighbours of powers of ten.
    texts.extend((0..500).map(|_| format!("{:e}", f64::from_bits(rng.random_range(1..1 << 52)))));
    // Midway between two decimals of the shortest length.
    texts.extend((0..2000).map(|_| {
        let whole = rng.random_range(1_u64 << 40..1 << 52) as f64;
        (whole + f64::from(rng.random_range(0..8_u8)) / 8.0).to_string()
    }));
    for exponent in -30..30 {
        let power = 10f64.powi(exponent);
        texts.extend([power, power.next_up(), power.next_down(), -power].map(|f| f.to_string()));
    }
    // Whatever looks a little like a number.
    let alphabet: Vec<char> = "00123456789._-+eE \tinfaINFty_\u{a0}１٣x".chars().collect();
    for _ in 0..6000 {
        let length = rng.random_range(0..7);
        let char = |_| alphabet[rng.random_range(0..alphabet.len())];
        texts.push((0..length).map(char).collect());
    }
    let answers = python(&[json!({"texts": texts})]);
    let answers = answers[0].as_array().unwrap();
    assert_eq!(answers.len(), texts.len());
    let numbers = answers.iter().filter(|answer| answer.is_string()).count();
    assert!((9000..14_000).contains(&numbers), "{numbers} are numbers");
    for (text, answer) in texts.iter().zip(answers) {
        let ours = python_float::parse(text).map(python_float::repr);
        assert_eq!(ours.as_deref(), answer.as_str(), "of {text:?}");
    }
}

#[test]
fn what_is_not_there_is_told_in_the_output() {
    let scratch = Scratch::new();
    let by = options("throughput_tps", Order::Desc, 5);
    for (name, bytes) in [
        ("empty.csv", ""),
        ("header.csv", "a,b\r\n"),
        ("blank.csv", "\r\n\n"),
    ] {
        assert_eq!(
            shown(&scratch.write(name, bytes), &by),
            "CSV file is empty.\n"
        );
    }
    assert_eq!(
        shown(Path::new("no/such.csv"), &by),
        "Error: File 'no/such.csv' not found.\n"
    );
    let path = scratch.write("other.csv", "a,b\r\n1,2\r\n");
    assert_eq!(
        shown(&path, &by),
        "Error: Field 'throughput_tps' does not exist.\n"
    );
    let folder = write_table(&mut Vec::new(), scratch.0.path(), &by).unwrap_err();
    assert!(folder.to_string().contains("cannot read"), "{folder}");
}

#[test]
fn our_own_files_show_the_classic_columns_and_what_they_are_sorted_by() {
    let scratch = Scratch::new();
    let classic = CLASSIC_COLUMNS.join(",");
    let path = scratch.write(
        "ours.csv",
        format!("{classic},cell,ttft_p50_s\r\n1,8,2,4,10.0,64,6.40,0,0,0.5\r\n1,,2,8,20.0,128,6.4,0,1,\r\n"),
    );
    let header = |options: &Options<'_>| {
        let text = shown(&path, options);
        let line = text.lines().next().unwrap();
        line.split(" | ")
            .map(|name| name.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let by = |field| options(field, Order::Desc, 5);
    assert_eq!(header(&by("throughput_tps")), CLASSIC_COLUMNS);
    let mut with_ttft = CLASSIC_COLUMNS.to_vec();
    with_ttft.push("ttft_p50_s");
    assert_eq!(header(&by("ttft_p50_s")), with_ttft);
    let all = Options {
        all_columns: true,
        ..by("throughput_tps")
    };
    assert_eq!(header(&all).len(), 10);
    assert!(shown(&path, &by("nope")).starts_with("Error: Field 'nope'"));
}

#[test]
fn cells_without_a_figure_come_last_in_either_order() {
    let scratch = Scratch::new();
    let path = scratch.write("mixed.csv", "x\n2\nn/a\nnan\n-inf\n10\n\"\"\n");
    let column = |order| {
        let text = shown(&path, &options("x", order, 9));
        text.lines()
            .skip(2)
            .map(|l| l.trim().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        column(Order::Desc),
        ["10.0", "2.0", "-inf", "nan", "n/a", ""]
    );
    assert_eq!(
        column(Order::Asc),
        ["-inf", "2.0", "10.0", "nan", "", "n/a"]
    );
}

#[test]
fn a_byte_order_mark_is_part_of_the_first_name_as_in_python() {
    let scratch = Scratch::new();
    let path = scratch.write("bom.csv", "\u{feff}ab,c\r\n1,2\r\n");
    let options = options("c", Order::Desc, 5);
    let answers = python(&[task(&path, &options)]);
    assert_eq!(shown(&path, &options), answers[0]);
    assert!(shown(&path, &options).starts_with("\u{feff}ab | c  \n---------\n"));
}

#[test]
fn a_closed_pipe_is_an_error_of_its_kind_and_no_panic() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let path = fixture("full_sweep_highconc.csv");
    let by = options("throughput_tps", Order::Desc, 5);
    let error = write_table(&mut Closed, &path, &by).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
