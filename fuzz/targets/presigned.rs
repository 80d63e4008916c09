//! See `portcullis_fuzz::presigned`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::presigned(data));
