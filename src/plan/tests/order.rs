use std::collections::BTreeMap;

use super::*;
use crate::plan::Order;
use crate::plan::commands::Transition;
use crate::plan::estimate::{Pace, estimate};

/// 2 repeats x 2 decode x 2 instances, each with 2 x 4 loads.
fn sweep(words: &str) -> Plan {
    Run::of(RunKind::FullSweep)
        .axes(&[
            "instances=1,2",
            "decode_concurrency=8,16",
            "prompt_concurrency=4",
            "concurrency=1,2,4,8",
            "max_tokens=16,32",
        ])
        .with(&format!("MLX_REPEATS=2 {words}"))
        .plan()
}

/// What each server start would be asked for, in turn: cells of one set of servers are one entry.
fn blocks(cells: &[Cell]) -> Vec<Vec<u32>> {
    let mut blocks: Vec<Vec<u32>> = Vec::new();
    let mut previous = None;
    for cell in cells {
        if Transition::between(previous, cell) != Transition::Keep {
            blocks.push(Vec::new());
        }
        blocks
            .last_mut()
            .expect("the first restarts")
            .push(cell.index);
        previous = Some(cell);
    }
    blocks
}

#[test]
fn every_order_is_a_permutation_within_each_server_start() {
    let plan = sweep("MLX_ORDER=nested");
    let nested = blocks(&plan.cells);
    assert_eq!(nested.len(), 8);
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..500 {
        let order = Order::Random { seed };
        let run = order.arranged(plan.cells.clone());
        assert_eq!(run, order.arranged(plan.cells.clone()), "equal seeds");
        let random = blocks(&run);
        let sorted: Vec<Vec<u32>> = random
            .iter()
            .map(|block| {
                let mut block = block.clone();
                block.sort_unstable();
                block
            })
            .collect();
        assert_eq!(sorted, nested, "seed {seed} moves cells between starts");
        assert!(
            seen.insert(random),
            "seed {seed} gives the order of another"
        );
        // Whatever is done already, the rest stays in its order.
        let left = |cell: &Cell| cell.index % 3 != seed % 3;
        let rest: Vec<Cell> = plan.cells.iter().filter(|c| left(c)).cloned().collect();
        let expected: Vec<Cell> = run.into_iter().filter(left).collect();
        assert_eq!(order.arranged(rest), expected, "seed {seed}");
    }
    let run = Order::Random { seed: 1 }.arranged(plan.cells.clone());
    let as_run = Plan {
        cells: run,
        ..plan.clone()
    };
    assert_eq!(
        estimate(&as_run, Pace::default()).server_processes,
        estimate(&plan, Pace::default()).server_processes
    );
}

/// Chi-squared over the 24 orders of four cells; its 99.9 % point at 23 degrees of freedom is 49.7.
#[test]
fn no_order_comes_more_often_than_another() {
    let plan = Run::of(RunKind::CustomSweep)
        .axes(&["concurrency=1,2,4,8"])
        .plan();
    let mut counts: BTreeMap<Vec<u32>, f64> = BTreeMap::new();
    for seed in 0..24_000 {
        let run = Order::Random { seed }.arranged(plan.cells.clone());
        let order = run.iter().map(|cell| cell.index).collect();
        *counts.entry(order).or_default() += 1.0;
    }
    assert_eq!(counts.len(), 24);
    let chi_squared: f64 = counts
        .values()
        .map(|n| (n - 1_000.0).powi(2) / 1_000.0)
        .sum();
    assert!(chi_squared < 49.7, "{chi_squared}");
}

#[test]
fn an_order_is_the_same_on_every_machine_and_in_every_version() {
    let plan = Run::of(RunKind::CustomSweep)
        .axes(&["concurrency=1..128x2"])
        .plan();
    let run = Order::Random { seed: 20_261_124 }.arranged(plan.cells);
    let order: Vec<u32> = run.iter().map(|cell| cell.index).collect();
    // Worked out apart from this code, in Python.
    assert_eq!(order, [2, 5, 0, 4, 3, 6, 1, 7]);
}

#[test]
fn the_seed_is_given_or_drawn_and_told() {
    let drawn = sweep("");
    assert_eq!(drawn.order, Order::Random { seed: 7 });
    assert_eq!(effective(&drawn, Var::Seed), ("7", "default"));
    assert_eq!(effective(&drawn, Var::Order), ("random", "default"));
    let told = drawn.order_sentence().expect("there is an order to tell");
    assert!(told.contains("MLX_SEED=7 "), "{told}");
    assert_eq!(sweep("MLX_SEED=7").cells_as_run(), drawn.cells_as_run());
    let given = sweep("MLX_SEED=4294967295");
    assert_eq!(given.order, Order::Random { seed: u32::MAX });
    // A cell's place in the grid is not its turn.
    assert_eq!(given.cells, drawn.cells);
    assert_ne!(given.cells_as_run(), drawn.cells_as_run());

    let nested = sweep("MLX_ORDER=nested MLX_SEED=3");
    assert_eq!(nested.order, Order::Nested);
    assert_eq!(nested.cells_as_run(), nested.cells);
    assert_eq!(nested.order_sentence(), None);
    notice(&nested, "MLX_SEED is not used");
    // One cell a server start: there is no order to tell.
    let plan = Run::of(RunKind::ConcurrencySweep).plan();
    assert_eq!(plan.order_sentence(), None);
    assert_eq!(plan.cells_as_run(), plan.cells);
}

#[test]
fn a_plan_keeps_its_order_and_older_ones_were_nested() {
    let plan = sweep("MLX_SEED=5");
    let mut json = serde_json::to_value(&plan).expect("JSON");
    assert_eq!(
        json["order"],
        serde_json::json!({"kind": "random", "seed": 5})
    );
    let read: Plan = serde_json::from_value(json.clone()).expect("a plan");
    assert_eq!(read, plan);
    json.as_object_mut().expect("an object").remove("order");
    let read: Plan = serde_json::from_value(json).expect("a plan of before");
    assert_eq!(read.order, Order::Nested);
}
