//! The token that Vault is asked with. Invariant: one task logs in and renews, however many calls want
//! a token; where there is none, they are told why.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde::Serialize;
use tokio::{
    io::AsyncReadExt as _,
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use zeroize::Zeroizing;

use super::{
    super::error::Fault,
    Api, Login,
    answer::{Grant, Granted, LookedUp},
};
use crate::{pause::share, secret::Secret, telemetry::metrics::KeyringMetrics};

/// A session with Vault, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Session {
    state: watch::Receiver<State>,
    /// Wakes the task before its time.
    wanted: Arc<Notify>,
    can_log_in: bool,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug)]
enum State {
    Asking,
    Held(Arc<Token>),
    Failed(Fault),
}

/// A token in use.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) value: Secret,
    taken: Instant,
    /// What it was good for.
    served: [AtomicBool; 2],
}

/// What a token is used for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    Encrypt,
    Decrypt,
}

impl Token {
    /// It was good for this.
    pub(super) fn has_served(&self, used: Use) {
        self.served(used).store(true, Ordering::Relaxed);
    }

    /// Whether a refusal may be due to its end, rather than to what its policies never let it do.
    fn may_have_ended(&self, used: Use) -> bool {
        self.served(used).load(Ordering::Relaxed) || self.taken.elapsed() > DOUBTFUL_AGE
    }

    fn served(&self, used: Use) -> &AtomicBool {
        let [encrypt, decrypt] = &self.served;
        match used {
            Use::Encrypt => encrypt,
            Use::Decrypt => decrypt,
        }
    }
}

impl Session {
    /// Logs in at once.
    pub(super) fn start(api: Api, login: Login, metrics: KeyringMetrics) -> Self {
        let (sender, state) = watch::channel(State::Asking);
        let wanted = Arc::new(Notify::new());
        let can_log_in = !matches!(login, Login::Token(_));
        let keeper = Keeper { api, login, metrics, state: sender, wanted: Arc::clone(&wanted) };
        Self { state, wanted, can_log_in, task: tokio::spawn(keeper.run()) }
    }

    /// The token in use. Waits only for the first; callers limit the time.
    pub(super) async fn token(&self) -> Result<Arc<Token>, Fault> {
        held(self.state.clone(), |_| true).await
    }

    /// Another token than one that was refused; `None`: there is none to be had, or that one is not to
    /// blame.
    pub(super) async fn successor(
        &self,
        refused: &Arc<Token>,
        used: Use,
    ) -> Result<Option<Arc<Token>>, Fault> {
        if !self.can_log_in || !refused.may_have_ended(used) {
            return Ok(None);
        }
        self.wanted.notify_one();
        held(self.state.clone(), |token| !Arc::ptr_eq(token, refused)).await.map(Some)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn held(
    mut state: watch::Receiver<State>,
    will_do: impl Fn(&Arc<Token>) -> bool,
) -> Result<Arc<Token>, Fault> {
    let is_decided = |state: &State| match state {
        State::Asking => false,
        State::Held(token) => will_do(token),
        State::Failed(_) => true,
    };
    match state.wait_for(is_decided).await.as_deref() {
        Ok(State::Held(token)) => Ok(Arc::clone(token)),
        Ok(State::Failed(fault)) => Err(fault.clone()),
        Ok(State::Asking) | Err(_) => Err(Fault::Transient("nobody is logged in".to_owned())),
    }
}

/// The task that holds the session.
struct Keeper {
    api: Api,
    login: Login,
    metrics: KeyringMetrics,
    state: watch::Sender<State>,
    wanted: Arc<Notify>,
}

/// For how long a token is good.
struct Lease {
    /// `None`: without end.
    lifetime: Option<Duration>,
    is_renewable: bool,
}

impl Keeper {
    async fn run(self) {
        let mut failures = 0;
        loop {
            let pause = match self.log_in().await {
                Ok((token, lease)) => {
                    failures = 0;
                    self.take(token.clone());
                    self.keep(&token, lease).await;
                    PAUSE
                }
                Err(fault) => {
                    let keyring = self.metrics.name();
                    tracing::warn!(keyring, ?fault, "no token of the key service");
                    failures += 1;
                    self.state.send_replace(State::Failed(fault));
                    PAUSE_MAX.min(PAUSE * (1 << failures.min(10_u32)))
                }
            };
            sleep(share(pause, PAUSE_SHARE)).await;
        }
    }

    fn take(&self, value: Secret) {
        let token = Token { value, taken: Instant::now(), served: Default::default() };
        self.state.send_replace(State::Held(Arc::new(token)));
    }

    /// Returns when it is time to log in again.
    async fn keep(&self, token: &Secret, mut lease: Lease) {
        loop {
            let Some(lifetime) = lease.lifetime else { return self.wanted.notified().await };
            tokio::select! {
                () = sleep(share(lifetime, RENEWAL_SHARE)) => {}
                () = self.wanted.notified() => return,
            }
            if !lease.is_renewable {
                return;
            }
            match self.renew(token).await {
                // It nears the end of what it may live in all.
                Ok(renewed) if renewed.lifetime.is_some_and(|new| new < lifetime / 2) => return,
                Ok(renewed) => lease = Lease { lifetime: Some(lifetime), ..renewed },
                Err(fault) => {
                    let keyring = self.metrics.name();
                    tracing::warn!(keyring, ?fault, "the token is not renewed");
                    return;
                }
            }
        }
    }

    async fn log_in(&self) -> Result<(Secret, Lease), Fault> {
        match &self.login {
            Login::Token(token) => {
                let lease = self.told("login", self.look_up(token)).await;
                match lease {
                    Ok(lease) => Ok((token.clone(), lease)),
                    // It may be good for keys and not for questions about itself.
                    Err(Fault::Refused(_)) => {
                        Ok((token.clone(), Lease { lifetime: None, is_renewable: false }))
                    }
                    Err(fault) => Err(fault),
                }
            }
            Login::AppRole { mount, role_id, secret_id } => {
                let secret_id = text(secret_id)?;
                let asked = AppRoleLogin { role_id, secret_id: &secret_id };
                self.told("login", self.grant(&login_path(mount), None, &asked)).await
            }
            Login::Kubernetes { mount, role, token_file } => {
                let jwt = read_token(token_file).await?;
                let asked = KubernetesLogin { role, jwt: jwt.trim() };
                self.told("login", self.grant(&login_path(mount), None, &asked)).await
            }
        }
    }

    async fn look_up(&self, token: &Secret) -> Result<Lease, Fault> {
        let found: LookedUp = self.api.look(LOOKUP, token).await?;
        Ok(Lease { lifetime: seconds(found.data.ttl), is_renewable: found.data.renewable })
    }

    async fn renew(&self, token: &Secret) -> Result<Lease, Fault> {
        let renewed = self.told("renew", self.grant(RENEW, Some(token), &Nothing {})).await;
        renewed.map(|(_, lease)| lease)
    }

    async fn grant(
        &self,
        path: &str,
        token: Option<&Secret>,
        asked: &impl Serialize,
    ) -> Result<(Secret, Lease), Fault> {
        let granted: Granted = self.api.ask(path, token, asked).await?;
        let Grant { client_token, lease_duration, renewable } = granted.auth;
        let lease = Lease { lifetime: seconds(lease_duration), is_renewable: renewable };
        Ok((client_token, lease))
    }

    /// In time, and counted.
    async fn told<T>(
        &self,
        operation: &'static str,
        asked: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let began = Instant::now();
        let silent = |_| Err(Fault::Transient(format!("it was silent for {ANSWER_WAIT:?}")));
        let answer = timeout(ANSWER_WAIT, asked).await.unwrap_or_else(silent);
        let outcome = answer.as_ref().err().map_or("success", Fault::outcome);
        self.metrics.asked(operation, outcome, began.elapsed());
        answer
    }
}

fn login_path(mount: &str) -> String {
    format!("/v1/auth/{mount}/login")
}

fn seconds(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.min(LIFETIME_SECONDS_MAX)))
}

