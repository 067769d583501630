//! Documents that nearly repeat an earlier one, found by MinHash.
//!
//! Two documents are near duplicates if their sets of shingles, runs of five words, have a Jaccard similarity of
//! at least the threshold. It is estimated from the minima of 128 hash functions over each set (Broder 1997): two
//! minima are equal with the similarity as probability, so at a similarity of 0.8 the estimate is off by 0.035
//! on average. Documents are only compared if one of 16 bands of 8 minima is the same in both (locality-sensitive
//! hashing; Indyk and Motwani 1998): 95 % of the pairs with a similarity of 0.8, 99.99 % of those with 0.9.
//!
//! Of each minimum its lowest byte is kept (b-bit minwise hashing; Li and König 2010), so a document takes 128
//! bytes, and its 16 places in the table of bands some 130 to 260 more.

use serde::{Deserialize, Serialize};

/// Words of a shingle.
const SHINGLE_WORDS: usize = 5;
/// Hash functions.
const MINIMA: usize = 128;
/// Minima of a band: as many as bytes in a word of the processor.
const BAND: usize = 8;
const BANDS: usize = MINIMA / BAND;

/// The least threshold: of pairs below it, too many share no band.
pub const MIN_THRESHOLD: f64 = 0.7;

/// How near duplicates are told, as manifests state it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deduplication {
    /// Least Jaccard similarity of two documents of which the second is left out.
    pub threshold: f64,
}

/// Documents left out because they nearly repeat an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DuplicateCounts {
    /// Number of documents.
    pub documents: u64,
    /// Bytes of their text.
    pub text_bytes: u64,
}

impl DuplicateCounts {
    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds the counts of other documents.
    pub fn add(&mut self, other: &Self) {
        self.documents += other.documents;
        self.text_bytes += other.text_bytes;
    }
}

/// The signature of a document: the lowest byte of the minimum of each hash function over its shingles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; MINIMA]);

impl Signature {
    /// The signature of a text: a function of its words, whatever their case and what stands between them.
    pub fn of(text: &str) -> Self {
        let words = word_hashes(text);
        let mut minima = [u32::MAX; MINIMA];
        let mut add = |shingle: u64| {
            for (minimum, [factor, summand]) in minima.iter_mut().zip(&HASHES) {
                let hash = shingle.wrapping_mul(*factor).wrapping_add(*summand);
                *minimum = (*minimum).min((hash >> 32) as u32);
            }
        };
        // A text of few words is one shingle, and one without a word is known by its characters.
        match words.len() {
            0 => add(shingle(&text.split_whitespace().map(hash_of).collect::<Vec<_>>())),
            1..=SHINGLE_WORDS => add(shingle(&words)),
            _ => words.windows(SHINGLE_WORDS).for_each(|words| add(shingle(words))),
        }
        Signature(minima.map(|minimum| minimum as u8))
    }

    /// The estimate of the Jaccard similarity of two documents.
    pub fn similarity(&self, other: &Self) -> f64 {
        let equal = self.0.iter().zip(&other.0).filter(|(a, b)| a == b).count();
        // One of 256 bytes is the same although the minima are not.
        let by_chance = 1.0 / 256.0;
        ((equal as f64 / MINIMA as f64 - by_chance) / (1.0 - by_chance)).max(0.0)
    }

    fn band(&self, number: usize) -> u64 {
        let bytes = self.0.as_chunks::<BAND>().0[number];
        u64::from_le_bytes(bytes)
    }
}

/// Documents seen so far that are no near duplicates of each other.
#[derive(Debug)]
pub struct NearDuplicates {
    threshold: f64,
    most: usize,
    kept: Vec<Signature>,
    /// Numbers of documents, from 1, by a hash of each band: open addressing, 0 where there is none.
    table: Vec<u32>,
}

/// More documents than there is memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyDocuments;

impl NearDuplicates {
    /// Bytes of a document that is kept: its signature, which a growing list may hold twice for a moment, and
    /// its places in a table that is at least a quarter and at most half full.
    pub const BYTES_PER_DOCUMENT: u64 = (2 * MINIMA + 4 * 4 * BANDS) as u64;

