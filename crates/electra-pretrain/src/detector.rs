//! Replaced token detection with a pretrained discriminator: text in, a probability for each token out.

use std::path::Path;

use burn::prelude::*;
use burn::tensor::TensorData;
use electra_kernels::{ComputeSettings, DeviceError, DeviceName, read};
use electra_model::{Architecture, Discriminator, DropoutSites, Pass, on_workers};
use electra_text::Tokenizer;
use electra_text::wordpiece::{Encoding, OffsetUnit};
use electra_train::model_folder::{ModelFolder, ModelFolderError};

/// One token of a text and how likely the discriminator thinks that it was replaced.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Detection {
    /// The word piece.
    pub token: String,
    /// First character of the token in the text, counted in Unicode characters.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// Probability that it was replaced.
    pub probability: f64,
}

/// A pretrained discriminator that reads text.
pub struct Detector {
    model: Discriminator,
    tokenizer: Tokenizer,
    device: Device,
}

/// Iterator over the windows of a text, each as the tokens that stand in it.
pub struct DetectionWindows<'d> {
    detector: &'d Detector,
    encoding: Encoding,
    /// The places of the tokens in the encoding.
    pieces: Vec<usize>,
    next: usize,
}

/// Settings of a [`Detector`] that is to be opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DetectorBuilder(ComputeSettings);

/// A detector that cannot be opened.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum DetectorError {
    /// The folder holds no model that can be used.
    #[error("{0}")]
    Folder(
        #[from]
        #[diagnostic_source]
        ModelFolderError,
    ),
    /// The model was trained for another objective.
    #[error("{0} was not trained to detect replaced tokens")]
    Objective(std::path::PathBuf),
    /// The device cannot be used, or not with these threads.
    #[error("{0}")]
    Device(
        #[from]
        #[diagnostic_source]
        DeviceError,
    ),
}

impl DetectorBuilder {
    /// Runs on this device instead of the CPU.
    #[must_use]
    pub fn device(self, device: DeviceName) -> Self {
        Self(ComputeSettings { device, ..self.0 })
    }

    /// Shares work on a CPU among so many threads; the number is that of the whole process, and can be set
    /// once, before anything was computed.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self(ComputeSettings { threads: Some(threads), ..self.0 })
    }

    /// Opens a run, an imported model, or a folder that transformers wrote.
    ///
    /// # Errors
    /// A folder without such a model, a device that is not there, or threads that run already.
    pub fn open(self, folder: impl AsRef<Path>) -> Result<Detector, DetectorError> {
        let device = self.0.open()?;
        Detector::new(&ModelFolder::open(folder.as_ref())?, device)
    }
}

impl Detector {
    /// Opens a run, an imported model, or a folder that transformers wrote, for the CPU.
    ///
    /// # Errors
    /// As [`DetectorBuilder::open`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, DetectorError> {
        Self::builder().open(folder)
    }

    /// Settings for another device or number of threads.
    #[must_use]
    pub fn builder() -> DetectorBuilder {
        DetectorBuilder::default()
    }

    /// The detector of a folder that is open already, on `device`, without autodiff.
    ///
    /// # Errors
    /// A model of another objective, or weights that do not fit its sizes.
    pub fn new(folder: &ModelFolder, device: Device) -> Result<Self, DetectorError> {
        if !Architecture::of(&folder.tensors).detects() {
            return Err(DetectorError::Objective(folder.path.clone()));
        }
        let model = folder.discriminator(&device)?;
        Ok(Self { model, tokenizer: folder.tokenizer.clone(), device })
    }

    /// The vocabulary.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The tokens of a text of any length, which is read in windows as long as the position table.
    #[must_use]
    pub fn detect(&self, text: &str) -> Vec<Detection> {
        self.windows(text).flatten().collect()
    }

    /// The tokens of each window of a text, computed when they are asked for.
    #[must_use]
    pub fn windows(&self, text: &str) -> DetectionWindows<'_> {
        let encoding = self.tokenizer.encode(text, OffsetUnit::Chars, None);
        let pieces: Vec<usize> = (0..encoding.len()).filter(|&i| !encoding.is_special[i]).collect();
        DetectionWindows { detector: self, encoding, pieces, next: 0 }
    }

    /// Logits of the tokens of a window.
    fn logits(&self, ids: &[u32]) -> Vec<f32> {
        let special = self.tokenizer.special();
        let ids = [special.cls].into_iter().chain(ids.iter().copied()).chain([special.sep]);
        let ids: Vec<i32> = ids.map(|id| id as i32).collect();
        let s = ids.len();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids, [1, s]), &self.device);
        let attention_mask = Tensor::ones([1, s], &self.device);
        let logits: Vec<f32> = on_workers(Pass::Detection, &self.device, || {
            let off = DropoutSites::off();
            let logits = self.model.forward(ids.clone(), ids.zeros_like(), attention_mask, &off);
            read(logits).iter::<f32>().collect()
        });
        logits[1..s - 1].to_vec()
    }
}

impl Iterator for DetectionWindows<'_> {
    type Item = Vec<Detection>;

    fn next(&mut self) -> Option<Vec<Detection>> {
        let Self { detector, encoding, pieces, next } = self;
        let window = detector.model.embeddings.position.dims()[0] - 2;
        let chunk = pieces[*next..].chunks(window).next()?;
        *next += chunk.len();
        let ids: Vec<u32> = chunk.iter().map(|&i| encoding.ids[i]).collect();
        let detection = |(&i, logit): (&usize, f32)| {
            let (start, end) = encoding.offsets[i];
            let piece = detector.tokenizer.vocabulary().piece(encoding.ids[i]);
            let token = piece.unwrap_or("[UNK]").to_string();
            let probability = 1.0 / (1.0 + (-f64::from(logit)).exp());
            Detection { token, start, end, probability }
        };
        Some(chunk.iter().zip(detector.logits(&ids)).map(detection).collect())
    }
}
