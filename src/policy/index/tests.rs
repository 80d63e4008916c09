//! The index against the language's own definition, and what holds of every document.

use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;
use crate::policy::{Document, Principal, Strictness};

const ACTIONS: [&str; 6] = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:ListBucket",
    // Spelt so by nobody, and of another service.
    "s3:putobject",
    "iam:PassRole",
];

prop_compose! {
    fn any_condition()(
        operator in select(vec![
            "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists",
            "StringNotEqualsIfExists", "ForAllValues:StringEquals", "ForAnyValue:StringEquals", "Null",
        ]),
        key in select(vec!["aws:Referer", "AWS:referer", "s3:prefix", "s3:RequestObjectTagKeys"]),
        values in prop::collection::vec(select(vec!["a", "b", "*"]), 1..3),
    ) -> Value {
        let values = if operator == "Null" { vec!["true"] } else { values };
        json!({ operator: { key: values } })
    }
}

prop_compose! {
    fn any_statement()(
        effect in select(vec!["Allow", "Deny"]),
        principal in select(vec![json!("*"), json!({"AWS": "111122223333"}), json!({"AWS": "999999999999"})]),
        action_kind in select(vec!["Action", "NotAction"]),
        action in select(vec!["*", "s3:Put*", "s3:GetObject", "s3:*object*", "s3:List*"]),
        resource_kind in select(vec!["Resource", "NotResource"]),
        resource in select(vec!["*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${aws:Referer}"]),
        condition in prop::option::of(any_condition()),
    ) -> Value {
        json!({
            "Effect": effect, "Principal": principal, action_kind: action, resource_kind: resource,
            "Condition": condition.unwrap_or_else(|| json!({})),
        })
    }
}

prop_compose! {
    fn any_keys()(
        referer in prop::option::of(select(vec!["", "a", "b"])),
        prefix in prop::option::of(select(vec!["a", "c"])),
        tags in prop::collection::vec(select(vec!["a", "b"]), 0..3),
    ) -> Keys<'static> {
        let mut keys = Keys::default();
        if let Some(referer) = referer {
            keys.set("aws:Referer", referer);
        }
        if let Some(prefix) = prefix {
            keys.set("s3:prefix", prefix);
        }
        keys.set_all("s3:RequestObjectTagKeys", tags);
        keys
    }
}

fn document(statements: &[Value]) -> Document {
    let text = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    Document::parse_as(&text, Strictness::Lenient).unwrap()
}

fn any_statements() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(any_statement(), 1..6)
}

/// What a document says, and by which statement.
fn verdict(document: &Document, inquiry: &Inquiry<'_>) -> Option<(Effect, String)> {
    document.deciding(inquiry).map(|found| (found.effect, found.label.to_string()))
}

fn caller(is_anonymous: bool) -> Principal {
    if is_anonymous {
        return Principal::Anonymous;
    }
    let arn = "arn:aws:iam::111122223333:user/alice".to_owned();
    Principal::Aws { arn, account: "111122223333".to_owned() }
}

fn inquiry<'a>(
    principal: &'a Principal,
    action: &'a str,
    resource: &'a str,
    keys: &'a Keys<'a>,
) -> Inquiry<'a> {
    Inquiry { principal, action, resource, bucket: Some("b"), keys }
}

proptest! {
    #[test]
    fn the_index_decides_as_the_statements_one_by_one(
        statements in any_statements(),
        keys in any_keys(),
        action in select(ACTIONS.to_vec()),
        resource in select(vec!["arn:aws:s3:::b", "arn:aws:s3:::b/a", "*"]),
        is_anonymous: bool,
    ) {
        let (document, principal) = (document(&statements), caller(is_anonymous));
        let inquiry = inquiry(&principal, action, resource, &keys);
        let naive = one_by_one(&document.statements, &inquiry);
        let naive = naive.map(|found| (found.effect, found.label.to_string()));
        prop_assert_eq!(verdict(&document, &inquiry), naive);
    }

    #[test]
    fn one_more_deny_never_lets_more_pass(
        statements in any_statements(),
        mut deny in any_statement(),
        at in any::<prop::sample::Index>(),
        keys in any_keys(),
        action in select(ACTIONS.to_vec()),
    ) {
        deny["Effect"] = json!("Deny");
        let mut more = statements.clone();
        more.insert(at.index(statements.len() + 1), deny);
        let principal = caller(false);
        let inquiry = inquiry(&principal, action, "arn:aws:s3:::b/a", &keys);
        let effect = |statements: &[Value]| {
            document(statements).deciding(&inquiry).map(|found| found.effect)
        };
        let (before, after) = (effect(&statements), effect(&more));
        prop_assert!(after == before || after == Some(Effect::Deny), "{:?} {:?}", before, after);
    }

    #[test]
    fn the_order_of_statements_does_not_matter(
        statements in any_statements(),
        keys in any_keys(),
        action in select(ACTIONS.to_vec()),
        turn in any::<prop::sample::Index>(),
    ) {
        let mut turned = statements.clone();
        turned.rotate_left(turn.index(statements.len()));
        turned.reverse();
        let principal = caller(false);
        let inquiry = inquiry(&principal, action, "arn:aws:s3:::b/a", &keys);
        let effect = |statements: &[Value]| {
            document(statements).deciding(&inquiry).map(|found| found.effect)
        };
        prop_assert_eq!(effect(&statements), effect(&turned));
    }

    /// The table of present and absent keys of the rule that AWS documents for each operator.
    #[test]
    fn an_absent_key_decides_by_the_operator_alone(condition in any_condition()) {
        let operator = condition.as_object().unwrap().keys().next().unwrap().clone();
        let statement = json!({
            "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
            "Condition": condition,
        });
        let (keys, principal) = (Keys::default(), caller(false));
        let inquiry = inquiry(&principal, "s3:GetObject", "arn:aws:s3:::b/a", &keys);
        let holds = document(&[statement]).deciding(&inquiry).is_some();
        let expected = match operator.as_str() {
            "Null" => true,
            operator if operator.starts_with("ForAllValues:") => true,
            operator if operator.starts_with("ForAnyValue:") => false,
            operator => operator.contains("Not") || operator.ends_with("IfExists"),
        };
        prop_assert_eq!(holds, expected, "{}", operator);
    }
}

#[test]
fn more_parts_than_are_kept_are_decided_all_the_same() {
    let statements: Vec<Value> = (0..100)
        .map(|number| {
            json!({
                "Effect": "Deny", "Principal": { "AWS": format!("{number:012}") },
                "Action": "s3:GetObject", "Resource": format!("arn:aws:s3:::b/{number}"),
                "Condition": { "StringEquals": { format!("aws:PrincipalTag/{number}"): "x" } },
            })
        })
        .collect();
    let document = document(&statements);
    let mut keys = Keys::default();
    keys.set("aws:PrincipalTag/99", "x");
    for (account, expected) in [(99, Some("#100")), (98, None), (0, None)] {
        let account = format!("{account:012}");
        let principal = Principal::Aws { arn: format!("arn:aws:iam::{account}:root"), account };
        let inquiry = inquiry(&principal, "s3:GetObject", "arn:aws:s3:::b/99", &keys);
        let found = verdict(&document, &inquiry).map(|(_, label)| label);
        assert_eq!(found.as_deref(), expected, "{principal:?}");
    }
}
