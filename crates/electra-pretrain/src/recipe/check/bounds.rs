//! The greatest numbers that recipes may have.

/// Optimizer steps of a run.
pub(super) const MAX_STEPS: u64 = 1_000_000_000;
/// Rows of a step.
pub(super) const MAX_ROWS: usize = 1 << 20;
/// Tokens of a run.
pub(super) const MAX_TOKENS: u128 = 1_000_000_000_000_000_000;
/// Steps between two things that are done now and then, and examples of an evaluation.
pub(super) const MAX_COUNT: u64 = 1_000_000_000_000;
/// Checkpoints that are kept.
pub(super) const MAX_KEPT: u64 = 1_000_000;
/// Tokens of a masked span.
pub(super) const MAX_LENGTH: usize = 1 << 16;
/// Weights of losses, and the temperature.
pub(super) const MAX_WEIGHT: f64 = 1e6;
/// The exponent of a decay.
pub(super) const MAX_POWER: f64 = 1e3;
/// Rates and norms: what 32 bits can hold, and the square root of more.
pub(super) const MAX_FLOAT: f64 = 1e30;
