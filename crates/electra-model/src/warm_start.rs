//! Warm start: networks whose parameters begin at those of other networks, as far as these have them.
//!
//! Every parameter of the new model is either loaded or keeps the start that its recipe gives it. Tables may grow on
//! the way: words by the mean of the pieces that the old vocabulary had for them, positions from those that were
//! learned. Sizes that do not fit are refused, with the value that would.

mod error;
mod fit;
mod growth;
mod sources;
mod ties;

use crate::architecture::{Architecture, GeneratorKind, discriminator_tensors, generator_tensors};
use crate::config::ModelConfig;
use crate::parameters::NamedTensors;
use crate::shapes;

pub use error::{Misfit, TieConflict, WarmStartError};
pub use growth::{Growth, PositionGrowth, RowCounts, RowStart};
pub use sources::{Network, Source, SourceNetwork, Sources};

pub use fit::check_discriminator;

use fit::check_sizes;
use growth::grow;
use sources::Candidates;
use ties::{candidates, check_ties};

/// The parameters that a model begins with, and where each comes from.
#[derive(Clone, Debug)]
pub struct WarmStart {
    /// All parameters of the model.
    pub tensors: NamedTensors,
    /// Each of them once, in the order of their names.
    pub parameters: Vec<Parameter>,
    /// Tensors of the sources that the model has no place for.
    pub ignored: Vec<Source>,
}

/// One parameter of the new model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its path.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The tensor that it is loaded from; `None` if it starts as the recipe has it.
    pub source: Option<Source>,
    /// Of a table whose rows are not those of its source: where they come from.
    pub rows: Option<RowCounts>,
}

/// Refuses weights that a model of sizes `config` cannot begin with.
///
/// # Errors
/// Sizes or ties that they do not fit.
pub fn check(
    config: &ModelConfig,
    architecture: Architecture,
    sources: &Sources,
) -> Result<(), WarmStartError> {
    check_sizes(config, architecture, sources)?;
    check_ties(config, architecture, sources)
}

/// The start of a model of sizes `config`: what `sources` have of it, and for the rest `fresh`, the start that its
/// recipe gives to all parameters.
///
/// # Errors
/// Sizes or ties that the weights do not fit.
///
/// # Panics
/// If `fresh` does not hold the parameters of such a model, or `growth` is of other tables.
pub fn warm_start(
    config: &ModelConfig,
    architecture: Architecture,
    fresh: NamedTensors,
    sources: &Sources,
    growth: &Growth,
) -> Result<WarmStart, WarmStartError> {
    assert_eq!(growth.words.len(), config.vocab_size, "a start for every row of the word table");
    check(config, architecture, sources)?;
    let alone = Fresh::of(&fresh, config, architecture);
    let growth = |tensors: &NamedTensors, fresh: &NamedTensors| {
        grow(tensors, fresh, growth, config.max_position_embeddings)
    };
    let offered = match sources.joint_for(config, architecture) {
        Some(joint) => Candidates::joint(growth(joint, &fresh), joint),
        None => {
            let discriminator = growth(&sources.discriminator.tensors, &alone.discriminator);
            let generator = sources.generator_for(architecture);
            let generator = generator.map(|generator| {
                (growth(&generator.tensors, &alone.generator), sources.generator_given_for())
            });
            let mut found = candidates(config, architecture, discriminator, generator);
            if architecture.generator == GeneratorKind::None {
                found.left_out.extend(sources.of_generator());
            }
            found
        }
    };
    Ok(filled(config, architecture, fresh, offered, sources))
}

/// The start of each network alone, with what it shares.
struct Fresh {
    discriminator: NamedTensors,
    generator: NamedTensors,
}

impl Fresh {
    fn of(fresh: &NamedTensors, config: &ModelConfig, architecture: Architecture) -> Self {
        let generator = match architecture.generator {
            GeneratorKind::None => NamedTensors::new(),
            _ => generator_tensors(fresh.clone(), config),
        };
        Self { discriminator: discriminator_tensors(fresh.clone(), config), generator }
    }
}

fn filled(
    config: &ModelConfig,
    architecture: Architecture,
    mut fresh: NamedTensors,
    mut candidates: Candidates,
    sources: &Sources,
) -> WarmStart {
    let mut tensors = NamedTensors::new();
    let mut parameters = Vec::new();
    for (name, shape) in shapes::of_electra(config, architecture) {
        let start = fresh.remove(&name).unwrap_or_else(|| panic!("{name} has no start"));
        let (data, source, rows) = match candidates.tensors.remove(&name) {
            Some(found) => (found.data, Some(found.source), found.rows),
            None => (start, None, None),
        };
        assert_eq!(data.shape().to_vec(), shape, "{name} after all sizes were compared");
        tensors.insert(name.clone(), data);
        parameters.push(Parameter { name, shape, source, rows });
    }
    assert!(fresh.is_empty(), "parameters of another model: {:?}", fresh.keys());
    let left = candidates.tensors.into_values().map(|candidate| candidate.source);
    let mut ignored: Vec<Source> = left.chain(candidates.left_out).chain(sources.unused.clone()).collect();
    ignored.sort();
    ignored.dedup();
    WarmStart { tensors, parameters, ignored }
}
