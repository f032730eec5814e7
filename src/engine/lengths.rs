//! Prompts of an asked length: exact where the model's tokenizer is on this disk, else calibrated
//! against what the server counts. All of it happens before a cell's window.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::load::probe;
use super::load::prompts::{PromptSource, PromptText};
use super::load::target::Target;
use crate::measure::sample::RequestError;
use crate::plan::{Cell, FlagValue, Plan};
use crate::prompts::{Counter, Fitted, LengthSource, fit, joined};

/// Prompts that are sent to find one of the asked length.
const TRIES: u32 = 5;
/// English prose under the tokenizers of Llama 3, Qwen and Mistral, roughly.
const CHARS_PER_TOKEN: f64 = 4.2;
/// What a chat template and a prefix come to there, roughly.
const AROUND_TOKENS: f64 = 35.0;

/// The text of a cell's prompts, and where its length comes from; `None` where none was asked.
pub(super) type OfLength = (PromptText, Option<LengthSource>);

/// What is known of lengths in this run.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    counter: Option<Arc<Counter>>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// What the chat template adds, by the server flags that an axis sets: one of them may be
    /// another template.
    around: HashMap<Vec<FlagValue>, i64>,
    found: HashMap<(Vec<FlagValue>, u32), (String, LengthSource)>,
    /// Characters and the tokens that the server counted.
    points: HashMap<Vec<FlagValue>, Vec<(usize, u32)>>,
}

/// Who is asked how long a prompt is.
pub(super) struct Asking<'a> {
    pub target: &'a Target,
    pub prompts: &'a Arc<PromptSource>,
    pub temperature: f64,
    pub timeout: Duration,
}

impl Asking<'_> {
    /// What the server counts of a prompt, with its chat template.
    async fn count(&self, prompt: &PromptText) -> Result<u32, RequestError> {
        let (target, prompts) = (self.target, self.prompts);
        let usage =
            probe::one_token_to(target, 0, prompts, prompt, self.temperature, self.timeout).await?;
        Ok(usage.prompt_tokens)
    }
}

impl Lengths {
    /// Loads the tokenizer if any cell asks for a length; from then on `prompts` have prefixes of
    /// one length. With it what should be told.
    pub async fn of_plan(plan: &Plan, prompts: &Arc<PromptSource>) -> (Self, Option<String>) {
        let asked = plan.cells.iter().any(|c| c.load.prompt_tokens.is_some());
        // The name of an attached server's model may be a folder here, of another model.
        if !asked || plan.servers.attached.is_some() {
            return (Self::default(), None);
        }
        let folder = plan.model.path.clone();
        let loaded = tokio::task::spawn_blocking(move || {
            let counter = Counter::of_folder(Path::new(&folder)).map_err(|e| e.to_string())?;
            let counter = counter.ok_or("the model has no tokenizer.json on this disk")?;
            let symbols = crate::prompts::Symbols::of_equal_tokens(&counter)
                .ok_or("its tokenizer has no prefixes of equal length")?;
            Ok::<_, String>((counter, symbols))
        });
        let why = match loaded.await {
            Ok(Ok((counter, symbols))) => {
                prompts.use_symbols(symbols);
                let lengths = Self {
                    counter: Some(Arc::new(counter)),
                    ..Self::default()
                };
                return (lengths, None);
            }
            Ok(Err(why)) => why,
            Err(error) => error.to_string(),
        };
        let text = format!(
            "Prompt lengths are calibrated against the server's own count and not exact: {why}."
        );
        (Self::default(), Some(text))
    }

