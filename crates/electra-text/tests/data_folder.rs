//! Data folders built from a corpus: what is in them, and that it is the same however they were
//! built.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use electra_files::shown::with_help;
use electra_text::build::{BuildError, BuildRequest, Built, HeldOut, Part, build, build_part, merge};
use electra_text::concern::Concern;
use electra_text::corpus::{DocumentReader, DocumentsBy, ReadOptions, Skipped};
use electra_text::coverage::Coverage;
use electra_text::dataset::DataSet;
use electra_text::inspect::{example_text, statistics};
use electra_text::manifest::Manifest;
use electra_text::pack::PackMode;
use electra_text::shard::Split;
use electra_text::verify::verify;
use electra_text::wordpiece::{Settings, Tokenizer};
use support::{corpus_text, request, tokenizer, write};

/// The files of a folder and their contents.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            let inner = contents(&path).into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes));
            files.extend(inner);
        } else {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
    files
}

fn built(request: &BuildRequest) -> Manifest {
    match build(request, |_| {}).unwrap() {
        Built::Now(manifest) => manifest,
        Built::Before(_) => panic!("{} was there before", request.out.display()),
    }
}

/// Ids of a split without special tokens, in order.
fn body(data: &DataSet, split: Split) -> Vec<u32> {
    let special = data.manifest().tokenizer.special;
    let is_text = |id: &u32| *id == special.unk || !special.contains(*id);
    data.split(split).iter().flat_map(|example| example.ids.iter()).filter(is_text).collect()
}

#[test]
fn every_token_of_the_corpus_is_in_a_row_of_its_split() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(120, 1));
    let request = request(vec![input.clone()], folder.path().join("data"));
    let manifest = built(&request);
    let data = DataSet::open(&request.out).unwrap();

    let tokenizer = tokenizer();
    let mut encoder = tokenizer.text_encoder();
    let mut corpus = Vec::new();
    for document in DocumentReader::new(vec![input], ReadOptions::default()) {
        document.unwrap().paragraphs().for_each(|paragraph| encoder.encode_into(paragraph, &mut corpus));
    }
    let [train, heldout] = [body(&data, Split::Train), body(&data, Split::HeldOut)];
    assert_eq!(manifest.train.text_tokens, train.len() as u64);
    assert_eq!(manifest.heldout.text_tokens, heldout.len() as u64);
    assert_eq!(manifest.train.documents + manifest.heldout.documents, 120);
    assert!((4..25).contains(&manifest.heldout.documents), "{}", manifest.heldout.documents);
    // Which side a document is on is decided elsewhere; together they are the corpus.
    let mut together = [train, heldout].concat();
    together.sort_unstable();
    corpus.sort_unstable();
    assert_eq!(together, corpus);
}

#[test]
fn examples_are_read_by_number_through_all_shards_and_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(60, 2));
    let request = request(vec![input], folder.path().join("data"));
    let manifest = built(&request);
    let data = DataSet::open(&request.out).unwrap();
    let train = data.split(Split::Train);
    assert_eq!(train.len() as u64, manifest.train.examples);
    let special = data.manifest().tokenizer.special;
    for index in (0..train.len()).rev() {
        let example = train.get(index);
        assert_eq!(example.ids.at(0), special.cls);
        assert_eq!(example.ids.at(example.ids.len() - 1), special.sep);
        assert!(example.ids.len() <= 32);
        if example.segment_b_start > 0 {
            assert_eq!(example.ids.at(example.segment_b_start - 1), special.sep);
            assert_eq!(example.token_type(example.segment_b_start - 1), 0);
            assert_eq!(example.token_type(example.segment_b_start), 1);
        } else {
            assert_eq!(example.token_type(example.ids.len() - 1), 0);
        }
    }
    let tokens: usize = train.iter().map(|example| example.ids.len()).sum();
    assert_eq!(tokens as u64, manifest.train.tokens);
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(150, 3));
    for mode in [PackMode::Carry, PackMode::Google] {
        let build_with = |threads: usize| {
            let out = folder.path().join(format!("{mode:?}-{threads}"));
            let mut request = request(vec![input.clone()], out);
            request.threads = threads;
            request.pack.mode = mode;
            built(&request);
            contents(&request.out)
        };
        let expected = build_with(1);
        for threads in [2, 5] {
            assert_eq!(build_with(threads), expected, "{mode:?} with {threads} threads");
        }
    }
}

