//! Models worth starting with, from `assets/recommended-models.json`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::describe::Parameters;
use crate::units::Bytes;

const LIST: &str = include_str!("../../assets/recommended-models.json");

/// 4-bit weights in groups of 64 with two 16-bit numbers a group.
const BITS_PER_WEIGHT: f64 = 4.5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SizeClass {
    Small,
    Medium,
    Large,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommended {
    /// On Hugging Face.
    pub repo: String,
    pub class: SizeClass,
    /// As published for the model that was quantised.
    pub parameters: u64,
}

impl Recommended {
    /// Computed from the parameters, not looked up: within a few per cent.
    pub fn approximate_download(&self) -> Bytes {
        Bytes((self.parameters as f64 * BITS_PER_WEIGHT / 8.0) as u64)
    }

    /// `Small · 1.24 B parameters · about 695 MB`
    pub fn summary(&self) -> String {
        let Self {
            class, parameters, ..
        } = self;
        let download = self.approximate_download();
        format!(
            "{class} · {} parameters · about {download}",
            Parameters(*parameters)
        )
    }
}

/// Smallest first.
pub fn recommended() -> &'static [Recommended] {
    static PARSED: LazyLock<Vec<Recommended>> = LazyLock::new(|| {
        serde_json::from_str(LIST).expect("the list is part of the program and a test reads it")
    });
    &PARSED
}

/// What is known of `repo`'s download, if it is on the list.
pub fn approximate_download(repo: &str) -> Option<Bytes> {
    recommended()
        .iter()
        .find(|one| one.repo == repo)
        .map(Recommended::approximate_download)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_its_repos_are_valid() {
        let list = recommended();
        assert!(list.is_sorted_by_key(|one| one.parameters));
        for one in list {
            crate::models::resolve::check_repo(&one.repo).unwrap();
        }
        for class in [SizeClass::Small, SizeClass::Medium, SizeClass::Large] {
            assert!(list.iter().any(|one| one.class == class), "{class}");
        }
    }

    #[test]
    fn a_download_is_estimated_at_four_and_a_half_bits() {
        let bytes = approximate_download("mlx-community/Llama-3.2-1B-Instruct-4bit").unwrap();
        assert_eq!(bytes.to_string(), "695 MB");
        assert_eq!(approximate_download("mlx-community/unknown"), None);
    }
}
