//! Keys of the clients' (SSE-C), on either side of a copy.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{BOX, DIRECTIVE, Ground, SOURCE, SSE, copy};
use crate::support::Request;

#[tokio::test]
async fn keys_of_the_clients_are_needed_on_each_side() {
    let mut ground = Ground::new().await;
    let tls = ground.gate.tls();
    let with = |request: Request, prefix: &str, (key, md5): (&str, &str)| {
        request
            .header(&format!("{prefix}-customer-algorithm"), "AES256")
            .header(&format!("{prefix}-customer-key"), key)
            .header(&format!("{prefix}-customer-key-md5"), md5)
    };
    let reading = "x-amz-copy-source-server-side-encryption";
    tls.send(&with(Request::put("/sealed/source", "secret"), SSE, MINE)).await.is_ok();
    tls.send(&Request::put("/sealed/keyless", "secret")).await.is_ok();
    for to in ["other/copy", "sealed/source", "open/copy"] {
        let request = || copy("sealed/source", to).header(DIRECTIVE, "REPLACE");
        for (request, status, code) in [
            (request(), 400, "InvalidRequest"),
            (with(request(), reading, OTHERS), 403, "AccessDenied"),
            (with(copy("sealed/keyless", to), reading, MINE), 400, "InvalidRequest"),
        ] {
            tls.send(&request).await.is_refused_with(status, code);
        }
    }
    // Keys that come in the clear are no keys.
    let request = with(copy("sealed/source", "other/copy"), reading, MINE);
    ground.copy(request).await.0.is_refused_with(400, "InvalidRequest");
    ground.upstream.taken();
    let answer = tls.send(&with(copy("sealed/source", "open/copy"), reading, MINE)).await;
    assert_eq!(answer.is_ok().header(&format!("{SSE}-customer-key-md5")), None);
    ground.reads("open/copy", b"secret").await;
    // For another key, none, and its own again.
    for (from, to, key, next) in [
        ("sealed/source", "sealed/source", Some(MINE), Some(OTHERS)),
        ("sealed/source", "sealed/source", Some(OTHERS), Some(MINE)),
        ("sealed/source", "other/copy", Some(MINE), Some(OTHERS)),
        ("other/copy", "other/copy", Some(OTHERS), None),
        ("other/copy", "sealed/copy", None, Some(MINE)),
        ("open/copy", "sealed/copy", None, Some(OTHERS)),
    ] {
        let mut request = copy(from, to).header(DIRECTIVE, "REPLACE");
        request = key.map_or(request.clone(), |key| with(request, reading, key));
        request = next.map_or(request.clone(), |key| with(request, SSE, key));
        let answer = tls.send(&request).await;
        let confirmed = answer.is_ok().header(&format!("{SSE}-customer-key-md5"));
        assert_eq!(confirmed, next.map(|(_, md5)| md5), "{from} {to}");
        for seen in ground.upstream.taken() {
            let is_key = |value: &str| [MINE, OTHERS].iter().any(|(key, _)| *key == value);
            assert!(seen.headers.iter().all(|(_, value)| !is_key(value)), "it never leaves");
        }
        let read = Request::get(&format!("/{to}"));
        let read = next.map_or(read.clone(), |key| with(read, SSE, key));
        assert_eq!(tls.send(&read).await.is_ok().text(), "secret");
        ground.upstream.taken();
    }
}

/// The format asks for another bucket key where one data key is wrapped again for the same name under
/// another customer's key.
#[tokio::test]
async fn a_data_key_is_never_wrapped_twice_by_one_bucket_key() {
    let mut ground = Ground::new().await;
    let tls = ground.gate.tls();
    let mut boxes = BTreeSet::new();
    tls.send(&Request::put("/sealed/key", "secret")).await.is_ok();
    let mut last: Option<(&str, &str)> = None;
    for (key, md5) in [MINE, OTHERS, MINE] {
        let mut request = copy("sealed/key", "sealed/key").header(DIRECTIVE, "REPLACE");
        for (prefix, key) in [(SOURCE, last), ("x-amz", Some((key, md5)))] {
            let Some((key, md5)) = key else { continue };
            let prefix = format!("{prefix}-server-side-encryption-customer");
            request = request
                .header(&format!("{prefix}-algorithm"), "AES256")
                .header(&format!("{prefix}-key"), key)
                .header(&format!("{prefix}-key-md5"), md5);
        }
        tls.send(&request).await.is_ok();
        last = Some((key, md5));
        let stored = ground.stored("sealed/key").unwrap();
        let sealed = URL_SAFE_NO_PAD.decode(stored.header(BOX).unwrap()).unwrap();
        // All but the wrapped data key.
        let (bucket_key, _) = sealed.split_at(sealed.len() - 64);
        assert!(boxes.insert(bucket_key.to_vec()), "a bucket key was used again");
    }
    ground.upstream.taken();
}

const MINE: (&str, &str) =
    ("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=", "dnF5x6K/8ZZRzpfSlMMM+w==");
const OTHERS: (&str, &str) =
    ("MjIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=", "HWpMMPIT+ulT94mLAiyh5g==");
