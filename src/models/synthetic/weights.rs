//! Writes the weights as a stream: one block of random words at a time, so that memory does not
//! grow with the model.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::super::error::ModelError;
use super::Progress;
use super::shape::{FloatType, Shape};
use super::tensors::{Fill, Layout, Tensor};
use super::tokenizer::quiet_ids;
use crate::units::Bytes;

/// Large enough for a system call to cost nothing, small enough to stay in the cache.
const BLOCK_BYTES: usize = 1 << 20;

/// Writes the whole file and waits until it is on the disk: a measurement that starts right after
/// must not share the machine with the writing back of gigabytes.
pub(super) fn write(
    path: &Path,
    shape: &Shape,
    layout: &Layout,
    progress: &mut dyn FnMut(Progress),
    cancel: &CancellationToken,
) -> Result<(), ModelError> {
    let mut file = File::create(path).map_err(ModelError::io("could not create", path))?;
    let mut done = 0;
    let total = layout.data_bytes();
    let failed = |error| ModelError::io("could not write", path)(error);
    file.write_all(&layout.header()).map_err(failed)?;
    let mut source = Source::new(shape);
    for tensor in &layout.tensors {
        let rows_per_block = (BLOCK_BYTES as u64 / tensor.row_bytes()).max(1);
        let mut row = 0;
        while row < tensor.rows() {
            if cancel.is_cancelled() {
                return Err(ModelError::Cancelled);
            }
            let rows = rows_per_block.min(tensor.rows() - row);
            let block = source.rows(tensor, row, rows);
            file.write_all(block)
                .map_err(|error| ModelError::io("could not write", path)(error))?;
            done += block.len() as u64;
            row += rows;
            progress(Progress {
                done: Bytes(done),
                total: Bytes(total),
            });
        }
    }
    file.sync_all()
        .map_err(ModelError::io("could not write", path))
}

/// Fills blocks; the same shape and seed always give the same bytes.
struct Source {
    rng: Xoshiro256PlusPlus,
    dtype: FloatType,
    quiet: Vec<u64>,
    block: Vec<u8>,
    /// Dense weights are drawn from here by random 16-bit index: uniform over an interval of
    /// standard deviation 1, converted once instead of once a weight.
    table: Vec<u8>,
}

impl Source {
    fn new(shape: &Shape) -> Self {
        let table = if shape.bits == 0 {
            (0..=u16::MAX)
                .flat_map(|i| encode(dense_value(i), shape.dtype))
                .collect()
        } else {
            Vec::new()
        };
        Self {
            rng: Xoshiro256PlusPlus::seed_from_u64(shape.seed),
            dtype: shape.dtype,
            quiet: quiet_ids(shape.vocab),
            block: Vec::new(),
            table,
        }
    }

    fn rows(&mut self, tensor: &Tensor, first: u64, rows: u64) -> &[u8] {
        let row_bytes = tensor.row_bytes() as usize;
        self.block.resize(rows as usize * row_bytes, 0);
        match tensor.fill {
            Fill::Words => self.rng.fill_bytes(&mut self.block),
            Fill::Constant(value) => repeat(&encode(value, self.dtype), &mut self.block),
            Fill::Random => self.draw(),
        }
        if tensor.quiet {
            for id in self
                .quiet
                .iter()
                .filter(|id| (first..first + rows).contains(id))
            {
                let at = (id - first) as usize * row_bytes;
                self.block[at..at + row_bytes].fill(0);
            }
        }
        &self.block
    }

    fn draw(&mut self) {
        let width = self.dtype.bytes() as usize;
        let mut indices = vec![0; self.block.len() / width * 2];
        self.rng.fill_bytes(&mut indices);
        for (weight, index) in self
            .block
            .chunks_exact_mut(width)
            .zip(indices.chunks_exact(2))
        {
            let at = usize::from(u16::from_le_bytes([index[0], index[1]])) * width;
            weight.copy_from_slice(&self.table[at..at + width]);
        }
    }
}

/// Entry `i` of 65,536 evenly spaced values of mean 0 and the spread of all weights.
fn dense_value(i: u16) -> f32 {
    let half_width = super::tensors::STD * 3f64.sqrt();
    ((f64::from(i) - 32_767.5) / 32_768.0 * half_width) as f32
}

