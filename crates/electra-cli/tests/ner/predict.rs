//! `electra predict`: formats that agree, input of every kind, and what it refuses.

use std::io::{BufRead, BufReader, Write};

use crate::workbench::{Workbench, assert_says, corpus, json as parsed, keys};
use electra_ner::Decoding;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

const TEXT: &str =
    "\t<Zoë> & \"Bob\" met 👩\u{200d}👧.\r\nThen they \u{200b}left\u{a0}Köln!\n\n北京。 The end";

/// A workbench with a tagger of a few thousand large random weights in `tagger`.
fn bench() -> Workbench {
    Workbench::with_tagger(200, 16, Decoding::Viterbi).0
}

/// Entities as lines of `type word`, from the tags of conll output.
fn entities_of_columns(columns: &str) -> Vec<String> {
    let mut entities: Vec<String> = Vec::new();
    for line in columns.lines() {
        let Some((word, tag)) = line.split_once('\t') else {
            assert_eq!(line, "");
            continue;
        };
        match tag.split_once('-') {
            Some(("B", kind)) => entities.push(format!("{kind} {word}")),
            // The decoder lets no other prefix through, and no I without a B.
            Some((prefix, _)) => {
                assert_eq!(prefix, "I");
                *entities.last_mut().unwrap() += word;
            }
            None => assert_eq!(tag, "O"),
        }
    }
    entities
}

fn unescaped(html: &str) -> String {
    let mut out = html.to_owned();
    for (entity, character) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")]
    {
        out = out.replace(entity, character);
    }
    out
}

#[test]
fn all_formats_tell_the_same_of_the_same_text() {
    let bench = bench();
    bench.write("in.txt", TEXT);
    let of = |format: &str| bench.succeed(&format!("predict --model tagger --format {format} in.txt")).stdout;
    let lines: Vec<Value> = of("json").lines().map(parsed).collect();
    assert!(lines.len() >= 3, "{lines:?} would prove little");
    let characters: Vec<char> = TEXT.chars().collect();
    for line in &lines {
        assert_eq!(keys(line), ["end", "entity_group", "score", "start", "word"]);
        let place = |key: &str| line[key].as_u64().unwrap() as usize;
        let word: String = characters[place("start")..place("end")].iter().collect();
        assert_eq!(line["word"], word.as_str());
        assert!(line["score"].as_f64().is_some_and(|score| score > 0.0 && score <= 1.0), "{line}");
    }
    // Between the words of an entity may be space, which columns do not have.
    let squeezed =
        |text: &str| text.split(|c: char| c.is_whitespace() || c == '\u{200b}').collect::<String>();
    let listed: Vec<String> = lines
        .iter()
        .map(|l| format!("{} {}", l["entity_group"].as_str().unwrap(), squeezed(l["word"].as_str().unwrap())))
        .collect();
    assert_eq!(entities_of_columns(&of("conll")), listed);

    let mut text = TEXT.to_owned();
    for line in lines.iter().rev() {
        let at = |key: &str| {
            let characters = line[key].as_u64().unwrap() as usize;
            TEXT.char_indices().nth(characters).map_or(TEXT.len(), |(at, _)| at)
        };
        text.insert_str(at("end"), &format!("]({})", line["entity_group"].as_str().unwrap()));
        text.insert(at("start"), '[');
    }
    assert_eq!(of("text"), text);

    let page = of("html");
    assert_eq!(electra_run::report::check::faults(&page), Vec::<String>::new());
    let main =
        page.split("<div class=\"text\" dir=\"auto\">").nth(1).unwrap().split("</div>").next().unwrap();
    assert_eq!(main.matches("<mark ").count(), lines.len());
    let plain: String = main.split('<').map(|part| part.rsplit('>').next().unwrap()).collect();
    assert_eq!(unescaped(&plain), TEXT);
}

