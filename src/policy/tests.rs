//! The language as a whole, against the cases of `tests/vectors/policy/`.

use proptest::prelude::*;
use serde_json::Value;

use super::{
    Attachment, Case, Document, Glob, Inquiry, Keys, Otherwise, Policies, Principal, Strictness,
    Terms, Verdict,
};

const CASES: [(&str, &str, usize); 4] = [
    ("aws-docs", include_str!("../../tests/vectors/policy/aws-docs.json"), 420),
    ("aws-live-tests", include_str!("../../tests/vectors/policy/aws-live-tests.json"), 5),
    ("aws-semantics", include_str!("../../tests/vectors/policy/aws-semantics.json"), 5),
    ("ceph-s3-tests", include_str!("../../tests/vectors/policy/ceph-s3-tests.json"), 61),
];
const MALFORMED: &str = include_str!("../../tests/vectors/policy/malformed.json");
const SHIPPED: [&str; 4] = [
    include_str!("../../config/policies/require-sse.json"),
    include_str!("../../config/policies/require-sse-kms.json"),
    include_str!("../../config/policies/require-tls.json"),
    include_str!("../../config/policies/require-tls-all.json"),
];

#[test]
fn decides_as_aws_does() {
    let mut disagreements = Vec::new();
    for (file, text, count) in CASES {
        let cases: Vec<Case<'_>> = serde_json::from_str(text).unwrap();
        assert_eq!(cases.len(), count, "{file}");
        for case in cases {
            let found = case.judge().unwrap().verdict;
            if found != case.expected {
                let id = case.id.unwrap_or_default();
                disagreements.push(format!("{file} {id}: {found:?}, not {:?}", case.expected));
            }
        }
    }
    assert_eq!(disagreements, [""; 0]);
}

#[test]
fn refuses_what_s3_refuses() {
    let documents: Value = serde_json::from_str(MALFORMED).unwrap();
    for case in documents["refused"].as_array().unwrap() {
        let document = written(&case["document"]);
        if document.contains("user/does-not-exist") {
            continue; // Only AWS knows which users exist.
        }
        let is_described = document.starts_with("a document whose normalized");
        let document = if is_described { long_document() } else { document };
        let faults =
            Document::parse_as(&document, Strictness::S3 { bucket: "b" }).expect_err(&document);
        let message = case["message"].as_str().unwrap();
        if !message.starts_with('(') {
            let is_given = faults.iter().any(|fault| fault.message.starts_with(message));
            assert!(is_given, "{document}: {faults:#?}, not {message}");
        }
    }
}

#[test]
fn accepts_what_s3_accepts() {
    let documents: Value = serde_json::from_str(MALFORMED).unwrap();
    for case in documents["accepted"].as_array().unwrap() {
        let document = written(&case["document"]);
        Document::parse_as(&document, Strictness::S3 { bucket: "b" }).expect(&document);
        Document::parse(&document).expect(&document);
    }
}

