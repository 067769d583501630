//! Named entity recognition on a pretrained discriminator. Knows nothing of pretraining.

pub mod chain;
pub mod check;
pub mod crf;
pub mod decode;
pub mod folder_error;
pub mod labels;
pub mod loss;
pub mod metrics;
pub mod predictions;
pub mod pretrained;
pub mod rates;
pub mod read;
pub mod scheme;
pub mod sentence;
pub mod tagger;
pub mod tagger_folder;

pub use folder_error::FolderError;
pub use labels::{LabelScheme, LabelSet};
pub use pretrained::Pretrained;
pub use sentence::{Sentence, Span};
pub use tagger::{Tagger, TaggerDropout, TaggerShape};
pub use tagger_folder::TaggerFolder;
