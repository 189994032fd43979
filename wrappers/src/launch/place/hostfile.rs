//! Files with hosts, in the dialects of MPICH, Open MPI and Charm++.
//!
//! ```text
//! # MPICH                 # Open MPI                    # Charm++ (nodelist)
//! h1:4                    h1 slots=4                    group main ++shell ssh
//! h2:4 ifname=eth1        me@h2 slots=4 max_slots=8       host h1 ++cpus 4
//! n[3-8]:4                h3                            host h2
//! ```
//!
//! 1. `#` begins a comment. A file whose first line begins with `group` or with `host NAME` is a nodelist as a whole;
//!    lines of the two others may stand in one file (that of PBS, a name per line, is one of them too).
//! 2. In a nodelist, options of a group hold for the hosts after it; hosts before any group belong to `main`.
//! 3. What means nothing here is told as a note, unknown words are mistakes.

use super::host::{self, Host};
use super::text::{BadText, Text};
use crate::nearest::nearest;

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    pub hosts: Vec<Host>,
    /// Words that were read and mean nothing here, with their places.
    pub notes: Vec<String>,
}

/// Name of the group of a nodelist that is used unless another is asked for (`++nodegroup`).
pub const GROUP_DEFAULT: &str = "main";

/// Reads the text of the file called `source`; `group` is that of a nodelist.
pub fn read(source: &str, text: &str, group: &str) -> Result<Listed, BadText> {
    let lines: Vec<Text<'_>> = text
        .lines()
        .enumerate()
        .map(|(i, line)| Text { source, line: Some(i + 1), whole: line.split('#').next().unwrap_or("") })
        .filter(|line| !line.whole.trim().is_empty())
        .collect();
    let Some(first) = lines.first() else {
        return Err(Text { source, line: Some(1), whole: text }.wrong("", "the file names no host"));
    };
    let mut listed = if is_nodelist(first.whole) { nodelist(&lines, group)? } else { plain(&lines)? };
    listed.hosts = host::merge(listed.hosts);
    Ok(listed)
}

fn is_nodelist(line: &str) -> bool {
    let mut words = line.split_whitespace();
    match (words.next(), words.next()) {
        (Some("group"), _) => true,
        // A host that is called "host" has its attributes after it.
        (Some("host"), Some(second)) => !second.contains('='),
        _ => false,
    }
}

