//! A tokenizer's folder as `AutoTokenizer` of transformers reads it, whoever wrote it.
//!
//! Which files count is decided by the class that `tokenizer_config.json` names:
//!
//! | class | pieces | case, accents, ideographs |
//! |---|---|---|
//! | `BertTokenizer`, `ElectraTokenizer`, none | `tokenizer.json`, else `vocab.txt` | `tokenizer_config.json` alone, where a missing key has BERT's default |
//! | `PreTrainedTokenizerFast`, `TokenizersBackend` | `tokenizer.json` | `tokenizer.json` |
//!
//! What would give other pieces or ids than there is refused by name. Checked against transformers
//! 5.24 by `scripts/reference/tokenizer_cases.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokenizers::tokenizer::AddedToken;

use super::error::TokenizerError;
use super::files::{CONFIG_FILE, SPECIAL_TOKENS_FILE, TOKENIZER_FILE, VOCAB_FILE};
use super::json::{malformed, read_json};
use super::library_file::{LibraryFile, read_library_file};
use super::settings::{MAX_WORD_CHARS, Settings};
use super::tokenizer::{AddTokenError, Tokenizer};
use crate::read_once;
use crate::vocab::{MAX_FILE_BYTES, SPECIAL_TOKENS, Vocabulary};

const ADDED_TOKENS_FILE: &str = "added_tokens.json";
const MODEL_CONFIG_FILE: &str = "config.json";

/// Key that is written here for words of other lengths than BERT's, of which its class knows nothing.
const MAX_WORD_KEY: &str = "max_input_chars_per_word";

/// Keys of the special tokens, in the order of [`SPECIAL_TOKENS`].
pub(super) const SPECIAL_KEYS: [&str; 5] = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"];
/// Names of special tokens of other networks, which are added where they are given.
const OTHER_SPECIAL_KEYS: [&str; 2] = ["bos_token", "eos_token"];
/// Lists of more of them, by their newer and their older name.
const EXTRA_KEYS: [&str; 2] = ["extra_special_tokens", "additional_special_tokens"];

/// Which file has the last word about normalisation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `tokenizer_config.json`.
    Bert,
    /// `tokenizer.json`.
    Library,
}

/// Reads the tokenizer of a folder. `cased` decides where the folder does not.
pub(super) fn read_folder(folder: &Path, cased: Option<bool>) -> Result<Tokenizer, TokenizerError> {
    let [json, vocab] = [TOKENIZER_FILE, VOCAB_FILE].map(|name| folder.join(name));
    let library = if json.is_file() { Some(read_library_file(&json)?) } else { None };
    if library.is_none() && !vocab.is_file() {
        return Err(TokenizerError::NotFound { path: folder.to_owned() });
    }
    let config = Config::read(folder)?;
    let kind = config.kind(library.is_some())?;
    config.refuse_what_changes_pieces()?;
    let added = config.added_tokens(kind, library.as_ref())?;
    let (vocabulary, settings) = match library {
        Some(library) if kind == Kind::Library => (library.vocabulary, library.settings),
        Some(library) => {
            library.check_settings_that_bert_ignores(&config.path)?;
            let settings = config.settings(&library.vocabulary, cased)?;
            (library.vocabulary, settings)
        }
        None => {
            let vocabulary = Vocabulary::read(&vocab)?;
            let settings = config.settings(&vocabulary, cased)?;
            (vocabulary, settings)
        }
    };
    added.build(vocabulary, settings)
}

/// Reads a `tokenizer.json` that says everything itself.
pub(super) fn read_library(path: &Path) -> Result<Tokenizer, TokenizerError> {
    let LibraryFile { vocabulary, settings, added, .. } = read_library_file(path)?;
    let mut tokens = AddedTokens::new(path);
    tokens.extend_at(added);
    tokens.build(vocabulary, settings)
}

/// The configuration of a tokenizer in the files beside its vocabulary.
struct Config {
    /// `tokenizer_config.json`, whether or not it is there.
    path: PathBuf,
    /// The keys of the file, overridden by those of `special_tokens_map.json` where that counts.
    keys: Map<String, Value>,
    /// The tokens of `added_tokens.json` where that counts.
    older: Option<(PathBuf, Map<String, Value>)>,
    /// Content of the model's own `config.json`.
    model: Option<Map<String, Value>>,
    is_there: bool,
}

