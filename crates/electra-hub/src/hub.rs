//! Finding a model: in the cache, or with the server's help.

use std::path::PathBuf;

use crate::cache::{Cache, Repository};
use crate::error::HubError;
use crate::files::{Parts, Selection, shards};
use crate::name::ModelName;
use crate::progress::Progress;
use crate::settings::Settings;

/// The Hub as this machine sees it.
#[derive(Clone, Debug)]
pub struct Hub {
    settings: Settings,
}

/// A model that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundModel {
    /// The name that was asked for.
    pub name: ModelName,
    /// The commit that it is.
    pub commit: String,
    /// The folder with its files.
    pub folder: PathBuf,
    /// Files and bytes that were downloaded for it now.
    pub downloaded: (usize, u64),
    /// Files that the commit may have and the cache has not, and why nobody was asked.
    pub unknown: Option<(Vec<&'static str>, Unknown)>,
}

/// Why nobody was asked for the rest of a model that the cache has in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// This variable forbids it.
    Offline(&'static str),
    /// The program was built without downloads.
    NoClient,
    /// The server does not answer, in its or the system's words.
    Unreachable(String),
}

impl Hub {
    /// The Hub with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> Cache {
        Cache::new(&self.settings.cache)
    }

    /// Finds a model. Of one that the cache has whole nobody is asked; what is missing of it is downloaded, of the same
    /// commit.
    ///
    /// # Errors
    /// No such model, a server that does not answer, a file that is not what it should be.
    pub fn find(&self, name: &ModelName, progress: &mut dyn Progress) -> Result<FoundModel, HubError> {
        self.find_parts(name, Parts::Model, progress)
    }

    /// Finds the tokenizer of a model, without its weights.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_tokenizer(
        &self,
        name: &ModelName,
        progress: &mut dyn Progress,
    ) -> Result<FoundModel, HubError> {
        self.find_parts(name, Parts::Tokenizer, progress)
    }

    fn find_parts(
        &self,
        name: &ModelName,
        parts: Parts,
        progress: &mut dyn Progress,
    ) -> Result<FoundModel, HubError> {
        let repository = self.cache().repository(name);
        let commit = repository.commit(&name.revision)?;
        let there = commit.as_ref().map(|commit| look(&repository, commit, parts)).transpose()?;
        let is_whole = |there: &Selection| there.missing.is_empty() && there.unknown.is_empty();
        if let (Some(commit), Some(there)) = (&commit, &there)
            && is_whole(there)
        {
            return found(name, &repository, commit, None);
        }
        let (why, error) = match self.ask(name, &repository, commit.as_deref(), parts, progress) {
            Ok(model) => return Ok(model),
            Err(HubError::Offline { variable, name, cache }) => {
                (Unknown::Offline(variable), HubError::Offline { variable, name, cache })
            }
            Err(HubError::NoClient { name, cache }) => {
                (Unknown::NoClient, HubError::NoClient { name, cache })
            }
            Err(HubError::Unreachable { server, what }) => {
                (Unknown::Unreachable(format!("{server}: {what}")), HubError::Unreachable { server, what })
            }
            Err(error) => return Err(error),
        };
        match (commit, there) {
            (Some(commit), Some(there)) if there.missing.is_empty() => {
                found(name, &repository, &commit, Some((there.unknown, why)))
            }
            (Some(commit), Some(there)) if !matches!(error, HubError::Unreachable { .. }) => {
                Err(HubError::InPart { name: name.to_string(), commit, missing: there.missing.join(", ") })
            }
            _ => Err(error),
        }
    }

    #[cfg(feature = "download")]
    fn ask(
        &self,
        name: &ModelName,
        repository: &Repository,
        commit: Option<&str>,
        parts: Parts,
        progress: &mut dyn Progress,
    ) -> Result<FoundModel, HubError> {
        self.refuse_offline(name)?;
        let downloaded =
            crate::download::download(&self.settings, name, repository, commit, parts, progress)?;
        let mut model = found(name, repository, &downloaded.commit, None)?;
        model.downloaded = (downloaded.files, downloaded.bytes);
        Ok(model)
    }

    #[cfg(not(feature = "download"))]
    fn ask(
        &self,
        name: &ModelName,
        _: &Repository,
        _: Option<&str>,
        _: Parts,
        _: &mut dyn Progress,
    ) -> Result<FoundModel, HubError> {
        // Whether it may ask a server makes no difference to a program that cannot.
        Err(HubError::NoClient { name: name.to_string(), cache: self.settings.cache.clone() })
    }

    #[cfg(feature = "download")]
    fn refuse_offline(&self, name: &ModelName) -> Result<(), HubError> {
        match self.settings.offline {
            Some(variable) => Err(HubError::Offline {
                name: name.to_string(),
                cache: self.settings.cache.clone(),
                variable,
            }),
            None => Ok(()),
        }
    }
}

/// What the cache has of a commit; shards that are not there make its weights missing.
fn look(repository: &Repository, commit: &str, parts: Parts) -> Result<Selection, HubError> {
    let mut there = Selection::of(parts, |file| repository.state(commit, file))?;
    if let Some(index) = there.index {
        for shard in shards(&repository.snapshot(commit).join(index))? {
            if repository.state(commit, &shard)? != crate::files::FileState::Present {
                there.missing.push("a shard of its weights");
                break;
            }
        }
    }
    Ok(there)
}

fn found(
    name: &ModelName,
    repository: &Repository,
    commit: &str,
    unknown: Option<(Vec<&'static str>, Unknown)>,
) -> Result<FoundModel, HubError> {
    repository.check_links(commit)?;
    let (commit, folder) = (commit.to_owned(), repository.snapshot(commit));
    Ok(FoundModel { name: name.clone(), commit, folder, downloaded: (0, 0), unknown })
}
