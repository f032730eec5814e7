//! Following a run from a terminal: its events, its live figure, and the user's Ctrl-C.

use crate::engine::Handle;
use crate::engine::command::EngineCommand;
use crate::engine::event::{CellResult, EngineEvent, RunEnd, RunTimes, SearchNews};
use crate::session::cells::Earlier;

use super::interrupt::Interrupts;
use super::progress::Progress;

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    pub end: RunEnd,
    pub times: RunTimes,
    pub results: Vec<CellResult>,
    /// How the search has ended, of a run that is one.
    pub search: Option<SearchNews>,
}

/// Follows `handle` to its end; `earlier` counts for the best so far. The first Ctrl-C stops the run cleanly, the second ends us at
/// once; the supervisors then end the servers.
///
/// # Errors
/// Signals cannot be handled, or the engine ended without saying so.
pub async fn follow(
    mut handle: Handle,
    earlier: &Earlier,
    print_events: bool,
) -> anyhow::Result<Outcome> {
    let mut interrupts = Interrupts::listen()?;
    let mut progress = Progress::after(earlier);
    let mut results = Vec::new();
    let mut finished = None;
    let mut search = None;
    let mut stopping = false;
    let mut live = handle.live.clone();
    loop {
        tokio::select! {
            event = handle.events.recv() => {
                let Some(event) = event else { break };
                if print_events {
                    print(&event)?;
                }
                progress.apply(&event);
                match event {
                    EngineEvent::CellFinished { result, .. } => results.push(*result),
                    EngineEvent::Search(news) => search = Some(news),
                    EngineEvent::RunFinished { end, times, .. } => finished = Some((end, times)),
                    _ => {}
                }
            }
            Ok(()) = live.changed() => progress.live(&live.borrow_and_update().clone()),
            () = interrupts.next() => {
                if stopping {
                    std::process::exit(130);
                }
                stopping = true;
                say!("stopping: servers are ended, finished cells stay; again to quit at once");
                let _ = handle.commands.send(EngineCommand::Stop).await;
            }
        }
    }
    tokio::task::block_in_place(|| handle.join());
    let (end, times) =
        finished.ok_or_else(|| anyhow::anyhow!("the engine ended without a result"))?;
    Ok(Outcome {
        end,
        times,
        results,
        search,
    })
}

/// A reader that has gone (`| head`) ends the listing, not the run.
fn print(event: &EngineEvent) -> anyhow::Result<()> {
    show!("{}", serde_json::to_string(event)?);
    Ok(())
}
