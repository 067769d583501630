//! The recipe of fine-tuning.

use electra_files::regular;
use electra_optim::AdamConfig;
use electra_run::recipe::{Origin, RecipeError, Resolved, attribute_to_override, load, load_str};
use serde::{Deserialize, Serialize};
use std::path::Path;

use crate::head::{CRF, Decoding, HeadType, LossConfig};
use crate::window::{Context, MIN_WINDOW, WindowSettings};
use electra_annotations::{LabelScheme, WordDivision};
use electra_train::collapse::GuardConfig;
use electra_train::finetuning::{
    ClassifierDropout, ScheduleConfig, TrainConfig, check_name, check_optimizer,
};
use electra_train::layerwise_lr::{Freeze, LayerDecay, Rates, RatesError};

/// A complete recipe: everything that decides the weights beside data and pretrained model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Names the output folder unless `--out` does.
    pub name: String,
    /// Every random number of the run follows from it.
    pub seed: u64,
    /// Code of the language of the texts, such as `en`, for the model card. Absent: the card leaves it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The input of the network: its windows.
    pub input: InputConfig,
    /// The labels, and how they are chosen.
    pub labels: LabelConfig,
    /// The training loss.
    pub loss: LossConfig,
    /// The settings of the optimizer.
    pub optimizer: AdamConfig,
    /// Learning rate over the run.
    pub schedule: ScheduleConfig,
    /// Learning rates of single parameters.
    pub rates: RatesConfig,
    /// Units that are dropped in training.
    pub dropout: ClassifierDropout,
    /// Epochs and batches.
    pub train: TrainConfig,
    /// When a run that learns nothing is stopped.
    pub guard: GuardConfig,
}

/// The input of the network: its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    /// Pieces of a window at most, `[CLS]` and `[SEP]` counted.
    pub window: usize,
    /// The context that may surround a sentence in its window.
    pub context: Context,
    /// The division of the data into words, and of the text that the tagger reads. Absent: given words as they
    /// are, and texts by their script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<WordDivision>,
}

/// The labels, and how they are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelConfig {
    /// The tagging scheme, which marks the words of an entity.
    pub scheme: LabelScheme,
    /// The head on top of the encoder. Absent: the one that is trained for the decoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadType>,
    /// The decoding: the way in which labels are chosen.
    pub decoding: Decoding,
}

impl LabelConfig {
    /// The head on top of the encoder.
    #[must_use]
    pub fn head_type(&self) -> HeadType {
        self.head.unwrap_or_else(|| HeadType::trained_for(self.decoding))
    }
}

/// Learning rates of single parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatesConfig {
    /// The decay of the rate from the head down to the embeddings.
    pub layer_decay: LayerDecay,
    /// The frozen parameters, which do not learn at all.
    pub freeze: Freeze,
    /// Factor on the rate of the CRF's scores. They start at zero, and with the rates of a
    /// pretrained encoder they would stay there.
    pub crf_factor: f64,
}

impl RatesConfig {
    /// The rates of a tagger with an encoder of `layers` layers.
    ///
    /// # Errors
    /// Numbers that cannot be meant, or more frozen layers than there are.
    pub fn of(&self, layers: usize) -> Result<Rates, RatesError> {
        let found = self.crf_factor;
        if !(found > 0.0 && found <= 1e6) {
            let expected = "a number above 0 and at most 1000000";
            return Err(RatesError::Number { key: "crf_factor", name: "crf_factor", found, expected });
        }
        Ok(Rates::new(self.layer_decay, self.freeze, layers)?.with_factor(CRF, self.crf_factor))
    }
}

/// Keys that may change while a run goes on: they do not reach the weights. What the guard has
/// stopped goes on with a wider one.
pub const FREE_KEYS: &[&str] = &["name", "guard", "language"];

/// The recipe that is used where none is named: `configs/ner/default.toml`.
pub const DEFAULT: &str = include_str!("../configs/default.toml");

