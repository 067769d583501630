//! Formats that have words: columns in their dialects, GLiNER, spaCy, INCEpTION; and words of one character.

use crate::support::{assert_says, documents, reads, refusal, shown, try_read};
use electra_annotations::{DataFile, Offsets, ReadOptions, read};
use electra_files::shown::with_help;

fn skipping() -> ReadOptions {
    ReadOptions { skip_misaligned: true, ..ReadOptions::default() }
}

#[track_caller]
fn found(data: &DataFile) -> (String, Option<Offsets>) {
    (data.format.to_string(), data.offsets.map(|offsets| offsets.unit))
}

#[test]
fn gliner_counts_words_and_includes_the_last() {
    let text = r#"[
        {"tokenized_text": ["In", "New York", "City", "."], "ner": [[1, 2, "city"]]},
        {"tokenized_text": ["Bank", "of", "China"], "ner": [[0, 2, "org"], [2, 2, "country"]]}]"#;
    let error = refusal("a.json", text, &ReadOptions::default());
    assert_says(&error, &["line 3: country 8..13 \"China\" overlaps with org 0..13"]);
    let data = try_read("a.json", text, &skipping()).unwrap();
    assert_eq!(shown(&data), ["In/O New York/B-city City/I-city ./O", "Bank/B-org of/I-org China/I-org"]);
    assert_eq!((found(&data), documents(&data)), (("JSON of GLiNER".into(), None), vec![0, 0]));
    let error = refusal("a.json", r#"[{"tokenized_text": ["In"], "ner": [[0, 1, "x"]]}]"#, &skipping());
    assert_says(&error, &["line 1", "the words 0 to 1 at ner[0]", "the 1 that there are"]);
}

#[test]
fn spacy_has_words_and_sentences() {
    let doc = r#"{"text": "U.S. fell.\nNew York rose", "ents": [{"start": 0, "end": 4, "label": "GPE"}, {"start": 11, "end": 19, "label": "GPE"}],
        "sents": [{"start": 0, "end": 10}, {"start": 11, "end": 24}],
        "tokens": [{"id": 0, "start": 0, "end": 4}, {"id": 1, "start": 5, "end": 9}, {"id": 2, "start": 9, "end": 10},
                   {"id": 3, "start": 10, "end": 11}, {"id": 4, "start": 11, "end": 14}, {"id": 5, "start": 15, "end": 19}, {"id": 6, "start": 20, "end": 24}]}"#;
    let expected = ["U.S./B-GPE fell/O ./O", "New/B-GPE York/I-GPE rose/O"];
    for text in [doc.replace('\n', " "), doc.to_owned(), format!("[{doc}]")] {
        let data = reads("a.json", &text);
        assert_eq!(
            (shown(&data), documents(&data)),
            (expected.map(String::from).to_vec(), vec![0, 0]),
            "{text}"
        );
        assert_eq!(data.format.to_string(), "JSON of spaCy's documents");
    }
    let pair = r#"[["In New York", {"entities": [[3, 11, "GPE"]]}]]"#;
    assert_eq!(shown(&reads("train.json", pair)), ["In/O New/B-GPE York/I-GPE"]);
    let error = refusal("train.spacy", b"\x78\x9c\x00", &ReadOptions::default());
    assert_says(
        &error,
        &["train.spacy is a DocBin", "python -c \"import json, spacy;", "to_json", "train.spacy').get_docs"],
    );
}

