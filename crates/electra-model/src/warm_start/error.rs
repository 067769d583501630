//! Weights that a model cannot begin with.

use std::fmt;

use thiserror::Error;

use super::sources::Network;
use crate::config::TieMode;

/// Weights that a model of given sizes cannot begin with.
#[derive(Clone, Debug, PartialEq, Error, miette::Diagnostic)]
pub enum WarmStartError {
    /// A network of other sizes.
    #[error("{}{}", .misfits[0], others(.misfits))]
    #[diagnostic(help("for a model of these sizes the recipe says {}", lines(.misfits)))]
    Sizes {
        /// All sizes that differ, at least one.
        misfits: Vec<Misfit>,
    },
    /// Generators of unlike kinds.
    #[error("the generator of the weights has {found}, that of the recipe {expected}")]
    #[diagnostic(help(
        "leave the generator out, so that it starts fresh, or choose the objective that the weights were trained by"
    ))]
    GeneratorKind {
        /// The kind that was found, in words.
        found: &'static str,
        /// The kind of the recipe's.
        expected: &'static str,
    },
    /// Parameters that are not shared as the recipe has them.
    #[error("model.generator.tie = {}: {conflict}", tie_name(*.tie))]
    #[diagnostic(help("set model.generator.tie = {}", tie_name(*.fitting)))]
    Tie {
        /// The way of sharing that the recipe asks for.
        tie: TieMode,
        /// The parameters of the weights that are not shared so.
        conflict: TieConflict,
        /// A way of sharing that these weights fit.
        fitting: TieMode,
    },
}

/// A size of the recipe's that is not that of the weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The network that it is a size of.
    pub network: Network,
    /// The meaning of the size, in words.
    pub what: &'static str,
    /// The size of the weights.
    pub found: usize,
    /// The size of the recipe.
    pub expected: usize,
    /// A tensor that shows it, where one does.
    pub tensor: Option<MisfitTensor>,
    /// The line of the recipe that would fit.
    pub line: String,
}

/// A tensor with the shapes that it has and should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisfitTensor {
    /// The name of the tensor in its network.
    pub name: &'static str,
    /// The shape in the weights.
    pub found: Vec<usize>,
    /// The shape by the recipe.
    pub expected: Vec<usize>,
}

/// The reason why weights do not fit a way of sharing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TieConflict {
    /// A parameter that is to be shared is another one in each network.
    Unequal {
        /// The name of the parameter.
        tensor: String,
    },
    /// Tables of the generator's own that are not as wide as its encoder.
    TableWidth {
        /// The width of the generator's tables.
        found: usize,
        /// The width of the generator's encoder.
        expected: usize,
    },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, what, found, expected, tensor, .. } = self;
        write!(f, "the {network} of the weights has {what} of {found}, that of the recipe of {expected}")?;
        match tensor {
            Some(MisfitTensor { name, found, expected }) => {
                write!(f, ": {name} has shape {found:?}, expected {expected:?}")
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for TieConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unequal { tensor } => {
                write!(f, "{tensor} is shared so, and the two networks of the weights have unlike ones")
            }
            Self::TableWidth { found, expected } => write!(
                f,
                "the generator's tables are then as wide as its encoder, and those of the weights have {found} columns \
                 for an encoder of {expected}"
            ),
        }
    }
}

fn others(misfits: &[Misfit]) -> String {
    match misfits.len() {
        0 | 1 => String::new(),
        2 => "; and another size differs".to_owned(),
        number => format!("; and {} other sizes differ", number - 1),
    }
}

fn lines(misfits: &[Misfit]) -> String {
    let mut lines: Vec<&str> = misfits.iter().map(|misfit| misfit.line.as_str()).collect();
    lines.dedup();
    lines.join(", ")
}

/// The value as a recipe has it.
fn tie_name(tie: TieMode) -> &'static str {
    match tie {
        TieMode::Embeddings => "\"embeddings\"",
        TieMode::None => "\"none\"",
        TieMode::All => "\"all\"",
        TieMode::GradientDisentangled => "\"gradient-disentangled\"",
    }
}
