//! A backend that keeps what it is given: objects, ranges of them, multipart uploads and copies, as S3 has
//! them. It can fail at any request, before or after it has done what was asked.

mod bucket;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use md5::{Digest as _, Md5};
use portcullis::s3::xml;
use tokio::sync::Notify;

use super::{Reply, Seen, Upstream, upstream::Serve};

/// What is kept.
#[derive(Default)]
pub(crate) struct Store(Mutex<Kept>);

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of some backend")]
struct Kept {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    /// Method and target of each request.
    log: Vec<String>,
    /// At which requests it fails, counted from now.
    faults: BTreeMap<usize, Fault>,
    /// Which requests it answers when it is told to, counted likewise.
    delays: BTreeMap<usize, Arc<Notify>>,
    made: usize,
    parts_per_page: usize,
    is_versioned: bool,
    gives_version_ids: bool,
    copies_no_parts: bool,
    ignores_conditions: bool,
    wants_tags_without_quotes: bool,
    loses_tags: bool,
    looks_at_what_copies_replace: bool,
    reads_conditions_as_ceph: bool,
    hides_locks: bool,
    keys_per_page: usize,
    /// What another puts where, before which request, counted likewise.
    rivals: BTreeMap<usize, (String, Object)>,
    /// The same, while which copy is made.
    rivals_of_copies: BTreeMap<usize, (String, Object)>,
    rival_of_copy: Option<(String, Object)>,
    /// What is spoilt before which request, counted likewise.
    spoilt: BTreeMap<usize, String>,
    /// What is deleted before which request, counted likewise.
    deleted: BTreeMap<usize, String>,
}

/// An object as it is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    pub(crate) etag: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) version_id: Option<String>,
}

#[derive(Default)]
struct Upload {
    path: String,
    headers: Vec<(String, String)>,
    parts: BTreeMap<u16, (Vec<u8>, String)>,
}

/// How a request fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// 500, and nothing was done.
    Refuses,
    /// The connection ends, and nothing was done.
    HangsUp,
    /// The connection ends, and it was done.
    HangsUpAfterwards,
}

impl Store {
    pub(crate) fn new() -> Arc<Self> {
        let store = Self::default();
        store.kept().parts_per_page = 1000;
        store.kept().keys_per_page = 1000;
        Arc::new(store)
    }

    pub(crate) async fn start(self: &Arc<Self>) -> Upstream {
        Upstream::serving(Arc::clone(self) as Arc<dyn Serve>).await
    }

    /// The request after so many more fails.
    pub(crate) fn fails_after(&self, requests: usize, fault: Fault) {
        self.kept().faults.insert(requests, fault);
    }

    /// The request after so many more is answered only then.
    pub(crate) fn waits_after(&self, requests: usize, notified: &Arc<Notify>) {
        self.kept().delays.insert(requests, Arc::clone(notified));
    }

    pub(crate) fn lists_parts_by(&self, each: usize) {
        self.kept().parts_per_page = each;
    }

    pub(crate) fn is_versioned(&self) {
        self.kept().is_versioned = true;
    }

    /// As some backends, it has an id for each write, and keeps none of the older ones.
    pub(crate) fn gives_version_ids(&self) {
        self.kept().gives_version_ids = true;
    }

    /// As some backends, it cannot make parts of stored bytes.
    pub(crate) fn copies_no_parts(&self) {
        self.kept().copies_no_parts = true;
    }

    /// As some backends, it looks at no condition on a write.
    pub(crate) fn ignores_conditions(&self) {
        self.kept().ignores_conditions = true;
    }

    /// As some backends, it compares what a condition says with a tag that has no quotes.
    pub(crate) fn wants_tags_without_quotes(&self) {
        self.kept().wants_tags_without_quotes = true;
    }

    /// As some backends, it copies no tags, whatever is said of them.
    pub(crate) fn loses_tags(&self) {
        self.kept().loses_tags = true;
    }

    /// As S3, it looks at `If-Match` of a copy.
    pub(crate) fn looks_at_what_copies_replace(&self) {
        self.kept().looks_at_what_copies_replace = true;
    }

    /// As Ceph RGW, it knows the condition on a copy's source by another name.
    pub(crate) fn reads_conditions_as_ceph(&self) {
        self.kept().reads_conditions_as_ceph = true;
    }

    /// Objects can be locked, and heads tell nothing of it, as to those who may not read locks.
    pub(crate) fn hides_locks(&self) {
        self.kept().hides_locks = true;
    }

    pub(crate) fn lists_keys_by(&self, each: usize) {
        self.kept().keys_per_page = each;
    }

    /// Before the request after so many more, another puts this there.
    pub(crate) fn comes_between(&self, requests: usize, path: &str, object: Object) {
        self.kept().rivals.insert(requests, (path.to_owned(), object));
    }

