//! Errors of weights that a run cannot begin with.

use std::io;
use std::path::PathBuf;

use electra_files::shown::shell_word;
use electra_model::warm_start::{Network, WarmStartError};
use electra_train::layout::INIT;
use electra_train::model_folder::{ModelFolderError, NetworkKind};
use thiserror::Error;

/// The part of a run that weights were given for.
pub type Role = Network;

/// Weights that a run cannot begin with.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum InitialWeightsError {
    /// A folder cannot be used.
    #[error("{0}")]
    Folder(
        #[from]
        #[diagnostic_source]
        ModelFolderError,
    ),
    /// Another network than its place asks for.
    #[error("{path} holds {}, and a {role} is to begin with {expected}", .found.in_words())]
    #[diagnostic(help("{}", when_other(*.role)))]
    OtherNetwork {
        /// The path of the folder.
        path: PathBuf,
        /// The kind of its networks.
        found: NetworkKind,
        /// The part of the run that it was given for.
        role: Role,
        /// The kinds of networks that this part can begin with, in words.
        expected: &'static str,
    },
    /// A model without a generator where one was asked for.
    #[error("{path} holds a discriminator alone, and a generator was to come from there")]
    #[diagnostic(help("leave it out, so that the generator starts fresh, or give a folder that has one"))]
    NoGenerator {
        /// The path of the folder.
        path: PathBuf,
    },
    /// A generator for a recipe that has none.
    #[error("{path} was given for a generator, and this recipe trains none")]
    #[diagnostic(help("leave it out, or choose another objective"))]
    NoPlace {
        /// The path of the folder.
        path: PathBuf,
    },
    /// Sizes or ties that the recipe does not have.
    #[error("{path}: {source}")]
    Misfit {
        /// The path of the folder.
        path: PathBuf,
        /// The sizes or the way of sharing that do not fit.
        #[diagnostic_source]
        source: WarmStartError,
    },
    /// Text that is changed otherwise before its words are looked up.
    #[error(
        "{path}: {setting} of its tokenizer is {found}, and that of {of} has {expected}: the same text would become \
         other pieces"
    )]
    #[diagnostic(help("build the data with the tokenizer of the weights, {}, or with one that extends it", word(.of)))]
    Normaliser {
        /// The folder whose tokenizer differs.
        path: PathBuf,
        /// The folder of the weights.
        of: PathBuf,
        /// The name of the setting.
        setting: &'static str,
        /// Its value in the one.
        found: bool,
        /// Its value in that of the weights.
        expected: bool,
    },
    /// Another vocabulary.
    #[error("{path} has {found} at id {id} of its vocabulary, and {of} has {expected}")]
    #[diagnostic(help(
        "rows of tables belong to pieces: build the data with the tokenizer of the weights, {}, or with one that \
         extends it",
        word(.of)
    ))]
    Pieces {
        /// The folder whose tokenizer differs.
        path: PathBuf,
        /// The folder of the weights.
        of: PathBuf,
        /// The first id that differs.
        id: u32,
        /// The piece in the one, quoted.
        found: String,
        /// The piece in that of the weights, quoted.
        expected: String,
    },
    /// Fewer pieces than the weights have rows for.
    #[error("{path} has a vocabulary of {found} pieces, which are the first of the {expected} of {of}")]
    #[diagnostic(help("build the data with the tokenizer of the weights, {}, or with one that extends it", word(.of)))]
    FewerPieces {
        /// The folder whose tokenizer has fewer.
        path: PathBuf,
        /// The folder of the weights.
        of: PathBuf,
        /// The number of pieces of its vocabulary.
        found: usize,
        /// The number of pieces of the weights' vocabulary.
        expected: usize,
    },
    /// A generator and a discriminator of different vocabularies.
    #[error("{generator} and {discriminator} are not of one vocabulary: {source}")]
    #[diagnostic(help(
        "give the generator that was trained with the discriminator, or none: it starts fresh then"
    ))]
    TwoVocabularies {
        /// The folder of the generator.
        generator: PathBuf,
        /// The folder of the discriminator.
        discriminator: PathBuf,
        /// The first difference.
        source: Box<InitialWeightsError>,
    },
    /// A recipe that says how weights are taken over, and none.
    #[error("the recipe says how weights are taken over ([init]), and the run begins with none")]
    #[diagnostic(help("give the weights to begin with, or remove the table"))]
    NoWeights,
    /// The file that says what a run began with cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The file that says what a run began with is no such file.
    #[error("{path} is damaged: {source}")]
    #[diagnostic(help("restore it from a copy, or give the weights again that the run began with"))]
    Damaged {
        /// The path of the file.
        path: PathBuf,
        /// The parser's error, with the place.
        source: serde_json::Error,
    },
    /// Weights that a run without a checkpoint began with are not there any more.
    #[error("{run} has no checkpoint yet, and the weights that it began with cannot be used: {source}")]
    #[diagnostic(help("give the weights again that it began with: {INIT} there has their hashes"))]
    Gone {
        /// The run folder.
        run: PathBuf,
        /// What is wrong with the weights.
        source: Box<InitialWeightsError>,
    },
    /// Other weights are in a folder than when a run began with it.
    #[error("{path} holds other weights than when {run} began with it")]
    #[diagnostic(help(
        "put the weights back that it began with, whose hashes are in {INIT} there; or give none: the run goes on from \
         its own checkpoints; or start in another folder"
    ))]
    ChangedSince {
        /// The run folder.
        run: PathBuf,
        /// The folder of the weights.
        path: PathBuf,
    },
    /// Other weights lie where those lay that a run began with.
    #[error("{run} has no checkpoint yet, and {path} holds other weights than those that it began with")]
    #[diagnostic(help(
        "give the weights that it began with: {INIT} there has their hashes; or start in another folder"
    ))]
    Changed {
        /// The run folder.
        run: PathBuf,
        /// The folder of the weights.
        path: PathBuf,
    },
}

fn when_other(role: Role) -> &'static str {
    match role {
        Network::Discriminator => {
            "give the folder of the discriminator; a generator is given beside it, by itself, or starts fresh"
        }
        Network::Generator => "give the folder of the generator, or leave it out, so that it starts fresh",
    }
}

/// A path as somebody may copy it.
fn word(path: &std::path::Path) -> String {
    shell_word(&path.display().to_string())
}
