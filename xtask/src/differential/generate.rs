//! Random cases. Invariant: every operator, quantifier and kind of value comes up, with keys that are
//! there, absent, and of another type; the few words are chosen so that they meet.

use super::{
    case::{Case, Condition, Element, Statement, Value},
    random::Random,
};

/// Makes one case after the other.
pub(super) struct Generator {
    random: Random,
}

/// The operators of one type, its condition keys, and values.
struct Family {
    bases: &'static [&'static str],
    keys: &'static [&'static str],
    /// In policies.
    wanted: &'static [&'static str],
    /// In requests.
    found: &'static [&'static str],
}

impl Generator {
    pub(super) fn new(random: Random) -> Self {
        Self { random }
    }

    pub(super) fn case(&mut self) -> Case {
        let mut statements = Vec::new();
        // Without it few requests would be allowed, and few Denies seen.
        if self.random.one_in(2) {
            statements.push(Statement {
                is_deny: false,
                principals: everything(),
                actions: everything(),
                resources: everything(),
                conditions: Vec::new(),
            });
        }
        for _ in 0..=self.random.below(3) {
            statements.push(self.statement());
        }
        let context = self.context(&statements);
        let is_old = self.random.one_in(20);
        Case {
            version: if is_old { "2008-10-17" } else { "2012-10-17" },
            statements,
            principal: self.random.pick(&CALLERS).to_owned(),
            action: self.random.pick(&ASKED_ACTIONS).to_owned(),
            resource: self.random.pick(&ASKED_RESOURCES).to_owned(),
            context,
        }
    }

    fn statement(&mut self) -> Statement {
        let is_deny = self.random.one_in(2);
        let mut principals = self.element(&PRINCIPALS, 2);
        // S3 refuses it with an Allow.
        principals.is_negated &= is_deny && !principals.values.iter().any(|it| it == "*");
        let mut conditions: Vec<Condition> = Vec::new();
        for _ in 0..self.random.below(4) {
            let condition = self.condition();
            if conditions.iter().all(|other| other.operator() != condition.operator()) {
                conditions.push(condition);
            }
        }
        Statement {
            is_deny,
            principals,
            actions: self.element(&ACTIONS, 3),
            resources: self.element(&RESOURCES, 3),
            conditions,
        }
    }

