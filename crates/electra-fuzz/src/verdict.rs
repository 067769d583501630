//! Verdicts on inputs: the faults of a reader.

use serde::{Deserialize, Serialize};

/// The kinds of faults, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A panic, on any thread.
    Panic,
    /// The end of the process by a signal.
    Abort,
    /// An allocation beyond the limit.
    Memory,
    /// No end within the time given.
    Hang,
    /// A change outside the input's folder.
    Outside,
}

impl Fault {
    /// All faults, in the order of the columns of tables.
    pub const ALL: [Self; 5] = [Self::Panic, Self::Abort, Self::Memory, Self::Hang, Self::Outside];

    /// The head of its column.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Panic => "panics",
            Self::Abort => "aborts",
            Self::Memory => "memory",
            Self::Hang => "hangs",
            Self::Outside => "outside",
        }
    }
}

/// A fault and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The kind of the fault.
    pub fault: Fault,
    /// The place of the fault: file and line of a panic, the last stage reached otherwise. Faults of one kind
    /// at one place count as the same.
    pub place: String,
    /// The message of the fault.
    pub message: String,
}

impl Verdict {
    /// Whether the other is the same fault again.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        (self.fault, &self.place) == (other.fault, &other.place)
    }
}

/// A fault with the input that shows it, as the worker writes it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Number of the input.
    pub index: u64,
    /// The verdict on the input.
    pub verdict: Verdict,
}
