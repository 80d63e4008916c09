//! A backend for copies: objects, their versions, tags and keys of clients', conditions on all of them, and
//! copies. Multipart uploads are those of the other store. A test can come between any two requests.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex},
};

use md5::{Digest as _, Md5};

use crate::support::{Reply, Seen, store, upstream::Serve};

/// What answers, and what a test does in between.
#[derive(Default)]
pub(crate) struct Backend(Mutex<(Store, Option<Between>)>);

/// What happens before the next request of this method is answered: it may be answered so.
type Between = (&'static str, Box<dyn FnOnce(&mut Store) -> Option<Reply> + Send>);

/// Objects by bucket and key.
pub(crate) struct Store {
    objects: BTreeMap<String, Vec<Object>>,
    uploads: Arc<store::Store>,
    pub(crate) is_versioned: bool,
    /// Answers to HEAD tell of tags, too.
    pub(crate) counts_tags: bool,
    made: usize,
}

impl Backend {
    /// Looks at what is kept, or changes it.
    pub(crate) fn store<T>(&self, look: impl FnOnce(&mut Store) -> T) -> T {
        look(&mut self.0.lock().unwrap().0)
    }

    /// Comes before the answer to the next request of this method.
    pub(crate) fn before(
        &self,
        method: &'static str,
        between: impl FnOnce(&mut Store) -> Option<Reply> + Send + 'static,
    ) {
        self.0.lock().unwrap().1 = Some((method, Box::new(between)));
    }
}

impl Serve for Backend {
    fn serve(&self, request: &Seen) -> Reply {
        let (store, between) = &mut *self.0.lock().unwrap();
        let between = between.take_if(|(method, _)| *method == request.method);
        let told = between.and_then(|(_, between)| between(store));
        told.unwrap_or_else(|| store.answer(request))
    }
}

/// One version of an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    pub(crate) version: String,
    /// What is given back with it.
    pub(crate) headers: Vec<(String, String)>,
    /// What was said of it besides: how it is kept.
    pub(crate) kept: Vec<(String, String)>,
    /// The digest of the key that reads have to bring.
    pub(crate) key_md5: Option<String>,
    pub(crate) tags: Option<String>,
    pub(crate) body: Vec<u8>,
    /// Of an upload.
    pub(crate) etag: Option<String>,
}

impl Object {
    pub(crate) fn etag(&self) -> String {
        let of_body = || format!("\"{}\"", hex::encode(Md5::digest(&self.body)));
        self.etag.clone().unwrap_or_else(of_body)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let all = self.headers.iter().chain(&self.kept);
        all.rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Puts another value in the place of this one.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            uploads: store::Store::new(),
            is_versioned: false,
            counts_tags: false,
            made: 0,
        }
    }
}

impl Store {
    /// The newest version of an object, such as `bucket/key`.
    pub(crate) fn find(&mut self, name: &str) -> Option<&mut Object> {
        self.objects.get_mut(name).and_then(|versions| versions.last_mut())
    }

    /// Keeps an object, as it comes from elsewhere.
    pub(crate) fn keep(&mut self, name: &str, mut object: Object) -> String {
        self.made += 1;
        object.version = format!("v{}", self.made);
        let version = object.version.clone();
        let versions = self.objects.entry(name.to_owned()).or_default();
        if !self.is_versioned {
            versions.clear();
        }
        versions.push(object);
        version
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.objects.remove(name);
    }

