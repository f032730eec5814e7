//! Are the ports free, and if not, who has them?

use std::net::{Ipv4Addr, TcpListener};

use listeners::{Listener, Protocol, SocketState};

use super::{Check, Inputs};

pub fn checks(inputs: &Inputs) -> Vec<Check> {
    // Without this list a taken port is still noticed, only not whose it is.
    let listening: Vec<Listener> = listeners::get_all()
        .map(|all| all.into_iter().filter(is_tcp_listener).collect())
        .unwrap_or_default();
    let last = inputs
        .base_port
        .saturating_add(inputs.instances.saturating_sub(1));
    let range = if last == inputs.base_port {
        inputs.base_port.to_string()
    } else {
        format!("{} to {last}", inputs.base_port)
    };
    let taken: Vec<String> = (inputs.base_port..=last)
        .filter_map(|port| holder(port, &listening))
        .collect();
    let servers = if taken.is_empty() {
        Check::ok("server ports", format!("{range} free"))
    } else {
        Check::warning(
            "server ports",
            taken.join("; "),
            "stop what holds them, or set MLX_SERVER_BASE_PORT to another first port",
        )
    };
    let nginx = match holder(inputs.nginx_port, &listening) {
        None => Check::ok("nginx port", format!("{} free", inputs.nginx_port)),
        Some(taken) => Check::warning(
            "nginx port",
            taken,
            "stop what holds it, or set MLX_NGINX_PORT to another port",
        ),
    };
    vec![servers, nginx]
}

fn is_tcp_listener(listener: &Listener) -> bool {
    listener.protocol == Protocol::TCP && listener.state == SocketState::Listen
}

/// Who holds the port, in words; `None` if it is free.
fn holder(port: u16, listening: &[Listener]) -> Option<String> {
    // The list is asked first: on a Mac, binding to one address succeeds beside a listener on all.
    if let Some(listener) = listening
        .iter()
        .find(|listener| listener.socket.port() == port)
    {
        let process = &listener.process;
        return Some(format!(
            "{port} is held by {} (process {})",
            process.name, process.pid
        ));
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .err()
        .map(|error| match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("{port} is held by a process that this user cannot see")
            }
            _ => format!("{port} cannot be bound: {error}"),
        })
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_taken_port_names_the_process_that_holds_it() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        let inputs = Inputs {
            base_port: port,
            instances: 1,
            nginx_port: port,
            ..Inputs::default()
        };
        let own = format!("process {}", std::process::id());
        for check in checks(&inputs) {
            assert_eq!(check.level, Level::Warning, "{check:?}");
            assert!(check.detail.contains(&own), "{check:?}");
            assert!(check.detail.contains(&port.to_string()), "{check:?}");
        }
        drop(held);
        assert_eq!(checks(&inputs)[1].level, Level::Ok);
    }

    #[test]
    fn the_last_port_is_not_run_over() {
        let inputs = Inputs {
            base_port: 65_534,
            instances: 8,
            nginx_port: 0,
            ..Inputs::default()
        };
        assert!(checks(&inputs)[0].detail.contains("65535"));
    }
}
