//! Any bytes as texts that every process manager keeps whole.
//!
//! PMI-1 cuts a value at the first blank and, silently, at its greatest length (1023 characters with hydra); PMI-2 cuts at
//! a semicolon. So bytes travel as hexadecimal digits, long ones in pieces under several keys:
//!
//! ```text
//! key ampi-wire-3      "2:48656c6c6f…"     number of pieces, then the first digits
//! key ampi-wire-3.1    "20776f726c64…"     the next ones
//! ```
//!
//! 1. The key names the process, so a board without ranks (PMI-1, PMI-2) serves as one with ranks.
//! 2. `joined(pieces(v)) == v` for all bytes and all lengths of texts.

use crate::error::{Error, Result};
use std::fmt::Write;

/// Longest key: with the rank and the number of a piece it stays below the 64 characters of all process managers.
pub const KEY_BYTES_MAX: usize = 32;
/// Longest value; addresses have some hundred bytes.
pub const VALUE_BYTES_MAX: usize = 64 << 10;
/// Room for the number of pieces in front of the first digits.
const HEAD: usize = 8;

/// A board of texts: what PMI-1 and PMI-2 have in common.
pub(super) trait Board {
    /// Longest text that it keeps.
    fn text_max(&self) -> usize;
    fn put(&mut self, key: &str, text: &str) -> Result<()>;
    fn get(&mut self, key: &str) -> Result<Option<String>>;
}

/// Puts `value` of process `rank` on the board.
pub(super) fn publish(board: &mut dyn Board, rank: usize, key: &str, value: &[u8]) -> Result<()> {
    check(key, value)?;
    for (number, piece) in pieces(value, board.text_max()).iter().enumerate() {
        board.put(&name(key, rank, number), piece)?;
    }
    Ok(())
}

/// Fetches what process `rank` published under `key`.
pub(super) fn lookup(board: &mut dyn Board, rank: usize, key: &str) -> Result<Option<Vec<u8>>> {
    check(key, &[])?;
    let Some(first) = board.get(&name(key, rank, 0))? else { return Ok(None) };
    let damaged = || Error::Launcher {
        who: "process manager".into(),
        why: format!("what process {rank} published as {key} came back damaged"),
    };
    let (count, _) = split(&first).ok_or_else(damaged)?;
    let mut texts = vec![first];
    for number in 1..count {
        texts.push(board.get(&name(key, rank, number))?.ok_or_else(damaged)?);
    }
    joined(&texts).map(Some).ok_or_else(damaged)
}

/// Refuses keys and values that do not fit.
pub(super) fn check(key: &str, value: &[u8]) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.chars().all(plain) {
        return Err(Error::Setting {
            name: format!("key \"{key}\""),
            why: format!("a key has 1 to {KEY_BYTES_MAX} letters, digits, - and _"),
        });
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(Error::Setting {
            name: format!("value of {key}"),
            why: format!("{} bytes are more than {VALUE_BYTES_MAX}", value.len()),
        });
    }
    Ok(())
}

fn name(key: &str, rank: usize, piece: usize) -> String {
    if piece == 0 { format!("ampi-{key}-{rank}") } else { format!("ampi-{key}-{rank}.{piece}") }
}

/// `value` as texts of at most `text_max` characters; `text_max` is at least 16.
pub(super) fn pieces(value: &[u8], text_max: usize) -> Vec<String> {
    let bytes = (text_max.max(16) - HEAD) / 2;
    let mut parts: Vec<&[u8]> = value.chunks(bytes).collect();
    if parts.is_empty() {
        parts.push(&[]);
    }
    let mut texts: Vec<String> = parts.iter().map(|part| hex(part)).collect();
    texts[0].insert_str(0, &format!("{}:", parts.len()));
    texts
}

/// The bytes of texts that [`pieces`] made; `None` when they are not such texts.
pub(super) fn joined(texts: &[String]) -> Option<Vec<u8>> {
    let (first, rest) = texts.split_first()?;
    let (count, head) = split(first)?;
    if count != texts.len() {
        return None;
    }
    let mut value = bytes(head)?;
    for text in rest {
        value.extend(bytes(text)?);
    }
    Some(value)
}

fn split(first: &str) -> Option<(usize, &str)> {
    let (count, digits) = first.split_once(':')?;
    let count = count.parse().ok().filter(|n| (1..=VALUE_BYTES_MAX).contains(n))?;
    Some((count, digits))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let value = |c: u8| char::from(c).to_digit(16);
    let pairs = digits.chunks(2).map(|p| match p {
        [high, low] => Some((value(*high)? * 16 + value(*low)?) as u8),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    struct Shelf {
        texts: HashMap<String, String>,
        text_max: usize,
    }

    impl Board for Shelf {
        fn text_max(&self) -> usize {
            self.text_max
        }
        fn put(&mut self, key: &str, text: &str) -> Result<()> {
            assert!(key.len() < 64 && text.len() <= self.text_max);
            self.texts.insert(key.into(), text.into());
            Ok(())
        }
        fn get(&mut self, key: &str) -> Result<Option<String>> {
            Ok(self.texts.get(key).cloned())
        }
    }

    proptest! {
        #[test]
        fn pmi_values_come_back(value in proptest::collection::vec(any::<u8>(), 0..3000), text_max in 16usize..1100) {
            let mut shelf = Shelf { texts: HashMap::new(), text_max };
            publish(&mut shelf, 7, "wire", &value).unwrap();
            prop_assert!(shelf.texts.values().all(|t| t.chars().all(|c| c.is_ascii_hexdigit() || c == ':')));
            prop_assert_eq!(lookup(&mut shelf, 7, "wire").unwrap(), Some(value));
            prop_assert_eq!(lookup(&mut shelf, 8, "wire").unwrap(), None);
        }

        #[test]
        fn pmi_texts_of_any_kind_are_read_without_panic(texts in proptest::collection::vec(".*", 0..4)) {
            let _ = joined(&texts);
        }
    }

    #[test]
    fn damaged_pmi_values_are_errors() {
        let mut shelf = Shelf { texts: HashMap::new(), text_max: 16 };
        publish(&mut shelf, 0, "wire", b"0123456789").unwrap();
        assert_eq!(shelf.texts.len(), 3);
        shelf.texts.remove("ampi-wire-0.2");
        let why = lookup(&mut shelf, 0, "wire").unwrap_err().to_string();
        assert!(why.contains("process 0 published as wire came back damaged"), "{why}");
        for text in ["", "1", "x:00", "0:", "2:00", "1:0", "1:0g", "99999999999999999999:00"] {
            assert_eq!(joined(&[text.to_string()]), None, "{text}");
        }
    }

    #[test]
    fn pmi_keys_and_sizes_are_checked() {
        for key in ["", "a b", "a=b", "a;b", "x".repeat(KEY_BYTES_MAX + 1).as_str()] {
            assert!(check(key, &[]).is_err(), "{key}");
        }
        assert!(check("wire", &vec![0; VALUE_BYTES_MAX]).is_ok());
        let why = check("wire", &vec![0; VALUE_BYTES_MAX + 1]).unwrap_err().to_string();
        assert!(why.contains("65537 bytes are more than 65536"), "{why}");
        assert!(name(&"x".repeat(KEY_BYTES_MAX), 1 << 24, VALUE_BYTES_MAX).len() < 64);
    }
}
