//! Texts and tokenizers that nobody means well with: archives that unpack to far more than they are,
//! files without an end, pipes where a file is read twice.

mod support;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use electra_files::shown::with_help;
use electra_text::Vocabulary;
use electra_text::build::{BuildError, build};
use electra_text::corpus::{CorpusError, DocumentReader, ReadOptions, expand, open_content, read_content};
use electra_text::shard::hash_file;
use electra_text::vocab::{MAX_VOCAB_SIZE, VocabularyError};
use electra_text::wordpiece::{MAX_WORD_CHARS, OffsetUnit, Settings, Tokenizer, TokenizerError};
use serde_json::{Value, json};
use support::{corpus_text, request, tokenizer, write};

/// The first error of reading a corpus of one file.
fn error_of(path: &Path) -> CorpusError {
    let mut documents = DocumentReader::new(vec![path.to_owned()], ReadOptions::default());
    documents.find_map(Result::err).expect("the file is refused")
}

/// An archive of `bytes` lines of one byte or less.
fn archive(folder: &Path, name: &str, line: &[u8], bytes: usize) -> PathBuf {
    let path = folder.join(name);
    let file = std::fs::File::create(&path).unwrap();
    let block = line.repeat((1 << 20) / line.len());
    let fill = |writer: &mut dyn Write| {
        (0..bytes / block.len()).for_each(|_| writer.write_all(&block).unwrap());
    };
    if name.ends_with(".gz") {
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::best());
        fill(&mut encoder);
        encoder.finish().unwrap();
    } else {
        let mut encoder = zstd::Encoder::new(file, 1).unwrap();
        fill(&mut encoder);
        encoder.finish().unwrap();
    }
    path
}

#[test]
fn archives_that_unpack_to_far_more_than_they_are_end_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for (name, line) in
        [("a.txt.gz", &b"\n"[..]), ("b.txt.zst", b"a\n"), ("c.jsonl.zst", b"{\"text\": null}\n\n")]
    {
        let path = archive(folder.path(), name, line, 72 << 20);
        let of_corpus = error_of(&path);
        let of_content = read_content(&path).unwrap_err();
        let mut text = open_content(&path).unwrap();
        let of_stream = std::io::copy(&mut text, &mut std::io::sink()).unwrap_err();
        let of_stream = of_stream.downcast::<CorpusError>().unwrap();
        for error in [&of_corpus, &of_content, &of_stream].map(|error| with_help(error)) {
            assert!(error.contains("is no archive of text") && error.contains(name), "{error}");
            assert!(error.ends_with("unpack it first"), "{error}");
        }
        let CorpusError::DecompressionBomb { packed, unpacked, .. } = of_content else {
            panic!("{of_content}")
        };
        assert!(unpacked < (66 << 20) && packed < 400_000, "{packed} to {unpacked}");
        let error = build(&request(vec![path], folder.path().join("data")), |_| {}).unwrap_err();
        assert!(matches!(error, BuildError::Corpus(CorpusError::DecompressionBomb { .. })), "{error}");
    }
}

#[test]
fn an_archive_that_takes_a_gigabyte_to_unpack_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    // A frame with a window of 2^30 bytes and one block, the last, of none.
    let frame = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 20 << 3, 0x01, 0x00, 0x00];
    let error = with_help(&error_of(&write(folder.path(), "a.txt.zst", frame)));
    assert!(error.contains("unpack it first, with `zstd -d --long=31`"), "{error}");
}

#[test]
fn text_that_shrinks_to_a_hundredth_is_read() {
    let folder = tempfile::tempdir().unwrap();
    // Lines that repeat themselves after a megabyte, farther than so fast an encoder looks back.
    let text: String = (0..150_000).map(|n: u64| format!("{}\n", n * n % 999_983)).collect();
    let path = archive(folder.path(), "a.txt.zst", text.as_bytes(), 72 << 20);
    let packed = std::fs::metadata(&path).unwrap().len();
    let unpacked = read_content(&path).unwrap().len() as u64;
    assert!(unpacked > (66 << 20) && unpacked / packed < 100, "{packed} to {unpacked}");
}

