//! `[upstream] backend`: what the backend is known to make of encryption headers, so that a rule which
//! relies on one is refused at load and not at the first upload, and by what name it knows a condition.
//! Invariant: of a backend that is not named nothing is assumed.

use std::fmt::Write as _;

use super::{
    loading::Loading,
    source::{At, Place},
    suggest::{self, quoted},
    written,
};
use crate::{
    policy::Document,
    transform::{copies::SourceCondition, demand},
};

/// The backend that the configuration names, and what its operator has set up there.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    profile: &'static Profile,
    set_up: Vec<String>,
}

/// What is known of a kind of backend.
#[derive(Debug)]
struct Profile {
    name: &'static str,
    /// Of each of [`ENCRYPTIONS`], in their order.
    makes: [Makes; ENCRYPTIONS.len()],
    /// Whether it has a key of its own for `aws:kms`.
    has_default_kms_key: bool,
    /// What it makes of copies of objects under customers' keys, where that is amiss.
    copies: Option<&'static str>,
    /// How it reads conditions on what is copied.
    source_condition: SourceCondition,
}

/// What a backend makes of a write that asks for an encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Makes {
    /// It encrypts.
    Encrypts,
    /// It answers 200 and stores the object as it is; unless this was set up.
    Ignores(Option<&'static str>),
    /// It answers with an error; unless this was set up.
    Refuses(Option<&'static str>),
}

impl Backend {
    /// As the configuration calls it.
    pub(super) fn name(&self) -> &'static str {
        self.profile.name
    }

    /// How it reads conditions on what is copied.
    pub(super) fn source_condition(&self) -> SourceCondition {
        self.profile.source_condition
    }

    fn makes(&self, encryption: &str) -> Makes {
        if self.set_up.iter().any(|set_up| set_up == encryption) {
            return Makes::Encrypts;
        }
        self.profile.makes(encryption)
    }

    /// What to do about encryptions that come to nothing here.
    fn mend(&self, encryptions: &[&str]) -> String {
        let honoured = ENCRYPTIONS.into_iter().filter(|one| self.makes(one) == Makes::Encrypts);
        let honoured: Vec<&str> = honoured.collect();
        let mut mend = match honoured.as_slice() {
            [] => "it encrypts nothing".to_owned(),
            honoured => format!("it encrypts with {}", listed(honoured)),
        };
        for encryption in encryptions {
            if let Some(set_up) = self.makes(encryption).set_up() {
                let _ = write!(
                    mend,
                    ", and with {encryption:?} where {set_up}: then write encryption_set_up = \
                     [{encryption:?}] in `[upstream]`"
                );
            }
        }
        mend
    }
}

impl Makes {
    /// What would make it encrypt.
    fn set_up(self) -> Option<&'static str> {
        match self {
            Self::Encrypts => None,
            Self::Ignores(set_up) | Self::Refuses(set_up) => set_up,
        }
    }

    fn is_ignored(self) -> bool {
        matches!(self, Self::Ignores(_))
    }
}

impl Profile {
    fn makes(&self, encryption: &str) -> Makes {
        let at = ENCRYPTIONS.iter().position(|known| *known == encryption);
        at.and_then(|at| self.makes.get(at)).copied().unwrap_or(Makes::Encrypts)
    }
}

