//! Any bytes to every dissector.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dissectors::engine::fuzzing::registry(input));
