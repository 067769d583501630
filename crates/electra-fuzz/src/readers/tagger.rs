//! Folders of taggers, as `predict` reads them.

use std::io::Cursor;
use std::path::Path;

use burn::prelude::Device;
use electra_annotations::{LabelScheme, LabelSet};
use electra_model::Precision;
use electra_ner::{
    ClassifierDropout, Context, Decoding, Documents, HeadType, PredictSettings, Predictor, TaggerFolder,
    TaggerSettings, TaggerShape, TextForm, TokenClassifier, initial_tagger,
};
use electra_train::encoder_init::EncoderInit;
use electra_train::model_folder::PretrainedEncoder;

use super::material::{SENTENCE, sizes, tokenizer};
use super::model::damage_model;
use crate::case::Case;
use crate::reader::{OkRendered, Reached, Reader, Rng};

const MAX_WEIGHTS: usize = 1 << 20;

/// A tagger with a CRF, and one without.
pub(super) struct Taggers;

impl Reader for Taggers {
    fn name(&self) -> &'static str {
        "tagger"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["opened", "built", "predicted", "trained on"]
    }

    fn seeds(&self) -> Vec<Case> {
        let config = sizes();
        let folder = |decoding, context, scheme| {
            let labels = LabelSet::new(["LOC", "PER"], scheme);
            let shape =
                TaggerShape { config: &config, labels: &labels, head: HeadType::trained_for(decoding) };
            let tagger = TokenClassifier::init(shape, 5, &Device::flex(), Precision::F32);
            let settings = TaggerSettings { decoding, context, window: 16, division: None };
            let folder = tempfile::tempdir().expect("a temporary folder");
            let dropout = ClassifierDropout::PAPER;
            let mut written =
                TaggerFolder::new(folder.path(), &tagger, shape, dropout, settings, tokenizer());
            let calibration = serde_json::json!({
                "format": 1,
                "decoding": decoding,
                "fit": {"temperature": 1.5, "words": 9, "wrong_words": 2, "loss_before": 0.5, "loss_after": 0.4},
                "data": {"file": "dev.conll", "hash": "1f", "sentences": 3},
                "types": {"PER": {"gold": 2, "points": [
                    {"min_score": 0.9, "predicted": 1, "correct": 1},
                    {"min_score": 0.25, "predicted": 3, "correct": 2},
                ]}},
            });
            written.calibration =
                Some(serde_json::from_value(calibration).expect("that is how a calibration is written"));
            written.write().expect("a temporary folder can be written to");
            Case::of_folder(folder.path()).expect("what was written can be read")
        };
        vec![
            folder(Decoding::Crf, Context::Document, LabelScheme::Iob2),
            folder(Decoding::Argmax, Context::Sentence, LabelScheme::Iobes),
        ]
    }

    fn mutate(&self, case: &mut Case, rng: &mut Rng) {
        damage_model(case, rng);
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let device = Device::flex();
        let tagger = TaggerFolder::open(folder).ok_rendered()?;
        reached.stage("opened");
        if tagger.tensors.values().map(|tensor| tensor.num_elements()).sum::<usize>() > MAX_WEIGHTS {
            return None;
        }
        let predictor = Predictor::new(&tagger, &device, Precision::F32).ok_rendered()?;
        reached.stage("built");
        let settings =
            PredictSettings { form: TextForm::Tokenised, documents: Documents::BlankLine, batch_size: 4 };
        let text = format!("{SENTENCE}\n\nAda met Bo in Rome .\nBo had lost his map .\n");
        predictor
            .run(Cursor::new(text), &settings, |sentences| {
                std::hint::black_box(format!("{sentences:?}"));
                Ok(())
            })
            .ok_rendered()?;
        reached.stage("predicted");
        let pretrained = PretrainedEncoder::open(folder).ok_rendered()?;
        let init = EncoderInit::Pretrained(Box::new(pretrained));
        initial_tagger(&init, &tagger.labels, HeadType::Linear, 1, &device, Precision::F32).ok_rendered()?;
        reached.stage("trained on");
        Some(())
    }

    fn quick(&self) -> u64 {
        600
    }
}
