//! Every form has one reading, however its bytes come; what has two is refused.

use bytes::Bytes;
use http::StatusCode;
use proptest::{collection, prelude::*};

use super::{Answer, Form, InvalidForm, Reader, read};
use crate::s3::{BucketName, Code, ObjectKey};

const TYPE: &str = "multipart/form-data; boundary=b";

fn form(fields: &[(&str, &str)], file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part =
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    body.extend_from_slice(&last(file, "\r\n--b--\r\n"));
    body
}

/// A part with the file, and what follows it.
fn last(file: &[u8], tail: &str) -> Vec<u8> {
    let head = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.txt\"\r\n\r\n";
    [head, file, tail.as_bytes()].concat()
}

/// The fields and the file of a form that comes in pieces of these lengths, over and over.
fn in_pieces(body: &[u8], pieces: &[usize]) -> Result<(Form, Vec<u8>), InvalidForm> {
    let mut left = Bytes::copy_from_slice(body);
    let mut lengths = pieces.iter().cycle();
    let mut next = || {
        let length = lengths.next().copied().unwrap_or(1).max(1);
        let piece = left.split_to(length.min(left.len()));
        (!piece.is_empty()).then_some(piece)
    };
    let mut reader = Reader::new(TYPE.as_bytes())?;
    let (form, rest) = loop {
        let mut piece = next().ok_or_else(InvalidForm::ended)?;
        if let Some(form) = reader.step(&mut piece)? {
            break (form, piece);
        }
        assert!(piece.is_empty());
    };
    let mut reader = form.file(body.len() as u64, rest)?;
    let mut file = Vec::new();
    let mut piece = Bytes::new();
    loop {
        while let Some(data) = reader.step(&mut piece)? {
            assert!(!data.is_empty());
            file.extend_from_slice(&data);
        }
        assert!(piece.is_empty());
        match next() {
            Some(next) => piece = next,
            None => break,
        }
    }
    assert_eq!(reader.length(), file.len() as u64);
    reader.finish()?;
    Ok((form, file))
}

fn fields(form: &Form) -> Vec<(&str, &str)> {
    form.fields().iter().map(|field| (field.name.as_str(), field.value.as_str())).collect()
}

#[track_caller]
fn check_refused(body: impl AsRef<[u8]>, expected: Code) {
    let read = read(TYPE.as_bytes(), Bytes::copy_from_slice(body.as_ref()));
    assert_eq!(read.map_err(|error| error.code).map(|_| ()), Err(expected));
}

proptest! {
    #[test]
    fn forms_come_out_as_they_were_made_however_they_are_split(
        texts in collection::btree_map("[a-z-]{1,12}", "[ -~é\r\n-]{0,40}", 0..5),
        file in collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'b'), any::<u8>()], 0..300),
        pieces in collection::vec(1_usize..40, 1..20),
    ) {
        let texts: Vec<(&str, &str)> = texts
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, value)| *name != "file" && !value.contains("\r\n--b") && !value.contains("${"))
            .collect();
        prop_assume!(!file.windows(5).any(|window| window == b"\r\n--b"));
        let body = form(&texts, &file);
        let whole = read(TYPE.as_bytes(), Bytes::from(body.clone())).unwrap();
        prop_assert_eq!(fields(&whole.0), texts.clone());
        prop_assert_eq!(&whole.1, &file);
        let (form, split) = in_pieces(&body, &pieces).unwrap();
        prop_assert_eq!(fields(&form), texts);
        prop_assert_eq!(split, file);
    }

    #[test]
    fn whatever_comes_has_the_same_reading_in_any_split(
        body in collection::vec(prop_oneof![
            Just(&b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n"[..]),
            Just(&b"--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n"[..]),
            Just(&b"\r\n--b"[..]), Just(&b"\r\n"[..]), Just(&b"--"[..]), Just(&b"x"[..]), Just(&b"\r"[..]),
        ], 0..12),
        pieces in collection::vec(1_usize..30, 1..9),
    ) {
        let body = body.concat();
        let whole = read(TYPE.as_bytes(), Bytes::from(body.clone()));
        let split = in_pieces(&body, &pieces);
        prop_assert_eq!(
            whole.map(|(form, file)| (form.fields().to_vec(), file.to_vec())),
            split.map(|(form, file)| (form.fields().to_vec(), file))
        );
    }

    #[test]
    fn nothing_makes_it_panic(kind: Vec<u8>, body: Vec<u8>) {
        let _ = read(&kind, Bytes::from(body.clone()));
        let _ = read(TYPE.as_bytes(), Bytes::from(body));
    }
}

