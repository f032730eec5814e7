//! The table of `MLX_*` settings, their sources and precedence.
//!
//! ```text
//! table ──┬─▶ value, list      text -> typed value, or an error that says what is accepted
//!         ├─▶ resolve          sources -> Settings (every value with its source)
//!         ├─▶ reference        README block, CLI help
//!         └─▶ (form fields)
//! overrides   `KEY=VALUE` words          saved   the JSON file
//! ```
//! Nothing here reads the process environment or a clock: the environment comes in as data.

pub mod base_url;
pub mod error;
pub(crate) mod json_file;
pub mod list;
pub mod overrides;
pub mod rate;
pub mod reference;
pub mod resolve;
pub mod saved;
pub mod secret;
pub mod table;
pub mod value;

pub use base_url::BaseUrl;
pub use error::SettingError;
pub use rate::Rate;
pub use resolve::{Setting, Settings, Source, Sources};
pub use saved::SavedSettings;
pub use secret::Secret;
pub use table::{Group, Spec, Var};
pub use value::{Kind, Value};
