//! Models by name: a folder, or a model of the Hub.

mod bar;
mod nearest;

use std::path::{Path, PathBuf};

use electra_hub::{FoundModel, Hub, HubError, ModelName, Settings, Unknown, model_of_folder};
use electra_train::layout::TOKENIZER;
use miette::Diagnostic;

use crate::failure::Failure;
use bar::Bar;
use nearest::nearest;

/// Files of which a folder of a tokenizer has one or both.
const TOKENIZER_FILES: [&str; 2] = ["vocab.txt", "tokenizer.json"];
/// Digits of a commit that are shown.
const SHORT: usize = 12;

/// The settings of the environment.
///
/// # Errors
/// A variable with a value that it cannot have.
pub fn settings() -> Result<Settings, Failure> {
    Ok(Settings::from_environment(|key| std::env::var(key).ok())?)
}

/// The folder of the model that an argument names: that folder, or that of a model of the Hub in the cache, into which
/// it is downloaded if need be.
///
/// # Errors
/// Neither, or a model that cannot be fetched.
pub fn model_folder(argument: &Path) -> Result<PathBuf, Failure> {
    if argument.is_file() {
        return Err(no_folder(argument));
    }
    match find(argument, |hub, name| hub.find(name, &mut Bar::new()))? {
        Some(folder) => Ok(folder),
        None => Err(not_there(argument)),
    }
}

/// The tokenizer that an argument names: a file, a folder, that of a run, or that of a model of the Hub, without its
/// weights.
///
/// # Errors
/// A model that cannot be fetched; a path that is not there is no error here.
pub fn tokenizer(argument: &Path) -> Result<PathBuf, Failure> {
    let found = find(argument, |hub, name| hub.find_tokenizer(name, &mut Bar::new()))?;
    let named = found.unwrap_or_else(|| argument.to_owned());
    let of_run = named.join(TOKENIZER);
    let is_run = !TOKENIZER_FILES.iter().any(|file| named.join(file).exists()) && of_run.is_dir();
    Ok(if is_run { of_run } else { named })
}

/// Whether an argument may have stood for the folder of a model: its path, or the name of a model of the Hub whose
/// folder in a cache it is. Which commit a branch or a tag was then is not known.
pub fn stands_for(argument: &Path, folder: &Path) -> bool {
    let of_hub = || {
        let (repository, commit) = model_of_folder(folder)?;
        let name = name_of(argument)?;
        Some(name.repository == repository && (name.revision == commit || !name.is_of_commit()))
    };
    argument == folder || of_hub().unwrap_or(false)
}

fn find(
    argument: &Path,
    find: impl Fn(&Hub, &ModelName) -> Result<FoundModel, HubError>,
) -> Result<Option<PathBuf>, Failure> {
    // What is there, also a link that leads nowhere, is what is meant.
    if argument.symlink_metadata().is_ok() {
        return Ok(Some(argument.to_owned()));
    }
    let Some(name) = name_of(argument) else { return Ok(None) };
    let hub = Hub::new(settings()?);
    let found = find(&hub, &name).map_err(|error| explained(error, &name, &hub))?;
    tell(&found);
    Ok(Some(found.folder))
}

/// The model of the Hub that an argument names, if it can be none but that.
fn name_of(argument: &Path) -> Option<ModelName> {
    let name = ModelName::parse(argument.to_str()?)?;
    // `runs/tinny` is a slip in the name of a run, where there is a folder of runs.
    let is_path = !name.is_explicit && name.owner().is_some_and(|owner| Path::new(owner).is_dir());
    (!is_path).then_some(name)
}

/// Says which commit a name stood for, and what was not asked.
fn tell(found: &FoundModel) {
    let (name, commit) = (&found.name, &found.commit[..SHORT]);
    match found.downloaded {
        (0, _) => eprintln!("{name} is commit {commit}, in the cache {}", found.folder.display()),
        (files, bytes) => eprintln!(
            "{name} is commit {commit}: {files} file{} downloaded ({:.1} MB), in the cache {}",
            if files == 1 { "" } else { "s" },
            bytes as f64 / 1e6,
            found.folder.display()
        ),
    }
    let Some((unknown, why)) = &found.unknown else { return };
    let why = match why {
        Unknown::Offline(variable) => format!("{variable} forbids asking"),
        Unknown::NoClient => "this program was built without downloads".to_owned(),
        Unknown::Unreachable(why) => why.clone(),
    };
    eprintln!(
        "warning: {name} is read as the cache has it; whether it has {} as well is not known: {why}",
        unknown.join(", ")
    );
}

fn no_folder(argument: &Path) -> Failure {
    let shown = argument.display();
    let name = argument.to_string_lossy().to_lowercase();
    let is = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let help = if is(&[".zip"]) {
        format!("unpack it (unzip {shown}) and give the folder that comes out")
    } else if is(&[".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst", ".tar.bz2"]) {
        format!("unpack it (tar xf {shown}) and give the folder that comes out")
    } else {
        "give the folder in which it lies, with config.json and the tokenizer".to_owned()
    };
    Failure::new(format!("{shown} is a file, and a model is a folder"), help)
}

fn not_there(argument: &Path) -> Failure {
    let error = argument.metadata().err().map_or_else(String::new, |error| format!(": {error}"));
    let form =
        "a model of the Hub has a name such as google/electra-small-discriminator (or hf://OWNER/NAME)";
    let cache = settings().ok().map(|settings| Hub::new(settings).cache());
    let help = match nearest(argument, cache.as_ref()) {
        found if found.is_empty() => form.to_owned(),
        found => format!("did you mean {}? {form}", found.join(" or ")),
    };
    Failure::new(format!("cannot read {}{error}", argument.display()), help)
}

/// The error with names that are like the one that was given.
fn explained(error: HubError, name: &ModelName, hub: &Hub) -> Failure {
    let is_unknown = matches!(
        error,
        HubError::NoModelForAll { .. }
            | HubError::NoModelForToken { .. }
            | HubError::Offline { .. }
            | HubError::NoClient { .. }
            | HubError::Unreachable { .. }
    );
    let help = error.help().map(|help| help.to_string()).unwrap_or_default();
    let found = nearest(Path::new(&name.repository), Some(&hub.cache()));
    let failure = Failure::from(error);
    match is_unknown && !found.is_empty() {
        true => failure.with_help(format!("did you mean {}? Otherwise {help}", found.join(" or "))),
        false => failure,
    }
}
