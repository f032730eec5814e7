//! Which tensors a shape has, where each lies in the file, and how it is filled.

use serde_json::{Map, Value, json};

use super::shape::{Arch, Shape};

/// Spread of the weights: what transformers are usually initialised with.
pub(super) const STD: f64 = 0.02;

/// What a tensor holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fill {
    /// Uniformly random bits: packed weights.
    Words,
    /// One value throughout: norms, biases, the scales of random words.
    Constant(f32),
    /// Random values of mean 0 and standard deviation [`STD`].
    Random,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub name: String,
    pub dtype: &'static str,
    /// One or two dimensions.
    pub dims: Vec<u64>,
    pub element_bytes: u64,
    pub fill: Fill,
    /// The rows of [`super::tokenizer::quiet_ids`] are zero.
    pub quiet: bool,
}

impl Tensor {
    pub fn row_bytes(&self) -> u64 {
        self.dims.last().copied().unwrap_or(1) * self.element_bytes
    }

    pub fn rows(&self) -> u64 {
        if self.dims.len() > 1 { self.dims[0] } else { 1 }
    }

    pub fn bytes(&self) -> u64 {
        self.rows() * self.row_bytes()
    }
}

/// All tensors in file order, and how many numbers they stand for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub tensors: Vec<Tensor>,
    pub parameters: u64,
}

impl Layout {
    /// Of a shape that passed [`Shape::check`].
    pub fn of(shape: &Shape) -> Self {
        let mut layout = Builder {
            shape,
            tensors: Vec::new(),
            parameters: 0,
        };
        let queries = shape.heads * shape.head_dim;
        let keys = shape.kv_heads * shape.head_dim;
        layout.matrix("model.embed_tokens", shape.vocab, shape.hidden, shape.tied);
        for layer in 0..shape.layers {
            let at = |part: &str| format!("model.layers.{layer}.{part}");
            for (part, rows, columns) in [
                ("self_attn.q_proj", queries, shape.hidden),
                ("self_attn.k_proj", keys, shape.hidden),
                ("self_attn.v_proj", keys, shape.hidden),
                ("self_attn.o_proj", shape.hidden, queries),
                ("mlp.gate_proj", shape.intermediate, shape.hidden),
                ("mlp.up_proj", shape.intermediate, shape.hidden),
                ("mlp.down_proj", shape.hidden, shape.intermediate),
            ] {
                layout.matrix(&at(part), rows, columns, false);
            }
            if shape.arch == Arch::Qwen2 {
                layout.vector(at("self_attn.q_proj.bias"), queries, 0.0);
                layout.vector(at("self_attn.k_proj.bias"), keys, 0.0);
                layout.vector(at("self_attn.v_proj.bias"), keys, 0.0);
            }
            if shape.arch == Arch::Qwen3 {
                layout.vector(at("self_attn.q_norm.weight"), shape.head_dim, 1.0);
                layout.vector(at("self_attn.k_norm.weight"), shape.head_dim, 1.0);
            }
            layout.vector(at("input_layernorm.weight"), shape.hidden, 1.0);
            layout.vector(at("post_attention_layernorm.weight"), shape.hidden, 1.0);
        }
        layout.vector("model.norm.weight".into(), shape.hidden, 1.0);
        if !shape.tied {
            layout.matrix("lm_head", shape.vocab, shape.hidden, true);
        }
        Self {
            tensors: layout.tensors,
            parameters: layout.parameters,
        }
    }

    /// Bytes of all tensors, without the header.
    pub fn data_bytes(&self) -> u64 {
        self.tensors.iter().map(Tensor::bytes).sum()
    }

    /// The start of the file: the header's length, the header, spaces up to a multiple of eight.
    /// <https://github.com/huggingface/safetensors#format>
    pub fn header(&self) -> Vec<u8> {
        let mut entries = Map::new();
        entries.insert("__metadata__".into(), json!({ "format": "mlx" }));
        let mut from = 0;
        for tensor in &self.tensors {
            let to = from + tensor.bytes();
            entries.insert(
                tensor.name.clone(),
                json!({ "dtype": tensor.dtype, "shape": tensor.dims, "data_offsets": [from, to] }),
            );
            from = to;
        }
        let mut text = Value::Object(entries).to_string();
        while !text.len().is_multiple_of(8) {
            text.push(' ');
        }
        let mut header = (text.len() as u64).to_le_bytes().to_vec();
        header.extend_from_slice(text.as_bytes());
        header
    }

    /// `model.safetensors.index.json`; `--pipeline` needs one even for a single file.
    pub fn index(&self, file: &str) -> Value {
        let map: Map<String, Value> = self
            .tensors
            .iter()
            .map(|tensor| (tensor.name.clone(), json!(file)))
            .collect();
        json!({ "metadata": { "total_size": self.data_bytes() }, "weight_map": map })
    }
}