#[test]
fn the_shipped_policies_load_without_warnings() {
    for text in SHIPPED {
        assert_eq!(Document::parse(text).expect(text).warnings(), []);
    }
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "[\\PC]{0,200}") {
        let _ = Document::parse(&text);
    }

    #[test]
    fn parsing_broken_documents_never_panics(
        which in 0..SHIPPED.len(),
        at in any::<prop::sample::Index>(),
        inserted in "[\\[\\]{}\":,a$é\\\\*0-9]{0,3}",
        removed in 0..40_usize,
    ) {
        let mut letters: Vec<char> = SHIPPED[which].chars().collect();
        let at = at.index(letters.len());
        let end = (at + removed).min(letters.len());
        letters.splice(at..end, inserted.chars());
        let text: String = letters.into_iter().collect();
        match Document::parse(&text) {
            Ok(document) => prop_assert_eq!(counts(&document), written_counts(&text)),
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                let lines = text.lines().count().max(1);
                prop_assert!(faults.iter().all(|fault| fault.line <= lines + 1));
            }
        }
    }

    #[test]
    fn adding_a_deny_never_widens(
        statements in prop::collection::vec(statement(), 1..4),
        deny in statement(),
        sse in prop::option::of(prop::sample::select(vec!["AES256", "aws:kms"])),
        action in prop::sample::select(vec!["s3:PutObject", "s3:GetObject"]),
    ) {
        let mut keys = Keys::default();
        if let Some(sse) = sse {
            keys.set("s3:x-amz-server-side-encryption", sse);
        }
        let principal = user("arn:aws:iam::111122223333:user/alice");
        let inquiry = Inquiry {
            principal: &principal,
            action,
            resource: "arn:aws:s3:::b/k",
            bucket: Some("b"),
            keys: &keys,
        };
        let passes = |statements: &[String]| {
            let text = format!(r#"{{"Statement":[{}]}}"#, statements.join(","));
            policies(&text, Strictness::Lenient).explain(Terms::PLAIN, &inquiry).verdict == Verdict::Allowed
        };
        let before = passes(&statements);
        let mut after = statements.clone();
        after.push(deny.replace("Allow", "Deny"));
        prop_assert!(before || !passes(&after));
    }
}

/// How many conditions each statement has: none may be dropped on the way.
fn counts(document: &Document) -> Vec<usize> {
    document.statements.iter().map(|statement| statement.conditions.len()).collect()
}

fn written_counts(text: &str) -> Vec<usize> {
    let document: Value = serde_json::from_str(text).unwrap();
    let count = |statement: &Value| {
        let operators = statement.get("Condition").and_then(Value::as_object);
        operators.map_or(0, |operators| {
            operators.values().map(|keys| keys.as_object().unwrap().len()).sum()
        })
    };
    let statement = &document["Statement"];
    let statements = statement.as_array().map_or(std::slice::from_ref(statement), Vec::as_slice);
    statements.iter().map(count).collect()
}

/// A statement about one of few things, so that statements meet.
fn statement() -> impl Strategy<Value = String> {
    let effect = prop::sample::select(vec!["Allow", "Deny"]);
    let action = prop::sample::select(vec!["*", "s3:PutObject", "s3:Get*"]);
    let not = prop::sample::select(vec!["", "Not"]);
    let resource = prop::sample::select(vec!["*", "arn:aws:s3:::b/*", "arn:aws:s3:::c/*"]);
    let operator = prop::sample::select(vec![
        "StringEquals",
        "StringNotEquals",
        "StringLikeIfExists",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringNotEquals",
    ]);
    (effect, action, not, resource, operator).prop_map(
        |(effect, action, not, resource, operator)| {
            format!(
                r#"{{"Effect":"{effect}","Principal":"*","{not}Action":"{action}",
                "Resource":"{resource}",
                "Condition":{{"{operator}":{{"s3:x-amz-server-side-encryption":"AES256"}}}}}}"#
            )
        },
    )
}

fn policies(text: &str, strictness: Strictness<'_>) -> Policies {
    let document = Document::parse_as(text, strictness).expect(text);
    let attachment =
        Attachment { name: "policy.json".to_owned(), buckets: vec![Glob::new("*")], document };
    Policies::new(vec![attachment], Otherwise::Strict)
}

fn user(arn: &str) -> Principal {
    let account = arn.split(':').nth(4).unwrap().to_owned();
    Principal::Aws { arn: arn.to_owned(), account }
}

fn written(document: &Value) -> String {
    document.as_str().map_or_else(|| document.to_string(), str::to_owned)
}

/// Below S3's limit but for its Sids.
fn long_document() -> String {
    let statement = format!(
        r#"{{"Sid":"{}","Effect":"Allow","Principal":"*","Action":"s3:GetObject",
            "Resource":"arn:aws:s3:::b/*"}}"#,
        "s".repeat(1000)
    );
    format!(r#"{{"Statement":[{}]}}"#, vec![statement; 20].join(","))
}
