//! Members of an archive, whatever its format.

use std::path::{Component, Path, PathBuf};

use super::super::bomb::Packed;
use super::super::decoder::Stream;
use super::super::error::CorpusError;

/// A member of an archive.
pub(super) struct Member {
    /// As the archive has it, so in any form.
    pub(super) name: PathBuf,
    /// The content of a file; `None` of what is none. Read to its end before the next member is asked for,
    /// or not at all.
    pub(super) content: Option<(Stream, Packed)>,
}

/// The members of an archive, one after the other.
pub(super) trait Members: Send {
    /// The next member, without folders; `None` behind the last.
    fn next(&mut self) -> Result<Option<Member>, CorpusError>;
}

/// The name under which errors speak of a member.
pub(super) fn named(archive: &Path, member: &Path) -> PathBuf {
    let inside = member.components().filter(|part| matches!(part, Component::Normal(_)));
    archive.join(inside.collect::<PathBuf>())
}
