//! The colours of arms.

/// Colours that can be told apart; after the last the first comes again.
pub(super) const HUES: usize = 8;

/// The class of an arm's colour.
pub(super) fn hue(arm: usize) -> String {
    format!("h{}", arm % HUES)
}
