//! Which certificate is shown: the one whose name was asked for by SNI, else the first of all.

use std::{collections::HashMap, sync::Arc};

use rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// Certificates by their names; where several have one name, the first.
#[derive(Debug)]
pub(super) struct ByName<K = Arc<CertifiedKey>> {
    exact: HashMap<String, K>,
    /// By what follows `*.`, which stands for exactly one label (RFC 6125, 6.4.3).
    wildcard: HashMap<String, K>,
    default: K,
}

impl<K: Clone> ByName<K> {
    /// From certificates and their names in lower case; `None` without any.
    pub(super) fn new<'n>(keys: impl Iterator<Item = (K, &'n [String])>) -> Option<Self> {
        let mut keys = keys.peekable();
        let default = keys.peek()?.0.clone();
        let mut this = Self { exact: HashMap::new(), wildcard: HashMap::new(), default };
        for (key, names) in keys {
            for name in names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut this.wildcard, parent),
                    None => (&mut this.exact, name.as_str()),
                };
                map.entry(name.to_owned()).or_insert_with(|| key.clone());
            }
        }
        Some(this)
    }

    /// `name` in lower case.
    fn find(&self, name: Option<&str>) -> &K {
        let by_wildcard = |name: &str| self.wildcard.get(name.split_once('.')?.1);
        name.and_then(|name| self.exact.get(name).or_else(|| by_wildcard(name)))
            .unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls hands names over in lower case.
        Some(Arc::clone(self.find(hello.server_name())))
    }
}

#[cfg(test)]
mod tests {
    use super::ByName;

    fn check(asked: Option<&str>, expected: &str) {
        let certificates = [
            ("default", vec!["s3.test".to_owned()]),
            ("wildcard", vec!["*.s3.test".to_owned(), "s3.test".to_owned()]),
            ("exact", vec!["logs.s3.test".to_owned()]),
        ];
        let keys = certificates.iter().map(|(key, names)| (*key, names.as_slice()));
        assert_eq!(*ByName::new(keys).unwrap().find(asked), expected, "{asked:?}");
    }

    #[test]
    fn a_name_finds_its_certificate() {
        check(Some("s3.test"), "default");
        check(Some("bucket.s3.test"), "wildcard");
        check(Some("logs.s3.test"), "exact");
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        check(Some("a.b.s3.test"), "default");
        check(Some("test"), "default");
    }

    #[test]
    fn no_name_and_an_unknown_one_find_the_first_certificate() {
        check(None, "default");
        check(Some("elsewhere.example"), "default");
    }

    #[test]
    fn there_must_be_a_certificate() {
        assert!(ByName::<()>::new(std::iter::empty()).is_none());
    }
}
