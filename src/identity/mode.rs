//! How callers say who they are.

use std::sync::Arc;

use super::Identity;

/// The mode of authentication, for every request alike.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// By a signature, which the gate verifies; requests leave with a signature of the gate's own.
    #[default]
    Verify,
    /// By where they come from: whoever reaches the gate is this principal.
    Ambient(Ambient),
    /// By a signature, which goes on and which the backend verifies.
    Forward,
}

/// Who everybody is that reaches the gate.
#[derive(Clone, Debug)]
pub struct Ambient {
    /// The principal.
    pub identity: Arc<Identity>,
    /// Whether also those may ask who come from another machine without a client certificate.
    pub is_open: bool,
    /// The origins whose pages may ask, from a browser: `https://console.example.com`.
    pub browser_origins: Vec<String>,
}

impl Mode {
    /// How audit lines tell of it: not at all where a signature is verified.
    pub fn audited(&self) -> Option<&'static str> {
        (!matches!(self, Self::Verify)).then(|| self.as_str())
    }

    /// As the configuration spells it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Ambient(_) => "ambient",
            Self::Forward => "forward",
        }
    }
}