#[test]
fn merged_parts_are_byte_identical_to_one_build() {
    let folder = tempfile::tempdir().unwrap();
    let inputs: Vec<_> =
        (0..3).map(|n| write(folder.path(), &format!("{n}.txt"), corpus_text(70, 10 + n))).collect();
    let separate = write(folder.path(), "eval.txt", corpus_text(30, 20));
    for (mode, heldout) in [
        (PackMode::Carry, HeldOut::Fraction { fraction: 0.1, salt: 3 }),
        (PackMode::Google, HeldOut::Fraction { fraction: 1e-6, salt: 0 }),
        (PackMode::Carry, HeldOut::Files(vec![separate])),
        (PackMode::Carry, HeldOut::Fraction { fraction: 0.0, salt: 0 }),
    ] {
        let work = tempfile::tempdir().unwrap();
        let mut whole = request(inputs.clone(), work.path().join("whole"));
        whole.pack.mode = mode;
        whole.heldout = heldout.clone();
        built(&whole);
        for of in [1, 4, 7] {
            let mut folders = Vec::new();
            for number in 1..=of {
                let mut part = whole.clone();
                part.out = work.path().join(format!("part-{number}-{of}"));
                build_part(&part, Part { number, of }, |_| {}).unwrap();
                folders.push(part.out);
            }
            // The order in which parts are named does not matter.
            folders.reverse();
            let merged = work.path().join(format!("merged-{of}"));
            merge(&folders, &merged, false, |_, _| {}).unwrap();
            assert_eq!(contents(&merged), contents(&whole.out), "{mode:?} {heldout:?} in {of} parts");
        }
    }
}

#[test]
fn a_part_tokenises_only_its_own_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(100, 4));
    let whole = built(&request(vec![input.clone()], folder.path().join("whole")));
    let mut tokens = 0;
    for number in 1..=4 {
        let request = request(vec![input.clone()], folder.path().join(format!("part-{number}")));
        let mut last = 0;
        let part = build_part(&request, Part { number, of: 4 }, |progress| last = progress.tokens).unwrap();
        let own = Split::ALL.map(|split| part.manifest().counts(split).text_tokens);
        assert_eq!(last, own[0] + own[1]);
        assert!(last < whole.train.text_tokens / 2, "part {number} has {last} tokens");
        tokens += last;
    }
    assert_eq!(tokens, whole.train.text_tokens + whole.heldout.text_tokens);
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(50, 5));
    let part = |name: &str, number, of, change: &dyn Fn(&mut BuildRequest)| {
        let mut request = request(vec![input.clone()], folder.path().join(name));
        change(&mut request);
        build_part(&request, Part { number, of }, |_| {}).unwrap();
        request.out
    };
    let same = |_: &mut BuildRequest| {};
    let first = part("1", 1, 3, &same);
    let second = part("2", 2, 3, &same);
    let again = part("2b", 2, 3, &same);
    let other_settings = part("3", 3, 3, &|request| request.pack.seq_len = 64);
    let other_division = part("4", 3, 4, &same);
    let other_corpus = part("5", 3, 3, &|request| {
        request.inputs = vec![write(folder.path(), "b.txt", corpus_text(50, 6))];
    });
    let out = folder.path().join("merged");
    let error = |parts: &[&std::path::PathBuf]| {
        let parts: Vec<_> = parts.iter().map(|&part| part.clone()).collect();
        merge(&parts, &out, false, |_, _| {}).unwrap_err().to_string()
    };
    assert!(error(&[&first, &second]).starts_with("parts 3 of 3 are missing"));
    assert!(error(&[&first, &second, &again]).starts_with("part 2 of 3 is given twice"));
    assert!(error(&[&first, &second, &other_settings]).contains("the settings"));
    assert!(error(&[&first, &second, &other_division]).contains("the number of parts"));
    assert!(error(&[&first, &second, &other_corpus]).contains("the files of the corpus"));
    assert!(error(&[&folder.path().join("nothing")]).contains("no part.json"));
    assert!(!out.exists());
}

#[test]
fn damaged_parts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(50, 5));
    let request = request(vec![input], folder.path().join("part"));
    build_part(&request, Part { number: 1, of: 1 }, |_| {}).unwrap();
    let rows = request.out.join("train.rows");
    let intact = std::fs::read(&rows).unwrap();
    let merged = |content: &[u8]| {
        std::fs::write(&rows, content).unwrap();
        let out = folder.path().join("merged");
        let result = merge(std::slice::from_ref(&request.out), &out, false, |_, _| {});
        assert_eq!(out.exists(), result.is_ok());
        result.map(drop).map_err(|error| error.to_string())
    };
    let mut flipped = intact.clone();
    flipped[101] ^= 4;
    assert!(merged(&flipped).unwrap_err().contains("its blake3 is"));
    assert!(merged(&intact[..intact.len() - 1]).unwrap_err().contains("cut short"));
    // A build of the same part sees the damage and is not content with what is there.
    assert!(build_part(&request, Part { number: 1, of: 1 }, |_| {}).is_err());
    merged(&intact).unwrap();
}

