//! Batches as a function of the step, and a thread that prepares the next ones.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use electra_model::{BatchData, Objective};
use electra_run::seed::{Purpose, stream};
use electra_text::vocab::CONTINUATION;
use electra_text::{Example, Split, Tokenizer};
use rand::{Rng, RngExt};

pub use crate::batch_plan::BatchPlan;
use crate::data::{RecipeDataError, check_batch};
use crate::fixed_proposal::FixedProposal;
use crate::frequency::log_frequencies;
use crate::mask::{Masking, is_candidate};
use crate::mixture::{Mixture, MixtureOrder, ReadingStart, SourceUse};
use crate::per_byte::PieceBytes;

/// Reads training batches: the micro-batches of step `k` depend on seed, data and `k` alone.
#[derive(Clone)]
pub struct Loader {
    data: Mixture,
    order: MixtureOrder,
    start: ReadingStart,
    plan: BatchPlan,
    chance: Option<FixedProposal>,
    /// `[V]`: whether a piece continues a word, where the masking asks for it.
    continues: Arc<[bool]>,
    piece_bytes: Arc<PieceBytes>,
    /// The micro-batches of a step that are read.
    share: Range<usize>,
}

impl Loader {
    /// The loader of a run of one phase.
    ///
    /// # Errors
    /// A training split that holds no rows.
    pub fn new(data: impl Into<Mixture>, plan: BatchPlan) -> Result<Self, RecipeDataError> {
        let data = data.into();
        let start = ReadingStart::of_run(data.sources().len());
        Self::starting(data, start, plan)
    }

    /// The loader of a phase, whose reading begins where `start` says.
    ///
    /// # Errors
    /// A training split that holds no rows.
    pub fn starting(data: Mixture, start: ReadingStart, plan: BatchPlan) -> Result<Self, RecipeDataError> {
        for source in data.sources() {
            check_batch(source.split(Split::Train).len(), 1, source.folder())?;
        }
        let order = data.order_from(plan.seed, &start);
        let tokenizer = &data.first().manifest().tokenizer;
        // Ids that no text has would give themselves away.
        let known = plan.vocab_size.min(tokenizer.vocab_size);
        let frequencies = || log_frequencies(&data, known);
        let chance = plan
            .objective
            .joint()
            .and_then(|joint| FixedProposal::of(joint, known, tokenizer.special, frequencies));
        let continues = match plan.masking {
            Masking::WholeWord { .. } => continuations(data.first().tokenizer()),
            _ => Arc::default(),
        };
        let piece_bytes = Arc::new(PieceBytes::of(data.first().tokenizer()));
        let share = 0..plan.batch_size / plan.micro_batch_size;
        Ok(Self { data, order, start, plan, chance, continues, piece_bytes, share })
    }

    /// The loader of some of the micro-batches of each step: those of one rank.
    #[must_use]
    pub fn of_share(self, share: Range<usize>) -> Self {
        Self { share, ..self }
    }

    /// The micro-batches of a step of the run, or the share of them.
    ///
    /// # Errors
    /// A row of the data that is damaged.
    ///
    /// # Panics
    /// If the step comes before the phase.
    pub fn at(&self, step: u64) -> Result<Vec<BatchData>, RecipeDataError> {
        let micro = self.plan.micro_batch_size as u64;
        assert!(step >= self.start.step, "step {step} of a phase that begins at {}", self.start.step);
        let first = self.rows_read(step);
        let masking = self.plan.mask_rate.masking(self.plan.masking, step, self.plan.steps);
        self.share.clone().map(|m| self.rows(first + m as u64 * micro, masking)).collect()
    }

    /// Held-out rows by number, each always masked and sampled alike, at the rate of the masking itself.
    ///
    /// # Errors
    /// A row of the data that is damaged.
    pub fn heldout(&self, rows: &[usize]) -> Result<BatchData, RecipeDataError> {
        let masking = self.plan.masking;
        let mut batch = self.empty(rows.len(), masking);
        for &i in rows {
            let mut rng = stream(self.plan.seed, Purpose::Evaluate, i as u64);
            self.push(&mut batch, self.data.heldout(i)?, masking, &mut rng);
            self.sample(&mut batch, &mut rng);
        }
        Ok(batch)
    }

    /// The length of the text of each id, in bytes.
    pub(crate) fn piece_bytes(&self) -> &PieceBytes {
        &self.piece_bytes
    }

    /// Epochs that the run has read when `step` steps are done: rows read by rows there are, in all sources together.
    pub fn epochs(&self, step: u64) -> f64 {
        self.start.epochs + self.rows_read(step) as f64 / self.data.rows(Split::Train) as f64
    }

