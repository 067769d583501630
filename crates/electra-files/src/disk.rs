//! The operations that change the disk, none of which follows a link that stands at its place.
//!
//! Somebody else's folder may hold symbolic links and second names of files that lie elsewhere: what is
//! written to such a name would change a file that nobody has named.

use std::fs::{self, File, Metadata, Permissions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::faults::{self, Operation, Outcome};

/// An error about a link or special file that leads out of the folder in which something is to be written.
/// Carried by an [`io::Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("it is {0}, and nothing is written to another place")]
#[diagnostic(help("remove it"))]
pub struct LinkRefused(&'static str);

impl LinkRefused {
    const LINK: Self = Self("a symbolic link");
    const SECOND_NAME: Self = Self("a second name (a hard link) of a file that lies elsewhere as well");

    fn into_error(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, self)
    }
}

/// A file of this process's own making, or one that it adds to.
#[derive(Debug)]
pub struct DiskFile {
    path: PathBuf,
    file: File,
}

impl DiskFile {
    /// Creates a file where nothing is yet, not even a link.
    ///
    /// # Errors
    /// `AlreadyExists`, or what else the system answers.
    pub fn create_new(path: &Path) -> io::Result<Self> {
        takes("create", path)?;
        let options = File::options().write(true).read(true).create_new(true).clone();
        Ok(Self { path: path.to_owned(), file: no_follow(options, OFlags::empty()).open(path)? })
    }

    /// Opens a file for adding to its end, which is created where needed.
    ///
    /// # Errors
    /// If it [leads elsewhere](LinkRefused) or is no file, or what else the system answers.
    pub fn append(path: &Path) -> io::Result<Self> {
        takes("append to", path)?;
        let options = File::options().append(true).create(true).clone();
        // Without NONBLOCK a named pipe would be waited for.
        let opened = no_follow(options, OFlags::NONBLOCK).open(path).map_err(of_link);
        let file = own(opened?)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Returns when all that was written has reached the disk.
    ///
    /// # Errors
    /// The system's answer.
    pub fn sync(&self) -> io::Result<()> {
        takes("sync", &self.path)?;
        self.file.sync_all()
    }

    /// The metadata of the open file.
    ///
    /// # Errors
    /// The system's answer.
    pub fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// The path under which the file was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file alone, for a child process.
    #[must_use]
    pub fn into_file(self) -> File {
        self.file
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        self.file.set_permissions(permissions)
    }

    /// Forgets what the file holds.
    pub(crate) fn empty(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match faults::next_outcome(Operation::Takes, "write", &self.path) {
            Outcome::Succeeds => self.file.write(bytes),
            outcome => {
                // A part of it has come to the disk.
                self.file.write_all(&bytes[..bytes.len() / 2])?;
                Err(ends(outcome))
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for DiskFile {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file.seek(position)
    }
}

/// Opens a lock file, which is created where needed.
pub(crate) fn open_lock(path: &Path) -> io::Result<DiskFile> {
    takes("lock", path)?;
    let options = File::options().read(true).write(true).create(true).truncate(false).clone();
    let file = own(no_follow(options, OFlags::NONBLOCK).open(path).map_err(of_link)?)?;
    Ok(DiskFile { path: path.to_owned(), file })
}

/// Opens what may be written again where it lies: a device, a pipe, standard output by its name.
///
/// # Errors
/// The system's answer.
pub fn open_stream(path: &Path) -> io::Result<DiskFile> {
    takes("open", path)?;
    Ok(DiskFile { path: path.to_owned(), file: File::options().write(true).truncate(true).open(path)? })
}

/// Creates a folder and those above it that are not there.
///
/// # Errors
/// The system's answer.
pub fn create_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() || path == Path::new("") {
        return Ok(());
    }
    let above = parent(path);
    if above.symlink_metadata().is_err() {
        create_folders(above)?;
    }
    match create_folder(path) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(above),
    }
}

/// [`create_folders`] for one inside a folder that may be somebody else's.
///
/// # Errors
/// If the folder itself is a link, or the system's answer.
pub fn create_own_folder(path: &Path) -> io::Result<()> {
    refuse_link(path)?;
    create_folders(path)
}

/// Refuses what stands at `path` and is a symbolic link.
///
/// # Errors
/// [`LinkRefused`], or what else the system answers.
pub fn refuse_link(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(there) if there.is_symlink() => Err(LinkRefused::LINK.into_error()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Creates a folder where nothing is yet.
///
/// # Errors
/// The system's answer.
pub fn create_folder(path: &Path) -> io::Result<()> {
    takes("create folder", path)?;
    fs::create_dir(path)
}

/// Removes a file, or a link to one.
///
/// # Errors
/// The system's answer.
pub fn remove_file(path: &Path) -> io::Result<()> {
    moves("remove", path)?;
    fs::remove_file(path)
}

/// Removes a folder with all that is in it, or a link to a folder and nothing beyond it.
///
/// # Errors
/// The system's answer.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_symlink() {
        return remove_file(path);
    }
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    for entry in entries {
        if entry.file_type()?.is_dir() { remove_folder(&entry.path()) } else { remove_file(&entry.path()) }?;
    }
    moves("remove folder", path)?;
    fs::remove_dir(path)
}

/// Removes whatever stands at `path`, if anything does.
///
/// # Errors
/// The system's answer.
pub fn clear(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Ok(there) if there.is_dir() => remove_folder(path),
        Ok(_) => remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Gives a file or folder another name; a file that has it already is replaced.
///
/// # Errors
/// The system's answer.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    moves("rename", to)?;
    fs::rename(from, to)
}

/// Creates a symbolic link at `path` where nothing is yet, to `target`, a path relative to the folder of the link: in
/// a cache, where one file has several names.
///
/// # Errors
/// `AlreadyExists`, or what else the system answers.
pub fn create_link(target: &Path, path: &Path) -> io::Result<()> {
    takes("link", path)?;
    std::os::unix::fs::symlink(target, path)
}

/// Exchanges two names at one moment. False where the file system cannot.
pub(crate) fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    moves("exchange", other)?;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes creations, renames and removals of the folder's entries survive a power cut.
///
/// # Errors
/// The system's answer.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    takes("sync folder", folder)?;
    File::open(folder)?.sync_all()
}

/// The folder that holds `path`.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Whether two files are one, whatever their names.
#[must_use]
pub fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

fn no_follow(mut options: fs::OpenOptions, flags: OFlags) -> fs::OpenOptions {
    options.custom_flags((OFlags::NOFOLLOW | flags).bits().cast_signed());
    options
}

/// Linux answers a link that is not followed as it does a circle of links.
fn of_link(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
        return LinkRefused::LINK.into_error();
    }
    error
}

/// Refuses an open file that has another name, or is none.
fn own(file: File) -> io::Result<File> {
    let there = file.metadata()?;
    if let Some(what) = crate::regular::name(there.file_type()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, crate::regular::NotRegular(what)));
    }
    if there.nlink() > 1 {
        return Err(LinkRefused::SECOND_NAME.into_error());
    }
    Ok(file)
}

