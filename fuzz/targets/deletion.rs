//! See `portcullis_fuzz::deletion`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| portcullis_fuzz::deletion(data));
