//! Which ports are free, and who holds those that are not.
//!
//! A server whose port is taken stays alive without listening while the other process answers in
//! its place. So a port is checked before the start, and its owner after it.

use std::fmt;
use std::net::{
    IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _,
};
use std::ops::RangeInclusive;
use std::time::Duration;

use listeners::{Protocol, SocketState};

/// The process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub pid: u32,
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// Every process that listens on `port` (nginx's workers share their master's socket). Empty where
/// nobody does, or where the system does not tell us because the process is another user's.
pub fn holders(port: u16) -> Vec<Holder> {
    let Ok(all) = listeners::get_all() else {
        return Vec::new();
    };
    let mut holders: Vec<Holder> = all
        .into_iter()
        .filter(|l| {
            l.protocol == Protocol::TCP && l.state == SocketState::Listen && l.socket.port() == port
        })
        .map(|l| Holder {
            pid: l.process.pid,
            name: l.process.name,
        })
        .collect();
    holders.sort_by_key(|holder| holder.pid);
    holders.dedup();
    holders
}

/// What a server bound to `host` listens on: of a name's addresses the first, as the server
/// itself takes it.
pub fn listen_address(host: &str, port: u16) -> SocketAddr {
    let resolved = (host, port).to_socket_addrs();
    let first = resolved.ok().and_then(|mut addresses| addresses.next());
    first.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, port).into())
}

/// Where a server bound to `host` is reached from this machine.
pub fn client_address(host: &str, port: u16) -> SocketAddr {
    let listen = listen_address(host, port);
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, port).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, port).into(),
        _ => listen,
    }
}

/// True if a server bound to `host` would own `port`.
pub fn is_free(host: &str, port: u16) -> bool {
    let address = client_address(host, port);
    // Binding alone is not enough: macOS lets 0.0.0.0 bind beside a listener on 127.0.0.1, which
    // would then get our requests.
    let bindable = TcpListener::bind((host, port)).is_ok();
    bindable && TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err()
}

/// The first `count` free ports of `range` that are not in `avoid`, and the taken ones passed over.
pub fn free_ports(
    host: &str,
    range: RangeInclusive<u16>,
    count: usize,
    avoid: &[u16],
) -> (Vec<u16>, Vec<u16>) {
    let mut free = Vec::new();
    let mut taken = Vec::new();
    for port in range {
        if free.len() == count {
            break;
        }
        if avoid.contains(&port) {
            continue;
        }
        if is_free(host, port) {
            free.push(port);
        } else {
            taken.push(port);
        }
    }
    (free, taken)
}

/// Any free port of the system's choice.
///
/// # Errors
/// The host is not an address of this machine.
pub fn any_free_port(host: &str) -> std::io::Result<u16> {
    Ok(TcpListener::bind((host, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over_and_its_holder_named() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free("127.0.0.1", port));
        let (free, taken) = free_ports("127.0.0.1", port..=u16::MAX, 2, &[]);
        assert_eq!(taken[0], port);
        assert_eq!(free.len(), 2);
        let pids: Vec<u32> = holders(port).iter().map(|h| h.pid).collect();
        assert_eq!(pids, [std::process::id()]);
        drop(listener);
        assert!(is_free("127.0.0.1", port));
        assert_eq!(holders(port), []);
    }

    #[test]
    fn a_wildcard_bind_is_reached_over_loopback() {
        assert_eq!(
            client_address("0.0.0.0", 9000).to_string(),
            "127.0.0.1:9000"
        );
        assert_eq!(client_address("::", 9000).to_string(), "[::1]:9000");
        assert!(client_address("localhost", 9000).ip().is_loopback());
        assert_eq!(client_address("127.0.0.2", 1).to_string(), "127.0.0.2:1");
    }

    #[test]
    fn an_address_of_another_machine_is_no_host() {
        // TEST-NET-1: no machine's own.
        assert!(any_free_port("192.0.2.1").is_err());
        assert!(any_free_port("127.0.0.1").is_ok());
    }
}
