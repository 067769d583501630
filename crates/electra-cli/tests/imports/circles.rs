//! Which file of a crate imports from which, and the circles among them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::{Files, Module, modules};

/// A name followed to where it is defined.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Module(Vec<String>),
    /// Something in this file that is no module.
    Item(String),
}

type Modules = BTreeMap<Vec<String>, Module>;

/// For each file those that it imports from, itself left out. `root` is the file of the crate's root.
///
/// A file imports from another if a `use`, or a path in its code, leads to what the other defines, through
/// re-exports too. A re-export itself is no import, unless the file uses the name.
pub fn imports(files: &Files, root: &str) -> BTreeMap<String, BTreeSet<String>> {
    let modules = modules(files, root);
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, module) in &modules {
        let found = edges.entry(module.file.clone()).or_default();
        found.extend(files_of(&modules, path, module));
        found.remove(&module.file);
    }
    edges
}

/// The files that define what a module uses.
fn files_of(modules: &Modules, at: &[String], module: &Module) -> Vec<String> {
    let mut files = Vec::new();
    let mut add = |target: Option<Target>| {
        if let Some(Target::Item(file)) = target {
            files.push(file);
        }
    };
    for one in &module.uses {
        let is_used = !one.is_reexport || module.names.contains(&one.name);
        if one.name != "*" {
            if is_used {
                add(resolve(modules, at, &one.path));
            }
            continue;
        }
        let Some(Target::Module(globbed)) = resolve(modules, at, &one.path) else {
            add(resolve(modules, at, &one.path));
            continue;
        };
        // Of all that comes in, what the code names; and the file itself, which may hold methods of traits.
        let from = &modules[&globbed];
        if !one.is_reexport && !from.items.is_empty() {
            add(Some(Target::Item(from.file.clone())));
        }
        for name in &module.names {
            add(lookup(modules, &globbed, name, &mut Vec::new()));
        }
    }
    for path in &module.paths {
        add(resolve(modules, at, path));
    }
    files
}

/// The item that a path stands for in the module `at`; `None` if it leads out of the crate.
fn resolve(modules: &Modules, at: &[String], path: &[String]) -> Option<Target> {
    resolve_seen(modules, at, path, &mut Vec::new())
}

fn resolve_seen(
    modules: &Modules,
    at: &[String],
    path: &[String],
    seen: &mut Vec<(Vec<String>, String)>,
) -> Option<Target> {
    let mut here = at.to_vec();
    let mut rest = path;
    while let Some(first) = rest.first() {
        match first.as_str() {
            "crate" => here.clear(),
            "self" => {}
            "super" => drop(here.pop()),
            _ => break,
        }
        rest = &rest[1..];
    }
    for (i, name) in rest.iter().enumerate() {
        match lookup(modules, &here, name, seen) {
            Some(Target::Module(path)) => here = path,
            // Inside the crate every name belongs to somebody: a macro may define it.
            None if rest.len() < path.len() || i > 0 => {
                return Some(Target::Item(modules.get(&here)?.file.clone()));
            }
            other => return other,
        }
    }
    Some(Target::Module(here))
}

/// The item that a name stands for in the module `at`, its own items, modules and imports considered.
fn lookup(
    modules: &Modules,
    at: &[String],
    name: &str,
    seen: &mut Vec<(Vec<String>, String)>,
) -> Option<Target> {
    let module = modules.get(at)?;
    if module.items.contains(name) {
        return Some(Target::Item(module.file.clone()));
    }
    if module.children.contains(name) {
        let child = [at, &[name.to_owned()]].concat();
        // One that only tests see has no module here.
        return modules.contains_key(&child).then_some(Target::Module(child));
    }
    let key = (at.to_vec(), name.to_owned());
    if seen.contains(&key) {
        return None;
    }
    seen.push(key);
    let named = module.uses.iter().filter(|one| one.name == name);
    let by_name = named.into_iter().find_map(|one| resolve_seen(modules, at, &one.path, seen));
    by_name.or_else(|| {
        module.uses.iter().filter(|one| one.name == "*").find_map(|one| {
            match resolve_seen(modules, at, &one.path, seen)? {
                Target::Module(globbed) => lookup(modules, &globbed, name, seen),
                Target::Item(_) => None,
            }
        })
    })
}

/// Files that all import from each other, directly or by way of the others; and one way round, which begins
/// and ends with the same file.
#[derive(Debug, PartialEq)]
pub struct Circle {
    pub files: BTreeSet<String>,
    pub way: Vec<String>,
}

/// Every circle, each file in at most one.
pub fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<Circle> {
    let ways: BTreeMap<&String, BTreeMap<&String, Vec<String>>> =
        imports.keys().map(|file| (file, ways_from(imports, file))).collect();
    let mut done: BTreeSet<&String> = BTreeSet::new();
    let mut circles = Vec::new();
    for file in imports.keys() {
        if done.contains(file) || !ways[file].contains_key(file) {
            continue;
        }
        let together: BTreeSet<&String> =
            ways[file].keys().copied().filter(|other| ways[other].contains_key(file)).collect();
        let shortest =
            together.iter().map(|one| &ways[one][one]).min_by_key(|way| way.len()).expect("a way back");
        circles.push(Circle {
            files: together.iter().map(ToString::to_string).collect(),
            way: shortest.clone(),
        });
        done.extend(together);
    }
    circles
}

/// The shortest way from `start` to each file that it reaches; to itself if there is one back.
fn ways_from<'a>(
    imports: &'a BTreeMap<String, BTreeSet<String>>,
    start: &'a String,
) -> BTreeMap<&'a String, Vec<String>> {
    let mut ways: BTreeMap<&String, Vec<String>> = BTreeMap::new();
    let mut open = VecDeque::from([(start, vec![start.clone()])]);
    while let Some((file, way)) = open.pop_front() {
        for next in &imports[file] {
            if !ways.contains_key(next) {
                let way: Vec<String> = way.iter().chain([next]).cloned().collect();
                ways.insert(next, way.clone());
                open.push_back((next, way));
            }
        }
    }
    ways
}