#[test]
fn the_same_request_finds_its_result_and_another_is_refused_without_force() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(50, 7));
    let mut request = request(vec![input.clone()], folder.path().join("data"));
    let first = built(&request);
    assert!(matches!(build(&request, |_| {}).unwrap(), Built::Before(manifest) if manifest == first));

    // Another setting, or the same file with other content, is other data.
    request.pack.seq_len = 64;
    let error = build(&request, |_| {}).unwrap_err();
    assert!(
        with_help(&error).ends_with("; choose another folder, or have this one replaced"),
        "{}",
        with_help(&error)
    );
    request.pack.seq_len = 32;
    write(folder.path(), "a.txt", corpus_text(50, 8));
    assert!(matches!(build(&request, |_| {}), Err(BuildError::OutputOccupied { .. })));
    assert_eq!(Manifest::read(&request.out).unwrap(), first);

    request.force = true;
    let second = built(&request);
    assert_ne!(second.data_hash, first.data_hash);
    assert_eq!(Manifest::read(&request.out).unwrap(), second);
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "only the corpus and the data are left: {left:?}");
}

#[test]
fn a_folder_that_is_no_data_folder_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(20, 9));
    write(folder.path(), "home/thesis.tex", "precious");
    let mut request = request(vec![input], folder.path().join("home"));
    request.force = true;
    assert!(matches!(build(&request, |_| {}), Err(BuildError::OutputOccupied { .. })));
    assert_eq!(std::fs::read_to_string(folder.path().join("home/thesis.tex")).unwrap(), "precious");
}

/// With `force` the whole folder is replaced: whatever else lies in it would be lost.
#[test]
fn data_that_holds_something_else_as_well_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let input = write(folder.path(), "a.txt", corpus_text(50, 7));
    let mut data = request(vec![input.clone()], at("data"));
    data.pack.seq_len = 64;
    built(&data);
    let part = request(vec![input.clone()], at("part"));
    let one = Part { number: 1, of: 1 };
    build_part(&part, one, |_| {}).unwrap();
    let refused = |error: BuildError, name: &str| {
        let BuildError::OutputHoldsOthers { entry, .. } = &error else { panic!("{error}") };
        assert_eq!(*entry, at(name));
        assert!(with_help(&error).contains("would be lost; move"), "{error}");
        assert_eq!(std::fs::read_to_string(at(name)).unwrap(), "the only copy");
        std::fs::remove_file(at(name)).unwrap();
    };
    for name in ["notes.txt", "tokenizer/notes.txt", "train-1.ids", "train-00000.ids.old", ".hidden"] {
        // The corpus itself, in the folder that it is to become.
        let path = write(folder.path(), &format!("data/{name}"), "the only copy");
        let inputs = vec![if name.ends_with(".txt") { path } else { input.clone() }];
        let mut request = request(inputs, at("data"));
        request.force = true;
        refused(build(&request, |_| {}).unwrap_err(), &format!("data/{name}"));
        request.inputs = vec![input.clone()];
        request.pack.seq_len = 64;
        write(folder.path(), &format!("data/{name}"), "the only copy");
        refused(merge(&[at("part")], &at("data"), true, |_, _| {}).unwrap_err(), &format!("data/{name}"));
        request.out = at("part");
        write(folder.path(), &format!("part/{name}"), "the only copy");
        refused(build_part(&request, one, |_| {}).unwrap_err(), &format!("part/{name}"));
    }
    // Damaged data, and a part, are still replaced.
    write(folder.path(), "data/manifest.json", "{}");
    let force = |out: &str| BuildRequest { force: true, ..request(vec![input.clone()], at(out)) };
    built(&force("data"));
    // Nor are parts by what is made of them.
    let error = merge(&[at("part")], &at("part"), true, |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("part cannot be a data folder: it is one of the parts"), "{error}");
    built(&force("part"));
}

