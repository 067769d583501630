//! The decision how many rows go through the networks at once, where a recipe leaves it to the program.

use burn::prelude::*;
use electra_kernels::card;
use electra_run::recipe::{RecipeError, Resolved, load_str};
use serde::Serialize;

use crate::least_memory::LeastMemory;
use crate::phases::Phase;
use crate::recipe::{GradientSum, MicroBatchSize, Recipe, TOKENS_ON_CPU, check, divisors_downwards};

/// A decision for `"auto"`, with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MicroBatchChoice {
    /// Rows that go through the networks at once.
    pub rows: usize,
    /// The reason for that number.
    #[serde(flatten)]
    pub reason: Reason,
}

/// The reason for a number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "chosen_by")]
pub enum Reason {
    /// The CPU's caches: no more than so many tokens at once.
    Tokens {
        /// The most tokens.
        most: usize,
    },
    /// The memory of the card.
    DeviceMemory {
        /// Bytes that a step takes, by an estimate.
        needed: u64,
        /// Bytes that the card has.
        of: u64,
    },
    /// The number of ranks, each of which has at least one micro-batch.
    Ranks {
        /// The number of ranks.
        ranks: usize,
    },
    /// The run has begun with it.
    Run,
}

/// Bytes that a step takes on a card for each byte that [`LeastMemory`] counts of a batch, which is only what is
/// certain to be there: attention, logits and what lives between two kernels come on top. An estimate.
const TAKEN_BY_BATCH: u64 = 3;
/// The part of a card's memory that a step may take, in percent: a display, another process and the pools' own
/// waste are in the rest.
const PERCENT_OF_CARD: u64 = 80;

/// The rows of a micro-batch on a card of so many bytes: the most that divide the batch and fit.
fn on_card(recipe: &Recipe, memory: u64) -> MicroBatchChoice {
    let needed = |rows: usize| {
        let mut cut = recipe.clone();
        cut.train.micro_batch_size = Some(MicroBatchSize::Rows(rows));
        let LeastMemory { parameters, batch } = LeastMemory::of_phase(&cut);
        // An update writes new weights and moments beside the old ones.
        let parameters = parameters.saturating_add(parameters / 2);
        parameters.saturating_add(batch.saturating_mul(TAKEN_BY_BATCH))
    };
    let room = memory / 100 * PERCENT_OF_CARD;
    let rows = divisors_downwards(recipe.train.batch_size).find(|&rows| needed(rows) <= room).unwrap_or(1);
    MicroBatchChoice { rows, reason: Reason::DeviceMemory { needed: needed(rows), of: memory } }
}

/// The rows of a micro-batch on `device`, where the recipe leaves them to the program: with several ranks so many that
/// each rank has a micro-batch.
pub fn micro_batch_choice(recipe: &Recipe, device: &Device, ranks: usize) -> Option<MicroBatchChoice> {
    let on_device = match recipe.train.micro_batch_size {
        Some(MicroBatchSize::Rows(_)) => return None,
        None if ranks == 1 => return None,
        None => None,
        Some(MicroBatchSize::Auto) => Some(auto_on(recipe, device)),
    };
    let batch = recipe.train.batch_size;
    // The last rank has one if there are as many micro-batches as ranks.
    let of_ranks = divisors_downwards(batch).find(|rows| batch / rows >= ranks).unwrap_or(1);
    match on_device {
        Some(choice) if choice.rows <= of_ranks => Some(choice),
        _ => Some(MicroBatchChoice { rows: of_ranks, reason: Reason::Ranks { ranks } }),
    }
}

fn auto_on(recipe: &Recipe, device: &Device) -> MicroBatchChoice {
    let memory = card(device).and_then(|card| card.memory_bytes);
    match memory {
        Some(memory) => on_card(recipe, memory),
        // What a recipe that nobody has decided says.
        None => MicroBatchChoice {
            rows: recipe.micro_batch_size(),
            reason: Reason::Tokens { most: TOKENS_ON_CPU },
        },
    }
}

/// The recipe with so many rows in a micro-batch, as if it had been written so.
///
/// # Panics
/// If the rows do not divide the batch of this checked recipe.
#[must_use]
pub fn with_micro_batches(recipe: &Resolved<Recipe>, rows: usize) -> Resolved<Recipe> {
    decided(recipe, &format!("train.micro_batch_size={rows}"))
}

/// As [`with_micro_batches`], in one phase of the recipe; of a recipe without phases in its only one.
///
/// # Panics
/// As there.
#[must_use]
pub fn with_micro_batches_in(recipe: &Resolved<Recipe>, phase: &Phase, rows: usize) -> Resolved<Recipe> {
    match recipe.value.phases.is_empty() {
        true => with_micro_batches(recipe, rows),
        false => decided(recipe, &format!("phases.{}.micro_batch_size={rows}", phase.number - 1)),
    }
}

/// The recipe that adds up the gradients of its micro-batches in this order, as if it had been written so.
///
/// # Panics
/// If the recipe has not been checked.
#[must_use]
pub fn with_gradient_sum(recipe: &Resolved<Recipe>, order: GradientSum) -> Resolved<Recipe> {
    decided(recipe, &format!("train.gradient_sum=\"{}\"", order.name()))
}

