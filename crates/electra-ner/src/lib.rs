//! Named entity recognition on a pretrained discriminator. Knows nothing of pretraining.

pub mod check;
pub mod metrics;
pub mod predictions;
pub mod read;
pub mod scheme;
pub mod sentence;

pub use sentence::{Sentence, Span};
