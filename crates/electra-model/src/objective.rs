//! What is learned: the objectives of Clark et al. 2020 and those that they are compared with.
//!
//! ```text
//! masked text ──► generator ──► corrupted text ──► discriminator or predictor
//! ```

mod adversarial;
mod all_tokens_mlm;
mod config;
mod electric;
mod forward;
mod masked_lm;
mod output;
mod pass;
mod proposals;
mod replace_mlm;
mod replaced_token_detection;

pub use config::{GeneratorDiscriminatorConfig, Objective, Proposals, Stage, StepDropout};
pub use output::{JointOutput, Prediction};
