//! How the servers of a run are started and reached.

use super::Context;
use crate::plan::axis::Axis;
use crate::plan::error::PlanError;
use crate::plan::server_args::ServerArgs;
use crate::plan::{Balancer, RunKind, ServerOptions};
use crate::settings::Var;

fn port(c: &Context, var: Var) -> u16 {
    // The table's range ends where ports end.
    u16::try_from(c.int(var)).unwrap_or(u16::MAX)
}

pub(super) fn servers(
    c: &mut Context,
    args: &ServerArgs,
    largest: u32,
    nginx_found: bool,
) -> ServerOptions {
    let host = c
        .settings
        .text(Var::ServerHost)
        .unwrap_or_default()
        .trim()
        .to_owned();
    let starts = c.attached.is_none();
    if starts
        && (host.is_empty()
            || host.starts_with('-')
            || host.contains(|ch: char| ch.is_whitespace()))
    {
        c.setting_error(Var::ServerHost, "this is no address to bind to");
    }
    let balancer = balancer(c, largest, nginx_found);
    let (base_port, nginx_port) = (port(c, Var::ServerBasePort), port(c, Var::NginxPort));
    let last = u32::from(base_port) + largest - 1;
    if starts && last > u32::from(u16::MAX) {
        c.setting_error(
            Var::ServerBasePort,
            &format!("{largest} servers need ports up to {last}, and 65535 is the last"),
        );
    } else if balancer == Balancer::Nginx
        && (u32::from(base_port)..=last).contains(&u32::from(nginx_port))
    {
        c.errors.push(PlanError::PortsOverlap {
            instances: largest,
            base: base_port,
            balancer,
            port: nginx_port,
        });
    }
    let fixed_port = c
        .settings
        .int(Var::ServerPort)
        .and_then(|p| u16::try_from(p).ok())
        .filter(|&p| p != 0 && largest == 1 && c.kind != RunKind::RoundRobin);
    if starts && largest > 1 && c.chosen_now(Var::ServerPort) {
        c.notices.push(
            "MLX_SERVER_PORT is not used: several servers take ports from MLX_SERVER_BASE_PORT on."
                .to_owned(),
        );
    }
    ServerOptions {
        port: fixed_port,
        base_port,
        nginx_port,
        balancer,
        args: if starts {
            with_cache_bound(c, args)
        } else {
            Vec::new()
        },
        backlog: c.settings.int(Var::ServerBacklog),
        ready_timeout_s: c.number(Var::ReadyTimeout),
        bind_timeout_s: c.number(Var::BindTimeout),
        startup_delay_s: Some(c.number(Var::StartupDelay)).filter(|&s| s > 0.0),
        watchdog_s: c.number(Var::Watchdog),
        env: c.settings.server_environment.clone(),
        attached: c.attached.clone(),
        host,
    }
}

/// Kinds that are about several servers go through nginx even with one, so that a growing number
/// of instances is compared through the same proxy.
fn balancer(c: &mut Context, largest: u32, nginx_found: bool) -> Balancer {
    if c.attached.is_some() {
        c.computed
            .insert(Var::Balancer, Balancer::Direct.to_string());
        return Balancer::Direct;
    }
    let several = match c.kind {
        RunKind::RoundRobin | RunKind::RoundRobinSweep | RunKind::FullSweep => true,
        // Control cells say themselves how they are reached.
        RunKind::Single | RunKind::Concurrent | RunKind::ControlSweep => false,
        RunKind::ConcurrencySweep
        | RunKind::CustomSweep
        | RunKind::Quick
        | RunKind::RateSweep
        | RunKind::Tune => largest > 1,
    };
    let balancer = match c.settings.text(Var::Balancer) {
        Some(chosen) if several && chosen == "nginx" => {
            if !nginx_found {
                c.errors.push(PlanError::NoNginx);
            }
            Balancer::Nginx
        }
        None if several && nginx_found => Balancer::Nginx,
        None if several => {
            c.notices.push(
                "nginx was not found: requests go to the servers directly (balancer=direct)."
                    .to_owned(),
            );
            Balancer::Direct
        }
        _ => Balancer::Direct,
    };
    c.computed.insert(Var::Balancer, balancer.to_string());
    balancer
}

/// Measurement rule 2: no cache in the figure, unless the user or an axis says how much of one.
/// Unique prompts still share the opening of the chat template, which is 5 % of a short prompt, so
/// nothing is kept. Where identical prompts were asked for, a bounded number is.
fn with_cache_bound(c: &Context, args: &ServerArgs) -> Vec<String> {
    let identical = c.settings.is_on(Var::IdenticalPrompts);
    let bounds = [
        ("--prompt-cache-size", if identical { "10" } else { "0" }),
        ("--prompt-cache-bytes", "1GB"),
    ];
    let swept = |flag: &str| {
        c.axes
            .iter()
            .any(|a| matches!(&a.axis, Axis::Flag(f) if c.flags.resolve(f).is_ok_and(|k| k.name() == flag)))
    };
    let users = bounds.iter().any(|(flag, _)| args.has(flag) || swept(flag));
    let mut tokens = Vec::new();
    if !users {
        for (flag, value) in bounds {
            if c.flags.has(flag) {
                tokens.extend([flag.to_owned(), value.to_owned()]);
            }
        }
    }
    tokens.extend(args.tokens());
    tokens
}
