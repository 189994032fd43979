//! What is known about a host, and `--host h1:2,h2`.
//!
//! 1. A name is what the remote shell takes: it may have a user (`me@h1`), never begins with a dash (it would be an option
//!    there), and has no characters that a shell gives a meaning.
//! 2. A host that is named several times has the slots of all its mentions; a mention without a number counts one.
//! 3. IPv6 addresses stand in brackets when slots follow: `[fe80::1]:2`.

use super::ranges::{expand, split_list};
use super::text::{BadText, Text};

/// A host of the job. What is `None` was not told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// With user, if one was told: `me@h1`.
    pub name: String,
    /// PEs that the user wants there.
    pub slots: Option<usize>,
    /// Cores that processes may use there.
    pub cores: Option<usize>,
    pub sockets: Option<usize>,
    /// The command that starts processes there, when the list of hosts names one (Charm++: `++shell`).
    pub shell: Option<String>,
}

impl Host {
    pub fn named(name: impl Into<String>) -> Host {
        Host { name: name.into(), ..Host::default() }
    }

    /// How many PEs fit: the slots told, else the cores known, else 1.
    pub fn capacity(&self) -> usize {
        self.slots.or(self.cores).unwrap_or(1)
    }

    /// Whether it is the host whose own name is `own`, under which processes are started without a remote shell.
    pub fn is_here(&self, own: &str) -> bool {
        if self.name.contains('@') {
            return false;
        }
        let name = self.name.to_ascii_lowercase();
        let own = own.to_ascii_lowercase();
        let short = |n: &str| n.split('.').next().unwrap_or(n).to_string();
        let numeric = |n: &str| n.starts_with(|c: char| c.is_ascii_digit());
        matches!(name.as_str(), "localhost" | "localhost.localdomain" | "127.0.0.1" | "::1")
            || name == own
            // h1 and h1.cluster are the same, h1.a and h1.b are not.
            || (!numeric(&name) && short(&name) == short(&own) && (!name.contains('.') || !own.contains('.')))
    }
}

/// The value of `--host`.
pub fn list(source: &str, value: &str) -> Result<Vec<Host>, BadText> {
    let text = Text::value(source, value);
    let mut hosts = Vec::new();
    for part in split_list(value) {
        let trimmed = part.trim();
        if trimmed.is_empty() {
            return Err(text.wrong(part, "names no host"));
        }
        hosts.extend(mention(&text, trimmed)?);
    }
    Ok(merge(hosts))
}

/// `h1`, `h1:2`, `n[1-4]:2`, `[fe80::1]:2`: a slice of `text`.
pub(super) fn mention(text: &Text<'_>, part: &str) -> Result<Vec<Host>, BadText> {
    if let Some((address, after)) = part.strip_prefix('[').and_then(|p| p.split_once(']'))
        && address.contains(':')
    {
        let slots = match after.strip_prefix(':') {
            Some(slots) => Some(text.count(slots, "slots")?),
            None if after.is_empty() => None,
            None => return Err(text.wrong(after, "should be :N, the number of slots")),
        };
        check(text, address, address)?;
        return Ok(vec![Host { slots, ..Host::named(address) }]);
    }
    // Several colons: an IPv6 address without slots.
    let (name, slots) = match part.split_once(':') {
        Some((_, slots)) if slots.contains(':') => (part, None),
        Some((name, slots)) => (name, Some(text.count(slots, "slots")?)),
        None => (part, None),
    };
    let names = expand(text, name)?;
    for expanded in &names {
        check(text, name, expanded)?;
    }
    Ok(names.into_iter().map(|name| Host { slots, ..Host::named(name) }).collect())
}

/// Rule 1.
pub(super) fn check(text: &Text<'_>, part: &str, name: &str) -> Result<(), BadText> {
    let plain = |c: char| c.is_alphanumeric() || "._-@:%".contains(c);
    if name.is_empty() || name.ends_with('@') {
        return Err(text.wrong(part, "names no host"));
    }
    if name.starts_with(['-', '@']) || name.contains("@-") {
        return Err(text.wrong(part, "is no name of a host: it begins with - or @"));
    }
    match name.chars().find(|c| !plain(*c)) {
        Some(c) => Err(text.wrong(part, format!("is no name of a host: it has a '{}'", c.escape_default()))),
        None => Ok(()),
    }
}

