//! Method, resource, parameters and marks → the one row of the table of operations. Invariant:
//! every parameter of an accepted request belongs to its operation and has a value that S3 defines.

use http::Method;

use super::{Code, Query, Resource, Unclassified};
use crate::s3::{
    Level, Operation, headers,
    operation::{Mark, Selector},
};

/// Finds the operation.
pub(super) fn operation(
    method: &Method,
    resource: &Resource,
    mark: Option<Mark>,
    query: &Query,
) -> Result<Operation, Unclassified> {
    let level = match resource {
        Resource::Service => Level::Service,
        Resource::Bucket(_) => Level::Bucket,
        Resource::Object(..) => Level::Object,
    };
    let place = Place { method, level, mark: meant(mark, method, level, query)? };
    let found = place.find(query);
    for (name, value) in query.pairs() {
        if !found.is_some_and(|operation| takes(operation, name)) {
            return Err(place.misplaced(found, name, query));
        }
        check_value(name, value)?;
    }
    let operation = found.ok_or_else(method_not_allowed)?;
    for selector in operation.row().selectors {
        check_selector(selector, query)?;
    }
    if operation.directory_buckets_only() {
        return Err(Unclassified::directory_bucket());
    }
    Ok(operation)
}

/// AWS's words.
pub(super) fn method_not_allowed() -> Unclassified {
    let message = "The specified method is not allowed against this resource.";
    Unclassified::new(Code::MethodNotAllowed, message)
}

/// A form is one only where it could be: clients send any Content-Type with an object. Where nothing
/// else is asked it is one, whatever its type says, and is told what type it needs. A copy source is
/// always meant.
fn meant(
    mark: Option<Mark>,
    method: &Method,
    level: Level,
    query: &Query,
) -> Result<Option<Mark>, Unclassified> {
    match mark {
        None if method == Method::POST && level == Level::Bucket && query.pairs().is_empty() => {
            Ok(Some(Mark::Form))
        }
        Some(Mark::CopySource) if method != Method::PUT || level != Level::Object => {
            let name = headers::X_AMZ_COPY_SOURCE;
            Err(invalid(&format!("The header {name} belongs to a PUT of an object")))
        }
        Some(Mark::Form) if method != Method::POST || level != Level::Bucket => Ok(None),
        mark => Ok(mark),
    }
}

/// What a request is, apart from its parameters.
#[derive(Clone, Copy)]
struct Place<'a> {
    method: &'a Method,
    level: Level,
    mark: Option<Mark>,
}

impl Place<'_> {
    fn operations(self) -> impl Iterator<Item = Operation> {
        Operation::ALL.iter().copied().filter(move |operation| {
            let row = operation.row();
            row.level == self.level && row.method == *self.method && row.mark == self.mark
        })
    }

    /// The operation with the most selecting parameters, all of which are there; of two, the first.
    fn find(self, query: &Query) -> Option<Operation> {
        let mut found: Option<Operation> = None;
        for operation in self.operations() {
            let selectors = operation.row().selectors;
            let is_closer = found.is_none_or(|other| selectors.len() > other.row().selectors.len());
            if is_closer && selectors.iter().all(|selector| query.contains(selector.name())) {
                found = Some(operation);
            }
        }
        found
    }

    /// Why a parameter cannot stand where it does.
    fn misplaced(self, found: Option<Operation>, name: &str, query: &Query) -> Unclassified {
        if !Operation::ALL.iter().any(|operation| takes(*operation, name)) {
            return Unclassified::new(
                Code::NotImplemented,
                format!("The query parameter `{name}` is not known: remove it from the request."),
            );
        }
        if let Some(other) = self.operations().find(|operation| selects(*operation, name)) {
            if let Some(missing) = other.required_parameters().find(|name| !query.contains(name)) {
                return invalid(&format!(
                    "The query parameter `{name}` needs `{missing}` beside it"
                ));
            }
            let taken = found.and_then(|found| found.required_parameters().next());
            let taken = taken.unwrap_or_default();
            return invalid(&format!("Conflicting query string parameters: {taken}, {name}"));
        }
        if self.is_of_another_method(name) {
            return method_not_allowed();
        }
        invalid(&match found.map(Operation::name) {
            Some(operation) => format!("{operation} does not take the query parameter `{name}`"),
            None => format!("The query parameter `{name}` does not belong here"),
        })
    }

    /// Whether it is a sub-resource on this level, but never with this method.
    fn is_of_another_method(self, name: &str) -> bool {
        let is_sub_resource = |operation: &Operation| {
            operation.level() == self.level && operation.required_parameters().next() == Some(name)
        };
        let mut operations = Operation::ALL.iter().filter(|operation| is_sub_resource(operation));
        operations.clone().next().is_some()
            && operations.all(|operation| operation.row().method != *self.method)
    }
}

fn takes(operation: Operation, name: &str) -> bool {
    selects(operation, name) || operation.row().optional.contains(&name)
}

fn selects(operation: Operation, name: &str) -> bool {
    operation.row().selectors.iter().any(|selector| selector.name() == name)
}

/// AWS ignores the value of a sub-resource; other readers may not, so there must be none.
fn check_selector(selector: &Selector, query: &Query) -> Result<(), Unclassified> {
    let value = query.get(selector.name()).unwrap_or_default();
    match selector {
        Selector::Flag(name) if !value.is_empty() => {
            Err(invalid(&format!("The sub-resource `{name}` takes no value")))
        }
        Selector::Any(name) if value.is_empty() => {
            Err(invalid(&format!("The query parameter `{name}` needs a value")))
        }
        Selector::Exactly(name, expected) if value != *expected => {
            Err(invalid(&format!("The only supported value of `{name}` is `{expected}`")))
        }
        Selector::Flag(_) | Selector::Any(_) | Selector::Exactly(..) => Ok(()),
    }
}

fn check_value(name: &str, value: &str) -> Result<(), Unclassified> {
    match name {
        "partNumber" if !integer(value).is_some_and(|part| (1..=PARTS_MAX).contains(&part)) => {
            Err(invalid("Part number must be an integer between 1 and 10000, inclusive"))
        }
        "max-buckets" | "max-keys" | "max-parts" | "max-uploads" | "part-number-marker"
            if integer(value).is_none() =>
        {
            Err(invalid(&format!("Provided {name} not an integer or within integer range")))
        }
        "versionId" if value.is_empty() => Err(invalid("Version id cannot be the empty string")),
        _ => Ok(()),
    }
}

/// A number in the one way of writing it: no sign, no leading zero.
fn integer(text: &str) -> Option<u32> {
    let is_canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|number| is_canonical && *number <= INTEGER_MAX)
}

fn invalid(message: &str) -> Unclassified {
    Unclassified::new(Code::InvalidArgument, format!("{message}."))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const PARTS_MAX: u32 = 10_000;
/// AWS's integers are signed and have 32 bits.
const INTEGER_MAX: u32 = 0x7fff_ffff;
