//! Why a remote shell did not work, or ended: one sentence from its exit code and what it wrote.
//!
//! ssh answers 255 for failures of its own; every other code is that of the command there. rsh and others have no such
//! rule: their last words are told as they are.

use super::shell::Shell;
use std::path::Path;

/// What is known of a remote shell that ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended<'a> {
    pub shell: &'a Shell,
    pub host: &'a str,
    /// Where the agent was looked for.
    pub agent: &'a Path,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: &'a str,
    /// Whether the agent had spoken.
    pub spoken: bool,
}

/// Words of ssh, and the sentence for each; `{h}` is the host, `{name}` the host without the user.
const SSH_WORDS: &[(&str, &str)] = &[
    ("Temporary failure in name resolution", "{name}: the name cannot be looked up (no name server answers)"),
    ("Could not resolve hostname", "{name}: there is no host of this name"),
    ("Name or service not known", "{name}: there is no host of this name"),
    ("Connection refused", "{name} runs no ssh server (connection refused)"),
    ("No route to host", "{name} cannot be reached (no route to host)"),
    ("Network is unreachable", "{name} cannot be reached (network is unreachable)"),
    ("timed out", "{name} does not answer (timed out)"),
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "{name} has another host key than before; if that is right: ssh-keygen -R {name}, then ssh {h} once by hand",
    ),
    (
        "Host key verification failed",
        "the host key of {name} is not known here; ssh {h} once by hand and confirm it",
    ),
    ("Too many authentication failures", "{h} refused the connection (too many keys offered)"),
    (
        "Permission denied",
        "{h} accepts none of your ssh keys; ssh-copy-id {h} installs one, an ssh agent may have to run",
    ),
    ("Bad configuration option", "the ssh here is too old or its configuration is wrong"),
    (
        "kex_exchange_identification",
        "{name} closed the connection before the login (too many connections at once, or not allowed)",
    ),
    ("Connection closed by", "{name} closed the connection before the login"),
    ("Connection reset by", "{name} closed the connection before the login"),
];

/// The sentence.
pub fn sentence(ended: &Ended<'_>) -> String {
    let Ended { host, code, spoken, .. } = *ended;
    let shell = ended.shell.name();
    let last = last_line(ended.stderr);
    let because = if last.is_empty() { String::new() } else { format!(": {last}") };
    let name = host.rsplit('@').next().unwrap_or(host);
    if let Some(signal) = ended.signal {
        return format!("{shell} to {host} was ended by signal {signal}{because}");
    }
    let code = code.unwrap_or(1);
    if spoken {
        return match code {
            0 => format!("the agent on {host} ended before its processes{because}"),
            255 => format!("the connection to {host} broke{because}"),
            _ => format!("the agent on {host} ended with exit code {code}{because}"),
        };
    }
    // Words of one's own may begin with ssh as well.
    let is_ssh = shell.rsplit('/').next().is_some_and(|s| s.contains("ssh"));
    if is_ssh && code == 255 {
        for (words, meaning) in SSH_WORDS {
            if ended.stderr.contains(words) {
                return meaning.replace("{name}", name).replace("{h}", host);
            }
        }
        return format!("{shell} to {host} failed{because}");
    }
    let agent = ended.agent.display();
    let missing = || {
        format!(
            "{host} has no {agent}; the same version of Adaptive MPI must be at the same place on every host"
        )
    };
    match code {
        127 => missing(),
        // srun has no code of its own for it.
        _ if ended.stderr.contains("execve()") && ended.stderr.contains("No such file") => missing(),
        126 => format!("{agent} cannot be run on {host} (another kind of processor?){because}"),
        0 => format!(
            "{shell} to {host} ended at once without running anything; do the start-up files of the shell there call exit?"
        ),
        _ => format!("{shell} to {host} ended with exit code {code}{because}"),
    }
}

/// The last line that says something.
fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("")
}

