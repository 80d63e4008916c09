//! The encryption that a client asks for, where the proxy does it. Invariant: what the proxy cannot do
//! as asked is refused, never done otherwise.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-kms-encryption.html>

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::{AES256, KMS};
use crate::{
    s3::{Code, headers},
    seal::CustomerKey,
};

/// The encryption that a request asks for.
#[derive(Debug, Default)]
pub struct Requested {
    /// A key that the client brings (SSE-C).
    pub customer: Option<Customer>,
    /// Whether KMS shall be used.
    pub is_kms: bool,
    /// Which KMS key, where one is named.
    pub kms_key_id: Option<String>,
}

/// A key of the client's.
pub struct Customer {
    /// The key.
    pub key: CustomerKey,
    /// Its digest, as S3 confirms it.
    pub md5: HeaderValue,
}

/// Encryption headers that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidEncryption {
    /// S3's code.
    pub code: Code,
    /// Names what to change.
    pub message: String,
}

impl Requested {
    /// Reads the encryption headers of a request and takes them away: they are for the proxy alone.
    ///
    /// # Errors
    ///
    /// With S3's code and words for headers that contradict each other or that S3 refuses, and for what
    /// the proxy does not do.
    pub fn take(received: &mut HeaderMap) -> Result<Self, InvalidEncryption> {
        let customer = Customer::take(received, &OBJECT)?;
        let algorithm = remove(received, &headers::X_AMZ_SERVER_SIDE_ENCRYPTION)?;
        let kms_key_id = remove(received, &headers::X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID)?;
        let context = remove(received, &headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CONTEXT)?;
        let bucket_key =
            remove(received, &headers::X_AMZ_SERVER_SIDE_ENCRYPTION_BUCKET_KEY_ENABLED)?;
        let is_kms = match algorithm.as_deref() {
            Some(KMS) => true,
            Some(AES256) | None => false,
            Some("aws:kms:dsse") => return Err(not_done(NO_DUAL_LAYER)),
            Some(_) => {
                return Err(InvalidEncryption::new(
                    Code::InvalidEncryptionAlgorithmError,
                    NO_ALGORITHM,
                ));
            }
        };
        if customer.is_some() && algorithm.is_some() {
            return Err(invalid(BOTH));
        }
        if !is_kms
            && (kms_key_id.is_some()
                || context.is_some()
                || bucket_key.is_some_and(|it| it == "true"))
        {
            return Err(invalid(KMS_WITHOUT_ALGORITHM));
        }
        if context.is_some() {
            return Err(not_done(NO_CONTEXT));
        }
        Ok(Self { customer, is_kms, kms_key_id })
    }
}

impl Customer {
    /// The key that a request brings for the object which it copies, taken away.
    ///
    /// # Errors
    ///
    /// As [`Requested::take`].
    pub fn of_copy_source(received: &mut HeaderMap) -> Result<Option<Self>, InvalidEncryption> {
        Self::take(received, &COPY_SOURCE)
    }

    /// The key that a part or a completion brings, left where it is: policy has yet to see that it is
    /// there.
    ///
    /// # Errors
    ///
    /// As [`Requested::take`].
    pub fn of_part(received: &HeaderMap) -> Result<Option<Self>, InvalidEncryption> {
        let brought = OBJECT.into_iter().filter_map(|name| {
            let value = received.get(&name)?.clone();
            Some((name, value))
        });
        Self::take(&mut brought.collect(), &OBJECT)
    }

