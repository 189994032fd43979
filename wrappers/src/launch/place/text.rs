//! The place of a mistake in a text that a user wrote.

use super::super::Refusal;
use std::fmt;

/// A text in which something is wrong: what, where, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadText {
    /// Name of an option, a variable or a file.
    pub source: String,
    /// Line in a file, from 1.
    pub line: Option<usize>,
    /// Character in the line or the value, from 1.
    pub column: usize,
    /// The wrong part.
    pub part: String,
    pub why: String,
}

impl fmt::Display for BadText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}:{}: ", self.source, self.column)?,
            None => write!(f, "{}, character {}: ", self.source, self.column)?,
        }
        if self.part.is_empty() {
            write!(f, "{}", self.why)
        } else {
            write!(f, "\"{}\" {}", self.part, self.why)
        }
    }
}

impl From<BadText> for Refusal {
    fn from(bad: BadText) -> Refusal {
        Refusal::usage(bad.to_string())
    }
}

/// A line or a value that is being read.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    pub source: &'a str,
    pub line: Option<usize>,
    pub whole: &'a str,
}

impl<'a> Text<'a> {
    /// The value of an option or a variable.
    pub fn value(source: &'a str, whole: &'a str) -> Text<'a> {
        Text { source, line: None, whole }
    }

    /// A mistake at `part`, a slice of the text.
    pub fn wrong(&self, part: &str, why: impl Into<String>) -> BadText {
        let offset = (part.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize);
        let before = self.whole.get(..offset).unwrap_or("");
        BadText {
            source: self.source.into(),
            line: self.line,
            column: before.chars().count() + 1,
            part: part.into(),
            why: why.into(),
        }
    }

    /// A whole number of at least 1.
    pub fn count(&self, part: &str, of: &str) -> Result<usize, BadText> {
        match part.parse::<usize>() {
            Ok(n) if (1..=1 << 20).contains(&n) => Ok(n),
            Ok(0) => Err(self.wrong(part, format!("is no number of {of}: at least 1 is needed"))),
            Ok(_) => Err(self.wrong(part, format!("is more {of} than can be ({})", 1 << 20))),
            Err(_) => Err(self.wrong(part, format!("is no number of {of}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_told() {
        let text = Text::value("--host", "hé:1,h2:x");
        assert_eq!(
            text.count(&text.whole[9..], "slots").unwrap_err().to_string(),
            "--host, character 9: \"x\" is no number of slots"
        );
        let text = Text { source: "hosts", line: Some(3), whole: "h1 slots=0" };
        assert_eq!(
            text.count(&text.whole[9..], "slots").unwrap_err().to_string(),
            "hosts:3:10: \"0\" is no number of slots: at least 1 is needed"
        );
        let refusal = Refusal::from(text.wrong("", "names no host"));
        assert_eq!((refusal.code, refusal.why.as_str()), (2, "hosts:3:1: names no host"));
    }
}
