//! One target for all readers: `ELECTRA_FUZZ_READER` names the reader.
//!
//! ```text
//! cd crates/electra-fuzz
//! ../../target/debug/electra-fuzz seeds shard --out fuzz/corpus/shard
//! ELECTRA_FUZZ_READER=shard cargo +nightly fuzz run reader fuzz/corpus/shard -- -timeout=5 -malloc_limit_mb=1024
//! ```
//!
//! Inputs are encoded cases. Damage and seals are those of the stable engine, and so is the reading;
//! libFuzzer decides by coverage which inputs are worth damaging further.

#![no_main]

use electra_fuzz::coverage;
use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    coverage::mutate(data, size, max_size, seed)
});

fuzz_target!(|data: &[u8]| coverage::run(data));
