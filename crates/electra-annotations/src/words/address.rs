//! Addresses of the web and of mail, found where a word starts.

use super::cluster::{Class, cluster_at};

/// The longest scheme that is looked for.
const MAX_SCHEME: usize = 16;

/// The longest name in front of `@` (RFC 5321), and the longest host behind it.
const MAX_MAILBOX: usize = 64;
const MAX_HOST: usize = 255;

/// Longer addresses are cut here: what a browser takes, and a bound for reading ahead.
const MAX_ADDRESS: usize = 2048;

/// The end of the address that starts at `start`, if one starts there.
pub(super) fn end_at(text: &str, start: usize) -> Option<usize> {
    let rest = &text.as_bytes()[start..];
    let length =
        |max: usize, is_part: fn(&u8) -> bool| rest.iter().take(max).take_while(|b| is_part(b)).count();
    let scheme = length(MAX_SCHEME, |byte| byte.is_ascii_alphanumeric() || b"+.-".contains(byte));
    let prefix = match &rest[scheme..] {
        [b':', b'/', b'/', ..] => scheme + 3,
        _ if rest.len() > 7 && rest[..7].eq_ignore_ascii_case(b"mailto:") => 7,
        _ if rest.len() > 4 && rest[..4].eq_ignore_ascii_case(b"www.") => 4,
        _ => {
            let mailbox =
                length(MAX_MAILBOX + 1, |byte| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte));
            return mail_end(text, start + mailbox);
        }
    };
    let body = start + prefix;
    let first = cluster_at(text, body)?;
    // "http://" alone is no address, and neither is "http://)".
    (first.is_written() || first.base == '[').then(|| tail_end(text, first.end))
}

/// The end of an address of mail, whose `@` is expected at `at`.
fn mail_end(text: &str, at: usize) -> Option<usize> {
    let host = text.as_bytes().get(at..)?.strip_prefix(b"@")?;
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    let host = &host[..host.iter().take(MAX_HOST).take_while(is_part).count()];
    let trailing = host.iter().rev().take_while(|byte| b".-".contains(byte)).count();
    let host = &host[..host.len() - trailing];
    let dot = host.iter().rposition(|&byte| byte == b'.')?;
    let top = &host[dot + 1..];
    if dot == 0 || top.len() < 2 || !top.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    // A mark on the last letter belongs to it.
    cluster_at(text, at + host.len()).map(|last| last.end)
}

/// The end of an address that is known to reach `from`: at white space, a quotation mark, an angle bracket or
/// East Asian text, without the punctuation of the sentence around it.
pub(super) fn tail_end(text: &str, from: usize) -> usize {
    let mut end = from;
    let mut open = [0i32; 2];
    while let Some(next) = cluster_at(text, end) {
        let is_outside = match next.class {
            Class::Space | Class::Unseen | Class::Alone | Class::Hiragana | Class::Katakana => true,
            Class::Sign => matches!(
                next.base,
                '<' | '>' | '"' | '`' | '|' | '^' | '{' | '}' | '\u{2018}'..='\u{201f}' | '«' | '»'
                    | '\u{3000}'..='\u{303f}' | '\u{ff00}'..='\u{ffef}' | '…'
            ),
            Class::Letter | Class::Digit => false,
        };
        if is_outside || next.end - from > MAX_ADDRESS {
            break;
        }
        match next.base {
            '(' => open[0] += 1,
            ')' => open[0] -= 1,
            '[' => open[1] += 1,
            ']' => open[1] -= 1,
            _ => {}
        }
        end = next.end;
    }
    while end > from {
        match text.as_bytes()[end - 1] {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*' | b'_' | b'~' | b'(' | b'[' => {}
            b')' if open[0] < 0 => open[0] += 1,
            b']' if open[1] < 0 => open[1] += 1,
            _ => break,
        }
        end -= 1;
    }
    end
}
