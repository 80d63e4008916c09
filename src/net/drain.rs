//! Graceful end: stop accepting, let requests finish, then close.

/// The side that ends.
#[derive(Debug)]
pub struct Drain {}

/// The side that is told; cloned into every connection.
#[derive(Clone, Debug)]
pub struct Draining {}

impl Drain {
    /// A pair.
    pub fn new() -> (Self, Draining) {
        todo!()
    }
    /// Signals, then waits until every [`Draining`] is dropped or `limit` has passed; true if all ended by themselves.
    pub async fn drain(self, _limit: std::time::Duration) -> bool {
        todo!()
    }
}

impl Draining {
    /// Resolves once draining has begun.
    pub async fn begun(&mut self) {
        todo!()
    }
}
