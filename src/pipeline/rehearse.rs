//! A request judged without being received or sent, for whoever asks why. Invariant: every step is the
//! stage's own code; what is assumed, since no client and no body are there, is told.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;

use super::{
    absence,
    circumstances::Circumstances,
    classify, deletion,
    judge::Judge,
    rescue::{self, Error},
    treat::{Arrival, Treatment},
};
use crate::{
    identity::Limits,
    policy::{Context, Denied, Explanation, Mode},
    s3::{self, Action, Domains, Operation, Resource, Told, xml::Deletion},
    sigv4::Caller,
    transform::upload_id::{Place, Presented, TokenKeys, Upload},
};

/// What a question is asked on.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// What surrounds the request.
    pub circumstances: Circumstances<'a>,
    /// Who asks.
    pub caller: &'a Caller,
    /// Base domains for virtual-hosted style.
    pub domains: &'a Domains,
    /// For upload ids; `None`: what uploads were created with is not known.
    pub token_keys: Option<&'a TokenKeys>,
    /// Condition keys that are so whatever the request says: their values, or none where absent.
    pub context: &'a Context,
}

/// What is asked.
#[derive(Debug)]
pub enum Asked {
    /// A request, with its body where that matters.
    Request(Box<Parts>, Option<Bytes>),
    /// An action on the resource of an ARN, outside any request.
    Action(String, String),
}

/// What would become of a request.
#[derive(Debug)]
pub struct Rehearsed {
    /// Such as `PutObject`; `None`: there is no request.
    pub operation: Option<Operation>,
    /// The rule of its bucket and key.
    pub rule: Option<Arc<str>>,
    /// Whether the rule adds encryption headers.
    pub is_mended: bool,
    /// Whether refusals count.
    pub mode: Mode,
    /// Every action that it needs, in the order in which they are judged. None: it needs no leave.
    pub questions: Vec<Question>,
    /// Whether each question is for itself (the keys of a deletion), rather than all for one request.
    pub is_severable: bool,
    /// Why a 404 of the backend would become a 403: the caller may not list.
    pub absence: Option<Denied>,
    /// What was taken for given.
    pub assumed: Vec<String>,
}

/// One action on one resource.
#[derive(Debug)]
pub struct Question {
    /// Such as `s3:PutObject`.
    pub action: String,
    /// The ARN.
    pub resource: String,
    /// What the documents say of it.
    pub explanation: Explanation,
    /// Why it is refused, or would be in another mode; `None`: it passes.
    pub denied: Option<Denied>,
    /// Whether it passes all the same, in audit mode.
    pub is_waived: bool,
    /// The condition keys that it was judged by, by name.
    pub context: Vec<(String, Vec<String>)>,
}

impl Question {
    /// Whether it passes, for whatever reason.
    pub fn passes(&self) -> bool {
        self.denied.is_none() || self.is_waived
    }
}

/// Why a request does not come as far as policy: what the client would be told.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// S3's code.
    pub code: &'static str,
    /// Names what to change.
    pub message: String,
}

/// Judges.
///
/// # Errors
///
/// Where the request is refused before any policy is asked.
pub fn rehearse(ground: &Ground<'_>, asked: Asked) -> Result<Rehearsed, Refusal> {
    match asked {
        Asked::Action(action, resource) => Ok(action_alone(ground, action, resource)),
        Asked::Request(head, body) => request(ground, &head, body).map_err(|error| {
            let document = rescue::told(&error);
            Refusal { code: document.code.as_str(), message: document.message }
        }),
    }
}

fn action_alone(ground: &Ground<'_>, action: String, resource: String) -> Rehearsed {
    let mut judge = Judge::without_request(ground.caller, ground.circumstances);
    impose(&mut judge, ground);
    let bucket = resource.splitn(6, ':').nth(5).and_then(|rest| rest.split('/').next());
    let bucket = bucket.filter(|bucket| !matches!(*bucket, "" | "*")).map(str::to_owned);
    let question = question(&judge, action, resource, bucket.as_deref());
    Rehearsed {
        operation: None,
        rule: None,
        is_mended: false,
        mode: Mode::Enforce,
        questions: vec![question],
        is_severable: false,
        absence: None,
        assumed: Vec::new(),
    }
}

