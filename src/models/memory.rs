//! Whether a run fits into memory, before it starts.
//!
//! Each instance is a process of its own with its own copy of the weights. Beside them it holds the
//! keys and values of every token in flight: 2 x layers x key/value heads x head size x bytes per
//! token (Kwon et al., `Efficient Memory Management for Large Language Model Serving with
//! PagedAttention`, SOSP 2023, section 3.1, with the key/value heads of grouped-query attention in
//! place of all heads). `mlx_lm` grows a cache in steps of 256 tokens and pads a batch to its
//! longest member (`mlx_lm/models/cache.py`), so lengths are rounded up to that step.

use serde::Serialize;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::batching::CacheKind;
use super::describe::Description;
use crate::units::Bytes;

/// `KVCache.step`.
const CACHE_STEP_TOKENS: u64 = 256;

/// What a server holds beside weights and caches: Python, MLX and the buffers of one step. A server
/// of `synthetic:tiny` was seen at 0.14 to 0.22 GB on Linux; a larger model's activations come on
/// top, so this is rounded up.
const PROCESS_BYTES: u64 = 400_000_000;

/// What a run asks for, of each instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    pub instances: u32,
    /// Sequences that one instance decodes together.
    pub sequences: u32,
    pub prompt_tokens: u32,
    pub output_tokens: u32,
    /// Finished sequences that the prompt cache keeps (`--prompt-cache-size`).
    pub cached_sequences: u32,
}

/// Memory for the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Estimate {
    pub weights: Bytes,
    /// `None` where the model's cache is of a kind that the formula does not cover.
    pub cache: Option<Bytes>,
    /// Some layers keep less than every token: the cache is at most this.
    pub cache_is_upper_bound: bool,
    pub processes: Bytes,
}

impl Estimate {
    /// With an unknown cache left out.
    pub fn total(&self) -> Bytes {
        Bytes(
            self.weights
                .0
                .saturating_add(self.cache.unwrap_or_default().0)
                .saturating_add(self.processes.0),
        )
    }
}

/// Keys and values of one token in all layers; `None` where the formula does not apply.
pub fn cache_bytes_per_token(model: &Description) -> Option<u64> {
    if model.latent_cache || matches!(model.batching.cache(), Some(CacheKind::Composite)) {
        return None;
    }
    let float_bytes = match model.float_type.as_deref()? {
        "F32" => 4,
        _ => 2,
    };
    [
        2,
        model.layers?,
        model.kv_heads?,
        model.head_dim?,
        float_bytes,
    ]
    .iter()
    .try_fold(1u64, |product, factor| product.checked_mul(*factor))
}

pub fn estimate(model: &Description, demand: &Demand) -> Estimate {
    let instances = u64::from(demand.instances);
    let tokens = (u64::from(demand.prompt_tokens) + u64::from(demand.output_tokens))
        .next_multiple_of(CACHE_STEP_TOKENS);
    let sequences = u64::from(demand.sequences) + u64::from(demand.cached_sequences);
    let cache = cache_bytes_per_token(model)
        .map(|bytes| bytes.saturating_mul(tokens).saturating_mul(sequences))
        .map(|bytes| Bytes(bytes.saturating_mul(instances)));
    Estimate {
        weights: Bytes(model.weights.0.saturating_mul(instances)),
        cache,
        cache_is_upper_bound: !matches!(model.batching.cache(), Some(CacheKind::Standard)),
        processes: Bytes(PROCESS_BYTES * instances),
    }
}

/// Of a model of which only the weights' size is known, because it is not on this disk.
pub fn estimate_weights(weights: Bytes, instances: u32) -> Estimate {
    let instances = u64::from(instances);
    Estimate {
        weights: Bytes(weights.0.saturating_mul(instances)),
        cache: None,
        cache_is_upper_bound: false,
        processes: Bytes(PROCESS_BYTES * instances),
    }
}

/// The memory that servers can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MachineMemory {
    /// The most that servers may hold.
    pub usable: Bytes,
    /// Not in use by anyone now.
    pub free: Option<Bytes>,
    /// How `usable` is called in sentences.
    pub name: &'static str,
}

impl MachineMemory {
    /// This machine's main memory. On Apple silicon the GPU may wire about two thirds of it up to
    /// 36 GB and three quarters above (Metal's `recommendedMaxWorkingSetSize`), the rest is the
    /// system's. Where the servers run on a card with its own memory, use [`Self::of_gpu`].
    pub fn here() -> Option<Self> {
        let kind = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(kind).ok()?;
        let total = system.total_memory();
        let free = Some(system.available_memory())
            .filter(|bytes| *bytes > 0)
            .map(Bytes);
        if total == 0 {
            return None;
        }
        Some(if cfg!(target_os = "macos") {
            Self::unified(total, free)
        } else {
            Self {
                usable: Bytes(total),
                free,
                name: "memory",
            }
        })
    }

    fn unified(total: u64, free: Option<Bytes>) -> Self {
        let usable = if total <= 36 << 30 {
            total / 3 * 2
        } else {
            total / 4 * 3
        };
        Self {
            usable: Bytes(usable),
            free,
            name: "memory that the GPU may use",
        }
    }