    /// Answers like S3.
    pub(crate) fn answer(&mut self, request: &Seen) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let name = decode(path.trim_start_matches('/'));
        let version = parameter(query, "versionId");
        match request.method.as_str() {
            _ if query.contains("versioning") => self.uploads.serve(request),
            _ if query.contains("upload") => self.upload(request, &name, path),
            "GET" if query.contains("tagging") => self.tags(&name, version.as_deref()),
            "GET" | "HEAD" => self.read(request, &name, version.as_deref()),
            "PUT" if request.header("x-amz-copy-source").is_some() => self.copy(request, &name),
            "PUT" => self.put(request, &name),
            other => panic!("the store knows no {other} {}", request.target),
        }
    }

    /// What an upload is completed to is kept here.
    fn upload(&mut self, request: &Seen, name: &str, path: &str) -> Reply {
        if let Some(source) = request.header("x-amz-copy-source") {
            let source = decode(source.split('?').next().unwrap().trim_start_matches('/'));
            let Some(object) = self.find(&source).cloned() else { return no_such_key() };
            if let Some(refusal) = refuse(request, &object, "x-amz-copy-source-") {
                return refusal;
            }
            let lent = store::Object {
                etag: object.etag(),
                body: object.body,
                ..store::Object::default()
            };
            self.uploads.put(request.header("x-amz-copy-source").unwrap(), lent);
        }
        let reply = self.uploads.serve(request);
        if let Some(store::Object { body, etag, headers, .. }) =
            Some(request).filter(|it| it.method == "POST").and_then(|_| self.uploads.object(path))
        {
            let etag = Some(etag);
            self.keep(name, Object { headers, body, etag, ..Object::default() });
        }
        reply
    }

    fn version(&self, name: &str, version: Option<&str>) -> Option<&Object> {
        let versions = self.objects.get(name)?;
        match version {
            Some(version) => versions.iter().find(|object| object.version == version),
            None => versions.last(),
        }
    }

    fn read(&self, request: &Seen, name: &str, version: Option<&str>) -> Reply {
        let Some(object) = self.version(name, version) else { return no_such_key() };
        if let Some(refusal) = refuse(request, object, "") {
            return refusal;
        }
        let range = request.header("range").map(|range| slice(range, object.body.len()));
        let (status, body) = match &range {
            None => ("200 OK", object.body.clone()),
            Some(range) => {
                ("206 Partial Content", object.body.get(range.clone()).unwrap().to_vec())
            }
        };
        let mut reply = Reply::status(status)
            .header("etag", &object.etag())
            .header("last-modified", MODIFIED)
            .body(body);
        if let Some(Range { start, end }) = range {
            let said = format!("bytes {start}-{}/{}", end - 1, object.body.len());
            reply = reply.header("content-range", &said);
        }
        for (name, value) in &object.headers {
            reply = reply.header(name, value);
        }
        if self.is_versioned {
            reply = reply.header("x-amz-version-id", &object.version);
        }
        if object.tags.is_some() && (self.counts_tags || request.method == "GET") {
            reply = reply.header("x-amz-tagging-count", "1");
        }
        reply
    }

    fn tags(&self, name: &str, version: Option<&str>) -> Reply {
        let Some(object) = self.version(name, version) else { return no_such_key() };
        let tags = object.tags.as_deref().unwrap_or_default();
        let tags = tags.split('&').filter_map(|tag| tag.split_once('='));
        let tags: String = tags
            .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"))
            .collect();
        let root = "<Tagging xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
        Reply::status("200 OK").body(format!("{root}<TagSet>{tags}</TagSet></Tagging>"))
    }

    fn put(&mut self, request: &Seen, name: &str) -> Reply {
        if request.header("if-none-match") == Some("*") && self.find(name).is_some() {
            return error("412 Precondition Failed", "PreconditionFailed");
        }
        let object = Object { body: request.body.clone(), ..described(request) };
        let etag = object.etag();
        let version = self.keep(name, object);
        let reply = Reply::status("200 OK").header("etag", &etag);
        if self.is_versioned { reply.header("x-amz-version-id", &version) } else { reply }
    }

    fn copy(&mut self, request: &Seen, name: &str) -> Reply {
        let source = request.header("x-amz-copy-source").unwrap();
        let (from, query) = source.split_once('?').unwrap_or((source, ""));
        let from = decode(from.trim_start_matches('/'));
        let version = parameter(query, "versionId");
        let Some(object) = self.version(&from, version.as_deref()).cloned() else {
            return no_such_key();
        };
        if let Some(refusal) = refuse(request, &object, "x-amz-copy-source-") {
            return refusal;
        }
        let replaces = |name| request.header(name) == Some("REPLACE");
        if from == name && !replaces("x-amz-metadata-directive") {
            return error("400 Bad Request", "InvalidRequest");
        }
        let mut copy = described(request);
        if !replaces("x-amz-metadata-directive") {
            copy.headers.clone_from(&object.headers);
        }
        if !replaces("x-amz-tagging-directive") {
            copy.tags.clone_from(&object.tags);
        }
        copy.body.clone_from(&object.body);
        let etag = copy.etag().replace('"', "&quot;");
        let made = self.keep(name, copy);
        let mut reply = Reply::status("200 OK").header("content-type", "application/xml");
        if self.is_versioned {
            reply = reply
                .header("x-amz-version-id", &made)
                .header("x-amz-copy-source-version-id", &object.version);
        }
        reply.body(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CopyObjectResult>\
             <LastModified>2026-01-31T12:00:00.000Z</LastModified><ETag>{etag}</ETag>\
             <ChecksumCRC32>AAAAAA==</ChecksumCRC32></CopyObjectResult>"
        ))
    }
}

