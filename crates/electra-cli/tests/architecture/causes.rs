//! The message of an error of a library says what its cause says: whoever shows it need not ask.

use crate::options::library_files;

/// Messages of errors that have a cause and do not quote it.
fn silent(text: &str) -> Vec<&str> {
    let messages = text.split("#[error(").skip(1).filter_map(|rest| {
        let (message, rest) = rest.split_once(")]\n")?;
        let error = rest.split("\n}\n").next()?;
        let mut code = error.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
        let has_cause = code.any(|line| {
            line.starts_with("source:") || ["#[source]", "#[from]"].iter().any(|a| line.contains(a))
        });
        let quotes = ["transparent", "{0", ".0", "source"].iter().any(|cause| message.contains(cause));
        (has_cause && !quotes).then_some(message)
    });
    messages.collect()
}

#[test]
fn a_message_that_leaves_its_cause_out_is_found() {
    let errors = r#"
    /// source: of errors
    #[error("cannot read {path}")]
    Read { path: PathBuf },
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot write: {source}")]
    WriteAll {
        source: io::Error,
    },
    #[error("wrong")]
    #[diagnostic(help("mend it"))]
    Other(#[from] Other),
    #[error("{0}")]
    Others(
        #[from]
        Others,
    ),
}
struct Settings {
    source: String,
}
"#;
    assert_eq!(silent(errors), ["\"cannot write {path}\"", "\"wrong\""]);
}

#[test]
fn every_message_of_an_error_says_what_its_cause_says() {
    let files = library_files();
    let found: Vec<_> = files.iter().map(|(name, text)| (name, silent(text))).collect();
    let found: Vec<_> = found.iter().filter(|(_, messages)| !messages.is_empty()).collect();
    assert!(files.len() > 100 && found.is_empty(), "{found:#?}");
}
