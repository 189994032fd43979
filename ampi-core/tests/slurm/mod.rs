//! A Slurm of two nodes for one test: slurmctld and two slurmd in namespaces of their own, with a network that leads
//! nowhere (so that it may do without authentication).
//!
//! Everything hangs on one `unshare --kill-child`: killing it ends the daemons and all that they started.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const NODES: usize = 2;
const HOST: &str = "slurmhost";
/// Of a cable that leads nowhere: a host with nothing but loopback resolves no names (AI_ADDRCONFIG).
const ADDRESS: &str = "10.77.32.1";

/// `AMPI_TEST_CLUSTER=1` asks for the tests that start process managers, daemons and hosts.
pub fn wanted() -> Result<(), String> {
    if std::env::var_os("AMPI_TEST_CLUSTER").is_some() {
        Ok(())
    } else {
        Err("AMPI_TEST_CLUSTER is not set".into())
    }
}

pub struct Slurm {
    folder: PathBuf,
    top: Child,
    /// Process 1 of the namespaces, as seen from here.
    init: u32,
}

impl Slurm {
    /// Starts it; `Err`: why that is not possible here. `name` tells tests apart.
    pub fn up(name: &str) -> Result<Slurm, String> {
        wanted()?;
        for tool in ["unshare", "nsenter", "ip", "srun", "slurmctld", "slurmd"] {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
            if !folders.any(|folder| folder.join(tool).is_file()) {
                return Err(format!("there is no {tool}"));
            }
        }
        if !fs::read_to_string("/proc/self/status").is_ok_and(|s| s.contains("\nUid:\t0\t")) {
            return Err("only root can make the namespaces for a Slurm".into());
        }
        let folder = std::env::temp_dir().join(format!("ampi-slurm-{name}-{}", std::process::id()));
        let made = ["state", "spool/n1", "spool/n2", "tmp/n1", "tmp/n2"];
        made.iter().try_for_each(|sub| fs::create_dir_all(folder.join(sub))).map_err(|e| e.to_string())?;
        let write = |file: &str, text: String| fs::write(folder.join(file), text).map_err(|e| e.to_string());
        write("slurm.conf", configuration(&folder.display().to_string()))?;
        write("hosts", format!("127.0.0.1 localhost\n{ADDRESS} {HOST} n1 n2\n"))?;
        let dir = folder.display();
        write(
            "init",
            format!(
                "mount --bind {dir}/hosts /etc/hosts; echo {HOST} > /proc/sys/kernel/hostname; ip link set lo up\n\
                 ip link add eth0 type veth peer name eth1; ip addr add {ADDRESS}/24 dev eth0\n\
                 ip link set eth0 up; ip link set eth1 up\n\
                 export SLURM_CONF={dir}/slurm.conf PATH=$PATH:/usr/sbin\n\
                 slurmctld -D -c & slurmd -D -N n1 & slurmd -D -N n2 & wait\n"
            ),
        )?;
        let log = fs::File::create(folder.join("log")).map_err(|e| e.to_string())?;
        let second = log.try_clone().map_err(|e| e.to_string())?;
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
            "sh",
        ]);
        unshare.arg(folder.join("init")).stdin(Stdio::null()).stdout(log).stderr(second);
        let top = unshare.spawn().map_err(|e| format!("unshare: {e}"))?;
        let children = format!("/proc/{0}/task/{0}/children", top.id());
        let mut slurm = Slurm { folder, top, init: 0 };
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            std::thread::sleep(Duration::from_millis(30));
            if slurm.init == 0 {
                let child = fs::read_to_string(&children).ok().and_then(|c| c.trim().parse().ok());
                slurm.init = child.unwrap_or(0);
            } else {
                let idle = slurm.command("sinfo").args(["-h", "-t", "idle", "-o", "%D"]).output();
                if idle.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).trim() == NODES.to_string()) {
                    return Ok(slurm);
                }
            }
        }
        let log = fs::read_to_string(slurm.folder.join("log")).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(5).collect();
        Err(format!("Slurm does not come up here: {}", tail.join("; ")))
    }

    /// A command inside of it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init.to_string(), "-n", "-u", "-i", "-p", "-m", "--", program]);
        command.env("SLURM_CONF", self.folder.join("slurm.conf")).stdin(Stdio::null());
        command
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        let _ = self.top.kill();
        let _ = self.top.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn configuration(dir: &str) -> String {
    format!(
        "ClusterName=t\nSlurmctldHost={HOST}({ADDRESS})\nSlurmUser=root\nSlurmdUser=root\nAuthType=auth/none\n\
         CredType=cred/none\nSlurmctldPort=16817\nSlurmctldPidFile={dir}/ctld.pid\nSlurmdPidFile={dir}/slurmd.%n.pid\n\
         StateSaveLocation={dir}/state\nSlurmdSpoolDir={dir}/spool/%n\nTmpFS={dir}/tmp/%n\n\
         ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
         AccountingStorageType=accounting_storage/none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\n\
         SchedulerType=sched/builtin\nMpiDefault=none\nReturnToService=2\nSwitchType=switch/none\n\
         SlurmdParameters=config_overrides\nMailProg=/bin/true\n\
         NodeName=n[1-{NODES}] NodeAddr={ADDRESS} NodeHostname={HOST} Port=[17001-1700{NODES}] CPUs=4 State=UNKNOWN\n\
         PartitionName=p Nodes=n[1-{NODES}] Default=YES MaxTime=INFINITE State=UP OverSubscribe=YES\n"
    )
}
