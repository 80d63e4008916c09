//! `DeleteObjects` of sealed objects. Invariant: each object's conditions are about what is stored.

use bytes::Bytes;

use super::etag;
use crate::{
    s3::xml::{self, Conditions, DeletedObject, Deletion, MalformedXml},
    seal,
};

/// The document for the backend, with the conditions of those objects mapped back that may be sealed.
///
/// A size becomes the one that a regular object of it is stored in. It is none of an irregular object,
/// nor of one that is not sealed: these are not deleted.
///
/// # Errors
///
/// A size is no number, or no object is so large.
pub fn to_backend(
    deletion: &Deletion,
    may_be_sealed: impl Fn(&DeletedObject) -> bool,
) -> Result<Bytes, MalformedXml> {
    deletion.with_conditions(|object| {
        if !may_be_sealed(object) {
            return Ok(Conditions::default());
        }
        let etag = object.etag.as_deref().map(|etag| etag::stored(etag).into_owned());
        Ok(Conditions { etag, size: object.size.as_deref().map(stored).transpose()? })
    })
}

fn stored(size: &str) -> Result<String, MalformedXml> {
    let stored = xml::number(size.trim()).and_then(seal::stored);
    let stored =
        stored.ok_or_else(|| MalformedXml("a `Size` is no size of an object".to_owned()))?;
    Ok(stored.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(object: &str, expected: Option<&str>) {
        let document = |object: &str| {
            format!(
                "<Delete><Object><Key>plain</Key><ETag>e-1</ETag></Object><Object><Key>k</Key>\
                 {object}</Object></Delete>"
            )
        };
        let deletion = Deletion::parse(document(object).into()).unwrap();
        let mapped = to_backend(&deletion, |object| object.key.as_str() != "plain").ok();
        assert_eq!(mapped, expected.map(|object| document(object).into()), "{object}");
    }

    #[test]
    fn conditions_are_about_what_is_stored() {
        check("", Some(""));
        check("<ETag>e-1</ETag>", Some("<ETag>e</ETag>"));
        check("<ETag>\"e-1-1\"</ETag>", Some("<ETag>&quot;e-1&quot;</ETag>"));
        check("<Size> 10 </Size>", Some("<Size>74</Size>"));
        check("<Size>0</Size><ETag>e-2</ETag>", Some("<Size>32</Size><ETag>e-2</ETag>"));
        for size in ["", "-1", "+1", "a", "18446744073709551615", "99999999999999999999"] {
            check(&format!("<Size>{size}</Size>"), None);
        }
    }
}
