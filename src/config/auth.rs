//! `[auth]`: how callers say who they are. Invariant: what leaves here takes no request without a
//! signature over a listener that anybody could reach, unless the file says that it may.

use std::{net::SocketAddr, sync::Arc};

use super::{
    loading::Loading,
    source::{At, Place},
    suggest, written,
};
use crate::{
    identity::{Ambient, Mode},
    sigv4::Credential,
};

impl Loading<'_> {
    /// The mode, and who may call by a signature.
    pub(super) fn auth(
        &mut self,
        written: &written::Written,
        file: &Place,
    ) -> (Option<Mode>, Vec<Credential>) {
        let auth = written.auth.as_ref();
        let named = auth.and_then(|auth| auth.mode.as_ref());
        match named.map_or(VERIFY, |mode| mode.value.as_str()) {
            VERIFY => {
                self.refuse_ambient_keys(auth);
                let Some(section) = &written.credentials else {
                    self.faults.push(file.fault(
                        "the section `[credentials]` is missing; it says which file names the \
                         callers",
                    ));
                    return (None, Vec::new());
                };
                let upstream = written.upstream.as_ref();
                let known = upstream.map(written::Upstream::names).unwrap_or_default();
                (Some(Mode::Verify), self.credentials(section, &known))
            }
            AMBIENT => {
                if let Some(section) = &written.credentials {
                    self.faults.push(section.place.fault(
                        "nobody's signature is checked in the mode \"ambient\"; take \
                         `[credentials]` out, or write `mode = \"verify\"`",
                    ));
                }
                self.refuse_sigv2(auth);
                (self.ambient(auth, &written.listeners, file), Vec::new())
            }
            FORWARD => {
                self.refuse_ambient_keys(auth);
                self.refuse_sigv2(auth);
                self.refuse_changes(&written.rules);
                if let Some(mode) = named {
                    self.warnings.push(mode.fault(FORWARD_WARNING));
                }
                let section = written.credentials.as_ref();
                let known = section.map_or_else(Vec::new, |section| self.credentials(section, &[]));
                (Some(Mode::Forward), known)
            }
            other => {
                let instead = suggest::instead(other, &[VERIFY, AMBIENT, FORWARD]);
                let place = named.map_or(file, |mode| &mode.place);
                self.faults.push(place.fault(format!("unknown mode; {instead}")));
                (None, Vec::new())
            }
        }
    }

    fn ambient(
        &mut self,
        auth: Option<&written::Auth>,
        listeners: &[written::Listener],
        file: &Place,
    ) -> Option<Mode> {
        let auth = auth?;
        let may_be_open =
            auth.danger_ambient_on_open_listeners.as_ref().is_some_and(|danger| danger.value);
        for address in listeners.iter().filter(|l| is_open(l)).filter_map(|l| l.address.as_ref()) {
            if may_be_open {
                self.warnings.push(address.fault(
                    "whoever reaches this listener acts as the principal of `[auth]`, without a \
                     signature",
                ));
            } else {
                self.faults.push(address.fault(OPEN_LISTENER));
            }
        }
        let browser_origins = auth.browser_origins.as_ref().map_or(&[][..], |list| &list.value);
        let browser_origins: Vec<String> =
            browser_origins.iter().filter_map(|origin| self.origin(origin)).collect();
        let Some(principal) = &auth.principal else {
            return self.fault(auth.mode.as_ref().map_or(file, |mode| &mode.place).fault(
                "the mode \"ambient\" needs the section `[auth.principal]`, which says who callers \
                 are: `name` and `account`, or `arn`",
            ));
        };
        let identity = Arc::new(self.identity(&principal.value)?);
        Some(Mode::Ambient(Ambient { identity, is_open: may_be_open, browser_origins }))
    }

    fn refuse_sigv2(&mut self, auth: Option<&written::Auth>) {
        if let Some(accept) = auth.and_then(|auth| auth.accept_sigv2.as_ref()) {
            self.faults.push(
                accept
                    .fault("`accept_sigv2` means nothing but in the mode \"verify\"; take it out"),
            );
        }
    }

    /// What somebody else signed cannot be changed.
    fn refuse_changes(&mut self, rules: &[written::Rule]) {
        for treatment in rules.iter().filter_map(|rule| rule.treatment.as_ref()) {
            if treatment.value != "off" {
                self.faults.push(treatment.fault(
                    "in the mode \"forward\" requests keep their callers' signatures, and nothing \
                     can be added or encrypted; write \"off\", or another mode",
                ));
            }
        }
    }

    /// What means something in the mode `ambient` only, and would mislead in another.
    fn refuse_ambient_keys(&mut self, auth: Option<&written::Auth>) {
        let Some(auth) = auth else { return };
        let places = [
            ("principal", auth.principal.as_ref().map(|at| &at.place)),
            ("browser_origins", auth.browser_origins.as_ref().map(|at| &at.place)),
            (
                "danger_ambient_on_open_listeners",
                auth.danger_ambient_on_open_listeners.as_ref().map(|at| &at.place),
            ),
        ];
        for (key, place) in places {
            let Some(place) = place else { continue };
            self.faults.push(place.fault(format!(
                "`{key}` means nothing but in the mode \"ambient\"; take it out, or write `mode = \
                 \"ambient\"`"
            )));
        }
    }

    /// As browsers write it in `Origin`.
    fn origin(&mut self, written: &At<String>) -> Option<String> {
        let text = written.value.as_str();
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let accepts = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte)
        };
        match authority {
            Some(authority) if !authority.is_empty() && authority.bytes().all(accepts) => {
                Some(text.to_owned())
            }
            Some(_) | None => self.fault(written.fault(
                "an origin is a scheme, a host in lower case and perhaps a port, such as \
                 \"https://console.example.com\"",
            )),
        }
    }
}

/// Whether URLs may be presigned with Signature Version 2: unless the file says so only where boto3
/// presigns with it by default, also for an endpoint of one's own.
pub(super) fn accepts_sigv2(auth: Option<&written::Auth>, region: Option<&str>) -> bool {
    let written = auth.and_then(|auth| auth.accept_sigv2.as_ref());
    written.map_or(region == Some(REGION_OF_SIGV2), |accept| accept.value)
}

/// Whether others than this machine's own programs and the holders of certificates get through.
fn is_open(listener: &written::Listener) -> bool {
    let asks_for_certificates = listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
    let address = listener.address.as_ref().and_then(|at| at.value.parse::<SocketAddr>().ok());
    // A balancer on this machine brings others along.
    let is_local = address.is_none_or(|address| address.ip().is_loopback())
        && listener.proxy_protocol_from.is_empty();
    !is_local && !asks_for_certificates
}

const VERIFY: &str = "verify";
const AMBIENT: &str = "ambient";
const REGION_OF_SIGV2: &str = "us-east-1";
const FORWARD: &str = "forward";
const FORWARD_WARNING: &str = "in the mode \"forward\" signatures and bodies are verified by the \
    backend alone: policy takes callers for whom they say they are";
const OPEN_LISTENER: &str = "in the mode \"ambient\" whoever reaches a listener may call, and this \
    one others can reach; put it on loopback (\"127.0.0.1:8080\") without `proxy_protocol_from`, ask \
    for client certificates (`tls.client_ca`), or, if the network lets nobody else through, write \
    `danger_ambient_on_open_listeners = true` in `[auth]`";
