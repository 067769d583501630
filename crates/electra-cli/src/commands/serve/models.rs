//! The options `--model [NAME=]DIR` and `--detector`: which folder, or model of the Hub, is served by which name.

use std::path::{Path, PathBuf};

use electra_serve::{ModelSource, ModelSources};

use crate::failure::Failure;
use crate::hub;

/// The folders by their names; those of models of the Hub are in its cache.
///
/// # Errors
/// Two models of one name, a path that is not there, or a model that cannot be fetched.
pub(super) fn sources(models: &[String], detector: Option<&Path>) -> Result<ModelSources, Failure> {
    let mut taggers: Vec<ModelSource> = Vec::new();
    for argument in models {
        let source = source(argument);
        if taggers.iter().any(|other| other.name == source.name) {
            return Err(Failure::new(
                format!("two models are called {:?}", source.name),
                "give each a name: --model names=DIR --model genes=DIR",
            ));
        }
        taggers.push(source);
    }
    for tagger in &mut taggers {
        tagger.path = hub::model_folder(&tagger.path)?;
    }
    let source = |path| Ok::<_, Failure>(ModelSource { name: name(path), path: hub::model_folder(path)? });
    let detector = detector.map(source).transpose()?;
    Ok(ModelSources { taggers, detector })
}

fn source(argument: &str) -> ModelSource {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    match argument.split_once('=') {
        // The name of a folder may have the sign too.
        Some((name, path)) if is_name(name) && !Path::new(argument).exists() => {
            ModelSource { name: name.to_owned(), path: PathBuf::from(path) }
        }
        _ => ModelSource { name: name(Path::new(argument)), path: PathBuf::from(argument) },
    }
}

/// The name of a folder; of the best of several seeds that of the folder around it.
fn name(path: &Path) -> String {
    let of = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let own = of(path).unwrap_or_else(|| "model".to_owned());
    if own == "best" { path.parent().and_then(of).unwrap_or(own) } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_the_name_that_it_is_given_or_that_of_its_folder() {
        let of = |argument: &str| {
            let ModelSource { name, path } = source(argument);
            (name, path.display().to_string())
        };
        let pair = |name: &str, path: &str| (name.to_owned(), path.to_owned());
        assert_eq!(of("names=runs/a"), pair("names", "runs/a"));
        assert_eq!(of("runs/names/best"), pair("names", "runs/names/best"));
        assert_eq!(of("runs/names/"), pair("names", "runs/names/"));
        assert_eq!(of("best"), pair("best", "best"));
        assert_eq!(of("a/b=c"), pair("b=c", "a/b=c"));
        assert!(sources(&["x/a".into(), "y/a".into()], None).is_err());
    }
}
