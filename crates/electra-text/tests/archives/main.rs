//! Compressed files and archives: the documents are those of the plain files, nothing is written, and what is
//! damaged or hostile is an error.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use electra_files::shown::with_help;
use electra_text::build::{BuildOutcome, BuildRequest, HeldOut, Part, build, build_part, merge};
use electra_text::corpus::{
    CorpusError, DocumentReader, FileKind, ReadOptions, StandardInput, expand, total_bytes,
};
use electra_text::pack::{PackMode, PackSettings};
use electra_text::wordpiece::Settings;
use electra_text::{Tokenizer, Vocabulary};
use tar::{EntryType, Header};

mod made;

use made::{Zipped, add, bzip2, gzip, tar_with, two_files, two_zipped, xz, zip, zipped, zstd};

const FIRST: &str = "the old mill\nstands by the river\n\nand nobody\n";
const SECOND: &str = "{\"text\": \"the ferry leaves\"}\n{\"text\": \"at nine\"}\n";
const DOCUMENTS: [&str; 4] =
    ["the old mill\nstands by the river", "and nobody", "the ferry leaves", "at nine"];

struct Corpus {
    folder: tempfile::TempDir,
}

impl Corpus {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn read_as(&self, name: &str, bytes: &[u8], options: ReadOptions) -> Result<Vec<String>, CorpusError> {
        texts(vec![self.write(name, bytes)], options)
    }

    fn read(&self, name: &str, bytes: &[u8]) -> Result<Vec<String>, CorpusError> {
        self.read_as(name, bytes, ReadOptions::default())
    }

    fn error(&self, name: &str, bytes: &[u8]) -> String {
        with_help(&self.read(name, bytes).unwrap_err())
    }
}

fn texts(paths: Vec<PathBuf>, options: ReadOptions) -> Result<Vec<String>, CorpusError> {
    DocumentReader::new(paths, options).map(|document| Ok(document?.text().to_owned())).collect()
}

#[test]
fn every_compression_and_every_archive_gives_the_documents_of_the_plain_files() {
    let corpus = Corpus::new();
    let plain = two_files();
    for (name, bytes) in [
        ("a.tar", plain.clone()),
        ("a.tar.gz", gzip(&plain)),
        ("a.tgz", gzip(&plain)),
        ("a.tar.zst", zstd(&plain)),
        ("a.tar.xz", xz(&plain)),
        ("a.txz", xz(&plain)),
        ("a.tar.bz2", bzip2(&plain)),
        ("stored.zip", two_zipped(0, false)),
        ("deflated.zip", two_zipped(8, false)),
        ("wide.zip", two_zipped(8, true)),
        ("bzip2.zip", two_zipped(12, false)),
        ("zstd.zip", two_zipped(93, false)),
        ("xz.zip", two_zipped(95, false)),
        // As programs that unpack themselves are.
        ("behind.zip", [b"#!/bin/sh\n", &two_zipped(8, false)[..]].concat()),
    ] {
        assert_eq!(corpus.read(name, &bytes).unwrap(), DOCUMENTS, "{name}");
    }
    for (name, bytes) in [
        // Two streams, one after the other.
        ("a.txt.xz", [xz(&FIRST.as_bytes()[..20]), xz(&FIRST.as_bytes()[20..])].concat()),
        ("a.txt.bz2", [bzip2(&FIRST.as_bytes()[..20]), bzip2(&FIRST.as_bytes()[20..])].concat()),
    ] {
        assert_eq!(corpus.read(name, &bytes).unwrap(), DOCUMENTS[..2], "{name}");
    }
    for (name, bytes) in [
        ("a.json.gz", gzip(SECOND.as_bytes())),
        ("a.json", SECOND.as_bytes().to_vec()),
        ("a.ndjson.xz", xz(SECOND.as_bytes())),
    ] {
        assert_eq!(corpus.read(name, &bytes).unwrap(), DOCUMENTS[2..], "{name}");
    }
    let error = corpus.error("a.json.gz", &gzip(b"[{\"text\": \"a list\"}]"));
    assert!(error.contains("line 1 of ") && error.contains("is not a JSON object"), "{error}");
}

