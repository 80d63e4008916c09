//! What changes between a client and the backend, as pure functions: encryption headers that rules
//! demand or add, upload ids, and the region that a new bucket is for.

pub mod demand;
pub mod location;
pub mod rules;
pub mod sse;
pub mod upload_id;
