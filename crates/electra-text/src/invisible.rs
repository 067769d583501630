//! Characters that are not seen: white space, and what takes no room by itself.

/// Whether a character by itself is white space, or takes no room.
pub fn is_invisible(c: char) -> bool {
    c.is_whitespace() || is_zero_width(c)
}

/// Whether anything in `text` is to be seen: something that is neither white space nor a control or
/// format character, such as a zero-width space or a byte order mark.
pub fn has_visible(text: &str) -> bool {
    // What is attached to a character that is seen stands behind it.
    text.chars().any(|c| !is_invisible(c))
}

/// Whether a character that is no white space takes no room by itself: a control or format character
/// (category Cf, but for those that are seen), a filler, a variation selector.
pub fn is_zero_width(c: char) -> bool {
    match u32::from(c) {
        0..0x80 => c.is_ascii_control() && !matches!(c, '\t'..='\r'),
        0xAD
        | 0x34F
        | 0x61C
        | 0x115F
        | 0x1160
        | 0x180B..=0x180F
        | 0x200B..=0x200F
        | 0x202A..=0x202E
        | 0x2060..=0x206F
        | 0x3164
        | 0xFE00..=0xFE0F
        | 0xFEFF
        | 0xFFA0
        | 0xFFF9..=0xFFFB
        | 0x1D173..=0x1D17A
        | 0xE0000..=0xE0FFF => true,
        _ => c.is_control() && !c.is_whitespace(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_no_room_is_no_white_space() {
        for c in
            ['\0', '\u{1b}', '\u{7f}', '\u{80}', '\u{ad}', '\u{200b}', '\u{202e}', '\u{2066}', '\u{feff}']
        {
            assert!(is_zero_width(c) && is_invisible(c) && !c.is_whitespace(), "{c:?}");
        }
        for c in [' ', '\t', '\n', '\u{b}', '\r', '\u{85}', '\u{a0}', '\u{2028}', '\u{3000}'] {
            assert!(!is_zero_width(c) && is_invisible(c), "{c:?}");
        }
        let both = ('\0'..=char::MAX).find(|&c| is_zero_width(c) && c.is_whitespace());
        assert_eq!(both, None);
    }

    #[test]
    fn text_is_seen_if_one_of_its_characters_is() {
        for text in ["", " \t\r\n", "\u{200b}\u{feff} \u{ad}", "\u{3000}\u{2069}\u{1}"] {
            assert!(!has_visible(text), "{text:?}");
        }
        for text in ["a", "\u{200b}.", "\u{301}", "\u{feff}東", " \u{e000}"] {
            assert!(has_visible(text), "{text:?}");
        }
    }
}
