//! The conformance tier: stock S3 clients against a gate before each backend.
//!
//! The cases are Python files in `tests/conformance`; a file is a suite. Invariant: they know a
//! backend by its capabilities only, so that one list of cases serves all.

use std::{
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Instant,
};

use crate::{
    Failure,
    backend::{Backend, Running},
    clients,
    gate::Gate,
    key_services::{self, KeyServices},
    report::{Report, Tally},
    root,
    server::run_into,
    tools,
};

/// The suites that there are, by name.
pub(crate) fn suites() -> Result<Vec<String>, Failure> {
    let mut suites = Vec::new();
    for entry in fs::read_dir(root().join(CASES))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let suite = name.strip_prefix("test_").and_then(|name| name.strip_suffix(".py"));
        suites.extend(suite.map(str::to_owned));
    }
    suites.sort_unstable();
    Ok(suites)
}

/// Runs `suites` (all, if none is named) against each backend. What cannot be had is skipped.
pub(crate) fn run(
    backends: &[Backend],
    suites: &[String],
    report: &mut Report,
) -> Result<(), Failure> {
    let python = match tools::python() {
        Ok(python) => python,
        Err(reason) => {
            let reason = format!("the S3 clients cannot be installed: {reason}");
            for backend in backends {
                report.skip("conformance", backend.name(), &reason);
            }
            return Ok(());
        }
    };
    let gate = gate_program()?;
    let clients = clients::prepare(suites, &python);
    let key_services = key_services::start(suites, &python);
    let shared = Shared { gate, python, clients, key_services, suites };
    // Cases mostly wait, and those of one backend know nothing of another's.
    let reports: Vec<Report> = thread::scope(|scope| {
        let shared = &shared;
        let running: Vec<_> = backends
            .iter()
            .enumerate()
            .map(|(number, backend)| {
                scope.spawn(move || shared.stand_before(*backend, number == 0))
            })
            .collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| broken())).collect()
    });
    for ran in reports {
        report.append(ran);
    }
    Ok(())
}

/// What the cases before all backends have in common.
struct Shared<'a> {
    gate: PathBuf,
    python: PathBuf,
    /// Where the clients are that are no Python modules, as environment variables.
    clients: Vec<(&'static str, PathBuf)>,
    key_services: KeyServices,
    suites: &'a [String],
}

impl Shared<'_> {
    /// Runs the cases before one backend. What they say stays together: it is told at their end.
    fn stand_before(&self, backend: Backend, is_first: bool) -> Report {
        let (began, mut report) = (Instant::now(), Report::default());
        let name = backend.name();
        let ran = self.run(backend, is_first, &mut report);
        let mut said = fs::read_to_string(folder(backend).join(SAID)).unwrap_or_default();
        if let Err(failure) = ran {
            let _ = writeln!(said, "{failure}");
            report.row("gate", name, Tally { failed: 1, ..Tally::default() });
        }
        println!("\n=== {name} ===\n{said}{name} took {} s", began.elapsed().as_secs());
        report
    }

    fn run(&self, backend: Backend, is_first: bool, report: &mut Report) -> Result<(), Failure> {
        let folder = fresh_folder(backend)?;
        let log = folder.join(SAID);
        match backend.start(&folder, &self.python) {
            Err(reason) => report.skip("conformance", backend.name(), &reason.to_string()),
            Ok(running) => {
                let bench = Bench { backend, running, folder, shared: self, is_first };
                bench.run(&log, report)?;
            }
        }
        Ok(())
    }
}

/// A chore that panicked counts as a case that failed.
fn broken() -> Report {
    let mut report = Report::default();
    report.row("conformance", "none", Tally { failed: 1, ..Tally::default() });
    report
}

/// One backend, and what is needed to run cases against a gate before it.
struct Bench<'a> {
    backend: Backend,
    running: Running,
    folder: PathBuf,
    shared: &'a Shared<'a>,
    /// It sees clients in every mode that they have; the others in one: the gate sends all of them the
    /// same form.
    is_first: bool,
}

/// They stand before the same backend: what is in one is in the others.
struct Gates {
    /// As it comes, which refuses.
    strict: Gate,
    /// Adds the encryption that policy demands, and takes plain HTTP.
    adding: Gate,
    /// Seals; keys of clients are welcome, which the policy of the first refuses.
    sealing: Gate,
}