    /// A graphics card's own memory.
    pub fn of_gpu(total: Bytes, free: Option<Bytes>) -> Self {
        Self {
            usable: total,
            free,
            name: "GPU memory",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    #[strum(serialize = "fits")]
    Fits,
    #[strum(serialize = "tight")]
    Tight,
    #[strum(serialize = "does not fit")]
    DoesNotFit,
}

/// A verdict with the sums behind it, as a sentence or two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    pub verdict: Verdict,
    pub text: String,
}

/// Tight from 85 % of what is usable, or where others would have to give way.
pub fn judge(estimate: &Estimate, machine: &MachineMemory) -> Judgement {
    let need = estimate.total();
    let usable = machine.usable;
    let verdict = if need > usable {
        Verdict::DoesNotFit
    } else if need.0 > usable.0 / 100 * 85 || machine.free.is_some_and(|free| need > free) {
        Verdict::Tight
    } else {
        Verdict::Fits
    };
    let cache = match (estimate.cache, estimate.cache_is_upper_bound) {
        (Some(cache), false) => format!("{cache} of caches"),
        (Some(cache), true) => format!("at most {cache} of caches"),
        (None, _) => "caches of unknown size".into(),
    };
    let sum = format!(
        "{verdict}: about {need} ({} of weights, {cache}, {} for the processes) of {usable} {}",
        estimate.weights, estimate.processes, machine.name
    );
    let text = match (verdict, machine.free) {
        (Verdict::DoesNotFit, _) => {
            format!("{sum}; use fewer instances, less concurrency or a smaller model")
        }
        (Verdict::Tight, Some(free)) if need > free => {
            format!("{sum}, with {free} free now; close other programs or expect swapping")
        }
        _ => sum,
    };
    Judgement { verdict, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::describe;
    use crate::models::synthetic::{Shape, ensure_shape};
    use tokio_util::sync::CancellationToken;

    const GB: u64 = 1_000_000_000;

    fn llama_8b() -> Description {
        let models = tempfile::tempdir().unwrap();
        let folder = models.path().join("tiny");
        let tiny = Shape::named("tiny").unwrap();
        ensure_shape(
            "tiny",
            &tiny,
            &folder,
            &mut |_| (),
            &CancellationToken::new(),
        )
        .unwrap();
        Description {
            weights: Bytes(4_517_000_000),
            float_type: Some("F16".into()),
            layers: Some(32),
            kv_heads: Some(8),
            head_dim: Some(128),
            ..describe(&folder)
        }
    }

    fn demand(instances: u32, sequences: u32) -> Demand {
        Demand {
            instances,
            sequences,
            prompt_tokens: 100,
            output_tokens: 128,
            cached_sequences: 0,
        }
    }

    /// 128 KiB a token is the figure commonly given for Llama 3.1 8B.
    #[test]
    fn a_token_of_llama_8b_takes_128_kib() {
        assert_eq!(cache_bytes_per_token(&llama_8b()), Some(128 << 10));
    }

    #[test]
    fn lengths_are_rounded_up_to_the_caches_step() {
        let one = estimate(&llama_8b(), &demand(1, 1));
        assert_eq!(one.cache, Some(Bytes(256 * (128 << 10))));
        let many = estimate(&llama_8b(), &demand(2, 32));
        assert_eq!(many.cache, Some(Bytes(2 * 32 * 256 * (128 << 10))));
        assert_eq!(many.weights, Bytes(2 * 4_517_000_000));
        assert!(!many.cache_is_upper_bound);
    }

    #[test]
    fn what_the_formula_does_not_cover_is_unknown() {
        let model = Description {
            latent_cache: true,
            ..llama_8b()
        };
        let estimate = estimate(&model, &demand(1, 1));
        assert_eq!(estimate.cache, None);
        let machine = MachineMemory {
            usable: Bytes(64 * GB),
            free: None,
            name: "memory",
        };
        assert!(
            judge(&estimate, &machine)
                .text
                .contains("caches of unknown size")
        );
    }

    #[test]
    fn verdicts() {
        let model = llama_8b();
        let free = |free| Some(Bytes(free * GB));
        for (usable, free, instances, verdict, words) in [
            (64, free(60), 1, Verdict::Fits, "fits: about"),
            (64, None, 1, Verdict::Fits, "fits: about"),
            (64, free(4), 1, Verdict::Tight, "free now"),
            (11, free(11), 2, Verdict::Tight, "tight: about 9.9"),
            (16, free(16), 4, Verdict::DoesNotFit, "fewer instances"),
        ] {
            let machine = MachineMemory {
                usable: Bytes(usable * GB),
                free,
                name: "memory",
            };
            let judgement = judge(&estimate(&model, &demand(instances, 1)), &machine);
            assert_eq!(judgement.verdict, verdict, "{}", judgement.text);
            assert!(judgement.text.contains(words), "{}", judgement.text);
        }
    }

    #[test]
    fn absurd_demands_do_not_overflow() {
        let most = Demand {
            instances: u32::MAX,
            sequences: u32::MAX,
            prompt_tokens: u32::MAX,
            output_tokens: u32::MAX,
            cached_sequences: 0,
        };
        let machine = MachineMemory::here().unwrap();
        let judgement = judge(&estimate(&llama_8b(), &most), &machine);
        assert_eq!(judgement.verdict, Verdict::DoesNotFit);
    }

    #[test]
    fn a_mac_leaves_a_part_to_the_system() {
        assert_eq!(
            MachineMemory::unified(24 << 30, None).usable,
            Bytes(16 << 30)
        );
        assert_eq!(
            MachineMemory::unified(64 << 30, None).usable,
            Bytes(48 << 30)
        );
    }
}
