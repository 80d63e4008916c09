//! AWS's vocabulary: operations, targets, headers, error codes, XML. Pure: no I/O, no clock.

mod classify;
mod code;
pub mod headers;
mod name;
mod operation;
mod query;
pub mod xml;

pub use classify::{Domains, Request, Unclassified, classify};
pub use code::{Code, ErrorDocument};
pub use name::{BucketName, InvalidName, ObjectKey, Resource};
pub use operation::{Action, Level, Operation};
pub use query::Query;
