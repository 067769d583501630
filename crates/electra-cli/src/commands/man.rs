//! `electra man`: manual pages.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;
use electra_files::{disk, durable};

use crate::failure::Failure;

/// Write manual pages, one for each command
#[derive(Args)]
#[command(after_help = "Examples:
  electra man --out man1 && man ./man1/electra-pretrain.1
  electra man --out ~/.local/share/man/man1

Pages have the texts of --help; other files of the folder stay.")]
pub struct ManPages {
    /// Folder for the pages
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl ManPages {
    /// Writes the pages of `program`.
    ///
    /// # Errors
    /// Those of the disk.
    pub fn run(self, program: Command) -> Result<ExitCode, Failure> {
        let pages = pages(program);
        let files: Vec<(&str, &[u8])> = pages.iter().map(|(name, page)| (&**name, &**page)).collect();
        disk::create_folders(&self.out).map_err(|error| Failure::of_file("create", &self.out, &error))?;
        durable::write_all(&self.out, &files)
            .map_err(|(path, error)| Failure::of_file("write", &path, &error))?;
        println!("{} manual pages in {}", pages.len(), self.out.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// A page for each command that `--help` lists, by its name with dashes: `electra-data-build.1`.
fn pages(program: Command) -> Vec<(String, Vec<u8>)> {
    let mut program = program.disable_help_subcommand(true);
    program.build();
    let mut pages = Vec::new();
    let mut left = vec![program];
    while let Some(command) = left.pop() {
        left.extend(command.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
        let man = Man::new(command);
        let mut page = Vec::new();
        man.render(&mut page).expect("memory takes everything");
        pages.push((man.get_filename(), with_examples_as_they_are(&page)));
    }
    pages.sort();
    pages
}

/// The page with its indented lines, which are commands and tables, neither filled nor spread over the line.
fn with_examples_as_they_are(page: &[u8]) -> Vec<u8> {
    let is_indented = |line: &[u8]| line.starts_with(b"  ");
    let mut lines: Vec<&[u8]> = Vec::new();
    let mut before = false;
    for line in page.split(|&byte| byte == b'\n') {
        match (before, is_indented(line)) {
            (false, true) => lines.push(b".nf"),
            (true, false) => lines.push(b".fi"),
            _ => {}
        }
        lines.push(line);
        before = is_indented(line);
    }
    lines.join(&b'\n')
}
