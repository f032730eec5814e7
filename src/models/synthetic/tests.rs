use std::cell::Cell;

use super::*;

fn quietly(name: &str, models_dir: &Path) -> Result<PathBuf, ModelError> {
    ensure(name, models_dir, &mut |_| (), &CancellationToken::new())
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

#[test]
fn a_ready_model_is_used_again() {
    let models = tempfile::tempdir().unwrap();
    let folder = quietly("tiny", models.path()).unwrap();
    let made = fs::metadata(folder.join(WEIGHTS))
        .unwrap()
        .modified()
        .unwrap();
    let blocks = Cell::new(0);
    let again = ensure(
        "tiny-f32",
        models.path(),
        &mut |_| blocks.set(blocks.get() + 1),
        &CancellationToken::new(),
    );
    assert_eq!(again.unwrap(), folder);
    assert_eq!(blocks.get(), 0);
    assert_eq!(
        fs::metadata(folder.join(WEIGHTS))
            .unwrap()
            .modified()
            .unwrap(),
        made
    );
    assert_eq!(entries(models.path()), 1);
}

#[test]
fn another_shape_under_the_same_name_is_made_anew() {
    let models = tempfile::tempdir().unwrap();
    let folder = models.path().join("mine");
    let token = CancellationToken::new();
    let shape = Shape::named("tiny").unwrap();
    for layers in [2, 3] {
        let shape = Shape {
            layers,
            ..shape.clone()
        };
        ensure_shape("mine", &shape, &folder, &mut |_| (), &token).unwrap();
        assert_eq!(Record::read(&folder).unwrap().shape, shape);
        assert!(is_ready("mine", &shape, &folder));
        assert_eq!(entries(models.path()), 1);
    }
}

#[test]
fn a_damaged_model_is_made_anew() {
    let models = tempfile::tempdir().unwrap();
    let folder = quietly("tiny", models.path()).unwrap();
    let whole = fs::read(folder.join(WEIGHTS)).unwrap();
    fs::write(folder.join(WEIGHTS), &whole[..whole.len() / 2]).unwrap();
    quietly("tiny", models.path()).unwrap();
    assert_eq!(fs::read(folder.join(WEIGHTS)).unwrap(), whole);
}

#[test]
fn cancelling_leaves_nothing() {
    let models = tempfile::tempdir().unwrap();
    let token = CancellationToken::new();
    let mut last = None;
    let result = ensure(
        "small",
        models.path(),
        &mut |progress| {
            last = Some(progress);
            token.cancel();
        },
        &token,
    );
    assert!(matches!(result, Err(ModelError::Cancelled)));
    let last = last.unwrap();
    assert!(last.done < last.total);
    assert_eq!(entries(models.path()), 0);
}

#[test]
fn progress_ends_at_the_total() {
    let models = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    let shape = Shape::named("small").unwrap();
    ensure(
        "small",
        models.path(),
        &mut |p| seen.push(p),
        &CancellationToken::new(),
    )
    .unwrap();
    assert!(seen.is_sorted_by_key(|p| p.done));
    let last = seen.last().unwrap();
    assert_eq!(last.done, last.total);
    assert_eq!(last.total, size(&shape).unwrap().0);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let models = tempfile::tempdir().unwrap();
    let theirs = models.path().join("tiny");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("config.json"), "{}").unwrap();
    let error = quietly("tiny", models.path()).unwrap_err();
    assert!(matches!(error, ModelError::InTheWay(_)), "{error}");
    assert_eq!(
        fs::read_to_string(theirs.join("config.json")).unwrap(),
        "{}"
    );
    assert_eq!(entries(models.path()), 1);

    fs::remove_file(theirs.join("config.json")).unwrap();
    quietly("tiny", models.path()).unwrap();
}

#[test]
fn several_threads_share_one_model() {
    let models = tempfile::tempdir().unwrap();
    let made: Vec<PathBuf> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| quietly("tiny", models.path()).unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(
        made.iter()
            .all(|folder| *folder == models.path().join("tiny"))
    );
    assert_eq!(entries(models.path()), 1);
}
