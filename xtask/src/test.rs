//! `cargo xtask test`: the tiers in order, and the closing table.

use std::process::ExitCode;

use crate::{Failure, backend::Backend, conformance, differential, first_tier, report::Report};

/// Runs what `options` name, or everything. The exit code tells whether anything failed.
pub(crate) fn run(options: &[&str]) -> Result<ExitCode, Failure> {
    let selection = Selection::parse(options)?;
    let mut report = Report::default();
    if selection.first_tier {
        first_tier::run(&mut report)?;
    }
    if selection.differential {
        differential::tier(&mut report)?;
    }
    if !selection.backends.is_empty() {
        conformance::run(&selection.backends, &selection.suites, &mut report)?;
    }
    report.print();
    let is_fine = report.total().failed == 0;
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What to run.
#[derive(Debug, PartialEq, Eq)]
struct Selection {
    first_tier: bool,
    differential: bool,
    backends: Vec<Backend>,
    suites: Vec<String>,
}

impl Selection {
    fn parse(options: &[&str]) -> Result<Self, Failure> {
        let mut names = Vec::new();
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match (*option, option.strip_prefix("--only=")) {
                (_, Some(name)) => names.push(name),
                ("--only", None) => names.push(options.next().ok_or("--only needs a name")?),
                (other, None) => return Err(format!("`{other}` is not an option of `test`").into()),
            }
        }
        Self::of(&names)
    }

    /// Names of one sort add up; a suite without a backend means all backends, and the reverse.
    fn of(names: &[&str]) -> Result<Self, Failure> {
        let known = conformance::suites()?;
        let mut suites = Vec::new();
        let mut backends = Vec::new();
        for name in names.iter().filter(|name| !TIERS.contains(name)) {
            if let Some(backend) = Backend::ALL.into_iter().find(|it| it.name() == *name) {
                backends.push(backend);
            } else if known.iter().any(|suite| suite == name) {
                suites.push((*name).to_owned());
            } else {
                let suites = known.join(", ");
                return Err(format!(
                    "there is no test `{name}`: name {FIRST_TIER}, {}, a backend (embedded, moto, rgw, \
                     garage) or a suite ({suites})",
                    differential::TIER
                )
                .into());
            }
        }
        let first_tier = names.is_empty() || names.contains(&FIRST_TIER);
        let differential = names.is_empty() || names.contains(&differential::TIER);
        if backends.is_empty() && (names.is_empty() || !suites.is_empty()) {
            backends = Backend::ALL.to_vec();
        }
        Ok(Self { first_tier, differential, backends, suites })
    }
}

const FIRST_TIER: &str = "cargo";
const TIERS: [&str; 2] = [FIRST_TIER, differential::TIER];

#[cfg(test)]
mod tests {
    use super::{Backend, Selection};

    fn check(
        names: &[&str],
        [first_tier, differential]: [bool; 2],
        backends: &[Backend],
        suites: &[&str],
    ) {
        let expected = Selection {
            first_tier,
            differential,
            backends: backends.to_vec(),
            suites: suites.iter().map(|suite| (*suite).to_owned()).collect(),
        };
        assert_eq!(Selection::of(names).unwrap(), expected, "{names:?}");
    }

    #[test]
    fn names_select_tiers_backends_and_suites() {
        check(&[], [true, true], &Backend::ALL, &[]);
        check(&["cargo"], [true, false], &[], &[]);
        check(&["moto"], [false, false], &[Backend::Moto], &[]);
        check(&["differential"], [false, true], &[], &[]);
        check(&["cli"], [false, false], &Backend::ALL, &["cli"]);
        check(&["cargo", "cli", "rgw"], [true, false], &[Backend::Rgw], &["cli"]);
    }

    #[test]
    fn an_unknown_name_is_told_with_the_known_ones() {
        let failure = Selection::of(&["sdk"]).unwrap_err().to_string();
        assert!(failure.contains("no test `sdk`") && failure.contains("cli"), "{failure}");
    }
}