/// Conditions, and keys of the client's: `prefix` stands before those that are on a copy's source.
fn refuse(request: &Seen, object: &Object, prefix: &str) -> Option<Reply> {
    let header = |name: &str| request.header(&format!("{prefix}{name}"));
    let key_name = match prefix {
        "" => "x-amz-server-side-encryption-customer-key-md5",
        _ => "x-amz-copy-source-server-side-encryption-customer-key-md5",
    };
    if request.header(key_name) != object.key_md5.as_deref() {
        return Some(error("400 Bad Request", "InvalidRequest"));
    }
    let etag = object.etag();
    let has = |list: &str| list == "*" || list.contains(&etag);
    let failed = header("if-match").is_some_and(|list| !has(list))
        || (header("if-match").is_none()
            && header("if-unmodified-since").is_some_and(|date| date == BEFORE));
    if failed {
        return Some(error("412 Precondition Failed", "PreconditionFailed"));
    }
    let unmodified = header("if-none-match").is_some_and(has)
        || (header("if-none-match").is_none()
            && header("if-modified-since").is_some_and(|date| date == AFTER));
    match (unmodified, prefix) {
        (false, _) => None,
        (true, "") => Some(Reply::status("304 Not Modified").header("etag", &etag)),
        (true, _) => Some(error("412 Precondition Failed", "PreconditionFailed")),
    }
}

/// An object without content, as a request describes it.
fn described(request: &Seen) -> Object {
    let is_metadata =
        |name: &str| name.starts_with("x-amz-meta-") || SYSTEM_METADATA.contains(&name);
    let (headers, others): (Vec<_>, Vec<_>) =
        request.headers.iter().cloned().partition(|(name, _)| is_metadata(name));
    let kept = others.into_iter().filter(|(name, _)| name.starts_with("x-amz-")).collect();
    let key_md5 = request.header("x-amz-server-side-encryption-customer-key-md5");
    Object {
        headers,
        kept,
        key_md5: key_md5.map(str::to_owned),
        tags: request.header("x-amz-tagging").map(str::to_owned),
        ..Object::default()
    }
}

pub(crate) fn error(status: &str, code: &str) -> Reply {
    let document =
        format!("<Error><Code>{code}</Code><Message>the store's words</Message></Error>");
    Reply::status(status).body(document)
}

fn no_such_key() -> Reply {
    error("404 Not Found", "NoSuchKey")
}

fn slice(range: &str, size: usize) -> Range<usize> {
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => first..size.min(last + 1),
        (Ok(first), Err(_)) => first..size,
        (Err(_), last) => size.saturating_sub(last.unwrap())..size,
    }
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(known, _)| *known == name).map(|(_, value)| decode(value)).next()
}

const SYSTEM_METADATA: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];
/// Every object is of this time.
const MODIFIED: &str = "Sat, 31 Jan 2026 12:00:00 GMT";
/// For conditions.
pub(crate) const BEFORE: &str = "Fri, 30 Jan 2026 12:00:00 GMT";
pub(crate) const AFTER: &str = "Sun, 01 Feb 2026 12:00:00 GMT";
