//! A fixed corruption of held-out text: the same masks and the same samples for every discriminator
//! that is judged on it.
//!
//! What a discriminator is measured by in its own run depends on the generator that it was trained
//! beside: a weak one makes an easy task. Here all read the same text, in which the same tokens are
//! replaced.

use std::sync::Arc;

use burn::prelude::*;
use electra_kernels::read;
use electra_model::corrupt::{Corrupted, Sampling, corrupt, corrupt_with};
use electra_model::parameters::NamedTensors;
use electra_model::{
    Architecture, Batch, DropoutSites, Electra, GeneratorDiscriminatorConfig, GeneratorKind, Objective, Pass,
    Proposals, on_workers,
};
use electra_run::record::{HeldoutMeasure, HeldoutRows};
use electra_text::DataSet;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::data::RecipeDataError;
use crate::heldout::HeldoutSample;
use crate::loader::{BatchPlan, Loader};
use crate::mask::Masking;
use crate::mask_rate::MaskRate;
use electra_train::model_folder::{ModelFolder, ModelFolderError};

/// Which positions of which rows are masked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorruptionPlan {
    /// The masking strategy: the way in which positions are drawn.
    pub masking: Masking,
    /// Seed of masks and samples: the same one draws the same.
    pub seed: u64,
    /// Held-out rows at most, spread evenly over all.
    pub max_examples: usize,
}

impl Default for CorruptionPlan {
    /// The paper's 15 % of a thousand rows, seed 0.
    fn default() -> Self {
        let masking = Masking::WithoutReplacement { probability: 0.15 };
        Self { masking, seed: 0, max_examples: 1000 }
    }
}

/// The source of the replacements.
pub enum Sampler<'a> {
    /// The generator of a pretrained model, at temperature 1.
    Generator(&'a ModelFolder),
    /// FixedProposal: each piece as often as it occurs in the training text, as with
    /// `proposals = "unigram"`.
    Unigram,
}

/// The identity of a corruption: the data, the sampler and the settings that decide its text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorruptionIdentity {
    /// Hash of the text as it is after the corruption, and of what was replaced.
    pub hash: String,
    /// Hash of the weights that sampled; none where chance did.
    pub generator_hash: Option<String>,
    /// Hash of the data folder's content.
    pub data_hash: String,
    /// Hash of its vocabulary.
    pub tokenizer_hash: String,
    /// The masking strategy: the way in which positions were drawn.
    pub masking: Masking,
    /// Seed of masks and samples.
    pub seed: u64,
    /// The rows that were corrupted.
    pub heldout: HeldoutMeasure,
    /// Real tokens in them.
    pub tokens: u64,
    /// The number of them that were replaced by another token.
    pub replaced_tokens: u64,
}

/// Held-out rows with replaced tokens.
#[derive(Clone, Debug)]
pub struct Corruption {
    /// The identity of the corruption.
    pub identity: CorruptionIdentity,
    vocab_size: usize,
    pub(crate) text: Text,
}

/// Rows of `S` tokens, `[R, S]` each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) sequence_length: usize,
    /// After the corruption.
    pub(crate) ids: Vec<i32>,
    /// The token types.
    pub(crate) token_type_ids: Vec<i32>,
    /// 1 at tokens, 0 at padding.
    pub(crate) attention_mask: Vec<f32>,
    /// Flags of the positions whose token differs from the original.
    pub(crate) is_replaced: Vec<bool>,
}

/// Divides the generator's logits.
const TEMPERATURE: f64 = 1.0;

