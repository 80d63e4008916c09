//! The configuration as written: every key of the file, its type and its place, nothing judged.
//! Invariant: a field is `None` where the key was absent or mistyped; the latter was reported.
//! Nothing here has a `Debug`, since some of it is secret.

use zeroize::Zeroizing;

pub(super) use super::reader::Pairs;
use super::{
    declare, keyrings,
    reader::{Named, OneOrMany, Record, Table},
    sealing,
    source::At,
};

/// The whole file.
pub(super) struct Written {
    pub(super) drain_limit_seconds: Option<At<u64>>,
    pub(super) client_idle_timeout_seconds: Option<At<u64>>,
    pub(super) token_secret: Option<At<OneOrMany<At<Zeroizing<String>>>>>,
    pub(super) explain_refusals: Option<bool>,
    pub(super) mode: Option<At<String>>,
    pub(super) s3: Option<S3>,
    pub(super) listeners: Vec<Listener>,
    pub(super) admin: Option<Admin>,
    pub(super) audit: Option<Audit>,
    pub(super) auth: Option<Auth>,
    pub(super) credentials: Option<At<Credentials>>,
    pub(super) upstream: Option<Upstream>,
    pub(super) policies: Option<Policies>,
    pub(super) policy: Vec<Policy>,
    pub(super) keyrings: Vec<keyrings::Written>,
    pub(super) rules: Vec<Rule>,
}

impl Record for Written {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            drain_limit_seconds: table.optional("drain_limit_seconds"),
            client_idle_timeout_seconds: table.optional("client_idle_timeout_seconds"),
            token_secret: table.optional("token_secret"),
            explain_refusals: table.optional("explain_refusals"),
            mode: table.optional("mode"),
            s3: table.section("s3", "for which region and host names callers sign"),
            listeners: table.optional("listener").unwrap_or_default(),
            admin: table.optional("admin"),
            audit: table.optional("audit"),
            auth: table.optional("auth"),
            credentials: table.optional("credentials"),
            upstream: table.section("upstream", "where the backend is"),
            policies: table.optional("policies"),
            policy: table.optional("policy").unwrap_or_default(),
            keyrings: table.optional("keyring").unwrap_or_default(),
            rules: table.optional("rule").unwrap_or_default(),
        }
    }
}

/// `[s3]`
pub(super) struct S3 {
    pub(super) region: Option<At<String>>,
    pub(super) domains: Vec<At<String>>,
}

impl Record for S3 {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            region: table.required("region", "\"eu-central-1\""),
            domains: table.optional("domains").unwrap_or_default(),
        }
    }
}

/// `[[listener]]`
pub(super) struct Listener {
    pub(super) address: Option<At<String>>,
    pub(super) tls: Option<Tls>,
    pub(super) proxy_protocol_from: Vec<At<String>>,
    pub(super) connections_max: Option<At<u64>>,
    pub(super) head_bytes_max: Option<At<u64>>,
    pub(super) header_timeout_seconds: Option<At<u64>>,
    pub(super) idle_timeout_seconds: Option<At<u64>>,
}

impl Record for Listener {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            address: table.required("address", "\"0.0.0.0:8443\""),
            tls: table.optional("tls"),
            proxy_protocol_from: table.optional("proxy_protocol_from").unwrap_or_default(),
            connections_max: table.optional("connections_max"),
            head_bytes_max: table.optional("head_bytes_max"),
            header_timeout_seconds: table.optional("header_timeout_seconds"),
            idle_timeout_seconds: table.optional("idle_timeout_seconds"),
        }
    }
}

/// `tls` of a `[[listener]]`
pub(super) struct Tls {
    pub(super) certificates: Option<At<Vec<Certificate>>>,
    pub(super) client_ca: Option<At<String>>,
}

impl Record for Tls {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            certificates: table
                .required("certificates", "[{ certificate = \"tls.pem\", key = \"tls.key\" }]"),
            client_ca: table.optional("client_ca"),
        }
    }
}

/// One of `tls.certificates`
pub(super) struct Certificate {
    pub(super) certificate: Option<At<String>>,
    pub(super) key: Option<At<String>>,
}

impl Record for Certificate {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            certificate: table.required("certificate", "\"tls.pem\""),
            key: table.required("key", "\"tls.key\""),
        }
    }
}

/// `[admin]`
pub(super) struct Admin {
    pub(super) address: Option<At<String>>,
}

impl Record for Admin {
    fn read(table: &mut Table<'_>) -> Self {
        Self { address: table.required("address", "\"127.0.0.1:9090\"") }
    }
}

