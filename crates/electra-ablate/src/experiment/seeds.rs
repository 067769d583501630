//! Which seeds: `1..6` is six of them, `1,4,9` three.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::statistics::sign_flip::MAX_PAIRS;

/// Different seeds in ascending order, at least one and no more than the exact test can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(Vec<u64>);

/// An error in a list of seeds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum SeedsError {
    /// The text cannot be read as seeds.
    #[error("`{0}` names no seeds: expected the first and the last, such as 1..6, or a list, such as 1,4,9")]
    Syntax(String),
    /// The last one comes before the first.
    #[error("{first}..{last} ends before it begins; 1..6 is the six seeds from 1 to 6")]
    Backwards {
        /// The bound written first.
        first: u64,
        /// The bound written last.
        last: u64,
    },
    /// One is there twice.
    #[error("seed {0} is there twice; it would be the same run")]
    Twice(u64),
    /// Too large for a recipe.
    #[error("seed {0} is too large: a recipe holds numbers up to 9223372036854775807")]
    Large(u64),
    /// The list has no seed.
    #[error("there are no seeds; one is the least, five make a test possible")]
    None,
    /// More than [`MAX_PAIRS`].
    #[error("{0} seeds are too many: the exact test takes up to {MAX_PAIRS}")]
    Many(u64),
}

impl Seeds {
    /// The seeds of a list.
    ///
    /// # Errors
    /// If it is empty or too long, or has a seed twice.
    pub fn new(mut seeds: Vec<u64>) -> Result<Self, SeedsError> {
        seeds.sort_unstable();
        if let Some(pair) = seeds.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SeedsError::Twice(pair[0]));
        }
        match seeds.last() {
            None => Err(SeedsError::None),
            Some(&last) if i64::try_from(last).is_err() => Err(SeedsError::Large(last)),
            Some(_) if seeds.len() > MAX_PAIRS => Err(SeedsError::Many(seeds.len() as u64)),
            Some(_) => Ok(Self(seeds)),
        }
    }

    /// The seeds in the order of the text.
    #[must_use]
    pub fn list(&self) -> &[u64] {
        &self.0
    }
}

impl FromStr for Seeds {
    type Err = SeedsError;

    fn from_str(text: &str) -> Result<Self, SeedsError> {
        let syntax = || SeedsError::Syntax(text.to_owned());
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| syntax());
        let Some((first, last)) = text.split_once("..") else {
            return Self::new(text.split(',').map(number).collect::<Result<_, _>>()?);
        };
        let (first, last) = (number(first)?, number(last)?);
        if last < first {
            return Err(SeedsError::Backwards { first, last });
        }
        match last - first {
            more if more >= MAX_PAIRS as u64 => Err(SeedsError::Many(more.saturating_add(1))),
            _ => Self::new((first..=last).collect()),
        }
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.0[0], self.0[self.0.len() - 1]);
        if self.0.len() > 1 && last - first + 1 == self.0.len() as u64 {
            return write!(f, "{first}..{last}");
        }
        write!(f, "{}", self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }
}

impl Serialize for Seeds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seeds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = Seeds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "seeds, such as \"1..6\" or [1, 4, 9]")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Seeds, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Seeds, A::Error> {
                let mut seeds = Vec::new();
                while let Some(seed) = items.next_element()? {
                    seeds.push(seed);
                }
                Seeds::new(seeds).map_err(de::Error::custom)
            }
        }
        deserializer.deserialize_any(Written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_both_ends_and_a_list_what_it_says() {
        let list = |text: &str| text.parse::<Seeds>().unwrap().list().to_vec();
        assert_eq!(list("1..6"), [1, 2, 3, 4, 5, 6]);
        assert_eq!(list("7"), [7]);
        assert_eq!(list("9, 1,4"), [1, 4, 9]);
    }

    #[test]
    fn seeds_are_written_as_they_are_read() {
        for text in ["1..6", "7", "1,4,9"] {
            assert_eq!(text.parse::<Seeds>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("1-6", SeedsError::Syntax("1-6".into())),
            ("1..x", SeedsError::Syntax("1..x".into())),
            ("", SeedsError::Syntax(String::new())),
            ("6..1", SeedsError::Backwards { first: 6, last: 1 }),
            ("1,2,1", SeedsError::Twice(1)),
            ("1..25", SeedsError::Many(25)),
            ("0..18446744073709551615", SeedsError::Many(u64::MAX)),
            ("18446744073709551615", SeedsError::Large(u64::MAX)),
        ] {
            assert_eq!(text.parse::<Seeds>().unwrap_err(), expected, "{text}");
        }
        assert_eq!(Seeds::new(vec![]), Err(SeedsError::None));
    }
}