#[test]
fn a_record_is_held_in_memory_up_to_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{{\"text\": \"{}\"}}\n{{\"text\": \"two\"}}\n", "a ".repeat(33 << 20));
    let path = write(folder.path(), "a.jsonl", long);
    let error = error_of(&path);
    assert!(matches!(error, CorpusError::LongRecord { line: 1, .. }), "{error}");
    let options = ReadOptions { skip_bad_records: true, ..ReadOptions::default() };
    let texts: Vec<String> = DocumentReader::new(vec![path], options)
        .map(|document| document.unwrap().text().to_owned())
        .collect();
    assert_eq!(texts, ["two"]);
    // More fields than anybody would name.
    let fields = format!("{{{}\"b\":1}}\n", "\"a\":1,".repeat(4 << 20));
    let error = error_of(&write(folder.path(), "b.jsonl", fields)).to_string();
    assert!(error.contains("4194295 more") && error.len() < 600, "{error}");
}

fn pipe(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

#[test]
fn what_is_read_twice_is_a_regular_file_and_nothing_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody writes to them: opening one would not come back.
    let path = pipe(folder.path(), "a.txt");
    let error = error_of(&path);
    assert!(matches!(error, CorpusError::Read { .. }), "{error}");
    let error = expand(&[&path], None).unwrap_err();
    let CorpusError::Read { source, .. } = &error else { panic!("{error}") };
    assert!(source.to_string().contains("a pipe"), "{source}");
    assert!(matches!(expand(&["/dev/null"], None), Err(CorpusError::Read { .. })));
    assert!(hash_file(&path).is_err());
    let files = folder.path().join("tokenizer");
    tokenizer().save(&files).unwrap();
    std::fs::remove_file(files.join("tokenizer_config.json")).unwrap();
    pipe(&files, "tokenizer_config.json");
    assert!(matches!(Tokenizer::load(&files), Err(TokenizerError::Read { .. })));
    // As the manifest and a shard of a data folder.
    let input = write(folder.path(), "b.txt", corpus_text(20, 1));
    let request = request(vec![input], folder.path().join("data"));
    build(&request, |_| {}).unwrap();
    for name in ["train-00000.ids", "manifest.json", "tokenizer/vocab.txt"] {
        std::fs::remove_file(request.out.join(name)).unwrap();
        pipe(&request.out, name);
        assert!(electra_text::DataSet::open(&request.out).is_err(), "{name}");
    }
}

#[test]
fn what_is_read_once_may_be_a_pipe_and_has_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let fed = |name: &str, content: &[u8]| {
        let (path, content) = (pipe(folder.path(), name), content.to_vec());
        let to = path.clone();
        std::thread::spawn(move || std::fs::write(to, content));
        path
    };
    let text = corpus_text(20, 1);
    assert_eq!(read_content(&fed("a", text.as_bytes())).unwrap(), text.as_bytes());
    let mut read = String::new();
    open_content(&fed("b", text.as_bytes())).unwrap().read_to_string(&mut read).unwrap();
    assert_eq!(read, text);
    let vocabulary = Vocabulary::read(&fed("c", tokenizer().vocabulary().to_text().as_bytes())).unwrap();
    assert_eq!(vocabulary, *tokenizer().vocabulary());

    for path in ["/dev/zero", "/dev/urandom", folder.path().to_str().unwrap()] {
        let path = Path::new(path);
        assert!(matches!(read_content(path), Err(CorpusError::Read { .. })), "{}", path.display());
        assert!(open_content(path).is_err(), "{}", path.display());
        assert!(Tokenizer::load(path).is_err(), "{}", path.display());
    }
}

#[test]
fn a_vocabulary_has_no_more_pieces_than_any_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "vocab.txt", "\n".repeat(MAX_VOCAB_SIZE + 1));
    let error = Vocabulary::read(&path).unwrap_err();
    assert!(
        matches!(error, VocabularyError::TooLarge { pieces, .. } if pieces == MAX_VOCAB_SIZE + 1),
        "{error}"
    );
}

#[test]
fn a_long_piece_does_not_stand_for_many_that_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let special = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    let long = "x".repeat(1 << 20);
    let path = write(folder.path(), "vocab.txt", format!("{special}{}{long}\n", "a\n".repeat(1000)));
    let error = Vocabulary::read(&path).unwrap_err();
    assert!(matches!(error, VocabularyError::Unwritable { holes: 999, .. }), "{error}");
    let pieces = (0..1000).map(|n| (format!("p{n}"), 2 * n)).chain([(long, 2000)]);
    let error = Vocabulary::from_ids(pieces, &path).unwrap_err();
    assert!(matches!(error, VocabularyError::Unwritable { holes: 1000, .. }), "{error}");
}

