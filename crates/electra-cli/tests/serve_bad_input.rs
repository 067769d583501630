//! `electra serve`: bad input of every kind is answered with what to do, and the service goes on.
#![cfg(feature = "serve")]

mod workbench;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::time::{Duration, Instant};

use electra_ner::Decoding;
use serde_json::json;
use workbench::service::{Answer, Service, read_all};
use workbench::{Ran, Workbench, assert_says};

fn bench() -> Workbench {
    Workbench::with_tagger(200, 16, Decoding::Viterbi).0
}

/// Fails unless the service still answers as it did.
#[track_caller]
fn assert_alive(service: &Service) {
    assert_eq!(service.get("/healthz").body, "ok\n");
    let answer = service.post("/v1/tag", r#"{"text": "Bob met Zoe."}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn folders_that_cannot_be_served_and_ports_that_are_taken_are_refused_with_what_to_do() {
    let bench = bench();
    bench.copy("tagger", "unlabelled");
    let mut config = workbench::json(&bench.read("unlabelled/config.json"));
    config.as_object_mut().unwrap().remove("id2label");
    bench.write("unlabelled/config.json", config.to_string());
    let error = bench.refuse("serve --model unlabelled --listen 127.0.0.1:0");
    assert_says(&error, &["names no labels", "help:", "fine-tune"]);
    let error = bench.refuse("serve --model none --listen 127.0.0.1:0");
    assert_says(&error, &["cannot read none"]);
    let error = bench.refuse("serve --detector tagger --listen 127.0.0.1:0");
    assert_says(&error, &["tagger", "help:"]);
    let error = bench.refuse("serve --model tagger --model x/tagger");
    assert_says(&error, &["two models are called \"tagger\"", "names=DIR"]);

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = bench.refuse(&format!("serve --model tagger --listen {address}"));
    assert_says(&error, &[&address.to_string(), "another program listens there", "--listen"]);
    assert_eq!(bench.run("serve").code, Some(2));
    assert_eq!(bench.run("serve --model tagger --listen somewhere").code, Some(2));
    for (option, expected) in [
        ("--listen 8090", "such as 127.0.0.1:8090"),
        ("--listen localhost:8090", "such as 127.0.0.1:8090"),
        ("--host https://names.example", "the name of a host alone"),
        ("--host names.example:443", "the name of a host alone"),
        ("--allow-origin https://a.example/path", "without a path"),
    ] {
        let ran = bench.run(&format!("serve --model tagger {option}"));
        assert_eq!(ran.code, Some(2), "{option}");
        assert_says(&ran.stderr, &[expected]);
    }
}

#[test]
fn other_machines_are_answered_only_with_a_token_or_where_that_was_said() {
    let bench = bench();
    let error = bench.refuse("serve --model tagger --listen 0.0.0.0:0");
    assert_says(&error, &["can be reached from other machines", "--token-file", "--no-auth"]);
    bench.write("weak", "secret\n");
    let error = bench.refuse("serve --model tagger --token-file weak");
    assert_says(&error, &["weak", "at least 16 characters", "openssl rand"]);
    let mut command = bench.command("serve --model tagger --no-auth");
    let ran = Ran::of(&command.env("ELECTRA_SERVE_TOKEN", "0123456789abcdef").output().unwrap());
    assert_says(&ran.stderr, &["ELECTRA_SERVE_TOKEN holds a token, and --no-auth asks for none", "unset"]);
    assert_eq!(ran.code, Some(1));
    let error = bench.refuse("serve --model tagger --token-file absent");
    assert_says(&error, &["cannot read absent"]);

    bench.write("token", "0123456789abcdef-token\n");
    let with_file = bench.serve("--model tagger --token-file token");
    let with_variable =
        bench.serve_with("--model tagger", &[("ELECTRA_SERVE_TOKEN", "0123456789abcdef-token")]);
    for service in [with_file, with_variable] {
        let ask = |authorization: Option<&str>| {
            let mut headers = vec![("Content-Type", "application/json")];
            headers.extend(authorization.map(|value| ("Authorization", value)));
            service.request("POST", "/v1/tag", &headers, br#"{"text": "a"}"#)
        };
        assert_eq!(ask(Some("Bearer 0123456789abcdef-token")).status, 200);
        for wrong in [None, Some("Bearer 0123456789abcdef-tokem"), Some("Basic abc"), Some("Bearer")] {
            let answer = ask(wrong);
            assert_eq!((answer.status, answer.problem().as_str()), (401, "unauthorized"), "{wrong:?}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        for (path, status) in [
            ("/healthz", 200),
            ("/readyz", 200),
            ("/", 200),
            ("/page.js", 200),
            ("/metrics", 401),
            ("/v1/models", 401),
        ] {
            assert_eq!(service.get(path).status, status, "{path}");
        }
        let said = service.end();
        assert!(!said.contains("0123456789abcdef"), "{said}");
    }
}

#[test]
fn pages_and_names_of_others_are_refused_and_allowed_ones_are_not() {
    let bench = bench();
    let service = bench.serve("--model tagger --host names.example --allow-origin https://pages.example");
    let own = service.address.to_string();
    let get = |host: &str, more: &str| {
        Answer::of(
            &service.send(format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")),
        )
    };
    for (host, origin) in [
        (own.as_str(), ""),
        ("localhost", ""),
        ("names.example", "https://names.example"),
        (own.as_str(), &format!("http://{own}")),
        (own.as_str(), "https://pages.example"),
    ] {
        let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
        assert_eq!(get(host, &origin).status, 200, "{host} {origin}");
    }
    for (host, origin) in [
        ("rebound.example", ""),
        ("rebound.example:8080", "http://rebound.example:8080"),
        (own.as_str(), "https://evil.example"),
        (own.as_str(), "null"),
        (own.as_str(), "http://localhost"),
        ("localhost.evil.example", ""),
        ("localhost:evil", ""),
        ("localhost", "http://localhost\r\nOrigin: https://evil.example"),
    ] {
        let origin = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
        let answer = get(host, &origin);
        assert_eq!((answer.status, answer.problem().as_str()), (403, "foreign-origin"), "{host} {origin}");
    }
    assert_eq!(get(&own, "Host: evil.example\r\n").status, 403);
    let allowed = get(&own, "Origin: https://pages.example\r\n");
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://pages.example");
    let asked = service.request(
        "OPTIONS",
        "/v1/tag",
        &[
            ("Origin", "https://pages.example"),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type"),
        ],
        b"",
    );
    assert_eq!(asked.status, 200, "{asked:?}");
    assert_says(&asked.headers["access-control-allow-methods"], &["POST"]);
    // The target may name a host as well.
    let target = service
        .send("GET http://evil.example/readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(Answer::of(&target).status, 403);
    let none = service.send("GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert_eq!(Answer::of(&none).status, 403);
    assert_alive(&service);
}

#[test]
fn bodies_that_are_no_request_are_refused_with_what_to_do() {
    let bench = bench();
    let service = bench.serve("--model tagger");
    let deep = format!("{{\"text\": {}", "[".repeat(200_000));
    let long = format!("{{\"text\": {}}}", "7".repeat(100_000));
    for (body, status, kind, said) in [
        ("", 400, "malformed-body", "EOF"),
        ("{", 400, "malformed-body", "EOF"),
        ("{\"text\": \"a\"} {}", 400, "malformed-body", "trailing"),
        ("{\"text\": \"\\ud800\"}", 400, "malformed-body", "hex escape"),
        ("null", 422, "invalid-request", "expected a JSON object"),
        ("[1]", 422, "invalid-request", "expected a JSON object"),
        ("[\"a\",null,null,null,null,\"bytes\",true]", 422, "invalid-request", "expected a JSON object"),
        ("{}", 422, "invalid-request", "neither text nor texts"),
        ("{\"text\": \"a\", \"texts\": []}", 422, "invalid-request", "both text and texts"),
        ("{\"text\": null}", 422, "invalid-request", "null"),
        ("{\"text\": 7}", 422, "invalid-request", "expected a string"),
        ("{\"texts\": [\"a\", 7]}", 422, "invalid-request", "/texts/1"),
        ("{\"text\": \"a\", \"txt\": 1}", 422, "invalid-request", "unknown field `txt`"),
        ("{\"text\": \"a\", \"text\": \"b\"}", 422, "invalid-request", "duplicate field"),
        ("{\"text\": \"a\", \"min_score\": 2}", 422, "invalid-request", "/min_score"),
        ("{\"text\": \"a\", \"min_score\": -1}", 422, "invalid-request", "/min_score"),
        ("{\"text\": \"a\", \"min_score\": \"high\"}", 422, "invalid-request", "a number from 0 to 1"),
        ("{\"text\": \"a\", \"min_score\": {\"MISC\": 0.5}}", 422, "invalid-request", "LOC, PER"),
        (
            "{\"text\": \"a\", \"min_score\": {\"PER\": \"x\"}}",
            422,
            "invalid-request",
            "a number from 0 to 1",
        ),
        (
            "{\"text\": \"a\", \"min_score\": {\"PER\": 0.1, \"PER\": 0.9}}",
            422,
            "invalid-request",
            "two numbers",
        ),
        ("{\"text\": \"a\", \"precision_target\": 2}", 422, "invalid-request", "/precision_target"),
        ("{\"text\": \"a\", \"offsets\": \"lines\"}", 422, "invalid-request", "utf-16"),
        ("{\"text\": \"a\", \"offsets\": null}", 422, "invalid-request", "/offsets"),
        ("{\"text\": \"a\", \"offsets\": 7}", 422, "invalid-request", "a name in quotes"),
        ("{\"texts\": \"a\"}", 422, "invalid-request", "expected a list of texts"),
        ("{\"text\": \"a\", \"model\": \"../../etc\"}", 422, "unknown-model", "no tagger is called"),
        (&deep, 422, "invalid-request", "expected a string"),
        (&long, 400, "malformed-body", "number out of range"),
    ] {
        let answer = service.post("/v1/tag", body);
        let shown = &body[..body.len().min(60)];
        assert_eq!((answer.status, answer.problem().as_str()), (status, kind), "{shown} {}", answer.body);
        assert_says(&answer.body, &[said]);
        assert!(answer.body.len() < 2000, "{}", answer.body.len());
    }
    for (body, said) in [
        ("[\"a\"]", "expected a JSON object"),
        ("{\"inputs\": \"a\", \"parameters\": [\"first\"]}", "expected a JSON object"),
        ("{\"inputs\": \"a\", \"parameters\": {\"aggregation_strategy\": 7}}", "a name in quotes"),
        ("{\"inputs\": [[\"a\"]]}", "/inputs/0"),
    ] {
        let answer = service.post("/", body);
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-request"), "{body}");
        assert_says(&answer.body, &[said]);
    }
    let null = r#"{"inputs": "a", "parameters": {"aggregation_strategy": null, "ignore_labels": null}}"#;
    assert_eq!(service.post("/", null).status, 200);
    let not_utf8 = service.post("/v1/tag", b"{\"text\": \"a\xff\"}");
    assert_eq!((not_utf8.status, not_utf8.problem().as_str()), (400, "malformed-body"));
    assert_says(&not_utf8.body, &["not UTF-8 at byte 11"]);
    for (media_type, status) in [
        (None, 415),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("application/json; charset=latin-1"), 415),
        (Some("application/json; charset=\"UTF-8\""), 200),
        (Some("Application/JSON"), 200),
    ] {
        let headers: Vec<_> = media_type.map(|value| ("Content-Type", value)).into_iter().collect();
        let answer = service.request("POST", "/v1/tag", &headers, br#"{"text": "a"}"#);
        assert_eq!(answer.status, status, "{media_type:?} {answer:?}");
    }
    let headers = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")];
    assert_eq!(service.request("POST", "/v1/tag", &headers, b"{}").problem(), "unsupported-media-type");
    let wrong = service.get("/v1/tag");
    assert_eq!((wrong.status, wrong.problem().as_str()), (405, "method-not-allowed"));
    assert_eq!(service.request("BREW", "/v1/tag", &[], b"").status, 405);
    assert_eq!(service.get("/../../etc/passwd").problem(), "not-found");
    assert_eq!(service.post("/v1/detect", r#"{"text": "a"}"#).problem(), "no-model");
    assert_alive(&service);
    let said = service.end();
    assert!(!said.contains("Bob") && !said.contains("met"), "a text was logged: {said}");
}

#[test]
fn more_than_the_limits_is_refused_before_it_is_read_and_what_is_within_them_is_not() {
    let bench = bench();
    let service = bench.serve("--model tagger --max-texts 100000 --max-body 3 --max-characters 1500000");
    // Two gigabytes that are promised, and two that are sent in chunks.
    let head =
        "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    let promised = service.send(format!("{head}Content-Length: 2147483648\r\n\r\n"));
    assert_eq!(Answer::of(&promised).problem(), "too-large");
    let mut stream = service.connect();
    stream.write_all(format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes()).unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "a".repeat(1 << 20));
    let sent = (0..2048).take_while(|_| stream.write_all(chunk.as_bytes()).is_ok()).count();
    assert!(sent < 64, "{sent} MB were taken");
    let mut answer = String::new();
    // The rest of the body may have reset the connection.
    if stream.read_to_string(&mut answer).is_ok() && !answer.is_empty() {
        assert_eq!(Answer::of(&answer).status, 413);
    }
    let long = service.post("/v1/tag", json!({"text": "a".repeat(1_500_001)}).to_string());
    assert_eq!((long.status, long.problem().as_str()), (413, "too-large"));

    let texts = vec![""; 100_000];
    let answer = service.post("/v1/tag", json!({"texts": texts}).to_string());
    assert_eq!((answer.status, answer.body.lines().count()), (200, 100_000));
    let answer = service.post("/v1/tag", json!({"texts": vec![""; 100_001]}).to_string());
    assert_eq!(answer.problem(), "too-large");
    let word = "x".repeat(1_000_000);
    let found = service.post("/v1/tag", json!({"text": word, "tokens": true}).to_string()).json();
    let words = found["tokens"].as_array().unwrap().iter().flat_map(|sentence| sentence.as_array().unwrap());
    assert_eq!(words.map(|word| word["word"].as_str().unwrap()).collect::<String>(), word);
    let empty = service.post("/v1/tag", r#"{"text": ""}"#).json();
    assert_eq!((&empty["entities"], &empty["words"]), (&json!([]), &json!(0)));
    assert_alive(&service);
}

#[test]
fn heads_without_end_old_versions_and_connections_that_are_cut_leave_the_service_as_it_was() {
    let bench = bench();
    let service = bench.serve("--model tagger");
    let waiting = Instant::now();
    let mut half = service.connect();
    half.write_all(b"POST /v1/tag HTTP/1.1\r\nHost: local").unwrap();
    let mut idle = service.connect();
    let mut kept = service.connect();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();

    let old = Answer::of(&service.send("GET /healthz HTTP/1.0\r\n\r\n"));
    assert_eq!((old.status, old.body.as_str()), (200, "ok\n"));
    let of_get = |headers: &str| format!("GET / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
    for garbage in [
        "GET\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}".repeat(50),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET /<script> HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        of_get("X-A : b\r\n"),
        of_get("X-A: b\r\n c\r\n"),
        of_get("X-A: \0\r\n"),
        of_get(&"X-A: b\r\n".repeat(65)),
        "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n"
            .to_owned(),
        "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n".to_owned(),
    ] {
        let mut stream = service.connect();
        stream.write_all(garbage.as_bytes()).unwrap();
        let answer = read_all(&mut stream);
        let status = answer.split(' ').nth(1).unwrap_or("none");
        assert!(status.starts_with('4'), "{:?}: {answer}", &garbage[..garbage.len().min(60)]);
    }
    for too_large in [
        "\r\n".repeat(1 << 20),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(1 << 20)),
        of_get(&"X-A: b\r\n".repeat(100_000)),
        of_get(&format!("X-A: {}", "b".repeat(1 << 20))),
        // The length of a chunk that no number holds, and one with a megabyte behind it.
        format!(
            "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
            Transfer-Encoding: chunked\r\n\r\n{}\r\n",
            "f".repeat(40)
        ),
        format!(
            "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
            Transfer-Encoding: chunked\r\n\r\n5;{}\r\n",
            "a".repeat(1 << 20)
        ),
    ] {
        let mut stream = service.connect();
        // It closes before all is sent, and the answer may be lost with what was not read.
        let _ = stream.write_all(too_large.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        let answer = read_all(&mut stream);
        let status = answer.split(' ').nth(1).unwrap_or("4");
        assert!(status.starts_with('4'), "{:?}: {answer}", &too_large[..60.min(too_large.len())]);
    }
    // A body that ends before its length, and a request that is cut behind its body.
    let head = "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    for cut in [
        format!("{head}Content-Length: 1000\r\n\r\n{{\"text\": \"a"),
        format!("{head}Content-Length: 13\r\n\r\n{{\"text\": \"a\"}}"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"te"),
    ] {
        let mut stream = service.connect();
        stream.write_all(cut.as_bytes()).unwrap();
        drop(stream);
    }
    assert_alive(&service);

    // Half a head, no head, and no second head: each connection is closed in its time.
    for stream in [&mut half, &mut idle, &mut kept] {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(waiting.elapsed() < Duration::from_secs(40), "closed after {:?}", waiting.elapsed());
    assert_alive(&service);
}
