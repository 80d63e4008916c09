//! The program's own log, to standard error.

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

/// Starts logging; `filter` as in `RUST_LOG` (default `info`).
pub fn init(_format: Format, _filter: Option<&str>) {
    todo!()
}
