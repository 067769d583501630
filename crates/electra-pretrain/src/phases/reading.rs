//! The data of a run, phase by phase, and where the reading of each begins.
//!
//! A source is read on from where phases before have stopped, in whatever mixture it stands: known by its content, it
//! has one order of its rows in a run. Neighbouring phases with the same mixture share one interleaving. So a run that
//! is divided into phases that say the same reads what it reads undivided.

use std::collections::HashMap;

use electra_text::{DataSet, Split};

use crate::data::{OpenedFolders, RecipeDataError, check_tokenizers, open_data_of, unseen_ids};
use crate::mixture::{Mixture, ReadingStart, SourceStart, SourceUse};
use crate::phases::Phase;
use crate::recipe::Recipe;

/// The data of a run: of each phase.
#[derive(Clone, Debug)]
pub struct RunData {
    phases: Vec<PhaseReading>,
}

/// The data of a phase.
#[derive(Clone, Debug)]
pub struct PhaseReading {
    /// The data.
    pub data: Mixture,
    /// Where its reading begins.
    pub start: ReadingStart,
}

impl RunData {
    /// Opens the data of each phase of a recipe, and holds it against the phase and against that of the others.
    ///
    /// # Errors
    /// Data that is damaged, was built with other settings, or has another tokenizer in one phase than in another.
    pub fn open(recipe: &Recipe) -> Result<Self, RecipeDataError> {
        let mut opened = OpenedFolders::default();
        if recipe.phases.is_empty() {
            let data = open_data_of(recipe, &mut opened)?;
            let start = ReadingStart::of_run(data.sources().len());
            return Ok(Self { phases: vec![PhaseReading { data, start }] });
        }
        let mut phases: Vec<PhaseReading> = Vec::new();
        let mut read = ReadSoFar::default();
        for phase in recipe.phases() {
            let of_phase = |error| RecipeDataError::of_phase(phase.number, error);
            let data = open_data_of(&phase.recipe, &mut opened).map_err(of_phase)?;
            if let Some(first) = phases.first() {
                check_tokenizers(first.data.first(), data.first()).map_err(of_phase)?;
            }
            let start = read.begin(&data, phase.first_step, phases.last());
            read.add(&data, &start, phase.rows(phase.steps));
            phases.push(PhaseReading { data, start });
        }
        Ok(Self { phases })
    }

    /// The data of each phase, in order.
    pub fn phases(&self) -> &[PhaseReading] {
        &self.phases
    }

    /// The data of the first phase, with which the run begins: its tokenizer is that of all.
    pub fn first(&self) -> &Mixture {
        &self.phases[0].data
    }

    /// The data of the last phase, whose held-out rows every evaluation of the run reads.
    pub fn last(&self) -> &Mixture {
        &self.phases[self.phases.len() - 1].data
    }

    /// What each phase of `recipe` reads of each source of its mixture; nothing of one data folder.
    pub fn uses(&self, recipe: &Recipe) -> Vec<Vec<SourceUse>> {
        let of_phase = |(phase, reading): (Phase, &PhaseReading)| {
            reading.data.uses_from(reading.start.position, phase.rows(phase.steps))
        };
        recipe.phases().into_iter().zip(&self.phases).map(of_phase).collect()
    }

    /// The data folders of all phases, each once.
    pub fn folders(&self) -> Vec<&DataSet> {
        let mut folders: Vec<&DataSet> = Vec::new();
        for data in self.phases.iter().flat_map(|phase| phase.data.sources()) {
            if !folders.iter().any(|known| known.folder() == data.folder()) {
                folders.push(data);
            }
        }
        folders
    }

    /// Hash of the content: without phases that of the data, with phases a hash of the hashes of each.
    pub fn data_hash(&self, recipe: &Recipe) -> String {
        let hashes: Vec<String> = self.phases.iter().map(|phase| phase.data.data_hash()).collect();
        if recipe.phases.is_empty() {
            return self.first().data_hash();
        }
        let text = format!("electra phases 1\n{}\n", hashes.join("\n"));
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }

    /// Hashes of the content of each source, phase by phase; none where there is one folder in all.
    pub fn source_hashes(&self, recipe: &Recipe) -> Vec<String> {
        if recipe.phases.is_empty() {
            return self.first().source_hashes();
        }
        let sources = self.phases.iter().flat_map(|phase| phase.data.sources());
        sources.map(|data| data.manifest().data_hash().to_owned()).collect()
    }
}

/// Warnings about ids that the training text of a phase never has, each once.
pub fn unseen_ids_of_run(recipe: &Recipe, data: &RunData) -> Vec<String> {
    let mut warnings: Vec<String> = Vec::new();
    for (phase, reading) in recipe.phases().iter().zip(&data.phases) {
        for warning in unseen_ids(&phase.recipe, &reading.data) {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings
}

/// What a run has read when a phase begins.
#[derive(Default)]
struct ReadSoFar {
    rows: u64,
    epochs: f64,
    /// By content, and by which of several alike sources of a mixture it is: number of the source in the run, and rows
    /// read of it.
    sources: HashMap<(String, usize), (u64, u64)>,
}

impl ReadSoFar {
    /// Where the reading of `data` begins, in the phase after `before`.
    fn begin(&mut self, data: &Mixture, step: u64, before: Option<&PhaseReading>) -> ReadingStart {
        let (rows, epochs) = (self.rows, self.epochs);
        if let Some(before) = before.filter(|before| before.data.is_same(data)) {
            let position = before.start.position + (rows - before.start.rows);
            return ReadingStart { step, rows, position, epochs, ..before.start.clone() };
        }
        let mut sources = Vec::new();
        for key in keys(data) {
            let next = self.sources.len() as u64;
            let &mut (number, rows) = self.sources.entry(key).or_insert((next, 0));
            sources.push(SourceStart { number, rows });
        }
        ReadingStart { step, rows, position: 0, epochs, sources }
    }

    /// Adds a phase that reads so many rows.
    fn add(&mut self, data: &Mixture, start: &ReadingStart, rows: u64) {
        self.rows = self.rows.saturating_add(rows);
        self.epochs += rows as f64 / data.rows(Split::Train) as f64;
        for (key, count) in keys(data).into_iter().zip(data.counts(start.position, rows)) {
            if let Some((_, read)) = self.sources.get_mut(&key) {
                *read = read.saturating_add(count);
            }
        }
    }
}

/// The sources of a mixture by their content; alike ones by their order.
fn keys(data: &Mixture) -> Vec<(String, usize)> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let key = |data: &DataSet| {
        let hash = data.manifest().data_hash().to_owned();
        let number = seen.entry(hash.clone()).or_default();
        *number += 1;
        (hash, *number)
    };
    data.sources().map(key).collect()
}
