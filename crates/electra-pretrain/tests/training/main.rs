//! The training step against golden values, and the laws that it must obey.

#[path = "../../../electra-model/tests/networks/devices.rs"]
mod devices;
#[path = "../../../electra-model/tests/networks/golden.rs"]
mod golden;
#[path = "../../../electra-model/tests/networks/gradients.rs"]
mod gradients;
#[path = "../../../electra-model/tests/networks/tiny.rs"]
mod tiny;

mod accumulation;
mod backends;
mod code;
mod courses;
mod damaged_data;
mod determinism;
mod joint_parity;
mod language;
mod loading;
mod mixtures;
mod objectives;
mod overfitting;
mod padding;
mod parameter_table;
mod recipe;
mod resuming;
mod steps;
