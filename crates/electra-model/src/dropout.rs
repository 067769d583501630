//! Dropout sites: the places in the networks where units are dropped, each with its own seed.

use electra_kernels::{Dropout, split_mix};

/// Which network a place belongs to: the two drop independently even where they share weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The masked language model.
    Generator,
    /// The replaced-token detector.
    Discriminator,
    /// The second tower of a generator that has two.
    RightToLeft,
}

/// A place inside a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After the embedding layer norm.
    Embeddings,
    /// On the attention probabilities of a block.
    Attention(usize),
    /// After the attention output of a block.
    AttentionOutput(usize),
    /// After the feed-forward output of a block.
    FeedForwardOutput(usize),
    /// Before the classifier of a fine-tuned task.
    Classifier,
}

/// Dropout of one network at one training step; [`DropoutSites::off`] for evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutSites {
    hidden: f64,
    attention: f64,
    classifier: f64,
    seed: u64,
    first_row: u64,
    first_classifier_row: u64,
}

impl DropoutSites {
    /// Dropout switched off, as in evaluation.
    pub fn off() -> Self {
        Self { hidden: 0.0, attention: 0.0, classifier: 0.0, seed: 0, first_row: 0, first_classifier_row: 0 }
    }

    /// Rates on hidden states and on attention probabilities; `seed` is a function of the step.
    pub fn new(hidden: f64, attention: f64, seed: u64, network: Network) -> Self {
        let network = match network {
            Network::Generator => 0x9e37_79b9_7f4a_7c15,
            Network::Discriminator => 0xd1b5_4a32_d192_ed03,
            Network::RightToLeft => 0x8cb9_2ba7_2f3d_8dd7,
        };
        let seed = split_mix(seed ^ network);
        Self { hidden, attention, classifier: hidden, seed, first_row: 0, first_classifier_row: 0 }
    }

    /// This dropout with a rate of its own before the classifier.
    pub fn with_classifier(self, classifier: f64) -> Self {
        Self { classifier, ..self }
    }

    /// This dropout for a micro-batch that begins with that row of the step's batch.
    pub fn from_row(self, first_row: u64) -> Self {
        Self { first_row, first_classifier_row: first_row, ..self }
    }

    /// This dropout where the classifier reads rows of its own, such as words, of which the micro-batch
    /// begins with that one of the step.
    pub fn with_classifier_from_row(self, first_classifier_row: u64) -> Self {
        Self { first_classifier_row, ..self }
    }

    /// Dropout of one place.
    pub fn at(&self, place: Place) -> Dropout {
        let (rate, index) = match place {
            Place::Embeddings => (self.hidden, 0),
            Place::Classifier => (self.classifier, 1),
            Place::Attention(layer) => (self.attention, 4 * layer as u64 + 4),
            Place::AttentionOutput(layer) => (self.hidden, 4 * layer as u64 + 5),
            Place::FeedForwardOutput(layer) => (self.hidden, 4 * layer as u64 + 6),
        };
        if rate == 0.0 {
            return Dropout::OFF;
        }
        let first_row = if place == Place::Classifier { self.first_classifier_row } else { self.first_row };
        Dropout { rate, seed: split_mix(self.seed.wrapping_add(index)), first_row }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_place_of_every_network_and_step_has_its_own_seed() {
        let mut seeds = HashSet::new();
        for step in 0..50 {
            for network in [Network::Generator, Network::Discriminator, Network::RightToLeft] {
                let sites = DropoutSites::new(0.1, 0.2, step, network);
                seeds.insert(sites.at(Place::Embeddings).seed);
                seeds.insert(sites.at(Place::Classifier).seed);
                for layer in 0..12 {
                    seeds.insert(sites.at(Place::Attention(layer)).seed);
                    seeds.insert(sites.at(Place::AttentionOutput(layer)).seed);
                    seeds.insert(sites.at(Place::FeedForwardOutput(layer)).seed);
                }
            }
        }
        assert_eq!(seeds.len(), 50 * 3 * (2 + 12 * 3));
    }

    #[test]
    fn attention_has_a_rate_of_its_own() {
        let sites = DropoutSites::new(0.1, 0.2, 3, Network::Generator);
        assert_eq!(sites.at(Place::Attention(1)).rate, 0.2);
        assert_eq!(sites.at(Place::AttentionOutput(1)).rate, 0.1);
        assert_eq!(sites.at(Place::Classifier).rate, 0.1);
        assert!(DropoutSites::off().at(Place::Attention(0)).is_off());
    }

    #[test]
    fn a_classifier_of_words_counts_rows_of_its_own() {
        let sites = DropoutSites::new(0.1, 0.1, 3, Network::Discriminator).from_row(4);
        let first =
            |sites: DropoutSites| [Place::Embeddings, Place::Classifier].map(|p| sites.at(p).first_row);
        assert_eq!(first(sites), [4, 4]);
        assert_eq!(first(sites.with_classifier_from_row(37)), [4, 37]);
    }

    #[test]
    fn the_classifier_may_have_another_rate_than_the_encoder() {
        let sites = DropoutSites::new(0.1, 0.1, 3, Network::Discriminator).with_classifier(0.3);
        assert_eq!(sites.at(Place::Classifier).rate, 0.3);
        assert_eq!(sites.at(Place::Embeddings).rate, 0.1);
    }
}
