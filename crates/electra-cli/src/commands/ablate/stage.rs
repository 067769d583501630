//! The stages of a run of an experiment.

use super::replacement_source::ReplacementSource;

/// A stage of a run: the command that it needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// `electra pretrain`.
    Pretrain,
    /// `electra finetune ner`.
    Probe,
    /// `electra eval detection`.
    Judge(ReplacementSource),
}
