//! What has to be the same in all processes for some of the runtime's promises: build ids, base addresses, CPU features.
//! Names and values mean nothing here; they are compared.

use super::Process;
use std::collections::BTreeSet;

/// Names and values.
pub type Fingerprint = Vec<(String, String)>;

/// One name whose values differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    pub name: String,
    /// Both values and where they are.
    pub sentence: String,
}

/// Every name whose value is not the same as in the first process, with the first process in which it is not.
pub fn compare(processes: &[(&Process, &Fingerprint)]) -> Vec<Mismatch> {
    let Some(((first, reference), others)) = processes.split_first() else { return Vec::new() };
    let names: BTreeSet<&str> =
        processes.iter().flat_map(|(_, f)| f.iter().map(|(n, _)| n.as_str())).collect();
    let differing = names.into_iter().filter_map(|name| {
        let here = value(reference, name);
        let (other, there) = others.iter().map(|(p, f)| (p, value(f, name))).find(|(_, v)| *v != here)?;
        let sentence = format!(
            "{name} is {} in process {} (host {}) and {} in process {} (host {})",
            shown(here),
            first.index,
            first.host_name,
            shown(there),
            other.index,
            other.host_name
        );
        Some(Mismatch { name: name.to_string(), sentence })
    });
    differing.collect()
}

fn value<'a>(fingerprint: &'a Fingerprint, name: &str) -> Option<&'a str> {
    fingerprint.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
}

fn shown(value: Option<&str>) -> String {
    value.map_or("not set".into(), |v| format!("\"{v}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_both_values_and_places() {
        let process = |index, host: &str| Process {
            index,
            pid: 1,
            host: Default::default(),
            host_name: host.into(),
            listen: vec![],
            first_pe: index,
            pes: 1,
        };
        let print = |items: &[(&str, &str)]| -> Fingerprint {
            items.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect()
        };
        let (a, b, c) = (process(0, "h1"), process(1, "h1"), process(2, "h2"));
        let same = print(&[("cpu", "x"), ("libc", "2.36")]);
        assert!(compare(&[(&a, &same), (&b, &print(&[("libc", "2.36"), ("cpu", "x")]))]).is_empty());
        let other = print(&[("cpu", "y"), ("libc", "2.36"), ("new", "1")]);
        let all = compare(&[(&a, &same), (&b, &same), (&c, &other)]);
        assert_eq!(all[0].sentence, "cpu is \"x\" in process 0 (host h1) and \"y\" in process 2 (host h2)");
        assert_eq!(all[1].sentence, "new is not set in process 0 (host h1) and \"1\" in process 2 (host h2)");
        assert_eq!(all.len(), 2);
    }
}
