//! What launcher and processes say to each other, as bytes: a tag, then the fields in order. Integers are little-endian,
//! texts and lists have their length in front. Whatever is read has a limit.

use super::{Fingerprint, HostIdentity, Mismatch, Process, Table, Traffic};
use crate::wire::stream::Address;
use crate::wire::{PROCESSES_MAX, ProcessId};

/// The longest message.
pub const MESSAGE_MAX: usize = 64 << 20;
const TEXT_MAX: usize = 16 << 10;
const BYTES_MAX: usize = 1 << 20;
const ITEMS_MAX: usize = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Join {
        process: Process,
        fingerprint: Fingerprint,
    },
    Table(Table),
    Refused {
        reason: String,
    },
    Barrier {
        number: u32,
    },
    Abort {
        by: ProcessId,
        code: i32,
        reason: String,
    },
    Exit {
        code: i32,
    },
    Bye,
    Lost {
        process: ProcessId,
        reason: String,
    },
    Exited {
        process: ProcessId,
        code: i32,
    },
    Alive,
    /// All PEs of the process sleep: see [`super::silence`].
    Silent(Traffic),
    Probe {
        number: u32,
    },
    Answer {
        number: u32,
        silent: Option<Traffic>,
    },
    Stuck,
    /// What a process has to say about it.
    Part {
        bytes: Vec<u8>,
    },
    /// What all have said, in the order of their numbers.
    Parts {
        parts: Vec<Vec<u8>>,
    },
}

