//! What is in the cache already, whoever put it there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use electra_hub::{FoundModel, Unknown};

use crate::server::{COMMIT, Model, Server, git_hash};
use crate::{Bench, NAME, model, weights};

const OFFLINE: &[(&str, &str)] = &[("HF_HUB_OFFLINE", "1")];

/// Puts a file into the cache as Python does.
fn put(bench: &Bench, file: &str, content: &[u8]) {
    let (blob, link) =
        (bench.path("blobs").join(git_hash(content)), bench.path("snapshots").join(COMMIT).join(file));
    for path in [&blob, &link, &bench.path("refs/main")] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
    }
    fs::write(&blob, content).unwrap();
    symlink(Path::new("../../blobs").join(git_hash(content)), link).unwrap();
    fs::write(bench.path("refs/main"), COMMIT).unwrap();
}

fn unknown(found: &FoundModel) -> &[&str] {
    &found.unknown.as_ref().unwrap().0
}

#[test]
fn what_python_has_downloaded_is_not_downloaded_again() {
    let bench = Bench::new();
    put(&bench, "config.json", b"{\"model_type\": \"electra\"}");
    put(&bench, "vocab.txt", b"[PAD]\n[UNK]\n");
    put(&bench, "model.safetensors", &weights());
    // The commit may have files that Python had no use for: the server is asked once, and what it has comes.
    let found = bench.find().unwrap();
    assert_eq!(found.downloaded, (1, 2));
    let asked = bench.asked();
    assert_eq!(asked[0], format!("GET /api/models/ada/electra-tiny/revision/{COMMIT}"));
    assert!(asked[1..].iter().all(|asked| asked.ends_with("/tokenizer_config.json")), "{asked:#?}");
    bench.find().unwrap();
    assert_eq!(bench.asked(), [""; 0]);
}

#[test]
fn what_nobody_may_be_asked_for_is_named() {
    let bench = Bench::new();
    bench.refused(NAME, OFFLINE, &["is not in the cache", "HF_HUB_OFFLINE forbids asking"]);
    put(&bench, "config.json", b"{}");
    put(&bench, "vocab.txt", b"[PAD]\n");
    bench.refused(NAME, OFFLINE, &["only in part: weights (model.safetensors or pytorch_model.bin", COMMIT]);
    put(&bench, "pytorch_model.bin", b"weights");
    let found = bench.find_with(NAME, OFFLINE).unwrap();
    assert_eq!(found.unknown.as_ref().unwrap().1, Unknown::Offline("HF_HUB_OFFLINE"));
    assert!(unknown(&found).contains(&"tokenizer_config.json"), "{found:?}");
    assert!(!unknown(&found).contains(&"config.json"));
    assert_eq!(bench.asked(), [""; 0]);

    // A server that does not answer, and a network that is not there.
    let elsewhere = [("HF_ENDPOINT", "http://127.0.0.1:9")];
    let found = bench.find_with(NAME, &elsewhere).unwrap();
    assert!(
        matches!(&found.unknown.as_ref().unwrap().1, Unknown::Unreachable(why) if why.contains("127.0.0.1:9"))
    );
    bench.refused("ada/other", &elsewhere, &["http://127.0.0.1:9 does not answer", "HTTPS_PROXY"]);
}

#[test]
fn no_link_of_the_cache_is_followed_out_of_it() {
    let bench = Bench::new();
    let found = bench.find().unwrap();
    let secret = bench.folder.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    for (name, target) in [("vocab.txt", secret.as_path()), ("model.json", Path::new("../../../../secret"))] {
        let link = found.folder.join(name);
        let before = fs::read_link(&link).ok();
        fs::remove_file(&link).ok();
        symlink(target, &link).unwrap();
        bench.refused(
            NAME,
            &[],
            &[&format!("{name} leads out of the cache, to "), "secret", "remove the link"],
        );
        fs::remove_file(&link).unwrap();
        if let Some(before) = before {
            symlink(before, link).unwrap();
        }
    }
    // A cache that is itself behind a link is one cache.
    let moved = bench.folder.path().join("moved");
    fs::rename(bench.cache(), &moved).unwrap();
    symlink(&moved, bench.cache()).unwrap();
    bench.server.requests();
    bench.find().unwrap();
    assert_eq!(bench.asked(), [""; 0]);
    // Content that was removed comes again.
    fs::remove_file(bench.path("blobs").join(git_hash(b"[PAD]\n[UNK]\n"))).unwrap();
    assert_eq!(bench.find().unwrap().downloaded, (1, 12));
}

#[test]
fn a_cache_that_says_nothing_sensible_is_refused() {
    let bench = Bench::new();
    bench.find().unwrap();
    fs::write(bench.path("refs/main"), "../../../etc").unwrap();
    bench.refused(NAME, &[], &["refs/main names no commit: it holds \"../../../etc\"", "remove the file"]);
    fs::write(bench.path("refs/main"), format!("{COMMIT}\n")).unwrap();
    bench.find().unwrap();
}

#[test]
fn models_that_cannot_be_read_are_named_with_what_they_have() {
    let bench = Bench::new();
    bench.server.add("ada/keras", Model::default().with("config.json", "{}").with("tf_model.h5", ""));
    let parts =
        ["no tokenizer (tokenizer.json or vocab.txt), no weights (", "it has config.json, tf_model.h5"];
    bench.refused("ada/keras", &[], &parts);
    bench.server.add("ada/empty", Model::default());
    bench.refused("ada/empty", &[], &["has no config.json", "it has no files"]);
    let index = r#"{"weight_map": {"a": "../../../.bashrc"}}"#;
    let hostile = model().with("model.safetensors.index.json", index);
    let server = Server::new();
    server.add("ada/hostile", Model::default());
    drop(server);
    bench.server.add("ada/hostile", hostile);
    // A whole file of weights comes first, and nobody asks for the index.
    bench.find_with("ada/hostile", &[]).unwrap();
    let without = Model::default()
        .with("config.json", "{}")
        .with("vocab.txt", "a")
        .with("model.safetensors.index.json", index);
    bench.server.add("ada/worse", without);
    bench.refused("ada/worse", &[], &["\"../../../.bashrc\" is no name of a shard"]);
}
