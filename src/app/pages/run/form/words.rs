//! Settings, sources and values in the words of the form.

use crate::settings::table::DefaultValue;
use crate::settings::{Source, Var};

/// A field's label, in sentence case.
pub(super) const fn label(var: Var) -> &'static str {
    match var {
        Var::ModelPath => "Repo or folder",
        Var::ModelDirs => "Extra model folders",
        Var::ModelSearchDepth => "Search depth",
        Var::Prompt => "Prompt",
        Var::PromptsFile => "Prompt file",
        Var::MaxTokens => "Max tokens",
        Var::PromptTokens => "Prompt tokens",
        Var::Temperature => "Temperature",
        Var::Concurrency => "Requests in flight",
        Var::NumRequests => "Requests in all",
        Var::RequestsMultiplier => "Requests multiplier",
        Var::Stream => "Stream answers",
        Var::IdenticalPrompts => "Identical prompts",
        Var::RequestRate => "Request rate",
        Var::Arrivals => "Arrivals",
        Var::MaxInFlight => "Most in flight",
        Var::ExactOutput => "Exact output length",
        Var::Attach => "Base URLs",
        Var::AttachModel => "Model name",
        Var::AttachKey => "Key",
        Var::DecodeConcurrency => "Decode concurrency",
        Var::PromptConcurrency => "Prompt concurrency",
        Var::ServerInstances => "Servers",
        Var::ServerArgs => "Advanced arguments",
        Var::ServerHost => "Bind address",
        Var::ServerPort => "Port",
        Var::ServerBasePort => "First server port",
        Var::NginxPort => "nginx port",
        Var::Balancer => "Balancer",
        Var::ServerBacklog => "Listen backlog",
        Var::BindTimeout => "Port must answer in",
        Var::ReadyTimeout => "Model must answer in",
        Var::StartupDelay => "Delay between starts",
        Var::DecodeConcurrencyList => "Decode concurrencies",
        Var::PromptConcurrencyList => "Prompt concurrencies",
        Var::ConcurrencyList => "Requests in flight to sweep",
        Var::InstancesList => "Numbers of servers",
        Var::MaxTokensList => "Max tokens to sweep",
        Var::RequestRateList => "Request rates",
        Var::PromptTokensList => "Prompt tokens to sweep",
        Var::Mode => "Mode",
        Var::WindowMinS => "Shortest window",
        Var::WindowMinE2e => "Window in request times",
        Var::WindowMinCompletions => "Answers per window",
        Var::WindowMaxS => "Longest window",
        Var::TtftLimit => "TTFT limit",
        Var::TpotLimit => "TPOT limit",
        Var::Repeats => "Repeats",
        Var::Finalists => "Finalists",
        Var::Order => "Order of cells",
        Var::Seed => "Seed of the order",
        Var::ReferenceEvery => "Reference cell every",
        Var::DriftLimit => "Drift limit",
        Var::ThermalGate => "Thermal gate",
        Var::ClockLimit => "GPU clock limit",
        Var::CoolDownMax => "Longest cool-down",
        Var::TuneBudget => "Time for all",
        Var::TuneShare => "Most cells",
        Var::WarmupRequests => "Warm-up requests",
        Var::CellPause => "Pause between cells",
        Var::ContinueOnError => "Go on after a failed cell",
        Var::RequestTimeout => "Request timeout",
        Var::RetryAttempts => "Retries",
        Var::RetrySleep => "Pause before a retry",
        Var::Watchdog => "Wedged after",
        Var::Python => "Python",
        Var::NginxBin => "nginx binary",
        Var::ResultsDir => "Results folder",
        Var::RequestsCsv => "Write every request",
    }
}

/// The meaning, the name in the environment, and the default where it is computed.
pub(super) fn tooltip(var: Var) -> String {
    let spec = var.spec();
    let mut text = format!("{}.", spec.help.replace('`', ""));
    if let DefaultValue::Computed(how) = spec.default {
        text.push_str("\nDefault: ");
        text.push_str(&how.replace('`', ""));
        text.push('.');
    }
    text.push_str("\n\n");
    text.push_str(spec.name);
    text
}

/// Where a value comes from, as a caption.
pub(super) const fn source(source: Source) -> &'static str {
    match source {
        Source::Edited => "edited here",
        Source::Overrides => "from env overrides",
        Source::Environment => "from the environment",
        Source::Saved => "from saved settings",
        Source::Default => "default",
    }
}

/// In front of a message about a value that was not typed into its own field.
pub(super) const fn place_of(source: Source) -> &'static str {
    match source {
        Source::Edited => "this field",
        Source::Overrides => "env overrides",
        Source::Environment => "the environment",
        Source::Saved => "saved settings",
        Source::Default => "the defaults",
    }
}

/// At most this many values of a list are written out.
const PREVIEWED: usize = 12;

/// `1, 2, 4 · 3 values`
pub(super) fn preview<T: ToString>(values: &[T]) -> String {
    let count = match values.len() {
        1 => "1 value".to_owned(),
        n => format!("{n} values"),
    };
    let words = |values: &[T]| -> String {
        let words: Vec<String> = values
            .iter()
            .map(|value| Some(value.to_string()).filter(|v| !v.is_empty()))
            .map(|value| value.unwrap_or_else(|| "without the flag".to_owned()))
            .collect();
        words.join(", ")
    };
    match values {
        [first @ .., last] if values.len() > PREVIEWED => format!(
            "{}, ... {} · {count}",
            words(&first[..PREVIEWED - 2]),
            last.to_string()
        ),
        _ => format!("{} · {count}", words(values)),
    }
}

/// `3 cells`; the plural takes an `s`.
pub(super) fn counted(n: u32, one: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {one}s")
    }
}
