//! Host names with ranges, as Slurm writes them: `n[1-3,07]` → n1 n2 n3 n07.
//!
//! 1. A name may have several brackets; the last one counts fastest: `r[0-1]n[1-2]` → r0n1 r0n2 r1n1 r1n2.
//! 2. Numbers keep the width in which the first of a range is written: `[08-10]` → 08 09 10.
//! 3. At most [`NAMES_MAX`] names come out of one text.

use super::text::{BadText, Text};

/// More hosts than any cluster has: a slip such as `n[1-99999999]` is told instead of filling the memory.
pub const NAMES_MAX: usize = 1 << 16;

/// Parts between commas, without those inside brackets.
pub fn split_list(list: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (at, c) in list.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

/// The names of one part of a list; the part is a slice of `text`.
pub fn expand(text: &Text<'_>, part: &str) -> Result<Vec<String>, BadText> {
    let mut names = vec![String::new()];
    let mut rest = part;
    while let Some(open) = rest.find('[') {
        if let Some(stray) = rest[..open].find(']') {
            return Err(text.wrong(&rest[stray..=stray], "has no [ before it"));
        }
        let Some(close) = rest.find(']') else {
            return Err(text.wrong(&rest[open..], "has no ]"));
        };
        let numbers = numbers(text, &rest[open + 1..close])?;
        if names.len().saturating_mul(numbers.len()) > NAMES_MAX {
            return Err(text.wrong(part, format!("stands for more than {NAMES_MAX} hosts")));
        }
        let literal = &rest[..open];
        names = names
            .iter()
            .flat_map(|name| numbers.iter().map(move |number| format!("{name}{literal}{number}")))
            .collect();
        rest = &rest[close + 1..];
    }
    if let Some(stray) = rest.find(']') {
        return Err(text.wrong(&rest[stray..=stray], "has no [ before it"));
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok(names)
}

/// `1-3,07` → 1 2 3 07.
fn numbers(text: &Text<'_>, list: &str) -> Result<Vec<String>, BadText> {
    let mut all = Vec::new();
    for item in list.split(',') {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let read = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse::<u64>().ok().filter(|_| plain)
        };
        let (Some(from), Some(to)) = (read(first), read(last)) else {
            return Err(text.wrong(item, "is neither a number nor a range of numbers"));
        };
        if from > to {
            return Err(text.wrong(item, "goes down"));
        }
        if to - from >= NAMES_MAX as u64 || all.len() + (to - from) as usize >= NAMES_MAX {
            return Err(text.wrong(item, format!("stands for more than {NAMES_MAX} hosts")));
        }
        let width = first.len();
        all.extend((from..=to).map(|n| format!("{n:0width$}")));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(part: &str) -> Result<Vec<String>, String> {
        expand(&Text::value("V", part), part).map_err(|e| e.to_string())
    }

    #[test]
    fn as_slurm_writes_them() {
        for (part, expected) in [
            ("n1", "n1"),
            ("n[1-3]", "n1 n2 n3"),
            ("n[1,3-4,07]", "n1 n3 n4 n07"),
            ("n[08-11]", "n08 n09 n10 n11"),
            ("r[0-1]n[1-2]", "r0n1 r0n2 r1n1 r1n2"),
            ("n[1-2]-ib", "n1-ib n2-ib"),
            ("", ""),
        ] {
            assert_eq!(names(part).unwrap().join(" "), expected, "{part}");
        }
        assert_eq!(split_list("n[1,3],m,k[1-2]x[3,4]"), ["n[1,3]", "m", "k[1-2]x[3,4]"]);
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (part, why) in [
            ("n[1-3", "V, character 2: \"[1-3\" has no ]"),
            ("n1]", "V, character 3: \"]\" has no [ before it"),
            ("n]x[1]", "V, character 2: \"]\" has no ["),
            ("n[3-1]", "V, character 3: \"3-1\" goes down"),
            ("n[1,a]", "V, character 5: \"a\" is neither"),
            ("n[]", "is neither a number"),
            ("n[1-]", "\"1-\" is neither"),
            ("n[+1]", "\"+1\" is neither"),
            ("n[1-99999999]", "more than 65536 hosts"),
            ("n[1-50000,1-50000]", "more than 65536 hosts"),
            ("a[1-1000]b[1-1000]", "more than 65536 hosts"),
            ("n[0-18446744073709551615]", "more than 65536 hosts"),
            ("n[99999999999999999999]", "neither a number"),
        ] {
            let told = names(part).unwrap_err();
            assert!(told.contains(why), "{part}: {told}");
        }
    }

    proptest! {
        #[test]
        fn every_range_comes_out_whole(from in 0u64..200, many in 0u64..50, width in 1usize..6) {
            let to = from + many;
            let part = format!("n[{from:0width$}-{to:0width$}]x");
            let expected: Vec<String> = (from..=to).map(|n| format!("n{n:0width$}x")).collect();
            prop_assert_eq!(names(&part).unwrap(), expected);
        }

        #[test]
        fn lists_split_and_join(parts in proptest::collection::vec("[a-z]{1,3}(\\[[0-9,]{1,5}\\])?", 1..6)) {
            let list = parts.join(",");
            prop_assert_eq!(split_list(&list), parts);
        }

        #[test]
        fn any_text_is_read_without_panic(part in "[n0-9,\\[\\]é-]{0,20}") {
            let _ = names(&part);
            let _ = split_list(&part);
        }
    }
}
