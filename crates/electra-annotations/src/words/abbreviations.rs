//! Words whose full stop is part of them and ends no sentence.

/// Abbreviations in any case.
#[rustfmt::skip]
const ANY_CASE: &[&str] = &[
    // English.
    "al", "approx", "apt", "ave", "blvd", "bros", "cf", "corp", "dept", "est", "etc", "hon", "inc", "jr", "ltd",
    "messrs", "mr", "mrs", "ms", "msgr", "mt", "prof", "rd", "sr", "tel", "vs",
    // German, Danish, Dutch, French, Spanish, Italian.
    "bzw", "ca", "dhr", "evtl", "f.eks", "geb", "ggf", "hr", "inkl", "kr", "mevr", "mio", "mme", "mrd", "osv",
    "sra", "srta", "str", "usw", "vgl",
    // More than one letter at the end.
    "b.sc", "m.sc",
];

/// Abbreviations if they start with a capital; without it they are words.
#[rustfmt::skip]
const CAPITALISED: &[&str] = &[
    "adm", "apr", "assn", "aug", "brig", "capt", "cmdr", "co", "col", "cpl", "dec", "dr", "feb", "fr", "ft", "gen",
    "gov", "jan", "lt", "maj", "nov", "oct", "pres", "pvt", "rep", "rev", "sen", "sept", "sgt", "st", "univ",
];

/// Abbreviations in front of a number.
#[rustfmt::skip]
const NUMBERED: &[&str] = &[
    "abs", "art", "bd", "ch", "eq", "fig", "figs", "no", "nos", "nr", "p", "pp", "sec", "vol",
];

/// White space that is looked through for what follows: a bound for reading ahead.
const MAX_SPACE: usize = 64;

/// Whether the full stop behind `word`, with `behind` after it, belongs to the word.
pub(super) fn is_abbreviated(word: &str, behind: &str) -> bool {
    // The longest in the lists have six letters.
    if word.len() > 6 {
        return false;
    }
    let lower = word.to_lowercase();
    let is_in = |list: &[&str]| list.contains(&lower.as_str());
    is_in(ANY_CASE)
        || (word.starts_with(char::is_uppercase) && is_in(CAPITALISED))
        || (next_seen(behind).is_some_and(|c| c.is_ascii_digit()) && is_in(NUMBERED))
}

/// Whether `letter`, with a full stop and `behind` after it, is the initial of a name: a capital
/// in front of another. `I` ends more sentences than it begins names.
pub(super) fn is_initial(letter: char, behind: &str) -> bool {
    let name = behind.strip_prefix('-').unwrap_or(behind);
    letter.is_uppercase() && letter != 'I' && next_seen(name).is_some_and(char::is_uppercase)
}

fn next_seen(text: &str) -> Option<char> {
    text.chars().take(MAX_SPACE).find(|c| !c.is_whitespace())
}
