//! Whether anything of a request could pass, before its body is read. Invariant: what this refuses,
//! the decision would refuse whatever the body says; it may well leave more to the decision than it
//! must.

use super::{Denied, Effect, Inquiry, Keys, Mode, Policies, Principal, Statement};

/// A question about objects that the request's body will name.
#[derive(Clone, Copy, Debug)]
pub struct Prospect<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// Each object will need one of them.
    pub actions: &'a [&'a str],
    /// Where the objects are.
    pub bucket: &'a str,
    /// The condition keys; those that the body gives are left open.
    pub keys: &'a Keys<'a>,
}

impl Policies {
    /// Whether one of the actions could pass on some object of the bucket.
    ///
    /// # Errors
    ///
    /// The reason why the first of them cannot.
    pub fn foresee(&self, mode: Mode, prospect: Prospect<'_>) -> Result<(), Denied> {
        let every_object = format!("arn:aws:s3:::{}/*", prospect.bucket);
        let inquiry = |action| Inquiry {
            principal: prospect.principal,
            action,
            resource: &every_object,
            bucket: Some(prospect.bucket),
            keys: prospect.keys,
        };
        let mut reason = None;
        for action in prospect.actions {
            match self.denied_everywhere(mode, &inquiry(action)) {
                None => return Ok(()),
                Some(denied) => {
                    reason.get_or_insert(denied);
                }
            }
        }
        reason.map_or(Ok(()), Err)
    }

    fn denied_everywhere(&self, mode: Mode, inquiry: &Inquiry<'_>) -> Option<Denied> {
        let mut could_be_allowed = self.lets_pass(inquiry.principal);
        for attached in self.attached_to(inquiry.bucket) {
            for statement in &attached.document.statements {
                match (statement.effect, mode) {
                    (Effect::Deny, Mode::Enforce) if applies_to_all(statement, inquiry) => {
                        return Some(Denied::explicit(&attached.name, statement, inquiry));
                    }
                    (Effect::Allow, _) if applies_to_some(statement, inquiry) => {
                        could_be_allowed = true;
                    }
                    (Effect::Deny | Effect::Allow, _) => {}
                }
            }
        }
        let passes_untold = mode == Mode::Audit && *inquiry.principal != Principal::Anonymous;
        (!could_be_allowed && !passes_untold).then(|| Denied::implicit(inquiry))
    }
}

/// Whether a Deny applies whatever the object is.
fn applies_to_all(deny: &Statement, inquiry: &Inquiry<'_>) -> bool {
    let (keys, below) = (inquiry.keys, below(inquiry));
    let resources = &deny.resources;
    let covers = if resources.is_negated {
        !resources.list.iter().any(|pattern| pattern.may_match_below(below, keys))
    } else {
        resources.list.iter().any(|pattern| pattern.covers_below(below, keys))
    };
    covers && applies_but_for_resource(deny, inquiry)
}

/// Whether there could be an object that an Allow applies to.
fn applies_to_some(allow: &Statement, inquiry: &Inquiry<'_>) -> bool {
    let (keys, below) = (inquiry.keys, below(inquiry));
    let resources = &allow.resources;
    let reaches = if resources.is_negated {
        !resources.list.iter().any(|pattern| pattern.covers_below(below, keys))
    } else {
        resources.list.iter().any(|pattern| pattern.may_match_below(below, keys))
    };
    reaches && applies_but_for_resource(allow, inquiry)
}

fn applies_but_for_resource(statement: &Statement, inquiry: &Inquiry<'_>) -> bool {
    statement.matches_principal(inquiry)
        && statement.matches_action(inquiry)
        && statement.conditions_hold(inquiry.keys)
}

