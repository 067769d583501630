//! The stages of a run of an experiment.

use super::ruler::Ruler;

/// What a run needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// `electra pretrain`.
    Pretrain,
    /// `electra finetune ner`.
    Probe,
    /// `electra eval detection`.
    Judge(Ruler),
}
