//! A credential that is renewed before it expires. Invariant: an expired credential signs nothing, and
//! at most one question to the source is under way.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwapOption;
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    pause::share,
    secret::Secret,
    sigv4::{AccessKey, Signer},
    telemetry::metrics::UpstreamCredential,
};

/// A credential and the task that renews it, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Rotation {
    shared: Arc<Shared>,
    /// Whether the source has been asked once, with whatever result.
    was_asked: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    valid: ArcSwapOption<Valid>,
}

/// A credential until it expires.
#[derive(Debug)]
struct Valid {
    signer: Signer,
    expires_at: Option<SystemTime>,
}

// === impl Rotation ===

impl Rotation {
    /// Asks for the first credential at once.
    pub(super) fn start(
        source: impl ProvideCredentials + 'static,
        metrics: UpstreamCredential,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let (asked, was_asked) = watch::channel(false);
        let renewal = Renewal { source, shared: Arc::clone(&shared), metrics, asked };
        Self { shared, was_asked, task: tokio::spawn(renewal.run()) }
    }

    /// The credential, if it is valid.
    pub(super) fn current(&self, now: SystemTime) -> Option<Signer> {
        let valid = self.shared.valid.load();
        let valid = valid.as_ref().filter(|valid| valid.expires_at.is_none_or(|at| now < at))?;
        Some(valid.signer.clone())
    }

    /// As [`Self::current`], but waits for the first answer of the source.
    pub(super) async fn signer(&self, now: SystemTime) -> Option<Signer> {
        if let Some(signer) = self.current(now) {
            return Some(signer);
        }
        let _ = timeout(FIRST_WAIT, self.was_asked.clone().wait_for(|asked| *asked)).await;
        self.current(now)
    }
}

impl Drop for Rotation {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The renewing task.
struct Renewal<P> {
    source: P,
    shared: Arc<Shared>,
    metrics: UpstreamCredential,
    asked: watch::Sender<bool>,
}

impl<P: ProvideCredentials> Renewal<P> {
    async fn run(self) {
        let mut failures = 0;
        loop {
            let pause = match self.renew().await {
                Ok(remaining) => {
                    failures = 0;
                    remaining.map_or(REREAD, |remaining| share(remaining, RENEWAL_SHARE))
                }
                Err(error) => {
                    let name = self.metrics.name();
                    tracing::warn!(credential = name, %error, "no new credential");
                    failures += 1;
                    share(RETRY_MAX.min(RETRY_MIN * (1 << failures.min(10_u32))), RETRY_SHARE)
                }
            };
            self.metrics.renewed(failures == 0);
            self.asked.send_replace(true);
            sleep(pause.max(PAUSE_MIN)).await;
        }
    }

    /// Takes a new credential into use, and tells for how long it will be good.
    #[expect(
        clippy::disallowed_methods,
        reason = "what a source gives expires at a time of day, and no request is at hand"
    )]
    async fn renew(&self) -> Result<Option<Duration>, String> {
        let answer = timeout(ANSWER_WAIT, self.source.provide_credentials()).await;
        let credentials = answer
            .map_err(|_| format!("the source did not answer in {} s", ANSWER_WAIT.as_secs()))?
            .map_err(|error| explained(&error))?;
        let expires_at = credentials.expiry();
        let remaining = expires_at
            .map(|at| at.duration_since(SystemTime::now()))
            .transpose()
            .map_err(|_| "the source gave one that has expired".to_owned())?;
        let signer = Signer::new(access_key(&credentials)).map_err(|error| error.to_string())?;
        self.shared.valid.store(Some(Arc::new(Valid { signer, expires_at })));
        self.metrics.expires_at(expires_at);
        Ok(remaining)
    }
}

fn access_key(credentials: &Credentials) -> AccessKey {
    AccessKey {
        id: credentials.access_key_id().to_owned(),
        secret: Secret::new(credentials.secret_access_key()),
        session_token: credentials.session_token().map(Secret::new),
    }
}

/// An error with its causes: the outermost says little.
fn explained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Of the time that a credential has left, how much passes before its successor is asked for: some
/// sources give the same one again until shortly before its end.
const RENEWAL_SHARE: (f64, f64) = (0.6, 0.8);
/// How often a source is asked that gives credentials without an end: a file may have been rewritten.
const REREAD: Duration = Duration::from_mins(1);
/// After a failure, doubled with every other.
const RETRY_MIN: Duration = Duration::from_millis(500);
/// See [`RETRY_MIN`].
const RETRY_MAX: Duration = Duration::from_mins(1);
/// See [`RETRY_MIN`].
const RETRY_SHARE: (f64, f64) = (0.5, 1.0);
/// A source that gives what expires at once is not asked in a tight loop.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// A source that does not answer counts as failed.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// What a request waits for the first answer of a source.
const FIRST_WAIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