#[test]
fn a_tokenizers_files_that_the_library_cannot_use_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    tokenizer().save(folder.path()).unwrap();
    let whole: Value = serde_json::from_slice(&std::fs::read(at("tokenizer.json")).unwrap()).unwrap();
    let loaded = |change: &dyn Fn(&mut Value)| {
        let mut changed = whole.clone();
        change(&mut changed);
        std::fs::write(at("tokenizer.json"), changed.to_string()).unwrap();
        Tokenizer::load(folder.path())
    };
    let hash = tokenizer().hash();
    for length in [0, MAX_WORD_CHARS + 1, usize::MAX] {
        let error = loaded(&|json| json["model"]["max_input_chars_per_word"] = length.into()).unwrap_err();
        assert!(matches!(error, TokenizerError::Setting { .. }), "{error}");
    }
    // A model that is not named is built as BERT's or not at all.
    let unnamed = loaded(&|json| drop(json["model"].as_object_mut().unwrap().remove("type")));
    assert_eq!(unnamed.unwrap().hash(), hash);
    let error = loaded(&|json| json["model"] = json!({ "unk_id": 9, "vocab": [["", 0.0]] })).unwrap_err();
    assert!(matches!(error, TokenizerError::Malformed { .. }), "{error}");
    // Nothing is made of what is not read.
    let other = loaded(&|json| {
        json["decoder"] = json!({ "type": "Replace", "pattern": { "Regex": "(" }, "content": "" });
        json["padding"] = json!(7);
    });
    assert_eq!(other.unwrap().hash(), hash);
    let error = loaded(&|json| json["model"]["vocab"]["new"] = u32::MAX.into()).unwrap_err();
    assert!(matches!(error, TokenizerError::Vocabulary(VocabularyError::Sparse { .. })), "{error}");

    // Added tokens that are one and the same once normalised; and those that are nothing then, or before.
    loaded(&|_| {}).unwrap();
    let config: Value = serde_json::from_slice(&std::fs::read(at("tokenizer_config.json")).unwrap()).unwrap();
    let with_added = |contents: &[&str]| {
        let mut changed = config.clone();
        for (id, content) in (611..).zip(contents) {
            changed["added_tokens_decoder"][id.to_string()] =
                json!({ "content": content, "normalized": true });
        }
        std::fs::write(at("tokenizer_config.json"), changed.to_string()).unwrap();
        Tokenizer::load(folder.path())
    };
    let both = with_added(&["Foo", "foo"]).unwrap();
    for text in ["foo Foo", "a\u{301} \u{302}", "中", ""] {
        let ids = both.encode(text, OffsetUnit::Bytes, None).ids;
        assert_eq!(ids[1..ids.len() - 1], both.text_encoder().encode(text), "{text:?}");
    }
    // The tokenizers library finds such a token at every byte, within characters too, and panics there.
    for nothing in ["\u{301}", "\u{202e}"] {
        let error = with_added(&[nothing]).unwrap_err();
        assert!(matches!(error, TokenizerError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("in normalised text"), "{error}");
    }
    let mut changed = config.clone();
    changed.as_object_mut().unwrap().remove("added_tokens_decoder").unwrap();
    std::fs::write(at("tokenizer_config.json"), changed.to_string()).unwrap();
    std::fs::write(at("added_tokens.json"), "{\"\": 611}").unwrap();
    let error = Tokenizer::load(folder.path()).unwrap_err();
    assert!(matches!(error, TokenizerError::Malformed { .. }), "{error}");
}

#[test]
fn pieces_with_line_breaks_have_hashes_of_their_own() {
    let of = |pieces: [&str; 2]| {
        let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
        let pieces = special.into_iter().chain(pieces).map(str::to_owned).collect();
        let vocabulary = Vocabulary::new(pieces, Path::new("v")).unwrap();
        Tokenizer::new(vocabulary, Settings::UNCASED).hash()
    };
    assert_ne!(of(["a\nb", "c"]), of(["a", "b\nc"]));
}

#[test]
fn a_tokenizers_json_has_no_more_values_than_any_has() {
    let folder = tempfile::tempdir().unwrap();
    tokenizer().save(folder.path()).unwrap();
    let many = format!("{{\"x\": [{}0]}}", "0,".repeat(4 * MAX_VOCAB_SIZE + 1));
    for name in ["special_tokens_map.json", "tokenizer_config.json", "tokenizer.json"] {
        let path = write(folder.path(), name, &many);
        let loaded = Tokenizer::load_saved(folder.path());
        let Err(TokenizerError::Malformed { path: found, .. }) = &loaded else {
            panic!("{name}: {loaded:?}")
        };
        assert_eq!(*found, path);
    }
}