    /// While the copy after so many more requests is made, another puts this there.
    pub(crate) fn comes_within(&self, requests: usize, path: &str, object: Object) {
        self.kept().rivals_of_copies.insert(requests, (path.to_owned(), object));
    }

    /// Before the request after so many more, a byte of this object becomes another.
    pub(crate) fn spoils_after(&self, requests: usize, path: &str) {
        self.kept().spoilt.insert(requests, path.to_owned());
    }

    /// Before the request after so many more, another deletes this object.
    pub(crate) fn is_deleted_after(&self, requests: usize, path: &str) {
        self.kept().deleted.insert(requests, path.to_owned());
    }

    /// What has been asked for since this was asked last.
    pub(crate) fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.kept().log)
    }

    pub(crate) fn object(&self, path: &str) -> Option<Object> {
        self.kept().objects.get(path).cloned()
    }

    /// Puts an object there, whatever was there before.
    pub(crate) fn put(&self, path: &str, object: Object) {
        self.kept().objects.insert(path.to_owned(), object);
    }

    /// The parts of the only upload there is.
    pub(crate) fn parts(&self) -> Vec<(u16, usize)> {
        let kept = self.kept();
        assert_eq!(kept.uploads.len(), 1);
        let parts = kept.uploads.values().flat_map(|upload| &upload.parts);
        parts.map(|(number, (body, _))| (*number, body.len())).collect()
    }

    /// The stored parts of the only upload there is.
    pub(crate) fn upload_parts(&self) -> BTreeMap<u16, Vec<u8>> {
        let kept = self.kept();
        let parts = kept.uploads.values().flat_map(|upload| &upload.parts);
        parts.map(|(number, (body, _))| (*number, body.clone())).collect()
    }

    pub(crate) fn uploads(&self) -> usize {
        self.kept().uploads.len()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap()
    }
}

impl Serve for Store {
    fn serve(&self, request: &Seen) -> Reply {
        let mut kept = self.kept();
        kept.log.push(format!("{} {}", request.method, request.target));
        if let Some((path, object)) = next(&mut kept.rivals) {
            kept.objects.insert(path, object);
        }
        kept.rival_of_copy = next(&mut kept.rivals_of_copies);
        if let Some(path) = next(&mut kept.spoilt)
            && let Some(byte) = kept.objects.get_mut(&path).and_then(|it| it.body.last_mut())
        {
            *byte ^= 1;
        }
        if let Some(path) = next(&mut kept.deleted) {
            kept.objects.remove(&path);
        }
        let (fault, delay) = (next(&mut kept.faults), next(&mut kept.delays));
        let reply = match fault {
            Some(Fault::Refuses) => error("500 Internal Server Error", "InternalError"),
            Some(Fault::HangsUp) => Reply::hang_up(),
            Some(Fault::HangsUpAfterwards) => {
                kept.answer(request);
                Reply::hang_up()
            }
            None => kept.answer(request),
        };
        match delay {
            Some(notified) => reply.waiting_for(notified),
            None => reply,
        }
    }
}

/// What is to be done with this request; the others come one earlier from now on.
fn next<T>(planned: &mut BTreeMap<usize, T>) -> Option<T> {
    let now = planned.remove(&0);
    let later = std::mem::take(planned).into_iter();
    *planned = later.map(|(after, it)| (after - 1, it)).collect();
    now
}

impl Kept {
    fn answer(&mut self, request: &Seen) -> Reply {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let query: BTreeMap<_, _> =
            query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let upload_id = query.get("uploadId").copied();
        let number = query.get("partNumber").map(|number| number.parse::<u16>().unwrap());
        match (request.method.as_str(), upload_id, number) {
            ("POST", None, _) if query.contains_key("uploads") => self.create(path, request),
            ("POST", Some(id), _) => self.complete(id, path, request),
            ("PUT", Some(_), _)
                if self.copies_no_parts && request.header("x-amz-copy-source").is_some() =>
            {
                error("501 Not Implemented", "NotImplemented")
            }
            ("PUT", Some(id), Some(number)) => self.put_part((id, path), number, request),
            ("GET", Some(id), _) => self.list(id, path, &query),
            ("DELETE", Some(id), _) => {
                self.uploads.remove(id);
                Reply::status("204 No Content")
            }
            ("GET", None, _) if query.contains_key("versioning") => self.versioning(),
            ("GET", None, _) if query.contains_key("list-type") => self.list_keys(path, &query),
            ("GET", None, _) if query.contains_key("versions") => self.list_versions(path),
            ("GET", None, _) if query.contains_key("acl") => self.acl(path),
            ("GET", None, _) if query.contains_key("tagging") => self.tagging(path),
            ("GET", None, _) if query.contains_key("object-lock") => self.object_lock(),
            ("GET", None, _) if query.contains_key("retention") => self.retention(path),
            ("GET", None, _) if query.contains_key("legal-hold") => self.legal_hold(path),
            ("GET" | "HEAD", None, _) => self.get(path, request),
            ("PUT", None, _) if query.contains_key("tagging") => self.put_tagging(path, request),
            ("PUT", None, _) if request.header("x-amz-copy-source").is_some() => {
                self.copy(path, request)
            }
            ("PUT", None, _) if self.is_unwanted(path, request) => {
                error("412 Precondition Failed", "PreconditionFailed")
            }
            ("PUT", None, _) => {
                let object = Object {
                    etag: quoted(&request.body),
                    body: request.body.clone(),
                    headers: kept_headers(request),
                    version_id: None,
                };
                self.store(path, object)
            }
            ("DELETE", None, _) => {
                self.objects.remove(path);
                Reply::status("204 No Content")
            }
            other => panic!("{other:?} {}", request.target),
        }
    }

