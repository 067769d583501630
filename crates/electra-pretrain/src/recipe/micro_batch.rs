//! The number of rows that go through the networks at once: given, or left to the program.
//!
//! Left to the program (`"auto"`) it is decided once, before a run begins, and the run keeps it: the number decides
//! the order in which gradients are added up, and so the last bits of the weights.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// `train.micro_batch_size` as a recipe has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MicroBatchSize {
    /// So many rows.
    Rows(usize),
    /// `"auto"`: as many as the device computes well.
    Auto,
}

impl Serialize for MicroBatchSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Rows(rows) => rows.serialize(serializer),
            Self::Auto => AUTO.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for MicroBatchSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrAuto)
    }
}

const AUTO: &str = "auto";

struct NumberOrAuto;

impl Visitor<'_> for NumberOrAuto {
    type Value = MicroBatchSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number of rows, or \"{AUTO}\"")
    }

    fn visit_i64<E: de::Error>(self, rows: i64) -> Result<MicroBatchSize, E> {
        let whole = usize::try_from(rows).map_err(|_| E::invalid_value(de::Unexpected::Signed(rows), &self));
        whole.map(MicroBatchSize::Rows)
    }

    fn visit_u64<E: de::Error>(self, rows: u64) -> Result<MicroBatchSize, E> {
        let whole =
            usize::try_from(rows).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(rows), &self));
        whole.map(MicroBatchSize::Rows)
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<MicroBatchSize, E> {
        match word {
            AUTO => Ok(MicroBatchSize::Auto),
            _ => Err(E::invalid_value(de::Unexpected::Str(word), &self)),
        }
    }
}

/// Tokens that go through a network on a CPU at once: 16 rows of `small`, 4 of `base` and `large`, which hold what a
/// step needs to some gigabytes. Those were the numbers of the recipes before they left them to the program, and
/// runs that were begun with them go on.
pub(crate) const TOKENS_ON_CPU: usize = 2048;

/// The rows of a micro-batch on a CPU: the most that divide the batch and have at most 2,048 tokens.
pub(super) fn rows_on_cpu(batch_size: usize, sequence_length: usize) -> usize {
    let most = (TOKENS_ON_CPU / sequence_length.max(1)).max(1);
    divisors_downwards(batch_size).find(|&rows| rows <= most).unwrap_or(1)
}

/// The divisors of a number, the greatest first.
pub(crate) fn divisors_downwards(number: usize) -> impl Iterator<Item = usize> {
    (1..=number).filter(move |pieces| number.is_multiple_of(*pieces)).map(move |pieces| number / pieces)
}
