//! The query string, decoded once.

/// Decoded name-value pairs in the order received. A name without `=` has the value "".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// The first value of a name (names are unique after classification).
    pub fn get(&self, _name: &str) -> Option<&str> {
        todo!()
    }
    /// All pairs.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
    /// Replaces the value of a name that is there (used for the upload id).
    pub fn set(&mut self, _name: &str, _value: String) {
        todo!()
    }
    /// Encoded afresh for upstream (RFC 3986 unreserved kept, `name=` for empty values), "" when empty.
    pub fn encode(&self) -> String {
        todo!()
    }
}
