//! The models of a service by their names, and their reload.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::measures::ReloadOutcome;
use crate::problem::{Problem, ProblemKind};
use crate::served::{ModelError, ModelInfo, ModelSource, ServedDetector, ServedTagger, Surroundings};

/// The folders that a service serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelSources {
    /// Taggers; the first is for requests that name none.
    pub taggers: Vec<ModelSource>,
    /// A discriminator, for requests about replaced tokens.
    pub detector: Option<ModelSource>,
}

/// The models that are served now.
pub(crate) struct Models {
    sources: ModelSources,
    surroundings: Surroundings,
    taggers: RwLock<Vec<Arc<ServedTagger>>>,
    detector: RwLock<Option<Arc<ServedDetector>>>,
    /// Why the last reload of a model failed, by its name.
    failed: RwLock<BTreeMap<String, String>>,
}

/// The outcome of the reload of one model.
#[derive(Debug)]
pub struct Reload {
    /// The name of the model.
    pub name: String,
    /// Its version now, or why it is the old one.
    pub outcome: Result<String, ModelError>,
}

impl Models {
    pub(crate) fn open(sources: ModelSources, surroundings: Surroundings) -> Result<Self, ModelError> {
        let mut taggers = Vec::new();
        for (number, source) in sources.taggers.iter().enumerate() {
            let tagger = ServedTagger::open(source, number == 0, &surroundings);
            taggers.push(Arc::new(tagger?));
        }
        let detector = match &sources.detector {
            Some(source) => Some(Arc::new(ServedDetector::open(source, &surroundings)?)),
            None => None,
        };
        let models = Self {
            sources,
            surroundings,
            taggers: RwLock::new(taggers),
            detector: RwLock::new(detector),
            failed: RwLock::default(),
        };
        for info in models.infos() {
            models.surroundings.measures.model(&info.name, &info.version, true);
        }
        Ok(models)
    }

    /// The tagger of this name, or the first.
    ///
    /// # Errors
    /// A name that no tagger has, or a service without taggers.
    pub(crate) fn tagger(&self, name: Option<&str>) -> Result<Arc<ServedTagger>, Problem> {
        let taggers = self.taggers.read().unwrap_or_else(PoisonError::into_inner);
        let found = match name {
            None => taggers.first(),
            Some(name) => taggers.iter().find(|tagger| tagger.info.name == name),
        };
        found.cloned().ok_or_else(|| match name {
            Some(name) if !taggers.is_empty() => {
                let names: Vec<&str> = taggers.iter().map(|tagger| tagger.info.name.as_str()).collect();
                Problem::new(
                    ProblemKind::UnknownModel,
                    format!("no tagger is called {name:?}"),
                    format!("name one of: {}; or none, for {}", names.join(", "), names[0]),
                )
                .at("/model")
            }
            _ => Problem::new(
                ProblemKind::NoModel,
                "this service has no tagger",
                "ask a service that was started with a tagger",
            ),
        })
    }

    /// The detector.
    ///
    /// # Errors
    /// A service without one.
    pub(crate) fn detector(&self) -> Result<Arc<ServedDetector>, Problem> {
        let detector = self.detector.read().unwrap_or_else(PoisonError::into_inner);
        detector.clone().ok_or_else(|| {
            Problem::new(
                ProblemKind::NoModel,
                "this service has no detector",
                "ask a service that was started with a pretrained run as its detector",
            )
        })
    }

    /// What is told of all models: taggers, then the detector.
    pub(crate) fn infos(&self) -> Vec<ModelInfo> {
        let taggers = self.taggers.read().unwrap_or_else(PoisonError::into_inner);
        let mut infos: Vec<ModelInfo> = taggers.iter().map(|tagger| tagger.info.clone()).collect();
        infos.extend(self.detector().ok().map(|detector| detector.info.clone()));
        infos
    }

    /// What is wrong with the reloads of models, which are served as they were before.
    pub(crate) fn failed_reloads(&self) -> BTreeMap<String, String> {
        self.failed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads all folders anew. A model takes the place of the old one when it can be served; requests that the old
    /// one has begun, it ends.
    pub(crate) fn reload(&self) -> Vec<Reload> {
        let mut reloads = Vec::new();
        for (number, source) in self.sources.taggers.iter().enumerate() {
            let opened = ServedTagger::open(source, number == 0, &self.surroundings);
            reloads.push(self.note(
                source,
                opened.map(|tagger| {
                    let version = tagger.info.version.clone();
                    let mut taggers = self.taggers.write().unwrap_or_else(PoisonError::into_inner);
                    let old = std::mem::replace(&mut taggers[number], Arc::new(tagger));
                    (old.info.version.clone(), version)
                }),
            ));
        }
        if let Some(source) = &self.sources.detector {
            let opened = ServedDetector::open(source, &self.surroundings);
            reloads.push(self.note(
                source,
                opened.map(|detector| {
                    let version = detector.info.version.clone();
                    let mut place = self.detector.write().unwrap_or_else(PoisonError::into_inner);
                    let old = place.replace(Arc::new(detector));
                    (old.map_or_else(String::new, |old| old.info.version.clone()), version)
                }),
            ));
        }
        reloads
    }

    /// Notes the outcome of a reload, in which one version took the place of another.
    fn note(&self, source: &ModelSource, outcome: Result<(String, String), ModelError>) -> Reload {
        let measures = &self.surroundings.measures;
        let mut failed = self.failed.write().unwrap_or_else(PoisonError::into_inner);
        let outcome = match outcome {
            Ok((old, new)) => {
                failed.remove(&source.name);
                measures.reloaded(ReloadOutcome::Done);
                measures.model(&source.name, &old, false);
                measures.model(&source.name, &new, true);
                Ok(new)
            }
            Err(error) => {
                failed.insert(source.name.clone(), error.to_string());
                measures.reloaded(ReloadOutcome::Failed);
                Err(error)
            }
        };
        Reload { name: source.name.clone(), outcome }
    }
}
