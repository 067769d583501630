//! A trained vocabulary is the same in every process and for every number of threads.

use std::path::PathBuf;
use std::process::Command;

use electra_files::shown::with_help;
use electra_text::corpus::{CorpusError, ReadOptions};
use electra_text::coverage::Coverage;
use electra_text::warning::TextWarning;
use electra_text::wordpiece::{
    SAVED_FILES, Tokenizer, TrainError, TrainProgress, Trained, VocabularySettings, train,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random words over a small alphabet: thousands of equally frequent pairs, so that any
/// dependence on the order of a hash map shows.
fn corpus_of_ties(folder: &std::path::Path) -> PathBuf {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let alphabet: Vec<char> = "abcdeéñßжщöAÉZ東京".chars().collect();
    let mut text = String::new();
    for _ in 0..300 {
        for _ in 0..30 {
            for _ in 0..rng.random_range(1..8) {
                text.push(alphabet[rng.random_range(0..alphabet.len())]);
            }
            text.push(if rng.random_bool(0.2) { '.' } else { ' ' });
        }
        text.push_str("\n\n");
    }
    let path = folder.join("ties.txt");
    std::fs::write(&path, text).unwrap();
    path
}

fn train_on(
    path: &std::path::Path,
    settings: VocabularySettings,
    threads: usize,
) -> Result<Trained, TrainError> {
    train(&[path.to_owned()], &ReadOptions::default(), &settings, threads, |_| {})
}

fn trained_text(cased: bool, threads: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = corpus_of_ties(folder.path());
    let trained = train_on(&path, VocabularySettings::new(400, cased), threads).unwrap();
    trained.tokenizer.vocabulary().to_text()
}

#[test]
fn a_vocabulary_is_the_same_every_time_and_for_any_number_of_threads() {
    for cased in [false, true] {
        let expected = trained_text(cased, 1);
        assert_eq!(expected.lines().count(), 400);
        for threads in [1, 2, 3, 8] {
            assert_eq!(trained_text(cased, threads), expected, "cased {cased}, {threads} threads");
        }
    }
}

/// The program that the next test runs in processes of its own: hash maps are seeded once per process.
#[test]
fn print_the_vocabulary() {
    println!("vocabulary {}", blake3::hash(trained_text(false, 2).as_bytes()));
}

#[test]
fn a_vocabulary_is_the_same_in_every_process() {
    let expected = format!("vocabulary {}", blake3::hash(trained_text(false, 1).as_bytes()));
    for threads in ["1", "2", "4"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "print_the_vocabulary", "--nocapture", "--test-threads=1"])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        assert!(output.contains(&expected), "{threads} threads: {output}, expected {expected}");
    }
}

#[test]
fn special_tokens_come_first_then_characters_then_continuing_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "Abab abab É東\n").unwrap();
    let settings = VocabularySettings {
        min_frequency: 1,
        character_coverage: 1.0,
        ..VocabularySettings::new(14, false)
    };
    let trained = train_on(&path, settings, 1).unwrap();
    // Numbers: a 5, b 6, e 7, 東 8, ##a 9, ##b 10. The pairs (5, 10), (9, 10) and (10, 9) are seen
    // twice each; the lowest numbers win, so ab 11, then ##ab 12, then (11, 12).
    let text = trained.tokenizer.vocabulary().to_text().replace('\n', " ");
    assert_eq!(text, "[PAD] [UNK] [CLS] [SEP] [MASK] a b e 東 ##a ##b ab ##ab abab ");
}

#[test]
fn a_trained_vocabulary_leaves_nothing_unknown_when_it_covers_all_characters() {
    let folder = tempfile::tempdir().unwrap();
    let path = corpus_of_ties(folder.path());
    let settings = VocabularySettings { character_coverage: 1.0, ..VocabularySettings::new(400, true) };
    let tokenizer = train_on(&path, settings, 2).unwrap().tokenizer;
    let ids = tokenizer.text_encoder().encode(&std::fs::read_to_string(&path).unwrap());
    assert!(!ids.contains(&tokenizer.special().unk));
    assert!(tokenizer.is_cased());
}

