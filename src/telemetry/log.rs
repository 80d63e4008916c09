//! The program's own log, to standard error. Invariant: it can be started twice, and the first time
//! counts.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

/// Text on a terminal, JSON lines elsewhere, unless told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// By what standard error is.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Starts logging; `filter` as in `RUST_LOG` (default `info`), of which parts that cannot be read are
/// told and passed over. A second call changes nothing.
pub fn init(format: Format, filter: Option<&str>) {
    let filter = EnvFilter::new(filter.unwrap_or("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr);
    let as_text = match format {
        Format::Auto => stderr().is_terminal(),
        Format::Text => true,
        Format::Json => false,
    };
    let _ = if as_text {
        builder.with_ansi(stderr().is_terminal()).with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}

#[cfg(test)]
mod tests {
    use super::{Format, init};

    #[test]
    fn a_second_start_changes_nothing() {
        init(Format::Json, Some("off"));
        init(Format::Text, Some("info"));
        assert!(!tracing::enabled!(tracing::Level::ERROR));
    }
}