fn takes(name: &str, path: &Path) -> io::Result<()> {
    to_result(faults::next_outcome(Operation::Takes, name, path))
}

fn moves(name: &str, path: &Path) -> io::Result<()> {
    to_result(faults::next_outcome(Operation::Moves, name, path))
}

fn to_result(outcome: Outcome) -> io::Result<()> {
    if outcome == Outcome::Succeeds { Ok(()) } else { Err(ends(outcome)) }
}

/// The end of the process, or the answer of a full disk.
fn ends(outcome: Outcome) -> io::Error {
    match outcome {
        Outcome::Dies => faults::die(),
        Outcome::Succeeds | Outcome::IsFull => Errno::NOSPC.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn leads(result: io::Result<DiskFile>) -> LinkRefused {
        let error = result.unwrap_err();
        *error.get_ref().and_then(|inner| inner.downcast_ref()).expect("it says where it leads")
    }

    #[test]
    fn nothing_is_written_through_a_link_or_to_a_second_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("victim"), "mine").unwrap();
        symlink(at("victim"), at("link")).unwrap();
        symlink(at("nothing"), at("dangling")).unwrap();
        fs::hard_link(at("victim"), at("second")).unwrap();
        for open in [DiskFile::append, open_lock] {
            assert_eq!(leads(open(&at("link"))), LinkRefused::LINK);
            assert_eq!(leads(open(&at("dangling"))), LinkRefused::LINK);
            assert_eq!(leads(open(&at("second"))), LinkRefused::SECOND_NAME);
            assert!(open(&at("")).is_err());
        }
        for name in ["link", "dangling", "second"] {
            let error = DiskFile::create_new(&at(name)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read(at("victim")).unwrap(), b"mine");
        assert!(!at("nothing").exists());
    }

    #[test]
    fn a_folder_is_removed_and_what_its_links_name_stays() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        create_folders(&at("a/b/c")).unwrap();
        create_folders(&at("victim")).unwrap();
        fs::write(at("victim/file"), "mine").unwrap();
        fs::write(at("a/b/file"), "").unwrap();
        symlink(at("victim"), at("a/b/c/link")).unwrap();
        symlink(at("victim"), at("link")).unwrap();
        assert!(create_own_folder(&at("link")).is_err());
        create_own_folder(&at("a/own")).unwrap();
        remove_folder(&at("a")).unwrap();
        clear(&at("link")).unwrap();
        clear(&at("link")).unwrap();
        assert!(!at("a").exists());
        assert_eq!(fs::read(at("victim/file")).unwrap(), b"mine");
    }
}