struct Builder<'a> {
    shape: &'a Shape,
    tensors: Vec<Tensor>,
    parameters: u64,
}

impl Builder<'_> {
    fn float(&mut self, name: String, dims: Vec<u64>, fill: Fill, quiet: bool) {
        let dtype = self.shape.dtype;
        self.tensors.push(Tensor {
            name,
            dtype: dtype.safetensors(),
            dims,
            element_bytes: dtype.bytes(),
            fill,
            quiet,
        });
    }

    fn vector(&mut self, name: String, length: u64, value: f32) {
        self.float(name, vec![length], Fill::Constant(value), false);
        self.parameters += length;
    }

    /// A weight of `rows` outputs and `columns` inputs.
    fn matrix(&mut self, name: &str, rows: u64, columns: u64, quiet: bool) {
        let Shape {
            bits, group_size, ..
        } = *self.shape;
        self.parameters += rows * columns;
        if bits == 0 {
            let dims = vec![rows, columns];
            return self.float(format!("{name}.weight"), dims, Fill::Random, quiet);
        }
        self.tensors.push(Tensor {
            name: format!("{name}.weight"),
            dtype: "U32",
            dims: vec![rows, columns * bits / 32],
            element_bytes: 4,
            fill: Fill::Words,
            quiet: false,
        });
        // A weight is scale * q + bias with q uniform over the levels, whose variance is
        // (levels^2 - 1) / 12: this scale gives the wanted spread and this bias a mean of zero. A
        // row whose scales and biases are zero is a zero row, whatever its words are.
        let levels = f64::from(1u32 << bits);
        let scale = STD / ((levels * levels - 1.0) / 12.0).sqrt();
        let bias = -scale * (levels - 1.0) / 2.0;
        let dims = vec![rows, columns / group_size];
        self.float(
            format!("{name}.scales"),
            dims.clone(),
            Fill::Constant(scale as f32),
            quiet,
        );
        self.float(
            format!("{name}.biases"),
            dims,
            Fill::Constant(bias as f32),
            quiet,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameter counts as published for the models themselves.
    #[test]
    fn named_shapes_have_the_size_of_their_models() {
        for (name, millions) in [
            ("llama-3.2-1b-4bit", 1_235.8),
            ("llama-3.2-3b-4bit", 3_212.7),
            ("qwen2.5-0.5b-4bit", 494.0),
            ("qwen3-0.6b-4bit", 596.0),
            ("mistral-7b-4bit", 7_248.0),
            ("llama-3.1-8b-4bit", 8_030.3),
        ] {
            let parameters = Layout::of(&Shape::named(name).unwrap()).parameters as f64 / 1e6;
            assert!((parameters - millions).abs() < 0.1, "{name}: {parameters}");
        }
    }

    #[test]
    fn four_bits_cost_four_and_a_half() {
        let layout = Layout::of(&Shape::named("llama-3.1-8b-4bit").unwrap());
        let bits = layout.data_bytes() as f64 * 8.0 / layout.parameters as f64;
        assert!((bits - 4.5).abs() < 0.01, "{bits}");
    }

    #[test]
    fn the_header_is_aligned_and_covers_the_data_without_gaps() {
        let layout = Layout::of(&Shape::named("tiny").unwrap());
        let header = layout.header();
        let length = u64::from_le_bytes(header[..8].try_into().unwrap());
        assert_eq!(header.len() as u64, 8 + length);
        assert!(length.is_multiple_of(8));
        let entries: Map<String, Value> = serde_json::from_slice(&header[8..]).unwrap();
        let mut end = 0;
        for (name, entry) in entries.iter().skip(1) {
            assert_eq!(entry["data_offsets"][0], end, "{name}");
            end = entry["data_offsets"][1].as_u64().unwrap();
        }
        assert_eq!(end, layout.data_bytes());
    }

    #[test]
    fn architectures_add_their_own_tensors() {
        let names = |arch| {
            let shape = Shape {
                arch,
                ..Shape::named("tiny").unwrap()
            };
            Layout::of(&shape)
                .tensors
                .into_iter()
                .map(|t| t.name)
                .collect::<Vec<_>>()
        };
        assert!(names(Arch::Qwen2).contains(&"model.layers.1.self_attn.k_proj.bias".into()));
        assert!(names(Arch::Qwen3).contains(&"model.layers.0.self_attn.q_norm.weight".into()));
        assert_eq!(names(Arch::Llama), names(Arch::Mistral));
        assert!(
            !names(Arch::Llama)
                .iter()
                .any(|name| name.starts_with("lm_head"))
        );
    }
}
