//! What a model folder holds, read from its configuration and the headers of its weights. Damage
//! is described, never an error: a model that will not load is still worth listing with its reason.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::batching::Batching;
use super::config::Config;
use super::header::{self, Header, Tensor};
use super::synthetic;
use crate::units::Bytes;

/// A number of parameters, shown as people say it: `1.24 B`, `494 M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Parameters(pub u64);

impl fmt::Display for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const STEPS: [(f64, &str); 3] = [(1e9, " B"), (1e6, " M"), (1e3, " K")];
        let count = self.0 as f64;
        let Some((step, unit)) = STEPS.into_iter().find(|(step, _)| count >= step * 0.9995) else {
            return write!(f, "{}", self.0);
        };
        let value = count / step;
        let digits = match value {
            v if v < 9.995 => 2,
            v if v < 99.95 => 1,
            _ => 0,
        };
        write!(f, "{value:.digits$}{unit}")
    }
}

/// How weights are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quantisation {
    pub bits: u64,
    /// Weights that share one scale.
    pub group_size: u64,
    /// Some tensors are packed differently from this.
    pub mixed: bool,
}

/// Everything known about one model folder; what could not be read is `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    pub folder: PathBuf,
    /// `model_type` of `config.json`.
    pub architecture: Option<String>,
    pub parameters: Option<Parameters>,
    /// `None` where the weights are dense.
    pub quantisation: Option<Quantisation>,
    /// Of norms and scales (`F16`, `BF16`, `F32`): what the server computes and caches in.
    pub float_type: Option<String>,
    /// All files of the folder.
    pub size: Bytes,
    /// Tensors alone, without headers.
    pub weights: Bytes,
    /// In tokens.
    pub context: Option<u64>,
    /// Ids that the output chooses from.
    pub vocabulary: Option<u64>,
    pub layers: Option<u64>,
    pub kv_heads: Option<u64>,
    pub head_dim: Option<u64>,
    /// A compressed cache (multi-head latent attention), which the memory formula does not cover.
    pub latent_cache: bool,
    pub batching: Batching,
    /// SHA-256 over `config.json` and each weight file's name, size and header. It tells models and
    /// quantisations apart in milliseconds; it does not cover the weights' own bytes, so two
    /// fine-tunings of one shape can share it.
    pub hash: Option<String>,
    /// The name without `synthetic:`, if it is one of ours.
    pub synthetic: Option<String>,
    /// What keeps it from loading, each a sentence.
    pub problems: Vec<String>,
}

impl Description {
    /// Average bits a weight costs on disk, scales and all.
    pub fn bits_per_weight(&self) -> Option<f64> {
        let parameters = self.parameters?.0;
        (parameters > 0).then(|| self.weights.0 as f64 * 8.0 / parameters as f64)
    }

    /// `4-bit (groups of 64)`, `bf16`, ...
    pub fn bits_text(&self) -> String {
        match (&self.quantisation, &self.float_type) {
            (Some(q), _) => {
                let mixed = if q.mixed { ", mixed" } else { "" };
                format!("{}-bit (groups of {}{mixed})", q.bits, q.group_size)
            }
            (None, Some(float)) => float.to_lowercase(),
            (None, None) => "unknown".into(),
        }
    }
}

/// Reads the configuration and the headers, not the weights.
pub fn describe(folder: &Path) -> Description {
    let mut problems = Vec::new();
    let config = Config::read(folder)
        .map_err(|problem| problems.push(problem))
        .ok();
    let files = weight_files(folder);
    let mut headers: Vec<(String, Header)> = Vec::new();
    for file in &files {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match header::read(file) {
            Ok(header) => headers.push((name, header)),
            Err(problem) => problems.push(format!("{name} {problem}")),
        }
    }
    problems.extend(missing(folder, &files));
    let known = config.clone().unwrap_or_default();
    let complete = problems.is_empty();
    let tensors: BTreeMap<&str, &Tensor> = headers
        .iter()
        .flat_map(|(_, header)| &header.tensors)
        .map(|(name, tensor)| (name.as_str(), tensor))
        .collect();
    Description {
        folder: folder.to_path_buf(),
        architecture: known.model_type().map(str::to_owned),
        parameters: complete
            .then(|| count(&tensors, &known))
            .flatten()
            .map(Parameters),
        quantisation: known.packing().map(|packing| Quantisation {
            bits: packing.bits,
            group_size: packing.group_size,
            mixed: known.is_mixed(),
        }),
        float_type: float_type(&tensors),
        size: Bytes(size_of(folder)),
        weights: Bytes(tensors.values().map(|tensor| tensor.bytes()).sum()),
        context: known.context(),
        vocabulary: known.number("vocab_size"),
        layers: known
            .number("num_hidden_layers")
            .or_else(|| known.number("n_layers")),
        kv_heads: known.kv_heads(),
        head_dim: known.head_dim(),
        latent_cache: known.number("kv_lora_rank").is_some(),
        batching: config.as_ref().map_or_else(
            || Batching::Unknown {
                why: "no config.json".into(),
            },
            Batching::of,
        ),
        hash: (complete && config.is_some()).then(|| hash(&known, &headers)),
        synthetic: synthetic::Record::read(folder).map(|record| record.name),
        problems,
    }
}

