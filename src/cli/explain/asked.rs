//! What is asked, from what was typed: a request's head and body. Invariant: nothing is added to it but
//! the host that it goes to.

use std::fs;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header, request::Parts};

use crate::{
    pipeline::Asked,
    s3::{BucketName, ObjectKey, Resource, headers::presigned},
};

/// A request as a person writes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Plain {
    pub(super) method: String,
    pub(super) url: String,
    /// `Name: value`
    pub(super) headers: Vec<String>,
    /// Or `@FILE`.
    pub(super) body: Option<String>,
    /// Whoever sends it signs it on the way.
    pub(super) signs: bool,
}

/// A request as the proxy would get it, and how.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) head: Parts,
    pub(super) body: Option<Bytes>,
    pub(super) is_https: bool,
}

impl Plain {
    /// # Errors
    ///
    /// A sentence that says what to change.
    pub(super) fn sent(&self) -> Result<Sent, String> {
        let url = match self.url.strip_prefix("s3://") {
            Some(place) => format!("https://{ANY_HOST}{}", path(place)?),
            None => self.url.clone(),
        };
        if !url.contains("://") {
            let advice = "write https://HOST/BUCKET/KEY or s3://BUCKET/KEY";
            return Err(format!("{url:?} is no URL; {advice}"));
        }
        let uri: Uri = url.parse().map_err(|error| {
            format!("{url:?} is no URL ({error}); write what is not plain ASCII as %XX")
        })?;
        let host = uri.authority().ok_or_else(|| format!("{url:?} names no host"))?.as_str();
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("{url:?} is neither https:// nor http:// nor s3://")),
        };
        let method = Method::from_bytes(self.method.as_bytes())
            .map_err(|_| format!("{:?} is no method", self.method))?;
        let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().map_err(|_| format!("{target:?} is no target"))?;
        let headers = request.headers_mut();
        for line in &self.headers {
            let (name, value) = named(line)?;
            headers.append(name, value);
        }
        if !headers.contains_key(header::HOST) {
            let host = HeaderValue::from_str(host).map_err(|_| format!("{host:?} is no host"))?;
            headers.insert(header::HOST, host);
        }
        let (head, ()) = request.into_parts();
        Ok(Sent { head, body: self.body()?, is_https })
    }

    fn body(&self) -> Result<Option<Bytes>, String> {
        match self.body.as_deref().map(|body| (body, body.strip_prefix('@'))) {
            None => Ok(None),
            Some((text, None)) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
            Some((_, Some(path))) => {
                fs::read(path).map(|body| Some(body.into())).map_err(|it| format!("{path}: {it}"))
            }
        }
    }
}

impl Sent {
    pub(super) fn host(&self) -> &str {
        let host = self.head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.unwrap_or_default();
        host.rsplit_once(':').map_or(host, |(name, _)| name)
    }

    /// The access key id of its signature, wherever that stands.
    pub(super) fn access_key_id(&self) -> Option<String> {
        let header = self.head.headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
        let in_header = header.and_then(|it| it.split_once("Credential=")).map(|(_, after)| after);
        let parameter = |name: &str| {
            let query = self.head.uri.query().unwrap_or_default();
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let credential = in_header.or_else(|| parameter(presigned::CREDENTIAL));
        let id = credential.or_else(|| parameter(presigned::ACCESS_KEY_ID_V2))?;
        let end = id.find(['/', '%', ',']).unwrap_or(id.len());
        id.get(..end).map(str::to_owned)
    }

    pub(super) fn is_presigned(&self) -> bool {
        let query = self.head.uri.query().unwrap_or_default();
        [presigned::CREDENTIAL, presigned::ACCESS_KEY_ID_V2].iter().any(|it| query.contains(it))
    }

    pub(super) fn asked(self) -> Asked {
        Asked::Request(Box::new(self.head), self.body)
    }
}

/// The resource as path style writes it. What follows a `?` goes along.
fn path(place: &str) -> Result<String, String> {
    let (place, query) = place.split_once('?').map_or((place, None), |(it, q)| (it, Some(q)));
    let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
    let bucket = BucketName::parse(bucket).map_err(|error| format!("{bucket:?}: {error}"))?;
    let resource = match key {
        "" => Resource::Bucket(bucket),
        key => {
            let key = ObjectKey::parse(key).map_err(|error| format!("{key:?}: {error}"))?;
            Resource::Object(bucket, key)
        }
    };
    Ok(match query {
        Some(query) => format!("{}?{query}", resource.path()),
        None => resource.path(),
    })
}

fn named(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let bad = || format!("{line:?} is no header; write 'Name: value'");
    let (name, value) = line.split_once(':').ok_or_else(bad)?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| bad())?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| bad())?;
    Ok((name, value))
}

/// Where `s3://` goes to: no bucket is named by it.
const ANY_HOST: &str = "s3.amazonaws.com";

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(url: &str, headers: &[&str]) -> Result<Sent, String> {
        let headers = headers.iter().map(|&header| header.to_owned()).collect();
        Plain { method: "GET".to_owned(), url: url.to_owned(), headers, ..Plain::default() }.sent()
    }

    #[test]
    fn urls_are_split_and_s3_ones_written_out() {
        for (url, host, target, is_https) in [
            ("https://h:8443/b/k?acl", "h", "/b/k?acl", true),
            ("http://h", "h", "/", false),
            ("s3://bucket/a b/ü", "s3.amazonaws.com", "/bucket/a%20b/%C3%BC", true),
            ("s3://bucket?location", "s3.amazonaws.com", "/bucket?location", true),
        ] {
            let sent = sent(url, &[]).unwrap();
            assert_eq!((sent.host(), sent.is_https), (host, is_https), "{url}");
            assert_eq!(sent.head.uri.to_string(), target, "{url}");
        }
        for url in ["", "k", "ftp://h/b", "https://h/a b", "s3://B!/k"] {
            assert!(sent(url, &[]).is_err(), "{url}");
        }
    }

    #[test]
    fn a_signature_names_its_key() {
        let header = "Authorization: AWS4-HMAC-SHA256 Credential=AKID/20300101/r/s3/aws4_request, \
                      SignedHeaders=host, Signature=0";
        assert_eq!(sent("https://h/b", &[header]).unwrap().access_key_id().unwrap(), "AKID");
        let presigned = sent("https://h/b/k?X-Amz-Credential=AKID%2F2030&X-Amz-Date=x", &[]);
        let presigned = presigned.unwrap();
        assert_eq!(presigned.access_key_id().unwrap(), "AKID");
        assert!(presigned.is_presigned());
        assert_eq!(sent("https://h/b", &[]).unwrap().access_key_id(), None);
    }
}