    /// # Panics
    /// If the threshold is not from [`MIN_THRESHOLD`] to 1.
    pub fn new(threshold: f64, memory_bytes: u64) -> Self {
        assert!((MIN_THRESHOLD..=1.0).contains(&threshold), "a threshold of {threshold}");
        let most = usize::try_from(memory_bytes / Self::BYTES_PER_DOCUMENT).unwrap_or(usize::MAX);
        // Numbers of 32 bits, of which 0 is none.
        let most = most.min(u32::MAX as usize - 1);
        Self { threshold, most, kept: Vec::new(), table: vec![0; 1024] }
    }

    /// Adds a document, unless it nearly repeats one that was added: then true.
    ///
    /// # Errors
    /// If there are more documents than fit into the memory.
    pub fn repeats(&mut self, signature: &Signature) -> Result<bool, TooManyDocuments> {
        let is_near =
            |other: u32| self.kept[other as usize - 1].similarity(signature) >= self.threshold - f64::EPSILON;
        if (0..BANDS).any(|band| self.find(signature, band).is_ok_and(is_near)) {
            return Ok(true);
        }
        self.keep(signature)?;
        Ok(false)
    }

    /// Adds a document whatever it repeats.
    ///
    /// # Errors
    /// If there are more documents than fit into the memory.
    pub fn keep(&mut self, signature: &Signature) -> Result<(), TooManyDocuments> {
        if self.kept.len() >= self.most {
            return Err(TooManyDocuments);
        }
        self.kept.push(*signature);
        if self.kept.len() * BANDS * 2 > self.table.len() {
            // The old table goes before the new one comes: it is made of the signatures again.
            let length = self.table.len() * 2;
            self.table = Vec::new();
            self.table = vec![0; length];
            (1..=self.kept.len()).for_each(|number| self.enter(number));
        } else {
            self.enter(self.kept.len());
        }
        Ok(())
    }

    /// Enters a document into the table, in the bands in which no other has the same minima.
    fn enter(&mut self, number: usize) {
        let signature = self.kept[number - 1];
        for band in 0..BANDS {
            if let Err(place) = self.find(&signature, band) {
                self.table[place] = number as u32;
            }
        }
    }

    /// The first document with the same minima in a band, or the free place in the table where it would stand.
    fn find(&self, signature: &Signature, band: usize) -> Result<u32, usize> {
        let minima = signature.band(band);
        let mask = self.table.len() - 1;
        let mut place = mix(minima.wrapping_add((band as u64) << 56) ^ BAND_SALT) as usize & mask;
        loop {
            match self.table[place] {
                0 => return Err(place),
                // The place may be one of another band of that document: its minima in this band decide.
                number if self.kept[number as usize - 1].band(band) == minima => return Ok(number),
                _ => place = (place + 1) & mask,
            }
        }
    }
}

const BAND_SALT: u64 = 0x6a09_e667_f3bc_c908;

/// An odd factor and a summand for each hash function: a fixed sequence, so that signatures never change.
const HASHES: [[u64; 2]; MINIMA] = {
    let mut hashes = [[0; 2]; MINIMA];
    let mut number = 0;
    while number < MINIMA {
        hashes[number] = [mix(2 * number as u64 + 1) | 1, mix(2 * number as u64 + 2)];
        number += 1;
    }
    hashes
};

/// The finalizer of SplitMix64 behind its increment.
const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn shingle(words: &[u64]) -> u64 {
    words.iter().fold(words.len() as u64, |hash, word| mix(hash ^ word).rotate_left(7))
}

fn hash_of(word: &str) -> u64 {
    word.chars().fold(0, |hash, c| mix(hash ^ u64::from(u32::from(c))))
}

/// A hash of each word: letters and digits that stand together, in lower case; of scripts without spaces every
/// character is a word.
fn word_hashes(text: &str) -> Vec<u64> {
    let mut words = Vec::new();
    let mut word: Option<u64> = None;
    for c in text.chars() {
        if !c.is_alphanumeric() {
            words.extend(word.take());
        } else if is_without_spaces(c) {
            words.extend(word.take());
            words.push(mix(u64::from(u32::from(c))));
        } else {
            let hash =
                c.to_lowercase().fold(word.unwrap_or(0), |hash, c| mix(hash ^ u64::from(u32::from(c))));
            word = Some(hash);
        }
    }
    words.extend(word);
    words
}

/// Whether a letter is of a script that is written without spaces: Chinese, Japanese, Thai, Lao, Burmese, Khmer.
fn is_without_spaces(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF
        | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3134F)
}
