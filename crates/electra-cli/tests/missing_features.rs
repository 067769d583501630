//! What a program that was built without the service or without downloads says of them; scripts/check-features.sh builds it.
#![cfg(not(all(feature = "serve", feature = "hub")))]

mod workbench;

use workbench::{Workbench, assert_says};

#[cfg(not(feature = "serve"))]
#[test]
fn the_service_is_not_in_the_help_and_its_command_says_which_feature_has_it() {
    let bench = Workbench::new();
    assert!(!bench.succeed("--help").stdout.contains("\n  serve"));
    for line in ["serve", "serve --model tagger --listen 127.0.0.1:0", "serve --help"] {
        assert_says(&bench.refuse(line), &["built without the HTTP service", "--features serve"]);
    }
}

#[cfg(not(feature = "hub"))]
#[test]
fn a_model_that_the_cache_does_not_have_is_answered_with_the_feature_that_downloads_it() {
    let bench = Workbench::new();
    let error = bench.refuse("predict --model ours/names -");
    assert_says(&error, &["ours/names", "the feature hub"]);
}
