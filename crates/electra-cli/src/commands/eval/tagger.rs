//! A tagger that is scored on gold sentences, without a file of predictions.

use std::path::{Path, PathBuf};

use electra_annotations::{Division, Gold, Predictions, ReadOptions};
use electra_ner::{SentenceTagger, TaggerFolder};

use crate::commands::predict::of_predictor;
use crate::device::{DeviceName, Precision, use_threads};
use crate::failure::Failure;
use crate::hub;

/// A tagger that reads the words of gold sentences.
pub(super) struct ScoredTagger {
    /// The folder of the tagger.
    pub(super) path: PathBuf,
    tagger: SentenceTagger,
    division: Option<Division>,
}

/// Opens the tagger in a folder.
///
/// # Errors
/// A folder without a usable tagger, or a device that is not there or lacks the precision.
pub(super) fn open(
    path: &Path,
    device: DeviceName,
    precision: Precision,
    threads: Option<usize>,
) -> Result<ScoredTagger, Failure> {
    use_threads(threads)?;
    let device = device.open_with(precision)?;
    let folder = TaggerFolder::open(&hub::model_folder(path)?)?;
    let tagger = SentenceTagger::new(&folder, &device, precision).map_err(of_predictor)?;
    Ok(ScoredTagger { path: path.to_owned(), tagger, division: folder.settings.division })
}

impl ScoredTagger {
    /// Has texts divided as those that the tagger was trained on, where nothing else is asked for.
    pub(super) fn divide_alike(&self, options: &mut ReadOptions) {
        let records = self.division.filter(|division| division.is_of_records());
        options.words = options.words.or(records.map(|division| division.words));
    }

    /// The tags that the tagger predicts for the words of gold sentences.
    pub(super) fn predictions(&self, gold: Gold<'_>) -> Predictions {
        Predictions::of(gold, self.tagger.tags(gold.sentences))
    }
}
