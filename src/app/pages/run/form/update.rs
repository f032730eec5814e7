//! From edits and facts to all that the form shows.

use super::attach::{self, AttachQuery};
use super::axes::{self, ReadAxis};
use super::model::{FormModel, ResolvedModel};
use super::problems::{self, Place, Problem};
use super::relevance::Relevance;
use super::summary::{self, Summary};
use super::{sources, words};
use crate::models::memory::Verdict;
use crate::models::synthetic;
use crate::plan::attached::FIXED;
use crate::plan::{Axis, Inputs, ModelRef, Plan, PlanError, SweepAxis, build, context};
use crate::session::DEFAULT_MODEL;
use crate::settings::overrides::Overrides;
use crate::settings::{Settings, Sources, Var};
use crate::wording;

impl FormModel {
    /// Computes everything anew. True where the plan became another: its memory is then to be
    /// judged and told with [`FormModel::set_memory`].
    pub fn update(&mut self) -> bool {
        let kind = self.edits.kind;
        let (overrides, override_errors) = sources::overrides(&self.edits.overrides);
        // What is attached decides which axes and fields there are.
        let (outline, _) = sources::resolve(self.sources(overrides.clone(), |_| true));
        self.attaching = attach::is_attaching(&self.edits, &outline);
        let plain = Relevance {
            kind,
            extra_axes: &[],
            attached: self.attaching,
        };
        let (axis_rows, read) = axes::read(plain.own_axes(), &self.edits.axes);
        let takes_axes = Relevance::takes_axes(kind);
        let extra: Vec<Axis> = read.iter().map(|r| r.axis.axis.clone()).collect();
        let relevance = Relevance {
            kind,
            extra_axes: &extra,
            ..plain
        };

        let (settings, setting_errors) =
            sources::resolve(self.sources(overrides, |var| relevance.reads(var)));
        let settings = settings.for_kind(&kind.to_string());
        self.settings = setting_errors.is_empty().then(|| settings.clone());
        let mut found: Vec<Problem> = override_errors
            .iter()
            .chain(&setting_errors)
            .map(problems::of_setting)
            .collect();

        let model_text = settings.text(Var::ModelPath).unwrap_or(DEFAULT_MODEL);
        model_text.trim().clone_into(&mut self.model_text);
        self.follow_attached(&settings, &mut found);
        let model = if self.attaching {
            self.attached_model(&settings, &mut found)
        } else {
            self.model_ref(&mut found)
        };
        self.follow_prompts(&settings, &mut found);
        let read = if takes_axes { read } else { Vec::new() };
        let sweep_axes: Vec<SweepAxis> = read.iter().map(|r| r.axis.clone()).collect();
        let built = build(Inputs {
            kind,
            settings: &settings,
            axes: &sweep_axes,
            model,
            known_flags: self.facts.known_flags.as_ref(),
            nginx_found: self.facts.nginx_found,
            cores: self.facts.cores,
            // The run draws it.
            drawn_seed: None,
        });
        let row_errors = takes_axes && axis_rows.iter().any(|row| row.error.is_some());
        let plan = match built {
            Ok(plan) => {
                let plan = self.with_prompts(plan);
                if let Some(error) = self.too_long(&plan, &sweep_axes, &settings) {
                    found.extend(self.plan_problems(&[error], &settings, &read, row_errors));
                }
                Some(plan).filter(|_| found.is_empty() && !row_errors)
            }
            Err(errors) => {
                found.extend(self.plan_problems(&errors, &settings, &read, row_errors));
                None
            }
        };

        self.show_fields(&settings, &relevance, plan.as_ref());
        let changed = self.plan != plan;
        if changed {
            self.memory = None;
        }
        self.plan = plan;
        self.sweep_axes = sweep_axes;
        self.axis_rows = if takes_axes { axis_rows } else { Vec::new() };
        self.suggestions = if takes_axes {
            let known = self.facts.known_flags.as_ref();
            axes::suggestions(plain.own_axes(), self.attaching, known)
        } else {
            Vec::new()
        };
        self.overrides_text.clone_from(&self.edits.overrides);
        self.place(found);
        self.notices.clone_from(&settings.warnings);
        self.follow_plan();
        changed
    }

    /// Everything that can set a value, the edits of those settings alone that `reads` says.
    fn sources(&self, overrides: Overrides, reads: impl Fn(Var) -> bool) -> Sources {
        let fields = self.edits.fields.iter();
        let edited = fields
            .filter(|(var, _)| reads(**var))
            .map(|(var, text)| (*var, text.clone()))
            .chain(self.key_edit());
        Sources {
            edited: edited.collect(),
            overrides,
            environment: self.facts.environment.clone(),
            saved: self.facts.saved.clone(),
        }
    }

