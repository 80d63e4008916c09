//! What changes between a client and the backend, as pure functions: today, upload ids.

pub mod upload_id;
