//! The errors of building a data folder.

use std::path::PathBuf;

use crate::corpus::CorpusError;
use crate::data_error::DataError;
use crate::near_duplicates::MIN_THRESHOLD;
use crate::pack::{MAX_SEQ_LEN, MIN_SEQ_LEN};
use crate::wordpiece::TokenizerError;

/// An error of building or merging. Whatever was written by then has been removed again, and
/// what stood at the output before is untouched.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum BuildError {
    /// The corpus could not be read.
    #[error("{0}")]
    Corpus(
        #[from]
        #[diagnostic_source]
        CorpusError,
    ),
    /// A data folder could not be written or read.
    #[error("{0}")]
    Data(
        #[from]
        #[diagnostic_source]
        DataError,
    ),
    /// The tokenizer could not be written or read.
    #[error("{0}")]
    Tokenizer(
        #[from]
        #[diagnostic_source]
        TokenizerError,
    ),
    /// A row length that makes no sense.
    #[error("a sequence length of {found} is not possible")]
    #[diagnostic(help("give one from {MIN_SEQ_LEN} to {MAX_SEQ_LEN}"))]
    SequenceLength {
        /// The value that was asked for.
        found: usize,
    },
    /// A similarity that is none, or one at which duplicates would be missed.
    #[error("a threshold of {found} for near duplicates is not possible")]
    #[diagnostic(help("give a similarity from {MIN_THRESHOLD} to 1"))]
    Threshold {
        /// The value that was asked for.
        found: f64,
    },
    /// More documents than are compared in the memory that was given.
    #[error("more than {documents} documents cannot be compared with each other in {megabytes} MB of memory")]
    #[diagnostic(help("give more memory, or divide the corpus"))]
    TooManyDocuments { documents: u64, megabytes: u64 },
    /// A share that is none.
    #[error("a held-out fraction of {found} is not possible")]
    #[diagnostic(help("give a share of at least 0 and below 1"))]
    HeldOutFraction {
        /// The value that was asked for.
        found: f64,
    },
    /// A file for training and for evaluation at once.
    #[error("{path} is given as input and as held-out file")]
    #[diagnostic(help("leave it out of one of them"))]
    HeldOutOverlap { path: PathBuf },
    /// No document fell into the held-out split.
    #[error("none of the {documents} documents is held out")]
    #[diagnostic(help("hold out a larger share, name files to hold out, or ask for none"))]
    NothingHeldOut {
        /// Documents read.
        documents: u64,
    },
    /// Every document fell into the held-out split.
    #[error("nothing is left to train on: all of the {documents} document(s) are held out or give no row")]
    #[diagnostic(help(
        "give more documents (blank lines divide them, or line ends), name files to hold out, or hold out none"
    ))]
    NothingToTrainOn {
        /// Documents read.
        documents: u64,
    },
    /// Every document is one of the held-out files.
    #[error(
        "nothing is left to train on: all {documents} document(s) of the input are in the held-out files too"
    )]
    #[diagnostic(help("give other documents, or hold out a share of them"))]
    AllLeftOut {
        /// Documents left out.
        documents: u64,
    },
    /// The output is in use for something else.
    #[error("{path} is not empty and {what}")]
    #[diagnostic(help("{}", if *.can_be_replaced { "choose another folder, or have this one replaced" } else { "choose another folder" }))]
    OutputOccupied {
        path: PathBuf,
        /// A description of what the folder holds.
        what: &'static str,
        /// Whether it is data, which may be replaced.
        can_be_replaced: bool,
    },
    /// A data folder that holds something else as well, which would be lost.
    #[error(
        "{path} cannot be replaced: it holds {entry} as well, which is not of the data and would be lost"
    )]
    #[diagnostic(help("move that elsewhere, or choose another folder"))]
    OutputHoldsOthers {
        path: PathBuf,
        /// The first entry that building has not written.
        entry: PathBuf,
    },
    /// A path that cannot be a data folder.
    #[error("{path} cannot be a data folder: {what}")]
    #[diagnostic(help("give another folder"))]
    OutputUnusable {
        /// The path that was given.
        path: PathBuf,
        /// The reason why the path cannot be used.
        what: &'static str,
    },
    /// Another process writes to the same output.
    #[error("another program is writing {path} at this moment")]
    #[diagnostic(help("wait for it or choose another folder"))]
    OutputBusy { path: PathBuf },
    /// A part that is no part.
    #[error("{path} holds no part.json, so it is not a finished part")]
    #[diagnostic(help("build it first"))]
    NotAPart { path: PathBuf },
    /// A part's description or rows are damaged.
    #[error("{path} is damaged: {what}")]
    #[diagnostic(help("build the part again"))]
    PartDamaged {
        path: PathBuf,
        /// A description of what does not fit.
        what: String,
    },
    /// Parts that do not belong together.
    #[error("{second} does not belong to {first}: {what}")]
    #[diagnostic(help("build all parts from the same files with the same settings"))]
    PartsDiffer {
        /// The folder of one part.
        first: PathBuf,
        /// The folder of another part.
        second: PathBuf,
        /// The name of what differs between the parts.
        what: &'static str,
    },
    /// Not every part is there exactly once.
    #[error("parts {missing} of {of} are missing")]
    #[diagnostic(help("give every part exactly once"))]
    PartsMissing {
        /// The list of missing parts.
        missing: String,
        /// The total number of parts.
        of: u32,
    },
    /// A part given twice.
    #[error("part {part} of {of} is given twice: {first} and {second}")]
    #[diagnostic(help("give every part exactly once"))]
    PartTwice {
        /// The number of the part, from 1.
        part: u32,
        /// The total number of parts.
        of: u32,
        /// The folder that was given first.
        first: PathBuf,
        /// The other folder.
        second: PathBuf,
    },
}
