//! Two hosts made of namespaces: each has its own network, process numbers, host name, mounts and sshd.
//!
//! ```text
//! h1  10.77.31.1 ── eth0 ═══ veth cable ═══ eth0 ── 10.77.31.2  h2
//! ```
//!
//! 1. A host hangs on one `unshare --kill-child`: killing it kills process 1 of the host, thus all its processes, mounts and
//!    its end of the cable.
//! 2. The launcher's ssh runs inside h1, as if the job were started there.
#![allow(dead_code)]

use ampi_wrappers::launch::remote::Shell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const NET: &str = "10.77.31";

pub struct Hosts {
    folder: TempDir,
    tops: Vec<Child>,
    /// Process 1 of each host, as seen from here.
    inits: Vec<u32>,
}

impl Hosts {
    /// Starts both; `Err`: why that is not possible here.
    pub fn up() -> Result<Hosts, String> {
        if std::env::var_os("AMPI_TEST_CLUSTER").is_none() {
            return Err("AMPI_TEST_CLUSTER is not set".into());
        }
        for tool in ["unshare", "nsenter", "ip", "ssh", "ssh-keygen", "/usr/sbin/sshd"] {
            if !found(tool) {
                return Err(format!("there is no {tool}"));
            }
        }
        let uid = run(Command::new("id").arg("-u"))?;
        if uid.trim() != "0" {
            return Err("only root can make hosts of namespaces".into());
        }
        run(Command::new("unshare").args(["--net", "--uts", "--pid", "--mount", "--fork", "true"]))
            .map_err(|e| format!("namespaces are not allowed here: {e}"))?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut hosts = Hosts { folder, tops: Vec::new(), inits: Vec::new() };
        hosts.write_files()?;
        for number in 1..=2 {
            hosts.start(number)?;
        }
        let end = |host: usize| hosts.inits[host].to_string();
        let cable = [
            "link",
            "add",
            "eth0",
            "netns",
            &end(0),
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            &end(1),
        ];
        run(Command::new("ip").args(cable)).map_err(|e| format!("no cable between namespaces: {e}"))?;
        for number in 1..=2 {
            hosts.await_sshd(number)?;
        }
        Ok(hosts)
    }

    /// A remote shell that starts in h1. Its name has ssh in it, as its failures are those of ssh.
    pub fn shell(&self) -> Shell {
        Shell::Words(vec![self.path("ssh-in-h1").into()])
    }

