use super::*;

fn counts(words: &[(&str, u64)]) -> RunCounts {
    words.iter().map(|&(word, count)| (word.into(), count)).collect()
}

#[test]
fn the_alphabet_holds_the_most_frequent_characters_that_cover_the_share() {
    // α: 6, β: 3, γ: 1 of 10 characters.
    let words = counts(&[("ααβ", 3), ("γ", 1)]);
    let alphabet = |coverage| {
        let mut characters: Vec<char> = alphabet(&words, coverage).into_iter().collect();
        characters.sort_unstable();
        String::from_iter(characters)
    };
    assert_eq!(alphabet(0.0), "");
    assert_eq!(alphabet(0.6), "α");
    assert_eq!(alphabet(0.61), "αβ");
    assert_eq!(alphabet(0.9), "αβ");
    assert_eq!(alphabet(1.0), "αβγ");
}

#[test]
fn rare_ascii_characters_belong_to_the_alphabet() {
    let found = alphabet(&counts(&[("α", 1000), ("!", 1), ("γ", 1)]), 0.9);
    assert_eq!(found, AHashSet::from(['α', '!']));
}
