//! The prompt file that the settings name, as far as it must be known before a run.

use std::path::{Path, PathBuf};

use super::SessionError;
use crate::prompts::{Counter, Messages, PromptFile, file};
use crate::settings::{Settings, Var};

/// Prompts that are counted to tell the mean length.
const COUNTED: usize = 200;
/// Characters of the first prompt that are shown.
const PREVIEW: usize = 160;

/// What there is to know of a prompt file before it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub file: PromptFile,
    /// What is to be told: damage, and what is not used.
    pub notices: Vec<String>,
    /// The beginning of its first prompt, on one line.
    pub preview: String,
    /// Mean length in tokens, without the chat template; `None` where no tokenizer is known.
    pub mean_tokens: Option<f64>,
}

/// Reads `path`, and counts its prompts by the tokenizer of the model in `model`.
///
/// # Errors
/// Why it cannot be used, in words.
pub fn look(path: &Path, model: Option<&Path>) -> Result<Seen, String> {
    let read = file::read(path).map_err(|error| error.to_string())?;
    let preview = read.prompts.first().map(preview).unwrap_or_default();
    let counter = model.and_then(|folder| Counter::of_folder(folder).ok().flatten());
    Ok(Seen {
        mean_tokens: counter.and_then(|counter| mean_tokens(&counter, &read.prompts)),
        file: read.file,
        notices: read.notices,
        preview,
    })
}

fn preview(prompt: &Messages) -> String {
    let texts: Vec<String> = prompt.texts().into_iter().map(|(_, text)| text).collect();
    let words = texts.join(" ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let line = words.join(" ");
    let mut shown: String = line.chars().take(PREVIEW).collect();
    if shown.len() < line.len() {
        shown.push_str("...");
    }
    shown
}

/// Over prompts spread evenly over the file.
fn mean_tokens(counter: &Counter, prompts: &[Messages]) -> Option<f64> {
    let every = prompts.len().div_ceil(COUNTED).max(1);
    let mut counts = Vec::new();
    for prompt in prompts.iter().step_by(every) {
        let texts = prompt.texts();
        let tokens: Option<Vec<u32>> = texts.iter().map(|(_, text)| counter.count(text)).collect();
        counts.push(f64::from(tokens?.iter().sum::<u32>()));
    }
    (!counts.is_empty()).then(|| counts.iter().sum::<f64>() / counts.len() as f64)
}

/// Of the settings' file: what plans name, and what is to be told of it.
pub(super) async fn of_settings(
    settings: &Settings,
) -> Result<Option<(PromptFile, Vec<String>)>, SessionError> {
    let Some(path) = settings.path(Var::PromptsFile) else {
        return Ok(None);
    };
    let path = absolute(path);
    let read = tokio::task::spawn_blocking(move || file::read(&path)).await;
    let read = read.map_err(SessionError::failed)?;
    let read =
        read.map_err(|error| SessionError::Wrong(format!("{}: {error}", Var::PromptsFile)))?;
    Ok(Some((read.file, read.notices)))
}

/// It is kept with the run, which may be resumed from another folder.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::synthetic;

    #[test]
    fn a_file_is_described_by_its_first_prompt_and_its_mean_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.jsonl");
        let long = "x".repeat(300);
        std::fs::write(&path, format!("\"Why\\n  not?\"\n\"{long}\"\n")).unwrap();
        let seen = look(&path, None).unwrap();
        assert_eq!(seen.preview, "Why not?");
        assert_eq!((seen.file.count, seen.mean_tokens), (2, None));
        let tokenizer = synthetic::tokenizer_file(512).to_string();
        std::fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
        let seen = look(&path, Some(folder.path())).unwrap();
        // A character is a token: 10 and 300.
        assert_eq!(seen.mean_tokens, Some(155.0));
        std::fs::write(&path, format!("\"{long}\"\n")).unwrap();
        let shown = look(&path, None).unwrap().preview;
        assert_eq!(shown.len(), PREVIEW + 3);
        assert!(look(&folder.path().join("none"), None).is_err());
    }
}