    fn take(
        received: &mut HeaderMap,
        [algorithm, key, md5]: &[HeaderName; 3],
    ) -> Result<Option<Self>, InvalidEncryption> {
        let algorithm = remove(received, algorithm)?;
        let key = remove(received, key)?.map(Zeroizing::new);
        let md5 = remove(received, md5)?;
        let (algorithm, key, md5) = match (algorithm, key, md5) {
            (None, None, None) => return Ok(None),
            (Some(algorithm), Some(key), Some(md5)) => (algorithm, key, md5),
            (None, _, _) => return Err(invalid(NO_CUSTOMER_ALGORITHM)),
            (_, None, _) => return Err(invalid(NO_CUSTOMER_KEY)),
            (_, _, None) => return Err(invalid(NO_CUSTOMER_MD5)),
        };
        if algorithm != AES256 {
            return Err(InvalidEncryption::new(
                Code::InvalidEncryptionAlgorithmError,
                NO_ALGORITHM,
            ));
        }
        let bytes = Zeroizing::new(STANDARD.decode(key.as_bytes()).unwrap_or_default());
        let Ok(bytes) = <&[u8; 32]>::try_from(bytes.as_slice()) else {
            return Err(invalid(INVALID_CUSTOMER_KEY));
        };
        let digest = STANDARD.encode(Md5::digest(bytes));
        if verify_slices_are_equal(digest.as_bytes(), md5.as_bytes()).is_err() {
            return Err(invalid(OTHER_MD5));
        }
        let md5 = HeaderValue::try_from(digest).map_err(|_| invalid(OTHER_MD5))?;
        Ok(Some(Self { key: CustomerKey::from_bytes(bytes), md5 }))
    }

    /// The key itself, as tools have it. The caller wipes its own copy.
    pub fn from_bytes(key: &[u8; 32]) -> Self {
        let digest = STANDARD.encode(Md5::digest(key));
        // Base64 is text.
        let md5 = HeaderValue::try_from(digest).unwrap_or_else(|_| HeaderValue::from_static(""));
        Self { key: CustomerKey::from_bytes(key), md5 }
    }

    /// Confirms the key in a reply.
    pub fn present(&self, reply: &mut HeaderMap) {
        let [algorithm, _, md5] = OBJECT;
        reply.insert(algorithm, HeaderValue::from_static(AES256));
        reply.insert(md5, self.md5.clone());
    }
}

impl std::fmt::Debug for Customer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Customer(..)")
    }
}

impl InvalidEncryption {
    fn new(code: Code, message: &str) -> Self {
        Self { code, message: message.to_owned() }
    }
}

/// Classification has refused headers that are there twice, and values that are no text.
fn remove(
    received: &mut HeaderMap,
    name: &HeaderName,
) -> Result<Option<String>, InvalidEncryption> {
    let Some(value) = received.remove(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| invalid(NO_TEXT))?;
    Ok(Some(text.to_owned()))
}

fn invalid(message: &str) -> InvalidEncryption {
    InvalidEncryption::new(Code::InvalidArgument, message)
}

fn not_done(message: &str) -> InvalidEncryption {
    InvalidEncryption::new(Code::NotImplemented, message)
}

const OBJECT: [HeaderName; 3] = [
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY,
    headers::X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
];
const COPY_SOURCE: [HeaderName; 3] = [
    headers::X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM,
    headers::X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY,
    headers::X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5,
];

// In S3's words where it has them.
const BOTH: &str = "Server Side Encryption with Customer provided key is incompatible with the \
     encryption method specified";
const INVALID_CUSTOMER_KEY: &str = "The secret key was invalid for the specified algorithm.";
const KMS_WITHOUT_ALGORITHM: &str = "Server Side Encryption with AWS KMS managed key requires HTTP \
     header x-amz-server-side-encryption : aws:kms";
const NO_ALGORITHM: &str = "The encryption request you specified is not valid. Supported values are \
     AES256 and aws:kms, and AES256 for customer provided keys.";
const NO_CONTEXT: &str = "Objects are sealed by the proxy here, and their keys are bound to bucket and \
     key: x-amz-server-side-encryption-context is not supported. Leave it out.";
const NO_CUSTOMER_ALGORITHM: &str = "Requests specifying Server Side Encryption with Customer provided \
     keys must provide a valid encryption algorithm.";
const NO_CUSTOMER_KEY: &str = "Requests specifying Server Side Encryption with Customer provided keys \
     must provide an appropriate secret key.";
