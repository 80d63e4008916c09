//! Who asks. Invariant: whoever is taken for the caller without having been named is told.

use std::{sync::Arc, time::SystemTime};

use super::{super::Failure, args::Explain, asked::Sent, audit_line::AuditLine};
use crate::{
    config::Config,
    identity::{Identity, Limits, Mode},
    secret::Secret,
    sigv4::{AuthType, Caller, Credential, Session, SignatureVersion},
};

/// What tells of the caller.
pub(super) struct Clues<'a> {
    pub(super) arguments: &'a Explain,
    pub(super) config: Option<&'a Config>,
    pub(super) line: Option<&'a AuditLine>,
    pub(super) sent: Option<&'a Sent>,
    /// The request is written out whole: a signature that is not there was not made.
    pub(super) is_whole: bool,
    pub(super) now: SystemTime,
}

impl Clues<'_> {
    pub(super) fn caller(&self, assumed: &mut Vec<String>) -> Result<Caller, Failure> {
        if self.arguments.anonymous {
            return Ok(Caller::Anonymous);
        }
        if let Some(arn) = &self.arguments.principal {
            return self.named(arn);
        }
        if let Some(line) = self.line {
            return line.requester.as_ref().map_or(Ok(Caller::Anonymous), |arn| self.named(arn));
        }
        if let Some(Mode::Ambient(ambient)) = self.config.map(|config| &config.gate.mode) {
            return Ok(Caller::Ambient(Arc::clone(&ambient.identity)));
        }
        if let Some(id) = self.sent.and_then(Sent::access_key_id) {
            let known = self.config.and_then(|config| config.gate.credentials.find(&id));
            if let Some(credential) = known {
                return Ok(self.holder(Arc::clone(credential)));
            }
            assumed.push(format!("whose access key {id} is, is not known here: {ANYONE}"));
            return self.named(ANYONE);
        }
        if self.is_whole {
            assumed.push(format!("nothing signs the request: the caller is anonymous ({SAY})"));
            return Ok(Caller::Anonymous);
        }
        let first = self.config.and_then(|config| config.inventory.callers.first());
        let arn = first.map_or(ANYONE, String::as_str);
        assumed.push(format!("the caller is {arn} ({SAY})"));
        self.named(arn)
    }

    fn named(&self, arn: &str) -> Result<Caller, Failure> {
        let known = self.config.and_then(|config| config.gate.credentials.held_by(arn));
        if let Some(credential) = known {
            return Ok(self.holder(Arc::clone(credential)));
        }
        let identity = Identity::parse(arn)
            .map_err(|error| Failure::usage(format!("the caller {arn:?}: {error}")))?;
        let id = self.line.and_then(|line| line.access_key_id.clone());
        let credential = Credential {
            access_key_id: id.unwrap_or_else(|| EXAMPLE_ID.to_owned()),
            secret_access_key: Secret::new(Vec::new()),
            identity,
            limits: Limits::default(),
            upstream: None,
            session: Session::default(),
        };
        Ok(self.holder(Arc::new(credential)))
    }

    fn holder(&self, credential: Arc<Credential>) -> Caller {
        let told = self.line.and_then(|line| line.auth_type.as_deref());
        let auth_types = [AuthType::Header, AuthType::Query, AuthType::Form];
        let told = auth_types.into_iter().find(|it| Some(it.as_str()) == told);
        let is_presigned = self.sent.is_some_and(Sent::is_presigned);
        let seen = if is_presigned { AuthType::Query } else { AuthType::Header };
        Caller::Authenticated {
            credential,
            auth_type: told.unwrap_or(seen),
            version: SignatureVersion::V4,
            signed_at: self.now,
        }
    }
}

const ANYONE: &str = "arn:aws:iam::111122223333:user/anyone";
const SAY: &str = "say --principal ARN or --anonymous";
/// AWS's own example.
const EXAMPLE_ID: &str = "AKIAIOSFODNN7EXAMPLE";
