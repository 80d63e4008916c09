//! What the tests of sealed uploads are told with.

use std::sync::Arc;

use crate::support::{Gate, Request, Upstream, client::Answer, gate::Builder, store::Store};

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * KIB;

/// A gate before a store.
pub(crate) struct Bench {
    pub(crate) gate: Gate,
    pub(crate) store: Arc<Store>,
    pub(crate) upstream: Upstream,
}

/// An upload of `/bucket/key`, by way of one gate.
pub(crate) struct Upload<'b> {
    pub(crate) gate: &'b Gate,
    pub(crate) id: String,
}

/// A part that was sent.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) number: u16,
    pub(crate) etag: String,
    pub(crate) plain: Vec<u8>,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        Self::of(Gate::builder().keyring().rule("treatment = \"seal\"")).await
    }

    /// With another line in the rule.
    pub(crate) async fn with(line: &str) -> Self {
        Self::of(Gate::builder().keyring().rule(&format!("treatment = \"seal\"\n{line}"))).await
    }

    pub(crate) async fn of(builder: Builder) -> Self {
        let store = Store::new();
        let upstream = store.start().await;
        let gate = builder.start(&upstream).await;
        Self { gate, store, upstream }
    }

    pub(crate) async fn create(&self) -> Upload<'_> {
        Upload::create(&self.gate, Request::post("/bucket/key?uploads", "")).await
    }

    /// Parts of these numbers and sizes, sent in this order.
    pub(crate) async fn upload(&self, sizes: &[(u16, usize)]) -> (Upload<'_>, Vec<Sent>) {
        let upload = self.create().await;
        let mut sent = Vec::new();
        for &(number, bytes) in sizes {
            sent.push(upload.put(number, plaintext(bytes, number)).await);
        }
        (upload, sent)
    }

    /// Another gate, which shares the configuration and the keyring with the first, and nothing else.
    pub(crate) async fn replica(&self) -> Gate {
        Gate::builder().keyring().rule("treatment = \"seal\"").start(&self.upstream).await
    }

    pub(crate) async fn get(&self, range: Option<&str>) -> Answer {
        let request = Request::get("/bucket/key");
        self.gate
            .send(match range {
                Some(range) => request.header("range", range),
                None => request,
            })
            .await
    }

    /// The object is what these parts are together: as a whole, by its head, by ranges across each border
    /// and by its parts.
    pub(crate) async fn reads_as(&self, parts: &[Sent]) {
        let plain = whole(parts);
        let answer = self.get(None).await;
        assert!(answer.is_ok().body == plain, "the whole, of {} bytes", plain.len());
        assert_eq!(answer.header("content-length"), Some(plain.len().to_string().as_str()));
        let head = self.gate.send(Request::new("HEAD", "/bucket/key")).await;
        assert_eq!(head.is_ok().header("content-length"), answer.header("content-length"));
        assert_eq!(head.header("etag"), answer.header("etag"));
        let mut start = 0;
        for part in parts {
            let end = start + part.plain.len();
            for (from, to) in [(start.saturating_sub(9), start + 9), (end.saturating_sub(1), end)] {
                self.range_is(&plain, from, to).await;
            }
            start = end;
            self.part_is(part, parts.len()).await;
        }
        if !plain.is_empty() {
            let answer = self.get(Some("bytes=-100")).await;
            assert_eq!(answer.status, 206);
            assert!(
                plain.ends_with(&answer.body) && answer.body.len() == plain.len().min(100),
                "its end"
            );
        }
    }

    async fn range_is(&self, plain: &[u8], from: usize, to: usize) {
        let (from, to) = (from.min(plain.len()), to.min(plain.len()));
        if from == to {
            return;
        }
        let range = format!("bytes={from}-{}", to - 1);
        let answer = self.get(Some(&range)).await;
        assert_eq!((answer.status, answer.is_cut), (206, false), "{range} {}", answer.text());
        assert!(answer.body == slice(plain, from..to), "{range}");
        let said = format!("bytes {from}-{}/{}", to - 1, plain.len());
        assert_eq!(answer.header("content-range"), Some(said.as_str()));
    }

    async fn part_is(&self, part: &Sent, count: usize) {
        let target = format!("/bucket/key?partNumber={}", part.number);
        let answer = self.gate.send(Request::get(&target)).await;
        let expected = if part.plain.is_empty() { 200 } else { 206 };
        assert_eq!((answer.status, answer.is_cut), (expected, false), "{target} {}", answer.text());
        assert!(answer.body == part.plain, "{target}");
        let count = count.to_string();
        let expected = (count != "1").then_some(count.as_str());
        assert_eq!(answer.header("x-amz-mp-parts-count"), expected, "{target}");
    }
}

impl<'b> Upload<'b> {
    pub(crate) async fn create(gate: &'b Gate, request: Request) -> Self {
        let answer = gate.send(request).await;
        Self { gate, id: answer.is_ok().element("UploadId").unwrap() }
    }

    /// The same upload, by way of another gate.
    pub(crate) fn at<'g>(&self, gate: &'g Gate) -> Upload<'g> {
        Upload { gate, id: self.id.clone() }
    }

    pub(crate) fn target(&self) -> String {
        format!("/bucket/key?uploadId={}", self.id)
    }

    pub(crate) fn part(&self, number: u16, body: Vec<u8>) -> Request {
        Request::put(&format!("/bucket/key?partNumber={number}&uploadId={}", self.id), body)
    }

    pub(crate) async fn put(&self, number: u16, plain: Vec<u8>) -> Sent {
        let answer = self.gate.send(self.part(number, plain.clone())).await;
        let etag = answer.is_ok().header("etag").unwrap().to_owned();
        Sent { number, etag, plain }
    }

    pub(crate) fn completion(&self, parts: &[Sent]) -> Request {
        let parts = parts.iter().map(|Sent { number, etag, .. }| {
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        });
        let parts: String = parts.collect();
        let document = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        Request::post(&self.target(), document)
    }

    pub(crate) async fn complete(&self, parts: &[Sent]) -> Answer {
        self.gate.send(self.completion(parts)).await
    }
}

pub(crate) fn slice(bytes: &[u8], range: std::ops::Range<usize>) -> &[u8] {
    bytes.get(range).unwrap()
}

/// The plaintext of all parts.
pub(crate) fn whole(parts: &[Sent]) -> Vec<u8> {
    parts.iter().map(|part| part.plain.as_slice()).collect::<Vec<_>>().concat()
}

/// Other bytes for each number.
pub(crate) fn plaintext(bytes: usize, number: u16) -> Vec<u8> {
    let start = usize::from(number) * 31 % 251;
    (0..251)
        .collect::<Vec<u8>>()
        .repeat(bytes / 251 + 2)
        .get(start..start + bytes)
        .unwrap()
        .to_vec()
}
