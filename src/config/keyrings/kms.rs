//! `[[keyring]]` of the type `aws-kms`. Invariant: what is one key has one place in the list, and no
//! version in a key box can stand for two.

use super::{
    super::{loading::Loading, source::At, suggest::quoted},
    written::AwsKms,
};
use crate::keyring::KmsSettings;

impl Loading<'_> {
    pub(super) fn aws_kms(&mut self, written: &AwsKms) -> Option<KmsSettings> {
        let region = written.region.as_ref().and_then(|region| self.region(region));
        let key_ids = self.keyring_key_ids(written, region.as_deref());
        let ca = self.key_service_ca(&written.asking);
        let endpoint = match &written.endpoint {
            Some(endpoint) => self.key_service(endpoint, ENDPOINT_EXAMPLE),
            None => region.as_deref().and_then(|region| regional(region).parse().ok()),
        };
        let unnamed = region.as_deref().unwrap_or_default();
        let credential = self.keyring_credential(written, unnamed);
        Some(KmsSettings {
            endpoint: endpoint?,
            ca: ca?,
            region: region?,
            credential: credential?,
            key_ids: key_ids?,
        })
    }

    fn keyring_credential(
        &mut self,
        written: &AwsKms,
        region: &str,
    ) -> Option<crate::credential::Source> {
        if let Some(none) = written.source.credentials.as_ref().filter(|kind| kind.value == "none")
        {
            return self.fault(none.fault(
                "KMS takes no request without a signature; write such as `credentials = \"default\"`",
            ));
        }
        self.upstream_source(&written.source, region)
    }

    /// The key that wraps first, then those that clients may ask for.
    fn keyring_key_ids(&mut self, written: &AwsKms, region: Option<&str>) -> Option<Vec<String>> {
        let faults_before = self.faults.len();
        let mut key_ids: Vec<String> = Vec::new();
        for id in written.key_id.iter().chain(&written.key_ids) {
            let is_first = key_ids.is_empty();
            if !self.is_keyring_key_id(id, region) {
                continue;
            }
            if is_alias(&id.value) && !is_first {
                self.faults.push(id.fault(
                    "an alias does not say which key it stands for; write the key's ARN or id here",
                ));
            }
            if key_ids.iter().any(|other| key_of(other) == key_of(&id.value)) {
                self.faults.push(id.fault("this key stands in the list already"));
            }
            key_ids.push(id.value.clone());
        }
        (self.faults.len() == faults_before && !key_ids.is_empty()).then_some(key_ids)
    }

    fn is_keyring_key_id(&mut self, written: &At<String>, region: Option<&str>) -> bool {
        let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b":/_.-".contains(&byte);
        let id = &written.value;
        let is_id = id.bytes().all(accepts)
            && (1..=KEY_BYTES_MAX).contains(&key_of(id).len())
            && (is_alias(id) || !key_of(id).contains('/'));
        if !is_id {
            self.faults.push(written.fault(format!(
                "{} is no KMS key; write its ARN, its id, or alias/NAME",
                quoted(id)
            )));
            return false;
        }
        let fields: Vec<&str> = id.split(':').collect();
        if let (&["arn", _, "kms", elsewhere, _, _], Some(region)) = (fields.as_slice(), region)
            && elsewhere != region
        {
            self.faults.push(written.fault(format!(
                "this key is in the region {elsewhere}, and the keyring's `region` is {region}; \
                 KMS of one region knows no key of another"
            )));
            return false;
        }
        if fields.len() > 1
            && !matches!(fields.as_slice(), ["arn", _, "kms", ..] if fields.len() == 6)
        {
            self.faults.push(
                written.fault(
                    "this is not the ARN of a key; write `arn:aws:kms:REGION:ACCOUNT:key/ID`",
                ),
            );
            return false;
        }
        true
    }
}

fn is_alias(id: &str) -> bool {
    id.rsplit(':').next().is_some_and(|resource| resource.starts_with("alias/"))
}

/// What tells the key from others, in its ARN and by itself.
fn key_of(id: &str) -> &str {
    let resource = id.rsplit(':').next().unwrap_or(id);
    resource.strip_prefix("key/").unwrap_or(resource)
}

/// <https://docs.aws.amazon.com/general/latest/gr/kms.html>
fn regional(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://kms.{region}.{domain}")
}

const ENDPOINT_EXAMPLE: &str = "https://kms.eu-central-1.amazonaws.com";
/// KMS allows 256 for aliases, the longest (API reference, `AliasNameType`).
const KEY_BYTES_MAX: usize = 256;
