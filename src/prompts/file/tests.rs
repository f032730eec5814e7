use super::*;

fn written(name: &str, content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn reading(content: impl AsRef<[u8]>) -> Result<ReadFile, PromptFileError> {
    let (_folder, path) = written("prompts.jsonl", content);
    read(&path)
}

fn texts(read: &ReadFile) -> Vec<String> {
    let all = read.prompts.iter().map(|prompt| {
        let texts: Vec<String> = prompt.texts().into_iter().map(|(_, text)| text).collect();
        texts.join(" | ")
    });
    all.collect()
}

#[test]
fn each_format_is_known_by_how_it_begins() {
    let share_gpt = r#"[
      {"id": "a", "conversations": [{"from": "human", "value": "One"}, {"from": "gpt", "value": "x"}]},
      {"id": "b", "conversations": [{"from": "human", "value": "Two"}]}
    ]"#;
    for (content, format) in [
        ("\"One\"\n\"Two\"\n", FileFormat::Jsonl),
        (
            "{\"prompt\": \"One\"}\r\n\r\n{\"prompt\": \"Two\"}",
            FileFormat::Jsonl,
        ),
        ("\u{feff}{\"prompt\": \"One\"}\n\"Two\"", FileFormat::Jsonl),
        (
            "[{\"role\": \"user\", \"content\": \"One\"}]\n[{\"role\": \"user\", \"content\": \"Two\"}]\n",
            FileFormat::Jsonl,
        ),
        (share_gpt, FileFormat::JsonArray),
        (&share_gpt.replace('\n', ""), FileFormat::JsonArray),
        ("\u{feff}[\"One\", \"Two\"]", FileFormat::JsonArray),
        (
            "[[{\"role\": \"user\", \"content\": \"One\"}], {\"prompt\": \"Two\"}]",
            FileFormat::JsonArray,
        ),
        ("One\n\n  Two  \n", FileFormat::Text),
    ] {
        let read = reading(content).expect(content);
        assert_eq!(texts(&read), ["One", "Two"], "{content}");
        assert_eq!(read.file.format, format, "{content}");
        assert_eq!(
            (read.file.count, read.file.used, read.file.damaged),
            (2, 2, 0)
        );
        assert_eq!(read.file.mean_chars, 3);
        assert_eq!(read.notices, [""; 0]);
    }
}

#[test]
fn the_hash_is_of_the_whole_file() {
    // `printf '"One"\n' | sha256sum`
    let own = "2f5afab9f3a4c5ea9c9bb28f91272533dbdaf927b61e03f1d0e147d8fa52361d";
    let read = reading("\"One\"\n").unwrap();
    assert_eq!(read.file.sha256, own);
    assert_eq!(read.file.short_hash(), &own[..12]);
    let array = reading("[\"One\"]\n\n").unwrap();
    assert_ne!(
        array.file.sha256,
        reading("[\"One\"]\n").unwrap().file.sha256
    );
}

#[test]
fn a_little_damage_is_told_and_left_out() {
    let mut lines: Vec<String> = (0..60)
        .map(|n| format!("{{\"prompt\": \"p {n}\"}}"))
        .collect();
    lines[6] = "{\"prompt\": ".to_owned();
    lines[7] = "{\"question\": \"?\"}".to_owned();
    lines[20] = "{\"prompt\": \"\"}".to_owned();
    lines[30] = "7".to_owned();
    let read = reading(lines.join("\n")).unwrap();
    assert_eq!((read.file.count, read.file.damaged), (56, 4));
    let [notice] = &read.notices[..] else {
        panic!("{:?}", read.notices)
    };
    for part in [
        "prompts.jsonl: 4 of 60 entries are no prompts",
        "line 7: it is not JSON",
        "line 8: it has no `prompt`, `messages` or `conversations`",
        "line 21: its text is empty",
        "and 1 more",
    ] {
        assert!(notice.contains(part), "{part}: {notice}");
    }
}

#[test]
fn much_damage_nothing_and_a_broken_array_are_refused_with_what_was_expected() {
    for (content, parts) in [
        (
            &b"\"One\"\n7\n"[..],
            ["1 of 2 entries are no prompts", "line 2: it is neither"],
        ),
        (b"", ["has no prompts", "Each line holds one prompt"]),
        (b"\n \n", ["has no prompts", "Each line"]),
        (b"{\"a\": 1}\n", ["has no prompts: line 1", "Each line"]),
        (b"[\"One\", \"Tw", ["no whole JSON array", "Each line"]),
        (b"[\"One\"] [\"Two\"]", ["no whole JSON array", "Each line"]),
        (b"One\n\xff\xfe\n", ["line 2: it is not UTF-8", "1 of 2"]),
        (b"[1, 2]", ["element 1: it is neither", "element 2"]),
    ] {
        let error = reading(content).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(error.contains("prompts.jsonl"), "{error}");
    }
    let error = read(Path::new("/nowhere/p.jsonl")).unwrap_err().to_string();
    assert!(
        error.contains("/nowhere/p.jsonl could not be read"),
        "{error}"
    );
}

#[test]
fn a_line_that_is_too_long_is_damage_and_the_next_one_is_read() {
    let mut content = String::new();
    for n in 0..20 {
        writeln!(content, "\"p {n}\"").unwrap();
    }
    let long = "x".repeat(LONGEST_BYTES + 10);
    writeln!(content, "\"{long}\"\n\"last\"").unwrap();
    let read = reading(content).unwrap();
    assert_eq!((read.file.count, read.file.damaged), (21, 1));
    assert_eq!(texts(&read)[20], "last");
    assert!(read.notices[0].contains("line 21: it is longer than 4 MiB"));
}

#[test]
fn of_a_file_that_is_too_large_a_part_is_kept_and_said() {
    let lines: Vec<String> = (0..4_000).map(|n| format!("\"prompt {n}\"")).collect();
    let (_folder, path) = written("large.jsonl", lines.join("\n"));
    let bytes = std::fs::metadata(&path).unwrap().len();
    let read = read_keeping(&path, bytes / 4).unwrap();
    assert_eq!(read.file.count, 4_000);
    let used = read.file.used;
    // A quarter of 4,000, give or take five standard deviations.
    assert!((860..1_140).contains(&used), "{used}");
    assert_eq!(read.prompts.len() as u64, used);
    let kept: usize = read.prompts.iter().map(Messages::size).sum();
    assert!(kept < 4 * bytes as usize / 4 * 3, "{kept}");
    assert!(read.notices[0].contains(&format!("{used} of 4000 prompts are used")));
    // From the whole of it, and the same each time.
    let last = texts(&read).last().unwrap().clone();
    assert!(last.as_str() > "prompt 3900", "{last}");
    assert_eq!(
        texts(&read),
        texts(&read_keeping(&path, bytes / 4).unwrap())
    );
}

#[test]
fn a_run_goes_on_with_the_same_file_only() {
    let (_folder, path) = written("p.txt", "One\nTwo\n");
    let file = read(&path).unwrap().file;
    assert_eq!(read_again(&file).unwrap().file, file);
    std::fs::write(&path, "One\nThree\n").unwrap();
    let error = read_again(&file).unwrap_err().to_string();
    assert!(
        error.contains("is not the file that this run began with"),
        "{error}"
    );
}