#[test]
fn what_is_no_file_of_a_known_kind_is_passed_over_and_counted_and_nothing_is_written() {
    let corpus = Corpus::new();
    let long = format!("{}/../long.txt", "folder/".repeat(30));
    let archive = tar_with(|archive| {
        let mut special = |name: &str, kind: EntryType, link: &str| {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(0);
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_cksum();
            archive.append(&header, &[][..]).unwrap();
        };
        special("folder/", EntryType::Directory, "");
        special("link.txt", EntryType::Symlink, "/etc/passwd");
        special("hard.txt", EntryType::Link, "../../outside.txt");
        special("pipe.txt", EntryType::Fifo, "");
        special("device.txt", EntryType::Char, "");
        add(archive, "README.md", b"not read");
        add(archive, "._first.txt", b"\0\x05\x16\x07");
        add(archive, "inner.tar", &two_files());
        add(archive, "../../escape.txt", FIRST.as_bytes());
        add(archive, "/absolute.jsonl", SECOND.as_bytes());
        add(archive, &long.replace("/../", "/x/"), b"deep\n");
    });
    let before: BTreeSet<PathBuf> = [corpus.write("a.tar", &archive)].into();
    let reader = DocumentReader::new(before.iter().cloned().collect(), ReadOptions::default());
    let progress = reader.progress();
    let found: Vec<String> = reader.map(|document| document.unwrap().text().to_owned()).collect();
    assert_eq!(found, [&DOCUMENTS[..], &["deep"]].concat());
    assert_eq!((progress.skipped().members, progress.skipped().total()), (7, 7));
    assert_eq!(progress.finished_files()[0].blake3, blake3::hash(&archive));
    assert_eq!(progress.bytes(), archive.len() as u64);
    let there = fs::read_dir(corpus.folder.path()).unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(there.collect::<BTreeSet<_>>(), before);

    let link = Zipped { mode: 0o120_777, ..zipped("link.txt", 0, b"/etc/passwd") };
    let members = [link, zipped("__MACOSX/._a.txt", 0, b"\0"), zipped("../a.txt", 8, FIRST.as_bytes())];
    assert_eq!(corpus.read("a.zip", &zip(&members, false)).unwrap(), DOCUMENTS[..2]);

    let error = corpus.error("none.tar", &tar_with(|archive| add(archive, "README.md", b"text")));
    assert!(
        error.contains("none of its members is a file of a known kind, the first being \"README.md\""),
        "{error}"
    );
    assert_eq!(corpus.read("empty.tar", &tar_with(|_| {})).unwrap(), [""; 0]);
}

#[test]
fn a_kind_that_is_said_stands_above_names_and_standard_input_has_none() {
    let corpus = Corpus::new();
    let of = |kind| ReadOptions { kind: Some(kind), ..ReadOptions::default() };
    let path = corpus.write("part-00000", SECOND.as_bytes());
    assert!(matches!(expand(&[&path], None), Err(CorpusError::UnknownKind { .. })));
    assert_eq!(expand(&[&path], Some(FileKind::JsonLines)).unwrap(), std::slice::from_ref(&path));
    assert_eq!(texts(vec![path], of(FileKind::JsonLines)).unwrap(), DOCUMENTS[2..]);
    let packed = corpus.read_as("part-00001.xz", &xz(FIRST.as_bytes()), of(FileKind::Text)).unwrap();
    assert_eq!(packed, DOCUMENTS[..2]);
    let archive = tar_with(|archive| add(archive, "README", FIRST.as_bytes()));
    assert_eq!(corpus.read_as("a.tar", &archive, of(FileKind::Text)).unwrap(), DOCUMENTS[..2]);
    // What is packed and does not say so is told of.
    let error =
        with_help(&corpus.read_as("part-00002", &xz(FIRST.as_bytes()), of(FileKind::Text)).unwrap_err());
    assert!(error.contains("is an xz file, and text was expected"), "{error}");
    assert!(error.contains("give it a name that ends in .xz"), "{error}");

    let copy = StandardInput::copy(&mut SECOND.as_bytes()).unwrap();
    assert_eq!(total_bytes(&[copy.path().to_owned()]).unwrap(), SECOND.len() as u64);
    assert_eq!(texts(vec![copy.path().to_owned()], of(FileKind::JsonLines)).unwrap(), DOCUMENTS[2..]);
    let archive = StandardInput::copy(&mut &two_files()[..]).unwrap();
    assert_eq!(texts(vec![archive.path().to_owned()], of(FileKind::Tar)).unwrap(), DOCUMENTS);
    let path = copy.path().to_owned();
    drop(copy);
    assert!(!path.exists(), "the copy is left");
}

