//! Words that survive a POSIX shell: `it's` → `'it'\''s'`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// `word` as a shell must be given it to have it as one word. Words without special characters stay as they are.
pub fn quote(word: &OsStr) -> OsString {
    let bytes = word.as_bytes();
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_-./:@%+,".contains(b);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        return word.to_os_string();
    }
    let mut quoted = vec![b'\''];
    for &byte in bytes {
        match byte {
            b'\'' => quoted.extend_from_slice(b"'\\''"),
            other => quoted.push(other),
        }
    }
    quoted.push(b'\'');
    OsString::from_vec(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn words_of_all_kinds() {
        for (word, quoted) in [
            ("/usr/bin/ampirun", "/usr/bin/ampirun"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\\''s'"),
            ("$(reboot)", "'$(reboot)'"),
            ("~", "'~'"),
            ("a=b", "'a=b'"),
        ] {
            assert_eq!(quote(OsStr::new(word)), quoted);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
        #[test]
        fn a_shell_gives_the_word_back(bytes in proptest::collection::vec(1u8.., 0..40)) {
            let mut line = OsString::from("printf %s ");
            line.push(quote(OsStr::from_bytes(&bytes)));
            let output = Command::new("sh").arg("-c").arg(line).output().unwrap();
            prop_assert_eq!(output.stdout, bytes);
        }
    }
}
