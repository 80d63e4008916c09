//! `portcullis policy generate`: the bucket policy by which AWS itself enforces what a rule does.
//! Invariant: what is printed is a policy that S3 stores for that bucket, and has none of the mistakes
//! that `check` knows.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html>

use std::process::ExitCode;

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    super::{Failure, out},
    args::{Encryption, PolicyGenerate},
};
use crate::{
    policy::{Document, Strictness},
    s3::BucketName,
};

pub(super) fn run(arguments: &PolicyGenerate) -> Result<ExitCode, Failure> {
    out::stdout(&policy(arguments)?);
    Ok(ExitCode::SUCCESS)
}

fn policy(arguments: &PolicyGenerate) -> Result<String, Failure> {
    let bucket = &arguments.bucket;
    BucketName::parse(bucket).map_err(|error| Failure::usage(format!("{bucket:?}: {error}")))?;
    if let Some(key) = arguments.key.iter().find(|key| !is_key_arn(key)) {
        return Err(Failure::usage(format!(
            "{key:?}: S3 compares keys by ARN; write arn:aws:kms:REGION:ACCOUNT:key/ID"
        )));
    }
    let statement = statements(arguments);
    if statement.is_empty() {
        return Err(Failure::usage("say what to require: --require-sse, --require-tls, --protect"));
    }
    let text = out::json(&Policy { version: "2012-10-17", statement })?;
    match Document::parse_as(&text, Strictness::S3 { bucket }) {
        Ok(document) if document.warnings().is_empty() => Ok(text),
        Ok(document) => Err(unsound(document.warnings().first())),
        Err(faults) => Err(unsound(faults.first())),
    }
}

