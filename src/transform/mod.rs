//! What changes between a client and the backend, as pure functions: upload ids, and the region that
//! a new bucket is for.

pub mod location;
pub mod upload_id;