#[test]
fn what_a_killed_build_left_behind_is_cleared_away() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(20, 9));
    write(folder.path(), ".data.building/train-00000.ids", "half a shard");
    let request = request(vec![input], folder.path().join("data"));
    built(&request);
    verify(&request.out, |_, _| {}).unwrap();
    assert!(!folder.path().join(".data.building").exists());
}

#[test]
fn two_builds_do_not_write_to_the_same_folder_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(20, 9));
    let lock = std::fs::File::create(folder.path().join(".data.lock")).unwrap();
    lock.lock().unwrap();
    let request = request(vec![input], folder.path().join("data"));
    assert!(matches!(build(&request, |_| {}), Err(BuildError::OutputBusy { .. })));
    lock.unlock().unwrap();
    built(&request);
}

#[test]
fn separate_held_out_files_are_held_out_whole_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let train = write(folder.path(), "a.txt", corpus_text(40, 1));
    let eval = write(folder.path(), "b.txt", corpus_text(15, 2));
    let mut request = request(vec![train.clone()], folder.path().join("data"));
    request.heldout = HeldOut::Files(vec![eval]);
    let manifest = built(&request);
    assert_eq!((manifest.train.documents, manifest.heldout.documents), (40, 15));
    assert_eq!(manifest.inputs.iter().map(|input| input.split).collect::<Vec<_>>(), Split::ALL);

    request.heldout = HeldOut::Files(vec![train]);
    assert!(matches!(build(&request, |_| {}), Err(BuildError::HeldOutOverlap { .. })));
}

#[test]
fn the_same_documents_are_held_out_in_any_order_and_division_into_files() {
    let folder = tempfile::tempdir().unwrap();
    let text = corpus_text(80, 6);
    let documents: Vec<&str> = text.split("\n\n").filter(|document| !document.is_empty()).collect();
    let held_out = |name: &str, files: Vec<String>| {
        let inputs = files
            .iter()
            .enumerate()
            .map(|(n, text)| write(folder.path(), &format!("{name}/{n}.txt"), text))
            .collect();
        let request = request(inputs, folder.path().join(format!("data-{name}")));
        let mut ids = body_of_rows(&request);
        ids.sort_unstable();
        ids
    };
    let forward = held_out("forward", vec![documents.join("\n\n")]);
    let backward: Vec<&str> = documents.iter().rev().copied().collect();
    assert!(!forward.is_empty());
    assert_eq!(held_out("backward", vec![backward.join("\n\n")]), forward);
    assert_eq!(held_out("divided", documents.chunks(7).map(|chunk| chunk.join("\n\n")).collect()), forward);
}

fn body_of_rows(request: &BuildRequest) -> Vec<u32> {
    built(request);
    body(&DataSet::open(&request.out).unwrap(), Split::HeldOut)
}

#[test]
fn google_mode_loses_tokens_and_carry_mode_none() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(100, 11));
    let kept = |mode| {
        let mut request = request(vec![input.clone()], folder.path().join(format!("{mode:?}")));
        request.pack.mode = mode;
        built(&request);
        let data = DataSet::open(&request.out).unwrap();
        statistics(&data, &tokenizer(), Split::Train, 3)
    };
    let [carry, google] = [kept(PackMode::Carry), kept(PackMode::Google)];
    assert_eq!(carry.kept_rate, 1.0);
    assert!((0.3..0.95).contains(&google.kept_rate), "{}", google.kept_rate);
    assert!(carry.fill_rate > 0.95, "{}", carry.fill_rate);
    assert!(google.pair_rate > 0.3, "{}", google.pair_rate);
}

#[test]
fn statistics_count_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    // 14 + 3 tokens in two documents; rows hold 8, so 6 + 6 + 2 and the second document joins.
    let input = write(
        folder.path(),
        "a.txt",
        "the the the fox the the the\nthe the the fox the the 😀\n\nfox the fox\n",
    );
    let mut request = request(vec![input], folder.path().join("data"));
    request.pack.seq_len = 8;
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    built(&request);
    let data = DataSet::open(&request.out).unwrap();
    let tokenizer = tokenizer();
    let found = statistics(&data, &tokenizer, Split::Train, 2);
    assert_eq!((found.counts.documents, found.counts.text_tokens, found.counts.unknown), (2, 17, 1));
    assert_eq!((found.counts.examples, found.counts.tokens), (3, 8 + 8 + 8));
    assert_eq!((found.fill_rate, found.unknown_rate, found.kept_rate), (1.0, 1.0 / 17.0, 1.0));
    assert_eq!(found.pair_rate, 1.0 / 3.0);
    assert_eq!(found.lengths.iter().map(|bin| bin.examples).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 0, 0, 3]);
    let frequent: Vec<_> =
        found.frequent_pieces.iter().map(|piece| (piece.piece.as_str(), piece.count)).collect();
    assert_eq!(frequent, [("the", 12), ("fox", 4)]);
    assert_eq!(found.distinct_pieces, 3);
    let example = data.split(Split::Train).get(2);
    assert_eq!(example_text(example, &tokenizer, &[]), "[CLS] the [UNK] [SEP] fox the fox [SEP]");
    assert_eq!(example_text(example, &tokenizer, &[1, 5]), "[CLS] [MASK] [UNK] [SEP] fox [MASK] fox [SEP]");
    let empty = statistics(&data, &tokenizer, Split::HeldOut, 2);
    assert_eq!((empty.fill_rate, empty.distinct_pieces), (0.0, 0));
}

