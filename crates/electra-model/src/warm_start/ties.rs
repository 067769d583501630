//! The tensors of two networks as parameters of a model that shares some of them.

use std::collections::BTreeMap;

use burn::tensor::TensorData;

use super::error::{TieConflict, WarmStartError};
use super::growth::Grown;
use super::sources::{Candidates, Network, Source, Sources};
use crate::architecture::{Architecture, DISENTANGLED, GeneratorKind, HEADS};
use crate::config::{ModelConfig, TieMode};

/// Refuses networks that do not share what a model of `config` shares.
///
/// # Errors
/// The parameter that is not shared, and a way of sharing that fits.
pub(super) fn check_ties(
    config: &ModelConfig,
    architecture: Architecture,
    sources: &Sources,
) -> Result<(), WarmStartError> {
    let tie = config.generator.tie;
    let Some(generator) = sources.generator_for(architecture) else { return Ok(()) };
    let refused = |conflict| Err(WarmStartError::Tie { tie, conflict, fitting: sources.fitting_tie() });
    if tie == TieMode::None && generator.embedding_size != generator.sizes.hidden_size {
        let (found, expected) = (generator.embedding_size, generator.sizes.hidden_size);
        return refused(TieConflict::TableWidth { found, expected });
    }
    let differs = |(name, data): &(&String, &TensorData)| {
        is_shared(tie, name) && sources.discriminator.tensors.get(*name) != Some(*data)
    };
    match generator.tensors.iter().find(differs) {
        Some((name, _)) => refused(TieConflict::Unequal { tensor: name.clone() }),
        None => Ok(()),
    }
}

/// The tensors of `discriminator` and `generator`, each whole in itself, by the names that they would have in a
/// model of `config`, whose ties they fit; with the generator goes the network that its weights were given for.
pub(super) fn candidates(
    config: &ModelConfig,
    architecture: Architecture,
    mut discriminator: BTreeMap<String, Grown>,
    generator: Option<(BTreeMap<String, Grown>, Network)>,
) -> Candidates {
    let tie = config.generator.tie;
    let mut found = Candidates::default();
    let of_discriminator = |name: &str| Source {
        network: Network::Discriminator,
        name: name.to_owned(),
        given_for: Network::Discriminator,
    };
    let own_tables = tie == TieMode::GradientDisentangled && architecture.generator != GeneratorKind::None;
    match generator {
        None if own_tables => {
            // The generator's tables are the discriminator's, and the differences from them start at zero.
            for (name, grown) in &discriminator {
                if name.starts_with("embeddings.") {
                    found.offer(format!("generator.{name}"), of_discriminator(name), grown.clone());
                }
            }
            discriminator.retain(|name, _| !DISENTANGLED.contains(&name.as_str()));
        }
        None => {}
        Some((mut generator, given_for)) => {
            if own_tables {
                for table in DISENTANGLED {
                    let (whole, shared) = (&mut discriminator, &generator);
                    if let (Some(whole), Some(shared)) = (whole.get_mut(table), shared.get(table)) {
                        whole.data = difference(&whole.data, &shared.data);
                    }
                }
            }
            let shared = generator.extract_if(.., |name, _| is_shared(tie, name));
            let source = |name| Source { network: Network::Generator, name, given_for };
            found.left_out.extend(shared.map(|(name, _)| source(name)));
            for (name, grown) in generator {
                found.offer(format!("generator.{name}"), source(name), grown);
            }
        }
    }
    for (name, grown) in discriminator {
        found.offer(format!("discriminator.{name}"), of_discriminator(&name), grown);
    }
    found
}

/// Whether the generator borrows the parameter from the discriminator.
fn is_shared(tie: TieMode, name: &str) -> bool {
    match tie {
        TieMode::Embeddings => name.starts_with("embeddings."),
        TieMode::All => {
            !HEADS.iter().any(|head| name.starts_with(head))
                && !name.starts_with("baseline.")
                && !name.starts_with("right_to_left.")
        }
        TieMode::None | TieMode::GradientDisentangled => false,
    }
}

fn difference(whole: &TensorData, shared: &TensorData) -> TensorData {
    let values: Vec<f32> = whole.iter::<f32>().zip(shared.iter::<f32>()).map(|(a, b)| a - b).collect();
    TensorData::new(values, whole.shape().to_vec())
}
