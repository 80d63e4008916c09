//! See `portcullis_fuzz::proxy_v2`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::proxy_v2(data));
