//! Tests of the context that a sentence sees of its neighbours.

use burn::prelude::*;
use electra_annotations::Aligner;
use electra_model::{DropoutSites, Precision};
use electra_ner::{
    Context, Decoding, Documents, PredictSettings, TaggedSentence, WindowBatchData, WindowSettings, plan,
};

use crate::small::{SETTINGS, WINDOW, folder, predictor, story, tagged, tags};

/// The tags of sentences, all windows planned at once and read one by one.
fn reference(found: &[TaggedSentence]) -> Vec<String> {
    let folder = folder(Context::Document, Decoding::Argmax);
    let tagger = folder.tagger(&Device::flex(), Precision::F32).unwrap();
    let decoder = folder.decoder(&tagger);
    let mut aligner = Aligner::new(&folder.tokenizer);
    let sentences: Vec<_> =
        found.iter().map(|t| aligner.align(&t.sentence.tokens().collect::<Vec<_>>(), 0)).collect();
    let special = folder.tokenizer.special();
    let mut tags: Vec<Vec<String>> = sentences.iter().map(|s| vec![String::new(); s.words()]).collect();
    for window in plan(&sentences, special, &WindowSettings::new(WINDOW, Context::Document)) {
        let mut data = WindowBatchData::new(window.ids.len());
        let places: Vec<usize> = window.scored.iter().map(|word| word.piece).collect();
        data.push(&window.ids, &places, special.pad);
        let logits = tagger.forward(&data.to_device(&Device::flex()), &DropoutSites::off());
        let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
        for (decision, word) in decoder.decode(&logits).iter().zip(&window.scored) {
            tags[word.sentence][word.word] = folder.labels.names()[decision.label].clone();
        }
    }
    tags.concat()
}

#[test]
fn a_document_is_read_as_in_evaluation() {
    let predictor = predictor(Context::Document);
    let found = tagged(&predictor, &story(120), &SETTINGS);
    assert_eq!(tags(&found), reference(&found));
}

#[test]
fn a_document_of_several_blocks_has_context_across_their_borders() {
    // 32,000 pieces are two blocks at least.
    let text = story(2200);
    let with = predictor(Context::Document);
    let found = tagged(&with, &text, &SETTINGS);
    let expected = reference(&found);
    let found_tags = tags(&found);
    assert_eq!(found_tags.len(), expected.len());
    let folder = folder(Context::Document, Decoding::Argmax);
    let mut aligner = Aligner::new(&folder.tokenizer);
    let mut pieces = 0;
    // A block ends with the sentence that fills it.
    let last = found.iter().position(|t| {
        pieces += aligner.align(&t.sentence.tokens().collect::<Vec<_>>(), 0).pieces().len();
        pieces >= 1 << 14
    });
    let last = last.expect("a second block");
    // The first block is that of the whole document to its last sentence. Where windows start
    // behind it depends on where they started before, so that the context may be shifted there.
    let words: usize = found[..=last].iter().map(|t| t.tags.len()).sum();
    assert_eq!(found_tags[..words], expected[..words]);

    // The first sentence of the second block alone, and with what stands before it.
    let without = tagged(&predictor(Context::Sentence), &text, &SETTINGS);
    let differing =
        |range: std::ops::Range<usize>| range.filter(|&at| found[at].tags != without[at].tags).count();
    assert!(differing(last + 1..last + 4) > 0 && differing(last - 2..last + 1) > 0);
}

#[test]
fn documents_end_at_blank_lines_only_if_they_are_said_to() {
    let predictor = predictor(Context::Document);
    let (a, b) = ("The abc de fgh. The ijk lm.", "The opq rs tuv. The wx yz.");
    let text = format!("{a}\n\n{b}");
    let alone = [tagged(&predictor, a, &SETTINGS), tagged(&predictor, b, &SETTINGS)].concat();
    let divided = PredictSettings { documents: Documents::BlankLine, ..SETTINGS };
    assert_eq!(tags(&tagged(&predictor, &text, &divided)), tags(&alone));
    let scores = |found: &[TaggedSentence]| -> Vec<f64> {
        found.iter().flat_map(|t| &t.entities).map(|entity| entity.score).collect()
    };
    let whole = tagged(&predictor, &text, &SETTINGS);
    assert!(tags(&whole) != tags(&alone) || scores(&whole) != scores(&alone));
}