impl Config {
    fn read(folder: &Path) -> Result<Self, TokenizerError> {
        let path = folder.join(CONFIG_FILE);
        let found = read_object(&path)?;
        let is_there = found.is_some();
        let mut keys = found.unwrap_or_default();
        let mut older = None;
        // The list says all that the older files would, which are then not read.
        if !keys.contains_key("added_tokens_decoder") {
            keys.extend(read_object(&folder.join(SPECIAL_TOKENS_FILE))?.unwrap_or_default());
            let file = folder.join(ADDED_TOKENS_FILE);
            older = read_object(&file)?.map(|tokens| (file, tokens));
        }
        let model = read_object(&folder.join(MODEL_CONFIG_FILE))?;
        Ok(Self { path, keys, older, model, is_there })
    }

    fn class(&self) -> Option<&str> {
        let of_model = || self.model.as_ref()?.get("tokenizer_class");
        let class = self.keys.get("tokenizer_class").filter(|class| !class.is_null()).or_else(of_model);
        class.map(|class| class.as_str().unwrap_or_default())
    }

    fn kind(&self, has_library_file: bool) -> Result<Kind, TokenizerError> {
        let name = self.class();
        match name.map(|name| name.strip_suffix("Fast").unwrap_or(name)) {
            Some("BertTokenizer" | "ElectraTokenizer") => Ok(Kind::Bert),
            Some("PreTrainedTokenizer" | "TokenizersBackend") if has_library_file => Ok(Kind::Library),
            // What is written here, but for the file of the library; transformers has no way to read it.
            Some("PreTrainedTokenizer" | "TokenizersBackend") if self.keys.contains_key(MAX_WORD_KEY) => {
                Ok(Kind::Bert)
            }
            Some("PreTrainedTokenizer" | "TokenizersBackend") => Err(self.refused(
                "tokenizer_class",
                format!("{:?} without a {TOKENIZER_FILE}", name.unwrap_or_default()),
                "a tokenizer.json beside it",
                "save the tokenizer again in transformers",
            )),
            // Nothing of transformers is here but the library's own file, which says everything.
            None if has_library_file && !self.is_there && self.model.is_none() => Ok(Kind::Library),
            None => Ok(Kind::Bert),
            Some(_) => Err(self.refused(
                "tokenizer_class",
                format!("{:?}", name.unwrap_or_default()),
                "ElectraTokenizer or BertTokenizer, or PreTrainedTokenizerFast with a tokenizer.json of BERT's WordPiece",
                "such a tokenizer divides text in another way: use a model with one of these, or pretrain one \
                 on text that it has divided into words",
            )),
        }
    }

