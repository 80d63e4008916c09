//! Listings in any pieces, of honest backends and others.

use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::{ENTRY_BYTES_MAX, Entry, Listing, Piece};
use crate::{
    s3::xml::{self, MalformedXml},
    seal::{Plain, stored},
    transform::etag::Tagged,
};

/// What the client gets, as the gate would do where every object is sealed; what would have to be looked
/// at stays as it is. And the entries.
fn relayed(
    listing: &[u8],
    is_encoded: bool,
    piece: usize,
) -> Result<(String, Vec<Entry>), MalformedXml> {
    let mut rewriter = Listing::new(is_encoded);
    let (mut sent, mut entries) = (Vec::new(), Vec::new());
    for piece in listing.chunks(piece.max(1)) {
        rewriter.push(piece);
        while let Some(piece) = rewriter.pull()? {
            match piece {
                Piece::Bytes(bytes) => sent.extend_from_slice(&bytes),
                Piece::Entry(entry) => {
                    sent.extend_from_slice(&match entry.plain() {
                        Plain::Bytes(bytes) => entry.render(bytes, Tagged::Sealed),
                        Plain::Marked | Plain::Irregular | Plain::NotSealed => entry.as_is(),
                    });
                    entries.push(entry);
                }
            }
        }
    }
    sent.extend_from_slice(&rewriter.finish()?);
    Ok((String::from_utf8(sent).unwrap(), entries))
}

/// Listings of real backends, and one after AWS's documentation; whether their keys are encoded.
const LISTINGS: [(&str, bool); 7] = [
    (include_str!("../../../tests/vectors/answers/aws-list-v2.xml"), true),
    (include_str!("../../../tests/vectors/answers/moto-list-v2.xml"), true),
    (include_str!("../../../tests/vectors/answers/moto-list-v2-plain.xml"), false),
    (include_str!("../../../tests/vectors/answers/moto-list-versions.xml"), false),
    (include_str!("../../../tests/vectors/answers/rgw-list-v2.xml"), true),
    (include_str!("../../../tests/vectors/answers/rgw-list-v1-plain.xml"), false),
    (include_str!("../../../tests/vectors/answers/rgw-list-versions.xml"), true),
];

/// The same by other means: text replaced in the whole.
fn expected(listing: &str) -> String {
    let mut expected = listing.to_owned();
    for (from, to) in [
        ("<Size>74<", "<Size>10<"),
        ("<Size>65600<", "<Size>65536<"),
        ("<Size>857<", "<Size>793<"),
        ("<Size>104908832<", "<Size>104857600<"),
        // Those of fixtures that are hexadecimal to their last digit.
        ("&quot;</ETag>", "-1&quot;</ETag>"),
        ("\"</ETag>", "-1&quot;</ETag>"),
        ("<ETag>\"", "<ETag>&quot;"),
        ("-13-1&quot;", "-13&quot;"),
        ("<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>", ""),
        ("<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm>", ""),
        ("<ChecksumAlgorithm>SHA256</ChecksumAlgorithm>", ""),
        ("<ChecksumType>FULL_OBJECT</ChecksumType>", ""),
    ] {
        expected = expected.replace(from, to);
    }
    expected
}

#[test]
fn listings_of_all_backends_show_the_plaintext() {
    for (listing, is_encoded) in LISTINGS {
        for piece in [listing.len(), 7, 1] {
            let (sent, entries) = relayed(listing.as_bytes(), is_encoded, piece).unwrap();
            assert_eq!(sent, expected(listing));
            assert!(entries.len() >= 2, "{listing}");
        }
    }
}

