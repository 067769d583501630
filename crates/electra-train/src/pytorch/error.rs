//! Errors of reading a file of PyTorch.

use std::io;

use electra_model::parameters::NotFinite;
use thiserror::Error;

/// A file of PyTorch whose tensors cannot be read.
#[derive(Debug, Error, miette::Diagnostic)]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum PytorchError {
    /// The system's answer.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// Neither of the two formats.
    #[error("it is no file of torch.save: it begins with {begins}")]
    #[diagnostic(help("copy the file again from where it came from"))]
    Format { begins: String },
    /// What git has in place of a large file.
    #[error("it is a pointer of Git LFS and not the file that it stands for")]
    #[diagnostic(help("fetch the file itself: give `git lfs pull` in that folder"))]
    LfsPointer,
    /// An end before the end.
    #[error("it is cut short: {what} ends at byte {end}, and the file has {bytes} bytes")]
    #[diagnostic(help("copy the file again from where it came from"))]
    Cut { what: String, end: u64, bytes: u64 },
    /// Bytes behind the last storage of the older format.
    #[error("it has {found} bytes, and its storages end at byte {expected}")]
    #[diagnostic(help("copy the file again from where it came from"))]
    Long { found: u64, expected: u64 },
    /// An archive that torch.save did not write.
    #[error("its archive is damaged, or torch.save did not write it: {0}")]
    #[diagnostic(help("copy the file again, or load it in Python and save its state_dict again"))]
    Archive(String),
    /// A whole network with its code.
    #[error("it is a program of TorchScript, expected the state_dict of a network")]
    #[diagnostic(help(
        "load it in Python and save its state_dict(): torch.save(torch.jit.load(FILE).state_dict(), NEW)"
    ))]
    TorchScript,
    /// Bytes that changed.
    #[error("the content of {0} in it is not what was saved (CRC-32 differs)")]
    #[diagnostic(help("copy the file again from where it came from"))]
    Checksum(String),
    /// Numbers of another byte order.
    #[error("its numbers are big-endian, expected little-endian")]
    #[diagnostic(help("load it in Python on a machine of today and save it again"))]
    BigEndian,
    /// A call that a state dict has no need of.
    #[error("its pickle calls for {global} at byte {at}, which weights do not need; nothing of it was run")]
    #[diagnostic(help(
        "do not load this file in Python before you know what it does; a file of weights alone comes from \
         torch.save(model.state_dict(), FILE)"
    ))]
    Forbidden { global: String, at: usize },
    /// A pickle that is not that of a state dict.
    #[error("its pickle is not that of a state_dict: at byte {at} {what}")]
    #[diagnostic(help(
        "save it in Python as torch.save(model.state_dict(), FILE), or copy it again if it was whole once"
    ))]
    Pickle { at: usize, what: String },
    /// More than any state dict has.
    #[error("its pickle has more than {most} {what}, which no state_dict has")]
    #[diagnostic(help("save it in Python as torch.save(model.state_dict(), FILE)"))]
    TooLarge { what: &'static str, most: usize },
    /// Numbers that are those of many tensors.
    #[error("its tensors are {found} bytes together, and the file has {bytes}")]
    #[diagnostic(help("save it in Python as torch.save(model.state_dict(), FILE)"))]
    Shared { found: u64, bytes: u64 },
    /// Something else than tensors by name.
    #[error("it holds {found}, expected tensors by name")]
    #[diagnostic(help("save it in Python as torch.save(model.state_dict(), FILE)"))]
    NoStateDict { found: String },
    /// A tensor that cannot be.
    #[error("{name}: {what}")]
    #[diagnostic(help("copy the file again, or load it in Python and save its state_dict again"))]
    Tensor { name: String, what: String },
    /// A type that no parameter has.
    #[error("{name} holds {found}, expected floats of 16, 32 or 64 bits")]
    Type { name: String, found: &'static str },
    /// A weight that is no number.
    #[error(transparent)]
    #[diagnostic(transparent)]
    NotFinite(#[from] NotFinite),
}

impl PytorchError {
    /// The error of a pickle that begins `start` bytes behind the beginning of the file.
    pub(super) fn behind(self, start: usize) -> Self {
        match self {
            Self::Forbidden { global, at } => Self::Forbidden { global, at: at + start },
            Self::Pickle { at, what } => Self::Pickle { at: at + start, what },
            Self::Cut { what, end, bytes } => {
                Self::Cut { what, end: end + start as u64, bytes: bytes + start as u64 }
            }
            other => other,
        }
    }
}
