//! Who a caller is to policy, and what its credential may do whatever policy says. Pure. Invariant:
//! an [`Identity`] has an ARN of a form that policies can name, and all that follows from it.

mod limits;
mod mode;

pub use limits::{Beyond, Confined, Limits};
pub use mode::{Ambient, Mode};

use crate::policy::Principal;

/// A principal, and the condition keys that AWS takes from it (IAM user guide, "Global condition
/// context keys"; "IAM identifiers").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    principal: Principal,
    arn: String,
    account: String,
    principal_type: PrincipalType,
    principal_arn: String,
    user_name: Option<String>,
    user_id: Option<String>,
}

/// `aws:PrincipalType` of a caller that is not anonymous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalType {
    /// `arn:aws:iam::ACCOUNT:root`
    Account,
    /// `arn:aws:iam::ACCOUNT:user/NAME`
    User,
    /// `arn:aws:sts::ACCOUNT:federated-user/NAME`
    FederatedUser,
    /// `arn:aws:iam::ACCOUNT:role/NAME` or `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`
    AssumedRole,
}

/// A text is not the ARN of a principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not the ARN of a principal; write `arn:aws:iam::123456789012:user/NAME`, \
     `arn:aws:iam::123456789012:role/NAME`, `arn:aws:sts::123456789012:assumed-role/ROLE/SESSION`, \
     `arn:aws:sts::123456789012:federated-user/NAME` or `arn:aws:iam::123456789012:root`"
)]
pub struct NotAPrincipal;

impl PrincipalType {
    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "Account",
            Self::User => "User",
            Self::FederatedUser => "FederatedUser",
            Self::AssumedRole => "AssumedRole",
        }
    }
}

impl Identity {
    /// The user NAME of an account: `arn:aws:iam::ACCOUNT:user/NAME`.
    ///
    /// # Errors
    ///
    /// Where the two do not make an ARN.
    pub fn user(account: &str, name: &str) -> Result<Self, NotAPrincipal> {
        Self::parse(&format!("arn:aws:iam::{account}:user/{name}"))
    }

    /// The principal of an ARN.
    ///
    /// # Errors
    ///
    /// Where the text is no ARN of a user, role, session, federated user or account.
    pub fn parse(arn: &str) -> Result<Self, NotAPrincipal> {
        let fields: Vec<&str> = arn.splitn(6, ':').collect();
        let &["arn", partition, service, "", account, resource] = fields.as_slice() else {
            return Err(NotAPrincipal);
        };
        if !PARTITIONS.contains(&partition) || !is_account(account) {
            return Err(NotAPrincipal);
        }
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        let principal_type = principal_type(service, kind, name).ok_or(NotAPrincipal)?;
        let user_name = name.rsplit('/').next().filter(|_| principal_type == PrincipalType::User);
        let principal_arn = match (service, name.split_once('/')) {
            ("sts", Some((role, _))) => format!("arn:{partition}:iam::{account}:role/{role}"),
            _ => arn.to_owned(),
        };
        Ok(Self {
            principal: Principal::Aws { arn: arn.to_owned(), account: account.to_owned() },
            arn: arn.to_owned(),
            account: account.to_owned(),
            principal_type,
            principal_arn,
            user_name: user_name.map(str::to_owned),
            user_id: None,
        })
    }

    /// With a unique id of its own (`aws:userid`).
    #[must_use]
    pub fn with_user_id(self, user_id: Option<String>) -> Self {
        Self { user_id, ..self }
    }

    /// What policies are asked about.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Its own ARN: of a session where it is one.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// `aws:PrincipalAccount`, 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// `aws:PrincipalType`.
    pub fn principal_type(&self) -> PrincipalType {
        self.principal_type
    }

    /// `aws:PrincipalArn`: of a session that of its role, as AWS gives it. (A session's ARN does not
    /// tell the path of its role: where that matters the role's own ARN is the one to configure.)
    pub fn principal_arn(&self) -> &str {
        &self.principal_arn
    }

