//! Encryption contexts: what KMS binds a data key to. Invariant: a template was understood whole when
//! it was read; filling it in cannot fail.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#encryption-context>

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;

/// Pairs whose values may speak of the object.
#[derive(Clone, Debug, Default)]
pub struct Context(BTreeMap<String, Template>);

/// A text in which `${bucket}`, `${key}` and `${principal}` stand for the request's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

/// What templates are filled in with.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The bucket that is written to.
    pub bucket: &'a str,
    /// The key that is written.
    pub key: &'a str,
    /// The caller's ARN; empty for anonymous callers.
    pub principal: &'a str,
}

/// A template that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `${` without `}`.
    #[error("`${{` is never closed; write ${{bucket}}, ${{key}} or ${{principal}}")]
    Unclosed,
    /// A variable that there is not.
    #[error("there is no variable ${{{0}}}; write ${{bucket}}, ${{key}} or ${{principal}}")]
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Bucket,
    Key,
    Principal,
}

impl Context {
    /// In any order; S3 takes them as a JSON object.
    pub fn new(pairs: impl IntoIterator<Item = (String, Template)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// The value of `x-amz-server-side-encryption-context`: base64 of a JSON object; `None` without
    /// pairs.
    pub(super) fn header(&self, place: Place<'_>) -> Option<HeaderValue> {
        if self.0.is_empty() {
            return None;
        }
        let pairs = self.0.iter().map(|(name, template)| {
            (name.clone(), serde_json::Value::String(template.fill(place)))
        });
        let object = serde_json::Value::Object(pairs.collect());
        HeaderValue::try_from(STANDARD.encode(object.to_string())).ok()
    }
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or(TemplateError::Unclosed)?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(match name {
                "bucket" => Piece::Bucket,
                "key" => Piece::Key,
                "principal" => Piece::Principal,
                _ => return Err(TemplateError::Unknown(name.to_owned())),
            });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Self(pieces))
    }

    fn fill(&self, place: Place<'_>) -> String {
        let fill = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Bucket => place.bucket.to_owned(),
            Piece::Key => place.key.to_owned(),
            Piece::Principal => place.principal.to_owned(),
        };
        self.0.iter().map(fill).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place { bucket: "b", key: "a \"b\"/c", principal: "arn:x" };

    #[test]
    fn templates_are_filled_in() {
        for (template, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("${bucket}/${key}", "b/a \"b\"/c"),
            ("by ${principal}.", "by arn:x."),
            ("$bucket {key} $", "$bucket {key} $"),
        ] {
            assert_eq!(Template::parse(template).unwrap().fill(PLACE), expected, "{template}");
        }
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for (template, expected) in [
            ("${bukcet}", TemplateError::Unknown("bukcet".to_owned())),
            ("${}", TemplateError::Unknown(String::new())),
            ("x${key", TemplateError::Unclosed),
        ] {
            assert_eq!(Template::parse(template), Err(expected), "{template}");
        }
    }

    #[test]
    fn a_value_is_not_filled_in_twice() {
        let place = Place { bucket: "b", key: "${bucket}", principal: "" };
        assert_eq!(Template::parse("${key}").unwrap().fill(place), "${bucket}");
    }

    #[test]
    fn the_header_is_base64_of_json() {
        let pairs = [("object", "${bucket}/${key}"), ("app", "x")];
        let context = Context::new(
            pairs.map(|(name, text)| (name.to_owned(), Template::parse(text).unwrap())),
        );
        let header = context.header(PLACE).unwrap();
        let json = STANDARD.decode(header.as_bytes()).unwrap();
        assert_eq!(json, br#"{"app":"x","object":"b/a \"b\"/c"}"#);
        assert_eq!(Context::default().header(PLACE), None);
    }
}
