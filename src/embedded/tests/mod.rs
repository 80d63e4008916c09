//! The backend over real sockets, by a client that signs with the AWS SDK's own signer.

mod connection;
mod durability;
mod listing;
mod multipart;
mod reading;
mod signatures;
mod writing;

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tempfile::TempDir;

use super::Backend;
use crate::secret::Secret;

const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const REGION: &str = "eu-central-1";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// A backend on a folder of its own, with the bucket `bucket`, and a client.
struct Server {
    backend: Backend,
    client: Client<HttpConnector, Full<Bytes>>,
    directory: TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Server {
    async fn start() -> Self {
        let directory = TempDir::new().expect("a folder");
        let server = Self::open(directory).await;
        server.put("/bucket", "").await.expect(200);
        server
    }

    /// On a folder that a backend may have used before.
    async fn open(directory: TempDir) -> Self {
        let address = "127.0.0.1:0".parse().expect("an address");
        let secret = Secret::new(SECRET_ACCESS_KEY);
        let backend = Backend::start(directory.path(), address, ACCESS_KEY_ID, &secret, REGION);
        let backend = backend.await.expect("a backend");
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { backend, client, directory }
    }

    /// Stops it and starts another on the same folder.
    async fn restart(self) -> Self {
        self.backend.stop().await;
        Self::open(self.directory).await
    }

    async fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[], "").await
    }

    async fn head(&self, target: &str) -> Reply {
        self.send("HEAD", target, &[], "").await
    }

    async fn put(&self, target: &str, body: impl Into<Bytes>) -> Reply {
        self.send("PUT", target, &[], body).await
    }

    async fn post(&self, target: &str, body: impl Into<Bytes>) -> Reply {
        self.send("POST", target, &[], body).await
    }

    async fn delete(&self, target: &str) -> Reply {
        self.send("DELETE", target, &[], "").await
    }

    async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut head = self.signed(method, target, headers, UNSIGNED);
        let body = body.into();
        // hyper leaves it out where the body is empty.
        head.headers_mut().insert("content-length", body.len().into());
        self.send_unsigned(head, body).await
    }

    /// A signed head.
    fn signed(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        payload: &str,
    ) -> Request<()> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{target}", self.backend.address()))
            .body(())
            .expect("a request");
        for (name, value) in headers {
            let name = http::HeaderName::try_from(*name).expect("a name");
            request.headers_mut().append(name, value.parse().expect("a value"));
        }
        let credentials = Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "test");
        sign_head(&mut request, credentials, REGION, payload);
        request
    }

    async fn send_unsigned(&self, head: Request<()>, body: Bytes) -> Reply {
        let request = head.map(|()| Full::new(body));
        let (parts, body) = self.client.request(request).await.expect("an answer").into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Files of bytes on disk, in use or not.
    fn contents(&self) -> usize {
        let contents = self.directory.path().join("buckets/bucket/contents");
        std::fs::read_dir(contents).expect("the bucket's folder").count()
    }
}

impl Reply {
    /// With this status, or the test fails and shows the answer.
    #[track_caller]
    fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:?} {}", self.headers, self.text());
        self
    }

    /// An error with this status and code.
    #[track_caller]
    fn refused(self, status: u16, code: &str) {
        let reply = self.expect(status);
        assert_eq!(reply.element("Code"), Some(code.to_owned()), "{}", reply.text());
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first element of that name.
    fn element(&self, name: &str) -> Option<String> {
        self.elements(name).into_iter().next()
    }

    /// The texts of all elements of that name.
    fn elements(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let text = self.text();
        let found = text.split(&open).skip(1);
        found.filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned())).collect()
    }
}

fn sign_head(request: &mut Request<()>, credentials: Credentials, region: &str, payload: &str) {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    #[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
    let now = SystemTime::now();
    let identity = credentials.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(now)
        .settings(settings)
        .build()
        .expect("parameters");
    let uri = request.uri().to_string();
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.to_str().expect("text")));
    let body = SignableBody::Precomputed(payload.to_owned());
    let signable = SignableRequest::new(request.method().as_str(), uri, headers, body);
    let output = sign(signable.expect("signable"), &params.into()).expect("a signature");
    output.into_parts().0.apply_to_request_http1x(request);
}