#[test]
fn names_do_not_mind_case_and_values_do() {
    let (form, _) =
        read(TYPE.as_bytes(), form(&[("Content-TYPE", "Text/Plain")], b"").into()).unwrap();
    assert_eq!(form.get("content-type"), Some("Text/Plain"));
}

#[test]
fn parts_may_be_written_in_other_ways() {
    let part = "\r\n--b\r\nCONTENT-DISPOSITION:form-data ; NAME=key;\r\ncontent-type: text/plain\r\n\
                Content-Transfer-Encoding: 8bit\r\n\r\nk";
    let file =
        "\r\n--b\r\nContent-Disposition: form-data; filename=f; name=File\r\n\r\nx\r\n--b--\r\n";
    let body = format!("{part}{file}");
    let quoted = "Multipart/Form-Data; charset=utf-8; Boundary=\"b\"";
    let (form, file) = read(quoted.as_bytes(), body.into()).unwrap();
    assert_eq!((fields(&form), &file[..]), (vec![("key", "k")], &b"x"[..]));
}

#[test]
fn the_files_name_takes_its_place_in_every_field_but_the_policy() {
    for (file_name, expected) in [
        ("f.txt", "f.txt"),
        ("C:\\fakepath\\f.txt", "f.txt"),
        ("C:\\\\fakepath\\\\f.txt", "f.txt"),
        ("/tmp/f.txt", "f.txt"),
        ("é \\\"f\\\".txt", "é \"f\".txt"),
        ("", ""),
        ("${filename}", "${filename}"),
    ] {
        let body = [("key", "a/${filename}${filename}"), ("policy", "${filename}")].map(
            |(name, value)| {
                format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
            },
        );
        let file = format!(
            "--b\r\nContent-Disposition: form-data; name=file; filename=\"{file_name}\"\r\n\r\n\r\n--b--\r\n"
        );
        let body = body.concat() + &file;
        let (form, _) = read(TYPE.as_bytes(), body.into()).unwrap();
        assert_eq!(
            form.get("key"),
            Some(format!("a/{expected}{expected}").as_str()),
            "{file_name}"
        );
        assert_eq!(form.get("policy"), Some("${filename}"));
    }
}

#[test]
fn what_is_no_form_is_told_from_what_is_a_broken_one() {
    for (kind, code) in [
        ("", Code::PreconditionFailed),
        ("text/plain", Code::PreconditionFailed),
        ("multipart/mixed; boundary=b", Code::PreconditionFailed),
        ("multipart/form-data", Code::MalformedPOSTRequest),
        ("multipart/form-data; boundary=", Code::MalformedPOSTRequest),
        ("multipart/form-data; boundary=\"\"", Code::MalformedPOSTRequest),
        ("multipart/form-data; boundary=b; boundary=c", Code::MalformedPOSTRequest),
        ("multipart/form-data; boundary=\"b", Code::MalformedPOSTRequest),
        ("multipart/form-data; boundary=\"b\"c", Code::MalformedPOSTRequest),
        ("multipart/form-data; boundary=\"b \"", Code::MalformedPOSTRequest),
        ("multipart/form-data; boundary=\u{e9}", Code::MalformedPOSTRequest),
    ] {
        assert_eq!(
            Reader::new(kind.as_bytes()).map(|_| ()).map_err(|e| e.code),
            Err(code),
            "{kind}"
        );
    }
    let longest = |length| format!("multipart/form-data; boundary={}", "b".repeat(length));
    assert!(Reader::new(longest(70).as_bytes()).is_ok());
    assert!(Reader::new(longest(71).as_bytes()).is_err());
}

#[test]
fn broken_parts_are_refused() {
    for head in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Disposition form-data; name=a\r\n",
        "Content-Disposition: attachment; name=a\r\n",
        "Content-Disposition: form-data\r\n",
        "Content-Disposition: form-data; name=\"\"\r\n",
        "Content-Disposition: form-data; name=a; name=b\r\n",
        "Content-Disposition: form-data; name=\"a\r\n",
        "Content-Disposition: form-data; name=a b\r\n",
        "Content-Disposition: form-data; name=a; filename*=UTF-8''f\r\n",
        "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n",
        "Content-Disposition: form-data;\r\n name=a\r\n",
        "Content-Disposition: form-data; name=a\nX: y\r\n",
        "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n",
    ] {
        let part = format!("--b\r\n{head}\r\nvalue\r\n");
        check_refused([part.as_bytes(), &form(&[], b"x")].concat(), Code::MalformedPOSTRequest);
    }
}

