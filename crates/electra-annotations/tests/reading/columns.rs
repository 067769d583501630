//! Files of columns in all the forms that they come in.

use std::io::Write;

use crate::support::{documents, reads, shown, try_read};
use electra_annotations::{Division, Encoding, Format, ReadOptions, Scheme, Separator};

#[test]
fn a_line_with_a_lone_tab_ends_a_sentence_as_an_empty_one_does() {
    // As in WNUT-17's training file; the other white space too.
    let data =
        reads("a.conll", "one\tO\n\t\ntwo\tB-person\n \t \nthree\tO\n\u{3000}\nfour\tO\n\n\n\nfive\tO\n");
    assert_eq!(shown(&data), ["one/O", "two/B-person", "three/O", "four/O", "five/O"]);
    let lines: Vec<usize> = data.sentences.iter().map(|sentence| sentence.line).collect();
    assert_eq!(lines, [1, 3, 5, 7, 11]);
}

#[test]
fn docstart_lines_are_boundaries_and_no_sentences() {
    // As in CoNLL-2003; twice in a row, without a blank line, and as the last sentence.
    let text = "-DOCSTART- -X- -X- O\n\nEU NNP I-NP I-ORG\n\nand CC O O\n-DOCSTART- -X- -X- O\n\n\
                -DOCSTART- -X- O O\n\nRome NNP I-NP I-LOC\n\n-DOCSTART- -X- -X- O\n\n";
    let data = reads("a.txt", text);
    assert_eq!(shown(&data), ["EU/B-ORG", "and/O", "Rome/B-LOC"]);
    assert_eq!((documents(&data), data.documents, data.marks_documents), (vec![0, 0, 1], 2, true));
    assert_eq!(data.format, Format::Columns { separator: Separator::Space, token: 1, tag: 4 });

    let data = reads("a.txt", "-DOCSTART-\n\nRome\tB-LOC\n\n1\t-DOCSTART-\tO\n");
    assert_eq!((shown(&data), data.documents), (vec!["Rome/B-LOC".to_owned()], 1));
    let data = reads("a.txt", "Rome\tB-LOC\n\nBonn\tB-LOC\n");
    assert_eq!((documents(&data), data.documents, data.marks_documents), (vec![0, 0], 1, false));
}

#[test]
fn a_line_that_begins_with_a_hash_may_be_a_token_or_a_comment() {
    // Tokens and comments of WNUT-17, GermEval (its comments have a tab) and Universal NER.
    let data = reads("a", "#photography\tO\n#\tO\n# a comment\n#NFL\tB-group\n");
    assert_eq!((shown(&data), data.comments), (vec!["#photography/O #/O #NFL/B-group".to_owned()], 1));

    let germeval = "#\thttp://de.x-y.org/z [2009-10-17]\n1\tSchartau\tB-PER\n2\t#\tO\n\n\
                    #\thttp://de.x-y.org/a [2009-11-01]\n1\tBonn\tB-LOC\n";
    let data = reads("a", germeval);
    assert_eq!((shown(&data), data.comments), (vec!["Schartau/B-PER #/O".into(), "Bonn/B-LOC".into()], 2));

    let universal = "# newdoc id = d1\n# sent_id = 1\n# text = To O\n1\tTo\tO\t-\tann\n\n\
                     # sent_id = 2\n1\tOle\tB-PER\t-\tann\n\n# newdoc\n1\tHej\tO\t-\tann\n";
    let data = reads("a", universal);
    assert_eq!(
        (shown(&data), documents(&data)),
        (["To/O", "Ole/B-PER", "Hej/O"].map(String::from).to_vec(), vec![0, 0, 1])
    );
    assert_eq!(data.comments, 5);

    let spaces = reads("a", "# sent 1\nRome B-LOC\n# O\n");
    assert_eq!(shown(&spaces), ["Rome/B-LOC #/O"]);
    // Nothing but hash tags.
    assert_eq!(shown(&reads("a", "#a\tO\n#b\tB-x\n")), ["#a/O #b/B-x"]);
}

