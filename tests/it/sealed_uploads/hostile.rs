//! What a hostile backend does to the parts of an object: each of it is detected, by a read of the whole and
//! by a range.

use super::support::{Bench, MIB, Sent, slice};
use crate::support::{Request, store::Object};

/// A part of 5 MiB as it is stored.
const PART: usize = 5 * MIB + 80 * 32;

/// A regular object of three parts of 5 MiB and a small one, or an irregular one.
async fn objects(sizes: &[(u16, usize)]) -> (Bench, Vec<Sent>, Object) {
    let bench = Bench::start().await;
    let (upload, sent) = bench.upload(sizes).await;
    upload.complete(&sent).await.is_ok();
    let stored = bench.store.object("/bucket/key").unwrap();
    (bench, sent, stored)
}

/// After the change nothing is handed out as the whole, nor as a range of it that the change concerns; what
/// comes before it is cut off is true.
async fn is_detected(
    bench: &Bench,
    sent: &[Sent],
    good: (&Object, &str),
    change: impl Fn(&mut Vec<u8>),
) {
    let [fresh, remembering] = refused_ranges(bench, sent, good, change).await;
    assert!(fresh > 0 && remembering > 0, "{}: no range was refused", good.1);
}

/// How many ranges are refused, by a gate that has never seen the object, and by one that remembers how it
/// ends. The whole is refused by both.
async fn refused_ranges(
    bench: &Bench,
    sent: &[Sent],
    (good, what): (&Object, &str),
    change: impl Fn(&mut Vec<u8>),
) -> [usize; 2] {
    let plain = super::whole(sent);
    let mut refused = [0; 2];
    for (failed, is_remembered) in refused.iter_mut().zip([false, true]) {
        let gate = bench.replica().await;
        let get = |range: Option<String>| {
            let request = Request::get("/bucket/key");
            match range {
                Some(range) => gate.send(request.header("range", &range)),
                None => gate.send(request),
            }
        };
        let mut object = good.clone();
        bench.store.put("/bucket/key", object.clone());
        if is_remembered {
            assert_eq!(get(Some("bytes=0-9".to_owned())).await.status, 206);
        }
        change(&mut object.body);
        bench.store.put("/bucket/key", object);
        let answer = get(None).await;
        let is_refused = answer.status == 500;
        assert!(is_refused || answer.is_cut && plain.starts_with(&answer.body), "{what}: whole");
        for at in (0..plain.len()).step_by(MIB) {
            let last = (at + 99).min(plain.len() - 1);
            let answer = get(Some(format!("bytes={at}-{last}"))).await;
            match answer.status {
                206 if !answer.is_cut => {
                    assert!(answer.body == slice(&plain, at..last + 1), "{what}: {at}");
                }
                206 | 416 | 500 | 503 => *failed += 1,
                other => panic!("{what}: {other}"),
            }
        }
    }
    refused
}

#[tokio::test]
async fn parts_of_a_regular_object() {
    let sizes = [(1, 5 * MIB), (2, 5 * MIB), (3, 5 * MIB), (4, 100_000)];
    let (bench, sent, good) = objects(&sizes).await;
    let good = &good;
    is_detected(&bench, &sent, (good, "the first part is dropped"), |body| {
        body.drain(..PART);
    })
    .await;
    is_detected(&bench, &sent, (good, "a part is dropped"), |body| {
        body.drain(PART..2 * PART);
    })
    .await;
    is_detected(&bench, &sent, (good, "the last part is dropped"), |body| {
        body.truncate(3 * PART);
    })
    .await;
    is_detected(&bench, &sent, (good, "two parts are swapped"), |body| {
        body[..2 * PART].rotate_left(PART);
    })
    .await;
    is_detected(&bench, &sent, (good, "a part is there twice"), |body| {
        let part = body[PART..2 * PART].to_vec();
        body.splice(2 * PART..2 * PART, part);
    })
    .await;
    is_detected(&bench, &sent, (good, "a part is there in place of another"), |body| {
        body.copy_within(PART..2 * PART, 2 * PART);
    })
    .await;
    is_detected(&bench, &sent, (good, "the end comes after two parts"), |body| {
        body.drain(2 * PART..3 * PART + 100_064);
    })
    .await;
}

