//! What launcher and agent say to each other.
//!
//! ```text
//! agent:     "\nAMPI-AGENT 2 version=0.1.0 cores=8 sockets=1 host=h2 from=10.0.0.1\n"     one line, before anything else
//! then both: ┌──────────┬───────────────┬──────────────┬─────────┐
//!            │ kind u8  │ process u32 LE│ length u32 LE│ payload │
//!            └──────────┴───────────────┴──────────────┴─────────┘
//! ```
//!
//! | kind | direction | payload |
//! |---|---|---|
//! | `O` | to the agent | the order (`order.rs`), once |
//! | `S` | to the agent | number of a signal for all its processes, one byte |
//! | `s` | to the launcher | process is started: its pid, u32 |
//! | `f` | to the launcher | process (or [`NOBODY`]: none) was not started: why, text |
//! | `o` `e` | to the launcher | whole lines of its standard output, standard error |
//! | `x` | to the launcher | process ended: exit code i32, signal i32; the one that is not is -1 |
//! | `d` | to the launcher | all processes ended; the agent's last word |
//!
//! 1. A frame has at most [`PAYLOAD_BYTES_MAX`] of payload; more is an error, as is an unknown kind.

use std::io::{self, BufRead, Read, Write};
use std::net::IpAddr;

/// Version of this protocol.
pub const PROTOCOL: u32 = 2;
/// Orders are the longest: environments have some hundred kilobytes at most.
pub const PAYLOAD_BYTES_MAX: usize = 16 << 20;
/// In the place of a process.
pub const NOBODY: u32 = u32::MAX;

const HELLO: &str = "AMPI-AGENT ";
/// What start-up files may print before the agent speaks.
const NOISE_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Order,
    Signal,
    Started,
    NotStarted,
    Stdout,
    Stderr,
    Ended,
    Done,
}

const KINDS: [(Kind, u8); 8] = [
    (Kind::Order, b'O'),
    (Kind::Signal, b'S'),
    (Kind::Started, b's'),
    (Kind::NotStarted, b'f'),
    (Kind::Stdout, b'o'),
    (Kind::Stderr, b'e'),
    (Kind::Ended, b'x'),
    (Kind::Done, b'd'),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub process: u32,
    pub payload: Vec<u8>,
}

/// Writes one frame and flushes.
pub fn write(to: &mut dyn Write, kind: Kind, process: u32, payload: &[u8]) -> io::Result<()> {
    let too_long = || io::Error::other(format!("a frame of {} bytes is too long", payload.len()));
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(too_long());
    }
    let letter = KINDS.iter().find(|(k, _)| *k == kind).map_or(0, |(_, letter)| *letter);
    let mut bytes = Vec::with_capacity(9 + payload.len());
    bytes.push(letter);
    bytes.extend(process.to_le_bytes());
    bytes.extend(u32::try_from(payload.len()).map_err(|_| too_long())?.to_le_bytes());
    bytes.extend(payload);
    to.write_all(&bytes)?;
    to.flush()
}

