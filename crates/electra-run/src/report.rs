//! The frame of report pages: one HTML file that needs nothing else, no network and no script.

pub mod check;
mod run_tables;

use electra_files::shown::in_page;
use minijinja::Environment;
use minijinja::HtmlEscape;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use serde::Serialize;

use crate::plot;

pub use run_tables::{Event, environment, events};

/// The style sheet of pages, behind the colours.
const STYLE: &str = include_str!("report/style.css");

/// The beginning of a page up to its main part; `style` goes behind the style sheet of all pages.
#[must_use]
pub fn page_head(title: &str, style: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{}{}{STYLE}{style}</style>\n</head>\n<body>\n<main>\n",
        in_page(title),
        plot::PALETTE,
        plot::STYLE,
    )
}

/// The end of a page.
pub const PAGE_END: &str = "</main>\n</body>\n</html>\n";

/// A whole page: in the frame stands `template`, in the language of minijinja, filled in from `page`.
///
/// # Panics
/// If the template is wrong, or asks for what the page does not have: both are the program's own.
#[must_use]
pub fn render(title: &str, style: &str, template: &str, page: &impl Serialize) -> String {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters"));
    environment.add_filter("code", code);
    // The name decides that text is escaped.
    environment.add_template("main.html", template).expect("a template of this program");
    let template = environment.get_template("main.html").expect("it was just added");
    let main = template.render(Serde(page)).expect("the template fits the page");
    page_head(title, style) + &main + PAGE_END
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

    #[test]
    fn no_column_of_a_page_is_wider_than_a_phone() {
        let widths = STYLE.split("minmax(").skip(1).filter_map(|rest| {
            let width = rest.split(&['r', ','][..]).next()?;
            rest.starts_with(&format!("{width}rem")).then(|| width.parse::<f64>().ok())?
        });
        let widths: Vec<f64> = widths.collect();
        assert!(!widths.is_empty() && widths.iter().all(|width| 16.0 * width <= 348.0), "{widths:?}");
        // What is wider is so only where there is room.
        assert!(
            STYLE.contains("minmax(min(24rem, 100%), 1fr)") && STYLE.contains(".wide { overflow-x: auto; }")
        );
    }
}
