//! The shape of a model: everything that decides its size and its speed, and nothing of what it
//! knows. Named shapes are those of well-known models.

use serde::{Deserialize, Serialize};

use super::super::error::ModelError;
use super::presets::{self, NAMES};

/// Whose blocks the layers are made of.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Arch {
    Llama,
    /// Loaded by `mlx_lm` as a Llama, under its own name in `config.json`.
    Mistral,
    /// Biases on the query, key and value projections; head size is always hidden / heads.
    Qwen2,
    /// Norms on queries and keys.
    Qwen3,
}

impl Arch {
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Llama => "LlamaForCausalLM",
            Self::Mistral => "MistralForCausalLM",
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
        }
    }
}

/// The float type of everything that is not packed: norms, biases, scales, dense weights. It is
/// also the type that the server computes and caches in.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FloatType {
    F16,
    Bf16,
    F32,
}

impl FloatType {
    pub fn bytes(self) -> u64 {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
        }
    }

    pub(super) fn safetensors(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F32 => "F32",
        }
    }

    pub(super) fn torch(self) -> &'static str {
        match self {
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::F32 => "float32",
        }
    }
}

/// Llama 3's stretching of the rotary embedding, as `config.json` holds it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RopeScaling {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_max_position_embeddings: u64,
}

/// A model's shape. Sizes are counts of numbers, not bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    pub arch: Arch,
    pub hidden: u64,
    pub layers: u64,
    pub intermediate: u64,
    pub heads: u64,
    pub kv_heads: u64,
    pub head_dim: u64,
    pub vocab: u64,
    /// The embedding doubles as the output projection.
    pub tied: bool,
    pub rope_theta: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
    /// The longest context that `config.json` promises, in tokens.
    pub context: u64,
    pub norm_eps: f64,
    /// Bits per weight: 4 or 8; 0 keeps the weights dense in `dtype`.
    pub bits: u64,
    /// Weights that share one scale and one bias.
    pub group_size: u64,
    pub dtype: FloatType,
    pub seed: u64,
}

impl Shape {
    /// The shape behind `tiny`, `llama-3.2-1b-4bit`, ..., optionally with a float type behind it
    /// (`llama-3.2-1b-4bit-f32`).
    ///
    /// The two small ones have F32 scales and are meant for any machine. The others hold F16 or
    /// BF16 as such repositories do, which is right for Apple and NVIDIA GPUs; on a CPU `mlx`
    /// computes 4-bit weights with half-precision scales 4 to 30 times slower than with F32 ones, so
    /// use the `-f32` variant there.
    pub fn named(name: &str) -> Result<Self, ModelError> {
        let (base, dtype) = split_dtype(name);
        let mut shape = presets::preset(base).ok_or_else(|| unknown(name))?;
        if let Some(dtype) = dtype {
            shape.dtype = dtype;
        }
        Ok(shape)
    }

    /// The same sizes in another family: what only the former one had is dropped, and what the
    /// new one computes itself is set to that.
    #[must_use]
    pub fn in_family(mut self, arch: Arch) -> Self {
        self.arch = arch;
        if !matches!(arch, Arch::Llama | Arch::Mistral) {
            self.rope_scaling = None;
        }
        self.with_own_head_size()
    }

    /// Qwen2 always takes hidden / heads as its head size.
    #[must_use]
    pub fn with_own_head_size(mut self) -> Self {
        if self.arch == Arch::Qwen2
            && let Some(head_dim) = self.hidden.checked_div(self.heads)
        {
            self.head_dim = head_dim;
        }
        self
    }
}

fn split_dtype(name: &str) -> (&str, Option<FloatType>) {
    if let Some((base, suffix)) = name.rsplit_once('-')
        && let Ok(dtype) = suffix.parse()
    {
        return (base, Some(dtype));
    }
    (name, None)
}

