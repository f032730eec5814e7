//! Which shapes make a model: everything that would only fail inside the server is found here, and
//! said of the size that is to be changed.

use super::super::error::ModelError;
use super::shape::{Arch, Shape};

/// One choice of a shape.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::EnumIter, strum::VariantArray,
)]
pub enum Part {
    Layers,
    Hidden,
    Intermediate,
    Heads,
    KvHeads,
    HeadDim,
    Vocabulary,
    Context,
    Bits,
    GroupSize,
    /// Rope theta and the norm's epsilon.
    Constants,
}

/// What is wrong with a shape, as the end of a sentence, and where to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub part: Part,
    pub text: String,
}

impl Shape {
    /// # Errors
    /// The first of [`Shape::problems`].
    pub fn check(&self) -> Result<(), ModelError> {
        match self.problems().into_iter().next() {
            Some(problem) => Err(ModelError::BadShape(problem.text)),
            None => Ok(()),
        }
    }

    /// Numbers in a group are packed into 32-bit words, so widths must divide; and `mlx_lm` computes
    /// some sizes from others.
    pub fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let mut bad = |part, text| found.push(Problem { part, text });
        for (part, what, value, most) in [
            (Part::Hidden, "hidden size", self.hidden, 1 << 16),
            (Part::Layers, "layers", self.layers, 1 << 10),
            (
                Part::Intermediate,
                "intermediate size",
                self.intermediate,
                1 << 20,
            ),
            (Part::Heads, "attention heads", self.heads, 1 << 10),
            (Part::KvHeads, "key/value heads", self.kv_heads, 1 << 10),
            (Part::HeadDim, "head size", self.head_dim, 1 << 12),
            (Part::Vocabulary, "vocabulary", self.vocab, 1 << 22),
            (Part::Context, "context", self.context, 1 << 32),
        ] {
            if value == 0 || value > most {
                bad(
                    part,
                    format!("{what} is {value}; it must lie between 1 and {most}"),
                );
            }
        }
        if !found.is_empty() {
            // What follows multiplies and divides these.
            return found;
        }
        self.relations(&mut found);
        self.packing(&mut found);
        found
    }

    fn relations(&self, found: &mut Vec<Problem>) {
        let mut bad = |part, text| found.push(Problem { part, text });
        let smallest = super::tokenizer::SMALLEST_VOCABULARY;
        if self.vocab < smallest {
            bad(
                Part::Vocabulary,
                format!(
                    "a vocabulary of {} has no room for the {smallest} tokens that every one holds",
                    self.vocab
                ),
            );
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            bad(
                Part::KvHeads,
                format!(
                    "{} attention heads cannot share {} key/value heads evenly",
                    self.heads, self.kv_heads
                ),
            );
        }
        if !self.head_dim.is_multiple_of(2) {
            bad(
                Part::HeadDim,
                format!(
                    "a head size of {} is odd, and the rotary embedding turns pairs",
                    self.head_dim
                ),
            );
        }
        if self.arch == Arch::Qwen2 && self.heads * self.head_dim != self.hidden {
            bad(
                Part::Heads,
                format!(
                    "qwen2 takes hidden / heads as its head size, but {} heads of {} are not {}",
                    self.heads, self.head_dim, self.hidden
                ),
            );
        }
        if !(self.rope_theta.is_finite() && self.rope_theta > 1.0 && self.norm_eps > 0.0) {
            bad(
                Part::Constants,
                "rope theta must be above 1 and the norm's epsilon above 0".into(),
            );
        }
    }

    fn packing(&self, found: &mut Vec<Problem>) {
        let mut bad = |part, text| found.push(Problem { part, text });
        if self.bits == 0 {
            return;
        }
        if !matches!(self.bits, 4 | 8) {
            bad(
                Part::Bits,
                format!("{} bits; choose 4, 8, or 0 for dense weights", self.bits),
            );
        }
        if !matches!(self.group_size, 32 | 64 | 128) {
            bad(
                Part::GroupSize,
                format!("a group size of {}; choose 32, 64 or 128", self.group_size),
            );
            return;
        }
        for (part, what, width) in [
            (Part::Hidden, "hidden size", self.hidden),
            (Part::Intermediate, "intermediate size", self.intermediate),
            (
                Part::HeadDim,
                "heads x head size",
                self.heads * self.head_dim,
            ),
        ] {
            if !width.is_multiple_of(self.group_size) {
                bad(
                    part,
                    format!(
                        "{what} {width} is no multiple of the group size {}",
                        self.group_size
                    ),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_is_told_of_its_own_part() {
        let shape = Shape {
            kv_heads: 3,
            intermediate: 100,
            vocab: 64,
            ..Shape::named("tiny").unwrap()
        };
        let parts: Vec<Part> = shape.problems().into_iter().map(|p| p.part).collect();
        assert_eq!(parts, [Part::Vocabulary, Part::KvHeads, Part::Intermediate]);
    }

    #[test]
    fn absurd_sizes_are_told_without_computing_with_them() {
        let shape = Shape {
            heads: u64::MAX,
            head_dim: u64::MAX,
            kv_heads: 0,
            ..Shape::named("tiny").unwrap()
        };
        let parts: Vec<Part> = shape.problems().into_iter().map(|p| p.part).collect();
        assert_eq!(parts, [Part::Heads, Part::KvHeads, Part::HeadDim]);
    }
}