    /// Whom to ask for models, and that a URL is missing.
    fn follow_attached(&mut self, settings: &Settings, found: &mut Vec<Problem>) {
        let urls = settings.urls(Var::Attach);
        let key = settings.secret(Var::AttachKey).cloned();
        self.key_hint = match (&key, self.key_edit()) {
            (Some(_), None) => "from the environment",
            _ => "none",
        };
        self.attach_query = (self.attaching && !urls.is_empty()).then(|| AttachQuery {
            urls: urls.to_vec(),
            key,
        });
        let told = found
            .iter()
            .any(|problem| problem.place == Place::Field(Var::Attach));
        if self.attaching && urls.is_empty() && !told {
            let text = "Write the base URL of a running server, such as http://127.0.0.1:1234.";
            found.push(Problem {
                place: Place::Field(Var::Attach),
                text: text.to_owned(),
                full: format!("{}: {text}", Var::Attach),
            });
        }
    }

    fn model_ref(&self, found: &mut Vec<Problem>) -> ModelRef {
        let text = &self.model_text;
        match self.resolved.as_ref().filter(|r| r.text == *text) {
            Some(ResolvedModel {
                outcome: Ok(model), ..
            }) => return model.clone(),
            Some(ResolvedModel {
                outcome: Err(error),
                ..
            }) => found.push(Problem {
                place: Place::Field(Var::ModelPath),
                text: error.clone(),
                full: error.clone(),
            }),
            None => {}
        }
        ModelRef {
            path: text.clone(),
            label: text.clone(),
            synthetic: text.starts_with(synthetic::PREFIX),
        }
    }

    /// Prompts and answers that the model's context cannot hold.
    fn too_long(&self, plan: &Plan, axes: &[SweepAxis], settings: &Settings) -> Option<PlanError> {
        let resolved = self.resolved.as_ref()?;
        let known = resolved.text == self.model_text && !self.attaching;
        context::check(plan, axes, settings, resolved.context.filter(|_| known)?)
    }

    fn plan_problems(
        &self,
        errors: &[PlanError],
        settings: &Settings,
        read: &[ReadAxis],
        row_errors: bool,
    ) -> Vec<Problem> {
        errors
            .iter()
            // A row that cannot be read is told already, and is why there is no axis.
            .filter(|error| !(row_errors && **error == PlanError::NoAxis))
            .map(|error| problems::of_plan(error, settings, read, self.facts.known_flags.as_ref()))
            .collect()
    }

    fn show_fields(&mut self, settings: &Settings, relevance: &Relevance, plan: Option<&Plan>) {
        for field in &mut self.fields {
            let var = field.var;
            field.fill(self.edits.fields.get(&var), settings, plan);
            field.fixed = relevance.is_fixed(var).then_some(FIXED);
            field.shown = (relevance.reads(var) || field.fixed.is_some())
                && (field.edited || !relevance.is_idle(var, settings));
        }
    }

    /// Puts each mistake to its control, or into the list where that is not in sight.
    fn place(&mut self, found: Vec<Problem>) {
        self.overrides_error = None;
        self.axes_error = None;
        self.problems.clear();
        let mut all: Vec<String> = self
            .axis_rows
            .iter()
            .filter_map(|row| row.error.clone())
            .collect();
        for Problem { place, text, full } in found {
            let slot = match place {
                Place::Field(var) => {
                    let field = &mut self.fields[var as usize];
                    field.shown.then_some(&mut field.error)
                }
                Place::Overrides => Some(&mut self.overrides_error),
                Place::Axis(index) => self.axis_rows.get_mut(index).map(|row| &mut row.error),
                Place::Axes => Some(&mut self.axes_error),
                Place::Elsewhere => None,
            };
            all.push(match place {
                Place::Field(var) => format!("{}: {text}", words::label(var)),
                _ => full.clone(),
            });
            match slot {
                Some(Some(told)) => {
                    told.push('\n');
                    told.push_str(&text);
                }
                Some(slot) => *slot = Some(text),
                None => self.problems.push(full),
            }
        }
        self.blocked = self.why_blocked(&all);
    }

    pub(super) fn why_blocked(&self, mistakes: &[String]) -> Option<String> {
        match mistakes {
            [] => {}
            [only] => return Some(only.clone()),
            [first, rest @ ..] => return Some(format!("{first}\n... and {} more.", rest.len())),
        }
        if self.facts.busy.is_some() {
            return self.facts.busy.clone();
        }
        self.memory
            .as_ref()
            .filter(|memory| memory.verdict == Verdict::DoesNotFit)
            .map(|memory| wording::sentence(&format!("this run {}", memory.text)))
    }

    fn follow_plan(&mut self) {
        let Some(plan) = &self.plan else {
            self.summary = None;
            self.commands = self.commands.take().map(|_| Vec::new());
            self.script.clear();
            return;
        };
        self.notices.extend(plan.notices.iter().cloned());
        self.summary = Some(Summary::of(plan, self.facts.pace));
        if self.commands.is_some() {
            let commands = summary::commands(plan, self.facts.launcher.as_deref());
            self.script = summary::script(&commands);
            self.commands_note = summary::commands_note(&commands, self.facts.launcher.is_some());
            self.commands = Some(commands);
        }
    }
}
