//! The time of a step that several processes share.

use electra_model::flops::ParameterCount;
use electra_ranks::{Network, Shares};
use serde::Serialize;

use crate::recipe::Recipe;

/// The processes that a run is to have, and the network between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// The number of processes.
    pub ranks: usize,
    /// The network between any two of them; messages cost nothing where it is not known.
    pub network: Option<Network>,
}

/// The forecast of a step that several processes share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RanksForecast {
    /// The number of processes.
    pub ranks: usize,
    /// Bits of a second between two of them, in units of 10^9; absent where messages were taken to cost nothing.
    pub gigabits: Option<f64>,
    /// Microseconds of an empty message.
    pub latency_us: Option<f64>,
    /// Seconds of the rank with the most micro-batches.
    pub computation_seconds: f64,
    /// Seconds of messages.
    pub communication_seconds: f64,
    /// Both.
    pub step_seconds: f64,
    /// Steps in the time of a step of one process.
    pub speedup: f64,
}

/// Times in a step that all ranks tell each other something: before it, and its losses.
const GATHERS: f64 = 2.0;

impl Machine {
    /// The forecast of a step that takes one process `of_one` seconds; none for one process.
    ///
    /// Computing is that of the largest share. Gradients go up the tree level by level and down again, each time whole,
    /// behind a message in which the receiver says that it is there. What a rank does with gradients on its own (copies
    /// from and to the network, sums) is not counted.
    pub fn forecast(self, recipe: &Recipe, of_one: f64) -> Option<RanksForecast> {
        if self.ranks < 2 {
            return None;
        }
        let shares = Shares::new(recipe.micro_batches(), self.ranks);
        let computation_seconds = of_one * shares.most() as f64 / shares.leaves() as f64;
        let communication_seconds = self.network.map_or(0.0, |network| {
            let parameters = ParameterCount::of(&recipe.model, recipe.architecture()).total();
            let levels = f64::from(self.ranks.next_power_of_two().trailing_zeros());
            let gradients = 2.0 * levels * (network.latency + network.seconds(4 * parameters));
            // To the first rank one after the other, and back along a tree, each a length and what it is the length of.
            let words = 2.0 * ((self.ranks - 1) as f64 + levels) * network.latency;
            gradients + GATHERS * words
        });
        let step_seconds = computation_seconds + communication_seconds;
        Some(RanksForecast {
            ranks: self.ranks,
            gigabits: self.network.map(|network| network.gigabits),
            latency_us: self.network.map(|network| network.latency * 1e6),
            computation_seconds,
            communication_seconds,
            step_seconds,
            speedup: of_one / step_seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use electra_run::recipe::load_str;

    use super::*;

    #[test]
    fn a_step_takes_the_largest_share_and_two_messages_a_level() {
        let set = ["train.micro_batch_size=16".to_owned()];
        let recipe =
            load_str::<Recipe>("small.toml", include_str!("../../configs/small.toml"), &set).unwrap().value;
        let network = Network { gigabits: 10.0, latency: 0.0 };
        let of = |ranks| Machine { ranks, network: Some(network) }.forecast(&recipe, 8.0);
        assert_eq!(of(1), None);
        // 14,196,219 parameters of 32 bits at 10^10 bits a second, once up and once down.
        let two = of(2).unwrap();
        assert_eq!(two.computation_seconds, 4.0);
        assert!((two.communication_seconds - 2.0 * 14_196_219.0 * 32.0 / 1e10).abs() < 1e-9, "{two:?}");
        // Eight micro-batches: of three ranks one has three. Two levels.
        let three = of(3).unwrap();
        assert_eq!(three.computation_seconds, 3.0);
        assert!((three.communication_seconds / two.communication_seconds - 2.0).abs() < 1e-9);
        let free = Machine { ranks: 8, network: None }.forecast(&recipe, 8.0).unwrap();
        assert_eq!((free.step_seconds, free.speedup, free.gigabits), (1.0, 8.0, None));
    }
}
