//! `electra serve`: faults of the program in the threads of models, chosen by `ELECTRA_SERVE_FAULT`, which the binary
//! of the tests alone obeys.
#![cfg(feature = "serve")]

mod workbench;

use std::thread;

use electra_ner::Decoding;
use serde_json::json;
use workbench::service::Service;
use workbench::{Workbench, assert_says, corpus, json as parsed};

fn bench() -> Workbench {
    Workbench::with_tagger(200, 16, Decoding::Viterbi).0
}

fn body(text: &str) -> String {
    json!({"text": text}).to_string()
}

/// Fails unless this was answered with a fault of the service.
#[track_caller]
fn assert_fault(service: &Service, path: &str, body: String) {
    let answer = service.post(path, body);
    assert_eq!((answer.status, answer.problem().as_str()), (500, "internal"), "{answer:?}");
}

#[test]
fn a_text_at_which_a_tagger_panics_is_answered_with_500_and_those_beside_it_are_tagged() {
    let bench = bench();
    let service =
        bench.serve_with("--model names=tagger --threads 1", &[("ELECTRA_SERVE_FAULT", "text:Unheil")]);
    let texts: Vec<String> = (0..16).map(|seed| corpus(30, seed)).collect();
    let expected: Vec<String> = texts.iter().map(|text| service.post("/v1/tag", body(text)).body).collect();
    assert_eq!(service.get("/readyz").json().get("panics"), None);
    let before = service.measure("electra_texts_total");

    // A long text keeps the thread busy, so that the others are taken together.
    let fault = format!("{} Unheil.", corpus(10, 99));
    thread::scope(|scope| {
        scope.spawn(|| service.post("/v1/tag", body(&corpus(600, 98))));
        service.wait_for("electra_queued_requests", 1.0);
        for (text, expected) in texts.iter().zip(&expected) {
            let service = &service;
            scope.spawn(move || assert_eq!(&service.post("/v1/tag", body(text)).body, expected));
        }
        (0..2).for_each(|_| drop(scope.spawn(|| assert_fault(&service, "/v1/tag", body(&fault)))));
    });
    assert_eq!(service.measure("electra_texts_total") - before, 17.0);
    let panics = service.measure("electra_panics_total{model=\"names\"}");
    assert!(panics >= 2.0, "{panics}");
    assert!(service.measure("electra_errors_total{kind=\"internal\"}") >= 2.0);
    let ready = service.get("/readyz");
    assert_eq!((ready.status, ready.json()["panics"]["names"].as_f64()), (200, Some(panics)));

    // In a list it is the last of the answers, and says so.
    let answer = service.post("/v1/tag", json!({"texts": ["Bob", fault, "Ann"]}).to_string());
    let lines: Vec<&str> = answer.body.lines().collect();
    assert_eq!((answer.status, lines.len()), (200, 2));
    let last = parsed(lines[1]);
    assert_eq!((&last["index"], &last["problem"]["kind"]), (&json!(1), &json!("internal")));
    // Alone it is tried once.
    let panics = service.measure("electra_panics_total{model=\"names\"}");
    assert_fault(&service, "/", json!({"inputs": fault}).to_string());
    assert_eq!(service.measure("electra_panics_total{model=\"names\"}") - panics, 1.0);
    assert_eq!(service.post("/v1/tag", body(&texts[0])).body, expected[0]);

    let said = service.end();
    assert_says(&said, &["a fault of the program at crates", "WARNING: names met a fault of the program"]);
    assert!(!said.contains("Unheil"), "a text was logged: {said}");
}

#[test]
fn a_text_at_which_a_detector_panics_is_answered_with_500_and_others_are_read() {
    let bench = Workbench::with_data();
    bench.succeed("pretrain recipe.toml --run run --set train.steps=5");
    let service = bench.serve_with("--detector run", &[("ELECTRA_SERVE_FAULT", "text:Unheil")]);
    let guess = |text: &str| json!({"text": text, "start": 0, "end": 1}).to_string();
    let expected = service.post("/v1/detect", body("bagu")).body;
    assert_fault(&service, "/v1/detect", body("Unheil"));
    assert_fault(&service, "/v1/guess", guess("Unheil"));
    assert_eq!(service.post("/v1/detect", body("bagu")).body, expected);
    assert_eq!(service.post("/v1/guess", guess("bagu")).status, 200);
    assert_eq!(service.measure("electra_panics_total{model=\"run\"}"), 2.0);
    assert!(!service.end().contains("Unheil"));
}

#[test]
fn a_service_whose_model_fails_at_every_text_ends_and_says_why() {
    let bench = bench();
    let service = bench.serve_with("--model names=tagger", &[("ELECTRA_SERVE_FAULT", "model:Unheil")]);
    assert_eq!(service.post("/v1/tag", body("Bob")).status, 200);
    assert_fault(&service, "/v1/tag", body("Unheil"));
    let (status, said) = service.wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert_says(&said, &["the model names fails at every text", "help:", "start the service again"]);

    let bench = Workbench::with_data();
    bench.succeed("pretrain recipe.toml --run run --set train.steps=5");
    let service = bench.serve_with("--detector run", &[("ELECTRA_SERVE_FAULT", "model:Unheil")]);
    assert_fault(&service, "/v1/detect", body("Unheil"));
    assert_eq!(service.wait().0.code(), Some(1));
}

#[test]
fn a_folder_that_makes_the_program_panic_is_refused_at_the_start_and_at_a_reload_the_old_model_stays() {
    let bench = bench();
    let service = bench.serve_with("--model names=tagger", &[("ELECTRA_SERVE_FAULT", "open:2")]);
    let before = service.post("/v1/tag", body("Bob")).body;
    service.signal(libc::SIGHUP);
    service.wait_for("electra_reloads_total{outcome=\"failed\"}", 1.0);
    let failed = service.get("/readyz").json()["failed_reloads"]["names"].clone();
    assert_says(failed.as_str().unwrap(), &["tagger cannot be served", "a fault of the program"]);
    assert_eq!(service.post("/v1/tag", body("Bob")).body, before);
    service.signal(libc::SIGHUP);
    service.wait_for("electra_reloads_total{outcome=\"done\"}", 1.0);
    assert_says(&service.end(), &["WARNING: names could not be read anew", "serving names anew"]);

    let mut command = bench.command("serve --model tagger --listen 127.0.0.1:0");
    let outcome = command.env("ELECTRA_SERVE_FAULT", "open:1").output().unwrap();
    assert_eq!(outcome.status.code(), Some(1));
    assert_says(&String::from_utf8(outcome.stderr).unwrap(), &["cannot be served by a fault of the program"]);
}
