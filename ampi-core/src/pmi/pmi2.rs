//! PMI-2: one request, one answer, each `cmd=…;key=value;…` with its length in front.
//!
//! ```text
//! > cmd=init pmi_version=2 pmi_subversion=0          the first of each side is a line, as in PMI-1
//! < cmd=response_to_init rc=0 pmi_version=2 pmi_subversion=0
//! > 51    cmd=fullinit;pmijobid=9.0;pmirank=0;threaded=FALSE;
//! < 114   cmd=fullinit-response;rc=0;pmi-version=2;pmi-subversion=0;rank=0;size=3;appnum=-1;…
//! > 46    cmd=kvs-put;key=ampi-wire-0;value=1:0a4d00;
//! < 26    cmd=kvs-put-response;rc=0;
//! ```
//!
//! The answer to X is X-response with `rc=0`; Slurm and hydra write the pairs in different orders. Values must not hold a
//! semicolon, which [`super::value`] takes care of.

use super::channel::{ANSWER, Channel, FENCE};
use super::value::{self, Board};
use super::{Client, mapping};
use crate::error::{Error, Result};
use std::time::Duration;

const NAME: &str = "PMI-2";
/// The protocol's greatest length of a value is 1024.
const TEXT_MAX: usize = 1000;

/// A connection that speaks PMI-2.
pub struct Pmi2 {
    channel: Channel,
    rank: usize,
    size: usize,
    /// Name of the job, under which its keys are found.
    job: String,
    ended: bool,
}

impl Pmi2 {
    /// Over the socket `PMI_FD`; `job` is `PMI_JOBID`, which may be empty.
    pub(super) fn over(channel: Channel, rank: usize, size: usize, job: &str) -> Result<Pmi2> {
        let mut client = Pmi2 { channel, rank, size, job: job.into(), ended: false };
        client.init(job)?;
        Ok(client)
    }

    fn init(&mut self, job: &str) -> Result<()> {
        let first = "cmd=init pmi_version=2 pmi_subversion=0";
        self.channel.send(format!("{first}\n").as_bytes())?;
        let answer = self.channel.line(first, ANSWER)?;
        let mut pairs = answer.split_whitespace();
        if !pairs.any(|pair| pair == "rc=0") || !answer.contains("response_to_init") {
            return Err(self.channel.error(format!(
                "{first} was answered with \"{answer}\"; does this process manager speak PMI-2? --pmi pmi1 uses PMI-1"
            )));
        }
        let rank = self.rank;
        let full =
            self.request(&format!("cmd=fullinit;pmijobid={job};pmirank={rank};threaded=FALSE;"), ANSWER)?;
        match (full.number("rank"), full.number("size")) {
            (Some(rank), Some(size)) if rank < size => {
                self.rank = rank;
                self.size = size;
            }
            _ => return Err(self.unexpected("cmd=fullinit", &full)),
        }
        let answer = self.request("cmd=job-getid;", ANSWER)?;
        match answer.get("jobid") {
            Some(job) => self.job = job.to_string(),
            None => return Err(self.unexpected("cmd=job-getid", &answer)),
        }
        Ok(())
    }

    fn send(&mut self, message: &str) -> Result<()> {
        self.channel.send(format!("{:<6}{message}", message.len()).as_bytes())
    }

    fn request(&mut self, message: &str, limit: Duration) -> Result<Answer> {
        self.send(message)?;
        let kind = message.split(';').next().unwrap_or(message);
        let answer = Answer { text: self.channel.sized(kind, limit)? };
        let wanted = format!("{}-response", kind.trim_start_matches("cmd="));
        if answer.get("cmd") != Some(&wanted) || answer.get("rc").is_some_and(|rc| rc != "0") {
            return Err(self.unexpected(kind, &answer));
        }
        Ok(answer)
    }

    fn unexpected(&self, kind: &str, answer: &Answer) -> Error {
        self.channel.error(format!("process {}: {kind} was answered with \"{}\"", self.rank, answer.text))
    }
}

impl Board for Pmi2 {
    fn text_max(&self) -> usize {
        TEXT_MAX
    }

    fn put(&mut self, key: &str, text: &str) -> Result<()> {
        self.request(&format!("cmd=kvs-put;key={key};value={text};"), ANSWER).map(|_| ())
    }

    fn get(&mut self, key: &str) -> Result<Option<String>> {
        let message = format!("cmd=kvs-get;jobid={};srcid=-1;key={key};", self.job);
        let answer = self.request(&message, ANSWER)?;
        Ok(answer.found())
    }
}

impl Client for Pmi2 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn hosts(&mut self) -> Result<Option<Vec<usize>>> {
        let answer = self.request("cmd=info-getjobattr;key=PMI_process_mapping;", ANSWER)?;
        Ok(answer.found().and_then(|text| mapping::hosts(&text, self.size)))
    }

    fn publish(&mut self, key: &str, value: &[u8]) -> Result<()> {
        let rank = self.rank;
        value::publish(self, rank, key, value)
    }

    fn fence(&mut self) -> Result<()> {
        self.request("cmd=kvs-fence;", FENCE).map(|_| ())
    }

    fn lookup(&mut self, rank: usize, key: &str) -> Result<Option<Vec<u8>>> {
        value::lookup(self, rank, key)
    }

    fn abort(&mut self, _code: u8, why: &str) -> Result<()> {
        self.ended = true;
        // The protocol has no exit code; pairs end at a semicolon.
        let why: String =
            why.chars().map(|c| if c == ';' || c == '\n' { ',' } else { c }).take(500).collect();
        self.send(&format!("cmd=abort;isworld=TRUE;msg={why};"))?;
        self.channel.await_end();
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        self.request("cmd=finalize;", ANSWER).map(|_| ())
    }
}

