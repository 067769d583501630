//! The circles that there are.

/// Circles of source files that are still to be taken apart. One that is goes from here as well.
pub const KNOWN: &[(&str, &[&str])] = &[];
