//! Advice for errors of the operating system.

use std::io;

use electra_files::disk::LinkRefused;

/// The advice for an error of the system, where nobody knows more of what was wanted.
pub(super) fn help_of_system(error: &io::Error) -> &'static str {
    use io::ErrorKind as E;
    match error.kind() {
        E::NotFound => "check the name: nothing is there",
        E::PermissionDenied => {
            "`ls -ld` of it and of the folders above shows who may read and write there: ask its owner, or \
             give another place"
        }
        E::ReadOnlyFilesystem => "the file system can only be read: give a folder that you may write to",
        E::IsADirectory => "it is a folder, and a file was expected: name the file",
        E::NotADirectory => "a part of the path is a file and no folder: check the path",
        E::StorageFull | E::QuotaExceeded => {
            "there is no room left: make room, then give the same command again"
        }
        E::FileTooLarge => "the system's limit on the size of a file is reached: see `ulimit -f`",
        E::InvalidFilename => {
            "the name is too long or has a character that the file system does not allow: give another"
        }
        E::OutOfMemory => {
            "lower the batch size or use fewer --threads, or raise the limit (`ulimit -v` shows it)"
        }
        // What Linux says if a process may have no more threads.
        E::WouldBlock => {
            "the limit on processes or memory is reached: use fewer --threads, or raise it (`ulimit -u`, `ulimit -v`)"
        }
        E::InvalidData | E::UnexpectedEof => {
            "the file is damaged or of another kind: copy it again from where it came from"
        }
        E::AlreadyExists => "it is there already: give another name",
        E::BrokenPipe => "whoever read the output has gone",
        E::TimedOut | E::NotConnected | E::HostUnreachable | E::StaleNetworkFileHandle => {
            "the disk is reached over a network that does not answer: try again when it does"
        }
        _ if error.get_ref().is_some_and(|inner| inner.is::<LinkRefused>()) => {
            "files are written into the folder that was named and nowhere else: remove it, or give another folder"
        }
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            "symbolic links lead in a circle: remove one of them"
        }
        _ => "the system gives no other reason: check the disk and the path, then try again",
    }
}
