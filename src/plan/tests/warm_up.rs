use super::*;
use crate::plan::warm_up::tokens_together;

#[test]
fn a_batch_is_filled_before_its_first_answer_ends() {
    let mut plan = Run::of(RunKind::FullSweep).plan();
    let mut cell = plan.cells[0].clone();
    let mut tokens = |instances, decode, prompt, concurrency, max_tokens| {
        cell.point.instances = instances;
        (cell.point.decode_concurrency, cell.point.prompt_concurrency) = (decode, prompt);
        (cell.load.concurrency, cell.load.max_tokens) = (concurrency, max_tokens);
        tokens_together(&plan, &cell)
    };
    // Four lots of eight, and two tokens more.
    assert_eq!(tokens(1, Some(32), Some(8), 64, 128), Some(6));
    assert_eq!(tokens(1, None, None, 64, 128), Some(6));
    assert_eq!(tokens(2, Some(32), Some(8), 16, 128), Some(3));
    assert_eq!(tokens(1, Some(64), Some(2), 64, 128), Some(34));
    // Never longer than the answers that are measured.
    assert_eq!(tokens(1, Some(64), Some(2), 64, 20), Some(20));
    assert_eq!(tokens(1, Some(32), Some(8), 1, 128), None);
    plan.workload.warmup_requests = 0;
    cell.load.concurrency = 64;
    assert_eq!(tokens_together(&plan, &cell), None, "no warm-up is wanted");
}
