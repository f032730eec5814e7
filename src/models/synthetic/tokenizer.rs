//! A tokenizer and configuration for weights that know nothing.
//!
//! Two properties matter. One ASCII character is one token (there are no merges), so a prompt of a
//! given length in tokens is a string of that length. And no id is an end-of-sequence id, neither
//! here nor in `config.json`, so that every answer has exactly `max_tokens` tokens.
//!
//! Bytes above 127 have no token: `mlx_lm` withholds text until it is whole UTF-8, so a model that
//! drew lone high bytes would stream fewer chunks than tokens and a late first one.

use serde_json::{Map, Value, json};

use super::shape::{Arch, Shape};

/// Tab, newline and the printable characters.
const CHARACTERS: u64 = 2 + 95;

const SPECIAL: [&str; 5] = ["<|unk|>", "<|bos|>", "<|pad|>", "<|turn|>", "<|done|>"];

/// Every character, every special token, and at least one word.
pub(super) const SMALLEST_VOCABULARY: u64 = CHARACTERS + SPECIAL.len() as u64 + 1;

/// Each turn of a conversation stands between two special tokens, its speaker on the first line.
const CHAT_TEMPLATE: &str = "{% for message in messages %}<|turn|>{{ message['role'] }}\n\
{{ message['content'] }}<|done|>\n{% endfor %}\
{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}";

/// How the byte-level alphabet writes a byte: itself if visible, else shifted up by 256.
fn symbol(byte: u8) -> char {
    match byte {
        // 0 to 32 are the first bytes without a picture of their own, in order.
        0..=32 => char::from_u32(256 + u32::from(byte)).unwrap_or('?'),
        visible => char::from(visible),
    }
}

fn characters() -> impl Iterator<Item = u8> {
    [b'\t', b'\n'].into_iter().chain(b' '..=b'~')
}

/// The ids whose output rows are zeroed: special tokens and the lone space, which the server's
/// detokenizer holds back. Their logit is then exactly 0 and greedy decoding never picks them.
pub(super) fn quiet_ids(vocab: u64) -> Vec<u64> {
    let space = characters().position(|c| c == b' ').map(|i| i as u64);
    space
        .into_iter()
        .chain(vocab - SPECIAL.len() as u64..vocab)
        .collect()
}

/// The `n`-th made-up word: syllables in the manner of spreadsheet columns, so none repeats.
fn word(mut n: u64) -> String {
    const CONSONANTS: &[u8] = b"bcdfghjklmnprstvwz";
    const VOWELS: &[u8] = b"aeiou";
    let syllables = (CONSONANTS.len() * VOWELS.len()) as u64;
    let mut parts = Vec::new();
    loop {
        let syllable = (n % syllables) as usize;
        parts.push([
            CONSONANTS[syllable / VOWELS.len()],
            VOWELS[syllable % VOWELS.len()],
        ]);
        match (n / syllables).checked_sub(1) {
            Some(rest) => n = rest,
            None => break,
        }
    }
    parts
        .iter()
        .rev()
        .flatten()
        .copied()
        .map(char::from)
        .collect()
}

/// `tokenizer.json` for exactly `vocab` ids; `vocab` is at least [`SMALLEST_VOCABULARY`].
pub(super) fn tokenizer(vocab: u64) -> Value {
    let special_from = vocab - SPECIAL.len() as u64;
    let mut ids = Map::new();
    for (id, byte) in characters().enumerate() {
        ids.insert(symbol(byte).to_string(), json!(id));
    }
    for id in CHARACTERS..special_from {
        ids.insert(
            format!("{}{}", symbol(b' '), word(id - CHARACTERS)),
            json!(id),
        );
    }
    let mut added = Vec::new();
    for (id, text) in (special_from..).zip(SPECIAL) {
        ids.insert(text.to_owned(), json!(id));
        added.push(json!({
            "id": id, "content": text, "special": true, "normalized": false,
            "single_word": false, "lstrip": false, "rstrip": false,
        }));
    }
    let byte_level = |add_prefix_space: bool| {
        json!({
            "type": "ByteLevel", "add_prefix_space": add_prefix_space,
            "trim_offsets": true, "use_regex": false,
        })
    };
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": byte_level(false),
        "post_processor": null,
        "decoder": byte_level(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": SPECIAL[0],
            "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": ids, "merges": [],
        },
    })
}

