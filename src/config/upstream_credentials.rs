//! Where the credentials towards the backend come from: `[upstream]` and `[[upstream.credential]]`.
//! Invariant: a source has every key that it needs, and none that it would ignore.

use std::collections::BTreeMap;

use super::{loading::Loading, source::At, suggest, written};
use crate::{
    credential::{COMMON, Origin, Role, Source, Sources},
    identity::Mode,
    sigv4::AccessKey,
};

impl Loading<'_> {
    /// All sources; `region` is that of the backend.
    pub(super) fn upstream_credentials(
        &mut self,
        written: &written::Upstream,
        region: &str,
    ) -> Option<Sources> {
        let common = if is_none(&written.source) {
            self.refuse_beside_none(&written.source);
            Some(None)
        } else {
            self.upstream_source(&written.source, region).map(Some)
        };
        let mut named = BTreeMap::new();
        let mut all_named = true;
        for credential in &written.credentials {
            let source = self.upstream_source(&credential.source, region);
            let name = credential.name.as_ref().and_then(|name| self.upstream_name(name));
            let Some((name, source)) = name.zip(source) else {
                all_named = false;
                continue;
            };
            if named.insert(name.value.clone(), source).is_some() {
                self.faults.push(name.fault("this name stands above already; each may occur once"));
            }
        }
        let common = common?;
        all_named.then_some(Sources { common, named })
    }

    /// Requests keep their callers' signatures in the mode `forward`, and in no other.
    pub(super) fn check_upstream_credentials(&mut self, written: &written::Upstream, mode: &Mode) {
        let source = &written.source;
        let is_forward = matches!(mode, Mode::Forward);
        let place = source.credentials.as_ref().or(source.access_key_id.as_ref());
        let Some(place) = place.filter(|_| is_forward != is_none(source)) else { return };
        self.faults.push(place.fault(if is_forward {
            "in the mode \"forward\" requests keep their callers' signatures, and nothing is signed \
             here; write `credentials = \"none\"`, and no key"
        } else {
            "requests must be signed on their way to the backend; \"none\" is for the mode \
             \"forward\""
        }));
    }

    fn refuse_beside_none(&mut self, written: &written::Source) {
        let keys = [&written.access_key_id, &written.profile, &written.role_arn];
        for key in keys.into_iter().flatten() {
            self.faults.push(key.fault("`credentials = \"none\"` needs no more; take this out"));
        }
    }

    /// The upstream credential that a caller is mapped to: one of `known`.
    pub(super) fn mapped(
        &mut self,
        written: Option<&At<String>>,
        known: &[&str],
    ) -> Option<String> {
        let written = written?;
        if known.contains(&written.value.as_str()) {
            return Some(written.value.clone());
        }
        let instead = if known.is_empty() {
            "there is none yet: add it to the configuration".to_owned()
        } else {
            suggest::instead(&written.value, known)
        };
        let name = suggest::quoted(&written.value);
        let message = format!("no `[[upstream.credential]]` is named {name}; {instead}");
        self.fault(written.fault(message))
    }

    fn upstream_name(&mut self, name: &At<String>) -> Option<At<String>> {
        let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.value.len());
        if !is_name || !name.value.bytes().all(accepts) {
            return self.fault(name.fault("a name has 1 to 64 letters, digits, `_`, `-` and `.`"));
        }
        if name.value == COMMON {
            let message = "`default` is what `[upstream]` itself holds; take another name";
            return self.fault(name.fault(message));
        }
        Some(name.clone())
    }

    pub(super) fn upstream_source(
        &mut self,
        written: &written::Source,
        region: &str,
    ) -> Option<Source> {
        let role = self.role(written);
        let origin = self.credential_origin(written);
        Some(Source { origin: origin?, role: role?, region: region.to_owned() })
    }

    fn credential_origin(&mut self, written: &written::Source) -> Option<Origin> {
        let kind = written.credentials.as_ref().map_or(STATIC, |kind| kind.value.as_str());
        if kind == STATIC {
            self.refuse_profile(written, kind);
            return self.static_origin(written);
        }
        if let Some(id) = &written.access_key_id {
            let keys =
                "`access_key_id` is for `credentials = \"static\"`; leave one of the two out";
            self.faults.push(id.fault(keys));
        }
        let profile = written.profile.as_ref().map(|profile| profile.value.clone());
        let origin = match kind {
            "default" => return Some(Origin::Chain { profile }),
            "profile" => return Some(Origin::Profile { profile }),
            "environment" => Origin::Environment,
            "web-identity" => Origin::WebIdentity,
            "container" => Origin::Container,
            "instance" => Origin::Instance,
            _ => {
                let written = written.credentials.as_ref()?;
                let instead = suggest::instead(&written.value, &KINDS);
                let quoted = suggest::quoted(&written.value);
                return self
                    .fault(written.fault(format!("{quoted} gives no credentials; {instead}")));
            }
        };
        self.refuse_profile(written, kind);
        Some(origin)
    }

    fn static_origin(&mut self, written: &written::Source) -> Option<Origin> {
        let id = written.access_key_id.as_ref().and_then(|id| self.text_or_reference(id));
        let id = self.access_key_id(id.as_ref());
        let secret = written.secret_access_key.as_ref().and_then(|secret| self.secret(secret));
        let token = written.session_token.as_ref().map(|token| self.secret(token));
        let session_token = match token {
            Some(token) => Some(token?),
            None => None,
        };
        Some(Origin::Static(AccessKey { id: id?, secret: secret?, session_token }))
    }

    fn refuse_profile(&mut self, written: &written::Source, kind: &str) {
        if let Some(profile) = &written.profile {
            let message = format!(
                "`credentials = \"{kind}\"` reads no profile; write \"profile\" or \"default\" \
                 there, or leave this out"
            );
            self.faults.push(profile.fault(message));
        }
    }

    /// `None` is a fault, `Some(None)` is no role.
    #[expect(clippy::option_option, reason = "a missing role is no fault")]
    fn role(&mut self, written: &written::Source) -> Option<Option<Role>> {
        let external_id = written.external_id.as_ref();
        let Some(arn) = &written.role_arn else {
            let Some(external_id) = external_id else { return Some(None) };
            let message = "`external_id` is for a role that is assumed; add `role_arn`";
            return self.fault(external_id.fault(message));
        };
        if !is_role(&arn.value) {
            return self.fault(arn.fault(
                "this is not the ARN of a role; write `arn:aws:iam::123456789012:role/NAME`",
            ));
        }
        let external_id = external_id.map(|id| id.value.clone());
        Some(Some(Role { arn: arn.value.clone(), external_id }))
    }
}

fn is_none(written: &written::Source) -> bool {
    written.credentials.as_ref().is_some_and(|kind| kind.value == "none")
}

fn is_role(arn: &str) -> bool {
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, "iam", "", account, resource] = fields.as_slice() else { return false };
    let has_name = resource.strip_prefix("role/").is_some_and(|name| !name.is_empty());
    partition.starts_with("aws")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && has_name
        && arn.len() <= ARN_BYTES_MAX
        && arn.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A key pair in the configuration; what is meant where nothing is said.
const STATIC: &str = "static";
const KINDS: [&str; 8] =
    [STATIC, "default", "environment", "profile", "web-identity", "container", "instance", "none"];
/// Names become labels of metrics.
const NAME_BYTES_MAX: usize = 64;
/// STS's limit for `RoleArn` (API reference, `AssumeRole`).
const ARN_BYTES_MAX: usize = 2048;
