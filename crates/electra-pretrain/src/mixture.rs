//! The training data of a run: one data folder, or a mixture of several by their weights.

use std::sync::Arc;

use electra_run::epoch_shuffle::EpochShuffle;
use electra_run::interleave::Interleave;
use electra_run::record::thousands;
use electra_run::seed::{Purpose, derive};
use electra_text::{DataError, DataSet, Example, Split};
use serde::Serialize;

use crate::heldout::evenly;

/// Units of a weight of 1 by which the sources of a mixture are interleaved.
pub const WEIGHT_UNITS: f64 = 1e9;

/// The training data of a run: one data folder, or a mixture of several, all of one tokenizer and one
/// length of rows. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Mixture {
    sources: Arc<[Source]>,
    interleave: Arc<Interleave>,
}

/// One data folder of a mixture.
#[derive(Debug)]
struct Source {
    data: Arc<DataSet>,
    weight: f64,
}

/// The use that a run makes of one source of a mixture: its share of the rows, and how often each is read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceUse {
    /// The data folder.
    pub path: String,
    /// Hash of its content.
    pub data_hash: String,
    /// Its weight in the recipe.
    pub weight: f64,
    /// Its share of the rows that are read, by its weight.
    pub share: f64,
    /// Rows of its training data.
    pub examples: usize,
    /// The number of times that each of them is read, on average.
    pub repeats: f64,
}

/// The order in which a run reads the rows of a mixture.
#[derive(Clone, Debug)]
pub struct MixtureOrder {
    interleave: Arc<Interleave>,
    shuffles: Vec<EpochShuffle>,
    /// Rows of each source that were read before.
    before: Vec<u64>,
}

/// The place in a run at which the reading of a mixture begins: the start of the run, or of one of its phases.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingStart {
    /// The first step of the run that reads it.
    pub step: u64,
    /// Rows that the run has read before, of any data: masks and samples are drawn by the number of a row in the run.
    pub rows: u64,
    /// The first position of the interleaving.
    pub position: u64,
    /// Epochs that the run has read before.
    pub epochs: f64,
    /// Of each source.
    pub sources: Vec<SourceStart>,
}

/// A source of a mixture at the place where its reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceStart {
    /// Its number among all sources of the run, from 0, which decides its order.
    pub number: u64,
    /// Rows that were read of it before the first position of the interleaving.
    pub rows: u64,
}

impl ReadingStart {
    /// The start of a run that reads a mixture of so many sources.
    pub fn of_run(sources: usize) -> Self {
        let sources = (0..sources as u64).map(|number| SourceStart { number, rows: 0 }).collect();
        Self { step: 0, rows: 0, position: 0, epochs: 0.0, sources }
    }
}

impl From<Arc<DataSet>> for Mixture {
    fn from(data: Arc<DataSet>) -> Self {
        Self::new(vec![(data, 1.0)])
    }
}

impl From<DataSet> for Mixture {
    fn from(data: DataSet) -> Self {
        Self::from(Arc::new(data))
    }
}

impl Mixture {
    /// The mixture of data folders with weights; those of weight 0 are left out.
    ///
    /// # Panics
    /// If no folder is left.
    pub(crate) fn new(sources: Vec<(Arc<DataSet>, f64)>) -> Self {
        let sources: Vec<Source> = sources
            .into_iter()
            .map(|(data, weight)| Source { data, weight })
            .filter(|source| source.units() > 0)
            .collect();
        let interleave = Arc::new(Interleave::new(sources.iter().map(Source::units).collect()));
        Self { sources: sources.into(), interleave }
    }

    /// The first data folder: its tokenizer and the shape of its rows are those of all.
    pub fn first(&self) -> &DataSet {
        &self.sources[0].data
    }

    /// The data folders, in the order of the recipe.
    pub fn sources(&self) -> impl ExactSizeIterator<Item = &DataSet> {
        self.sources.iter().map(|source| &*source.data)
    }

    /// Hash of the content: of one data folder its own, of several a hash of theirs.
    pub fn data_hash(&self) -> String {
        data_hash(&self.sources().map(|data| data.manifest().data_hash()).collect::<Vec<_>>())
    }

    /// Hashes of the content of each of several sources; none for one folder.
    pub fn source_hashes(&self) -> Vec<String> {
        let hashes = self.sources().map(|data| data.manifest().data_hash().to_owned());
        if self.sources.len() > 1 { hashes.collect() } else { vec![] }
    }

    /// Rows of a split in all sources together.
    pub fn rows(&self, split: Split) -> usize {
        self.sources().map(|data| data.split(split).len()).sum()
    }

