//! The pooled client. Invariant: it sends [`Signed`] requests only, and to the configured endpoint
//! only; it follows no redirect but to a region of it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{Response, Uri, header::HOST, request::Parts, uri::PathAndQuery};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use super::{
    Idle, Outbound,
    region::{self, Regions},
    watch::{Watch, Watched},
};
use crate::{
    credential::{self, Sources, Wallet},
    sigv4::{Signer, SigningError},
    transform::copies::SourceCondition,
    trust::{self, Authorities},
};

/// The backend, as validated.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http` or `https`, host and optional port; no path.
    pub endpoint: Uri,
    /// The endpoint of any region, which stands for `{region}` in it; `None`: there is but one.
    pub endpoint_of_regions: Option<String>,
    /// The region to sign for.
    pub region: String,
    /// The proxy's own credentials there.
    pub credentials: Sources,
    /// PEM file of CAs trusted for it; `None`: the system's.
    pub ca: Option<Authorities>,
    /// Time to connect, TLS not included.
    pub connect_timeout: Duration,
    /// The longest silence of the backend, while a request is sent, awaited or answered.
    pub idle_timeout: Duration,
    /// How it reads conditions on what is copied.
    pub source_condition: SourceCondition,
}

/// Connections to one backend.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Watched>,
    wallet: Wallet,
    endpoint: Uri,
    endpoint_of_regions: Option<String>,
    region: Arc<str>,
    regions: Regions,
    idle_timeout: Duration,
    source_condition: SourceCondition,
}

/// A request that bears a signature: the proxy's own, by [`Client::sign`], or its caller's, by
/// [`Client::forward`]. Nothing else makes one.
#[derive(Debug)]
pub struct Signed {
    head: Parts,
    body: Outbound,
    bucket: Option<String>,
    region: Arc<str>,
    /// Where it can be sent once more: what it was signed from.
    spare: Option<Box<Spare>>,
}

#[derive(Debug)]
struct Spare {
    head: Parts,
    target: String,
    signer: Signer,
    now: SystemTime,
}

/// By whom, when and for which bucket a request is signed.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// Of the caller's upstream credential.
    pub signer: &'a Signer,
    /// The time of the request.
    pub now: SystemTime,
    /// What decides upon the region; `None`: the backend's own.
    pub bucket: Option<&'a str>,
}