    /// Mostly everything, so that conditions decide.
    fn element(&mut self, list: &[&'static str], most: usize) -> Element {
        if !self.random.one_in(3) {
            return everything();
        }
        let is_negated = self.random.one_in(4);
        Element { is_negated, values: self.random.several(list, most) }
    }

    fn condition(&mut self) -> Condition {
        let family = self.random.pick(&FAMILIES.each_ref());
        let base = self.random.pick(family.bases);
        let is_null = base == "Null";
        let is_many = self.random.one_in(4);
        let key = if is_many { self.random.pick(&MANY) } else { self.random.pick(family.keys) };
        let is_quantified = if is_many { !self.random.one_in(8) } else { self.random.one_in(6) };
        let quantifier = match (is_quantified, self.random.one_in(2)) {
            (false, _) => "",
            (true, false) => "ForAnyValue:",
            (true, true) => "ForAllValues:",
        };
        let if_exists = !is_null && self.random.one_in(4);
        let is_respelt = self.random.one_in(10);
        let key = if is_respelt { key.to_ascii_uppercase() } else { key.to_owned() };
        let values = self.random.several(family.wanted, 3);
        Condition { quantifier, base, if_exists, key, values }
    }

    /// Values for most of the keys that conditions ask for, and for those of variables.
    fn context(&mut self, statements: &[Statement]) -> Vec<(String, Value)> {
        let mut context: Vec<(String, Value)> = Vec::new();
        let conditions = statements.iter().flat_map(|statement| &statement.conditions);
        for condition in conditions {
            let key = &condition.key;
            if self.random.one_in(4) || context.iter().any(|(it, _)| it.eq_ignore_ascii_case(key)) {
                continue;
            }
            let family = FAMILIES.iter().find(|it| it.bases.contains(&condition.base));
            let Some(family) = family else { continue };
            let is_many = MANY.iter().any(|many| many.eq_ignore_ascii_case(key));
            let value = if is_many {
                Value::Many(self.random.several(family.found, 3))
            } else {
                Value::One(self.random.pick(family.found).to_owned())
            };
            context.push((key.clone(), value));
        }
        for key in ["aws:username", "aws:PrincipalTag/team"] {
            if self.random.one_in(2) && context.iter().all(|(it, _)| !it.eq_ignore_ascii_case(key))
            {
                context.push((key.to_owned(), Value::One(self.random.pick(&NAMES).to_owned())));
            }
        }
        context
    }
}

fn everything() -> Element {
    Element { is_negated: false, values: vec!["*".to_owned()] }
}

const CALLERS: [&str; 8] = [
    "*",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:user/path/bob",
    "arn:aws:iam::444455556666:user/alice",
    "arn:aws:sts::111122223333:assumed-role/R/s",
    "arn:aws:sts::111122223333:assumed-role/R/t",
    "arn:aws:sts::111122223333:assumed-role/Q/s",
];
const PRINCIPALS: [&str; 9] = [
    "*",
    "111122223333",
    "444455556666",
    "arn:aws:iam::111122223333:root",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:user/Alice",
    "arn:aws:iam::111122223333:user/path/bob",
    "arn:aws:iam::111122223333:role/R",
    "arn:aws:sts::111122223333:assumed-role/R/s",
];
const ASKED_ACTIONS: [&str; 4] =
    ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:GetObjectTagging"];
const ACTIONS: [&str; 10] = [
    "s3:GetObject",
    "s3:getobject",
    "S3:PutObject",
    "s3:Get*",
    "s3:*Object",
    "s3:?etObject",
    "s3:GetObject*",
    "s3:*",
    "*",
    "s3:ListBucket",
];
const ASKED_RESOURCES: [&str; 12] = [
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::b/K",
    "arn:aws:s3:::b/alice/k",
    "arn:aws:s3:::b/abc",
    "arn:aws:s3:::b/a*c",
    "arn:aws:s3:::b/x.txt",
    "arn:aws:s3:::b/xytxt",
    "arn:aws:s3:::b/a/b/k",
    "arn:aws:s3:::b/d/k",
    "arn:aws:s3:::b2/k",
    "arn:aws:s3:::b/a+b (c)",
];
const RESOURCES: [&str; 15] = [
    "arn:aws:s3:::b",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::*/k",
    "arn:aws:s3:::b/k",
    "arn:aws:s3:::b/a?c",
    "arn:aws:s3:::b/a*c",
    "arn:aws:s3:::b/a${*}c",
    "arn:aws:s3:::b/*.txt",
    "arn:aws:s3:::b/a+b (c)",
    "arn:aws:s3:::b/${aws:username}/*",
    "arn:aws:s3:::b/${AWS:USERNAME}/k",
    "arn:aws:s3:::b/${aws:PrincipalTag/team, 'd'}/k",
    "arn:aws:s3:::b2/*",
];
const NAMES: [&str; 6] = ["alice", "bob", "a", "d", "*", "a?c"];
/// Keys with several values.
const MANY: [&str; 2] = ["s3:RequestObjectTagKeys", "aws:TagKeys"];

const FAMILIES: [Family; 8] = [
    Family {
        bases: &[
            "StringEquals",
            "StringNotEquals",
            "StringEqualsIgnoreCase",
            "StringNotEqualsIgnoreCase",
            "StringLike",
            "StringNotLike",
        ],
        keys: &[
            "aws:username",
            "aws:PrincipalTag/team",
            "aws:Referer",
            "s3:prefix",
            "s3:x-amz-server-side-encryption",
        ],
        wanted: &[
            "",
            "a",
            "A",
            "ab",
            "a*",
            "*",
            "?",
            "a?c",
            "*b*",
            "AES256",
            "aes256",
            "x.y",
            "x+y",
            "(x)[y]{z}^$|",
            "é",
            "a${*}c",
            "${?}",
            "${$}",
            "${aws:username}",
            "home/${aws:username}*",
            "${aws:PrincipalTag/team, 'd'}",
            "${aws:NoSuchKey}",
        ],
        found: &[
            "",
            "a",
            "A",
            "b",
            "ab",
            "abc",
            "a*c",
            "?",
            "$",
            "d",
            "alice",
            "home/alice",
            "home/alice/x",
            "AES256",
            "x.y",
            "xzy",
            "x+y",
            "(x)[y]{z}^$|",
            "é",
            "É",
            "*",
        ],
    },
    Family {
        bases: &[
            "NumericEquals",
            "NumericNotEquals",
            "NumericLessThan",
            "NumericLessThanEquals",
            "NumericGreaterThan",
            "NumericGreaterThanEquals",
        ],
        keys: &["s3:max-keys", "s3:signatureAge", "s3:TlsVersion"],
        wanted: &["0", "9", "10", "10.0", "1.2", "1.20", "1.3", "-1", "1000000"],
        found: &["0", "9", "10", "10.00", "1.2", "1.3", "-1", "-1.5", "1000001", "many"],
    },
    Family {
        bases: &[
            "DateEquals",
            "DateNotEquals",
            "DateLessThan",
            "DateLessThanEquals",
            "DateGreaterThan",
            "DateGreaterThanEquals",
        ],
        keys: &["aws:CurrentTime", "s3:object-lock-retain-until-date"],
        wanted: &[
            "2024-05-01T00:00:00Z",
            "2024-05-01T00:00:00.500Z",
            "2024-05-01T02:00:00+02:00",
            "2024-05-01",
            "2024-05",
            "2024-05-01T00:00Z",
            "2024",
            "1714521600",
        ],
        found: &[
            "2024-05-01T00:00:00Z",
            "2024-05-01T00:00:01Z",
            "2024-04-30T23:59:59.999Z",
            "2024-05-01T01:00:00+01:00",
            "2024-05-01",
            "2023-12-31T23:59:59Z",
            "1714521600",
            "noon",
        ],
    },
    Family {
        bases: &["Bool"],
        keys: &["aws:SecureTransport", "aws:ViaAWSService"],
        wanted: &["true", "false", "True", "FALSE"],
        found: &["true", "false", "TRUE", "maybe", ""],
    },
    Family {
        bases: &["BinaryEquals"],
        keys: &["aws:PrincipalTag/binary"],
        wanted: &["QQ==", "QUI=", "YWJj"],
        found: &["QQ==", "QUI=", "YWJj", "YWJk"],
    },
    Family {
        bases: &["IpAddress", "NotIpAddress"],
        keys: &["aws:SourceIp", "aws:VpcSourceIp"],
        wanted: &[
            "203.0.113.0/24",
            "203.0.113.7/24",
            "203.0.113.7",
            "203.0.113.7/32",
            "10.0.0.0/8",
            "0.0.0.0/0",
            "2001:db8::/32",
            "2001:db8::1",
            "2001:db8::1/128",
            "::/0",
        ],
        found: &[
            "203.0.113.7",
            "203.0.113.8",
            "203.0.114.7",
            "10.1.2.3",
            "2001:db8::1",
            "2001:DB8:0:0::1",
            "2001:db9::1",
            "nowhere",
        ],
    },
    Family {
        bases: &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
        keys: &["aws:PrincipalArn", "aws:SourceArn"],
        wanted: &[
            "arn:aws:iam::111122223333:user/alice",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::1111*:user/a?ice",
            "arn:aws:*:*:*:*",
            "arn:*:iam::*:role/R",
            "arn:aws:iam::111122223333:user/${aws:username}",
            "arn:aws:s3:::*",
        ],
        found: &[
            "arn:aws:iam::111122223333:user/alice",
            "arn:aws:iam::111122223333:user/Alice",
            "arn:aws:iam::111122223333:user/a:b",
            "arn:aws:iam::444455556666:role/R",
            "arn:aws-cn:iam::111122223333:role/R",
            "arn:aws:s3:::b",
            "nonsense",
        ],
    },
    Family {
        bases: &["Null"],
        keys: &["s3:x-amz-acl", "aws:SourceVpce", "aws:username"],
        wanted: &["true", "false", "True"],
        found: &["", "a"],
    },
];
