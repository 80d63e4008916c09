//! Hashes of a body, and what they must come to.

use std::hash::Hasher as _;

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crc_fast::CrcAlgorithm;
use http::HeaderName;
use md5::{Digest as _, Md5};
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

use super::Refused;
use crate::s3::{Code, headers};

/// The hashes that can be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Xxhash128,
    Xxhash3,
    Xxhash64,
}

/// What a body must hash to.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) what: What,
    pub(super) algorithm: Algorithm,
    digest: Vec<u8>,
    /// As the client wrote it.
    text: String,
}

/// Which promise a digest keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    PayloadHash,
    ContentMd5,
    Checksum,
}

/// A hash under way.
pub(super) enum Hasher {
    /// With the bytes of its result.
    Crc(crc_fast::Digest, usize),
    Digest(digest::Context),
    Md5(Md5),
    Xxhash128(XxHash3_128),
    Xxhash3(XxHash3_64),
    Xxhash64(XxHash64),
}

impl Algorithm {
    /// From the end of a header's name, such as `crc32`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "crc32" => Some(Self::Crc32),
            "crc32c" => Some(Self::Crc32c),
            "crc64nvme" => Some(Self::Crc64Nvme),
            "md5" => Some(Self::Md5),
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            "xxhash128" => Some(Self::Xxhash128),
            "xxhash3" => Some(Self::Xxhash3),
            "xxhash64" => Some(Self::Xxhash64),
            _ => None,
        }
    }

    /// As S3 writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Xxhash128 => "XXHASH128",
            Self::Xxhash3 => "XXHASH3",
            Self::Xxhash64 => "XXHASH64",
        }
    }

    /// The header, or field of a trailer, that it is sent in.
    fn header(self) -> HeaderName {
        match self {
            Self::Crc32 => headers::X_AMZ_CHECKSUM_CRC32,
            Self::Crc32c => headers::X_AMZ_CHECKSUM_CRC32C,
            Self::Crc64Nvme => headers::X_AMZ_CHECKSUM_CRC64NVME,
            Self::Md5 => headers::X_AMZ_CHECKSUM_MD5,
            Self::Sha1 => headers::X_AMZ_CHECKSUM_SHA1,
            Self::Sha256 => headers::X_AMZ_CHECKSUM_SHA256,
            Self::Sha512 => headers::X_AMZ_CHECKSUM_SHA512,
            Self::Xxhash128 => headers::X_AMZ_CHECKSUM_XXHASH128,
            Self::Xxhash3 => headers::X_AMZ_CHECKSUM_XXHASH3,
            Self::Xxhash64 => headers::X_AMZ_CHECKSUM_XXHASH64,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme | Self::Xxhash3 | Self::Xxhash64 => 8,
            Self::Md5 | Self::Xxhash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    pub(super) fn hasher(self) -> Hasher {
        let crc = |algorithm| Hasher::Crc(crc_fast::Digest::new(algorithm), self.bytes());
        let digest = |algorithm| Hasher::Digest(digest::Context::new(algorithm));
        match self {
            Self::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            Self::Md5 => Hasher::Md5(Md5::new()),
            Self::Sha1 => digest(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => digest(&digest::SHA256),
            Self::Sha512 => digest(&digest::SHA512),
            Self::Xxhash128 => Hasher::Xxhash128(XxHash3_128::new()),
            Self::Xxhash3 => Hasher::Xxhash3(XxHash3_64::new()),
            Self::Xxhash64 => Hasher::Xxhash64(XxHash64::default()),
        }
    }
}

impl Expected {
    /// `x-amz-content-sha256` as 64 hex digits.
    pub(super) fn payload_hash(text: &str) -> Result<Self, Refused> {
        let digest = hex::decode(text).map_err(|_| {
            Refused::new(Code::InvalidArgument, "x-amz-content-sha256 must be hexadecimal.")
        })?;
        Ok(Self {
            what: What::PayloadHash,
            algorithm: Algorithm::Sha256,
            digest,
            text: text.to_owned(),
        })
    }

    /// `Content-MD5`.
    pub(super) fn content_md5(text: &str) -> Result<Self, Refused> {
        Self::base64(What::ContentMd5, Algorithm::Md5, text).ok_or_else(|| {
            Refused::new(Code::InvalidDigest, "The Content-MD5 you specified is not valid.")
                .with("Content-MD5", text)
        })
    }

    /// `x-amz-checksum-…`, from a header or a trailer.
    pub(super) fn checksum(
        name: &HeaderName,
        algorithm: Algorithm,
        text: &str,
    ) -> Result<Self, Refused> {
        Self::base64(What::Checksum, algorithm, text).ok_or_else(|| {
            Refused::new(Code::InvalidRequest, format!("Value for {name} header is invalid."))
        })
    }

    /// What S3 would confirm, once it has held.
    pub(super) fn confirmed(&self) -> Option<(HeaderName, String)> {
        (self.what == What::Checksum).then(|| (self.algorithm.header(), self.text.clone()))
    }

    fn base64(what: What, algorithm: Algorithm, text: &str) -> Option<Self> {
        let digest = STANDARD.decode(text).ok()?;
        let expected = Self { what, algorithm, digest, text: text.to_owned() };
        (expected.digest.len() == algorithm.bytes()).then_some(expected)
    }

    /// Compares; the error is AWS's.
    pub(super) fn check(&self, computed: &[u8]) -> Result<(), Refused> {
        if verify_slices_are_equal(&self.digest, computed).is_ok() {
            return Ok(());
        }
        Err(match self.what {
            What::PayloadHash => Refused::new(
                Code::XAmzContentSHA256Mismatch,
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
            .with("ClientComputedContentSHA256", self.text.as_str())
            .with("S3ComputedContentSHA256", hex::encode(computed)),
            What::ContentMd5 => Refused::new(
                Code::BadDigest,
                "The Content-MD5 you specified did not match what we received.",
            )
            .with("ExpectedDigest", self.text.as_str())
            .with("CalculatedDigest", STANDARD.encode(computed)),
            What::Checksum => Refused::new(
                Code::BadDigest,
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    self.algorithm.name()
                ),
            ),
        })
    }
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(crc, _) => crc.update(bytes),
            Self::Digest(context) => context.update(bytes),
            Self::Md5(md5) => md5.update(bytes),
            Self::Xxhash128(hash) => hash.write(bytes),
            Self::Xxhash3(hash) => hash.write(bytes),
            Self::Xxhash64(hash) => hash.write(bytes),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(crc, bytes) => {
                let sum = crc.finalize().to_be_bytes();
                sum.get(sum.len().saturating_sub(bytes)..).unwrap_or_default().to_vec()
            }
            Self::Digest(context) => context.finish().as_ref().to_vec(),
            Self::Md5(md5) => md5.finalize().to_vec(),
            Self::Xxhash128(hash) => hash.finish_128().to_be_bytes().to_vec(),
            Self::Xxhash3(hash) => hash.finish().to_be_bytes().to_vec(),
            Self::Xxhash64(hash) => hash.finish().to_be_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, STANDARD};
    use base64::Engine as _;

    #[test]
    fn check_values() {
        // Of "123456789": the check values of the CRC catalogue, the hashes as Python's hashlib has them,
        // and those of the last three as botocore sends them.
        for (algorithm, expected) in [
            (Algorithm::Crc32, "y/Q5Jg=="),
            (Algorithm::Crc32c, "4waSgw=="),
            (Algorithm::Crc64Nvme, "rosUhgp5mIg="),
            (Algorithm::Md5, "JfnnlDI7RTiF9RgfG2JNCw=="),
            (Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (Algorithm::Sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
            (
                Algorithm::Sha512,
                "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==",
            ),
            (Algorithm::Xxhash128, "MxGUd+3l3NXpcWQnaB1YYA=="),
            (Algorithm::Xxhash3, "ctyxi2ehff8="),
            (Algorithm::Xxhash64, "jLhB20DmroM="),
        ] {
            let mut hasher = algorithm.hasher();
            hasher.update(b"1234");
            hasher.update(b"56789");
            assert_eq!(STANDARD.encode(hasher.finish()), expected, "{algorithm:?}");
        }
    }
}
