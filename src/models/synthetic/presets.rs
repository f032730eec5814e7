//! The named shapes: two for any machine, and those of well-known models as their `config.json`s
//! have them.

use super::shape::{Arch, FloatType, RopeScaling, Shape};

/// Every name, smallest first.
pub const NAMES: [&str; 8] = [
    "tiny",
    "small",
    "qwen2.5-0.5b-4bit",
    "qwen3-0.6b-4bit",
    "llama-3.2-1b-4bit",
    "llama-3.2-3b-4bit",
    "mistral-7b-4bit",
    "llama-3.1-8b-4bit",
];

pub(super) fn preset(name: &str) -> Option<Shape> {
    Some(match name {
        "tiny" => tiny(),
        "small" => small(),
        "qwen2.5-0.5b-4bit" => qwen_2_5_half_b(),
        "qwen3-0.6b-4bit" => qwen_3_0_6b(),
        "llama-3.2-1b-4bit" => Shape {
            hidden: 2048,
            layers: 16,
            intermediate: 8192,
            heads: 32,
            head_dim: 64,
            ..llama_3(32.0)
        },
        "llama-3.2-3b-4bit" => Shape {
            hidden: 3072,
            layers: 28,
            intermediate: 8192,
            heads: 24,
            ..llama_3(32.0)
        },
        "mistral-7b-4bit" => mistral_7b(),
        "llama-3.1-8b-4bit" => wide(&llama_3(8.0)),
        _ => return None,
    })
}

/// Thousands of tokens per second on a CPU.
fn tiny() -> Shape {
    Shape {
        arch: Arch::Llama,
        hidden: 64,
        layers: 2,
        intermediate: 128,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        vocab: 512,
        tied: true,
        rope_theta: 10_000.0,
        rope_scaling: None,
        context: 131_072,
        norm_eps: 1e-5,
        bits: 4,
        group_size: 64,
        dtype: FloatType::F32,
        seed: 0,
    }
}

/// Hundreds of tokens per second on a CPU: a step costs enough for batching to show.
fn small() -> Shape {
    Shape {
        hidden: 256,
        layers: 4,
        intermediate: 704,
        heads: 8,
        kv_heads: 4,
        head_dim: 32,
        vocab: 2048,
        ..tiny()
    }
}

fn llama_3(factor: f64) -> Shape {
    Shape {
        vocab: 128_256,
        kv_heads: 8,
        head_dim: 128,
        rope_theta: 500_000.0,
        rope_scaling: Some(RopeScaling {
            factor,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: 8192,
        }),
        dtype: FloatType::F16,
        ..tiny()
    }
}

/// The frame that Llama 3.1 8B and Mistral 7B share.
fn wide(shape: &Shape) -> Shape {
    Shape {
        hidden: 4096,
        layers: 32,
        intermediate: 14_336,
        heads: 32,
        tied: false,
        ..shape.clone()
    }
}

/// Version 0.3 of the Instruct model: full attention, larger vocabulary.
fn mistral_7b() -> Shape {
    wide(&Shape {
        arch: Arch::Mistral,
        kv_heads: 8,
        head_dim: 128,
        vocab: 32_768,
        rope_theta: 1_000_000.0,
        context: 32_768,
        dtype: FloatType::F16,
        ..tiny()
    })
}

fn qwen_2_5_half_b() -> Shape {
    Shape {
        arch: Arch::Qwen2,
        hidden: 896,
        layers: 24,
        intermediate: 4864,
        heads: 14,
        kv_heads: 2,
        head_dim: 64,
        vocab: 151_936,
        rope_theta: 1_000_000.0,
        context: 32_768,
        norm_eps: 1e-6,
        dtype: FloatType::F16,
        ..tiny()
    }
}

fn qwen_3_0_6b() -> Shape {
    Shape {
        arch: Arch::Qwen3,
        hidden: 1024,
        layers: 28,
        intermediate: 3072,
        heads: 16,
        kv_heads: 8,
        head_dim: 128,
        vocab: 151_936,
        rope_theta: 1_000_000.0,
        context: 40_960,
        norm_eps: 1e-6,
        dtype: FloatType::Bf16,
        ..tiny()
    }
}
