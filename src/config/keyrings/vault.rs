//! `[[keyring]]` of the type `vault`. Invariant: what becomes part of a path or a header cannot be read
//! as anything else there.

use std::path::PathBuf;

use super::{
    super::{
        loading::Loading,
        source::At,
        suggest::{self, quoted},
    },
    APPROLE, KUBERNETES, LOGINS, TOKEN,
    written::Vault,
};
use crate::keyring::{Login, VaultSettings};

impl Loading<'_> {
    pub(super) fn vault(&mut self, written: &Vault) -> Option<VaultSettings> {
        let address = written.address.as_ref();
        let address = address.and_then(|address| self.key_service(address, ADDRESS_EXAMPLE));
        let ca = self.key_service_ca(&written.asking);
        let namespace = match &written.namespace {
            Some(namespace) => self.vault_path(namespace).map(Some),
            None => Some(None),
        };
        let mount = self.vault_mount(written.mount.as_ref(), "transit");
        let key = written.key.as_ref().and_then(|key| self.vault_key(key));
        let login = written.auth.as_ref().and_then(|auth| self.vault_login(written, auth));
        Some(VaultSettings {
            address: address?,
            ca: ca?,
            namespace: namespace?,
            mount: mount?,
            key: key?,
            login: login?,
        })
    }

    fn vault_login(&mut self, written: &Vault, auth: &At<String>) -> Option<Login> {
        let login = &written.login;
        match auth.value.as_str() {
            TOKEN => self.secret(login.token.as_ref()?).map(Login::Token),
            APPROLE => {
                let mount = self.vault_mount(written.auth_mount.as_ref(), APPROLE);
                let role_id = login.role_id.as_ref().and_then(|id| self.text_or_reference(id));
                let secret_id = login.secret_id.as_ref().and_then(|secret| self.secret(secret));
                let role_id = role_id?.value;
                Some(Login::AppRole { mount: mount?, role_id, secret_id: secret_id? })
            }
            KUBERNETES => {
                let mount = self.vault_mount(written.auth_mount.as_ref(), KUBERNETES);
                let role = login.role.as_ref().map(|role| role.value.clone());
                // Not read here: it is replaced every hour, and is missing where this is checked.
                let token_file = login.token_file.as_ref().map(At::named_path);
                let token_file = token_file.unwrap_or_else(|| PathBuf::from(TOKEN_FILE_DEFAULT));
                Some(Login::Kubernetes { mount: mount?, role: role?, token_file })
            }
            other => {
                let instead = suggest::instead(other, &LOGINS);
                let message = format!("unknown way to log in {}; {instead}", quoted(other));
                self.fault(auth.fault(message))
            }
        }
    }

    fn vault_mount(&mut self, written: Option<&At<String>>, default: &str) -> Option<String> {
        match written {
            Some(written) => self.vault_path(written),
            None => Some(default.to_owned()),
        }
    }

    fn vault_key(&mut self, written: &At<String>) -> Option<String> {
        if !is_segment(&written.value) {
            return self.fault(written.fault(format!(
                "{} is no transit key; write 1 to {SEGMENT_BYTES_MAX} letters, digits, `-`, `_` or \
                 `.`",
                quoted(&written.value)
            )));
        }
        Some(written.value.clone())
    }

    /// A mount or a namespace, without slashes around it.
    fn vault_path(&mut self, written: &At<String>) -> Option<String> {
        let path = written.value.trim_matches('/');
        if !path.split('/').all(is_segment) || path.len() > PATH_BYTES_MAX {
            return self.fault(written.fault(format!(
                "{} is no path; write names of letters, digits, `-`, `_` and `.` with `/` between \
                 them, such as \"team/transit\"",
                quoted(&written.value)
            )));
        }
        Some(path.to_owned())
    }
}

fn is_segment(text: &str) -> bool {
    let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=SEGMENT_BYTES_MAX).contains(&text.len())
        && text.bytes().all(accepts)
        && !text.bytes().all(|byte| byte == b'.')
}

const ADDRESS_EXAMPLE: &str = "https://vault.example.com:8200";
/// Where Kubernetes puts the token of a pod's service account.
const TOKEN_FILE_DEFAULT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const SEGMENT_BYTES_MAX: usize = 128;
const PATH_BYTES_MAX: usize = 512;
