//! Principals of a statement, and whether a caller is one. Invariant: a principal names everyone, an
//! account, or one identity; there are no patterns.
//! (IAM user guide, "AWS JSON policy elements: Principal".)

use super::Principal;

/// One principal as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// `*`, anonymous callers included.
    Everyone,
    /// `111122223333` or `arn:aws:iam::111122223333:root`: every identity of the account.
    Account(Box<str>),
    /// One user, session or federated user.
    Identity(Box<str>),
    /// A role, and so every session of it: partition, account, name without path, and the ARN.
    Role { partition: Box<str>, account: Box<str>, name: Box<str>, arn: Box<str> },
    /// A service, canonical user or identity provider: no caller of the gate is one.
    Elsewhere,
}

impl Named {
    /// A principal under `AWS`; `None` where the form is not AWS's.
    pub(super) fn aws(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everyone);
        }
        if is_account(text) {
            return Some(Self::Account(text.into()));
        }
        let arn = Arn::parse(text)?;
        let is_plain = !arn.name.is_empty() && !text.contains(['*', '?', '$']);
        match (arn.service, arn.kind) {
            _ if !is_account(arn.account) || !PARTITIONS.contains(&arn.partition) => None,
            ("iam", "root") if arn.name == "root" => Some(Self::Account(arn.account.into())),
            ("iam", "user") | ("sts", "federated-user") if is_plain => {
                Some(Self::Identity(text.into()))
            }
            ("sts", "assumed-role") if is_plain && arn.name.matches('/').count() == 1 => {
                Some(Self::Identity(text.into()))
            }
            ("iam", "role") if is_plain => Some(Self::Role {
                partition: arn.partition.into(),
                account: arn.account.into(),
                name: arn.name.rsplit('/').next().unwrap_or_default().into(),
                arn: text.into(),
            }),
            _ => None,
        }
    }

    /// Whether the caller is this principal.
    pub(super) fn includes(&self, caller: &Principal) -> bool {
        let Principal::Aws { arn, account } = caller else { return *self == Self::Everyone };
        match self {
            Self::Everyone => true,
            Self::Account(wanted) => **wanted == **account,
            Self::Identity(wanted) => **wanted == **arn,
            Self::Role { partition, account, name, arn: role } => {
                **role == **arn
                    || Arn::parse(arn).is_some_and(|session| {
                        (session.service, session.kind) == ("sts", "assumed-role")
                            && session.partition == &**partition
                            && session.account == &**account
                            && session.name.split('/').next() == Some(name)
                    })
            }
            Self::Elsewhere => false,
        }
    }
}

/// `arn:partition:service::account:kind/name`; `root` is both kind and name.
struct Arn<'t> {
    partition: &'t str,
    service: &'t str,
    account: &'t str,
    kind: &'t str,
    name: &'t str,
}

impl<'t> Arn<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        let mut fields = text.strip_prefix("arn:")?.splitn(5, ':');
        let (partition, service) = (fields.next()?, fields.next()?);
        let (region, account, resource) = (fields.next()?, fields.next()?, fields.next()?);
        let (kind, name) = resource.split_once('/').unwrap_or((resource, resource));
        region.is_empty().then_some(Self { partition, service, account, kind, name })
    }
}

pub(super) fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

const ACCOUNT_DIGITS: usize = 12;
const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(arn: &str) -> Principal {
        let account = arn.split(':').nth(4).unwrap().to_owned();
        Principal::Aws { arn: arn.to_owned(), account }
    }

    #[test]
    fn principals_include_their_callers() {
        const ROLE: &str = "arn:aws:iam::111122223333:role/path/R";
        const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/R/s";
        const USER: &str = "arn:aws:iam::111122223333:user/bob";
        const ROOT: &str = "arn:aws:iam::111122223333:root";
        for (principal, arn, expected) in [
            ("*", USER, true),
            ("111122223333", USER, true),
            ("111122223333", "arn:aws:iam::999999999999:user/bob", false),
            (ROOT, SESSION, true),
            (USER, USER, true),
            (USER, ROOT, false),
            (USER, "arn:aws:iam::111122223333:user/Bob", false),
            (USER, "arn:aws:iam::111122223333:user/path/bob", false),
            (ROLE, SESSION, true),
            (ROLE, ROLE, true),
            (ROLE, "arn:aws:sts::111122223333:assumed-role/Q/s", false),
            (ROLE, "arn:aws:sts::999999999999:assumed-role/R/s", false),
            (ROLE, "arn:aws-cn:sts::111122223333:assumed-role/R/s", false),
            (SESSION, SESSION, true),
            (SESSION, "arn:aws:sts::111122223333:assumed-role/R/t", false),
        ] {
            let named = Named::aws(principal).expect(principal);
            assert_eq!(named.includes(&caller(arn)), expected, "{principal} {arn}");
            let is_everyone = principal == "*";
            assert_eq!(named.includes(&Principal::Anonymous), is_everyone, "{principal}");
        }
    }

    #[test]
    fn other_forms_are_none() {
        for text in [
            "",
            "11112222333",
            "123456789012x",
            "AIDAIOSFODNN7EXAMPLE",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:iam::111122223333:group/g",
            "arn:aws:iam::*:root",
            "arn:aws:iam:eu-west-1:111122223333:root",
            "arn:aws:sts::111122223333:assumed-role/R",
            "arn:aws:s3:::b",
            "arn:any:iam::111122223333:root",
        ] {
            assert_eq!(Named::aws(text), None, "{text:?}");
        }
    }
}
