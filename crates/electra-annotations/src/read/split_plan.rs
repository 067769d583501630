//! Division of annotated texts into training, development and test data.

use std::collections::HashMap;
use std::mem;
use std::str::FromStr;

use super::error::ReadError;
use super::text::AnnotatedText;

/// The names of the parts, in the order of their shares.
const PARTS: [&str; 3] = ["train", "dev", "test"];

/// A plan by which labelled data is divided into training, development and, perhaps, test data.
///
/// Texts of one document stay together, and so do documents that are equal: what a tagger is tested on, it has not
/// learned. The order in which documents are dealt out is that of the hash of their text and the seed, not that of the
/// file, so that in data which grows most of them stay where they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitPlan {
    /// Shares of the parts, two or three, none of them 0.
    shares: Vec<u32>,
    seed: u64,
}

/// A text that states no shares.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
#[error("{0:?} states no shares of training, development and test data")]
#[diagnostic(help(
    "give two or three whole numbers above 0, such as 80/10/10, or 90/10 for no test data; they need not add up to 100"
))]
pub struct NoShares(
    /// The text.
    pub String,
);

/// The thing that stays whole when data is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitUnit {
    /// Documents: the data says which texts are of one.
    Document,
    /// Texts, or sentences where the format has no others.
    Text,
}

/// Texts that were divided.
pub(super) struct Divided {
    pub unit: SplitUnit,
    /// Each part by its name, with its texts in the order of the files.
    pub parts: Vec<(&'static str, Vec<AnnotatedText>)>,
}

impl FromStr for SplitPlan {
    type Err = NoShares;

    /// Reads shares such as `80/10/10`, for the seed 0.
    fn from_str(text: &str) -> Result<Self, NoShares> {
        let shares: Option<Vec<u32>> = text.split('/').map(|share| share.trim().parse().ok()).collect();
        let is_usable = |shares: &Vec<u32>| (2..=PARTS.len()).contains(&shares.len()) && !shares.contains(&0);
        let shares = shares.filter(is_usable).ok_or_else(|| NoShares(text.to_owned()))?;
        Ok(Self { shares, seed: 0 })
    }
}

impl SplitPlan {
    /// The same shares, drawn with another seed than 0.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// The names of the parts, `train` first.
    pub fn parts(&self) -> impl Iterator<Item = &'static str> {
        PARTS.into_iter().take(self.shares.len())
    }

    /// Divides texts; shares are of their characters.
    ///
    /// # Errors
    /// Fewer different units than parts.
    pub(super) fn divide(&self, mut texts: Vec<AnnotatedText>) -> Result<Divided, ReadError> {
        let files = files_of(&texts);
        let is_document = |text: &AnnotatedText| text.document.is_some() || text.stands_alone;
        let unit = if texts.iter().all(is_document) { SplitUnit::Document } else { SplitUnit::Text };
        let mut groups = self.groups(&texts, &files);
        let parts = self.shares.len();
        if groups.len() < parts {
            return Err(ReadError::TooFewToDivide { units: groups.len(), parts });
        }
        groups.sort_by(|a, b| (a.hash, a.texts[0]).cmp(&(b.hash, b.texts[0])));
        let mut of_text = vec![0; texts.len()];
        for (part, range) in self.cuts(&groups).windows(2).enumerate() {
            for group in &groups[range[0]..range[1]] {
                group.texts.iter().for_each(|&text| of_text[text] = part);
            }
        }
        let mut divided: Vec<(&'static str, Vec<AnnotatedText>)> =
            self.parts().map(|name| (name, Vec::new())).collect();
        let mut last_file = vec![None; parts];
        for ((text, &part), file) in texts.iter_mut().zip(&of_text).zip(files) {
            // The first of a file in its part begins there what the first of all began.
            text.begins_file = last_file[part].replace(file) != Some(file);
            divided[part].1.push(mem::take(text));
        }
        Ok(Divided { unit, parts: divided })
    }

    /// Units with the same content, together.
    fn groups(&self, texts: &[AnnotatedText], files: &[usize]) -> Vec<Group> {
        let mut units: Vec<Vec<usize>> = Vec::new();
        let mut of_document: HashMap<(usize, &str), usize> = HashMap::new();
        for (at, text) in texts.iter().enumerate() {
            match text.document.as_deref() {
                None => units.push(vec![at]),
                Some(name) => {
                    let unit = *of_document.entry((files[at], name)).or_insert(units.len());
                    match units.get_mut(unit) {
                        Some(unit) => unit.push(at),
                        None => units.push(vec![at]),
                    }
                }
            }
        }
        let mut groups: HashMap<[u8; 32], Group> = HashMap::new();
        for unit in units {
            let mut hasher = blake3::Hasher::new();
            hasher.update(&self.seed.to_le_bytes());
            for &at in &unit {
                // Length before content: no two units give the same bytes.
                hasher.update(&(texts[at].text.len() as u64).to_le_bytes());
                hasher.update(texts[at].text.as_bytes());
            }
            let hash = *hasher.finalize().as_bytes();
            let group = groups.entry(hash).or_insert(Group { hash, texts: Vec::new(), characters: 0 });
            // A unit of nothing counts as well.
            group.characters += unit.iter().map(|&at| texts[at].text.chars().count()).sum::<usize>().max(1);
            group.texts.extend(unit);
        }
        groups.into_values().collect()
    }

    /// The places between the parts among groups in their order, with the first and the last place: as close to the
    /// shares as they come, and no part empty.
    fn cuts(&self, groups: &[Group]) -> Vec<usize> {
        let mut before = vec![0];
        before.extend(groups.iter().scan(0, |sum, group| {
            *sum += group.characters;
            Some(*sum)
        }));
        let total = before[groups.len()] as f64;
        let all: f64 = self.shares.iter().copied().map(f64::from).sum();
        let (mut cuts, mut wanted) = (vec![0], 0.0);
        for (part, share) in self.shares.iter().enumerate() {
            wanted += f64::from(*share) / all * total;
            let parts_left = self.shares.len() - 1 - part;
            let places = cuts[part] + 1..=groups.len() - parts_left;
            let miss = |&at: &usize| (before[at] as f64 - wanted).abs();
            let closest = places.min_by(|a, b| miss(a).total_cmp(&miss(b)));
            cuts.push(if parts_left == 0 { groups.len() } else { closest.expect("enough groups") });
        }
        cuts
    }
}

/// Units with the same content.
struct Group {
    hash: [u8; 32],
    /// Numbers of their texts.
    texts: Vec<usize>,
    characters: usize,
}

/// The number of the file that each text is from.
fn files_of(texts: &[AnnotatedText]) -> Vec<usize> {
    let mut file = 0;
    let number = |(at, text): (usize, &AnnotatedText)| {
        file += usize::from(at > 0 && text.begins_file);
        file
    };
    texts.iter().enumerate().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, document: Option<&str>) -> AnnotatedText {
        AnnotatedText { text: text.into(), document: document.map(Into::into), ..AnnotatedText::default() }
    }

