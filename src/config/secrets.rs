//! Secrets by reference. Invariant: no message here holds a secret, a part of one, or what was
//! written where a reference should stand.

use zeroize::Zeroizing;

use super::{
    loading::Loading,
    source::{At, FileRead},
};
use crate::secret::Secret;

/// Where a value is to be found.
enum Reference<'a> {
    File(&'a str),
    Env(&'a str),
}

/// Whether a secret stands elsewhere and not in what was written.
pub(super) fn is_reference(written: &str) -> bool {
    reference(written).is_some()
}

fn reference(written: &str) -> Option<Reference<'_>> {
    if let Some(path) = written.strip_prefix("file:") {
        return Some(Reference::File(path));
    }
    written.strip_prefix("env:").map(Reference::Env)
}

impl Loading<'_> {
    /// A secret of the main configuration: `file:PATH` or `env:NAME`, never itself.
    pub(super) fn secret(&mut self, written: &At<Zeroizing<String>>) -> Option<Secret> {
        match reference(&written.value) {
            Some(reference) => self.referred_secret(written, &reference),
            None => self.fault(written.fault(
                "a secret must not stand in this file; write \"file:PATH\" or \"env:NAME\"",
            )),
        }
    }

    /// A secret of the credentials file, which may hold secrets themselves.
    pub(super) fn secret_or_literal(&mut self, written: &At<Zeroizing<String>>) -> Option<Secret> {
        match reference(&written.value) {
            Some(reference) => self.referred_secret(written, &reference),
            None if written.value.is_empty() => self.fault(written.fault("the secret is empty")),
            None => Some(Secret::new(written.value.as_bytes())),
        }
    }

    /// Text that is no secret, itself or by reference.
    pub(super) fn text_or_reference(&mut self, written: &At<String>) -> Option<At<String>> {
        let Some(reference) = reference(&written.value) else { return Some(written.clone()) };
        let (secret, _) = self.referred(written, &reference)?;
        match std::str::from_utf8(secret.expose()) {
            Ok(text) => Some(At { value: text.to_owned(), place: written.place.clone() }),
            Err(_) => self.fault(written.fault("what this refers to is not UTF-8 text")),
        }
    }

    fn referred_secret<T>(&mut self, written: &At<T>, reference: &Reference<'_>) -> Option<Secret> {
        let (secret, others_may_read) = self.referred(written, reference)?;
        if others_may_read {
            self.warnings.push(
                written.fault(
                    "every user of this machine may read this secret's file; chmod it to 0600",
                ),
            );
        }
        Some(secret)
    }

    /// What a reference leads to, and whether every user of this machine may read it.
    fn referred<T>(
        &mut self,
        written: &At<T>,
        reference: &Reference<'_>,
    ) -> Option<(Secret, bool)> {
        let (secret, others_may_read) = match *reference {
            Reference::File(path) => {
                let named = At { value: path.to_owned(), place: written.place.clone() };
                let (_, FileRead { bytes, others_may_read }) = self.file(&named)?;
                (Secret::new(without_newline(&bytes)), others_may_read)
            }
            Reference::Env(name) => {
                let Some(value) = (self.environment)(name) else {
                    let message =
                        format!("the environment variable {name:?} is not set; export it");
                    return self.fault(written.fault(message));
                };
                (Secret::new(value), false)
            }
        };
        if secret.expose().is_empty() {
            return self.fault(written.fault("what this refers to is empty"));
        }
        Some((secret, others_may_read))
    }
}

/// Editors and `echo` end a file with a newline that is no part of the secret.
fn without_newline(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::without_newline;

    #[test]
    fn one_trailing_newline_is_no_part_of_a_secret() {
        assert_eq!(without_newline(b"s\n"), b"s");
        assert_eq!(without_newline(b"s\r\n"), b"s");
        assert_eq!(without_newline(b"s\n\n"), b"s\n");
        assert_eq!(without_newline(b" s "), b" s ");
    }
}
