//! The app's icon in the Dock, and the document in the window's title bar.

use std::path::Path;

use objc2::MainThreadMarker;
use objc2_app_kit::NSApplication;
use objc2_foundation::{NSString, NSURL};

/// A short text on the icon; `None` takes it off.
pub fn set_dock_badge(text: Option<&str>) {
    let Some(main) = MainThreadMarker::new() else {
        return;
    };
    let label = text.map(NSString::from_str);
    let tile = NSApplication::sharedApplication(main).dockTile();
    tile.setBadgeLabel(label.as_deref());
}

/// The file that the window shows: its icon stands before the title, and Command-click on the title
/// shows where it lies.
pub fn set_document(path: Option<&Path>) {
    let Some(main) = MainThreadMarker::new() else {
        return;
    };
    let url = path.and_then(NSURL::from_file_path);
    let app = NSApplication::sharedApplication(main);
    // There is none in front while the app is in the background; then the only titled one is ours.
    let window = app
        .mainWindow()
        .or_else(|| app.windows().iter().find(|w| w.canBecomeMainWindow()));
    if let Some(window) = window {
        window.setRepresentedURL(url.as_deref());
    }
}
