use tokio_util::sync::CancellationToken;

use super::super::synthetic::{Arch, FloatType, Shape, ensure_shape};
use super::*;

fn made(shape: &Shape) -> (tempfile::TempDir, PathBuf) {
    let models = tempfile::tempdir().unwrap();
    let folder = models.path().join("model");
    ensure_shape(
        "mine",
        shape,
        &folder,
        &mut |_| (),
        &CancellationToken::new(),
    )
    .unwrap();
    (models, folder)
}

fn tiny() -> Shape {
    Shape::named("tiny").unwrap()
}

#[test]
fn a_whole_model_is_described_whole() {
    let (_models, folder) = made(&tiny());
    let model = describe(&folder);
    assert_eq!(model.problems, Vec::<String>::new());
    assert_eq!(model.architecture.as_deref(), Some("llama"));
    assert_eq!(
        model.quantisation,
        Some(Quantisation {
            bits: 4,
            group_size: 64,
            mixed: false
        })
    );
    assert_eq!(model.float_type.as_deref(), Some("F32"));
    assert_eq!(
        (model.layers, model.kv_heads, model.head_dim),
        (Some(2), Some(2), Some(16))
    );
    assert_eq!(model.context, Some(131_072));
    assert_eq!(model.batching.answer(), "yes");
    assert_eq!(model.synthetic.as_deref(), Some("mine"));
    assert_eq!(model.hash.as_ref().unwrap().len(), 64);
    assert!(model.size > model.weights);
}

/// Packed or dense, tied or not, with biases or norms: the headers say what the shape says.
#[test]
fn parameters_are_counted_as_the_shape_has_them() {
    for shape in [
        tiny(),
        Shape { bits: 8, ..tiny() },
        Shape {
            bits: 0,
            dtype: FloatType::Bf16,
            ..tiny()
        },
        Shape {
            tied: false,
            group_size: 32,
            ..tiny()
        },
        Shape {
            arch: Arch::Qwen2,
            ..tiny()
        },
        Shape {
            arch: Arch::Qwen3,
            bits: 0,
            ..tiny()
        },
    ] {
        let (_models, folder) = made(&shape);
        let (weights, parameters) = synthetic::size(&shape).unwrap();
        let model = describe(&folder);
        assert_eq!(model.parameters, Some(Parameters(parameters)), "{shape:?}");
        assert_eq!(model.weights, weights, "{shape:?}");
    }
}

#[test]
fn the_hash_tells_shapes_apart_and_nothing_else() {
    let (_a, first) = made(&tiny());
    let (_b, same) = made(&tiny());
    let (_c, other) = made(&Shape {
        layers: 3,
        ..tiny()
    });
    assert_eq!(describe(&first).hash, describe(&same).hash);
    assert_ne!(describe(&first).hash, describe(&other).hash);
}

#[test]
fn damage_is_named_and_unknown_figures_are_absent() {
    type Damage = fn(&Path);
    let cases: [(Damage, &str); 7] = [
        (
            |m| fs::write(m.join("config.json"), "{").unwrap(),
            "config.json is not valid JSON",
        ),
        (
            |m| fs::remove_file(m.join("config.json")).unwrap(),
            "config.json is not readable",
        ),
        (
            |m| fs::remove_file(m.join("tokenizer.json")).unwrap(),
            "no tokenizer",
        ),
        (
            |m| fs::remove_file(m.join("model.safetensors")).unwrap(),
            "no model*.safetensors",
        ),
        (
            |m| {
                let file = m.join("model.safetensors");
                let whole = fs::read(&file).unwrap();
                fs::write(file, &whole[..whole.len() - 1]).unwrap();
            },
            "model.safetensors lacks its last 1 bytes",
        ),
        (
            |m| {
                fs::rename(m.join("model.safetensors"), m.join("model-1.safetensors")).unwrap();
            },
            "model.safetensors of its index is missing",
        ),
        (
            |m| fs::write(m.join("model-00002.safetensors"), [0xff; 64]).unwrap(),
            "model-00002.safetensors is no safetensors file",
        ),
    ];
    for (damage, problem) in cases {
        let (_models, folder) = made(&tiny());
        damage(&folder);
        let model = describe(&folder);
        assert!(
            model.problems.iter().any(|p| p.contains(problem)),
            "{:?}",
            model.problems
        );
        assert_eq!((model.parameters, model.hash), (None, None), "{problem}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_described_too() {
    let model = describe(Path::new("/no/such/folder"));
    assert_eq!(model.size, Bytes(0));
    assert!(!model.problems.is_empty());
}

#[test]
fn other_libraries_packing_is_not_guessed() {
    let (_models, folder) = made(&tiny());
    let header = r#"{"a.qweight":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.resize(file.len() + 16, 0);
    fs::write(folder.join("model-2.safetensors"), file).unwrap();
    assert_eq!(describe(&folder).parameters, None);
}

#[test]
fn counts_read_as_people_say_them() {
    for (count, text) in [
        (999, "999"),
        (122_304, "122 K"),
        (494_032_768, "494 M"),
        (999_999_999, "1.00 B"),
        (1_235_814_400, "1.24 B"),
        (70_553_706_496, "70.6 B"),
    ] {
        assert_eq!(Parameters(count).to_string(), text);
    }
}
