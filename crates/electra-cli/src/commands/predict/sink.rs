//! The output of predictions: standard output, or a file that is whole or stays as it was.

use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Stdout, Write};
use std::os::fd::AsFd;
use std::path::Path;

use electra_files::disk::{self, DiskFile};
use electra_files::durable::Replacement;

pub(super) enum Sink {
    Standard(BufWriter<Stdout>),
    /// A pipe or a device, or what another program has open: no other file can take its place.
    Stream(BufWriter<DiskFile>),
    File(BufWriter<Replacement>),
}

impl Sink {
    pub fn standard() -> Self {
        Self::Standard(BufWriter::new(io::stdout()))
    }

    /// Opens the file with the name that a user gave. Where that is a link, what it names is written.
    ///
    /// # Errors
    /// The system's answer.
    pub fn open(path: &Path) -> io::Result<Self> {
        let there = match path.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            there => Some(there?),
        };
        match there {
            Some(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Some(there) if !there.is_file() || is_name_of_open_file(path) => {
                Ok(Self::Stream(BufWriter::new(disk::open_stream(path)?)))
            }
            Some(_) => Ok(Self::File(BufWriter::new(Replacement::begin(&path.canonicalize()?)?))),
            None => Ok(Self::File(BufWriter::new(Replacement::begin(path)?))),
        }
    }

    /// Gives the file its name; until then the one that was there stands.
    ///
    /// # Errors
    /// The system's answer.
    pub fn commit(self) -> io::Result<()> {
        match self {
            Self::Standard(mut out) => out.flush(),
            Self::Stream(mut out) => out.flush(),
            Self::File(out) => out.into_inner().map_err(|error| error.into_error())?.commit(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::Stream(out) => out.write(bytes),
            Self::File(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::Stream(out) => out.flush(),
            // Nobody reads it before it has its name.
            Self::File(_) => Ok(()),
        }
    }
}

/// `/dev/stdout`, `/dev/fd/3` and `/proc/self/fd/3`: whoever gave them the open file reads what it holds.
fn is_name_of_open_file(path: &Path) -> bool {
    let is_below = |path: &Path| path.starts_with("/proc");
    disk::parent(path).canonicalize().is_ok_and(|folder| is_below(&folder))
        || path.read_link().is_ok_and(|link| is_below(&link))
}

/// The file metadata of standard input.
///
/// # Errors
/// The system's answer.
pub(super) fn of_standard_input() -> io::Result<Metadata> {
    File::from(io::stdin().as_fd().try_clone_to_owned()?).metadata()
}

/// The file metadata of standard output.
///
/// # Errors
/// The system's answer.
pub(super) fn of_standard_output() -> io::Result<Metadata> {
    File::from(io::stdout().as_fd().try_clone_to_owned()?).metadata()
}
