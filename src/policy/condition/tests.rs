//! Each operator where the key is absent, has one value, and has several.

use crate::policy::{Document, Keys, Strictness};

/// Judges `{operator: {"aws:TagKeys": wanted}}`, where the request has these values.
fn holds(operator: &str, wanted: &str, found: &[&str]) -> bool {
    let text = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","Action":"*",
            "Resource":"*","Condition":{{"{operator}":{{"aws:TagKeys":{wanted}}}}}}}}}"#
    );
    let document = Document::parse_as(&text, Strictness::Lenient).expect(&text);
    let mut keys = Keys::default();
    match found {
        [] => {}
        [value] => keys.set("AWS:tagkeys", *value),
        values => keys.set_all("AWS:tagkeys", values.iter().copied()),
    }
    document.statements[0].conditions[0].holds(&keys)
}

#[test]
fn an_absent_key() {
    for (operator, wanted, expected) in [
        ("StringEquals", "a", false),
        ("StringLike", "*", false),
        ("NumericLessThan", "1", false),
        ("Bool", "false", false),
        ("IpAddress", "0.0.0.0/0", false),
        ("ArnLike", "arn:aws:iam::1:user/*", false),
        ("StringNotEquals", "a", true),
        ("StringNotLike", "*", true),
        ("NumericNotEquals", "1", true),
        ("DateNotEquals", "2024", true),
        ("NotIpAddress", "0.0.0.0/0", true),
        ("ArnNotEquals", "arn:aws:iam::1:user/*", true),
        ("StringEqualsIfExists", "a", true),
        ("StringNotEqualsIfExists", "a", true),
        ("BoolIfExists", "true", true),
        ("ForAllValues:StringEquals", "a", true),
        ("ForAllValues:StringEqualsIfExists", "a", true),
        ("ForAnyValue:StringEquals", "a", false),
        ("ForAnyValue:StringNotEquals", "a", false),
        ("Null", "true", true),
        ("Null", "false", false),
    ] {
        assert_eq!(holds(operator, &format!("[\"{wanted}\"]"), &[]), expected, "{operator}");
    }
}

#[test]
fn several_values_in_the_document() {
    assert!(holds("StringEquals", r#"["a", "b"]"#, &["b"]), "any");
    assert!(!holds("StringEquals", r#"["a", "b"]"#, &["c"]));
    assert!(holds("StringNotEquals", r#"["a", "b"]"#, &["c"]), "none");
    assert!(!holds("StringNotEquals", r#"["a", "b"]"#, &["b"]));
    assert!(holds("Null", r#"["true", "false"]"#, &[]));
    assert!(holds("Null", r#"["true", "false"]"#, &["a"]));
}

#[test]
fn several_values_in_the_request() {
    let wanted = r#"["a", "b"]"#;
    for (operator, found, expected) in [
        ("ForAllValues:StringEquals", ["a", "b"], true),
        ("ForAllValues:StringEquals", ["a", "c"], false),
        ("ForAnyValue:StringEquals", ["c", "a"], true),
        ("ForAnyValue:StringEquals", ["c", "d"], false),
        ("ForAllValues:StringNotEquals", ["c", "d"], true),
        ("ForAllValues:StringNotEquals", ["c", "a"], false),
        ("ForAnyValue:StringNotEquals", ["c", "a"], true),
        ("ForAnyValue:StringNotEquals", ["b", "a"], false),
        ("StringEquals", ["c", "a"], true),
        ("StringEquals", ["c", "d"], false),
        ("StringNotEquals", ["c", "a"], false),
        ("StringNotEquals", ["c", "d"], true),
    ] {
        assert_eq!(holds(operator, wanted, &found), expected, "{operator} {found:?}");
    }
}

#[test]
fn an_empty_value_is_present() {
    assert!(holds("Null", "false", &[""]));
    assert!(holds("StringNotEquals", r#""a""#, &[""]));
    assert!(!holds("StringEquals", r#""a""#, &[""]));
    assert!(holds("ForAllValues:StringEquals", r#""a""#, &[""]), "but no value for ForAllValues");
}

#[test]
fn no_values_in_the_document() {
    assert!(holds("ForAllValues:StringEquals", "[]", &[]));
    assert!(!holds("ForAllValues:StringEquals", "[]", &["a"]));
    assert!(!holds("ForAnyValue:StringEquals", "[]", &["a"]));
    assert!(holds("StringEqualsIfExists", "[]", &[]));
}

#[test]
fn a_value_of_another_type_equals_nothing() {
    assert!(!holds("NumericLessThan", "10", &["few"]));
    assert!(holds("NumericNotEquals", "10", &["few"]));
    assert!(holds("NotIpAddress", r#""10.0.0.0/8""#, &["somewhere"]));
    assert!(!holds("Bool", "false", &["0"]));
}

#[test]
fn numbers_and_booleans_need_no_quotes() {
    assert!(holds("NumericLessThan", "1.2", &["1.1"]));
    assert!(holds("Bool", "true", &["True"]));
    assert!(holds("StringEquals", "12", &["12"]));
}

#[test]
fn null_has_nothing_to_quantify_over() {
    for wanted in ["true", "false"] {
        for found in [&[] as &[&str], &["a"]] {
            assert!(holds("ForAllValues:Null", wanted, found));
            assert!(!holds("ForAnyValue:Null", wanted, found));
        }
    }
}

#[test]
fn a_variable_without_a_value_equals_nothing() {
    assert!(!holds("StringEquals", r#""${aws:username}""#, &["a"]));
    assert!(holds("StringNotEquals", r#""${aws:username}""#, &["a"]));
    assert!(holds("StringEquals", r#""${aws:username, 'a'}""#, &["a"]));
}