#[test]
fn a_vocabulary_larger_than_the_corpus_supports_is_refused_with_what_it_supports() {
    let folder = tempfile::tempdir().unwrap();
    let path = corpus_of_ties(folder.path());
    let error = train_on(&path, VocabularySettings::new(1_000_000, false), 2).unwrap_err();
    let TrainError::TooLarge { supported, .. } = error else { panic!("{error}") };
    // Exactly as many can be had, and one more cannot.
    let trained = train_on(&path, VocabularySettings::new(supported, false), 2).unwrap();
    assert_eq!(trained.tokenizer.vocab_size(), supported);
    assert!(train_on(&path, VocabularySettings::new(supported + 1, false), 2).is_err());
}

#[test]
fn a_vocabulary_smaller_than_its_alphabet_is_refused_with_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = corpus_of_ties(folder.path());
    let error = train_on(&path, VocabularySettings::new(10, false), 2).unwrap_err();
    let TrainError::TooSmall { minimum, .. } = error else { panic!("{error}") };
    assert_eq!(
        train_on(&path, VocabularySettings::new(minimum, false), 2).unwrap().tokenizer.vocab_size(),
        minimum
    );
    assert!(train_on(&path, VocabularySettings::new(minimum - 1, false), 2).is_err());
}

#[test]
fn an_empty_corpus_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    std::fs::write(&path, "\n \n\t\n").unwrap();
    let error = train_on(&path, VocabularySettings::new(100, false), 1).unwrap_err();
    assert!(matches!(error, TrainError::Corpus(CorpusError::Empty { files: 1, .. })), "{error}");
}

#[test]
fn progress_counts_the_bytes_and_then_the_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = corpus_of_ties(folder.path());
    let mut events = Vec::new();
    let settings = VocabularySettings::new(400, false);
    train(std::slice::from_ref(&path), &ReadOptions::default(), &settings, 1, |event| events.push(event))
        .unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    assert_eq!(events[0], TrainProgress::Counting { bytes: size, total: size, documents: 300 });
    assert!(
        matches!(events[1], TrainProgress::Merging { words: 1000.., characters: 14.. }),
        "{:?}",
        events[1]
    );
}

/// Unspaced reads of 60 to 180 letters.
fn reads(folder: &std::path::Path) -> PathBuf {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut text = String::new();
    for _ in 0..400 {
        (0..rng.random_range(60..=180)).for_each(|_| text.push(['a', 'c', 'g', 't'][rng.random_range(0..4)]));
        text.push('\n');
    }
    let path = folder.join("reads.txt");
    std::fs::write(&path, text).unwrap();
    path
}

/// The coverage that a build counts over the same text.
fn counted(path: &std::path::Path, tokenizer: &Tokenizer) -> Coverage {
    let mut encoder = tokenizer.text_encoder();
    encoder.encode(&std::fs::read_to_string(path).unwrap());
    encoder.take_coverage()
}

#[test]
fn long_words_that_are_unknown_are_counted_by_their_characters_and_can_be_learned() {
    let folder = tempfile::tempdir().unwrap();
    let path = reads(folder.path());
    let short = train_on(&path, VocabularySettings::new(64, false), 2).unwrap();
    let coverage = short.coverage;
    assert_eq!(coverage.words, 400);
    assert_eq!(
        (short.too_long.words, short.too_long.characters),
        (coverage.unknown_words, coverage.unknown_characters)
    );
    // Of lengths 60 to 180 two thirds are above 100, with 78 % of the letters.
    assert!((0.6..0.73).contains(&coverage.unknown_word_share()), "{coverage:?}");
    assert!((0.74..0.82).contains(&coverage.unknown_character_share()), "{coverage:?}");
    assert_eq!(TextWarning::of_text(coverage), [TextWarning::Unknown { split: None, coverage }]);
    assert_eq!(counted(&path, &short.tokenizer), coverage);

    let settings = VocabularySettings { max_word_chars: 180, ..VocabularySettings::new(64, false) };
    let long = train_on(&path, settings, 2).unwrap();
    assert_eq!((long.coverage.unknown_words, long.too_long.words), (0, 0));
    assert_eq!(counted(&path, &long.tokenizer), long.coverage);
    let saved = folder.path().join("saved");
    long.tokenizer.save(&saved).unwrap();
    let json = std::fs::read_to_string(saved.join("tokenizer.json")).unwrap();
    assert!(json.contains("\"max_input_chars_per_word\": 180"), "{json}");
    // A class of BERT's would set the limit back to 100.
    let config = std::fs::read_to_string(saved.join("tokenizer_config.json")).unwrap();
    assert!(config.contains("\"tokenizer_class\": \"PreTrainedTokenizerFast\""), "{config}");
    assert_eq!(Tokenizer::load(&saved).unwrap().hash(), long.tokenizer.hash());
    std::fs::remove_file(saved.join("tokenizer.json")).unwrap();
    assert_eq!(Tokenizer::load(&saved).unwrap().hash(), long.tokenizer.hash());
}

