//! Corpora: text, JSON records and Parquet, plain and packed, as `data build` reads them.

use std::io::Read;
use std::path::Path;

use electra_text::build::{BuildRequest, HeldOut, build};
use electra_text::corpus::{DocumentReader, DocumentsBy, ReadOptions, total_bytes};

use super::columns::files_in;
use super::data::request;
use super::material::TEXT;
use crate::case::Case;
use crate::mutate::{gzip, zstd};
use crate::reader::{OkRendered, Reached, Reader};

/// One file of each kind.
pub(super) struct Corpora;

const RECORDS: &str = r#"{"text": "the old mill\nstands by the river", "id": 1}
{"id": 2, "meta": {"text": "inner", "list": [1, {"text": "deep"}]}, "text": "caf\u00e9 \ud83d\ude00 and\t\"tea\""}
{"text": ""}
{"text": "the ferry leaves at nine"}
"#;

impl Reader for Corpora {
    fn name(&self) -> &'static str {
        "corpus"
    }

    fn stages(&self) -> &'static [&'static str] {
        &["read", "built"]
    }

    fn seeds(&self) -> Vec<Case> {
        let one = |name: &str, bytes: Vec<u8>| Case::default().with(name, bytes);
        let two_members = [gzip(TEXT.as_bytes()), gzip(b"and more\n")].concat();
        let mut seeds = vec![
            one("a.txt", TEXT.into()),
            one("a.txt.gz", two_members),
            one("a.txt.zst", zstd(TEXT.as_bytes())),
            one("a.jsonl", RECORDS.into()),
            one("a.jsonl.gz", gzip(RECORDS.as_bytes())),
            one("a.jsonl.zst", zstd(RECORDS.as_bytes())),
            one("a.zip", stored_zip("a.txt", TEXT.as_bytes())),
            one("a.txt.xz", xz(TEXT.as_bytes())),
            one("a.txt.bz2", bzip2(TEXT.as_bytes())),
            one("a.json.gz", gzip(RECORDS.as_bytes())),
            one("a.tar", tar()),
            one("a.tar.gz", gzip(&tar())),
            one("a.tar.xz", xz(&tar())),
            one("b.zip", stored_zip("a.jsonl.gz", &gzip(RECORDS.as_bytes()))),
            // What a zip file is if its name says otherwise.
            one("b.txt", stored_zip("a.txt", TEXT.as_bytes())),
        ];
        seeds.extend(parquet());
        seeds
    }

    fn writes(&self) -> &'static [&'static str] {
        &[".out.building", ".out.lock", ".out.replaced"]
    }

    fn run(&self, folder: &Path, reached: &Reached<'_>) -> Option<()> {
        let paths = files_in(folder)?;
        std::hint::black_box(total_bytes(&paths).ok_rendered());
        let forgiving = ReadOptions { lossy: true, skip_bad_records: true, ..ReadOptions::default() };
        let by_line = ReadOptions { documents: DocumentsBy::Line, ..ReadOptions::default() };
        let by_file = ReadOptions { documents: DocumentsBy::File, ..forgiving.clone() };
        for options in [forgiving.clone(), by_line, by_file] {
            let reader = DocumentReader::new(paths.clone(), options);
            let progress = reader.progress();
            let mut is_whole = true;
            for document in reader {
                let Some(document) = document.ok_rendered() else {
                    is_whole = false;
                    break;
                };
                std::hint::black_box(document.paragraphs().map(str::len).sum::<usize>());
            }
            if is_whole {
                reached.stage("read");
            }
            std::hint::black_box((progress.bytes(), progress.skipped(), progress.finished_files()));
        }
        let inputs = paths;
        let heldout = HeldOut::Fraction { fraction: 0.0, salt: 0 };
        let request = BuildRequest { inputs, read: forgiving, heldout, ..request(folder, "out") };
        build(&request, |progress| {
            std::hint::black_box(progress);
        })
        .ok_rendered()?;
        reached.stage("built");
        Some(())
    }
}

