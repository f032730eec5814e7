//! Pictures of what tests draw, for people to look at.

use std::path::Path;

use egui_kittest::Harness;

/// Writes what is shown to `target/screenshots/<name>`, where `PICTURES` is set: that needs a
/// graphics driver, and no test does.
pub(in crate::app) fn picture<S>(harness: &mut Harness<'_, S>, name: &str) {
    if std::env::var_os("PICTURES").is_none() {
        return;
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/screenshots")
        .join(name);
    let folder = file.parent().expect("it was joined");
    std::fs::create_dir_all(folder).expect("a folder");
    let image = harness.render().expect("a picture");
    image.save(file).expect("a file");
}
