//! The header of a `.safetensors` file: which tensors it holds, without reading their data.
//! <https://github.com/huggingface/safetensors#format>

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

/// What the format allows; a real header has at most some megabytes.
const LARGEST_BYTES: u64 = 100_000_000;

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Tensor {
    pub dtype: String,
    pub shape: Vec<u64>,
    /// From the end of the header.
    data_offsets: [u64; 2],
}

impl Tensor {
    /// `None` where the product leaves 64 bits, which no real tensor does.
    pub fn elements(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(1u64, |product, side| product.checked_mul(*side))
    }

    pub fn bytes(&self) -> u64 {
        self.data_offsets[1].saturating_sub(self.data_offsets[0])
    }
}

#[derive(Debug)]
pub(super) struct Header {
    pub tensors: BTreeMap<String, Tensor>,
    /// As on disk, for the hash.
    pub bytes: Vec<u8>,
    pub file_bytes: u64,
}

/// The error is a sentence for the reader, without the file's name.
pub(super) fn read(path: &Path) -> Result<Header, String> {
    let unreadable = |error| format!("is not readable: {error}");
    // Asked before opening: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("is not a file".into());
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let file_bytes = file.metadata().map_err(unreadable)?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length)
        .map_err(|_| "is too short to be a safetensors file".to_owned())?;
    let length = u64::from_le_bytes(length);
    if length > LARGEST_BYTES {
        return Err(format!(
            "is no safetensors file: its header would have {length} bytes"
        ));
    }
    if length > file_bytes.saturating_sub(8) {
        return Err("ends within its header: the download is incomplete".into());
    }
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes).map_err(unreadable)?;
    let entries: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&bytes)
        .map_err(|error| format!("has a header that is not valid JSON: {error}"))?;
    let mut tensors = BTreeMap::new();
    for (name, entry) in entries {
        if name == "__metadata__" {
            continue;
        }
        let tensor: Tensor = serde_json::from_value(entry)
            .map_err(|error| format!("describes the tensor {name} wrongly: {error}"))?;
        tensors.insert(name, tensor);
    }
    let data_bytes = file_bytes - 8 - length;
    let needed = tensors
        .values()
        .map(|tensor| tensor.data_offsets[1])
        .max()
        .unwrap_or(0);
    if needed > data_bytes {
        let missing = crate::units::Bytes(needed - data_bytes);
        return Err(format!(
            "lacks its last {missing}: the download is incomplete"
        ));
    }
    Ok(Header {
        tensors,
        bytes,
        file_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_of(content: &[u8]) -> Result<Header, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        std::fs::write(&path, content).unwrap();
        read(&path)
    }

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    const ONE: &str = r#"{"__metadata__":{"format":"mlx"},
        "a.weight":{"dtype":"F16","shape":[2,4],"data_offsets":[0,16]}}"#;

    #[test]
    fn tensors_are_read_without_their_data() {
        let header = header_of(&file(ONE, 16)).unwrap();
        assert_eq!(header.tensors.len(), 1);
        assert_eq!(header.tensors["a.weight"].elements(), Some(8));
        assert_eq!(header.tensors["a.weight"].bytes(), 16);
    }

    #[test]
    fn damage_is_told() {
        let huge = u64::MAX.to_le_bytes().to_vec();
        let within = 1_000u64.to_le_bytes().to_vec();
        let overflow =
            r#"{"a":{"dtype":"F16","shape":[18446744073709551615,2],"data_offsets":[9,0]}}"#;
        for (content, reason) in [
            (Vec::new(), "too short"),
            (vec![1, 2, 3], "too short"),
            (huge, "would have"),
            (within, "ends within its header"),
            (file("{", 0), "not valid JSON"),
            (file("[]", 0), "not valid JSON"),
            (file(r#"{"a":{"dtype":3}}"#, 0), "the tensor a wrongly"),
            (file(ONE, 15), "lacks its last 1 bytes"),
        ] {
            let error = header_of(&content).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let odd = header_of(&file(overflow, 0)).unwrap();
        assert_eq!(odd.tensors["a"].elements(), None);
        assert_eq!(odd.tensors["a"].bytes(), 0);
    }

    proptest::proptest! {
        #[test]
        fn no_content_makes_it_panic(content: Vec<u8>, header in ".{0,200}", data in 0usize..64) {
            let _ = header_of(&content);
            let _ = header_of(&file(&header, data));
        }
    }
}
