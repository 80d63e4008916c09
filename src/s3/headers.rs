//! The only place where `x-amz-…` is spelled: header names, their prefixes, and the query
//! parameters of a presigned URL. Invariant: header names are lower case, as `http` compares them.

use http::{HeaderMap, HeaderName, header};

/// Every S3 header begins with it.
pub const PREFIX: &str = "x-amz-";
/// `x-amz-copy-source` and everything that qualifies it.
pub const COPY_SOURCE_PREFIX: &str = "x-amz-copy-source";
/// User metadata. The only headers of S3 that a request may repeat: S3 joins them by `,`.
pub const META_PREFIX: &str = "x-amz-meta-";
/// `x-amz-checksum-crc32` and its kin, `x-amz-checksum-mode` among them.
pub const CHECKSUM_PREFIX: &str = "x-amz-checksum-";
/// `x-amz-server-side-encryption` and everything that qualifies it.
pub const SSE_PREFIX: &str = "x-amz-server-side-encryption";

/// Metadata that sealed objects carry (`docs/format.md`, *Metadata*); no client's.
pub const META_SEALED_PREFIX: &str = "x-amz-meta-pcl-";

/// Metadata that makes some backends unpack the object's body into objects of any name.
pub const X_AMZ_META_SNOWBALL_AUTO_EXTRACT: &str = "x-amz-meta-snowball-auto-extract";

/// Whether S3 gives the header a meaning in a request.
///
/// Any other means nothing to AWS, nor to policy, but may mean something to a backend
/// (`x-minio-force-delete`): it should not travel further.
pub fn is_known(name: &HeaderName) -> bool {
    name.as_str().starts_with(PREFIX) || KNOWN.contains(name)
}

/// The algorithm in the name of a header that holds a checksum: `crc32` of `x-amz-checksum-crc32`.
/// `None` for other headers, and for those that speak about checksums.
pub fn checksum_algorithm(name: &HeaderName) -> Option<&str> {
    let algorithm = name.as_str().strip_prefix(CHECKSUM_PREFIX)?;
    (!["algorithm", "mode", "type"].contains(&algorithm)).then_some(algorithm)
}

/// Headers that belong to one connection because its `Connection` header names them (RFC 9110, 7.6.1).
pub fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect()
}

/// Takes every `x-amz-checksum-…` away: what they speak of has been replaced.
pub fn remove_checksums(headers: &mut HeaderMap) {
    let checksums: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(CHECKSUM_PREFIX)).cloned().collect();
    for name in checksums {
        headers.remove(name);
    }
}

/// Query parameters that carry a signature
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>). Their names
/// are case-sensitive.
pub mod presigned {
    /// `AWS4-HMAC-SHA256`.
    pub const ALGORITHM: &str = "X-Amz-Algorithm";
    /// The payload hash, where the URL fixes one.
    pub const CONTENT_SHA256: &str = "X-Amz-Content-Sha256";
    /// Access key id and scope.
    pub const CREDENTIAL: &str = "X-Amz-Credential";
    /// When it was signed.
    pub const DATE: &str = "X-Amz-Date";
    /// Seconds of validity.
    pub const EXPIRES: &str = "X-Amz-Expires";
    /// The token of temporary credentials.
    pub const SECURITY_TOKEN: &str = "X-Amz-Security-Token";
    /// The signature, hex.
    pub const SIGNATURE: &str = "X-Amz-Signature";
    /// The headers that the signature covers, separated by `;`.
    pub const SIGNED_HEADERS: &str = "X-Amz-SignedHeaders";

    /// All of Signature Version 4.
    pub const V4: [&str; 8] = [
        ALGORITHM,
        CONTENT_SHA256,
        CREDENTIAL,
        DATE,
        EXPIRES,
        SECURITY_TOKEN,
        SIGNATURE,
        SIGNED_HEADERS,
    ];
    /// The access key id, in Version 2.
    pub const ACCESS_KEY_ID_V2: &str = "AWSAccessKeyId";
    /// When the URL ends in Version 2, in seconds since 1970.
    pub const EXPIRES_V2: &str = "Expires";
    /// The signature in Version 2, base64.
    pub const SIGNATURE_V2: &str = "Signature";

