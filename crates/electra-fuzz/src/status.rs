//! The status of a worker, in memory that outlives it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::{MmapMut, MmapOptions};

/// The most stages of a reader.
pub const MAX_STAGES: usize = 16;
const WORDS: usize = 8 + MAX_STAGES;
const STARTED: usize = 0;
const DONE: usize = 1;
const REACHED: usize = 2;
const STAGES: usize = 8;

/// Counters in a file that worker and driver map.
pub struct Status {
    map: MmapMut,
}

impl Status {
    /// Counters of zero in a new file.
    ///
    /// # Errors
    /// The system's answer.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        file.set_len((WORDS * 8) as u64)?;
        Self::map(&file)
    }

    /// The counters that [`Status::create`] has made.
    ///
    /// # Errors
    /// The system's answer.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::map(&File::options().read(true).write(true).open(path)?)
    }

    fn map(file: &File) -> io::Result<Self> {
        // SAFETY: the file is a worker's own, and its driver's; both touch it through atomics alone, and
        // neither makes it shorter.
        let map = unsafe { MmapOptions::new().len(WORDS * 8).map_mut(file)? };
        Ok(Self { map })
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < WORDS, "word {index} of {WORDS}");
        // SAFETY: the map begins with a page and is WORDS * 8 bytes long, so that the word is aligned and
        // inside; nobody accesses it but through atomics.
        unsafe { &*self.map.as_ptr().cast::<AtomicU64>().add(index) }
    }

    /// Notes that the input with this number is being read.
    pub fn start(&self, index: u64) {
        self.word(STARTED).store(index + 1, Ordering::SeqCst);
    }

    /// The input that is being read, if any was.
    #[must_use]
    pub fn current(&self) -> Option<u64> {
        self.word(STARTED).load(Ordering::SeqCst).checked_sub(1)
    }

    /// The number of stages that the input has reached.
    #[must_use]
    pub fn reached(&self) -> &AtomicU64 {
        self.word(REACHED)
    }

    /// Counts an input that was read, with the stages that it has reached.
    pub fn finish(&self) {
        let reached = self.reached().load(Ordering::SeqCst) as usize;
        for stage in 0..reached.min(MAX_STAGES) {
            self.word(STAGES + stage).fetch_add(1, Ordering::SeqCst);
        }
        self.word(DONE).fetch_add(1, Ordering::SeqCst);
    }

    /// Inputs that were read.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.word(DONE).load(Ordering::SeqCst)
    }

    /// Inputs by the stages that they have reached.
    #[must_use]
    pub fn stages(&self, count: usize) -> Vec<u64> {
        (0..count).map(|stage| self.word(STAGES + stage).load(Ordering::SeqCst)).collect()
    }
}
