//! Presigned URLs: how long they live, and what they need.

use std::time::{Duration, SystemTime};

use super::{Signing, WEEK, check_refused, get, now, presigned, retargeted, verified};
use crate::s3::Code;

#[test]
fn presigned_urls_live_as_long_as_they_say() {
    let at = |at: SystemTime| Signing { at, ..Signing::presigning() }.sign(get());
    assert!(verified(&at(now() - Duration::from_mins(1))).is_ok());
    check_refused(
        &at(now() - Duration::from_secs(61)),
        Code::AccessDenied,
        &[
            ("X-Amz-Expires", "60"),
            ("Expires", "2015-08-30T12:35:59Z"),
            ("ServerTime", "2015-08-30T12:36:00Z"),
        ],
    );
    let early = verified(&at(now() + Duration::from_secs(901))).unwrap_err();
    assert_eq!(early.message, "Request is not valid yet");
    let week = Signing { expires: Some(WEEK), at: now() - WEEK, ..Signing::default() };
    assert!(verified(&week.sign(get())).is_ok());
}

#[test]
fn presigned_urls_need_all_their_parameters_in_form() {
    let form = Code::AuthorizationQueryParametersError;
    for name in ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"] {
        let (from, to) = (format!("X-Amz-{name}="), format!("X-Not-{name}="));
        check_refused(&retargeted(presigned(), &from, &to), form, &[]);
        let twice = format!("X-Amz-{name}=&X-Amz-{name}=");
        check_refused(&retargeted(presigned(), &from, &twice), form, &[]);
    }
    for expires in ["0", "00", "-1", "604801", "", "+60", "1e3", "99999999999999999999", "-"] {
        let to = format!("X-Amz-Expires={expires}");
        check_refused(&retargeted(presigned(), "X-Amz-Expires=60", &to), form, &[]);
    }
    check_refused(&retargeted(presigned(), "HMAC", "HMAK"), form, &[]);
    check_refused(&retargeted(presigned(), "HMAC", "ECDSA-P256"), Code::NotImplemented, &[]);
    check_refused(&retargeted(presigned(), "Date=2015", "Date=x015"), form, &[]);
}
