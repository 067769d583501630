//! Models by name: what is downloaded and how the cache looks then, what is taken from the cache, and what is refused.
#![cfg(feature = "download")]

mod cached;
mod faults;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use electra_files::shown::with_help;
use electra_hub::{FoundModel, Hub, HubError, ModelName, Progress, Settings, SilentProgress};
use server::{COMMIT, Model, Server, git_hash, sha256};

/// The name of the model of these tests.
const NAME: &str = "ada/electra-tiny";

/// A server with one model, and an empty cache.
struct Bench {
    server: Server,
    folder: tempfile::TempDir,
}

/// Content of a large file.
fn weights() -> Vec<u8> {
    (0..200_000u32).map(|at| (at * 7 + at / 251) as u8).collect()
}

fn model() -> Model {
    Model::default()
        .with("config.json", "{\"model_type\": \"electra\"}")
        .with("vocab.txt", "[PAD]\n[UNK]\n")
        .with("tokenizer_config.json", "{}")
        .with("README.md", "# A model")
        .with_large("pytorch_model.bin", "other weights")
        .with_large("model.safetensors", weights())
}

impl Bench {
    fn new() -> Self {
        let bench = Self { server: Server::new(), folder: tempfile::tempdir().unwrap() };
        bench.server.add(NAME, model());
        bench
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A path below the model's folder in the cache.
    fn path(&self, name: &str) -> PathBuf {
        self.cache().join("models--ada--electra-tiny").join(name)
    }

    fn hub(&self, more: &[(&str, &str)]) -> Hub {
        let cache = self.cache().display().to_string();
        let of_bench = [
            ("HF_HUB_CACHE", cache.as_str()),
            ("HF_HOME", "/nowhere"),
            ("HF_ENDPOINT", &self.server.address),
        ];
        let find = |key: &str| {
            let found = more.iter().chain(&of_bench).find(|(name, _)| *name == key);
            found.map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings::from_environment(find).unwrap();
        Hub::new(Settings { pause: Duration::from_millis(1), ..settings })
    }

    fn find_with(&self, name: &str, variables: &[(&str, &str)]) -> Result<FoundModel, HubError> {
        self.hub(variables).find(&ModelName::parse(name).unwrap(), &mut SilentProgress)
    }

    fn find(&self) -> Result<FoundModel, HubError> {
        self.find_with(NAME, &[])
    }

    /// What is asked of the server since the last time: method and path.
    fn asked(&self) -> Vec<String> {
        self.server.requests().iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }

    #[track_caller]
    fn refused(&self, name: &str, variables: &[(&str, &str)], parts: &[&str]) {
        let error = with_help(&self.find_with(name, variables).unwrap_err());
        parts.iter().for_each(|part| assert!(error.contains(part), "{part:?} is not in: {error}"));
    }
}

fn link(path: &Path) -> String {
    fs::read_link(path).unwrap().display().to_string()
}

#[test]
fn a_model_is_downloaded_once_into_the_layout_of_python() {
    let bench = Bench::new();
    let found = bench.find().unwrap();
    assert_eq!(
        (found.commit.as_str(), found.folder.as_path()),
        (COMMIT, &*bench.path("snapshots").join(COMMIT))
    );
    assert_eq!((found.downloaded.0, found.unknown), (4, None));
    assert_eq!(fs::read(found.folder.join("model.safetensors")).unwrap(), weights());
    assert_eq!(link(&found.folder.join("model.safetensors")), format!("../../blobs/{}", sha256(&weights())));
    assert_eq!(link(&found.folder.join("vocab.txt")), format!("../../blobs/{}", git_hash(b"[PAD]\n[UNK]\n")));
    assert_eq!(fs::read_to_string(bench.path("refs/main")).unwrap(), COMMIT);
    for absent in ["tagger.json", "tokenizer.json", "special_tokens_map.json"] {
        assert_eq!(fs::read(bench.path(".no_exist").join(COMMIT).join(absent)).unwrap(), b"", "{absent}");
    }
    // Neither what is not read nor a second form of the weights.
    assert!(!found.folder.join("README.md").exists() && !found.folder.join("pytorch_model.bin").exists());
    let asked = bench.asked();
    assert_eq!(asked[0], "GET /api/models/ada/electra-tiny/revision/main");
    assert_eq!(asked.iter().filter(|asked| asked.starts_with("HEAD ")).count(), 4, "{asked:#?}");

    // The second time nobody is asked, whichever way the commit is named.
    for name in [NAME.to_owned(), format!("{NAME}@{COMMIT}"), format!("hf://{NAME}")] {
        let again = bench.find_with(&name, &[]).unwrap();
        assert_eq!((again.folder, again.downloaded), (found.folder.clone(), (0, 0)), "{name}");
    }
    assert_eq!(bench.asked(), [""; 0]);
    assert_eq!(bench.hub(&[]).cache().models(), [NAME]);
    let of_folder = electra_hub::model_of_folder(&found.folder);
    assert_eq!(of_folder, Some((NAME.to_owned(), COMMIT.to_owned())));
}

#[test]
fn a_revision_is_asked_for_by_its_name_and_the_cache_knows_its_commit() {
    let bench = Bench::new();
    for (revision, file) in [("v1", "refs/v1"), ("refs/pr/1", "refs/refs/pr/1")] {
        let found = bench.find_with(&format!("{NAME}@{revision}"), &[]).unwrap();
        assert_eq!(found.commit, COMMIT);
        assert_eq!(fs::read_to_string(bench.path(file)).unwrap(), COMMIT);
    }
    let asked = bench.asked();
    assert!(
        asked.contains(&"GET /api/models/ada/electra-tiny/revision/refs%2Fpr%2F1".to_owned()),
        "{asked:#?}"
    );
    assert!(!bench.path("refs/main").exists());
    bench.refused(&format!("{NAME}@v2"), &[], &["has no revision \"v2\"", "a branch, a tag or a commit"]);
}

#[test]
fn shards_are_downloaded_and_a_tokenizer_alone_if_that_is_asked_for() {
    let bench = Bench::new();
    let index = r#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
    let model = Model::default()
        .with("config.json", "{\"model_type\": \"electra\"}")
        .with("tokenizer.json", "{}")
        .with("model.safetensors.index.json", index)
        .with_large("model-1.safetensors", "one")
        .with_large("model-2.safetensors", "two");
    bench.server.add("ada/shards", model);
    let name = ModelName::parse("ada/shards").unwrap();
    let tokenizer = bench.hub(&[]).find_tokenizer(&name, &mut SilentProgress).unwrap();
    assert_eq!(tokenizer.downloaded.0, 2);
    let whole = bench.find_with("ada/shards", &[]).unwrap();
    assert_eq!(whole.downloaded.0, 3);
    assert_eq!(fs::read(whole.folder.join("model-2.safetensors")).unwrap(), b"two");
    // A shard that is lost is missing, and comes again.
    fs::remove_file(whole.folder.join("model-2.safetensors")).unwrap();
    fs::remove_file(bench.cache().join("models--ada--shards/blobs").join(sha256(b"two"))).unwrap();
    assert_eq!(bench.find_with("ada/shards", &[]).unwrap().downloaded, (1, 3));
}

#[test]
fn a_private_model_needs_its_token_which_no_other_server_sees() {
    let bench = Bench::new();
    bench.server.add(NAME, model().private("hf_secret"));
    let parts = [
        "has no model ada/electra-tiny, or not for everybody: it answers 401",
        "set HF_TOKEN",
        "hf auth login",
    ];
    bench.refused(NAME, &[], &parts);
    let parts = ["has no model ada/electra-tiny for the token of HF_TOKEN: it answers 404"];
    bench.refused(NAME, &[("HF_TOKEN", "hf_other")], &parts);
    assert!(!bench.cache().exists());
    bench.server.requests();
    bench.find_with(NAME, &[("HF_TOKEN", "hf_secret")]).unwrap();
    let requests = bench.server.requests();
    let has_token = |request: &server::Request| request.headers.contains_key("authorization");
    assert!(requests.iter().any(|request| request.is_elsewhere));
    assert!(requests.iter().all(|request| has_token(request) != request.is_elsewhere), "{requests:#?}");
    // In the cache it needs none.
    bench.find().unwrap();
    assert_eq!(bench.asked(), [""; 0]);

    bench.server.add("ada/gated", model().gated());
    bench.refused("ada/gated", &[("HF_TOKEN", "hf_x")], &["only to those who have accepted its conditions"]);
    bench.refused("ada/electra-tinny", &[], &["has no model ada/electra-tinny", "compare the name"]);
}

#[test]
fn progress_is_told_in_bytes() {
    #[derive(Default)]
    struct Watch(Vec<(String, u64, u64)>, u64, usize);
    impl Progress for Watch {
        fn begin(&mut self, file: &str, bytes: u64, there: u64) {
            self.0.push((file.to_owned(), bytes, there));
        }
        fn advance(&mut self, bytes: u64) {
            self.1 += bytes;
        }
        fn retry(&mut self, _: &str, _: Duration) {}
        fn end(&mut self) {
            self.2 += 1;
        }
    }
    let bench = Bench::new();
    let mut watch = Watch::default();
    let found = bench.hub(&[]).find(&ModelName::parse(NAME).unwrap(), &mut watch).unwrap();
    assert_eq!(watch.0.last().unwrap(), &("model.safetensors".to_owned(), 200_000, 0));
    assert_eq!((watch.1, watch.2), (found.downloaded.1, 4));
}
