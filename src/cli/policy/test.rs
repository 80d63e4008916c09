//! `portcullis policy test`. Invariant: a case that could not be judged never counts as one that
//! agrees.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::Serialize;

use super::{
    super::{Failure, failure::EXIT_FAILED, out},
    args::PolicyTest,
    read,
};
use crate::policy::Case;

pub(super) fn run(arguments: &PolicyTest) -> Result<ExitCode, Failure> {
    let mut tally = Tally::default();
    for path in &arguments.paths {
        if path.is_dir() {
            for file in files(path)? {
                tally.file(&file, WhereNone::Skip)?;
            }
        } else {
            tally.file(path, WhereNone::Refuse)?;
        }
    }
    if tally.cases() == 0 {
        return Err(Failure::usage("these hold no case; name files or folders of cases"));
    }
    out::stdout(&if arguments.json { out::json(&tally)? } else { tally.report() });
    let is_fine = tally.agree == tally.cases();
    Ok(if is_fine { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

/// What to do with a file without cases.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WhereNone {
    /// It was found in a folder.
    Skip,
    /// It was named.
    Refuse,
}

/// What came of the cases. `--json` prints it.
#[derive(Default, Serialize)]
struct Tally {
    agree: usize,
    disagree: usize,
    not_loaded: usize,
    disagreements: Vec<Disagreement>,
    failures: Vec<NotJudged>,
    /// Files of folders that hold no cases.
    skipped: Vec<String>,
}

#[derive(Serialize)]
struct Disagreement {
    file: String,
    id: String,
    expected: &'static str,
    found: &'static str,
    /// The one that decides.
    statement: Option<String>,
}

/// A case whose policy or principal cannot be read.
#[derive(Serialize)]
struct NotJudged {
    file: String,
    id: String,
    reason: String,
}

impl Tally {
    fn cases(&self) -> usize {
        self.agree + self.disagree + self.not_loaded
    }

    fn file(&mut self, path: &Path, where_none: WhereNone) -> Result<(), Failure> {
        let text = read(path)?;
        let file = path.display().to_string();
        match cases(&text) {
            Ok(cases) => {
                for (place, case) in (1..).zip(cases) {
                    self.judge(&file, place, &case);
                }
            }
            Err(_) if where_none == WhereNone::Skip => self.skipped.push(file),
            Err(error) => return Err(Failure::usage(format!("{file}: no cases: {error}"))),
        }
        Ok(())
    }

    fn judge(&mut self, file: &str, place: usize, case: &Case<'_>) {
        let (file, id) = (file.to_owned(), case.id.clone().unwrap_or_else(|| format!("#{place}")));
        match case.judge() {
            Ok(judged) if judged.verdict == case.expected => self.agree += 1,
            Ok(judged) => {
                self.disagree += 1;
                self.disagreements.push(Disagreement {
                    file,
                    id,
                    expected: case.expected.as_str(),
                    found: judged.verdict.as_str(),
                    statement: judged.decider().map(|decider| decider.statement.clone()),
                });
            }
            Err(error) => {
                self.not_loaded += 1;
                self.failures.push(NotJudged { file, id, reason: error.to_string() });
            }
        }
    }

    fn report(&self) -> String {
        let mut text = String::new();
        for file in &self.skipped {
            let _ = writeln!(text, "{file}: {}", out::yellow("skipped, it holds no cases"));
        }
        for NotJudged { file, id, reason } in &self.failures {
            let _ = writeln!(text, "{} {}", out::bold(&format!("{file}: {id}:")), reason);
        }
        for one in &self.disagreements {
            let place = out::bold(&format!("{}: {}:", one.file, one.id));
            let by = one.statement.as_ref().map(|it| format!(" by statement {it}"));
            let _ = writeln!(
                text,
                "{place} {}{}, expected {}",
                one.found,
                by.unwrap_or_default(),
                one.expected
            );
        }
        let (agree, disagree, not_loaded) = (self.agree, self.disagree, self.not_loaded);
        let closing = format!("{agree} agree, {disagree} disagree, {not_loaded} not loaded");
        let is_fine = self.agree == self.cases();
        text + &if is_fine { out::green(&closing) } else { out::red(&closing) } + "\n"
    }
}

/// A list of cases, or cases one after the other.
fn cases(text: &str) -> serde_json::Result<Vec<Case<'_>>> {
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text);
    }
    serde_json::Deserializer::from_str(text).into_iter().collect()
}

/// The files of a folder and its folders that could hold cases, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let cannot = |error: std::io::Error| Failure::usage(format!("{}: {error}", folder.display()));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        paths.push(entry.map_err(cannot)?.path());
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|it| it == "json" || it == "jsonl") {
            found.push(path);
        }
    }
    Ok(found)
}
