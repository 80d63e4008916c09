//! A keyring before a service that does as it is told, on a clock that stands still: how often it is
//! asked, how long anybody waits, and what is kept.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, advance, sleep};

use super::{
    Error, Keyring, Kind, Limits, Local, Settings, Unfit,
    error::Fault,
    service::{Asked, Service, Wrapped},
};
use crate::{
    seal::{BOX_BYTES_MAX, BucketKey, Kek, WrappedBucketKey},
    telemetry::metrics::Metrics,
};

/// Wraps with a key of its own. What is asked takes the next of the script, or succeeds at once.
#[derive(Clone)]
struct Scripted(Arc<Inner>);

struct Inner {
    kek: Kek,
    script: Mutex<VecDeque<Act>>,
    /// After the script.
    otherwise: Mutex<Option<Act>>,
    asked: AtomicUsize,
    /// Whether it binds what it wraps.
    binds: bool,
    /// More bytes in what it wraps.
    more: usize,
}

#[derive(Clone)]
enum Act {
    Fail(Fault),
    Wait(Duration),
}

const AWAY: fn() -> Act = || Act::Fail(Fault::Transient("away".to_owned()));

impl Scripted {
    fn new(script: impl IntoIterator<Item = Act>) -> Self {
        Self::with(script, true, 0)
    }

    fn with(script: impl IntoIterator<Item = Act>, binds: bool, more: usize) -> Self {
        Self(Arc::new(Inner {
            kek: Kek::generate().unwrap(),
            script: Mutex::new(script.into_iter().collect()),
            otherwise: Mutex::default(),
            asked: AtomicUsize::new(0),
            binds,
            more,
        }))
    }

    fn acts(&self, act: Option<Act>) {
        *self.0.otherwise.lock().unwrap() = act;
    }

    /// How often it was asked since this was asked last.
    fn asked(&self) -> usize {
        self.0.asked.swap(0, Ordering::Relaxed)
    }

    async fn act(&self) -> Result<(), Fault> {
        self.0.asked.fetch_add(1, Ordering::Relaxed);
        let next = self.0.script.lock().unwrap().pop_front();
        let next = next.or_else(|| self.0.otherwise.lock().unwrap().clone());
        match next {
            Some(Act::Fail(fault)) => Err(fault),
            Some(Act::Wait(time)) => {
                sleep(time).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn bound(&self, bucket: &str) -> String {
        if self.0.binds { bucket.to_owned() } else { String::new() }
    }
}

impl Service for Scripted {
    fn wrap<'a>(&'a self, place: usize, bucket: &'a str) -> Asked<'a, Wrapped> {
        Box::pin(async move {
            self.act().await?;
            let key = BucketKey::generate()?;
            let mut bytes = self.0.kek.wrap(&self.bound(bucket), &key)?;
            bytes.resize(bytes.len() + self.0.more, 0);
            Ok(Wrapped { key, version: place.to_string(), bytes })
        })
    }

    fn unwrap<'a>(
        &'a self,
        bucket: &'a str,
        _version: &'a str,
        wrapped: &'a [u8],
    ) -> Asked<'a, BucketKey> {
        Box::pin(async move {
            self.act().await?;
            self.0.kek.unwrap(&self.bound(bucket), wrapped).map_err(|_| Fault::Broken)
        })
    }

    fn asked(&self, _place: usize) -> &'static str {
        "the key"
    }

    fn place(&self, key_id: &str) -> Option<usize> {
        key_id.parse().ok()
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted(..)")
    }
}

/// A keyring whose readiness has been found out.
async fn ring_with(service: &Scripted, limits: Limits) -> (Arc<Keyring>, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    let kek = || Kek::generate().unwrap();
    let kind = Kind::Local(Local::new(("1".to_owned(), kek()), Vec::new()));
    let settings = Settings { name: "ring".to_owned(), kind, limits };
    let ring = Keyring::remote(settings, Box::new(service.clone()), &metrics.keyring("ring"));
    ring.reach();
    while service.asked() == 0 {
        tokio::task::yield_now().await;
    }
    (Arc::new(ring), metrics)
}

async fn ring(service: &Scripted) -> Arc<Keyring> {
    ring_with(service, Limits::default()).await.0
}

async fn wrapped(ring: &Keyring, bucket: &str) -> WrappedBucketKey {
    ring.current(bucket, None).await.unwrap().wrapped.clone()
}

/// Another keyring before the same service, as another replica has it.
async fn replica(service: &Scripted) -> Arc<Keyring> {
    ring(service).await
}

