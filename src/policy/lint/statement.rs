//! Mistakes of a statement as a whole. Invariant: each lint tells what the statement does say, and what
//! to write for what was probably meant.

use crate::policy::{
    Effect, Keys,
    action::Action,
    pattern::{Pattern, Token},
    principal::Named,
    resource::SERVICE,
    statement::Statement,
    written::Written as _,
};

/// A lint; its advice where the statement has the mistake.
type Lint = fn(&Statement) -> Option<String>;

pub(super) const LINTS: [Lint; 6] =
    [bucket_left_out, denies_all, not_principal, objects_left_out, old_version, open_to_all];

/// A Deny of all actions on all objects of a bucket, and not on the bucket.
fn bucket_left_out(statement: &Statement) -> Option<String> {
    let patterns = left_out(statement)?;
    let all_below = |text: &String| text.strip_suffix("/*").is_some_and(|it| !it.contains('/'));
    let (objects, others): (Vec<_>, Vec<_>) = patterns.into_iter().partition(all_below);
    let bucket = objects.first()?.strip_suffix("/*")?;
    others.iter().all(|text| text.contains('/')).then(|| {
        format!(
            "This leaves out the bucket itself, and with it s3:ListBucket and the like; add \
             {bucket}, or name the actions on objects."
        )
    })
}

/// The other way round.
fn objects_left_out(statement: &Statement) -> Option<String> {
    let patterns = left_out(statement)?;
    let bucket = patterns.first()?;
    let is_bucket = |text: &String| !text.contains(['/', '*', '?', '$']);
    patterns.iter().all(is_bucket).then(|| {
        format!(
            "This leaves out the objects, and with them s3:GetObject and the like; add {bucket}/*, \
             or name the actions on buckets."
        )
    })
}

/// The resources of a Deny that names actions on buckets and on objects by one pattern.
fn left_out(statement: &Statement) -> Option<Vec<String>> {
    let names_both = |pattern: &Pattern| {
        let names = |action| pattern.matches_ignoring_case(action, &Keys::NONE);
        names("s3:ListBucket") && names("s3:GetObject")
    };
    let is_meant = statement.effect == Effect::Deny
        && !statement.actions.is_negated
        && !statement.resources.is_negated
        && statement.actions.list.iter().any(names_both);
    is_meant.then(|| statement.resources.list.iter().map(Pattern::written).collect())
}

/// Also what keeps the proxy in service: load balancers ask `GET /`.
fn denies_all(statement: &Statement) -> Option<String> {
    let names = |action: &str| statement.names(action);
    let covers = |resource: &str| {
        let mut patterns = statement.resources.list.iter();
        patterns.any(|pattern| pattern.matches(resource, &Keys::NONE))
            != statement.resources.is_negated
    };
    let is_meant = statement.effect == Effect::Deny
        && statement.is_about_everyone()
        && statement.conditions.is_empty()
        && names("s3:ListAllMyBuckets")
        && names("s3:GetObject")
        && covers(SERVICE);
    is_meant.then(|| {
        "This denies every request of everybody, also those by which load balancers probe the \
         proxy (GET /); add a Condition, or name actions and buckets."
            .to_owned()
    })
}

fn not_principal(statement: &Statement) -> Option<String> {
    let is_meant = statement.effect == Effect::Deny && statement.principals.is_negated;
    is_meant.then(|| {
        "NotPrincipal denies everyone who is not listed, and on AWS also a listed user or session \
         whose account or role is not; write Principal \"*\" and ArnNotEquals aws:PrincipalArn."
            .to_owned()
    })
}

/// `${…}` in a resource, where it is text. (Conditions tell of their own.)
fn old_version(statement: &Statement) -> Option<String> {
    let is_variable = |token: &Token| match token {
        Token::Literal(text) => text.contains("${"),
        Token::One | Token::Run | Token::Variable(_) => false,
    };
    let mut tokens = statement.resources.list.iter().flat_map(Pattern::tokens);
    tokens.any(is_variable).then(|| {
        "Without \"Version\": \"2012-10-17\", ${…} in a Resource is literal text, and matches no \
         key but one that is named so."
            .to_owned()
    })
}

fn open_to_all(statement: &Statement) -> Option<String> {
    let is_meant = statement.effect == Effect::Allow
        && statement.is_about_everyone()
        && statement.conditions.is_empty();
    is_meant.then(|| {
        "This lets everybody in, callers without credentials too; name principals, or add a \
         Condition."
            .to_owned()
    })
}

impl Statement {
    fn is_about_everyone(&self) -> bool {
        !self.principals.is_negated && self.principals.list.contains(&Named::Everyone)
    }

    /// Whether it names an action.
    fn names(&self, action: &str) -> bool {
        let mut patterns = self.actions.list.iter();
        patterns.any(|pattern| pattern.matches_ignoring_case(action, &Keys::NONE))
            != self.actions.is_negated
    }

    /// Whether it names an action that acts on something which it names.
    pub(super) fn speaks_of(&self, action: &Action) -> bool {
        let acts = self.resources.is_negated
            || self.resources.list.iter().any(|pattern| {
                crate::policy::resource::is_applicable(action, pattern, &pattern.written())
            });
        acts && self.names(action.name)
    }
}