impl Bench<'_> {
    fn run(self, log: &Path, report: &mut Report) -> Result<(), Failure> {
        let results = self.folder.join("results.tsv");
        let Shared { gate, suites, .. } = self.shared;
        let gates = self.start_gates(gate)?;
        let all = if suites.is_empty() { self::suites()? } else { suites.to_vec() };
        let (with_crt, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| it == WITH_CRT);
        let mut is_fine = true;
        for suites in [others, with_crt].iter().filter(|suites| !suites.is_empty()) {
            let pytest = self.pytest(suites, &results, gate, &gates);
            is_fine &= run_into(&pytest, log)?.success();
        }
        let failed = count(&fs::read_to_string(&results).unwrap_or_default(), self.backend, report);
        if failed > 0 {
            let mut log = fs::File::options().append(true).open(log)?;
            let tail = gates.strict.server.tail();
            io::Write::write_all(
                &mut log,
                format!("the last lines of the gate's log:\n{tail}\n").as_bytes(),
            )?;
        }
        // Without a failed case, pytest itself could not run: its own words are above.
        if failed == 0 && !is_fine {
            report.row("pytest", self.backend.name(), Tally { failed: 1, ..Tally::default() });
        }
        Ok(())
    }

    fn start_gates(&self, program: &Path) -> Result<Gates, Failure> {
        let upstream = self.running.upstream.as_ref();
        let strict = Gate::start(program, &self.folder.join("gate"), upstream, &[])?;
        let embedded = if upstream.is_none() { Some(strict.embedded()?) } else { None };
        let policy = root().join("config/policies/require-sse.json");
        let options = ["--treatment", "inject", "--policy", &policy.to_string_lossy()];
        let upstream = upstream.or(embedded.as_ref());
        let adding = Gate::start(program, &self.folder.join("adding"), upstream, &options)?;
        let policy = root().join("config/policies/require-tls-all.json");
        let options = ["--treatment", "seal", "--policy", &policy.to_string_lossy()];
        let sealing = Gate::start(program, &self.folder.join("sealing"), upstream, &options)?;
        Ok(Gates { strict, adding, sealing })
    }

    /// In the environment that `portcullis dev` tells people to source, and nobody's AWS settings.
    fn pytest(&self, suites: &[String], results: &Path, program: &Path, gates: &Gates) -> Command {
        let Gates { strict, adding, sealing } = gates;
        let mut command = Command::new("sh");
        command
            .args(["-c", ". \"$0\" && exec \"$@\""])
            .arg(strict.environment())
            .arg(&self.shared.python)
            .args(["-m", "pytest", "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider"])
            .current_dir(root().join(CASES));
        for (name, _) in env::vars_os().filter(|(name, _)| is_aws_setting(name)) {
            command.env_remove(name);
        }
        command
            .env("HOME", &self.folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PORTCULLIS_BIN", program)
            .env("PORTCULLIS_ADDING_ENV", adding.environment())
            .env("PORTCULLIS_SEALING_ENV", sealing.environment())
            .env("PORTCULLIS_RESULTS", results)
            .env("PORTCULLIS_CAPABILITIES", self.backend.capabilities().join(" "))
            .env("PORTCULLIS_BACKEND_FOLDER", &self.folder)
            .envs(self.shared.clients.iter().cloned())
            .envs(self.shared.key_services.places.iter().cloned());
        if suites.iter().all(|suite| suite != WITH_CRT) {
            command.env("BOTO_DISABLE_CRT", "true");
        }
        if let Some(kind) = self.backend.kind() {
            command.env("PORTCULLIS_BACKEND_KIND", kind);
        }
        if self.is_first {
            command.env("PORTCULLIS_EVERY_MODE", "yes");
        }
        if let Some(upstream) = &self.running.upstream {
            command
                .env("PORTCULLIS_BACKEND_ACCESS_KEY_ID", &upstream.access_key_id)
                .env("PORTCULLIS_BACKEND_SECRET_ACCESS_KEY", &upstream.secret_access_key)
                .env("PORTCULLIS_BACKEND_REGION", &upstream.region);
        }
        command.args(suites.iter().map(|suite| format!("test_{suite}.py")));
        command
    }
}

fn is_aws_setting(name: &std::ffi::OsStr) -> bool {
    name.to_string_lossy().starts_with("AWS_")
}

/// Reads what `conftest.py` wrote, a line a case: suite, outcome, case, reason. Returns the failed.
fn count(results: &str, backend: Backend, report: &mut Report) -> usize {
    let mut suites: Vec<(&str, Tally)> = Vec::new();
    let mut skips: Vec<((&str, &str), Vec<&str>)> = Vec::new();
    for line in results.lines() {
        let mut fields = line.split('\t');
        let (suite, outcome) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        let (case, reason) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
        if suites.last().is_none_or(|(last, _)| *last != suite) {
            suites.push((suite, Tally::default()));
        }
        let Some((_, tally)) = suites.last_mut() else { continue };
        match outcome {
            "passed" => tally.passed += 1,
            "skipped" => {
                tally.skipped += 1;
                match skips.iter_mut().find(|(why, _)| *why == (suite, reason)) {
                    Some((_, cases)) => cases.push(case),
                    None => skips.push(((suite, reason), vec![case])),
                }
            }
            _ => tally.failed += 1,
        }
    }
    for ((suite, reason), cases) in skips {
        let cases = cases.join(", ");
        report.because(&format!("{suite} on {}: {reason}: {cases}", backend.name()));
    }
    for (suite, tally) in &suites {
        report.row(suite, backend.name(), *tally);
    }
    suites.iter().map(|(_, tally)| tally.failed).sum()
}

/// The program as it is shipped, unless `PORTCULLIS_BIN` names one.
pub(crate) fn gate_program() -> Result<PathBuf, Failure> {
    if let Some(program) = env::var_os("PORTCULLIS_BIN") {
        return Ok(fs::canonicalize(program)?);
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--release"]).current_dir(root()).status()?;
    if !status.success() {
        return Err("the program does not build".into());
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    Ok(target.join("release/portcullis"))
}

fn folder(backend: Backend) -> PathBuf {
    tools::folder().join("run").join(backend.name())
}

fn fresh_folder(backend: Backend) -> Result<PathBuf, Failure> {
    let folder = folder(backend);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

const CASES: &str = "tests/conformance";
/// What the cases before a backend say.
const SAID: &str = "said.log";
/// The suite of boto3 with AWS's library in C. It cannot share a process with those of boto3 alone,
/// which would otherwise sign with that library, too.
const WITH_CRT: &str = "boto3_crt";
