//! Links of documents lead somewhere: every relative `[text](path)` of a Markdown file exists, and its `#part` is a
//! heading of that file.

use super::File;
use std::path::{Component, Path, PathBuf};

pub fn check(files: &[File], exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|f| f.extension() == "md") {
        for target in targets(&file.text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, part) = target.split_once('#').unwrap_or((target, ""));
            let folder = file.path.parent().unwrap_or(Path::new(""));
            let path = if path.is_empty() { file.path.clone() } else { plain(&folder.join(path)) };
            if !exists(&path) && !files.iter().any(|f| f.path == path) {
                complaints.push(format!("{}: the link {target} leads nowhere", file.name()));
            } else if !part.is_empty()
                && !headings(files, &path).is_none_or(|all| all.iter().any(|h| h == part))
            {
                complaints.push(format!("{}: {} has no heading #{part}", file.name(), path.display()));
            }
        }
    }
    complaints
}

/// Targets of links, outside blocks of code.
fn targets(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            block = !block;
        }
        if block || line.starts_with("    ") {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let rest = &line[at + 2..];
            all.extend(rest.find(')').map(|end| &rest[..end]));
        }
    }
    all
}

/// The names that headings of a document have in links.
fn headings(files: &[File], path: &Path) -> Option<Vec<String>> {
    let file = files.iter().find(|f| f.path == path && f.extension() == "md")?;
    let titles = file.text.lines().filter(|l| l.starts_with('#')).map(|l| l.trim_start_matches('#').trim());
    let name = |title: &str| {
        let kept = title.to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    Some(titles.map(name).collect())
}

/// Without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn count(text: &str) -> usize {
        let files = [file("docs/a.md", text), file("README.md", "# Hello, world!\n")];
        check(&files, &|path| path == Path::new("docs")).len()
    }

    #[test]
    fn links_must_lead_somewhere() {
        assert_eq!(count("[x](../README.md) [y](https://example.org/z) [z](../docs)"), 0);
        assert_eq!(count("[x](../README.md#hello-world) [y](#own)\n## Own"), 0);
        assert_eq!(count("[x](nowhere.md)"), 1);
        assert_eq!(count("[x](../README.md#goodbye)"), 1);
        assert_eq!(count("```\n[x](nowhere.md)\n```\n    [x](nowhere.md)\n"), 0);
    }
}
