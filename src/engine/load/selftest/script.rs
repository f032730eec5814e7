//! What a request asks of the test server, written into its prompt: `ttft_us=20000 gap_us=50000`.
//!
//! The load client fixes the body of a request except for its prompt, so the prompt is where the
//! script has room; the server needs no other way to be told, and any client can ask the same.

use std::fmt;

/// How one answer is to be streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Script {
    /// From the request to the first chunk, in microseconds.
    pub ttft_us: u64,
    /// Between two chunks, in microseconds; 0 is as fast as the connection takes them.
    pub gap_us: u64,
    /// Added to the stamps of every other chunk, the first included, in microseconds: a server that
    /// lies, by which tests see that an error is found.
    pub shift_us: i64,
    /// Keep the instants at which chunks were written.
    pub stamped: bool,
}

impl Script {
    /// Reads the words that it knows out of a prompt, wherever they stand.
    pub fn read(prompt: &str) -> Self {
        let mut script = Self::default();
        for (key, value) in prompt
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
        {
            match key {
                "ttft_us" => script.ttft_us = value.parse().unwrap_or_default(),
                "gap_us" => script.gap_us = value.parse().unwrap_or_default(),
                "shift_us" => script.shift_us = value.parse().unwrap_or_default(),
                "stamped" => script.stamped = value == "1",
                _ => {}
            }
        }
        script
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            ttft_us,
            gap_us,
            shift_us,
            stamped,
        } = self;
        let stamped = u8::from(*stamped);
        write!(
            f,
            "ttft_us={ttft_us} gap_us={gap_us} shift_us={shift_us} stamped={stamped}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_behind_the_prefix_of_a_prompt() {
        let script = Script {
            ttft_us: 20_000,
            gap_us: 64_000,
            shift_us: -3_000,
            stamped: true,
        };
        assert_eq!(Script::read(&format!("abcdefg2345xy {script}")), script);
        assert_eq!(
            Script::read("no=script here gap_us=x"),
            Script::default(),
            "what makes no sense is left out"
        );
    }
}
