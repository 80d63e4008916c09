//! What makes a document fail to load, and how it says so.

use super::*;

/// A document of one statement, in which an element was replaced or added.
fn with(element: &str, value: &str) -> String {
    let mut elements = vec![
        ("Effect", r#""Deny""#),
        ("Principal", r#""*""#),
        ("Action", r#""s3:PutObject""#),
        ("Resource", r#""arn:aws:s3:::b/*""#),
    ];
    let base = element.strip_prefix("Not").unwrap_or(element);
    elements.retain(|(name, _)| *name != base);
    elements.push((element, value));
    let members = elements.iter().map(|(name, value)| format!("\"{name}\": {value}"));
    let members: Vec<String> = members.collect();
    format!("{{\"Version\": \"2012-10-17\", \"Statement\": [{{\n{}\n}}]}}", members.join(",\n"))
}

fn condition(operator: &str, key: &str, value: &str) -> String {
    with("Condition", &format!(r#"{{"{operator}": {{"{key}": {value}}}}}"#))
}

fn faults(text: &str) -> Vec<String> {
    let faults = Document::parse(text).err().unwrap_or_default();
    faults.into_iter().map(|fault| fault.message).collect()
}

/// The one fault holds these words.
fn check(text: &str, words: &str) {
    let found = faults(text);
    assert!(found.len() == 1 && found[0].contains(words), "{text}\n{found:#?}\nnot {words}");
}

fn accept(text: &str) {
    assert_eq!(faults(text), [""; 0], "{text}");
}

#[test]
fn every_fault_is_reported_with_its_place() {
    let text = "{\n  \"Version\": \"2012\",\n  \"Statement\": [{\n    \"Effect\": \"deny\",\n    \
                \"Principal\": \"*\", \"Akction\": \"s3:PutObject\",\n    \
                \"Resource\": \"é\", \"Condition\": {\"StringIs\": {}}\n  }]\n}";
    let faults = Document::parse(text).unwrap_err();
    let places: Vec<_> = faults.iter().map(|fault| (fault.line, fault.column)).collect();
    assert_eq!(places, [(2, 14), (3, 17), (4, 15), (5, 23), (6, 17), (6, 36)], "{faults:#?}");
    assert!(faults[3].message.contains("did you mean \"Action\"?"), "{faults:#?}");
}

#[test]
fn elements_are_known_and_stand_once() {
    check(&with("Sids", r#""x""#), "did you mean \"Sid\"?");
    check(&with("Sid", r#""x", "Sid": "y""#), "\"Sid\" stands twice");
    check(&with("NotAction", r#""s3:GetObject", "Action": "s3:PutObject""#), "not both");
    check(&with("Sid", "1"), "Sid is a string");
}

#[test]
fn json_is_read_strictly() {
    check("", "first byte must be '{'");
    check("[]", "first byte must be '{'");
    check("{", "This policy contains invalid Json: EOF");
    check("{\"Statement\": [],}", "key must be a string");
    check(&with("Sid", r#""\ud800""#), "This policy contains invalid Json");
    check(&with("Condition", &format!("{}1{}", "[".repeat(20), "]".repeat(20))), "levels deep");
    check(&" ".repeat(TEXT_BYTES_MAX + 1), "longer than");
}

#[test]
fn actions_exist_and_act_on_the_resources() {
    check(&with("Action", r#""s3:PutObjet""#), "write s3:PutObject, perhaps");
    check(&with("Action", r#""ec2:RunInstances""#), "Policy has invalid action");
    check(&with("Action", "[]"), "Action is empty");
    check(&with("Action", r#""s3:ListBucket""#), "needs a Resource like arn:aws:s3:::bucket");
    check(&with("Action", r#"["s3:PutObject", "s3:ListBucket"]"#), "s3:ListBucket needs");
    check(&with("Resource", r#""arn:aws:s3:::b""#), "needs a Resource like arn:aws:s3:::bucket/*");
    accept(&with("Action", r#"["S3:putobject", "s3:*", "*"]"#));
    accept(&with("NotAction", r#""s3:ListBucket""#));
}

#[test]
fn resources_are_of_any_bucket() {
    check(&with("Resource", r#""arn:aws:s3:::/*""#), "no bucket has an empty name");
    for resource in ["*", "arn:aws:s3:::*", "arn:aws:s3:::a*/k", "arn:aws:s3:::${aws:username}/*"] {
        accept(&with("Resource", &format!("\"{resource}\"")));
    }
    accept(&with("NotResource", r#"["arn:aws:s3:::a/*", "arn:aws:s3:::b"]"#));
    check(&with("Resource", r#""b/*""#), "Policy has invalid resource: write `*`, `arn:");
    check(&with("Resource", r#""arn:aws:s3:::""#), "write a bucket");
    check(&with("Resource", r#""arn:aws:s3:::b/${aws:username""#), "not closed");
    check(&with("Resource", r#""arn:aws:s3:::b/${aws:PrincipalTag/team}/*""#), "cannot know");
}

#[test]
fn principals_are_of_known_forms() {
    accept(&with("Principal", r#"{"AWS": ["*", "111122223333"]}"#));
    accept(&with("Principal", r#"{"Service": "logging.s3.amazonaws.com"}"#));
    accept(&with("NotPrincipal", r#"{"AWS": "arn:aws:iam::111122223333:role/R"}"#));
    check(&with("Principal", r#""111122223333""#), r#"write {"AWS": "111122223333"}"#);
    check(&with("Principal", r#"{"AWS": "arn:aws:iam::111122223333:user/*"}"#), "in full");
    check(&with("Principal", r#"{"Aws": "*"}"#), "did you mean \"AWS\"?");
    check(&with("Principal", r#"{"Federated": "accounts.google.com"}"#), "cannot know");
    let canonical = format!(r#"{{"CanonicalUser": "{}"}}"#, "a".repeat(64));
    check(&with("Principal", &canonical), "cannot know");
    let allow = with("NotPrincipal", r#"{"AWS": "111122223333"}"#).replace("Deny", "Allow");
    check(&allow, "NotPrincipal cannot stand with Allow");
}

#[test]
fn conditions_are_understood_whole() {
    const SSE: &str = "s3:x-amz-server-side-encryption";
    accept(&condition("StringNotEquals", SSE, r#""AES256""#));
    accept(&with("Condition", "{}"));
    check(
        &condition("stringequals", SSE, r#""x""#),
        "Invalid Condition type : stringequals; write StringEquals",
    );
    check(&condition("NullIfExists", SSE, "true"), "Invalid Condition type");
    check(&condition("ForAnyValues:StringEquals", SSE, r#""x""#), "Invalid Condition type");
    check(&condition("StringEquals", SSE, "null"), "a string, number or boolean");
    check(&condition("StringEquals", SSE, "[]"), "no value to compare");
    check(&condition("Null", SSE, r#""absent""#), "write \"true\" or \"false\"");
    check(&condition("NumericEquals", "s3:signatureAge", r#""ten""#), "not a number");
    check(&condition("DateLessThan", "aws:CurrentTime", r#""soon""#), "not a date");
    check(&condition("IpAddress", "aws:SourceIp", r#""10.0.0.0/40""#), "Invalid IP address");
    check(&condition("ForAnyValue:StringEqualsIfExists", SSE, r#""x""#), "without IfExists");
    let twice = r#"{"StringEquals": {"aws:Referer": "a", "aws:referer": "b"}}"#;
    check(&with("Condition", twice), "\"aws:referer\" stands twice");
}

#[test]
fn conditions_name_what_the_proxy_knows() {
    let equals = |key| condition("StringEquals", key, r#""x""#);
    check(
        &equals("s3:x-amz-server-side-encription"),
        "did you mean s3:x-amz-server-side-encryption?",
    );
    check(&equals("aws:SourceVpce"), "cannot know aws:SourceVpce: only the network of AWS");
    check(&equals("aws:Sourceip2"), "The proxy cannot know aws:Sourceip2");
    check(&equals("referer"), "Policy has an invalid condition key");
    check(&equals("s3:prefix"), "Conditions do not apply to combination");
    accept(&equals("s3:RequestObjectTag/team"));
    accept(&equals("AWS:referer"));
    check(&equals("s3:RequestObjectTag/"), "Policy has an invalid condition key");
    let tagging = equals("s3:RequestObjectTag/team").replace("s3:PutObject", "s3:PutObject*");
    accept(&tagging);
}

#[test]
fn the_configuration_can_declare_keys() {
    let text = condition("StringEquals", "aws:SourceVpce", r#""vpce-1""#);
    let declared = Strictness::Gate { declared: &["aws:sourcevpce"] };
    assert!(Document::parse_as(&text, declared).is_ok());
}

#[test]
fn s3_stores_policies_of_their_bucket_only() {
    let s3 = |text: &str| Document::parse_as(text, Strictness::S3 { bucket: "b" }).is_ok();
    assert!(s3(&with("Resource", r#"["arn:aws:s3:::b/*", "arn:aws:s3:::b"]"#)));
    assert!(!s3(&with("Resource", r#""arn:aws:s3:::b2/*""#)));
    assert!(!s3(&with("Resource", r#""arn:aws:s3:::*""#)));
    assert!(s3(&condition("StringEquals", "aws:SourceVpce", r#""x""#)));
    assert!(s3(&condition("StringEquals", "aws:NoSuchKey", r#""x""#)));
    assert!(!s3(&condition("StringEquals", "s3:NoSuchKey", r#""x""#)));
}

#[test]
fn lenient_reading_still_refuses_what_it_cannot_evaluate() {
    let lenient = |text: &str| Document::parse_as(text, Strictness::Lenient).is_ok();
    assert!(lenient(&condition("StringEquals", "any:Key", r#""x""#)));
    assert!(lenient(&with("Action", r#""iam:CreateUser""#)));
    assert!(!lenient(&condition("StringIs", "aws:Referer", r#""x""#)));
    assert!(!lenient(&with("Conditions", "{}")));
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let warns = |text: &str, words: &str| {
        let document = Document::parse(text).expect(text);
        let found = document.warnings();
        assert!(found.len() == 1 && found[0].message.contains(words), "{text}\n{found:#?}");
    };
    let variable = condition("StringLike", "aws:Referer", r#""${aws:username}""#);
    warns(&variable.replace("2012-10-17", "2008-10-17"), "${…} is literal text");
    warns(&condition("StringEquals", "s3:RequestObjectTagKeys", r#""x""#), "say which count");
    warns(&condition("ForAnyValue:StringEquals", "aws:Referer", r#""x""#), "has one value");
}

#[test]
fn what_only_s3_would_not_store_is_a_warning() {
    let sids = vec!["s"; 21_000].concat();
    let long = with("Sid", &format!("\"{sids}\""));
    let document = Document::parse(&long).unwrap();
    let found = &document.warnings()[0].message;
    assert!(found.starts_with("S3 would not store this: Normalized policy document"), "{found}");
    assert!(Document::parse_as(&long, Strictness::S3 { bucket: "b" }).is_err());
}

#[test]
fn what_a_document_accepts_is_told() {
    const KEY: &str = "s3:x-amz-server-side-encryption";
    let accepts = |text: &str, value: &str| {
        Document::parse(text).unwrap().accepts("S3:x-amz-server-side-encryption", value)
    };
    let deny = condition("StringNotEquals", KEY, r#"["AES256", "aws:kms"]"#);
    assert!(accepts(&deny, "AES256") && accepts(&deny, "aws:kms"));
    assert!(!accepts(&deny, "aws:kms:dsse"));
    let forbidding = condition("StringEquals", KEY, r#""AES256""#);
    assert!(!accepts(&forbidding, "AES256"), "it denies what has it");
    let allow = condition("StringEquals", KEY, r#""AES256""#).replace("Deny", "Allow");
    assert!(accepts(&allow, "AES256"));
    assert!(!accepts(&condition("Null", KEY, r#""true""#), "AES256"));
}
