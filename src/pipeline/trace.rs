//! What is told of a request: one audit line, its metrics, and a log line where the proxy or the
//! backend is at fault. Invariant: nothing here decides anything, and no request goes untold, also
//! not one whose client has left.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use http::Response;
use time::{OffsetDateTime, macros::format_description};

use super::{
    ReplyBody,
    authenticate::Authenticated,
    authorize::Authorized,
    classify::Classified,
    deletion::DeniedKeys,
    form::Filled,
    receive::{Received, monotonic},
    rescue::Error,
    seal::Alarm,
    treat::{Arrival, Treated},
};
use crate::{
    net::TlsVersion,
    policy::{Denied, Mode},
    s3::{BucketName, Code, ObjectKey},
    sigv4::Caller,
    telemetry::{
        audit::{Audit, Line},
        client,
        metrics::{Metrics, Outcome},
    },
};

/// The account of one request, filled in as it travels.
#[derive(Debug)]
pub(super) struct Trace {
    began: Instant,
    line: Line,
    outcome: Outcome,
    arrival: Option<Arrival>,
    metrics: Arc<Metrics>,
    audit: Audit,
    is_told: bool,
}

impl Trace {
    pub(super) fn begin(received: &Received, metrics: Arc<Metrics>, audit: Audit) -> Self {
        let context = &received.context;
        let line = Line {
            time: timestamp(context.now),
            request_id: context.request_id.clone(),
            remote_ip: context.peer.address.ip().to_canonical().to_string(),
            tls_version: context.peer.tls.map(|version| match version {
                TlsVersion::Tls12 => "1.2",
                TlsVersion::Tls13 => "1.3",
            }),
            client_certificate: context.peer.client_certificate.clone(),
            auth_mode: context.settings.mode.audited(),
            user_agent: received.user_agent().map(|agent| cut(agent, USER_AGENT_BYTES_MAX)),
            decision: "refused",
            ..Line::default()
        };
        let outcome = Outcome::Refused;
        let (arrival, is_told) = (None, false);
        Self { began: monotonic(), line, outcome, arrival, metrics, audit, is_told }
    }

    pub(super) fn classified(&mut self, classified: &Classified) {
        let request = &classified.request;
        self.line.operation = Some(request.operation.name());
        self.line.bucket_name =
            request.resource.bucket().map(BucketName::as_str).map(str::to_owned);
        self.line.key = request.resource.key().map(ObjectKey::as_str).map(str::to_owned);
    }

    pub(super) fn unauthenticated(&mut self, error: &Error) {
        if let Error::Refused(refused) = error {
            self.metrics.auth_failure(refused.code.as_str());
        }
        if let Error::Stranger(stranger) = error {
            self.metrics.auth_failure(stranger.reason());
        }
    }

    /// The operation stays `PostObject`: so it is told apart from a `PutObject`.
    pub(super) fn filled(&mut self, filled: &Filled) {
        let resource = &filled.submission.upload.resource;
        self.line.key = resource.key().map(ObjectKey::as_str).map(str::to_owned);
    }

    pub(super) fn authenticated(&mut self, authenticated: &Authenticated) {
        let caller = authenticated.verified.caller();
        self.line.requester = caller.identity().map(|identity| identity.arn().to_owned());
        if let Caller::Authenticated { credential, auth_type, .. } = caller {
            self.line.access_key_id = Some(credential.access_key_id.clone());
            self.line.auth_type = Some(auth_type.as_str());
        }
        if let Caller::Claimed(claim) = caller {
            self.line.access_key_id = Some(claim.access_key_id.clone());
            self.line.auth_type = Some(claim.auth_type.as_str());
        }
    }

    pub(super) fn treated(&mut self, treated: &Treated) {
        let treatment = &treated.treatment;
        self.line.rule = treatment.rule.as_deref().map(str::to_owned);
        self.line.mode = (treatment.mode == Mode::Audit).then_some("audit");
        self.arrival = treatment.arrival;
        self.line.encryption = match (treatment.arrival, treatment.mode) {
            (None, _) => None,
            (Some(Arrival::Compliant), _) => Some("compliant"),
            (Some(Arrival::Bare), _) => Some("absent"),
            (Some(Arrival::Mended), Mode::Enforce) => Some("mended"),
            (Some(Arrival::Mended), Mode::Audit) => Some("would-mend"),
        };
    }

    pub(super) fn authorized(&mut self, authorized: &Authorized) {
        self.outcome = Outcome::Relayed;
        self.line.decision = "allow";
        if !authorized.denied_keys.is_empty() {
            self.line.reason = Some(authorized.denied_keys.to_string());
            self.denied_keys(&authorized.denied_keys);
        }
        if let Some(denied) = authorized.permit.waived() {
            self.waived(denied);
            return;
        }
        self.write(self.line.encryption);
        let (policy, statement) = authorized.permit.decided_by().unwrap_or(("", ""));
        self.metrics.decision("allow", policy, statement);
        if !policy.is_empty() {
            self.line.policy = Some(policy.to_owned());
            self.line.statement = Some(statement.to_owned());
        }
    }