    /// `aws:username`: users alone have one.
    pub fn user_name(&self) -> Option<&str> {
        self.user_name.as_deref()
    }

    /// `aws:userid`, where it was configured.
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }
}

fn principal_type(service: &str, kind: &str, name: &str) -> Option<PrincipalType> {
    let segments = name.split('/').count();
    let is_path = name.len() <= NAME_BYTES_MAX && name.split('/').all(is_segment);
    match (service, kind) {
        ("iam", "root") if name.is_empty() => Some(PrincipalType::Account),
        _ if !is_path => None,
        ("iam", "user") => Some(PrincipalType::User),
        ("iam", "role") => Some(PrincipalType::AssumedRole),
        ("sts", "assumed-role") if segments == 2 => Some(PrincipalType::AssumedRole),
        ("sts", "federated-user") if segments == 1 => Some(PrincipalType::FederatedUser),
        _ => None,
    }
}

/// A name of IAM, or a part of its path.
fn is_segment(text: &str) -> bool {
    let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    !text.is_empty() && text.bytes().all(accepts)
}

fn is_account(text: &str) -> bool {
    text.len() == ACCOUNT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit())
}

const ACCOUNT_DIGITS: usize = 12;
const PARTITIONS: [&str; 3] = ["aws", "aws-cn", "aws-us-gov"];
/// A path of 512 bytes and a name of 64 (API reference of IAM, `CreateUser`).
const NAME_BYTES_MAX: usize = 576;

#[cfg(test)]
mod tests {
    use super::{Identity, NotAPrincipal};

    #[test]
    fn keys_follow_from_the_arn() {
        const A: &str = "123456789012";
        for (arn, kind, principal_arn, user_name) in [
            ("arn:aws:iam::A:user/bob", "User", "arn:aws:iam::A:user/bob", Some("bob")),
            ("arn:aws:iam::A:user/p/q/bob", "User", "arn:aws:iam::A:user/p/q/bob", Some("bob")),
            ("arn:aws-cn:iam::A:role/p/R", "AssumedRole", "arn:aws-cn:iam::A:role/p/R", None),
            ("arn:aws:sts::A:assumed-role/R/s", "AssumedRole", "arn:aws:iam::A:role/R", None),
            (
                "arn:aws:sts::A:federated-user/f",
                "FederatedUser",
                "arn:aws:sts::A:federated-user/f",
                None,
            ),
            ("arn:aws:iam::A:root", "Account", "arn:aws:iam::A:root", None),
        ] {
            let with_account = |text: &str| text.replace("A:", &format!("{A}:"));
            let identity = Identity::parse(&with_account(arn)).unwrap();
            assert_eq!(identity.arn(), with_account(arn));
            assert_eq!(identity.principal_type().as_str(), kind, "{arn}");
            assert_eq!(identity.principal_arn(), with_account(principal_arn));
            assert_eq!((identity.user_name(), identity.account()), (user_name, A), "{arn}");
        }
    }

    #[test]
    fn what_no_policy_can_name_is_no_identity() {
        for arn in [
            "",
            "bob",
            "arn:aws:iam::12345678901:user/bob",
            "arn:aws:iam:eu-west-1:123456789012:user/bob",
            "arn:any:iam::123456789012:user/bob",
            "arn:aws:iam::123456789012:user/",
            "arn:aws:iam::123456789012:user",
            "arn:aws:iam::123456789012:user//bob",
            "arn:aws:iam::123456789012:user/*",
            "arn:aws:iam::123456789012:user/${aws:username}",
            "arn:aws:iam::123456789012:group/g",
            "arn:aws:iam::123456789012:root/x",
            "arn:aws:iam::123456789012:assumed-role/R/s",
            "arn:aws:sts::123456789012:assumed-role/R",
            "arn:aws:sts::123456789012:assumed-role/R/s/t",
            "arn:aws:sts::123456789012:federated-user/a/b",
            "arn:aws:s3:::bucket",
        ] {
            assert_eq!(Identity::parse(arn), Err(NotAPrincipal), "{arn}");
        }
    }
}
