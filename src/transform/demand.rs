//! What a rule demands, written as the bucket policy that says it. Invariant: each document is one that
//! S3 itself would store, so that a rule refuses exactly what the same policy refuses there.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingServerSideEncryption.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>

use serde_json::{Value, json};

use super::sse::Algorithm;
use crate::policy::{Document, Guard};

/// The encryption that writes must bring along. Where nothing is acceptable, no write is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptable {
    /// Values of `x-amz-server-side-encryption`, any of them.
    pub algorithms: Vec<Algorithm>,
    /// Whether a key of the client's own (SSE-C) will do.
    pub customer_keys: bool,
    /// KMS keys, as requests name them (letters, digits and `:/_.-`), any of them; empty: every key, also the bucket's default.
    pub kms_key_ids: Vec<String>,
}

/// A guard that refuses every write without acceptable encryption. `name` is the rule's.
pub fn requirement(name: &str, acceptable: &Acceptable) -> Guard {
    let algorithms: Vec<&str> = acceptable.algorithms.iter().map(|one| one.as_str()).collect();
    let unencrypted = match (algorithms.is_empty(), acceptable.customer_keys) {
        (true, true) => json!({ "Null": { SSE_C: "true" } }),
        (true, false) => json!({}),
        (false, true) => {
            json!({ "StringNotEquals": { SSE: algorithms }, "Null": { SSE_C: "true" } })
        }
        (false, false) => json!({ "StringNotEquals": { SSE: algorithms } }),
    };
    let mut statements = vec![deny("RequireEncryption", "s3:PutObject", &unencrypted)];
    if !acceptable.kms_key_ids.is_empty() {
        let foreign = json!({
            "StringLike": { SSE: "aws:kms*" },
            "StringNotEquals": { KMS_KEY: acceptable.kms_key_ids },
        });
        statements.push(deny("RequireKmsKey", "s3:PutObject", &foreign));
    }
    guard(name, &statements)
}

/// A guard that refuses changes of a bucket which would undo what a rule enforces: its default
/// encryption, its policy, its replication to other buckets. `name` is the rule's.
pub fn protection(name: &str) -> Guard {
    let statements = [json!({
        "Sid": "ProtectEncryption",
        "Effect": "Deny",
        "Principal": "*",
        "Action": UNDOING,
        "Resource": "arn:aws:s3:::*",
    })];
    guard(name, &statements)
}

fn deny(sid: &str, action: &str, condition: &Value) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": "arn:aws:s3:::*",
        "Condition": condition,
    })
}

#[expect(
    clippy::expect_used,
    reason = "the documents are made above from closed sets and quoted strings; a test parses each"
)]
fn guard(name: &str, statements: &[Value]) -> Guard {
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let document = Document::parse(&text).expect("a demand is a document");
    Guard::new(&format!("rule {name}"), document)
}

/// The condition key of the encryption that a write asks for.
pub const SSE: &str = "s3:x-amz-server-side-encryption";
const SSE_C: &str = "s3:x-amz-server-side-encryption-customer-algorithm";
const KMS_KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";
/// `s3:PutEncryptionConfiguration` also removes one.
const UNDOING: [&str; 4] = [
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:PutEncryptionConfiguration",
    "s3:PutReplicationConfiguration",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Inquiry, Keys, Mode, Policies, Principal, Terms};

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/k";

    fn passes(guard: Guard, action: &str, sent: &[(&'static str, &'static str)]) -> bool {
        let principal = Principal::Aws {
            arn: "arn:aws:iam::111122223333:user/alice".to_owned(),
            account: "111122223333".to_owned(),
        };
        let mut keys = Keys::default();
        for (key, value) in sent {
            keys.set(*key, *value);
        }
        let inquiry = Inquiry {
            principal: &principal,
            action,
            resource: "arn:aws:s3:::b/k",
            bucket: Some("b"),
            keys: &keys,
        };
        let guards = [guard];
        let terms = Terms { guards: &guards, mode: Mode::Enforce, ..Terms::PLAIN };
        Policies::default().decide(terms, &[inquiry]).is_ok()
    }

    fn check(acceptable: &Acceptable, sent: &[(&'static str, &'static str)], expected: bool) {
        let guard = requirement("r", acceptable);
        assert_eq!(passes(guard, "s3:PutObject", sent), expected, "{acceptable:?} {sent:?}");
    }

    #[test]
    fn every_combination_is_a_document() {
        for taken in 0..1 << Algorithm::ALL.len() {
            let algorithms = Algorithm::ALL.into_iter().enumerate();
            let algorithms = algorithms.filter(|(bit, _)| taken & (1 << bit) != 0);
            let algorithms: Vec<_> = algorithms.map(|(_, algorithm)| algorithm).collect();
            for customer_keys in [false, true] {
                for ids in [vec![], vec![KEY.to_owned(), "alias/a".to_owned()]] {
                    let algorithms = algorithms.clone();
                    let acceptable = Acceptable { algorithms, customer_keys, kms_key_ids: ids };
                    requirement("r", &acceptable);
                }
            }
        }
        protection("r");
    }

    #[test]
    fn any_acceptable_algorithm_passes() {
        let acceptable = Acceptable {
            algorithms: vec![Algorithm::Aes256, Algorithm::Kms],
            customer_keys: false,
            kms_key_ids: Vec::new(),
        };
        check(&acceptable, &[], false);
        check(&acceptable, &[(SSE, "AES256")], true);
        check(&acceptable, &[(SSE, "aws:kms")], true);
        check(&acceptable, &[(SSE, "aws:kms:dsse")], false);
        check(&acceptable, &[(SSE, "aes256")], false);
        check(&acceptable, &[(SSE_C, "AES256")], false);
        let acceptable = Acceptable { customer_keys: true, ..acceptable };
        check(&acceptable, &[(SSE_C, "AES256")], true);
        check(&acceptable, &[], false);
        let acceptable = Acceptable { algorithms: Vec::new(), ..acceptable };
        check(&acceptable, &[(SSE_C, "AES256")], true);
        check(&acceptable, &[(SSE, "AES256")], false);
    }

    #[test]
    fn only_listed_kms_keys_pass() {
        let acceptable = Acceptable {
            algorithms: Algorithm::ALL.to_vec(),
            customer_keys: true,
            kms_key_ids: vec![KEY.to_owned()],
        };
        for algorithm in ["aws:kms", "aws:kms:dsse"] {
            check(&acceptable, &[(SSE, algorithm), (KMS_KEY, KEY)], true);
            check(&acceptable, &[(SSE, algorithm), (KMS_KEY, "other")], false);
            check(&acceptable, &[(SSE, algorithm)], false);
        }
        check(&acceptable, &[(SSE, "AES256")], true);
        check(&acceptable, &[(SSE_C, "AES256")], true);
    }

    #[test]
    fn what_would_undo_a_rule_is_refused() {
        for (action, expected) in [
            ("s3:PutEncryptionConfiguration", false),
            ("s3:PutBucketPolicy", false),
            ("s3:DeleteBucketPolicy", false),
            ("s3:PutReplicationConfiguration", false),
            ("s3:GetEncryptionConfiguration", true),
            ("s3:PutBucketTagging", true),
        ] {
            assert_eq!(passes(protection("r"), action, &[]), expected, "{action}");
        }
    }
}
