//! The form without its drawing.

use std::mem;

use super::action::FormAction;
use super::attach::{self, AttachQuery, AttachedModels, KeyText};
use super::axes::{AxisRow, Suggestion};
use super::edits::{AxisText, Edits};
use super::field::Field;
use super::model_picker::Catalogue;
use super::presets::Presets;
use super::prompts::{FoundPrompts, PromptsLine, PromptsQuery};
use super::summary::{CommandLine, Summary};
use crate::models::memory::Judgement;
use crate::plan::estimate::Pace;
use crate::plan::{KnownFlags, ModelRef, Plan, RunKind, SweepAxis};
use crate::settings::{SavedSettings, Settings, Var, table};

/// What the form is told of this machine. After a change: [`FormModel::update`].
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The process environment.
    pub environment: Vec<(String, String)>,
    pub saved: SavedSettings,
    /// Of the installed server; `None` while it is not known.
    pub known_flags: Option<KnownFlags>,
    pub nginx_found: bool,
    /// Logical CPU cores.
    pub cores: u32,
    /// What stands before a server's own arguments; `None` while no Python is known.
    pub launcher: Option<Vec<String>>,
    pub pace: Pace,
    /// Why nothing can be started now, as a sentence: MLX is being set up, a run is going on.
    pub busy: Option<String>,
    /// Most recent first.
    pub recent_models: Vec<ModelChoice>,
    pub found_models: Vec<ModelChoice>,
}

/// A line of the model picker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelChoice {
    /// What is written into the field.
    pub text: String,
    /// What is shown.
    pub label: String,
    /// Architecture, size and the like, in one line; may be empty.
    pub detail: String,
}

/// What the app found out about the model that the field names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedModel {
    /// As it was asked: counts only while the field still says so.
    pub text: String,
    /// Or why there is no such model.
    pub outcome: Result<ModelRef, String>,
    /// What it is, in one line; may be empty.
    pub detail: String,
    /// The longest that it can attend to, in tokens; `None` where it is not on this disk.
    pub context: Option<u64>,
}

/// The form: edits, and all that follows from them.
#[derive(Debug)]
pub struct FormModel {
    pub facts: Facts,
    pub(super) edits: Edits,
    /// What [`FormAction::Undo`] brings back, and what was done since.
    pub(super) former: Option<(Edits, String)>,
    pub(super) presets: Presets,
    /// Told under the presets: a file that was not understood, or could not be written.
    pub(super) preset_problem: Option<String>,
    pub(super) new_preset: String,
    pub(super) resolved: Option<ResolvedModel>,
    pub(super) memory: Option<Judgement>,
    /// Requests go to running servers.
    pub(super) attaching: bool,
    pub(super) attach_key: KeyText,
    /// What stands in the empty key field.
    pub(super) key_hint: &'static str,
    pub(super) attach_query: Option<AttachQuery>,
    pub(super) attached_models: Option<AttachedModels>,
    pub(super) prompts_query: Option<PromptsQuery>,
    pub(super) prompts: Option<FoundPrompts>,
    pub(super) prompts_line: Option<PromptsLine>,

    pub(super) catalogue: Catalogue,
    pub(super) fields: Vec<Field>,
    pub(super) overrides_text: String,
    pub(super) overrides_error: Option<String>,
    pub(super) axis_rows: Vec<AxisRow>,
    pub(super) axes_error: Option<String>,
    pub(super) suggestions: Vec<Suggestion>,
    /// Mistakes whose control is not in sight, in full.
    pub(super) problems: Vec<String>,
    pub(super) notices: Vec<String>,
    pub(super) blocked: Option<String>,
    pub(super) model_text: String,
    pub(super) plan: Option<Plan>,
    /// The axes of the present plan.
    pub(super) sweep_axes: Vec<SweepAxis>,
    /// The effective settings, while none of them is wrong.
    pub(super) settings: Option<Settings>,
    pub(super) summary: Option<Summary>,
    /// `Some` while the window is open.
    pub(super) commands: Option<Vec<CommandLine>>,
    pub(super) script: String,
    /// Beside the commands.
    pub(super) commands_note: String,
}

impl FormModel {
    /// Starts with what was last used. `problem` is told beside the presets.
    pub fn new(facts: Facts, presets: Presets, problem: Option<String>) -> Self {
        let edits = presets.last_used().unwrap_or_default();
        let mut form = Self {
            facts,
            edits,
            former: None,
            presets,
            preset_problem: problem,
            new_preset: String::new(),
            resolved: None,
            memory: None,
            attaching: false,
            attach_key: KeyText::default(),
            key_hint: "",
            attach_query: None,
            attached_models: None,
            prompts_query: None,
            prompts: None,
            prompts_line: None,
            catalogue: Catalogue::new(),
            fields: table::all()
                .iter()
                .map(|spec| Field::new(spec.var))
                .collect(),
            overrides_text: String::new(),
            overrides_error: None,
            axis_rows: Vec::new(),
            axes_error: None,
            suggestions: Vec::new(),
            problems: Vec::new(),
            notices: Vec::new(),
            blocked: None,
            model_text: String::new(),
            plan: None,
            sweep_axes: Vec::new(),
            settings: None,
            summary: None,
            commands: None,
            script: String::new(),
            commands_note: String::new(),
        };
        form.update();
        form
    }

    pub fn kind(&self) -> RunKind {
        self.edits.kind
    }

    pub fn edits(&self) -> &Edits {
        &self.edits
    }

    pub fn field(&self, var: Var) -> &Field {
        &self.fields[var as usize]
    }

