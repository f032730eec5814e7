use std::path::Path;

use super::super::row_file::header_of;
use super::super::testing::{cell, failed, figures, plan, result};
use super::*;
use crate::engine::event::CellResult;
use crate::measure::client::{CellClient, ClientCeiling};
use crate::monitor::energy::Energy;
use crate::monitor::thermal::{CellThermal, UnderLoad};

fn row_of(result: &CellResult) -> CellRow {
    CellRow::new(result, &plan(Path::new("results"), 1))
}

fn csv_of(row: &CellRow) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(row).unwrap();
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn read_back(text: &str) -> CellRow {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().next().expect("a row").unwrap()
}

#[test]
fn the_first_columns_are_the_classic_ones_and_no_name_is_there_twice() {
    let header = header_of::<CellRow>(Path::new("x.csv")).unwrap();
    assert_eq!(header[..8], CLASSIC_COLUMNS);
    let mut names = header.clone();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), header.len());
}

#[test]
fn what_is_written_reads_back_equal() {
    for (name, result) in [
        ("full", result(&cell(3, Some(8), 4))),
        ("own arguments", result(&cell(0, None, 1))),
        ("failed", failed(&cell(1, Some(8), 16))),
        (
            "skipped",
            CellResult {
                status: CellStatus::Skipped,
                error: None,
                ..failed(&cell(1, Some(8), 16))
            },
        ),
    ] {
        let row = row_of(&result);
        let text = csv_of(&row);
        assert_eq!(text.lines().count(), 2, "{name}: one row is one line");
        assert_eq!(read_back(&text), row, "{name}");
        assert!(row.belongs_to(&result.cell), "{name}");
    }
}

#[test]
fn figures_stand_in_their_columns_with_their_units() {
    let row = row_of(&result(&cell(3, Some(8), 4)));
    assert!((row.throughput_tps - 354.873).abs() < 1e-9);
    assert_eq!(row.errors, 3);
    assert_eq!(row.error_classes.as_deref(), Some("timeout=1;reset=2"));
    assert_eq!(row.ttft_mean_s, Some(0.123_457));
    assert_eq!(row.ttft_p99_s, None);
    assert_eq!(row.ttft_max_s, Some(0.246_914));
    assert_eq!(row.e2e_p95_s, Some(1.95));
    assert_eq!((row.itl_n, row.connect_p99_s), (Some(700), None));
    assert_eq!(row.dispatch_lag_max_s, None);
    assert_eq!(row.cached_tokens, None);
    assert_eq!(row.cpu_mean_pct, Some(73.5));
    assert_eq!(row.gpu_mean_pct, None);
    assert_eq!(row.memory_peak_bytes, Some(8_000_000_000));
    assert_eq!(row.per_instance.as_deref(), Some("0=64;1=64"));
    assert_eq!(row.flag_kinds(), [FlagKind::CachedPrompts]);
    assert_eq!(row.axes(), cell(3, None, 1).point.flags);
    assert_eq!(row.window_s, Some(20.0));
}

#[test]
fn bounds_stand_after_all_that_was_there_before() {
    let mut measured = result(&cell(3, Some(8), 4));
    measured.figures = Some(Figures {
        intervals: Intervals {
            throughput_tps: Interval::new(341.873_214_9, 367.9),
            ttft_p50_s: None,
            tpot_p50_s: Interval::new(0.001_05, 0.001_25),
            e2e_p50_s: Interval::new(1.6, 1.7),
        },
        ..figures()
    });
    let row = row_of(&measured);
    assert_eq!(row.throughput_low_tps, Some(341.873_215));
    assert_eq!(row.throughput_high_tps, Some(367.9));
    assert_eq!((row.ttft_p50_low_s, row.ttft_p50_high_s), (None, None));
    assert_eq!(row.tpot_p50_high_s, Some(0.001_25));
    assert_eq!(row.e2e_p50_low_s, Some(1.6));
    let text = csv_of(&row);
    assert_eq!(read_back(&text), row);
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let error = header.iter().position(|name| *name == "error").unwrap();
    assert_eq!(header[error + 1], "throughput_low_tps");
    assert_eq!(header[error + 1..].len(), 23);

    // A file from before has none of them.
    let old = format!("{}\n1,8,4,2,100.0", header[..5].join(","));
    let old = read_back(&old);
    assert_eq!(old.throughput_low_tps, None);
    assert!((old.throughput_tps - 100.0).abs() < 1e-9);
}

#[test]
fn the_clock_stands_at_the_end_and_is_blank_where_none_was_read() {
    let mut measured = result(&cell(3, Some(8), 4));
    measured.times.cool_down_s = 31.25;
    measured.thermal = CellThermal {
        under_load: Some(UnderLoad {
            samples: 10,
            clock_mhz: 1_774.52,
            busy: 0.98,
            power_w: None,
        }),
        clock_of_cold: Some(0.910_012_3),
        repeats: 2,
    };
    let row = row_of(&measured);
    assert_eq!(row.thermal_repeats, Some(2));
    let text = csv_of(&row);
    assert_eq!(read_back(&text), row);
    let header = text.lines().next().unwrap();
    assert!(
        header.contains(
            ",gpu_clock_under_load_mhz,gpu_clock_of_cold_ratio,thermal_repeats,cool_down_s,window_trimmed_s"
        ),
        "{header}"
    );
    let end = ",1774.5,0.91,2,31.25,0.0,,,,,,,";
    assert!(text.trim_end().ends_with(end), "{text}");
    // The first cell has nothing to be compared with, and a machine without a sensor nothing at all.
    measured.thermal.clock_of_cold = None;
    assert_eq!(row_of(&measured).gpu_clock_of_cold_ratio, None);
    measured.thermal = CellThermal::default();
    let blank = csv_of(&row_of(&measured));
    assert!(blank.trim_end().ends_with(",,,,,0.0,,,,,,,"), "{blank}");
}

