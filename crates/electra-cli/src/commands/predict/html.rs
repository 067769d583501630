//! A page of its own: the input with highlighted entities, and a legend of the types.

use std::io::{self, Write};

use electra_annotations::LabelSet;
use electra_files::shown::in_page;
use electra_ner::{TaggedSentence, Tail};
use electra_run::report;

use super::scores;
use super::text::parts;
use super::writer::Writer;

/// The background colours of the types: of one lightness, on which the page's text can be read, and as many
/// as there are types.
const LIGHTNESS: [u32; 2] = [82, 20];
const SATURATION: u32 = 70;

const STYLE: &str = "\
h1 { font-size: 1.1rem; }
.legend { padding: 0; line-height: 2.2; }
.legend li { display: inline; margin-right: .8rem; }
.text { max-width: 46rem; font: 1.05rem/1.9 Georgia, serif; white-space: pre-wrap; overflow-wrap: anywhere; }
mark { padding: .1em .25em; border-radius: .3em; color: inherit; }
.text mark::after { content: attr(data-type); margin-left: .4em; font: .72em system-ui, sans-serif; }
.counts { color: var(--muted); margin-top: 2rem; font-size: .85rem; }
";

/// By the golden angle: neighbours differ, however many types there are.
fn hue(index: usize) -> usize {
    index * 1375 / 10 % 360
}

pub(super) struct Page {
    /// Types in the order of the legend.
    kinds: Vec<String>,
    title: String,
    /// Entities of each type so far.
    counts: Vec<u64>,
    /// Entities of each type that were left out for their scores.
    left_out: Vec<u64>,
    sentences: u64,
    words: u64,
}

impl Page {
    pub fn new(labels: &LabelSet, title: String) -> Self {
        let kinds: Vec<String> = labels.kinds().into_iter().map(str::to_owned).collect();
        let none = vec![0; kinds.len()];
        Self { counts: none.clone(), left_out: none, kinds, title, sentences: 0, words: 0 }
    }

    fn index(&self, kind: &str) -> usize {
        self.kinds.binary_search_by(|known| known.as_str().cmp(kind)).expect("entities have known types")
    }
}

