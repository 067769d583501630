//! What a fine-tuning recipe says.

use electra_files::regular;
use electra_model::Precision;
use electra_optim::{AdamConfig, Decay, Schedule};
use electra_run::recipe::{RecipeError, Resolved, blame_override, load, load_str};
use serde::{Deserialize, Serialize};
use std::path::Path;

use crate::head::{Decoding, HeadType, LossConfig};
use crate::layerwise_lr::{RatesConfig, RatesError};
use crate::token_classifier::TaggerDropout;
use crate::window::{Context, MIN_WINDOW, WindowSettings};
use electra_annotations::LabelScheme;
use electra_train::collapse::GuardConfig;

/// A complete recipe: everything that decides the weights beside data and pretrained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Names the output folder unless `--out` does.
    pub name: String,
    /// Every random number of the run follows from it.
    pub seed: u64,
    /// What the network sees at once.
    pub input: InputConfig,
    /// What it tells apart, and how.
    pub labels: LabelConfig,
    /// What training makes small.
    pub loss: LossConfig,
    /// How gradients become updates.
    pub optimizer: AdamConfig,
    /// Learning rate over the run.
    pub schedule: ScheduleConfig,
    /// Learning rates of single parameters.
    pub rates: RatesConfig,
    /// Units that are dropped in training.
    pub dropout: TaggerDropout,
    /// Epochs and batches.
    pub train: TrainConfig,
    /// When a run that learns nothing is stopped.
    pub guard: GuardConfig,
}

/// What the network sees at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    /// Pieces of a window at most, `[CLS]` and `[SEP]` counted.
    pub window: usize,
    /// What may surround a sentence in its window.
    pub context: Context,
}

/// What is told apart, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelConfig {
    /// How the words of an entity are marked.
    pub scheme: LabelScheme,
    /// What stands on top of the encoder. Absent: the one that is trained for the decoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadType>,
    /// How labels are chosen.
    pub decoding: Decoding,
}

impl LabelConfig {
    /// What stands on top of the encoder.
    #[must_use]
    pub fn head_type(&self) -> HeadType {
        self.head.unwrap_or_else(|| HeadType::trained_for(self.decoding))
    }
}

/// Learning rate over the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Peak, of the head; [`RatesConfig`] says what the layers below have of it.
    pub learning_rate: f64,
    /// Share of all steps over which the rate rises, in `[0, 1)`.
    pub warmup: f64,
    /// How it falls.
    pub decay: Decay,
}

/// Epochs and batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Passes over the training data; the schedule covers all of them.
    pub epochs: usize,
    /// Stop after so many epochs without a better F1 on the development data, once one was above 0.
    /// Absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Windows of an optimizer step. The windows of a sentence that is longer than one are in the same
    /// step and count as one.
    pub batch_size: usize,
    /// Windows that go through the network at once; gradients of a step are summed over them.
    /// Absent: the whole batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<usize>,
    /// Train on the first so many sentences only. Absent: on all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_sentences: Option<usize>,
    /// Gradients longer than this are shortened to it, all together.
    pub max_grad_norm: f64,
    /// Type of the operands of matrix products; everything else is 32-bit.
    pub precision: Precision,
}

/// Keys that may change while a run goes on: they do not reach the weights. What the guard has
/// stopped goes on with a wider one.
pub const FREE_KEYS: &[&str] = &["name", "guard"];

/// The recipe that is used where none is named: `configs/ner/default.toml`.
pub const DEFAULT: &str = include_str!("../configs/default.toml");

impl Recipe {
    /// Loads a recipe, or [`DEFAULT`] where no file is named, and checks it.
    ///
    /// # Errors
    /// With the place of the culprit.
    pub fn load(path: Option<&Path>, overrides: &[String]) -> Result<Resolved<Self>, RecipeError> {
        blame_override(overrides, |overrides| {
            let resolved = match path {
                Some(path) => load(path, overrides)?,
                None => load_str("configs/ner/default.toml", DEFAULT, overrides)?,
            };
            check(&resolved)?;
            Ok(resolved)
        })
    }

    /// The window for a model of so many `positions`, where the recipe at `path` has a longer one
    /// that nobody has chosen: it stands in [`DEFAULT`], and neither in a recipe of the user nor
    /// among the overrides.
    pub fn shorter_window(path: Option<&Path>, resolved: &Resolved<Self>, positions: usize) -> Option<usize> {
        let is_default = match (path, resolved.origins.path_of("input.window")) {
            (_, Some("--set")) => false,
            (Some(_), Some(file)) => {
                regular::read(Path::new(file)).is_ok_and(|text| text == DEFAULT.as_bytes())
            }
            (None, _) | (_, None) => true,
        };
        (is_default && positions < resolved.value.input.window).then_some(positions)
    }

