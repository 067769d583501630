//! Serde's descriptions of types, translated for those who write recipes.

/// A type that serde expects, in words.
pub(super) fn expectation(expected: &str) -> String {
    expected_as(expected, "a table")
}

/// A type that serde found, in words.
pub(super) fn finding(found: &str) -> String {
    found_as(found, "a table")
}

fn expected_as(expected: &str, table: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 up".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "an array".to_owned(),
        "unit" => "nothing".to_owned(),
        "a borrowed string" | "a str" => "a string".to_owned(),
        "string only" | "string or map" | "variant identifier" | "field identifier" => {
            "a name in quotes".to_owned()
        }
        "path string" => "a path in quotes".to_owned(),
        "a map" | "map" => table.to_owned(),
        _ if is_whole(expected) => "a whole number".to_owned(),
        _ if expected.starts_with("a nonzero") => "a whole number from 1 up".to_owned(),
        _ if expected.starts_with("internally tagged enum ") => format!("{table} with its `kind`"),
        _ if expected.starts_with("enum ") => "one of the names that are known".to_owned(),
        _ if starts_with_any(expected, &["tuple ", "a tuple ", "an array of length "]) => {
            "an array".to_owned()
        }
        _ if starts_with_any(expected, &["struct ", "unit ", "newtype "]) => table.to_owned(),
        other => other.to_owned(),
    }
}

fn found_as(found: &str, table: &str) -> String {
    match found {
        "map" => table.to_owned(),
        "sequence" => "an array".to_owned(),
        "unit value" | "null" => "null".to_owned(),
        _ => {
            let (kind, value) = found.split_once(' ').unwrap_or(("", found));
            let value = value.trim_start_matches("point ").replace('`', "");
            if kind == "string" { format!("the string {value}") } else { value }
        }
    }
}

/// The written form of a type that serde expects.
pub(super) enum Form {
    /// A value, with an example of it.
    Value(&'static str),
    /// As a table with its kind.
    Tagged,
    Table,
}

/// The written form of a type that serde expects, by serde's description.
pub(super) fn form(expected: &str) -> Form {
    match expectation(expected).as_str() {
        "a number" => Form::Value("0.5"),
        "true or false" => Form::Value("true"),
        "an array" => Form::Value("[1, 2]"),
        words if words.starts_with("a whole number") => Form::Value("100"),
        words if words.starts_with("a table with") => Form::Tagged,
        words if words.starts_with("a table") => Form::Table,
        _ => Form::Value("\"...\""),
    }
}

pub(super) fn is_whole(expected: &str) -> bool {
    matches!(expected, "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize")
        || expected.starts_with("a nonzero")
}

fn starts_with_any(text: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| text.starts_with(beginning))
}

/// A message about a JSON file that quotes serde, without the names of Rust's types in it. What stands
/// around the quotation stays, and so does every message without one.
#[must_use]
pub fn plain(message: &str) -> String {
    let mut text = message.to_owned();
    for (theirs, ours) in [
        ("unknown variant `", "unknown value `"),
        ("EOF while parsing a value", "it ends where a value should stand"),
        ("EOF while parsing an object", "it ends within an object"),
        ("EOF while parsing a list", "it ends within an array"),
        ("EOF while parsing a string", "it ends within a string"),
        ("expected value at line", "no JSON value at line"),
        ("expected ident at line", "no JSON value at line"),
        ("trailing characters at line", "something follows the end of the value at line"),
    ] {
        text = text.replace(theirs, ours);
    }
    const UNTAGGED: &str = "data did not match any variant of untagged enum ";
    if let Some((before, after)) = text.split_once(UNTAGGED) {
        let rest = after.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        text = format!("{before}a part of it is of no kind that is known{rest}");
    }
    for wrong in ["invalid type: ", "invalid value: ", "invalid length "] {
        let Some((before, after)) = text.split_once(wrong) else { continue };
        let Some((found, rest)) = after.split_once(", expected ") else { continue };
        let end = [" at line ", "; "].iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
        let (expected, rest) = rest.split_at(end);
        let found = match wrong {
            "invalid length " => format!("{found} elements"),
            _ => found_as(found, "an object"),
        };
        text = format!("{before}found {found}, expected {}{rest}", expected_as(expected, "an object"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_type_of_rust_is_left_in_a_message() {
        for (theirs, ours) in [
            (
                "a.json: invalid type: string \"x\", expected usize at line 1 column 5; copy it",
                "a.json: found the string \"x\", expected a whole number from 0 up at line 1 column 5; copy it",
            ),
            (
                "invalid type: map, expected internally tagged enum Freeze",
                "found an object, expected an object with its `kind`",
            ),
            ("invalid type: floating point `1.5`, expected struct Settings", "found 1.5, expected an object"),
            (
                "invalid type: null, expected f64 at line 3 column 9",
                "found null, expected a number at line 3 column 9",
            ),
            (
                "t.json is none: data did not match any variant of untagged enum ModelWrapper at line 2 column 1",
                "t.json is none: a part of it is of no kind that is known at line 2 column 1",
            ),
            (
                "EOF while parsing a value at line 1 column 0",
                "it ends where a value should stand at line 1 column 0",
            ),
            (
                "unknown variant `crv`, expected `crf` or `argmax`",
                "unknown value `crv`, expected `crf` or `argmax`",
            ),
            ("invalid length 2, expected a tuple of size 3", "found 2 elements, expected an array"),
            ("cannot read a.txt: No such file", "cannot read a.txt: No such file"),
        ] {
            assert_eq!(plain(theirs), ours);
        }
    }
}