/// Prefixes are typed by people, and may hold what S3 reads as a wildcard or a variable.
fn unsound(fault: Option<&crate::policy::Fault>) -> Failure {
    let reason = fault.map_or("", |fault| &fault.message);
    Failure::usage(format!("S3 would not take this for what was meant: {reason}"))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    principal: &'static str,
    action: Value,
    resource: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

fn statements(arguments: &PolicyGenerate) -> Vec<Statement> {
    let bucket = format!("arn:aws:s3:::{}", arguments.bucket);
    let objects = match arguments.prefix.as_slice() {
        [] => json!(format!("{bucket}/*")),
        prefixes => prefixes.iter().map(|prefix| json!(format!("{bucket}/{prefix}*"))).collect(),
    };
    let everything = json!([&bucket, format!("{bucket}/*")]);
    let mut statements = Vec::new();
    if arguments.require_tls || arguments.tls_version.is_some() {
        let condition = json!({ "Bool": { "aws:SecureTransport": "false" } });
        let all = json!("s3:*");
        statements.push(deny("DenyPlainHttp", all, everything.clone(), condition));
    }
    if let Some(version) = arguments.tls_version {
        let condition = json!({ "NumericLessThan": { "s3:TlsVersion": version.as_str() } });
        statements.push(deny("DenyOldTls", json!("s3:*"), everything, condition));
    }
    let put = || json!("s3:PutObject");
    if let Some(condition) = unencrypted(&arguments.require_sse) {
        statements.push(deny("DenyOtherEncryption", put(), objects.clone(), condition));
    }
    if !arguments.key.is_empty() {
        let condition = json!({
            "StringLike": { SSE: "aws:kms*" },
            "StringNotEquals": { KMS_KEY: arguments.key },
        });
        statements.push(deny("DenyOtherKmsKeys", put(), objects, condition));
    }
    if arguments.protect {
        let undoing = json!(["s3:PutEncryptionConfiguration", "s3:PutReplicationConfiguration"]);
        let condition = None;
        let resource = json!(bucket);
        let (sid, effect, principal) = ("DenyUndoingEncryption", "Deny", "*");
        statements.push(Statement { sid, effect, principal, action: undoing, resource, condition });
    }
    statements
}

/// What a request looks like that has none of these; `None`: any will do.
fn unencrypted(required: &[Encryption]) -> Option<Value> {
    let algorithms: Vec<&str> = required.iter().filter_map(|one| one.algorithm()).collect();
    let no_customer_key = json!({ SSE_C: "true" });
    match (algorithms.is_empty(), required.contains(&Encryption::SseC)) {
        (true, false) => None,
        (true, true) => Some(json!({ "Null": no_customer_key })),
        (false, false) => Some(json!({ "StringNotEquals": { SSE: algorithms } })),
        (false, true) => {
            Some(json!({ "StringNotEquals": { SSE: algorithms }, "Null": no_customer_key }))
        }
    }
}

fn deny(sid: &'static str, action: Value, resource: Value, condition: Value) -> Statement {
    let (effect, principal, condition) = ("Deny", "*", Some(condition));
    Statement { sid, effect, principal, action, resource, condition }
}

fn is_key_arn(text: &str) -> bool {
    let fields: Vec<&str> = text.split(':').collect();
    let &["arn", partition, "kms", region, account, key] = fields.as_slice() else { return false };
    partition.starts_with("aws")
        && !region.is_empty()
        && account.len() == 12
        && key.strip_prefix("key/").is_some_and(|id| !id.is_empty() && !id.contains(['*', '?']))
}

const SSE: &str = "s3:x-amz-server-side-encryption";
const SSE_C: &str = "s3:x-amz-server-side-encryption-customer-algorithm";
const KMS_KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::{
        cli::{
            args::{Arguments, Command},
            policy::args::PolicyCommand,
        },
        policy::{Case, Verdict},
    };

    const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/k";

    fn generated(options: &str) -> Result<String, Failure> {
        let words = "portcullis policy generate --bucket bucket".split(' ');
        let words = words.chain(options.split_whitespace());
        let Command::Policy(typed) = Arguments::try_parse_from(words).unwrap().command else {
            unreachable!("it was typed above");
        };
        let PolicyCommand::Generate(generate) = typed.command else {
            unreachable!("it was typed above");
        };
        policy(&generate)
    }

    /// Whether AWS refuses an upload with these condition keys, over TLS 1.2 unless they say other.
    fn is_denied(policy: &str, key: &str, sent: &[(&str, &str)]) -> bool {
        let mut context = json!({ "aws:SecureTransport": "true", "s3:TlsVersion": "1.2" });
        for (name, value) in sent {
            context[*name] = json!(value);
        }
        let request = json!({
            "action": "s3:PutObject",
            "resource": format!("arn:aws:s3:::bucket/{key}"),
            "principal": "arn:aws:iam::111122223333:user/alice",
            "context": context,
        });
        let case =
            format!(r#"{{"policy": {policy}, "request": {request}, "expected": "Allowed"}}"#);
        let case: Case<'_> = serde_json::from_str(&case).unwrap();
        case.judge().unwrap().verdict == Verdict::ExplicitlyDenied
    }

    #[test]
    fn what_is_required_is_all_that_passes() {
        let kms = [(SSE, "aws:kms"), (KMS_KEY, KEY)];
        let plain_http = [(SSE, "AES256"), ("aws:SecureTransport", "false")];
        let (with_key, c_or_s3) = (
            format!("--require-sse aws:kms --key {KEY}"),
            "--require-sse AES256 --require-sse SSE-C",
        );
        for (options, key, sent, expected) in [
            ("--require-sse AES256", "k", &[][..], true),
            ("--require-sse AES256", "k", &[(SSE, "AES256")], false),
            ("--require-sse AES256", "k", &kms, true),
            ("--require-sse AES256 --prefix a/", "b/k", &[], false),
            ("--require-sse AES256 --prefix a/ --prefix b/", "b/k", &[], true),
            ("--require-sse AES256 --require-sse aws:kms", "k", &kms, false),
            ("--require-sse AES256", "k", &plain_http, false),
            ("--require-sse AES256 --require-tls", "k", &plain_http, true),
            ("--require-tls", "k", &[], false),
            ("--tls-version 1.3", "k", &[], true),
            ("--tls-version 1.2", "k", &[], false),
            ("--tls-version 1.2", "k", &plain_http, true),
            (&with_key, "k", &kms, false),
            (&with_key, "k", &[(SSE, "aws:kms")], true),
            (&with_key, "k", &[(SSE, "aws:kms"), (KMS_KEY, "other")], true),
            (&with_key, "k", &[(SSE, "AES256")], true),
            (c_or_s3, "k", &[(SSE_C, "AES256")], false),
            (c_or_s3, "k", &[(SSE, "AES256")], false),
            (c_or_s3, "k", &[], true),
            ("--require-sse SSE-C", "k", &[(SSE, "AES256")], true),
            ("--protect", "k", &[], false),
        ] {
            let policy = generated(options).unwrap();
            assert_eq!(
                is_denied(&policy, key, sent),
                expected,
                "{options} {key} {sent:?}\n{policy}"
            );
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (options, expected) in [
            ("", "say what to require"),
            ("--require-sse aws:kms --key alias/a", "S3 compares keys by ARN"),
        ] {
            let Err(Failure::Usage(reason)) = generated(options) else { unreachable!("{options}") };
            assert!(reason.contains(expected), "{options}: {reason}");
        }
    }
}
