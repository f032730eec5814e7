//! `config.json`, read leniently: every field may be missing, of another type, or nested in
//! `text_config` as vision models have it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// A real one has a few kilobytes; with per-layer quantisation some hundreds.
const LARGEST_BYTES: u64 = 32 << 20;

#[derive(Debug, Clone, Default)]
pub(super) struct Config {
    value: Value,
    /// As on disk, for the hash.
    pub bytes: Vec<u8>,
}

/// How the weights are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packing {
    pub bits: u64,
    pub group_size: u64,
}

impl Config {
    /// The error is a sentence for the reader.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let failed = |error| format!("config.json is not readable: {error}");
        let file = File::open(folder.join("config.json")).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(LARGEST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > LARGEST_BYTES {
            return Err("config.json is larger than 32 MB, so it is not a model's".into());
        }
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|error| format!("config.json is not valid JSON: {error}"))?;
        if !value.is_object() {
            return Err("config.json holds no object".into());
        }
        Ok(Self { value, bytes })
    }

    /// Of a model that is not on disk yet.
    pub fn of(value: Value) -> Self {
        Self {
            bytes: value.to_string().into_bytes(),
            value,
        }
    }

    /// The language model's own section wins over the top level.
    fn get(&self, key: &str) -> Option<&Value> {
        let nested = self.value.get("text_config").and_then(|text| text.get(key));
        nested
            .or_else(|| self.value.get(key))
            .filter(|value| !value.is_null())
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key).and_then(Value::as_u64).filter(|n| *n > 0)
    }

    /// The outer one: it decides which code of `mlx_lm` loads the model.
    pub fn model_type(&self) -> Option<&str> {
        self.value.get("model_type").and_then(Value::as_str)
    }

    pub fn context(&self) -> Option<u64> {
        [
            "max_position_embeddings",
            "n_positions",
            "max_seq_len",
            "seq_length",
        ]
        .iter()
        .find_map(|key| self.number(key))
    }

    pub fn head_dim(&self) -> Option<u64> {
        self.number("head_dim").or_else(|| {
            self.number("hidden_size")?
                .checked_div(self.number("num_attention_heads")?)
        })
    }

    pub fn kv_heads(&self) -> Option<u64> {
        self.number("num_key_value_heads")
            .or_else(|| self.number("num_attention_heads"))
    }

    /// Layers that attend to a window only, of those that `layer_types` lists.
    pub fn has_sliding_layers(&self) -> bool {
        self.get("layer_types")
            .and_then(Value::as_array)
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == "sliding_attention"))
    }

    /// Of the whole model; `mlx_lm` goes by `quantization` alone.
    pub fn packing(&self) -> Option<Packing> {
        packing(self.value.get("quantization")?)
    }

    /// Of one tensor (named without its `.weight`), where the configuration makes an exception.
    pub fn packing_of(&self, tensor: &str) -> Option<Packing> {
        let all = self.value.get("quantization")?;
        all.get(tensor).and_then(packing).or_else(|| packing(all))
    }

    /// Whether single tensors are packed differently from the rest.
    pub fn is_mixed(&self) -> bool {
        let default = self.packing();
        self.value
            .get("quantization")
            .and_then(Value::as_object)
            .is_some_and(|all| {
                all.values()
                    .any(|one| one.is_object() && packing(one) != default)
                    || all
                        .iter()
                        .any(|(key, one)| key.contains('.') && one == &Value::Bool(false))
            })
    }
}

fn packing(value: &Value) -> Option<Packing> {
    let bits = value.get("bits")?.as_u64()?;
    let group_size = value.get("group_size")?.as_u64()?;
    ((1..=32).contains(&bits) && group_size > 0).then_some(Packing { bits, group_size })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        Config::read(folder.path())
    }

    #[test]
    fn a_vision_models_numbers_are_its_language_models() {
        let config = config(
            r#"{"model_type": "mistral3", "hidden_size": 7,
                "text_config": {"hidden_size": 5120, "num_attention_heads": 40}}"#,
        )
        .unwrap();
        assert_eq!(config.model_type(), Some("mistral3"));
        assert_eq!(config.head_dim(), Some(128));
        assert_eq!(config.kv_heads(), Some(40));
    }

    #[test]
    fn single_tensors_may_be_packed_differently() {
        let config = config(
            r#"{"quantization": {"group_size": 64, "bits": 4,
                "model.layers.0.mlp.down_proj": {"group_size": 32, "bits": 6}, "lm_head": false}}"#,
        )
        .unwrap();
        assert!(config.is_mixed());
        assert_eq!(config.packing().unwrap().bits, 4);
        assert_eq!(
            config
                .packing_of("model.layers.0.mlp.down_proj")
                .unwrap()
                .bits,
            6
        );
        assert_eq!(
            config
                .packing_of("model.layers.1.mlp.down_proj")
                .unwrap()
                .bits,
            4
        );
    }

    #[test]
    fn nonsense_is_told_or_absent() {
        for text in ["", "[]", "3", "{", "\u{0}"] {
            assert!(config(text).is_err(), "{text:?}");
        }
        let config = config(
            r#"{"hidden_size": "big", "num_attention_heads": 0, "head_dim": -1, "text_config": 3,
                "quantization": {"bits": 1e300, "group_size": []}, "layer_types": {}}"#,
        )
        .unwrap();
        assert_eq!(config.head_dim(), None);
        assert_eq!(config.packing(), None);
        assert!(!config.has_sliding_layers());
    }
}
