//! The demonstration of a discriminator on held-out text in which some words were swapped for others.

use std::io::IsTerminal;

use electra_pretrain::{Detection, Detector};
use electra_run::seed::{Purpose, stream};
use electra_text::{Examples, Tokenizer};
use rand::{Rng, RngExt};

use crate::commands::detect::coloured;
use crate::output;

/// Words taken from a row, and how many of them are swapped.
const WORDS: usize = 24;
const SWAPS: usize = 3;

/// Sentences that are shown, and rows that are counted.
const SHOWN: usize = 3;
const COUNTED: usize = 150;

/// Text with some words from elsewhere in it.
struct Swapped {
    words: Vec<String>,
    /// Which words, and what stood there.
    swaps: Vec<(usize, String)>,
}

impl Swapped {
    fn text(&self) -> String {
        self.words.join(" ")
    }

    /// The swapped words and the original ones, each by how replaced its most suspicious piece
    /// looks.
    fn judged(&self, detections: &[Detection]) -> (Vec<f64>, Vec<f64>) {
        let (mut swapped, mut original) = (vec![], vec![]);
        let mut start = 0;
        for (i, word) in self.words.iter().enumerate() {
            let end = start + word.chars().count();
            let pieces = detections.iter().filter(|d| d.start >= start && d.end <= end);
            if let Some(p) = pieces.map(|d| d.probability).reduce(f64::max) {
                let is_swapped = self.swaps.iter().any(|(place, _)| *place == i);
                if is_swapped { &mut swapped } else { &mut original }.push(p);
            }
            start = end + 1;
        }
        (swapped, original)
    }
}

/// Prints swapped held-out sentences with each word coloured by how replaced it looks, and how
/// often a swapped word looks more replaced than an original one of its sentence.
pub fn show(detector: &Detector, rows: &Examples) {
    let tokenizer = detector.tokenizer();
    let mut rng = stream(7, Purpose::Evaluate, 0);
    let (mut won, mut pairs) = (0.0, 0usize);
    for number in 0..COUNTED {
        let swapped = swap(rows, tokenizer, &mut rng);
        let text = swapped.text();
        let detections = detector.detect(&text);
        let (fakes, originals) = swapped.judged(&detections);
        for fake in &fakes {
            for original in &originals {
                won += if fake > original { 1.0 } else { f64::from(u8::from(fake == original)) / 2.0 };
                pairs += 1;
            }
        }
        if number < SHOWN {
            let terminal = output::has_colours(std::io::stdout().is_terminal());
            let shown = if terminal { coloured(&text, &detections) } else { marked(&text, &detections) };
            let list: Vec<String> = swapped
                .swaps
                .iter()
                .map(|(place, was)| format!("{} (was {was})", swapped.words[*place]))
                .collect();
            println!("  {shown}\n  swapped in: {}\n", list.join(", "));
        }
    }
    println!(
        "In {COUNTED} such sentences a swapped word looks more replaced than an original one in {:.0} of 100 \
         pairs (chance: 50).\n",
        100.0 * won / pairs.max(1) as f64
    );
}

/// A held-out row in which words were exchanged for words of other rows.
fn swap(rows: &Examples, tokenizer: &Tokenizer, rng: &mut impl Rng) -> Swapped {
    let special = tokenizer.special();
    let words_of = |row: usize| -> Vec<String> {
        let ids = rows.get(row).ids;
        let text = tokenizer.decode(ids.iter().filter(|&id| !special.contains(id)));
        // A row may begin within a word.
        text.split_whitespace().skip_while(|word| word.starts_with("##")).map(str::to_string).collect()
    };
    let is_word = |word: &str| word.chars().count() > 3 && word.chars().all(char::is_alphabetic);
    let mut words = words_of(rng.random_range(0..rows.len()));
    words.truncate(WORDS);
    let mut places: Vec<usize> = (0..words.len()).filter(|&i| is_word(&words[i])).collect();
    let mut swaps: Vec<(usize, String)> = vec![];
    while swaps.len() < SWAPS && !places.is_empty() {
        let place = places.swap_remove(rng.random_range(0..places.len()));
        let mut others = words_of(rng.random_range(0..rows.len()));
        others.retain(|other| is_word(other) && !words.contains(other));
        if others.is_empty() {
            continue;
        }
        let other = others.swap_remove(rng.random_range(0..others.len()));
        swaps.push((place, std::mem::replace(&mut words[place], other)));
    }
    swaps.sort();
    Swapped { words, swaps }
}

/// The text with the probability behind each token that looks replaced.
fn marked(text: &str, detections: &[Detection]) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    for d in detections {
        out.extend(&characters[at.min(d.end)..d.end]);
        if d.probability >= 0.3 {
            out += &format!("[{:.0}%]", d.probability * 100.0);
        }
        at = d.end;
    }
    out.extend(&characters[at.min(characters.len())..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(start: usize, end: usize, probability: f64) -> Detection {
        Detection { token: String::new(), start, end, probability }
    }

    #[test]
    fn a_word_is_judged_by_its_most_suspicious_piece() {
        let words = ["the", "bänker", "sat"].map(str::to_string).to_vec();
        let swapped = Swapped { words, swaps: vec![(1, "cat".into())] };
        let pieces =
            [detection(0, 3, 0.1), detection(4, 7, 0.2), detection(7, 10, 0.9), detection(11, 14, 0.3)];
        assert_eq!(swapped.judged(&pieces), (vec![0.9], vec![0.1, 0.3]));
    }

    #[test]
    fn marks_stand_behind_the_tokens_that_look_replaced() {
        assert_eq!(marked("ab cd.", &[detection(0, 2, 0.1), detection(3, 5, 0.42)]), "ab cd[42%].");
    }
}
