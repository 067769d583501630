//! Servers and connections that fail, now and then or always.

use std::fs;
use std::thread;

use crate::server::{COMMIT, Faults, sha256};
use crate::{Bench, NAME, model, weights};

/// Ranges that were asked for, in order.
fn ranges(bench: &Bench) -> Vec<String> {
    bench.server.requests().into_iter().filter_map(|mut request| request.headers.remove("range")).collect()
}

#[test]
fn a_connection_that_is_cut_is_resumed_where_it_ended() {
    let bench = Bench::new();
    bench.server.misbehave(Faults { cuts: 12, cut_after: 30_000, ..Faults::default() });
    let found = bench.find().unwrap();
    assert_eq!(fs::read(found.folder.join("model.safetensors")).unwrap(), weights());
    let ranges = ranges(&bench);
    assert!(ranges.len() > 4 && ranges.iter().all(|range| range.starts_with("bytes=")), "{ranges:?}");

    // A server that does no parts gives it again from the beginning, and what is there is passed over.
    let bench = Bench::new();
    bench.server.misbehave(Faults { cuts: 6, cut_after: 150_000, without_ranges: true, ..Faults::default() });
    let found = bench.find().unwrap();
    assert_eq!(fs::read(found.folder.join("model.safetensors")).unwrap(), weights());
}

#[test]
fn a_download_that_ends_early_says_so_and_the_next_command_goes_on() {
    let bench = Bench::new();
    bench.server.misbehave(Faults { cuts: 6, cut_after: 0, ..Faults::default() });
    bench.refused(
        NAME,
        &[],
        &["the download of config.json ended early: 0 of 25 bytes", "give the command again"],
    );
    // Three small files come, and 30 000 bytes of the large one before its connections give nothing more.
    bench.server.misbehave(Faults::default());
    let found = bench.find().unwrap();
    let partial = bench.path("blobs").join(format!("{}.electra.incomplete", sha256(&weights())));
    fs::write(&partial, &weights()[..30_000]).unwrap();
    fs::remove_file(bench.path("blobs").join(sha256(&weights()))).unwrap();
    bench.server.requests();
    assert_eq!(bench.find().unwrap(), found_again(&found));
    assert_eq!(ranges(&bench), ["bytes=30000-"; 2], "the server of models passes the range on");
    assert_eq!(fs::read(found.folder.join("model.safetensors")).unwrap(), weights());
    assert!(!partial.exists());

    // What is left of something else is seen by the hash, and taken from the beginning.
    fs::write(&partial, [7; 30_000]).unwrap();
    fs::remove_file(bench.path("blobs").join(sha256(&weights()))).unwrap();
    bench.find().unwrap();
    assert_eq!(fs::read(found.folder.join("model.safetensors")).unwrap(), weights());
    // And so is what is longer than the file.
    fs::write(&partial, [7; 300_000]).unwrap();
    fs::remove_file(bench.path("blobs").join(sha256(&weights()))).unwrap();
    bench.find().unwrap();
    assert_eq!(fs::read(found.folder.join("model.safetensors")).unwrap(), weights());
}

fn found_again(found: &electra_hub::FoundModel) -> electra_hub::FoundModel {
    electra_hub::FoundModel { downloaded: (1, 200_000), ..found.clone() }
}

#[test]
fn content_that_is_not_what_the_server_named_gets_no_name() {
    let bench = Bench::new();
    bench.server.misbehave(Faults { spoils: true, ..Faults::default() });
    bench.refused(NAME, &[], &["config.json is not what the server named: its git hash is ", ", expected "]);
    let blobs: Vec<_> = fs::read_dir(bench.path("blobs")).unwrap().collect();
    assert!(
        blobs.is_empty() && !bench.path("refs").exists() && !bench.path("snapshots").exists(),
        "{blobs:?}"
    );
}

#[test]
fn a_server_that_is_busy_is_asked_again_and_not_for_ever() {
    let bench = Bench::new();
    bench.server.misbehave(Faults { busy: 3, ..Faults::default() });
    bench.find().unwrap();
    let bench = Bench::new();
    bench.server.misbehave(Faults { busy: usize::MAX, ..Faults::default() });
    bench.refused(NAME, &[], &["/api/models/ada/electra-tiny/revision/main answers 503", "try again later"]);
    assert_eq!(bench.asked().len(), 6);
}

#[test]
fn a_model_that_has_moved_is_found_and_nobody_is_led_in_circles() {
    let bench = Bench::new();
    let moved = Some(("ada/electra-old".to_owned(), "ada/electra-tiny".to_owned()));
    bench.server.misbehave(Faults { moved, ..Faults::default() });
    let found = bench.find_with("ada/electra-old", &[]).unwrap();
    assert_eq!(fs::read(found.folder.join("model.safetensors")).unwrap(), weights());
    let bench = Bench::new();
    bench.server.misbehave(Faults { circles: true, ..Faults::default() });
    bench.refused(NAME, &[], &["passes on more than 10 times"]);
}

#[test]
fn answers_that_the_hub_does_not_give_are_named() {
    let bench = Bench::new();
    bench.server.misbehave(Faults { odd_tags: true, ..Faults::default() });
    bench.refused(
        NAME,
        &[],
        &["answers otherwise than the Hub does: ETag \"\\\"nginx-1f\\\"\"", "HF_ENDPOINT"],
    );
    bench.server.misbehave(Faults { odd_listing: true, ..Faults::default() });
    bench.refused(NAME, &[], &["/revision/main answers otherwise than the Hub does: expected value"]);
}

#[test]
fn whoever_asks_at_the_same_time_downloads_once() {
    let bench = Bench::new();
    thread::scope(|scope| {
        let finds: Vec<_> = (0..4).map(|_| scope.spawn(|| bench.find().unwrap())).collect();
        let found: Vec<_> = finds.into_iter().map(|find| find.join().unwrap()).collect();
        assert!(found.iter().all(|found| found.folder == bench.path("snapshots").join(COMMIT)));
        assert_eq!(found.iter().map(|found| found.downloaded.0).sum::<usize>(), 4);
    });
    let content = bench.asked().iter().filter(|asked| asked.starts_with("GET /storage/")).count();
    assert_eq!(content, 1);
    drop(model());
}
