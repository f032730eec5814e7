//! Reads and works the window as a screen reader does: through AT-SPI, by accessible names.

use std::time::Duration;

use libtest_mimic::Failed;
use zbus::blocking::{Connection, Proxy, connection, proxy};
use zbus::proxy::CacheProperties;
use zbus::zvariant::OwnedObjectPath;

use super::desktop::{Desktop, await_some};

const REGISTRY: &str = "org.a11y.atspi.Registry";
const ROOT: &str = "/org/a11y/atspi/accessible/root";
/// `ATSPI_ROLE_LABEL`: text that is only shown.
const LABEL: u32 = 29;
const ACCESSIBLE: &str = "org.a11y.atspi.Accessible";
/// A step of the window, such as opening a page.
const SOON: Duration = Duration::from_secs(20);

/// An accessible object: the program that has it, and where.
type Object = (String, OwnedObjectPath);

/// Something that the window shows.
#[derive(Debug, Clone)]
pub struct Node {
    object: Object,
    role: u32,
    pub name: String,
}

pub struct Reader {
    bus: Connection,
}

impl Reader {
    /// Turns accessibility on in the desktop's session, as a screen reader does when it starts; the
    /// window must be opened after that.
    pub fn start(desktop: &Desktop) -> Result<Self, Failed> {
        let session = connection::Builder::address(desktop.bus_address.as_str())?.build()?;
        let status = Proxy::new(&session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Status")?;
        status.set_property("IsEnabled", true)?;
        let launcher = Proxy::new(&session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus")?;
        let address: String = launcher.call("GetAddress", &())?;
        let bus = connection::Builder::address(address.as_str())?.build()?;
        Ok(Self { bus })
    }

    fn accessible(&self, object: &Object) -> zbus::Result<Proxy<'static>> {
        proxy::Builder::new(&self.bus)
            .destination(object.0.clone())?
            .path(object.1.clone())?
            .interface(ACCESSIBLE)?
            // Names change without a signal that would renew what is cached.
            .cache_properties(CacheProperties::No)
            .build()
    }

    fn children(&self, object: &Object) -> zbus::Result<Vec<Object>> {
        self.accessible(object)?.call("GetChildren", &())
    }

    /// Everything that is shown. What vanishes while it is read is left out.
    pub fn nodes(&self) -> Result<Vec<Node>, Failed> {
        let root = (REGISTRY.to_owned(), OwnedObjectPath::try_from(ROOT)?);
        let mut nodes = Vec::new();
        let mut open: Vec<Object> = self.children(&root)?;
        while let Some(object) = open.pop() {
            let Ok(proxy) = self.accessible(&object) else {
                continue;
            };
            let read = (
                proxy.get_property::<String>("Name"),
                proxy.call::<_, _, u32>("GetRole", &()),
                self.children(&object),
            );
            if let (Ok(name), Ok(role), Ok(children)) = read {
                nodes.push(Node { object, role, name });
                open.extend(children);
            }
        }
        Ok(nodes)
    }

    /// Waits for something that `wanted` accepts; the error lists what is shown instead.
    pub fn find(&self, what: &str, wanted: impl Fn(&Node) -> bool) -> Result<Node, Failed> {
        self.find_within(SOON, what, wanted)
    }

    pub fn find_within(
        &self,
        limit: Duration,
        what: &str,
        wanted: impl Fn(&Node) -> bool,
    ) -> Result<Node, Failed> {
        let mut seen = Vec::new();
        let found = await_some(what, limit, || {
            seen = self.nodes()?;
            Ok(seen.iter().find(|node| wanted(node)).cloned())
        });
        found.map_err(|error| {
            let names: Vec<String> = seen
                .iter()
                .filter(|node| !node.name.is_empty())
                .map(|node| format!("{:?}", node.name))
                .collect();
            let message = error.message().unwrap_or_default();
            format!("{message}; the window shows:\n{}", names.join("\n")).into()
        })
    }

    /// Clicks what can be clicked and has this very name.
    pub fn click(&self, name: &str) -> Result<(), Failed> {
        let node = self.find(name, |node| node.name == name && node.role != LABEL)?;
        self.press(&node)
    }

    pub fn press(&self, node: &Node) -> Result<(), Failed> {
        let (program, path) = node.object.clone();
        let action = Proxy::new(&self.bus, program, path, "org.a11y.atspi.Action")?;
        let done: bool = action.call("DoAction", &(0_i32,))?;
        if done {
            Ok(())
        } else {
            Err(format!("{:?} takes no click", node.name).into())
        }
    }
}
