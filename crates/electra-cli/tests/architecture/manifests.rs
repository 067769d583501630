//! Tests of the manifests, and of the content of packages.

use std::fs;
use std::path::Path;

use crate::{ARROWS, own_dependencies, root, workspace};

#[test]
fn every_manifest_says_what_the_crate_is() {
    for package in workspace().packages {
        let name = &package.name;
        let said = package.description.as_deref().unwrap_or_default();
        assert!(said.len() > 30 && !said.ends_with('.'), "{name} is described as {said:?}");
        assert!(!package.categories.is_empty(), "{name} has no category");
        assert!(package.keywords.iter().any(|word| word == "electra"), "{name}: {:?}", package.keywords);
        assert!((2..=5).contains(&package.keywords.len()), "{name}: {:?}", package.keywords);
        assert_eq!(package.license.as_deref(), Some("MIT OR Apache-2.0"), "{name}");
        let folder = package.manifest_path.parent().unwrap();
        for file in [
            package.readme.as_deref().map_or("no README", |path| path.as_str()),
            "LICENSE-MIT",
            "LICENSE-APACHE",
        ] {
            assert!(folder.join(file).is_file(), "{name} comes without {file}");
        }
        for dependency in own_dependencies(&package).filter(|dependency| dependency.path.is_some()) {
            let version = dependency.req.to_string();
            assert!(version != "*", "{name} cannot be packaged: {} has no version", dependency.name);
        }
    }
}

#[test]
fn no_crate_includes_a_file_outside_itself() {
    fn visit(folder: &Path, of_crate: &Path, found: &mut usize) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                visit(&path, of_crate, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                for name in ["include_str!(\"", "include_bytes!(\""] {
                    for rest in text.split(name).skip(1) {
                        // By its names alone: packaging makes files of the links to `configs`.
                        let mut file = folder.to_path_buf();
                        for part in rest.split('"').next().unwrap().split('/') {
                            if part == ".." { assert!(file.pop()) } else { file.push(part) }
                        }
                        assert!(file.starts_with(of_crate), "{} includes {}", path.display(), file.display());
                        assert!(file.is_file(), "{} includes {}", path.display(), file.display());
                        *found += 1;
                    }
                }
            }
        }
    }
    let mut found = 0;
    for (name, _) in ARROWS {
        let of_crate = root().join("crates").join(name);
        for folder in ["src", "tests", "examples", "benches"].map(|folder| of_crate.join(folder)) {
            if folder.is_dir() {
                visit(&folder, &of_crate, &mut found);
            }
        }
    }
    assert!(found > 10, "the search finds what is there, not {found} files");
}
