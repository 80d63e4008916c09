//! Credentials towards the backend: where they come from, whose requests leave with which, and what
//! happens when they end.

use std::time::Duration;

use crate::support::{
    Gate, Request, Upstream, aws::Aws, gate::UPSTREAM_KEY_ID, program::Program, within,
};

const LONG: Duration = Duration::from_hours(1);
/// Renewed within this test's patience.
const SHORT: Duration = Duration::from_secs(2);
const CONTAINER: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";

/// The access key id that the next request at the backend was signed with, and its session token.
async fn signed_with(upstream: &mut Upstream) -> (String, Option<String>) {
    let seen = upstream.next().await;
    let authorization = seen.header("authorization").unwrap();
    let (_, credential) = authorization.split_once("Credential=").unwrap();
    let (id, _) = credential.split_once('/').unwrap();
    let token = seen.header("x-amz-security-token").map(str::to_owned);
    assert_eq!(authorization.contains(";x-amz-security-token"), token.is_some(), "{authorization}");
    (id.to_owned(), token)
}

/// A request through the gate leaves with the first credential that was given.
async fn check_first(program: &Program, upstream: &mut Upstream) {
    program.client().send(&Request::get("/bucket/key")).await.is_ok();
    let expected = ("ASIA1".to_owned(), Some("token-of-ASIA1".to_owned()));
    assert_eq!(signed_with(upstream).await, expected);
}

#[tokio::test]
async fn a_web_identity_is_exchanged_at_sts() {
    let (mut upstream, mut aws) = (Upstream::start().await, Aws::start(LONG).await);
    let program = Program::start(
        &upstream,
        "credentials = \"web-identity\"",
        &[("token", "a-service-accounts-token")],
        &[
            ("AWS_ENDPOINT_URL_STS", &aws.url("")),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "DIR/token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/gate"),
        ],
    )
    .await;
    check_first(&program, &mut upstream).await;
    let asked = aws.next().await;
    assert!(asked.body.contains("WebIdentityToken=a-service-accounts-token"), "{asked:?}");
    assert!(asked.body.contains("role%2Fgate"), "{asked:?}");
}

#[tokio::test]
async fn the_default_chain_finds_the_containers_role() {
    let (mut upstream, mut aws) = (Upstream::start().await, Aws::start(LONG).await);
    let program = Program::start(
        &upstream,
        "credentials = \"default\"",
        &[("token", "the-pods-token")],
        &[
            (CONTAINER, &aws.url("/v1/pod")),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "DIR/token"),
        ],
    )
    .await;
    check_first(&program, &mut upstream).await;
    let asked = aws.next().await;
    assert_eq!(asked.line, "GET /v1/pod");
    assert!(asked.headers.contains("authorization: the-pods-token"), "{asked:?}");
}

#[tokio::test]
async fn an_instances_role_is_asked_for_with_a_session_token() {
    let (mut upstream, mut aws) = (Upstream::start().await, Aws::start(LONG).await);
    let endpoint = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*aws.url(""));
    let program = Program::start(&upstream, "credentials = \"instance\"", &[], &[endpoint]).await;
    check_first(&program, &mut upstream).await;
    assert_eq!(aws.next().await.line, "PUT /latest/api/token");
    let asked = aws.next().await;
    assert!(asked.headers.contains("x-aws-ec2-metadata-token: the-imds-token"), "{asked:?}");
}

#[tokio::test]
async fn a_profile_may_assume_a_role() {
    let (mut upstream, mut aws) = (Upstream::start().await, Aws::start(LONG).await);
    let profiles = "[profile gate]\nrole_arn = arn:aws:iam::123456789012:role/gate\n\
                    source_profile = base\n[profile base]\naws_access_key_id = AKIDBASE\n\
                    aws_secret_access_key = secret\n";
    let program = Program::start(
        &upstream,
        "credentials = \"profile\"\nprofile = \"gate\"",
        &[("config", profiles)],
        &[("AWS_ENDPOINT_URL_STS", &aws.url("")), ("AWS_CONFIG_FILE", "DIR/config")],
    )
    .await;
    check_first(&program, &mut upstream).await;
    let asked = aws.next().await;
    assert!(asked.headers.contains("credential=akidbase/"), "{asked:?}");
    assert!(asked.body.contains("Action=AssumeRole&"), "{asked:?}");
}

