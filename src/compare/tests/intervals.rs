//! What repeats and bounds allow to say of a difference.

use super::*;

#[test]
fn repeats_are_averaged_and_their_intervals_decide_what_is_apart() {
    let run = |name, figures: [f64; 3]| {
        let mut rows: Vec<CellRow> = figures
            .iter()
            .enumerate()
            .map(|(i, tps)| row(8, 4, i as u32 + 1, *tps))
            .collect();
        // An invalid repeat counts for nothing.
        rows.push(CellRow {
            status: Some(CellStatus::Invalid),
            ..row(8, 4, 4, 9_000.0)
        });
        of_rows(name, Origin::Ours, rows)
    };
    let a = run("a", [98.0, 100.0, 102.0]);
    for (figures, percent, verdict) in [
        ([101.0, 103.0, 105.0], "+3.0", Verdict::NoDifference),
        // Every repeat is faster than all of the base, and still: three are few.
        ([103.0, 104.0, 105.0], "+4.0", Verdict::NoDifference),
        ([109.0, 110.0, 111.0], "+10.0", Verdict::Faster),
        ([90.0, 91.0, 92.0], "-9.0", Verdict::Slower),
    ] {
        let comparison = Comparison::new(vec![Arc::clone(&a), run("b", figures)]);
        let delta = comparison.delta(&comparison.cells()[0], 0, 1, &THROUGHPUT);
        assert_eq!(delta.percent_text(), percent);
        assert_eq!(delta.verdict(&THROUGHPUT), Some(verdict), "{figures:?}");
        assert_eq!(delta.base.map(|figure| figure.repeats), Some(3));
    }
}

/// One repeat, with the bounds that its window gave.
fn bounded(tps: f64, reach: f64) -> CellRow {
    CellRow {
        throughput_low_tps: Some(tps - reach),
        throughput_high_tps: Some(tps + reach),
        tpot_p50_s: Some(1.0 / tps),
        tpot_p50_low_s: Some(1.0 / (tps + reach)),
        tpot_p50_high_s: Some(1.0 / (tps - reach)),
        servers_memory_peak_bytes: Some(4_000_000_000),
        ..row(8, 4, 1, tps)
    }
}

#[test]
fn single_repeats_are_told_apart_by_their_bounds() {
    let run = |name, row| of_rows(name, Origin::Ours, vec![row]);
    let base = || run("a", bounded(100.0, 3.0));
    let tpot = Measure::column("tpot_p50_s").expect("a column");
    let memory = Measure::Layer(Layer::PeakMemory);
    for (other, throughput, time) in [
        (bounded(110.0, 3.0), Verdict::Faster, Verdict::Faster),
        (bounded(90.0, 3.0), Verdict::Slower, Verdict::Slower),
        (
            bounded(104.0, 3.0),
            Verdict::NoDifference,
            Verdict::NoDifference,
        ),
        (
            row(8, 4, 1, 200.0),
            Verdict::NoInterval,
            Verdict::NoInterval,
        ),
    ] {
        let has_tpot = other.tpot_p50_s.is_some();
        let comparison = Comparison::new(vec![base(), run("b", other)]);
        let verdict = |measure: &Measure| {
            let cell = &comparison.cells()[0];
            comparison.delta(cell, 0, 1, measure).verdict(measure)
        };
        assert_eq!(verdict(&THROUGHPUT), Some(throughput));
        assert_eq!(verdict(&Measure::Layer(Layer::PerUser)), Some(throughput));
        assert_eq!(verdict(&tpot), has_tpot.then_some(time));
        assert_eq!(
            verdict(&Measure::Layer(Layer::TpotP50)),
            has_tpot.then_some(time)
        );
        // Memory has no bounds within one window.
        assert_eq!(verdict(&memory), has_tpot.then_some(Verdict::NoInterval));
    }
    let comparison = Comparison::new(vec![base(), run("b", bounded(110.0, 3.0))]);
    let column = Measure::column("throughput_tps").expect("a column");
    let text = render::text(&comparison, &column);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[5]
            .ends_with("A         A 95 %      B          B 95 %  B vs A %                 B is"),
        "{text}"
    );
    assert!(
        lines[7].ends_with(
            "100.0  97.0 to 103.0  110.0  107.0 to 113.0     +10.0  faster (one window)"
        ),
        "{text}"
    );
    assert!(
        text.contains("leave out what varies over minutes and between server starts"),
        "{text}"
    );
    let json = render::json(&comparison, &column);
    let side = &json["cells"][0]["runs"][1];
    assert_eq!(side["verdict"], "faster");
    assert_eq!(side["interval_of"], "one_window");
    assert_eq!(side["figure"]["interval"]["low"], 107.0);
    assert!(Measure::column("throughput_low_tps").is_err());
}
