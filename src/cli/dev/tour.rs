//! `portcullis dev --tour`: the seed's story, played with real signed requests against itself.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, request::Parts};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{
    environment::Environment,
    setup::{REGION, Setup},
};
use crate::{
    cli::{Failure, out},
    s3::headers,
    secret::Secret,
    sigv4::{AccessKey, Signer},
    trust::{self, Authorities},
};

/// One request and what should come of it.
struct Stop {
    title: &'static str,
    secure: bool,
    method: Method,
    target: String,
    sse: Option<&'static str>,
    body: &'static str,
    expected: Expected,
}

enum Expected {
    /// Success.
    Success,
    /// Success, and these very bytes.
    Bytes(&'static str),
    /// 403 `AccessDenied`, with this in its message.
    Denied(&'static str),
}

/// What came of it.
struct Outcome {
    status: StatusCode,
    code: Option<String>,
    message: Option<String>,
    passed: bool,
}

/// Plays every stop; true if each outcome was as expected.
pub(super) async fn run(environment: &Environment, setup: &Setup) -> Result<bool, Failure> {
    let traveller = Traveller::new(environment, setup)?;
    let bucket = format!("tour-{}", hex::encode(std::process::id().to_be_bytes()));
    let stops = stops(&bucket);
    out::line(&format!(
        "{}\n\n  {}\n  {}\n",
        out::bold("Portcullis on tour"),
        "Two policies are loaded: uploads must ask for encryption (require-sse.json),",
        "and nothing may travel without TLS (require-tls-all.json)."
    ));
    let mut passed = 0;
    for (number, stop) in stops.iter().enumerate() {
        let outcome = traveller.visit(stop).await?;
        out::line(&describe(number + 1, stop, &outcome));
        passed += usize::from(outcome.passed);
    }
    let all = passed == stops.len();
    let verdict = format!("{passed} of {} outcomes were as expected.", stops.len());
    out::line(&if all { out::green(&verdict) } else { out::red(&verdict) });
    Ok(all)
}

fn stops(bucket: &str) -> Vec<Stop> {
    let object = format!("/{bucket}/hello.txt");
    let stop = |title, secure, method, target: &str, expected| Stop {
        title,
        secure,
        method,
        target: target.to_owned(),
        sse: None,
        body: "",
        expected,
    };
    let denied = Expected::Denied;
    vec![
        stop("Make a bucket", true, Method::PUT, &format!("/{bucket}"), Expected::Success),
        Stop {
            body: GREETING,
            ..stop(
                "Upload without asking for encryption",
                true,
                Method::PUT,
                &object,
                denied("x-amz-server-side-encryption"),
            )
        },
        Stop {
            body: GREETING,
            sse: Some("AES256"),
            ..stop("Upload and ask for it", true, Method::PUT, &object, Expected::Success)
        },
        stop("Read it back over TLS", true, Method::GET, &object, Expected::Bytes(GREETING)),
        stop("Read it over plain HTTP", false, Method::GET, &object, denied("aws:SecureTransport")),
        stop("Clear away the object", true, Method::DELETE, &object, Expected::Success),
        stop(
            "Clear away the bucket",
            true,
            Method::DELETE,
            &format!("/{bucket}"),
            Expected::Success,
        ),
    ]
}

/// A client with the credentials and the CA of the folder.
struct Traveller {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    signer: Signer,
    https: String,
    http: String,
}

impl Traveller {
    fn new(environment: &Environment, setup: &Setup) -> Result<Self, Failure> {
        let path = setup.directory.join("ca.pem");
        let pem = std::fs::read(&path).map_err(|error| Failure::file(&path, &error))?;
        let authorities = Authorities::parse(&path, &pem)?;
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(trust::tls(Some(&authorities))?)
            .https_or_http()
            .enable_http1()
            .build();
        let access_key = AccessKey {
            id: setup.access_key_id.clone(),
            secret: Secret::new(setup.secret_access_key.as_str()),
            session_token: None,
        };
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            signer: Signer::new(access_key)?,
            https: environment.https.to_string(),
            http: environment.http.to_string(),
        })
    }

    async fn visit(&self, stop: &Stop) -> Result<Outcome, Failure> {
        let (scheme, authority) =
            if stop.secure { ("https", &self.https) } else { ("http", &self.http) };
        let mut request = Request::builder()
            .method(stop.method.clone())
            .uri(format!("{scheme}://{authority}{}", stop.target))
            .header(http::header::HOST, authority);
        if let Some(sse) = stop.sse {
            request = request.header(headers::X_AMZ_SERVER_SIDE_ENCRYPTION, sse);
        }
        let (mut head, ()): (Parts, ()) = request.body(())?.into_parts();
        self.signer.sign(&mut head, REGION, crate::cli::now())?;
        let request = Request::from_parts(head, Full::from(stop.body));
        let answer = tokio::time::timeout(ANSWER_MAX, self.client.request(request))
            .await
            .map_err(|_| Failure::runtime("the gate did not answer"))?
            .map_err(|error| Failure::runtime(format!("the gate did not answer: {error}")))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body =
            body.map_err(|error| Failure::runtime(format!("the answer broke off: {error}")))?;
        Ok(judge(stop, status, &body.to_bytes()))
    }
}

fn judge(stop: &Stop, status: StatusCode, body: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(body);
    let element = |name: &str| -> Option<String> {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        let (value, _) = rest.split_once(&format!("</{name}>"))?;
        Some(value.replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&"))
    };
    let (code, message) = (element("Code"), element("Message"));
    let passed = match stop.expected {
        Expected::Success => status.is_success(),
        Expected::Bytes(bytes) => status.is_success() && body == bytes.as_bytes(),
        Expected::Denied(why) => {
            status == StatusCode::FORBIDDEN
                && code.as_deref() == Some("AccessDenied")
                && message.as_deref().is_some_and(|message| message.contains(why))
        }
    };
    Outcome { status, code, message, passed }
}

fn describe(number: usize, stop: &Stop, outcome: &Outcome) -> String {
    let mark = if outcome.passed { out::green("✓") } else { out::red("✗") };
    let transport = if stop.secure { "TLS" } else { "plain HTTP" };
    let code = outcome.code.as_deref().unwrap_or(outcome.status.canonical_reason().unwrap_or(""));
    let mut lines = vec![
        format!("{} {}", out::bold(&format!("{number}.")), out::bold(stop.title)),
        format!("   {} {} over {transport}", stop.method, stop.target),
    ];
    lines
        .extend(stop.sse.map(|sse| format!("   {}: {sse}", headers::X_AMZ_SERVER_SIDE_ENCRYPTION)));
    lines.push(format!("   {mark} {} {code}", outcome.status.as_u16()));
    lines.extend(outcome.message.as_ref().map(|text| format!("     {}", out::wrapped(text, 5))));
    if let (true, Expected::Bytes(bytes)) = (outcome.passed, &stop.expected) {
        lines.push(format!("     The same {} bytes.", bytes.len()));
    }
    if !outcome.passed {
        lines.push(format!("     {}", out::red("This is not what was expected.")));
    }
    lines.join("\n") + "\n"
}

const GREETING: &str = "Nothing leaves in the clear.\n";
const ANSWER_MAX: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: usize = 64 * 1024;