/// Rule 2, in the order of the first mentions.
pub fn merge(hosts: Vec<Host>) -> Vec<Host> {
    let mut merged: Vec<Host> = Vec::with_capacity(hosts.len());
    let mut place = std::collections::HashMap::new();
    for host in hosts {
        match place.get(&host.name) {
            None => {
                place.insert(host.name.clone(), merged.len());
                merged.push(host);
            }
            Some(&at) => {
                let first: &mut Host = &mut merged[at];
                first.slots = Some(first.slots.unwrap_or(1) + host.slots.unwrap_or(1));
            }
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(value: &str) -> Result<String, String> {
        let told = |h: &Host| match h.slots {
            Some(slots) => format!("{}:{slots}", h.name),
            None => h.name.clone(),
        };
        list("--host", value)
            .map(|hosts| hosts.iter().map(told).collect::<Vec<_>>().join(" "))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn hosts_with_and_without_slots() {
        for (value, expected) in [
            ("h1", "h1"),
            ("h1:2,h2", "h1:2 h2"),
            ("h1, h2:3", "h1 h2:3"),
            ("me@h1:2,10.0.0.7", "me@h1:2 10.0.0.7"),
            ("n[1-3]:4,m", "n1:4 n2:4 n3:4 m"),
            ("h1,h2,h1", "h1:2 h2"),
            ("h1:2,h1", "h1:3"),
            ("[fe80::1]:2,::1,[::2]", "fe80::1:2 ::1 ::2"),
        ] {
            assert_eq!(read(value).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (value, why) in [
            ("h1,,h2", "--host, character 4: names no host"),
            ("", "character 1: names no host"),
            ("h1:x", "character 4: \"x\" is no number of slots"),
            ("h1:0", "at least 1"),
            ("h1,h2:99999999", "more slots than can be"),
            (
                "h1,-oProxyCommand=x",
                "character 4: \"-oProxyCommand=x\" is no name of a host: it begins with -",
            ),
            ("me@-x", "begins with -"),
            ("h1;reboot", "has a ';'"),
            ("h1 h2", "has a ' '"),
            ("$(x)", "has a '$'"),
            ("[fe80::1]2", "should be :N"),
            ("@", "names no host"),
            ("n[1-2", "has no ]"),
        ] {
            let told = read(value).unwrap_err();
            assert!(told.contains(why), "{value}: {told}");
        }
    }

    #[test]
    fn this_host_is_known_by_its_names() {
        for name in ["localhost", "127.0.0.1", "vm", "VM", "vm.cluster", "::1"] {
            assert!(Host::named(name).is_here("vm"), "{name}");
        }
        assert!(Host::named("vm").is_here("vm.cluster"));
        for name in ["vm2", "me@vm", "vm.other", "10.0.0.1"] {
            assert!(!Host::named(name).is_here("vm.cluster"), "{name}");
        }
    }

    #[test]
    fn capacity_is_what_was_told_else_what_is_known() {
        let host = Host { cores: Some(8), ..Host::named("h") };
        assert_eq!(host.capacity(), 8);
        assert_eq!(Host { slots: Some(2), ..host }.capacity(), 2);
        assert_eq!(Host::named("h").capacity(), 1);
    }

    proptest! {
        #[test]
        fn merging_keeps_slots_and_order(mentions in proptest::collection::vec((0usize..5, 0usize..4), 1..12)) {
            let hosts: Vec<Host> = mentions
                .iter()
                .map(|(h, s)| Host { slots: (*s > 0).then_some(*s), ..Host::named(format!("h{h}")) })
                .collect();
            let before: usize = hosts.iter().map(Host::capacity).sum();
            let merged = merge(hosts);
            prop_assert_eq!(merged.iter().map(Host::capacity).sum::<usize>(), before);
            let mut seen: Vec<usize> = Vec::new();
            mentions.iter().for_each(|(h, _)| if !seen.contains(h) { seen.push(*h) });
            let names: Vec<String> = merged.into_iter().map(|h| h.name).collect();
            prop_assert_eq!(names, seen.iter().map(|h| format!("h{h}")).collect::<Vec<_>>());
        }

        #[test]
        fn any_value_is_read_without_panic(value in ".{0,30}") {
            let _ = list("--host", &value);
        }

        #[test]
        fn no_name_is_an_option_or_a_command(value in "[a-z@:;$` \\-\\[\\]0-9']{0,20}") {
            for host in list("--host", &value).unwrap_or_default() {
                prop_assert!(!host.name.starts_with('-') && !host.name.contains([';', '$', '`', ' ', '\'']));
            }
        }
    }
}
