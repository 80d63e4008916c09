//! Rotation on a clock that stands still, before a source that can be down.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use http::Request;
use tokio::time::sleep;

use super::Rotation;
use crate::{sigv4::Signer, telemetry::metrics::Metrics};

const HOUR: Duration = Duration::from_hours(1);

/// Gives keys `AKID1`, `AKID2` …, each good for an hour, while it is up.
#[derive(Clone, Debug, Default)]
struct Source {
    asked: Arc<AtomicUsize>,
    is_down: Arc<Mutex<bool>>,
}

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        future::ProvideCredentials::ready(if *self.is_down.lock().unwrap() {
            Err(CredentialsError::provider_error("down"))
        } else {
            let expiry = Some(now() + HOUR);
            Ok(Credentials::new(format!("AKID{number}"), "secret", None, expiry, "test"))
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock by which sources date their credentials")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn rotation(source: &Source) -> (Rotation, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    (Rotation::start(source.clone(), metrics.upstream_credential("default")), metrics)
}

fn key_id(signer: &Signer) -> String {
    let (mut head, ()) = Request::get("http://backend/").body(()).unwrap().into_parts();
    signer.sign(&mut head, "us-east-1", SystemTime::UNIX_EPOCH).unwrap();
    let authorization = head.headers["authorization"].to_str().unwrap();
    let (_, credential) = authorization.split_once("Credential=").unwrap();
    credential.split_once('/').unwrap().0.to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_successor_is_there_before_the_end() {
    let source = Source::default();
    let (rotation, _) = rotation(&source);
    let now = now();
    assert_eq!(key_id(&rotation.signer(now).await.unwrap()), "AKID1");
    sleep(HOUR.mul_f64(0.59)).await;
    assert_eq!(key_id(&rotation.current(now).unwrap()), "AKID1");
    sleep(HOUR.mul_f64(0.22)).await;
    assert_eq!(key_id(&rotation.current(now).unwrap()), "AKID2");
}

#[tokio::test(start_paused = true)]
async fn while_the_source_is_down_the_old_one_is_good_to_its_end() {
    let source = Source::default();
    let (rotation, metrics) = rotation(&source);
    let now = now();
    rotation.signer(now).await.unwrap();
    *source.is_down.lock().unwrap() = true;
    sleep(HOUR).await;
    assert_eq!(key_id(&rotation.current(now + HOUR / 2).unwrap()), "AKID1");
    assert!(rotation.current(now + 2 * HOUR).is_none());
    let failure = r#"renewals_total{credential="default",result="failure"}"#;
    assert!(metrics.render().contains(failure), "{}", metrics.render());
    *source.is_down.lock().unwrap() = false;
    sleep(super::RETRY_MAX).await;
    assert_ne!(key_id(&rotation.current(now).unwrap()), "AKID1");
}

#[tokio::test(start_paused = true)]
async fn the_source_is_asked_once_for_all_who_wait() {
    let source = Source::default();
    let (rotation, _) = rotation(&source);
    let now = now();
    let (a, b) = tokio::join!(rotation.signer(now), rotation.signer(now));
    assert_eq!((key_id(&a.unwrap()), key_id(&b.unwrap())), ("AKID1".into(), "AKID1".into()));
    assert_eq!(source.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_source_that_has_failed() {
    let source = Source::default();
    *source.is_down.lock().unwrap() = true;
    let (rotation, _) = rotation(&source);
    let now = now();
    assert!(rotation.signer(now).await.is_none());
    let began = tokio::time::Instant::now();
    assert!(rotation.signer(now).await.is_none());
    assert_eq!(began.elapsed(), Duration::ZERO);
}
