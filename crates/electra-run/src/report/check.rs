//! The rules that every page of ours keeps, for the tests of those who write one: what a validator and a
//! reader of the screen need, as far as the text alone can tell.

use std::collections::BTreeSet;

/// Elements that have no end.
const VOID: [&str; 6] = ["meta", "br", "link", "img", "hr", "input"];

/// The faults of a page, in words: everything that breaks a rule.
///
/// - a document type, a language, a title, a viewport and one `main`
/// - every element is closed where it was opened, and no id stands twice
/// - one `h1`, and no level of headings is left out
/// - drawings have a name; what scrolls can be reached with the keyboard and has a name
/// - tables scroll within the page, and the heads of their columns and rows say which they are
#[must_use]
pub fn faults(page: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for needed in ["<!DOCTYPE html>", "<html lang=\"en\">", "<title>", "<meta name=\"viewport\"", "<main"] {
        if page.matches(needed).count() != 1 {
            faults.push(format!("{needed} stands {} times", page.matches(needed).count()));
        }
    }
    let mut open: Vec<Element> = Vec::new();
    let (mut ids, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut level = 0;
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find(['<', '>']).filter(|&end| rest[end..].starts_with('>'));
        let Some(end) = end else {
            faults.push(format!("a tag without an end: <{}", start_of(rest)));
            continue;
        };
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(element) if element.name == name => {}
                Some(element) => faults.push(format!("</{name}> closes <{}>", element.name)),
                None => faults.push(format!("</{name}> closes nothing")),
            }
            continue;
        }
        let element = Element::of(tag);
        element.check(&open, &mut faults);
        if let Some(id) = element.attribute("id").filter(|id| !ids.insert((*id).to_owned())) {
            faults.push(format!("two elements of the id {id}"));
        }
        if element.attribute("role") == Some("region") {
            let name = element.attribute("aria-label").unwrap_or_default();
            if !names.insert(name.to_owned()) {
                faults.push(format!("two regions of the name {name:?}"));
            }
        }
        if let Some(found) = element.heading() {
            if found > level + 1 || (found == 1) != (level == 0) {
                faults.push(format!("h{found} behind h{level}"));
            }
            level = found;
        }
        // What a style sheet or a script has is no markup.
        if element.name == "style" {
            let Some(end) = rest.find("</style>") else {
                faults.push("a style sheet without an end".to_owned());
                break;
            };
            rest = &rest[end + "</style>".len()..];
            continue;
        }
        if !element.is_closed && !VOID.contains(&element.name) {
            open.push(element);
        }
    }
    faults.extend(open.iter().map(|element| format!("<{}> is not closed", element.name)));
    if level == 0 {
        faults.push("no heading".to_owned());
    }
    faults
}

/// The beginning of a tag.
struct Element<'a> {
    name: &'a str,
    tag: &'a str,
    is_closed: bool,
}

impl<'a> Element<'a> {
    fn of(tag: &'a str) -> Self {
        let is_closed = tag.ends_with('/');
        let name = tag.split([' ', '\n', '/']).next().unwrap_or_default();
        Self { name, tag, is_closed }
    }

    fn attribute(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.tag.split_once(&format!(" {name}=\""))?;
        value.split('"').next()
    }

    fn heading(&self) -> Option<u32> {
        let level = self.name.strip_prefix('h')?.parse().ok()?;
        (1..=6).contains(&level).then_some(level)
    }

    fn has_class(&self, class: &str) -> bool {
        self.attribute("class").is_some_and(|classes| classes.split(' ').any(|own| own == class))
    }

    /// Whether it scrolls by itself.
    fn scrolls(&self) -> bool {
        self.name == "pre" || self.has_class("wide")
    }

    fn check(&self, around: &[Self], faults: &mut Vec<String>) {
        let has_name = self.attribute("aria-label").is_some_and(|name| !name.trim().is_empty());
        let mut expect = |holds: bool, rule: &str| {
            if !holds {
                faults.push(format!("<{}>: {rule}", start_of(self.tag)));
            }
        };
        match self.name {
            "svg" => expect(self.attribute("role") == Some("img") && has_name, "a drawing needs a name"),
            "th" => expect(self.attribute("scope").is_some(), "a head needs a scope"),
            "table" => {
                expect(around.iter().any(Self::scrolls), "a table needs something that scrolls around it")
            }
            _ => {}
        }
        if self.scrolls() {
            let is_reached =
                self.attribute("tabindex") == Some("0") && self.attribute("role") == Some("region");
            expect(is_reached && has_name, "what scrolls needs tabindex, role and a name");
        }
    }
}

fn start_of(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(end, _)| &text[..end])
}

