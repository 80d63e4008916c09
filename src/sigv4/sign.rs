//! Outbound signing by the `aws-sigv4` crate, with S3's settings pinned.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4::SigningParams,
};
use http::{HeaderName, HeaderValue, request::Parts};

use super::Credential;

/// Signs requests to one backend.
#[derive(Clone, Debug)]
pub struct Signer {
    credentials: Credentials,
    region: String,
}

/// The head could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("the upstream request could not be signed: {0}")]
pub struct SigningError(pub String);

impl Signer {
    /// For a credential and region; service `s3`.
    pub fn new(credential: &Credential, region: &str) -> Self {
        let secret = String::from_utf8_lossy(credential.secret_access_key.expose());
        let credentials =
            Credentials::new(&credential.access_key_id, secret, None, None, "portcullis");
        Self { credentials, region: region.to_owned() }
    }

    /// Adds `x-amz-date`, `x-amz-content-sha256: UNSIGNED-PAYLOAD` and `authorization`. Every header
    /// that is there is signed.
    pub fn sign(&self, head: &mut Parts, now: SystemTime) -> Result<(), SigningError> {
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(now)
            .settings(settings())
            .build()
            .map_err(refused)?
            .into();
        let headers = head
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let uri = head.uri.to_string();
        let body = SignableBody::UnsignedPayload;
        let request =
            SignableRequest::new(head.method.as_str(), uri, headers, body).map_err(refused)?;
        let (instructions, _) = sign(request, &params).map_err(refused)?.into_parts();
        for (name, value) in instructions.headers() {
            let name = HeaderName::try_from(name).map_err(refused)?;
            let value = HeaderValue::try_from(value).map_err(refused)?;
            head.headers.insert(name, value);
        }
        Ok(())
    }
}

/// S3 encodes the path once, normalises nothing, and wants the payload's hash as a header.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings
}

fn refused(error: impl std::fmt::Display) -> SigningError {
    SigningError(error.to_string())
}