#[test]
fn keys_and_versions_are_decoded() {
    let names = |at: usize| -> Vec<(String, Option<String>)> {
        let (listing, is_encoded) = LISTINGS[at];
        let (_, entries) = relayed(listing.as_bytes(), is_encoded, 64).unwrap();
        let owned = |text: Option<&str>| text.map(str::to_owned);
        entries.iter().map(|it| (it.key().unwrap().to_owned(), owned(it.version_id()))).collect()
    };
    let key = |key: &str| (key.to_owned(), None);
    assert_eq!(names(0), [key("Example Object+plus.txt"), key("E%2Fé/large")]);
    assert_eq!(names(4), [key("a & b <c>.txt"), key("plain.txt"), key("plus+per%cent é.txt")]);
    let all = [key("a & b <c>.txt"), key("dir/x"), key("plain.txt"), key("plus+per%cent é.txt")];
    assert_eq!(names(5), all);
    let version = |version: &str| ("k".to_owned(), Some(version.to_owned()));
    let expected =
        [version("K9WyKqal3gtUCbVTPZM1R-cPjddjtqW"), version("MlxsK.jcKumLB7fh66fKsec12V-g271")];
    assert_eq!(names(6), expected, "and no delete marker");
}

fn listing(content: &str) -> String {
    format!("<ListBucketResult>{content}</ListBucketResult>")
}

fn check(content: &str, expected: Option<&str>) {
    let listing_of = listing(content);
    for piece in [listing_of.len(), 1] {
        let sent = relayed(listing_of.as_bytes(), false, piece).ok();
        let sent = sent.map(|(sent, _)| sent);
        assert_eq!(sent, expected.map(listing), "{content} in pieces of {piece}");
    }
}

#[test]
fn what_is_not_replaced_stays_byte_for_byte() {
    check("\r\n", Some("\r\n"));
    check(
        "<Name a='b'>é</Name><Contents>\t<Size >74</Size\n><X><Size>74</Size></X><Key>k</Key>\
         <ETag>W/&#34;a&#34;</ETag> <ChecksumX/><Checksum><A/></Checksum></Contents> <Other>\
         <Size>74</Size><ETag>e</ETag></Other>",
        Some(
            "<Name a='b'>é</Name><Contents>\t<Size >10</Size\n><X><Size>74</Size></X><Key>k</Key>\
             <ETag>W/&quot;a-1&quot;</ETag> </Contents> <Other><Size>74</Size><ETag>e</ETag></Other>",
        ),
    );
    check("<Contents><Key>k</Key><Size>74</Size></Contents>", Some(SIZED));
    check(
        "<Contents><Key>k</Key><Size>74</Size><ETag></ETag><VersionId/></Contents>",
        Some("<Contents><Key>k</Key><Size>10</Size><ETag></ETag><VersionId/></Contents>"),
    );
    check(
        "<DeleteMarker><Key>k</Key></DeleteMarker><CommonPrefixes><Prefix>p</Prefix></CommonPrefixes>",
        Some(
            "<DeleteMarker><Key>k</Key></DeleteMarker><CommonPrefixes><Prefix>p</Prefix>\
             </CommonPrefixes>",
        ),
    );
}

const SIZED: &str = "<Contents><Key>k</Key><Size>10</Size></Contents>";

#[test]
fn prefixes_of_namespaces_are_the_roots() {
    let document = |prefix: &str| {
        format!(
            "<s:ListBucketResult xmlns:s='x'><{prefix}Contents><s:Key>k</s:Key>\
             <s:Size>74</s:Size></{prefix}Contents></s:ListBucketResult>"
        )
    };
    let (sent, _) = relayed(document("s:").as_bytes(), false, 5).unwrap();
    assert_eq!(sent, document("s:").replace(">74<", ">10<"));
    assert!(relayed(document("").as_bytes(), false, 5).is_err());
    assert!(relayed(document("t:").as_bytes(), false, 5).is_err());
}