/// What the ARNs of all objects of the bucket begin with.
fn below<'i>(inquiry: &Inquiry<'i>) -> &'i str {
    inquiry.resource.strip_suffix('*').unwrap_or(inquiry.resource)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::{Attachment, Document, Glob, Otherwise};

    fn policies(otherwise: Otherwise, statement: &Value) -> Policies {
        let text = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        let document = Document::parse(&text).unwrap();
        let buckets = vec![Glob::new("*")];
        Policies::new(vec![Attachment { name: "p".to_owned(), buckets, document }], otherwise)
    }

    fn statement(effect: &str, resource_kind: &str, resource: &str, condition: &Value) -> Value {
        json!({
            "Effect": effect, "Principal": "*", "Action": "s3:DeleteObject*",
            resource_kind: resource, "Condition": condition
        })
    }

    fn passes(policies: &Policies, principal: &Principal, mode: Mode) -> bool {
        let mut keys = Keys::default();
        keys.set("aws:SecureTransport", "false");
        keys.leave_open(&["s3:VersionId"]);
        let actions = &["s3:DeleteObject", "s3:DeleteObjectVersion"];
        let prospect = Prospect { principal, actions, bucket: "bucket", keys: &keys };
        policies.foresee(mode, prospect).is_ok()
    }

    fn alice() -> Principal {
        let arn = "arn:aws:iam::123456789012:user/alice".to_owned();
        Principal::Aws { arn, account: "123456789012".to_owned() }
    }

    #[test]
    fn only_an_allow_that_reaches_the_bucket_lets_anonymous_callers_go_on() {
        for (kind, resource, condition, expected) in [
            ("Resource", "arn:aws:s3:::bucket/*", json!({}), true),
            ("Resource", "arn:aws:s3:::bucket/public/*", json!({}), true),
            ("Resource", "arn:aws:s3:::buck*", json!({}), true),
            ("Resource", "arn:aws:s3:::${aws:PrincipalTag/x}/*", json!({}), true),
            ("Resource", "arn:aws:s3:::bucket2/*", json!({}), false),
            ("Resource", "arn:aws:s3:::buckets*", json!({}), false),
            ("NotResource", "arn:aws:s3:::bucket/secret/*", json!({}), true),
            ("NotResource", "arn:aws:s3:::bucket/*", json!({}), false),
            (
                "Resource",
                "arn:aws:s3:::bucket/*",
                json!({ "Bool": { "aws:SecureTransport": "true" } }),
                false,
            ),
            (
                "Resource",
                "arn:aws:s3:::bucket/*",
                json!({ "StringEquals": { "s3:VersionId": "1" } }),
                true,
            ),
        ] {
            // Variables of tags are none that the gate knows; only the shape matters here.
            let resource = resource.replace("aws:PrincipalTag/x", "aws:username");
            let allow = statement("Allow", kind, &resource, &condition);
            let policies = policies(Otherwise::AllowAuthenticated, &allow);
            let found = passes(&policies, &Principal::Anonymous, Mode::Enforce);
            assert_eq!(found, expected, "{kind} {resource} {condition}");
            assert!(passes(&policies, &alice(), Mode::Enforce));
        }
    }

    #[test]
    fn only_a_deny_of_every_object_refuses_at_once() {
        for (kind, resource, condition, expected) in [
            ("Resource", "*", json!({}), false),
            ("Resource", "arn:aws:s3:::bucket/*", json!({}), false),
            ("Resource", "arn:aws:s3:::bucket/keep/*", json!({}), true),
            ("Resource", "arn:aws:s3:::bucket/*.log", json!({}), true),
            ("Resource", "arn:aws:s3:::bucket/?*", json!({}), true),
            ("NotResource", "arn:aws:s3:::other/*", json!({}), false),
            ("NotResource", "arn:aws:s3:::bucket/open/*", json!({}), true),
            ("Resource", "*", json!({ "Bool": { "aws:SecureTransport": "false" } }), false),
            ("Resource", "*", json!({ "Bool": { "aws:SecureTransport": "true" } }), true),
            ("Resource", "*", json!({ "Null": { "s3:VersionId": "true" } }), true),
        ] {
            let deny = statement("Deny", kind, resource, &condition);
            let policies = policies(Otherwise::AllowAuthenticated, &deny);
            let found = passes(&policies, &alice(), Mode::Enforce);
            assert_eq!(found, expected, "{kind} {resource} {condition}");
            assert!(passes(&policies, &alice(), Mode::Audit), "what is only told passes");
            assert!(!passes(&policies, &Principal::Anonymous, Mode::Audit));
        }
    }

    #[test]
    fn one_action_that_could_pass_is_enough() {
        let mut deny = statement("Deny", "Resource", "*", &json!({}));
        deny["Action"] = json!("s3:DeleteObject");
        let policies = policies(Otherwise::AllowAuthenticated, &deny);
        assert!(passes(&policies, &alice(), Mode::Enforce));
    }

    #[test]
    fn strict_wants_an_allow_of_everybody() {
        let allow = statement("Allow", "Resource", "arn:aws:s3:::other/*", &json!({}));
        let policies = policies(Otherwise::Strict, &allow);
        assert!(!passes(&policies, &alice(), Mode::Enforce));
    }
}