impl Message {
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer(Vec::new());
        match self {
            Message::Join { process, fingerprint } => {
                w.tag(1).process(process).list(fingerprint, |w, (name, value)| {
                    w.text(name).text(value);
                })
            }
            Message::Table(table) => w
                .tag(2)
                .list(&table.processes, |w, p| {
                    w.process(p);
                })
                .list(&table.mismatches, |w, m| {
                    w.text(&m.name).text(&m.sentence);
                }),
            Message::Refused { reason } => w.tag(3).text(reason),
            Message::Barrier { number } => w.tag(4).word(*number),
            Message::Abort { by, code, reason } => w.tag(5).word(*by).word(*code as u32).text(reason),
            Message::Exit { code } => w.tag(6).word(*code as u32),
            Message::Bye => w.tag(7),
            Message::Lost { process, reason } => w.tag(8).word(*process).text(reason),
            Message::Exited { process, code } => w.tag(9).word(*process).word(*code as u32),
            Message::Alive => w.tag(10),
            Message::Silent(traffic) => w.tag(11).traffic(traffic),
            Message::Probe { number } => w.tag(12).word(*number),
            Message::Answer { number, silent } => w.tag(13).word(*number).list(silent.as_slice(), |w, t| {
                w.traffic(t);
            }),
            Message::Stuck => w.tag(14),
            Message::Part { bytes } => w.tag(15).bytes(bytes),
            Message::Parts { parts } => w.tag(16).list(parts, |w, p| {
                w.bytes(p);
            }),
        };
        w.0
    }

    pub fn decode(bytes: &[u8]) -> Result<Message, String> {
        let mut r = Reader(bytes);
        let message = match r.byte()? {
            1 => Message::Join {
                process: r.process()?,
                fingerprint: r.list(ITEMS_MAX, |r| Ok((r.text()?, r.text()?)))?,
            },
            2 => Message::Table(Table {
                processes: r.list(PROCESSES_MAX as usize, Reader::process)?,
                mismatches: r.list(ITEMS_MAX, |r| Ok(Mismatch { name: r.text()?, sentence: r.text()? }))?,
            }),
            3 => Message::Refused { reason: r.text()? },
            4 => Message::Barrier { number: r.word()? },
            5 => Message::Abort { by: r.word()?, code: r.word()? as i32, reason: r.text()? },
            6 => Message::Exit { code: r.word()? as i32 },
            7 => Message::Bye,
            8 => Message::Lost { process: r.word()?, reason: r.text()? },
            9 => Message::Exited { process: r.word()?, code: r.word()? as i32 },
            10 => Message::Alive,
            11 => Message::Silent(r.traffic()?),
            12 => Message::Probe { number: r.word()? },
            13 => Message::Answer { number: r.word()?, silent: r.list(1, Reader::traffic)?.pop() },
            14 => Message::Stuck,
            15 => Message::Part { bytes: r.bytes()? },
            16 => Message::Parts { parts: r.list(PROCESSES_MAX as usize, Reader::bytes)? },
            tag => return Err(format!("a message of unknown kind {tag}")),
        };
        match r.0.len() {
            0 => Ok(message),
            n => Err(format!("a message with {n} bytes too many")),
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn tag(&mut self, tag: u8) -> &mut Self {
        self.0.push(tag);
        self
    }
    fn word(&mut self, word: u32) -> &mut Self {
        self.0.extend(word.to_le_bytes());
        self
    }
    fn long(&mut self, long: u64) -> &mut Self {
        self.0.extend(long.to_le_bytes());
        self
    }
    /// A text that is too long loses its end: what the user writes must not make a message unreadable.
    fn text(&mut self, text: &str) -> &mut Self {
        let end = (0..=text.len().min(TEXT_MAX)).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        self.word(end as u32).0.extend(&text.as_bytes()[..end]);
        self
    }
    fn traffic(&mut self, t: &Traffic) -> &mut Self {
        self.long(t.sent).long(t.received).long(t.wakes)
    }
    /// As texts, longer ones lose their end.
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let bytes = &bytes[..bytes.len().min(BYTES_MAX)];
        self.word(bytes.len() as u32).0.extend(bytes);
        self
    }
    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.word(items.len() as u32);
        for item in items {
            each(self, item);
        }
        self
    }
    fn process(&mut self, p: &Process) -> &mut Self {
        self.word(p.index).word(p.pid).word(p.first_pe).word(p.pes);
        self.text(&p.host.boot_id).long(p.host.pid_namespace).long(p.host.ipc_namespace);
        self.text(&p.host_name).list(&p.listen, |w, a| {
            w.text(&a.to_string());
        })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or("a message that ends too early")?;
        self.0 = rest;
        Ok(taken)
    }
    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.take(1)?[0])
    }
    fn word(&mut self) -> Result<u32, String> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(bytes))
    }
    fn long(&mut self) -> Result<u64, String> {
        Ok(self.word()? as u64 | (self.word()? as u64) << 32)
    }
    fn text(&mut self) -> Result<String, String> {
        let len = self.word()? as usize;
        if len > TEXT_MAX {
            return Err(format!("a text of {len} bytes"));
        }
        String::from_utf8(self.take(len)?.to_vec()).map_err(|_| "a text that is not UTF-8".into())
    }
    fn traffic(&mut self) -> Result<Traffic, String> {
        Ok(Traffic { sent: self.long()?, received: self.long()?, wakes: self.long()? })
    }
    fn bytes(&mut self) -> Result<Vec<u8>, String> {
        let len = self.word()? as usize;
        if len > BYTES_MAX {
            return Err(format!("{len} bytes of something"));
        }
        self.take(len).map(<[u8]>::to_vec)
    }
    fn list<T>(
        &mut self,
        max: usize,
        mut each: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let len = self.word()? as usize;
        if len > max {
            return Err(format!("a list of {len} items"));
        }
        (0..len).map(|_| each(self)).collect()
    }
    fn process(&mut self) -> Result<Process, String> {
        let (index, pid, first_pe, pes) = (self.word()?, self.word()?, self.word()?, self.word()?);
        let (boot_id, pid_namespace, ipc_namespace) = (self.text()?, self.long()?, self.long()?);
        let host = HostIdentity { boot_id, pid_namespace, ipc_namespace };
        let host_name = self.text()?;
        let listen = self.list(8, |r| r.text()?.parse::<Address>().map_err(|e| e.to_string()))?;
        Ok(Process { index, pid, host, host_name, listen, first_pe, pes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Message> {
        let process = Process {
            index: 3,
            pid: 77,
            host: HostIdentity { boot_id: "b".into(), pid_namespace: u64::MAX - 1, ipc_namespace: 2 },
            host_name: "höst".into(),
            listen: vec!["tcp:[::1]:5".parse().unwrap(), "unix:@x".parse().unwrap()],
            first_pe: 6,
            pes: 2,
        };
        let mismatch = Mismatch { name: "n".into(), sentence: "s".into() };
        vec![
            Message::Join { process: process.clone(), fingerprint: vec![("a".into(), "b".into())] },
            Message::Table(Table { processes: vec![process.clone(), process], mismatches: vec![mismatch] }),
            Message::Refused { reason: "no".into() },
            Message::Barrier { number: 9 },
            Message::Abort { by: 1, code: -1, reason: "r".into() },
            Message::Exit { code: -7 },
            Message::Bye,
            Message::Lost { process: 1, reason: "gone".into() },
            Message::Exited { process: 1, code: 3 },
            Message::Alive,
        ]
    }

    #[test]
    fn every_message_comes_back_and_every_cut_is_noticed() {
        for message in all() {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes), Ok(message));
            for end in 0..bytes.len() {
                assert!(Message::decode(&bytes[..end]).is_err());
            }
            assert!(Message::decode(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn damaged_messages_neither_panic_nor_ask_for_much() {
        let mut state = 1u64;
        for message in all() {
            let bytes = message.encode();
            for _ in 0..2000 {
                let mut bad = bytes.clone();
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                let at = (state >> 33) as usize % bad.len();
                bad[at] = (state >> 20) as u8;
                // either it is refused or it means something else; both are fine
                let _ = Message::decode(&bad);
            }
        }
        assert!(Message::decode(&[3, 255, 255, 255, 255]).unwrap_err().contains("a text of"));
        assert!(Message::decode(&[2, 255, 255, 255, 255]).unwrap_err().contains("a list of"));
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let reason = "ä".repeat(TEXT_MAX);
        let bytes = Message::Refused { reason }.encode();
        assert!(
            matches!(Message::decode(&bytes), Ok(Message::Refused { reason }) if reason.len() == TEXT_MAX)
        );
    }
}
