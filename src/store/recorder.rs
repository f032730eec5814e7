//! Folds the engine's events to a run's files.

use std::collections::HashMap;
use std::path::Path;

use super::error::StoreError;
use super::machine::MachineRow;
use super::reflag;
use super::requests::RequestRow;
use super::resume::{self, Resumed};
use super::row::CellRow;
use super::row_file::{self, Durability, RowFile};
use super::run_files::RunFiles;
use super::sidecar::{
    BalancerCommand, Metadata, Provenance, Resumption, RunNotice, Sidecar, app_version,
};
use super::torn;
use crate::engine::emitter::EventSink;
use crate::engine::event::{CellResult, EngineEvent};
use crate::measure::best::{Measured, rank_measured};
use crate::plan::{Cell, Plan};

/// Writes one run. While it lives, no other process can record or resume the same run.
#[derive(Debug)]
pub struct Recorder {
    files: RunFiles,
    rows: RowFile,
    /// Made with the first sample.
    machine: Option<RowFile>,
    /// Made with the first request; `None` for ever where requests are not kept.
    requests: Option<RowFile>,
    keep_requests: bool,
    sidecar: Sidecar,
    /// The metadata holds something that is not on the disk yet.
    unsaved: bool,
    /// What the samples' clock counts from.
    clock_started_at: Option<jiff::Timestamp>,
    /// Position and throughput of each valid cell, over all starts of the run.
    valid: Vec<(u32, f64)>,
}

impl Recorder {
    /// Makes the files of a new run under the plan's results folder: an empty CSV, its metadata
    /// and the folder of logs. `now` gives them their name, in its time zone.
    pub fn create(
        plan: &Plan,
        provenance: Provenance,
        now: &jiff::ZonedDateTime,
    ) -> Result<Self, StoreError> {
        let (files, csv) = RunFiles::create(&plan.results_dir, plan.kind, now)?;
        resume::lock(&csv, files.csv())?;
        let mut sidecar = Sidecar::new(Metadata::new(plan, provenance, now.timestamp()));
        // First the plan, then the header: a run killed between the two can still be resumed.
        sidecar.save(&files.json())?;
        let rows = RowFile::start::<CellRow>(csv, files.csv(), Durability::Synced)?;
        Ok(Self::of(files, rows, sidecar))
    }

    /// Goes on with a run that [`resume::open`] has read; its finished rows stay as they are.
    pub fn resume(
        resumed: Resumed,
        provenance: Provenance,
        now: &jiff::ZonedDateTime,
    ) -> Result<Self, StoreError> {
        let Resumed {
            files,
            file,
            mut sidecar,
            rows: finished,
            ..
        } = resumed;
        sidecar.metadata.resumed.push(Resumption {
            started_at: now.timestamp(),
            app_version: app_version(),
            provenance,
        });
        sidecar.metadata.end = None;
        sidecar.metadata.ended_at = None;
        sidecar.save(&files.json())?;
        let rows = RowFile::reopen::<CellRow>(file, files.csv(), Durability::Synced)?;
        let logs = files.logs();
        std::fs::create_dir_all(&logs).map_err(StoreError::io("make the folder", &logs))?;
        let mut recorder = Self::of(files, rows, sidecar);
        for row in &finished {
            recorder.consider(row);
        }
        Ok(recorder)
    }

    fn of(files: RunFiles, rows: RowFile, sidecar: Sidecar) -> Self {
        Self {
            files,
            rows,
            machine: None,
            requests: None,
            keep_requests: false,
            sidecar,
            unsaved: false,
            clock_started_at: None,
            valid: Vec::new(),
        }
    }

    /// Whether `.requests.csv` is written too. Off by default.
    #[must_use]
    pub fn with_requests(mut self, keep: bool) -> Self {
        self.keep_requests = keep;
        self
    }

    pub fn files(&self) -> &RunFiles {
        &self.files
    }

    pub fn metadata(&self) -> &Metadata {
        &self.sidecar.metadata
    }

