//! The answers to `CompleteMultipartUpload` and to copies. Backends begin them before they are done, and
//! keep the connection alive with blanks until they are. Invariant: blanks pass as they come, and the
//! document that follows is held back to its end and mended: the client sees no address of the
//! backend, and no tag of its own.

use std::{
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http::header;
use http_body::{Body, Frame, SizeHint};

use super::{receive::Context, seal::StoredCopy};
use crate::s3::{self, xml};

/// The address at which the client asked for the object.
pub(super) fn address(request: &s3::Request, context: &Context) -> String {
    let scheme = if context.peer.tls.is_some() { "https" } else { "http" };
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let path = request.path();
    let bucket = request.resource.bucket().map_or("", s3::BucketName::as_str);
    let is_in_host = context.settings.domains.name_bucket(name);
    let path = match path.strip_prefix('/').and_then(|path| path.strip_prefix(bucket)) {
        Some(key) if is_in_host => key,
        Some(_) | None => &path,
    };
    format!("{scheme}://{host}{path}")
}

/// An answer that is mended on its way.
#[derive(Debug)]
pub(super) struct Completion<B> {
    body: B,
    mend: Mend,
    state: State,
    held: BytesMut,
}

/// What is mended.
#[derive(Debug)]
pub(super) enum Mend {
    /// The `<Location>` of a completed upload becomes this one.
    Address(String),
    /// The tag of a copy becomes the client's.
    Copy(StoredCopy),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Declaration and blanks.
    Prologue,
    /// The document, held.
    Document,
    /// More than a document of S3: passed on.
    Passing,
    Ended,
}

impl<B> Completion<B> {
    pub(super) fn new(body: B, mend: Mend) -> Self {
        Self { body, mend, state: State::Prologue, held: BytesMut::new() }
    }

    /// What can be sent on of what has come.
    fn take(&mut self, data: &Bytes) -> Bytes {
        self.held.extend_from_slice(data);
        if self.state == State::Prologue {
            let root = self.held.windows(2).position(is_root);
            if root.is_some() {
                self.state = State::Document;
            }
            let dangling = usize::from(self.held.ends_with(b"<"));
            let passes = root.unwrap_or(self.held.len() - dangling);
            return self.held.split_to(passes).freeze();
        }
        if self.held.len() > DOCUMENT_BYTES_MAX {
            self.state = State::Passing;
        }
        match self.state {
            State::Prologue | State::Document | State::Ended => Bytes::new(),
            State::Passing => self.held.split().freeze(),
        }
    }

    /// What was held back, mended. Other documents, an `<Error>` among them, stay as they are.
    fn end(&mut self) -> Bytes {
        let document = self.held.split().freeze();
        let location = match &self.mend {
            Mend::Address(location) => location,
            Mend::Copy(copy) => return copy.translate(&document),
        };
        let Ok(Some((_, range))) = xml::find_below(&document, xml::COMPLETED, "Location") else {
            return document;
        };
        let Some((before, after)) = document.get(..range.start).zip(document.get(range.end..))
        else {
            return document;
        };
        [before, xml::escape(location).as_bytes(), after].concat().into()
    }
}

/// A `<` that begins no declaration.
fn is_root(pair: &[u8]) -> bool {
    matches!(pair, [b'<', next] if *next != b'?')
}

impl<B: Body<Data = Bytes> + Unpin> Body for Completion<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Task<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        while this.state != State::Ended {
            let frame = ready!(Pin::new(&mut this.body).poll_frame(cx)).transpose()?;
            let data = match frame.map(Frame::into_data) {
                Some(Ok(data)) => this.take(&data),
                // Trailers were stripped of their announcement.
                Some(Err(_)) => Bytes::new(),
                None => {
                    this.state = State::Ended;
                    this.end()
                }
            };
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// A bucket, a key, an address that names both, an entity tag and checksums.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use bytes::Bytes;
    use http_body::{Body, Frame};
    use http_body_util::BodyExt as _;

    use super::{Completion, DOCUMENT_BYTES_MAX, Mend};

    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    /// What leaves, piece by piece, of what comes in pieces.
    async fn check(pieces: &[&str], expected: &[&str]) {
        let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece.as_bytes())).collect();
        let mut body =
            Completion::new(Pieces(pieces), Mend::Address("https://gate/b/k?a&b".to_owned()));
        let mut relayed = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            relayed.push(String::from_utf8(data.to_vec()).unwrap());
        }
        assert_eq!(relayed, expected);
    }

    const BEFORE: &str = "<CompleteMultipartUploadResult xmlns=\"x\"><Location>";
    const AFTER: &str = "</Location><Key>k</Key></CompleteMultipartUploadResult>";

    #[tokio::test]
    async fn the_address_is_the_clients() {
        let document = format!("{BEFORE}http://backend:9000/b/k{AFTER}");
        let mended = format!("{BEFORE}https://gate/b/k?a&amp;b{AFTER}");
        check(&[&document], &[&mended]).await;
        let (a, b) = document.split_at(70);
        check(&["<?xml version=\"1.0\"?>", a, b], &["<?xml version=\"1.0\"?>", &mended]).await;
        let of_moto = |document: &str| document.replace("UploadResult", "UploadResponse");
        check(&[&of_moto(&document)], &[&of_moto(&mended)]).await;
    }

    #[tokio::test]
    async fn blanks_pass_before_the_document_is_there() {
        let document = format!("{BEFORE}a{AFTER}");
        let mended = format!("{BEFORE}https://gate/b/k?a&amp;b{AFTER}");
        let (first, rest) = document.split_at(1);
        let pieces = ["<", "?xml version=\"1.0\"?>\n", "  ", first, rest];
        check(&pieces, &["<?xml version=\"1.0\"?>\n", "  ", &mended]).await;
    }

    #[tokio::test]
    async fn other_documents_stay() {
        for document in [
            "<Error><Code>InternalError</Code></Error>",
            "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>",
            "<CompleteMultipartUploadResult><Location>cut",
            "no document",
        ] {
            check(&[document], &[document]).await;
        }
        check(&[], &[]).await;
    }

    #[tokio::test]
    async fn what_is_no_document_of_s3_is_not_held_for_ever() {
        let long = format!("<a>{}", " ".repeat(DOCUMENT_BYTES_MAX));
        check(&["<a", ">", &long, "more"], &[&format!("<a>{long}"), "more"]).await;
    }
}
