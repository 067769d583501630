//! Tokenizers, whoever wrote them.

use std::path::Path;

use electra_annotations::Aligner;
use electra_text::Tokenizer;
use electra_text::wordpiece::OffsetUnit;

use super::material::SENTENCE;
use super::model::tokenizer_files;
use crate::case::Case;
use crate::reader::{OkRendered, Reached, Reader};

/// The most pieces of a vocabulary that is looked at whole.
const MAX_PIECES: usize = 1000;

/// All files, `vocab.txt` alone, `tokenizer.json` alone, and the older files of added tokens.
pub(super) struct Tokenizers;

impl Reader for Tokenizers {
    fn name(&self) -> &'static str {
        "tokenizer"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["loaded", "encoded", "saved", "loaded again"]
    }

    fn seeds(&self) -> Vec<Case> {
        let all = tokenizer_files();
        let some = |names: &[&str]| {
            names.iter().fold(Case::default(), |case, name| {
                case.with(name, all.file(name).unwrap_or_default().to_vec())
            })
        };
        let pieces = all.file("vocab.txt").unwrap_or_default().split(|&byte| byte == b'\n').count() - 1;
        let added = format!("{{\"<ada>\": {pieces}, \"<bo>\": {}}}", pieces + 1);
        let older = some(&["vocab.txt", "special_tokens_map.json"])
            .with(
                "tokenizer_config.json",
                "{\"do_lower_case\": true, \"tokenizer_class\": \"BertTokenizer\"}",
            )
            .with("config.json", "{\"model_type\": \"bert\"}")
            .with("added_tokens.json", added);
        vec![all.clone(), some(&["vocab.txt"]), some(&["tokenizer.json"]), older]
    }

    fn writes(&self) -> &'static [&'static str] {
        &["out/vocab.txt", "out/vocab.txt.tmp", "out/tokenizer.json", "out/tokenizer_config.json"]
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let tokenizer = Tokenizer::load(folder).ok_rendered()?;
        reached.stage("loaded");
        let words = ["Ada", "", "[MASK]", "café", "##s", "<ada>", "東京"];
        for unit in [OffsetUnit::Chars, OffsetUnit::Bytes] {
            for length in [None, Some(3), Some(7)] {
                let encoding = tokenizer.encode(SENTENCE, unit, length);
                assert!(
                    encoding.ids.iter().all(|id| (*id as usize) < tokenizer.vocab_size()),
                    "an id of no piece"
                );
                std::hint::black_box(tokenizer.decode(encoding.ids.iter().copied()));
                std::hint::black_box(tokenizer.encode_pair(SENTENCE, "Bo", unit, length));
                std::hint::black_box(tokenizer.encode_words(&words, unit, length));
            }
        }
        let mut encoder = tokenizer.text_encoder();
        std::hint::black_box((encoder.encode(SENTENCE), encoder.take_coverage()));
        let mut aligner = Aligner::new(&tokenizer);
        std::hint::black_box((aligner.align(&words, 0), aligner.coverage()));
        let some = 0..tokenizer.vocab_size().min(MAX_PIECES) as u32;
        std::hint::black_box(tokenizer.pieces(some).map(str::len).sum::<usize>());
        reached.stage("encoded");
        let out = folder.join("out");
        tokenizer.save(&out).ok_rendered()?;
        reached.stage("saved");
        let again = Tokenizer::load(&out).ok_rendered()?;
        assert_eq!(again.hash(), tokenizer.hash(), "a tokenizer that was saved is the same");
        reached.stage("loaded again");
        Some(())
    }
}
