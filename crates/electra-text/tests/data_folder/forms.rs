//! Forms of the same text that give the same rows.

use electra_text::build::HeldOut;
use electra_text::corpus::{DocumentReader, DocumentsBy, ReadOptions};

use super::built;
use crate::support::{corpus_text, request, write};

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
    use std::path::Path;
    use std::sync::Arc;

    use electra_text::build::build;
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