#[test]
fn ends_of_lines_marks_and_compression_change_nothing() {
    let text = "Der\tO\nÄtna\tB-LOC\n\nJa\tO\n";
    let plain = reads("a.conll", text);
    assert_eq!(shown(&plain), ["Der/O Ätna/B-LOC", "Ja/O"]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(text.as_bytes()).unwrap();
    let forms: [(&str, Vec<u8>); 6] = [
        ("crlf", text.replace('\n', "\r\n").into()),
        ("mark", format!("\u{feff}{text}").into()),
        ("all.of.it", format!("\u{feff}{}", text.replace('\n', "\r\n")).into()),
        ("no_end", text.trim_end().into()),
        ("a.conll.gz", gzip.finish().unwrap()),
        ("a.iob2.zst", zstd::encode_all(text.as_bytes(), 3).unwrap()),
    ];
    for (name, bytes) in forms {
        assert_eq!(reads(name, bytes).sentences, plain.sentences, "{name}");
    }
}

#[test]
fn old_encodings_are_read_when_they_are_named() {
    let options = |encoding| ReadOptions { encoding, ..ReadOptions::default() };
    let read = |encoding| shown(&try_read("a", b"Z\xFCrich\tB-LOC\n\x93\tO\n", &options(encoding)).unwrap());
    assert_eq!(read(Encoding::Cp1252), ["Zürich/B-LOC “/O"]);
    assert_eq!(read(Encoding::Latin1), ["Zürich/B-LOC \u{93}/O"]);
}

#[test]
fn tokens_keep_their_spaces_between_tabs() {
    let data = reads("a", "New York \tB-LOC\n\u{a0}\tO\n a\u{2028}b\tO\n");
    assert_eq!(data.sentences.get(0).to_owned().tokens, ["New York", "\u{a0}", "a\u{2028}b"]);
    let data = reads("a", "  New\u{a0}York   B-LOC \n is\tO\n up O\n");
    assert_eq!(data.sentences.get(0).to_owned().tokens, ["New\u{a0}York", "is", "up"]);
}

#[test]
fn columns_may_be_given() {
    let text = "1 Kiel B-LOC O\n2 SV B-ORG B-LOC\n";
    let columns = |token, tag| {
        let options = ReadOptions { token_column: token, tag_column: tag, ..ReadOptions::default() };
        shown(&try_read("a", text, &options).unwrap())
    };
    assert_eq!(columns(None, Some(3)), ["Kiel/B-LOC SV/B-ORG"]);
    assert_eq!(columns(None, Some(4)), ["Kiel/O SV/B-LOC"]);
    assert_eq!(columns(Some(1), Some(3)), ["1/B-LOC 2/B-ORG"]);
    // A tab that belongs to a token of a file with spaces.
    let options = ReadOptions { separator: Some(Separator::Space), ..ReadOptions::default() };
    assert_eq!(shown(&try_read("a", "a\tx O\nb\tx O\n", &options).unwrap()), ["a/O b/O"]);
}

#[test]
fn ranges_of_conll_u_are_no_words() {
    let data = reads("a", "1-2\tdel\tO\n1\tde\tO\n2\tel\tO\n2.1\t_\tO\n3\tPrado\tB-LOC\n");
    assert_eq!(shown(&data), ["de/O el/O Prado/B-LOC"]);
}

#[test]
fn short_and_long_sentences_are_read_whole() {
    let long: String = (0..300).map(|n| format!("w{n}\tO\n")).collect();
    let data = reads("a", format!("Yes\tO\n\n{long}\nNo\tO"));
    let lengths: Vec<usize> = data.sentences.iter().map(|sentence| sentence.len()).collect();
    assert_eq!(lengths, [1, 300, 1]);
}

#[test]
fn schemes_become_iob2_and_changes_are_counted() {
    for (tags, scheme, changed) in [
        ("I-PER I-PER O I-LOC B-LOC I-ORG", Scheme::Iob1, 3),
        ("B-PER I-PER O B-LOC B-LOC B-ORG", Scheme::Iob2, 0),
        ("B-PER E-PER O S-LOC S-LOC S-ORG", Scheme::Iobes, 4),
        ("B-PER L-PER O U-LOC U-LOC U-ORG", Scheme::Bilou, 4),
    ] {
        let text: String = tags.split(' ').map(|tag| format!("w {tag}\n")).collect();
        let data = reads("a", text);
        assert_eq!(shown(&data), ["w/B-PER w/I-PER w/O w/B-LOC w/B-LOC w/B-ORG"], "{tags}");
        assert_eq!((data.scheme, data.changed_tags, data.invalid.len()), (scheme, changed, 0), "{tags}");
    }
    // Chinese by characters, with names and nominals.
    let data = reads("a", "北 B-GPE.NAM\n京 M-GPE.NAM\n市 E-GPE.NAM\n人 S-PER.NOM\n");
    assert_eq!(shown(&data), ["北/B-GPE.NAM 京/I-GPE.NAM 市/I-GPE.NAM 人/B-PER.NOM"]);
    assert_eq!(data.scheme, Scheme::Bmes);
}

#[test]
fn invalid_transitions_are_repaired_and_named_by_their_lines() {
    // Two entities begin with B, two with I: IOB2 with errors.
    let data = reads("a", "Anna\tB-PER\nlives\tO\nin\tI-LOC\nRome\tI-LOC\n\nEU\tB-ORG\nRome\tI-LOC\n");
    assert_eq!(shown(&data), ["Anna/B-PER lives/O in/B-LOC Rome/I-LOC", "EU/B-ORG Rome/B-LOC"]);
    assert_eq!((data.scheme, data.changed_tags), (Scheme::Iob2, 2));
    let found: Vec<_> = data.invalid.iter().map(|i| (i.line, i.token, i.from)).collect();
    assert_eq!(found, [(3, "in", Some("O")), (7, "Rome", Some("B-ORG"))]);
}

#[test]
fn a_real_file_reads_the_same_in_every_scheme() {
    let text = include_str!("../fixtures/ja-hironsan.conll");
    let data = reads("a.conll", text);
    let tokens: usize = data.sentences.iter().map(|sentence| sentence.len()).sum();
    let entities = data.sentences.iter().flat_map(|s| s.tags()).filter(|tag| tag.starts_with("B-")).count();
    assert_eq!((data.sentences.len(), tokens, entities), (50, 1776, 156));
    for scheme in Scheme::ALL {
        let mut written = String::new();
        for sentence in data.sentences.iter() {
            let tags = electra_annotations::from_iob2(&sentence.tags().to_vec(), scheme);
            sentence.tokens().zip(tags).for_each(|(token, tag)| written += &format!("{token}\t{tag}\n"));
            written.push('\n');
        }
        let again = reads("a.conll", written);
        assert_eq!((again.scheme, again.sentences), (scheme, data.sentences.clone()));
    }
}

#[test]
fn what_is_not_seen_makes_no_token_tag_or_line() {
    // A zero-width space as a line, marks around a token and in a tag, a second file with its own byte
    // order mark; a soft hyphen stays within its word, and a token of nothing else is one.
    let text = "\u{feff}Ber\u{ad}lin\u{200b}\tB-LOC\u{200e}\n\u{200b}\n\u{2066}Anna\u{2069}\tB\u{200b}-PER\nist\tO\n\n\
                \u{feff}-DOCSTART-\tO\n\n\u{feff}Kiel\tB-LOC\n\u{ad}\tO\n\u{feff}\tO\n";
    let data = reads("a.conll", text);
    assert_eq!(shown(&data), ["Ber\u{ad}lin/B-LOC", "Anna/B-PER ist/O", "Kiel/B-LOC \u{ad}/O \u{feff}/O"]);
    assert_eq!((documents(&data), data.documents), (vec![0, 0, 1], 2));
    assert_eq!(data.division, Division::CORPUS);
}

#[test]
fn lines_end_as_they_did_on_any_system() {
    let expected = ["Rome/B-LOC is/O", "big/O"];
    for end in ["\n", "\r\n", "\r\r\n", "\r"] {
        let data = reads("a.conll", ["Rome\tB-LOC", "is\tO", "", "big\tO", ""].join(end));
        assert_eq!(shown(&data), expected, "{end:?}");
        assert_eq!(data.sentences.get(1).line, 4, "{end:?}");
    }
    // Files that were put together end lines in several ways.
    let data = reads("a.conll", "Rome\tB-LOC\ris\tO\r\rbig\tO\nand\tO\r\n\r\nold\tO");
    assert_eq!(shown(&data), ["Rome/B-LOC is/O", "big/O and/O", "old/O"]);
}
