//! Rust text without comments and strings: each of their letters becomes a blank, lines stay lines.

/// The code of `text`.
pub fn code(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let end = end_of_text(&letters, at);
        if end > at {
            out.extend(letters[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(letters[at]);
            at += 1;
        }
    }
    out
}

/// The code without the tests in it: everything from `#[cfg(test)]` before a module to the end.
pub fn code_without_tests(text: &str) -> String {
    let code = code(text);
    let test = ["#[cfg(test)]\nmod ", "#[cfg(all(test"].iter().filter_map(|mark| code.find(mark)).min();
    code[..test.unwrap_or(code.len())].to_string()
}

/// Where the comment, string or character that starts at `at` ends; `at` itself when none starts there.
fn end_of_text(letters: &[char], at: usize) -> usize {
    let next = |i: usize| letters.get(i).copied().unwrap_or('\0');
    let before = if at == 0 { ' ' } else { letters[at - 1] };
    let inside_word = before.is_alphanumeric() || before == '_';
    match letters[at] {
        '/' if next(at + 1) == '/' => find(letters, at, |i| letters[i] == '\n'),
        '/' if next(at + 1) == '*' => end_of_block(letters, at),
        'r' if !inside_word && (next(at + 1) == '"' || next(at + 1) == '#') => end_of_raw(letters, at),
        '"' => end_of_string(letters, at),
        // A character, not a lifetime.
        '\'' if next(at + 1) == '\\' => find(letters, at + 3, |i| letters[i] == '\'') + 1,
        '\'' if next(at + 2) == '\'' => at + 3,
        _ => at,
    }
}

fn find(letters: &[char], from: usize, wanted: impl Fn(usize) -> bool) -> usize {
    (from..letters.len()).find(|&i| wanted(i)).unwrap_or(letters.len())
}

fn end_of_block(letters: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut i = at;
    while i < letters.len() {
        match (letters[i], letters.get(i + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                i += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                i += 2;
                if depth == 0 {
                    return i;
                }
            }
            _ => i += 1,
        }
    }
    letters.len()
}

fn end_of_string(letters: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < letters.len() {
        match letters[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    letters.len()
}

/// `r"…"`, `r##"…"##`; `r#name` is no string.
fn end_of_raw(letters: &[char], at: usize) -> usize {
    let hashes = letters[at + 1..].iter().take_while(|&&c| c == '#').count();
    if letters.get(at + 1 + hashes) != Some(&'"') {
        return at;
    }
    let closes = |i: usize| {
        letters[i] == '"' && letters[i + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes
    };
    (find(letters, at + 2 + hashes, closes) + 1 + hashes).min(letters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_become_blank_and_code_stays() {
        for (text, kept) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            ("f(\"x\\\"y\") z", "f(      ) z"),
            ("r#\"a\"b\"# c", "         c"),
            ("'\"' 'a: &'a str '\\'' x", "    'a: &'a str      x"),
            ("r#type for x", "r#type for x"),
        ] {
            assert_eq!(code(text), kept, "{text}");
        }
    }

    #[test]
    fn tests_at_the_end_are_left_out() {
        assert_eq!(code_without_tests("a\n#[cfg(test)]\nmod tests { b }"), "a\n");
        assert_eq!(code_without_tests("#[cfg(test)]\nfn helper() {}"), "#[cfg(test)]\nfn helper() {}");
    }
}