    fn refuse_what_changes_pieces(&self) -> Result<(), TokenizerError> {
        let says =
            |key: &'static str, as_usual: fn(&Value) -> bool, expected, remedy| match self.keys.get(key) {
                Some(value) if !value.is_null() && !as_usual(value) => {
                    Err(self.refused(key, value.to_string(), expected, remedy))
                }
                _ => Ok(()),
            };
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        let no_auto = |value: &Value| value.is_object() && value.get("AutoTokenizer").is_none();
        let versions =
            "versions of transformers disagree about it: remove it if the model was trained without";
        says(
            "auto_map",
            no_auto,
            "no code of the model's own",
            "the tokenizer is a program that is not run here",
        )?;
        says("do_basic_tokenize", |v| v == true, "true", versions)?;
        says("never_split", is_empty, "nothing", versions)?;
        says("split_special_tokens", |v| v == false, "false", "special tokens are never divided here")?;
        says("init_inputs", is_empty, "nothing", "save the tokenizer again in transformers")?;
        for (key, expected) in SPECIAL_KEYS.into_iter().zip(SPECIAL_TOKENS) {
            if let Some(value) = self.keys.get(key)
                && content(value) != Some(expected)
            {
                return Err(self.refused(
                    key,
                    value.to_string(),
                    expected,
                    "the special tokens are those of BERT, by these names",
                ));
            }
        }
        Ok(())
    }

    /// The settings that `BertTokenizer` takes from its configuration, with its defaults.
    fn settings(&self, vocabulary: &Vocabulary, cased: Option<bool>) -> Result<Settings, TokenizerError> {
        let flag = |key: &'static str| match self.keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.refused(key, other.to_string(), "true or false", "correct the file")),
        };
        let lowercase = match (flag("do_lower_case")?, cased) {
            (Some(lowercase), _) => lowercase,
            (None, Some(cased)) => !cased,
            (None, None) if vocabulary.looks_cased() => {
                return Err(self.refused(
                    "do_lower_case",
                    "missing, and the vocabulary has pieces in upper case".into(),
                    "true or false",
                    "transformers would lower-case all text: write \"do_lower_case\": false there if case is to be \
                     kept, and true if the model was trained without it",
                ));
            }
            (None, None) => true,
        };
        let is_bert =
            !matches!(self.class(), Some(name) if !name.starts_with("Bert") && !name.starts_with("Electra"));
        let max_word_chars = match self.keys.get(MAX_WORD_KEY).filter(|_| !is_bert) {
            None => Settings::UNCASED.max_word_chars,
            Some(value) => {
                let number = value.as_u64().filter(|number| (1..=MAX_WORD_CHARS as u64).contains(number));
                number.map(|number| number as usize).ok_or_else(|| {
                    self.refused(
                        MAX_WORD_KEY,
                        value.to_string(),
                        &format!("1 to {MAX_WORD_CHARS}"),
                        "correct the file",
                    )
                })?
            }
        };
        Ok(Settings {
            lowercase,
            max_word_chars,
            strip_accents: flag("strip_accents")?.unwrap_or(lowercase),
            split_cjk: flag("tokenize_chinese_chars")?.unwrap_or(true),
            ..Settings::UNCASED
        })
    }

    /// All tokens that are added, in the order in which transformers adds them.
    fn added_tokens(&self, kind: Kind, library: Option<&LibraryFile>) -> Result<AddedTokens, TokenizerError> {
        let mut added = AddedTokens::new(&self.path);
        if let Some(library) = library.filter(|_| kind == Kind::Library) {
            added.extend_at(library.added.iter().cloned());
        }
        let mut decoder = BTreeMap::new();
        match self.keys.get("added_tokens_decoder") {
            Some(listed) => decoder.extend(self.decoder(listed)?),
            None => {
                if let Some((path, older)) = &self.older {
                    decoder.extend(self.older_tokens(path, older)?);
                }
                decoder.extend(library.iter().flat_map(|library| library.added.iter().cloned()));
            }
        }
        added.extend_at(decoder);
        if kind == Kind::Bert {
            added.extend(SPECIAL_TOKENS.map(|name| AddedToken::from(name, true)));
        }
        added.extend(self.special_tokens());
        Ok(added)
    }

    /// `added_tokens_decoder`: tokens by id.
    fn decoder(&self, listed: &Value) -> Result<Vec<(u32, AddedToken)>, TokenizerError> {
        let wrong = |what: String| malformed(&self.path, format!("added_tokens_decoder: {what}"));
        let entries = listed.as_object().ok_or_else(|| wrong(format!("{listed} is no table")))?;
        let entry = |(id, token): (&String, &Value)| {
            let id = id.parse().map_err(|_| wrong(format!("{id:?} is no id")))?;
            Ok((id, added_token(token, false).ok_or_else(|| wrong(format!("{token} is no token")))?))
        };
        entries.iter().map(entry).collect()
    }

    /// `added_tokens.json`: ids by content.
    fn older_tokens(
        &self,
        path: &Path,
        tokens: &Map<String, Value>,
    ) -> Result<Vec<(u32, AddedToken)>, TokenizerError> {
        let special: Vec<String> = self.special_tokens().into_iter().map(|token| token.content).collect();
        let entry = |(token, id): (&String, &Value)| {
            let number = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let id = number.ok_or_else(|| malformed(path, format!("{id} is no id of {token:?}")))?;
            let is_special = special.contains(token) || SPECIAL_TOKENS.contains(&token.as_str());
            Ok((id, AddedToken::from(token.as_str(), is_special)))
        };
        tokens.iter().map(entry).collect()
    }

    /// Special tokens beside the five, by whichever key they are given.
    fn special_tokens(&self) -> Vec<AddedToken> {
        let named = OTHER_SPECIAL_KEYS.into_iter().filter_map(|key| self.keys.get(key));
        let is_own = |key: &str| {
            key.ends_with("_token") && !SPECIAL_KEYS.contains(&key) && !OTHER_SPECIAL_KEYS.contains(&key)
        };
        let of_model = self.keys.iter().filter(|(key, _)| is_own(key)).map(|(_, value)| value);
        let (tables, lists): (Vec<&Value>, Vec<&Value>) =
            EXTRA_KEYS.iter().filter_map(|key| self.keys.get(*key)).partition(|value| value.is_object());
        let tables = tables.into_iter().filter_map(Value::as_object).flat_map(Map::values);
        let lists = lists.into_iter().filter_map(Value::as_array).flatten();
        named
            .chain(of_model)
            .chain(tables)
            .chain(lists)
            .filter_map(|value| added_token(value, true))
            .collect()
    }

    fn refused(
        &self,
        key: &'static str,
        found: String,
        expected: &str,
        remedy: &'static str,
    ) -> TokenizerError {
        TokenizerError::Setting { path: self.path.clone(), key, found, expected: expected.into(), remedy }
    }
}