    /// A command on host `place`.
    pub fn command(&self, place: usize, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.inits[place].to_string(), "-n", "-u", "-i", "-p", "-m", "--", program]);
        command
    }

    /// A remote shell for who is on one of the hosts.
    pub fn shell_inside(&self) -> PathBuf {
        self.path("ssh-inside")
    }

    /// Host `place` (from 0) loses all its processes at once.
    pub fn crash(&mut self, place: usize) {
        let _ = self.tops[place].kill();
        let _ = self.tops[place].wait();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.path(name), text).map_err(|e| format!("{name}: {e}"))
    }

    fn write_script(&self, name: &str, text: &str) -> Result<(), String> {
        self.write(name, &format!("#!/bin/sh\n{text}"))?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(name), mode).map_err(|e| format!("{name}: {e}"))
    }

    fn write_files(&self) -> Result<(), String> {
        for key in ["id", "other", "hostkey"] {
            let mut keygen = Command::new("ssh-keygen");
            run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(self.path(key)))?;
        }
        let dir = self.folder.path().display();
        fs::copy(self.path("id.pub"), self.path("authorized_keys")).map_err(|e| e.to_string())?;
        let host_key = fs::read_to_string(self.path("hostkey.pub")).map_err(|e| e.to_string())?;
        let known = ["h1", "h2", "wrong-key", "closed-port"].map(|name| format!("{name} {host_key}"));
        self.write("known_hosts", &known.concat())?;
        self.write(
            "sshd_config",
            &format!(
                "Port 22\nListenAddress 0.0.0.0\nHostKey {dir}/hostkey\nAuthorizedKeysFile {dir}/authorized_keys\n\
                 PermitRootLogin prohibit-password\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
                 StrictModes no\nUsePAM no\nUseDNS no\nMaxStartups 100\nPidFile none\n"
            ),
        )?;
        let mut config = String::new();
        for (name, address, more) in [
            ("h1", format!("{NET}.1"), String::new()),
            ("h2", format!("{NET}.2"), String::new()),
            ("wrong-key", format!("{NET}.2"), format!(" IdentityFile {dir}/other\n")),
            // Its key is not in known_hosts under this name.
            ("stranger", format!("{NET}.2"), String::new()),
            ("closed-port", format!("{NET}.2"), " Port 2\n".into()),
            ("nowhere", "10.99.99.99".into(), String::new()),
        ] {
            config += &format!("Host {name}\n HostName {address}\n HostKeyAlias {name}\n{more}");
            if more.is_empty() {
                config += &format!(" IdentityFile {dir}/id\n");
            }
        }
        // The default key exchange costs 0.13 s of computing per connection.
        config += &format!(
            "Host *\n User root\n IdentitiesOnly yes\n IdentityAgent none\n UserKnownHostsFile {dir}/known_hosts\n \
             GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n KexAlgorithms curve25519-sha256\n"
        );
        self.write("ssh_config", &config)
    }

    fn start(&mut self, number: usize) -> Result<(), String> {
        let dir = self.folder.path().display().to_string();
        // The last line becomes process 1. sshd's shell reads ~/.bashrc, which may be slow or noisy.
        let init = format!(
            "set -e\nmount -t tmpfs tmpfs /run; mkdir -p /run/sshd\n\
             [ ! -e $HOME/.bashrc ] || mount --bind /dev/null $HOME/.bashrc\n\
             echo h{number} > /proc/sys/kernel/hostname; ip link set lo up\n\
             until ip link show eth0 >/dev/null 2>&1; do sleep 0.01; done\n\
             ip addr add {NET}.{number}/24 dev eth0; ip link set eth0 up\n\
             exec /usr/sbin/sshd -D -f {dir}/sshd_config -E {dir}/h{number}.log\n"
        );
        let mut unshare = Command::new("unshare");
        unshare.args([
            "--net",
            "--uts",
            "--ipc",
            "--pid",
            "--mount",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]);
        unshare.args(["sh", "-c", &init]).stdin(Stdio::null()).stdout(Stdio::null());
        let errors = fs::File::create(self.path(&format!("h{number}.err"))).map_err(|e| e.to_string())?;
        let top = unshare.stderr(errors).spawn().map_err(|e| format!("unshare: {e}"))?;
        let pid = top.id();
        self.tops.push(top);
        let children = PathBuf::from(format!("/proc/{pid}/task/{pid}/children"));
        let init = wait_for(|| fs::read_to_string(&children).ok()?.trim().parse().ok());
        self.inits.push(init.ok_or_else(|| self.complaint(number, "did not start"))?);
        if number == 1 {
            let options = format!("-F {dir}/ssh_config -T -x -o BatchMode=yes -o ConnectTimeout=5");
            self.write_script("ssh-inside", &format!("exec ssh {options} \"$@\"\n"))?;
            // The namespaces of h1, for the launcher's ssh.
            let script = format!("exec nsenter -t {} -n -u -- ssh {options} \"$@\"\n", self.inits[0]);
            self.write_script("ssh-in-h1", &script)?;
        }
        Ok(())
    }

    fn await_sshd(&self, number: usize) -> Result<(), String> {
        let log = self.path(&format!("h{number}.log"));
        let listens = || fs::read_to_string(&log).ok()?.contains("Server listening").then_some(());
        wait_for(listens).ok_or_else(|| self.complaint(number, "has no sshd"))
    }

    fn complaint(&self, number: usize, what: &str) -> String {
        let said = fs::read_to_string(self.path(&format!("h{number}.err"))).unwrap_or_default();
        let log = fs::read_to_string(self.path(&format!("h{number}.log"))).unwrap_or_default();
        format!("h{number} {what}: {}", format!("{said} {log}").trim())
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for top in &mut self.tops {
            let _ = top.kill();
            let _ = top.wait();
        }
    }
}

fn found(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Path::new(tool).is_absolute() && Path::new(tool).exists()
        || std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

fn run(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|e| format!("{name}: {e}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn wait_for<T>(ready: impl Fn() -> Option<T>) -> Option<T> {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        match ready() {
            Some(value) => return Some(value),
            None if Instant::now() > until => return None,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
