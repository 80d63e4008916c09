//! A service that refuses, is slow or away, or cannot do what a keyring needs.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, advance, sleep};

use super::{AWAY, Act, Scripted, ring, ring_with, wrapped};
use crate::keyring::{Error, Limits, Unfit, error::Fault};

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