/// `name` with another float type; the plain name where that is its own type already.
pub fn with_dtype(name: &str, dtype: FloatType) -> Result<String, ModelError> {
    let (base, _) = split_dtype(name);
    let own = presets::preset(base).ok_or_else(|| unknown(name))?.dtype;
    Ok(if own == dtype {
        base.to_owned()
    } else {
        format!("{base}-{dtype}")
    })
}

/// The one spelling of `name`: a suffix that says what the plain name already means is dropped.
pub fn canonical(name: &str) -> Result<String, ModelError> {
    with_dtype(name, Shape::named(name)?.dtype)
}

fn unknown(name: &str) -> ModelError {
    ModelError::UnknownSynthetic {
        name: name.to_owned(),
        nearest: nearest(name),
        known: NAMES.join(", "),
    }
}

/// The known name that `name` most likely means.
pub(in super::super) fn nearest(name: &str) -> Option<String> {
    nearest_of(name, &NAMES)
}

/// As [`nearest`], of any names.
pub(super) fn nearest_of(name: &str, known: &[impl AsRef<str>]) -> Option<String> {
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known.as_ref()), known.as_ref()))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| format!("synthetic:{known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_model() {
        for name in NAMES {
            let shape = Shape::named(name).unwrap();
            shape.check().unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(canonical(name).unwrap(), name);
        }
    }

    #[test]
    fn a_float_type_may_follow_the_name() {
        assert_eq!(Shape::named("tiny-bf16").unwrap().dtype, FloatType::Bf16);
        assert_eq!(canonical("tiny-f32").unwrap(), "tiny");
        assert_eq!(
            with_dtype("llama-3.2-1b-4bit", FloatType::F32).unwrap(),
            "llama-3.2-1b-4bit-f32"
        );
        assert_eq!(
            with_dtype("llama-3.2-1b-4bit-f32", FloatType::F16).unwrap(),
            "llama-3.2-1b-4bit"
        );
    }

    #[test]
    fn an_unknown_name_is_told_the_nearest() {
        let error = Shape::named("llama-3.2-1b").unwrap_err().to_string();
        assert!(
            error.contains("did you mean synthetic:llama-3.2-1b-4bit?"),
            "{error}"
        );
        assert!(
            Shape::named("zzz")
                .unwrap_err()
                .to_string()
                .contains("known are tiny, small")
        );
    }

    #[test]
    fn shapes_that_the_server_would_choke_on_are_refused() {
        let tiny = Shape::named("tiny").unwrap();
        for (shape, reason) in [
            (
                Shape {
                    intermediate: 100,
                    ..tiny.clone()
                },
                "intermediate size 100",
            ),
            (
                Shape {
                    kv_heads: 3,
                    ..tiny.clone()
                },
                "share 3 key/value heads",
            ),
            (
                Shape {
                    bits: 3,
                    ..tiny.clone()
                },
                "3 bits",
            ),
            (
                Shape {
                    group_size: 48,
                    ..tiny.clone()
                },
                "group size of 48",
            ),
            (
                Shape {
                    vocab: 64,
                    ..tiny.clone()
                },
                "vocabulary of 64",
            ),
            (
                Shape {
                    layers: 0,
                    ..tiny.clone()
                },
                "layers is 0",
            ),
            (
                Shape {
                    hidden: u64::MAX,
                    ..tiny.clone()
                },
                "hidden size is",
            ),
            (
                Shape {
                    head_dim: 17,
                    ..tiny.clone()
                },
                "odd",
            ),
            (
                Shape {
                    rope_theta: f64::NAN,
                    ..tiny.clone()
                },
                "rope theta",
            ),
            (
                Shape {
                    arch: Arch::Qwen2,
                    head_dim: 32,
                    ..tiny.clone()
                },
                "qwen2 takes",
            ),
        ] {
            let error = shape.check().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_shape_survives_json() {
        for name in NAMES {
            let shape = Shape::named(name).unwrap();
            let text = serde_json::to_string(&shape).unwrap();
            assert_eq!(serde_json::from_str::<Shape>(&text).unwrap(), shape);
        }
    }
}