#[test]
fn broken_forms_are_refused() {
    let field = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
    for body in ["", "--c\r\n", "key=k", "--b", "\r\n\r\n--b\r\n", "--bb\r\n", field, "--b\n"] {
        check_refused(body, Code::MalformedPOSTRequest);
    }
    check_refused(
        [field.as_bytes(), b"\xff\r\n", &form(&[], b"")].concat(),
        Code::MalformedPOSTRequest,
    );
    check_refused(
        [field.as_bytes(), b"v\r\n--bx\r\n", &form(&[], b"")].concat(),
        Code::MalformedPOSTRequest,
    );
    check_refused(format!("{field}v\r\n--b--\r\n"), Code::InvalidArgument);
    check_refused("--b--\r\n", Code::InvalidArgument);
    check_refused(form(&[("key", "a"), ("KEY", "a")], b"x"), Code::InvalidArgument);
}

#[test]
fn nothing_but_the_end_follows_the_file() {
    for tail in [
        "",
        "\r\n",
        "\r\n--b",
        "\r\n--b--",
        "\r\n--b--\r\nx",
        "\r\n--b--\r\n\r\n",
        "\r\n--bx--\r\n",
    ] {
        for file in [&b""[..], b"x", b"\r\n--"] {
            check_refused(last(file, tail), Code::MalformedPOSTRequest);
        }
    }
    let field = "\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv\r\n--b--\r\n";
    check_refused(last(b"x", field), Code::MalformedPOSTRequest);
}

#[test]
fn limits_are_kept() {
    let refused = |body: Vec<u8>| check_refused(body, Code::MaxPostPreDataLengthExceededError);
    refused(form(&[("a", &"v".repeat(super::VALUE_BYTES_MAX + 1))], b"x"));
    refused(form(&[("a", &"v".repeat(12_000)), ("b", &"v".repeat(12_000))], b"x"));
    refused(form(&[(&"n".repeat(super::NAME_BYTES_MAX + 1), "v")], b"x"));
    refused(form(&[(&"n".repeat(super::PART_HEAD_BYTES_MAX), "v")], b"x"));
    refused(form(&[("a", &"${filename}".repeat(1400))], b"x").replace_name(&"f".repeat(3000)));
    let many: Vec<String> = (0..=super::FIELDS_MAX).map(|number| number.to_string()).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "v")).collect();
    refused(form(&many, b"x"));
    let most = form(many.get(1..).unwrap(), b"x");
    assert!(read(TYPE.as_bytes(), most.into()).is_ok());
    let largest = form(&[("a", &"v".repeat(super::VALUE_BYTES_MAX))], b"x");
    assert!(read(TYPE.as_bytes(), largest.into()).is_ok());
}

trait ReplaceName {
    fn replace_name(self, name: &str) -> Self;
}

impl ReplaceName for Vec<u8> {
    fn replace_name(self, name: &str) -> Self {
        String::from_utf8(self).unwrap().replace("f.txt", name).into_bytes()
    }
}

#[test]
fn urls_that_are_none_are_as_good_as_not_there() {
    let (bucket, key) = (BucketName::parse("bbb").unwrap(), ObjectKey::parse("k").unwrap());
    for (url, status) in [
        ("https://example.com", StatusCode::SEE_OTHER),
        ("http://localhost:8080/a?b=c#d", StatusCode::SEE_OTHER),
        ("", StatusCode::NO_CONTENT),
        ("not a url", StatusCode::NO_CONTENT),
        ("/path", StatusCode::NO_CONTENT),
        ("//example.com/", StatusCode::NO_CONTENT),
        ("ftp://example.com/", StatusCode::NO_CONTENT),
        ("javascript:alert(1)", StatusCode::NO_CONTENT),
        ("https://example.com/\r\nx: y", StatusCode::NO_CONTENT),
        ("https://example.com/é", StatusCode::NO_CONTENT),
    ] {
        let body = form(&[("success_action_redirect", url)], b"");
        let (form, _) = read(TYPE.as_bytes(), body.into()).unwrap();
        let answer = Answer::new(&form, "http://gate/bbb", &bucket, &key);
        assert_eq!(answer.status(), status, "{url}");
        assert!(http::HeaderValue::try_from(answer.location("\"e\"")).is_ok());
    }
}