#[tokio::test]
async fn parts_of_an_irregular_object() {
    let sizes = [(1, 5 * MIB + 1), (2, 5 * MIB), (4, 5 * MIB + 1), (5, 5 * MIB)];
    let (bench, sent, good) = objects(&sizes).await;
    let (good, odd) = (&good, PART + 33);
    is_detected(&bench, &sent, (good, "a part is dropped"), |body| {
        body.drain(odd..odd + PART);
    })
    .await;
    is_detected(&bench, &sent, (good, "two parts of one size are swapped"), |body| {
        let (first, third) = (body[..odd].to_vec(), body[odd + PART..2 * odd + PART].to_vec());
        body[..odd].copy_from_slice(&third);
        body[odd + PART..2 * odd + PART].copy_from_slice(&first);
    })
    .await;
    let other_table = (good, "the table is another");
    let refused = refused_ranges(&bench, &sent, other_table, |body| {
        let at = body.len() - 40;
        body[at] ^= 1;
    });
    // Who remembers the table does not look at it again.
    let [fresh, remembering] = refused.await;
    assert!(fresh > 0 && remembering == 0, "{fresh} {remembering}");
}

#[tokio::test]
async fn parts_of_another_object_or_an_earlier_upload() {
    let sizes = [(1, 5 * MIB), (2, 5 * MIB), (3, 10)];
    let (bench, sent, good) = objects(&sizes).await;
    // The same plaintext under the same name and number.
    let (upload, again) = bench.upload(&sizes).await;
    upload.complete(&again).await.is_ok();
    let other = bench.store.object("/bucket/key").unwrap();
    assert!(other.body.len() == good.body.len() && other.body != good.body);
    is_detected(&bench, &sent, (&good, "a part of another upload"), |body| {
        body[PART..2 * PART].copy_from_slice(&other.body[PART..2 * PART]);
    })
    .await;
    is_detected(&bench, &sent, (&good, "all of another upload's bytes"), |body| {
        body.copy_from_slice(&other.body);
    })
    .await;
}

/// An earlier attempt of a part in the place of a later one is what the format leaves open, and for
/// several ranges each record of it. Both attempts in one read are not.
#[tokio::test]
async fn two_attempts_of_a_part_are_never_mixed() {
    let bench = Bench::start().await;
    let upload = bench.create().await;
    upload.put(1, super::plaintext(5 * MIB, 1)).await;
    let early = bench.store.upload_parts().get(&1).unwrap().clone();
    let sent = [
        upload.put(1, super::plaintext(5 * MIB, 1)).await,
        upload.put(2, super::plaintext(10, 2)).await,
    ];
    upload.complete(&sent).await.is_ok();
    let good = bench.store.object("/bucket/key").unwrap();
    assert!(good.body[..PART] != early[..]);
    let border = 40 * 65_536;
    let half = (&good, "half of an earlier attempt");
    refused_ranges(&bench, &sent, half, |body| {
        body[..PART / 2].copy_from_slice(&early[..PART / 2]);
    })
    .await;
    let answer = bench.get(Some(&format!("bytes={}-{border}", border - 1))).await;
    answer.is_refused_with(500, "InternalError");
}

/// Nor does an object of one PUT become one of parts.
#[tokio::test]
async fn a_part_number_that_is_none() {
    let bench = Bench::start().await;
    bench.gate.send(Request::put("/bucket/key", super::plaintext(100, 1))).await.is_ok();
    let mut object = bench.store.object("/bucket/key").unwrap();
    object.body[0] ^= 1;
    bench.store.put("/bucket/key", object);
    for range in [None, Some("bytes=0-9")] {
        let answer = bench.get(range).await;
        answer.is_refused_with(500, "InternalError");
        assert!(answer.text().contains("`order`"), "{}", answer.text());
    }
}
