//! Formats of other tools, each with its reader and, where it can be written, its writer.

pub(super) mod brat;
pub(super) mod doccano;
pub(super) mod gliner;
pub(super) mod inception;
pub(super) mod label_studio;
pub(super) mod parquet;
pub(super) mod prodigy;
pub(super) mod spacy;
