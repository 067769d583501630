//! `init.json`: the weights that a run began with, and what of them became of each tensor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use electra_files::regular;
use electra_model::warm_start::{Network, RowCounts, Source, WarmStart};
use electra_run::record::thousands;
use electra_train::layout::INIT;
use electra_train::model_folder::NetworkKind;
use electra_train::{Ancestor, model_name};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::InitialWeightsError;

/// The content of `init.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InitFile {
    /// Hash of all that follows from the weights: both networks and the vocabulary.
    pub model_hash: String,
    /// The folder of the discriminator.
    pub discriminator: Begun,
    /// The folder of the generator, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Begun>,
    /// These folders, and what their pretraining began with.
    pub ancestors: Vec<Ancestor>,
    /// The number of tensors that were loaded.
    pub loaded: usize,
    /// The number of tensors that started as the recipe has it.
    pub started: usize,
    /// The number of tensors of the weights that the run has no place for.
    pub ignored: usize,
    /// All of them, each once.
    pub tensors: Vec<InitTensor>,
}

/// A folder that weights came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The path of the folder, as it was given.
    pub path: PathBuf,
    /// The networks that it holds.
    pub kind: NetworkKind,
    /// BLAKE3 of its weights, as a file of ours has them.
    pub weights_hash: String,
    /// Hash of its vocabulary and the settings of its tokenizer.
    pub tokenizer_hash: String,
}

/// The start of one tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitTensor {
    /// Its name in the run; of one that is ignored its name in the weights.
    pub name: String,
    /// What became of it.
    pub state: TensorState,
    /// The network that it belongs to in the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Network>,
    /// Its name in that network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<String>,
    /// The folder that it comes from, where there are two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Its shape in the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<usize>>,
    /// Of a table with other rows than that of the weights: where they come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<RowCounts>,
}

/// What became of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TensorState {
    /// It has the values of the weights.
    Loaded,
    /// It has the start that the recipe gives it.
    Started,
    /// The weights have it, and the run does not.
    Ignored,
}

impl InitFile {
    /// The file of a start.
    pub(super) fn new(
        model_hash: String,
        (discriminator, generator): (Begun, Option<Begun>),
        ancestors: Vec<Ancestor>,
        start: &WarmStart,
    ) -> Self {
        let folder = |source: &Source| {
            let generator = generator.as_ref()?;
            let folder = if source.given_for == Network::Generator { generator } else { &discriminator };
            Some(folder.path.clone())
        };
        let of_run = start.parameters.iter().map(|parameter| InitTensor {
            name: parameter.name.clone(),
            state: match parameter.source {
                Some(_) => TensorState::Loaded,
                None => TensorState::Started,
            },
            network: parameter.source.as_ref().map(|source| source.network),
            tensor: parameter.source.as_ref().map(|source| source.name.clone()),
            folder: parameter.source.as_ref().and_then(folder),
            shape: Some(parameter.shape.clone()),
            rows: parameter.rows,
        });
        let ignored = start.ignored.iter().map(|source| InitTensor {
            name: format!("{}.{}", source.network, source.name),
            state: TensorState::Ignored,
            network: Some(source.network),
            tensor: Some(source.name.clone()),
            folder: folder(source),
            shape: None,
            rows: None,
        });
        let tensors: Vec<InitTensor> = of_run.chain(ignored).collect();
        let count = |state| tensors.iter().filter(|tensor| tensor.state == state).count();
        let [loaded, started, ignored] =
            [TensorState::Loaded, TensorState::Started, TensorState::Ignored].map(count);
        Self { model_hash, discriminator, generator, ancestors, loaded, started, ignored, tensors }
    }

