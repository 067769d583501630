//! A page of its own: the input with highlighted entities, and a legend of the types.

use std::io::{self, Write};

use electra_annotations::LabelSet;
use electra_files::shown::in_page;
use electra_ner::predict::{TaggedSentence, Tail};

use super::Writer;
use super::text::parts;

const STYLE: &str = "\
:root { color-scheme: light dark; --light: 82%; --back: #fff; --front: #1c1c1c; }
@media (prefers-color-scheme: dark) { :root { --light: 28%; --back: #181818; --front: #e4e4e4; } }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1.05rem/1.9 Georgia, serif;
  background: var(--back); color: var(--front); }
h1, .legend, footer { font-family: system-ui, sans-serif; }
h1 { font-size: 1.1rem; overflow-wrap: anywhere; }
.legend { padding: 0; line-height: 2.2; }
.legend li { display: inline; margin-right: .8rem; }
main { white-space: pre-wrap; overflow-wrap: anywhere; }
mark { padding: .1em .25em; border-radius: .3em; color: inherit; }
main mark::after { content: attr(data-type); margin-left: .4em; font: .65em system-ui, sans-serif; opacity: .7; }
footer { margin-top: 2rem; font-size: .85rem; opacity: .8; }
";

pub(super) struct Page {
    /// Types in the order of the legend.
    kinds: Vec<String>,
    title: String,
    /// Entities of each type so far.
    counts: Vec<u64>,
    sentences: u64,
    words: u64,
}

impl Page {
    pub fn new(labels: &LabelSet, title: String) -> Self {
        let kinds: Vec<String> = labels.kinds().into_iter().map(str::to_owned).collect();
        Self { counts: vec![0; kinds.len()], kinds, title, sentences: 0, words: 0 }
    }

    fn index(&self, kind: &str) -> usize {
        self.kinds.binary_search_by(|known| known.as_str().cmp(kind)).expect("entities have known types")
    }
}

impl Writer for Page {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let title = in_page(&self.title);
        writeln!(out, "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">")?;
        writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
        writeln!(out, "<title>{title}</title>\n<style>\n{STYLE}")?;
        for index in 0..self.kinds.len() {
            // By the golden angle: neighbours differ, however many types there are.
            let hue = index * 1375 / 10 % 360;
            writeln!(out, ".t{index} {{ background: hsl({hue} 70% var(--light)); }}")?;
        }
        writeln!(out, "</style>\n</head>\n<body>\n<h1>{title}</h1>\n<ul class=\"legend\">")?;
        for (index, kind) in self.kinds.iter().enumerate() {
            writeln!(out, "<li><mark class=\"t{index}\">{}</mark></li>", in_page(kind))?;
        }
        write!(out, "</ul>\n<main dir=\"auto\">")
    }

    fn sentence(&mut self, out: &mut dyn Write, tagged: &TaggedSentence) -> io::Result<()> {
        self.sentences += 1;
        self.words += tagged.tags.len() as u64;
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
        writeln!(out, "{}</main>", in_page(&tail.text))?;
        write!(out, "<footer>{} words in {} sentences", self.words, self.sentences)?;
        for (kind, count) in self.kinds.iter().zip(&self.counts) {
            write!(out, ", {count} {}", in_page(kind))?;
        }
        writeln!(out, "</footer>\n</body>\n</html>")
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::{example, labels, written};
    use super::*;

    #[test]
    fn the_text_is_whole_and_nothing_of_it_becomes_markup() {
        let (sentences, tail) = example();
        let page = written(&mut Page::new(&labels(), "a<b>.txt".into()), &sentences, &tail);
        let main = page.split("<main dir=\"auto\">").nth(1).unwrap().split("</main>").next().unwrap();
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
        for outside in ["http", "src=", "href=", "url("] {
            assert!(!page.contains(outside), "{outside} in a page of its own");
        }
    }
}
