//! AWS Signature Version 4: verification of what comes in, signing of what goes out. Invariant: it is
//! given the time, and never reads a clock.

mod ambient;
mod body;
mod canonical;
mod checksum;
mod chunked;
mod credential;
mod form;
mod forward;
mod key;
mod mode;
mod parameters;
mod payload;
mod presented;
mod refused;
mod session;
mod sign;
mod timestamp;
mod v2;
mod verify;

pub use ambient::ambient;
pub use body::{BodyError, BodyOutcome, VerifiedBody};
pub use credential::{AccessKey, Credential, Credentials};
pub use form::{PostPolicy, Submission, ambient_form, verify_form};
pub use forward::{Claim, Forwarded, forward};
pub use payload::strip_aws_chunked;
pub use refused::Refused;
pub use session::Session;
pub use sign::{Signer, SigningError};
pub use verify::{AuthType, Caller, Settings, SignatureVersion, Verified, verify};