    /// How windows are cut.
    pub fn windows(&self) -> WindowSettings {
        WindowSettings::new(self.input.window, self.input.context)
    }

    /// The learning rate of a run of `total_steps`.
    pub fn schedule(&self, total_steps: u64) -> Schedule {
        let ScheduleConfig { learning_rate, warmup, decay } = self.schedule;
        // A run has a step at the peak, however short it is.
        let warmup_steps = ((warmup * total_steps as f64).round() as u64).min(total_steps.saturating_sub(1));
        Schedule { peak: learning_rate, warmup_steps, total_steps, decay }
    }

    /// Windows that go through the network at once.
    pub fn micro_batch_size(&self) -> usize {
        self.train.micro_batch_size.unwrap_or(self.train.batch_size)
    }
}

/// Pieces of a window: no position table is longer.
const MOST_WINDOW: usize = 1 << 16;
/// Passes over the data.
const MOST_EPOCHS: usize = 1_000_000;
/// Windows of a step.
const MOST_WINDOWS: usize = 1 << 20;
/// Sentences, and steps.
const MOST_SENTENCES: usize = 1_000_000_000_000;
/// The exponent of a decay.
const MOST_POWER: f64 = 1e3;
/// Rates and norms: what 32 bits can hold, and the square root of more.
const MOST_FLOAT: f64 = 1e30;

