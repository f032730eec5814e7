use super::*;
use crate::plan::{Balancer, Delivery};

fn deliveries(plan: &Plan) -> Vec<Delivery> {
    let repeat = plan.cells.iter().filter(|cell| cell.repeat == 1);
    repeat.filter_map(|cell| cell.load.delivery).collect()
}

#[test]
fn control_cells_are_one_load_four_ways_three_times() {
    let plan = Run::of(RunKind::ControlSweep).plan();
    assert_eq!(
        deliveries(&plan),
        [
            Delivery::DirectStreamed,
            Delivery::DirectWhole,
            Delivery::NginxStreamed,
            Delivery::NginxWhole,
        ]
    );
    assert_eq!((plan.cells.len(), plan.finalists), (12, 0));
    let ways: Vec<(Balancer, bool)> = plan.cells[..4]
        .iter()
        .map(|cell| (plan.balancer_of(cell), plan.streams(cell)))
        .collect();
    assert_eq!(
        ways,
        [
            (Balancer::Direct, true),
            (Balancer::Direct, false),
            (Balancer::Nginx, true),
            (Balancer::Nginx, false),
        ]
    );
    assert!(
        plan.cells[2]
            .to_string()
            .ends_with(" delivery=nginx_streamed")
    );
}

#[test]
fn without_nginx_its_cost_is_not_measured_and_that_is_said() {
    let plan = Run::of(RunKind::ControlSweep).without_nginx().plan();
    assert_eq!(
        deliveries(&plan),
        [Delivery::DirectStreamed, Delivery::DirectWhole]
    );
    let told = |notice: &String| notice.contains("nginx was not found");
    assert!(plan.notices.iter().any(told), "{:?}", plan.notices);
}

#[test]
fn any_sweep_takes_the_axis_and_others_have_none() {
    let plan = Run::of(RunKind::CustomSweep)
        .axes(&["concurrency=4,8", "delivery=direct-streamed,direct_whole"])
        .plan();
    assert_eq!(plan.cells.len(), 4);
    let error = SweepAxis::parse("delivery=by-hand").unwrap_err();
    assert!(error.to_string().contains("nginx_streamed"), "{error}");
    let plain = Run::of(RunKind::FullSweep).plan();
    assert!(deliveries(&plain).is_empty());
    assert_eq!(plain.balancer_of(&plain.cells[0]), Balancer::Nginx);
}
