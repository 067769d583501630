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

#[test]
fn counts_beyond_32_bits_are_scaled_down_and_rare_words_stay() {
    let mut words = counts(&[("the", 4_000_000_000), ("zebra", 3)]);
    scale_down(&mut words, MAX_PAIRS);
    // 8,000,000,012 pairs, half the limit is 1,073,741,823: divided by 8.
    assert_eq!(words, counts(&[("the", 500_000_000), ("zebra", 1)]));
    let mut small = counts(&[("the", 3)]);
    scale_down(&mut small, 6);
    assert_eq!(small, counts(&[("the", 3)]));
}