    /// Takes one event. When this returns, the row of a finished cell is on the disk.
    ///
    /// An error names the file and what to do; what was recorded before stays whole, and the next
    /// event may be given as usual.
    pub fn record(&mut self, event: &EngineEvent) -> Result<(), StoreError> {
        match event {
            EngineEvent::RunStarted { started_at, .. } => {
                self.clock_started_at = Some(*started_at);
                Ok(())
            }
            EngineEvent::PlanExtended { cells } => {
                self.sidecar
                    .metadata
                    .plan
                    .cells
                    .extend(cells.iter().cloned());
                self.save()
            }
            EngineEvent::Notice { level, text } => {
                self.sidecar.metadata.notices.push(RunNotice {
                    level: *level,
                    text: text.clone(),
                });
                self.unsaved = true;
                Ok(())
            }
            EngineEvent::BalancerStarted {
                balancer,
                port,
                command,
            } => {
                self.sidecar.metadata.balancers.push(BalancerCommand {
                    balancer: *balancer,
                    port: *port,
                    command: command.clone(),
                });
                self.unsaved = true;
                Ok(())
            }
            EngineEvent::CellFinished { result, .. } => self.record_cell(result),
            EngineEvent::ReferenceMeasured { reference } => {
                if reference.is_drift() && !reference.drifted.is_empty() {
                    let csv = self.files.csv();
                    let file = reflag::add(csv, &reference.drifted, &reference.flag())?;
                    self.rows = RowFile::reopen::<CellRow>(file, csv, Durability::Synced)?;
                }
                self.sidecar.metadata.references.push((**reference).clone());
                self.save()
            }
            EngineEvent::Machine(sample) => {
                let row = MachineRow::new(sample, self.clock_started_at);
                open_once::<MachineRow>(&mut self.machine, &self.files.machine())?.append(&row)
            }
            EngineEvent::RunFinished { end, times, .. } => {
                let metadata = &mut self.sidecar.metadata;
                metadata.end = Some(end.clone());
                metadata.ended_at = Some(jiff::Timestamp::now());
                metadata.add_times(*times);
                // The event knows the best cell of this start only; rows of earlier ones count too.
                metadata.best_cell = best_cell(&metadata.plan.cells, &self.valid);
                self.save()
            }
            EngineEvent::ServerStarting { .. }
            | EngineEvent::ServerReady { .. }
            | EngineEvent::ServerStopped { .. }
            | EngineEvent::CellStarted { .. }
            | EngineEvent::CoolingDown { .. }
            | EngineEvent::CooledDown { .. }
            | EngineEvent::ReferenceStarted { .. }
            | EngineEvent::Search(_)
            // A notice has told of it.
            | EngineEvent::ReferenceLost { .. } => Ok(()),
        }
    }

    fn record_cell(&mut self, result: &CellResult) -> Result<(), StoreError> {
        // The row first: it is what makes a cell finished. Requests of a cell without a row would
        // be there twice after a resume.
        let row = CellRow::new(result, &self.sidecar.metadata.plan);
        self.rows.append(&row)?;
        self.consider(&row);
        let metadata = &mut self.sidecar.metadata;
        if let Some(ceiling) = result.client.ceiling
            && metadata.client != Some(ceiling)
        {
            metadata.client = Some(ceiling);
            self.unsaved = true;
        }
        let new_servers = metadata.note_servers(result.cell.index, &result.servers);
        self.unsaved |= !result.servers.is_empty();
        if new_servers {
            self.save()?;
        }
        if self.keep_requests && !result.requests.is_empty() {
            let rows: Vec<_> = result
                .requests
                .iter()
                .map(|sample| RequestRow::new(&result.cell, sample))
                .collect();
            open_once::<RequestRow>(&mut self.requests, &self.files.requests())?
                .append_all(&rows)?;
        }
        Ok(())
    }

    fn consider(&mut self, row: &CellRow) {
        if row.may_be_best() {
            self.valid.push((row.cell, row.throughput_tps));
        }
    }

    fn save(&mut self) -> Result<(), StoreError> {
        self.sidecar.save(&self.files.json())?;
        self.unsaved = false;
        Ok(())
    }
}

/// The fastest valid repeat of the best combination.
fn best_cell(cells: &[Cell], valid: &[(u32, f64)]) -> Option<u32> {
    let cells: HashMap<u32, &Cell> = cells.iter().map(|cell| (cell.index, cell)).collect();
    let (numbers, measured): (Vec<u32>, Vec<_>) = valid
        .iter()
        .filter_map(|(number, throughput_tps)| {
            let measured = Measured {
                combination: cells.get(number)?.combination(),
                throughput_tps: *throughput_tps,
                within: None,
            };
            Some((*number, measured))
        })
        .unzip();
    let best = rank_measured(&measured)?.best;
    numbers.get(*best.first()?).copied()
}

impl EventSink for Recorder {
    fn apply(&mut self, event: &EngineEvent) -> anyhow::Result<()> {
        Ok(self.record(event)?)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // A run that is dropped early (an error elsewhere) still keeps its notices and commands.
        if self.unsaved
            && let Err(error) = self.save()
        {
            tracing::warn!("{error}");
        }
    }
}

/// The file in `slot`, opened (and freed of a torn end) when it is first needed.
fn open_once<'a, T: serde::Serialize + Default>(
    slot: &'a mut Option<RowFile>,
    path: &Path,
) -> Result<&'a mut RowFile, StoreError> {
    if let Some(file) = slot {
        return Ok(file);
    }
    let file = row_file::open_to_append(path)?;
    torn::cut(&file, path)?;
    Ok(slot.insert(RowFile::reopen::<T>(file, path, Durability::Written)?))
}

#[cfg(test)]
mod tests;
