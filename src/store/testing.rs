//! Plans and results for the store's tests.

use std::path::Path;

use crate::engine::event::{CellResult, CellStatus, CellTimes, EngineEvent, ServerProof};
use crate::measure::client::CellClient;
use crate::measure::figures::{Figures, Flag, FlagKind, Intervals, Mode, Percentiles};
use crate::measure::flow::Limits;
use crate::measure::sample::ErrorClass;
use crate::monitor::sample::MachineSummary;
use crate::monitor::thermal::CellThermal;
use crate::plan::{
    Balancer, Cell, FlagValue, LoadPoint, ModelRef, Order, Plan, RunKind, ServerOptions,
    ServerPoint, WindowRule, Workload,
};
use crate::units::Bytes;

pub(crate) fn cell(index: u32, decode: Option<u32>, concurrency: u32) -> Cell {
    Cell {
        index,
        point: ServerPoint {
            instances: 2,
            decode_concurrency: decode,
            prompt_concurrency: Some(4),
            flags: vec![FlagValue {
                flag: "--prefill-step-size".to_owned(),
                value: "512".to_owned(),
            }],
        },
        load: LoadPoint {
            concurrency,
            requests: None,
            max_tokens: 64,
            prompt_tokens: None,
            request_rate: None,
            delivery: None,
        },
        repeat: 1,
    }
}

pub(crate) fn plan(results_dir: &Path, cells: u32) -> Plan {
    Plan {
        kind: RunKind::FullSweep,
        model: ModelRef {
            path: "models/tiny".to_owned(),
            label: "synthetic:tiny".to_owned(),
            synthetic: true,
        },
        workload: Workload {
            prompt_file: None,
            prompt: "Say \"hello\",\nplease.".to_owned(),
            temperature: 0.3,
            stream: true,
            mode: Mode::Sustained,
            identical_prompts: false,
            exact_output: false,
            window: WindowRule {
                min_s: 10.0,
                min_e2e: 3.0,
                min_completions: 64,
                max_s: 60.0,
            },
            warmup_requests: 2,
            request_timeout_s: 120.0,
            retry_attempts: 8,
            retry_sleep_s: 0.5,
            open: None,
            limits: Limits::default(),
        },
        servers: ServerOptions {
            env: std::collections::BTreeMap::new(),
            host: "127.0.0.1".to_owned(),
            port: None,
            base_port: 9000,
            nginx_port: 8088,
            balancer: Balancer::Nginx,
            args: vec!["--top-k=4".to_owned()],
            backlog: None,
            ready_timeout_s: 180.0,
            bind_timeout_s: 180.0,
            startup_delay_s: None,
            watchdog_s: 60.0,
            attached: None,
        },
        cells: (0..cells).map(|i| cell(i, Some(8), 1 << i)).collect(),
        order: Order::Nested,
        reference: None,
        thermal: None,
        finalists: 0,
        tune: None,
        continue_on_error: true,
        cell_pause_s: 0.0,
        settings: Vec::new(),
        notices: Vec::new(),
        results_dir: results_dir.to_owned(),
    }
}

pub(crate) fn percentiles(base: f64) -> Percentiles {
    Percentiles {
        n: 700,
        mean_s: Some(base),
        p50_s: Some(base * 1.1),
        p90_s: Some(base * 1.2),
        p95_s: Some(base * 1.3),
        p99_s: None,
        max_s: Some(base * 2.0),
    }
}

pub(crate) fn figures() -> Figures {
    Figures {
        mode: Mode::Sustained,
        requests: 131,
        errors: [(ErrorClass::Reset, 2), (ErrorClass::Timeout, 1)].into(),
        throughput_tps: 354.873_21,
        total_tokens: 8_192,
        elapsed_s: 23.6,
        batch_tps: 347.118_6,
        window_s: Some(20.000_000_4),
        window_tokens: Some(7_097.464_2),
        window_completions: Some(110),
        window_capped: false,
        window_trimmed_s: 0.0,
        unsteady: None,
        ttft: percentiles(0.123_456_789),
        tpot: percentiles(0.001),
        itl: percentiles(0.002),
        e2e: percentiles(1.5),
        connect: percentiles(0.000_1),
        dispatch_lag: Percentiles::default(),
        tps_per_user: 88.718,
        prompt_tokens: 4_000,
        cached_tokens: None,
        mean_output_tokens: Some(64.0),
        stopped_early: Some(0.0),
        connect_retries: 3,
        connect_retry_s: 0.25,
        per_instance: [(0, 64), (1, 64)].into(),
        intervals: Intervals::default(),
        ttft_split: None,
        flow: None,
    }
}

pub(crate) fn result(cell: &Cell) -> CellResult {
    CellResult {
        cell: cell.clone(),
        status: CellStatus::Ok,
        prompt_length: None,
        figures: Some(figures()),
        flags: vec![Flag {
            kind: FlagKind::CachedPrompts,
            detail: "3.1 % of the prompt tokens,\ncame from the \"cache\"".to_owned(),
        }],
        error: None,
        log_tail: None,
        servers: vec![ServerProof {
            instance: 0,
            pid: 4_242,
            port: 9_000,
            command: vec!["python".to_owned(), "--decode-concurrency".to_owned()],
            differences: Vec::new(),
        }],
        balancer: Balancer::Nginx,
        machine: MachineSummary {
            samples: 20,
            cpu_mean: Some(0.734_5),
            memory_peak: Some(Bytes(8_000_000_000)),
            ..MachineSummary::default()
        },
        times: CellTimes {
            load_s: 2.5,
            warmup_s: 0.25,
            measure_s: 23.6,
            rest_s: 0.1,
            cool_down_s: 0.0,
        },
        thermal: CellThermal::default(),
        client: CellClient::default(),
        started_at: "2026-02-11T15:09:13.25Z".parse().expect("a moment"),
        ended_at: "2026-02-11T15:09:40Z".parse().expect("a moment"),
        requests: Vec::new(),
    }
}

pub(crate) fn failed(cell: &Cell) -> CellResult {
    CellResult {
        status: CellStatus::Failed,
        figures: None,
        flags: Vec::new(),
        error: Some("The server stopped.\n  Its log says: \"out of memory\".\n".to_owned()),
        servers: Vec::new(),
        ..result(cell)
    }
}

pub(crate) fn finished(result: CellResult) -> EngineEvent {
    EngineEvent::CellFinished {
        result: Box::new(result),
        done: 1,
        total: 4,
        elapsed_s: 30.0,
        left_s: None,
    }
}
