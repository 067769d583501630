//! Models at rest: folders of transformers, and run folders with `model.json`.

use std::path::Path;

use burn::prelude::Device;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::hf::{self, HfDropout, HfNetwork};
use electra_model::{Architecture, Electra, GeneratorKind, Precision, parameters};
use electra_ner::{HeadType, initial_tagger, unused_head_note};
use electra_pretrain::initial_weights::InitFile;
use electra_pretrain::{Detector, InitialWeights};
use electra_run::run_folder::{RunProgress, check_weights};
use electra_train::encoder_init::EncoderInit;
use electra_train::layout::MODEL_CONFIG;
use electra_train::model_folder::{ModelFolder, PretrainedEncoder};
use rand::RngExt;

use super::material::{SENTENCE, sizes, tokenizer};
use crate::case::Case;
use crate::mutate;
use crate::reader::{OkRendered, Reached, Reader, Rng};

/// More positions than a made-up model needs: what is built of larger sizes is sound, and slow.
const MAX_WEIGHTS: usize = 1 << 20;

/// What a run says of the weights that it began with.
const INIT: &str = r#"{
  "model_hash": "0f", "discriminator": {"path": "a", "kind": "model", "weights_hash": "1f", "tokenizer_hash": "2f"},
  "ancestors": [{"model": "a", "weights_hash": "1f"}], "loaded": 1, "started": 1, "ignored": 0, "tensors": [
    {"name": "discriminator.embeddings.word", "state": "loaded", "network": "discriminator",
     "tensor": "embeddings.word", "shape": [9, 4], "rows": {"loaded": 7, "grown": 1, "started": 1, "cut": 0}},
    {"name": "generator.head.output_bias", "state": "started", "shape": [9]}]}"#;

/// A discriminator as transformers saves it, whole or in shards, perhaps with a generator.
pub(super) struct TransformersFolder;
/// A run folder, or an imported model.
pub(super) struct ModelRun;

/// The files of one network of transformers.
fn network(electra: &Electra, network: HfNetwork, is_divided: bool) -> Case {
    let dropout = HfDropout { hidden: 0.1, attention: 0.1 };
    let model = hf::export(electra, &sizes(), dropout, network);
    let mut case = tokenizer_files()
        .with("config.json", serde_json::to_vec_pretty(&model.config).expect("a configuration is JSON"));
    if !is_divided {
        case.set("model.safetensors", parameters::to_safetensors(&model.tensors, Some(("format", "pt"))));
        return case;
    }
    let names: Vec<&String> = model.tensors.keys().collect();
    let mut map = serde_json::Map::new();
    for (number, names) in names.chunks(names.len().div_ceil(2)).enumerate() {
        let file = format!("model-{:05}-of-00002.safetensors", number + 1);
        let tensors = names.iter().map(|name| ((*name).clone(), model.tensors[*name].clone())).collect();
        case.set(&file, parameters::to_safetensors(&tensors, Some(("format", "pt"))));
        map.extend(names.iter().map(|name| ((*name).clone(), file.as_str().into())));
    }
    let index = serde_json::json!({"metadata": {"total_size": 1000}, "weight_map": map});
    case.set("model.safetensors.index.json", index.to_string());
    case
}

/// The files of the tokenizer.
pub(super) fn tokenizer_files() -> Case {
    let folder = tempfile::tempdir().expect("a temporary folder");
    tokenizer().save(folder.path()).expect("a temporary folder can be written to");
    Case::of_folder(folder.path()).expect("what was saved can be read")
}

fn electra() -> Electra {
    Electra::init_with(&sizes(), Architecture::ELECTRA, 1, &Device::flex(), Precision::F32)
}

fn below(mut case: Case, folder: &str, files: &Case) -> Case {
    for name in files.files() {
        case.set(&format!("{folder}/{name}"), files.file(name).unwrap_or_default());
    }
    case
}

/// Mutations that leave the tokenizer to its own reader, most of the time.
pub(super) fn damage_model(case: &mut Case, rng: &mut Rng) {
    let of_model = ["config.json", "model.json", "init.json", "tagger.json", ".safetensors", ".index.json"];
    let names: Vec<String> = case
        .files()
        .filter(|name| {
            of_model.iter().any(|end| name.ends_with(end)) && !name.ends_with("tokenizer_config.json")
        })
        .map(str::to_owned)
        .collect();
    match names.is_empty() || rng.random_bool(0.15) {
        true => mutate::mutate(case, rng),
        false => mutate::damage(case, &names[rng.random_range(0..names.len())], rng),
    }
}

