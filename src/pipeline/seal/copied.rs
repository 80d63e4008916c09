//! Answers to copies, in the client's terms. Invariant: the entity tag in them is the one that reads of
//! the copy show, and no checksum is that of what is stored.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, response::Parts};
use time::{OffsetDateTime, format_description::well_known::Rfc2822, macros::format_description};

use super::{
    super::{
        authorize::Authorized,
        document, relay,
        reply::ReplyBody,
        rescue::{self, Error},
        trace::Trace,
        working::FIRST_WORD,
    },
    courier::Courier,
};
use crate::{
    s3::{headers, xml},
    telemetry::metrics::Metrics,
    transform::etag::{self, Tagged},
};

/// A copy that the storage makes.
#[derive(Clone, Copy, Debug)]
pub(in crate::pipeline) struct StoredCopy {
    /// How its tag is shown; `None`: as the storage shows it.
    pub(super) tagged: Option<Tagged>,
    /// Whether a condition that fails can be the proxy's own alone: that the source is what it was.
    pub(in crate::pipeline) is_guarded: bool,
}

/// An upload that stands for a copy.
#[derive(Debug)]
pub(in crate::pipeline) struct Bringing {
    pub(super) authorized: Authorized,
    pub(super) is_part: bool,
    /// The version that is copied.
    pub(super) source_version: Option<HeaderValue>,
    /// Asks for the copy.
    pub(super) copy: Courier,
}

impl StoredCopy {
    /// The document of the storage's answer, in the client's terms. Other documents, an `<Error>` among
    /// them, stay as they are.
    pub(in crate::pipeline) fn translate(self, document: &Bytes) -> Bytes {
        let found = ROOTS.iter().zip(self.tagged.iter().cycle()).find_map(|(root, tagged)| {
            let (etag, range) = xml::locate(document, root, "ETag").ok()?;
            Some((*root, etag::shown(&etag, *tagged).into_owned(), range))
        });
        let Some((root, etag, range)) = found else { return document.clone() };
        if self.tagged == Some(Tagged::Sealed) {
            let modified = xml::find(document, root, "LastModified").ok().flatten();
            let modified = modified.map(|(text, _)| text).unwrap_or_default();
            return result(root, &etag, &modified).into();
        }
        let around = document.get(..range.start).zip(document.get(range.end..));
        let Some((before, after)) = around else { return document.clone() };
        [before, xml::escape(&etag).as_bytes(), after].concat().into()
    }
}

impl Bringing {
    /// Uploads, and answers as S3 answers copies: soon, whatever there is to copy. If the client leaves,
    /// the upload is cut off.
    pub(in crate::pipeline) async fn reply(
        self,
        trace: &Trace,
    ) -> Result<Response<ReplyBody>, Error> {
        let request_id = self.authorized.context.request_id.clone();
        let mut work = Box::pin(self.run(Arc::clone(trace.metrics())));
        if let Ok(done) = tokio::time::timeout(FIRST_WORD, &mut work).await {
            return done
                .map(|(head, document)| Response::from_parts(head, ReplyBody::text(document)));
        }
        let alarm = trace.alarm(StatusCode::OK.as_u16());
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(XML));
        headers
            .extend(HeaderValue::try_from(&request_id).map(|id| (headers::X_AMZ_REQUEST_ID, id)));
        let document = async move {
            let error = match work.await {
                Ok((_, document)) if !document.is_empty() => return document,
                Ok((head, _)) => Error::Unreadable(format!("{} without a word", head.status)),
                Err(error) => error,
            };
            let document = rescue::told(&error);
            alarm.fail(document.code, &error);
            document.to_xml(&request_id, rescue::HOST_ID).into()
        };
        let mut reply = Response::new(ReplyBody::working(document));
        *reply.headers_mut() = headers;
        Ok(reply)
    }

    /// The answer to the copy, from that to the upload.
    async fn run(self, metrics: Arc<Metrics>) -> Result<(Parts, Bytes), Error> {
        let Self { authorized, is_part, source_version, mut copy } = self;
        let answered = authorized.prepare()?.send(&metrics).await?;
        let (mut head, body) = answered.response.into_parts();
        relay::strip(&mut head.headers);
        if !head.status.is_success() {
            let document = document::read(body, ERROR_BYTES_MAX).await.unwrap_or_default();
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(document.len()));
            return Ok((head, document));
        }
        let stored = head.headers.get(header::ETAG).cloned();
        let stored =
            stored.ok_or_else(|| Error::Unreadable("an upload without an ETag".to_owned()))?;
        let modified = modified(&mut copy, &head.headers, &stored, is_part).await;
        if let Some(presentation) = answered.presentation {
            presentation.apply(&mut head.headers);
        }
        headers::remove_checksums(&mut head.headers);
        // A copy's tag stands in its document.
        let shown = head.headers.remove(header::ETAG).unwrap_or(stored);
        let shown = String::from_utf8_lossy(shown.as_bytes());
        let root = if is_part { PART_ROOT } else { ROOT };
        let document = format!("{DECLARATION}{}", result(root, &shown, &instant(modified)));
        if let Some(version) = source_version {
            head.headers.insert(headers::X_AMZ_COPY_SOURCE_VERSION_ID, version);
        }
        head.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(XML));
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(document.len()));
        Ok((head, document.into()))
    }
}

