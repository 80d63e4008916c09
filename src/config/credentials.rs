//! The credentials file: who may call, and what at most. Invariant: no access key id occurs twice.

use std::collections::HashMap;

use super::{
    loading::Loading,
    reader,
    secrets::is_reference,
    source::{At, Place},
    written,
};
use crate::{identity::Limits, sigv4::Credential};

impl Loading<'_> {
    /// Reads the credentials file that `[credentials]` names.
    /// Callers can be mapped to the upstream credentials in `known`.
    pub(super) fn credentials(
        &mut self,
        section: &At<written::Credentials>,
        known: &[&str],
    ) -> Vec<Credential> {
        let Some(named) = &section.value.file else { return Vec::new() };
        let Some((source, others_may_read)) = self.text(named) else { return Vec::new() };
        let Some(file) = reader::read::<written::CredentialsFile>(&source, &mut self.faults) else {
            return Vec::new();
        };
        if file.credentials.is_empty() {
            let nobody = "no `[[credential]]` stands here; nobody may call";
            self.warnings.push(source.whole().fault(nobody));
        }
        if others_may_read && file.credentials.iter().any(holds_secret) {
            self.faults.push(source.whole().fault(
                "every user of this machine may read these secrets; chmod this file to 0600, or \
                 to 0640 with the group that the proxy runs as",
            ));
        }
        self.refuse_repeated_ids(&file.credentials);
        let credentials = file.credentials.iter();
        credentials.filter_map(|credential| self.credential(credential, known)).collect()
    }

    fn credential(&mut self, written: &written::Credential, known: &[&str]) -> Option<Credential> {
        let access_key_id = self.access_key_id(written.access_key_id.as_ref());
        let secret = written.secret_access_key.as_ref().and_then(|s| self.secret_or_literal(s));
        let identity = self.identity(&written.identity);
        let session = self.session(written);
        let buckets = written.buckets.as_ref().map(|buckets| self.globs(buckets));
        Some(Credential {
            access_key_id: access_key_id?,
            secret_access_key: secret?,
            identity: identity?,
            limits: Limits::new(buckets, written.read_only),
            upstream: self.mapped(written.upstream.as_ref(), known),
            session: session?,
        })
    }

    /// An access key id that can stand in a credential scope.
    pub(super) fn access_key_id(&mut self, written: Option<&At<String>>) -> Option<String> {
        self.checked(written, is_access_key_id, ACCESS_KEY_ID)
    }

    fn refuse_repeated_ids(&mut self, credentials: &[written::Credential]) {
        let mut first_places: HashMap<&str, &Place> = HashMap::new();
        for id in credentials.iter().filter_map(|credential| credential.access_key_id.as_ref()) {
            let Some(first) = first_places.insert(&id.value, &id.place) else { continue };
            let line = first.position.map_or(0, |(line, _)| line);
            self.faults.push(id.fault(format!(
                "the access key id `{}` stands in line {line} already; each may occur once",
                id.value
            )));
        }
    }
}

fn holds_secret(written: &written::Credential) -> bool {
    let secrets = [&written.secret_access_key, &written.session_token];
    secrets.into_iter().flatten().any(|secret| !is_reference(&secret.value))
}

fn is_access_key_id(text: &str) -> bool {
    let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    (1..=ACCESS_KEY_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(accepts)
}

const ACCESS_KEY_ID: &str = "an access key id has 1 to 128 letters, digits, `_`, `-`, `.` and `/`";

/// IAM's limit for `AccessKeyId` (API reference, `AccessKey`).
const ACCESS_KEY_ID_BYTES_MAX: usize = 128;
