//! Records of finished runs, in `results/ARM.seed-N.json`: small enough to be committed, and the source of
//! all tables and reports.

mod check;
mod common_corruption;
mod curve;
mod error;
mod folder;
mod probe_scores;
mod provenance;
mod result;

pub use crate::run::{Parameters, TokenizerIdentity};
pub(crate) use check::Measured;
pub use common_corruption::{CommonCorruptionScores, DetectionScores};
pub use curve::{Curve, MAX_POINTS};
pub use error::{ImpossibleNumber, NotOneArm, ResultError, Stale};
pub use folder::read_folder;
pub use probe_scores::{ProbeScore, ProbeScores};
pub use provenance::{Provenance, RunOrigin, short};
pub use result::ResultRecord;
pub(crate) use result::text_of;

#[cfg(test)]
pub(crate) mod tests;
