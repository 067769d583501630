//! The sandbox of inputs: a folder with a canary beside it that nobody may touch.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::case::Case;

const INPUT: &str = "input";
const CANARY_FOLDER: &str = "canary";
const CURRENT: &str = "current";
const CANARY_FILE: &str = "victim";
/// The content of the canary's file.
const CANARY_TEXT: &[u8] = b"what stands here is nobody's to change\n";

/// A folder for inputs, the canary, and an empty folder in which the reader runs.
#[derive(Debug)]
pub struct Sandbox {
    root: PathBuf,
}

impl Sandbox {
    /// A sandbox in `root`, which is emptied.
    ///
    /// # Errors
    /// The system's answer.
    pub fn new(root: &Path) -> io::Result<Self> {
        let sandbox = Self { root: root.to_owned() };
        sandbox.restore()?;
        Ok(sandbox)
    }

    /// Everything as it was at the beginning.
    ///
    /// # Errors
    /// The system's answer.
    pub fn restore(&self) -> io::Result<()> {
        if self.root.exists() {
            fs::remove_dir_all(&self.root)?;
        }
        for name in [INPUT, CANARY_FOLDER, CURRENT] {
            fs::create_dir_all(self.root.join(name))?;
        }
        fs::write(self.root.join(CANARY_FOLDER).join(CANARY_FILE), CANARY_TEXT)?;
        // By its name: relative paths of inputs are looked for here.
        std::env::set_current_dir(self.root.join(CURRENT))
    }

    /// The folder of the input.
    #[must_use]
    pub fn input(&self) -> PathBuf {
        self.root.join(INPUT)
    }

    /// Puts an input there.
    ///
    /// # Errors
    /// The system's answer.
    pub fn put(&self, case: &Case) -> io::Result<()> {
        let input = self.input();
        if input.exists() {
            fs::remove_dir_all(&input)?;
        }
        fs::create_dir(&input)?;
        case.write(&input)
    }

    /// The path that was written outside the input, if any was.
    ///
    /// # Errors
    /// The system's answer.
    pub fn written_outside(&self) -> io::Result<Option<String>> {
        let names = |folder: &Path| -> io::Result<Vec<String>> {
            let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
            let mut names: Vec<String> =
                entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            Ok(names)
        };
        for (folder, expected) in [
            (self.root.clone(), &[CANARY_FOLDER, CURRENT, INPUT][..]),
            (self.root.join(CANARY_FOLDER), &[CANARY_FILE]),
            (self.root.join(CURRENT), &[]),
        ] {
            let found = names(&folder)?;
            if found != expected {
                let folder = folder.strip_prefix(&self.root).unwrap_or(&folder).display().to_string();
                return Ok(Some(format!("{folder:?} beside the input holds {found:?}")));
            }
        }
        let text = fs::read(self.root.join(CANARY_FOLDER).join(CANARY_FILE))?;
        Ok((text != CANARY_TEXT).then(|| format!("{CANARY_FOLDER}/{CANARY_FILE} has another content")))
    }
}
