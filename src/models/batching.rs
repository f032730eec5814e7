//! Whether the server can decode several requests of a model together.
//!
//! `mlx_lm.server` batches only if every layer's cache can be merged with another request's (its
//! `is_batchable` asks each for `merge`). Which cache a model has is decided by its code, so this is
//! a table over `model_type`, read off mlx-lm 0.32.2: there `KVCache`, `RotatingKVCache`,
//! `ArraysCache` and `CacheList` merge, `ChunkedKVCache` and `deepseek_v41`'s `LayerCache` do not.

use serde::Serialize;

use super::config::Config;

/// The version whose source the table follows.
const SEEN_IN: &str = "mlx-lm 0.32.2";

/// What the layers remember of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CacheKind {
    /// Keys and values of every token, in every layer.
    Standard,
    /// Some layers keep a window of the latest tokens only.
    SlidingWindow,
    /// Some or all layers keep a state of fixed size.
    Recurrent,
    /// Several caches a layer.
    Composite,
    /// Attention within chunks.
    Chunked,
}

/// Whether requests share a batch, with the reason as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Batching {
    Yes { cache: CacheKind, why: String },
    No { cache: CacheKind, why: String },
    Unknown { why: String },
}

impl Batching {
    pub(super) fn of(config: &Config) -> Self {
        let Some(model_type) = config.model_type() else {
            return Self::Unknown {
                why: "config.json names no model_type".into(),
            };
        };
        let Some(cache) = cache_of(model_type, config) else {
            return Self::Unknown {
                why: format!("{model_type} is not among the models of {SEEN_IN}"),
            };
        };
        let kind = match cache {
            CacheKind::Standard => "a standard key/value cache, which batches",
            CacheKind::SlidingWindow => "a sliding-window cache in some layers, which batches",
            CacheKind::Recurrent => "a recurrent state in some layers, which batches",
            CacheKind::Composite => "several caches a layer, which batch",
            CacheKind::Chunked => {
                return Self::No {
                    cache,
                    why: format!(
                        "{model_type} has a cache without merge in {SEEN_IN}: \
                         requests run one after another"
                    ),
                };
            }
        };
        let why = if cache == CacheKind::Standard {
            format!("{model_type} has {kind}")
        } else {
            format!("{model_type} has {kind} in {SEEN_IN}; earlier versions may not")
        };
        Self::Yes { cache, why }
    }

    pub fn cache(&self) -> Option<CacheKind> {
        match self {
            Self::Yes { cache, .. } | Self::No { cache, .. } => Some(*cache),
            Self::Unknown { .. } => None,
        }
    }

    pub fn why(&self) -> &str {
        match self {
            Self::Yes { why, .. } | Self::No { why, .. } | Self::Unknown { why } => why,
        }
    }

    /// `yes`, `no` or `unknown`.
    pub fn answer(&self) -> &'static str {
        match self {
            Self::Yes { .. } => "yes",
            Self::No { .. } => "no",
            Self::Unknown { .. } => "unknown",
        }
    }
}

/// `MODEL_REMAPPING` of `mlx_lm/utils.py`.
fn remapped(model_type: &str) -> &str {
    match model_type {
        "mistral" | "iquestcoder" | "xverse" => "llama",
        "llava" => "mistral3",
        "phi-msft" => "phixtral",
        "falcon_mamba" => "mamba",
        "joyai_llm_flash" | "kimi_k2" => "deepseek_v3",
        "qwen2_5_vl" => "qwen2_vl",
        "minimax_m2" => "minimax",
        "gemma4_unified" => "gemma4",
        "deepseek_v41_text" => "deepseek_v41",
        same => same,
    }
}