#[test]
fn patterns_reach_into_the_cache_of_a_hub_whose_files_are_links() {
    let corpus = Corpus::new();
    let root = corpus.folder.path().join("datasets--a--b");
    fs::create_dir_all(root.join("snapshots/1f2e/data")).unwrap();
    fs::create_dir(root.join("blobs")).unwrap();
    for (blob, name, content) in
        [("b0b", "train-00001.jsonl.xz", xz(SECOND.as_bytes())), ("a1a", "train-00000.jsonl", SECOND.into())]
    {
        fs::write(root.join("blobs").join(blob), content).unwrap();
        std::os::unix::fs::symlink(
            format!("../../../blobs/{blob}"),
            root.join("snapshots/1f2e/data").join(name),
        )
        .unwrap();
    }
    let found = expand(&[root.join("snapshots/*/**/*.jsonl*")], None).unwrap();
    assert!(
        found[0].ends_with("train-00000.jsonl") && found[1].ends_with("train-00001.jsonl.xz"),
        "{found:?}"
    );
    assert_eq!(texts(found, ReadOptions::default()).unwrap(), [&DOCUMENTS[2..], &DOCUMENTS[2..]].concat());
    let error = with_help(&expand(&[&root], None).unwrap_err());
    assert!(error.ends_with("/**/*.jsonl"), "{error}");
}

#[test]
fn damaged_archives_are_errors_that_say_so() {
    let corpus = Corpus::new();
    let text = "a line of text that is not the one before it ".repeat(2000);
    for (name, packed) in [("a.txt.xz", xz(text.as_bytes())), ("a.txt.bz2", bzip2(text.as_bytes()))] {
        let error = corpus.error(name, &packed[..packed.len() / 2]);
        assert!(error.contains("copy or download it again"), "{error}");
        let mut changed = packed.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 0x55;
        let error = corpus.error(name, &changed);
        assert!(error.contains("is no valid ") || error.contains("was cut short"), "{error}");
    }
    let error = corpus.error("b.txt.xz", b"only text");
    assert!(error.contains("it is not compressed"), "{error}");
    let error = corpus.error("b.txt.xz", &bzip2(FIRST.as_bytes()));
    assert!(error.contains("it is a bzip2 file"), "{error}");

    let archive = two_files();
    for (cut, expected) in
        [(520, "ends in the middle of"), (700, "in the middle of a member"), (1100, "in the middle of")]
    {
        let error = corpus.error("cut.tar", &archive[..cut]);
        assert!(error.contains(expected), "{cut}: {error}");
    }
    let mut changed = archive.clone();
    changed[3] ^= 1;
    assert!(corpus.error("sum.tar", &changed).contains("the sum of a header does not fit"));
    assert!(corpus.error("text.tar", &b"only text".repeat(100)).contains("it is no tar archive"));

    let archive = two_zipped(8, false);
    assert!(
        corpus.error("cut.zip", &archive[..archive.len() - 30]).contains("no zip archive, or was cut short")
    );
    let refused = |member: Zipped| corpus.error("refused.zip", &zip(&[member], false));
    assert!(
        refused(Zipped { flags: 1, ..zipped("a.txt", 0, b"text") })
            .contains("a.txt cannot be read: it is encrypted")
    );
    assert!(
        refused(Zipped { method: 9, ..zipped("a.txt", 0, b"text") }).contains("it is compressed by method 9")
    );
    let other = Zipped { content: b"next".to_vec(), ..zipped("a.txt", 0, b"text") };
    assert!(refused(other).contains("its 4 bytes are not the 4 of which the archive has the sum"));
    let short = Zipped { content: b"texts".to_vec(), ..zipped("a.txt", 0, b"text") };
    assert!(refused(short).contains("its 4 bytes are not the 5"));
    // Every place of the directory and of the end.
    for at in archive.len() - 150..archive.len() {
        for bit in 0..8 {
            let mut changed = archive.clone();
            changed[at] ^= 1 << bit;
            let _ = corpus.read("changed.zip", &changed);
        }
    }
}

