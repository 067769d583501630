//! Raw text to words and sentences: every place is right, in bytes and in characters.

mod properties;
mod sentences;

use electra_annotations::{Word, WordDivision, divide, trimmed, without_unseen, words};

fn split(text: &str) -> Vec<&str> {
    words(text).map(|word| word.of(text)).collect()
}

fn spaced(text: &str) -> String {
    split(text).join(" | ")
}

#[test]
fn punctuation_is_separated_and_belongs_to_words_where_corpora_have_it_so() {
    for (text, expected) in [
        ("Obama's visit (1996-08-22).", "Obama | 's | visit | ( | 1996-08-22 | ) | ."),
        ("I don't know O'Brien’s rock'n'roll.", "I | don't | know | O'Brien | ’s | rock'n'roll | ."),
        ("the boys' toys, 'quoted' ''too''", "the | boys | ' | toys | , | ' | quoted | ' | '' | too | ''"),
        (
            "It costs $3.5 or 1,000%, at 10:30 on 24/12/1996.",
            "It | costs | $ | 3.5 | or | 1,000 | % | , | at | 10:30 | on | 24/12/1996 | .",
        ),
        (
            "U.S.-based AT&T of the U.K., e.g. at 5 p.m.",
            "U.S.-based | AT&T | of | the | U.K. | , | e.g. | at | 5 | p.m.",
        ),
        (
            "Mr. Smith Jr. of Acme Inc. met Dr.Jones",
            "Mr. | Smith | Jr. | of | Acme | Inc. | met | Dr. | Jones",
        ),
        (
            "J. K. Rowling and J.-P. Sartre ate vitamin C. So did I. He",
            "J. | K. | Rowling | and | J.-P. | Sartre | ate | vitamin | C. | So | did | I | . | He",
        ),
        ("a Ph.D. in Bonn.The end.", "a | Ph.D. | in | Bonn | . | The | end | ."),
        ("No. 5 said no. Then Sen. Day sat.", "No. | 5 | said | no | . | Then | Sen. | Day | sat | ."),
        ("Wait... what?!! -- Yes…", "Wait | ... | what | ? | !! | -- | Yes | …"),
        ("(and/or) Jean-Luc's – \"x_y\"", "( | and | / | or | ) | Jean-Luc | 's | – | \" | x_y | \""),
        ("F-16s, COVID-19, 80km", "F-16s | , | COVID-19 | , | 80km"),
    ] {
        assert_eq!(spaced(text), expected, "{text}");
    }
}

#[test]
fn addresses_and_names_of_users_are_one_word() {
    for (text, expected) in [
        ("Mail j.doe+x@mail.example.org, now.", "Mail | j.doe+x@mail.example.org | , | now | ."),
        (
            "See https://en.wikipedia.org/wiki/Bonn_(city)?a=1#b. Or (http://x.org/).",
            "See | https://en.wikipedia.org/wiki/Bonn_(city)?a=1#b | . | Or | ( | http://x.org/ | ) | .",
        ),
        ("www.bbc.co.uk, bit.ly/3xY and node.js!", "www.bbc.co.uk | , | bit.ly/3xY | and | node.js | !"),
        ("RT @_user1: #NowPlaying @ 5 # x", "RT | @_user1 | : | #NowPlaying | @ | 5 | # | x"),
        ("http:// and mailto:me@x.org看", "http | : | / | / | and | mailto:me@x.org | 看"),
        ("me@localhost", "me | @localhost"),
    ] {
        assert_eq!(spaced(text), expected, "{text}");
    }
}

#[test]
fn scripts_without_spaces_are_divided_by_characters_and_kana_by_script() {
    for (text, expected) in [
        ("東京タワーへ行くよ。", "東 | 京 | タワー | へ | 行 | くよ | 。"),
        ("らーめん、ジョン・スミス、ﾃﾞｰﾀ", "らーめん | 、 | ジョン | ・ | スミス | 、 | ﾃﾞｰﾀ"),
        ("iPhone手机3部，佐々木", "iPhone | 手 | 机 | 3 | 部 | ， | 佐 | 々 | 木"),
        ("김대중은 서울에", "김대중은 | 서울에"),
        ("กำ", "กำ"),
        ("กรุง", "ก | รุ | ง"),
    ] {
        assert_eq!(spaced(text), expected, "{text}");
    }
}

