//! The differential test: random policies and requests, judged by this project and by another engine,
//! `@cloud-copilot/iam-simulate` from npm. Invariant: the other engine is AGPL: it runs as a process of
//! its own, is installed into `.tools/`, and is never part of anything that is shipped.

mod case;
mod excluded;
mod generate;
mod random;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use self::{generate::Generator, random::Random};
use crate::{
    Failure,
    conformance::gate_program,
    report::{Report, Tally},
    root,
    server::run_quietly,
    tools,
};

/// `cargo xtask differential [--seed N] [--cases N]`
pub(crate) fn chore(options: &[&str]) -> Result<ExitCode, Failure> {
    let outcome = compare(Settings::parse(options)?)?;
    Ok(if outcome.disagree == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// As a tier of `cargo xtask test`, with the seed that is set here.
pub(crate) fn tier(report: &mut Report) -> Result<(), Failure> {
    if run_quietly(Command::new("npm").arg("--version")).is_err() {
        report.skip(TIER, "-", "npm is not installed");
        return Ok(());
    }
    let Outcome { agree, disagree } = compare(Settings::default())?;
    report.row(TIER, "-", Tally { passed: agree, failed: disagree, skipped: 0 });
    Ok(())
}

/// The tier's name.
pub(crate) const TIER: &str = "differential";

/// How many cases, and which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    seed: u64,
    cases: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 1, cases: CASES }
    }
}

impl Settings {
    fn parse(options: &[&str]) -> Result<Self, Failure> {
        let mut settings = Self::default();
        let mut words = options.iter();
        while let Some(option) = words.next() {
            let value = words.next().ok_or_else(|| format!("{option} needs a number"))?;
            match *option {
                "--seed" => settings.seed = value.parse()?,
                "--cases" => settings.cases = value.parse()?,
                other => {
                    return Err(format!("`{other}` is not an option of `differential`").into());
                }
            }
        }
        Ok(settings)
    }
}

struct Outcome {
    agree: usize,
    disagree: usize,
}

fn compare(settings: Settings) -> Result<Outcome, Failure> {
    let Settings { seed, cases } = settings;
    println!("differential: {cases} cases, seed {seed} (cargo xtask differential --seed {seed})");
    let folder = install()?;
    let asked = folder.join("asked.jsonl");
    let excluded = write(&asked, settings)?;
    for (name, count) in excluded {
        println!("{count:7} left out: {name}");
    }
    let answered = folder.join("answered.jsonl");
    let script = root().join("tests/differential/evaluate.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(&folder).stdin(File::open(&asked)?).stdout(File::create(&answered)?);
    let status = node.status().map_err(|error| format!("node cannot be run: {error}"))?;
    if !status.success() {
        return Err(format!("the other engine ended with {status}").into());
    }
    judge(&answered)
}

/// Writes the cases, and counts those that were left out by their reason.
fn write(path: &Path, settings: Settings) -> Result<BTreeMap<&'static str, usize>, Failure> {
    let mut generator = Generator::new(Random::new(settings.seed));
    let mut excluded = BTreeMap::new();
    let mut text = String::new();
    let mut number = 0;
    while number < settings.cases {
        let case = generator.case();
        if let Some(name) = excluded::reason(&case) {
            *excluded.entry(name).or_insert(0) += 1;
            continue;
        }
        number += 1;
        case.write(&mut text, &format!("differential-{}-{number}", settings.seed));
    }
    fs::write(path, text)?;
    Ok(excluded)
}

/// What this project says of the cases, by the command that everybody has.
fn judge(answered: &Path) -> Result<Outcome, Failure> {
    let output = Command::new(gate_program()?)
        .args(["policy", "test"])
        .arg(answered)
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let closing = said.lines().last().unwrap_or_default();
    std::io::stderr().write_all(&output.stderr)?;
    let lines = said.lines().count();
    said.lines().take(SHOWN_MAX).for_each(|line| println!("{line}"));
    if lines > SHOWN_MAX {
        println!("… {} more\n{closing}", lines - SHOWN_MAX);
    }
    let [agree, disagree, not_loaded] =
        counts(closing).ok_or("`portcullis policy test` gave no counts")?;
    if disagree + not_loaded > 0 {
        println!("the cases, with what the other engine says of them: {}", answered.display());
    }
    Ok(Outcome { agree, disagree: disagree + not_loaded })
}

/// `3 agree, 0 disagree, 0 not loaded`
fn counts(line: &str) -> Option<[usize; 3]> {
    let mut numbers = line.split(", ").map(|part| part.split(' ').next()?.parse().ok());
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

/// The engine, as `tests/differential/package-lock.json` pins it.
fn install() -> Result<PathBuf, Failure> {
    let folder = tools::folder().join(TIER);
    fs::create_dir_all(&folder)?;
    let names = ["package.json", "package-lock.json"];
    let source = root().join("tests/differential");
    let is_there = folder.join("node_modules").is_dir();
    let is_same = |name: &&str| {
        fs::read(folder.join(name))
            .is_ok_and(|it| fs::read(source.join(name)).is_ok_and(|s| s == it))
    };
    if is_there && names.iter().all(is_same) {
        return Ok(folder);
    }
    println!("installing the other engine into {} ...", folder.display());
    let _ = fs::remove_dir_all(folder.join("node_modules"));
    for name in names {
        fs::copy(source.join(name), folder.join(name))?;
    }
    run_quietly(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder),
    )?;
    Ok(folder)
}

/// Enough for each pair of an operator and a state of its key to come up dozens of times.
const CASES: usize = 20_000;
/// Lines of disagreements.
const SHOWN_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::{Settings, counts};

    #[test]
    fn the_closing_line_is_counted() {
        assert_eq!(counts("3 agree, 2 disagree, 1 not loaded"), Some([3, 2, 1]));
        assert_eq!(counts("error: no"), None);
    }

    #[test]
    fn options_set_seed_and_number() {
        let parsed = Settings::parse(&["--seed", "7", "--cases", "9"]).unwrap();
        assert_eq!(parsed, Settings { seed: 7, cases: 9 });
        assert!(Settings::parse(&["--seed"]).is_err());
        assert!(Settings::parse(&["--sed", "7"]).is_err());
    }
}