fn request(ground: &Ground<'_>, head: &Parts, body: Option<Bytes>) -> Result<Rehearsed, Error> {
    let mut assumed = Vec::new();
    let mut request = classify::read(head, ground.domains)?;
    if request.operation == Operation::PostObject {
        // Its fields are not told; `actions` refuses it by name.
        request.actions()?;
    }
    ground.caller.limits().unwrap_or(&Limits::default()).check(&request)?;
    let upload = upload(&request, ground, &mut assumed);
    let rules = ground.circumstances.rules;
    let treatment = Treatment::give(&mut request, ground.caller, upload.as_ref(), rules)?;
    let told = told(request.operation, body.as_ref(), &mut assumed)?;
    let mut judge = Judge::new(&request, ground.caller, upload.as_ref(), ground.circumstances);
    judge.tell(&told, ground.circumstances.now)?;
    let is_severable = request.operation == Operation::DeleteObjects;
    let (questions, absence) = match (&request.resource, body) {
        (Resource::Bucket(bucket), Some(body)) if is_severable => {
            let deletion = Deletion::parse(body)?;
            let mut questions = Vec::new();
            for object in &deletion.objects {
                deletion::describe(&mut judge, object);
                impose(&mut judge, ground);
                let actions: Vec<_> = object.actions(bucket, &request.headers).collect();
                questions.extend(actions.iter().map(|action| asked(&judge, action)));
            }
            (questions, None)
        }
        _ => {
            impose(&mut judge, ground);
            let mut actions = request.actions()?;
            if told.tags_bucket {
                let resource = request.resource.clone();
                actions.push(Action { name: "s3:TagResource", resource });
            }
            let questions = actions.iter().map(|action| asked(&judge, action)).collect();
            let list = absence::question(&request, &mut judge);
            (questions, list.and_then(|list| judge.decide(&[list]).err()))
        }
    };
    Ok(Rehearsed {
        operation: Some(request.operation),
        rule: treatment.rule,
        is_mended: treatment.arrival == Some(Arrival::Mended),
        mode: treatment.mode,
        questions,
        is_severable,
        absence,
        assumed,
    })
}

fn asked(judge: &Judge<'_>, action: &Action) -> Question {
    let bucket = action.resource.bucket().map(s3::BucketName::as_str);
    question(judge, action.name.to_owned(), action.resource.arn(), bucket)
}

fn question(judge: &Judge<'_>, action: String, resource: String, bucket: Option<&str>) -> Question {
    let (explanation, decision) = judge.explain(&action, &resource, bucket);
    let passes = decision.is_ok();
    let denied = match decision {
        Ok(permit) => permit.waived().cloned(),
        Err(denied) => Some(denied),
    };
    let mut context: Vec<(String, Vec<String>)> = judge
        .keys
        .iter()
        .map(|(key, values)| (key.to_owned(), values.iter().map(ToString::to_string).collect()))
        .collect();
    context.sort_unstable();
    let is_waived = passes && denied.is_some();
    Question { action, resource, explanation, denied, is_waived, context }
}

/// What was said of condition keys comes last, and so before what the request says.
fn impose<'a>(judge: &mut Judge<'a>, ground: &Ground<'a>) {
    for (key, values) in ground.context {
        match values.as_deref() {
            None => judge.keys.remove(key),
            Some([value]) => judge.keys.set(key.as_str(), value.as_str()),
            Some(values) => judge.keys.set_all(key.as_str(), values.iter().map(String::as_str)),
        }
    }
}

fn upload(request: &s3::Request, ground: &Ground<'_>, assumed: &mut Vec<String>) -> Option<Upload> {
    if ground.circumstances.is_forwarded {
        return None;
    }
    let id = request.query.get("uploadId")?;
    let Resource::Object(bucket, key) = &request.resource else { return None };
    if !request.operation.continues_upload() {
        return Some(Upload::named(id));
    }
    let place = Place { bucket, key };
    match ground.token_keys.and_then(|keys| keys.read(id, place).ok()) {
        Some(Presented::Plain(upload)) => Some(upload),
        Some(Presented::Sealed(token)) => {
            assumed.push(
                "the upload's id holds, which only the keys of its object can tell".to_owned(),
            );
            Some(token.unverified())
        }
        None => {
            assumed.push(
                "what the upload was created with is not known: no encryption header (say \
                 --context s3:x-amz-server-side-encryption=…)"
                    .to_owned(),
            );
            Some(Upload::named(id))
        }
    }
}

fn told(
    operation: Operation,
    body: Option<&Bytes>,
    assumed: &mut Vec<String>,
) -> Result<Told, Error> {
    match body {
        Some(body) if operation.tells_in_body() => Ok(Told::read(operation, body)?),
        None if operation.tells_in_body() => {
            assumed.push(
                "the request's document, which condition keys ask about, is not known (say \
                 --data @FILE)"
                    .to_owned(),
            );
            Ok(Told::NOTHING)
        }
        Some(_) | None => Ok(Told::NOTHING),
    }
}
