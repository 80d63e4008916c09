//! Bodies in signed chunks: AWS's examples, and what their signatures keep from being done.

use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::{Request, request::Parts};
use http_body_util::BodyExt as _;
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{BodyError, Pieces};
use crate::{
    identity::{Identity, Limits},
    s3::{Code, Operation},
    secret::Secret,
    sigv4::{
        Credential, Credentials, Session, Settings, Verified,
        canonical::{self, Form},
        key::{Scope, Signature, SigningKey},
        timestamp, verify,
    },
};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html>, "Example".
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TIMESTAMP: &str = "20130524T000000Z";
const SCOPE: Scope<'static> = Scope {
    text: "20130524/us-east-1/s3/aws4_request",
    date: "20130524",
    region: "us-east-1",
    service: "s3",
};
const LENGTH: usize = 66_560;

fn now() -> SystemTime {
    timestamp::parse(TIMESTAMP).unwrap()
}

fn verified(head: &Parts) -> Verified {
    let credentials = Credentials::new(vec![Credential {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_access_key: Secret::new(SECRET),
        identity: Identity::user("123456789012", "alice").unwrap(),
        limits: Limits::default(),
        upstream: None,
        session: Session::default(),
    }]);
    let settings = Settings::of_region("us-east-1");
    verify(head, Operation::PutObject, &credentials, &settings, now()).unwrap()
}

/// What came out of the wire's pieces, and the code of the error that ended it.
fn decode(head: &Parts, wire: &[u8], cuts: &[usize]) -> (Bytes, Result<(), Code>) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (wire.len() + 1)).collect();
    cuts.extend([0, wire.len()]);
    cuts.sort_unstable();
    let pieces = cuts.windows(2).map(|w| Bytes::copy_from_slice(&wire[w[0]..w[1]])).collect();
    let mut body = verified(head).body(Pieces(pieces));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async move {
        let mut out = BytesMut::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => out.extend_from_slice(&frame.into_data().unwrap()),
                Err(BodyError::Refused(refused)) => return (out.freeze(), Err(refused.code)),
                Err(BodyError::Client(error)) => panic!("{error}"),
            }
        }
        (out.freeze(), Ok(()))
    })
}

fn head(mode: &str, length: usize, extra: &[(&str, &str)], signature: &str) -> Parts {
    let mut request = Request::put("/examplebucket/chunkObject.txt")
        .header("host", "s3.amazonaws.com")
        .header("x-amz-date", TIMESTAMP)
        .header("x-amz-storage-class", "REDUCED_REDUNDANCY")
        .header("x-amz-content-sha256", mode)
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", length);
    for (name, value) in extra {
        request = request.header(*name, *value);
    }
    let mut head = request.body(()).unwrap().into_parts().0;
    let mut names: Vec<String> = head.headers.keys().map(ToString::to_string).collect();
    names.sort_unstable();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{},SignedHeaders={},Signature={signature}",
        SCOPE.text,
        names.join(";")
    );
    head.headers.insert("authorization", authorization.parse().unwrap());
    head
}

fn check_example(head: &Parts, wire: &[u8]) {
    let expected = Bytes::from(vec![b'a'; LENGTH]);
    for cuts in [&[][..], &[1, 50, 88, 89, 65_620, 65_700, 66_700]] {
        let (out, result) = decode(head, wire, cuts);
        assert_eq!(result, Ok(()));
        assert!(out == expected);
    }
}