/// Copies `pattern` over the whole of `block` by doubling.
fn repeat(pattern: &[u8], block: &mut [u8]) {
    let mut filled = pattern.len().min(block.len());
    block[..filled].copy_from_slice(&pattern[..filled]);
    while filled < block.len() {
        let more = filled.min(block.len() - filled);
        block.copy_within(..more, filled);
        filled += more;
    }
}

fn encode(value: f32, dtype: FloatType) -> Vec<u8> {
    match dtype {
        FloatType::F32 => value.to_le_bytes().to_vec(),
        FloatType::F16 => half(value).to_le_bytes().to_vec(),
        FloatType::Bf16 => {
            // Round to nearest, ties to even, then keep the upper half.
            let bits = value.to_bits();
            let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1));
            ((rounded >> 16) as u16).to_le_bytes().to_vec()
        }
    }
}

/// IEEE 754 binary16, nearest with ties to even, for finite values below its maximum of 65,504.
fn half(value: f32) -> u16 {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    let size = f64::from(value.abs());
    // The exponent decides the step between neighbours; below 2^-14 it stays 2^-24 (subnormals).
    let exponent = if size < 2f64.powi(-14) {
        -14
    } else {
        size.log2().floor() as i32
    };
    let steps = (size / 2f64.powi(exponent - 10)).round_ties_even() as u16;
    // A normal value has 1024 to 2048 steps; 2048 carries into the next exponent by itself.
    sign | ((exponent + 14) as u16 * 1024 + steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of(shape: &Shape) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        write(
            &path,
            shape,
            &Layout::of(shape),
            &mut |_| (),
            &CancellationToken::new(),
        )
        .unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn the_seed_decides_every_byte() {
        let tiny = Shape::named("tiny").unwrap();
        let first = bytes_of(&tiny);
        assert_eq!(first, bytes_of(&tiny));
        assert_ne!(first, bytes_of(&Shape { seed: 1, ..tiny }));
    }

    #[test]
    fn half_floats_round_as_the_standard_says() {
        for (value, bits) in [
            (0.0, 0x0000),
            (1.0, 0x3c00),
            (-2.0, 0xc000),
            (65_504.0, 0x7bff),
            (0.1, 0x2e66),
            (1.0 / 3.0, 0x3555),
            (6.103_515_6e-5, 0x0400),
            (5.960_464_5e-8, 0x0001),
            (0.999_99, 0x3c00),
            (1.000_488_3, 0x3c00),
            (1.001_464_8, 0x3c02),
        ] {
            assert_eq!(half(value), bits, "{value}");
        }
    }

    #[test]
    fn dense_weights_have_the_wanted_spread_and_quiet_rows_are_zero() {
        let shape = Shape {
            bits: 0,
            dtype: FloatType::F32,
            ..Shape::named("tiny").unwrap()
        };
        let bytes = bytes_of(&shape);
        let header = Layout::of(&shape).header().len();
        // The embedding comes first: 512 rows of 64.
        let embedding: Vec<f64> = bytes[header..header + 512 * 64 * 4]
            .chunks_exact(4)
            .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
            .collect();
        let mean = embedding.iter().sum::<f64>() / embedding.len() as f64;
        let variance = embedding.iter().map(|w| w * w).sum::<f64>() / embedding.len() as f64;
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!((variance.sqrt() - 0.02).abs() < 1e-3, "{}", variance.sqrt());
        for id in quiet_ids(512) {
            let row = &embedding[id as usize * 64..][..64];
            assert!(row.iter().all(|w| *w == 0.0), "row {id}");
        }
        assert!(embedding[3 * 64..4 * 64].iter().any(|w| *w != 0.0));
    }

    #[test]
    fn blocks_do_not_show() {
        // A vocabulary whose packed rows fill more than one block, with quiet rows in the last.
        let shape = Shape {
            vocab: 40_000,
            ..Shape::named("tiny").unwrap()
        };
        let layout = Layout::of(&shape);
        let bytes = bytes_of(&shape);
        let words = layout.tensors[0].bytes();
        assert!(words > BLOCK_BYTES as u64);
        let scales = &bytes[layout.header().len() + words as usize..][..40_000 * 4];
        let zero: Vec<u64> = (0..40_000)
            .filter(|row| scales[*row as usize * 4..][..4] == [0; 4])
            .collect();
        assert_eq!(zero, quiet_ids(40_000));
        assert_eq!(
            bytes.len() as u64,
            layout.header().len() as u64 + layout.data_bytes()
        );
    }
}
