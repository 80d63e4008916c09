//! `portcullis explain`: what policy makes of a request, and why. Invariant: the request is read and
//! judged by the pipeline's own code; here it is only put together and shown.

mod args;
mod asked;
mod audit_line;
mod caller;
mod curl;
mod document;
mod show;

use std::{
    io::{self, Read as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    process::ExitCode,
    time::SystemTime,
};

pub(crate) use self::args::Explain;
use self::{
    asked::{Plain, Sent},
    audit_line::AuditLine,
    caller::Clues,
};
use super::{Failure, failure::EXIT_FAILED, now, out};
use crate::{
    config::{self, Config},
    identity::Mode,
    net::{Peer, TlsVersion},
    pipeline::{Asked, Circumstances, Ground, Question, Refusal, Rehearsed, rehearse},
    policy::{self, Attachment, Context, Document, Glob, Otherwise, Policies, Strictness},
    s3::Domains,
    sigv4::Caller,
    transform::{rules::Rules, upload_id::TokenKeys},
};

pub(super) fn run(arguments: &Explain) -> Result<ExitCode, Failure> {
    let scene = Scene::of(arguments)?;
    let judged = scene.judge(arguments)?;
    let text = if arguments.json { document::json(&judged)? } else { show::text(&judged) };
    out::stdout(&text);
    Ok(if judged.passes() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

/// What was put before policy, and what came of it.
struct Judged {
    /// `PUT s3.example.com/bucket/key`; an action; …
    asked: String,
    /// An ARN, or `anonymous`.
    caller: String,
    outcome: Result<Rehearsed, Refusal>,
    assumed: Vec<String>,
}

impl Judged {
    fn passes(&self) -> bool {
        let questions = |rehearsed: &Rehearsed| rehearsed.questions.iter().all(Question::passes);
        self.outcome.as_ref().is_ok_and(questions)
    }

    /// Whether any statement asks for a condition key.
    fn asks_for(&self, key: &str) -> bool {
        let questions = self.outcome.iter().flat_map(|rehearsed| &rehearsed.questions);
        let statements = questions.flat_map(|question| &question.explanation.statements);
        let mut conditions = statements.flat_map(|statement| &statement.conditions);
        conditions.any(|condition| condition.key.eq_ignore_ascii_case(key))
    }
}

/// What was typed, read.
struct Scene {
    config: Option<Config>,
    policies: Policies,
    line: Option<AuditLine>,
    /// `None`: an action by itself is asked about.
    plain: Option<Plain>,
    context: Context,
    assumed: Vec<String>,
}

impl Scene {
    fn of(arguments: &Explain) -> Result<Self, Failure> {
        let config = match &arguments.config {
            Some(path) => Some(config::load(path, now()).map_err(Failure::faults)?),
            None => None,
        };
        let policies = documents(arguments)?;
        let (mut line, mut assumed) = (None, Vec::new());
        let plain = if let Some(text) = &arguments.audit_line {
            let read = AuditLine::read(&given(text)?).map_err(Failure::usage)?;
            let (plain, missing) = read.plain().map_err(Failure::usage)?;
            assumed = missing;
            line = Some(read);
            Some(plain)
        } else if let Some(command) = &arguments.curl {
            Some(curl::read(&given(command)?).map_err(Failure::usage)?)
        } else {
            arguments.url.as_ref().map(|url| Plain {
                method: arguments.method.clone().unwrap_or_else(|| "GET".to_owned()),
                url: url.clone(),
                headers: arguments.header.clone(),
                body: arguments.data.clone(),
                signs: true,
            })
        };
        let mut context = line.as_ref().map(|it| it.condition_keys.clone()).unwrap_or_default();
        for (key, values) in typed_context(arguments)? {
            context.retain(|known, _| !known.eq_ignore_ascii_case(&key));
            context.insert(key, values);
        }
        Ok(Self { config, policies, line, plain, context, assumed })
    }

    fn judge(self, arguments: &Explain) -> Result<Judged, Failure> {
        let sent = self.plain.as_ref().map(Plain::sent).transpose().map_err(Failure::usage)?;
        let now = self.time(arguments)?;
        let mut assumed = self.assumed.clone();
        let clues = Clues {
            arguments,
            config: self.config.as_ref(),
            line: self.line.as_ref(),
            sent: sent.as_ref(),
            is_whole: self.plain.as_ref().is_some_and(|plain| !plain.signs),
            now,
        };
        let caller = clues.caller(&mut assumed)?;
        let peer = self.peer(arguments, sent.as_ref());
        let domains = self.domains(arguments, sent.as_ref());
        let asked = match (&sent, &arguments.action) {
            (Some(sent), _) => format!("{} {}{}", sent.head.method, sent.host(), sent.head.uri),
            (None, action) => action.clone().unwrap_or_default(),
        };
        let outcome = {
            let gate = self.config.as_ref().map(|config| &config.gate);
            let no_rules = Rules::default();
            let circumstances = Circumstances {
                peer: &peer,
                now,
                region: gate.map_or(REGION, |gate| &gate.region),
                is_forwarded: gate.is_some_and(|gate| matches!(gate.mode, Mode::Forward)),
                rules: gate.map_or(&no_rules, |gate| &gate.rules),
                policies: gate.map_or(&self.policies, |gate| &gate.policies),
            };
            let token_keys = gate.map(|gate| TokenKeys::derive(&gate.token_secrets));
            let ground = Ground {
                circumstances,
                caller: &caller,
                domains: &domains,
                token_keys: token_keys.as_ref(),
                context: &self.context,
            };
            rehearse(&ground, question(sent, arguments))
        };
        let mut judged = Judged { asked, caller: who(&caller), outcome, assumed };
        self.assume(arguments, &mut judged);
        Ok(judged)
    }

    /// What was not said and could have mattered.
    fn assume(&self, arguments: &Explain, judged: &mut Judged) {
        let is_told = |key: &str| self.context.keys().any(|it| it.eq_ignore_ascii_case(key));
        let line = self.line.as_ref();
        let address = line.and_then(|line| line.remote_ip).or(arguments.source_ip);
        if address.is_none() && judged.asks_for(SOURCE_IP) && !is_told(SOURCE_IP) {
            let message = format!("the client's address is {ADDRESS} (say --source-ip)");
            judged.assumed.push(message);
        }
        if let Ok(rehearsed) = &judged.outcome {
            let assumed = rehearsed.assumed.clone();
            // What the audit line or the caller told stands in for it.
            let is_told = is_told("s3:x-amz-server-side-encryption");
            judged.assumed.extend(assumed.into_iter().filter(|_| !is_told));
        }
    }

    fn time(&self, arguments: &Explain) -> Result<SystemTime, Failure> {
        let told = self.line.as_ref().and_then(|line| line.time.as_ref());
        let Some(text) = arguments.at.as_ref().or(told) else { return Ok(now()) };
        let instant = policy::instant(text).map(SystemTime::from);
        instant.ok_or_else(|| {
            Failure::usage(format!("{text:?} is no time; write one like 2030-01-31T12:00:00Z"))
        })
    }

    fn peer(&self, arguments: &Explain, sent: Option<&Sent>) -> Peer {
        let line = self.line.as_ref();
        let told = line.and_then(|line| line.tls_version.as_deref());
        let is_https = sent.is_none_or(|sent| sent.is_https) && !arguments.plain_http;
        let tls = is_https.then_some(match told {
            Some("1.2") => TlsVersion::Tls12,
            Some(_) | None => TlsVersion::Tls13,
        });
        let address = arguments.source_ip.or(line.and_then(|line| line.remote_ip));
        let address = SocketAddr::new(address.unwrap_or(ADDRESS), 0);
        Peer { address, tls, client_certificate: None }
    }

    /// Without a configuration, those of AWS: `s3.…amazonaws.com`, as far as the host goes.
    fn domains(&self, arguments: &Explain, sent: Option<&Sent>) -> Domains {
        if let Some(config) = &self.config {
            return config.gate.domains.clone();
        }
        let mut domains = arguments.domain.clone();
        let host = sent.map(Sent::host).unwrap_or_default();
        if host.ends_with(".amazonaws.com") {
            let labels: Vec<&str> = host.split('.').collect();
            let is_s3 = |label: &&str| *label == "s3" || label.starts_with("s3-");
            let begins = labels.iter().rposition(is_s3);
            domains.extend(begins.and_then(|at| labels.get(at..)).map(|rest| rest.join(".")));
        }
        Domains::new(domains)
    }
}

fn question(sent: Option<Sent>, arguments: &Explain) -> Asked {
    match sent {
        Some(sent) => sent.asked(),
        None => Asked::Action(
            arguments.action.clone().unwrap_or_default(),
            arguments.resource.clone().unwrap_or_default(),
        ),
    }
}

/// The documents that were named, each for all buckets. Whatever can be read is judged.
fn documents(arguments: &Explain) -> Result<Policies, Failure> {
    let (mut attachments, mut faults) = (Vec::new(), Vec::new());
    for path in &arguments.policy {
        let text = super::policy::read(path)?;
        match Document::parse_as(&text, Strictness::Lenient) {
            Ok(document) => {
                let buckets = vec![Glob::new("*")];
                attachments.push(Attachment { name: name(path), buckets, document });
            }
            Err(found) => faults.extend(found.into_iter().map(|fault| config::Fault {
                path: path.clone(),
                place: Some((fault.line, fault.column)),
                message: fault.message,
            })),
        }
    }
    if !faults.is_empty() {
        return Err(Failure::faults(faults));
    }
    let strict = if arguments.strict { Otherwise::Strict } else { Otherwise::default() };
    Ok(Policies::new(attachments, strict))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// A text as it was typed, or standard input for `-`.
fn given(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut read = String::new();
    io::stdin().take(INPUT_BYTES_MAX).read_to_string(&mut read)?;
    Ok(read)
}

/// Values of one key add up; what is to be absent is so in the end.
fn typed_context(arguments: &Explain) -> Result<Context, Failure> {
    let mut context = Context::new();
    for pair in &arguments.context {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(Failure::usage(format!("{pair:?} lacks a value; write KEY=VALUE")));
        };
        let values = context.entry(key.to_owned()).or_default();
        values.get_or_insert_default().push(value.to_owned());
    }
    context.extend(arguments.without.iter().map(|key| (key.clone(), None)));
    Ok(context)
}

fn who(caller: &Caller) -> String {
    caller.identity().map_or_else(|| "anonymous".to_owned(), |it| it.arn().to_owned())
}

/// That of configurations that name none.
const REGION: &str = "us-east-1";
/// For documentation (RFC 5737).
const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const SOURCE_IP: &str = "aws:SourceIp";
/// Of standard input: longer than any command line or audit line.
const INPUT_BYTES_MAX: u64 = 256 * 1024;
