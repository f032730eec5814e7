//! Plans from settings to command lines, on the real help text of mlx-lm 0.32.2.

mod attached;
mod build;
mod commands;
mod delivery;
mod estimate;
mod lengths;
mod open_loop;
mod order;
mod quick;
mod server_flags;
mod warm_up;

use super::known_flags::KnownFlags;
use super::known_flags::tests::real;
use super::{Cell, Inputs, ModelRef, Plan, PlanError, RunKind, SweepAxis, build as build_plan};
use crate::settings::overrides::Overrides;
use crate::settings::{SavedSettings, Settings, Sources, Var};

/// A run in the making, read like a command line.
struct Run {
    kind: RunKind,
    sources: Sources,
    axes: Vec<SweepAxis>,
    flags: Option<KnownFlags>,
    nginx: bool,
    cores: u32,
    model: &'static str,
    synthetic: bool,
}

impl Run {
    fn of(kind: RunKind) -> Self {
        Self {
            kind,
            sources: Sources::default(),
            axes: Vec::new(),
            flags: Some(real()),
            nginx: true,
            cores: 10,
            model: "/models/tiny",
            synthetic: true,
        }
    }

    fn with(mut self, overrides: &str) -> Self {
        self.sources.overrides = Overrides::from_line(overrides).expect("valid pairs");
        self
    }

    fn with_args(mut self, args: &str) -> Self {
        self.sources.edited = vec![(Var::ServerArgs, args.to_owned())];
        self
    }

    fn saved(mut self, var: Var, text: &str) -> Self {
        let mut saved = SavedSettings::default();
        saved.set(var, Some(text));
        self.sources.saved = saved;
        self
    }

    fn axes(mut self, axes: &[&str]) -> Self {
        self.axes = SweepAxis::parse_all(axes).expect("valid axes");
        self
    }

    fn server(mut self, flags: Option<KnownFlags>) -> Self {
        self.flags = flags;
        self
    }

    fn without_nginx(mut self) -> Self {
        self.nginx = false;
        self
    }

    fn build(&self) -> Result<Plan, Vec<PlanError>> {
        let settings = Settings::resolve(&self.sources).expect("valid settings");
        build_plan(Inputs {
            kind: self.kind,
            settings: &settings,
            axes: &self.axes,
            model: ModelRef {
                path: self.model.to_owned(),
                label: "synthetic:tiny".to_owned(),
                synthetic: self.synthetic,
            },
            known_flags: self.flags.as_ref(),
            nginx_found: self.nginx,
            cores: self.cores,
            drawn_seed: Some(7),
        })
    }

    fn plan(&self) -> Plan {
        self.build().expect("a plan")
    }

    fn errors(&self) -> Vec<String> {
        self.build()
            .expect_err("no plan")
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// The only error.
    fn error(&self) -> String {
        let errors = self.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.into_iter().next().expect("one")
    }
}

/// The only notice that holds the text.
fn notice<'a>(plan: &'a Plan, part: &str) -> &'a str {
    let found: Vec<&String> = plan.notices.iter().filter(|n| n.contains(part)).collect();
    assert_eq!(found.len(), 1, "{part:?} in {:#?}", plan.notices);
    found[0]
}

fn effective(plan: &Plan, var: Var) -> (&str, &str) {
    let setting = plan
        .settings
        .iter()
        .find(|s| s.name == var.name())
        .expect("every setting is listed");
    (&setting.value, &setting.source)
}

/// The plan's one cell.
fn only(plan: &Plan) -> &Cell {
    assert_eq!(plan.cells.len(), 1);
    &plan.cells[0]
}

/// The values that occur, sorted.
fn distinct<T: Ord>(plan: &Plan, of: impl Fn(&Cell) -> T) -> Vec<T> {
    let mut values: Vec<T> = plan.cells.iter().map(of).collect();
    values.sort();
    values.dedup();
    values
}