#[test]
fn large_vocabularies_have_ids_of_four_bytes() {
    use electra_text::vocab::Vocabulary;
    use electra_text::wordpiece::{Settings, Tokenizer};
    let folder = tempfile::tempdir().unwrap();
    let mut pieces: Vec<String> = tokenizer().vocabulary().pieces().to_vec();
    pieces.extend((0..70_000).map(|n| format!("filler{n}")));
    pieces.push("zebra".into());
    let large = Tokenizer::new(Vocabulary::new(pieces, Path::new("large")).unwrap(), Settings::UNCASED);
    let input = write(folder.path(), "a.txt", "the zebra\n\nfox\n");
    let mut request = request(vec![input], folder.path().join("data"));
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    request.tokenizer = large.clone();
    built(&request);
    verify(&request.out, |_, _| {}).unwrap();
    let data = DataSet::open(&request.out).unwrap();
    let ids = data.split(Split::Train).get(0).ids;
    assert_eq!(ids.to_vec()[2], large.vocabulary().id("zebra").unwrap());
    assert_eq!(ids.to_vec()[2], 70_000 + 611);
}

#[test]
fn compressed_and_structured_files_give_the_rows_of_plain_text() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let text = corpus_text(30, 12);
    let records: String = text
        .split("\n\n")
        .filter(|document| !document.trim().is_empty())
        .map(|document| {
            serde_json::json!({"id": 1, "body": document, "more": [1, {"body": 2}]}).to_string() + "\n"
        })
        .collect();
    let gzip = |bytes: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    // Two gzip members and two frames in one file are one text.
    let (front, back) = text.split_at(text.find("\n\n").unwrap());
    let files = [
        ("a.txt", text.clone().into_bytes()),
        ("b.txt.gz", [gzip(front), gzip(back)].concat()),
        ("c.txt.zst", [front, back].map(|half| zstd::encode_all(half.as_bytes(), 1).unwrap()).concat()),
        ("d.jsonl", records.clone().into_bytes()),
        ("e.jsonl.gz", gzip(&records)),
        ("f.jsonl.zst", zstd::encode_all(records.as_bytes(), 1).unwrap()),
        ("g.txt", format!("\u{feff}{}", text.replace('\n', "\r\n")).into_bytes()),
    ];
    let mut expected = None;
    for (name, content) in files {
        let input = write(folder.path(), name, content);
        let mut request = request(vec![input], folder.path().join(format!("data-{name}")));
        request.read.text_field = "body".into();
        let manifest = built(&request);
        let expected = expected.get_or_insert(manifest.data_hash.clone());
        assert_eq!(manifest.data_hash, *expected, "{name}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_gives_the_rows_of_plain_text() {
    use std::sync::Arc;

    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    let folder = tempfile::tempdir().unwrap();
    let text = corpus_text(200, 13);
    let documents: Vec<&str> = text.split("\n\n").filter(|document| !document.trim().is_empty()).collect();
    let plain = write(folder.path(), "a.txt", &text);
    let schema = "message schema { required int32 id; optional binary text (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let path = folder.path().join("b.parquet");
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
    for chunk in documents.chunks(80) {
        let mut group = writer.next_row_group().unwrap();
        let mut ids = group.next_column().unwrap().unwrap();
        // A row without a text at the end of each group.
        let numbers: Vec<i32> = (0..=chunk.len() as i32).collect();
        ids.typed::<parquet::data_type::Int32Type>().write_batch(&numbers, None, None).unwrap();
        ids.close().unwrap();
        let mut texts = group.next_column().unwrap().unwrap();
        let values: Vec<ByteArray> = chunk.iter().map(|&document| document.into()).collect();
        let levels: Vec<i16> = chunk.iter().map(|_| 1).chain([0]).collect();
        texts.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
        texts.close().unwrap();
        group.close().unwrap();
    }
    writer.close().unwrap();
    let packed = folder.path().join("c.parquet.zst");
    std::fs::write(&packed, zstd::encode_all(&std::fs::read(&path).unwrap()[..], 1).unwrap()).unwrap();
    let hash = |input: &Path| {
        let name = input.file_name().unwrap().to_str().unwrap();
        built(&request(vec![input.to_owned()], folder.path().join(format!("data-{name}")))).data_hash
    };
    let expected = hash(&plain);
    assert_eq!(hash(&path), expected);
    assert_eq!(hash(&packed), expected);

    let mut request = request(vec![path.clone()], folder.path().join("none"));
    request.read.text_field = "body".into();
    let error = build(&request, |_| {}).unwrap_err().to_string();
    assert!(error.contains("it has no column \"body\", it has id, text"), "{error}");
    request.read.text_field = "id".into();
    assert!(build(&request, |_| {}).unwrap_err().to_string().contains("does not hold one string a row"));
    std::fs::write(&path, &std::fs::read(&path).unwrap()[..500]).unwrap();
    assert!(build(&request, |_| {}).unwrap_err().to_string().contains("cut short"));
}

#[test]
fn documents_that_are_held_out_too_are_left_out_of_training_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let own = corpus_text(40, 21);
    let shared = corpus_text(20, 22);
    // The same words with other white space between them are the same document.
    let respaced = shared.replace(' ', "  ");
    let inputs = vec![
        write(folder.path(), "a.txt", &own),
        write(folder.path(), "b.txt", &respaced),
        write(folder.path(), "c.txt", "the fox\n\nthe dogs, fox\n\nthe fox\n"),
    ];
    let heldout = write(folder.path(), "eval.txt", format!("{shared}\n\nthe fox\n"));
    let mut whole = request(inputs.clone(), folder.path().join("whole"));
    whole.heldout = HeldOut::Files(vec![heldout.clone()]);
    let manifest = built(&whole);
    assert_eq!((manifest.left_out, manifest.train.documents, manifest.heldout.documents), (22, 41, 21));
    let data = DataSet::open(&whole.out).unwrap();

    let mut apart = request(
        vec![inputs[0].clone(), write(folder.path(), "d.txt", "the dogs, fox\n")],
        folder.path().join("apart"),
    );
    apart.heldout = whole.heldout.clone();
    assert_eq!(built(&apart).left_out, 0);
    assert_eq!(body(&data, Split::Train), body(&DataSet::open(&apart.out).unwrap(), Split::Train));
    assert_eq!(body(&data, Split::HeldOut), body(&DataSet::open(&apart.out).unwrap(), Split::HeldOut));

    let mut parts = Vec::new();
    for number in 1..=3 {
        let mut part = whole.clone();
        part.out = folder.path().join(format!("part-{number}"));
        build_part(&part, Part { number, of: 3 }, |_| {}).unwrap();
        parts.push(part.out);
    }
    let merged = folder.path().join("merged");
    assert_eq!(merge(&parts, &merged, false, |_, _| {}).unwrap().manifest().left_out, 22);
    assert_eq!(contents(&merged), contents(&whole.out));

    let mut nothing = request(vec![inputs[1].clone()], folder.path().join("nothing"));
    nothing.heldout = HeldOut::Files(vec![heldout]);
    let error = build(&nothing, |_| {}).unwrap_err();
    assert!(matches!(error, BuildError::AllLeftOut { documents: 20 }), "{error}");
}

