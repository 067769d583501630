//! The errors of reading a folder of transformers.

use thiserror::Error;

use super::class::class_help;
use super::network::HfNetwork;

/// A transformers folder that is not an ELECTRA network as we know it.
#[derive(Clone, Debug, PartialEq, Error, miette::Diagnostic)]
pub enum HfError {
    /// A setting that our networks do not have.
    #[error("config.json: `{key}` is {found}, expected {expected}")]
    Setting {
        /// Key of `config.json`.
        key: &'static str,
        /// The value found at the key.
        found: String,
        /// The values that can be read.
        expected: String,
    },
    /// The weights of another class of ELECTRA.
    #[error("the file of weights holds an {found}, expected an {}", .expected.architecture())]
    #[diagnostic(help("{}", class_help(.found, *.expected)))]
    Class {
        /// transformers' name of the class whose tensors they are.
        found: &'static str,
        /// The network that was asked for.
        expected: HfNetwork,
    },
    /// A tensor with a name that no ELECTRA network has.
    #[error("the file of weights: unexpected tensor `{0}`")]
    UnexpectedTensor(String),
    /// A tensor of the wrong rank for its name.
    #[error("the file of weights: tensor `{name}` has shape {shape:?}, expected a matrix")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// The shape of the tensor.
        shape: Vec<usize>,
    },
    /// A tensor that holds something else than the numbers that weights are.
    #[error("the file of weights: tensor `{name}` holds {found}, expected floats")]
    Type {
        /// Name of the tensor.
        name: String,
        /// The element type of the tensor.
        found: String,
    },
    /// Two tensors for one parameter, as where a file has the names of two libraries.
    #[error("the file of weights: `{0}` stands there twice, under the names of two libraries")]
    Twice(String),
    /// A generator where a discriminator was asked for.
    #[error(
        "the file of weights: `{0}` belongs to a generator (ElectraForMaskedLM), expected a discriminator"
    )]
    #[diagnostic(help("give the folder of an ElectraForPreTraining"))]
    Generator(String),
    /// A generator that does not write with the table it reads with.
    #[error(
        "the file of weights: `generator_lm_head.weight` differs from the word embeddings, expected a \
         generator whose output matrix is its word table"
    )]
    UntiedOutput,
    /// A generator with tables of its own that our networks cannot have.
    #[error(
        "the generator has tables of its own, {found} wide, expected its width {expected}, or the \
         discriminator's tables"
    )]
    OwnTables {
        /// Width of the generator's word table.
        found: usize,
        /// Width of its encoder.
        expected: usize,
    },
}