#[test]
fn what_the_client_can_take_stands_at_the_end() {
    let mut measured = result(&cell(3, Some(8), 4));
    measured.client = CellClient {
        ceiling: Some(ClientCeiling {
            streams: 64,
            chunks_per_s: 211_831.26,
            ttft_error_p50_s: Some(0.000_052_4),
            ttft_error_p99_s: None,
            itl_error_p50_s: Some(0.000_02),
            itl_error_p99_s: Some(0.000_3),
        }),
        chunks_per_s: Some(1_500.04),
    };
    let row = row_of(&measured);
    let text = csv_of(&row);
    assert_eq!(read_back(&text), row);
    let header = text.lines().next().unwrap();
    assert!(
        header.ends_with(
            ",client_chunk_rate_per_s,client_ceiling_chunks_per_s,client_ceiling_streams,\
             client_ttft_error_p50_s,client_ttft_error_p99_s,client_itl_error_p50_s,\
             client_itl_error_p99_s"
        ),
        "{header}"
    );
    let end = ",1500.0,211831.3,64,0.000052,,0.00002,0.0003";
    assert!(text.trim_end().ends_with(end), "{text}");
}

#[test]
fn energy_stands_at_the_end_with_its_source() {
    let mut measured = result(&cell(3, Some(8), 4));
    measured.machine.gpu_power_mean_w = Some(40.0);
    let without = row_of(&measured);
    assert_eq!(without.energy_j_per_token, None);
    assert_eq!(without.why_no_energy(), Some("too few power readings"));
    measured.machine.energy = Some(Energy {
        j_per_token: 0.412_345_67,
        idle_subtracted_j_per_token: Some(0.3),
        source: EnergySource::GpuAndCpu,
    });
    let row = row_of(&measured);
    assert_eq!(row.energy_j_per_token, Some(0.412_346));
    assert_eq!(row.energy_idle_subtracted_j_per_token, Some(0.3));
    assert_eq!(row.why_no_energy(), None);
    let text = csv_of(&row);
    assert_eq!(read_back(&text), row);
    let header = text.lines().next().unwrap();
    assert!(
        header.contains(
            ",energy_j_per_token,energy_idle_subtracted_j_per_token,energy_source,gpu_clock_"
        ),
        "{header}"
    );
    assert!(
        text.trim_end()
            .ends_with(",0.412346,0.3,gpu+cpu,,,,,0.0,,,,,,,"),
        "{text}"
    );

    // Without a sensor all three are blank, and not zero.
    measured.machine.energy = None;
    measured.machine.gpu_power_mean_w = None;
    let row = row_of(&measured);
    assert_eq!(row.why_no_energy(), Some("no power sensor"));
    assert!(csv_of(&row).trim_end().ends_with(",,,,,,,,0.0,,,,,,,"));

    // A file from before opens, and a machine that was not watched is not blamed.
    let old = read_back("instances,concurrency,cell,total_tokens\n1,2,3,100\n");
    assert_eq!((old.energy_j_per_token, old.energy_source), (None, None));
    assert_eq!(old.why_no_energy(), None);
}

#[test]
fn old_columns_look_as_the_python_lab_wrote_them() {
    let start = |result: &CellResult| {
        let text = csv_of(&row_of(result));
        let fields: Vec<_> = text.lines().nth(1).unwrap().split(',').take(8).collect();
        fields.join(",")
    };
    let mut all_failed = result(&cell(0, Some(8), 16));
    all_failed.figures = Some(Figures {
        throughput_tps: 0.0,
        total_tokens: 0,
        elapsed_s: 4.11,
        errors: [(crate::measure::sample::ErrorClass::Connect, 16)].into(),
        ..figures()
    });
    assert_eq!(start(&all_failed), "2,8,4,16,0.0,0,4.11,16");
    assert_eq!(
        start(&failed(&cell(0, Some(8), 16))),
        "2,8,4,16,0.0,0,0.00,16"
    );
    assert_eq!(
        start(&result(&cell(0, None, 1))),
        "2,,4,1,354.873,8192,23.60,3"
    );
}

#[test]
fn a_row_of_another_cell_is_told_apart() {
    let row = row_of(&result(&cell(3, Some(8), 4)));
    let mut others = vec![cell(3, Some(8), 4); 4];
    others[0].index = 2;
    others[1].repeat = 2;
    others[2].point.flags.clear();
    others[3].point.decode_concurrency = None;
    for other in others {
        assert!(!row.belongs_to(&other), "{other:?}");
    }
}

#[test]
fn columns_of_other_versions_do_no_harm() {
    let text = "instances,concurrency,cell,new_thing,flags\n1,2,3,x,short_window;future_flag\n";
    let row = read_back(text);
    assert_eq!((row.instances, row.concurrency, row.cell), (1, 2, 3));
    assert_eq!(row.status, None);
    assert_eq!(row.flag_kinds(), [FlagKind::ShortWindow]);
}
