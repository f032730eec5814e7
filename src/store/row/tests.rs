use std::path::Path;

use super::super::row_file::header_of;
use super::super::testing::{cell, failed, figures, plan, result};
use super::*;
use crate::engine::event::CellResult;
use crate::measure::client::{CellClient, ClientCeiling};
use crate::measure::ttft_split::TtftSplit;
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
    assert_eq!(header[error + 8], "e2e_p50_high_s");

    // A file from before has none of them.
    let old = format!("{}\n1,8,4,2,100.0", header[..5].join(","));
    let old = read_back(&old);
    assert_eq!(old.throughput_low_tps, None);
    assert!((old.throughput_tps - 100.0).abs() < 1e-9);
}

#[test]
fn the_clock_is_blank_where_none_was_read() {
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
    let clock = |text: &str| columns(text, "gpu_clock_under_load_mhz", 5);
    assert_eq!(clock(&text), "1774.5,0.91,2,31.25,0.0");
    // The first cell has nothing to be compared with, and a machine without a sensor nothing at all.
    measured.thermal.clock_of_cold = None;
    assert_eq!(row_of(&measured).gpu_clock_of_cold_ratio, None);
    measured.thermal = CellThermal::default();
    assert_eq!(clock(&csv_of(&row_of(&measured))), ",,,,0.0");
}

#[test]
fn what_the_client_can_take_stands_beside_what_it_took() {
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
    assert_eq!(
        columns(&text, "client_chunk_rate_per_s", 7),
        "1500.0,211831.3,64,0.000052,,0.00002,0.0003"
    );
}

#[test]
fn the_parts_of_ttft_stand_beside_it() {
    let mut measured = result(&cell(3, Some(8), 4));
    measured.figures = Some(Figures {
        ttft_split: Some(TtftSplit {
            n: 12,
            waiting_mean_s: 0.25,
            prefill_mean_s: 0.125,
            first_decode_mean_s: 0.012_345_67,
        }),
        ..figures()
    });
    let text = csv_of(&row_of(&measured));
    assert_eq!(
        columns(&text, "ttft_waiting_mean_s", 3),
        "0.25,0.125,0.012346"
    );
}

#[test]
fn energy_has_its_source() {
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
    let energy = columns(&text, "energy_j_per_token", 3);
    assert_eq!(energy, "0.412346,0.3,gpu+cpu");

    // Without a sensor all three are blank, and not zero.
    measured.machine.energy = None;
    measured.machine.gpu_power_mean_w = None;
    let row = row_of(&measured);
    assert_eq!(row.why_no_energy(), Some("no power sensor"));
    let text = csv_of(&row);
    assert_eq!(columns(&text, "energy_j_per_token", 3), ",,");

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

/// As many columns of the first row, from the one of this name on.
fn columns(text: &str, first: &str, count: usize) -> String {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let at = header.iter().position(|name| name == first).unwrap();
    let row = reader.records().next().unwrap().unwrap();
    row.iter()
        .skip(at)
        .take(count)
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn a_rate_is_told_with_what_became_of_it_and_blank_in_a_closed_loop() {
    use crate::measure::flow::{Flow, Goodput, Limits, OpenFlow};
    let limits = Limits {
        ttft_s: Some(0.5),
        tpot_s: None,
    };
    let mut measured = result(&cell(3, Some(8), 1024));
    let mut flow = Flow {
        achieved_rps: 3.9,
        in_flight_mean: 7.25,
        in_flight_max: 12,
        limits,
        goodput: Some(Goodput {
            rps: 2.5,
            ratio: 0.625,
        }),
        open: Some(OpenFlow {
            rate_rps: 4.5,
            due: 80,
            held: 1,
            saturated: Some(SaturatedBy::Queue),
        }),
    };
    let with = |measured: &mut CellResult, flow| {
        measured.figures = Some(Figures {
            flow: Some(flow),
            ..figures()
        });
    };
    measured.cell.load.request_rate = Rate::from_rps(4.5);
    with(&mut measured, flow);
    let mut plan = crate::store::testing::plan(std::path::Path::new("results"), 1);
    plan.workload.limits = limits;
    plan.workload.open = Some(crate::plan::OpenLoop {
        arrivals: Arrivals::Poisson,
        seed: 1,
        max_in_flight: 1024,
        search: false,
    });
    let row = CellRow::new(&measured, &plan);
    let text = csv_of(&row);
    assert_eq!(read_back(&text), row);
    assert_eq!(
        columns(&text, "request_rate_rps", 12),
        "4.5,poisson,80,3.9,7.25,12,1,queue,2.5,0.625,0.5,"
    );
    assert!(row.belongs_to(&measured.cell));
    assert_eq!(row.rate_point(), measured.rate_point());
    let point = row.rate_point().unwrap();
    assert_eq!(
        (point.saturated, point.goodput_rps),
        (Some(SaturatedBy::Queue), Some(2.5))
    );
    measured.cell.load.request_rate = Rate::from_rps(4.6);
    assert!(
        !row.belongs_to(&measured.cell),
        "another rate is another cell"
    );

    // A rate at which requests fail is too much, whatever else was seen.
    flow.open = flow.open.map(|open| OpenFlow {
        saturated: None,
        ..open
    });
    with(&mut measured, flow);
    measured.status = CellStatus::Invalid;
    let row = CellRow::new(&measured, &plan);
    assert_eq!(row.rate_point(), measured.rate_point());
    assert_eq!(
        row.rate_point().unwrap().saturated,
        Some(SaturatedBy::Achieved)
    );

    measured.cell.load.request_rate = None;
    flow.open = None;
    with(&mut measured, flow);
    let row = CellRow::new(&measured, &plan);
    assert_eq!(
        columns(&csv_of(&row), "request_rate_rps", 9),
        ",,,3.9,7.25,12,,,2.5"
    );
    assert_eq!(row.rate_point(), None);
}

#[test]
fn where_prompt_lengths_come_from_is_said_if_a_length_was_asked() {
    let mut measured = result(&cell(3, Some(8), 4));
    let row = row_of(&measured);
    assert_eq!(row.prompt_length_source, None);
    measured.prompt_length = Some(LengthSource::Exact);
    let row = row_of(&measured);
    let text = csv_of(&row);
    assert_eq!(read_back(&text), row);
    assert_eq!(columns(&text, "prompt_length_source", 1), "exact");
}
