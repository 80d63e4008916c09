//! The chain of chunk signatures. Invariant: each covers its chunk and the signature before it, back
//! to that of the head, so chunks cannot be changed, dropped, repeated or moved.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>

use std::{fmt, sync::Arc};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};

use crate::{
    s3::Code,
    sigv4::{
        Refused,
        key::{Signature, SigningKey},
        presented::Presented,
    },
};

/// The chain up to the chunk at hand.
#[derive(Clone)]
pub(in crate::sigv4) struct Signatures {
    key: Arc<SigningKey>,
    /// Timestamp and scope, a line each: the same for all.
    stem: String,
    previous: Signature,
    /// Claimed by the chunk at hand.
    claimed: Signature,
    chunk: digest::Context,
}

impl Signatures {
    /// The chain that begins with a head's signature.
    pub(in crate::sigv4) fn after(head: &Presented<'_>, key: &Arc<SigningKey>) -> Self {
        Self {
            key: Arc::clone(key),
            stem: [&*head.timestamp, head.scope.text].join("\n"),
            previous: head.signature,
            claimed: Signature::default(),
            chunk: digest::Context::new(&digest::SHA256),
        }
    }

    pub(super) fn begin(&mut self, claimed: Signature) {
        self.claimed = claimed;
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        self.chunk.update(data);
    }

    /// The chunk at hand has ended.
    pub(super) fn end(&mut self) -> Result<(), Refused> {
        let chunk =
            std::mem::replace(&mut self.chunk, digest::Context::new(&digest::SHA256)).finish();
        let previous = hex::encode(self.previous);
        let chunk = hex::encode(chunk);
        let text = [CHUNK_ALGORITHM, &self.stem, &previous, EMPTY_SHA256, &chunk].join("\n");
        self.check(&text, self.claimed)
    }

    /// The trailer's signature follows that of the last, empty chunk.
    pub(super) fn check_trailer(
        &mut self,
        fields: &[(String, String)],
        claimed: &str,
    ) -> Result<(), Refused> {
        let lines: String =
            fields.iter().flat_map(|(name, value)| [name, ":", value, "\n"]).collect();
        let hash = hex::encode(digest::digest(&digest::SHA256, lines.as_bytes()));
        let previous = hex::encode(self.previous);
        let text = [TRAILER_ALGORITHM, &self.stem, &previous, &hash].join("\n");
        let mut signature = Signature::default();
        hex::decode_to_slice(claimed, &mut signature).map_err(|_| mismatch())?;
        self.check(&text, signature)
    }

    fn check(&mut self, text: &str, claimed: Signature) -> Result<(), Refused> {
        self.previous = self.key.sign(text);
        verify_slices_are_equal(&self.previous, &claimed).map_err(|_| mismatch())
    }
}

impl fmt::Debug for Signatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signatures").field("key", &self.key).finish_non_exhaustive()
    }
}

fn mismatch() -> Refused {
    Refused::new(
        Code::SignatureDoesNotMatch,
        "The request signature we calculated does not match the signature you provided: that of a \
         chunk or of the trailer of the body.",
    )
}

const CHUNK_ALGORITHM: &str = "AWS4-HMAC-SHA256-PAYLOAD";
const TRAILER_ALGORITHM: &str = "AWS4-HMAC-SHA256-TRAILER";
pub(in crate::sigv4) const EMPTY_SHA256: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
