//! Named entity recognition on a pretrained discriminator. Knows nothing of pretraining.

// Files are written by electra-files alone.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

pub mod bench;
pub mod chain;
pub mod collapse_guard;
pub mod crf;
pub mod decode;
pub mod finetune;
pub mod folder_error;
pub mod initial_tagger;
pub mod layerwise_lr;
pub mod loss;
pub mod model_card;
pub mod monitor;
pub mod predict;
pub mod recipe;
pub mod report;
pub mod seeds;
pub mod tag;
pub mod tagger;
pub mod tagger_folder;
pub mod window;

pub use folder_error::FolderError;
pub use monitor::{EpochRecord, Event, Monitor};
pub use recipe::Recipe;
pub use tagger::{Tagger, TaggerDropout, TaggerShape};
pub use tagger_folder::TaggerFolder;