#[tokio::test(start_paused = true)]
async fn a_bucket_key_is_used_again_for_its_time() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    let first = wrapped(&ring, "b").await;
    for _ in 0..100 {
        assert_eq!(wrapped(&ring, "b").await, first);
    }
    assert_eq!(service.asked(), 1);
    assert_ne!(wrapped(&ring, "c").await, first, "each bucket has its own");
    advance(Limits::default().bucket_key_lifetime).await;
    assert_ne!(wrapped(&ring, "b").await, first);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_key_wraps_so_many_objects() {
    let service = Scripted::new([]);
    let limits = Limits { bucket_key_objects_max: 3, ..Limits::default() };
    let (ring, _) = ring_with(&service, limits).await;
    let mut keys = Vec::new();
    for _ in 0..7 {
        keys.push(wrapped(&ring, "b").await);
    }
    keys.dedup();
    assert_eq!((keys.len(), service.asked()), (3, 3));
    // Also where many come at once.
    let at_once = (0..10).map(|_| {
        let ring = Arc::clone(&ring);
        tokio::spawn(async move { wrapped(&ring, "c").await })
    });
    let mut used = std::collections::HashMap::new();
    for one in at_once.collect::<Vec<_>>() {
        *used.entry(one.await.unwrap()).or_insert(0) += 1;
    }
    assert!(used.values().all(|times| *times <= 3), "{used:?}");
}

#[tokio::test(start_paused = true)]
async fn each_key_that_clients_ask_for_has_its_own() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    let first = ring.current("b", None).await.unwrap();
    let second = ring.current("b", Some("1")).await.unwrap();
    assert_eq!((first.wrapped.version.as_str(), second.wrapped.version.as_str()), ("0", "1"));
    let unknown = ring.current("b", Some("x")).await.unwrap_err();
    assert!(matches!(unknown, Error::UnknownKey { ref version, .. } if version == "x"));
}

#[tokio::test(start_paused = true)]
async fn a_fresh_key_is_nobody_elses() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    let first = wrapped(&ring, "b").await;
    let fresh = ring.fresh("b", None).await.unwrap();
    assert_ne!(fresh.wrapped, first);
    assert_eq!(wrapped(&ring, "b").await, first);
}