/// A message of the server.
struct Answer {
    text: String,
}

impl Answer {
    fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.text.split(';').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    /// The value of an answer that may say `found=FALSE`.
    fn found(&self) -> Option<String> {
        let found = self.get("found") == Some("TRUE");
        self.get("value").filter(|_| found).map(String::from)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Script, script};
    use super::*;

    const SLURM: &str = "
        > cmd=init pmi_version=2 pmi_subversion=0
        < cmd=response_to_init rc=0 pmi_version=2 pmi_subversion=0
        > cmd=fullinit;pmijobid=9.0;pmirank=0;threaded=FALSE;
        < cmd=fullinit-response;rc=0;pmi-version=2;pmi-subversion=0;rank=0;size=3;appnum=-1;debugged=FALSE;pmiverbose=FALSE;
        > cmd=job-getid;
        < cmd=job-getid-response;rc=0;jobid=9.0;";

    fn connect(text: &str, job: &str) -> (Result<Pmi2>, Script) {
        let (socket, script) = script(text, true);
        (Pmi2::over(Channel::over(NAME, socket), 0, 3, job), script)
    }

    #[test]
    fn pmi2_as_slurm_speaks_it() {
        let (client, script) = connect(
            &format!(
                "{SLURM}
        > cmd=info-getjobattr;key=PMI_process_mapping;
        < cmd=info-getjobattr-response;rc=0;found=TRUE;value=(vector,(0,1,2),(1,1,1));
        > cmd=kvs-put;key=ampi-wire-0;value=1:6869;
        < cmd=kvs-put-response;rc=0;
        > cmd=kvs-fence;
        < cmd=kvs-fence-response;rc=0;
        > cmd=kvs-get;jobid=9.0;srcid=-1;key=ampi-wire-1;
        < cmd=kvs-get-response;rc=0;found=TRUE;value=1:796f75;
        > cmd=kvs-get;jobid=9.0;srcid=-1;key=ampi-nosuch-1;
        < cmd=kvs-get-response;rc=0;found=FALSE;
        > cmd=finalize;
        < cmd=finalize-response;rc=0;"
            ),
            "9.0",
        );
        let mut client = client.unwrap();
        assert_eq!((client.name(), client.rank(), client.size()), ("PMI-2", 0, 3));
        assert_eq!(client.hosts().unwrap(), Some(vec![0, 0, 1]));
        client.publish("wire", b"hi").unwrap();
        client.fence().unwrap();
        assert_eq!(client.lookup(1, "wire").unwrap(), Some(b"you".to_vec()));
        assert_eq!(client.lookup(1, "nosuch").unwrap(), None);
        client.end().unwrap();
        client.end().unwrap();
        script.finish();
    }

    #[test]
    fn pmi2_as_hydra_speaks_it() {
        let (client, script) = connect(
            "> cmd=init pmi_version=2 pmi_subversion=0
        < cmd=response_to_init pmi_version=2 pmi_subversion=0 rc=0
        > cmd=fullinit;pmijobid=;pmirank=0;threaded=FALSE;
        < cmd=fullinit-response;pmi-version=2;pmi-subversion=0;rank=0;size=3;appnum=0;debugged=FALSE;pmiverbose=FALSE;rc=0;
        > cmd=job-getid;
        < cmd=job-getid-response;jobid=kvs_1_0_vm;rc=0;
        > cmd=info-getjobattr;key=PMI_process_mapping;
        < cmd=info-getjobattr-response;found=FALSE;rc=0;
        > cmd=kvs-get;jobid=kvs_1_0_vm;srcid=-1;key=ampi-wire-2;
        < cmd=kvs-get-response;found=TRUE;value=1:00;rc=0;",
            "",
        );
        let mut client = client.unwrap();
        assert_eq!(client.hosts().unwrap(), None);
        assert_eq!(client.lookup(2, "wire").unwrap(), Some(vec![0]));
        script.finish();
    }

    #[test]
    fn pmi2_servers_that_refuse_are_told() {
        let (client, script) = connect(
            "> cmd=init pmi_version=2 pmi_subversion=0\n< cmd=response_to_init rc=-1 pmi_version=1",
            "",
        );
        assert!(client.err().unwrap().to_string().contains("--pmi pmi1"));
        script.finish();
        let (client, script) = connect(
            &format!(
                "{SLURM}\n> cmd=kvs-put;key=ampi-k-0;value=1:;\n< cmd=kvs-put-response;rc=14;errmsg=no;\n> cmd=kvs-fence;\n< cmd=finalize-response;rc=0;\n> cmd=finalize;"
            ),
            "9.0",
        );
        let mut client = client.unwrap();
        assert!(client.publish("k", b"").unwrap_err().to_string().contains("errmsg=no"));
        assert!(client.fence().unwrap_err().to_string().contains("cmd=kvs-fence was answered with"));
        assert!(client.end().unwrap_err().to_string().contains("closed the connection"));
        script.finish();
    }

    #[test]
    fn pmi2_abort_tells_why() {
        let (client, script) =
            connect(&format!("{SLURM}\n> cmd=abort;isworld=TRUE;msg=rank 3, node x,gone;"), "9.0");
        let mut client = client.unwrap();
        client.abort(7, "rank 3; node x\ngone").unwrap();
        script.finish();
    }
}
