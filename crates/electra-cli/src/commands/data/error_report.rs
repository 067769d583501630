//! Errors of data commands as they are shown.

use miette::{Diagnostic, MietteDiagnostic, Report};

use crate::failure::explain;

pub(super) fn report(error: impl Diagnostic + 'static) -> Report {
    Report::new(explain(&error))
}

pub(super) fn advice(message: String, help: &str) -> Report {
    Report::new(MietteDiagnostic::new(message).with_help(help))
}