fn cache_of(model_type: &str, config: &Config) -> Option<CacheKind> {
    Some(match remapped(model_type) {
        // These follow `layer_types`; without it every layer attends to everything.
        "llama" | "ministral3" if config.has_sliding_layers() => CacheKind::SlidingWindow,
        "Klear" | "afm7" | "apertus" | "bailing_moe" | "bitnet" | "cohere" | "dbrx"
        | "deepseek" | "deepseek_v2" | "deepseek_v3" | "dots1" | "ernie4_5" | "ernie4_5_moe"
        | "exaone" | "gemma" | "gemma2" | "glm" | "glm4" | "glm4_moe" | "glm4_moe_lite"
        | "gpt2" | "gpt_bigcode" | "gpt_neox" | "gptj" | "granite" | "granitemoe" | "helium"
        | "hunyuan" | "hunyuan_v1_dense" | "internlm2" | "internlm3" | "kimi_k25" | "kimi_vl"
        | "lille-130m" | "llama" | "llama4_text" | "mimo" | "minicpm" | "minicpm3" | "minimax"
        | "ministral3" | "mistral3" | "mistral4" | "mixtral" | "nanbeige" | "nanochat"
        | "nemotron" | "nemotron-nas" | "olmo" | "olmo2" | "olmoe" | "openelm" | "phi" | "phi3"
        | "phi3small" | "phimoe" | "phixtral" | "pixtral" | "plamo" | "qwen" | "qwen2"
        | "qwen2_moe" | "qwen2_vl" | "qwen3" | "qwen3_moe" | "qwen3_vl" | "qwen3_vl_moe"
        | "seed_oss" | "smollm3" | "solar_open" | "stablelm" | "starcoder2" | "talkie"
        | "telechat3" | "youtu_llm" => CacheKind::Standard,
        "afmoe" | "cohere2" | "exaone4" | "exaone_moe" | "gemma3" | "gemma3_text" | "gemma3n"
        | "gemma4" | "gemma4_text" | "gpt_oss" | "iquestloopcoder" | "laguna" | "mellum"
        | "mimo_v2_flash" | "muse_glimmer" | "muse_spark" | "olmo3" | "plamo3" | "spark2_5"
        | "step3p5" => CacheKind::SlidingWindow,
        "baichuan_m1"
        | "bailing_hybrid"
        | "bailing_moe_linear"
        | "bailing_moe_v3"
        | "falcon_h1"
        | "gear"
        | "granitemoehybrid"
        | "jamba"
        | "kimi_k3"
        | "kimi_linear"
        | "lfm2"
        | "lfm2-vl"
        | "lfm2_moe"
        | "longcat_flash_ngram"
        | "mamba"
        | "mamba2"
        | "nemotron_h"
        | "olmo_hybrid"
        | "plamo2"
        | "prism_hadamard_qwen35"
        | "qwen3_5"
        | "qwen3_5_moe"
        | "qwen3_next"
        | "recurrent_gemma"
        | "rwkv7" => CacheKind::Recurrent,
        "deepseek_v32" | "glm_moe_dsa" | "longcat_flash" | "minimax_m3_vl" => CacheKind::Composite,
        "deepseek_v41" | "llama4" => CacheKind::Chunked,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batching(config: &str) -> Batching {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        Batching::of(&Config::read(folder.path()).unwrap())
    }

    #[test]
    fn each_kind_of_cache_has_its_answer() {
        for (config, answer, cache) in [
            (
                r#"{"model_type":"mistral"}"#,
                "yes",
                Some(CacheKind::Standard),
            ),
            (
                r#"{"model_type":"llama","layer_types":["full_attention","sliding_attention"]}"#,
                "yes",
                Some(CacheKind::SlidingWindow),
            ),
            (
                r#"{"model_type":"gpt_oss"}"#,
                "yes",
                Some(CacheKind::SlidingWindow),
            ),
            (
                r#"{"model_type":"falcon_mamba"}"#,
                "yes",
                Some(CacheKind::Recurrent),
            ),
            (r#"{"model_type":"llama4"}"#, "no", Some(CacheKind::Chunked)),
            (r#"{"model_type":"brand_new"}"#, "unknown", None),
            ("{}", "unknown", None),
        ] {
            let batching = batching(config);
            assert_eq!(
                (batching.answer(), batching.cache()),
                (answer, cache),
                "{config}"
            );
        }
    }

    #[test]
    fn only_the_standard_cache_is_vouched_for_in_every_version() {
        assert!(
            !batching(r#"{"model_type":"qwen3"}"#)
                .why()
                .contains("versions")
        );
        assert!(
            batching(r#"{"model_type":"mamba"}"#)
                .why()
                .contains("earlier versions may not")
        );
    }
}
