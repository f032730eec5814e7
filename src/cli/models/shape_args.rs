//! Flags that give a synthetic model a shape of its own.

use crate::models::ModelError;
use crate::models::synthetic::{self, Arch, FloatType, Shape};

/// Each replaces one size of the shape that `--like` names.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
#[command(next_help_heading = "A shape of its own")]
pub struct ShapeArgs {
    /// The known shape to start from [default: tiny]
    #[arg(long, value_name = "NAME")]
    like: Option<String>,
    /// `llama`, `mistral`, `qwen2` or `qwen3`
    #[arg(long)]
    family: Option<Arch>,
    #[arg(long, value_name = "N")]
    layers: Option<u64>,
    /// Width of the residual stream
    #[arg(long, value_name = "N")]
    hidden: Option<u64>,
    /// Width inside the feed-forward blocks
    #[arg(long, value_name = "N")]
    intermediate: Option<u64>,
    /// Attention heads
    #[arg(long, value_name = "N")]
    heads: Option<u64>,
    /// Key/value heads; divides the attention heads
    #[arg(long, value_name = "N")]
    kv_heads: Option<u64>,
    /// Width of a head; qwen2 always takes hidden / heads
    #[arg(long, value_name = "N")]
    head_dim: Option<u64>,
    /// Ids that the output chooses from
    #[arg(long, value_name = "N")]
    vocab: Option<u64>,
    /// The longest context, in tokens
    #[arg(long, value_name = "N")]
    context: Option<u64>,
    /// Bits a weight: 4, 8, or 0 for dense weights
    #[arg(long, value_name = "N")]
    bits: Option<u64>,
    /// Weights that share one scale: 32, 64 or 128
    #[arg(long, value_name = "N")]
    group_size: Option<u64>,
    /// Whether the embedding doubles as the output projection
    #[arg(long, value_name = "true|false")]
    tied: Option<bool>,
}

impl ShapeArgs {
    /// Whether a shape was asked for at all.
    pub fn is_given(&self) -> bool {
        *self != Self::default()
    }

    /// `dtype` is a flag of every synthetic model.
    ///
    /// # Errors
    /// `--like` names no known shape, or the sizes make no model.
    pub fn shape(&self, dtype: Option<FloatType>) -> Result<Shape, ModelError> {
        let like = self.like.as_deref().unwrap_or("tiny");
        let like = like.strip_prefix(synthetic::PREFIX).unwrap_or(like);
        let base = Shape::named(like)?;
        let mut shape = Shape {
            layers: self.layers.unwrap_or(base.layers),
            hidden: self.hidden.unwrap_or(base.hidden),
            intermediate: self.intermediate.unwrap_or(base.intermediate),
            heads: self.heads.unwrap_or(base.heads),
            kv_heads: self.kv_heads.unwrap_or(base.kv_heads),
            head_dim: self.head_dim.unwrap_or(base.head_dim),
            vocab: self.vocab.unwrap_or(base.vocab),
            context: self.context.unwrap_or(base.context),
            bits: self.bits.unwrap_or(base.bits),
            group_size: self.group_size.unwrap_or(base.group_size),
            tied: self.tied.unwrap_or(base.tied),
            dtype: dtype.unwrap_or(base.dtype),
            ..base
        };
        if let Some(family) = self.family {
            shape = shape.in_family(family);
        }
        if self.head_dim.is_none() {
            shape = shape.with_own_head_size();
        }
        shape.check()?;
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_replace_single_sizes() {
        assert!(!ShapeArgs::default().is_given());
        let args = ShapeArgs {
            like: Some("synthetic:llama-3.2-1b-4bit".into()),
            layers: Some(4),
            bits: Some(8),
            ..ShapeArgs::default()
        };
        assert!(args.is_given());
        let shape = args.shape(Some(FloatType::Bf16)).unwrap();
        let base = Shape::named("llama-3.2-1b-4bit-bf16").unwrap();
        assert_eq!(
            shape,
            Shape {
                layers: 4,
                bits: 8,
                ..base
            }
        );
    }

    #[test]
    fn another_family_computes_its_own_head_size() {
        let args = ShapeArgs {
            family: Some(Arch::Qwen2),
            hidden: Some(128),
            ..ShapeArgs::default()
        };
        let shape = args.shape(None).unwrap();
        assert_eq!((shape.arch, shape.head_dim), (Arch::Qwen2, 32));
        let wrong = ShapeArgs {
            head_dim: Some(16),
            ..args
        };
        assert_eq!(wrong.shape(None).unwrap().head_dim, 32);
        let unknown = ShapeArgs {
            like: Some("huge".into()),
            ..ShapeArgs::default()
        };
        assert!(unknown.shape(None).is_err());
    }
}