#[test]
fn the_example_of_aws() {
    let head = head(
        SIGNED,
        LENGTH,
        &[("content-length", "66824")],
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let wire = [
        "10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n",
        &"a".repeat(65_536),
        "\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
        &"a".repeat(1024),
        "\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n",
        "\r\n",
    ]
    .concat();
    assert_eq!(wire.len(), 66_824);
    check_example(&head, wire.as_bytes());
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>, "Example".
#[test]
fn the_example_of_aws_with_a_trailer() {
    let head = head(
        SIGNED_TRAILER,
        LENGTH,
        &[("x-amz-trailer", "x-amz-checksum-crc32c")],
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let wire = [
        "10000;chunk-signature=b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n",
        &"a".repeat(65_536),
        "\r\n400;chunk-signature=1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n",
        &"a".repeat(1024),
        "\r\n0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n",
        "x-amz-checksum-crc32c:sOO8/Q==\r\n",
        "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
        "\r\n",
    ]
    .concat();
    check_example(&head, wire.as_bytes());
}

/// A client of its own: signs the head, then the chunks.
struct Client {
    key: SigningKey,
    previous: Signature,
    head: Parts,
}

impl Client {
    fn new(mode: &str, length: usize, extra: &[(&str, &str)]) -> Self {
        let key = SigningKey::derive(&Secret::new(SECRET), SCOPE);
        let unsigned = head(mode, length, extra, "");
        let names: Vec<&str> = unsigned.headers.keys().map(http::HeaderName::as_str).collect();
        let mut names: Vec<&str> =
            names.into_iter().filter(|name| *name != "authorization").collect();
        names.sort_unstable();
        let canonical = canonical::request(&unsigned, Form::Encoded, &names, mode);
        let previous = key.sign(&canonical::string_to_sign(TIMESTAMP, SCOPE, &canonical));
        let head = head(mode, length, extra, &hex::encode(previous));
        Self { key, previous, head }
    }

    fn sign(&mut self, kind: &str, hashes: &[&str]) -> String {
        let previous = hex::encode(self.previous);
        let text =
            format!("{kind}\n{TIMESTAMP}\n{}\n{previous}\n{}", SCOPE.text, hashes.join("\n"));
        self.previous = self.key.sign(&text);
        hex::encode(self.previous)
    }

    fn chunk(&mut self, data: &[u8]) -> Vec<u8> {
        let signature = self.sign("AWS4-HMAC-SHA256-PAYLOAD", &[&sha256(b""), &sha256(data)]);
        let head = format!("{:x};chunk-signature={signature}\r\n", data.len());
        let end: &[u8] = if data.is_empty() { b"" } else { b"\r\n" };
        [head.as_bytes(), data, end].concat()
    }

    fn trailer(&mut self, name: &str, value: &str) -> Vec<u8> {
        let hash = sha256(format!("{name}:{value}\n").as_bytes());
        let signature = self.sign("AWS4-HMAC-SHA256-TRAILER", &[&hash]);
        format!("{name}:{value}\r\nx-amz-trailer-signature:{signature}\r\n").into_bytes()
    }
}

fn sha256(data: &[u8]) -> String {
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data))
}

const SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const SIGNED_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

/// The head, and each piece of the wire: the chunks, the last, empty one, and the end.
fn upload(data: &[u8], size: usize) -> (Parts, Vec<Vec<u8>>) {
    let mut client = Client::new(SIGNED, data.len(), &[]);
    let mut wire: Vec<Vec<u8>> = data.chunks(size).map(|data| client.chunk(data)).collect();
    wire.push(client.chunk(b""));
    wire.push(b"\r\n".to_vec());
    (client.head, wire)
}

fn upload_with_trailer(data: &[u8]) -> (Parts, Vec<Vec<u8>>) {
    let announced = [("x-amz-trailer", "x-amz-checksum-sha256")];
    let mut client = Client::new(SIGNED_TRAILER, data.len(), &announced);
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data);
    let sum = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, sum);
    let wire = vec![
        client.chunk(data),
        client.chunk(b""),
        client.trailer("x-amz-checksum-sha256", &sum),
        b"\r\n".to_vec(),
    ];
    (client.head, wire)
}

fn check_refused(head: &Parts, wire: &[Vec<u8>], length: usize, code: Code) {
    for cuts in [&[][..], &[1, 9_000, 18_000]] {
        let (out, result) = decode(head, &wire.concat(), cuts);
        assert_eq!(result, Err(code));
        assert!(out.len() < length, "all of a bad body came out");
    }
}

