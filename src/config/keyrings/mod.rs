//! `[[keyring]]`: the keys that objects are sealed with. Invariant: a keyring says nothing that its
//! type does not do, no two have one name, and no key travels in the clear.

mod file;
mod kms;
mod vault;
mod written;

use std::time::Duration;

use http::Uri;

pub use self::file::{KeyVersion, KeyringFile};
pub(super) use self::written::Written;
use self::written::{Asking, OfKind};
use super::{
    loading::Loading,
    source::At,
    suggest::{self, quoted},
    upstream::{is_loopback, parsed_endpoint},
};
use crate::{
    keyring::{Kind, Limits, Settings},
    trust::Authorities,
};

impl Loading<'_> {
    /// In the order of the file.
    pub(super) fn keyrings(&mut self, written: &[Written]) -> Vec<Settings> {
        let mut keyrings: Vec<Settings> = Vec::new();
        for written in written {
            let name = written.name.as_ref().and_then(|name| self.keyring_name(name));
            let limits = self.keyring_limits(written);
            let kind = self.keyring_kind(written);
            let Some((name, kind)) = name.zip(kind) else { continue };
            if keyrings.iter().any(|keyring| keyring.name == name.value) {
                let message = "a keyring above has this name already; each may occur once";
                self.faults.push(name.fault(message));
            }
            keyrings.push(Settings { name: name.value, kind, limits });
        }
        keyrings
    }

    /// Names stand in key boxes, metrics and messages.
    fn keyring_name(&mut self, written: &At<String>) -> Option<At<String>> {
        let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_short = (1..=NAME_BYTES_MAX).contains(&written.value.len());
        if !is_short || !written.value.bytes().all(accepts) {
            return self.fault(written.fault(format!(
                "{} is no name for a keyring; write 1 to {NAME_BYTES_MAX} letters, digits, `-`, \
                 `_` or `.`",
                quoted(&written.value)
            )));
        }
        Some(written.clone())
    }

    fn keyring_kind(&mut self, written: &Written) -> Option<Kind> {
        match &written.of_kind {
            OfKind::Local(local) => self.local(local.file.as_ref()?).map(Kind::Local),
            OfKind::AwsKms(kms) => self.aws_kms(kms).map(Box::new).map(Kind::AwsKms),
            OfKind::Vault(vault) => self.vault(vault).map(Box::new).map(Kind::Vault),
            OfKind::Unknown => {
                let kind = written.kind.as_ref()?;
                let instead = suggest::instead(&kind.value, &KINDS);
                let message = format!("unknown type {}; {instead}", quoted(&kind.value));
                self.fault(kind.fault(message))
            }
        }
    }

    fn keyring_limits(&mut self, written: &Written) -> Limits {
        let mut limits = Limits::default();
        let bucket_key_seconds = written.bucket_key_seconds.as_ref();
        limits.bucket_key_lifetime = self.lifetime(bucket_key_seconds, limits.bucket_key_lifetime);
        limits.bucket_key_objects_max = self.within(
            written.bucket_key_objects_max.as_ref(),
            1..=OBJECTS_MOST,
            limits.bucket_key_objects_max,
        );
        let asking = match &written.of_kind {
            OfKind::AwsKms(kms) => &kms.asking,
            OfKind::Vault(vault) => &vault.asking,
            OfKind::Local(_) | OfKind::Unknown => return limits,
        };
        self.asking_limits(asking, limits)
    }

    fn asking_limits(&mut self, written: &Asking, mut limits: Limits) -> Limits {
        let seconds = written.unwrapped_key_seconds.as_ref();
        limits.unwrapped_lifetime = self.lifetime(seconds, limits.unwrapped_lifetime);
        let keys_max = self.within(
            written.unwrapped_keys_max.as_ref(),
            1..=UNWRAPPED_KEYS_MOST,
            u64::try_from(limits.unwrapped_keys_max).unwrap_or(UNWRAPPED_KEYS_MOST),
        );
        limits.unwrapped_keys_max = usize::try_from(keys_max).unwrap_or(usize::MAX);
        let wait = self.within(
            written.timeout_seconds.as_ref(),
            1..=TIMEOUT_MOST_SECONDS,
            limits.wait.as_secs(),
        );
        limits.wait = Duration::from_secs(wait);
        limits
    }

    fn lifetime(&mut self, written: Option<&At<u64>>, default: Duration) -> Duration {
        Duration::from_secs(self.within(written, 1..=LIFETIME_MOST_SECONDS, default.as_secs()))
    }

    /// Where a key service is. What it is asked for are keys, so that nobody may listen.
    fn key_service(&mut self, written: &At<String>, example: &str) -> Option<Uri> {
        let address = match parsed_endpoint(&written.value, example) {
            Ok(address) => address,
            Err(message) => return self.fault(written.fault(message)),
        };
        let plain = address.scheme_str() == Some("http");
        if plain && !address.host().is_some_and(is_loopback) {
            return self.fault(written.fault(
                "keys would travel in the clear: this is plain HTTP and not on loopback; write an \
                 https:// address",
            ));
        }
        Some(address)
    }

    /// `None` is a fault, `Some(None)` are the system's CAs.
    #[expect(clippy::option_option, reason = "the system's CAs are no fault")]
    fn key_service_ca(&mut self, written: &Asking) -> Option<Option<Authorities>> {
        match &written.ca {
            Some(ca) => self.upstream_ca(ca).map(Some),
            None => Some(None),
        }
    }
}

const LOCAL: &str = "local";
const AWS_KMS: &str = "aws-kms";
const VAULT: &str = "vault";
const KINDS: [&str; 3] = [LOCAL, AWS_KMS, VAULT];
const TOKEN: &str = "token";
const APPROLE: &str = "approle";
const KUBERNETES: &str = "kubernetes";
const LOGINS: [&str; 3] = [TOKEN, APPROLE, KUBERNETES];
/// Of what a key box has room for.
const NAME_BYTES_MAX: usize = 64;
/// No key is used for longer than a day without asking whether it may be.
const LIFETIME_MOST_SECONDS: u64 = 24 * 60 * 60;
const OBJECTS_MOST: u64 = 1_000_000_000;
/// About 200 bytes each.
const UNWRAPPED_KEYS_MOST: u64 = 1_000_000;
/// Below what clients wait for a reply.
const TIMEOUT_MOST_SECONDS: u64 = 60;
