//! `session_token` and `expires` of a `[[credential]]`. Invariant: a token that leaves here can stand
//! in a header, and an end that leaves here is one moment, whatever the zone it was written in.

use std::time::SystemTime;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use zeroize::Zeroizing;

use super::{loading::Loading, source::At, written};
use crate::{secret::Secret, sigv4::Session};

impl Loading<'_> {
    /// What makes a credential temporary; `None` where what stands there is faulty.
    pub(super) fn session(&mut self, written: &written::Credential) -> Option<Session> {
        let token = match &written.session_token {
            Some(token) => Some(self.session_token(token)?),
            None => None,
        };
        let expires = match &written.expires {
            Some(expires) => Some(self.expires(expires)?),
            None => None,
        };
        Some(Session::new(token, expires))
    }

    fn session_token(&mut self, written: &At<Zeroizing<String>>) -> Option<Secret> {
        let token = self.secret_or_literal(written)?;
        if !token.expose().iter().all(u8::is_ascii_graphic) {
            return self.fault(written.fault(
                "a session token is visible ASCII without spaces, as it stands in \
                 x-amz-security-token",
            ));
        }
        Some(token)
    }

    fn expires(&mut self, written: &At<String>) -> Option<SystemTime> {
        let Ok(at) = OffsetDateTime::parse(&written.value, &Rfc3339) else {
            return self.fault(
                written
                    .fault("write a moment as RFC 3339 has it, such as \"2030-01-31T12:00:00Z\""),
            );
        };
        let at = SystemTime::from(at);
        if at <= self.now {
            self.warnings.push(
                written.fault("this credential has expired; every request with it is refused"),
            );
        }
        Some(at)
    }
}
