//! Names and texts of others where they are read: on a terminal, by a shell, in a page.
//!
//! The name of a file may hold any character, and the text of a file as well. A terminal takes some of
//! them for commands, a shell takes others, a page others again.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write;
use std::io;

use miette::Diagnostic;

use crate::disk::LinkRefused;
use crate::staged::StagedError;

/// Text for a terminal or a log: control characters but the ends of lines and tabs are shown as
/// `\u{1b}`. They move the cursor, rename the window, or hide what was written.
#[must_use]
pub fn on_terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_command) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let ends_line = c == '\r' && rest.peek() == Some(&'\n');
        if is_command(c) && !ends_line { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// JSON for a terminal or a program: the same in the notation of JSON, which leaves some of these
/// characters as they are.
#[must_use]
pub fn json(text: &str) -> Cow<'_, str> {
    let is_left = |c: char| c == '\x7f' || ('\u{80}'..='\u{9f}').contains(&c);
    if !text.contains(is_left) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_left(c) {
            write!(shown, "\\u{:04x}", u32::from(c)).expect("writing into memory");
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The text as [`on_terminal`] shows it, with as many bytes as it has, for text in which places are counted:
/// `?` for each of a control character.
#[must_use]
pub fn on_terminal_in_place(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_command(c) { shown.extend(std::iter::repeat_n('?', c.len_utf8())) } else { shown.push(c) }
    }
    shown
}

fn is_command(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}

/// The most characters that a column is wide. Formatting panics beyond 16 bits, and nobody's screen is wider.
const MAX_COLUMN: usize = 1000;

/// The width of a column of these texts, in characters. One that is longer than any column pushes the rest of its
/// line to the right.
pub fn column_width<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    let widest = texts.into_iter().map(|text| text.chars().take(MAX_COLUMN).count()).max();
    widest.unwrap_or(0)
}

/// Whether a name has a control character, the end of a line among them: it cannot stand in a line of
/// a script.
#[must_use]
pub fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// A word of a shell, for commands that somebody copies and for scripts. Control characters are written
/// as bash, zsh and ksh read them: `$'a\nb'`.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    if !has_control(text) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut word = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => word.extend(['\\', c]),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    write!(word, "\\{byte:03o}").expect("writing into memory");
                }
            }
            c => word.push(c),
        }
    }
    word.push('\'');
    word
}

/// Text in a page: HTML or SVG, between tags or in a quoted attribute. Control characters, which no page
/// may have and which a terminal obeys where the page is written to one, are replaced.
#[must_use]
pub fn in_page(text: &str) -> Cow<'_, str> {
    // The end of a line may be of another system.
    let is_control = |c: char| is_command(c) && c != '\r';
    let is_special = |c: char| matches!(c, '&' | '<' | '>' | '"' | '\'') || is_control(c);
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => shown += "&amp;",
            '<' => shown += "&lt;",
            '>' => shown += "&gt;",
            '"' => shown += "&quot;",
            '\'' => shown += "&#39;",
            c if is_control(c) => shown.push('\u{fffd}'),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Text within a line of Markdown, or a cell of its tables: nothing in it is markup, and it ends
/// nothing.
#[must_use]
pub fn in_markdown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '[' | ']' | '|' | '#' | '!' => shown.extend(['\\', c]),
            // Within a word it is no markup.
            '_' | '~' => shown.push(c),
            '&' => shown += "&amp;",
            '<' => shown += "&lt;",
            '>' => shown += "&gt;",
            c if c.is_control() => shown.push(' '),
            c => shown.push(c),
        }
    }
    shown
}

/// A sentence of ours in Markdown, with names of others in it: they end no line and open no tag.
#[must_use]
pub fn sentence_in_markdown(text: &str) -> String {
    text.replace(char::is_control, " ").replace('<', "&lt;")
}

/// Lines as a block of code in Markdown, fenced by more backticks than they have.
#[must_use]
pub fn fenced_in_markdown(text: &str, language: &str) -> String {
    let fence = "`".repeat(backticks(text).max(2) + 1);
    format!("{fence}{language}\n{text}\n{fence}")
}

