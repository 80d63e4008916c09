//! What a decision is made on: the principal and the condition keys of one request.

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// No credentials were presented.
    Anonymous,
    /// An authenticated caller.
    Aws {
        /// Such as `arn:aws:iam::123456789012:user/alice`.
        arn: String,
        /// 12 digits.
        account: String,
    },
}

/// Condition keys and their values; names compare without case. An absent key is not in it.
#[derive(Clone, Debug, Default)]
pub struct Keys {}

impl Keys {
    /// Sets a single-valued key.
    pub fn set(&mut self, _key: &'static str, _value: impl Into<String>) {
        todo!()
    }
}
