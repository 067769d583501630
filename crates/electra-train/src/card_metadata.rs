//! Metadata of model cards as the Hugging Face hub reads them: the YAML in front of a `README.md`.

use electra_files::shown;

/// The line that leaves the licence open: nobody but the owner can name it.
pub const OPEN_LICENCE: &str =
    "# license: apache-2.0     (fill in: yours, as the data and the models before allow)";

/// The line that leaves the language open.
pub const OPEN_LANGUAGE: &str = "# language: en            (fill in)";

/// Text as a scalar of YAML: JSON's strings are some.
///
/// # Panics
/// Never: text is JSON.
#[must_use]
pub fn in_yaml(text: &str) -> String {
    shown::json(&serde_json::to_string(text).expect("text is JSON")).into_owned()
}

/// A name in the letters that names on the hub have.
#[must_use]
pub fn hub_name(name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().map(allowed).collect();
    let name = name.trim_matches(['-', '.']);
    if name.is_empty() { "unnamed".to_owned() } else { name.to_owned() }
}

/// The name of a model that another one was trained from: of the hub where it looks like one, else that of its
/// folder; none for a network from scratch.
#[must_use]
pub fn base_model(model: &str) -> Option<String> {
    if model.starts_with("scratch:") {
        return None;
    }
    // The card has no place for the commit.
    let is_commit = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let model = model.split_once('@').filter(|(_, commit)| is_commit(commit)).map_or(model, |(name, _)| name);
    let parts: Vec<&str> = model.split('/').collect();
    Some(match parts[..] {
        [owner, name] if !owner.is_empty() && !owner.starts_with('.') && !name.is_empty() => {
            format!("{}/{}", hub_name(owner), hub_name(name))
        }
        _ => hub_name(parts.iter().rfind(|part| !part.is_empty()).unwrap_or(&"")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_letters_of_the_hub() {
        assert_eq!(hub_name("wiki gold"), "wiki-gold");
        assert_eq!(hub_name("../"), "unnamed");
        for (model, name) in [
            ("google/electra-small-discriminator", Some("google/electra-small-discriminator")),
            ("google/electra-small@0123456789abcdef0123456789abcdef01234567", Some("google/electra-small")),
            ("/home/me/runs/tiny/", Some("tiny")),
            ("tiny", Some("tiny")),
            ("../runs", Some("runs")),
            ("scratch:configs/pretrain/tiny.toml", None),
        ] {
            assert_eq!(base_model(model).as_deref(), name, "{model}");
        }
        assert_eq!(in_yaml("a: \"b\" # c\u{9b}"), r#""a: \"b\" # c\u009b""#);
    }
}
