//! Prompt files: JSON lines, JSON arrays (`ShareGPT`), or plain text with a prompt a line. Read as a
//! stream, so that a file of any size can be used.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer as _, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::messages::Messages;
use crate::scatter::scatter;

/// Of a larger file only a part is kept in memory.
const KEPT_BYTES: u64 = 64 * 1024 * 1024;
/// A longer line or element is damage.
const LONGEST_BYTES: usize = 4 * 1024 * 1024;
/// How much of the beginning shows what kind of file it is.
const PEEKED_BYTES: u64 = 1024 * 1024;
/// Damaged entries that are told one by one.
const TOLD: usize = 3;
/// A file with more damage than this share is refused: it is likely not what was meant.
const DAMAGED: f64 = 0.1;

/// How a file writes its prompts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FileFormat {
    /// One JSON value a line.
    Jsonl,
    /// One JSON array.
    JsonArray,
    /// One prompt a line.
    Text,
}

/// A prompt file as plans and metadata name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptFile {
    pub path: PathBuf,
    /// Of the whole file, in hexadecimal digits.
    pub sha256: String,
    pub format: FileFormat,
    /// Prompts in it.
    pub count: u64,
    /// Those that are used: all, unless the file is too large to be kept.
    pub used: u64,
    /// Lines, or elements, that are no prompts.
    pub damaged: u64,
    /// Mean length of those used, in characters.
    pub mean_chars: u64,
}

impl PromptFile {
    pub fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// By which rows name it: the first 12 digits of its hash.
    pub fn short_hash(&self) -> &str {
        self.sha256.get(..12).unwrap_or(&self.sha256)
    }
}

/// Why a prompt file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PromptFileError {
    #[error("{} could not be read: {why}", .path.display())]
    Unreadable { path: PathBuf, why: io::Error },
    #[error(
        "{} has no prompts{}. {EXPECTED}",
        .path.display(),
        if .damage.is_empty() { String::new() } else { format!(": {}", .damage) }
    )]
    NoPrompts { path: PathBuf, damage: String },
    #[error("{} is damaged: {damage}. {EXPECTED}", .path.display())]
    Damaged { path: PathBuf, damage: String },
    #[error(
        "{} is not the file that this run began with: its SHA-256 is {found} and not {expected}. \
         Bring that file back, or start a new run",
        .path.display()
    )]
    Changed {
        path: PathBuf,
        expected: String,
        found: String,
    },
}

const EXPECTED: &str = "Each line holds one prompt: a JSON text, {\"prompt\": \"...\"}, \
                        {\"messages\": [{\"role\": \"user\", \"content\": \"...\"}]}, such a list by \
                        itself, or a ShareGPT conversation; an array of these and plain text, one \
                        prompt a line, are read too";

/// A file's prompts.
#[derive(Debug, Clone)]
pub struct ReadFile {
    pub file: PromptFile,
    pub prompts: Vec<Messages>,
    /// What is to be told: damage, and what is not used.
    pub notices: Vec<String>,
}

/// Reads the whole file.
///
/// # Errors
/// It cannot be read, has no prompt, or more than a tenth of it is damaged.
pub fn read(path: &Path) -> Result<ReadFile, PromptFileError> {
    read_keeping(path, KEPT_BYTES)
}

/// The same file again, for a run that was planned with it.
///
/// # Errors
/// As [`read`]; or it is another file now.
pub fn read_again(file: &PromptFile) -> Result<ReadFile, PromptFileError> {
    let again = read(&file.path)?;
    if again.file.sha256 == file.sha256 {
        return Ok(again);
    }
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    Err(PromptFileError::Changed {
        path: file.path.clone(),
        expected: short(&file.sha256),
        found: short(&again.file.sha256),
    })
}

fn read_keeping(path: &Path, kept_bytes: u64) -> Result<ReadFile, PromptFileError> {
    let unreadable = |why: io::Error| PromptFileError::Unreadable {
        path: path.to_owned(),
        why,
    };
    let open = || File::open(path).map_err(unreadable);
    let mut beginning = Vec::new();
    open()?
        .take(PEEKED_BYTES)
        .read_to_end(&mut beginning)
        .map_err(unreadable)?;
    let format = format_of(&beginning);
    let file = open()?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let mut reader = BufReader::with_capacity(1 << 18, Hashing::of(file));
    let mut taken = Taken::of(kept_bytes, bytes);
    match format {
        FileFormat::JsonArray => taken.array(&mut reader),
        FileFormat::Jsonl | FileFormat::Text => {
            taken.lines(&mut reader, format).map_err(unreadable)?;
        }
    }
    // The rest, if an array broke off: the hash is of the whole file.
    io::copy(&mut reader, &mut io::sink()).map_err(unreadable)?;
    let sha256 = reader.into_inner().hex();
    taken.finish(path, sha256, format)
}

/// Plain text begins with none of the characters that JSON values of prompts begin with.
fn format_of(beginning: &[u8]) -> FileFormat {
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(beginning);
    let text = text.trim_ascii_start();
    match text.first() {
        Some(b'{' | b'"') | None => FileFormat::Jsonl,
        Some(b'[') => {
            // A list of messages on a line of its own, or an array of prompts?
            let first = serde_json::Deserializer::from_slice(&text[1..])
                .into_iter::<Value>()
                .next();
            match first {
                Some(Ok(Value::Object(first))) if first.contains_key("role") => FileFormat::Jsonl,
                _ => FileFormat::JsonArray,
            }
        }
        Some(_) => FileFormat::Text,
    }
}

/// What was read so far.
struct Taken {
    /// Of 2^64: prompts whose scattered number is below are kept.
    share: u64,
    prompts: Vec<Messages>,
    count: u64,
    damaged: u64,
    told: Vec<String>,
    /// The file cannot be read beyond this.
    broken: Option<String>,
}