#[tokio::test]
async fn a_role_is_assumed_with_what_the_environment_gives() {
    let (mut upstream, mut aws) = (Upstream::start().await, Aws::start(LONG).await);
    let program = Program::start(
        &upstream,
        "credentials = \"environment\"\nexternal_id = \"ours\"\n\
         role_arn = \"arn:aws:iam::123456789012:role/team\"",
        &[],
        &[
            ("AWS_ENDPOINT_URL_STS", &aws.url("")),
            ("AWS_ACCESS_KEY_ID", "AKIDENV"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ],
    )
    .await;
    check_first(&program, &mut upstream).await;
    let asked = aws.next().await;
    assert!(asked.headers.contains("credential=akidenv/"), "{asked:?}");
    for part in ["role%2Fteam", "ExternalId=ours", "RoleSessionName=portcullis"] {
        assert!(asked.body.contains(part), "{asked:?}");
    }
}

#[tokio::test]
async fn credentials_change_under_traffic_and_no_request_fails() {
    let (mut upstream, mut aws) = (Upstream::start().await, Aws::start(SHORT).await);
    let program = Program::start(
        &upstream,
        "credentials = \"container\"",
        &[("token", "the-first-token")],
        &[(CONTAINER, &aws.url("/")), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "DIR/token")],
    )
    .await;
    check_first(&program, &mut upstream).await;
    aws.next().await;
    program.write("token", "the-second-token");
    let mut last = String::new();
    while last != "ASIA3" {
        program.client().send(&Request::get("/bucket/key")).await.is_ok();
        let (id, token) = signed_with(&mut upstream).await;
        assert!(id >= last, "{id} after {last}");
        assert_eq!(token, Some(format!("token-of-{id}")));
        last = id;
    }
    let asked = aws.next().await;
    assert!(asked.headers.contains("authorization: the-second-token"), "{asked:?}");
}

#[tokio::test]
async fn an_expired_credential_signs_nothing() {
    let (mut upstream, mut aws) = (Upstream::start().await, Aws::start(SHORT).await);
    let program = Program::start(
        &upstream,
        "credentials = \"container\"",
        &[],
        &[(CONTAINER, &aws.url("/"))],
    )
    .await;
    check_first(&program, &mut upstream).await;
    aws.next().await;
    aws.goes_down();
    let mut sent = 1;
    let refused = loop {
        let answer = program.client().send(&Request::get("/bucket/key")).await;
        if answer.status != 200 {
            break answer;
        }
        sent += 1;
        assert_eq!(signed_with(&mut upstream).await.0, "ASIA1");
    };
    refused.is_refused_with(503, "ServiceUnavailable");
    assert!(refused.text().contains("no valid credential"), "{}", refused.text());
    assert_eq!(upstream.requests(), sent);
    let ready = program.admin().send(&Request::get("/readyz").anonymous()).await;
    assert_eq!(
        (ready.status, ready.text()),
        (503, "not ready: there is no valid upstream credential\n".into())
    );
    let failures =
        "portcullis_upstream_credential_renewals_total{credential=\"default\",result=\"failure\"}";
    let counted = async {
        loop {
            let metrics = program.admin().send(&Request::get("/metrics").anonymous()).await.text();
            assert!(!metrics.contains("token-of"), "{metrics}");
            if metrics.contains(failures) {
                break;
            }
        }
    };
    within("a failure to be counted", counted).await;
}

const TEAM: &str = "[[upstream.credential]]\nname = \"team-a\"\naccess_key_id = \"AKIDTEAM\"\n\
                    secret_access_key = \"file:token.secret\"";

#[tokio::test]
async fn each_callers_requests_leave_with_the_credential_that_it_is_mapped_to() {
    let mut upstream = Upstream::start().await;
    let gate = Gate::builder()
        .with_upstream(TEAM)
        .credential(
            "[[credential]]\nname = \"bob\"\naccount = \"123456789012\"\nupstream = \"team-a\"\n\
             access_key_id = \"AKIDBOB\"\nsecret_access_key = \"bobs-secret\"\n",
        )
        .start(&upstream)
        .await;
    for (request, expected) in [
        (Request::get("/bucket/key"), UPSTREAM_KEY_ID),
        (Request::get("/bucket/key").signed_by("AKIDBOB", "bobs-secret"), "AKIDTEAM"),
    ] {
        gate.send(request).await.is_ok();
        assert_eq!(signed_with(&mut upstream).await, (expected.to_owned(), None));
    }
}