/// The most backticks that stand side by side.
fn backticks(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Text as code within a line of Markdown, or a cell of its tables, fenced by more backticks than it has.
#[must_use]
pub fn code_in_markdown(text: &str) -> String {
    // A bar ends the cell of a table, within code as well.
    let text = text.replace(char::is_control, " ").replace('|', "\\|");
    let fence = "`".repeat(backticks(&text) + 1);
    let air = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{air}{text}{air}{fence}")
}

/// The message of an error and, behind a semicolon, what to do about it: for logs, notes and programs that
/// show no help of their own. The help is that of the outermost of the error and its causes that has one.
#[must_use]
pub fn with_help(error: &(dyn Diagnostic + 'static)) -> String {
    let mut ours: Option<&dyn Diagnostic> = Some(error);
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error_or_cause) = cause {
        let of_error = ours.and_then(Diagnostic::help).map(|help| help.to_string());
        let of_inner = || error_or_cause.downcast_ref().and_then(help_of_inner);
        if let Some(help) = of_error.or_else(of_inner) {
            return format!("{error}; {help}");
        }
        ours = ours.and_then(Diagnostic::diagnostic_source);
        cause = error_or_cause.source();
    }
    error.to_string()
}

/// The help of an error of this crate that went as an error of the system. It is not among the causes: an
/// [`io::Error`] names those of the error inside, not the error itself.
#[must_use]
pub fn help_of_inner(error: &io::Error) -> Option<String> {
    let inner = error.get_ref()?;
    let staged = inner.downcast_ref::<StagedError>().and_then(Diagnostic::help);
    let elsewhere = || inner.downcast_ref::<LinkRefused>().and_then(Diagnostic::help);
    staged.or_else(elsewhere).map(|help| help.to_string())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_terminal_gets_no_commands() {
        assert_eq!(on_terminal("Zoë\tja\n"), "Zoë\tja\n");
        assert!(matches!(on_terminal("Zoë\n"), Cow::Borrowed(_)));
        assert_eq!(on_terminal("a\x1b[2Jb\r\u{9b}c\x07"), "a\\u{1b}[2Jb\\r\\u{9b}c\\u{7}");
        assert_eq!(on_terminal("a\r\nb\rc\x1b"), "a\r\nb\\rc\\u{1b}");
        assert_eq!(json("{\"a\": \"\u{9b}\x7fé\"}\n"), "{\"a\": \"\\u009b\\u007fé\"}\n");
        let text = "a\x1b[2Jé\u{9b}\n";
        assert_eq!(on_terminal_in_place(text), "a?[2Jé??\n");
        assert_eq!(on_terminal_in_place(text).len(), text.len());
    }

    #[test]
    fn a_column_is_as_wide_as_its_texts_and_as_any_may_be() {
        assert_eq!(column_width(["a", "né", ""]), 2);
        assert_eq!(column_width([]), 0);
        let long = "x".repeat(70_000);
        let width = column_width([long.as_str(), "LOC"]);
        assert_eq!(format!("{long:<width$}|{:<width$}|", "LOC").len(), 70_000 + width + 2);
    }

    #[test]
    fn a_shell_reads_every_word_in_one_piece() {
        assert_eq!(shell_word("runs/a_b-1.toml"), "runs/a_b-1.toml");
        assert_eq!(shell_word("my runs/it's"), r"'my runs/it'\''s'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("a\nb"), r"$'a\012b'");
        for word in ["a b", "it's", "$(touch x)", "a\ntouch x", "\x1b'\\n\u{9b}é`x`", "-n", "~", "#"] {
            let command = format!("printf %s {}", shell_word(word));
            let said = Command::new("bash").args(["-c", &command]).output().unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), word, "{command}");
        }
    }

    #[test]
    fn a_page_shows_text_as_it_is() {
        assert_eq!(in_page("a\"b'c\0<&>"), "a&quot;b&#39;c\u{fffd}&lt;&amp;&gt;");
        assert_eq!(in_page("a\x1b[2J\u{9b}\x7f\r\n\tb"), "a\u{fffd}[2J\u{fffd}\u{fffd}\r\n\tb");
        assert!(matches!(in_page("Zoë, ja."), Cow::Borrowed(_)));
        assert_eq!(in_markdown("a|b\n# <b>*c*"), r"a\|b \# &lt;b&gt;\*c\*");
        assert_eq!(code_in_markdown("my_file.conll"), "`my_file.conll`");
        assert_eq!(code_in_markdown("a`b``c|"), "```a`b``c\\|```");
        assert_eq!(fenced_in_markdown("a = 1", "toml"), "```toml\na = 1\n```");
        assert_eq!(fenced_in_markdown("a\n```\nb", ""), "````\na\n```\nb\n````");
        assert_eq!(sentence_in_markdown("a `b`\n<c>"), "a `b` &lt;c>");
        assert_eq!(code_in_markdown("`a\nb"), "`` `a b ``");
    }

    #[test]
    fn the_help_of_the_outermost_error_that_has_one_stands_behind_the_message() {
        #[derive(Debug, thiserror::Error, Diagnostic)]
        #[error("the disk is full")]
        #[diagnostic(help("make room"))]
        struct Inner;

        #[derive(Debug, thiserror::Error, Diagnostic)]
        #[error("nothing was saved: {0}")]
        struct Outer(
            #[source]
            #[diagnostic_source]
            Inner,
        );

        assert_eq!(with_help(&Inner), "the disk is full; make room");
        assert_eq!(with_help(&Outer(Inner)), "nothing was saved: the disk is full; make room");
    }

    #[test]
    fn the_help_of_an_error_within_one_of_the_system_is_found() {
        #[derive(Debug, thiserror::Error, Diagnostic)]
        #[error("cannot write {0}")]
        struct Write(#[source] io::Error);

        let busy = StagedError::Busy { path: "best".into(), holder: "process 7".to_owned() };
        let error = Write(busy.into_parts().1);
        assert_eq!(
            with_help(&error),
            "cannot write best is being written by process 7; wait until it ends, or give another folder"
        );
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        let error = Write(crate::disk::refuse_link(&link).unwrap_err());
        assert!(
            with_help(&error).ends_with("is written to another place; remove it"),
            "{}",
            with_help(&error)
        );
        assert_eq!(with_help(&Write(io::ErrorKind::NotFound.into())), "cannot write entity not found");
    }
}
