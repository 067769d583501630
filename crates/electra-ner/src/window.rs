//! Which pieces go through the model together, and where each word is scored.
//!
//! A window is `[CLS] pieces [SEP]` of a bounded length. Every word of every sentence is scored in
//! exactly one window, at its first piece; what else a window holds is context.
//!
//! 1. A sentence, or in [`Context::Document`] all sentences of a document one behind the other,
//!    is laid out as one sequence of pieces. If it is longer than a window, overlapping windows
//!    are cut from it at word boundaries. A window starts early enough to hold a sentence whole
//!    that the window before cut off; only a sentence that is longer than a window is in no
//!    window whole.
//! 2. A sentence that some window holds whole is scored in one window, so that no entity of it is
//!    decided half here, half there. Of the windows that hold it, it is scored in the one with the
//!    most context: the greatest minimum of the pieces before it and the pieces after it, the
//!    earlier window in a tie. The words of a sentence that fits no window are each placed by the
//!    same rule.
//!
//! A word of more pieces than a window holds is cut to the first pieces that fit.

mod batch;
mod index;
mod packed;
mod plan;

pub(crate) use batch::batches_of_lengths;
pub use batch::{Batch, BatchSettings, batches};
pub(crate) use index::index32;
pub(crate) use packed::{Windows, WordPlace};
pub(crate) use plan::Planner;
pub use plan::{Context, MIN_WINDOW, ScoredWord, Window, WindowError, WindowSettings, plan};
