//! From what was typed to settings, with everything that is wrong and in spite of it: the form
//! shows all mistakes at once, so one must not hide the others.

use crate::settings::overrides::Overrides;
use crate::settings::{SettingError, Settings, Source, Sources};

/// The settings that hold without what is wrong, and what is.
pub(super) fn resolve(mut sources: Sources) -> (Settings, Vec<SettingError>) {
    let mut told = Vec::new();
    loop {
        match Settings::resolve(&sources) {
            Ok(settings) => return (settings, told),
            Err(errors) => {
                let before = size(&sources);
                for error in &errors {
                    if let SettingError::Invalid { var, from, .. } = error {
                        match from {
                            Source::Edited => sources.edited.retain(|(v, _)| v != var),
                            Source::Overrides => {
                                sources.overrides.settings.retain(|(v, _)| v != var);
                            }
                            Source::Environment => {
                                sources.environment.retain(|(key, _)| key != var.name());
                            }
                            Source::Saved => sources.saved.set(*var, None),
                            Source::Default => {}
                        }
                    }
                }
                told.extend(errors);
                if size(&sources) == before {
                    // Nothing more can be taken out.
                    return (Settings::default(), told);
                }
            }
        }
    }
}

fn size(sources: &Sources) -> usize {
    sources.edited.len() + sources.overrides.settings.len() + sources.environment.len()
}

/// The overrides that can be read, and what is wrong with the rest.
pub(super) fn overrides(line: &str) -> (Overrides, Vec<SettingError>) {
    match shell_words::split(line) {
        Ok(words) => Overrides::read(&words),
        Err(_) => (
            Overrides::default(),
            vec![SettingError::OpenQuote {
                text: line.to_owned(),
            }],
        ),
    }
}