/// `[audit]`
pub(super) struct Audit {
    pub(super) file: Option<At<String>>,
}

impl Record for Audit {
    fn read(table: &mut Table<'_>) -> Self {
        Self { file: table.optional("file") }
    }
}

/// `[auth]`
pub(super) struct Auth {
    pub(super) mode: Option<At<String>>,
    pub(super) principal: Option<At<Identity>>,
    pub(super) browser_origins: Option<At<Vec<At<String>>>>,
    pub(super) danger_ambient_on_open_listeners: Option<At<bool>>,
    pub(super) accept_sigv2: Option<At<bool>>,
}

impl Record for Auth {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            mode: table.optional("mode"),
            principal: table.optional("principal"),
            browser_origins: table.optional("browser_origins"),
            danger_ambient_on_open_listeners: table.optional("danger_ambient_on_open_listeners"),
            accept_sigv2: table.optional("accept_sigv2"),
        }
    }
}

/// `[credentials]`
pub(super) struct Credentials {
    pub(super) file: Option<At<String>>,
}

impl Record for Credentials {
    fn read(table: &mut Table<'_>) -> Self {
        Self { file: table.required("file", "\"credentials.toml\"") }
    }
}

/// `[upstream]`
pub(super) struct Upstream {
    pub(super) endpoint: Option<At<String>>,
    pub(super) region: Option<At<String>>,
    pub(super) backend: Option<At<String>>,
    pub(super) encryption_set_up: Option<At<Vec<At<String>>>>,
    pub(super) source: Source,
    pub(super) credentials: Vec<UpstreamCredential>,
    pub(super) ca: Option<At<String>>,
    pub(super) connect_timeout_seconds: Option<At<u64>>,
    pub(super) idle_timeout_seconds: Option<At<u64>>,
}

impl Record for Upstream {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            endpoint: table.required("endpoint", "\"https://s3.eu-central-1.amazonaws.com\""),
            region: table.required("region", "\"eu-central-1\""),
            backend: table.optional("backend"),
            encryption_set_up: table.optional("encryption_set_up"),
            source: Source::read(table),
            credentials: table.optional("credential").unwrap_or_default(),
            ca: table.optional("ca"),
            connect_timeout_seconds: table.optional("connect_timeout_seconds"),
            idle_timeout_seconds: table.optional("idle_timeout_seconds"),
        }
    }
}

/// `[[upstream.credential]]`
pub(super) struct UpstreamCredential {
    pub(super) name: Option<At<String>>,
    pub(super) source: Source,
}

impl Record for UpstreamCredential {
    fn read(table: &mut Table<'_>) -> Self {
        Self { name: table.required("name", "\"team-a\""), source: Source::read(table) }
    }
}

/// Where a credential towards the backend comes from: keys of `[upstream]` and of each
/// `[[upstream.credential]]`.
pub(super) struct Source {
    pub(super) credentials: Option<At<String>>,
    pub(super) access_key_id: Option<At<String>>,
    pub(super) secret_access_key: Option<At<Zeroizing<String>>>,
    pub(super) session_token: Option<At<Zeroizing<String>>>,
    pub(super) profile: Option<At<String>>,
    pub(super) role_arn: Option<At<String>>,
    pub(super) external_id: Option<At<String>>,
}

impl Source {
    /// Without `credentials` the keys themselves are wanted.
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        let credentials: Option<At<String>> = table.optional("credentials");
        let is_static = credentials.as_ref().is_none_or(|kind| kind.value == "static");
        let (id, secret) = ("access_key_id", "secret_access_key");
        Self {
            credentials,
            access_key_id: if is_static {
                table.required(id, "\"env:AWS_ACCESS_KEY_ID\"")
            } else {
                table.optional(id)
            },
            secret_access_key: if is_static {
                table.required(secret, "\"env:AWS_SECRET_ACCESS_KEY\"")
            } else {
                table.optional(secret)
            },
            session_token: table.optional("session_token"),
            profile: table.optional("profile"),
            role_arn: table.optional("role_arn"),
            external_id: table.optional("external_id"),
        }
    }
}

impl Upstream {
    /// What callers can be mapped to.
    pub(super) fn names(&self) -> Vec<&str> {
        let names = self.credentials.iter().filter_map(|credential| credential.name.as_ref());
        names.map(|name| name.value.as_str()).collect()
    }
}

/// `[policies]`
pub(super) struct Policies {
    pub(super) otherwise: Option<At<String>>,
    pub(super) declare: Vec<(At<String>, declare::Written)>,
}