    /// The prompt of `cell`, whose text is `base` repeated to the asked length.
    ///
    /// # Errors
    /// The server did not answer a prompt that was sent to learn its length.
    pub async fn prompt(
        &self,
        cell: &Cell,
        base: PromptText,
        asking: &Asking<'_>,
    ) -> Result<OfLength, RequestError> {
        let Some(tokens) = cell.load.prompt_tokens else {
            return Ok((base, None));
        };
        let flags = &cell.point.flags;
        let key = (flags.clone(), tokens);
        let known = self.known().found.get(&key).cloned();
        let (text, source) = if let Some(known) = known {
            known
        } else {
            let exact = match &self.counter {
                Some(counter) => self.exact(counter, flags, &base, tokens, asking).await?,
                None => None,
            };
            let found = match exact {
                Some(text) => (text, LengthSource::Exact),
                None => self.calibrated(flags, &base, tokens, asking).await?,
            };
            self.known().found.insert(key, found.clone());
            found
        };
        Ok((PromptText { text, ..base }, Some(source)))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` where the server's count does not follow the tokenizer's.
    async fn exact(
        &self,
        counter: &Arc<Counter>,
        flags: &[FlagValue],
        base: &PromptText,
        tokens: u32,
        asking: &Asking<'_>,
    ) -> Result<Option<String>, RequestError> {
        let learned = self.known().around.get(flags).copied();
        let mut around = if let Some(around) = learned {
            around
        } else {
            let prefix = if base.identical {
                String::new()
            } else {
                asking.prompts.symbols().prefix(0)
            };
            let sent = joined(&prefix, &base.text);
            let Some(own) = counter.count(&sent) else {
                return Ok(None);
            };
            i64::from(asking.count(base).await?) - i64::from(own)
        };
        for _ in 0..TRIES {
            let wanted = u32::try_from(i64::from(tokens) - around).unwrap_or(0);
            let Some(fitted) = fitted(counter, asking.prompts, base, wanted).await else {
                return Ok(None);
            };
            let expected = i64::from(fitted.tokens) + around;
            let prompt = PromptText {
                text: fitted.text.clone(),
                ..base.clone()
            };
            let counted = i64::from(asking.count(&prompt).await?);
            if counted == expected {
                self.known().around.insert(flags.to_vec(), around);
                return Ok(Some(fitted.text));
            }
            // The text's end or beginning joins with the template in another way.
            around += counted - expected;
        }
        Ok(None)
    }

    /// Lines through what the server counted so far; the text is one sentence over and over, so its
    /// tokens grow evenly with its characters.
    async fn calibrated(
        &self,
        flags: &[FlagValue],
        base: &PromptText,
        tokens: u32,
        asking: &Asking<'_>,
    ) -> Result<(String, LengthSource), RequestError> {
        let mut points = self.known().points.get(flags).cloned().unwrap_or_default();
        let mut best: Option<(u32, usize)> = None;
        for _ in 0..TRIES {
            let chars = guess(&points, tokens);
            if points.iter().any(|(known, _)| *known == chars) && best.is_some() {
                break;
            }
            let prompt = PromptText {
                text: repeated(&base.text, chars),
                ..base.clone()
            };
            let counted = asking.count(&prompt).await?;
            if counted == 0 {
                return Ok((prompt.text, LengthSource::None));
            }
            points.push((chars, counted));
            let off = counted.abs_diff(tokens);
            if best.is_none_or(|(least, _)| off < least) {
                best = Some((off, chars));
            }
            if f64::from(off) <= (f64::from(tokens) * 0.005).max(1.0) {
                break;
            }
        }
        self.known().points.insert(flags.to_vec(), points);
        let chars = best.map_or(0, |(_, chars)| chars);
        Ok((repeated(&base.text, chars), LengthSource::Calibrated))
    }
}

/// Off the engine's threads: a long prompt takes a while to tokenise.
async fn fitted(
    counter: &Arc<Counter>,
    prompts: &Arc<PromptSource>,
    base: &PromptText,
    tokens: u32,
) -> Option<Fitted> {
    let (counter, prompts, base) = (Arc::clone(counter), Arc::clone(prompts), base.clone());
    let work = move || {
        fit(
            &counter,
            prompts.symbols(),
            base.identical,
            &base.text,
            tokens,
        )
    };
    tokio::task::spawn_blocking(work).await.ok().flatten()
}

/// Characters of text that should come to `tokens`: on the line through the two known points that
/// are nearest, or through the only one with a usual slope.
fn guess(points: &[(usize, u32)], tokens: u32) -> usize {
    let mut nearest = points.to_vec();
    nearest.sort_by_key(|(_, counted)| counted.abs_diff(tokens));
    let wanted = f64::from(tokens);
    let chars = match nearest.as_slice() {
        [] => (wanted - AROUND_TOKENS) * CHARS_PER_TOKEN,
        [(chars, counted)] => *chars as f64 + (wanted - f64::from(*counted)) * CHARS_PER_TOKEN,
        [(chars, counted), others @ ..] => {
            let slope = others
                .iter()
                .find(|(_, other)| other.abs_diff(*counted) > 8)
                .map(|(other_chars, other)| {
                    (*chars as f64 - *other_chars as f64)
                        / (f64::from(*counted) - f64::from(*other))
                })
                .filter(|slope| *slope > 0.1);
            *chars as f64 + (wanted - f64::from(*counted)) * slope.unwrap_or(CHARS_PER_TOKEN)
        }
    };
    chars.max(0.0).round() as usize
}

/// The first `chars` characters of `text`, repeated as often as it takes.
fn repeated(text: &str, chars: usize) -> String {
    let sentence = if text.trim().is_empty() {
        "Go on."
    } else {
        text
    };
    sentence
        .chars()
        .chain(std::iter::once(' '))
        .cycle()
        .take(chars)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_two_points_gives_the_third() {
        // A token is three characters here, around 20 tokens of template and prefix.
        let counted = |chars: usize| 20 + (chars / 3) as u32;
        let mut points = Vec::new();
        for _ in 0..2 {
            let chars = guess(&points, 520);
            points.push((chars, counted(chars)));
        }
        for tokens in [100, 520, 2020] {
            let off = counted(guess(&points, tokens)).abs_diff(tokens);
            // Rounding to whole tokens bends the line a little.
            assert!(off <= 1 + tokens / 500, "{tokens}: {off} off");
        }
        // Shorter than what is around it.
        assert_eq!(guess(&points, 5), 0);
    }

    #[test]
    fn a_text_is_repeated_and_cut_to_characters() {
        assert_eq!(repeated("añb", 9), "añb añb a");
        assert_eq!(repeated(" ", 8), "Go on. G");
        assert_eq!(repeated("abc", 0), "");
    }
}