/// When a copy was made. Answers to uploads do not say, so the copy is asked; parts cannot be, and where
/// nothing comes of it, the time of the answer is near enough.
async fn modified(
    copy: &mut Courier,
    answer: &HeaderMap,
    etag: &HeaderValue,
    is_part: bool,
) -> OffsetDateTime {
    if !is_part {
        let version_id = answer.get(headers::X_AMZ_VERSION_ID).map(HeaderValue::to_str);
        copy.version_id = version_id.and_then(Result::ok).map(str::to_owned);
        let condition = HeaderMap::from_iter([(header::IF_MATCH, etag.clone())]);
        if let Ok(head) = copy.head_if(&condition).await
            && head.status == StatusCode::OK
            && let Some(modified) = date(&head.headers, &header::LAST_MODIFIED)
        {
            return modified;
        }
    }
    let now = copy.sender.context.time();
    date(answer, &header::DATE).unwrap_or_else(|| OffsetDateTime::from(now))
}

/// The document, without a declaration.
fn result(root: &str, etag: &str, modified: &str) -> String {
    let (etag, modified) = (xml::escape(etag), xml::escape(modified));
    format!(
        "<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
         <LastModified>{modified}</LastModified><ETag>{etag}</ETag></{root}>"
    )
}

fn date(received: &HeaderMap, name: &http::HeaderName) -> Option<OffsetDateTime> {
    let text = received.get(name)?.to_str().ok()?;
    OffsetDateTime::parse(text, &Rfc2822).ok()
}

fn instant(at: OffsetDateTime) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

const ROOT: &str = "CopyObjectResult";
const PART_ROOT: &str = "CopyPartResult";
const ROOTS: [&str; 2] = [ROOT, PART_ROOT];
const XML: &str = "application/xml";
/// Of a backend's error; S3's have less than 1 KiB.
const ERROR_BYTES_MAX: usize = 64 * 1024;
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn translate(tagged: Tagged, document: &str) -> String {
        let copy = StoredCopy { tagged: Some(tagged), is_guarded: false };
        let document = copy.translate(&Bytes::copy_from_slice(document.as_bytes()));
        String::from_utf8(document.to_vec()).unwrap()
    }

    const ANSWER: &str = "<CopyObjectResult><LastModified>2026-01-31T12:00:00.000Z</LastModified>\
                          <ETag>&quot;abc&quot;</ETag><ChecksumCRC32>AAAAAA==</ChecksumCRC32>\
                          </CopyObjectResult>";

    #[test]
    fn a_sealed_copy_has_the_tag_of_a_sealed_object_and_no_checksum_of_its_records() {
        let expected = "<CopyObjectResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                        <LastModified>2026-01-31T12:00:00.000Z</LastModified>\
                        <ETag>&quot;abc-1&quot;</ETag></CopyObjectResult>";
        assert_eq!(translate(Tagged::Sealed, ANSWER), expected);
        let part = ANSWER.replace("CopyObjectResult", "CopyPartResult");
        let expected = expected.replace("CopyObjectResult", "CopyPartResult");
        assert_eq!(translate(Tagged::Sealed, &part), expected);
    }

    #[test]
    fn whatever_else_comes_stays() {
        assert_eq!(translate(Tagged::Plain, ANSWER), ANSWER);
        let tagged = ANSWER.replace("abc", "abc-1");
        let expected = ANSWER.replace("abc", "abc-1-1");
        assert_eq!(translate(Tagged::Plain, &tagged), expected);
        for document in ["<Error><Code>SlowDown</Code></Error>", "<CopyObjectResult>", ""] {
            assert_eq!(translate(Tagged::Sealed, document), document);
        }
    }

    #[test]
    fn times_are_told_as_s3_tells_them() {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, HeaderValue::from_static("Sat, 31 Jan 2026 12:00:00 GMT"));
        let told = date(&headers, &header::DATE).map(instant);
        assert_eq!(told.as_deref(), Some("2026-01-31T12:00:00.000Z"));
    }
}