#[test]
fn a_signed_trailer_is_checked() {
    let data = [7; 10_000];
    let (head, wire) = upload_with_trailer(&data);
    assert_eq!(decode(&head, &wire.concat(), &[]), (Bytes::copy_from_slice(&data), Ok(())));
    // Bare line feeds, as some clients have them.
    let mut bare = wire.clone();
    bare[2] = String::from_utf8(bare[2].clone()).unwrap().replace("\r\n", "\n").into_bytes();
    assert_eq!(decode(&head, &bare.concat(), &[]).1, Ok(()));
    let field = String::from_utf8(wire[2].clone()).unwrap();
    let (sum, signature) = field.split_once("\r\n").unwrap();
    for (trailer, code) in [
        (String::new(), Code::MalformedTrailerError),
        (format!("{sum}\r\n"), Code::MalformedTrailerError),
        (signature.to_owned(), Code::SignatureDoesNotMatch),
        (field.replace("sha256:", "sha256:A"), Code::SignatureDoesNotMatch),
        (field.replace("signature:", "signature:0"), Code::SignatureDoesNotMatch),
        (format!("{signature}{sum}\r\n"), Code::MalformedTrailerError),
    ] {
        let wire = [wire[0].clone(), wire[1].clone(), trailer.into_bytes(), wire[3].clone()];
        check_refused(&head, &wire, data.len(), code);
    }
}

#[test]
fn a_trailer_that_is_signed_must_still_hold() {
    let data = [7; 10_000];
    let announced = [("x-amz-trailer", "x-amz-checksum-crc32")];
    let mut client = Client::new(SIGNED_TRAILER, data.len(), &announced);
    let wire = [
        client.chunk(&data),
        client.chunk(b""),
        client.trailer("x-amz-checksum-crc32", "AAAAAA=="),
        b"\r\n".to_vec(),
    ];
    check_refused(&client.head, &wire, data.len(), Code::BadDigest);
}

#[test]
fn chunks_cannot_be_dropped_repeated_or_moved() {
    let data: Vec<u8> = (0..30_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let (head, wire) = upload(&data, 10_000);
    let [a, b, c, last, end] = wire.try_into().unwrap();
    for wire in [
        [b.clone(), a.clone(), c.clone(), last.clone(), end.clone()].to_vec(),
        [a.clone(), a.clone(), c.clone(), last.clone(), end.clone()].to_vec(),
        [a.clone(), c.clone(), last.clone(), end.clone()].to_vec(),
        [a.clone(), b.clone(), last.clone(), end.clone()].to_vec(),
    ] {
        check_refused(&head, &wire, data.len(), Code::SignatureDoesNotMatch);
    }
    let unfinished = [a.clone(), b.clone(), c.clone()];
    check_refused(&head, &unfinished, data.len(), Code::IncompleteBody);
    let unsigned = [a, b, c, b"0\r\n".to_vec(), end];
    check_refused(&head, &unsigned, data.len(), Code::IncompleteBody);
}

#[test]
fn a_chunk_is_signed_for_its_own_request() {
    let data = [7; 10_000];
    let (_, wire) = upload(&data, 10_000);
    let other = Client::new(SIGNED, data.len(), &[("x-amz-meta-a", "b")]);
    check_refused(&other.head, &wire, data.len(), Code::SignatureDoesNotMatch);
}

#[test]
fn nothing_at_all_is_signed_too() {
    let (head, wire) = upload(b"", 1);
    assert_eq!(decode(&head, &wire.concat(), &[]), (Bytes::new(), Ok(())));
    let forged = [format!("0;chunk-signature={}\r\n\r\n", "0".repeat(64)).into_bytes()];
    let (_, result) = decode(&head, &forged.concat(), &[]);
    assert_eq!(result, Err(Code::SignatureDoesNotMatch));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_of_the_wire_gives_the_same_bytes(
        data in vec(any::<u8>(), 0..40_000),
        size in 8_192usize..20_000,
        cuts in vec(any::<usize>(), 0..20),
    ) {
        let (head, wire) = upload(&data, size);
        prop_assert_eq!(decode(&head, &wire.concat(), &cuts), (Bytes::from(data), Ok(())));
    }

    #[test]
    fn a_changed_bit_never_comes_out_whole(
        data in vec(any::<u8>(), 1..20_000),
        at in any::<Index>(),
        bit in 0..8,
        cuts in vec(any::<usize>(), 0..20),
    ) {
        let (head, wire) = upload(&data, 8_192);
        let mut wire = wire.concat();
        let at = at.index(wire.len());
        wire[at] ^= 1u8 << bit;
        let (out, result) = decode(&head, &wire, &cuts);
        // The case of a hexadecimal digit carries nothing.
        let is_same = bit == 5 && wire[at].is_ascii_hexdigit();
        prop_assert!(result.is_err() || is_same && out == data);
        prop_assert!(result.is_ok() || out.len() < data.len());
    }
}