/// MPICH and Open MPI: a host, then `key=value`, with blanks around the sign if one likes.
fn plain(lines: &[Text<'_>]) -> Result<Listed, BadText> {
    let mut listed = Listed::default();
    for text in lines {
        let line = text.whole.trim();
        let end = line.find(char::is_whitespace).unwrap_or(line.len());
        let mut hosts = host::mention(text, &line[..end])?;
        let mut rest = line[end..].trim_start();
        while !rest.is_empty() {
            let (name, after) = match rest.split_once('=') {
                Some((name, after)) if !name.trim_end().contains(char::is_whitespace) => {
                    (name.trim_end(), after)
                }
                _ => {
                    let word = rest.split_whitespace().next().unwrap_or(rest);
                    return Err(text.wrong(word, "is not of the form name=value"));
                }
            };
            let after = after.trim_start();
            let (value, after) = after.split_at(after.find(char::is_whitespace).unwrap_or(after.len()));
            attribute(text, name, value, &mut hosts, &mut listed.notes)?;
            rest = after.trim_start();
        }
        listed.hosts.append(&mut hosts);
    }
    Ok(listed)
}

/// Attributes of a host with what becomes of them.
fn attribute(
    text: &Text<'_>,
    name: &str,
    value: &str,
    hosts: &mut [Host],
    notes: &mut Vec<String>,
) -> Result<(), BadText> {
    const KNOWN: [&str; 13] = [
        "slots",
        "cpu",
        "cpus",
        "count",
        "sockets",
        "cores",
        "user",
        "username",
        "max_slots",
        "max-slots",
        "ifname",
        "binding",
        "board",
    ];
    match name {
        "slots" | "cpu" | "cpus" | "count" => {
            let slots = text.count(value, "slots")?;
            hosts.iter_mut().for_each(|h| h.slots = Some(slots));
        }
        "sockets" => {
            let sockets = text.count(value, "sockets")?;
            hosts.iter_mut().for_each(|h| h.sockets = Some(sockets));
        }
        "cores" => {
            let cores = text.count(value, "cores")?;
            hosts.iter_mut().for_each(|h| h.cores = Some(cores));
        }
        "user" | "username" => log_in_as(text, value, hosts)?,
        name if KNOWN.contains(&name) => notes.push(note(text, name)),
        _ => return Err(unknown(text, name, KNOWN.as_slice())),
    }
    Ok(())
}

fn log_in_as(text: &Text<'_>, user: &str, hosts: &mut [Host]) -> Result<(), BadText> {
    host::check(text, user, user)?;
    for host in hosts.iter_mut().filter(|h| !h.name.contains('@')) {
        host.name = format!("{user}@{}", host.name);
    }
    Ok(())
}

fn note(text: &Text<'_>, word: &str) -> String {
    format!("{}:{}: {word} means nothing here", text.source, text.line.unwrap_or(0))
}

fn unknown(text: &Text<'_>, word: &str, known: &[&str]) -> BadText {
    match nearest(word, known.iter().copied()) {
        Some(near) => text.wrong(word, format!("is unknown; did you mean {near}?")),
        None => text.wrong(word, format!("is unknown; there are {}", known.join(", "))),
    }
}

/// Options of nodelists: name, number of values.
const NODELIST: &[(&str, usize)] = &[
    ("++cpus", 1),
    ("++shell", 1),
    ("++login", 1),
    ("++user", 1),
    ("++speed", 1),
    ("++pathfix", 2),
    ("++home", 1),
    ("++setup", 1),
    ("++ext", 1),
    ("++xterm", 1),
    ("++debugger", 1),
    ("++editor", 1),
    ("++nice", 1),
    ("++arch", 1),
];

fn nodelist(lines: &[Text<'_>], wanted: &str) -> Result<Listed, BadText> {
    let mut listed = Listed::default();
    let mut group = GROUP_DEFAULT.to_string();
    let mut groups: Vec<String> = Vec::new();
    let mut defaults = Host::default();
    for text in lines {
        let mut words = text.whole.split_whitespace();
        let kind = words.next().unwrap_or("");
        match kind {
            "group" => {
                let Some(name) = words.next() else { return Err(text.wrong(kind, "has no name after it")) };
                group = name.into();
                groups.push(group.clone());
                defaults = Host::default();
                options(text, words, &mut defaults, &mut listed.notes)?;
            }
            "host" => {
                let Some(name) = words.next() else { return Err(text.wrong(kind, "has no name after it")) };
                if !groups.contains(&group) {
                    groups.push(group.clone());
                }
                let mut hosts = host::mention(text, name)?;
                for host in &mut hosts {
                    let slots = host.slots;
                    let name = std::mem::take(&mut host.name);
                    *host = Host { name, ..defaults.clone() };
                    host.slots = slots.or(host.slots);
                }
                let user = defaults.name.trim_end_matches('@');
                let mut own = Host::default();
                options(text, words, &mut own, &mut listed.notes)?;
                let own_user = own.name.trim_end_matches('@');
                let user = if own_user.is_empty() { user } else { own_user };
                for mut host in hosts {
                    if !user.is_empty() && !host.name.contains('@') {
                        host.name = format!("{user}@{}", host.name);
                    }
                    host.slots = own.slots.or(host.slots);
                    host.shell = own.shell.clone().or(host.shell);
                    if group == wanted {
                        listed.hosts.push(host);
                    }
                }
            }
            other => {
                return Err(text.wrong(other, "is neither group nor host (this is a nodelist of Charm++)"));
            }
        }
    }
    if listed.hosts.is_empty() {
        let last = lines[lines.len() - 1];
        let why = if groups.iter().any(|g| g == wanted) {
            format!("the group {wanted} has no hosts")
        } else {
            format!("there is no group {wanted}, only {}", groups.join(", "))
        };
        return Err(last.wrong("", why));
    }
    Ok(listed)
}

/// Options of a group or a host; the user of `++login` is kept as the name `user@`.
fn options<'a>(
    text: &Text<'a>,
    mut words: impl Iterator<Item = &'a str>,
    host: &mut Host,
    notes: &mut Vec<String>,
) -> Result<(), BadText> {
    while let Some(word) = words.next() {
        let Some((name, count)) = NODELIST.iter().find(|(name, _)| *name == word) else {
            return Err(unknown(text, word, &NODELIST.iter().map(|(n, _)| *n).collect::<Vec<_>>()));
        };
        let values: Vec<&str> = words.by_ref().take(*count).collect();
        if values.len() < *count {
            return Err(
                text.wrong(word, if *count == 1 { "has no value after it" } else { "wants two values" })
            );
        }
        match *name {
            "++cpus" => host.slots = Some(text.count(values[0], "cpus")?),
            "++shell" => host.shell = Some(values[0].into()),
            "++login" | "++user" => {
                host::check(text, values[0], values[0])?;
                host.name = format!("{}@", values[0]);
            }
            _ => notes.push(note(text, word)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str, group: &str) -> Result<String, String> {
        let one = |h: &Host| {
            let slots = h.slots.map(|s| format!(":{s}")).unwrap_or_default();
            let shell = h.shell.as_ref().map(|s| format!("({s})")).unwrap_or_default();
            format!("{}{slots}{shell}", h.name)
        };
        read("F", text, group)
            .map(|l| l.hosts.iter().map(one).collect::<Vec<_>>().join(" "))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn files_of_mpich() {
        let text = "# my cluster\nh1:4\nh2:2 ifname=eth1 # the fast one\n\nn[3-4]:8\nh5\n";
        assert_eq!(told(text, "main").unwrap(), "h1:4 h2:2 n3:8 n4:8 h5");
        assert_eq!(read("F", text, "main").unwrap().notes, ["F:3: ifname means nothing here"]);
    }

    #[test]
    fn files_of_open_mpi() {
        let text = "h1 slots=4\nme@h2 slots = 2 max_slots= 8\r\nh3\nh4 username=you cpus=3\nhost slots=2\n";
        assert_eq!(told(text, "main").unwrap(), "h1:4 me@h2:2 h3 you@h4:3 host:2");
        let hosts = read("F", "h1 sockets=2 cores=16", "main").unwrap().hosts;
        assert_eq!((hosts[0].sockets, hosts[0].cores), (Some(2), Some(16)));
    }

    #[test]
    fn files_of_pbs_name_a_host_per_slot() {
        assert_eq!(told("h1\nh1\nh2\nh1\n", "main").unwrap(), "h1:3 h2");
    }

    #[test]
    fn nodelists_of_charm() {
        let text = "group main ++shell ssh\n  host h1 ++cpus 4\n  host h2\n  host h3:2 ++shell rsh\n\
                    group gpu ++cpus 2 ++login me\nhost g1\nhost g2 ++cpus 8 ++login you ++pathfix /a /b\n";
        assert_eq!(told(text, "main").unwrap(), "h1:4(ssh) h2(ssh) h3:2(rsh)");
        assert_eq!(told(text, "gpu").unwrap(), "me@g1:2 you@g2:8");
        assert_eq!(told("host h1\nhost h2\n", "main").unwrap(), "h1 h2");
        assert_eq!(read("F", text, "gpu").unwrap().notes, ["F:7: ++pathfix means nothing here"]);
        assert_eq!(told(text, "big").unwrap_err(), "F:7:1: there is no group big, only main, gpu");
        assert_eq!(told("group main\n", "main").unwrap_err(), "F:1:1: the group main has no hosts");
    }

    #[test]
    fn mistakes_are_named_with_line_and_column() {
        for (text, why) in [
            ("", "F:1:1: the file names no host"),
            ("# h1\n\n", "the file names no host"),
            ("h1\nh2 slotz=4", "F:2:4: \"slotz\" is unknown; did you mean slots?"),
            ("h1 slots=many", "F:1:10: \"many\" is no number of slots"),
            ("h1 slots", "F:1:4: \"slots\" is not of the form"),
            ("h1 h2 slots=2", "F:1:4: \"h2\" is not of the form"),
            ("h1 colour=red", "\"colour\" is unknown; there are slots"),
            ("h1\n-x", "F:2:1: \"-x\" is no name"),
            ("h1 slots=", "no number of slots"),
            ("group", "F:1:1: \"group\" has no name"),
            ("host h1 ++cpu 2", "F:1:9: \"++cpu\" is unknown; did you mean ++cpus?"),
            ("host h1 ++cpus", "\"++cpus\" has no value"),
            ("host h1 ++pathfix a", "wants two values"),
            ("group main\nhost h1\nh2", "F:3:1: \"h2\" is neither group nor host"),
            ("group main\nhost", "F:2:1: \"host\" has no name"),
            ("group main ++login -oX\nhost h", "\"-oX\" is no name"),
        ] {
            let told = told(text, "main").unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    proptest! {
        #[test]
        fn the_three_dialects_say_the_same(hosts in proptest::collection::vec(1usize..9, 1..9)) {
            let lines = |form: &dyn Fn(usize, usize) -> String| -> String {
                hosts.iter().enumerate().map(|(i, s)| form(i, *s) + "\n").collect()
            };
            let expected: Vec<Host> = hosts
                .iter()
                .enumerate()
                .map(|(i, s)| Host { slots: Some(*s), ..Host::named(format!("h{i}")) })
                .collect();
            for text in [
                lines(&|i, s| format!("h{i}:{s}")),
                lines(&|i, s| format!("h{i} slots={s}")),
                format!("group main\n{}", lines(&|i, s| format!("host h{i} ++cpus {s}"))),
            ] {
                prop_assert_eq!(&read("F", &text, "main").unwrap().hosts, &expected);
            }
        }

        #[test]
        fn any_file_is_read_without_panic(text in "((group|host|h1|slots|[+=:# \n@é\\[\\]0-9]){0,3}\n?){0,8}") {
            let _ = read("F", &text, "main");
        }
    }
}
