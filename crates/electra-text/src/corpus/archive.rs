//! Documents of the files in a tar or zip archive.
//!
//! Nothing is unpacked to the disk: a member is read where it lies, and its name is of no concern but for
//! its ending and in errors. What is no file (links, devices, pipes), or none of a known kind, is passed
//! over and counted.

mod member;
mod tar;
mod zip;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::member::{Member, Members, named};
use self::tar::TarMembers;
use self::zip::ZipMembers;
use super::compressed::{self, Content, Readings};
use super::compression::Compression;
use super::document::Document;
use super::error::CorpusError;
use super::files::FileKind;
use super::read_options::ReadOptions;
use super::read_progress::ReadProgress;
use super::skipped::Skipped;

/// The documents of one file.
pub(super) type Documents = Box<dyn Iterator<Item = Result<Document, CorpusError>> + Send>;

/// A function that opens the documents of a file of a kind, given its content.
pub(super) type OpenDocuments =
    fn(FileKind, Content, &Path, &ReadOptions, &Arc<ReadProgress>) -> Result<Documents, CorpusError>;

/// Documents of all files of an archive, in the order of the archive.
pub(super) struct ArchiveDocuments {
    path: PathBuf,
    members: Box<dyn Members>,
    options: ReadOptions,
    progress: Arc<ReadProgress>,
    open: OpenDocuments,
    current: Option<Documents>,
    /// Whether a file of a known kind was in it.
    has_known: bool,
    /// The first member that was passed over.
    passed_over: Option<PathBuf>,
    ended: bool,
}

impl ArchiveDocuments {
    pub(super) fn open(
        path: PathBuf,
        kind: FileKind,
        compression: Compression,
        options: ReadOptions,
        progress: Arc<ReadProgress>,
        open: OpenDocuments,
    ) -> Result<Self, CorpusError> {
        let content = compressed::open(&path, compression, Readings::Again, progress.clone())?;
        let members: Box<dyn Members> = match kind {
            FileKind::Zip => {
                // Reading the file through once counts and hashes it; its directory is at its end.
                content.copy_to(&mut std::io::sink())?;
                Box::new(ZipMembers::open(path.clone())?)
            }
            _ => Box::new(TarMembers::new(path.clone(), content)),
        };
        let (current, has_known, passed_over, ended) = (None, false, None, false);
        Ok(Self { path, members, options, progress, open, current, has_known, passed_over, ended })
    }

    fn read_document(&mut self) -> Result<Option<Document>, CorpusError> {
        loop {
            if let Some(documents) = &mut self.current {
                match documents.next() {
                    Some(document) => return document.map(Some),
                    None => self.current = None,
                }
            }
            let Some(Member { name, content }) = self.members.next()? else {
                return self.end();
            };
            let of_members = self.options.kind.filter(|kind| !matches!(kind, FileKind::Tar | FileKind::Zip));
            let kind = match FileKind::of_or(&name, of_members) {
                Ok((FileKind::Tar | FileKind::Zip, _)) | Err(_) => None,
                Ok(known) => Some(known),
            };
            let (Some((kind, compression)), Some((stream, packed)), false) =
                (kind, content, is_of_the_system(&name))
            else {
                self.passed_over.get_or_insert(name);
                self.progress.add_skipped(Skipped { members: 1, ..Skipped::default() });
                continue;
            };
            self.has_known = true;
            let path = named(&self.path, &name);
            let content = Content::new(&path, compression, stream, packed)?;
            self.current = Some((self.open)(kind, content, &path, &self.options, &self.progress)?);
        }
    }

    /// Refuses an archive in which no file could be read although there are some.
    fn end(&mut self) -> Result<Option<Document>, CorpusError> {
        match self.passed_over.take().filter(|_| !self.has_known) {
            Some(first) => Err(CorpusError::Archive {
                path: self.path.clone(),
                what: format!("none of its members is a file of a known kind, the first being {first:?}"),
                remedy: "say what its files hold, or unpack it first",
            }),
            None => Ok(None),
        }
    }
}

impl Iterator for ArchiveDocuments {
    type Item = Result<Document, CorpusError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let document = self.read_document().transpose();
        self.ended = matches!(document, None | Some(Err(_)));
        document
    }
}

/// Whether a member holds what macOS keeps beside the file of the same name.
fn is_of_the_system(member: &Path) -> bool {
    let is_beside = member.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"._"));
    is_beside || member.starts_with("__MACOSX")
}
