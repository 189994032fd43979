//! The hosts of a job: named by the user, given by Slurm, or this one.
//!
//! 1. `--host` or a file of hosts decides; else an allocation of Slurm; else, and with `++local`, there is this host.
//! 2. Inside a step of Slurm (`srun ampirun`) the step has its host, so the allocation is not used. The step that `salloc` may
//!    start for its shell is none of that kind.
//! 3. Other hosts are reached by what `--launcher` says, else by srun when they are in our allocation, else by ssh.

use super::Refusal;
use super::place::{Host, host, hostfile, slurm};
use super::remote::Shell;
use super::words::Request;
use std::ffi::OsString;

/// Numbers of Slurm's steps from here on are of its own: batch scripts, interactive steps.
const STEPS_OF_SLURM: u64 = 0xffff_fff0;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    pub list: Vec<Host>,
    pub shell: Shell,
    pub notes: Vec<String>,
}

/// The hosts for a request. `own` is this host's name, `cores` what may be used of it, `read` reads a file.
pub fn find(
    request: &Request,
    own: &str,
    cores: usize,
    variable: &dyn Fn(&str) -> Option<OsString>,
    read: &dyn Fn(&std::path::Path) -> std::io::Result<String>,
) -> Result<Hosts, Refusal> {
    let text = |name: &str| variable(name).and_then(|v| v.into_string().ok());
    let allocated = slurm::allocation(&text);
    let mut notes = Vec::new();
    let mut list = match (&request.hosts, &request.host_file) {
        (Some(_), Some(file)) => {
            let why = format!("hosts are named twice: by --host and by the file {}", file.display());
            return Err(Refusal::usage(why));
        }
        _ if request.only_here && (request.hosts.is_some() || request.host_file.is_some()) => {
            return Err(Refusal::usage("hosts are named, but the job shall run only here (++local)"));
        }
        (Some((word, value)), None) => host::list(word, value)?,
        (None, Some(file)) => {
            let name = file.display().to_string();
            let content = read(file)
                .map_err(|e| Refusal::usage(format!("the file of hosts {name} cannot be read: {e}")))?;
            let group = request.node_group.as_deref().unwrap_or(hostfile::GROUP_DEFAULT);
            let listed = hostfile::read(&name, &content, group)?;
            notes = listed.notes;
            listed.hosts
        }
        (None, None) if request.only_here || in_a_step(&text) => Vec::new(),
        (None, None) => allocated.clone()?.unwrap_or_default(),
    };
    if let (Some(group), None) = (&request.node_group, &request.host_file) {
        return Err(Refusal::usage(format!("++nodegroup {group}: there is no ++nodelist")));
    }
    list.truncate(request.hosts_max.unwrap_or(usize::MAX));
    if list.is_empty() {
        list.push(Host::named(own));
    }
    // Two names of this host are one host.
    let mut places = list.iter().enumerate().filter(|(_, h)| h.is_here(own)).map(|(place, _)| place);
    if let Some(first) = places.next() {
        let others: Vec<usize> = places.collect();
        for place in others.into_iter().rev() {
            let twin = list.remove(place);
            let slots = list[first].slots.unwrap_or(1) + twin.slots.unwrap_or(1);
            list[first].slots = Some(slots);
        }
        list[first].cores = Some(list[first].cores.map_or(cores, |told| told.min(cores)));
    }
    let in_allocation = |host: &Host| match &allocated {
        Ok(Some(all)) => all.iter().any(|a| a.name == host.name),
        _ => false,
    };
    let mut others = list.iter().filter(|h| !h.is_here(own)).peekable();
    let shell = match &request.launcher {
        Some(shell) => shell.clone(),
        None if others.peek().is_some() && others.all(in_allocation) => Shell::Srun,
        None => Shell::Ssh,
    };
    Ok(Hosts { list, shell, notes })
}

/// Rule 2.
fn in_a_step(text: &dyn Fn(&str) -> Option<String>) -> bool {
    let step = text("SLURM_STEP_ID").and_then(|id| id.parse::<u64>().ok());
    step.is_some_and(|id| id < STEPS_OF_SLURM)
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;

    fn look(line: &str, environment: &[(&str, &str)]) -> Result<Hosts, String> {
        let args: Vec<OsString> = line.split_whitespace().chain(["a"]).map(OsString::from).collect();
        let request = words::read(&args).map_err(|r| r.why)?;
        let variable = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, v)| v.into());
        let read = |path: &std::path::Path| match path.to_str() {
            Some("F") => Ok("group main\nhost h1 ++cpus 2\ngroup g\nhost h2\nhost h3".to_string()),
            _ => Err(std::io::ErrorKind::NotFound.into()),
        };
        find(&request, "vm", 4, &variable, &read).map_err(|r| r.why)
    }

    fn told(line: &str, environment: &[(&str, &str)]) -> String {
        match look(line, environment) {
            Err(why) => why,
            Ok(hosts) => {
                let one = |h: &Host| format!("{}:{}/{} ", h.name, h.slots.unwrap_or(0), h.cores.unwrap_or(0));
                let list: String = hosts.list.iter().map(one).collect();
                format!("{list}{}", hosts.shell.name())
            }
        }
    }

    const SLURM: &[(&str, &str)] = &[
        ("SLURM_JOB_NODELIST", "n[1-2]"),
        ("SLURM_TASKS_PER_NODE", "3,1"),
        ("SLURM_JOB_CPUS_PER_NODE", "8,8"),
    ];

    #[test]
    fn hosts_are_named_given_or_here() {
        for (line, environment, expected) in [
            ("", &[][..], "vm:0/4 ssh"),
            ("--host localhost", &[], "localhost:0/4 ssh"),
            ("--host vm:9", &[], "vm:9/4 ssh"),
            ("--host vm,localhost", &[], "vm:2/4 ssh"),
            ("--host vm,h2:3", &[], "vm:0/4 h2:3/0 ssh"),
            ("--host h1,h2 --launcher rsh", &[], "h1:0/0 h2:0/0 rsh"),
            ("--hostfile F", &[], "h1:2/0 ssh"),
            ("++nodelist F ++nodegroup g ++numHosts 1", &[], "h2:0/0 ssh"),
            ("", SLURM, "n1:3/8 n2:1/8 srun"),
            ("--host n2", SLURM, "n2:0/0 srun"),
            ("--host n2,h9", SLURM, "n2:0/0 h9:0/0 ssh"),
            ("++local", SLURM, "vm:0/4 ssh"),
            ("--launcher fork", SLURM, "vm:0/4 ssh"),
        ] {
            assert_eq!(told(line, environment), expected, "{line}");
        }
        let step = |id| [SLURM, &[("SLURM_STEP_ID", id)]].concat();
        assert_eq!(told("", &step("0")), "vm:0/4 ssh");
        assert_eq!(told("", &step("4294967290")), "n1:3/8 n2:1/8 srun");
    }

    #[test]
    fn contradictions_are_told() {
        for (line, why) in [
            ("--host h1 --hostfile F", "hosts are named twice: by --host and by the file F"),
            ("--host h1 ++local", "only here"),
            ("--hostfile nowhere", "the file of hosts nowhere cannot be read"),
            ("++nodegroup g", "++nodegroup g: there is no ++nodelist"),
            ("--host h1;x", "--host, character 1"),
        ] {
            let told = told(line, &[]);
            assert!(told.contains(why), "{line}: {told}");
        }
        let broken = [("SLURM_JOB_NODELIST", "n[1-")];
        assert!(told("", &broken).contains("SLURM_JOB_NODELIST"));
        assert_eq!(told("++local", &broken), "vm:0/4 ssh");
    }
}
