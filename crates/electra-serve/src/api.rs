//! The paths of the service.

pub(crate) mod about;
pub(crate) mod answer;
pub(crate) mod detect;
pub(crate) mod fields;
pub(crate) mod guess;
pub(crate) mod inference;
pub(crate) mod min_score;
pub(crate) mod problems;
pub(crate) mod tag;