#[test]
fn inception_numbers_spans_of_several_tokens() {
    let text = "#FORMAT=WebAnno TSV 3.3\n#T_SP=de.tudarmstadt.ukp.dkpro.core.api.lexmorph.type.pos.POS|PosValue|coarseValue\n\
        #T_SP=de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity|identifier|value\n\n\n\
        #Text=\u{1f600} New York, Bo\n\
        1-1\t0-2\t\u{1f600}\t_\t_\t_\t_\t\n1-2\t3-6\tNew\tNNP\tX\t*[1]\tLOC[1]\t\n1-3\t7-11\tYork\tNNP\tX\t*[1]|*[2]\tLOC[1]|PER[2]\t\n\
        1-4\t11-12\t,\t_\t_\t_\t_\t\n1-5\t13-15\tBo\t_\t_\t*\tmade\\_up\t\n\n\
        #Text=Hamburger Land\n\
        2-1\t16-25\tHamburger\t_\t_\t_\t_\t\n2-1.1\t16-23\tHamburg\t_\t_\t*\tLOC\t\n2-2\t26-30\tLand\t_\t_\t*\tLOC\t\n";
    let data = try_read("a.tsv", text, &skipping()).unwrap();
    assert_eq!(shown(&data), ["\u{1f600}/O New/B-LOC York/I-LOC ,/O Bo/B-made_up", "Hamburger/O Land/B-LOC"]);
    let listed: Vec<String> = data.misaligned.iter().map(ToString::to_string).collect();
    assert_says(
        &listed.join("\n"),
        &[
            "line 9: PER 6..10 \"York\" overlaps with LOC 2..10",
            "line 15: LOC 0..7 \"Hamburg\" begins or ends within a word",
        ],
    );
    assert_eq!((documents(&data), found(&data).1), (vec![0, 0], None));
    let layers = "#FORMAT=WebAnno TSV 3.2\n#T_SP=x.Lemma|value\n#T_RL=x.Dependency|DependencyType|flavor|BT_x.POS\n\
        #T_SP=webanno.custom.Quote|\n#T_SP=webanno.custom.Place|kind\n\n\n#Text=In Rom\n\
        1-1\t0-2\tIn\tin\tcase\t*\t1-2\t*\t_\t\n1-2\t3-6\tRom\tRom\tobl\t*\t1-1\t_\tTown\t\n";
    assert_eq!(shown(&reads("a.tsv", layers)), ["In/O Rom/B-Town"]);
    let error = refusal("a.tsv", text.replace("TSV 3.3", "TSV 2.0"), &ReadOptions::default());
    assert_says(&error, &["line 1 of", "WebAnno TSV 2.0", "expected #FORMAT=WebAnno TSV 3"]);
    let error =
        refusal("a.tsv", text.replace("ner.type.NamedEntity|identifier|value", "custom.A|x|y"), &skipping());
    assert_says(&error, &["no layer of spans with types", "a layer NamedEntity"]);
}

#[test]
fn dialects_of_columns() {
    let multiconer =
        "# id 1f4a\tdomain=train\nsolid _ _ O\nfloor _ _ B-CW\n\n# id 2b\tdomain=train\nrome _ _ B-LOC\n";
    let data = reads("en_train.conll", multiconer);
    assert_eq!((shown(&data), data.comments), (vec!["solid/O floor/B-CW".into(), "rome/B-LOC".into()], 2));
    let germeval = "#\thttp://example.org [2009-10-17]\n1\tDeutsche\tB-ORG\tB-LOCderiv\n2\tBank\tI-ORG\tO\n3\tin\tO\tO\n4\tUlm\tB-LOC\tO\n";
    assert_says(
        &refusal("NER-de-dev.tsv", germeval, &ReadOptions::default()),
        &["line 2: LOCderiv 0..8 \"Deutsche\" overlaps with ORG 0..13"],
    );
    let data = try_read("NER-de-dev.tsv", germeval, &skipping()).unwrap();
    assert_eq!(
        (shown(&data), data.left_out.len()),
        (vec!["Deutsche/B-ORG Bank/I-ORG in/O Ulm/B-LOC".into()], 1)
    );
    // A column that was chosen is all that is read.
    let options = ReadOptions { tag_column: Some(4), ..ReadOptions::default() };
    assert_eq!(
        shown(&try_read("a.tsv", germeval, &options).unwrap()),
        ["Deutsche/B-LOCderiv Bank/O in/O Ulm/O"]
    );
    let conllu = "# newdoc\n# text = Don't see Bo\n1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_\n1\tDo\tdo\tAUX\t_\t_\t3\taux\t_\t_\n\
        2\tn't\tnot\tPART\t_\t_\t3\tadvmod\t_\t_\n3\tsee\tsee\tVERB\t_\t_\t0\troot\t_\t_\n\
        4\tBo\tBo\tPROPN\t_\t_\t3\tobj\t_\tNER=B-PER|SpaceAfter=No\n";
    assert_eq!(shown(&reads("a.conllu", conllu)), ["Do/O n't/O see/O Bo/B-PER"]);
}

