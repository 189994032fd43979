//! PMI-1.1: one request, one answer, each a line of `key=value` pairs.
//!
//! ```text
//! > cmd=init pmi_version=1 pmi_subversion=1
//! < cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0
//! > cmd=put kvsname=kvs_30660_0 key=ampi-wire-0 value=1:0a4d00
//! < cmd=put_result rc=0 msg=success
//! > cmd=barrier_in
//! < cmd=barrier_out
//! ```
//!
//! Over a port the server first tells who this process is: `cmd=initack pmiid=0`, then `cmd=initack`, `cmd=set size=2`,
//! `cmd=set rank=0`, `cmd=set debug=0`. Hydra and Slurm write the pairs of an answer in different orders and add others:
//! they are read by name. A key that nobody put has an answer with `rc` other than 0, and no other sign.

use super::channel::{ANSWER, Channel, FENCE};
use super::value::{self, Board};
use super::{Client, mapping};
use crate::error::{Error, Result};
use std::time::Duration;

const NAME: &str = "PMI-1";
/// Slurm reads requests of up to 1024 characters; of a longer one it answers nothing.
const LINE_CHARS_MAX: usize = 1000;
/// The longest key on the board.
const KEY_CHARS_MAX: usize = 64;

/// A connection that speaks PMI-1.
pub struct Pmi1 {
    channel: Channel,
    rank: usize,
    size: usize,
    /// Name of the job's board.
    board: String,
    text_max: usize,
    ended: bool,
}

impl Pmi1 {
    /// Over the socket `PMI_FD`.
    pub(super) fn over(channel: Channel, rank: usize, size: usize) -> Result<Pmi1> {
        let mut client = Pmi1 { channel, rank, size, board: String::new(), text_max: 0, ended: false };
        client.init()?;
        Ok(client)
    }

    /// Over `PMI_PORT`, as the process `PMI_ID`.
    pub(super) fn to_port(address: &str, id: &str) -> Result<Pmi1> {
        Pmi1::introduced(Channel::to(NAME, address)?, id)
    }

    fn introduced(mut channel: Channel, id: &str) -> Result<Pmi1> {
        let request = format!("cmd=initack pmiid={id}");
        channel.send(format!("{request}\n").as_bytes())?;
        let (mut rank, mut size) = (None, None);
        let mut known = false;
        // The last line of the introduction is that of debug.
        loop {
            let answer = Answer::parse(&channel.line(&request, ANSWER)?);
            match answer.get("cmd") {
                Some("initack") if answer.get("rc").is_none_or(|rc| rc == "0") => known = true,
                Some("set") => {}
                _ => {
                    return Err(channel.error(format!("{request} was answered with \"{}\"", answer.text)));
                }
            }
            rank = answer.number("rank").or(rank);
            size = answer.number("size").or(size);
            if answer.get("debug").is_some() {
                break;
            }
        }
        match (known, rank, size) {
            (true, Some(rank), Some(size)) if rank < size => Pmi1::over(channel, rank, size),
            _ => Err(channel.error(format!("{request} was answered without a rank and a size"))),
        }
    }

    fn init(&mut self) -> Result<()> {
        self.request("cmd=init pmi_version=1 pmi_subversion=1", "response_to_init", ANSWER)?;
        let maxes = self.request("cmd=get_maxes", "maxes", ANSWER)?;
        let name = self.request("cmd=get_my_kvsname", "my_kvsname", ANSWER)?;
        match name.get("kvsname") {
            Some(name) => self.board = name.to_string(),
            None => return Err(self.unexpected("cmd=get_my_kvsname", &name)),
        }
        // One less than promised: hydra keeps 1023 of 1024 characters.
        let longest = maxes.number("vallen_max").unwrap_or(1024).saturating_sub(1);
        let around = "cmd=put kvsname= key= value=".len() + self.board.len() + KEY_CHARS_MAX;
        self.text_max = longest.min(LINE_CHARS_MAX.saturating_sub(around)).max(32);
        Ok(())
    }

    /// Sends one line, reads the answer and refuses one of another kind or with an error.
    fn request(&mut self, line: &str, kind: &str, limit: Duration) -> Result<Answer> {
        let answer = self.ask(line, kind, limit)?;
        if answer.get("rc").is_some_and(|rc| rc != "0") {
            return Err(self.unexpected(line, &answer));
        }
        Ok(answer)
    }

