//! Any bytes as a short capture, through the decoder and the engine.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| dissectors::engine::fuzzing::engine(input));
