//! The output of the binary: its standard output and standard error.
//!
//! The standard `print!`, `println!` and `eprintln!` panic where the other end of a pipe is closed.
//! Those of this module, which take their places in the whole binary, do what other programs do
//! then: they end the process without a word. Only a training run wants to save before it ends: see
//! [`try_line_err`].

use std::ffi::OsStr;
use std::fmt::Arguments;
use std::io::{self, BufWriter, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

use electra_files::shown::{self, on_terminal};
use serde::Serialize;

/// The exit status that a shell shows for a program ended by SIGPIPE, whose number is 13.
const CLOSED_PIPE: i32 = 128 + 13;

/// Whether nothing is written: of several processes that train together one alone speaks.
static IS_SILENT: AtomicBool = AtomicBool::new(false);

/// Writes nothing from here on, or all again.
pub fn silence(is_silent: bool) {
    IS_SILENT.store(is_silent, Ordering::Relaxed);
}

fn is_silent() -> bool {
    IS_SILENT.load(Ordering::Relaxed)
}

/// Writes a line to standard output, or ends the process.
macro_rules! println {
    () => { $crate::output::line_out(format_args!("")) };
    ($($argument:tt)*) => { $crate::output::line_out(format_args!($($argument)*)) };
}

/// Writes to standard output without the end of a line, or ends the process.
macro_rules! print {
    ($($argument:tt)*) => { $crate::output::text_out(format_args!($($argument)*)) };
}

/// Writes a line to standard error, or ends the process.
macro_rules! eprintln {
    () => { $crate::output::line_err(format_args!("")) };
    ($($argument:tt)*) => { $crate::output::line_err(format_args!($($argument)*)) };
}

/// Writes a line to standard output as `println!` does. A disk that is full, where standard output is a file,
/// is told of. Control characters, of the name of a file or of what a file says, are shown and not sent.
pub fn line_out(text: Arguments<'_>) {
    bytes_out(on_terminal(&format!("{text}\n")).as_bytes());
}

/// Writes to standard output as `print!` does.
pub fn text_out(text: Arguments<'_>) {
    bytes_out(on_terminal(&text.to_string()).as_bytes());
}

/// Writes to standard output as `println!` does.
pub fn bytes_out(bytes: &[u8]) {
    if is_silent() {
        return;
    }
    let mut out = io::stdout().lock();
    end_unless_written(out.write_all(bytes).and_then(|()| out.flush()));
}

/// Writes a value to standard output as JSON in lines, piece by piece: its text may be many times as
/// long as what it says.
///
/// # Errors
/// Those of the value.
pub fn json_out(value: &impl Serialize) -> serde_json::Result<()> {
    serialized_out(|out| serde_json::to_writer_pretty(out, value))
}

/// Writes a value to standard output as JSON in one line.
///
/// # Errors
/// Those of the value.
pub fn json_line_out(value: &impl Serialize) -> serde_json::Result<()> {
    serialized_out(|out| serde_json::to_writer(out, value))
}

fn serialized_out(write: impl FnOnce(&mut ShownJson) -> serde_json::Result<()>) -> serde_json::Result<()> {
    if is_silent() {
        return Ok(());
    }
    let mut out = ShownJson(BufWriter::new(io::stdout().lock()));
    match write(&mut out) {
        Err(error) if !error.is_io() => return Err(error),
        written => end_unless_written(
            written.map_err(io::Error::from).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()),
        ),
    }
    Ok(())
}

/// Standard output for JSON: control characters that JSON leaves as they are are written in its notation.
struct ShownJson(BufWriter<io::StdoutLock<'static>>);

impl Write for ShownJson {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        // The serialiser writes whole characters.
        match std::str::from_utf8(bytes) {
            Ok(text) => self.0.write_all(shown::json(text).as_bytes()),
            Err(_) => self.0.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Ends the process if standard output could not be written.
fn end_unless_written(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => process::exit(CLOSED_PIPE),
        Err(error) => {
            let _ = try_line_err(format_args!("cannot write to standard output: {error}"));
            process::exit(1);
        }
    }
}

/// Writes a line to standard error as `eprintln!` does. Where standard error cannot be written for another
/// reason than a closed pipe, nobody can be told, and the work is worth more than the line.
pub fn line_err(text: Arguments<'_>) {
    if is_closed(&try_line_err(text)) {
        process::exit(CLOSED_PIPE);
    }
}

/// Writes a line to standard error as `eprintln!` does, for text with colours of our own, in which nothing of
/// others is a control character.
pub fn coloured_err(text: &str) {
    if is_silent() {
        return;
    }
    if is_closed(&io::stderr().lock().write_all(format!("{text}\n").as_bytes())) {
        process::exit(CLOSED_PIPE);
    }
}

/// Writes a line to standard error and leaves what to do about an error to the caller.
///
/// # Errors
/// Those of the write.
pub fn try_line_err(text: Arguments<'_>) -> io::Result<()> {
    if is_silent() {
        return Ok(());
    }
    io::stderr().lock().write_all(on_terminal(&format!("{text}\n")).as_bytes())
}

/// Whether to write in colours to a stream that is a terminal or is none: not where `NO_COLOR` says no
/// (<https://no-color.org>), nor on a terminal that knows none.
pub fn has_colours(is_terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name);
    wants_colours(is_terminal, set("NO_COLOR").as_deref(), set("TERM").as_deref())
}

fn wants_colours(is_terminal: bool, no_color: Option<&OsStr>, term: Option<&OsStr>) -> bool {
    is_terminal && !is_dumb_terminal(term) && no_color.is_none_or(OsStr::is_empty)
}

/// Whether the terminal understands no escapes (`TERM=dumb`): a line that is there stays as it is.
pub fn is_dumb() -> bool {
    is_dumb_terminal(std::env::var_os("TERM").as_deref())
}

fn is_dumb_terminal(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| term == "dumb")
}

/// Whether what is on the screen can be drawn anew, as bars and dashboards are.
pub fn can_redraw(is_terminal: bool) -> bool {
    is_terminal && !is_dumb()
}

/// Whether the reader of a pipe is gone.
pub fn is_closed(written: &io::Result<()>) -> bool {
    written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_that_know_them_where_nobody_says_no() {
        let wants = |is_terminal, no_color: Option<&str>, term: Option<&str>| {
            wants_colours(is_terminal, no_color.map(OsStr::new), term.map(OsStr::new))
        };
        assert!(wants(true, None, Some("xterm-256color")) && wants(true, None, None));
        assert!(wants(true, Some(""), Some("xterm")), "an empty NO_COLOR says nothing");
        for (is_terminal, no_color, term) in [
            (false, None, Some("xterm")),
            (true, Some("1"), Some("xterm")),
            (true, Some("0"), Some("xterm")),
            (true, None, Some("dumb")),
        ] {
            assert!(!wants(is_terminal, no_color, term), "{is_terminal} {no_color:?} {term:?}");
        }
    }
}