    fn ask(&mut self, line: &str, kind: &str, limit: Duration) -> Result<Answer> {
        self.channel.send(format!("{line}\n").as_bytes())?;
        let answer = Answer::parse(&self.channel.line(line, limit)?);
        if answer.get("cmd") != Some(kind) {
            return Err(self.unexpected(line, &answer));
        }
        Ok(answer)
    }

    fn unexpected(&self, line: &str, answer: &Answer) -> Error {
        self.channel.error(format!("process {}: {line} was answered with \"{}\"", self.rank, answer.text))
    }

    fn fetch(&mut self, key: &str) -> Result<Option<String>> {
        let line = format!("cmd=get kvsname={} key={key}", self.board);
        let answer = self.ask(&line, "get_result", ANSWER)?;
        if answer.get("rc").is_some_and(|rc| rc != "0") {
            return Ok(None);
        }
        match answer.get("value") {
            Some(value) => Ok(Some(value.into())),
            None => Err(self.unexpected(&line, &answer)),
        }
    }
}

impl Board for Pmi1 {
    fn text_max(&self) -> usize {
        self.text_max
    }

    fn put(&mut self, key: &str, text: &str) -> Result<()> {
        let line = format!("cmd=put kvsname={} key={key} value={text}", self.board);
        self.request(&line, "put_result", ANSWER).map(|_| ())
    }

    fn get(&mut self, key: &str) -> Result<Option<String>> {
        self.fetch(key)
    }
}

impl Client for Pmi1 {
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
        let text = self.fetch("PMI_process_mapping")?;
        Ok(text.and_then(|text| mapping::hosts(&text, self.size)))
    }

    fn publish(&mut self, key: &str, value: &[u8]) -> Result<()> {
        let rank = self.rank;
        value::publish(self, rank, key, value)
    }

    fn fence(&mut self) -> Result<()> {
        self.request("cmd=barrier_in", "barrier_out", FENCE).map(|_| ())
    }

    fn lookup(&mut self, rank: usize, key: &str) -> Result<Option<Vec<u8>>> {
        value::lookup(self, rank, key)
    }

    fn abort(&mut self, code: u8, _why: &str) -> Result<()> {
        self.ended = true;
        self.channel.send(format!("cmd=abort exitcode={code}\n").as_bytes())?;
        self.channel.await_end();
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        self.request("cmd=finalize", "finalize_ack", ANSWER).map(|_| ())
    }
}

/// A line of the server.
struct Answer {
    text: String,
}

impl Answer {
    fn parse(line: &str) -> Answer {
        Answer { text: line.to_string() }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut pairs = self.text.split_whitespace().filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Script, script};
    use super::*;

    const HYDRA: &str = "
        > cmd=init pmi_version=1 pmi_subversion=1
        < cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0
        > cmd=get_maxes
        < cmd=maxes kvsname_max=256 keylen_max=64 vallen_max=1024
        > cmd=get_my_kvsname
        < cmd=my_kvsname kvsname=kvs_30660_0_456275953_vm";
    const SLURM: &str = "
        > cmd=init pmi_version=1 pmi_subversion=1
        < cmd=response_to_init rc=0 pmi_version=1 pmi_subversion=1
        > cmd=get_maxes
        < cmd=maxes rc=0 kvsname_max=256 keylen_max=64 vallen_max=1024
        > cmd=get_my_kvsname
        < cmd=my_kvsname rc=0 kvsname=7.0";

    fn connect(text: &str, rank: usize, size: usize) -> (Result<Pmi1>, Script) {
        let (socket, script) = script(text, false);
        (Pmi1::over(Channel::over(NAME, socket), rank, size), script)
    }

    #[test]
    fn pmi1_as_hydra_speaks_it() {
        let (client, script) = connect(
            &format!(
                "{HYDRA}
        > cmd=get kvsname=kvs_30660_0_456275953_vm key=PMI_process_mapping
        < cmd=get_result rc=0 msg=success value=(vector,(0,1,1),(1,1,2))
        > cmd=put kvsname=kvs_30660_0_456275953_vm key=ampi-wire-0 value=1:6869
        < cmd=put_result rc=0 msg=success
        > cmd=barrier_in
        < cmd=barrier_out
        > cmd=get kvsname=kvs_30660_0_456275953_vm key=ampi-wire-1
        < cmd=get_result rc=0 msg=success value=1:796f75
        > cmd=get kvsname=kvs_30660_0_456275953_vm key=ampi-nosuch-2
        < cmd=get_result rc=-1 msg=key_ampi-nosuch-2_not_found value=unknown
        > cmd=finalize
        < cmd=finalize_ack"
            ),
            0,
            3,
        );
        let mut client = client.unwrap();
        assert_eq!((client.name(), client.rank(), client.size()), ("PMI-1", 0, 3));
        assert_eq!(client.hosts().unwrap(), Some(vec![0, 1, 1]));
        client.publish("wire", b"hi").unwrap();
        client.fence().unwrap();
        assert_eq!(client.lookup(1, "wire").unwrap(), Some(b"you".to_vec()));
        assert_eq!(client.lookup(2, "nosuch").unwrap(), None);
        client.end().unwrap();
        client.end().unwrap();
        script.finish();
    }