impl Recipe {
    /// Loads a recipe, or [`DEFAULT`] where no file is named, and checks it.
    ///
    /// # Errors
    /// With the place of the offending text.
    pub fn load(path: Option<&Path>, overrides: &[String]) -> Result<Resolved<Self>, RecipeError> {
        attribute_to_override(overrides, |overrides| {
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
        let is_default = match (path, resolved.origins.origin_of("input.window")) {
            (_, Some(Origin::Override)) => false,
            (Some(_), Some(Origin::File(file))) => {
                regular::read(Path::new(file)).is_ok_and(|text| text == DEFAULT.as_bytes())
            }
            (None, _) | (_, None) => true,
        };
        (is_default && positions < resolved.value.input.window).then_some(positions)
    }

    /// The settings by which windows are cut.
    pub fn windows(&self) -> WindowSettings {
        WindowSettings::new(self.input.window, self.input.context)
    }

    /// Windows that go through the network at once.
    pub fn micro_batch_size(&self) -> usize {
        self.train.micro_batch_size()
    }
}

/// Pieces of a window: no position table is longer.
const MAX_WINDOW: usize = 1 << 16;
/// Refuses values that cannot be meant, pointing at the offending text.
///
/// # Errors
/// The first such value.
pub(crate) fn check(resolved: &Resolved<Recipe>) -> Result<(), RecipeError> {
    let r = &resolved.value;
    let fail = |key: &str, message: String, help: &str| Err(resolved.error_at(key, message, help));
    check_name(&r.name, resolved)?;
    if let Err(error) = r.windows().validate() {
        return fail("input.window", error.to_string(), "128 is usual");
    }
    resolved.within("input.window", r.input.window, MIN_WINDOW..=MAX_WINDOW)?;
    let usual = "see configs/ner/default.toml";
    if let Err(error) = r.loss.check() {
        return fail(error.key(), error.to_string(), usual);
    }
    let head = r.labels.head_type();
    if !head.decodes_by(r.labels.decoding) {
        let decoding = r.labels.decoding.name();
        let message = format!(
            "`labels.head` is \"{}\", and labels.decoding = \"{decoding}\" reads scores that it has not",
            head.name()
        );
        let help = "leave labels.head out, or take \"crf\", or labels.decoding = \"argmax\" or \"viterbi\"";
        return fail("labels.head", message, help);
    }
    if let Err(error) = head.check_loss(&r.loss) {
        return fail(error.key(), error.to_string(), "a CRF has a loss of its own");
    }
    check_optimizer(&r.optimizer, resolved)?;
    r.schedule.check(resolved)?;
    // Frozen layers are counted against the model once it is known.
    match r.rates.of(usize::MAX) {
        Ok(_) => {}
        Err(RatesError::Layers { count, .. }) => {
            let help = "name at least 1 layer; for the embeddings alone kind = \"embeddings\"";
            return fail("rates.freeze.count", format!("`count` is {count}"), help);
        }
        Err(error @ RatesError::Number { key, .. }) => {
            return fail(&format!("rates.{key}"), error.to_string(), usual);
        }
    }
    r.dropout.check(resolved)?;
    r.train.check(r.guard, resolved)
}

#[cfg(test)]
mod tests {
    use electra_optim::Decay;

    use super::*;

    fn error(change: &str) -> String {
        let error = Recipe::load(None, &[change.to_owned()]).unwrap_err();
        format!("{}: {} {}", error.origin, error.message, error.help.unwrap_or_default())
    }

    /// Clark et al. 2020, table 7, and the released code for what it does not say.
    #[test]
    fn the_default_is_the_paper_s_but_for_what_its_heading_names() {
        let r = Recipe::load(None, &[]).unwrap().value;
        assert_eq!((r.name.as_str(), r.dropout), ("default", ClassifierDropout::PAPER));
        assert_eq!(r.rates.layer_decay, LayerDecay::Paper { rate: 0.8 });
        assert_eq!((r.schedule.warmup, r.train.batch_size, r.train.max_grad_norm), (0.1, 32, 1.0));
        let o = &r.optimizer;
        assert_eq!([o.beta_1, o.beta_2, o.epsilon, o.weight_decay], [0.9, 0.999, 1e-6, 0.0]);
        // A tenth of the steps, and never all of them.
        assert_eq!([200, 5, 1].map(|steps| r.schedule.over(steps).warmup_steps), [20, 1, 0]);

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
        let rates = [0, 10, 20, 110, 200].map(|step| r.schedule.over(200).at(step));
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
    fn only_the_crf_has_the_crfs_factor() {
        let rates =
            Recipe::load(None, &["rates.crf_factor=50.0".to_owned()]).unwrap().value.rates.of(2).unwrap();
        let head = ["crf.next", "crf.end", "classifier.bias"];
        assert_eq!(head.map(|path| rates.multiplier(path)), [50.0, 50.0, 1.0]);
    }

    #[test]
    fn a_crf_with_class_weights_is_refused() {
        let changes =
            ["labels.decoding=\"crf\"", "loss.class_weights={kind=\"inverse-frequency\"}"].map(str::to_owned);
        let error = Recipe::load(None, &changes).unwrap_err();
        assert!(error.message.contains("class_weights"), "{}", error.message);
    }
}
