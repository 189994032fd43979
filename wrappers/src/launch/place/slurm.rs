//! The hosts of a Slurm allocation, from the environment of `salloc` and `sbatch`.
//!
//! ```text
//! SLURM_JOB_NODELIST=n[1-2],m7        the hosts
//! SLURM_TASKS_PER_NODE=4,1(x2)        4 tasks on the first, 1 on each of the two others
//! SLURM_CPUS_PER_TASK=8               only when -c was given
//! SLURM_JOB_CPUS_PER_NODE=32,8(x2)    cores that may be used
//! ```
//!
//! Slots of a host are its tasks times the CPUs of a task: `-n 32` and `--ntasks-per-node=1 -c 32` both ask for 32 PEs.

use super::host::{self, Host};
use super::ranges::{expand, split_list};
use super::text::{BadText, Text};

/// The hosts of the allocation that this process is in; `None` outside of one.
pub fn allocation(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Vec<Host>>, BadText> {
    let set = |name: &'static str| variable(name).filter(|v| !v.is_empty()).map(|v| (name, v));
    let Some((source, list)) = set("SLURM_JOB_NODELIST").or_else(|| set("SLURM_NODELIST")) else {
        return Ok(None);
    };
    let mut hosts: Vec<Host> = names(source, &list)?.into_iter().map(Host::named).collect();
    let each = match set("SLURM_CPUS_PER_TASK") {
        Some((source, text)) => Text::value(source, &text).count(text.trim(), "CPUs")?,
        None => 1,
    };
    if let Some((source, text)) = set("SLURM_TASKS_PER_NODE") {
        for (host, tasks) in hosts_with(source, &text, &mut hosts)? {
            host.slots = Some(tasks.saturating_mul(each));
        }
    }
    if let Some((source, text)) = set("SLURM_JOB_CPUS_PER_NODE") {
        for (host, cpus) in hosts_with(source, &text, &mut hosts)? {
            host.cores = Some(cpus);
        }
    }
    Ok(Some(hosts))
}

/// The names of `n[1-2],m7`.
pub fn names(source: &str, list: &str) -> Result<Vec<String>, BadText> {
    let text = Text::value(source, list);
    let mut names = Vec::new();
    for part in split_list(list) {
        for name in expand(&text, part)? {
            host::check(&text, part, &name)?;
            names.push(name);
        }
    }
    Ok(names)
}

/// The numbers of `4,1(x2)`: 4 1 1.
pub fn counts(source: &str, list: &str) -> Result<Vec<usize>, BadText> {
    let text = Text::value(source, list);
    let mut counts = Vec::new();
    for part in list.split(',') {
        let (number, times) = match part.split_once('(') {
            None => (part, 1),
            Some((number, times)) => {
                let inner = times.strip_prefix('x').and_then(|t| t.strip_suffix(')'));
                let Some(inner) = inner else { return Err(text.wrong(part, "is not of the form N(xM)")) };
                (number, text.count(inner, "hosts")?)
            }
        };
        let number = text.count(number, "tasks or CPUs")?;
        if counts.len() + times > super::ranges::NAMES_MAX {
            return Err(text.wrong(part, format!("is for more than {} hosts", super::ranges::NAMES_MAX)));
        }
        counts.extend(std::iter::repeat_n(number, times));
    }
    Ok(counts)
}

fn hosts_with<'a>(
    source: &str,
    list: &str,
    hosts: &'a mut [Host],
) -> Result<impl Iterator<Item = (&'a mut Host, usize)>, BadText> {
    let counts = counts(source, list)?;
    if counts.len() != hosts.len() {
        let why = format!("is for {} hosts, but the allocation has {}", counts.len(), hosts.len());
        return Err(Text::value(source, list).wrong(list, why));
    }
    Ok(hosts.iter_mut().zip(counts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn look(environment: &[(&str, &str)]) -> Result<Option<Vec<Host>>, String> {
        let variable = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
        allocation(&variable).map_err(|e| e.to_string())
    }

    fn told(environment: &[(&str, &str)]) -> String {
        let hosts = look(environment).unwrap().unwrap();
        let one = |h: &Host| format!("{}:{:?}/{:?}", h.name, h.slots.unwrap_or(0), h.cores.unwrap_or(0));
        hosts.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn allocations_of_salloc_and_sbatch() {
        let base = [
            ("SLURM_JOB_NODELIST", "n[1-2]"),
            ("SLURM_NODELIST", "x"),
            ("SLURM_TASKS_PER_NODE", "3,1"),
            ("SLURM_JOB_CPUS_PER_NODE", "3,1"),
        ];
        assert_eq!(told(&base), "n1:3/3 n2:1/1");
        assert_eq!(
            told(&[
                ("SLURM_NODELIST", "h[1-3]"),
                ("SLURM_TASKS_PER_NODE", "1(x3)"),
                ("SLURM_CPUS_PER_TASK", "16"),
                ("SLURM_JOB_CPUS_PER_NODE", "32,16(x2)"),
            ]),
            "h1:16/32 h2:16/16 h3:16/16"
        );
        assert_eq!(
            told(&[("SLURM_JOB_NODELIST", "r[0-1]n[01-02],m7")]),
            "r0n01:0/0 r0n02:0/0 r1n01:0/0 r1n02:0/0 m7:0/0"
        );
        assert_eq!(look(&[("SLURM_JOB_ID", "1")]), Ok(None));
    }

    #[test]
    fn mistakes_are_named() {
        for (environment, why) in [
            (
                vec![("SLURM_JOB_NODELIST", "n[1-2"), ("SLURM_TASKS_PER_NODE", "1")],
                "SLURM_JOB_NODELIST, character 2",
            ),
            (
                vec![("SLURM_JOB_NODELIST", "n[1-2]"), ("SLURM_TASKS_PER_NODE", "1(x3)")],
                "\"1(x3)\" is for 3 hosts, but the allocation has 2",
            ),
            (vec![("SLURM_NODELIST", "n1"), ("SLURM_TASKS_PER_NODE", "1(3)")], "\"1(3)\" is not of the form"),
            (vec![("SLURM_NODELIST", "n1"), ("SLURM_TASKS_PER_NODE", "x")], "\"x\" is no number of tasks"),
            (
                vec![("SLURM_NODELIST", "n1"), ("SLURM_JOB_CPUS_PER_NODE", "1(x99999999)")],
                "more hosts than can be",
            ),
            (
                vec![("SLURM_NODELIST", "n1"), ("SLURM_CPUS_PER_TASK", "0")],
                "SLURM_CPUS_PER_TASK, character 1",
            ),
            (vec![("SLURM_NODELIST", "n1,,n2")], "names no host"),
        ] {
            let told = look(&environment).unwrap_err();
            assert!(told.contains(why), "{environment:?}: {told}");
        }
    }

    proptest! {
        #[test]
        fn repeated_counts_come_out(runs in proptest::collection::vec((1usize..99, 1usize..5), 1..6)) {
            let text: Vec<String> = runs.iter().map(|(n, x)| if *x == 1 { format!("{n}") } else { format!("{n}(x{x})") }).collect();
            let expected: Vec<usize> = runs.iter().flat_map(|(n, x)| std::iter::repeat_n(*n, *x)).collect();
            prop_assert_eq!(counts("V", &text.join(",")).unwrap(), expected);
        }

        #[test]
        fn any_text_is_read_without_panic(text in "[nx0-9,()\\[\\]-]{0,20}") {
            let _ = counts("V", &text);
            let _ = names("V", &text);
        }
    }
}