/// Two files with a long name before the second, a folder and a link.
fn tar() -> Vec<u8> {
    const WRITTEN: &str = "memory takes all that is written";
    let mut archive = tar::Builder::new(Vec::new());
    let header = |kind, size: usize| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size as u64);
        header
    };
    let long = format!("{}records.jsonl", "folder/".repeat(20));
    let mut folder = header(tar::EntryType::Directory, 0);
    archive.append_data(&mut folder, "folder/", &[][..]).expect(WRITTEN);
    let mut link = header(tar::EntryType::Symlink, 0);
    archive.append_link(&mut link, "link.txt", "folder/a.txt").expect(WRITTEN);
    for (name, content) in [("folder/a.txt", TEXT), (long.as_str(), RECORDS)] {
        let mut file = header(tar::EntryType::Regular, content.len());
        archive.append_data(&mut file, name, content.as_bytes()).expect(WRITTEN);
    }
    archive.into_inner().expect(WRITTEN)
}

fn xz(content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    liblzma::read::XzEncoder::new(content, 0).read_to_end(&mut packed).expect("memory can be read");
    packed
}

fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let level = bzip2::Compression::fast();
    bzip2::read::BzEncoder::new(content, level).read_to_end(&mut packed).expect("memory can be read");
    packed
}

/// A zip file with one member that is not compressed.
fn stored_zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = (content.len() as u32).to_le_bytes();
    let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &crc.sum().to_le_bytes(), &size, &size].concat();
    let length = (name.len() as u16).to_le_bytes();
    let local = [b"PK\x03\x04", &common[..], &length, &[0, 0], name.as_bytes(), content].concat();
    let central = [b"PK\x01\x02", &[20, 0][..], &common[..], &length, &[0; 16], name.as_bytes()].concat();
    let [at, long] = [local.len(), central.len()].map(|number| (number as u32).to_le_bytes());
    let end = [b"PK\x05\x06", &[0, 0, 0, 0, 1, 0, 1, 0][..], &long, &at, &[0, 0]].concat();
    [local, central, end].concat()
}

/// A file of two columns, where such files can be read.
#[cfg(not(feature = "parquet"))]
fn parquet() -> Option<Case> {
    None
}

/// A file of two columns, where such files can be read.
#[cfg(feature = "parquet")]
fn parquet() -> Option<Case> {
    use std::sync::Arc;

    use ::parquet::data_type::{ByteArray, ByteArrayType, Int32Type};
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use ::parquet::schema::parser::parse_message_type;

    let schema = "message schema { required int32 id; required binary text (UTF8); }";
    let schema = Arc::new(parse_message_type(schema).expect("it is a schema"));
    let documents: Vec<&str> = TEXT.split("\n\n").collect();
    let mut bytes = Vec::new();
    let mut writer =
        SerializedFileWriter::new(&mut bytes, schema, Arc::new(WriterProperties::default())).expect(WRITTEN);
    let mut group = writer.next_row_group().expect(WRITTEN);
    let mut ids = group.next_column().expect(WRITTEN).expect("there are two columns");
    let numbers: Vec<i32> = (0..).take(documents.len()).collect();
    ids.typed::<Int32Type>().write_batch(&numbers, None, None).expect(WRITTEN);
    ids.close().expect(WRITTEN);
    let mut texts = group.next_column().expect(WRITTEN).expect("there are two columns");
    let values: Vec<ByteArray> = documents.iter().map(|&document| document.into()).collect();
    texts.typed::<ByteArrayType>().write_batch(&values, None, None).expect(WRITTEN);
    texts.close().expect(WRITTEN);
    group.close().expect(WRITTEN);
    writer.close().expect(WRITTEN);
    Some(Case::default().with("a.parquet", bytes))
}

#[cfg(feature = "parquet")]
const WRITTEN: &str = "memory takes all that is written";