#[test]
fn what_readers_take_differently_is_unreadable() {
    let entry = |content: &str| format!("<Contents>{content}</Contents>");
    for content in [
        "<Key>k</Key>",
        "<Size>74</Size>",
        "<Key>k</Key><Size></Size>",
        "<Key>k</Key><Size/>",
        "<Key>k</Key><Size>+74</Size>",
        "<Key>k</Key><Size>-74</Size>",
        "<Key>k</Key><Size>7 4</Size>",
        "<Key>k</Key><Size>99999999999999999999</Size>",
        "<Key>k</Key><Size>74</Size><Size>75</Size>",
        "<Key>k</Key><Size/><Size>74</Size>",
        "<Key>k</Key><Key>l</Key><Size>74</Size>",
        "<Key>k</Key><s:Key>l</s:Key><Size>74</Size>",
        "<Key>k</Key><Size>74</Size><ETag>e</ETag><ETag>f</ETag>",
        "<Key>k</Key><Size xmlns='x'>74</Size>",
        "<Key>k</Key><Size><B>74</B></Size>",
        "<Key><B/></Key><Size>74</Size>",
        "<Key>k<!-- -->l</Key><Size>74</Size>",
        "<Key>k<?x ?>l</Key><Size>74</Size>",
        "<Key>&k;</Key><Size>74</Size>",
        "<Key>&#0;</Key><Size>74</Size>",
        "<Key>k</Key>74<Size>74</Size>",
        "<Key a='>'>k</Key><Size>74</Size>",
        "<Key>k</Size><Size>74</Key>",
    ] {
        check(&entry(content), None);
    }
    check("<Contents xmlns='x'><Key>k</Key><Size>74</Size></Contents>", None);
    check("<Contents/>", None);
    check("text<Contents><Key>k</Key><Size>74</Size></Contents>", None);
    for document in [
        "",
        "<ListBucketResult>",
        "<ListBucketResult><Contents><Key>k</Key><Size>74</Size></Contents>",
        "<ListBucketResult><Contents><Key>k</Key><Size>74</Size>",
        "<Error><Code>x</Code></Error>",
        "<ListBucketResult/><ListBucketResult/>",
        "\u{feff}<ListBucketResult/>",
    ] {
        assert!(relayed(document.as_bytes(), false, 3).is_err(), "{document}");
    }
    let latin = b"<ListBucketResult><Name>\xe9</Name></ListBucketResult>";
    assert!(relayed(latin, false, 3).is_err());
    let latin = b"<ListBucketResult><Contents><Key>\xe9</Key><Size>74</Size></Contents>";
    assert!(relayed(latin, false, 3).is_err());
}

#[test]
fn character_data_is_text() {
    let entry = "<Contents><Key>a<![CDATA[<b>]]></Key><Size>74</Size></Contents>";
    let (sent, entries) = relayed(listing(entry).as_bytes(), false, 1).unwrap();
    assert_eq!(entries[0].key(), Some("a<b>"));
    assert_eq!(sent, listing(&entry.replace("74", "10")));
}

#[test]
fn an_entry_has_a_longest_length() {
    let entry = |bytes: usize| {
        let rest = "<Contents><Key>k</Key><Size>74</Size><X></X></Contents>".len();
        let filler = "x".repeat(bytes - rest);
        format!("<Contents><Key>k</Key><Size>74</Size><X>{filler}</X></Contents>")
    };
    let check = |bytes: usize, is_read: bool| {
        for piece in [1000, 1 << 20] {
            let listing = listing(&entry(bytes));
            assert_eq!(relayed(listing.as_bytes(), false, piece).is_ok(), is_read, "{bytes}");
        }
    };
    check(ENTRY_BYTES_MAX, true);
    check(ENTRY_BYTES_MAX + 1, false);
    let mut rewriter = Listing::new(false);
    rewriter.push(b"<ListBucketResult><Prefix>");
    assert!(matches!(rewriter.pull(), Ok(Some(Piece::Bytes(_)))));
    rewriter.push("x".repeat(ENTRY_BYTES_MAX).as_bytes());
    assert!(matches!(rewriter.pull(), Ok(None)));
    rewriter.push(b"x");
    assert!(rewriter.pull().is_err(), "nothing is held without an end");
}