/// The next frame; `None` at the end.
pub fn read(from: &mut dyn Read) -> io::Result<Option<Frame>> {
    let mut head = [0; 9];
    loop {
        match from.read(&mut head[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    from.read_exact(&mut head[1..])?;
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let Some((kind, _)) = KINDS.iter().find(|(_, letter)| *letter == head[0]) else {
        return Err(wrong(format!("a frame begins with the byte {}", head[0])));
    };
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let length = number(5) as usize;
    if length > PAYLOAD_BYTES_MAX {
        return Err(wrong(format!("a frame claims to have {length} bytes")));
    }
    let mut payload = Vec::new();
    if from.take(length as u64).read_to_end(&mut payload)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(Frame { kind: *kind, process: number(1), payload }))
}

/// The payload of [`Kind::Ended`].
pub fn end_payload(code: Option<i32>, signal: Option<i32>) -> Vec<u8> {
    [code.unwrap_or(-1).to_le_bytes(), signal.unwrap_or(-1).to_le_bytes()].concat()
}

/// Exit code and signal of [`end_payload`].
pub fn read_end(payload: &[u8]) -> Option<(Option<i32>, Option<i32>)> {
    let (code, signal) = payload.split_at_checked(4)?;
    let number = |bytes: &[u8]| Some(i32::from_le_bytes(bytes.try_into().ok()?));
    let given = |n: i32| (n >= 0).then_some(n);
    Some((given(number(code)?), given(number(signal)?)))
}

/// What an agent says of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    pub protocol: u32,
    /// Of the installation there.
    pub version: String,
    /// Cores that processes may use.
    pub cores: usize,
    pub sockets: usize,
    /// The host's own name.
    pub host: String,
    /// The launcher's address, as seen from there.
    pub from: Option<IpAddr>,
}

impl Hello {
    /// The line with a line's end on both sides: whatever was printed before does not stick to it.
    pub fn to_line(&self) -> String {
        let Hello { protocol, version, cores, sockets, host, from } = self;
        let from = from.map(|address| format!(" from={address}")).unwrap_or_default();
        format!("\n{HELLO}{protocol} version={version} cores={cores} sockets={sockets} host={host}{from}\n")
    }

    fn parse(line: &str) -> Option<Hello> {
        let mut words = line.strip_prefix(HELLO)?.split_whitespace();
        let protocol = words.next()?.parse().ok()?;
        let (version, host) = (String::new(), String::new());
        let mut hello = Hello { protocol, version, cores: 1, sockets: 1, host, from: None };
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            match name {
                "version" => hello.version = value.into(),
                "cores" => hello.cores = value.parse().ok().filter(|n| *n > 0)?,
                "sockets" => hello.sockets = value.parse().ok().filter(|n| *n > 0)?,
                "host" => hello.host = value.into(),
                "from" => hello.from = Some(value.parse().ok()?),
                // Of a later version.
                _ => {}
            }
        }
        Some(hello)
    }

    /// Waits for the line of an agent, past all others; `None` when the stream ends or goes on for too long.
    pub fn read(from: &mut dyn BufRead) -> io::Result<Option<Hello>> {
        let mut passed = 0;
        let mut limited = from.take(NOISE_BYTES_MAX as u64);
        while passed < NOISE_BYTES_MAX {
            let mut line = Vec::new();
            let count = limited.read_until(b'\n', &mut line)?;
            if count == 0 {
                break;
            }
            if let Some(hello) = Hello::parse(String::from_utf8_lossy(&line).trim_end()) {
                return Ok(Some(hello));
            }
            passed += count;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hello_is_found_behind_what_start_up_files_print() {
        let from = Some("fe80::1".parse().unwrap());
        let (version, host) = ("0.1.0".into(), "h2".into());
        let hello = Hello { protocol: 1, version, cores: 8, sockets: 2, host, from };
        let text = format!("Welcome!\nno line end\u{7}{}rest", hello.to_line());
        let mut from = text.as_bytes();
        assert_eq!(Hello::read(&mut from).unwrap(), Some(hello));
        assert_eq!(from, b"rest");
        for text in ["", "AMPI-AGENT x\n", "AMPI-AGENT 2 cores=0\n", "hello\n"] {
            assert_eq!(Hello::read(&mut text.as_bytes()).unwrap(), None, "{text}");
        }
        let endless = vec![b'x'; 2 * NOISE_BYTES_MAX];
        assert_eq!(Hello::read(&mut endless.as_slice()).unwrap(), None);
        assert_eq!(Hello::read(&mut "AMPI-AGENT 2 later=x\n".as_bytes()).unwrap().unwrap().protocol, 2);
    }

    #[test]
    fn damaged_frames_are_errors() {
        for bytes in
            [&b"?\0\0\0\0\0\0\0\0"[..], b"o\0\0\0\0\xff\xff\xff\xff", b"o\0\0\0\0\x02\0\0\0a", b"o\0\0"]
        {
            assert!(read(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
        assert_eq!(read(&mut &b""[..]).unwrap(), None);
        assert!(write(&mut Vec::new(), Kind::Order, 0, &vec![0; PAYLOAD_BYTES_MAX + 1]).is_err());
        assert_eq!(read_end(b"123"), None);
    }

    proptest! {
        #[test]
        fn frames_come_back(process: u32, payload in proptest::collection::vec(any::<u8>(), 0..99), which in 0usize..8) {
            let mut bytes = Vec::new();
            write(&mut bytes, KINDS[which].0, process, &payload).unwrap();
            let mut from = bytes.as_slice();
            prop_assert_eq!(read(&mut from).unwrap(), Some(Frame { kind: KINDS[which].0, process, payload }));
            prop_assert!(from.is_empty());
        }

        #[test]
        fn ends_come_back(code in proptest::option::of(0i32..256), signal in proptest::option::of(0i32..65)) {
            prop_assert_eq!(read_end(&end_payload(code, signal)), Some((code, signal)));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&mut bytes.as_slice());
            let _ = Hello::read(&mut bytes.as_slice());
            let _ = read_end(&bytes);
        }
    }
}