/// What went wrong on the way to the backend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The connection was refused, reset, or closed before an answer.
    #[error("the backend did not answer: {0}")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// It neither took bytes nor answered.
    #[error("the backend was silent for {} seconds", .0.as_secs())]
    Silent(Duration),
    /// The backend named another region for the bucket, and the request cannot be sent once more.
    #[error("the bucket is in the region {region}, where the next request will be sent")]
    Elsewhere {
        /// Which.
        region: Arc<str>,
    },
    /// The source of a credential has given none, or none that is still valid.
    #[error(transparent)]
    NoCredential(#[from] credential::Missing),
    /// The request could not be built or signed.
    #[error(transparent)]
    Unsigned(#[from] SigningError),
    /// The request could not be written down.
    #[error("the upstream request could not be built: {0}")]
    Unbuilt(#[from] http::Error),
}

// === impl Client ===

impl Client {
    /// Reads the trusted CAs and prepares the pool; connects to nothing yet.
    pub fn new(settings: &Settings, wallet: Wallet) -> Result<Self, Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(settings.connect_timeout));
        // A backend that takes no more bytes would hold the connection for as long as it likes.
        http.set_tcp_user_timeout(Some(settings.idle_timeout));
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(trust::tls(settings.ca.as_ref())?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(POOL_IDLE_CONNECTIONS_MAX)
            .http1_max_buf_size(BUFFER_BYTES_MAX)
            .http1_max_headers(HEADERS_MAX)
            .build(connector);
        Ok(Self {
            pool,
            wallet,
            endpoint: settings.endpoint.clone(),
            endpoint_of_regions: settings.endpoint_of_regions.clone(),
            region: settings.region.as_str().into(),
            regions: Regions::default(),
            source_condition: settings.source_condition,
            idle_timeout: settings.idle_timeout,
        })
    }

    /// The backend's region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// How the backend is told that a copy's source has to be what it was.
    pub fn source_condition(&self) -> SourceCondition {
        self.source_condition
    }

    /// The credentials that requests leave with.
    pub fn wallet(&self) -> &Wallet {
        &self.wallet
    }

    /// The signer of the credential that a caller is mapped to; `None`: the common one.
    pub async fn signer(&self, name: Option<&str>, now: SystemTime) -> Result<Signer, Error> {
        Ok(self.wallet.signer(name, now).await?)
    }

    /// A head that was signed elsewhere, addressed to the endpoint of the backend's own region.
    pub(super) fn signed_elsewhere(
        &self,
        mut head: Parts,
        target: PathAndQuery,
        body: Outbound,
    ) -> Result<Signed, Error> {
        let mut uri = self.endpoint.clone().into_parts();
        uri.path_and_query = Some(target);
        head.uri = Uri::from_parts(uri).map_err(http::Error::from)?;
        Ok(Signed { head, body, bucket: None, region: Arc::clone(&self.region), spare: None })
    }

    /// Addresses a head to the backend and signs it: `target` is path and query, encoded.
    pub fn sign(
        &self,
        head: Parts,
        target: &str,
        body: Outbound,
        signing: Signing<'_>,
    ) -> Result<Signed, Error> {
        let Signing { signer, now, bucket } = signing;
        let known = bucket.and_then(|bucket| self.regions.find(bucket));
        // Nothing is kept for buckets that have answered: they will not be elsewhere.
        let may_be_elsewhere = bucket.is_some() && known.is_none() && body.length().is_none();
        let spare = may_be_elsewhere.then(|| {
            let (head, target) = (head.clone(), target.to_owned());
            Box::new(Spare { head, target, signer: signer.clone(), now })
        });
        let region = known.unwrap_or_else(|| Arc::clone(&self.region));
        let head = self.signed_head(head, target, &region, (signer, now))?;
        Ok(Signed { head, body, bucket: bucket.map(str::to_owned), region, spare })
    }

    fn signed_head(
        &self,
        mut head: Parts,
        target: &str,
        region: &str,
        (signer, now): (&Signer, SystemTime),
    ) -> Result<Parts, Error> {
        let mut uri = self.endpoint(region)?.into_parts();
        uri.path_and_query = Some(PathAndQuery::try_from(target).map_err(http::Error::from)?);
        head.uri = Uri::from_parts(uri).map_err(http::Error::from)?;
        if let Some(authority) = head.uri.authority() {
            let host =
                http::HeaderValue::try_from(authority.as_str()).map_err(http::Error::from)?;
            head.headers.insert(HOST, host);
        }
        signer.sign(&mut head, region, now)?;
        Ok(head)
    }

    fn endpoint(&self, region: &str) -> Result<Uri, Error> {
        match &self.endpoint_of_regions {
            Some(template) if *region != *self.region => {
                let endpoint = template.replace(REGION_PLACEHOLDER, region);
                Ok(Uri::try_from(endpoint).map_err(http::Error::from)?)
            }
            Some(_) | None => Ok(self.endpoint.clone()),
        }
    }

    /// Sends a request and waits for the head of the answer. One that the backend sends to another
    /// region is signed for that, and sent once more where it has no body.
    ///
    /// Dropping the future, or the answer's body, closes the connection where the request is still
    /// being sent: what was sent by then is never a complete request.
    pub async fn send(&self, signed: Signed) -> Result<Response<Idle<Incoming>>, Error> {
        let Signed { head, body, bucket, region, spare } = signed;
        let answer = self.exchange(head, body).await?;
        let Some(bucket) = bucket else { return Ok(answer) };
        let other = region::named(&answer).filter(|other| **other != *region);
        let Some(other) = other.map(Arc::<str>::from) else {
            if answer.status().is_success() {
                self.regions.learn(&bucket, &region);
            }
            return Ok(answer);
        };
        self.regions.learn(&bucket, &other);
        let Some(spare) = spare else { return Err(Error::Elsewhere { region: other }) };
        let Spare { head, target, signer, now } = *spare;
        drop(answer);
        let head = self.signed_head(head, &target, &other, (&signer, now))?;
        self.exchange(head, Outbound::empty()).await
    }

    async fn exchange(
        &self,
        head: Parts,
        body: Outbound,
    ) -> Result<Response<Idle<Incoming>>, Error> {
        let (body, watch, exchange) = Watch::over(body);
        let request = http::Request::from_parts(head, body);
        tokio::select! {
            answer = self.pool.request(request) => answer
                .map(|answer| answer.map(|body| Idle::answer(body, self.idle_timeout, exchange)))
                .map_err(Error::Unreachable),
            () = watch.silent_for(self.idle_timeout) => Err(Error::Silent(self.idle_timeout)),
        }
    }
}

/// What stands for the region in an endpoint of all regions.
pub const REGION_PLACEHOLDER: &str = "{region}";
/// Below the keep-alive time of common backends, so that they rarely close what is just taken up.
const POOL_IDLE: Duration = Duration::from_secs(20);
const POOL_IDLE_CONNECTIONS_MAX: usize = 256;
/// Of an answer: more than a request may have (200), since its metadata comes back.
const HEADERS_MAX: usize = 256;
/// Head and read buffer of one upstream connection.
const BUFFER_BYTES_MAX: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration, time::SystemTime};

    use http::Request;

    use super::{Client, Outbound, REGION_PLACEHOLDER, Settings, Signing, Sources, Wallet};
    use crate::{
        credential::{Origin, Source},
        secret::Secret,
        sigv4::AccessKey,
        telemetry::metrics::Metrics,
        transform::copies::SourceCondition,
    };

    fn client(endpoint: &str) -> Client {
        let access_key =
            AccessKey { id: "AKID".to_owned(), secret: Secret::new("s"), session_token: None };
        let origin = Origin::Static(access_key);
        let common = Source { origin, role: None, region: "us-east-1".to_owned() };
        let settings = Settings {
            endpoint: endpoint.replace(REGION_PLACEHOLDER, "us-east-1").parse().unwrap(),
            endpoint_of_regions: endpoint.contains('{').then(|| endpoint.to_owned()),
            region: "us-east-1".to_owned(),
            credentials: Sources { common: Some(common), named: BTreeMap::new() },
            ca: None,
            connect_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            source_condition: SourceCondition::S3,
        };
        let metrics = Metrics::new().unwrap();
        let wallet = Wallet::open(&settings.credentials, None, &metrics).unwrap();
        Client::new(&settings, wallet).unwrap()
    }

    async fn host(client: &Client, bucket: &str) -> String {
        let now = SystemTime::UNIX_EPOCH;
        let signer = client.signer(None, now).await.unwrap();
        let (head, ()) = Request::get("/").body(()).unwrap().into_parts();
        let signing = Signing { signer: &signer, now, bucket: Some(bucket) };
        let addressed = client.sign(head, "/b/k", Outbound::empty(), signing).unwrap();
        assert_eq!(addressed.head.uri.host(), addressed.head.headers["host"].to_str().ok());
        addressed.head.headers["host"].to_str().unwrap().to_owned()
    }

    /// Whatever the backend names: its own endpoint, in another region.
    #[tokio::test]
    async fn an_endpoint_of_all_regions_follows_the_bucket() {
        let regional = client("https://s3.{region}.example.com");
        regional.regions.learn("b", &"eu-west-3".into());
        assert_eq!(host(&regional, "b").await, "s3.eu-west-3.example.com");
        assert_eq!(host(&regional, "c").await, "s3.us-east-1.example.com");
        let fixed = client("https://s3.example.com");
        fixed.regions.learn("b", &"eu-west-3".into());
        assert_eq!(host(&fixed, "b").await, "s3.example.com");
    }
}
