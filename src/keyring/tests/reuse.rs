//! How often the service is asked, and how long what it gave is kept.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::{advance, sleep};

use super::{AWAY, Act, Scripted, replica, ring, ring_with, wrapped};
use crate::{
    keyring::{Error, Limits},
    seal::BOX_BYTES_MAX,
};

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
    let mut used = HashMap::new();
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
