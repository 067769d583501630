//! The reader of imports on small trees.

use std::collections::BTreeSet;

use super::circles::{circles, imports};
use super::source::Files;

/// Each file's imports, `a.rs -> b.rs`, in a tree of files and their texts.
fn edges(tree: &[(&str, &str)]) -> BTreeSet<String> {
    let files = imports(&files(tree), "lib.rs");
    files
        .iter()
        .flat_map(|(file, others)| others.iter().map(move |other| format!("{file} -> {other}")))
        .collect()
}

/// One way round each circle.
fn ways(tree: &[(&str, &str)]) -> Vec<String> {
    circles(&imports(&files(tree), "lib.rs")).iter().map(|circle| circle.way.join(" -> ")).collect()
}

fn files(tree: &[(&str, &str)]) -> Files {
    tree.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn two_files_that_import_from_each_other_are_a_circle() {
    let tree = [
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use super::a::A; pub struct B(Box<A>);"),
    ];
    assert_eq!(ways(&tree), ["a.rs -> b.rs -> a.rs"]);
}

#[test]
fn a_circle_of_three_is_found_and_its_neighbours_are_not_in_it() {
    let tree = [
        ("lib.rs", "mod a; mod b; mod c; mod d; mod e;"),
        ("a.rs", "use crate::b; pub fn a() { b::b() }"),
        ("b.rs", "pub fn b() { crate::c::c() }"),
        ("c.rs", "use crate::{a::a, e}; pub fn c() { a(); e::e() }"),
        ("d.rs", "use crate::a::a; pub fn d() { a() }"),
        ("e.rs", "pub fn e() {}"),
    ];
    let found = circles(&imports(&files(&tree), "lib.rs"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].way, ["a.rs", "b.rs", "c.rs", "a.rs"]);
    assert_eq!(found[0].files, ["a.rs", "b.rs", "c.rs"].map(String::from).into());
}

#[test]
fn files_that_import_in_one_direction_are_no_circle() {
    let tree = [
        ("lib.rs", "mod a; mod b; pub use a::A;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "pub struct B;"),
    ];
    assert_eq!(ways(&tree), [""; 0]);
    assert_eq!(edges(&tree), ["a.rs -> b.rs".to_owned()].into());
}

#[test]
fn an_import_through_a_re_export_is_one_from_the_file_that_defines_the_name() {
    // Neither names the other's file.
    let tree = [
        ("lib.rs", "mod room; mod b; pub use self::b::B;"),
        ("room.rs", "mod a; pub(crate) use self::a::A as Renamed;"),
        ("room/a.rs", "use crate::B; pub struct A(Box<B>);"),
        ("b.rs", "use crate::room::Renamed; pub struct B(Renamed);"),
    ];
    assert_eq!(ways(&tree), ["b.rs -> room/a.rs -> b.rs"]);
    // The files that hand names on import nothing.
    assert_eq!(edges(&tree).len(), 2);
}

#[test]
fn a_parent_that_re_exports_its_children_is_apart_and_one_that_uses_them_is_not() {
    let child = ("room/a.rs", "use super::Shared; pub struct A(Shared);");
    let apart = [("lib.rs", "mod room;"), ("room.rs", "mod a; pub use a::A; pub struct Shared;"), child];
    assert_eq!(ways(&apart), [""; 0]);
    for used in
        ["pub use a::A; pub struct Shared; fn f(_: A) {}", "pub struct Shared; fn f() { a::A::new() }"]
    {
        let uses = [("lib.rs", "mod room;"), ("room.rs", &format!("mod a; {used}")), child];
        assert_eq!(ways(&uses), ["room.rs -> room/a.rs -> room.rs"], "{used}");
    }
}

#[test]
fn a_glob_brings_in_what_the_code_names() {
    let tree = |used: &'static str| {
        [
            ("lib.rs", "mod room; mod c;"),
            ("room.rs", "mod a; mod b; pub use a::*; pub use b::*;"),
            ("room/a.rs", "pub struct A; pub fn of(_: crate::c::C) {}"),
            ("room/b.rs", "pub struct B;"),
            ("c.rs", used),
        ]
    };
    assert_eq!(ways(&tree("use crate::room::*; pub struct C(A);")), ["c.rs -> room/a.rs -> c.rs"]);
    assert_eq!(ways(&tree("use crate::room::*; pub struct C(B);")), [""; 0]);
}

#[test]
fn nested_uses_modules_in_a_file_and_macros_are_followed() {
    let tree = [
        ("lib.rs", "mod a; mod b; mod c;"),
        (
            "a.rs",
            "use crate::{b::{self, inner::{Deep as D, Other}}, c::c}; fn f(_: D) { b::g(); c!(); }
             generated! { pub fn in_macro() {} }",
        ),
        ("b.rs", "pub mod inner { pub struct Deep; pub use super::Other; } pub struct Other; pub fn g() {}"),
        ("c.rs", "macro_rules! c { () => { $crate::a::in_macro() } } pub(crate) use c;"),
    ];
    let expected = ["a.rs -> b.rs", "a.rs -> c.rs", "c.rs -> a.rs"].map(String::from);
    assert_eq!(edges(&tree), expected.into());
}

#[test]
fn comments_literals_tests_and_other_crates_import_nothing() {
    let tree = [
        ("lib.rs", "mod a; mod b;"),
        (
            "a.rs",
            r##"use std::fmt; use b::C;
            // use crate::b::B;
            /* crate::b::B /* and */ crate::b::B */
            const TEXTS: [&str; 4] = ["crate::b::B", r#"crate::b::"B"#, "\"crate::b::B", "//"];
            const SIGNS: [char; 3] = ['"', '\'', '{']; fn f<'a>(x: &'a str) -> &'a str { x }
            #[cfg(test)] use crate::b::B;
            #[cfg(all(test, unix))] fn g(x: [u8; 2]) { crate::b::B; }
            #[cfg(test)] mod tests { use crate::b::B; }
            #[cfg(test)] mod only_tests;
            pub struct A;"##,
        ),
        ("a/only_tests.rs", "use crate::b::B;"),
        ("b.rs", "use crate::a::A; pub struct B(A);"),
    ];
    assert_eq!(edges(&tree), ["b.rs -> a.rs".to_owned()].into());
}