/// Refuses values that cannot be meant, pointing at the culprit.
///
/// # Errors
/// The first such value.
pub fn check(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    let fail = |key: &str, message: String, help: &str| {
        // What begins with a verb speaks of the key.
        let message = if message.starts_with("is ") { format!("`{key}` {message}") } else { message };
        Err(resolved.error_at(key, message, help))
    };
    if r.name.is_empty() || r.name.contains(['/', '\\']) || r.name.starts_with('.') {
        return fail("name", format!("`{}` cannot name a folder", r.name), "use letters, digits and dashes");
    }
    if let Err(error) = r.windows().validate() {
        return fail("input.window", error.to_string(), "128 is usual");
    }
    resolved.within("input.window", r.input.window, MIN_WINDOW..=MOST_WINDOW)?;
    let usual = "see configs/ner/default.toml";
    if let Err(error) = r.loss.check() {
        return fail(error.key(), error.to_string(), usual);
    }
    let head = r.labels.head_type();
    if !head.decodes_by(r.labels.decoding) {
        let decoding = r.labels.decoding.name();
        let message = format!(
            "is \"{}\", and labels.decoding = \"{decoding}\" reads scores that it has not",
            head.name()
        );
        let help = "leave labels.head out, or take \"crf\", or labels.decoding = \"argmax\" or \"viterbi\"";
        return fail("labels.head", message, help);
    }
    if let Err(error) = head.check_loss(&r.loss) {
        return fail(error.key(), error.to_string(), "a CRF has a loss of its own");
    }
    if let Err(error) = r.optimizer.check() {
        return fail(&format!("optimizer.{}", error.name), error.to_string(), usual);
    }
    let (rate, warmup) = (r.schedule.learning_rate, r.schedule.warmup);
    resolved.above("schedule.learning_rate", rate, 0.0, MOST_FLOAT)?;
    if !(0.0..1.0).contains(&warmup) {
        return fail("schedule.warmup", format!("is {warmup}"), "expected a share of the steps, such as 0.1");
    }
    if let Err(error) = r.schedule(100).check() {
        return fail("schedule.decay.power", error.to_string(), usual);
    }
    if let Decay::Polynomial { power } = r.schedule.decay {
        resolved.within("schedule.decay.power", power, 0.0..=MOST_POWER)?;
    }
    // Frozen layers are counted against the model once it is known.
    match r.rates.of(usize::MAX) {
        Ok(_) => {}
        Err(RatesError::Layers { count, .. }) => {
            let help = "name at least 1 layer; for the embeddings alone kind = \"embeddings\"";
            return fail("rates.freeze.count", format!("`count` is {count}"), help);
        }
        Err(error) => {
            let is_decay = error.to_string().contains("layer_decay");
            let key = if is_decay { "rates.layer_decay.rate" } else { "rates.crf_factor" };
            return fail(key, error.to_string(), usual);
        }
    }
    let dropout = r.dropout;
    for (key, rate) in
        [("hidden", dropout.hidden), ("attention", dropout.attention), ("classifier", dropout.classifier)]
    {
        if !(0.0..1.0).contains(&rate) {
            let help = "expected a rate of at least 0 and below 1";
            return fail(&format!("dropout.{key}"), format!("is {rate}"), help);
        }
    }
    resolved.above("train.max_grad_norm", r.train.max_grad_norm, 0.0, MOST_FLOAT)?;
    for (key, value, most) in [
        ("train.epochs", Some(r.train.epochs), MOST_EPOCHS),
        ("train.patience", r.train.patience, MOST_EPOCHS),
        ("train.batch_size", Some(r.train.batch_size), MOST_WINDOWS),
        ("train.micro_batch_size", r.train.micro_batch_size, MOST_WINDOWS),
        ("train.max_sentences", r.train.max_sentences, MOST_SENTENCES),
        ("guard.epochs", Some(r.guard.epochs), MOST_EPOCHS + 1),
    ] {
        if let Some(value) = value {
            resolved.within(key, value, 1..=most)?;
        }
    }
    resolved.within("guard.steps", r.guard.steps, 0..=MOST_SENTENCES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(change: &str) -> String {
        let error = Recipe::load(None, &[change.to_owned()]).unwrap_err();
        format!("{}: {} {}", error.path, error.message, error.help.unwrap_or_default())
    }

    /// Clark et al. 2020, table 7, and the released code for what it does not say.
    #[test]
    fn the_default_is_the_paper_s_but_for_what_its_heading_names() {
        let r = Recipe::load(None, &[]).unwrap().value;
        assert_eq!((r.name.as_str(), r.dropout), ("default", TaggerDropout::PAPER));
        assert_eq!(r.rates.layer_decay, crate::layerwise_lr::LayerDecay::Paper { rate: 0.8 });
        assert_eq!((r.schedule.warmup, r.train.batch_size, r.train.max_grad_norm), (0.1, 32, 1.0));
        let o = &r.optimizer;
        assert_eq!([o.beta_1, o.beta_2, o.epsilon, o.weight_decay], [0.9, 0.999, 1e-6, 0.0]);
        // A tenth of the steps, and never all of them.
        assert_eq!([200, 5, 1].map(|steps| r.schedule(steps).warmup_steps), [20, 1, 0]);

        // Other than the paper's 3e-4, 3 or 10 epochs, averages without correction and product of warmup and
        // decay; the heading says each of these.
        assert_eq!((r.schedule.learning_rate, r.train.epochs), (1e-3, 10));
        assert!(o.bias_correction);
        assert_eq!(r.schedule.decay, Decay::WarmupThenLinear {});
        let heading: String = DEFAULT.lines().take_while(|line| line.starts_with('#')).collect();
        for said in ["3e-4", "10 epochs", "bias_correction = false", "polynomial"] {
            assert!(heading.contains(said), "the heading does not say {said}");
        }
        // At the end of warmup the peak, from there on a straight line to zero.
        let rates = [0, 10, 20, 110, 200].map(|step| r.schedule(200).at(step));
        for (found, expected) in rates.into_iter().zip([0.0, 5e-4, 1e-3, 5e-4, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{rates:?}");
        }
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused_by_their_key() {
        for (change, expected) in [
            ("input.window=7", "a window of 7 pieces is too short"),
            ("input.context=\"paragraph\"", "paragraph"),
            ("train.epochs=0", "`train.epochs` is 0"),
            ("train.patience=0", "`train.patience` is 0"),
            ("schedule.warmup=1.0", "`schedule.warmup` is 1"),
            ("schedule.learning_rate=0.0", "`schedule.learning_rate` is 0"),
            ("dropout.classifier=1.0", "`dropout.classifier` is 1"),
            ("rates.layer_decay={kind=\"paper\",rate=1.5}", "rate of layer_decay is 1.5"),
            ("rates.freeze={kind=\"layers\",count=0}", "`count` is 0"),
            ("rates.freeze={kind=\"all-but-last\",count=0}", "`count` is 0"),
            ("loss.word={kind=\"focal\",gamma=-1.0}", "gamma"),
            ("train.batchsize=3", "batchsize"),
            ("input.window=100000", "`input.window` is 100000 expected 8 to 65536"),
            (
                "train.epochs=9223372036854775807",
                "`train.epochs` is 9223372036854775807 expected 1 to 1000000",
            ),
            ("train.batch_size=9223372036854775807", "`train.batch_size` is"),
            ("train.micro_batch_size=9223372036854775807", "`train.micro_batch_size` is"),
            ("train.max_sentences=9223372036854775807", "`train.max_sentences` is"),
            (
                "train.max_grad_norm=1e300",
                "`train.max_grad_norm` is 1e300 expected a number above 0 and at most 1e30",
            ),
            ("guard.epochs=9223372036854775807", "`guard.epochs` is"),
            ("guard.steps=9223372036854775807", "`guard.steps` is"),
            ("schedule.learning_rate=1e40", "`schedule.learning_rate` is"),
            ("schedule.decay={kind=\"polynomial\",power=1e9}", "`schedule.decay.power` is 1000000000"),
            ("loss.word={kind=\"focal\",gamma=1e9}", "gamma of the focal loss is 1000000000"),
            ("loss.class_weights={kind=\"given\",weights={PER=1e300}}", "class weight of PER is"),
            ("rates.crf_factor=1e300", "crf_factor is"),
            ("optimizer.epsilon=1e300", "epsilon of the optimizer is"),
            ("optimizer.weight_decay=1e300", "weight_decay of the optimizer is"),
            ("name=\"a/b\"", "cannot name a folder"),
        ] {
            let error = error(change);
            assert!(error.contains(expected), "{change}: {error}");
        }
    }

    #[test]
    fn a_window_that_nobody_chose_gives_way_to_a_model_of_fewer_positions() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        write("default.toml", DEFAULT);
        let heir = write("heir.toml", "extends = \"default.toml\"\nname = \"heir\"\n");
        let own = write("own.toml", "extends = \"default.toml\"\n\n[input]\nwindow = 128\n");
        let changed = write("changed.toml", &DEFAULT.replace("window = 128", "window = 100"));
        let window = |path: Option<&Path>, overrides: &[&str], positions: usize| {
            let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
            Recipe::shorter_window(path, &Recipe::load(path, &overrides).unwrap(), positions)
        };
        assert_eq!(window(None, &[], 64), Some(64));
        assert_eq!(window(Some(&heir), &["train.epochs=1"], 64), Some(64));
        assert_eq!(window(None, &[], 128), None);
        for (path, overrides) in [(None, &["input.window=128"][..]), (Some(&own), &[]), (Some(&changed), &[])]
        {
            assert_eq!(
                window(path.map(|path| path.as_path()), overrides, 64),
                None,
                "{path:?} {overrides:?}"
            );
        }
    }

    #[test]
    fn a_head_may_be_named_if_it_has_what_its_decoding_reads() {
        let of = |changes: &[&str]| {
            let changes: Vec<String> = changes.iter().map(|text| (*text).to_owned()).collect();
            Recipe::load(None, &changes).unwrap()
        };
        // Recipes that exist name none, and keep their hashes.
        assert!(!of(&[]).text.contains("head"), "{}", of(&[]).text);
        let heads = [
            (&[][..], HeadType::Linear),
            (&["labels.decoding=\"crf\""], HeadType::Crf),
            (&["labels.head=\"crf\""], HeadType::Crf),
            (&["labels.head=\"crf\"", "labels.decoding=\"viterbi\""], HeadType::Crf),
            (&["labels.head=\"linear\"", "labels.decoding=\"viterbi\""], HeadType::Linear),
        ];
        for (changes, head) in heads {
            assert_eq!(of(changes).value.labels.head_type(), head, "{changes:?}");
        }
        let contradiction = ["labels.head=\"linear\"", "labels.decoding=\"crf\""].map(str::to_owned);
        let error = Recipe::load(None, &contradiction).unwrap_err();
        assert!(error.message.contains("`labels.head` is \"linear\""), "{}", error.message);
        assert!(error.help.unwrap().contains("labels.decoding = \"argmax\""));
        let weighted =
            ["labels.head=\"crf\"", "loss.class_weights={kind=\"inverse-frequency\"}"].map(str::to_owned);
        assert!(Recipe::load(None, &weighted).unwrap_err().message.contains("class_weights"));
    }

    #[test]
    fn a_crf_with_class_weights_is_refused() {
        let changes =
            ["labels.decoding=\"crf\"", "loss.class_weights={kind=\"inverse-frequency\"}"].map(str::to_owned);
        let error = Recipe::load(None, &changes).unwrap_err();
        assert!(error.message.contains("class_weights"), "{}", error.message);
    }
}
