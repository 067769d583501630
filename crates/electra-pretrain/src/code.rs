//! Versions of the code that decides what a recipe comes to on its data.

use electra_run::code::{CodeVersions, START_VALUES};

use crate::step::TRAINING_VERSION;

/// Every part of the code that decides weights or measurements, by its name, with its version. A part that is
/// added here begins at 1.
pub const PARTS: [(&str, u32); 4] = [
    (START_VALUES, electra_model::START_VALUES_VERSION),
    ("kernels", electra_model::NUMERICS_VERSION),
    ("reader", electra_text::READER_VERSION),
    ("training", TRAINING_VERSION),
];

/// The versions of this program.
pub fn versions() -> CodeVersions {
    CodeVersions::new(PARTS)
}
