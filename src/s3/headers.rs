//! The only place where `x-amz-…` is spelled.
