//! The exact command lines of a run: for the engine, `--dry-run` and "Show command" alike; and
//! the proof that a server's real arguments are the asked ones.

use super::Plan;
use super::cell::{Cell, ServerPoint};
use super::server_args::looks_like_flag;

/// Everything after `python -m mlx_lm server`, in this order: `--model`, `--host`, `--port`,
/// `--decode-concurrency` and `--prompt-concurrency` where the point sets them, the flags of axes
/// (`--flag=value`, none where the value is empty), then `plan.servers.args`: the bound of the
/// prompt cache and the user's own.
pub fn server_arguments(plan: &Plan, point: &ServerPoint, port: u16) -> Vec<String> {
    let mut args = vec![
        "--model".to_owned(),
        plan.model.path.clone(),
        "--host".to_owned(),
        plan.servers.host.clone(),
        "--port".to_owned(),
        port.to_string(),
    ];
    for (flag, value) in [
        ("--decode-concurrency", point.decode_concurrency),
        ("--prompt-concurrency", point.prompt_concurrency),
    ] {
        if let Some(value) = value {
            args.extend([flag.to_owned(), value.to_string()]);
        }
    }
    args.extend(
        point
            .flags
            .iter()
            .filter(|f| !f.value.is_empty())
            .map(|f| format!("{}={}", f.flag, f.value)),
    );
    args.extend(plan.servers.args.iter().cloned());
    args
}

/// Flags and values that a server of the point must show in the process table; the value of a
/// switch is empty. The port is left out: it is known only at the start.
pub fn expected_flags(plan: &Plan, point: &ServerPoint) -> Vec<(String, String)> {
    let mut expected = flag_values(&server_arguments(plan, point, 0));
    expected.retain(|(flag, _)| flag != "--port");
    expected
}

/// What is missing from a real argument list, different in it, or there unasked; empty when the
/// flags took effect.
///
/// `actual` may begin with anything (interpreter, shim, module): only flags from `--model` on
/// count, in both spellings, and of a flag given twice the last, as argparse reads it.
pub fn differences(expected: &[(String, String)], actual: &[String]) -> Vec<String> {
    let start = actual
        .iter()
        .position(|token| token.split('=').next() == Some("--model"))
        .unwrap_or(0);
    let actual = flag_values(&actual[start..]);
    let find = |flag: &str| actual.iter().find(|(f, _)| f == flag).map(|(_, v)| v);
    let mut differences: Vec<String> = expected
        .iter()
        .filter_map(|(flag, value)| match find(flag) {
            Some(found) if found == value => None,
            Some(found) => Some(format!("{flag} is {found:?}, asked was {value:?}")),
            None => Some(format!("{flag} {value} is missing").replace("  ", " ")),
        })
        .collect();
    let unasked = actual
        .iter()
        .filter(|(flag, _)| flag != "--port" && !expected.iter().any(|(f, _)| f == flag));
    differences.extend(
        unasked.map(|(flag, value)| format!("{flag} {value} was not asked for").replace("  ", " ")),
    );
    differences
}

/// Flags with their values, `--a=b` and `--a b` alike; the last of equal flags counts.
fn flag_values(arguments: &[String]) -> Vec<(String, String)> {
    let mut values: Vec<(String, String)> = Vec::new();
    let mut rest = arguments.iter().peekable();
    while let Some(token) = rest.next() {
        if !token.starts_with("--") {
            continue;
        }
        let (flag, value) = match token.split_once('=') {
            Some((flag, value)) => (flag, value.to_owned()),
            None => (
                token.as_str(),
                rest.next_if(|next| !looks_like_flag(next))
                    .cloned()
                    .unwrap_or_default(),
            ),
        };
        values.retain(|(f, _)| f != flag);
        values.push((flag.to_owned(), value));
    }
    values
}

/// What becomes of the running servers when a cell's turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The servers of the cell before serve this one too.
    Keep,
    /// The flags are equal and servers are missing: those from `from` on are added.
    Grow { from: u32 },
    /// Other flags, fewer servers, or another repeat: all are started anew.
    Restart,
}

impl Transition {
    /// `previous` is the cell whose servers run; `None` where none do.
    pub fn between(previous: Option<&Cell>, next: &Cell) -> Self {
        match previous {
            Some(previous)
                if previous.repeat == next.repeat && previous.point.same_flags(&next.point) =>
            {
                let (from, to) = (previous.point.instances, next.point.instances);
                match from.cmp(&to) {
                    std::cmp::Ordering::Equal => Self::Keep,
                    std::cmp::Ordering::Less => Self::Grow { from },
                    std::cmp::Ordering::Greater => Self::Restart,
                }
            }
            _ => Self::Restart,
        }
    }

    /// Instances that are started for a cell that needs `instances`.
    pub fn started(self, instances: u32) -> std::ops::Range<u32> {
        match self {
            Self::Keep => 0..0,
            Self::Grow { from } => from..instances,
            Self::Restart => 0..instances,
        }
    }
}

/// One server process that a run would start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStart {
    /// The cell that it is started for, by index.
    pub cell: u32,
    pub instance: u32,
    /// The port that is tried first; a free one is taken where nothing fixes it.
    pub port: u16,
    /// The whole command, one argument each.
    pub command: Vec<String>,
}

/// Every server process that the cells would start, in order; none where servers are attached. `launcher` is what stands before the
/// server's own arguments: the interpreter, then `-m mlx_lm server` or what its version needs.
pub fn server_starts(plan: &Plan, cells: &[Cell], launcher: &[String]) -> Vec<ServerStart> {
    let mut starts = Vec::new();
    if plan.servers.attached.is_some() {
        return starts;
    }
    let mut previous = None;
    for cell in cells {
        for instance in Transition::between(previous, cell).started(cell.point.instances) {
            let port = plan
                .servers
                .port
                .unwrap_or(plan.servers.base_port)
                .saturating_add(u16::try_from(instance).unwrap_or(u16::MAX));
            let mut command = launcher.to_vec();
            command.extend(server_arguments(plan, &cell.point, port));
            starts.push(ServerStart {
                cell: cell.index,
                instance,
                port,
                command,
            });
        }
        previous = Some(cell);
    }
    starts
}

/// A command as a shell would need it, ready to copy.
pub fn shell_line<S: AsRef<str>>(command: &[S]) -> String {
    shell_words::join(command)
}