pub(super) fn tokenizer_config(shape: &Shape) -> Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        // Written out as absent: for qwen2 transformers would otherwise add its own, past the logits.
        "eos_token": null,
        "pad_token": null,
        "unk_token": SPECIAL[0],
        "chat_template": CHAT_TEMPLATE,
        "model_max_length": shape.context,
        "clean_up_tokenization_spaces": false,
    })
}

/// `config.json`, without any end-of-sequence id.
pub(super) fn config(shape: &Shape) -> Value {
    let mut config = json!({
        "model_type": shape.arch.to_string(),
        "architectures": [shape.arch.class()],
        "hidden_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "intermediate_size": shape.intermediate,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "head_dim": shape.head_dim,
        "rms_norm_eps": shape.norm_eps,
        "vocab_size": shape.vocab,
        "max_position_embeddings": shape.context,
        "rope_theta": shape.rope_theta,
        "tie_word_embeddings": shape.tied,
        "torch_dtype": shape.dtype.torch(),
    });
    if matches!(shape.arch, Arch::Llama | Arch::Mistral) {
        config["attention_bias"] = json!(false);
        config["mlp_bias"] = json!(false);
    }
    if let Some(scaling) = &shape.rope_scaling {
        config["rope_scaling"] = json!({
            "rope_type": "llama3",
            "factor": scaling.factor,
            "low_freq_factor": scaling.low_freq_factor,
            "high_freq_factor": scaling.high_freq_factor,
            "original_max_position_embeddings": scaling.original_max_position_embeddings,
        });
    }
    if shape.bits > 0 {
        let quantization = json!({ "group_size": shape.group_size, "bits": shape.bits });
        config["quantization"] = quantization.clone();
        config["quantization_config"] = quantization;
    }
    config
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::models::synthetic::presets::NAMES;

    #[test]
    fn every_id_up_to_the_vocabulary_has_one_text() {
        for vocab in [SMALLEST_VOCABULARY, 512, 32_768] {
            let tokenizer = tokenizer(vocab);
            let ids = tokenizer["model"]["vocab"].as_object().unwrap();
            let distinct: HashSet<u64> = ids.values().map(|id| id.as_u64().unwrap()).collect();
            assert_eq!(distinct, (0..vocab).collect());
            assert_eq!(ids.len() as u64, vocab);
        }
    }

    #[test]
    fn each_printable_character_is_a_token() {
        let tokenizer = tokenizer(512);
        for byte in characters() {
            assert!(
                tokenizer["model"]["vocab"]
                    .get(symbol(byte).to_string())
                    .is_some(),
                "{byte}"
            );
        }
        assert_eq!(symbol(b' '), 'Ġ');
        assert_eq!(symbol(b'\n'), 'Ċ');
    }

    #[test]
    fn nothing_names_an_end_of_sequence() {
        for name in NAMES {
            let shape = Shape::named(name).unwrap();
            let config = config(&shape).to_string();
            assert!(!config.contains("eos"), "{name}: {config}");
            assert!(tokenizer_config(&shape)["eos_token"].is_null(), "{name}");
        }
        assert!(!tokenizer(512).to_string().contains("eos"));
    }

    #[test]
    fn quiet_ids_are_the_space_and_the_special_tokens() {
        assert_eq!(quiet_ids(512), [2, 507, 508, 509, 510, 511]);
    }

    #[test]
    fn words_do_not_repeat() {
        let words: HashSet<String> = (0..100_000).map(word).collect();
        assert_eq!(words.len(), 100_000);
        assert_eq!(
            (word(0), word(89), word(90)),
            ("ba".into(), "zu".into(), "baba".into())
        );
    }
}