#[test]
fn copies_of_held_out_documents_are_found_by_what_the_model_sees_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let texts =
        ["The quick fox", "Café in Berlin, 东京", "unaffable dogs, tokenization", "\u{201c}fox\u{201d} runs"];
    let records = |texts: &[String]| -> String {
        texts.iter().map(|text| serde_json::json!({ "text": text }).to_string() + "\n").collect()
    };
    let heldout = write(folder.path(), "eval.jsonl", records(&texts.map(str::to_owned)));
    let left_out = |name: &str, change: &dyn Fn(&str) -> String, tokenizer: &Tokenizer| {
        let mut copies = texts.map(change).to_vec();
        copies.push("brown dogs".into());
        let input = write(folder.path(), &format!("{name}.jsonl"), records(&copies));
        let mut request = request(vec![input], folder.path().join(name));
        request.heldout = HeldOut::Files(vec![heldout.clone()]);
        request.tokenizer = tokenizer.clone();
        built(&request).left_out
    };
    let uncased = tokenizer();
    let cased = Tokenizer::new(uncased.vocabulary().clone(), Settings::CASED);
    let hyphens = |text: &str| text.chars().flat_map(|c| [c, '\u{ad}']).collect::<String>();
    type Change<'a> = (&'a str, &'a dyn Fn(&str) -> String, [u64; 2]);
    let changes: [Change; 6] = [
        ("mark", &|text| format!("\u{feff}{text}"), [4, 4]),
        ("hyphens", &hyphens, [4, 4]),
        ("spaces", &|text| format!("\u{200b} {} \u{2069}", text.replace(' ', " \u{200b}\n")), [4, 4]),
        ("upper", &|text| text.to_uppercase(), [4, 0]),
        // Of one text of these is there another way to be written.
        ("decomposed", &|text| text.replace('é', "e\u{301}"), [4, 3]),
        ("other", &|text| format!("{text} fox"), [0, 0]),
    ];
    for (name, change, expected) in changes {
        let found = [("uncased", &uncased), ("cased", &cased)]
            .map(|(case, tokenizer)| left_out(&format!("{name}-{case}"), change, tokenizer));
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn data_that_was_built_before_held_out_documents_were_left_out_is_not_taken_for_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", corpus_text(30, 23));
    let mut request = request(vec![input], folder.path().join("data"));
    request.heldout = HeldOut::Files(vec![write(folder.path(), "eval.txt", corpus_text(5, 24))]);
    built(&request);
    assert!(matches!(build(&request, |_| {}).unwrap(), Built::Before(_)));
    let path = request.out.join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let named = ",\n      \"left_out_of_training\": true";
    assert!(text.contains(named), "{text}");
    let older = text.replace(named, "");
    let manifest: Manifest = serde_json::from_str(&older).unwrap();
    std::fs::write(&path, manifest.sealed().to_json()).unwrap();
    DataSet::open(&request.out).unwrap();
    assert!(matches!(build(&request, |_| {}), Err(BuildError::OutputOccupied { .. })));
}