#[test]
fn numbered_tags_take_their_names_from_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train.json");
    std::fs::write(&path, r#"[{"words": ["In", "Rome"], "labels": [0, 1]}]"#).unwrap();
    let read = || read(&path, &ReadOptions::default());
    let error = with_help(&read().unwrap_err());
    assert_says(&error, &["line 1 of", "tags by number, expected their names", "dataset_info.json"]);
    let info = r#"{"features": {"labels": {"feature": {"names": ["O", "B-LOC"], "_type": "ClassLabel"}, "_type": "Sequence"}}}"#;
    std::fs::write(folder.path().join("dataset_info.json"), info).unwrap();
    assert_eq!(shown(&read().unwrap()), ["In/O Rome/B-LOC"]);
}

#[test]
fn text_without_spaces_is_divided_into_characters() {
    use electra_annotations::WordDivision::{Characters, Marks};
    let record = |text: &str, start: usize| {
        format!(
            "{{\"text\": \"{text}\", \"spans\": [{{\"start\": {start}, \"end\": {}, \"label\": \"LOC\"}}]}}\n",
            start + 2
        )
    };
    // Within a run of katakana.
    let japanese = reads("a.jsonl", record("トヨタ東京", 1));
    assert_eq!(shown(&japanese), ["ト/O ヨ/B-LOC タ/I-LOC 東/O 京/O"]);
    assert_eq!(japanese.division.words, Characters);
    // The rest stays whole.
    let mixed = reads("a.jsonl", record("我用iPhone去北京", 9));
    assert_eq!(shown(&mixed), ["我/O 用/O iPhone/O 去/O 北/B-LOC 京/I-LOC"]);
    assert_eq!(reads("a.jsonl", record("Rome 東京", 5)).division.words, Marks);
    let options = ReadOptions { words: Some(Marks), ..ReadOptions::default() };
    let error = refusal("a.jsonl", record("トヨタ東京", 1), &options);
    assert_says(&error, &["begins or ends within a word"]);
}

#[test]
fn given_words_are_divided_into_characters_where_that_is_asked_for() {
    let options =
        ReadOptions { words: Some(electra_annotations::WordDivision::Characters), ..ReadOptions::default() };
    let columns = "我\tO\n住在\tO\n北京\tS-LOC\n大学\tB-ORG\nAI部\tE-ORG\n";
    let data = try_read("a.conll", columns, &options).unwrap();
    let expected = "我/O 住/O 在/O 北/B-LOC 京/I-LOC 大/B-ORG 学/I-ORG AI/I-ORG 部/I-ORG";
    assert_eq!((shown(&data), data.division.words), (vec![expected.to_owned()], options.words.unwrap()));
    assert_eq!(data.scheme, electra_annotations::Scheme::Iobes);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.conll");
    std::fs::write(&path, columns).unwrap();
    let written = electra_annotations::read_as_written(&path, &options).unwrap();
    assert_eq!((&written.sentences, written.scheme), (&data.sentences, electra_annotations::Scheme::Iob2));
    let gold = electra_annotations::Gold::as_written(&written);
    assert_eq!([0, 1, 2, 5, 7, 8].map(|token| gold.line(0, token)), [1, 2, 2, 4, 5, 5]);
    // Without being asked, words stay.
    assert_eq!(reads("a.conll", columns).sentences.tokens(), 5);
}
