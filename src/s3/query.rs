//! The query string, decoded once. Invariant: each name occurs at most once.

use super::{
    encoding::{self, Plus, Undecodable},
    headers::presigned,
};

/// Decoded name-value pairs in the order received. A name without `=` has the value "".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

/// Why a query has no single reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    /// A value without a name.
    #[error("a query parameter has no name")]
    Nameless,
    /// A name twice: readers differ in which one they take.
    #[error("the query parameter `{0}` occurs more than once")]
    Repeated(String),
    /// A raw `;`: to some readers it separates parameters.
    #[error("write `%3B` for `;` in the query")]
    Semicolon,
    /// More than any request needs.
    #[error("the query has more than {PAIRS_MAX} parameters")]
    TooMany,
    /// A name or a value that cannot be decoded.
    #[error("the query cannot be read: {0}")]
    Undecodable(#[from] Undecodable),
}

impl Query {
    /// Reads the form `a=b&c` of queries and of `x-amz-tagging`.
    ///
    /// A raw `+` is a space, as all backends read it; it is encoded afresh as `%20`. Empty pairs
    /// (`a&&b`) are skipped, as everywhere.
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Some signers leave the `;` of this list raw; it goes no further than verification.
            if name != presigned::SIGNED_HEADERS && pair.contains(';') {
                return Err(InvalidQuery::Semicolon);
            }
            let name = encoding::decode(name, Plus::Space)?;
            if name.is_empty() {
                return Err(InvalidQuery::Nameless);
            }
            if pairs.iter().any(|(other, _)| *other == name) {
                return Err(InvalidQuery::Repeated(name.into_owned()));
            }
            if pairs.len() == PAIRS_MAX {
                return Err(InvalidQuery::TooMany);
            }
            let value = encoding::decode(value, Plus::Space)?;
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// Of pairs that are decoded already.
    ///
    /// # Errors
    ///
    /// As of a text: a name occurs twice or is empty, there are too many, or U+0000 is among them.
    pub(super) fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self, InvalidQuery> {
        // The text of the pairs is read as any other, so that there is one set of rules.
        Self::parse(&Self(pairs).encode())
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether a name is there, with or without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// All pairs.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Replaces the value of a name that is there (used for the upload id).
    pub fn set(&mut self, name: &str, value: String) {
        if let Some((_, old)) = self.0.iter_mut().find(|(other, _)| other == name) {
            *old = value;
        }
    }

    /// Of one pair.
    pub fn of(name: &str, value: &str) -> Self {
        Self(vec![(name.to_owned(), value.to_owned())])
    }

    /// And another pair, whose name is not there yet.
    #[must_use]
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Takes a name away, with its value.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.remove(place).1)
    }

    /// Encoded afresh for upstream (RFC 3986 unreserved kept, `name=` for empty values), "" when
    /// empty.
    pub fn encode(&self) -> String {
        let mut encoded = String::new();
        for (name, value) in &self.0 {
            if !encoded.is_empty() {
                encoded.push('&');
            }
            encoding::encode_query(&mut encoded, name);
            encoded.push('=');
            encoding::encode_query(&mut encoded, value);
        }
        encoded
    }

    /// Keeps the pairs for whose names `kept` holds.
    pub(super) fn retain(&mut self, kept: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| kept(name));
    }

    /// Takes out the pairs for which `taken` holds, in order.
    pub(super) fn take(
        &mut self,
        mut taken: impl FnMut(&str) -> bool,
    ) -> impl Iterator<Item = (String, String)> {
        let (out, kept) =
            std::mem::take(&mut self.0).into_iter().partition(|(name, _)| taken(name));
        self.0 = kept;
        Vec::into_iter(out)
    }
}

/// No operation takes a dozen, and a presigned URL brings little more; the search for repeated
/// names is quadratic.
const PAIRS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::{collection, prelude::*};

    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let query = Query::parse(text).unwrap();
        let pairs: Vec<_> = query.0.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, expected, "{text}");
    }

    fn check_refused(text: &str, expected: InvalidQuery) {
        assert_eq!(Query::parse(text), Err(expected), "{text}");
    }

    #[test]
    fn pairs_keep_their_order() {
        check("b=1&a=2", &[("b", "1"), ("a", "2")]);
    }

    #[test]
    fn a_name_alone_has_an_empty_value() {
        check("acl", &[("acl", "")]);
        check("acl=", &[("acl", "")]);
    }

    #[test]
    fn empty_pairs_are_skipped() {
        check("", &[]);
        check("&a&&b&", &[("a", ""), ("b", "")]);
    }

    #[test]
    fn only_the_first_equals_sign_separates() {
        check("a=b=c", &[("a", "b=c")]);
    }

    #[test]
    fn a_plus_is_a_space_and_leaves_as_one() {
        assert_eq!(Query::parse("a=b+c%2B").unwrap().encode(), "a=b%20c%2B");
    }

    #[test]
    fn names_are_compared_decoded_and_with_case() {
        check_refused("a=1&%61=1", InvalidQuery::Repeated("a".to_owned()));
        check("a=1&A=2", &[("a", "1"), ("A", "2")]);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        check_refused("=a", InvalidQuery::Nameless);
        check_refused("a;b", InvalidQuery::Semicolon);
        check_refused("a=%", InvalidQuery::Undecodable(Undecodable::Escape));
        check_refused("a=%00", InvalidQuery::Undecodable(Undecodable::Nul));
        check_refused("a=%ff", InvalidQuery::Undecodable(Undecodable::Utf8));
    }

    #[test]
    fn signed_headers_may_be_separated_by_raw_semicolons() {
        check("X-Amz-SignedHeaders=a;b", &[("X-Amz-SignedHeaders", "a;b")]);
    }

    #[test]
    fn the_number_of_parameters_is_bounded() {
        let text = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join("&");
        assert!(Query::parse(&text(PAIRS_MAX)).is_ok());
        check_refused(&text(PAIRS_MAX + 1), InvalidQuery::TooMany);
    }

    #[test]
    fn only_names_that_are_there_are_set() {
        let mut query = Query::parse("uploadId=a").unwrap();
        query.set("uploadId", "b c".to_owned());
        query.set("other", "d".to_owned());
        assert_eq!(query.encode(), "uploadId=b%20c");
    }

    proptest! {
        #[test]
        fn parsing_inverts_encoding(pairs in collection::btree_map("[^\0]{1,9}", "[^\0]*", 0..9)) {
            let query = Query(pairs.into_iter().collect());
            prop_assert_eq!(Query::parse(&query.encode()), Ok(query));
        }
    }
}