#[test]
fn each_line_is_a_document_where_lines_divide() {
    let folder = tempfile::tempdir().unwrap();
    let text = "the fox\n\n  dogs,\nthe quick fox\n\u{3000}\nbrown";
    let input = write(folder.path(), "a.txt", text);
    let options = ReadOptions { documents: DocumentsBy::Line, ..ReadOptions::default() };
    let documents: Vec<String> = DocumentReader::new(vec![input.clone()], options.clone())
        .map(|document| document.unwrap().text().to_owned())
        .collect();
    assert_eq!(documents, ["the fox", "dogs,", "the quick fox", "brown"]);
    let mut request = request(vec![input], folder.path().join("data"));
    request.read = options;
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    assert_eq!(built(&request).train.documents, 4);
}

#[test]
fn few_documents_and_a_share_far_from_the_one_asked_for_are_concerns() {
    let folder = tempfile::tempdir().unwrap();
    let concerns = |name: &str, text: String, by, fraction| {
        let input = write(folder.path(), &format!("{name}.txt"), text);
        let mut request = request(vec![input], folder.path().join(name));
        request.heldout = HeldOut::Fraction { fraction, salt: 0 };
        request.read.documents = by;
        built(&request).concerns()
    };
    // One document a line, read as divided by blank lines: all of it is one document.
    let word = |n: usize| ["the", "quick", "brown", "fox"][n % 4];
    let line = |n: usize| [0, 1, 2, 3, 4, 5].map(|digit| word(n >> (2 * digit))).join(" ") + "\n";
    let lines: String = (0..3000).map(line).collect();
    let found = concerns("lines", lines.clone(), DocumentsBy::BlankLine, 0.0);
    let [Concern::FewDocuments { documents: 1, text_bytes, split: None, by: Some(DocumentsBy::BlankLine) }] =
        found[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!(text_bytes, lines.trim().len() as u64);
    assert_eq!(concerns("divided", lines.clone(), DocumentsBy::Line, 0.01), []);
    // Twenty short documents in a file that is held out make the one of training no shorter.
    let heldout = write(folder.path(), "eval.jsonl", "{\"text\": \"the quick fox\"}\n".repeat(20));
    let mut beside = request(vec![write(folder.path(), "beside.txt", &lines)], folder.path().join("beside"));
    beside.heldout = HeldOut::Files(vec![heldout]);
    let by = Some(DocumentsBy::BlankLine);
    let expected = Concern::FewDocuments { documents: 1, text_bytes, split: Some(Split::Train), by };
    assert_eq!(built(&beside).concerns(), [expected]);
    // Nor is a held-out file divided by what divides the others.
    beside.inputs = vec![write(folder.path(), "a.jsonl", "{\"text\": \"the quick fox\"}\n".repeat(20))];
    beside.heldout = HeldOut::Files(vec![folder.path().join("beside.txt")]);
    beside.out = folder.path().join("beside-held-out");
    let expected = Concern::FewDocuments { documents: 1, text_bytes, split: Some(Split::HeldOut), by };
    assert_eq!(built(&beside).concerns(), [expected]);
    // A book among sixteen short texts: whichever is held out, the share is not a hundredth.
    let mut texts: Vec<String> = (1..=16).map(|n| "fox ".repeat(n)).collect();
    texts.push("the quick brown fox\n".repeat(60_000));
    let found = concerns("book", texts.join("\n\n"), DocumentsBy::BlankLine, 0.01);
    let [
        Concern::FewDocuments { .. },
        Concern::HeldOutShare { asked: 0.01, found, held_out: 1, documents: 17 },
    ] = found[..]
    else {
        panic!("{found:?}")
    };
    assert!(!(0.005..=0.02).contains(&found), "{found}");
}

#[test]
fn words_and_characters_that_are_unknown_are_counted_apart() {
    let folder = tempfile::tempdir().unwrap();
    // 99 words of three letters that are known, and one of 300 that is too long to be looked up.
    let text = format!("{} {}\n", "fox ".repeat(99), "acgt".repeat(75));
    let mut request = request(vec![write(folder.path(), "a.txt", &text)], folder.path().join("data"));
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    let manifest = built(&request);
    let expected = Coverage {
        words: 100,
        unknown_words: 1,
        characters: 597,
        unknown_characters: 300,
        written: 597,
        ..Coverage::default()
    };
    assert_eq!(manifest.train.coverage, Some(expected));
    assert_eq!(manifest.concerns(), [Concern::Unknown { split: Some(Split::Train), coverage: expected }]);
    let data = DataSet::open(&request.out).unwrap();
    let statistics = statistics(&data, &tokenizer(), Split::Train, 0);
    assert_eq!(statistics.unknown_word_rate, Some(0.01));
    assert_eq!(statistics.unknown_character_rate, Some(300.0 / 597.0));
    // Parts and their sum count the same, and so does a text that is read again and again.
    request.out = folder.path().join("part");
    request.inputs = vec![write(folder.path(), "b.txt", format!("{text}\n").repeat(20))];
    let part = build_part(&request, Part { number: 1, of: 1 }, |_| {}).unwrap();
    let mut sum = Coverage::default();
    (0..20).for_each(|_| sum.add(&expected));
    assert_eq!(part.manifest().counts(Split::Train).coverage, Some(sum));
}

#[test]
fn accents_that_the_tokenizer_drops_are_counted_in_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let input = write(folder.path(), "a.txt", "Café Café the\n\n한국 fox\n");
    let mut request = request(vec![input], folder.path().join("data"));
    request.heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
    let found = built(&request).train.coverage.unwrap();
    assert_eq!((found.written, found.stripped, found.jamo), (16, 2, 2));
    let concerns = DataSet::open(&request.out).unwrap().manifest().concerns();
    assert!(concerns.contains(&Concern::Accents { coverage: found }), "{concerns:?}");
}

#[test]
fn a_folder_of_an_older_program_opens_and_counts_no_characters() {
    let folder = tempfile::tempdir().unwrap();
    let request =
        request(vec![write(folder.path(), "a.txt", corpus_text(40, 25))], folder.path().join("data"));
    let manifest = built(&request);
    assert_eq!(manifest.skipped, Skipped::default());
    let path = request.out.join("manifest.json");
    let mut value: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for split in ["train", "heldout"] {
        value[split].as_object_mut().unwrap().remove("coverage").unwrap();
    }
    value.as_object_mut().unwrap().remove("seal").unwrap();
    value["format"] = 1.into();
    std::fs::write(&path, value.to_string()).unwrap();
    let data = DataSet::open(&request.out).unwrap();
    assert_eq!(data.manifest().data_hash(), manifest.data_hash());
    assert_eq!(statistics(&data, &tokenizer(), Split::Train, 0).unknown_character_rate, None);
    assert!(matches!(build(&request, |_| {}).unwrap(), Built::Before(_)));
}
