//! The known word that is nearest to a mistyped one.

/// The nearest of `known` to `word`, when it is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).clamp(1, 3);
    let best = known.into_iter().map(|k| (distance(word, k), k)).min_by_key(|(d, _)| *d)?;
    (best.0 <= limit).then_some(best.1)
}

/// Least number of letters to insert, delete, replace or swap with the neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_found_and_other_words_are_not() {
        let known = ["--oversubscribe", "--timeout", "--verbose", "+vp", "+p"];
        assert_eq!(nearest("--oversubscibe", known), Some("--oversubscribe"));
        assert_eq!(nearest("--timeotu", known), Some("--timeout"));
        assert_eq!(nearest("+vq", known), Some("+vp"));
        assert_eq!(nearest("--colour", known), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn a_swap_costs_one() {
        assert_eq!(distance("abcd", "abdc"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
