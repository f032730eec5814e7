//! The menu bar, made from its description.
//!
//! A line that can be chosen is checked against the window's state at the moment when its menu
//! opens or its key is pressed. `AppKit` gives the key of a line that may be chosen to the line and
//! not to the window, which has the same keys for systems without such a bar.

use std::cell::RefCell;

use objc2::rc::Retained;
use objc2::runtime::Sel;
use objc2::{DefinedClass, MainThreadMarker, MainThreadOnly, define_class, msg_send, sel};
use objc2_app_kit::{
    NSApplication, NSControlStateValueOff, NSControlStateValueOn, NSEventModifierFlags, NSMenu,
    NSMenuItem,
};
use objc2_foundation::{NSObject, NSObjectProtocol, NSString};

use crate::platform::inbox::{Asked, Inbox};
use crate::platform::menu::{
    KeyEquivalent, Line, LineState, Menu, MenuState, RECENT_TAG, Role, System,
};

struct Ivars {
    inbox: Inbox,
    state: RefCell<MenuState>,
    /// Usual titles by tag, for lines whose state names another now and then.
    titles: Vec<(usize, String)>,
}

define_class!(
    // SAFETY: NSObject asks nothing of its subclasses, and this one has no `Drop` of its own.
    #[unsafe(super(NSObject))]
    #[thread_kind = MainThreadOnly]
    #[name = "MLXThroughputLabMenuTarget"]
    #[ivars = Ivars]
    struct Target;

    impl Target {
        #[unsafe(method(choose:))]
        fn choose(&self, item: &NSMenuItem) {
            if let Ok(tag) = usize::try_from(item.tag()) {
                self.ivars().inbox.put(Asked::Menu(tag));
            }
        }

        #[unsafe(method(validateMenuItem:))]
        fn validate(&self, item: &NSMenuItem) -> bool {
            usize::try_from(item.tag()).is_ok_and(|tag| self.show_state(item, tag))
        }
    }

    // SAFETY: NSObject has all that the protocol asks for.
    unsafe impl NSObjectProtocol for Target {}
);

impl Target {
    fn new(main: MainThreadMarker, ivars: Ivars) -> Retained<Self> {
        let this = Self::alloc(main).set_ivars(ivars);
        // SAFETY: NSObject's `init` takes nothing and gives the object back.
        unsafe { msg_send![super(this), init] }
    }

    /// Whether the line can be chosen; its mark and title are brought up to date.
    fn show_state(&self, item: &NSMenuItem, tag: usize) -> bool {
        if tag >= RECENT_TAG {
            return true;
        }
        let Ok(state) = self.ivars().state.try_borrow() else {
            return false;
        };
        let Some(LineState {
            enabled,
            checked,
            title,
        }) = state.line(tag)
        else {
            return false;
        };
        item.setState(if *checked {
            NSControlStateValueOn
        } else {
            NSControlStateValueOff
        });
        let usual = self.ivars().titles.iter().find(|(of, _)| *of == tag);
        if let Some(title) = title.as_ref().or(usual.map(|(_, title)| title)) {
            item.setTitle(&NSString::from_str(title));
        }
        *enabled
    }
}

/// What lives as long as the bar: menu lines do not keep their target.
struct Bar {
    target: Retained<Target>,
    recent: Option<(Retained<NSMenu>, usize, String)>,
}

thread_local! {
    static BAR: RefCell<Option<Bar>> = const { RefCell::new(None) };
}

/// Makes the bar, in place of any other; the first menu is the app's own. `app` is the app's name.
pub fn set_menu_bar(app: &str, menus: &[Menu], inbox: &Inbox) {
    let Some(main) = MainThreadMarker::new() else {
        return;
    };
    let titles = menus.iter().flat_map(|menu| &menu.lines);
    let titles = titles.filter_map(|line| match line {
        Line::Choice { tag, title, .. } => Some((*tag, title.clone())),
        _ => None,
    });
    let ivars = Ivars {
        inbox: inbox.clone(),
        state: RefCell::default(),
        titles: titles.collect(),
    };
    let mut maker = Maker {
        main,
        app,
        shared: NSApplication::sharedApplication(main),
        target: Target::new(main, ivars),
        recent: None,
    };
    let bar = NSMenu::new(main);
    for menu in menus {
        let item = NSMenuItem::new(main);
        item.setSubmenu(Some(&maker.menu(menu)));
        bar.addItem(&item);
    }
    maker.shared.setMainMenu(Some(&bar));
    let made = Bar {
        target: maker.target,
        recent: maker.recent,
    };
    made.list_recent(main, &[]);
    BAR.set(Some(made));
}

/// What the bar shows from now on.
pub fn update_menu_bar(state: &MenuState) {
    let Some(main) = MainThreadMarker::new() else {
        return;
    };
    BAR.with_borrow(|bar| {
        let Some(bar) = bar else { return };
        let before = bar.target.ivars().state.replace(state.clone());
        // An open menu whose lines are made anew would flicker.
        if before.recent != state.recent {
            bar.list_recent(main, &state.recent);
        }
    });
}

