//! What makes a credential a temporary one: a token that goes with its signatures, and an end.
//! Invariant: a credential with a token is good with exactly this token, one without with none.

use std::time::SystemTime;

use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::{Refused, refused::shown};
use crate::{s3::Code, secret::Secret};

/// The token and the end of a credential; of most, neither.
#[derive(Clone, Debug, Default)]
pub struct Session {
    token: Option<Secret>,
    expires: Option<SystemTime>,
}

impl Session {
    /// `expires` is the first moment at which the credential is good for nothing, and neither is any
    /// URL that was presigned with it.
    pub fn new(token: Option<Secret>, expires: Option<SystemTime>) -> Self {
        Self { token, expires }
    }

    /// Checks the token that came, if one did.
    pub(super) fn check(&self, presented: Option<&[u8]>, now: SystemTime) -> Result<(), Refused> {
        let is_right = match (&self.token, presented) {
            (Some(token), Some(presented)) => {
                verify_slices_are_equal(token.expose(), presented).is_ok()
            }
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let refused = if !is_right {
            Refused::new(
                Code::InvalidToken,
                "The provided token is malformed or otherwise invalid.",
            )
        } else if self.expires.is_some_and(|expires| now >= expires) {
            Refused::new(Code::ExpiredToken, "The provided token has expired.")
        } else {
            return Ok(());
        };
        Err(match presented {
            Some(presented) => refused.with("Token-0", shown(presented)),
            None => refused,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn check(token: Option<&str>, presented: Option<&str>, second: u64, expected: Option<Code>) {
        let at = |second| UNIX_EPOCH + Duration::from_secs(second);
        let session = Session::new(token.map(Secret::new), Some(at(100)));
        let refused = session.check(presented.map(str::as_bytes), at(second)).err();
        assert_eq!(refused.as_ref().map(|refused| refused.code), expected);
        let told = refused.iter().flat_map(|refused| &refused.elements).map(|(_, text)| text);
        assert!(told.eq(presented.filter(|_| expected.is_some())), "{refused:?}");
    }

    #[test]
    fn a_token_goes_with_its_credential_alone() {
        check(None, None, 1, None);
        check(Some("right"), Some("right"), 1, None);
        for wrong in ["", "Right", "righ", "right "] {
            check(Some("right"), Some(wrong), 1, Some(Code::InvalidToken));
            check(None, Some(wrong), 1, Some(Code::InvalidToken));
        }
        check(Some("right"), None, 1, Some(Code::InvalidToken));
    }

    #[test]
    fn nothing_is_good_after_the_end() {
        check(Some("right"), Some("right"), 99, None);
        check(Some("right"), Some("right"), 100, Some(Code::ExpiredToken));
        check(None, None, 100, Some(Code::ExpiredToken));
        check(Some("right"), Some("wrong"), 100, Some(Code::InvalidToken));
    }
}
