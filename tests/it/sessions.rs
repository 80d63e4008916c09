//! Temporary credentials: a token goes with its credential, and both end together.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::{Gate, Request, Upstream, now};

const ID: &str = "AKIDSESSION";
const SECRET: &str = "a-sessions-secret-access-key";
const TOKEN: &str = "FwoGZXIvYXdzEXAMPLE/TOKEN+==";
const HEADER: &str = "x-amz-security-token";

async fn gate(upstream: &Upstream, ends: Duration) -> Gate {
    let expires = OffsetDateTime::from(now() + ends).format(&Rfc3339).unwrap();
    let entry = format!(
        "[[credential]]\nname = \"guest\"\naccount = \"123456789012\"\naccess_key_id = \"{ID}\"\n\
         secret_access_key = \"{SECRET}\"\nsession_token = \"{TOKEN}\"\nexpires = \"{expires}\"\n"
    );
    Gate::builder().credential(&entry).start(upstream).await
}

fn get() -> Request {
    Request::get("/bucket/key").signed_by(ID, SECRET)
}

fn get_by_url(token: &str) -> Request {
    let token = percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC);
    Request::get(&format!("/bucket/key?X-Amz-Security-Token={token}"))
        .signed_by(ID, SECRET)
        .presigned(Duration::from_hours(1))
}

#[tokio::test]
async fn the_token_passes_in_header_and_query_and_goes_no_further() {
    let mut upstream = Upstream::start().await;
    let gate = gate(&upstream, Duration::from_hours(1)).await;
    for request in [get().header(HEADER, TOKEN), get_by_url(TOKEN)] {
        gate.send(request).await.is_ok();
        let seen = upstream.next().await;
        assert_eq!((seen.target.as_str(), seen.header(HEADER)), ("/bucket/key", None));
    }
}

#[tokio::test]
async fn a_token_that_was_appended_to_a_signed_url_passes() {
    let upstream = Upstream::start().await;
    let gate = gate(&upstream, Duration::from_hours(1)).await;
    let presigned = Request::get("/bucket/key").signed_by(ID, SECRET);
    let presigned = presigned.presigned(Duration::from_hours(1));
    let token = percent_encoding::utf8_percent_encode(TOKEN, percent_encoding::NON_ALPHANUMERIC);
    let appended = |token: &str| {
        let target_end = format!("&X-Amz-Security-Token={token} HTTP/1.1");
        presigned.clone().altered(" HTTP/1.1", &target_end)
    };
    gate.send(appended(&token.to_string())).await.is_ok();
    gate.send(appended("another")).await.is_refused_with(400, "InvalidToken");
}

#[tokio::test]
async fn without_its_token_a_credential_is_worth_nothing() {
    let upstream = Upstream::start().await;
    let gate = gate(&upstream, Duration::from_hours(1)).await;
    gate.send(get()).await.is_refused_with(400, "InvalidToken");
    for request in [get().header(HEADER, "another"), get_by_url("another")] {
        let answer = gate.send(request).await;
        answer.is_refused_with(400, "InvalidToken");
        assert_eq!(answer.element("Token-0").as_deref(), Some("another"));
    }
    let of_alice = Request::get("/bucket/key").header(HEADER, TOKEN);
    gate.send(of_alice).await.is_refused_with(400, "InvalidToken");
    gate.send(get().unsigned_header(HEADER, TOKEN)).await.is_refused_with(403, "AccessDenied");
    upstream.is_untouched();
}

#[tokio::test]
async fn a_credential_ends_and_its_urls_with_it() {
    let upstream = Upstream::start().await;
    let gate = gate(&upstream, Duration::ZERO).await;
    for request in [get().header(HEADER, TOKEN), get_by_url(TOKEN)] {
        let answer = gate.send(request).await;
        answer.is_refused_with(400, "ExpiredToken");
        assert_eq!(answer.element("Token-0").as_deref(), Some(TOKEN));
    }
    upstream.is_untouched();
}