#[test]
fn standard_input_files_and_compressed_files_are_the_same_to_it() {
    let bench = bench();
    bench.write("in.txt", TEXT);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(TEXT.as_bytes()).unwrap();
    bench.write("in.gz", gzip.finish().unwrap());
    bench.write("in.txt.zst", zstd::encode_all(TEXT.as_bytes(), 3).unwrap());
    let line = "predict --model tagger --format json --byte-offsets";
    let expected = bench.feed(&format!("{line} -"), TEXT).stdout;
    for object in expected.lines().map(parsed) {
        let place = |key: &str| object[key].as_u64().unwrap() as usize;
        assert_eq!(object["word"], TEXT[place("byte_start")..place("byte_end")]);
    }
    assert_eq!(bench.feed(line, TEXT).stdout, expected);
    for name in ["in.txt", "in.gz", "in.txt.zst"] {
        assert_eq!(bench.succeed(&format!("{line} {name}")).stdout, expected, "{name}");
        assert_eq!(bench.succeed(&format!("{line} {name} --out found.jsonl")).stdout, "");
        assert_eq!(bench.read("found.jsonl"), expected, "{name}");
    }
    let one = bench.succeed(&format!("{line} in.txt --batch-size 1 --threads 1")).stdout;
    let spans = |lines: &str| -> Vec<[Value; 3]> {
        lines.lines().map(parsed).map(|l| ["entity_group", "start", "end"].map(|k| l[k].clone())).collect()
    };
    assert_eq!(spans(&one), spans(&expected));
}

#[test]
fn words_with_spaces_between_them_keep_their_number_and_order() {
    let bench = bench();
    let text = "\nEU rejects  German call .\nAT&T's\tU.S.\u{a0}arm\n\n \t\r\n\u{200b} x\n\n";
    let ran = bench.feed("predict --model tagger --pretokenized --format conll", text);
    let words: Vec<&str> = ran.stdout.lines().map(|line| line.split('\t').next().unwrap()).collect();
    let lines: [&[&str]; 7] = [
        &[],
        &["EU", "rejects", "German", "call", "."],
        &["AT&T's", "U.S.\u{a0}arm"],
        &[],
        &[],
        &["\u{200b}", "x"],
        &[],
    ];
    assert_eq!(
        words,
        lines.map(|line| [line, &[""]].concat()).concat(),
        "a blank line behind each of the input"
    );
}

#[test]
fn of_json_lines_the_texts_are_read() {
    let bench = bench();
    let texts = ["Zoë met Bob. They left Köln", "", "\u{feff}Ber\u{ad}lin\r\nKiel"];
    let records =
        texts.map(|text| json!({"id": 1, "text": text, "label": ["PER", "LOC"]}).to_string() + "\n").concat();
    for name in ["t.jsonl", "t.ndjson", "t.json", "t.txt"] {
        bench.write(name, &records);
    }
    let line = "predict --model tagger --format json";
    let expected = bench.succeed(&format!("{line} t.jsonl")).stdout;
    let mut seen = std::collections::BTreeSet::new();
    for object in expected.lines().map(parsed) {
        let place = |key: &str| object[key].as_u64().unwrap() as usize;
        let text: Vec<char> = texts[place("line") - 1].chars().collect();
        assert_eq!(object["word"], String::from_iter(&text[place("start")..place("end")]));
        seen.insert(place("line"));
    }
    assert!(seen.contains(&3), "{expected} would prove little");
    assert_eq!(bench.succeed(&format!("{line} t.ndjson")).stdout, expected);
    assert_eq!(bench.succeed(&format!("{line} t.json")).stdout, expected);
    assert_eq!(bench.succeed(&format!("{line} --json-lines t.txt")).stdout, expected);
    assert_eq!(bench.feed(&format!("{line} --json-lines"), &records).stdout, expected);
    // The text format shows the texts and nothing of the records.
    let shown = bench.succeed("predict --model tagger t.jsonl").stdout;
    let plain = shown.replace(['[', ']'], "").replace("(PER)", "").replace("(LOC)", "");
    assert_eq!(plain, texts.map(|text| text.to_owned() + "\n").concat());
    // Columns have a blank line behind each sentence, and one for the record without a word.
    let columns = bench.succeed("predict --model tagger --format conll t.jsonl").stdout;
    assert_eq!(columns.lines().filter(|line| line.is_empty()).count(), 4, "{columns}");
}

