//! Who somebody is: the principal of a `[[credential]]`, and that of `[auth.principal]`. Invariant:
//! name, account and ARN never say different things.

use super::{loading::Loading, source::At, written};
use crate::identity::Identity;

impl Loading<'_> {
    /// The principal that `name` and `account`, or `arn`, make.
    pub(super) fn identity(&mut self, written: &written::Identity) -> Option<Identity> {
        let name = self.checked(written.name.as_ref(), is_user_name, USER_NAME);
        let account = self.checked(written.account.as_ref(), is_account, ACCOUNT);
        let user_id = self.checked(written.user_id.as_ref(), is_user_id, USER_ID);
        let identity = match &written.arn {
            None => Identity::user(&account?, &name?).ok()?,
            Some(arn) => match Identity::parse(&arn.value) {
                Ok(identity) => identity,
                Err(error) => return self.fault(arn.fault(error.to_string())),
            },
        };
        let agrees = [
            self.agrees(written.name.as_ref(), identity.user_name()),
            self.agrees(written.account.as_ref(), Some(identity.account())),
        ];
        agrees.iter().all(|agrees| *agrees).then(|| identity.with_user_id(user_id))
    }

    /// A text of a form.
    pub(super) fn checked(
        &mut self,
        written: Option<&At<String>>,
        accepts: fn(&str) -> bool,
        form: &str,
    ) -> Option<String> {
        let written = written?;
        if !accepts(&written.value) {
            return self.fault(written.fault(form));
        }
        Some(written.value.clone())
    }

    fn agrees(&mut self, written: Option<&At<String>>, in_arn: Option<&str>) -> bool {
        let Some(written) = written.filter(|written| Some(written.value.as_str()) != in_arn) else {
            return true;
        };
        self.faults.push(written.fault(match in_arn {
            Some(other) => format!("`arn` says \"{other}\" here; leave one of the two out"),
            None => "`arn` names no user, and nobody else has a name; leave one out".to_owned(),
        }));
        false
    }
}

fn is_user_name(text: &str) -> bool {
    let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
    (1..=USER_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(accepts)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_user_id(text: &str) -> bool {
    let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_:-".contains(&byte);
    (1..=USER_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(accepts)
}

const USER_NAME: &str = "a name has 1 to 64 letters, digits and `+=,.@_-`, since it becomes \
                         `arn:aws:iam::ACCOUNT:user/NAME`";
const ACCOUNT: &str = "an account is 12 digits in quotes, such as \"123456789012\"";
const USER_ID: &str = "a unique id has 1 to 193 letters, digits and `+=,.@_:-`, such as \
                       \"AIDAEXAMPLE\" or, of a role's session, \"AROAEXAMPLE:session\"";

/// IAM's limit for `UserName` (API reference, `CreateUser`).
const USER_NAME_BYTES_MAX: usize = 64;
/// STS's limit for `AssumedRoleId` (API reference, `AssumedRoleUser`).
const USER_ID_BYTES_MAX: usize = 193;
