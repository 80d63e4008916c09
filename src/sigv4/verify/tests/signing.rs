//! Signatures of AWS's own crate.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials as SigningCredentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use http::{HeaderName, HeaderValue, request::Parts};

use super::{ID, REGION, SECRET, now};

/// How a test signs.
#[derive(Clone, Copy)]
pub(super) struct Signing<'a> {
    pub(super) id: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) at: SystemTime,
    /// In the query, good for so long.
    pub(super) expires: Option<Duration>,
    pub(super) payload: &'a str,
}

impl Default for Signing<'_> {
    fn default() -> Self {
        let payload = "UNSIGNED-PAYLOAD";
        Self { id: ID, region: REGION, service: "s3", at: now(), expires: None, payload }
    }
}

impl Signing<'_> {
    pub(super) fn presigning() -> Self {
        Self { expires: Some(Duration::from_mins(1)), ..Self::default() }
    }

    /// Signs by AWS's crate.
    pub(super) fn sign(self, mut head: Parts) -> Parts {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        if let Some(expires) = self.expires {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(expires);
        }
        let identity = SigningCredentials::new(self.id, SECRET, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.at)
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let headers =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let uri = format!("http://gate:8443{}", head.uri);
        let body = SignableBody::Precomputed(self.payload.to_owned());
        let request = SignableRequest::new(head.method.as_str(), uri, headers, body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut target = head.uri.to_string();
        for (name, value) in instructions.params() {
            target.push(if target.contains('?') { '&' } else { '?' });
            let value =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            let _ = write!(target, "{name}={value}");
        }
        head.uri = target.parse().unwrap();
        for (name, value) in instructions.headers() {
            let name = HeaderName::try_from(name).unwrap();
            head.headers.insert(name, HeaderValue::try_from(value).unwrap());
        }
        head
    }
}