impl Record for Policies {
    fn read(table: &mut Table<'_>) -> Self {
        let declare = table.optional("declare").map(|Named(declared)| declared);
        Self { otherwise: table.optional("otherwise"), declare: declare.unwrap_or_default() }
    }
}

/// `[[policy]]`
pub(super) struct Policy {
    pub(super) document: Option<At<String>>,
    pub(super) buckets: Option<At<Vec<At<String>>>>,
}

impl Record for Policy {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            document: table.required("document", "\"policies/require-sse.json\""),
            buckets: table.required("buckets", "[\"*\"]"),
        }
    }
}

/// `[[rule]]`
pub(super) struct Rule {
    pub(super) name: Option<At<String>>,
    pub(super) buckets: Option<At<Vec<At<String>>>>,
    pub(super) prefixes: Vec<At<String>>,
    pub(super) treatment: Option<At<String>>,
    pub(super) mode: Option<At<String>>,
    pub(super) accept: Option<At<Vec<At<String>>>>,
    pub(super) kms_key_ids: Option<At<Vec<At<String>>>>,
    pub(super) sse: Option<At<String>>,
    pub(super) kms_key_id: Option<At<String>>,
    pub(super) encryption_context: Option<At<Pairs>>,
    pub(super) bucket_key: Option<At<bool>>,
    pub(super) customer_key: Option<At<OneOrMany<At<Zeroizing<String>>>>>,
    pub(super) overrides: Option<At<bool>>,
    pub(super) sealing: sealing::Written,
    pub(super) danger_allow_bucket_changes: Option<bool>,
    pub(super) danger_allow_unencrypted_storage: Option<bool>,
}

impl Record for Rule {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            name: table.optional("name"),
            buckets: table.required("buckets", "[\"*\"]"),
            prefixes: table.optional("prefixes").unwrap_or_default(),
            treatment: table.required("treatment", "\"require\""),
            mode: table.optional("mode"),
            accept: table.optional("accept"),
            kms_key_ids: table.optional("kms_key_ids"),
            sse: table.optional("sse"),
            kms_key_id: table.optional("kms_key_id"),
            encryption_context: table.optional("encryption_context"),
            bucket_key: table.optional("bucket_key"),
            customer_key: table.optional("customer_key"),
            overrides: table.optional("override"),
            sealing: sealing::Written::read(table),
            danger_allow_bucket_changes: table.optional("danger_allow_bucket_changes"),
            danger_allow_unencrypted_storage: table.optional("danger_allow_unencrypted_storage"),
        }
    }
}

/// The credentials file.
pub(super) struct CredentialsFile {
    pub(super) credentials: Vec<Credential>,
}

impl Record for CredentialsFile {
    fn read(table: &mut Table<'_>) -> Self {
        Self { credentials: table.optional("credential").unwrap_or_default() }
    }
}

/// `[[credential]]`
pub(super) struct Credential {
    pub(super) access_key_id: Option<At<String>>,
    pub(super) secret_access_key: Option<At<Zeroizing<String>>>,
    pub(super) identity: Identity,
    pub(super) buckets: Option<At<Vec<At<String>>>>,
    pub(super) read_only: bool,
    pub(super) upstream: Option<At<String>>,
    pub(super) session_token: Option<At<Zeroizing<String>>>,
    pub(super) expires: Option<At<String>>,
}

impl Record for Credential {
    fn read(table: &mut Table<'_>) -> Self {
        Self {
            access_key_id: table.required("access_key_id", "\"AKIDEXAMPLE\""),
            secret_access_key: table.required("secret_access_key", "\"file:alice.secret\""),
            identity: Identity::read(table),
            buckets: table.optional("buckets"),
            read_only: table.optional("read_only").unwrap_or_default(),
            upstream: table.optional("upstream"),
            session_token: table.optional("session_token"),
            expires: table.optional("expires"),
        }
    }
}

/// Who somebody is: by `name` and `account`, or by `arn`.
pub(super) struct Identity {
    pub(super) name: Option<At<String>>,
    pub(super) account: Option<At<String>>,
    pub(super) arn: Option<At<String>>,
    pub(super) user_id: Option<At<String>>,
}

impl Record for Identity {
    fn read(table: &mut Table<'_>) -> Self {
        let arn = table.optional("arn");
        let (name, account) = match arn {
            Some(_) => (table.optional("name"), table.optional("account")),
            None => {
                (table.required("name", "\"alice\""), table.required("account", "\"123456789012\""))
            }
        };
        Self { name, account, arn, user_id: table.optional("user_id") }
    }
}