    pub fn axis_rows(&self) -> &[AxisRow] {
        &self.axis_rows
    }

    pub fn suggestions(&self) -> &[Suggestion] {
        &self.suggestions
    }

    /// Mistakes that belong to no control in sight.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    pub fn overrides_error(&self) -> Option<&str> {
        self.overrides_error.as_deref()
    }

    pub fn axes_error(&self) -> Option<&str> {
        self.axes_error.as_deref()
    }

    /// What to know before the run; nothing of it stops the run.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    pub fn commands(&self) -> Option<&[CommandLine]> {
        self.commands.as_deref()
    }

    pub fn memory(&self) -> Option<&Judgement> {
        self.memory.as_ref()
    }

    /// The model that a run would use, as typed or by default.
    pub fn model_text(&self) -> &str {
        &self.model_text
    }

    /// The run, while nothing is wrong with it. Its model is as the app resolved it, or as typed
    /// where [`FormModel::set_resolved`] has not said yet.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// The axes that [`FormModel::plan`] was built with; the lists among the settings give the rest.
    pub fn sweep_axes(&self) -> &[SweepAxis] {
        &self.sweep_axes
    }

    /// The effective settings of [`FormModel::plan`].
    pub fn settings(&self) -> Option<&Settings> {
        self.settings.as_ref()
    }

    /// There is a mistake to mend, rather than something to wait for.
    pub(super) fn is_wrong(&self) -> bool {
        self.plan.is_none() || self.facts.busy.is_none()
    }

    /// Why Start does nothing; `None` where it starts [`FormModel::plan`].
    pub fn blocked(&self) -> Option<&str> {
        self.blocked.as_deref()
    }

    pub fn set_resolved(&mut self, model: ResolvedModel) {
        self.resolved = Some(model);
        self.update();
    }

    pub(super) fn model_detail(&self) -> Option<&str> {
        let resolved = self.resolved.as_ref()?;
        (resolved.text == self.model_text && !resolved.detail.is_empty())
            .then_some(resolved.detail.as_str())
    }

    /// Of the present plan; [`FormModel::update`] forgets it when the plan becomes another.
    pub fn set_memory(&mut self, memory: Option<Judgement>) {
        if self.plan.is_none() {
            return;
        }
        self.memory = memory;
        self.blocked = self.why_blocked(&[]);
    }

    /// Takes edits from outside the form, such as those of the last time.
    pub fn restore(&mut self, edits: Edits) {
        self.edits = edits;
        self.update();
    }

    /// Edits a setting from outside the form, such as a folder that was dropped.
    pub fn set(&mut self, var: Var, text: &str) {
        self.edits.fields.insert(var, text.to_owned());
        self.update();
    }

    /// Does what the form itself can do. True where the plan became another (see
    /// [`FormModel::update`]).
    pub fn apply(&mut self, action: &FormAction) -> bool {
        match action {
            FormAction::ChooseKind(kind) => self.edits.kind = *kind,
            FormAction::Edited(var) => {
                let text = self.fields[*var as usize].text.clone();
                self.edits.fields.insert(*var, text);
            }
            FormAction::Set(var, text) => {
                self.edits.fields.insert(*var, text.clone());
            }
            FormAction::Attach(on) => attach::choose(&mut self.edits, &self.facts, *on),
            FormAction::EditedKey => {}
            FormAction::Revert(var) => {
                self.edits.fields.remove(var);
            }
            FormAction::EditedOverrides => self.edits.overrides.clone_from(&self.overrides_text),
            FormAction::AddAxis => self.edits.axes.push(AxisText::default()),
            FormAction::EditedAxis(index) => {
                if let (Some(text), Some(row)) =
                    (self.edits.axes.get_mut(*index), self.axis_rows.get(*index))
                {
                    text.name.clone_from(&row.name);
                    text.values.clone_from(&row.values);
                }
            }
            FormAction::NameAxis(index, name) => {
                if let Some(text) = self.edits.axes.get_mut(*index) {
                    text.name.clone_from(name);
                }
            }
            FormAction::RemoveAxis(index) => {
                if *index < self.edits.axes.len() {
                    self.edits.axes.remove(*index);
                }
            }
            FormAction::SavePreset(name) => {
                self.preset_problem = self.presets.save(name, &self.edits).err();
                if self.preset_problem.is_none() {
                    self.new_preset.clear();
                }
                return false;
            }
            FormAction::DeletePreset(name) => {
                self.preset_problem = self.presets.delete(name).err();
                return false;
            }
            FormAction::LoadPreset(name) => match self.presets.get(name) {
                Some(edits) => self.replace(edits, format!("Loaded {name}")),
                None => self.preset_problem = Some(format!("There is no preset {name}.")),
            },
            FormAction::LoadLastUsed => {
                if let Some(edits) = self.presets.last_used() {
                    self.replace(edits, "Loaded the last run".to_owned());
                }
            }
            FormAction::Reset => {
                self.replace(Edits::of(self.edits.kind), "Reset to defaults".to_owned());
            }
            FormAction::Undo => {
                if let Some((edits, _)) = self.former.take() {
                    self.edits = edits;
                }
            }
            FormAction::OpenCommands => self.commands = Some(Vec::new()),
            FormAction::CloseCommands => self.commands = None,
            FormAction::PickModelFolder | FormAction::PickPrompts => return false,
            FormAction::Start => {
                self.preset_problem = self.presets.set_last_used(&self.edits).err();
                return false;
            }
        }
        self.update()
    }

    fn replace(&mut self, edits: Edits, done: String) {
        let former = mem::replace(&mut self.edits, edits);
        self.former = Some((former, done));
    }
}
