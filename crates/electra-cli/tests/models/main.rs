//! Models that come from elsewhere: folders of transformers and PyTorch, names on the Hub, continued pretraining.

mod continuing;
mod foreign_folders;
mod hub;
mod pytorch_folders;

#[path = "../workbench/mod.rs"]
mod workbench;
