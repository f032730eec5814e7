use egui_kittest::kittest::{NodeT as _, Queryable as _};

use super::*;
use crate::app::testing::window::click;
use crate::plan::attached::FIXED;

#[test]
fn attaching_greys_the_servers_fields_and_says_why() {
    let dir = tempfile::tempdir().expect("a folder");
    // High enough for the whole form.
    let (mut window, _) = sweep_window(dir.path(), vec2(1440.0, 2400.0), None);
    window
        .get_by_role_and_label(Role::ComboBox, "Kind of run")
        .click();
    window.run_steps(3);
    click(&mut window, "Full sweep");
    let name = "Decode concurrencies";
    let field = window.get_by_role_and_label(Role::TextInput, name);
    assert!(!field.accesskit_node().is_disabled());

    click(&mut window, "Server");
    click(&mut window, "Attach to running");
    for name in [
        "Decode concurrencies",
        "Prompt concurrencies",
        "First server port",
    ] {
        let field = window.get_by_role_and_label(Role::TextInput, name);
        let node = field.accesskit_node();
        assert!(node.is_disabled(), "{name}");
        assert_eq!(node.data().description(), Some(FIXED), "{name}");
    }
    let free = window.get_by_role_and_label(Role::TextInput, "Requests in flight to sweep");
    assert!(!free.accesskit_node().is_disabled());
    // Without a URL nothing can be started.
    let start = window.get_by_role_and_label(Role::Button, "Start");
    let node = start.accesskit_node();
    assert!(node.is_disabled());
    assert!(node.data().description().is_some_and(|why| !why.is_empty()));

    click(&mut window, "Start servers");
    let field = window.get_by_role_and_label(Role::TextInput, name);
    assert!(!field.accesskit_node().is_disabled());
}
