//! The closed set of S3 operations, and what the gate must know of each. Invariant: what can be
//! said in the table is said there.

mod row;
mod table;

pub use table::Operation;

use http::Method;

pub(super) use self::row::{Condition, Mark, Permission, Selector};
use super::Resource;

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// `/`
    Service,
    /// `/bucket`
    Bucket,
    /// `/bucket/key`
    Object,
}

/// What an operation's request body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none.
    None,
    /// A small XML or JSON document, sometimes optional.
    Document,
    /// Data that is stored as it comes.
    Data,
    /// A form with the object's data in it.
    Form,
}

/// One permission that a request needs: all of a request's actions must pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// As AWS spells it, such as `s3:PutObject`.
    pub name: &'static str,
    /// What it acts on: the request's own resource, or the copy source.
    pub resource: Resource,
}

impl Action {
    /// An action on every resource that a backend may take this one for: the key as it stands, and
    /// without its empty segments. AWS tells the two apart, stores of files do not, so leave for
    /// one must not be leave for the other.
    pub(super) fn on(name: &'static str, resource: Resource) -> impl Iterator<Item = Self> {
        let collapsed = match &resource {
            Resource::Service | Resource::Bucket(_) => None,
            Resource::Object(bucket, key) => {
                key.collapsed().map(|key| Resource::Object(bucket.clone(), key))
            }
        };
        std::iter::once(resource).chain(collapsed).map(move |resource| Self { name, resource })
    }
}

impl Operation {
    /// The one method that it has.
    pub fn method(self) -> Method {
        self.row().method.clone()
    }

    /// What it is about. A preflight may ask about an object, too.
    pub fn level(self) -> Level {
        self.row().level
    }