#[test]
fn files_that_hold_no_text_by_their_name_are_refused_with_a_way_out() {
    let bench = bench();
    bench.write("words.jsonl", "{\"text\": \"a\"}\n{\"tokens\": [\"Bob\"], \"ner_tags\": [\"O\"]}\n");
    let ran = bench.run("predict --model tagger words.jsonl");
    assert_eq!(ran.code, Some(1));
    assert_says(&ran.stderr, &["line 2 of words.jsonl", "it has no text", "help:", "--pretokenized"]);
    let error = bench.refuse("predict --model tagger --pretokenized words.jsonl");
    assert_says(&error, &["words.jsonl is JSON lines by its name", "--pretokenized", "standard input"]);
    bench.write("dev.conll", "Bob B-PER\n");
    let error = bench.refuse("predict --model tagger dev.conll");
    assert_says(&error, &["dev.conll holds a token and its tag a line", "--pretokenized", "standard input"]);
    bench.succeed("predict --model tagger --pretokenized dev.conll");
}

#[test]
fn a_line_may_be_a_sentence() {
    let bench = bench();
    let count = |more: &str| {
        let ran = bench.feed(&format!("predict --model tagger --format conll {more}"), "one\ntwo\n\nthree\n");
        ran.stdout.lines().filter(|line| line.is_empty()).count()
    };
    assert_eq!((count(""), count("--line-breaks sentence")), (2, 3));
}

#[test]
fn the_profile_goes_to_standard_error() {
    let bench = bench();
    let text = corpus(40, 3);
    let line = "predict --model tagger --format conll";
    let ran = bench.feed(&format!("{line} --profile"), &text);
    assert_says(
        &ran.stderr,
        &["words in", "total", "model", "%", "waiting for text", "tokenising", "writing"],
    );
    assert_eq!(ran.stdout, bench.feed(line, &text).stdout);
}