    fn plan(shares: &str, seed: u64) -> SplitPlan {
        SplitPlan { seed, ..shares.parse().unwrap() }
    }

    /// The texts of each part.
    fn divided(plan: &SplitPlan, texts: Vec<AnnotatedText>) -> Vec<Vec<String>> {
        let parts = plan.divide(texts).unwrap().parts;
        parts.into_iter().map(|(_, texts)| texts.into_iter().map(|text| text.text).collect()).collect()
    }

    #[test]
    fn shares_are_two_or_three_numbers() {
        assert_eq!(plan("80/10/10", 0).parts().collect::<Vec<_>>(), ["train", "dev", "test"]);
        assert_eq!(plan(" 9/1", 0).parts().collect::<Vec<_>>(), ["train", "dev"]);
        for wrong in ["", "80", "80/0/20", "80/10/5/5", "80/-1", "a/b", "80/10/", ".8/.2"] {
            assert_eq!(wrong.parse::<SplitPlan>(), Err(NoShares(wrong.to_owned())));
        }
    }

    #[test]
    fn every_text_is_in_one_part_and_parts_are_as_large_as_their_shares() {
        let texts: Vec<AnnotatedText> = (0..1000).map(|n| text(&format!("text {n:04}"), None)).collect();
        let parts = divided(&plan("80/15/5", 3), texts.clone());
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [800, 150, 50]);
        let mut all = parts.concat();
        assert!(parts.iter().all(|part| part.is_sorted()), "in the order of the file");
        all.sort();
        assert_eq!(all, texts.iter().map(|text| text.text.clone()).collect::<Vec<_>>());
        // The same seed divides in the same way, in whatever order the texts come; another one does not.
        let backwards = divided(&plan("80/15/5", 3), texts.iter().rev().cloned().collect());
        assert!(backwards.iter().zip(&parts).all(|(a, b)| a.iter().rev().eq(b)));
        assert_ne!(divided(&plan("80/15/5", 4), texts.clone()), parts);
        // Of data that grows by a quarter, few texts change their part.
        let more: Vec<AnnotatedText> = (0..1250).map(|n| text(&format!("text {n:04}"), None)).collect();
        let larger = divided(&plan("80/15/5", 3), more);
        let moved = (0..3).map(|part| parts[part].iter().filter(|text| !larger[part].contains(text)).count());
        assert!(moved.sum::<usize>() < 50);
    }

    #[test]
    fn documents_and_equal_texts_stay_together() {
        let texts = (0..300).map(|n| text(&format!("{}", n % 50), Some(&format!("{}", n / 6)))).collect();
        let mut part_of: HashMap<String, usize> = HashMap::new();
        let Divided { unit, parts } = plan("6/2/2", 0).divide(texts).unwrap();
        assert_eq!(unit, SplitUnit::Document);
        for (part, (_, texts)) in parts.iter().enumerate() {
            assert!(!texts.is_empty());
            for text in texts {
                let document = text.document.as_deref().unwrap().to_owned();
                assert_eq!(*part_of.entry(document).or_insert(part), part);
            }
        }
        let copies = (0..300).map(|n| text(&format!("text {}", n % 30), None)).collect();
        let parts = divided(&plan("6/2/2", 0), copies);
        for a in 0..3 {
            assert!(!parts[a].is_empty());
            let shared = |b: usize| parts[a].iter().any(|text| parts[b].contains(text));
            assert!((a + 1..3).all(|b| !shared(b)));
        }
        // A document of another file is another one, whatever its name.
        let mut files = vec![text("a", Some("1")), text("b", Some("1"))];
        files[1].begins_file = true;
        assert_eq!(divided(&plan("1/1", 0), files.clone()).concat().len(), 2);
        files[1].begins_file = false;
        assert!(matches!(
            plan("1/1", 0).divide(files),
            Err(ReadError::TooFewToDivide { units: 1, parts: 2 })
        ));
    }

    #[test]
    fn no_part_is_empty_however_unlike_the_units_are() {
        for sizes in [[1, 1, 1000], [1000, 1, 1], [1, 1000, 1]] {
            let texts = sizes.iter().map(|&size| text(&"x".repeat(size), None));
            // Equal texts would be one unit.
            let texts = texts.enumerate().map(|(n, t)| text(&format!("{n}{}", t.text), None)).collect();
            let parts = divided(&plan("98/1/1", 1), texts);
            assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
        }
    }
}
