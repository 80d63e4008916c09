//! `[[keyring]]` and a keyring's file as written. Invariant: as for all that is written, nothing is
//! judged here; a keyring's type decides which keys are known.

use zeroize::Zeroizing;

use super::{
    super::{
        reader::{Record, Table},
        source::At,
        written::Source,
    },
    APPROLE, AWS_KMS, KUBERNETES, LOCAL, TOKEN, VAULT,
};

/// `[[keyring]]`
pub(in crate::config) struct Written {
    pub(super) name: Option<At<String>>,
    pub(super) kind: Option<At<String>>,
    pub(super) of_kind: OfKind,
    pub(super) bucket_key_seconds: Option<At<u64>>,
    pub(super) bucket_key_objects_max: Option<At<u64>>,
}

/// The keys of a type.
pub(super) enum OfKind {
    Local(Local),
    AwsKms(Box<AwsKms>),
    Vault(Box<Vault>),
    /// Of a type that there is not, which is fault enough.
    Unknown,
}

impl Record for Written {
    fn read(table: &mut Table<'_>) -> Self {
        let kind: Option<At<String>> = table.required("type", "\"local\"");
        let of_kind = match kind.as_ref().map(|kind| kind.value.as_str()) {
            Some(LOCAL) => OfKind::Local(Local::read(table)),
            Some(AWS_KMS) => OfKind::AwsKms(Box::new(AwsKms::read(table))),
            Some(VAULT) => OfKind::Vault(Box::new(Vault::read(table))),
            Some(_) | None => {
                table.excuse_unknown();
                OfKind::Unknown
            }
        };
        Self {
            name: table.required("name", "\"company\""),
            kind,
            of_kind,
            bucket_key_seconds: table.optional("bucket_key_seconds"),
            bucket_key_objects_max: table.optional("bucket_key_objects_max"),
        }
    }
}

/// Of the type `local`
pub(super) struct Local {
    pub(super) file: Option<At<String>>,
}

impl Record for Local {
    fn read(table: &mut Table<'_>) -> Self {
        Self { file: table.required("file", "\"company.keyring\"") }
    }
}

/// Of types that ask a service.
pub(super) struct Asking {
    pub(super) ca: Option<At<String>>,
    pub(super) unwrapped_key_seconds: Option<At<u64>>,
    pub(super) unwrapped_keys_max: Option<At<u64>>,
    pub(super) timeout_seconds: Option<At<u64>>,
}

impl Record for Asking {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            ca: table.optional("ca"),
            unwrapped_key_seconds: table.optional("unwrapped_key_seconds"),
            unwrapped_keys_max: table.optional("unwrapped_keys_max"),
            timeout_seconds: table.optional("timeout_seconds"),
        }
    }
}

/// Of the type `aws-kms`
pub(super) struct AwsKms {
    pub(super) region: Option<At<String>>,
    pub(super) endpoint: Option<At<String>>,
    pub(super) key_id: Option<At<String>>,
    pub(super) key_ids: Vec<At<String>>,
    pub(super) source: Source,
    pub(super) asking: Asking,
}

impl Record for AwsKms {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            region: table.required("region", "\"eu-central-1\""),
            endpoint: table.optional("endpoint"),
            key_id: table.required("key_id", "\"alias/portcullis\""),
            key_ids: table.optional("key_ids").unwrap_or_default(),
            source: Source::read(table),
            asking: Asking::read(table),
        }
    }
}

/// Of the type `vault`
pub(super) struct Vault {
    pub(super) address: Option<At<String>>,
    pub(super) namespace: Option<At<String>>,
    pub(super) mount: Option<At<String>>,
    pub(super) key: Option<At<String>>,
    pub(super) auth: Option<At<String>>,
    pub(super) auth_mount: Option<At<String>>,
    pub(super) login: Login,
    pub(super) asking: Asking,
}

/// The keys of one way to log in.
#[derive(Default)]
pub(super) struct Login {
    pub(super) token: Option<At<Zeroizing<String>>>,
    pub(super) role_id: Option<At<String>>,
    pub(super) secret_id: Option<At<Zeroizing<String>>>,
    pub(super) role: Option<At<String>>,
    pub(super) token_file: Option<At<String>>,
}

impl Record for Vault {
    fn read(table: &mut Table<'_>) -> Self {
        let auth: Option<At<String>> = table.required("auth", "\"approle\"");
        let mut auth_mount = None;
        let mut login = Login::default();
        match auth.as_ref().map(|auth| auth.value.as_str()) {
            Some(TOKEN) => login.token = table.required("token", "\"file:vault.token\""),
            Some(APPROLE) => {
                auth_mount = table.optional("auth_mount");
                login.role_id = table.required("role_id", "\"file:role-id\"");
                login.secret_id = table.required("secret_id", "\"file:secret-id\"");
            }
            Some(KUBERNETES) => {
                auth_mount = table.optional("auth_mount");
                login.role = table.required("role", "\"portcullis\"");
                login.token_file = table.optional("token_file");
            }
            Some(_) | None => table.excuse_unknown(),
        }
        Self {
            address: table.required("address", "\"https://vault.example.com:8200\""),
            namespace: table.optional("namespace"),
            mount: table.optional("mount"),
            key: table.required("key", "\"portcullis\""),
            auth,
            auth_mount,
            login,
            asking: Asking::read(table),
        }
    }
}

/// A keyring's file.
pub(super) struct File {
    pub(super) keys: Vec<Key>,
}

impl Record for File {
    fn read(table: &mut Table<'_>) -> Self {
        Self { keys: table.optional("key").unwrap_or_default() }
    }
}

/// `[[key]]`
pub(super) struct Key {
    pub(super) version: Option<At<u64>>,
    pub(super) state: Option<At<String>>,
    pub(super) created: Option<At<String>>,
    pub(super) secret: Option<At<Zeroizing<String>>>,
}

impl Record for Key {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            version: table.required("version", "1"),
            state: table.required("state", "\"active\""),
            created: table.required("created", "\"2030-01-31T12:00:00Z\""),
            secret: table.required("secret", "\"64 hexadecimal digits\""),
        }
    }
}