impl Bar {
    fn list_recent(&self, main: MainThreadMarker, names: &[String]) {
        let Some((menu, clear_tag, clear)) = &self.recent else {
            return;
        };
        menu.removeAllItems();
        for (position, name) in names.iter().enumerate() {
            let tag = RECENT_TAG + position;
            menu.addItem(&choice(main, &self.target, tag, name, None));
        }
        if !names.is_empty() {
            menu.addItem(&NSMenuItem::separatorItem(main));
        }
        menu.addItem(&choice(main, &self.target, *clear_tag, clear, None));
    }
}

struct Maker<'a> {
    main: MainThreadMarker,
    app: &'a str,
    shared: Retained<NSApplication>,
    target: Retained<Target>,
    recent: Option<(Retained<NSMenu>, usize, String)>,
}

impl Maker<'_> {
    fn menu(&mut self, menu: &Menu) -> Retained<NSMenu> {
        let made = self.empty(&menu.title);
        for line in &menu.lines {
            made.addItem(&self.line(line));
        }
        match menu.role {
            Role::Plain => {}
            Role::Window => self.shared.setWindowsMenu(Some(&made)),
            Role::Help => self.shared.setHelpMenu(Some(&made)),
        }
        made
    }

    fn empty(&self, title: &str) -> Retained<NSMenu> {
        NSMenu::initWithTitle(NSMenu::alloc(self.main), &NSString::from_str(title))
    }

    fn line(&mut self, line: &Line) -> Retained<NSMenuItem> {
        match line {
            Line::Separator => NSMenuItem::separatorItem(self.main),
            Line::Choice { tag, title, key } => choice(self.main, &self.target, *tag, title, *key),
            Line::Recent {
                title,
                clear_tag,
                clear,
            } => {
                let menu = self.empty(title);
                let item = plain(self.main, title, None, None);
                item.setSubmenu(Some(&menu));
                self.recent = Some((menu, *clear_tag, clear.clone()));
                item
            }
            Line::System(system) => self.system(*system),
        }
    }

    fn system(&self, system: System) -> Retained<NSMenuItem> {
        let title = system.title(self.app);
        let item = plain(self.main, &title, action(system), system.key());
        if system == System::Services {
            let menu = self.empty(&title);
            item.setSubmenu(Some(&menu));
            self.shared.setServicesMenu(Some(&menu));
        }
        item
    }
}

/// Sent to whoever answers it first: the window, or the app.
fn action(system: System) -> Option<Sel> {
    Some(match system {
        System::About => sel!(orderFrontStandardAboutPanel:),
        System::Services => return None,
        System::Hide => sel!(hide:),
        System::HideOthers => sel!(hideOtherApplications:),
        System::ShowAll => sel!(unhideAllApplications:),
        System::Quit => sel!(terminate:),
        System::CloseWindow => sel!(performClose:),
        System::FullScreen => sel!(toggleFullScreen:),
        System::Minimize => sel!(performMiniaturize:),
        System::Zoom => sel!(performZoom:),
        System::BringAllToFront => sel!(arrangeInFront:),
    })
}

/// A line that the window hears of.
fn choice(
    main: MainThreadMarker,
    target: &Target,
    tag: usize,
    title: &str,
    key: Option<KeyEquivalent>,
) -> Retained<NSMenuItem> {
    let item = plain(main, title, Some(sel!(choose:)), key);
    // SAFETY: the target has a method `choose:` that takes the item. `Bar` keeps it alive: the item
    // does not.
    unsafe { item.setTarget(Some(target)) };
    item.setTag(isize::try_from(tag).unwrap_or(-1));
    item
}

fn plain(
    main: MainThreadMarker,
    title: &str,
    action: Option<Sel>,
    key: Option<KeyEquivalent>,
) -> Retained<NSMenuItem> {
    let character = key.map(|key| key.key.to_string()).unwrap_or_default();
    let (title, character) = (NSString::from_str(title), NSString::from_str(&character));
    // SAFETY: every action that is handed in takes one parameter, the item that sends it.
    let item = unsafe {
        NSMenuItem::initWithTitle_action_keyEquivalent(
            NSMenuItem::alloc(main),
            &title,
            action,
            &character,
        )
    };
    if let Some(key) = key {
        let held = key.modifiers;
        let mut flags = NSEventModifierFlags::empty();
        flags.set(NSEventModifierFlags::Command, held.command);
        flags.set(NSEventModifierFlags::Shift, held.shift);
        flags.set(NSEventModifierFlags::Option, held.alt);
        flags.set(NSEventModifierFlags::Control, held.ctrl);
        item.setKeyEquivalentModifierMask(flags);
    }
    item
}