    #[test]
    fn pmi1_as_slurm_speaks_it() {
        let (client, script) = connect(
            &format!(
                "{SLURM}
        > cmd=put kvsname=7.0 key=ampi-wire-1 value=1:
        < cmd=put_result rc=0
        > cmd=barrier_in
        < cmd=barrier_out rc=0
        > cmd=get kvsname=7.0 key=ampi-wire-0
        < cmd=get_result rc=1
        > cmd=finalize
        < cmd=finalize_ack rc=0"
            ),
            1,
            2,
        );
        let mut client = client.unwrap();
        client.publish("wire", b"").unwrap();
        client.fence().unwrap();
        assert_eq!(client.lookup(0, "wire").unwrap(), None);
        client.end().unwrap();
        script.finish();
    }

    #[test]
    fn pmi1_over_a_port_learns_its_rank() {
        let (socket, script) = script(
            &format!(
                "> cmd=initack pmiid=1
        < cmd=initack
        < cmd=set size=2
        < cmd=set rank=1
        < cmd=set debug=0
        {HYDRA}"
            ),
            false,
        );
        let client = Pmi1::introduced(Channel::over(NAME, socket), "1").unwrap();
        assert_eq!((client.rank(), client.size()), (1, 2));
        drop(client);
        script.finish();
    }

    #[test]
    fn pmi1_over_a_port_wants_a_rank() {
        for text in [
            "> cmd=initack pmiid=1\n< cmd=initack rc=1 msg=unknown",
            "> cmd=initack pmiid=1\n< cmd=initack\n< cmd=set size=2\n< cmd=set rank=2\n< cmd=set debug=0",
            "> cmd=initack pmiid=1\n< cmd=initack\n< cmd=set debug=0",
            "> cmd=initack pmiid=1\n< cmd=bye",
        ] {
            let (socket, script) = script(text, false);
            let why = Pmi1::introduced(Channel::over(NAME, socket), "1").err().unwrap().to_string();
            assert!(why.contains("cmd=initack pmiid=1 was answered"), "{why}");
            script.finish();
        }
    }

    #[test]
    fn long_pmi1_values_go_in_pieces() {
        let digits = |n: usize| "00".repeat(n);
        let (client, script) = connect(
            &format!(
                "{SLURM}
        > cmd=put kvsname=7.0 key=ampi-wire-0 value=2:{}
        < cmd=put_result rc=0
        > cmd=put kvsname=7.0 key=ampi-wire-0.1 value={}
        < cmd=put_result rc=0",
                digits(448),
                digits(152)
            ),
            0,
            1,
        );
        client.unwrap().publish("wire", &[0; 600]).unwrap();
        script.finish();
    }

    #[test]
    fn pmi1_servers_that_refuse_or_vanish_are_told() {
        let (client, script) = connect(
            "> cmd=init pmi_version=1 pmi_subversion=1\n< cmd=response_to_init rc=-1 pmi_version=2",
            0,
            1,
        );
        assert!(client.err().unwrap().to_string().contains("response_to_init rc=-1"));
        script.finish();
        let (client, script) = connect(
            &format!(
                "{HYDRA}\n> cmd=put kvsname=kvs_30660_0_456275953_vm key=ampi-k-0 value=1:\n< cmd=put_result rc=-1 msg=no\n> cmd=barrier_in"
            ),
            0,
            2,
        );
        let mut client = client.unwrap();
        assert!(client.publish("k", b"").unwrap_err().to_string().contains("msg=no"));
        let why = client.fence().unwrap_err().to_string();
        assert!(why.contains("closed the connection instead of answering cmd=barrier_in"), "{why}");
        script.finish();
    }

    #[test]
    fn pmi1_abort_names_the_exit_code() {
        let (client, script) = connect(&format!("{HYDRA}\n> cmd=abort exitcode=7"), 0, 2);
        let mut client = client.unwrap();
        client.abort(7, "because").unwrap();
        client.end().unwrap();
        script.finish();
    }
}
