//! The frame of report pages: one HTML file that needs nothing else, no network and no script.

use minijinja::Environment;
use minijinja::HtmlEscape;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use serde::Serialize;

/// The style sheet of reports, with the colours that [`crate::curve`] names.
pub const STYLE: &str = include_str!("report/style.css");

/// A whole page: `template`, in the language of minijinja, filled in from `page`.
///
/// # Panics
/// If the template is wrong, or asks for what the page does not have: both are the program's own.
#[must_use]
pub fn render(template: &str, page: &impl Serialize) -> String {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters"));
    environment.add_filter("code", code);
    environment.add_template("report.html", template).expect("a template of this program");
    let template = environment.get_template("report.html").expect("it was just added");
    template.render(Serde(page)).expect("the template fits the page")
}

/// Text as HTML, with what stands between backticks as code.
fn code(text: &str) -> Value {
    let pieces: Vec<_> = text.split('`').collect();
    let mut html = String::new();
    for (i, piece) in pieces.iter().enumerate() {
        let piece = HtmlEscape(piece);
        html += &match i % 2 {
            0 => piece.to_string(),
            _ if i + 1 < pieces.len() => format!("<code>{piece}</code>"),
            // Behind a backtick that none closes.
            _ => format!("`{piece}"),
        };
    }
    Value::from_safe_string(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code() {
        for (text, html) in [
            ("of `a < b`, `c`", "of <code>a &lt; b</code>, <code>c</code>"),
            ("of `a` and `b", "of <code>a</code> and `b"),
            ("plain", "plain"),
        ] {
            assert_eq!(code(text).to_string(), html);
        }
    }
}
