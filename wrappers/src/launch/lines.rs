//! A stream of a process, handed on line by line: lines of several processes do not mix.

use std::io::{self, Read};

/// A line that is longer goes in pieces.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Hands on whole lines of a stream until it ends, or until `take` wants no more.
pub fn forward(mut stream: impl Read, mut take: impl FnMut(Vec<u8>) -> bool) {
    let mut waiting = Vec::new();
    let mut bytes = [0; 8192];
    loop {
        let count = match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        waiting.extend_from_slice(&bytes[..count]);
        let whole = whole_lines(&waiting);
        if whole > 0 && !take(waiting.drain(..whole).collect()) {
            return;
        }
    }
    if !waiting.is_empty() {
        take(waiting);
    }
}

/// How many bytes at the start are whole lines, or a piece of one that is too long.
fn whole_lines(bytes: &[u8]) -> usize {
    match bytes.iter().rposition(|b| *b == b'\n') {
        Some(end) => end + 1,
        None if bytes.len() >= LINE_BYTES_MAX => bytes.len(),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives its bytes in the cuts that it was told.
    struct Cut<'a>(Vec<&'a [u8]>);

    impl Read for Cut<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let part = self.0.remove(0);
            buffer[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    fn forwarded(stream: impl Read) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        forward(stream, |lines| {
            all.push(lines);
            true
        });
        all
    }

    #[test]
    fn lines_go_whole() {
        let parts = vec![&b"on"[..], b"e\ntw", b"o\nthree\nfo", b"ur"];
        assert_eq!(forwarded(Cut(parts)), [&b"one\n"[..], b"two\nthree\n", b"four"]);
    }

    #[test]
    fn a_line_without_end_goes_in_pieces() {
        let long = vec![b'x'; 3 * LINE_BYTES_MAX];
        let pieces = forwarded(&long[..]);
        assert!(pieces.len() >= 3 && pieces.concat() == long);
    }

    #[test]
    fn nothing_is_read_for_who_wants_no_more() {
        let mut taken = 0;
        forward(Cut(vec![b"a\n", b"b\n", b"c"]), |_| {
            taken += 1;
            taken < 2
        });
        assert_eq!(taken, 2);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_line_is_cut(text in "[ab\n]{0,60}", size in 1usize..9) {
            let pieces = forwarded(Cut(text.as_bytes().chunks(size).collect()));
            prop_assert_eq!(pieces.concat(), text.as_bytes());
            let before_last = pieces.len().saturating_sub(1);
            prop_assert!(pieces[..before_last].iter().all(|p| p.ends_with(b"\n")));
        }
    }
}
