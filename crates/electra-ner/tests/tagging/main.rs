//! The tagger against golden values, the laws that it must obey, and its folder.

#[allow(dead_code, reason = "shared with the crates that need other parts of it")]
#[path = "../../../electra-model/tests/networks/golden.rs"]
mod golden;
#[path = "../../../electra-model/tests/networks/gradients.rs"]
mod gradients;

mod crf;
mod errors;
mod folders;
mod laws;
mod learning;
mod loss;
mod parity;
mod small;
