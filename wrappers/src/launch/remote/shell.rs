//! Which command opens the way to a host: `--launcher ssh`, `rsh`, `srun`, or words of the user's own.
//!
//! ```text
//! ssh -T -x -o BatchMode=yes … h2   exec /opt/ampi/bin/ampirun --remote-agent
//! rsh h2                            exec /opt/ampi/bin/ampirun --remote-agent
//! srun --nodelist=h2 …  /opt/ampi/bin/ampirun --remote-agent          inside a Slurm allocation: no shell there
//! lxc-attach -n h2 …                with words of one's own, host and line come last
//! ```
//!
//! 1. Nothing asks: a password or a question about a host's key would wait for an answer that nobody gives.
//! 2. The shell is in a process group of its own: a Ctrl-C at the terminal is the launcher's to deal with.

use super::super::Refusal;
use super::super::place::text::Text;
use super::super::programs::split;
use super::AGENT_WORD;
use super::quote::quote;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A remote shell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Shell {
    #[default]
    Ssh,
    Rsh,
    /// A step of one task in the Slurm allocation that this process is in.
    Srun,
    /// A command and its first words.
    Words(Vec<OsString>),
}

/// Options of every ssh: no terminal, no X11, no questions; give up a host that does not answer at the start within 10 s,
/// one that falls silent later within 45 s.
const SSH: [&str; 10] = [
    "-T",
    "-x",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=10",
    "-o",
    "ServerAliveInterval=15",
    "-o",
    "ServerAliveCountMax=3",
];

/// Options of every srun: one task that may use all of the node's share of the allocation, beside other steps; our own
/// binding in place of Slurm's; and no PMI, which is for processes that find each other without a launcher.
const SRUN: [&str; 7] = [
    "--nodes=1",
    "--ntasks=1",
    "--overlap",
    "--whole",
    "--cpu-bind=none",
    "--mpi=none",
    "--kill-on-bad-exit=0",
];

/// Variables in which a remote shell tells the agent where it came from, as the first word. Ours are those of another
/// connection, so they are not handed on.
pub const FROM_VARIABLES: [&str; 3] = ["SLURM_LAUNCH_NODE_IPADDR", "SSH_CONNECTION", "SSH_CLIENT"];

impl Shell {
    /// The value of `--launcher` (Charm++: `++remote-shell`).
    pub fn parse(source: &str, value: &str) -> Result<Shell, Refusal> {
        let words = split(&Text::value(source, value))?;
        match words.first().and_then(|w| w.to_str()) {
            Some("ssh") if words.len() == 1 => Ok(Shell::Ssh),
            Some("rsh") if words.len() == 1 => Ok(Shell::Rsh),
            Some("srun" | "slurm") if words.len() == 1 => Ok(Shell::Srun),
            None if words.is_empty() => Err(Refusal::usage(format!("{source}: no command is named"))),
            _ => Ok(Shell::Words(words)),
        }
    }

    /// The command's own name, for sentences.
    pub fn name(&self) -> String {
        match self {
            Shell::Ssh => "ssh".into(),
            Shell::Rsh => "rsh".into(),
            Shell::Srun => "srun".into(),
            Shell::Words(words) => {
                words.first().map(|w| w.to_string_lossy().into_owned()).unwrap_or_default()
            }
        }
    }

    /// The words that run the agent at `agent` on `host`.
    pub fn words(&self, host: &str, agent: &Path) -> Vec<OsString> {
        let mut words: Vec<OsString> = match self {
            Shell::Srun => {
                let mut words: Vec<OsString> =
                    std::iter::once("srun").chain(SRUN).map(OsString::from).collect();
                words.push(format!("--nodelist={host}").into());
                words.extend([agent.into(), AGENT_WORD.into()]);
                return words;
            }
            Shell::Ssh => std::iter::once("ssh").chain(SSH).map(OsString::from).collect(),
            Shell::Rsh => vec!["rsh".into()],
            Shell::Words(words) => words.clone(),
        };
        words.push(host.into());
        words.push(remote_line(agent.as_os_str()));
        words
    }

    /// The same, ready to start.
    pub fn command(&self, host: &str, agent: &Path) -> Command {
        let words = self.words(host, agent);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).process_group(0);
        for name in FROM_VARIABLES {
            command.env_remove(name);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// What the shell on the other host runs.
fn remote_line(agent: &OsStr) -> OsString {
    let mut line = OsString::from("exec ");
    line.push(quote(agent));
    line.push(" ");
    line.push(AGENT_WORD);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(value: &str) -> String {
        let shell = Shell::parse("--launcher", value).unwrap();
        let words = shell.words("h2", Path::new("/opt/my ampi/ampirun"));
        words.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn shells_and_their_words() {
        let line = "h2|exec '/opt/my ampi/ampirun' --remote-agent";
        let ssh = words("ssh");
        assert!(ssh.starts_with("ssh|-T|-x|-o|BatchMode=yes|") && ssh.ends_with(line), "{ssh}");
        assert_eq!(words("rsh"), format!("rsh|{line}"));
        assert_eq!(words("ssh -p 2222 -i 'my key'"), format!("ssh|-p|2222|-i|my key|{line}"));
        let srun = words("srun");
        assert!(srun.starts_with("srun|--nodes=1|"), "{srun}");
        assert!(srun.ends_with("|--nodelist=h2|/opt/my ampi/ampirun|--remote-agent"), "{srun}");
        assert_eq!(Shell::parse("--launcher", "/bin/my-ssh x").unwrap().name(), "/bin/my-ssh");
    }

    #[test]
    fn wrong_shells_are_refused() {
        assert!(Shell::parse("--launcher", " ").unwrap_err().why.contains("no command"));
        let why = Shell::parse("--launcher", "ssh 'x").unwrap_err().why;
        assert_eq!(why, "--launcher, character 5: \"'x\" has no end of the quotation");
    }
}