/// Why the remote shell itself could not be started.
pub fn not_started(shell: &Shell, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => format!(
            "there is no {} on this host; --launcher names the command that reaches other hosts",
            shell.name()
        ),
        _ => format!("cannot start {}: {error}", shell.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(shell: &Shell, code: Option<i32>, signal: Option<i32>, stderr: &str, spoken: bool) -> String {
        let agent = Path::new("/opt/bin/ampirun");
        sentence(&Ended { shell, host: "me@h2", agent, code, signal, stderr, spoken })
    }

    #[test]
    fn failures_of_ssh_before_anything_runs() {
        for (stderr, part) in [
            (
                "ssh: Could not resolve hostname h2: Name or service not known\r\n",
                "h2: there is no host of this name",
            ),
            ("ssh: connect to host h2 port 22: Connection refused\r\n", "h2 runs no ssh server"),
            ("ssh: connect to host h2 port 22: Connection timed out\r\n", "h2 does not answer (timed out)"),
            ("Connection timed out during banner exchange\r\n", "h2 does not answer"),
            ("ssh: connect to host h2 port 22: No route to host\n", "h2 cannot be reached (no route"),
            (
                "me@h2: Permission denied (publickey).\r\n",
                "me@h2 accepts none of your ssh keys; ssh-copy-id me@h2",
            ),
            (
                "No ED25519 host key is known for h2 and you have requested strict checking.\r\nHost key verification failed.\r\n",
                "the host key of h2 is not known here; ssh me@h2 once by hand",
            ),
            (
                "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nHost key verification failed.\r\n",
                "has another host key than before; if that is right: ssh-keygen -R h2",
            ),
            (
                "kex_exchange_identification: Connection closed by remote host\n",
                "too many connections at once",
            ),
            ("Connection closed by 10.0.0.2 port 22\n", "h2 closed the connection before the login"),
            ("something new\n", "ssh to me@h2 failed: something new"),
            ("", "ssh to me@h2 failed"),
        ] {
            let told = tell(&Shell::Ssh, Some(255), None, stderr, false);
            assert!(told.contains(part) && !told.contains('{'), "{told}");
        }
    }

    #[test]
    fn failures_on_the_other_host() {
        for (code, stderr, part) in [
            (
                127,
                "bash: line 1: /opt/bin/ampirun: No such file or directory\n",
                "me@h2 has no /opt/bin/ampirun",
            ),
            (126, "bash: line 1: /opt/bin/ampirun: Permission denied\n", "cannot be run on me@h2"),
            (126, "cannot execute binary file: Exec format error\n", "Exec format error"),
            (0, "", "do the start-up files of the shell there call exit?"),
            (1, "This account is currently not available.\n", "exit code 1: This account is currently"),
        ] {
            let told = tell(&Shell::Ssh, Some(code), None, stderr, false);
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn failures_of_srun() {
        for (stderr, part) in [
            (
                "slurmstepd: error: execve(): /opt/bin/ampirun: No such file or directory\nsrun: error: n1: task 0: Exited with exit code 2\n",
                "me@h2 has no /opt/bin/ampirun",
            ),
            (
                "srun: error: Unable to create step for job 7: Requested node configuration is not available\n",
                "srun to me@h2 ended with exit code 2: srun: error: Unable to create step for job 7",
            ),
        ] {
            let told = tell(&Shell::Srun, Some(2), None, stderr, false);
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn failures_of_a_running_job_and_of_other_shells() {
        let broke = tell(&Shell::Ssh, Some(255), None, "Timeout, server h2 not responding.\r\n", true);
        assert_eq!(broke, "the connection to me@h2 broke: Timeout, server h2 not responding.");
        assert!(tell(&Shell::Ssh, Some(0), None, "", true).contains("ended before its processes"));
        assert!(tell(&Shell::Ssh, Some(101), None, "x\n", true).contains("exit code 101: x"));
        assert_eq!(tell(&Shell::Rsh, None, Some(9), "", false), "rsh to me@h2 was ended by signal 9");
        let refused = tell(&Shell::Rsh, Some(1), None, "h2: Connection refused\n", false);
        assert_eq!(refused, "rsh to me@h2 ended with exit code 1: h2: Connection refused");
        let own = Shell::Words(vec!["/usr/bin/ssh".into(), "-p".into(), "2".into()]);
        assert!(tell(&own, Some(255), None, "Connection refused", false).contains("runs no ssh server"));
    }

    #[test]
    fn a_missing_shell_is_told() {
        let error = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert!(not_started(&Shell::Rsh, &error).contains("there is no rsh on this host; --launcher"));
        let error = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert!(not_started(&Shell::Ssh, &error).contains("cannot start ssh"));
    }
}