    /// All of Signature Version 2.
    pub const V2: [&str; 3] = [ACCESS_KEY_ID_V2, EXPIRES_V2, SIGNATURE_V2];
    /// Headers that signers of Version 2 hoist, besides S3's own: it signs them by name.
    pub const HOISTED_V2: [&str; 3] = ["content-md5", "content-type", "x-amz-security-token"];
}

/// Fields of a form that say who asks
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html>), in lower case, as
/// fields are compared.
pub mod form {
    /// `AWS4-HMAC-SHA256`.
    pub const ALGORITHM: &str = "x-amz-algorithm";
    /// Access key id and scope.
    pub const CREDENTIAL: &str = "x-amz-credential";
    /// When it was signed.
    pub const DATE: &str = "x-amz-date";
    /// What is signed: which fields the form may have, in base64.
    pub const POLICY: &str = "policy";
    /// The token of temporary credentials.
    pub const SECURITY_TOKEN: &str = "x-amz-security-token";
    /// The signature, hex.
    pub const SIGNATURE: &str = "x-amz-signature";

    /// All of Signature Version 4, the policy and the token aside.
    pub const V4: [&str; 4] = [ALGORITHM, CREDENTIAL, DATE, SIGNATURE];
    /// All of Signature Version 2, the policy and the token aside: access key id and signature.
    pub const V2: [&str; 2] = ["awsaccesskeyid", "signature"];
}

/// The one header of S3 without a prefix of its own that `http` does not name.
pub const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

macro_rules! headers {
    ($($name:ident = $text:literal;)*) => {$(
        #[doc = concat!("`", $text, "`.")]
        pub const $name: HeaderName = HeaderName::from_static($text);
    )*};
}