impl Taken {
    fn of(kept_bytes: u64, bytes: u64) -> Self {
        let share = if bytes <= kept_bytes {
            u64::MAX
        } else {
            (kept_bytes as f64 / bytes as f64 * u64::MAX as f64) as u64
        };
        Self {
            share,
            prompts: Vec::new(),
            count: 0,
            damaged: 0,
            told: Vec::new(),
            broken: None,
        }
    }

    /// `place` says where it stands: `line 7`.
    fn take(&mut self, place: &dyn Fn() -> String, read: Result<Messages, String>) {
        match read {
            Ok(messages) if messages.size() > LONGEST_BYTES => {
                self.take(place, Err(too_long()));
            }
            Ok(messages) => {
                if scatter(self.count) <= self.share {
                    self.prompts.push(messages);
                }
                self.count += 1;
            }
            Err(why) => {
                self.damaged += 1;
                if self.told.len() < TOLD {
                    self.told.push(format!("{}: {why}", place()));
                }
            }
        }
    }

    fn lines(&mut self, reader: &mut impl BufRead, format: FileFormat) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1u64.. {
            line.clear();
            let limit = LONGEST_BYTES as u64 + 1;
            let got = reader.by_ref().take(limit).read_until(b'\n', &mut line)?;
            if got == 0 {
                break;
            }
            let place = || format!("line {number}");
            if line.len() > LONGEST_BYTES && !line.ends_with(b"\n") {
                reader.skip_until(b'\n')?;
                self.take(&place, Err(too_long()));
                continue;
            }
            let start = if number == 1 {
                b"\xef\xbb\xbf".as_slice()
            } else {
                b""
            };
            let text = line.strip_prefix(start).unwrap_or(&line).trim_ascii();
            if text.is_empty() {
                continue;
            }
            let read = match (std::str::from_utf8(text), format) {
                (Err(_), _) => Err("it is not UTF-8".to_owned()),
                (Ok(text), FileFormat::Text) => Messages::of_text(text),
                (Ok(text), _) => serde_json::from_str::<Value>(text)
                    .map_err(|error| format!("it is not JSON ({error})"))
                    .and_then(|value| Messages::of_value(&value)),
            };
            self.take(&place, read);
        }
        Ok(())
    }

    fn array(&mut self, reader: &mut impl BufRead) {
        // serde_json takes the mark for a letter.
        if reader
            .fill_buf()
            .is_ok_and(|b| b.starts_with(b"\xef\xbb\xbf"))
        {
            reader.consume(3);
        }
        let mut json = serde_json::Deserializer::from_reader(reader);
        let read = json.deserialize_seq(Elements(self));
        if let Err(error) = read.and_then(|()| json.end()) {
            self.broken = Some(format!("it is no whole JSON array ({error})"));
        }
    }

    fn finish(
        self,
        path: &Path,
        sha256: String,
        format: FileFormat,
    ) -> Result<ReadFile, PromptFileError> {
        let path = path.to_owned();
        let mut damage = self.told.join("; ");
        let more = self.damaged - self.told.len() as u64;
        if more > 0 {
            let _ = write!(damage, "; and {more} more");
        }
        if let Some(broken) = self.broken {
            return Err(PromptFileError::Damaged {
                path,
                damage: broken,
            });
        }
        if self.prompts.is_empty() {
            return Err(PromptFileError::NoPrompts { path, damage });
        }
        let entries = self.count + self.damaged;
        if self.damaged as f64 > entries as f64 * DAMAGED {
            let (damaged, of) = (self.damaged, entries);
            return Err(PromptFileError::Damaged {
                path,
                damage: format!("{damaged} of {of} entries are no prompts ({damage})"),
            });
        }
        let used = self.prompts.len() as u64;
        let chars: usize = self.prompts.iter().map(Messages::chars).sum();
        let file = PromptFile {
            path,
            sha256,
            format,
            count: self.count,
            used,
            damaged: self.damaged,
            mean_chars: chars as u64 / used,
        };
        let mut notices = Vec::new();
        if self.damaged > 0 {
            let (name, damaged) = (file.name(), self.damaged);
            notices.push(format!(
                "{name}: {damaged} of {entries} entries are no prompts and are left out ({damage})."
            ));
        }
        if used < file.count {
            notices.push(format!(
                "{}: {used} of {} prompts are used, spread evenly over the file: more than {} MiB \
                 are not kept in memory.",
                file.name(),
                file.count,
                KEPT_BYTES >> 20
            ));
        }
        Ok(ReadFile {
            file,
            prompts: self.prompts,
            notices,
        })
    }
}

fn too_long() -> String {
    format!("it is longer than {} MiB", LONGEST_BYTES >> 20)
}

/// The elements of an array, one at a time.
struct Elements<'a>(&'a mut Taken);

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of prompts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut number = 0u64;
        while let Some(value) = elements.next_element_seed(Element)? {
            number += 1;
            let read = Messages::of_value(&value);
            self.0.take(&|| format!("element {number}"), read);
        }
        Ok(())
    }
}

struct Element;

impl<'de> DeserializeSeed<'de> for Element {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        Value::deserialize(from)
    }
}

/// Hashes what is read through it.
struct Hashing {
    file: File,
    hash: Sha256,
}

impl Hashing {
    fn of(file: File) -> Self {
        Self {
            file,
            hash: Sha256::new(),
        }
    }

    fn hex(self) -> String {
        let digits = self.hash.finalize();
        digits
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|digit| char::from_digit(u32::from(digit), 16))
            .collect()
    }
}

impl Read for Hashing {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(to)?;
        self.hash.update(&to[..got]);
        Ok(got)
    }
}

#[cfg(test)]
mod tests;