    fn denied_keys(&mut self, denied: &DeniedKeys) {
        self.line.denied_keys = Some(denied.count());
        let first = denied.denials().next();
        self.line.condition_keys = first.map(|it| it.context().clone()).unwrap_or_default();
        self.line.denied_keys_first =
            denied.keys().take(DENIED_KEYS_SHOWN_MAX).map(str::to_owned).collect();
        denied.denials().for_each(|denied| self.denied(denied));
    }

    fn denied(&self, denied: &Denied) {
        self.metrics.decision(
            denied.effect(),
            denied.document().unwrap_or_default(),
            denied.statement().unwrap_or_default(),
        );
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// An object that is not sealed is handed out where others are.
    pub(super) fn passed(&mut self) {
        self.metrics.sealing().passed();
        self.line.sealed = Some(false);
    }

    /// For an answer that may break when its head has been told of.
    pub(super) fn alarm(&self, status: u16) -> Alarm {
        let line = Line { http_status: status, ..self.line.clone() };
        Alarm { line, metrics: Arc::clone(&self.metrics), audit: self.audit.clone() }
    }

    pub(super) fn rescued(&mut self, error: &Error, code: Code, outcome: Outcome) {
        self.outcome = outcome;
        self.line.error_code = Some(code.as_str().to_owned());
        self.line.reason = Some(error.to_string());
        self.line.decision = match outcome {
            Outcome::Relayed => "allow",
            Outcome::Refused => "refused",
            Outcome::Denied => "deny",
            Outcome::Failed => "failed",
        };
        if let Error::Seal(fault) = error
            && let Some(check) = fault.check()
        {
            self.line.seal_check = Some(check);
            self.metrics.sealing().check_failed(check);
        }
        if let Error::Beyond(beyond) = error {
            self.metrics.auth_failure(beyond.limit());
        }
        if let Error::Denied(denied) = error {
            self.write(Some("refused"));
            self.line.policy = denied.document().map(str::to_owned);
            self.line.statement = denied.statement().map(str::to_owned);
            self.line.condition_keys = denied.context().clone();
            self.denied(denied);
        }
        if let Error::EveryKeyDenied(denied) = error {
            self.denied_keys(denied);
        }
        if outcome == Outcome::Failed {
            tracing::error!(request_id = self.line.request_id, %error, "a request failed");
        }
    }

    /// What audit mode let pass.
    fn waived(&mut self, denied: &Denied) {
        self.write(Some("would-refuse"));
        self.line.decision = "would-deny";
        self.line.policy = denied.document().map(str::to_owned);
        self.line.statement = denied.statement().map(str::to_owned);
        self.line.reason = Some(denied.message());
        self.line.condition_keys = denied.context().clone();
        self.metrics.decision(
            "would-deny",
            denied.document().unwrap_or_default(),
            denied.statement().unwrap_or_default(),
        );
    }

    /// Counts a write that S3 takes encryption headers with.
    fn write(&self, arrived: Option<&'static str>) {
        if let (Some(_), Some(arrived)) = (self.arrival, arrived) {
            let rule = self.line.rule.as_deref().unwrap_or_default();
            let client = client::family(self.line.user_agent.as_deref().unwrap_or_default());
            self.metrics.write(rule, arrived, client);
        }
    }

    /// Writes the audit line and the metrics; the reply has not left yet.
    pub(super) async fn finish(mut self, reply: &mut Response<ReplyBody>) {
        self.conclude(reply.status().as_u16());
        self.audit.write(&self.line).await;
        self.is_told = true;
        reply.body_mut().count(Arc::clone(&self.metrics));
    }

    fn conclude(&mut self, status: u16) {
        let took = self.began.elapsed();
        let operation = self.line.operation.unwrap_or("Unknown");
        self.metrics.request(operation, status, self.outcome, took);
        self.line.http_status = status;
        self.line.total_time_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    }
}

impl Drop for Trace {
    /// A client that leaves takes its request's future with it; the backend may have done by then
    /// what was asked.
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        if self.line.http_status == 0 {
            self.line.reason.get_or_insert_with(|| LEFT.to_owned());
            self.conclude(CLIENT_LEFT);
        }
        self.audit.write_unattended(&self.line);
    }
}

fn timestamp(at: SystemTime) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    OffsetDateTime::from(at).format(format).unwrap_or_default()
}

fn cut(text: &str, bytes_max: usize) -> String {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default().to_owned()
}

/// Told as others tell it; HTTP has no status for it.
const CLIENT_LEFT: u16 = 499;
const LEFT: &str = "the client left, or was cut off, before it was answered";
const USER_AGENT_BYTES_MAX: usize = 256;
/// Of a deletion's denied keys.
const DENIED_KEYS_SHOWN_MAX: usize = 10;