/// The contrast ratio of two colours, given as `#rrggbb` or `#rgb`: from 1 to 21, as WCAG defines it.
///
/// # Panics
/// If one is no such colour.
#[must_use]
pub fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(rgb(one)), luminance(rgb(other)));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Channels from 0 to 1.
fn rgb(colour: &str) -> [f64; 3] {
    let digits = colour.strip_prefix('#').unwrap_or(colour);
    let wide: String = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => digits.to_owned(),
    };
    assert_eq!(wide.len(), 6, "{colour} is no colour");
    [0, 2, 4]
        .map(|at| f64::from(u8::from_str_radix(&wide[at..at + 2], 16).expect("hexadecimal digits")) / 255.0)
}

/// The relative luminance of channels from 0 to 1.
#[must_use]
pub fn luminance(rgb: [f64; 3]) -> f64 {
    let linear = rgb.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::plot::PALETTE;
    use crate::report::{PAGE_END, page_head};

    fn with(body: &str) -> Vec<String> {
        faults(&(page_head("a title", "p::before { content: \"<b>\"; }") + "<h1>a</h1>" + body + PAGE_END))
    }

    #[test]
    fn a_page_that_keeps_the_rules_has_no_fault() {
        let region = "tabindex=\"0\" role=\"region\" aria-label";
        let body = format!(
            "<h2>b</h2><div class=\"wide\" {region}=\"scores\"><table><tr><th scope=\"col\">x</th></tr></table></div>\
             <h3>c</h3><h2>d</h2><pre {region}=\"recipe\">x &lt; y</pre><p id=\"p\">a<br>b</p>\
             <svg role=\"img\" aria-label=\"curve\"><circle r=\"1\"/></svg>"
        );
        assert_eq!(with(&body), Vec::<String>::new());
    }

    #[test]
    fn what_breaks_a_rule_is_told() {
        for (body, told) in [
            ("<p>a<b>c</p></b>", "</p> closes <b>"),
            ("<p>a", "</main> closes <p>"),
            ("<h3>c</h3>", "h3 behind h1"),
            ("<h1>c</h1>", "h1 behind h1"),
            ("<p id=\"x\"></p><p id=\"x\"></p>", "two elements of the id x"),
            ("<main></main>", "<main stands 2 times"),
            ("<svg viewBox=\"0 0 1 1\"></svg>", "a drawing needs a name"),
            ("<pre>a</pre>", "what scrolls needs tabindex"),
            ("<table></table>", "something that scrolls around it"),
            ("<table><tr><th>a</th></tr></table>", "a head needs a scope"),
            ("<p", "a tag without an end"),
        ] {
            let faults = with(body);
            assert!(faults.iter().any(|fault| fault.contains(told)), "{body}: {faults:?}");
        }
        assert!(faults("<p>a</p>").iter().any(|fault| fault == "no heading"));
    }

    /// The colours of a part of the palette by name.
    fn colours(part: &str) -> BTreeMap<&str, &str> {
        let named = part.split("--").skip(1).filter_map(|rest| rest.split(';').next()?.split_once(": "));
        named.collect()
    }

    #[test]
    fn text_stands_out_from_what_is_behind_it_and_lines_from_the_page() {
        let parts: Vec<&str> = PALETTE.split("@media").collect();
        assert_eq!(parts.len(), 3, "light, dark and paper");
        for part in parts {
            let colours = colours(part);
            let text = [
                ("ink", "paper"),
                ("ink", "raised"),
                ("muted", "paper"),
                ("muted", "raised"),
                ("axis", "paper"),
                ("limit", "paper"),
                ("good", "good-wash"),
                ("bad", "bad-wash"),
                ("open", "open-wash"),
                ("muted", "good-wash"),
                ("muted", "bad-wash"),
                ("muted", "open-wash"),
                ("ink", "good-wash"),
                ("ink", "bad-wash"),
                ("ink", "open-wash"),
                ("good", "open-wash"),
                ("open", "good-wash"),
            ];
            for (front, back) in text {
                let found = contrast(colours[front], colours[back]);
                assert!(found >= 4.5, "{front} on {back} is {found:.2} in {part}");
            }
            let lines = ["training", "alone", "held-out", "second", "published"];
            let hues = colours.keys().filter(|name| name.starts_with('h') && name.len() == 2);
            for line in lines.iter().chain(hues) {
                let found = contrast(colours[line], colours["paper"]);
                assert!(found >= 3.0, "{line} on paper is {found:.2} in {part}");
            }
        }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast("#fff", "#000000") - 21.0).abs() < 1e-9);
        // The example of the standard's own notes: #777 on white is just too pale.
        assert!((contrast("#777777", "#fff") - 4.48).abs() < 0.01);
    }
}