impl Loading<'_> {
    /// The backend by name, where the file names one.
    pub(super) fn backend(&mut self, written: &written::Upstream) -> Option<Backend> {
        let Some(named) = &written.backend else {
            if let Some(set_up) = &written.encryption_set_up {
                self.faults.push(set_up.fault(
                    "`encryption_set_up` adds to what is known of a backend, and none is named; \
                     write `backend`, such as \"ceph\"",
                ));
            }
            return None;
        };
        let Some(profile) = PROFILES.iter().find(|profile| profile.name == named.value) else {
            let known = PROFILES.each_ref().map(|profile| profile.name);
            let instead = suggest::instead(&named.value, &known);
            return self.fault(named.fault(format!(
                "nothing is known of a backend {}; {instead}, or leave `backend` out",
                quoted(&named.value)
            )));
        };
        let listed = written.encryption_set_up.as_ref().map_or(&[][..], |list| &list.value);
        let set_up = listed.iter().filter_map(|one| self.set_up(one, profile));
        Some(Backend { profile, set_up: set_up.collect() })
    }

    fn set_up(&mut self, written: &At<String>, profile: &Profile) -> Option<String> {
        let encryption = written.value.as_str();
        if !ENCRYPTIONS.contains(&encryption) {
            let instead = suggest::instead(encryption, &ENCRYPTIONS);
            let message = format!("unknown encryption {}; {instead}", quoted(encryption));
            return self.fault(written.fault(message));
        }
        let message = match profile.makes(encryption) {
            Makes::Ignores(Some(_)) | Makes::Refuses(Some(_)) => {
                return Some(encryption.to_owned());
            }
            Makes::Encrypts => "needs no setting up at",
            Makes::Ignores(None) | Makes::Refuses(None) => "cannot be set up at",
        };
        self.fault(written.fault(format!("{encryption:?} {message} {}; remove it", profile.name)))
    }

    /// Holds the encryption that a rule relies on against what the backend makes of it.
    pub(super) fn judge_encryption(&mut self, rule: &written::Rule) {
        let (Some(backend), Some(treatment)) = (self.backend.clone(), &rule.treatment) else {
            return;
        };
        match (treatment.value.as_str(), &rule.sse, &rule.accept) {
            ("inject", Some(sse), _) => self.judge_injected(rule, sse, &backend),
            ("require", _, Some(accept)) => {
                for written in &accept.value {
                    self.judge_accepted(rule, written, &backend);
                }
            }
            // Everything is accepted; what the backend refuses does no harm.
            ("require", _, None) => {
                let ignored = ENCRYPTIONS.into_iter().filter(|one| backend.makes(one).is_ignored());
                let ignored: Vec<&str> = ignored.collect();
                if !ignored.is_empty() {
                    self.ignored(rule, &ignored, &treatment.place, &backend);
                }
            }
            _ => {}
        }
    }

    fn judge_injected(&mut self, rule: &written::Rule, sse: &At<String>, backend: &Backend) {
        let encryption = sse.value.as_str();
        match backend.makes(encryption) {
            Makes::Ignores(_) => self.ignored(rule, &[encryption], &sse.place, backend),
            Makes::Refuses(_) => self.faults.push(sse.fault(format!(
                "{} refuses {encryption:?}, and no write under this rule would succeed; {}",
                backend.name(),
                backend.mend(&[encryption])
            ))),
            Makes::Encrypts => self.judge_details(rule, sse, backend),
        }
    }

    fn judge_details(&mut self, rule: &written::Rule, sse: &At<String>, backend: &Backend) {
        let lacks_key = rule.kms_key_id.is_none() && !backend.profile.has_default_kms_key;
        match (sse.value.as_str(), backend.profile.copies) {
            (SSE_C, Some(copies)) => self.warnings.push(sse.fault(copies)),
            ("aws:kms", _) if lacks_key => self.faults.push(sse.fault(format!(
                "{} has no default KMS key and refuses \"aws:kms\" without one; write `kms_key_id`",
                backend.name()
            ))),
            _ => {}
        }
    }

    fn judge_accepted(&mut self, rule: &written::Rule, written: &At<String>, backend: &Backend) {
        let encryption = written.value.as_str();
        match backend.makes(encryption) {
            Makes::Ignores(_) => self.ignored(rule, &[encryption], &written.place, backend),
            Makes::Refuses(_) => self.warnings.push(written.fault(format!(
                "{} refuses {encryption:?}; {}",
                backend.name(),
                backend.mend(&[encryption])
            ))),
            Makes::Encrypts => {}
        }
    }

    /// A header that changes nothing is no encryption, unless the rule says that the header is all.
    fn ignored(
        &mut self,
        rule: &written::Rule,
        encryptions: &[&str],
        place: &Place,
        backend: &Backend,
    ) {
        let told = format!(
            "{} takes {} and ignores it: objects are stored unencrypted",
            backend.name(),
            listed(encryptions)
        );
        if rule.danger_allow_unencrypted_storage.unwrap_or(false) {
            self.warnings.push(place.fault(told));
            return;
        }
        self.faults.push(place.fault(format!(
            "{told}; {}; where the header alone is wanted, write \
             `danger_allow_unencrypted_storage = true` in this rule",
            backend.mend(encryptions)
        )));
    }

    /// Documents are AWS's words, and are judged as such; that the backend does not act on them is told.
    pub(super) fn warn_of_ignored(&mut self, named: &At<String>, document: &Document) {
        let Some(backend) = self.backend.clone() else { return };
        let is_idle = |encryption: &&str| {
            backend.makes(encryption).is_ignored() && document.accepts(demand::SSE, encryption)
        };
        let idle: Vec<&str> = ENCRYPTIONS.into_iter().filter(is_idle).collect();
        if !idle.is_empty() {
            self.warnings.push(named.fault(format!(
                "it accepts {}, which {} takes and ignores: what passes is stored unencrypted; {}",
                listed(&idle),
                backend.name(),
                backend.mend(&idle)
            )));
        }
    }
}