#[test]
fn keys_must_be_encoded_as_was_asked_for() {
    let document = |key: &str, encoding: &str| {
        listing(&format!("<Contents><Key>{key}</Key><Size>74</Size></Contents>{encoding}"))
    };
    let told = "<EncodingType>url</EncodingType>";
    for (key, encoding, is_encoded, expected) in [
        ("a%2Bb", told, true, Some("a+b")),
        ("a+b", told, true, Some("a b")),
        ("a%2Bb", "", false, Some("a%2Bb")),
        ("ab", "", true, Some("ab")),
        ("ab", told, false, Some("ab")),
        ("a%2Bb", "", true, None),
        ("a+b", "", true, None),
        ("a%2Bb", told, false, None),
        ("a+b", "<EncodingType/>", true, None),
        ("a+b", "<X><EncodingType>url</EncodingType></X>", true, None),
    ] {
        let read = relayed(document(key, encoding).as_bytes(), is_encoded, 9).ok();
        let read = read.map(|(_, entries)| entries[0].key().unwrap().to_owned());
        assert_eq!(read.as_deref(), expected, "{key} {encoding} {is_encoded}");
    }
    for key in ["%ff", "%", "%00"] {
        let (_, entries) = relayed(document(key, told).as_bytes(), true, 9).unwrap();
        assert_eq!(entries[0].key(), None, "{key}");
    }
}

#[test]
fn entries_that_are_not_sealed_keep_what_is_theirs() {
    let entry = "<Contents><Key>k</Key><Size>74</Size><ETag>\"e\"</ETag>\
                 <ChecksumType>FULL_OBJECT</ChecksumType></Contents>";
    let (_, entries) = relayed(listing(entry).as_bytes(), false, 9).unwrap();
    assert_eq!(entries[0].render(74, Tagged::Plain), entry);
    assert_eq!(entries[0].as_is(), entry);
    assert_eq!((entries[0].size(), entries[0].etag()), (74, Some("\"e\"")));
    let entry = entry.replace("\"e\"", "\"e-1\"");
    let (_, entries) = relayed(listing(&entry).as_bytes(), false, 9).unwrap();
    let expected = entry.replace("\"e-1\"", "&quot;e-1-1&quot;");
    assert_eq!(entries[0].render(74, Tagged::Plain), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keys_and_sizes_come_through(
        objects in proptest::collection::vec(("[^\u{0}\u{fffe}\u{ffff}]{1,20}", 0..1u64 << 48), 0..8),
        is_encoded: bool,
        piece in 1..200_usize,
    ) {
        // What XML cannot hold does not come without encoding.
        let is_text = |c: char| is_encoded || c >= ' ';
        let objects: Vec<(String, u64)> = objects
            .into_iter()
            .map(|(key, size)| (key.chars().filter(|c| is_text(*c)).collect(), size))
            .collect();
        let written: Vec<String> = objects
            .iter()
            .map(|(key, size)| {
                let key: String = if is_encoded {
                    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC)
                        .to_string()
                } else {
                    xml::escape(key).into_owned()
                };
                let stored = stored(*size).unwrap();
                format!("<Contents><Key>{key}</Key><Size>{stored}</Size></Contents>\n")
            })
            .collect();
        let told = if is_encoded { "<EncodingType>url</EncodingType>" } else { "" };
        let document = listing(&format!("{}{told}", written.concat()));
        let (sent, entries) = relayed(document.as_bytes(), is_encoded, piece).unwrap();
        let read: Vec<&str> = entries.iter().map(|entry| entry.key().unwrap()).collect();
        let keys: Vec<&str> = objects.iter().map(|(key, _)| key.as_str()).collect();
        prop_assert_eq!(read, keys);
        for (_, size) in &objects {
            let shown = format!("<Size>{size}</Size>");
            prop_assert!(sent.contains(&shown));
        }
    }

    #[test]
    fn no_bytes_break_it(bytes: Vec<u8>, at in 0..100_usize, piece in 1..50_usize) {
        let (listing, is_encoded) = LISTINGS[0];
        let mut listing = listing.as_bytes().to_vec();
        let start = at * listing.len() / 100;
        listing.splice(start..start, bytes);
        let whole = relayed(&listing, is_encoded, listing.len()).map(|(sent, _)| sent).ok();
        let pieces = relayed(&listing, is_encoded, piece).map(|(sent, _)| sent).ok();
        prop_assert_eq!(whole, pieces);
    }
}
