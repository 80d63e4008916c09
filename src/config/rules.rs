//! `mode` and `[[rule]]`. Invariant: a rule says nothing that its treatment does not do: a key of
//! another treatment is refused, not ignored.

use std::sync::Arc;

use http::{HeaderValue, Uri, uri::Scheme};

use super::{
    backend::{ENCRYPTIONS, SSE_C},
    loading::Loading,
    source::At,
    suggest::{self, quoted},
    upstream::is_loopback,
    written,
};
use crate::{
    keyring,
    policy::Mode,
    transform::{
        demand::{self, Acceptable},
        rules::{Rule, Rules, Treatment},
        sse::{Algorithm, Context, CustomerKeys, Encryption, Injection, Kms, Template},
    },
};

impl Loading<'_> {
    /// In the order of the file.
    pub(super) fn rules(
        &mut self,
        written: &[written::Rule],
        mode: Option<&At<String>>,
        keyrings: &[keyring::Settings],
    ) -> Rules {
        let mode = mode.and_then(|mode| self.mode(mode)).unwrap_or_default();
        let rules: Vec<Rule> = written
            .iter()
            .zip(1..)
            .filter_map(|(written, number)| self.rule(written, number, keyrings))
            .collect();
        self.warn_of_unreached(written);
        Rules::new(rules, mode)
    }

    fn rule(
        &mut self,
        written: &written::Rule,
        number: usize,
        keyrings: &[keyring::Settings],
    ) -> Option<Rule> {
        let buckets = written.buckets.as_ref().map(|buckets| self.globs(buckets));
        let prefixes = written.prefixes.iter().map(|prefix| prefix.value.clone()).collect();
        let name = self.rule_name(written.name.as_ref(), number);
        let mode = written.mode.as_ref().and_then(|mode| self.mode(mode));
        let treatment = self.treatment(written, &name, keyrings)?;
        self.judge_encryption(written);
        let enforces = !matches!(treatment, Treatment::Off);
        let is_protected = enforces && !written.danger_allow_bucket_changes.unwrap_or(false);
        let protection = is_protected.then(|| demand::protection(&name)).into_iter().collect();
        Some(Rule { name: name.into(), buckets: buckets?, prefixes, treatment, mode, protection })
    }

    /// Names become labels of metrics and parts of messages.
    fn rule_name(&mut self, written: Option<&At<String>>, number: usize) -> String {
        let Some(written) = written else { return format!("#{number}") };
        let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_short = (1..=NAME_BYTES_MAX).contains(&written.value.len());
        if !is_short || !written.value.bytes().all(accepts) {
            self.faults.push(written.fault(format!(
                "{} is no name for a rule; write 1 to {NAME_BYTES_MAX} letters, digits, `-`, `_` \
                 or `.`",
                quoted(&written.value)
            )));
        }
        written.value.clone()
    }

    fn mode(&mut self, written: &At<String>) -> Option<Mode> {
        match written.value.as_str() {
            "enforce" => Some(Mode::Enforce),
            "audit" => Some(Mode::Audit),
            other => {
                let instead = suggest::instead(other, &["enforce", "audit"]);
                self.fault(written.fault(format!("unknown `mode`; {instead}")))
            }
        }
    }

    fn treatment(
        &mut self,
        rule: &written::Rule,
        name: &str,
        keyrings: &[keyring::Settings],
    ) -> Option<Treatment> {
        let written = rule.treatment.as_ref()?;
        let treatment = written.value.as_str();
        if !TREATMENTS.contains(&treatment) {
            let instead = suggest::instead(treatment, &TREATMENTS);
            return self.fault(
                written.fault(format!("unknown treatment {}; {instead}", quoted(treatment))),
            );
        }
        self.refuse_foreign(rule, treatment);
        match treatment {
            "require" => {
                let acceptable = self.acceptable(rule);
                Some(Treatment::Require(vec![demand::requirement(name, &acceptable)]))
            }
            "inject" => self.injection(rule, written).map(Treatment::Inject),
            "seal" => {
                let sealing = self.sealing(rule, written, keyrings)?;
                Some(Treatment::Seal(Arc::new(sealing)))
            }
            _ => Some(Treatment::Off),
        }
    }

    /// Keys that belong to another treatment.
    fn refuse_foreign(&mut self, rule: &written::Rule, treatment: &str) {
        let keys = [
            ("accept", "require", rule.accept.as_ref().map(|at| &at.place)),
            ("kms_key_ids", "require", rule.kms_key_ids.as_ref().map(|at| &at.place)),
            ("sse", "inject", rule.sse.as_ref().map(|at| &at.place)),
            ("kms_key_id", "inject", rule.kms_key_id.as_ref().map(|at| &at.place)),
            ("encryption_context", "inject", rule.encryption_context.as_ref().map(|at| &at.place)),
            ("bucket_key", "inject", rule.bucket_key.as_ref().map(|at| &at.place)),
            ("customer_key", "inject", rule.customer_key.as_ref().map(|at| &at.place)),
            ("override", "inject", rule.overrides.as_ref().map(|at| &at.place)),
            ("keyring", "seal", rule.sealing.keyring.as_ref().map(|at| &at.place)),
            ("binding", "seal", rule.sealing.binding.as_ref().map(|at| &at.place)),
            ("aliases", "seal", rule.sealing.aliases.as_ref().map(|at| &at.place)),
            ("plaintext", "seal", rule.sealing.plaintext.as_ref().map(|at| &at.place)),
            ("irregular", "seal", rule.sealing.irregular.as_ref().map(|at| &at.place)),
        ];
        for (key, owner, place) in keys {
            if let Some(place) = place.filter(|_| owner != treatment) {
                self.faults.push(place.fault(format!(
                    "`{key}` belongs to the treatment \"{owner}\", and this rule's is \
                     \"{treatment}\"; remove one of them"
                )));
            }
        }
    }

    fn acceptable(&mut self, rule: &written::Rule) -> Acceptable {
        let mut algorithms = Vec::new();
        let mut customer_keys = false;
        match &rule.accept {
            None => {
                algorithms.extend(Algorithm::ALL);
                customer_keys = true;
            }
            Some(accept) => {
                if accept.value.is_empty() {
                    self.faults.push(accept.fault(format!(
                        "the list is empty and accepts nothing; {}",
                        suggest::instead("", &ENCRYPTIONS)
                    )));
                }
                for written in &accept.value {
                    match algorithm(&written.value) {
                        Some(algorithm) => algorithms.push(algorithm),
                        None if written.value == SSE_C => customer_keys = true,
                        None => {
                            let instead = suggest::instead(&written.value, &ENCRYPTIONS);
                            self.faults.push(written.fault(format!(
                                "unknown encryption {}; {instead}",
                                quoted(&written.value)
                            )));
                        }
                    }
                }
            }
        }
        let kms_key_ids = self.kms_key_ids(rule, &algorithms);
        Acceptable { algorithms, customer_keys, kms_key_ids }
    }

    fn kms_key_ids(&mut self, rule: &written::Rule, algorithms: &[Algorithm]) -> Vec<String> {
        let Some(written) = &rule.kms_key_ids else { return Vec::new() };
        if written.value.is_empty() || algorithms.iter().all(|one| *one == Algorithm::Aes256) {
            self.faults.push(written.fault(
                "no key could ever be used: list at least one, and accept \"aws:kms\" or \
                 \"aws:kms:dsse\"",
            ));
        }
        let ids = written.value.iter().filter_map(|id| self.key_id(id).map(|_| id.value.clone()));
        ids.collect()
    }

    fn injection(&mut self, rule: &written::Rule, treatment: &At<String>) -> Option<Injection> {
        let Some(sse) = &rule.sse else {
            return self.fault(treatment.fault(format!(
                "the treatment \"inject\" lacks `sse`, the encryption to ask for; {}",
                suggest::instead("", &ENCRYPTIONS)
            )));
        };
        if let Some(key) = rule.customer_key.as_ref().filter(|_| sse.value != SSE_C) {
            let message = "`customer_key` is about SSE-C; write sse = \"SSE-C\", or remove it";
            self.faults.push(key.fault(message));
        }
        let encryption = match algorithm(&sse.value) {
            Some(Algorithm::Aes256) => {
                self.refuse_kms_keys(rule);
                Encryption::S3
            }
            Some(kms) => Encryption::Kms(self.kms(rule, kms == Algorithm::KmsDsse)?),
            None if sse.value == SSE_C => {
                self.refuse_kms_keys(rule);
                Encryption::Customer(self.customer_keys(rule, sse)?)
            }
            None => {
                let instead = suggest::instead(&sse.value, &ENCRYPTIONS);
                let message = format!("unknown encryption {}; {instead}", quoted(&sse.value));
                return self.fault(sse.fault(message));
            }
        };
        let overrides = rule.overrides.as_ref().is_some_and(|at| at.value);
        Some(Injection { encryption, overrides })
    }

    fn customer_keys(&mut self, rule: &written::Rule, sse: &At<String>) -> Option<CustomerKeys> {
        let Some(written) = &rule.customer_key else {
            return self.fault(sse.fault(
                "\"SSE-C\" lacks `customer_key`, the secret that each object's key is derived from; \
                 write customer_key = \"file:sse-c.secret\"",
            ));
        };
        let secrets = self.secrets(written);
        (!secrets.is_empty()).then(|| CustomerKeys::new(&secrets))
    }

    /// SSE-C keys travel with the request.
    pub(super) fn refuse_keys_in_the_clear(&mut self, rules: &[written::Rule], upstream: &Uri) {
        let is_plain = upstream.scheme() != Some(&Scheme::HTTPS);
        if !is_plain || is_loopback(upstream.host().unwrap_or_default()) {
            return;
        }
        for written in rules.iter().filter_map(|rule| rule.customer_key.as_ref()) {
            self.faults.push(written.fault(
                "SSE-C sends keys to the backend, and `[upstream]` is plain HTTP; write an https:// \
                 endpoint",
            ));
        }
    }

    fn refuse_kms_keys(&mut self, rule: &written::Rule) {
        let keys = [
            ("kms_key_id", rule.kms_key_id.as_ref().map(|at| &at.place)),
            ("encryption_context", rule.encryption_context.as_ref().map(|at| &at.place)),
            ("bucket_key", rule.bucket_key.as_ref().map(|at| &at.place)),
        ];
        for (key, place) in keys {
            if let Some(place) = place {
                let message =
                    format!("`{key}` is about KMS; write sse = \"aws:kms\", or remove it");
                self.faults.push(place.fault(message));
            }
        }
    }

    fn kms(&mut self, rule: &written::Rule, is_dual_layer: bool) -> Option<Kms> {
        let key_id = match &rule.kms_key_id {
            Some(written) => Some(self.key_id(written)?),
            None => None,
        };
        let bucket_key = rule.bucket_key.as_ref().map(|flag| flag.value);
        if let Some(flag) = rule.bucket_key.as_ref().filter(|flag| is_dual_layer && flag.value) {
            self.faults.push(flag.fault("S3 has no bucket keys for \"aws:kms:dsse\"; remove it"));
        }
        let context = self.encryption_context(rule.encryption_context.as_ref());
        Some(Kms { is_dual_layer, key_id, context, bucket_key })
    }

    fn key_id(&mut self, written: &At<String>) -> Option<HeaderValue> {
        let accepts = |byte: u8| byte.is_ascii_alphanumeric() || b":/_.-".contains(&byte);
        let is_short = (1..=KEY_ID_BYTES_MAX).contains(&written.value.len());
        let is_id = is_short && written.value.bytes().all(accepts);
        match HeaderValue::from_str(&written.value).ok().filter(|_| is_id) {
            Some(value) => Some(value),
            None => self.fault(written.fault(format!(
                "{} is no KMS key; write its ARN, its id, or alias/NAME",
                quoted(&written.value)
            ))),
        }
    }

    fn encryption_context(&mut self, written: Option<&At<written::Pairs>>) -> Context {
        let Some(written) = written else { return Context::default() };
        let mut pairs = Vec::new();
        for (name, text) in &written.value.0 {
            match Template::parse(&text.value) {
                Ok(template) => pairs.push((name.clone(), template)),
                Err(error) => self.faults.push(text.fault(error.to_string())),
            }
        }
        Context::new(pairs)
    }

    /// A rule behind one for every key of every bucket is never asked.
    fn warn_of_unreached(&mut self, rules: &[written::Rule]) {
        let is_for_all = |rule: &written::Rule| {
            let globs = rule.buckets.as_ref().map_or(&[][..], |buckets| &buckets.value);
            rule.prefixes.is_empty() && globs.iter().any(|glob| glob.value == "*")
        };
        let Some(place) = rules.iter().position(is_for_all) else { return };
        for unreached in rules.iter().skip(place + 1) {
            if let Some(treatment) = &unreached.treatment {
                self.warnings.push(treatment.fault(format!(
                    "this rule is never reached: rule {} before it is for every key of every \
                     bucket; move it up",
                    place + 1
                )));
            }
        }
    }
}

fn algorithm(text: &str) -> Option<Algorithm> {
    Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == text)
}

const TREATMENTS: [&str; 4] = ["off", "require", "inject", "seal"];
const NAME_BYTES_MAX: usize = 64;
/// KMS allows 2048 (`KeyIdType`, KMS API reference).
const KEY_ID_BYTES_MAX: usize = 2048;