headers! {
    X_AMZ_ACL = "x-amz-acl";
    X_AMZ_ARCHIVE_STATUS = "x-amz-archive-status";
    X_AMZ_BUCKET_OBJECT_LOCK_ENABLED = "x-amz-bucket-object-lock-enabled";
    X_AMZ_BUCKET_REGION = "x-amz-bucket-region";
    X_AMZ_BYPASS_GOVERNANCE_RETENTION = "x-amz-bypass-governance-retention";
    X_AMZ_CHECKSUM_ALGORITHM = "x-amz-checksum-algorithm";
    X_AMZ_CHECKSUM_CRC32 = "x-amz-checksum-crc32";
    X_AMZ_CHECKSUM_CRC32C = "x-amz-checksum-crc32c";
    X_AMZ_CHECKSUM_CRC64NVME = "x-amz-checksum-crc64nvme";
    X_AMZ_CHECKSUM_MD5 = "x-amz-checksum-md5";
    X_AMZ_CHECKSUM_MODE = "x-amz-checksum-mode";
    X_AMZ_CHECKSUM_SHA1 = "x-amz-checksum-sha1";
    X_AMZ_CHECKSUM_SHA256 = "x-amz-checksum-sha256";
    X_AMZ_CHECKSUM_SHA512 = "x-amz-checksum-sha512";
    X_AMZ_CHECKSUM_TYPE = "x-amz-checksum-type";
    X_AMZ_CHECKSUM_XXHASH128 = "x-amz-checksum-xxhash128";
    X_AMZ_CHECKSUM_XXHASH3 = "x-amz-checksum-xxhash3";
    X_AMZ_CHECKSUM_XXHASH64 = "x-amz-checksum-xxhash64";
    X_AMZ_CONTENT_SHA256 = "x-amz-content-sha256";
    X_AMZ_COPY_IF_MATCH = "x-amz-copy-if-match";
    X_AMZ_COPY_SOURCE = "x-amz-copy-source";
    X_AMZ_COPY_SOURCE_IF_MATCH = "x-amz-copy-source-if-match";
    X_AMZ_COPY_SOURCE_IF_MODIFIED_SINCE = "x-amz-copy-source-if-modified-since";
    X_AMZ_COPY_SOURCE_IF_NONE_MATCH = "x-amz-copy-source-if-none-match";
    X_AMZ_COPY_SOURCE_IF_UNMODIFIED_SINCE = "x-amz-copy-source-if-unmodified-since";
    X_AMZ_COPY_SOURCE_RANGE = "x-amz-copy-source-range";
    X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM =
        "x-amz-copy-source-server-side-encryption-customer-algorithm";
    X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY =
        "x-amz-copy-source-server-side-encryption-customer-key";
    X_AMZ_COPY_SOURCE_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5 =
        "x-amz-copy-source-server-side-encryption-customer-key-md5";
    X_AMZ_COPY_SOURCE_VERSION_ID = "x-amz-copy-source-version-id";
    X_AMZ_DATE = "x-amz-date";
    X_AMZ_DECODED_CONTENT_LENGTH = "x-amz-decoded-content-length";
    X_AMZ_DELETE_MARKER = "x-amz-delete-marker";
    X_AMZ_EXPECTED_BUCKET_OWNER = "x-amz-expected-bucket-owner";
    X_AMZ_EXPIRATION = "x-amz-expiration";
    X_AMZ_GRANT_FULL_CONTROL = "x-amz-grant-full-control";
    X_AMZ_GRANT_READ = "x-amz-grant-read";
    X_AMZ_GRANT_READ_ACP = "x-amz-grant-read-acp";
    X_AMZ_GRANT_WRITE = "x-amz-grant-write";
    X_AMZ_GRANT_WRITE_ACP = "x-amz-grant-write-acp";
    X_AMZ_ID_2 = "x-amz-id-2";
    X_AMZ_IF_MATCH_LAST_MODIFIED_TIME = "x-amz-if-match-last-modified-time";
    X_AMZ_IF_MATCH_SIZE = "x-amz-if-match-size";
    X_AMZ_MAX_PARTS = "x-amz-max-parts";
    X_AMZ_METADATA_DIRECTIVE = "x-amz-metadata-directive";
    X_AMZ_META_PCL_C = "x-amz-meta-pcl-c";
    X_AMZ_META_PCL_K = "x-amz-meta-pcl-k";
    X_AMZ_MFA = "x-amz-mfa";
    X_AMZ_MISSING_META = "x-amz-missing-meta";
    X_AMZ_MP_OBJECT_SIZE = "x-amz-mp-object-size";
    X_AMZ_MP_PARTS_COUNT = "x-amz-mp-parts-count";
    X_AMZ_OBJECT_ATTRIBUTES = "x-amz-object-attributes";
    X_AMZ_OBJECT_LOCK_LEGAL_HOLD = "x-amz-object-lock-legal-hold";
    X_AMZ_OBJECT_LOCK_MODE = "x-amz-object-lock-mode";
    X_AMZ_OBJECT_LOCK_RETAIN_UNTIL_DATE = "x-amz-object-lock-retain-until-date";
    X_AMZ_OBJECT_OWNERSHIP = "x-amz-object-ownership";
    X_AMZ_OBJECT_SIZE = "x-amz-object-size";
    X_AMZ_OPTIONAL_OBJECT_ATTRIBUTES = "x-amz-optional-object-attributes";
    X_AMZ_PART_NUMBER_MARKER = "x-amz-part-number-marker";
    X_AMZ_RENAME_SOURCE = "x-amz-rename-source";
    X_AMZ_REPLICATION_STATUS = "x-amz-replication-status";
    X_AMZ_REQUEST_CHARGED = "x-amz-request-charged";
    X_AMZ_REQUEST_ID = "x-amz-request-id";
    X_AMZ_REQUEST_PAYER = "x-amz-request-payer";
    X_AMZ_REQUEST_ROUTE = "x-amz-request-route";
    X_AMZ_REQUEST_TOKEN = "x-amz-request-token";
    X_AMZ_RESTORE = "x-amz-restore";
    X_AMZ_S3SESSION_TOKEN = "x-amz-s3session-token";
    X_AMZ_SDK_CHECKSUM_ALGORITHM = "x-amz-sdk-checksum-algorithm";
    X_AMZ_SECURITY_TOKEN = "x-amz-security-token";
    X_AMZ_SERVER_SIDE_ENCRYPTION = "x-amz-server-side-encryption";
    X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id";
    X_AMZ_SERVER_SIDE_ENCRYPTION_BUCKET_KEY_ENABLED =
        "x-amz-server-side-encryption-bucket-key-enabled";
    X_AMZ_SERVER_SIDE_ENCRYPTION_CONTEXT = "x-amz-server-side-encryption-context";
    X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM =
        "x-amz-server-side-encryption-customer-algorithm";
    X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY = "x-amz-server-side-encryption-customer-key";
    X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_KEY_MD5 = "x-amz-server-side-encryption-customer-key-md5";
    X_AMZ_SOURCE_EXPECTED_BUCKET_OWNER = "x-amz-source-expected-bucket-owner";
    X_AMZ_STORAGE_CLASS = "x-amz-storage-class";
    X_AMZ_TAGGING = "x-amz-tagging";
    X_AMZ_TAGGING_COUNT = "x-amz-tagging-count";
    X_AMZ_TAGGING_DIRECTIVE = "x-amz-tagging-directive";
    X_AMZ_TE = "x-amz-te";
    X_AMZ_TRAILER = "x-amz-trailer";
    X_AMZ_TRAILER_SIGNATURE = "x-amz-trailer-signature";
    X_AMZ_TRANSITION_DEFAULT_MINIMUM_OBJECT_SIZE = "x-amz-transition-default-minimum-object-size";
    X_AMZ_USER_AGENT = "x-amz-user-agent";
    X_AMZ_VERSION_ID = "x-amz-version-id";
    X_AMZ_WEBSITE_REDIRECT_LOCATION = "x-amz-website-redirect-location";
    X_AMZ_WRITE_OFFSET_BYTES = "x-amz-write-offset-bytes";
}

