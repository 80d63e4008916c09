//! Who wins: Deny, Allow, or what stands in their absence; and which documents are asked.

use super::*;

const ALLOW: &str = r#"{"Sid": "Let", "Effect": "Allow", "Principal": "*", "Action": "s3:*",
    "Resource": "arn:aws:s3:::*"}"#;
const DENY: &str = r#"{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject",
    "Resource": "arn:aws:s3:::*"}"#;

fn attachment(name: &str, bucket: &str, statements: &[&str]) -> Attachment {
    let text = format!(r#"{{"Statement": [{}]}}"#, statements.join(","));
    Attachment {
        name: name.to_owned(),
        buckets: vec![Glob::new(bucket)],
        document: Document::parse(&text).expect(&text),
    }
}

fn alice() -> Principal {
    Principal::Aws {
        arn: "arn:aws:iam::111122223333:user/alice".to_owned(),
        account: "111122223333".to_owned(),
    }
}

fn decide(policies: &Policies, principal: &Principal, actions: &[&str]) -> Result<Permit, Denied> {
    let keys = Keys::default();
    let inquiry = |action| Inquiry {
        principal,
        action,
        resource: "arn:aws:s3:::b/k",
        bucket: Some("b"),
        keys: &keys,
    };
    let inquiries: Vec<_> = actions.iter().copied().map(inquiry).collect();
    policies.decide(Terms::PLAIN, &inquiries)
}

#[test]
fn an_explicit_deny_wins_wherever_it_stands() {
    for statements in [[ALLOW, DENY], [DENY, ALLOW]] {
        let attached = vec![attachment("p.json", "b", &statements)];
        let policies = Policies::new(attached, Otherwise::Strict);
        let denied = decide(&policies, &alice(), &["s3:PutObject"]).unwrap_err();
        assert_eq!(denied.effect(), "explicit-deny");
        assert!(decide(&policies, &alice(), &["s3:GetObject"]).is_ok());
    }
    let attached = vec![attachment("a", "*", &[ALLOW]), attachment("d", "*", &[DENY])];
    let policies = Policies::new(attached, Otherwise::Strict);
    let denied = decide(&policies, &alice(), &["s3:PutObject"]).unwrap_err();
    assert_eq!((denied.document(), denied.statement()), (Some("d"), Some("#1")));
}

#[test]
fn an_allow_names_itself() {
    let policies =
        Policies::new(vec![attachment("p.json", "*", &[DENY, ALLOW])], Otherwise::Strict);
    let permit = decide(&policies, &Principal::Anonymous, &["s3:GetObject"]).unwrap();
    assert_eq!(permit.decided_by(), Some(("p.json", "Let")));
}

#[test]
fn where_no_statement_applies() {
    let guard = |otherwise| Policies::new(vec![attachment("p", "*", &[DENY])], otherwise);
    let get = &["s3:GetObject"];
    let permit = decide(&guard(Otherwise::AllowAuthenticated), &alice(), get).unwrap();
    assert_eq!(permit.decided_by(), None);
    for (otherwise, principal) in [
        (Otherwise::AllowAuthenticated, Principal::Anonymous),
        (Otherwise::Strict, alice()),
        (Otherwise::Strict, Principal::Anonymous),
    ] {
        let denied = decide(&guard(otherwise), &principal, get).unwrap_err();
        assert_eq!((denied.effect(), denied.document()), ("implicit-deny", None));
    }
}

#[test]
fn all_inquiries_must_pass() {
    let policies = Policies::new(vec![attachment("p", "*", &[ALLOW, DENY])], Otherwise::Strict);
    assert!(decide(&policies, &alice(), &["s3:GetObject", "s3:PutObject"]).is_err());
    assert!(decide(&policies, &alice(), &[]).is_ok(), "nothing was asked");
}

#[test]
fn documents_are_chosen_by_bucket() {
    let policies =
        Policies::new(vec![attachment("p", "logs-*", &[DENY])], Otherwise::AllowAuthenticated);
    assert!(decide(&policies, &alice(), &["s3:PutObject"]).is_ok());
    let policies =
        Policies::new(vec![attachment("p", "?", &[DENY])], Otherwise::AllowAuthenticated);
    assert!(decide(&policies, &alice(), &["s3:PutObject"]).is_err());
}

#[test]
fn requests_about_no_bucket_are_judged_by_documents_of_all_buckets() {
    let deny = DENY.replace("s3:PutObject", "s3:ListAllMyBuckets");
    let (principal, keys) = (alice(), Keys::default());
    for (bucket, passes) in [("*", false), ("b", true)] {
        let attached = vec![attachment("p", bucket, &[&deny])];
        let policies = Policies::new(attached, Otherwise::AllowAuthenticated);
        let inquiry = Inquiry {
            principal: &principal,
            action: "s3:ListAllMyBuckets",
            resource: "*",
            bucket: None,
            keys: &keys,
        };
        assert_eq!(policies.decide(Terms::PLAIN, &[inquiry]).is_ok(), passes, "{bucket}");
    }
}