impl Reader for TransformersFolder {
    fn name(&self) -> &'static str {
        "transformers-folder"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["encoder", "tagger", "opened", "built", "detected"]
    }

    fn seeds(&self) -> Vec<Case> {
        let electra = electra();
        let discriminator = network(&electra, HfNetwork::Discriminator, false);
        let generator = network(&electra, HfNetwork::Generator, false);
        vec![
            discriminator.clone(),
            network(&electra, HfNetwork::Discriminator, true),
            below(discriminator, "generator", &generator),
        ]
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        damage_model(case, rng);
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let device = Device::flex();
        tag(folder, reached);
        let generator = folder.join("generator");
        let generator = generator.exists().then_some(generator.as_path());
        std::hint::black_box(
            InitialWeights::open(folder, generator).ok_rendered().map(|weights| weights.model_hash()),
        );
        let model = ModelFolder::open_transformers(folder, generator).ok_rendered()?;
        reached.stage("opened");
        if is_large(&model) {
            return None;
        }
        if model.has_generator() {
            model.electra(&device).ok_rendered()?;
        }
        model.discriminator(&device).ok_rendered()?;
        reached.stage("built");
        if let Some(detector) = Detector::new(&model, device).ok_rendered() {
            for found in detector.detect(SENTENCE) {
                std::hint::black_box(serde_json::to_string(&found).ok_rendered());
            }
            reached.stage("detected");
        }
        Some(())
    }

    fn quick(&self) -> u64 {
        600
    }
}

/// The folder as the start of fine-tuning.
fn tag(folder: &Path, reached: &Reached<'_>) -> Option<()> {
    let pretrained = PretrainedEncoder::open(folder).ok_rendered()?;
    reached.stage("encoder");
    let weights: usize = pretrained.encoder.values().map(|tensor| tensor.num_elements()).sum();
    if weights > MAX_WEIGHTS {
        return None;
    }
    let init = EncoderInit::Pretrained(Box::new(pretrained));
    std::hint::black_box((init.check_length(8).ok_rendered(), unused_head_note(&init), init.lineage()));
    let labels = LabelSet::new(["LOC", "PER"], LabelScheme::Iob2);
    initial_tagger(&init, &labels, HeadType::Crf, 1, &Device::flex(), Precision::F32).ok_rendered()?;
    reached.stage("tagger");
    Some(())
}

fn is_large(model: &ModelFolder) -> bool {
    model.tensors.values().map(|tensor| tensor.num_elements()).sum::<usize>() > MAX_WEIGHTS
}

impl Reader for ModelRun {
    fn name(&self) -> &'static str {
        "model-run"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["whole", "encoder", "tagger", "opened", "built", "detected", "exported"]
    }

    fn seeds(&self) -> Vec<Case> {
        let tensors = parameters::collect(&electra());
        let case = Case::default()
            .with(MODEL_CONFIG, serde_json::to_vec_pretty(&sizes()).expect("sizes are JSON"))
            .with("recipe.toml", super::material::RECIPE)
            .with("init.json", INIT)
            .with("model.safetensors", parameters::to_safetensors(&tensors, None));
        vec![below(case, "tokenizer", &tokenizer_files())]
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        damage_model(case, rng);
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let device = Device::flex();
        std::hint::black_box(RunProgress::read(folder).map(|progress| progress.is_unfinished()));
        if check_weights(&folder.join("model.safetensors")).ok_rendered().is_some() {
            reached.stage("whole");
        }
        tag(folder, reached);
        std::hint::black_box(InitFile::read(folder).ok_rendered().flatten().map(|file| file.sentences()));
        std::hint::black_box(
            InitialWeights::open(folder, None).ok_rendered().map(|weights| weights.model_hash()),
        );
        let model = ModelFolder::open(folder).ok_rendered()?;
        reached.stage("opened");
        if is_large(&model) {
            return None;
        }
        model.discriminator(&device).ok_rendered()?;
        let electra = model.electra(&device).ok_rendered()?;
        reached.stage("built");
        if let Some(detector) = Detector::new(&model, device).ok_rendered() {
            std::hint::black_box(detector.detect(SENTENCE));
            reached.stage("detected");
        }
        let dropout = HfDropout { hidden: 0.1, attention: 0.1 };
        std::hint::black_box(hf::export(&electra, &model.config, dropout, HfNetwork::Discriminator));
        if Architecture::of(&model.tensors).generator == GeneratorKind::Masked {
            std::hint::black_box(hf::export(&electra, &model.config, dropout, HfNetwork::Generator));
        }
        reached.stage("exported");
        Some(())
    }

    fn quick(&self) -> u64 {
        600
    }
}