#[test]
fn a_reader_who_has_seen_enough_is_no_error() {
    let bench = bench();
    bench.write("long.txt", corpus(1000, 2));
    for format in ["conll", "html", "text", "json"] {
        let mut child = bench.start(&format!("predict --model tagger --format {format} long.txt"));
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        assert!(!first.is_empty());
        drop(lines);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        let said = String::from_utf8(output.stderr).unwrap();
        // That scores are not calibrated is a note as well.
        assert!(said.lines().all(|line| line.starts_with("note: ")), "{format}: {said}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_have_a_place_unless_lossy() {
    let bench = bench();
    let bytes = b"The first.\nM\xfcller came.\n";
    let ran = bench.feed_bytes("predict --model tagger --format html -", bytes);
    assert_eq!(ran.code, Some(1));
    let places = ["standard input is not UTF-8", "line 2", "offset 12", "help:", "iconv", "--lossy"];
    assert_says(&ran.stderr, &places);
    assert!(ran.stdout.ends_with("</html>\n"), "what there is can be looked at: {}", ran.stdout);

    let ran = bench.feed_bytes("predict --model tagger --format conll --lossy", bytes);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_says(&ran.stderr, &["1 sequences of bytes"]);
    assert!(ran.stdout.contains('\u{fffd}'), "{}", ran.stdout);
    bench.write("in.txt", bytes);
    assert_says(
        &bench.run("predict --model tagger in.txt").stderr,
        &["in.txt is not UTF-8", "offset 12", "iconv"],
    );
    // What iconv cannot read is not given to it, and the place is one that can be found.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    bench.write("in.txt.gz", gzip.finish().unwrap());
    bench.write("in.txt.zst", zstd::encode_all(bytes.as_slice(), 3).unwrap());
    for name in ["in.txt.gz", "in.txt.zst"] {
        let said = bench.run(&format!("predict --model tagger {name}")).stderr;
        assert_says(&said, &[name, "offset 12 of the uncompressed text", "unpack and convert it", "--lossy"]);
        assert!(!said.contains("iconv"), "{said}");
    }
}

#[test]
fn records_that_are_read_as_text_are_told_of_with_the_option_that_reads_them() {
    let bench = bench();
    let records = "\u{feff}\n{\"id\": NaN, \"text\": \"Zoë met Bob.\"}\n{\"text\": \"They left.\"}\n";
    bench.write("t.txt", records);
    let warning = ["is a JSON object with a \"text\"", "add --json-lines"];
    assert_says(&bench.feed("predict --model tagger", records).stderr, &warning);
    // Also where nothing ends the line, and the text is what it was.
    let ran = bench.feed("predict --model tagger", "{\"text\": \"Zoë\"}");
    assert_says(&ran.stderr, &["WARNING: the first line of standard input", warning[0]]);
    assert_eq!(
        ran.stdout.replace("[", "").replace("](PER)", "").replace("](LOC)", ""),
        "{\"text\": \"Zoë\"}"
    );
    assert_says(
        &bench.succeed("predict --model tagger t.txt").stderr,
        &["the first line of t.txt", warning[1]],
    );
    let ran = bench.succeed("predict --model tagger --pretokenized t.txt");
    assert_says(&ran.stderr, &["use --json-lines instead of --pretokenized"]);
    for (text, more) in
        [(records, "--json-lines"), ("{\"a\": 1}\n", ""), ("{text} {\n", ""), ("a {\"text\": 1}\n", "")]
    {
        let ran = bench.feed(&format!("predict --model tagger {more}"), text);
        assert!(!ran.stderr.contains("WARNING: the first line"), "{}", ran.stderr);
    }
}

#[test]
fn halves_of_characters_in_records_are_refused_unless_lossy() {
    let bench = bench();
    let records = "{\"text\": \"Zoë\"}\n{\"x\": NaN, \"text\": \"a\\ud83d b\"}\n";
    bench.write("t.jsonl", records);
    let ran = bench.run("predict --model tagger t.jsonl");
    assert_eq!(ran.code, Some(1));
    let parts = ["line 2 of t.jsonl has half of a character", "character 22", "help:", "--lossy"];
    assert_says(&ran.stderr, &parts);
    let ran = bench.succeed("predict --model tagger --lossy --format conll t.jsonl");
    assert_says(&ran.stderr, &["1 halves of characters (lone surrogates) were replaced"]);
    assert!(ran.stdout.contains('\u{fffd}'), "{}", ran.stdout);
    // Lines of every system, of records as of text.
    bench.write("t.jsonl", records.replace("\\ud83d", "").replace('\n', "\r"));
    let columns = bench.succeed("predict --model tagger --format conll t.jsonl").stdout;
    assert_eq!(columns.lines().filter(|line| line.is_empty()).count(), 2, "{columns}");
}

#[test]
fn input_and_output_that_cannot_be() {
    let bench = bench();
    bench.write("in.txt", TEXT);
    assert_says(&bench.refuse("predict --model tagger gone.txt"), &["cannot read gone.txt", "No such file"]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(corpus(200, 3).as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    bench.write("cut.gz", &whole[..whole.len() / 2]);
    let ran = bench.run("predict --model tagger cut.gz");
    assert_eq!(ran.code, Some(1));
    assert_says(&ran.stderr, &["cut.gz was cut short", "help: copy or download it again"]);

    assert_says(&bench.refuse("predict --model tagger in.txt --out in.txt"), &["is the input itself"]);
    assert_eq!(bench.read("in.txt"), TEXT);
    let error = bench.refuse("predict --model tagger in.txt --out no/where");
    assert_says(&error, &["cannot write no/where", "folder"]);
    let error = bench.refuse("predict --model tagger in.txt --byte-offsets");
    assert_says(&error, &["--byte-offsets", "--format json"]);
    for wrong in ["--batch-size 0", "--format xml", "--lossy --byte-offsets", "--device abacus"] {
        assert_eq!(bench.run(&format!("predict --model tagger in.txt {wrong}")).code, Some(2), "{wrong}");
    }
}

#[test]
fn folders_that_hold_no_tagger() {
    let bench = bench();
    bench.write("in.txt", TEXT);
    let change = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut value = parsed(&bench.read(name));
        change(&mut value);
        bench.write(name, value.to_string());
    };
    let refused = |folder: &str| bench.refuse(&format!("predict --model {folder} in.txt --out found.txt"));

    assert_says(&refused("nowhere"), &["cannot read nowhere", "No such file"]);
    assert_says(&refused("tokenizer"), &["holds no model", "config.json"]);

    bench.copy("tagger", "unlabelled");
    change("unlabelled/config.json", &|config| {
        config.as_object_mut().unwrap().remove("id2label");
    });
    assert_says(&refused("unlabelled"), &["names no labels", "electra finetune ner --model"]);

    bench.copy("tagger", "narrow");
    change("narrow/tagger.json", &|settings| settings["window"] = 64.into());
    assert_says(&refused("narrow"), &["at most 40 pieces", "window is 64"]);
    change("narrow/tagger.json", &|settings| settings["window"] = 4.into());
    assert_says(&refused("narrow"), &["4 pieces is too short", "at least 8", "help: fine-tune"]);

    bench.copy("tagger", "mixed");
    bench.succeed("data tokenizer --input corpus.txt --vocab-size 256 --out other");
    bench.copy("other", "mixed");
    assert_says(&refused("mixed"), &["a tokenizer of 256 pieces for a model of 200", "trained with"]);

    assert!(!bench.path("found.txt").exists(), "nothing is written before everything is there to write it");
}

#[test]
fn words_that_the_vocabulary_has_no_pieces_for_are_told_with_their_share() {
    let bench = bench();
    // Two of three words, two of their six letters: letters of the corpus are pieces, Greek is none.
    let ran = bench.feed("predict --model tagger --format conll", "baba Ω Ψ\n");
    assert_says(
        &ran.stderr,
        &[
            "WARNING: of which the tagger sees nothing but [UNK]: 66.7 % of the words and 33.3 % of the characters",
        ],
    );
    let ran = bench.feed("predict --model tagger --format conll", &format!("Ω{}\n", " ba".repeat(99)));
    assert_says(&ran.stderr, &["\nof which the tagger sees nothing but [UNK]: 1.0 % of the words"]);
    let ran = bench.feed("predict --model tagger --format conll", "baba\n");
    assert!(!ran.stderr.contains("[UNK]"), "{}", ran.stderr);
}

#[test]
fn a_rust_program_finds_what_the_command_finds() {
    let bench = bench();
    bench.write("in.txt", TEXT);
    let said = bench.succeed("predict --model tagger --format json --byte-offsets in.txt").stdout;
    let said: Vec<Value> = said.lines().map(parsed).collect();
    assert!(said.len() >= 3, "{said:?} would prove little");
    let found = electra_ner::Tagger::open(bench.path("tagger")).unwrap().tag(TEXT).unwrap();
    assert_eq!(found.len(), said.len());
    for (found, said) in found.iter().zip(&said) {
        assert_eq!(said["entity_group"], found.label.as_str());
        assert_eq!(said["word"], found.text.as_str());
        assert_eq!(said["score"], (found.score * 1e6).round() / 1e6);
        assert_eq!([&said["byte_start"], &said["byte_end"]], [&json!(found.start), &json!(found.end)]);
    }
}
