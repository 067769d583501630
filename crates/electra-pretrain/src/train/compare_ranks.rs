//! The comparison of ranks while they train: equal weights, and how fast each is.

use burn::module::{Module, ModuleVisitor, Param};
use burn::prelude::*;
use electra_kernels::read;
use electra_model::Electra;
use electra_ranks::{Communicator, RankError, first_unlike};

use crate::exchange::{MessageReader, MessageWriter};

/// What a rank says of its speed, of an interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfRank {
    /// Seconds that were not spent in messages.
    pub(super) computed: f64,
    /// Share of the time that was spent in messages, waiting for the slowest among it.
    pub(super) communication_fraction: f64,
}

/// What is known of all ranks, of an interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfRanks {
    /// The rank that computed longest.
    pub(super) slowest: usize,
    /// Mean share of the time that ranks spent in messages.
    pub(super) communication_fraction: f64,
}

/// Asserts that all ranks have the same weights after `step` steps, by a hash of them.
///
/// # Errors
/// The first rank that has others than most, on every rank.
pub(super) fn compare(
    communicator: &Communicator<'_>,
    model: &Electra,
    step: u64,
    own: OfRank,
) -> Result<OfRanks, RankError> {
    let mut writer = MessageWriter::default();
    writer.bytes(hash_of(model).as_bytes());
    [own.computed, own.communication_fraction].into_iter().for_each(|number| writer.number(number));
    let all = communicator.gather(Ok(writer.into_bytes()))?;
    let (mut hashes, mut ranks) = (Vec::new(), Vec::new());
    for message in &all {
        let mut reader = MessageReader::new(message);
        hashes.push(reader.bytes());
        ranks.push(OfRank { computed: reader.number(), communication_fraction: reader.number() });
    }
    if let Some((rank, than)) = first_unlike(&hashes) {
        return Err(RankError::Weights { rank, than, step });
    }
    let slowest = (0..ranks.len()).max_by(|&a, &b| ranks[a].computed.total_cmp(&ranks[b].computed));
    let fractions = ranks.iter().map(|rank| rank.communication_fraction);
    let communication_fraction = fractions.sum::<f64>() / ranks.len() as f64;
    Ok(OfRanks { slowest: slowest.unwrap_or(0), communication_fraction })
}

/// A hash of all weights, in the order of the network.
fn hash_of(model: &Electra) -> blake3::Hash {
    let mut hashed = Hashed(blake3::Hasher::new());
    model.visit(&mut hashed);
    hashed.0.finalize()
}

struct Hashed(blake3::Hasher);

impl ModuleVisitor for Hashed {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        self.0.update(read(parameter.val()).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use electra_ranks::{Ranks, threads};
    use electra_run::recipe::load_str;

    use super::*;
    use crate::Recipe;
    use crate::snapshot;

    #[test]
    fn a_rank_with_other_weights_is_named_on_every_rank() {
        let small = ["model.hidden_size=32", "model.intermediate_size=64", "model.embedding_size=16"];
        let small = small.map(str::to_owned);
        let recipe =
            load_str::<Recipe>("debug.toml", include_str!("../../configs/debug.toml"), &small).unwrap().value;
        let compared = |seeds: [u64; 3]| {
            threads::run(3, |ranks| {
                let rank = ranks.rank();
                let of_seed = snapshot::new(&recipe, seeds[rank], &Device::flex());
                let own =
                    OfRank { computed: [1.0, 3.0, 2.0][rank], communication_fraction: 0.25 * rank as f64 };
                compare(&Communicator::new(&ranks), of_seed.model(), 20, own)
            })
        };
        for found in compared([1, 1, 1]) {
            let OfRanks { slowest, communication_fraction } = found.unwrap();
            assert_eq!((slowest, communication_fraction), (1, 0.25));
        }
        for found in compared([1, 1, 2]) {
            let error = found.unwrap_err();
            assert_eq!(error, RankError::Weights { rank: 2, than: 0, step: 20 });
            assert_eq!(error.to_string(), "rank 2 has other weights than rank 0 after step 20");
        }
    }
}