    fn create(&mut self, path: &str, request: &Seen) -> Reply {
        self.made += 1;
        let id = format!("upload{}", self.made);
        let headers = kept_headers(request);
        let upload = Upload { path: path.to_owned(), headers, parts: BTreeMap::new() };
        self.uploads.insert(id.clone(), upload);
        Reply::ok().body(format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ))
    }

    fn upload(&mut self, id: &str, path: &str) -> Result<&mut Upload, Reply> {
        let upload = self.uploads.get_mut(id).filter(|upload| upload.path == path);
        upload.ok_or_else(|| error("404 Not Found", "NoSuchUpload"))
    }

    fn put_part(&mut self, (id, path): (&str, &str), number: u16, request: &Seen) -> Reply {
        let copied = request.header("x-amz-copy-source").map(|source| {
            let source = self.objects.get(source).cloned();
            let source = source.ok_or_else(|| error("404 Not Found", "NoSuchKey"))?;
            if request.header("x-amz-copy-source-if-match").is_some_and(|tag| tag != source.etag) {
                return Err(error("412 Precondition Failed", "PreconditionFailed"));
            }
            let range = request.header("x-amz-copy-source-range").and_then(inclusive);
            let (first, last) = range.unwrap_or((0, source.body.len() - 1));
            Ok(source.body.get(first..=last).unwrap().to_vec())
        });
        let (body, is_copied) = match copied.transpose() {
            Ok(Some(body)) => (body, true),
            Ok(None) => (request.body.clone(), false),
            Err(refusal) => return refusal,
        };
        let etag = quoted(&body);
        match self.upload(id, path) {
            Err(refusal) => refusal,
            Ok(upload) => {
                upload.parts.insert(number, (body, etag.clone()));
                if is_copied {
                    return Reply::ok()
                        .body(format!("<CopyPartResult><ETag>{etag}</ETag></CopyPartResult>"));
                }
                Reply::status("200 OK").header("etag", &etag)
            }
        }
    }

    fn list(&mut self, id: &str, path: &str, query: &BTreeMap<&str, &str>) -> Reply {
        let each = self.parts_per_page;
        let marker = query.get("part-number-marker").map_or(0, |marker| marker.parse().unwrap());
        match self.upload(id, path) {
            Err(refusal) => refusal,
            Ok(upload) => {
                let mut left = upload.parts.range(marker + 1..);
                let page: Vec<_> = left.by_ref().take(each).collect();
                let mut text = format!("<ListPartsResult><UploadId>{id}</UploadId>");
                for (number, (body, etag)) in &page {
                    let (etag, size) = (xml::escape(etag), body.len());
                    let _ = write!(
                        text,
                        "<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>\
                         <Size>{size}</Size></Part>"
                    );
                }
                let last = page.last().map_or(0, |(number, _)| **number);
                let is_truncated = left.next().is_some();
                let _ = write!(
                    text,
                    "<NextPartNumberMarker>{last}</NextPartNumberMarker>\
                     <IsTruncated>{is_truncated}</IsTruncated></ListPartsResult>"
                );
                Reply::ok().body(text)
            }
        }
    }

    fn complete(&mut self, id: &str, path: &str, request: &Seen) -> Reply {
        let listed = xml::completed_parts(&request.body).unwrap();
        let upload = match self.upload(id, path) {
            Err(refusal) => return refusal,
            Ok(upload) => upload,
        };
        let (mut body, mut digests) = (Vec::new(), Vec::new());
        for (place, part) in listed.iter().enumerate() {
            let Some((bytes, etag)) = upload.parts.get(&part.number) else {
                return error("400 Bad Request", "InvalidPart");
            };
            if *etag.trim_matches('"') != *part.etag.trim_matches('"') {
                return error("400 Bad Request", "InvalidPart");
            }
            if place + 1 < listed.len() && bytes.len() < 5 << 20 {
                return error("400 Bad Request", "EntityTooSmall");
            }
            body.extend_from_slice(bytes);
            digests.extend_from_slice(&Md5::digest(bytes));
        }
        let headers = upload.headers.clone();
        if self.is_unwanted(path, request) {
            return error("412 Precondition Failed", "PreconditionFailed");
        }
        self.uploads.remove(id);
        let etag = format!("\"{}-{}\"", hex::encode(Md5::digest(&digests)), listed.len());
        let (object, tag) =
            (Object { body, etag: etag.clone(), headers, version_id: None }, xml::escape(&etag));
        let document = format!(
            "<?xml version=\"1.0\"?>\n<CompleteMultipartUploadResult><Location>http://backend/\
             </Location><ETag>{tag}</ETag></CompleteMultipartUploadResult>"
        );
        self.store(path, object).body(document)
    }

    /// Whether a condition on what a write replaces does not hold.
    fn is_unwanted(&self, path: &str, request: &Seen) -> bool {
        let is_bare = self.wants_tags_without_quotes;
        let bare = |etag| if is_bare { str::trim_matches(etag, '"') } else { etag };
        let present = self.objects.get(path).map(|object| bare(object.etag.as_str()));
        let if_match = request.header("if-match");
        let is_unwanted = if_match.is_some() && if_match != present
            || request.header("if-none-match").is_some() && present.is_some();
        is_unwanted && !self.ignores_conditions
    }

    fn store(&mut self, path: &str, mut object: Object) -> Reply {
        let mut reply = Reply::status("200 OK").header("etag", &object.etag);
        if self.is_versioned || self.gives_version_ids {
            self.made += 1;
            let version_id = format!("version{}", self.made);
            reply = reply.header("x-amz-version-id", &version_id);
            object.version_id = Some(version_id);
        }
        self.objects.insert(path.to_owned(), object);
        reply
    }

    fn versioning(&self) -> Reply {
        let status = if self.is_versioned { "<Status>Enabled</Status>" } else { "" };
        Reply::ok().body(format!("<VersioningConfiguration>{status}</VersioningConfiguration>"))
    }

    fn get(&self, path: &str, request: &Seen) -> Reply {
        let Some(object) = self.objects.get(path) else {
            return error("404 Not Found", "NoSuchKey");
        };
        if request.header("if-match").is_some_and(|etag| etag != object.etag) {
            return error("412 Precondition Failed", "PreconditionFailed");
        }
        let size = object.body.len();
        let range = request.header("range").map(|range| bounds(range, size));
        let mut reply = match range {
            None => Reply::status("200 OK").body(object.body.clone()),
            Some((first, last)) if first <= last => Reply::status("206 Partial Content")
                .header("content-range", &format!("bytes {first}-{last}/{size}"))
                .body(object.body.get(first..=last).unwrap()),
            Some(_) => {
                return Reply::status("416 Range Not Satisfiable")
                    .header("content-range", &format!("bytes */{size}"));
            }
        };
        reply = reply.header("etag", &object.etag);
        if let Some(version_id) = &object.version_id {
            reply = reply.header("x-amz-version-id", version_id);
        }
        for (name, value) in &object.headers {
            if !(self.hides_locks && name.starts_with("x-amz-object-lock-")) {
                reply = reply.header(name, value);
            }
        }
        reply
    }
}

/// Metadata, and what else an object is described by.
fn kept_headers(request: &Seen) -> Vec<(String, String)> {
    let is_kept = |name: &str| {
        name.starts_with("x-amz-meta-")
            || name.starts_with("x-amz-grant-")
            || ["content-type", "cache-control", "x-amz-acl", "x-amz-tagging"].contains(&name)
    };
    request.headers.iter().filter(|(name, _)| is_kept(name)).cloned().collect()
}

/// First and last byte of a satisfiable range, or the other way round.
fn bounds(range: &str, size: usize) -> (usize, usize) {
    let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first < size => (first, last.min(size - 1)),
        (Ok(first), Err(_)) if first < size => (first, size - 1),
        (Err(_), Ok(count)) => (size.saturating_sub(count), size - 1),
        _ => (1, 0),
    }
}

fn inclusive(range: &str) -> Option<(usize, usize)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn quoted(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Md5::digest(body)))
}

fn error(status: &str, code: &str) -> Reply {
    Reply::status(status)
        .header("content-type", "application/xml")
        .body(format!("<Error><Code>{code}</Code><Message>the backend's</Message></Error>"))
}
