use super::super::fake::FakePython;
use super::*;

fn python(folder: &Path, server: &str) -> PathBuf {
    let exe = folder.join("env/bin/python");
    FakePython {
        server: server.to_owned(),
        ..FakePython::default()
    }
    .write(&exe);
    let package = folder.join("env/lib/python3.12/site-packages/mlx_lm");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("server.py"), "main()").unwrap();
    exe
}

#[tokio::test]
async fn the_newest_form_that_works_is_recorded() {
    let temp = tempfile::tempdir().unwrap();
    let exe = python(temp.path(), "echo \"usage: $2 $3 $4 --port\"");
    let probe = server_probe_cached(&exe, None).await.unwrap();
    assert_eq!(probe.module_args, ["-m", "mlx_lm", "server"]);
    assert_eq!(probe.help, "usage: mlx_lm server --help --port\n");

    let old = "if [ \"$2\" = mlx_lm ]; then echo \"No module named mlx_lm.__main__; 'mlx_lm' is a \
               package and cannot be directly executed\" >&2; exit 1; fi; echo \"$2 --port\"";
    let probe = server_probe_cached(&python(temp.path(), old), None)
        .await
        .unwrap();
    assert_eq!(probe.module_args, ["-m", "mlx_lm.server"]);
}

#[tokio::test]
async fn a_broken_installation_shows_the_end_of_its_traceback_and_is_tried_once() {
    let temp = tempfile::tempdir().unwrap();
    let runs = temp.path().join("runs");
    let server = format!(
        "echo x >> '{}'; echo 'Traceback (most recent call last):' >&2; \
         echo 'ImportError: libmlx.so: cannot open shared object file' >&2; exit 1",
        runs.display()
    );
    let exe = python(temp.path(), &server);
    let error = server_probe_cached(&exe, None)
        .await
        .unwrap_err()
        .to_string();
    for words in ["-m mlx_lm server --help", "ImportError: libmlx.so", "setup"] {
        assert!(error.contains(words), "{words:?} is missing: {error}");
    }
    assert_eq!(fs::read_to_string(runs).unwrap().lines().count(), 1);
}

#[tokio::test]
async fn a_python_without_mlx_lm_is_told_without_running_the_server() {
    let temp = tempfile::tempdir().unwrap();
    let exe = temp.path().join("env/bin/python");
    FakePython::bare("3.12.4").write(&exe);
    let error = server_probe_cached(&exe, None).await.unwrap_err();
    assert!(matches!(error, PythonError::NoMlxLm { .. }), "{error}");
}

#[tokio::test]
async fn the_answer_is_kept_until_the_installation_changes() {
    let temp = tempfile::tempdir().unwrap();
    let (runs, cache) = (temp.path().join("runs"), temp.path().join("kept"));
    let server = format!("echo x >> '{}'; echo '--port'", runs.display());
    let exe = python(temp.path(), &server);
    let count = || fs::read_to_string(&runs).unwrap().lines().count();
    let ask = async || server_probe_cached(&exe, Some(&cache)).await.unwrap();

    let first = ask().await;
    assert_eq!((ask().await, count()), (first.clone(), 1));

    let source = temp
        .path()
        .join("env/lib/python3.12/site-packages/mlx_lm/server.py");
    let earlier = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    fs::File::options()
        .write(true)
        .open(source)
        .unwrap()
        .set_modified(earlier)
        .unwrap();
    assert_eq!((ask().await, count()), (first.clone(), 2));

    let file = fs::read_dir(&cache)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for damage in ["", "{\"key\": {", "[]"] {
        let before = count();
        fs::write(&file, damage).unwrap();
        assert_eq!(
            (ask().await, count()),
            (first.clone(), before + 1),
            "{damage:?}"
        );
        assert_eq!(
            (ask().await, count()),
            (first.clone(), before + 1),
            "{damage:?}"
        );
    }
}