#[test]
fn a_corpus_of_long_words_alone_is_refused_with_the_length_that_helps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("proteins.txt");
    let protein = |n: usize| {
        "ACDEFGHIKLMNPQRSTVWY".chars().cycle().skip(n).step_by(7).take(150 + n).collect::<String>()
    };
    std::fs::write(&path, (0..50).map(|n| protein(n) + "\n").collect::<String>()).unwrap();
    let error = train_on(&path, VocabularySettings::new(60, false), 1).unwrap_err();
    assert!(matches!(error, TrainError::NoWords { .. }), "{error}");
    let message = with_help(&error);
    assert!(message.contains("all of its 50 words are longer than 100 characters"), "{message}");
    assert!(message.ends_with("; accept longer words, or divide words by spaces"), "{message}");
    let settings = VocabularySettings { max_word_chars: 199, ..VocabularySettings::new(60, false) };
    assert_eq!(train_on(&path, settings, 1).unwrap().coverage.unknown_words, 0);

    // Where some words are short, more text is no advice either.
    std::fs::write(&path, (0..50).map(|n| protein(n) + " short\n").collect::<String>()).unwrap();
    let message = with_help(&train_on(&path, VocabularySettings::new(600, false), 1).unwrap_err());
    assert!(message.contains("longer than 100") && !message.contains("give more text"), "{message}");
    std::fs::write(&path, "\u{301}\u{302}\n").unwrap();
    let message = train_on(&path, VocabularySettings::new(600, false), 1).unwrap_err().to_string();
    assert!(message.starts_with("the corpus has no word"), "{message}");
}

#[test]
fn accents_are_counted_where_they_are_dropped_and_kept_where_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    // 4 of 17 written characters lose a mark, and two syllables fall into their letters.
    std::fs::write(&path, "Який це Йод\nÀ la née 한국\n".repeat(50)).unwrap();
    let of = |keep_accents, cased, vocab_size| {
        let settings = VocabularySettings { keep_accents, ..VocabularySettings::new(vocab_size, cased) };
        train_on(&path, settings, 2).unwrap()
    };
    let dropped = of(false, false, 40);
    let coverage = dropped.coverage;
    assert_eq!((coverage.written, coverage.stripped, coverage.jamo), (50 * 17, 50 * 4, 50 * 2));
    assert_eq!(TextWarning::of_text(coverage), [TextWarning::Accents { coverage }]);
    assert_eq!(counted(&path, &dropped.tokenizer), coverage);
    assert!(
        dropped.tokenizer.vocabulary().id("иод").is_some()
            || dropped.tokenizer.vocabulary().id("и").is_some()
    );

    let kept = of(true, false, 40);
    assert_eq!((kept.coverage.stripped, kept.coverage.jamo), (0, 0));
    assert_eq!(TextWarning::of_text(kept.coverage), []);
    let vocabulary = kept.tokenizer.vocabulary();
    assert!(vocabulary.id("й").is_some() && vocabulary.id("à").is_some() && vocabulary.id("한").is_some());
    assert!(vocabulary.id("Й").is_none(), "upper case is dropped all the same");
    let saved = folder.path().join("saved");
    kept.tokenizer.save(&saved).unwrap();
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        let text = std::fs::read_to_string(saved.join(file)).unwrap();
        assert!(text.contains("\"strip_accents\": false"), "{file}: {text}");
    }
    assert!(SAVED_FILES.iter().all(|file| saved.join(file).is_file()));
    assert_eq!(Tokenizer::load(&saved).unwrap().hash(), kept.tokenizer.hash());
    assert_ne!(kept.tokenizer.hash(), of(false, true, 40).tokenizer.hash());
}