    /// The held-out row of a number, counted through all sources in their order.
    ///
    /// # Errors
    /// A row that is damaged.
    pub(crate) fn heldout(&self, mut row: usize) -> Result<Example<'_>, DataError> {
        for data in self.sources() {
            let rows = data.split(Split::HeldOut);
            if row < rows.len() {
                return rows.get_checked(row);
            }
            row -= rows.len();
        }
        panic!("held-out row {row} beyond the last");
    }

    /// As many training rows of each source as a run of `count` rows reads of it, spread evenly over the source.
    pub(crate) fn spread(&self, count: usize) -> impl Iterator<Item = Example<'_>> {
        let counts = self.interleave.counts(count as u64);
        self.sources().zip(counts).flat_map(|(data, own)| {
            let (rows, own) = (data.split(Split::Train), own as usize);
            (0..own).map(move |place| rows.get(evenly(place, own, rows.len())))
        })
    }

    /// Part of the training rows, as a run reads them, that is tokens; the rest is padding.
    pub fn fill(&self) -> f64 {
        let fill = |data: &DataSet| {
            let places = data.split(Split::Train).len() * data.manifest().row_shape().seq_len;
            data.manifest().train.tokens as f64 / places.max(1) as f64
        };
        self.sources().zip(self.interleave.shares()).map(|(data, share)| share * fill(data)).sum()
    }

    /// What a run reads of each source of a mixture in its first `rows` rows; none for one folder.
    pub fn uses(&self, rows: u64) -> Vec<SourceUse> {
        self.uses_from(0, rows)
    }

    /// What is read of each source of a mixture in `rows` rows from a position of the interleaving on; none for one
    /// folder.
    pub(crate) fn uses_from(&self, position: u64, rows: u64) -> Vec<SourceUse> {
        if self.sources.len() == 1 {
            return vec![];
        }
        let counts = self.counts(position, rows).into_iter().zip(self.interleave.shares());
        let of = |(source, (count, share)): (&Source, (u64, f64))| {
            let examples = source.data.split(Split::Train).len();
            SourceUse {
                path: source.data.folder().display().to_string(),
                data_hash: source.data.manifest().data_hash().to_owned(),
                weight: source.weight,
                share,
                examples,
                repeats: count as f64 / examples as f64,
            }
        };
        self.sources.iter().zip(counts).map(of).collect()
    }

    /// Rows of each source in `rows` rows from a position of the interleaving on.
    pub(crate) fn counts(&self, position: u64, rows: u64) -> Vec<u64> {
        let [to, from] =
            [position.saturating_add(rows), position].map(|position| self.interleave.counts(position));
        to.into_iter().zip(from).map(|(to, from)| to - from).collect()
    }

    /// Whether another mixture has the same content in the same shares.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let hashes = |mixture: &Self| -> Vec<String> {
            mixture.sources().map(|data| data.manifest().data_hash().to_owned()).collect()
        };
        self.interleave == other.interleave && hashes(self) == hashes(other)
    }

    /// The order in which a run of this seed reads the training rows.
    ///
    /// # Panics
    /// If a source has no rows.
    pub fn order(&self, seed: u64) -> MixtureOrder {
        self.order_from(seed, &ReadingStart::of_run(self.sources.len()))
    }

    /// As [`order`](Self::order), of a run that has read before.
    pub(crate) fn order_from(&self, seed: u64, start: &ReadingStart) -> MixtureOrder {
        let of_source = |(data, source): (&DataSet, &SourceStart)| {
            // The first source of a run is read as a folder alone would be.
            let seed = if source.number == 0 { seed } else { derive(seed, Purpose::Source, source.number) };
            EpochShuffle::new(seed, data.split(Split::Train).len())
        };
        let shuffles = self.sources().zip(&start.sources).map(of_source).collect();
        let before = start.sources.iter().map(|source| source.rows).collect();
        MixtureOrder { interleave: Arc::clone(&self.interleave), shuffles, before }
    }

    /// The training row that `order` has at a position of the run.
    ///
    /// # Errors
    /// A row that is damaged.
    pub(crate) fn at(&self, order: &MixtureOrder, position: u64) -> Result<Example<'_>, DataError> {
        let (source, row) = order.index(position);
        self.sources[source].data.split(Split::Train).get_checked(row)
    }
}

impl SourceUse {
    /// The use in a sentence, of a run of so many steps.
    pub fn sentence(&self, steps: u64) -> String {
        let Self { path, share, examples, repeats, .. } = self;
        let (examples, steps) = (thousands(*examples as u64), thousands(steps));
        let share = 100.0 * share;
        format!(
            "source {path}: {share:.2} % of the rows, its {examples} read {repeats:.2} times in {steps} steps"
        )
    }
}

/// Hash of the content of data folders with these hashes: of one its own, of several a hash of theirs.
pub fn data_hash(hashes: &[&str]) -> String {
    match hashes {
        [one] => (*one).to_owned(),
        several => {
            let text = format!("electra mixture 1\n{}\n", several.join("\n"));
            blake3::hash(text.as_bytes()).to_hex().to_string()
        }
    }
}

impl Source {
    /// The weight in whole units: sums of them are exact.
    fn units(&self) -> u64 {
        (self.weight * WEIGHT_UNITS).round() as u64
    }
}

impl MixtureOrder {
    /// Source and row at a position of the interleaving, which for a run of one phase is `step * batch_size + place in
    /// the batch`.
    pub fn index(&self, position: u64) -> (usize, usize) {
        let place = self.interleave.place(position);
        let position = self.before[place.source] + place.position;
        (place.source, self.shuffles[place.source].index(position))
    }
}