    /// The query parameters without which it is another operation.
    pub fn required_parameters(self) -> impl Iterator<Item = &'static str> {
        self.row().selectors.iter().map(Selector::name)
    }

    /// A query that selects it, where any value will do for a parameter: with `1`.
    pub fn example_query(self) -> String {
        let pairs = self.row().selectors.iter().map(|selector| match selector {
            Selector::Flag(name) => (*name).to_owned(),
            Selector::Any(name) => format!("{name}=1"),
            Selector::Exactly(name, value) => format!("{name}={value}"),
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// The query parameters that it takes besides.
    pub fn optional_parameters(self) -> &'static [&'static str] {
        self.row().optional
    }

    /// What its request body is.
    pub fn body(self) -> Body {
        self.row().body
    }

    /// Whether a request body belongs to it at all.
    pub fn takes_body(self) -> bool {
        self.body() != Body::None
    }

    /// Whether its request body is data to be stored, rather than a document.
    pub fn accepts_object_data(self) -> bool {
        matches!(self.body(), Body::Data | Body::Form)
    }

    /// Whether it stores data, whether the request brings it or names where it is.
    pub fn moves_object_data(self) -> bool {
        self.accepts_object_data() || matches!(self, Self::CopyObject | Self::UploadPartCopy)
    }

    /// Whether the body may come in signed chunks or with a trailer (`STREAMING-…`).
    pub fn accepts_streaming_payload(self) -> bool {
        matches!(self, Self::PutObject | Self::UploadPart)
    }

    /// Whether it takes `x-amz-server-side-encryption` of its own. `UploadPart`, `UploadPartCopy`
    /// and `CompleteMultipartUpload` inherit it from `CreateMultipartUpload`.
    pub fn accepts_sse(self) -> bool {
        matches!(
            self,
            Self::CopyObject | Self::CreateMultipartUpload | Self::PostObject | Self::PutObject
        )
    }

    /// Whether it takes the key of an object that is encrypted under a key of the client's (SSE-C).
    pub fn accepts_customer_key(self) -> bool {
        self.accepts_sse()
            || matches!(
                self,
                Self::CompleteMultipartUpload
                    | Self::GetObject
                    | Self::GetObjectAttributes
                    | Self::HeadObject
                    | Self::SelectObjectContent
                    | Self::UploadPart
                    | Self::UploadPartCopy
            )
    }

    /// Whether it goes on with a multipart upload, and inherits its encryption.
    pub fn continues_upload(self) -> bool {
        matches!(self, Self::UploadPart | Self::UploadPartCopy | Self::CompleteMultipartUpload)
    }

    /// The value of `s3:ObjectCreationOperation`; `None`: the key is absent.
    pub fn creates_object(self) -> Option<bool> {
        if matches!(
            self,
            Self::CompleteMultipartUpload | Self::CopyObject | Self::PostObject | Self::PutObject
        ) {
            return Some(true);
        }
        let prepares =
            matches!(self, Self::CreateMultipartUpload | Self::UploadPart | Self::UploadPartCopy);
        prepares.then_some(false)
    }

    /// Whether it changes anything.
    pub fn is_write(self) -> bool {
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&self.row().method);
        !reads && self != Self::SelectObjectContent
    }

    /// Whether it reads and does no more, so that a credential which may only read may ask it.
    /// `CreateSession` has the method of reading and gives out leave to write.
    pub fn is_read(self) -> bool {
        !self.is_write() && self != Self::CreateSession
    }

    /// Whether it lists keys, so that `s3:prefix`, `s3:delimiter` and `s3:max-keys` speak of it.
    pub fn is_listing(self) -> bool {
        matches!(self, Self::ListObjects | Self::ListObjectsV2 | Self::ListObjectVersions)
    }

    /// Whether it belongs to S3 Express, another service behind S3's name.
    pub fn directory_buckets_only(self) -> bool {
        matches!(self, Self::CreateSession | Self::ListDirectoryBuckets | Self::RenameObject)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// `tests/vectors/classify/operations.txt`: `name` or `deprecated name = successor`, a line
    /// each.
    const NAMES: &str = include_str!("../../../tests/vectors/classify/operations.txt");

    fn names() -> impl Iterator<Item = &'static str> {
        NAMES.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
    }

    #[test]
    fn all_118_operations_of_aws_are_there_and_no_other() {
        let successor = |line: &'static str| line.split_once(" = ").map_or(line, |(_, name)| name);
        let expected: BTreeSet<&str> = names().map(successor).collect();
        let actual: BTreeSet<&str> =
            Operation::ALL.iter().map(|operation| operation.name()).collect();
        assert_eq!(names().count(), 118);
        assert_eq!(actual, expected);
    }

    #[test]
    fn the_table_is_sorted_and_without_twins() {
        let names: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
        assert!(names.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn no_two_rows_are_selected_by_the_same_request() {
        let route = |operation: Operation| {
            let row = operation.row();
            let selectors: Vec<_> = operation.required_parameters().collect();
            format!("{} {:?} {selectors:?} {:?}", row.method, row.level, row.mark)
        };
        let mut routes = BTreeSet::new();
        for operation in Operation::ALL {
            // S3 Express shares `GET /` and is told by its host alone.
            let is_new = routes.insert(route(*operation));
            assert!(is_new || *operation == Operation::ListDirectoryBuckets, "{operation:?}");
        }
    }

    #[test]
    fn only_object_data_may_stream() {
        for operation in Operation::ALL.iter().filter(|o| o.accepts_streaming_payload()) {
            assert_eq!(operation.body(), Body::Data);
        }
    }

    #[test]
    fn what_reads_needs_leave_to_read_alone() {
        let is_reading = |action: &str| {
            let (_, verb) = action.split_once(':').expect(action);
            verb.starts_with("Get") || verb.starts_with("List")
        };
        for operation in Operation::ALL.iter().filter(|operation| operation.is_read()) {
            for permission in operation.row().permissions {
                let needed = match permission {
                    Permission::Always(name) | Permission::If(_, name) => vec![*name],
                    Permission::Versioned(current, version) => vec![*current, *version],
                    Permission::ReadSource => vec![],
                };
                assert!(needed.into_iter().all(is_reading), "{operation:?} {permission:?}");
            }
        }
    }

    #[test]
    fn everything_that_creates_an_object_is_a_write() {
        for operation in Operation::ALL.iter().filter(|o| o.creates_object().is_some()) {
            assert!(operation.is_write(), "{operation:?}");
        }
    }
}
