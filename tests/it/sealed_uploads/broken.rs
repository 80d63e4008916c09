//! The backend fails between any two steps of a completion. Whatever was done by then, the completion can be
//! repeated, and no object is left that cannot be read.

use super::support::{Bench, MIB, Sent};
use crate::support::{Request, store::Fault};

const FAULTS: [Fault; 3] = [Fault::Refuses, Fault::HangsUp, Fault::HangsUpAfterwards];

/// What the client had there before.
const BEFORE: &str = "what was there before";

/// How many requests a completion of such parts takes.
async fn steps(sizes: &[(u16, usize)]) -> usize {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(sizes).await;
    bench.store.log();
    upload.complete(&sent).await.is_ok();
    bench.store.log().len()
}

/// Breaks the completion at each of its requests, in each way. Unless it may not be read in between, the
/// object is at any time the one before, or all of the new one.
async fn breaks_anywhere(sizes: &[(u16, usize)], is_readable_between: bool) {
    let steps = steps(sizes).await;
    for step in 0..steps {
        for fault in FAULTS {
            let bench = Bench::start().await;
            bench.gate.send(Request::put("/bucket/key", BEFORE)).await.is_ok();
            let (upload, sent) = bench.upload(sizes).await;
            bench.store.fails_after(step, fault);
            let first = upload.complete(&sent).await;
            if first.status != 200 && is_readable_between {
                is_one_of_both(&bench, &sent).await;
            }
            let again = upload.complete(&sent).await;
            assert_eq!(again.status, 200, "{fault:?} at {step}: {}", again.text());
            bench.reads_as(&sent).await;
        }
    }
}

async fn is_one_of_both(bench: &Bench, sent: &[Sent]) {
    let answer = bench.get(None).await;
    assert!(!answer.is_cut, "an object that cannot be read");
    if answer.is_ok().body != BEFORE.as_bytes() {
        assert!(answer.body == super::whole(sent));
    }
}

#[tokio::test]
async fn a_regular_object_that_is_complete_by_itself() {
    breaks_anywhere(&[(1, 5 * MIB), (2, 10)], true).await;
}

#[tokio::test]
async fn a_regular_object_that_gets_a_footer() {
    breaks_anywhere(&[(1, 5 * MIB), (2, 5 * MIB)], true).await;
}

#[tokio::test]
async fn an_irregular_object_that_gets_a_table() {
    breaks_anywhere(&[(1, 5 * MIB + 1), (3, 5 * MIB)], true).await;
}

#[tokio::test]
async fn an_irregular_object_that_is_put_together_anew() {
    breaks_anywhere(&[(1, 5 * MIB + 1), (2, 10)], true).await;
}

/// Until it has a table, such an object cannot be told from one that has lost a part.
#[tokio::test]
async fn an_object_with_a_gap_that_is_put_together_anew() {
    breaks_anywhere(&[(1, 5 * MIB + 1), (3, 10)], false).await;
}

/// Whoever repeats it at another replica finds the same.
#[tokio::test]
async fn another_replica_goes_on_where_one_broke_off() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 5 * MIB), (2, 5 * MIB)]).await;
    bench.store.fails_after(2, Fault::HangsUpAfterwards);
    assert_ne!(upload.complete(&sent).await.status, 200);
    let replica = bench.replica().await;
    upload.at(&replica).complete(&sent).await.is_ok();
    bench.reads_as(&sent).await;
}

#[tokio::test]
async fn the_object_of_another_upload_is_no_success() {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(&[(1, 100)]).await;
    upload.complete(&sent).await.is_ok();
    let (other, others) = bench.upload(&[(1, 100)]).await;
    other.complete(&others).await.is_ok();
    upload.complete(&sent).await.is_refused_with(404, "NoSuchUpload");
    other.complete(&others).await.is_ok();
}

/// Between completion and putting it together anew another has written there: that stays.
#[tokio::test]
async fn what_another_writes_meanwhile_is_not_replaced() {
    let sizes = [(1, 5 * MIB + 1), (2, 10)];
    let steps = steps(&sizes).await;
    for step in 3..steps {
        let bench = Bench::start().await;
        let (upload, sent) = bench.upload(&sizes).await;
        bench.store.comes_between(step, "/bucket/key", theirs());
        upload.complete(&sent).await.is_ok();
        assert_eq!(bench.store.object("/bucket/key").unwrap().etag, theirs().etag, "{step}");
    }
}

fn theirs() -> crate::support::store::Object {
    crate::support::store::Object {
        body: b"theirs".to_vec(),
        etag: "\"theirs\"".to_owned(),
        ..Default::default()
    }
}

/// The client is told; what was completed can be read as it is.
#[tokio::test]
async fn a_backend_that_cannot_copy_parts() {
    let bench = Bench::start().await;
    bench.store.copies_no_parts();
    let (upload, sent) = bench.upload(&[(1, 5 * MIB + 1), (2, 10)]).await;
    assert_eq!(upload.complete(&sent).await.status, 501);
    assert!(bench.get(None).await.is_ok().body == super::whole(&sent));
    assert_eq!(bench.store.uploads(), 0);
}
