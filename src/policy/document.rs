//! Policy documents, parsed and checked at load.

/// A document that was understood whole.
#[derive(Clone, Debug)]
pub struct Document {}

impl Document {
    /// Parses JSON. Anything unknown is a fault; all faults are reported at once.
    pub fn parse(_text: &str) -> Result<Self, Vec<Fault>> {
        todo!()
    }
}

/// What is wrong with a document, where (1-based), and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
    /// A sentence.
    pub message: String,
}
