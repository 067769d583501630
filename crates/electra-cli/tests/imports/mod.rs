//! Imports between the source files of a crate, and circles among them.

mod circles;
mod source;
mod tests;

use std::fs;
use std::path::Path;

pub use self::circles::Circle;
use self::circles::{circles, imports};
use self::source::Files;

/// The circles of the crate in `folder`, each with its files and one way round.
pub fn circles_of_crate(folder: &Path) -> Vec<Circle> {
    let mut files = Files::new();
    read(&folder.join("src"), "", &mut files);
    // A program has modules of its own beside those of its library.
    let roots = ["lib.rs", "main.rs"].into_iter().filter(|root| files.contains_key(*root));
    let found: Vec<Circle> = roots.flat_map(|root| circles(&imports(&files, root))).collect();
    assert!(files.contains_key("lib.rs") || files.contains_key("main.rs"), "no root in {}", folder.display());
    found
}

fn read(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read(&path, &format!("{name}/"), files);
        } else if name.ends_with(".rs") {
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}
