//! A running gate: everything that the configuration names, bound, wired and ended in order.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::task::JoinHandle;

use crate::{
    admin::{self, Readiness},
    config::{self, Config},
    credential::Wallet,
    keyring::{self, Keyrings},
    net::{Drain, Draining, Listener},
    pipeline::{Pipeline, Settings},
    sigv4::SigningError,
    telemetry::{audit::Audit, metrics::Metrics},
    transform::upload_id::TokenKeys,
    upstream,
};

/// A gate that serves. Dropping it without [`Gate::stop`] cuts off what is under way.
#[derive(Debug)]
pub struct Gate {
    listeners: Vec<Bound>,
    admin: SocketAddr,
    pipeline: Arc<Pipeline>,
    metrics: Arc<Metrics>,
    audit: Audit,
    readiness: Readiness,
    drain: Drain,
    drain_admin: Drain,
    drain_limit: Duration,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Bound {
    configured: SocketAddr,
    address: SocketAddr,
    tls: Option<Arc<ArcSwap<rustls::ServerConfig>>>,
}

/// Why a gate did not start, or did not take a new configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The audit log.
    #[error("cannot open the audit log: {0}")]
    Audit(#[source] std::io::Error),
    /// The metrics.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The way to the backend.
    #[error(transparent)]
    Upstream(#[from] upstream::Error),
    /// The way to a key service.
    #[error(transparent)]
    Keyring(#[from] keyring::Unopened),
    /// A credential that cannot sign.
    #[error(transparent)]
    Credential(#[from] SigningError),
}

impl Gate {
    /// Binds everything first, serves afterwards; returns once requests are taken.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let metrics = Metrics::new()?;
        let audit = Audit::open(&config.audit, metrics.audit_lines()).map_err(Error::Audit)?;
        let settings = settings(&config, None, &metrics)?;
        let (drain, draining) = Drain::new();
        let (drain_admin, draining_admin) = Drain::new();
        let mut bound = Vec::new();
        for listener in &config.listeners {
            bound.push((bind(listener).await?, listener.settings.address));
        }
        let readiness = Readiness::default();
        let (admin, admin_task) =
            admin::start(config.admin, Arc::clone(&metrics), readiness.clone(), draining_admin)
                .await
                .map_err(|source| Error::Listen { address: config.admin, source })?;
        let pipeline = Arc::new(Pipeline::new(settings, Arc::clone(&metrics), audit.clone()));
        let mut tasks = vec![admin_task];
        let mut listeners = Vec::new();
        for ((listener, tls), configured) in bound {
            let address = listener.local_address();
            listeners.push(Bound { configured, address, tls });
            let listener = listener.counted_in(&metrics);
            tasks.push(serve(listener, Arc::clone(&pipeline), draining.clone()));
        }
        let judging = Arc::clone(&pipeline);
        readiness.unless(move || {
            let settings = judging.settings();
            let is_ready = settings.upstream.wallet().is_ready(config::now());
            (!is_ready).then_some("there is no valid upstream credential")
        });
        readiness.unless(unreached_keys(Arc::clone(&pipeline)));
        readiness.ready();
        let drain_limit = config.drain_limit;
        let gate = Self {
            listeners,
            admin,
            pipeline,
            metrics,
            audit,
            readiness,
            drain,
            drain_admin,
            drain_limit,
            tasks,
        };
        gate.publish_certificates(&config);
        Ok(gate)
    }

    /// Where the listeners listen, in the order of the configuration.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|bound| bound.address).collect()
    }

    /// Where the admin listener listens.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin
    }

    /// Takes a new configuration: all of it or, on error, nothing of it.
    ///
    /// Returns what only a restart can change and therefore stays as it was.
    pub fn reload(&self, config: &Config) -> Result<Vec<String>, Error> {
        let current = self.pipeline.settings();
        let settings = settings(config, Some(&current), &self.metrics)?;
        let mut unchanged = Vec::new();
        for (place, bound) in self.listeners.iter().enumerate() {
            let new = config
                .listeners
                .get(place)
                .filter(|new| [bound.configured, bound.address].contains(&new.settings.address));
            match (new.map(|new| &new.tls), &bound.tls) {
                (Some(Some(new)), Some(current)) => current.store(Arc::clone(new)),
                (Some(None), None) => {}
                _ => unchanged.push(format!("listener {}", bound.configured)),
            }
        }
        if config.listeners.len() != self.listeners.len() {
            unchanged.push("the number of listeners".to_owned());
        }
        self.pipeline.reload(settings);
        self.publish_certificates(config);
        Ok(unchanged)
    }

    /// The metrics, for those who reload.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Reopens the audit file after a rotation.
    pub async fn reopen_audit(&self) {
        self.audit.reopen().await;
    }

    /// Stops accepting, lets requests finish within the configured limit, and ends. True if all
    /// requests ended by themselves.
    pub async fn stop(self) -> bool {
        self.readiness.not_ready("draining");
        let clean = self.drain.drain(self.drain_limit).await;
        let _ = self.drain_admin.drain(ADMIN_DRAIN).await;
        for task in self.tasks {
            task.abort();
        }
        self.audit.flush().await;
        clean
    }

    fn publish_certificates(&self, config: &Config) {
        for listener in &config.listeners {
            let expiry = listener.certificates.iter().map(|leaf| leaf.not_after).min();
            if let Some(expiry) = expiry {
                self.metrics.certificate_expiry(&listener.settings.address.to_string(), expiry);
            }
        }
    }
}

type SharedTls = Option<Arc<ArcSwap<rustls::ServerConfig>>>;

async fn bind(listener: &config::Listener) -> Result<(Listener, SharedTls), Error> {
    let tls = listener.tls.as_ref().map(|tls| Arc::new(ArcSwap::new(Arc::clone(tls))));
    let address = listener.settings.address;
    let listener = Listener::bind(&listener.settings, tls.clone())
        .await
        .map_err(|source| Error::Listen { address, source })?;
    Ok((listener, tls))
}

fn serve(listener: Listener, pipeline: Arc<Pipeline>, draining: Draining) -> JoinHandle<()> {
    let service = move |peer, request| {
        let pipeline = Arc::clone(&pipeline);
        async move { pipeline.handle(peer, request).await }
    };
    tokio::spawn(listener.serve(service, draining))
}

/// Doubts that a gate can serve before each key service has answered once. Afterwards none does: what
/// is cached goes on being read, so that a gate whose keys are away still serves better than none.
fn unreached_keys(
    pipeline: Arc<Pipeline>,
) -> impl Fn() -> Option<&'static str> + Send + Sync + 'static {
    let were_reached = AtomicBool::new(false);
    move || {
        let reached = were_reached.load(Ordering::Relaxed)
            || pipeline.settings().keyrings.all().all(|ring| ring.was_reached());
        were_reached.store(reached, Ordering::Relaxed);
        (!reached).then_some("the key service of a keyring has not answered yet")
    }
}

/// What requests are judged by, and sent with; what a predecessor has open goes on.
///
/// # Errors
///
/// A credential, a keyring or a CA that cannot be used.
pub fn settings(
    config: &Config,
    predecessor: Option<&Settings>,
    metrics: &Metrics,
) -> Result<Settings, Error> {
    let gate = &config.gate;
    let wallet = predecessor.map(|settings| settings.upstream.wallet());
    let wallet = Wallet::open(&gate.upstream.credentials, wallet, metrics)?;
    let keyrings = predecessor.map(|settings| &settings.keyrings);
    let keyrings = Keyrings::open(&gate.keyrings, keyrings, metrics)?;
    keyrings.reach();
    Ok(Settings {
        verify: crate::sigv4::Settings {
            region: gate.region.clone(),
            accept_sigv2: gate.accept_sigv2,
            domains: gate.domains.clone(),
        },
        domains: gate.domains.clone(),
        mode: gate.mode.clone(),
        credentials: gate.credentials.clone(),
        keyrings,
        rules: gate.rules.clone(),
        policies: gate.policies.clone(),
        explain_refusals: gate.explain_refusals,
        upstream: upstream::Client::new(&gate.upstream, wallet)?,
        token_keys: TokenKeys::derive(&gate.token_secrets),
        client_idle_timeout: gate.client_idle_timeout,
    })
}

/// Scrapes are short.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);
