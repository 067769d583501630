//! One input of a reader: a folder of files, held in memory.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path};

use rustix::fs::{CWD, FileType, Mode, mknodat};

/// An entry of a case: the file, folder or link under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A regular file.
    File(Vec<u8>),
    /// A symbolic link to this path.
    Link(String),
    /// A named pipe that nobody writes to.
    Pipe,
    /// An empty folder.
    Folder,
}

/// A folder as a reader finds it. Names are paths below it, with `/` between their parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    entries: BTreeMap<String, Entry>,
}

impl Case {
    /// The regular files below `folder`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let mut case = Self::default();
        case.add_folder(folder, "")?;
        Ok(case)
    }

    fn add_folder(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.add_folder(&entry.path(), &format!("{prefix}{name}/"))?;
            } else if kind.is_file() {
                self.set(&format!("{prefix}{name}"), fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// The case with one file more.
    #[must_use]
    pub fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.set(name, bytes);
        self
    }

    /// Puts a file there.
    pub fn set(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.entries.insert(name.to_owned(), Entry::File(bytes.into()));
    }

    /// Puts anything there.
    pub fn put(&mut self, name: &str, entry: Entry) {
        self.entries.insert(name.to_owned(), entry);
    }

    /// Removes what is there.
    pub fn remove(&mut self, name: &str) {
        self.entries.remove(name);
    }

    /// Removes every named pipe.
    pub fn remove_pipes(&mut self) {
        self.entries.retain(|_, entry| *entry != Entry::Pipe);
    }

    /// The content of a regular file.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        match self.entries.get(name) {
            Some(Entry::File(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The bytes of a file, to be changed.
    pub fn file_mut(&mut self, name: &str) -> Option<&mut Vec<u8>> {
        match self.entries.get_mut(name) {
            Some(Entry::File(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The names of all regular files, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .filter(|(_, entry)| matches!(entry, Entry::File(_)))
            .map(|(name, _)| name.as_str())
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Writes everything below `folder`, which exists. What would lie below a link is left out: an
    /// input is hostile, and its writer is not.
    ///
    /// # Errors
    /// The system's answer.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (name, entry) in &self.entries {
            if self.is_below_another(name) {
                continue;
            }
            let path = folder.join(name);
            if let Some(parent) = path.parent()
                && name.contains('/')
            {
                fs::create_dir_all(parent)?;
            }
            match entry {
                Entry::File(bytes) => fs::write(&path, bytes)?,
                Entry::Link(target) => symlink(target, &path)?,
                Entry::Pipe => mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?,
                Entry::Folder => fs::create_dir_all(&path)?,
            }
        }
        Ok(())
    }

    /// Whether a part of the name is itself an entry that is no folder.
    fn is_below_another(&self, name: &str) -> bool {
        name.match_indices('/')
            .any(|(at, _)| !matches!(self.entries.get(&name[..at]), None | Some(Entry::Folder)))
    }

    /// One file that holds it all: a line for each entry, and the bytes behind the line of a file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, entry) in &self.entries {
            match entry {
                Entry::File(content) => {
                    bytes.extend_from_slice(format!("file {} {name}\n", content.len()).as_bytes());
                    bytes.extend_from_slice(content);
                    bytes.push(b'\n');
                }
                Entry::Link(target) => {
                    bytes.extend_from_slice(format!("link {} {name}\n{target}\n", target.len()).as_bytes());
                }
                Entry::Pipe => bytes.extend_from_slice(format!("pipe 0 {name}\n\n").as_bytes()),
                Entry::Folder => bytes.extend_from_slice(format!("folder 0 {name}\n\n").as_bytes()),
            }
        }
        bytes
    }

    /// Decodes what [`Case::encode`] wrote; `None` if it did not write this, or a name leads out of the
    /// folder.
    #[must_use]
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut case = Self::default();
        while !bytes.is_empty() {
            let end = bytes.iter().position(|&byte| byte == b'\n')?;
            let line = std::str::from_utf8(&bytes[..end]).ok()?;
            let mut words = line.splitn(3, ' ');
            let (kind, length, name) = (words.next()?, words.next()?.parse::<usize>().ok()?, words.next()?);
            let content = bytes.get(end + 1..)?.get(..length)?;
            bytes = bytes.get(end + 1 + length..)?.strip_prefix(b"\n")?;
            if !is_inside(name) {
                return None;
            }
            let entry = match kind {
                "file" => Entry::File(content.to_vec()),
                "link" => Entry::Link(String::from_utf8(content.to_vec()).ok()?),
                "pipe" => Entry::Pipe,
                "folder" => Entry::Folder,
                _ => return None,
            };
            case.put(name, entry);
        }
        Some(case)
    }
}

fn is_inside(name: &str) -> bool {
    let path = Path::new(name);
    !name.is_empty()
        && !name.contains('\0')
        && path.components().all(|part| matches!(part, Component::Normal(part) if part.len() < 256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_what_was_encoded_and_what_was_written() {
        let mut case =
            Case::default().with("a/b.bin", vec![0, 10, 255]).with("empty", "").with("é x", "\n\n");
        assert_eq!(Case::decode(&case.encode()), Some(case.clone()));
        let folder = tempfile::tempdir().unwrap();
        case.write(folder.path()).unwrap();
        assert_eq!(Case::of_folder(folder.path()).unwrap(), case);
        case.put("link", Entry::Link("../somewhere".into()));
        case.put("pipe", Entry::Pipe);
        case.put("none", Entry::Folder);
        assert_eq!(Case::decode(&case.encode()), Some(case));
    }

    #[test]
    fn names_that_lead_out_are_no_case_and_nothing_is_written_through_links() {
        for name in ["../x", "/x", "a/../../x", "", "."] {
            let bytes = format!("file 1 {name}\nx\n");
            assert_eq!(Case::decode(bytes.as_bytes()), None, "{name}");
        }
        assert_eq!(Case::decode(b"file 99 a\nx\n"), None);
        let around = tempfile::tempdir().unwrap();
        let (inside, outside) = (around.path().join("in"), around.path().join("out"));
        fs::create_dir(&inside).unwrap();
        fs::create_dir(&outside).unwrap();
        let mut case = Case::default().with("a/b", "x");
        case.put("a", Entry::Link("../out".into()));
        case.write(&inside).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }
}
