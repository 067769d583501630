//! Named entities: annotations, fine-tuning, prediction and scores, from the command line.

mod calibration;
mod check_ner;
mod convert;
mod division;
mod evaluation;
mod finetune;
mod folds;
mod predict;
mod scores;

#[path = "../workbench/mod.rs"]
mod workbench;