    /// The file of a run, if the run has one.
    ///
    /// # Errors
    /// A file that cannot be read, or is damaged.
    pub fn read(run: &Path) -> Result<Option<Self>, InitialWeightsError> {
        let path = run.join(INIT);
        if !path.exists() {
            return Ok(None);
        }
        match regular::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(file) => Ok(Some(file)),
                Err(source) => Err(InitialWeightsError::Damaged { path, source }),
            },
            Err(source) => Err(InitialWeightsError::Read { path, source }),
        }
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("names and numbers are JSON") + "\n"
    }

    /// The names of the tensors by what became of them, for the log.
    pub(crate) fn record(&self) -> Value {
        let of = |state| -> Vec<&str> {
            let of_state = self.tensors.iter().filter(|tensor| tensor.state == state);
            of_state.map(|tensor| tensor.name.as_str()).collect()
        };
        json!({
            "model_hash": self.model_hash,
            "ancestors": self.ancestors,
            "loaded": of(TensorState::Loaded),
            "started": of(TensorState::Started),
            "ignored": of(TensorState::Ignored),
        })
    }

    /// What became of the weights, a sentence each.
    pub fn sentences(&self) -> Vec<String> {
        let from = model_name(&self.discriminator.path);
        let and =
            self.generator.as_ref().map(|of| format!(" and {}", model_name(&of.path))).unwrap_or_default();
        let Self { loaded, started, ignored, .. } = self;
        let mut said = vec![format!(
            "begins with {from}{and}: loaded {loaded} tensors, started {started}, ignored {ignored}; {INIT} lists them"
        )];
        for (state, what) in [
            (TensorState::Started, "started as the recipe has it"),
            (TensorState::Ignored, "ignored, having no place in this model"),
        ] {
            let groups = self.groups(state);
            if !groups.is_empty() {
                said.push(format!("{what}: {groups}"));
            }
        }
        let mut tables = BTreeMap::<(&str, RowCounts), Vec<&str>>::new();
        for tensor in &self.tensors {
            if let Some(rows) = tensor.rows {
                let of = if tensor.name.ends_with("position") { "positions" } else { "pieces" };
                tables.entry((of, rows)).or_default().push(&tensor.name);
            }
        }
        said.extend(
            tables.into_iter().map(|((of, rows), names)| format!("{}: {}", names.join(", "), told(of, rows))),
        );
        said
    }

    /// The tensors of a state by their first two names, and by their folder where there are two:
    /// "generator.encoder (32), generator.head (5) of runs/a".
    fn groups(&self, state: TensorState) -> String {
        let mut folders = BTreeMap::<Option<&Path>, BTreeMap<String, usize>>::new();
        for tensor in self.tensors.iter().filter(|tensor| tensor.state == state) {
            let names: Vec<&str> = tensor.name.split('.').take(2).collect();
            let groups = folders.entry(tensor.folder.as_deref()).or_default();
            *groups.entry(names.join(".")).or_default() += 1;
        }
        let of_folder = |(folder, groups): (Option<&Path>, BTreeMap<String, usize>)| {
            let groups: Vec<String> =
                groups.into_iter().map(|(name, count)| format!("{name} ({count})")).collect();
            let of = folder.map(|folder| format!(" of {}", model_name(folder))).unwrap_or_default();
            groups.join(", ") + &of
        };
        folders.into_iter().map(of_folder).collect::<Vec<_>>().join("; ")
    }
}

fn told(of: &str, rows: RowCounts) -> String {
    let RowCounts { loaded, grown, unknown, started, cut } = rows;
    let how = match of {
        "positions" => "from the learned ones",
        _ => "as the mean of the pieces that stood for theirs",
    };
    let parts = [
        Some(format!("{} loaded", counted(loaded))),
        (grown > 0).then(|| format!("{} grown {how}", number(grown))),
        (unknown > 0).then(|| format!("{} as [UNK], having no piece that stood for them", number(unknown))),
        (started > 0).then(|| format!("{} without a piece started", number(started))),
        (cut > 0).then(|| format!("the last {} of the weights left out", number(cut))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn counted(rows: usize) -> String {
    let noun = if rows == 1 { "row" } else { "rows" };
    format!("{} {noun}", number(rows))
}

fn number(count: usize) -> String {
    thousands(count as u64)
}
