//! What changes between a client and the backend, as pure functions: encryption headers that rules
//! demand or add, sealing, upload ids, the tags and ranges of sealed objects, what copies take
//! along, and the region that a new bucket is for.

pub mod attributes;
pub mod copies;
pub mod deletion;
pub mod demand;
pub mod etag;
pub mod listing;
pub mod location;
pub mod outcome;
pub mod parts;
pub mod range;
mod rows;
pub mod rules;
pub mod seal;
pub mod sse;
pub mod upload_id;
