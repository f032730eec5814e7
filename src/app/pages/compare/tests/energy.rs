//! Energy of other meters: the page says why it does not compare.

use super::*;
use crate::compare::testing::with_energy;
use crate::monitor::energy::EnergySource;

#[test]
fn other_meters_are_not_drawn_against_each_other_and_the_page_says_why() {
    for (theme, name) in [(Theme::Dark, "dark"), (Theme::Light, "light")] {
        let mut harness = harness(ComparePage::default(), theme);
        for (joules, source) in [(0.4, EnergySource::System), (0.2, EnergySource::Gpu)] {
            let run = Arc::new(with_energy("Apple M3 Max", joules, source));
            let page = &mut harness.state_mut().page;
            let path = run.run.path.clone();
            page.add(&path);
            if let Some(runs) = page.set_loaded(&path, Ok(run)) {
                page.set_comparison(Comparison::new(runs));
            }
            harness.run();
        }
        harness
            .get_by_role_and_label(Role::ComboBox, "Layer")
            .click();
        harness.run();
        press(&mut harness, "Energy");
        harness.get_by_label("Not compared");
        harness.get_by_label_contains("read by different meters");
        picture(&mut harness, &format!("compare_energy_lines_{name}.png"));

        press(&mut harness, "Difference");
        harness.get_by_label("decode concurrency 8, concurrency 1: not compared");
        harness.get_by_label_contains("read by different meters");
        picture(
            &mut harness,
            &format!("compare_energy_difference_{name}.png"),
        );

        press(&mut harness, "Cells");
        assert_eq!(shown_texts(&harness, "B vs A"), [""; 6]);
        assert_eq!(shown_texts(&harness, "A")[0], "0.400");
        picture(&mut harness, &format!("compare_energy_cells_{name}.png"));
    }
}