fn decided(recipe: &Resolved<Recipe>, value: &str) -> Resolved<Recipe> {
    let read = || -> Result<Resolved<Recipe>, RecipeError> {
        let resolved = load_str(&recipe.value.name, &recipe.text, &[value.to_owned()])?;
        check(&resolved)?;
        Ok(resolved)
    };
    read().unwrap_or_else(|error| panic!("a checked recipe with {value}: {error}"))
}

/// The recipe with the rows that a CPU would take where it leaves them to the program: for experiments, whose runs
/// are known by their recipes on any device.
#[must_use]
pub fn with_micro_batches_of_cpu(recipe: Resolved<Recipe>) -> Resolved<Recipe> {
    let phases = recipe.value.phases();
    let left =
        phases.iter().filter(|phase| phase.recipe.train.micro_batch_size == Some(MicroBatchSize::Auto));
    left.fold(recipe, |recipe, phase| with_micro_batches_in(&recipe, phase, phase.recipe.micro_batch_size()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(text: &str, overrides: &[&str]) -> Resolved<Recipe> {
        let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
        let resolved = load_str("recipe.toml", text, &overrides).unwrap();
        check(&resolved).unwrap();
        resolved
    }

    const SMALL: &str = include_str!("../configs/small.toml");
    const BASE: &str = include_str!("../configs/base.toml");
    const LARGE: &str = include_str!("../configs/large.toml");
    const GIGABYTE: u64 = 1_000_000_000;

    #[test]
    fn a_cpu_takes_what_the_recipes_had_before_they_left_it_to_the_program() {
        for (text, rows) in [(SMALL, 16), (BASE, 4), (LARGE, 4)] {
            let auto = recipe(text, &[]);
            assert_eq!(auto.value.train.micro_batch_size, Some(MicroBatchSize::Auto));
            let of_cpu = micro_batch_choice(&auto.value, &Device::flex(), 1).unwrap();
            assert_eq!(of_cpu, MicroBatchChoice { rows, reason: Reason::Tokens { most: 2048 } });
            assert_eq!(auto.value.micro_batch_size(), rows);
            // A decided recipe is the one in which the number was written: the same run.
            let written = recipe(text, &[&format!("train.micro_batch_size={rows}")]);
            let decided = with_micro_batches_of_cpu(auto);
            assert_eq!((&decided.text, &decided.hash), (&written.text, &written.hash));
            assert_eq!(micro_batch_choice(&decided.value, &Device::flex(), 3), None);
        }
    }

    #[test]
    fn a_card_takes_the_most_rows_that_divide_the_batch_and_fit() {
        let small = recipe(SMALL, &[]).value;
        assert_eq!(on_card(&small, 80 * GIGABYTE).rows, 128);
        let base = recipe(BASE, &[]).value;
        let sizes: Vec<usize> =
            [2, 8, 24, 80, 1000].iter().map(|&size| on_card(&base, size * GIGABYTE).rows).collect();
        assert!(sizes.is_sorted() && sizes.iter().all(|rows| 256 % rows == 0), "{sizes:?}");
        assert_eq!((sizes[0], sizes[4]), (1, 256));
        for memory in [8, 24, 80] {
            let choice = on_card(&base, memory * GIGABYTE);
            let Reason::DeviceMemory { needed, of } = choice.reason else { panic!("{choice:?}") };
            assert!(needed <= of / 100 * 80, "{choice:?}");
        }
    }

    #[test]
    fn every_rank_has_a_micro_batch() {
        let rows = |micro: Option<&str>, batch: &str, ranks: usize| {
            let mut set = vec![format!("train.batch_size={batch}")];
            set.extend(micro.map(|rows| format!("train.micro_batch_size={rows}")));
            let set: Vec<&str> = set.iter().map(String::as_str).collect();
            let mut recipe = recipe(SMALL, &set).value;
            if micro.is_none() {
                recipe.train.micro_batch_size = None;
            }
            micro_batch_choice(&recipe, &Device::flex(), ranks)
        };
        let of_ranks = |rows, ranks| Some(MicroBatchChoice { rows, reason: Reason::Ranks { ranks } });
        assert_eq!(rows(None, "16", 1), None);
        assert_eq!(rows(None, "16", 2), of_ranks(8, 2));
        // Four micro-batches, of which one rank has two.
        assert_eq!(rows(None, "16", 3), of_ranks(4, 3));
        assert_eq!(rows(None, "4", 9), of_ranks(1, 9));
        assert_eq!(rows(Some("\"auto\""), "16", 2), of_ranks(8, 2));
        let of_tokens = rows(Some("\"auto\""), "64", 2).unwrap();
        assert_eq!(of_tokens, MicroBatchChoice { rows: 16, reason: Reason::Tokens { most: 2048 } });
        assert_eq!(rows(Some("4"), "16", 2), None);
    }

    #[test]
    fn rows_divide_batches_of_any_size() {
        let rows =
            |batch: &str| recipe(SMALL, &[&format!("train.batch_size={batch}")]).value.micro_batch_size();
        assert_eq!([rows("1"), rows("7"), rows("17"), rows("100"), rows("131")], [1, 7, 1, 10, 1]);
    }

    #[test]
    fn other_words_and_numbers_are_refused() {
        for wrong in ["\"automatic\"", "-4", "1.5", "true"] {
            let change = [format!("train.micro_batch_size={wrong}")];
            let error = load_str::<Recipe>("recipe.toml", SMALL, &change).unwrap_err();
            assert!(error.message.contains("a number of rows, or \"auto\""), "{wrong}: {}", error.message);
        }
    }
}
