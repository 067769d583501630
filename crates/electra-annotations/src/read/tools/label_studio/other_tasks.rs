//! Tasks of Label Studio that mark something else than spans of plain text, told by their regions and their data.

use electra_text::corpus::json_object::Value;

use crate::read::objects::Object;

const IMAGES: &str = "the marking of images";
const SOUNDS: &str = "the marking of sounds";

/// The kind of a region that is none of text, by the type of its result or the name of its labels.
pub(super) fn of_region(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix("labels").unwrap_or(name);
    Some(match name {
        "rectangle" | "ellipse" | "polygon" | "keypoint" | "brush" | "bitmask" | "vector" | "magicwand" => {
            IMAGES
        }
        "videorectangle" | "timeline" => "the marking of videos",
        "timeseries" => "the marking of time series",
        "paragraph" | "paragraphs" => "the marking of dialogues",
        "audio" => SOUNDS,
        _ => return None,
    })
}

/// The kind of a region whose labels might be those of text, by its value.
pub(super) fn of_value(value: &Object<'_>) -> Option<&'static str> {
    // Seconds of a sound have no text, and a channel or parts.
    let is_second = |name: &str| {
        let is_number = |bound: &Value<'_>| bound.kind().is_ok_and(|kind| kind == "a number");
        let bound = value.get(name).filter(is_number);
        bound.is_some_and(|bound| bound.integer().is_none() && !bound.raw().ends_with(".0"))
    };
    let has_text = value.get("text").is_some();
    let is_of_sound = value.get("channel").is_some() || !has_text && (is_second("start") || is_second("end"));
    let named = || value.fields().find_map(|(name, _)| of_region(name).filter(|_| name.ends_with("labels")));
    named().or(is_of_sound.then_some(SOUNDS))
}

/// The kind of data that is the address of a file, by its value and the name of its field.
pub(super) fn of_address(field: &str, value: &str) -> Option<&'static str> {
    let value = value.trim();
    let field = field.to_lowercase();
    let begins = |starts: &[&str]| starts.iter().any(|start| value.starts_with(start));
    let is_stored = begins(&["/data/", "s3://", "gs://", "azure-blob://", "data:"]);
    if value.contains(char::is_whitespace) || !(is_stored || begins(&["http://", "https://", "/"])) {
        return None;
    }
    let path = value.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let (_, ending) = path.rsplit_once('.').unwrap_or_default();
    let of_field = |names: &[&str]| names.iter().any(|name| field.contains(name));
    let of_ending = |endings: &[&str]| endings.contains(&ending);
    if of_field(&["image", "img", "photo", "picture"])
        || of_ending(&["png", "jpg", "jpeg", "gif", "bmp", "webp", "svg", "tif", "tiff"])
        || value.starts_with("data:image")
    {
        return Some(IMAGES);
    }
    if of_field(&["audio", "sound"]) || of_ending(&["wav", "mp3", "flac", "ogg", "m4a", "aac"]) {
        return Some(SOUNDS);
    }
    if of_field(&["video"]) || of_ending(&["mp4", "webm", "mov", "avi", "mkv"]) {
        return Some("the marking of videos");
    }
    (is_stored || of_field(&["pdf", "csv", "timeseries", "url"]) || of_ending(&["pdf", "csv", "json"]))
        .then_some("files that it has the addresses of")
}

/// Whether a text has tags or named characters of HTML.
pub(super) fn has_markup(text: &str) -> bool {
    let begins_tag =
        |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
    let is_character = |rest: &str| {
        let name = rest.split(';').next().unwrap_or_default();
        name.len() < rest.len()
            && !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#')
    };
    text.match_indices('<').any(|(at, _)| begins_tag(&text[at + 1..]))
        || text.match_indices('&').any(|(at, _)| is_character(&text[at + 1..]))
}
