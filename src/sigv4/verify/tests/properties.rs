//! Random requests: what AWS's crate signs passes, and nothing else does.

use std::fmt::Write as _;

use http::{HeaderName, HeaderValue, request::Parts};
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{Signing, check_passes, check_refused, get, head, signed, verified, with};
use crate::{
    s3::Code,
    sigv4::{AuthType, Caller},
};

/// Text that needs no encoding, bytes that do, and characters that clients leave as they are,
/// although AWS's rules encode them.
fn component() -> impl Strategy<Value = String> {
    vec(prop_oneof!["[A-Za-z0-9._~-]", "%(20|2F|2B|3D|26|25|C3%A9|00|7E)", "[!$'()*,:;@]"], 0..6)
        .prop_map(|pieces| pieces.concat())
}

prop_compose! {
    fn any_head()(
        method in prop_oneof!["GET", "PUT", "POST", "DELETE", "HEAD"],
        path in vec(component(), 0..5),
        query in vec((component(), component()), 0..5),
        values in vec("([!-~]{0,5} {0,3}){0,4}", 0..4),
    ) -> Parts {
        let mut target = format!("/{}", path.join("/"));
        let mut separator = '?';
        for (place, (name, value)) in query.iter().enumerate() {
            let _ = write!(target, "{separator}{place}{name}={value}");
            separator = '&';
        }
        let mut head = head(&method, &target, &[]);
        for (place, value) in values.iter().enumerate() {
            // Some share a name.
            let name = HeaderName::try_from(format!("x-amz-meta-{}", place / 2)).unwrap();
            head.headers.append(name, HeaderValue::try_from(value).unwrap());
        }
        head
    }
}

proptest! {
    #[test]
    fn what_the_crate_signs_is_accepted(head in any_head(), in_query in any::<bool>()) {
        let signing = if in_query { Signing::presigning() } else { Signing::default() };
        check_passes(
            &signing.sign(head),
            if in_query { AuthType::Query } else { AuthType::Header },
        );
    }

    #[test]
    fn whatever_is_presented_without_the_secret_is_refused(
        authorization in prop_oneof![
            "[ -~]{0,60}",
            "AWS4-HMAC-SHA256 ([,=;/ ]|Credential=|SignedHeaders=|Signature=|AKID|host|[0-9a-f]{64}\
             |20150830|eu-central-1|s3|aws4_request){0,20}",
        ],
    ) {
        prop_assert!(verified(&with(signed(), "authorization", &authorization)).is_err());
    }

    #[test]
    fn whatever_stands_in_the_query_is_read_without_panic(
        query in "(X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature)|[&=+%/;]\
                  |AWS4-HMAC-SHA256|20150830T123600Z|60|[0-9a-f]{64}|%2F|[a-z%]{1,3}){0,30}",
    ) {
        let target = format!("/bucket/key?{query}");
        let mut head = get();
        prop_assume!(target.parse::<http::Uri>().is_ok());
        head.uri = target.parse().unwrap();
        let is_authenticated = matches!(verified(&head), Ok(Caller::Authenticated { .. }));
        prop_assert!(!is_authenticated);
    }

    #[test]
    fn a_changed_character_of_the_target_is_not(head in any_head(), at in any::<Index>()) {
        let mut signed = Signing::default().sign(head);
        let mut target = signed.uri.to_string().into_bytes();
        // Within an escape a change may give another spelling of the same.
        let changeable: Vec<usize> = (1..target.len())
            .filter(|at| target[*at].is_ascii_alphanumeric())
            .filter(|at| !target[at.saturating_sub(2)..*at].contains(&b'%'))
            .collect();
        prop_assume!(!changeable.is_empty());
        let at = changeable[at.index(changeable.len())];
        target[at] = if target[at] == b'x' { b'y' } else { b'x' };
        signed.uri = String::from_utf8(target).unwrap().parse().unwrap();
        check_refused(&signed, Code::SignatureDoesNotMatch, &[]);
    }
}