/// `model*.safetensors`, which is all that `mlx_lm` loads, in order of their names.
pub(super) fn weight_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("model") && name.ends_with(".safetensors")
        })
        .map(|entry| entry.path())
        .collect();
    files.sort();
    files
}

/// Files that the model needs and the folder lacks.
fn missing(folder: &Path, files: &[PathBuf]) -> Vec<String> {
    let mut problems = Vec::new();
    if files.is_empty() {
        problems.push("no model*.safetensors files, which are all that mlx_lm loads".into());
    }
    if ![
        "tokenizer.json",
        "tokenizer.model",
        "vocab.json",
        "tiktoken.model",
    ]
    .iter()
    .any(|file| folder.join(file).exists())
    {
        problems.push("no tokenizer".into());
    }
    let absent = absent_shards(folder);
    if let Some(first) = absent.first() {
        let others = match absent.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        problems.push(format!(
            "{first}{others} of its index is missing: download it again"
        ));
    }
    problems
}

/// Files that `model.safetensors.index.json` names and that are not there.
pub(super) fn absent_shards(folder: &Path) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let Some(index) = fs::read(folder.join("model.safetensors.index.json"))
        .ok()
        .and_then(|text| serde_json::from_slice::<Index>(&text).ok())
    else {
        return Vec::new();
    };
    let mut files: Vec<String> = index.weight_map.into_values().collect();
    files.sort();
    files.dedup();
    files.retain(|file| !folder.join(file).exists());
    files
}

/// Parameters as `mlx_lm` counts them: packed words unpacked, scales and their biases left out.
/// `None` where a packed tensor's bits are not known.
fn count(tensors: &BTreeMap<&str, &Tensor>, config: &Config) -> Option<u64> {
    let mut total: u64 = 0;
    for (name, tensor) in tensors {
        let elements = tensor.elements()?;
        let counted = match name.rsplit_once('.') {
            Some((base, "scales" | "biases")) if is_packed(tensors, base) => continue,
            Some((base, "weight")) if is_packed(tensors, base) => {
                elements.checked_mul(32)? / config.packing_of(base)?.bits
            }
            // Formats of other libraries, packed in ways that this does not unpack.
            Some((_, "qweight" | "qzeros" | "weight_packed" | "weight_scale")) => return None,
            _ => elements,
        };
        total = total.checked_add(counted)?;
    }
    (total > 0).then_some(total)
}

fn is_packed(tensors: &BTreeMap<&str, &Tensor>, base: &str) -> bool {
    tensors
        .get(format!("{base}.weight").as_str())
        .is_some_and(|weight| weight.dtype == "U32")
        && tensors.contains_key(format!("{base}.scales").as_str())
}

/// The float type that most tensors have: a few norms may be kept in a wider one.
fn float_type(tensors: &BTreeMap<&str, &Tensor>) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for tensor in tensors.values() {
        if matches!(tensor.dtype.as_str(), "F16" | "BF16" | "F32") {
            *counts.entry(tensor.dtype.as_str()).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .map(|(dtype, _)| dtype.to_owned())
}

/// Follows links to files, as the Hugging Face cache has them; not into folders.
fn size_of(folder: &Path) -> u64 {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| fs::metadata(entry.path()).ok())
        .filter(fs::Metadata::is_file)
        .map(|data| data.len())
        .sum()
}

fn hash(config: &Config, headers: &[(String, Header)]) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // Lengths keep the parts apart.
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(&config.bytes);
    for (name, header) in headers {
        part(name.as_bytes());
        part(&header.file_bytes.to_le_bytes());
        part(&header.bytes);
    }
    hash.finalize()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

#[cfg(test)]
mod tests;
