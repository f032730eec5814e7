//! What a synthetic model will be once it is made.

use std::path::Path;

use super::batching::Batching;
use super::config::Config;
use super::describe::{Description, Parameters, Quantisation};
use super::error::ModelError;
use super::synthetic::{self, Shape};

/// Describes a model that is not on disk yet, as [`super::describe`] will describe it in `folder`.
/// Two things are not known before: `size` is that of the weights' file alone, without the
/// tokenizer (some 30 bytes a word), and there is no `hash`.
///
/// # Errors
/// The shape makes no model.
pub fn predict(name: &str, shape: &Shape, folder: &Path) -> Result<Description, ModelError> {
    let (weights, parameters) = synthetic::size(shape)?;
    let config = Config::of(synthetic::config(shape));
    Ok(Description {
        folder: folder.to_path_buf(),
        architecture: Some(shape.arch.to_string()),
        parameters: Some(Parameters(parameters)),
        quantisation: (shape.bits > 0).then_some(Quantisation {
            bits: shape.bits,
            group_size: shape.group_size,
            mixed: false,
        }),
        float_type: Some(shape.dtype.to_string().to_uppercase()),
        size: synthetic::file_size(shape),
        weights,
        context: Some(shape.context),
        vocabulary: Some(shape.vocab),
        layers: Some(shape.layers),
        kv_heads: Some(shape.kv_heads),
        head_dim: Some(shape.head_dim),
        latent_cache: false,
        batching: Batching::of(&config),
        hash: None,
        synthetic: Some(name.to_owned()),
        problems: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::models::describe;
    use crate::models::synthetic::{Arch, FloatType, Record, ensure_shape};

    fn shapes() -> impl Strategy<Value = Shape> {
        let arch = prop_oneof![
            Just(Arch::Llama),
            Just(Arch::Mistral),
            Just(Arch::Qwen2),
            Just(Arch::Qwen3)
        ];
        let dtype = prop_oneof![
            Just(FloatType::F16),
            Just(FloatType::Bf16),
            Just(FloatType::F32)
        ];
        let bits = prop_oneof![Just(0u64), Just(4), Just(8)];
        let group = prop_oneof![Just(32u64), Just(64)];
        (
            (arch, dtype, bits, group, any::<bool>()),
            (1..4u64, 1..3u64, 1..4u64, 0..3u32, 103..400u64),
        )
            .prop_map(
                |((arch, dtype, bits, group_size, tied), (layers, hidden, wide, kv, vocab))| {
                    Shape {
                        layers,
                        hidden: hidden * 64,
                        intermediate: wide * 64,
                        heads: 4,
                        kv_heads: 1 << kv,
                        head_dim: 16,
                        vocab,
                        tied,
                        bits,
                        group_size,
                        dtype,
                        ..Shape::named("tiny").unwrap()
                    }
                    .in_family(arch)
                },
            )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn what_is_made_is_what_was_predicted(shape in shapes()) {
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join("mine");
            let predicted = predict("mine", &shape, &folder).unwrap();
            ensure_shape("mine", &shape, &folder, &mut |_| (), &CancellationToken::new()).unwrap();
            prop_assert_eq!(Record::read(&folder).unwrap().shape, shape);
            let file = std::fs::metadata(folder.join("model.safetensors")).unwrap().len();
            prop_assert_eq!(predicted.size.0, file);
            let described = describe(&folder);
            let hash = described.hash.clone();
            prop_assert!(hash.is_some());
            let whole = described.size;
            prop_assert_eq!(Description { hash, size: whole, ..predicted }, described);
        }
    }

    #[test]
    fn a_shape_that_makes_no_model_is_not_described() {
        let shape = Shape {
            layers: 0,
            ..Shape::named("tiny").unwrap()
        };
        assert!(predict("mine", &shape, Path::new("/x")).is_err());
    }
}
