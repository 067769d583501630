//! `electra serve`: answers that are those of `predict` and `detect`, options, models, signals.
#![cfg(feature = "serve")]

mod workbench;

use std::io::{Read, Write};
use std::thread;

use electra_ner::Decoding;
use serde_json::{Value, json};
use workbench::service::{Answer, Service, read_all};
use workbench::{Workbench, assert_says, corpus, json as parsed, keys};

const TEXT: &str =
    "\t<Zoë> & \"Bob\" met 👩\u{200d}👧.\r\nThen they \u{200b}left\u{a0}Köln\x7f!\n\n北京。 The end";

/// A workbench with a tagger of a few thousand large random weights in `tagger`.
fn bench() -> Workbench {
    Workbench::with_tagger(200, 16, Decoding::Viterbi).0
}

/// What `predict --format json` prints of a text, as a list.
fn predicted(bench: &Workbench, options: &str, text: &str) -> String {
    let lines = bench.feed(&format!("predict --model tagger --format json {options} -"), text).stdout;
    format!("[{}]", lines.lines().collect::<Vec<_>>().join(","))
}

/// The entities of an answer as they stand there.
fn entities(answer: &str) -> &str {
    let start = answer.find("\"entities\":").expect("entities") + "\"entities\":".len();
    let end = answer.find(",\"sentences\":").expect("a count of sentences");
    &answer[start..end]
}

fn texts() -> Vec<String> {
    let long = corpus(60, 3);
    let sentence = |at: usize| long.lines().filter(|line| !line.is_empty()).nth(at).unwrap().to_owned();
    vec![
        TEXT.to_owned(),
        String::new(),
        sentence(0),
        long.clone(),
        sentence(1),
        format!("{}{}", "word".repeat(20_000), sentence(2)),
        sentence(3).repeat(30),
        " ".repeat(5000),
    ]
}

