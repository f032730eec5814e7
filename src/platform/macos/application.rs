//! The app as the system sees it: what Finder, the Dock and "Quit" ask of it.
//!
//! winit 0.30 registers an `NSApplicationDelegate` of its own and ends the process when it finds
//! another in its place, whatever its documentation says. So its delegate stays, and is given a
//! class that inherits from its own and answers a few questions more.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::OnceLock;

use eframe::{AppCreator, CreationContext, NativeOptions, UserEvent};
use objc2::runtime::{AnyObject, Bool, ClassBuilder, Sel};
use objc2::{MainThreadMarker, sel};
use objc2_app_kit::{NSApplication, NSApplicationTerminateReply, NSWindow};
use objc2_foundation::{NSArray, NSDictionary, NSString, NSURL, NSUserDefaults};
use winit::event_loop::EventLoop;
use winit::platform::macos::EventLoopBuilderExtMacOS as _;

use crate::platform::inbox::{Asked, Inbox};

/// The delegate's methods have no other way to it: there is one app in a process.
static INBOX: OnceLock<Inbox> = OnceLock::new();

/// Opens the window and returns when it was closed. A file that the app was opened with is in
/// `inbox` when `creator` is called.
///
/// # Errors
/// There is no window or nothing to draw in it with, or `creator` failed.
pub fn run(
    inbox: &Inbox,
    name: &str,
    options: NativeOptions,
    creator: AppCreator<'_>,
) -> eframe::Result {
    let event_loop = EventLoop::<UserEvent>::with_user_event()
        .with_default_menu(false)
        .build()?;
    leave_arguments_alone();
    // Before the loop runs: the files of a double click come before there is a window.
    answer_the_system(inbox);
    // An app on an event loop of ours keeps its error to itself.
    let problem = Rc::new(RefCell::new(Some(
        "macOS gave no window that Metal can draw in".to_owned(),
    )));
    let outcome = Rc::clone(&problem);
    let creator = Box::new(move |creation: &CreationContext<'_>| {
        let app = creator(creation);
        *outcome.borrow_mut() = app.as_ref().err().map(ToString::to_string);
        app
    });
    let mut app = eframe::create_native(name, options, creator, &event_loop);
    event_loop.run_app(&mut app)?;
    drop(app);
    match problem.take() {
        Some(why) => Err(eframe::Error::AppCreation(why.into())),
        None => Ok(()),
    }
}

/// Keeps `AppKit` from opening what stands on the command line: we have done that already.
fn leave_arguments_alone() {
    let key = NSString::from_str("NSTreatUnknownArgumentsAsOpen");
    let no = NSString::from_str("NO");
    let value: &AnyObject = &no;
    let defaults = NSDictionary::from_slices(&[&*key], &[value]);
    // SAFETY: the key is a string, and its value is of a kind that property lists have.
    unsafe { NSUserDefaults::standardUserDefaults().registerDefaults(&defaults) };
}

/// Gives winit's delegate the answers below.
fn answer_the_system(inbox: &Inbox) {
    let Some(main) = MainThreadMarker::new() else {
        tracing::error!("the window is not opened on the main thread");
        return;
    };
    // There is one window: the View and Window menus need no lines about tabs.
    NSWindow::setAllowsAutomaticWindowTabbing(false, main);
    let app = NSApplication::sharedApplication(main);
    let (Some(delegate), Ok(())) = (app.delegate(), INBOX.set(inbox.clone())) else {
        tracing::error!("files cannot be opened from Finder: the app has no delegate");
        return;
    };
    let object: &AnyObject = (*delegate).as_ref();
    let name = c"MLXThroughputLabDelegate";
    let Some(mut class) = ClassBuilder::new(name, object.class()) else {
        tracing::error!("files cannot be opened from Finder: the delegate's class is taken");
        return;
    };
    // SAFETY: each function has the parameters and the result that `NSApplicationDelegate` declares
    // for its selector; none of them is a method of winit's class.
    unsafe {
        class.add_method(
            sel!(application:openURLs:),
            open_urls as extern "C-unwind" fn(_, _, _, _),
        );
        class.add_method(
            sel!(applicationShouldTerminate:),
            should_terminate as extern "C-unwind" fn(_, _, _) -> _,
        );
        class.add_method(
            sel!(applicationShouldTerminateAfterLastWindowClosed:),
            yes as extern "C-unwind" fn(_, _, _) -> _,
        );
        class.add_method(
            sel!(applicationSupportsSecureRestorableState:),
            yes as extern "C-unwind" fn(_, _, _) -> _,
        );
        class.add_method(
            sel!(applicationShouldHandleReopen:hasVisibleWindows:),
            should_reopen as extern "C-unwind" fn(_, _, _, _) -> _,
        );
    }
    let class = class.register();
    // SAFETY: the new class inherits from the object's own and adds no instance variable, so that
    // every method of winit's finds the object as it was; `isKindOfClass:` holds for it as well.
    unsafe { AnyObject::set_class(object, class) };
    // AppKit notes which questions a delegate answers when it is set. winit holds the object, so
    // that it outlives the moment in which no one else does.
    app.setDelegate(None);
    app.setDelegate(Some(&delegate));
}

extern "C-unwind" fn open_urls(
    _this: &AnyObject,
    _sel: Sel,
    _app: &NSApplication,
    urls: &NSArray<NSURL>,
) {
    let files = urls.iter().filter(|url| url.isFileURL());
    let paths = files
        // Finder may name a file by its number on the disk.
        .map(|url| url.filePathURL().unwrap_or(url))
        .filter_map(|url| url.to_file_path())
        .collect();
    if let Some(inbox) = INBOX.get() {
        inbox.put(Asked::Open(paths));
    }
}

extern "C-unwind" fn should_terminate(
    _this: &AnyObject,
    _sel: Sel,
    _app: &NSApplication,
) -> NSApplicationTerminateReply {
    if INBOX.get().is_none_or(Inbox::may_quit) {
        NSApplicationTerminateReply::TerminateNow
    } else {
        NSApplicationTerminateReply::TerminateCancel
    }
}

/// A click on the Dock icon: `AppKit` brings a window back from the Dock by itself.
extern "C-unwind" fn should_reopen(
    _this: &AnyObject,
    _sel: Sel,
    _app: &NSApplication,
    _visible: Bool,
) -> Bool {
    Bool::YES
}

extern "C-unwind" fn yes(_this: &AnyObject, _sel: Sel, _app: &NSApplication) -> Bool {
    Bool::YES
}
