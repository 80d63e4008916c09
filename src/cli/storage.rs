//! The backend, for commands that look at it by themselves. Invariant: they use the configuration's
//! endpoint, credential and keyrings, and nothing else leads anywhere.

use std::{path::Path, str::FromStr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, response::Parts};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

use super::{Failure, now};
use crate::{
    config::{self, Config},
    credential::Wallet,
    keyring::Keyrings,
    s3::{BucketName, ObjectKey, Query, Resource},
    seal::Binding,
    sigv4::Signer,
    telemetry::metrics::Metrics,
    transform::seal::{Irregular, Sealing, UnsealedObjects},
    upstream::{Client, Idle, Outbound, Signing},
};

/// An object as a person names it.
#[derive(Clone, Debug)]
pub(crate) struct ObjectUrl {
    pub(crate) bucket: BucketName,
    pub(crate) key: ObjectKey,
}

/// The backend of a configuration.
pub(super) struct Storage {
    pub(super) config: Config,
    pub(super) keyrings: Keyrings,
    client: Client,
    signer: Signer,
}

impl Storage {
    /// Loads the configuration and makes ready what it names.
    pub(super) async fn open(path: &Path) -> Result<Self, Failure> {
        let config = config::load(path, now()).map_err(Failure::faults)?;
        let metrics = Metrics::new()?;
        let wallet = Wallet::open(&config.gate.upstream.credentials, None, &metrics)?;
        let client = Client::new(&config.gate.upstream, wallet)?;
        let signer = client.signer(None, now()).await?;
        let keyrings = Keyrings::open(&config.gate.keyrings, None, &metrics)?;
        Ok(Self { config, keyrings, client, signer })
    }

    /// How an object's rule seals; where none does, with whatever keyring there is.
    pub(super) fn sealing(&self, object: &ObjectUrl) -> Sealing {
        let rules = &self.config.gate.rules;
        let rule = rules.find(object.bucket.as_str(), Some(object.key.as_str()));
        match rule.and_then(|rule| rule.sealing()) {
            Some(sealing) => Sealing::clone(sealing),
            None => Sealing {
                keyrings: self.config.gate.keyrings.iter().map(|it| it.name.clone()).collect(),
                binding: Binding::default(),
                aliases: Vec::new(),
                unsealed: UnsealedObjects::Pass,
                irregular: Irregular::default(),
                kms_key_id: None,
            },
        }
    }

    /// The head of an object; none if there is no such object.
    pub(super) async fn head(
        &self,
        object: &ObjectUrl,
        version_id: Option<&str>,
    ) -> Result<Option<Parts>, Failure> {
        let answer = self.ask(Method::HEAD, object, version_id, HeaderMap::new()).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer.into_parts().0)),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(Failure::runtime(format!("{object}: the storage answered {status}"))),
        }
    }

    /// The last stored bytes of an object that has this `ETag`.
    pub(super) async fn last(
        &self,
        object: &ObjectUrl,
        version_id: Option<&str>,
        (count, etag): (u64, Option<&HeaderValue>),
    ) -> Result<Bytes, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::try_from(format!("bytes=-{count}"))?);
        headers.extend(etag.map(|etag| (header::IF_MATCH, etag.clone())));
        let answer = self.ask(Method::GET, object, version_id, headers).await?;
        if !answer.status().is_success() {
            let status = answer.status();
            return Err(Failure::runtime(format!("{object}: the storage answered {status}")));
        }
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        let body = Limited::new(answer.into_body(), most).collect().await;
        let body = body.map_err(|error| Failure::runtime(format!("{object}: {error}")))?;
        Ok(body.to_bytes())
    }

    async fn ask(
        &self,
        method: Method,
        object: &ObjectUrl,
        version_id: Option<&str>,
        headers: HeaderMap,
    ) -> Result<Response<Idle<Incoming>>, Failure> {
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = method;
        head.headers = headers;
        let path = Resource::Object(object.bucket.clone(), object.key.clone()).path();
        let target = match version_id {
            Some(id) => format!("{path}?{}", Query::of("versionId", id).encode()),
            None => path,
        };
        let bucket = Some(object.bucket.as_str());
        let signing = Signing { signer: &self.signer, now: now(), bucket };
        let signed = self.client.sign(head, &target, Outbound::empty(), signing)?;
        Ok(self.client.send(signed).await?)
    }
}

impl FromStr for ObjectUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let place = text.strip_prefix("s3://").and_then(|place| place.split_once('/'));
        let (bucket, key) = place.ok_or("write s3://BUCKET/KEY")?;
        let bucket = BucketName::parse(bucket).map_err(|error| error.to_string())?;
        let key = ObjectKey::parse(key).map_err(|error| error.to_string())?;
        Ok(Self { bucket, key })
    }
}

impl std::fmt::Display for ObjectUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket.as_str(), self.key.as_str())
    }
}
