use super::scan::MAX_DEPTH;
use super::*;

fn text(line: &str) -> Text {
    match find_field(line, "text") {
        Ok(FieldValue::Text(text)) => text,
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
        assert_eq!(
            find_field(&format!("{{\"text\": {value}}}"), "text"),
            Ok(FieldValue::Other(kind)),
            "{value}"
        );
    }
    assert_eq!(find_field("{\"text\":null}", "text"), Ok(FieldValue::Null));
    assert_eq!(find_field("{}", "text"), Ok(FieldValue::Missing("none".into())));
    assert_eq!(find_field("{\"b\":1,\"a\":2}", "text"), Ok(FieldValue::Missing("\"b\", \"a\"".into())));
    let many: Vec<String> = (0..200).map(|n| format!("\"{}{n}\":1", "x".repeat(50))).collect();
    let Ok(FieldValue::Missing(names)) = find_field(&format!("{{{}}}", many.join(",")), "text") else {
        panic!()
    };
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
        let found = find_field(line, "text");
        assert_eq!(found.clone().map_err(|error| error.at), Err(at), "{line}: {found:?}");
    }
}

#[test]
fn excerpts_are_short_and_end_within_no_character() {
    assert_eq!(excerpt("aéb", 1, 1), "é…");
    assert_eq!(excerpt("aéb", 1, 2), "éb");
    assert_eq!(excerpt("aéb", 4, 2), "");
}

#[test]
fn lists_and_objects_are_gone_through_and_judged_where_somebody_looks() {
    let line = r#"{"a": [ 1 , "x", {"b": -7, "c": NaN}, [], null, "\ud83d"], "d": "\q"}"#;
    let (mut kinds, mut inner) = (Vec::new(), Vec::new());
    for_each_field::<Malformed>(line, |name, value| {
        if name != "a" {
            return Ok(());
        }
        value.elements(|at, element| {
            kinds.push((at, element.kind()?, element.integer()));
            if element.kind()? == "an object" {
                element.fields(|name, value| {
                    inner.push((name.to_owned(), value.integer(), value.raw().to_owned()));
                    Ok::<_, Malformed>(())
                })?;
            }
            Ok(())
        })
    })
    .unwrap();
    let expected = ["a number", "a string", "an object", "a list", "null", "a string"];
    let found: Vec<_> = kinds.iter().map(|(at, kind, _)| (*at, *kind)).collect();
    assert_eq!(found, expected.into_iter().enumerate().collect::<Vec<_>>());
    assert_eq!(kinds[0].2, Some(1));
    assert_eq!(inner, [("b".into(), Some(-7), "-7".into()), ("c".into(), None, "NaN".into())]);
    assert_eq!(names(line), Ok(Some(r#""a", "d""#.into())));
    assert_eq!(names("{}"), Ok(None));
    assert!(is_object(line) && !is_object("{ O") && !is_object("{} O") && !is_object("[1]"));
}

#[test]
fn what_is_wrong_in_a_list_has_its_place() {
    for (list, at) in [("[1 2]", 8), ("[1,]", 8), ("[,]", 6), ("[foo]", 6), ("[\"a\tb\"]", 8)] {
        let line = format!("{{\"a\":{list}}}");
        let found = for_each_field::<Malformed>(&line, |_, value| {
            value.elements(|_, element| {
                element.kind()?;
                element.text().map(drop)
            })
        });
        assert_eq!(found.map_err(|error| error.at), Err(at), "{line}");
    }
    for (number, expected) in [
        ("0", Some(0)),
        ("-0", Some(0)),
        ("7", Some(7)),
        ("+7", None),
        ("07", None),
        ("1.0", None),
        ("9e9", None),
    ] {
        for_each_field::<Malformed>(&format!("{{\"a\":{number}}}"), |_, value| {
            assert_eq!(value.integer(), expected, "{number}");
            Ok(())
        })
        .unwrap();
    }
}

#[test]
fn the_first_value_of_a_text_may_have_many_lines_and_others_behind_it() {
    let text = " [\n{\"a\": 1},\n2]\n{}";
    let list = Value::first(text).unwrap();
    assert_eq!((list.range(), list.kind()), (1..15, Ok("a list")));
    let mut found = Vec::new();
    list.elements::<Malformed>(|_, value| {
        found.push(value.range());
        Ok(())
    })
    .unwrap();
    assert_eq!(found, [3..11, 13..14]);
    assert_eq!(Value::first(&text[list.range().end..]).map(Value::raw), Ok("{}"));
    assert!(Value::first("[1").is_err() && Value::first("").is_err());
}