#[tokio::test(start_paused = true)]
async fn all_who_want_a_key_at_once_ask_once() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    service.acts(Some(Act::Wait(Duration::from_secs(1))));
    let wrapping: Vec<_> = (0..200)
        .map(|_| {
            let ring = Arc::clone(&ring);
            tokio::spawn(async move { wrapped(&ring, "b").await })
        })
        .collect();
    let mut keys = Vec::new();
    for one in wrapping {
        keys.push(one.await.unwrap());
    }
    keys.dedup();
    assert_eq!((keys.len(), service.asked()), (1, 1));
    let replica = replica(&service).await;
    service.asked();
    let unwrapping: Vec<_> = (0..200)
        .map(|_| {
            let (replica, key) = (Arc::clone(&replica), keys[0].clone());
            tokio::spawn(async move { replica.unwrap("b", &key).await.map(drop) })
        })
        .collect();
    for one in unwrapping {
        one.await.unwrap().unwrap();
    }
    assert_eq!(service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unwrapped_key_is_kept_for_its_time() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    let key = wrapped(&ring, "b").await;
    service.asked();
    ring.unwrap("b", &key).await.unwrap();
    assert_eq!(service.asked(), 0, "what it wrapped itself it can open");
    let replica = replica(&service).await;
    replica.unwrap("b", &key).await.unwrap();
    replica.unwrap("b", &key).await.unwrap();
    assert_eq!(service.asked(), 1);
    advance(Limits::default().unwrapped_lifetime).await;
    replica.unwrap("b", &key).await.unwrap();
    assert_eq!(service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_open_is_asked_once() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    let key = wrapped(&ring, "b").await;
    service.asked();
    for _ in 0..5 {
        let error = ring.unwrap("other", &key).await.unwrap_err();
        assert!(matches!(error, Error::Broken(_)), "{error}");
    }
    assert_eq!(service.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_asked_anew_each_time() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    service.acts(Some(Act::Fail(Fault::Refused("no".to_owned()))));
    for _ in 0..5 {
        let error = ring.current("b", None).await.unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{error}");
    }
    assert_eq!(service.asked(), 5, "and each time once");
    service.acts(None);
    ring.current("b", None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_tried_again() {
    let service = Scripted::new([]);
    let (ring, metrics) = ring_with(&service, Limits::default()).await;
    service.0.script.lock().unwrap().extend([AWAY(), AWAY()]);
    ring.current("b", None).await.unwrap();
    assert_eq!(service.asked(), 3);
    let told = metrics.render();
    for line in [
        r#"portcullis_keyring_requests_total{keyring="ring",operation="wrap",outcome="unavailable"} 2"#,
        r#"portcullis_keyring_requests_total{keyring="ring",operation="wrap",outcome="success"} 2"#,
        r#"portcullis_keyring_cache_misses_total{keyring="ring",operation="wrap"} 1"#,
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_service_is_waited_for_so_long() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    service.acts(Some(Act::Wait(Duration::from_hours(1))));
    let began = Instant::now();
    let error = ring.current("b", None).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    let waited = began.elapsed();
    assert!(waited <= Limits::default().wait && waited > Limits::default().wait / 2, "{waited:?}");
    assert!((2..=3).contains(&service.asked()));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_away_keeps_nobody_waiting_for_long() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    let key = wrapped(&ring, "b").await;
    service.acts(Some(Act::Wait(Duration::from_hours(1))));
    for _ in 0..5 {
        ring.current("c", None).await.unwrap_err();
    }
    service.asked();
    let began = Instant::now();
    for _ in 0..100 {
        let error = ring.current("c", None).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        ring.unwrap("b", &key).await.unwrap();
        assert_eq!(wrapped(&ring, "b").await, key, "what is at hand goes on being used");
    }
    assert_eq!((service.asked(), began.elapsed()), (0, Duration::ZERO));
    // Soon after it is back, it is found to be back.
    service.acts(None);
    advance(Duration::from_secs(3)).await;
    ring.current("c", None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_can_make_the_call_of_others_fail_by_going_away() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    service.acts(Some(Act::Wait(Duration::from_secs(1))));
    let first = tokio::spawn({
        let ring = Arc::clone(&ring);
        async move { ring.current("b", None).await.map(drop) }
    });
    while service.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let second = tokio::spawn({
        let ring = Arc::clone(&ring);
        async move { ring.current("b", None).await.map(drop) }
    });
    tokio::task::yield_now().await;
    first.abort();
    second.await.unwrap().unwrap();
    assert_eq!(service.asked(), 0, "the first one's call was enough");
}

#[tokio::test(start_paused = true)]
async fn a_successor_is_made_before_the_end() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    let first = wrapped(&ring, "b").await;
    service.acts(Some(AWAY()));
    advance(Limits::default().bucket_key_lifetime.mul_f64(0.85)).await;
    assert_eq!(wrapped(&ring, "b").await, first, "nobody waits for it");
    let mut asked = 0;
    while asked < 3 {
        sleep(Duration::from_millis(10)).await;
        asked += service.asked();
    }
    assert_eq!(wrapped(&ring, "b").await, first, "nor is harmed where there is none yet");
    service.acts(None);
    while wrapped(&ring, "b").await == first {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_do_not_stay_in_memory_after_their_time() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    let current = Arc::downgrade(&ring.current("b", None).await.unwrap());
    let unwrapped = Arc::downgrade(&ring.unwrap("b", &wrapped(&ring, "b").await).await.unwrap());
    assert!(current.strong_count() == 1 && unwrapped.strong_count() == 1);
    sleep(Limits::default().bucket_key_lifetime + Duration::from_secs(20)).await;
    assert!(current.strong_count() == 0 && unwrapped.strong_count() == 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_keyring_leaves_no_task_behind() {
    let service = Scripted::new([]);
    let ring = ring(&service).await;
    let current = Arc::downgrade(&ring.current("b", None).await.unwrap());
    drop(ring);
    tokio::task::yield_now().await;
    assert_eq!(current.strong_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_never_fits_is_refused() {
    // Ring, version and what wraps them take 4 + 1 + 6, and the data key with a customer's 64.
    let room = BOX_BYTES_MAX - 4 - 1 - 6 - 64 - 60;
    let ring_of = |more| async move { ring(&Scripted::with([], true, more)).await };
    ring_of(room).await.current("b", None).await.unwrap();
    let error = ring_of(room + 1).await.current("b", None).await.unwrap_err();
    let Error::TooLong { bytes, .. } = error else { panic!("{error}") };
    assert_eq!(bytes, 60 + room + 1);
}

#[tokio::test(start_paused = true)]
async fn readiness_is_to_have_been_reached_once() {
    let service = Scripted::new([AWAY(), AWAY(), AWAY(), AWAY()]);
    let ring = ring(&service).await;
    assert!(!ring.was_reached());
    while !ring.was_reached() {
        sleep(Duration::from_millis(100)).await;
    }
    service.acts(Some(AWAY()));
    ring.current("b", None).await.unwrap_err();
    assert!(ring.was_reached(), "to be away later does not count");
    let refusing = Scripted::new([Act::Fail(Fault::Refused("no".to_owned()))]);
    let ring = self::ring(&refusing).await;
    tokio::task::yield_now().await;
    assert!(ring.was_reached(), "who refuses has been reached");
}

#[tokio::test(start_paused = true)]
async fn a_probe_finds_out_what_is_unfit() {
    let sound = Scripted::new([]);
    ring(&sound).await.probe().await.unwrap();
    let unbound = ring(&Scripted::with([], false, 0)).await;
    let unfit = unbound.probe().await.unwrap_err();
    assert!(matches!(unfit, Unfit::Unbound { .. }), "{unfit}");
    let away = Scripted::new([]);
    let ring = ring(&away).await;
    away.acts(Some(AWAY()));
    let unfit = ring.probe().await.unwrap_err();
    assert!(matches!(unfit, Unfit::Failed(Error::Unavailable { .. })), "{unfit}");
}