const NO_CUSTOMER_MD5: &str = "Requests specifying Server Side Encryption with Customer provided keys \
     must provide the client calculated MD5 of the secret key.";
const NO_DUAL_LAYER: &str = "Objects are sealed by the proxy here, in one layer: ask for aws:kms or \
     AES256 in place of aws:kms:dsse.";
const NO_TEXT: &str = "An encryption header is not visible ASCII.";
const OTHER_MD5: &str =
    "The calculated MD5 hash of the key did not match the hash that was provided.";

#[cfg(test)]
mod tests {
    use super::*;

    const SSE: &str = "x-amz-server-side-encryption";
    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const MD5: &str = "cLxHHd1pOPhZYsA3XH1/2Q==";

    fn take(sent: &[(&str, &str)]) -> Result<Requested, InvalidEncryption> {
        let mut headers = HeaderMap::new();
        for (suffix, value) in sent {
            let name = HeaderName::try_from(format!("{SSE}{suffix}")).unwrap();
            headers.insert(name, HeaderValue::try_from(*value).unwrap());
        }
        let requested = Requested::take(&mut headers);
        if requested.is_ok() {
            assert!(headers.is_empty(), "{headers:?}");
        }
        requested
    }

    fn customer(key: &str, md5: &str) -> Result<Requested, InvalidEncryption> {
        take(&[
            ("-customer-algorithm", "AES256"),
            ("-customer-key", key),
            ("-customer-key-md5", md5),
        ])
    }

    #[test]
    fn what_is_asked_for_is_read() {
        assert!(take(&[]).unwrap().customer.is_none());
        assert!(!take(&[("", "AES256")]).unwrap().is_kms);
        let kms =
            take(&[("", "aws:kms"), ("-aws-kms-key-id", "k"), ("-bucket-key-enabled", "true")]);
        let kms = kms.unwrap();
        assert!(kms.is_kms);
        assert_eq!(kms.kms_key_id.as_deref(), Some("k"));
        let md5 = STANDARD.encode(Md5::digest([0; 32]));
        assert_eq!(customer(KEY, &md5).unwrap().customer.unwrap().md5, md5);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let md5 = STANDARD.encode(Md5::digest([0; 32]));
        for (refused, code, message) in [
            (take(&[("", "aes256")]), Code::InvalidEncryptionAlgorithmError, NO_ALGORITHM),
            (take(&[("", "aws:kms:dsse")]), Code::NotImplemented, NO_DUAL_LAYER),
            (take(&[("-aws-kms-key-id", "k")]), Code::InvalidArgument, KMS_WITHOUT_ALGORITHM),
            (
                take(&[("", "AES256"), ("-context", "e30=")]),
                Code::InvalidArgument,
                KMS_WITHOUT_ALGORITHM,
            ),
            (take(&[("", "aws:kms"), ("-context", "e30=")]), Code::NotImplemented, NO_CONTEXT),
            (customer(KEY, MD5), Code::InvalidArgument, OTHER_MD5),
            (customer("AAAA", MD5), Code::InvalidArgument, INVALID_CUSTOMER_KEY),
            (customer("?", MD5), Code::InvalidArgument, INVALID_CUSTOMER_KEY),
            (take(&[("-customer-key", KEY)]), Code::InvalidArgument, NO_CUSTOMER_ALGORITHM),
            (take(&[("-customer-algorithm", "AES256")]), Code::InvalidArgument, NO_CUSTOMER_KEY),
            (
                take(&[("-customer-algorithm", "AES256"), ("-customer-key", KEY)]),
                Code::InvalidArgument,
                NO_CUSTOMER_MD5,
            ),
            (
                take(&[
                    ("", "AES256"),
                    ("-customer-algorithm", "AES256"),
                    ("-customer-key", KEY),
                    ("-customer-key-md5", &md5),
                ]),
                Code::InvalidArgument,
                BOTH,
            ),
        ] {
            assert_eq!(refused.unwrap_err(), InvalidEncryption::new(code, message));
        }
    }
}
