//! The circles that there are.

/// Circles of source files that are still to be taken apart. One that is goes from here as well.
pub const KNOWN: &[(&str, &[&str])] =
    &[("electra-ner", &["finetune.rs", "finetune/board.rs", "finetune/outputs.rs", "model_card.rs"])];
