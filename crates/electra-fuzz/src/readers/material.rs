//! The material of valid inputs: a made-up text, its vocabulary, and networks of a few thousand weights.

use std::path::Path;
use std::sync::LazyLock;

use electra_ablate::metric::{Catalogue, HeldoutMetric, MAX_LOSS};
use electra_model::ModelConfig;
use electra_run::recipe::Resolved;
use electra_text::vocab::SPECIAL_TOKENS;
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};
use serde_json::json;

/// The numbers that results can be compared by.
pub(super) fn catalogue() -> &'static Catalogue {
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
        let metric = |key, more_is_better, is_by_token, task| HeldoutMetric {
            key,
            title: key,
            more_is_better,
            is_by_token,
            decimals: 3,
            task,
            greatest_difference: MAX_LOSS,
            beside_probe: (key != "loss").then_some(key),
        };
        Catalogue::new([
            metric("rtd_auc", true, false, "replaced"),
            metric("mlm_loss", false, true, "masked"),
            metric("loss", false, true, "sum"),
        ])
    });
    &CATALOGUE
}

/// Documents with blank lines between them.
pub(super) const TEXT: &str = "the old mill stands by the river .\nit was built in 1804 , they say .\n\n\
    Ada met Bo in Rome . Bo had lost his map .\n\n\
    a café by the sea sells tea and two kinds of bread .\nnobody knows which is older .\n\n\
    the ferry leaves at nine ; the last one returns at four .\n\n\
    In winter the mill is closed , and the river runs under ice .\n";

/// Words that the vocabulary has whole; other text is in letters.
const WORDS: &str =
    "the old mill stands by river it was in they say ada met bo rome had his map a and tea two of";

/// A sentence for whatever was built of an input: known words, unknown ones, and odd characters.
pub(super) const SENTENCE: &str = "The old mill, Ada's café [MASK] in 東京 — 1804?\u{200d} \u{10ffff}";

/// A recipe of some thousand parameters.
pub(super) const RECIPE: &str = r#"recipe_version = 1
name = "micro"
seed = 1

[data]
path = "data"
sequence_length = 16

[model]
vocab_size = 128
embedding_size = 4
max_position_embeddings = 16
type_vocab_size = 2
hidden_size = 8
num_hidden_layers = 2
num_attention_heads = 2
intermediate_size = 8
initializer_range = 0.02

[model.generator]
tie = "embeddings"
width = 0.5
depth = 0.5

[objective]
kind = "replaced-token-detection"
generator_weight = 1.0
discriminator_weight = 50.0
temperature = 1.0
disallow_correct = false

[masking]
kind = "without-replacement"
probability = 0.15

[optimizer]
beta_1 = 0.9
beta_2 = 0.999
epsilon = 1e-6
weight_decay = 0.01
bias_correction = false
max_grad_norm = 1.0

[schedule]
learning_rate = 1e-3
warmup_steps = 4
decay = { kind = "polynomial", power = 1.0 }

[train]
steps = 60
batch_size = 4
dropout = 0.1
precision = "f32"

[evaluate]
every_steps = 25
max_examples = 16

[checkpoint]
every_steps = 20
keep_last = 2

[log]
every_steps = 5
histogram_every_steps = 30
"#;

/// The recipe, read once: it is asked for with every input.
pub(super) fn recipe() -> &'static Resolved<electra_pretrain::Recipe> {
    static READ: LazyLock<Resolved<electra_pretrain::Recipe>> = LazyLock::new(|| {
        let resolved =
            electra_run::recipe::load_str("recipe.toml", RECIPE, &[]).expect("the recipe is right");
        electra_pretrain::recipe::check(&resolved).expect("the recipe is right");
        resolved
    });
    &READ
}

/// The vocabulary: words, letters and digits, and these at the end of words.
pub(super) fn tokenizer() -> Tokenizer {
    static MADE: LazyLock<Tokenizer> = LazyLock::new(make_tokenizer);
    MADE.clone()
}

fn make_tokenizer() -> Tokenizer {
    let letters = ('a'..='z').chain('0'..='9').chain(".,;é".chars());
    let letters = letters.flat_map(|letter| [letter.to_string(), format!("##{letter}")]);
    let words = WORDS.split(' ').filter(|word| word.len() > 1).map(str::to_owned);
    let pieces = SPECIAL_TOKENS.map(str::to_owned).into_iter().chain(words).chain(letters).collect();
    let vocabulary = Vocabulary::new(pieces, Path::new("vocab.txt")).expect("no piece is there twice");
    Tokenizer::new(vocabulary, Settings::UNCASED)
}

/// Sizes of a small network with a generator.
pub(super) fn sizes() -> ModelConfig {
    let sizes = json!({
        "vocab_size": tokenizer().vocab_size(),
        "embedding_size": 8,
        "max_position_embeddings": 16,
        "type_vocab_size": 2,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "initializer_range": 0.5,
        "generator": {"tie": "embeddings", "width": 0.5, "depth": 1.0},
    });
    serde_json::from_value(sizes).expect("these are all sizes that there are")
}

/// Labelled sentences in columns.
pub(super) const COLUMNS: &str = "-DOCSTART-\tO\n\nAda\tB-PER\nLovelace\tI-PER\nmet\tO\nBo\tB-PER\nin\tO\nRome\tB-LOC\n.\tO\n\n\
    The\tO\nriver\tO\nTiber\tB-LOC\n\n-DOCSTART-\tO\n\nNew\tB-LOC\nYork\tI-LOC\n's\tO\nmayor\tO\n\n";