#[test]
fn what_is_attached_to_a_character_stays_with_it() {
    // Text, and its words with their places in code points.
    for (text, expected) in [
        // A family of five code points with joiners, a flag, a keycap, a heart with its selector.
        (
            "Hi👩‍👩‍👧🇩🇪1️⃣❤️!",
            vec![("Hi", 0, 2), ("👩‍👩‍👧", 2, 7), ("🇩🇪", 7, 9), ("1️⃣", 9, 12), ("❤️", 12, 14), ("!", 14, 15)],
        ),
        // Skin tones, and two of the same.
        ("👍🏽👍🏽 ok", vec![("👍🏽", 0, 2), ("👍🏽", 2, 4), ("ok", 5, 7)]),
        // Decomposed: the accents are code points of their own.
        ("Jose\u{301} Nguye\u{302}\u{303}n", vec![("Jose\u{301}", 0, 5), ("Nguye\u{302}\u{303}n", 6, 14)]),
        // A soft hyphen stays in its word; unseen characters around words do not belong to them.
        ("\u{feff}co\u{ad}op\u{200b} \u{200b}x\u{200f}", vec![("co\u{ad}op", 1, 6), ("x", 9, 10)]),
        // A mark without a letter is a word, also behind a space.
        ("a \u{301}b", vec![("a", 0, 1), ("\u{301}", 2, 3), ("b", 3, 4)]),
        // Right to left, with vowel points and an abbreviation.
        (
            "שָׁלוֹם צה\"ל، العربية.",
            vec![("שָׁלוֹם", 0, 7), ("צה\"ל", 8, 12), ("،", 12, 13), ("العربية", 14, 21), (".", 21, 22)],
        ),
        // A joiner that the script needs.
        ("می\u{200c}خواهم", vec![("می\u{200c}خواهم", 0, 8)]),
        ("a\tb\u{a0}c\r\nd\u{3000}e", vec![("a", 0, 1), ("b", 2, 3), ("c", 4, 5), ("d", 7, 8), ("e", 9, 10)]),
    ] {
        let found: Vec<Word> = words(text).collect();
        let places: Vec<_> =
            found.iter().map(|word| (word.of(text), word.chars.start, word.chars.end)).collect();
        assert_eq!(places, expected, "{text:?}");
    }
}

#[test]
fn every_mark_is_a_word_where_marks_are_divided() {
    for (text, expected) in [
        (
            "the mid-paris dog in #rome with @anna",
            "the | mid | - | paris | dog | in | # | rome | with | @ | anna",
        ),
        ("Dr. O'Neil's 3.5% ...", "Dr | . | O | ' | Neil | ' | s | 3 | . | 5 | % | . | . | ."),
        (
            "me@x.org, http://x.org/a_b",
            "me | @ | x | . | org | , | http | : | / | / | x | . | org | / | a | _ | b",
        ),
        ("Die Ber\u{ad}li\u{ad}ner Firma", "Die | Ber\u{ad}li\u{ad}ner | Firma"),
        (
            "\u{feff}\u{202a}Anna\u{202c} \u{2066}B\u{61c}ee\u{2069}-\u{200b}Tom",
            "Anna | B\u{61c}ee | - | Tom",
        ),
        (
            "東京タワーは高い、iPhone手机3部，佐々木",
            "東 | 京 | タワー | は | 高 | い | 、 | iPhone | 手 | 机 | 3 | 部 | ， | 佐 | 々 | 木",
        ),
        ("らーめん ラーメンx", "らー | め | ん | ラーメン | x"),
        ("กรุง 김대중은 می\u{200c}خواهم", "ก | รุ | ง | 김대중은 | می\u{200c}خواهم"),
        (
            "Jose\u{301} 👩\u{200d}👧❤\u{fe0f}1\u{fe0f}\u{20e3} हिन्दी\u{200b}",
            "Jose\u{301} | 👩\u{200d}👧 | ❤\u{fe0f} | 1\u{fe0f}\u{20e3} | हिन्दी",
        ),
        (" \t\u{feff} ", ""),
    ] {
        let found: Vec<&str> = divide(text, WordDivision::Marks).map(|word| word.of(text)).collect();
        assert_eq!(found.join(" | "), expected, "{text:?}");
    }
}

#[test]
fn what_is_not_seen_belongs_to_no_word_or_tag_at_its_ends() {
    for (given, word, tag) in [
        ("\u{feff}Kiel\u{200b}", "Kiel", "Kiel"),
        (" \u{2066}B\u{200b}-LOC\u{2069}\u{a0}", "B\u{200b}-LOC", "B-LOC"),
        ("work of\u{a0}art", "work of\u{a0}art", "work of\u{a0}art"),
        // Attached to a letter or a sign.
        ("می\u{200c}", "می\u{200c}", "می\u{200c}"),
        ("❤\u{fe0f}", "❤\u{fe0f}", "❤\u{fe0f}"),
        ("Jose\u{301}", "Jose\u{301}", "Jose\u{301}"),
        // A word that was given is one, whatever it is.
        (" \u{200b} ", "\u{200b}", ""),
        (" ", "", ""),
    ] {
        assert_eq!((trimmed(given), without_unseen(given).as_ref()), (word, tag), "{given:?}");
    }
}