fn text(secret: &Secret) -> Result<Zeroizing<String>, Fault> {
    let text = std::str::from_utf8(secret.expose());
    let text = text.map_err(|_| Fault::Refused("the secret is not UTF-8 text".to_owned()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Kubernetes replaces the file before its token expires.
async fn read_token(path: &Path) -> Result<Zeroizing<String>, Fault> {
    let unread = |reason: String| Fault::Transient(format!("{}: {reason}", path.display()));
    let file = tokio::fs::File::open(path).await.map_err(|error| unread(error.to_string()))?;
    let mut token = Zeroizing::new(String::with_capacity(TOKEN_BYTES_USUAL));
    let read = file.take(TOKEN_BYTES_MAX + 1).read_to_string(&mut token).await;
    read.map_err(|error| unread(error.to_string()))?;
    if token.len() as u64 > TOKEN_BYTES_MAX {
        return Err(unread(format!("is larger than {TOKEN_BYTES_MAX} bytes")));
    }
    Ok(token)
}

#[derive(Serialize)]
struct AppRoleLogin<'a> {
    role_id: &'a str,
    secret_id: &'a str,
}

#[derive(Serialize)]
struct KubernetesLogin<'a> {
    role: &'a str,
    jwt: &'a str,
}

#[derive(Serialize)]
struct Nothing {}

const LOOKUP: &str = "/v1/auth/token/lookup-self";
const RENEW: &str = "/v1/auth/token/renew-self";
/// A question about tokens that is not answered counts as failed.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Of a token's life, what passes before it is renewed.
const RENEWAL_SHARE: (f64, f64) = (0.5, 0.7);
/// After a failure, doubled with every other; and between two logins at least.
const PAUSE: Duration = Duration::from_millis(500);
/// See [`PAUSE`].
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// See [`PAUSE`].
const PAUSE_SHARE: (f64, f64) = (0.5, 1.0);
/// A token that was never good for something may have ended since, when it is older than this.
const DOUBTFUL_AGE: Duration = Duration::from_mins(1);
/// Longer leases are as good as endless ones.
const LIFETIME_SECONDS_MAX: u64 = 365 * 24 * 60 * 60;
const TOKEN_BYTES_MAX: u64 = 64 * 1024;
const TOKEN_BYTES_USUAL: usize = 8 * 1024;