/// An error of corrupting text.
#[derive(Debug, Error, miette::Diagnostic)]
pub enum CorruptionError {
    /// The data cannot be used.
    #[error("{0}")]
    Data(
        #[from]
        #[diagnostic_source]
        RecipeDataError,
    ),
    /// The generator's weights cannot be used.
    #[error("{0}")]
    Model(
        #[from]
        #[diagnostic_source]
        ModelFolderError,
    ),
    /// The data has no held-out rows to corrupt.
    #[error("{0} has no held-out rows")]
    #[diagnostic(help("build it again with a file or a share held out"))]
    NothingHeldOut(String),
    /// A model without the generator that is asked for.
    #[error("{folder} has no generator that fills in [MASK]: {why}")]
    #[diagnostic(help("name a run of replaced-token-detection, or unigram"))]
    NoGenerator {
        /// The folder of the model.
        folder: String,
        /// The description of what the model has instead.
        why: &'static str,
    },
    /// A model that cannot read the rows.
    #[error("{folder} reads {positions} positions, the rows have {length}")]
    #[diagnostic(help("take data with shorter rows, or leave it out"))]
    TooLong {
        /// The folder of the model.
        folder: String,
        /// The number of positions that the model can read.
        positions: usize,
        /// Tokens of a row.
        length: usize,
    },
    /// A model of another vocabulary.
    #[error(
        "{folder} has another tokenizer ({found}) than the text that is judged ({expected}): it cannot read its pieces"
    )]
    #[diagnostic(help("leave it out, or judge it on data and with a generator of its own tokenizer"))]
    OtherTokenizer {
        /// The folder of the model.
        folder: String,
        /// The tokenizer of the model, in words.
        found: String,
        /// The tokenizer of the data, in words.
        expected: String,
    },
    /// A sample that a model has no row for.
    #[error("{folder} has a vocabulary of {rows} ids and the text has id {id}")]
    #[diagnostic(help("leave it out, or take another generator"))]
    UnknownId {
        /// The folder of the model.
        folder: String,
        /// Rows of its table.
        rows: usize,
        /// The largest id of the text.
        id: i32,
    },
}

impl Corruption {
    /// Corrupts held-out rows of `data`; `progress` is told the rows done and of how many.
    ///
    /// # Errors
    /// Data or a generator that cannot be used, or that do not fit each other.
    pub fn new(
        data: DataSet,
        plan: &CorruptionPlan,
        sampler: &Sampler<'_>,
        device: &Device,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Self, CorruptionError> {
        let (manifest, folder) = (data.manifest().clone(), data.folder().display().to_string());
        let shape = manifest.row_shape();
        let (s, vocab_size) = (shape.seq_len, manifest.tokenizer.vocab_size);
        let generator = match sampler {
            Sampler::Unigram => None,
            Sampler::Generator(model) => {
                check_reader(model, &manifest.tokenizer.hash, vocab_size, s)?;
                Some(generator_of(model, device)?)
            }
        };
        let proposals = if generator.is_some() { Proposals::Learned } else { Proposals::Unigram };
        let objective = Objective::ReplacedTokenDetection(GeneratorDiscriminatorConfig {
            generator_weight: 1.0,
            discriminator_weight: 1.0,
            temperature: TEMPERATURE,
            disallow_correct: false,
            proposals,
        });
        let batches = BatchPlan {
            seed: plan.seed,
            masking: plan.masking,
            mask_rate: MaskRate::default(),
            steps: 0,
            sequence_length: s,
            batch_size: 1,
            micro_batch_size: 1,
            objective,
            vocab_size,
        };
        let loader = Loader::new(Arc::new(data), batches)?;
        let sample = HeldoutSample::new(HeldoutRows::Spread, loader.heldout_len(), plan.max_examples);
        if sample.is_empty() {
            return Err(CorruptionError::NothingHeldOut(folder));
        }
        let rows: Vec<usize> = (0..sample.len()).map(|place| sample.row(place)).collect();
        let mut text = Text { sequence_length: s, ..Text::default() };
        for chunk in rows.chunks(rows_at_once(s)) {
            let batch = loader.heldout(chunk)?;
            let corrupted = on_workers(Pass::Evaluation, device, || {
                sampled(generator.as_ref(), &batch.to_device(device))
            });
            text.ids.extend(read(corrupted.ids).iter::<i32>());
            text.is_replaced.extend(read(corrupted.labels).iter::<f32>().map(|label| label > 0.5));
            text.token_type_ids.extend(&batch.token_type_ids);
            text.attention_mask.extend(&batch.attention_mask);
            progress(text.rows(), rows.len());
        }
        let identity = CorruptionIdentity {
            hash: text.hash(),
            generator_hash: match sampler {
                Sampler::Generator(model) => Some(hash_of(&model.tensors)),
                Sampler::Unigram => None,
            },
            data_hash: manifest.data_hash().to_owned(),
            tokenizer_hash: manifest.tokenizer.hash,
            masking: plan.masking,
            seed: plan.seed,
            heldout: sample.measure(),
            tokens: text.attention_mask.iter().filter(|attention_mask| **attention_mask > 0.0).count() as u64,
            replaced_tokens: text.is_replaced.iter().filter(|replaced| **replaced).count() as u64,
        };
        Ok(Self { identity, vocab_size, text })
    }

    /// Refuses a model whose tokens are not those of `data`, or that cannot read rows as long.
    ///
    /// # Errors
    /// Another tokenizer, or too few positions.
    pub fn check_tokenizer(data: &DataSet, model: &ModelFolder) -> Result<(), CorruptionError> {
        let (manifest, length) = (data.manifest(), data.manifest().row_shape().seq_len);
        check_reader(model, &manifest.tokenizer.hash, manifest.tokenizer.vocab_size, length)
    }

    /// Refuses a model that cannot read the text.
    ///
    /// # Errors
    /// Another tokenizer, too few positions, or an id that it has no row for.
    pub fn check_reader(&self, model: &ModelFolder) -> Result<(), CorruptionError> {
        check_reader(model, &self.identity.tokenizer_hash, self.vocab_size, self.text.sequence_length)?;
        let id = self.text.ids.iter().copied().max().unwrap_or(0);
        let rows = model.config.vocab_size;
        if usize::try_from(id).is_ok_and(|id| id < rows) {
            return Ok(());
        }
        Err(CorruptionError::UnknownId { folder: model.path.display().to_string(), rows, id })
    }
}

impl Text {
    pub(crate) fn rows(&self) -> usize {
        self.ids.len() / self.sequence_length
    }

    fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.sequence_length as u64).to_le_bytes());
        for ((id, replaced), attention_mask) in
            self.ids.iter().zip(&self.is_replaced).zip(&self.attention_mask)
        {
            hasher.update(&id.to_le_bytes());
            hasher.update(&[u8::from(*replaced), u8::from(*attention_mask > 0.0)]);
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// Rows that go through a network at once.
pub(crate) fn rows_at_once(sequence_length: usize) -> usize {
    (8192 / sequence_length).clamp(1, 64)
}

/// The corrupted text of a batch, with samples of the generator or of chance.
fn sampled(generator: Option<&Electra>, batch: &Batch) -> Corrupted {
    let Some(generator) = generator else {
        let proposals = batch.proposals.clone().expect("a batch without a generator brings its samples");
        return corrupt_with(proposals, batch);
    };
    let (ids, token_type_ids, attention_mask) =
        (batch.masked_ids.clone(), batch.token_type_ids.clone(), batch.attention_mask.clone());
    let logits = generator.generator_logits(
        ids,
        token_type_ids,
        attention_mask,
        batch.positions.clone(),
        &DropoutSites::off(),
    );
    corrupt(logits, batch, Sampling { temperature: TEMPERATURE, disallow_correct: false })
}

fn generator_of(model: &ModelFolder, device: &Device) -> Result<Electra, CorruptionError> {
    let none = |why| {
        let folder = model.path.display().to_string();
        Err(CorruptionError::NoGenerator { folder, why })
    };
    match Architecture::of(&model.tensors).generator {
        GeneratorKind::Masked => Ok(model.electra(device)?),
        GeneratorKind::None => none("it holds a discriminator alone"),
        GeneratorKind::TwoTower => none("that of Electric reads unmasked text"),
    }
}

fn check_reader(
    model: &ModelFolder,
    tokenizer: &str,
    vocab_size: usize,
    length: usize,
) -> Result<(), CorruptionError> {
    let folder = || model.path.display().to_string();
    let found = model.tokenizer.hash().to_hex();
    if found.as_str() != tokenizer {
        let named = |hash: &str, pieces: usize| format!("{}, {pieces} pieces", &hash[..12.min(hash.len())]);
        return Err(CorruptionError::OtherTokenizer {
            folder: folder(),
            found: named(&found, model.tokenizer.vocab_size()),
            expected: named(tokenizer, vocab_size),
        });
    }
    let positions = model.config.max_position_embeddings;
    if positions < length {
        return Err(CorruptionError::TooLong { folder: folder(), positions, length });
    }
    Ok(())
}

/// Hash of all weights by their names.
fn hash_of(tensors: &NamedTensors) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, data) in tensors {
        hasher.update(name.as_bytes());
        hasher.update(data.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
