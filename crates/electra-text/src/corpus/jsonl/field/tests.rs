use super::*;

fn text(line: &str) -> Text {
    match find(line, "text") {
        Ok(Found::Text(text)) => text,
        other => panic!("{other:?} in {line}"),
    }
}

#[test]
fn strings_are_those_of_a_json_parser() {
    let strings =
        ["", "a", "quote \" and \\ and /", "line\nand\ttab\u{8}\u{c}\r", "東京 é 😀", "\u{1}\u{7f}\u{2028}"];
    for string in strings {
        let record = serde_json::json!({ "id": 1, "text": string, "more": { "text": [string, null] } });
        assert_eq!(text(&record.to_string()).text, string);
    }
    assert_eq!(text(r#" { "text" : "\ud83d\ude00\u00e9\/" , "x":[] } "#).text, "😀é/");
    assert_eq!(text(r#"{"text":"first","text":"last"}"#).text, "last");
    assert_eq!(text(r#"{"te\u0078t":"a"}"#).text, "a");
}

#[test]
fn halves_of_characters_are_replaced_and_counted() {
    let found = text(r#"{"text":"a\ud83d b\ude00\ud83d\ud83d\ude00"}"#);
    assert_eq!((found.text.as_str(), found.lone_surrogates), ("a\u{fffd} b\u{fffd}\u{fffd}😀", 3));
    assert_eq!(found.first_lone_surrogate, 10);
    assert_eq!(text(r#"{"text":"\ud83dx\udc00"}"#).lone_surrogates, 2);
}

#[test]
fn other_fields_are_not_judged() {
    for other in [
        "NaN",
        "-Infinity",
        "[1, NaN, {\"text\": Infinity}]",
        r#""\ud83d""#,
        r#""\q""#,
        "\"a\tb\"",
        r#"{"a": [{}, []], "\ud83d": "}]"}"#,
        "01.5e",
    ] {
        assert_eq!(text(&format!("{{\"x\": {other}, \"text\": \"a\"}}")).text, "a", "{other}");
        assert_eq!(text(&format!("{{\"text\": \"a\", \"x\": {other}}}")).text, "a", "{other}");
    }
    assert_eq!(text(r#"{"\ud83d": 1, "text": "a"}"#).text, "a");
}

#[test]
fn what_is_no_string_is_called_by_its_kind() {
    for (value, kind) in [
        ("5", "a number"),
        ("-1e3", "a number"),
        ("NaN", "a number"),
        ("-Infinity", "a number"),
        ("true", "a truth value"),
        ("[\"a\"]", "a list"),
        ("{\"text\": \"a\"}", "an object"),
    ] {
        assert_eq!(find(&format!("{{\"text\": {value}}}"), "text"), Ok(Found::Other(kind)), "{value}");
    }
    assert_eq!(find("{\"text\":null}", "text"), Ok(Found::Null));
    assert_eq!(find("{}", "text"), Ok(Found::Missing("none".into())));
    assert_eq!(find("{\"b\":1,\"a\":2}", "text"), Ok(Found::Missing("\"b\", \"a\"".into())));
    let many: Vec<String> = (0..200).map(|n| format!("\"{}{n}\":1", "x".repeat(50))).collect();
    let Ok(Found::Missing(names)) = find(&format!("{{{}}}", many.join(",")), "text") else { panic!() };
    assert!(names.ends_with("190 more") && names.len() < 600, "{names}");
}

#[test]
fn what_is_no_object_is_refused_where_it_goes_wrong() {
    for (line, at) in [
        ("", 0),
        ("  text", 2),
        ("\"text\"", 0),
        ("[1]", 0),
        ("{", 1),
        ("{\"text\"", 7),
        ("{\"text\":", 8),
        ("{\"text\":}", 8),
        ("{\"text\":\"a\"", 11),
        ("{\"text\":\"a", 8),
        ("{\"text\":\"a\"} {}", 13),
        ("{\"text\":\"a\",}", 12),
        ("{\"text\":foo}", 8),
        ("{\"x\":1 2}", 7),
        ("{\"x\":[1}", 7),
        ("{\"x\":[1", 7),
        ("{x:1}", 1),
        ("{\"text\":\"a\tb\"}", 10),
        ("{\"text\":\"\\q\"}", 9),
        ("{\"text\":\"\\ud8\"}", 9),
        ("{\"text\":\"a\\", 10),
        ("{\"x\":\"a\\", 5),
        (&format!("{{\"x\":{}", "[".repeat(1_000_000)), 5 + MAX_DEPTH),
    ] {
        let found = find(line, "text");
        assert_eq!(found.clone().map_err(|error| error.at), Err(at), "{line}: {found:?}");
    }
}

#[test]
fn excerpts_are_short_and_end_within_no_character() {
    assert_eq!(excerpt("aéb", 1, 1), "é…");
    assert_eq!(excerpt("aéb", 1, 2), "éb");
    assert_eq!(excerpt("aéb", 4, 2), "");
}