#[test]
fn bombs_are_refused_before_they_have_unpacked() {
    let corpus = Corpus::new();
    let zeros = vec![b' '; 70 << 20];
    let packed = xz(&zeros);
    for (name, bytes) in [
        ("a.txt.xz", packed.clone()),
        ("a.txt.bz2", bzip2(&zeros)),
        ("a.zip", zip(&[zipped("a.txt", 8, &zeros)], false)),
        ("nested.zip", zip(&[zipped("a.txt.xz", 0, &packed)], false)),
        ("a.tar.xz", xz(&tar_with(|archive| add(archive, "a.txt", &zeros)))),
        ("b.tar", tar_with(|archive| add(archive, "a.txt.xz", &packed))),
    ] {
        let error = corpus.error(name, &bytes);
        assert!(error.contains("bytes of it unpack to more than"), "{name}: {error}");
    }
    // Members that are all the same bytes.
    let text = FIRST.repeat(1000);
    let one = zip(&[zipped("a.txt", 0, text.as_bytes())], false);
    let entry_at = one.len() - 22 - 46 - 5;
    let entry = &one[entry_at..one.len() - 22];
    let many = [&one[..entry_at], &entry.repeat(10), b"PK\x05\x06", &[0; 4], &[10, 0, 10, 0]].concat();
    let sizes = [(10 * entry.len()) as u32, entry_at as u32].map(u32::to_le_bytes).concat();
    let error = corpus.error("same.zip", &[&many[..], &sizes, &[0, 0]].concat());
    assert!(error.contains("its members are larger than the archive"), "{error}");
    // A name of four gigabytes.
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::GNULongName);
    header.set_size(4 << 30);
    header.set_cksum();
    let error = corpus.error("name.tar", header.as_bytes());
    assert!(error.contains("the extension of a header has 4294967296 bytes"), "{error}");
    // A dictionary of a gigabyte.
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(1 << 30);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    let stream =
        liblzma::stream::Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32).unwrap();
    let mut packed = Vec::new();
    liblzma::read::XzEncoder::new_stream(FIRST.as_bytes(), stream).read_to_end(&mut packed).unwrap();
    assert!(corpus.error("large.txt.xz", &packed).contains("unpack it first, with `xz -d`"));
}

#[test]
fn parts_of_archives_merge_to_the_bytes_of_one_build() {
    let corpus = Corpus::new();
    let text: String =
        (0..300).map(|n| format!("document {n} of the archive is about {}\n\n", n % 7)).collect();
    let records: String = (0..200).map(|n| format!("{{\"text\": \"record {n} of many\"}}\n")).collect();
    let archive = tar_with(|archive| {
        add(archive, "a.txt", text.as_bytes());
        add(archive, "b.json.gz", &gzip(records.as_bytes()));
    });
    let inputs = vec![corpus.write("a.tar.xz", &xz(&archive)), corpus.write("c.zip", &two_zipped(8, false))];
    let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "document", "record", "of", "the"];
    let vocabulary = Vocabulary::new(pieces.map(String::from).to_vec(), Path::new("vocab.txt")).unwrap();
    let request = |out: &str, threads| BuildRequest {
        inputs: inputs.clone(),
        heldout: HeldOut::Fraction { fraction: 0.05, salt: 0 },
        read: ReadOptions::default(),
        deduplicate: None,
        tokenizer: Tokenizer::new(vocabulary.clone(), Settings::UNCASED),
        pack: PackSettings { mode: PackMode::Carry, seq_len: 32, seed: 0 },
        block_bytes: 1000,
        threads,
        out: corpus.folder.path().join(out),
        force: false,
    };
    build(&request("whole", 2), |_| {}).unwrap();
    let parts: Vec<PathBuf> = (1..=3)
        .map(|number| {
            let request = request(&format!("part-{number}"), number as usize);
            build_part(&request, format!("{number}/3").parse::<Part>().unwrap(), |_| {}).unwrap();
            request.out
        })
        .collect();
    merge(&parts, &corpus.folder.path().join("merged"), false, |_, _| {}).unwrap();
    let files = |name: &str| -> Vec<(PathBuf, Vec<u8>)> {
        let folder = corpus.folder.path().join(name);
        let mut found: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| (path.strip_prefix(&folder).unwrap().to_owned(), fs::read(&path).unwrap()))
            .collect();
        found.sort();
        found
    };
    assert!(files("whole") == files("merged"), "the merged folder has other bytes");
    assert!(files("whole").len() >= 3);
    let again = build(&request("whole", 1), |_| {}).unwrap();
    assert!(matches!(again, BuildOutcome::Before(_)), "the same archives were built again");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_in_an_archive_is_read() {
    // The same rows as on the disk: see tests/data_folder/forms.rs for how they are made.
    let fixture =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../electra-annotations/tests/fixtures/tagged.parquet");
    let bytes = fs::read(fixture).unwrap();
    let corpus = Corpus::new();
    let error = corpus.error("a.tar", &tar_with(|archive| add(archive, "a.parquet", &bytes)));
    assert!(error.contains("a.tar/a.parquet: it has no column \"text\""), "{error}");
}
