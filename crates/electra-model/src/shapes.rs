//! Names and shapes of the parameters that networks of given sizes have, known before any of them
//! exists: what a file of weights is held against before memory is taken for it.

use std::collections::BTreeMap;

use burn::tensor::DType;

use crate::architecture::{Architecture, GeneratorKind, HeadKind};
use crate::config::{EncoderConfig, ModelConfig, TieMode};
use crate::parameters::{Headers, LoadError};

/// Shapes of parameters by dotted path, such as `encoder.layers.0.attention.query.weight`.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// The shapes of [`Electra`](crate::Electra): below `discriminator` and `generator`.
///
/// As all that follow, of sizes that [validate](ModelConfig::validate).
pub fn of_electra(config: &ModelConfig, architecture: Architecture) -> Shapes {
    let mut all = Listing::below("discriminator.");
    all.discriminator(config, architecture.head);
    let mut generator = Listing::below("generator.");
    match architecture.generator {
        GeneratorKind::None => {}
        GeneratorKind::Masked => generator.generator(config, architecture.baseline, 1),
        GeneratorKind::TwoTower => generator.generator(config, architecture.baseline, 2),
    }
    all.shapes.extend(generator.shapes);
    all.shapes
}

/// The shapes of tables, projection and encoder of a discriminator, by their names there.
pub fn of_encoder(config: &ModelConfig) -> Shapes {
    let mut all = Listing::below("");
    all.body(config);
    all.shapes
}

/// The shapes of a discriminator alone, by their names there.
pub fn of_discriminator(config: &ModelConfig, head: HeadKind) -> Shapes {
    let mut all = Listing::below("");
    all.discriminator(config, head);
    all.shapes
}

/// The shapes of a masked language model with tables of its own, as transformers saves a generator: its sizes
/// are those of the discriminator in `config`.
pub fn of_masked_lm(config: &ModelConfig) -> Shapes {
    let mut all = Listing::below("");
    all.body(config);
    all.masked_lm("head", config.hidden_size, config.embedding_size, config.vocab_size);
    all.shapes
}

/// The number of elements in parameters of these shapes.
pub fn elements(shapes: &Shapes) -> u64 {
    shapes.values().map(|shape| shape.iter().map(|&size| size as u64).product::<u64>()).sum()
}

/// Refuses tensors that are not those parameters.
///
/// # Errors
/// A tensor of another shape or type, what is missing, or what is left over.
pub fn check(found: &Headers, expected: &Shapes) -> Result<(), LoadError> {
    for (name, shape) in expected {
        let Some(header) = found.get(name) else { continue };
        if header.shape != *shape {
            let (name, found, expected) = (name.clone(), header.shape.clone(), shape.clone());
            return Err(LoadError::Shape { name, found, expected });
        }
        if header.dtype != DType::F32 {
            return Err(LoadError::Type { name: name.clone(), found: format!("{:?}", header.dtype) });
        }
    }
    let missing: Vec<String> = expected.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
    if !missing.is_empty() {
        return Err(LoadError::Missing(missing));
    }
    let left: Vec<String> = found.keys().filter(|name| !expected.contains_key(*name)).cloned().collect();
    if left.is_empty() { Ok(()) } else { Err(LoadError::Unexpected(left)) }
}

/// Shapes that are written down one after the other.
struct Listing {
    prefix: &'static str,
    shapes: Shapes,
}

impl Listing {
    fn below(prefix: &'static str) -> Self {
        Self { prefix, shapes: Shapes::new() }
    }

    fn add(&mut self, name: &str, shape: &[usize]) {
        self.shapes.insert(format!("{}{name}", self.prefix), shape.to_vec());
    }

    fn dense(&mut self, at: &str, inputs: usize, outputs: usize) {
        self.add(&format!("{at}.weight"), &[inputs, outputs]);
        self.add(&format!("{at}.bias"), &[outputs]);
    }

    fn norm(&mut self, at: &str, width: usize) {
        self.add(&format!("{at}.gamma"), &[width]);
        self.add(&format!("{at}.beta"), &[width]);
    }

    fn tables(&mut self, config: &ModelConfig, width: usize) {
        self.add("embeddings.word", &[config.vocab_size, width]);
        self.add("embeddings.position", &[config.max_position_embeddings, width]);
        self.add("embeddings.token_type", &[config.type_vocab_size, width]);
        self.norm("embeddings.norm", width);
    }

    /// An encoder below `at`, which is empty or ends with a dot, on tables of width `embedding_size`.
    fn encoder(&mut self, at: &str, sizes: &EncoderConfig, embedding_size: usize) {
        let (h, f) = (sizes.hidden_size, sizes.intermediate_size);
        if embedding_size != h {
            self.dense(&format!("{at}project"), embedding_size, h);
        }
        for layer in 0..sizes.num_hidden_layers {
            let block = format!("{at}encoder.layers.{layer}");
            for name in ["query", "key", "value", "output"] {
                self.dense(&format!("{block}.attention.{name}"), h, h);
            }
            self.norm(&format!("{block}.attention.norm"), h);
            self.dense(&format!("{block}.feed_forward.intermediate"), h, f);
            self.dense(&format!("{block}.feed_forward.output"), f, h);
            self.norm(&format!("{block}.feed_forward.norm"), h);
        }
    }

    fn masked_lm(&mut self, at: &str, hidden_size: usize, embedding_size: usize, vocab_size: usize) {
        self.dense(&format!("{at}.dense"), hidden_size, embedding_size);
        self.norm(&format!("{at}.norm"), embedding_size);
        self.add(&format!("{at}.output_bias"), &[vocab_size]);
    }

    fn body(&mut self, config: &ModelConfig) {
        self.tables(config, config.embedding_size);
        self.encoder("", &config.discriminator(), config.embedding_size);
    }

    fn discriminator(&mut self, config: &ModelConfig, head: HeadKind) {
        self.body(config);
        let h = config.hidden_size;
        match head {
            HeadKind::ReplacedToken => {
                self.dense("head.dense", h, h);
                self.dense("head.output", h, 1);
            }
            HeadKind::MaskedLm | HeadKind::CopyingLm => {
                self.masked_lm("masked_lm", h, config.embedding_size, config.vocab_size);
            }
        }
        if head == HeadKind::CopyingLm {
            self.dense("copy", h, 1);
        }
    }

    fn generator(&mut self, config: &ModelConfig, baseline: bool, towers: usize) {
        let (sizes, e, tie) = (config.generator(), config.generator_embedding_size(), config.generator.tie);
        if matches!(tie, TieMode::None | TieMode::GradientDisentangled) {
            self.tables(config, e);
        }
        if tie != TieMode::All {
            self.encoder("", &sizes, e);
        }
        if towers == 2 {
            self.encoder("right_to_left.", &sizes, e);
        }
        self.masked_lm("head", towers * sizes.hidden_size, e, config.vocab_size);
        if baseline {
            self.dense("baseline", sizes.hidden_size, 1);
        }
    }
}
