//! The prompt file: what the form knows of it.

use std::path::PathBuf;

use super::model::FormModel;
use super::problems::{Place, Problem};
use crate::plan::Plan;
use crate::session::prompts::{Seen, absolute};
use crate::settings::{Settings, Var};
use crate::units;
use crate::wording::sentence;

/// Which file the app should look at, and by which model's tokenizer it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptsQuery {
    pub path: PathBuf,
    /// A folder on this disk.
    pub model: Option<PathBuf>,
}

/// What it found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundPrompts {
    pub query: PromptsQuery,
    pub outcome: Result<Seen, String>,
}

/// As it is shown under the field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PromptsLine {
    /// `mixed.jsonl · 1,204 prompts · about 310 tokens each`
    pub summary: String,
    /// The first prompt.
    pub preview: String,
}

impl FormModel {
    /// The file that the app should look at now; `None` where there is none.
    pub fn prompts_query(&self) -> Option<&PromptsQuery> {
        self.prompts_query.as_ref()
    }

    pub fn set_prompts(&mut self, found: FoundPrompts) {
        self.prompts = Some(found);
        self.update();
    }

    /// Follows the field; a file that cannot be used is told there.
    pub(super) fn follow_prompts(&mut self, settings: &Settings, found: &mut Vec<Problem>) {
        self.prompts_query = settings.path(Var::PromptsFile).map(|path| PromptsQuery {
            path: absolute(path),
            model: self.model_folder(),
        });
        if let Some(Err(why)) = self.seen_prompts() {
            found.push(Problem {
                place: Place::Field(Var::PromptsFile),
                text: sentence(why),
                full: format!("{}: {why}", Var::PromptsFile),
            });
        }
        self.prompts_line = match self.seen_prompts() {
            Some(Ok(seen)) => Some(PromptsLine::of(seen, self.is_counted())),
            _ => None,
        };
    }

    /// The plan that asks them.
    pub(super) fn with_prompts(&self, mut plan: Plan) -> Plan {
        if let Some(Ok(seen)) = self.seen_prompts() {
            plan.workload.prompt_file = Some(seen.file.clone());
            plan.notices.extend(seen.notices.iter().cloned());
        }
        plan
    }

    /// Of the present file, whichever model it was counted by.
    fn seen_prompts(&self) -> Option<&Result<Seen, String>> {
        let (found, query) = (self.prompts.as_ref()?, self.prompts_query.as_ref()?);
        (found.query.path == query.path).then_some(&found.outcome)
    }

    /// By the present model.
    fn is_counted(&self) -> bool {
        self.prompts.as_ref().map(|found| &found.query) == self.prompts_query.as_ref()
    }

    /// Where the model lies on this disk; `None` while that is not known.
    fn model_folder(&self) -> Option<PathBuf> {
        let resolved = self.resolved.as_ref()?;
        let known = resolved.text == self.model_text && !self.attaching;
        // A context is read from its folder.
        resolved.context.filter(|_| known)?;
        let model = resolved.outcome.as_ref().ok()?;
        Some(PathBuf::from(&model.path))
    }
}

impl PromptsLine {
    fn of(seen: &Seen, counted: bool) -> Self {
        let file = &seen.file;
        let grouped = |n: u64| units::grouped(n as f64, 0);
        let prompts = match file.count {
            1 => "1 prompt".to_owned(),
            n if file.used < n => format!("{} of {} prompts", grouped(file.used), grouped(n)),
            n => format!("{} prompts", grouped(n)),
        };
        let length = match seen.mean_tokens.filter(|_| counted) {
            Some(tokens) => format!("about {} tokens each", grouped(tokens.round() as u64)),
            None => format!("about {} characters each", grouped(file.mean_chars)),
        };
        Self {
            summary: format!("{} · {prompts} · {length}", file.name()),
            preview: seen.preview.clone(),
        }
    }
}
