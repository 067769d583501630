//! A tagger for use: text in, entities out.

use std::io::Cursor;
use std::path::Path;

use burn::prelude::Device;
use electra_annotations::{Division, LineBreaks, SentenceSettings};
use electra_kernels::{ComputeSettings, DeviceError, DeviceName, Precision};

use crate::folder_error::FolderError;
use crate::predict::{
    Documents, PredictError, PredictSettings, Predictor, PredictorError, TaggedSentence, TaggingSession,
    TextForm,
};
use crate::tagger_folder::TaggerFolder;

/// Windows that go through the network together where nobody says otherwise.
const BATCH_SIZE: usize = 32;

/// A trained tagger that reads text.
///
/// It reads text as `electra predict` does, with words and sentences like those of its training data.
pub struct Tagger {
    predictor: Predictor,
    settings: PredictSettings,
}

/// A named entity in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Entity {
    /// The entity type, such as `PER`.
    pub label: String,
    /// The words of the entity as they stand in the text.
    pub text: String,
    /// The probability of the entity at the tagger's temperature, as [`TaggedEntity`](crate::TaggedEntity)
    /// has it.
    pub score: f64,
    /// First byte of the entity in the text.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// Settings of a [`Tagger`] that is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaggerBuilder {
    compute: ComputeSettings,
    precision: Precision,
    batch_size: usize,
}

/// A tagger that cannot be opened.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum OpenError {
    /// The folder holds no usable tagger.
    #[error("{0}")]
    Tagger(
        #[from]
        #[diagnostic_source]
        PredictorError,
    ),
    /// The device cannot be used, or not with these threads or in this precision.
    #[error("{0}")]
    Device(
        #[from]
        #[diagnostic_source]
        DeviceError,
    ),
}

impl From<FolderError> for OpenError {
    fn from(error: FolderError) -> Self {
        Self::Tagger(error.into())
    }
}

impl Default for TaggerBuilder {
    fn default() -> Self {
        Self { compute: ComputeSettings::default(), precision: Precision::F32, batch_size: BATCH_SIZE }
    }
}

impl TaggerBuilder {
    /// Runs on this device instead of the CPU.
    #[must_use]
    pub fn device(self, device: DeviceName) -> Self {
        Self { compute: ComputeSettings { device, ..self.compute }, ..self }
    }

    /// Shares work on a CPU among so many threads; the number is that of the whole process, and can be
    /// set once, before anything was computed.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { compute: ComputeSettings { threads: Some(threads), ..self.compute }, ..self }
    }

    /// Multiplies matrices in this precision instead of 32-bit floats: faster where the device has instructions
    /// for it. Scores are rounded, and where two labels are about as probable another one may win.
    #[must_use]
    pub fn precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Sends so many windows through the network together; no influence on the entities but by rounding.
    ///
    /// # Panics
    /// If there are to be none.
    #[must_use]
    pub fn batch_size(self, windows: usize) -> Self {
        assert!(windows > 0, "batches of no windows");
        Self { batch_size: windows, ..self }
    }

    /// Opens the folder that fine-tuning or transformers wrote.
    ///
    /// # Errors
    /// A folder without a usable tagger, a device that is not there, or threads that run already.
    pub fn open(self, folder: impl AsRef<Path>) -> Result<Tagger, OpenError> {
        // A device that is not there is said before a folder is read.
        let device = self.compute.open_with(self.precision)?;
        self.on_device(&TaggerFolder::open(folder.as_ref())?, &device)
    }

    /// Opens the tagger of a folder that is read already.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_folder(self, folder: &TaggerFolder) -> Result<Tagger, OpenError> {
        self.on_device(folder, &self.compute.open_with(self.precision)?)
    }

    fn on_device(self, folder: &TaggerFolder, device: &Device) -> Result<Tagger, OpenError> {
        let predictor = Predictor::new(folder, device, self.precision)?;
        let division = folder.settings.division.unwrap_or(Division::CORPUS);
        // Records that had no neighbours in training have none here.
        let alone =
            folder.settings.division.is_some_and(|stored| stored.is_of_records() && stored.records_alone);
        let settings = PredictSettings {
            form: TextForm::Running(SentenceSettings::of(division, LineBreaks::Space)),
            documents: if alone { Documents::Sentence } else { Documents::Whole },
            batch_size: self.batch_size,
        };
        Ok(Tagger { predictor, settings })
    }
}

impl Tagger {
    /// Opens the folder that fine-tuning or transformers wrote, for the CPU.
    ///
    /// # Errors
    /// As [`TaggerBuilder::open`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().open(folder)
    }

    /// Settings for another device, precision, number of threads or size of batches.
    #[must_use]
    pub fn builder() -> TaggerBuilder {
        TaggerBuilder::default()
    }

    /// The entity types that it tells apart, sorted.
    #[must_use]
    pub fn labels(&self) -> Vec<&str> {
        self.predictor.labels().kinds()
    }

    /// A session in which many texts are tagged together.
    #[must_use]
    pub fn session(&self) -> TaggingSession<'_> {
        TaggingSession::new(&self.predictor, self.settings)
    }

    /// The entities of a text, in reading order.
    ///
    /// # Errors
    /// None for text in memory; those of a stream that cannot be read.
    pub fn tag(&self, text: &str) -> Result<Vec<Entity>, PredictError> {
        let mut found = Vec::new();
        self.predictor.run(Cursor::new(text.to_owned()), &self.settings, |sentences| {
            found.extend(sentences.iter().flat_map(entities));
            Ok(())
        })?;
        Ok(found)
    }
}

/// The entities of a sentence, with their places in the whole text.
fn entities(tagged: &TaggedSentence) -> impl Iterator<Item = Entity> {
    tagged.entities.iter().map(|entity| {
        let bytes = tagged.sentence.bytes(entity.words.clone());
        Entity {
            label: entity.kind.clone(),
            text: tagged.sentence.slice(entity.words.clone()).to_owned(),
            score: entity.score,
            start: bytes.start as usize,
            end: bytes.end as usize,
        }
    })
}
