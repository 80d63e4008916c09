//! A line of the audit log as a request. Invariant: what the line does not tell is told to be missing,
//! and never made up.

use std::net::IpAddr;

use serde::Deserialize;

use super::asked::Plain;
use crate::{
    policy::Context,
    s3::{BucketName, ObjectKey, Operation, Resource, headers, xml},
};

/// What is read of a line; see [`crate::telemetry::audit::Line`].
#[derive(Debug, Deserialize)]
pub(super) struct AuditLine {
    pub(super) time: Option<String>,
    pub(super) remote_ip: Option<IpAddr>,
    pub(super) tls_version: Option<String>,
    pub(super) requester: Option<String>,
    pub(super) access_key_id: Option<String>,
    pub(super) auth_type: Option<String>,
    operation: Option<String>,
    bucket_name: Option<String>,
    key: Option<String>,
    pub(super) decision: Option<String>,
    #[serde(default)]
    pub(super) condition_keys: Context,
    #[serde(default)]
    denied_keys_first: Vec<String>,
    user_agent: Option<String>,
}

impl AuditLine {
    /// # Errors
    ///
    /// A sentence: the text is no audit line, or one of a request that had no reading.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.lines().count() > 1 {
            return Err("these are several lines; explain one at a time".to_owned());
        }
        serde_json::from_str(text).map_err(|error| format!("this is no audit line: {error}"))
    }

    /// The request that it tells of, and what it does not tell.
    pub(super) fn plain(&self) -> Result<(Plain, Vec<String>), String> {
        let operation = self.operation()?;
        let mut missing = Vec::new();
        let mut headers: Vec<String> = Vec::new();
        if let Some(agent) = &self.user_agent {
            headers.push(format!("User-Agent: {agent}"));
        }
        if matches!(operation, Operation::CopyObject | Operation::UploadPartCopy) {
            let source = self.value("s3:x-amz-copy-source").unwrap_or_else(|| {
                missing.push("what is copied is not in the line: unknown/unknown".to_owned());
                "unknown/unknown"
            });
            headers.push(format!("{}: {source}", headers::X_AMZ_COPY_SOURCE));
        }
        let body = (operation == Operation::DeleteObjects).then(|| self.deletion()).transpose()?;
        if self.condition_keys.is_empty() {
            let decision = self.decision.as_deref().unwrap_or("unknown");
            missing.push(format!(
                "the line (decision {decision:?}) tells no condition keys: the request had no \
                 header or parameter that policy asks about (say --context KEY=VALUE)"
            ));
        }
        let scheme = if self.tls_version.is_some() { "https" } else { "http" };
        let (path, query) = (self.resource()?.path(), operation.example_query());
        let joint = if query.is_empty() { "" } else { "?" };
        let url = format!("{scheme}://{HOST}{path}{joint}{query}");
        let method = operation.method().to_string();
        Ok((Plain { method, url, headers, body, signs: true }, missing))
    }

    /// A form is an upload like any other.
    fn operation(&self) -> Result<Operation, String> {
        let Some(name) = self.operation.as_deref() else {
            return Err("the line names no operation: the request was refused before it could be \
                        read; its `reason` says why"
                .to_owned());
        };
        if name == Operation::PostObject.name() {
            let is_filled = self.key.is_some();
            return is_filled
                .then_some(Operation::PutObject)
                .ok_or_else(|| "the line does not tell what the form was to upload".to_owned());
        }
        let known = Operation::ALL.iter().find(|operation| operation.name() == name);
        known.copied().ok_or_else(|| format!("{name} is no operation of S3"))
    }

    fn resource(&self) -> Result<Resource, String> {
        let Some(bucket) = &self.bucket_name else { return Ok(Resource::Service) };
        let bucket = BucketName::parse(bucket).map_err(|error| format!("{bucket:?}: {error}"))?;
        let Some(key) = &self.key else { return Ok(Resource::Bucket(bucket)) };
        let key = ObjectKey::parse(key).map_err(|error| format!("{key:?}: {error}"))?;
        Ok(Resource::Object(bucket, key))
    }

    /// Of the keys only those are in the line that were denied.
    fn deletion(&self) -> Result<String, String> {
        if self.denied_keys_first.is_empty() {
            return Err(
                "the line does not tell which keys were to be deleted; explain one of them: \
                        --method DELETE --url s3://BUCKET/KEY"
                    .to_owned(),
            );
        }
        let object = |key: &String| format!("<Object><Key>{}</Key></Object>", xml::escape(key));
        let objects: String = self.denied_keys_first.iter().map(object).collect();
        Ok(format!("<Delete>{objects}</Delete>"))
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.condition_keys.get(key)?.as_ref()?.first().map(String::as_str)
    }
}

/// Below no domain that a configuration would name.
const HOST: &str = "127.0.0.1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::{Domains, Level, classify};

    fn plain(line: &str) -> Result<(Plain, Vec<String>), String> {
        AuditLine::read(line)?.plain()
    }

    #[test]
    fn every_operation_is_asked_as_it_was() {
        for operation in Operation::ALL {
            let name = operation.name();
            let place = match operation.level() {
                Level::Service => "",
                Level::Bucket => r#""bucket_name": "bucket","#,
                Level::Object => r#""bucket_name": "bucket", "key": "k","#,
            };
            let line = format!(r#"{{{place} "operation": "{name}", "denied_keys_first": ["k"]}}"#);
            let sent = plain(&line).map(|(plain, _)| plain.sent().unwrap());
            let read = sent.map(|sent| classify(&sent.head, &Domains::default()));
            match (read, operation) {
                (Err(reason), Operation::PostObject) => {
                    assert!(reason.contains("form"), "{reason}");
                }
                // A question that nobody signs, and another service.
                (_, Operation::OptionsPreflight | Operation::WriteGetObjectResponse) => {}
                (_, operation) if operation.directory_buckets_only() => {}
                (read, _) => assert_eq!(read.unwrap().unwrap().operation, *operation, "{name}"),
            }
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        let line = r#"{"operation": "CopyObject", "bucket_name": "bucket", "key": "k", "decision": "allow"}"#;
        let (plain, missing) = plain(line).unwrap();
        assert_eq!(plain.method, "PUT");
        assert!(missing[0].contains("what is copied"), "{missing:?}");
        assert!(missing[1].contains("decision \"allow\""), "{missing:?}");
    }

    #[test]
    fn what_cannot_be_explained_says_why() {
        for (line, reason) in [
            ("x", "this is no audit line"),
            ("{}\n{}", "several lines"),
            (r#"{"decision": "refused"}"#, "refused before it could be read"),
            (r#"{"operation": "Frobnicate"}"#, "no operation of S3"),
            (r#"{"operation": "DeleteObjects", "bucket_name": "bucket"}"#, "which keys"),
        ] {
            let error = plain(line).unwrap_err();
            assert!(error.contains(reason), "{line}: {error}");
        }
    }
}