/// Tokens to be added, and the ids that files say some of them have.
struct AddedTokens {
    path: PathBuf,
    tokens: Vec<AddedToken>,
    ids: BTreeMap<String, u32>,
}

impl AddedTokens {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), tokens: Vec::new(), ids: BTreeMap::new() }
    }

    /// Tokens whose ids are known.
    fn extend_at(&mut self, tokens: impl IntoIterator<Item = (u32, AddedToken)>) {
        for (id, mut token) in tokens {
            token.special |= SPECIAL_TOKENS.contains(&token.content.as_str());
            self.ids.insert(token.content.clone(), id);
            self.tokens.push(token);
        }
    }

    /// Tokens that are added unless they were.
    fn extend(&mut self, tokens: impl IntoIterator<Item = AddedToken>) {
        for token in tokens {
            if !self.tokens.iter().any(|other| other.content == token.content) {
                self.tokens.push(token);
            }
        }
    }

    /// The tokenizer, if every token has the id that a file says.
    fn build(self, vocabulary: Vocabulary, settings: Settings) -> Result<Tokenizer, TokenizerError> {
        let Self { path, tokens, ids } = self;
        let missing = SPECIAL_TOKENS.into_iter().find(|name| !tokens.iter().any(|t| t.content == *name));
        if let Some(name) = missing {
            return Err(TokenizerError::OtherKind {
                path,
                part: "list of added tokens",
                found: format!("one without {name}"),
                expected: "one with the five special tokens of BERT".into(),
            });
        }
        if let Some(token) = tokens.iter().find(|token| token.content.is_empty()) {
            return Err(malformed(&path, format!("{token:?} has no content")));
        }
        // The library would find nothing at every place of a text, and panics there.
        let vanishes =
            |token: &&AddedToken| token.normalized && settings.normalized(&token.content).is_empty();
        if let Some(token) = tokens.iter().find(vanishes) {
            let what = format!("nothing is left of the added token {:?} in normalised text", token.content);
            return Err(malformed(&path, what));
        }
        let tokenizer = Tokenizer::with_added(vocabulary, settings, tokens).map_err(|error| match error {
            AddTokenError::Taken { token, id } => {
                TokenizerError::AddedToken { path: path.clone(), token, id, expected: None }
            }
            AddTokenError::Unsearchable { what } => malformed(&path, format!("its added tokens: {what}")),
        })?;
        for (token, expected) in ids {
            let found = tokenizer.vocabulary().id(&token);
            let id = found.ok_or_else(|| malformed(&path, format!("{token:?} was given no id")))?;
            if id != expected {
                return Err(TokenizerError::AddedToken { path, token, id, expected: Some(expected) });
            }
        }
        Ok(tokenizer)
    }
}

/// The text of a token that is given as such, or as a table of its flags.
pub(super) fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

fn added_token(value: &Value, is_special: bool) -> Option<AddedToken> {
    let content = content(value).filter(|content| !content.is_empty())?;
    let flag = |key: &str, default: bool| value.get(key).and_then(Value::as_bool).unwrap_or(default);
    let special = is_special || flag("special", false);
    Some(
        AddedToken::from(content, special)
            .single_word(flag("single_word", false))
            .lstrip(flag("lstrip", false))
            .rstrip(flag("rstrip", false))
            .normalized(flag("normalized", !special)),
    )
}

fn read_object(path: &Path) -> Result<Option<Map<String, Value>>, TokenizerError> {
    let bytes = match read_once::read_regular(path, MAX_FILE_BYTES) {
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        bytes => bytes.map_err(|source| TokenizerError::Read { path: path.to_owned(), source })?,
    };
    read_json(path, &bytes).map(Some)
}
