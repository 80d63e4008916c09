//! The query parameters of a presigned URL, decoded. Invariant: each occurs at most once.

use std::borrow::Cow;

use http::Uri;
use percent_encoding::percent_decode_str;

use super::{Refused, canonical::query_pairs};
use crate::s3::{Code, headers::presigned};

/// Those that verification reads; `None` where a parameter is absent.
#[derive(Debug, Default)]
pub(super) struct Parameters<'a> {
    pub(super) algorithm: Option<Cow<'a, str>>,
    pub(super) content_sha256: Option<Cow<'a, str>>,
    pub(super) credential: Option<Cow<'a, str>>,
    pub(super) date: Option<Cow<'a, str>>,
    pub(super) expires: Option<Cow<'a, str>>,
    pub(super) security_token: Option<Cow<'a, str>>,
    pub(super) signature: Option<Cow<'a, str>>,
    pub(super) signed_headers: Option<Cow<'a, str>>,
    /// Of Signature Version 2.
    pub(super) access_key_id_v2: Option<Cow<'a, str>>,
    /// Of Signature Version 2.
    pub(super) signature_v2: Option<Cow<'a, str>>,
}

impl<'a> Parameters<'a> {
    pub(super) fn read(uri: &'a Uri) -> Result<Self, Refused> {
        let mut parameters = Self::default();
        for (name, value) in query_pairs(uri.query().unwrap_or_default()) {
            let name = decode(name);
            let Some(slot) = parameters.slot(&name) else { continue };
            if slot.replace(decode(value)).is_some() {
                return Err(Refused::new(
                    Code::AuthorizationQueryParametersError,
                    format!("The query parameter {name} occurs more than once."),
                ));
            }
        }
        Ok(parameters)
    }

    /// Whether the query claims to be signed, with Version 4, however incompletely.
    pub(super) fn is_v4(&self) -> bool {
        let claims = [
            &self.algorithm,
            &self.credential,
            &self.expires,
            &self.signature,
            &self.signed_headers,
        ];
        claims.into_iter().any(Option::is_some)
    }

    /// Whether the query claims to be signed with Version 2, however incompletely.
    pub(super) fn is_v2(&self) -> bool {
        self.access_key_id_v2.is_some() || self.signature_v2.is_some()
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        Some(match name {
            presigned::ALGORITHM => &mut self.algorithm,
            presigned::CONTENT_SHA256 => &mut self.content_sha256,
            presigned::CREDENTIAL => &mut self.credential,
            presigned::DATE => &mut self.date,
            presigned::EXPIRES => &mut self.expires,
            presigned::SECURITY_TOKEN => &mut self.security_token,
            presigned::SIGNATURE => &mut self.signature,
            presigned::SIGNED_HEADERS => &mut self.signed_headers,
            presigned::ACCESS_KEY_ID_V2 => &mut self.access_key_id_v2,
            presigned::SIGNATURE_V2 => &mut self.signature_v2,
            _ => return None,
        })
    }
}

/// A name or a value; `+` is a space.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}
