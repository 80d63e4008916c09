//! See `portcullis_fuzz::post_policy`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::post_policy(data));