/// Headers of HTTP that S3 reads or stores
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/RESTCommonRequestHeaders.html>, and those of
/// its operations).
const KNOWN: [HeaderName; 28] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCESS_CONTROL_REQUEST_HEADERS,
    header::ACCESS_CONTROL_REQUEST_METHOD,
    header::AUTHORIZATION,
    header::CACHE_CONTROL,
    header::CONNECTION,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    CONTENT_MD5,
    header::CONTENT_TYPE,
    header::DATE,
    header::EXPECT,
    header::EXPIRES,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::IF_UNMODIFIED_SINCE,
    header::ORIGIN,
    header::RANGE,
    header::REFERER,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::USER_AGENT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_s3_are_known_and_those_of_backends_and_proxies_are_not() {
        for name in ["x-amz-acl", "x-amz-meta-anything", "content-md5", "if-match"] {
            assert!(is_known(&HeaderName::from_static(name)), "{name}");
        }
        for name in ["x-minio-force-delete", "x-forwarded-for", "traceparent", "cookie"] {
            assert!(!is_known(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn checksums_name_their_algorithm() {
        assert_eq!(checksum_algorithm(&X_AMZ_CHECKSUM_CRC64NVME), Some("crc64nvme"));
        for name in
            [X_AMZ_CHECKSUM_MODE, X_AMZ_CHECKSUM_TYPE, X_AMZ_CHECKSUM_ALGORITHM, CONTENT_MD5]
        {
            assert_eq!(checksum_algorithm(&name), None, "{name}");
        }
    }

    #[test]
    fn only_checksums_are_removed() {
        let mut headers = HeaderMap::new();
        let value = http::HeaderValue::from_static("a");
        for name in [X_AMZ_CHECKSUM_CRC32, X_AMZ_CHECKSUM_MODE, X_AMZ_ACL, CONTENT_MD5] {
            headers.insert(name, value.clone());
        }
        remove_checksums(&mut headers);
        assert_eq!(headers.len(), 2);
        assert!(headers.contains_key(X_AMZ_ACL) && headers.contains_key(CONTENT_MD5));
    }

    #[test]
    fn names_follow_their_prefixes() {
        assert!(META_PREFIX.starts_with(PREFIX));
        assert!(X_AMZ_META_SNOWBALL_AUTO_EXTRACT.starts_with(META_PREFIX));
        assert!(META_SEALED_PREFIX.starts_with(META_PREFIX));
        for name in [X_AMZ_META_PCL_C, X_AMZ_META_PCL_K] {
            assert!(name.as_str().starts_with(META_SEALED_PREFIX));
        }
        assert!(X_AMZ_CHECKSUM_CRC32.as_str().starts_with(CHECKSUM_PREFIX));
        assert_eq!(X_AMZ_SERVER_SIDE_ENCRYPTION, SSE_PREFIX);
        assert_eq!(X_AMZ_COPY_SOURCE, COPY_SOURCE_PREFIX);
    }
}