fn listed(encryptions: &[&str]) -> String {
    let quoted: Vec<String> = encryptions.iter().map(|one| format!("{one:?}")).collect();
    quoted.join(", ")
}

/// What a rule can ask for.
pub(super) const ENCRYPTIONS: [&str; 4] = ["AES256", "aws:kms", "aws:kms:dsse", SSE_C];
/// Encryption with a key that each request brings along.
pub(super) const SSE_C: &str = "SSE-C";

/// What each was seen to do, or is documented to: the conformance tier holds those that run there
/// against it.
static PROFILES: [Profile; 5] = [
    // S3 user guide, "Blocking or unblocking SSE-C for a general purpose bucket".
    Profile {
        name: "aws",
        makes: [
            Makes::Encrypts,
            Makes::Encrypts,
            Makes::Encrypts,
            Makes::Refuses(Some(
                "the bucket's default encryption unblocks it, which new buckets block since \
                 April 2026 (BlockedEncryptionTypes)",
            )),
        ],
        has_default_kms_key: true,
        copies: None,
        source_condition: SourceCondition::S3,
    },
    // <https://docs.ceph.com/en/latest/radosgw/encryption/>
    Profile {
        name: "ceph",
        makes: [
            Makes::Ignores(Some("SSE-S3 is set up, from Ceph 17 on")),
            Makes::Refuses(Some("a key service is set up (`rgw crypt s3 kms backend`)")),
            Makes::Refuses(None),
            Makes::Encrypts,
        ],
        has_default_kms_key: false,
        copies: Some(
            "ceph before version 20 answers 501 to every copy of an object under \"SSE-C\": what \
             copies (renames, changes of metadata) fails",
        ),
        source_condition: SourceCondition::Ceph,
    },
    // Its source: no header of the kind is read but those of SSE-C.
    Profile {
        name: "garage",
        makes: [Makes::Ignores(None), Makes::Ignores(None), Makes::Ignores(None), Makes::Encrypts],
        has_default_kms_key: false,
        copies: None,
        source_condition: SourceCondition::S3,
    },
    // Its source: `NotImplemented` without a key service.
    Profile {
        name: "minio",
        makes: [
            Makes::Refuses(Some("a key service is set up (KES, or `MINIO_KMS_SECRET_KEY`)")),
            Makes::Refuses(Some("a key service is set up (KES, or `MINIO_KMS_SECRET_KEY`)")),
            Makes::Refuses(None),
            Makes::Encrypts,
        ],
        has_default_kms_key: true,
        copies: None,
        source_condition: SourceCondition::S3,
    },
    // An emulator in memory: it tells of encryption and does none.
    Profile {
        name: "moto",
        makes: [
            Makes::Ignores(None),
            Makes::Ignores(None),
            Makes::Ignores(None),
            Makes::Ignores(None),
        ],
        has_default_kms_key: true,
        copies: None,
        source_condition: SourceCondition::S3,
    },
];
