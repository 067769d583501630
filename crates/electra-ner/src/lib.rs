//! Named entity recognition on a pretrained discriminator. Knows nothing of pretraining.

pub mod align;
pub mod check;
pub mod metrics;
pub mod read;
pub mod scheme;
pub mod sentence;
pub mod window;

pub use sentence::{Sentence, Span};
