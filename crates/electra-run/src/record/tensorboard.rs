//! TensorBoard's event files.
//!
//! The protocol messages are filled in here and framed by tensorboard-rs' record writer; its file
//! writer is not used, because it panics on every write error and truncates a file that another
//! writer began in the same second. Writing happens on a thread of its own, and whatever goes
//! wrong there costs one warning and the rest of the events, never the run.

mod histogram;
mod messages;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use electra_files::disk::{self, DiskFile};
use protobuf::Message;
use tensorboard_proto::event::Event;
use tensorboard_rs::record_writer::RecordWriter;

pub use messages::HParam;

/// A writer of event files into one directory, which nobody else may write to at the same time.
#[derive(Debug)]
pub struct TensorBoard {
    sender: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<OnceLock<String>>,
}

/// A request to the writing thread.
enum Job {
    Write(Box<Event>),
    Histogram { step: u64, tag: String, values: Vec<f32> },
    Flush(Sender<()>),
}

impl TensorBoard {
    /// Begins a new event file in `directory`. A run that was resumed after `resumed_at` steps
    /// makes TensorBoard drop what it has of later steps.
    ///
    /// Never fails: see [`Self::failure`].
    #[must_use]
    pub fn open(directory: impl Into<PathBuf>, resumed_at: Option<u64>) -> Self {
        let directory = directory.into();
        let (sender, jobs) = bounded(64);
        let failure = Arc::new(OnceLock::new());
        let report = Arc::clone(&failure);
        let write = move || {
            if let Err(error) = write_events(&directory, resumed_at, &jobs) {
                let message = format!(
                    "TensorBoard events are no longer written to {}: {error}; metrics.jsonl is complete",
                    directory.display()
                );
                tracing::warn!("{message}");
                // Nobody else sets it.
                let _ = report.set(message);
            }
        };
        match thread::Builder::new().name("tensorboard".to_owned()).spawn(write) {
            Ok(thread) => Self { sender: Some(sender), thread: Some(thread), failure },
            Err(error) => {
                let message = format!("TensorBoard events are not written: {error}");
                tracing::warn!("{message}");
                Self { sender: None, thread: None, failure: Arc::new(OnceLock::from(message)) }
            }
        }
    }

    /// The reason why events are not written any more; the same text was given as a warning once.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Writes numbers under their tags, such as `train/loss`.
    pub fn scalars(&self, step: u64, scalars: &[(impl AsRef<str>, f64)]) {
        self.send(Job::Write(Box::new(messages::scalars(step, scalars))));
    }

    /// Writes the distribution of `values`. Those that are not finite are left out.
    pub fn histogram(&self, step: u64, tag: &str, values: Vec<f32>) {
        self.send(Job::Histogram { step, tag: tag.to_owned(), values });
    }

    /// Writes a text, which TensorBoard shows as Markdown.
    pub fn text(&self, step: u64, tag: &str, markdown: &str) {
        self.send(Job::Write(Box::new(messages::text(step, tag, markdown))));
    }

    /// Writes a TOML text as such.
    pub fn recipe(&self, step: u64, toml: &str) {
        let indented: String = toml.lines().map(|line| format!("    {line}\n")).collect();
        self.text(step, "recipe", &indented);
    }

    /// Writes the hyperparameters of the run and the tags of the metrics to compare runs by.
    pub fn hparams(&self, hparams: &[(String, HParam)], metrics: &[&str]) {
        for event in messages::hparams(hparams, metrics) {
            self.send(Job::Write(Box::new(event)));
        }
    }

    /// Marks the session of [`Self::hparams`] as ended, with or without success.
    pub fn end(&self, is_success: bool) {
        self.send(Job::Write(Box::new(messages::session_end(is_success))));
    }

    /// Returns when everything so far is in the file, or given up.
    pub fn flush(&self) {
        let (sender, done) = bounded(1);
        self.send(Job::Flush(sender));
        // An error means that the thread has ended: nothing more will be written.
        let _ = done.recv();
    }

    fn send(&self, job: Job) {
        if let Some(sender) = &self.sender {
            // An error means that the thread has failed and said so.
            let _ = sender.send(job);
        }
    }
}

impl Drop for TensorBoard {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed; the run goes on.
            let _ = thread.join();
        }
    }
}

fn write_events(directory: &Path, resumed_at: Option<u64>, jobs: &Receiver<Job>) -> io::Result<()> {
    let mut writer = EventWriter::create(directory)?;
    writer.write(&messages::file_version())?;
    // A start that voids nothing as well: some of TensorBoard's readers only take a second one for
    // a restart.
    writer.write(&messages::session_start(resumed_at.map_or(0, |step| step.saturating_add(1))))?;
    writer.records.flush()?;
    while let Ok(job) = jobs.recv() {
        match job {
            Job::Write(event) => writer.write(&event)?,
            Job::Histogram { step, tag, values } => {
                if let Some(histogram) = histogram::of(&values) {
                    writer.write(&messages::histogram(step, &tag, histogram))?;
                }
            }
            Job::Flush(done) => {
                writer.records.flush()?;
                let _ = done.send(());
            }
        }
        if jobs.is_empty() {
            writer.records.flush()?;
        }
    }
    writer.records.flush()
}

struct EventWriter {
    records: RecordWriter<BufWriter<File>>,
}

impl EventWriter {
    /// TensorBoard reads the files of a directory in the order of their names.
    fn create(directory: &Path) -> io::Result<Self> {
        disk::create_own_folder(directory)?;
        let seconds = messages::now() as u64;
        let host = crate::process::host().replace('/', "-");
        let id = std::process::id();
        for number in 0.. {
            let name = format!("events.out.tfevents.{seconds:010}.{number:03}.{host}.{id}");
            match DiskFile::create_new(&directory.join(name)) {
                Ok(file) => return Ok(Self { records: RecordWriter::new(BufWriter::new(file.into_file())) }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        unreachable!("some number is free")
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        self.records.write(&event.write_to_bytes()?)
    }
}

#[cfg(test)]
mod tests;
