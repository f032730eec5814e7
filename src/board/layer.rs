//! The figures that a grid can show, with their names, units and digits.

use crate::engine::event::CellStatus;
use crate::store::row::CellRow;
use crate::units::grouped;

/// One figure of every cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::EnumIter)]
pub enum Layer {
    Throughput,
    PerUser,
    TtftP50,
    TtftP95,
    TpotP50,
    E2eP50,
    /// Requests within the limits of TTFT and TPOT, where there are any.
    Goodput,
    Errors,
    /// Of the whole machine or a part of it: the row names which.
    Energy,
    GpuBusy,
    /// Of the servers together.
    PeakMemory,
}

impl Layer {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throughput => "Throughput",
            Self::PerUser => "Per user",
            Self::TtftP50 => "TTFT p50",
            Self::TtftP95 => "TTFT p95",
            Self::TpotP50 => "TPOT p50",
            Self::E2eP50 => "E2E p50",
            Self::Goodput => "Goodput",
            Self::Errors => "Errors",
            Self::Energy => "Energy",
            Self::GpuBusy => "GPU",
            Self::PeakMemory => "Peak memory",
        }
    }

    pub const fn unit(self) -> &'static str {
        match self {
            Self::Throughput | Self::PerUser => "tokens/s",
            Self::TtftP50 | Self::TtftP95 | Self::E2eP50 => "s",
            Self::TpotP50 => "ms",
            Self::Goodput => "requests/s",
            Self::Errors => "requests",
            Self::Energy => "J/token",
            Self::GpuBusy => "%",
            Self::PeakMemory => "GB",
        }
    }

    /// A sentence for a tooltip.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Throughput => "Completion tokens per second of all requests together",
            Self::PerUser => "Throughput divided by the requests in flight",
            Self::TtftP50 => "Time to the first token: half of the requests were faster",
            Self::TtftP95 => "Time to the first token: 95 % of the requests were faster",
            Self::TpotP50 => "Time per output token after the first: half were faster",
            Self::E2eP50 => "A whole request: half were faster",
            Self::Goodput => {
                "Requests per second that were answered within the limits of TTFT and TPOT"
            }
            Self::Errors => "Requests that failed",
            Self::Energy => "Energy for each completion token, by the meter that the cell names",
            Self::GpuBusy => "Share of the time that the GPU was busy",
            Self::PeakMemory => "The most memory that the servers held together",
        }
    }

    /// Whether more is better; a busy GPU counts as good.
    pub const fn better_is_higher(self) -> bool {
        matches!(
            self,
            Self::Throughput | Self::PerUser | Self::Goodput | Self::GpuBusy
        )
    }

    /// The row's figure in this layer's unit; `None` where it was not measured.
    pub fn value(self, row: &CellRow) -> Option<f64> {
        let measured = !matches!(row.status, Some(CellStatus::Failed | CellStatus::Skipped));
        let throughput = measured.then_some(row.throughput_tps);
        match self {
            Self::Throughput => throughput,
            Self::PerUser => row.tps_per_user.or_else(|| {
                throughput
                    .filter(|_| row.concurrency > 0)
                    .map(|tps| tps / f64::from(row.concurrency))
            }),
            Self::TtftP50 => row.ttft_p50_s,
            Self::TtftP95 => row.ttft_p95_s,
            Self::TpotP50 => row.tpot_p50_s.map(|s| s * 1e3),
            Self::E2eP50 => row.e2e_p50_s,
            Self::Goodput => row.goodput_rps,
            Self::Errors => {
                (row.status != Some(CellStatus::Skipped)).then(|| f64::from(row.errors))
            }
            Self::Energy => row.energy_j_per_token,
            Self::GpuBusy => row.gpu_mean_pct,
            Self::PeakMemory => row.servers_memory_peak_bytes.map(|b| b as f64 / 1e9),
        }
    }

    /// For a column of a table: the same decimals in each row, without the unit.
    pub fn precise(self, value: f64) -> String {
        grouped(value, self.decimals())
    }

    pub(super) const fn decimals(self) -> usize {
        match self {
            Self::Throughput | Self::PerUser => 1,
            Self::TtftP50 | Self::TtftP95 | Self::Energy => 3,
            Self::TpotP50 | Self::E2eP50 | Self::Goodput | Self::PeakMemory => 2,
            Self::Errors | Self::GpuBusy => 0,
        }
    }

    /// For a cell of a heatmap: three digits that count, without the unit.
    pub fn short(self, value: f64) -> String {
        let whole = matches!(self, Self::Errors | Self::GpuBusy);
        let decimals = match value.abs() {
            _ if whole => 0,
            v if v >= 99.95 || v == 0.0 => 0,
            v if v >= 9.995 => 1,
            v if v >= 0.9995 => 2,
            _ => 3,
        };
        grouped(value, decimals)
    }

    /// "354.9 tokens/s", "1 failed request".
    pub fn with_unit(self, value: f64) -> String {
        let unit = match self {
            Self::Errors if self.precise(value) == "1" => "failed request",
            Self::Errors => "failed requests",
            _ => self.unit(),
        };
        format!("{} {unit}", self.precise(value))
    }
}

