//! A vocabulary that grows keeps what it has, and gets the most frequent pieces of the new text behind it.

use std::path::{Path, PathBuf};

use electra_files::shown::with_help;
use electra_text::corpus::ReadOptions;
use electra_text::wordpiece::{ExtensionSettings, TrainError, Trained, VocabularySettings, extend, train};
use electra_text::{Tokenizer, Vocabulary};

const GENERAL: &str = "the river runs to the sea and the town by the sea has a market and a school";
const DOMAIN: &str =
    "hepatitis and nephritis are treated; hepatitis of the liver, nephritis of the kidney; arthritis too";

fn text(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("{text}\n\n").repeat(20)).unwrap();
    path
}

fn old(folder: &Path) -> Tokenizer {
    let settings = VocabularySettings { keep_accents: true, ..VocabularySettings::new(60, false) };
    train(&[text(folder, "general.txt", GENERAL)], &ReadOptions::default(), &settings, 1, |_| {})
        .unwrap()
        .tokenizer
}

fn extended(old: &Tokenizer, file: &Path, vocab_size: usize, threads: usize) -> Result<Trained, TrainError> {
    let settings = ExtensionSettings { vocab_size, min_frequency: 2, character_coverage: 1.0 };
    extend(old, &[file.to_owned()], &ReadOptions::default(), &settings, threads, |_| {})
}

#[test]
fn old_ids_stay_and_new_pieces_stand_behind_them_in_the_order_of_their_training() {
    let folder = tempfile::tempdir().unwrap();
    let (old, domain) = (old(folder.path()), text(folder.path(), "domain.txt", DOMAIN));
    let found = extended(&old, &domain, 90, 1).unwrap();
    let (new, had) = (found.tokenizer.vocabulary(), old.vocab_size());
    assert_eq!((new.len(), had), (90, 60));
    for id in 0..had as u32 {
        assert_eq!(new.piece(id), old.vocabulary().piece(id));
    }
    assert_eq!(found.tokenizer.settings(), old.settings());
    assert_eq!(new.special(), old.special());

    // What is trained on the text alone has the new pieces in this order, among pieces of the old vocabulary.
    let alone = VocabularySettings {
        character_coverage: 1.0,
        keep_accents: true,
        ..VocabularySettings::new(75, false)
    };
    let alone =
        train(std::slice::from_ref(&domain), &ReadOptions::default(), &alone, 1, |_| {}).unwrap().tokenizer;
    let lacking: Vec<&str> = alone
        .vocabulary()
        .pieces()
        .iter()
        .map(String::as_str)
        .filter(|piece| old.vocabulary().id(piece).is_none())
        .collect();
    let behind: Vec<&str> = (had as u32..90).map(|id| new.piece(id).unwrap()).collect();
    let both = behind.len().min(lacking.len());
    assert!(both > 20, "{lacking:?}");
    assert_eq!(behind[..both], lacking[..both]);

    // Characters first, so that no word of the text is unknown.
    assert_eq!(found.coverage.unknown_words, 0);
    assert!(old.text_encoder().encode("hepatitis").contains(&old.special().unk));
    let ids = found.tokenizer.text_encoder().encode("kidney of hepatitis");
    assert!(!ids.contains(&old.special().unk));
    for threads in [2, 3] {
        let again = extended(&old, &domain, 90, threads).unwrap();
        assert_eq!(again.tokenizer.hash(), found.tokenizer.hash(), "{threads} threads");
    }
}

#[test]
fn what_was_extended_is_saved_and_extended_again() {
    let folder = tempfile::tempdir().unwrap();
    let (old, domain) = (old(folder.path()), text(folder.path(), "domain.txt", DOMAIN));
    let once = extended(&old, &domain, 80, 1).unwrap().tokenizer;
    once.save(&folder.path().join("saved")).unwrap();
    let loaded = Tokenizer::load_saved(&folder.path().join("saved")).unwrap();
    assert_eq!(loaded.hash(), once.hash());
    let twice = extended(&loaded, &domain, 90, 1).unwrap().tokenizer;
    assert_eq!(twice.hash(), extended(&old, &domain, 90, 1).unwrap().tokenizer.hash());
}

#[test]
fn ids_without_a_piece_stay_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let domain = text(folder.path(), "domain.txt", DOMAIN);
    let pieces = "[PAD] [UNK] [CLS] [SEP] [MASK] the the of and".split(' ').map(str::to_owned).collect();
    let vocabulary = Vocabulary::new(pieces, Path::new("v")).unwrap();
    let old = Tokenizer::new(vocabulary, electra_text::wordpiece::Settings::UNCASED);
    assert_eq!((old.vocab_size(), old.vocabulary().piece(5)), (9, None));
    let found = extended(&old, &domain, 60, 1).unwrap().tokenizer;
    assert_eq!((found.vocab_size(), found.vocabulary().piece(5)), (60, None));
    assert_eq!(found.vocabulary().piece(6), Some("the"));
}

#[test]
fn what_cannot_be_extended_says_why_and_what_can() {
    let folder = tempfile::tempdir().unwrap();
    let (old, domain) = (old(folder.path()), text(folder.path(), "domain.txt", DOMAIN));
    let refused = |size| with_help(&extended(&old, &domain, size, 1).unwrap_err());
    let said = refused(60);
    assert!(said.contains("60 pieces cannot be extended to 60") && said.contains("more than 60"), "{said}");
    let said = refused(61);
    assert!(said.contains("there is room for 1, and the text has"), "{said}");
    let said = refused(5_000);
    assert!(said.contains("pieces that the vocabulary of 60 lacks (pairs seen at least 2 times)"), "{said}");
    assert!(said.contains("4940 were asked for"), "{said}");
    // What it says can be had can be had.
    let most: usize = said.split("ask for ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert_eq!(extended(&old, &domain, most, 1).unwrap().tokenizer.vocab_size(), most);
    let settings = ExtensionSettings { vocab_size: 90, min_frequency: 0, character_coverage: 1.0 };
    let error = extend(&old, std::slice::from_ref(&domain), &ReadOptions::default(), &settings, 1, |_| {})
        .unwrap_err();
    assert!(error.to_string().contains("minimum frequency is 0"), "{error}");
}
