//! Expectations against output. A pattern is plain text, or a regex between slashes; `{name}` is replaced first.

use regex::Regex;

/// Values for the names in braces.
pub type Names<'a> = &'a [(&'a str, &'a str)];

/// A pattern as written; it becomes a matcher once the values of a run are known.
#[derive(Debug, Clone)]
pub struct Pattern(String);

/// A pattern with all names replaced.
#[derive(Debug)]
pub enum Matcher {
    Text(String),
    Regex(Regex),
}

impl Pattern {
    pub fn new(text: &str) -> Result<Pattern, String> {
        let pattern = Pattern(text.into());
        if text.is_empty() {
            return Err("an empty pattern matches nothing one could want".into());
        }
        pattern.matcher(&[
            ("rank", "0"),
            ("vp", "1"),
            ("p", "1"),
            ("dir", "d"),
            ("src", "s"),
            ("tmp", "t"),
        ])?;
        Ok(pattern)
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn matcher(&self, names: Names) -> Result<Matcher, String> {
        match self.0.strip_prefix('/').and_then(|t| t.strip_suffix('/')) {
            Some(inner) if self.0.len() > 2 => {
                let quoted: Vec<(&str, String)> = names.iter().map(|(n, v)| (*n, regex::escape(v))).collect();
                let quoted: Vec<(&str, &str)> = quoted.iter().map(|(n, v)| (*n, v.as_str())).collect();
                let text = fill(inner, &quoted);
                Regex::new(&text).map(Matcher::Regex).map_err(|e| format!("the regex {text} is wrong: {e}"))
            }
            _ => Ok(Matcher::Text(fill(&self.0, names))),
        }
    }
}

impl Matcher {
    /// Is (text) or contains (regex) the pattern.
    pub fn line(&self, line: &str) -> bool {
        match self {
            Matcher::Text(text) => line.trim_end() == text,
            Matcher::Regex(regex) => regex.is_match(line),
        }
    }

    /// Contains the pattern.
    pub fn within(&self, line: &str) -> bool {
        match self {
            Matcher::Text(text) => line.contains(text.as_str()),
            Matcher::Regex(regex) => regex.is_match(line),
        }
    }
}

/// Replaces `{name}` by its value.
pub fn fill(text: &str, names: Names) -> String {
    names.iter().fold(text.to_string(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The first difference of two lists of lines, told to a reader.
pub fn first_difference(ours: &[String], theirs: &[String]) -> Option<String> {
    let at = (0..ours.len().max(theirs.len())).find(|&i| ours.get(i) != theirs.get(i))?;
    let show = |lines: &[String]| lines.get(at).map_or("(nothing more)".to_string(), |l| format!("\"{l}\""));
    Some(format!("line {}: ours {}, MPICH {}", at + 1, show(ours), show(theirs)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_whole_line_and_regex_a_part_of_it() {
        let text =
            Pattern::new("rank {rank} of {vp}").unwrap().matcher(&[("rank", "3"), ("vp", "8")]).unwrap();
        assert!(text.line("rank 3 of 8") && !text.line("rank 3 of 80") && text.within("> rank 3 of 80"));
        let regex = Pattern::new("/of {vp}$/").unwrap().matcher(&[("vp", "8")]).unwrap();
        assert!(regex.line("rank 3 of 8") && !regex.line("rank 3 of 80"));
    }

    #[test]
    fn braces_of_a_regex_survive() {
        let regex = Pattern::new(r"/^\d{3}$/").unwrap().matcher(&[("vp", "8")]).unwrap();
        assert!(regex.line("123") && !regex.line("12"));
    }

    #[test]
    fn the_first_difference_is_named() {
        let lines = |t: &str| t.lines().map(String::from).collect::<Vec<_>>();
        assert_eq!(first_difference(&lines("a\nb"), &lines("a\nb")), None);
        let told = first_difference(&lines("a\nb"), &lines("a")).unwrap();
        assert_eq!(told, "line 2: ours \"b\", MPICH (nothing more)");
    }
}
