use super::super::fake::{FakePython, script};
use super::*;

/// Places that hold nothing but what a test puts under `root`.
fn places(root: &Path) -> Places {
    Places {
        root: root.to_path_buf(),
        path: root.join("path").into(),
        ..Places::default()
    }
}

async fn taken(root: &Path) -> Result<Interpreter, PythonError> {
    let found = look(&places(root), None).await;
    first_with_mlx_lm(
        &found
            .into_iter()
            .map(|found| found.interpreter)
            .collect::<Vec<_>>(),
    )
}

#[tokio::test]
async fn a_chosen_python_that_is_wrong_is_told_with_its_path_and_what_to_do() {
    let temp = tempfile::tempdir().unwrap();
    let at = |name: &str| temp.path().join(name).join("python");
    std::fs::create_dir_all(at("plain").parent().unwrap()).unwrap();
    std::fs::write(at("plain"), "not a program").unwrap();
    script(
        &at("broken"),
        "#!/bin/sh\necho 'dyld: Library not loaded: libpython' >&2\nexit 134\n",
    );
    FakePython::bare("3.12.4").write(&at("bare"));
    FakePython::bare("3.9.6").write(&at("old"));
    for (name, words) in [
        ("missing", &["does not exist", "unset MLX_PYTHON"][..]),
        ("plain", &["not an executable file", "unset MLX_PYTHON"]),
        ("broken", &["Library not loaded", "unset MLX_PYTHON"]),
        (
            "bare",
            &[
                "3.12.4",
                "mlx_lm is not installed",
                "-m pip install",
                "mlx-lm==",
            ],
        ),
        ("old", &["3.9.6", "too old", "3.11"]),
    ] {
        let error = choose(Some(&at(name))).await.unwrap_err().to_string();
        assert!(error.contains(at(name).to_str().unwrap()), "{error}");
        for word in words.iter().chain(&["MLX_PYTHON"]) {
            assert!(error.contains(word), "{word:?} is missing: {error}");
        }
    }
}

#[tokio::test]
async fn a_chosen_python_with_mlx_lm_is_taken_as_it_is_or_by_its_environment() {
    let temp = tempfile::tempdir().unwrap();
    let exe = temp.path().join("env/bin/python");
    FakePython::default().write(&exe);
    for chosen in [exe.clone(), temp.path().join("env")] {
        let python = choose(Some(&chosen)).await.unwrap();
        assert_eq!((python.exe, python.origin), (exe.clone(), Origin::Chosen));
        assert_eq!(python.mlx_lm.as_deref(), Some("0.32.2"));
    }
}

#[tokio::test]
async fn the_first_python_with_mlx_lm_is_taken_and_one_that_can_compute_before_one_that_cannot() {
    let temp = tempfile::tempdir().unwrap();
    let at = |file: &str| temp.path().join(file);
    FakePython::bare("3.13.0").write(&at("path/python3.13"));
    let half = FakePython {
        mlx: None,
        prefix: Some(at("half")),
        ..FakePython::default()
    };
    half.write(&at("path/python3.12"));
    let found = taken(temp.path()).await.unwrap();
    assert_eq!(found.exe, at("path/python3.12"));

    FakePython::default().write(&at("opt/homebrew/bin/python3.12"));
    let found = taken(temp.path()).await.unwrap();
    assert_eq!(
        (found.exe, found.origin),
        (at("opt/homebrew/bin/python3.12"), Origin::Homebrew)
    );
}

#[tokio::test]
async fn nothing_found_says_how_much_was_looked_at_and_names_setup() {
    let temp = tempfile::tempdir().unwrap();
    let error = taken(temp.path()).await.unwrap_err().to_string();
    assert!(error.contains("there is no Python 3"), "{error}");
    for (name, python) in [("a", "3.11.1"), ("b", "3.12.4")] {
        let bare = FakePython {
            prefix: Some(temp.path().join(name)),
            ..FakePython::bare(python)
        };
        bare.write(&temp.path().join(format!("path/python{}", &python[..4])));
    }
    let error = taken(temp.path()).await.unwrap_err().to_string();
    assert!(
        error.contains("2 Pythons") && error.contains("mlx-throughput-lab setup"),
        "{error}"
    );
}

#[tokio::test]
async fn a_shim_and_the_python_it_leads_to_count_once() {
    let temp = tempfile::tempdir().unwrap();
    let real = FakePython {
        prefix: Some(temp.path().join("real")),
        ..FakePython::default()
    };
    real.write(&temp.path().join("path/python3"));
    real.write(&temp.path().join("opt/homebrew/bin/python3"));
    let found = look(&places(temp.path()), None).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].interpreter.origin, Origin::Path);
}