impl Layer {
    /// A cell's figure in full, for people: with its interval, its unit and what was metered. Where a
    /// sensor was missing, that; `None` where there is nothing to say.
    pub fn text(self, row: &CellRow) -> Option<String> {
        let Some(value) = self.value(row) else {
            let why = row.why_no_energy().filter(|_| self == Self::Energy);
            return why.map(str::to_owned);
        };
        let text = self.with_interval(value, self.interval(row));
        match row.energy_source.filter(|_| self == Self::Energy) {
            Some(source) => Some(format!("{text} ({})", source.name())),
            None => Some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::energy::EnergySource;

    #[test]
    fn energy_names_its_meter_or_says_that_there_is_none() {
        let mut row = CellRow {
            status: Some(CellStatus::Ok),
            total_tokens: 100,
            machine_samples: Some(12),
            ..CellRow::default()
        };
        assert_eq!(Layer::Energy.value(&row), None);
        assert_eq!(Layer::Energy.text(&row).as_deref(), Some("no power sensor"));
        assert_eq!(Layer::GpuBusy.text(&row), None);
        row.energy_j_per_token = Some(0.4119);
        row.energy_source = Some(EnergySource::System);
        assert_eq!(
            Layer::Energy.text(&row).as_deref(),
            Some("0.412 J/token (machine)")
        );
        assert_eq!(Layer::Energy.short(0.0412), "0.041");
        assert!(!Layer::Energy.better_is_higher());
    }

    #[test]
    fn figures_read_as_people_write_them() {
        assert_eq!(Layer::Throughput.precise(1_169.64), "1,169.6");
        assert_eq!(Layer::Throughput.with_unit(354.9), "354.9 tokens/s");
        assert_eq!(Layer::Throughput.short(1_169.64), "1,170");
        assert_eq!(Layer::Throughput.short(12_345_678.0), "12,345,678");
        assert_eq!(Layer::Throughput.short(99.96), "100");
        assert_eq!(Layer::Throughput.short(9.996), "10.0");
        assert_eq!(Layer::TtftP50.short(0.0316), "0.032");
        assert_eq!(Layer::TtftP50.precise(0.0316), "0.032");
        assert_eq!(Layer::Errors.with_unit(1.0), "1 failed request");
        assert_eq!(Layer::Errors.with_unit(16.0), "16 failed requests");
        assert_eq!(Layer::GpuBusy.short(97.4), "97");
    }

    #[test]
    fn what_was_not_measured_has_no_figure() {
        let failed = CellRow {
            status: Some(CellStatus::Failed),
            concurrency: 16,
            errors: 16,
            ..CellRow::default()
        };
        assert_eq!(Layer::Throughput.value(&failed), None);
        assert_eq!(Layer::PerUser.value(&failed), None);
        assert_eq!(Layer::Errors.value(&failed), Some(16.0));
        let skipped = CellRow {
            status: Some(CellStatus::Skipped),
            ..failed
        };
        assert_eq!(Layer::Errors.value(&skipped), None);
    }

    #[test]
    fn units_of_the_file_become_units_of_the_layer() {
        let row = CellRow {
            status: Some(CellStatus::Ok),
            throughput_tps: 100.0,
            concurrency: 4,
            tpot_p50_s: Some(0.025),
            servers_memory_peak_bytes: Some(4_500_000_000),
            ..CellRow::default()
        };
        assert_eq!(Layer::TpotP50.value(&row), Some(25.0));
        assert_eq!(Layer::PeakMemory.value(&row), Some(4.5));
        assert_eq!(Layer::PerUser.value(&row), Some(25.0));
        assert_eq!(Layer::TtftP50.value(&row), None);
    }
}
