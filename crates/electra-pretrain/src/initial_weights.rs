//! Weights that a run begins with: those of another run, or of folders that transformers saved.
//!
//! The folders are read and held against recipe and data before a run folder is taken. What they have of the model
//! is loaded, and all else starts as the recipe has it ([`electra_model::warm_start`](mod@electra_model::warm_start));
//! `init.json` in the run folder says which is which, tensor by tensor, and by what hashes the weights are known.

mod error;
mod file;
mod sizes;
mod vocabulary;
mod weights;

pub use error::{InitialWeightsError, Role};
pub use file::{Begun, InitFile, TensorState};
pub use sizes::model_of_run;
pub use weights::InitialWeights;