#[test]
fn answers_are_those_of_predict_byte_for_byte_whatever_is_asked_meanwhile() {
    let bench = bench();
    let service = bench.serve("--model tagger");
    let texts = texts();
    let expected: Vec<String> = texts.iter().map(|text| predicted(&bench, "", text)).collect();
    assert!(expected.iter().map(|list| list.matches("entity_group").count()).sum::<usize>() > 100);
    let ask = |client: usize| {
        for round in 0..texts.len() {
            let at = (client * 3 + round) % texts.len();
            let answer = service.post("/v1/tag", json!({"text": texts[at]}).to_string());
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(entities(&answer.body) == expected[at], "text {at}: {}", answer.body);
        }
    };
    thread::scope(|scope| (0..8).for_each(|client| drop(scope.spawn(move || ask(client)))));
    // And all of them in one request, in order.
    let answer = service.post("/v1/tag", json!({"texts": texts}).to_string());
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let lines: Vec<&str> = answer.body.lines().collect();
    assert_eq!(lines.len(), texts.len());
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(parsed(line)["index"], at);
        assert!(entities(line) == expected[at], "text {at}: {line}");
    }
    assert_eq!(service.post("/v1/tag", r#"{"texts": []}"#).body, "");
    service.end();
}

#[test]
fn a_tagger_answers_in_the_precision_that_it_is_served_in() {
    let bench = bench();
    let service = bench.serve("--model tagger --precision bf16");
    let text = corpus(60, 3);
    let [in_32_bits, in_16] = ["", "--precision bf16"].map(|options| predicted(&bench, options, &text));
    let answer = service.post("/v1/tag", json!({"text": text}).to_string());
    assert!(entities(&answer.body) == in_16, "{}", answer.body);
    assert_ne!(in_16, in_32_bits);
    let model = &service.get("/v1/models").json()["models"][0];
    assert_eq!(model["settings"]["precision"], "bf16");
    service.end();

    // Entities of any weight are the same ones, with scores that are a little off.
    let scores = |list: &str| -> Vec<(u64, f64)> {
        let of = |entity: &Value| (entity["start"].as_u64().unwrap(), entity["score"].as_f64().unwrap());
        parsed(list).as_array().unwrap().iter().map(of).collect()
    };
    let (exact, rounded) = (scores(&in_32_bits), scores(&in_16));
    let alike = exact.iter().filter(|(start, score)| {
        rounded.iter().any(|(other, rounded)| start == other && (score - rounded).abs() < 0.05)
    });
    let alike = alike.count();
    assert!(exact.len() > 20 && alike * 20 >= exact.len() * 19, "{alike} of {}", exact.len());

    for command in ["predict --model tagger -", "serve --model tagger"] {
        let refused = bench.refuse(&format!("{command} --precision tf32"));
        assert_says(&refused, &["device flex does not compute in tf32", "--precision"]);
    }
}

#[test]
fn options_are_those_of_predict_and_places_in_the_unit_that_is_asked_for() {
    let bench = bench();
    let service = bench.serve("--model tagger");
    let ask = |options: Value| {
        let mut request = json!({"text": TEXT});
        request.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        service.post("/v1/tag", request.to_string())
    };
    for (options, of_predict) in [
        (json!({"min_score": 0.5}), "--min-score .5"),
        (json!({"min_score": {"PER": 0.6}}), "--min-score PER=.6"),
        (json!({"model": "tagger", "offsets": "characters"}), ""),
    ] {
        let answer = ask(options.clone());
        assert_eq!(entities(&answer.body), predicted(&bench, of_predict, TEXT), "{options}");
        let all =
            answer.json()["left_out"].as_object().unwrap().values().filter_map(Value::as_u64).sum::<u64>();
        assert_eq!(all > 0, of_predict.contains("min-score"), "{}", answer.body);
    }
    let units: Vec<u16> = TEXT.encode_utf16().collect();
    for (unit, slice) in [
        ("bytes", &(|start, end| TEXT[start..end].to_owned()) as &dyn Fn(usize, usize) -> String),
        ("utf-16", &|start, end| String::from_utf16(&units[start..end]).unwrap()),
        ("characters", &|start, end| TEXT.chars().skip(start).take(end - start).collect()),
    ] {
        let found = ask(json!({"offsets": unit, "tokens": true})).json();
        let words =
            found["tokens"].as_array().unwrap().iter().flat_map(|sentence| sentence.as_array().unwrap());
        let entities = found["entities"].as_array().unwrap();
        assert!(entities.len() >= 3, "{found} would prove little");
        let mut number = 0;
        for place in words.chain(entities) {
            let at = |key: &str| place[key].as_u64().unwrap() as usize;
            assert_eq!(place["word"], slice(at("start"), at("end")), "{unit}: {place}");
            number += 1;
        }
        assert_eq!(number, found["words"].as_u64().unwrap() as usize + entities.len());
        // 北 and 京 are no pieces of the vocabulary.
        let unknown = found["tokens"].to_string().matches("\"unknown\":true").count();
        assert!(unknown >= 2 && found["unknown_words"].as_u64() >= Some(2), "{found}");
    }
    let without = ask(json!({"precision_target": 0.9}));
    assert_eq!(without.problem(), "invalid-request");
    assert_says(&without.body, &["calibration.json", "/precision_target"]);
    service.end();

    // A type that reaches the precision, and one that does not: the answer says which is which, and why.
    let decoding = parsed(&bench.read("tagger/tagger.json"))["decoding"].clone();
    let points = |correct: u64| json!([{"min_score": 0.25, "predicted": 50, "correct": correct}]);
    let calibration = json!({
        "format": 1,
        "decoding": decoding,
        "fit": {"temperature": 1.0, "words": 9, "wrong_words": 1, "loss_before": 0.5, "loss_after": 0.5},
        "data": {"file": "dev.conll", "hash": "1f", "sentences": 3},
        "types": {"PER": {"gold": 60, "points": points(50)}, "LOC": {"gold": 60, "points": points(40)}},
    });
    bench.write("tagger/calibration.json", calibration.to_string());
    let service = bench.serve("--model tagger");
    let told = service.get("/v1/models").json()["models"][0]["calibration"].clone();
    assert_eq!((&told["found_entities"], &told["correct_entities"]), (&json!(100), &json!(90)));
    let request = json!({"texts": [TEXT, TEXT], "precision_target": 0.9}).to_string();
    for line in service.post("/v1/tag", request).body.lines() {
        let answer = parsed(line);
        let of = |kind: &str| answer["thresholds"][kind].clone();
        assert_eq!((&of("PER")["is_reached"], &of("PER")["min_score"]), (&json!(true), &json!(0.25)));
        assert!(of("PER")["precision_at_least"].as_f64().unwrap() >= 0.9, "{answer}");
        assert_eq!((&of("LOC")["is_reached"], &of("LOC")["correct"]), (&json!(false), &json!(40)));
        assert!(of("LOC")["precision_at_least"].as_f64().unwrap() < 0.9, "{answer}");
        assert!(!answer["entities"].to_string().contains("\"LOC\""), "{answer}");
    }
    let plain = service.post("/v1/tag", json!({"text": TEXT}).to_string());
    assert!(plain.json().get("thresholds").is_none(), "{}", plain.body);
}

#[test]
fn detection_is_that_of_detect_byte_for_byte() {
    let bench = Workbench::with_data();
    bench.succeed("pretrain recipe.toml --run run --set train.steps=5");
    let service = bench.serve("--detector run");
    let text = corpus(20, 5);
    for text in [text.as_str(), "one", ""] {
        let lines = bench.succeed_with("detect --model run --json", &[text]).stdout;
        let expected = format!("{{\"tokens\":[{}]}}", lines.lines().collect::<Vec<_>>().join(","));
        let answer = service.post("/v1/detect", json!({"text": text}).to_string());
        assert!(answer.body == expected, "{}\n{expected}", answer.body);
    }
    let answer = service.post("/v1/tag", r#"{"text": "a"}"#);
    assert_eq!((answer.status, answer.problem().as_str()), (404, "no-model"));

    // The generator of the run guesses, and does not see what it guesses.
    let guesses = |text: &str, start: usize, end: usize| {
        service.post("/v1/guess", json!({"text": text, "start": start, "end": end}).to_string())
    };
    let long = corpus(40, 6);
    for (before, after) in [("", ""), ("bagu ", " babo ."), (long.as_str(), long.as_str())] {
        let of = |word: &str| {
            let start = before.chars().count();
            guesses(&format!("{before}{word}{after}"), start, start + word.chars().count()).json()
        };
        let found = of("über");
        assert_eq!(found, of("x"));
        let found = found["guesses"].as_array().unwrap().clone();
        let probabilities: Vec<f64> = found.iter().map(|g| g["probability"].as_f64().unwrap()).collect();
        assert!(probabilities.is_sorted_by(|a, b| a >= b) && probabilities[0] > 0.0, "{found:?}");
        assert!(found.len() == 8 && probabilities.iter().sum::<f64>() <= 1.0, "{found:?}");
        assert!(found.iter().all(|guess| !guess["token"].as_str().unwrap().starts_with("##")), "{found:?}");
    }
    // The generator sees what its window has room for, and no more of a long text is read.
    let near = |text: &str| guesses(text, text.find("über").unwrap(), text.find("über").unwrap() + 4).body;
    let words: Vec<&str> = long.split_whitespace().collect();
    let (front, behind) = (words.join(" "), words[..200].join(" "));
    let expected = near(&format!("{} über {behind}", words[words.len() - 200..].join(" ")));
    for between in [" ", "\n"] {
        // Without spaces the whole text is read.
        let [front, behind] = [&front, &front].map(|text| text.replace(' ', between));
        assert_eq!(near(&format!("{front}{between}über{between}{behind}")), expected, "{between:?}");
    }
    for (start, end) in [(2, 1), (0, 4), (4, 9)] {
        assert_eq!(guesses("one", start, end).problem(), "invalid-request");
    }
    for wrong in ["-1", "0.5", "\"0\"", "null", "1e300"] {
        let answer = service.post("/v1/guess", format!(r#"{{"text": "one", "start": 0, "end": {wrong}}}"#));
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-request"), "{wrong}");
    }
    assert_eq!(service.post("/v1/guess", r#"["one", 0, 1]"#).problem(), "invalid-request");
    assert_eq!(service.post("/v1/guess", r#"{"text": "one", "start": 0, "end": 1.0}"#).status, 200);
    assert_eq!(service.get("/v1/models").json()["models"][0]["fills_gaps"], true);
}

#[test]
fn the_shape_of_the_inference_api_is_answered_at_the_root() {
    let bench = bench();
    let service = bench.serve("--model tagger");
    let ask = |body: Value| service.post("/", body.to_string());
    let one = ask(json!({"inputs": TEXT}));
    assert_eq!(one.body, predicted(&bench, "", TEXT));
    let one: Vec<Value> = one.json().as_array().unwrap().clone();
    assert_eq!(keys(&one[0]), ["end", "entity_group", "score", "start", "word"]);
    let many = ask(json!({"inputs": [TEXT, ""], "parameters": {"aggregation_strategy": "first"}}));
    assert_eq!(many.json(), json!([one, []]));
    let ignored = ask(json!({"inputs": TEXT, "parameters": {"ignore_labels": ["PER", "O"]}})).json();
    let locations: Vec<&Value> = one.iter().filter(|entity| entity["entity_group"] == "LOC").collect();
    assert_eq!(ignored, json!(locations));
    for (body, said) in [
        (json!({"inputs": TEXT, "parameters": {"stride": 3}}), "stride"),
        (json!({"inputs": TEXT, "parameters": {"aggregation_strategy": "none"}}), "none"),
        (json!({"inputs": TEXT, "parameters": {"ignore_labels": ["MISC"]}}), "LOC, PER"),
        (json!({"inputs": 7}), "a text or a list of texts"),
    ] {
        let answer = ask(body);
        assert_eq!(answer.status, 422);
        assert_says(&answer.body, &[said]);
    }
}

#[test]
fn several_models_are_asked_by_name_and_read_anew_without_a_failed_request() {
    let bench = bench();
    let other = Workbench::with_tagger(200, 16, Decoding::Argmax).0;
    bench.copy("tagger", "next");
    for (name, bytes) in other.files("tagger") {
        bench.write(&name.replacen("tagger", "next", 1), bytes);
    }
    let service = bench.serve("--model first=tagger --model next");
    let versions = |service: &Service| service.get("/readyz").json()["models"].clone();
    let models = service.get("/v1/models").json()["models"].clone();
    let names: Vec<&str> = models.as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert_eq!((names, &models[0]["is_default"]), (vec!["first", "next"], &json!(true)));
    assert_eq!(models[0]["types"], json!(["LOC", "PER"]));
    assert_eq!(models[0]["calibration"]["is_calibrated"], json!(false));
    let of = |model: Value| service.post("/v1/tag", json!({"text": TEXT, "model": model}).to_string());
    assert_eq!(of(Value::Null).body, of("first".into()).body);
    assert_eq!(of("third".into()).problem(), "unknown-model");
    assert_says(&of("../tagger".into()).body, &["first, next"]);

    // A folder that cannot be read: the old model stays, and that is said.
    let weights = bench.bytes("tagger/model.safetensors");
    bench.write("tagger/model.safetensors", &weights[..weights.len() / 2]);
    let before = versions(&service);
    service.signal(libc::SIGHUP);
    service.wait_for("electra_reloads_total{outcome=\"failed\"}", 1.0);
    let ready = service.get("/readyz");
    assert_eq!((ready.status, &ready.json()["models"]), (200, &before));
    assert_says(ready.json()["failed_reloads"]["first"].as_str().unwrap(), &["model.safetensors"]);
    assert_eq!(of("first".into()).status, 200);

    // Another model in its place, while requests go on.
    let mut changed = weights.clone();
    let last = changed.len() - 2;
    changed[last] ^= 1;
    bench.write("tagger/model.safetensors", &changed);
    let is_over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let ask = || {
            let mut asked = 0;
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) || asked < 20 {
                assert_eq!(of("first".into()).status, 200);
                asked += 1;
            }
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        service.signal(libc::SIGHUP);
        // Both models at the failed reload but one, and both now.
        service.wait_for("electra_reloads_total{outcome=\"done\"}", 3.0);
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    assert_ne!(versions(&service), before);
    assert_eq!(service.get("/readyz").json().get("failed_reloads"), None);
    let said = service.end();
    assert_says(
        &said,
        &["WARNING: first could not be read anew, and is served as it was", "serving first anew"],
    );
}

#[test]
fn a_model_of_the_hub_is_served_by_its_name() {
    let bench = bench();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let folder = "hub/models--ours--names";
    bench.copy("tagger", &format!("{folder}/snapshots/{commit}"));
    std::fs::create_dir_all(bench.path(&format!("{folder}/refs"))).unwrap();
    bench.write(&format!("{folder}/refs/main"), commit);
    let home = bench.path(".").display().to_string();
    let service = bench.serve_with("--model ours/names", &[("HF_HOME", &home), ("HF_HUB_OFFLINE", "1")]);
    let answer = service.post("/v1/tag", json!({"text": TEXT, "model": "names"}).to_string());
    assert_eq!(entities(&answer.body), predicted(&bench, "", TEXT));
}

#[test]
fn what_was_begun_is_finished_when_a_signal_ends_the_service() {
    let bench = bench();
    let service = bench.serve("--model tagger");
    let text = corpus(400, 3);
    let expected = predicted(&bench, "", &text);
    let body = json!({"text": text}).to_string();
    let mut stream = service.connect();
    let head = format!(
        "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    service.wait_for("electra_queued_requests", 1.0);
    service.signal(libc::SIGTERM);
    let answer = Answer::of(&read_all(&mut stream));
    assert!(answer.status == 200 && entities(&answer.body) == expected, "{answer:?}");
    let address = service.address;
    let (status, said) = service.wait();
    assert!(status.success(), "{said}");
    assert_says(&said, &["ending when what was begun is done", "ended"]);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_full_queue_says_when_to_come_again_and_who_is_gone_costs_nothing() {
    let bench = bench();
    let service = bench.serve("--model tagger --max-requests 1 --threads 1");
    let body = json!({"text": corpus(4000, 3)}).to_string();
    let mut stream = service.connect();
    let head = format!(
        "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    service.wait_for("electra_queued_requests", 1.0);
    let refused = service.post("/v1/tag", r#"{"text": "a"}"#);
    assert_eq!((refused.status, refused.problem().as_str()), (429, "queue-full"));
    assert!(refused.headers["retry-after"].parse::<u64>().unwrap() >= 1);
    // Health is no request of this kind.
    assert_eq!(service.get("/healthz").body, "ok\n");
    drop(stream);
    service.wait_for("electra_dropped_texts_total", 1.0);
    assert_eq!(service.post("/v1/tag", r#"{"text": "a"}"#).status, 200);
    assert!(service.measure("electra_requests_total{path=\"/v1/tag\",status=\"429\"}") >= 1.0);
    assert!(service.measure("electra_errors_total{kind=\"queue-full\"}") >= 1.0);
}

#[test]
fn the_interface_is_described_and_every_answer_has_a_strict_policy() {
    let bench = bench();
    let service = bench.serve("--model tagger");
    let interface = service.get("/openapi.json").json();
    let paths = keys(&interface["paths"]);
    assert_eq!(
        paths,
        ["/", "/healthz", "/metrics", "/readyz", "/v1/detect", "/v1/guess", "/v1/models", "/v1/tag"]
    );
    // What paths may answer stands there for each of them.
    for path in ["/", "/v1/detect", "/v1/guess", "/v1/tag"] {
        let answers = &interface["paths"][path]["post"]["responses"];
        let statuses = ["200", "400", "401", "403", "404", "408", "413", "415", "422", "429", "500", "503"];
        assert_eq!(keys(answers), statuses, "{path}");
        let schema = &answers["429"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/Problem");
        assert!(answers["429"]["headers"]["Retry-After"].is_object(), "{answers}");
    }
    assert_eq!(keys(&interface["paths"]["/metrics"]["get"]["responses"]), ["200", "401", "403"]);
    assert!(interface["components"]["schemas"]["Problem"]["properties"]["remedy"].is_object());
    for path in ["/", "/healthz", "/metrics", "/readyz", "/v1/models", "/openapi.json", "/none"] {
        let answer = service.get(path);
        let policy = &answer.headers["content-security-policy"];
        assert_says(policy, &["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{answer:?}");
        assert_eq!(answer.status, if path == "/none" { 404 } else { 200 }, "{path}");
    }
    let mut text = String::new();
    let mut stream = service.connect();
    // Two requests one behind the other on one connection are answered in order.
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    stream.read_to_string(&mut text).unwrap();
    let (first, rest) = Answer::first(&text);
    assert_eq!((first.status, Answer::of(rest).status), (200, 404));
}