    /// What the phase has read of each source of a mixture when the run has done `step` steps; none for one data folder.
    pub fn uses(&self, step: u64) -> Vec<SourceUse> {
        self.data.uses_from(self.start.position, self.rows_read(step))
    }

    /// Rows that the phase has read when the run has done `step` steps.
    fn rows_read(&self, step: u64) -> u64 {
        step.saturating_sub(self.start.step).saturating_mul(self.plan.batch_size as u64)
    }

    /// Number of held-out rows.
    pub fn heldout_len(&self) -> usize {
        self.data.rows(Split::HeldOut)
    }

    /// Appends one example, masked and padded.
    fn push(&self, batch: &mut BatchData, example: Example<'_>, masking: Masking, rng: &mut impl Rng) {
        let special = self.data.first().manifest().tokenizer.special;
        let ids = example.ids.to_vec();
        let continues = |id: u32| self.continues.get(id as usize).copied().unwrap_or(false);
        let slots = masking.choose(&ids, special, continues, batch.slots, rng);
        batch.push(&ids, |i| example.token_type(i), special.pad, special.mask, &slots);
        if let Objective::Electric(_) = self.plan.objective {
            batch.candidates.extend(ids.iter().map(|&id| f32::from(is_candidate(id, special))));
            batch.candidates.resize(batch.ids.len(), 0.0);
        }
    }

    /// Appends the uniform numbers of the last example, and what they draw where no generator does.
    fn sample(&self, batch: &mut BatchData, rng: &mut impl Rng) {
        let row = batch.uniforms.len();
        batch.uniforms.extend((0..batch.slots).map(|_| rng.random::<f32>()));
        if let Some(chance) = &self.chance {
            let slots = batch.uniforms[row..].iter().zip(&batch.targets[row..]);
            let drawn = slots.map(|(&uniform, &original)| chance.draw(uniform, original as u32) as i32);
            batch.proposals.extend(drawn);
        }
    }

    fn empty(&self, rows: usize, masking: Masking) -> BatchData {
        BatchData {
            examples: rows,
            sequence_length: self.plan.sequence_length,
            slots: masking.slots(self.plan.sequence_length),
            probability: masking.probability(),
            ..BatchData::default()
        }
    }

    fn rows(&self, position: u64, masking: Masking) -> Result<BatchData, RecipeDataError> {
        let mut batch = self.empty(self.plan.micro_batch_size, masking);
        for of_phase in position..position + self.plan.micro_batch_size as u64 {
            let example = self.data.at(&self.order, self.start.position + of_phase)?;
            // The number of the row in the run: a source that is read again is masked otherwise.
            let place = self.start.rows + of_phase;
            self.push(&mut batch, example, masking, &mut stream(self.plan.seed, Purpose::Mask, place));
            self.sample(&mut batch, &mut stream(self.plan.seed, Purpose::Sample, place));
        }
        Ok(batch)
    }
}

/// The flags of the pieces of the vocabulary that continue the one before them.
fn continuations(tokenizer: &Tokenizer) -> Arc<[bool]> {
    let vocabulary = tokenizer.vocabulary();
    let piece = |id: usize| vocabulary.piece(id as u32).is_some_and(|piece| piece.starts_with(CONTINUATION));
    (0..tokenizer.vocab_size()).map(piece).collect()
}

/// Prepares batches ahead of the loop on a thread of its own.
pub struct Prefetch {
    batches: Receiver<Result<Vec<BatchData>, RecipeDataError>>,
    thread: Option<JoinHandle<()>>,
}

impl Prefetch {
    /// Starts with `first_step`; stops after `last_step` or when dropped.
    pub fn start(loader: Loader, first_step: u64, end_step: u64) -> Self {
        // Two steps ahead hide a slow read; more would only hold memory.
        let (sender, batches) = sync_channel(2);
        let thread = std::thread::spawn(move || {
            for step in first_step..end_step {
                let rows = loader.at(step);
                let is_last = rows.is_err();
                if sender.send(rows).is_err() || is_last {
                    break;
                }
            }
        });
        Self { batches, thread: Some(thread) }
    }

    /// The micro-batches of the next step.
    ///
    /// Panics after the last one or an error, or if the thread panicked.
    ///
    /// # Errors
    /// A row of the data that is damaged.
    pub fn next_step(&self) -> Result<Vec<BatchData>, RecipeDataError> {
        self.batches.recv().expect("the loader has a batch for every step")
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        // Closing the channel first lets a sender that is blocked on it go.
        let (_, closed) = sync_channel(0);
        self.batches = closed;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