impl Writer for Page {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let [light, dark] = LIGHTNESS;
        let mut style = format!(
            "{STYLE}:root {{ --light: {light}%; }}\n@media (prefers-color-scheme: dark) {{ :root {{ --light: {dark}%; }} }}\n"
        );
        for index in 0..self.kinds.len() {
            style +=
                &format!(".t{index} {{ background: hsl({} {SATURATION}% var(--light)); }}\n", hue(index));
        }
        out.write_all(report::page_head(&self.title, &style).as_bytes())?;
        writeln!(out, "<h1>{}</h1>\n<ul class=\"legend\">", in_page(&self.title))?;
        for (index, kind) in self.kinds.iter().enumerate() {
            writeln!(out, "<li><mark class=\"t{index}\">{}</mark></li>", in_page(kind))?;
        }
        write!(out, "</ul>\n<div class=\"text\" dir=\"auto\">")
    }

    fn sentence(&mut self, out: &mut dyn Write, tagged: &TaggedSentence) -> io::Result<()> {
        self.sentences += 1;
        self.words += tagged.tags.len() as u64;
        for kind in &tagged.left_out {
            let index = self.index(kind);
            self.left_out[index] += 1;
        }
        let mut scores = tagged.entities.iter().map(|entity| entity.score);
        out.write_all(in_page(&tagged.before).as_bytes())?;
        parts(tagged, |text, kind| {
            let text = in_page(text);
            let Some(kind) = kind else { return out.write_all(text.as_bytes()) };
            let (index, score) = (self.index(kind), scores.next().expect("one for each entity"));
            self.counts[index] += 1;
            let kind = in_page(kind);
            write!(
                out,
                "<mark class=\"t{index}\" data-type=\"{kind}\" title=\"{kind}, {:.1} %\">{text}</mark>",
                100.0 * score
            )
        })
    }

    fn end(&mut self, out: &mut dyn Write, tail: &Tail) -> io::Result<()> {
        writeln!(out, "{}</div>", in_page(&tail.text))?;
        write!(out, "<p class=\"counts\">{} words in {} sentences", self.words, self.sentences)?;
        for (kind, count) in self.kinds.iter().zip(&self.counts) {
            write!(out, ", {count} {}", in_page(kind))?;
        }
        let left_out = self.kinds.iter().map(String::as_str).zip(self.left_out.iter().copied());
        if let Some(left_out) = scores::left_out(left_out) {
            write!(out, ". {}", in_page(&left_out))?;
        }
        write!(out, "</p>\n{}", report::PAGE_END)
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{example, labels, written};
    use super::*;
    use electra_run::report::check::{faults, luminance};

    /// Channels of `hsl(hue SATURATION lightness)`, as CSS has them.
    fn rgb(hue: usize, lightness: u32) -> [f64; 3] {
        let (lightness, saturation) = (f64::from(lightness) / 100.0, f64::from(SATURATION) / 100.0);
        let amplitude = saturation * lightness.min(1.0 - lightness);
        [0.0, 8.0, 4.0].map(|n| {
            let k = (n + hue as f64 / 30.0) % 12.0;
            lightness - amplitude * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0)
        })
    }

    #[test]
    fn text_can_be_read_on_the_colour_of_every_type() {
        // The text is the ink of the page: #1d2024 on light, #e4e6e9 on dark.
        let inks = [[29.0, 32.0, 36.0], [228.0, 230.0, 233.0]].map(|ink| ink.map(|channel| channel / 255.0));
        for ink in [&"#1d2024", &"#e4e6e9"] {
            assert!(electra_run::plot::PALETTE.contains(&format!("--ink: {ink}")), "{ink}");
        }
        for (ink, lightness) in inks.into_iter().zip(LIGHTNESS) {
            for index in 0..360 {
                let [one, other] = [luminance(ink), luminance(rgb(hue(index), lightness))];
                let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
                assert!(contrast >= 4.5, "{contrast:.2} on type {index} of lightness {lightness}");
            }
        }
    }

    #[test]
    fn the_text_is_whole_and_nothing_of_it_becomes_markup() {
        let (sentences, tail) = example();
        let page = written(&mut Page::new(&labels(), "a<b>.txt".into()), &sentences, &tail);
        let main =
            page.split("<div class=\"text\" dir=\"auto\">").nth(1).unwrap().split("</div>").next().unwrap();
        assert_eq!(
            main,
            "\t<mark class=\"t2\" data-type=\"PER\" title=\"PER, 75.0 %\">&lt;Zoë\n😀</mark> &amp; \
             <mark class=\"t1\" data-type=\"ORG\" title=\"ORG, 33.3 %\">R&amp;D</mark>\r\n\
             <mark class=\"t0\" data-type=\"LOC\" title=\"LOC, 100.0 %\">東京</mark>。 \u{200b}\n"
        );
        assert!(page.contains("<title>a&lt;b&gt;.txt</title>") && page.ends_with("</html>\n"), "{page}");
        let mut odd = sentences;
        odd[0].sentence.text = odd[0].sentence.text.replace("Zo", "\x1b\x7f").replace('ë', "\u{9b}");
        let shown = written(&mut Page::new(&labels(), "a".into()), &odd, &tail);
        assert!(shown.contains("&lt;\u{fffd}\u{fffd}\u{fffd}\n😀</mark>"), "{shown}");
        assert!(page.contains("7 words in 2 sentences, 1 LOC, 1 ORG, 1 PER"), "{page}");
        for (index, kind) in ["LOC", "ORG", "PER"].iter().enumerate() {
            assert!(page.contains(&format!("<li><mark class=\"t{index}\">{kind}</mark></li>")), "{page}");
        }
        assert_eq!(faults(&page), Vec::<String>::new());
        for outside in ["http", "src=", "href=", "url("] {
            assert!(!page.contains(outside), "{outside} in a page of its own");
        }
    }
}
