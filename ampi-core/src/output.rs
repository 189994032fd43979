//! What ranks print, with their number: marks of lines, names of files.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Each line with its rank before it, each ended: what [`tag_output`](crate::job::JobSpec::tag_output) asks for.
pub fn tagged(rank: u32, lines: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(lines.len() + 16);
    for line in lines.split_inclusive(|&c| c == b'\n') {
        text.extend_from_slice(format!("[{rank}] ").as_bytes());
        text.extend_from_slice(line);
    }
    if text.last().is_some_and(|&c| c != b'\n') {
        text.push(b'\n');
    }
    text
}

/// The file of a rank for a pattern of [`output_filename`](crate::job::JobSpec::output_filename): `%r` is the rank; without it the rank is appended.
pub fn file_name(pattern: &Path, rank: u32) -> PathBuf {
    let text = pattern.as_os_str().as_bytes();
    let (mut name, mut rest, mut found) = (Vec::new(), text, false);
    while let Some((&c, after)) = rest.split_first() {
        rest = after;
        if c == b'%' && after.first() == Some(&b'r') {
            name.extend_from_slice(rank.to_string().as_bytes());
            (rest, found) = (&after[1..], true);
        } else {
            name.push(c);
        }
    }
    if !found {
        name.extend_from_slice(format!(".{rank}").as_bytes());
    }
    OsString::from_vec(name).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_rank_and_an_end() {
        assert_eq!(tagged(3, b"a\n\nb"), b"[3] a\n[3] \n[3] b\n");
        assert_eq!(tagged(3, b""), b"");
    }

    #[test]
    fn names_of_files_have_the_rank() {
        let name = |p: &str| file_name(Path::new(p), 12).display().to_string();
        assert_eq!([name("o"), name("a%r/%rb%"), name("%s")], ["o.12", "a12/12b%", "%s.12"]);
    }
}
