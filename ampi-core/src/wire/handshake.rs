//! Proof, to both sides of a new connection, that the other belongs to the job.
//!
//! ```text
//! opener                                                        acceptor
//!   hello      magic 8 | version 2 | purpose 1 | 0 | from 4 | to 4 | random 32      →
//!              random 32 | proof("acceptor", hello, random) 32                      ←   challenge
//!   answer     proof("opener", hello, challenge) 32                                 →
//!              verdict 1 | proof("verdict", hello, challenge, verdict) 32           ←   verdict
//! ```
//!
//! 1. Each proof covers both random numbers, so none can be used again; and both process numbers, so none can be handed on.
//! 2. The acceptor proves itself first: an opener never answers to a stranger.
//! 3. Every message has a fixed length; an unauthenticated peer can make us keep 56 bytes.
//! 4. Afterwards both sides have the same fresh session key.
//!
//! [`Handshake`] does no input or output of its own beyond [`Handshake::drive`], which never waits.

use super::ProcessId;
use super::secret::{self, BYTES, Secret};
use super::stream::{self, Stream};
use crate::error::{Error, Result};
use rustix::event::{PollFd, PollFlags};
use std::io::{IoSlice, IoSliceMut};
use std::time::Instant;

const MAGIC: &[u8; 8] = b"ampiwire";
/// Changes with every change of what travels, here or on the links.
pub const VERSION: u16 = 1;
const HELLO: usize = 24 + BYTES;
const CHALLENGE: usize = 2 * BYTES;
const ANSWER: usize = BYTES;
const VERDICT: usize = 1 + BYTES;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    Bootstrap = 1,
    Tcp = 2,
    Shm = 3,
}

/// What the acceptor thinks of a proven opener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    Welcome = 1,
    /// My own connection to you is under way and shall be the one.
    Yield = 2,
    /// You have no business here (twice the same process, unknown number).
    Refused = 3,
}

/// How far it is.
#[derive(Debug)]
pub enum Progress {
    /// The other side has to say something first.
    Waiting,
    /// Acceptor: the opener is process `from` of this job. Now [`Handshake::answer`].
    Proven { from: ProcessId },
    /// It is over. On the opener's side with the acceptor's verdict.
    Done(Verdict),
}

enum Expected {
    Hello,
    Answer,
    Judgement { from: ProcessId },
    Challenge,
    Verdict,
    Nothing(Verdict),
}

/// One side of a handshake.
pub struct Handshake {
    secret: Secret,
    purpose: Purpose,
    me: ProcessId,
    expected: Expected,
    hello: Vec<u8>,
    challenge: Vec<u8>,
    input: Vec<u8>,
    output: Vec<u8>,
}

fn failed(why: &str) -> Error {
    Error::Wire { what: "authentication".into(), why: why.into() }
}

impl Handshake {
    /// The side that connects: process `me` to process `to`.
    pub fn opener(secret: &Secret, purpose: Purpose, me: ProcessId, to: ProcessId) -> Result<Handshake> {
        let mut side = Handshake::new(secret, purpose, me, Expected::Challenge);
        side.hello.extend(MAGIC);
        side.hello.extend(VERSION.to_le_bytes());
        side.hello.extend([purpose as u8, 0]);
        side.hello.extend(me.to_le_bytes());
        side.hello.extend(to.to_le_bytes());
        side.hello.extend([0; 4]);
        side.hello.extend(secret::random()?);
        side.output = side.hello.clone();
        Ok(side)
    }

    /// The side that was connected to.
    pub fn acceptor(secret: &Secret, purpose: Purpose, me: ProcessId) -> Handshake {
        Handshake::new(secret, purpose, me, Expected::Hello)
    }

    fn new(secret: &Secret, purpose: Purpose, me: ProcessId, expected: Expected) -> Handshake {
        let (hello, challenge, input, output) = Default::default();
        Handshake { secret: secret.clone(), purpose, me, expected, hello, challenge, input, output }
    }

    /// Who says to be the opener; not proven yet.
    pub fn claims(&self) -> Option<ProcessId> {
        (self.hello.len() == HELLO).then(|| word(&self.hello, 12))
    }

    /// Are bytes waiting to be written?
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// The bytes that wait to be written, for a caller that writes them itself.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// The key of this connection; equal on both sides, once it is done.
    pub fn session(&self) -> Secret {
        self.secret.derive("session", &[&self.hello, &self.challenge])
    }

    /// The acceptor's verdict on a proven opener.
    pub fn answer(&mut self, verdict: Verdict) {
        let proof = self.verdict_proof(verdict as u8);
        self.output.push(verdict as u8);
        self.output.extend(proof.as_bytes());
        self.expected = Expected::Nothing(verdict);
    }

    /// Writes and reads what is possible now.
    pub fn drive(&mut self, stream: &mut Stream) -> Result<Progress> {
        loop {
            if self.has_output() {
                let n = stream.write(&[IoSlice::new(&self.output)]).map_err(|e| failed(&e.to_string()))?;
                self.output.drain(..n);
                if self.has_output() {
                    return Ok(Progress::Waiting);
                }
            }
            let wanted = match self.expected {
                Expected::Judgement { from } => return Ok(Progress::Proven { from }),
                Expected::Nothing(verdict) => return Ok(Progress::Done(verdict)),
                Expected::Hello => HELLO,
                Expected::Challenge => CHALLENGE,
                Expected::Answer => ANSWER,
                Expected::Verdict => VERDICT,
            };
            let mut bytes = [0; CHALLENGE];
            // never more than this message: what follows belongs to the next layer
            let room = &mut bytes[..wanted - self.input.len()];
            match stream.read(&mut [IoSliceMut::new(room)]).map_err(|e| failed(&e.to_string()))? {
                None => return Ok(Progress::Waiting),
                Some(0) => return Err(failed(self.left_early())),
                Some(n) => self.input.extend(&bytes[..n]),
            }
            if self.input.len() == wanted {
                let message = std::mem::take(&mut self.input);
                self.take(&message)?;
            } else if !MAGIC.starts_with(&self.input[..self.input.len().min(8)])
                && matches!(self.expected, Expected::Hello)
            {
                return Err(failed("what came is not this protocol"));
            }
        }
    }

    fn left_early(&self) -> &'static str {
        match self.expected {
            Expected::Answer => "the connection ended instead of a proof: the other side has another secret",
            Expected::Challenge => {
                "the connection ended after the greeting: the other side has another secret or is gone"
            }
            _ => "the connection ended",
        }
    }

    /// Drives it to its end, waiting until `until` at most. An acceptor says Welcome.
    pub fn finish(&mut self, stream: &mut Stream, until: Instant) -> Result<(Verdict, ProcessId)> {
        loop {
            match self.drive(stream)? {
                Progress::Done(verdict) => return Ok((verdict, self.claims().unwrap_or(self.me))),
                Progress::Proven { .. } => self.answer(Verdict::Welcome),
                Progress::Waiting if Instant::now() >= until => {
                    return Err(failed("the other side did not answer in time"));
                }
                Progress::Waiting => {
                    let flags = if self.has_output() { PollFlags::OUT } else { PollFlags::IN };
                    stream::wait(&mut [PollFd::new(stream, flags)], until);
                }
            }
        }
    }

    fn take(&mut self, message: &[u8]) -> Result<()> {
        match self.expected {
            Expected::Hello => {
                self.check_hello(message)?;
                self.hello = message.to_vec();
                let random = secret::random()?;
                let proof = self.secret.proof("acceptor", &[&self.hello, &random]);
                self.challenge.extend(random);
                self.challenge.extend(proof.as_bytes());
                self.output = self.challenge.clone();
                self.expected = Expected::Answer;
            }
            Expected::Challenge => {
                let (random, proof) = message.split_at(BYTES);
                if self.secret.proof("acceptor", &[&self.hello, random]) != *array(proof) {
                    return Err(failed("the other side does not know the secret of this job"));
                }
                self.challenge = message.to_vec();
                let answer = self.secret.proof("opener", &[&self.hello, &self.challenge]);
                self.output.extend(answer.as_bytes());
                self.expected = Expected::Verdict;
            }
            Expected::Answer => {
                if self.secret.proof("opener", &[&self.hello, &self.challenge]) != *array(message) {
                    return Err(failed("the other side does not know the secret of this job"));
                }
                self.expected = Expected::Judgement { from: word(&self.hello, 12) };
            }
            Expected::Verdict => {
                if self.verdict_proof(message[0]) != *array(&message[1..]) {
                    return Err(failed("the verdict is not signed"));
                }
                let all = [Verdict::Welcome, Verdict::Yield, Verdict::Refused];
                let verdict = all.into_iter().find(|v| *v as u8 == message[0]);
                self.expected = Expected::Nothing(verdict.ok_or_else(|| failed("an unknown verdict"))?);
            }
            Expected::Judgement { .. } | Expected::Nothing(_) => {}
        }
        Ok(())
    }

    fn check_hello(&self, hello: &[u8]) -> Result<()> {
        if &hello[..8] != MAGIC {
            return Err(failed("what came is not this protocol"));
        }
        let version = u16::from_le_bytes([hello[8], hello[9]]);
        if version != VERSION {
            return Err(failed(&format!("the other side speaks version {version}, this one {VERSION}")));
        }
        if hello[10] != self.purpose as u8 || word(hello, 16) != self.me {
            return Err(failed("the connection was meant for somebody else"));
        }
        Ok(())
    }

    fn verdict_proof(&self, verdict: u8) -> secret::Proof {
        self.secret.proof("verdict", &[&self.hello, &self.challenge, &[verdict]])
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The message was read with exactly this length.
fn array(bytes: &[u8]) -> &[u8; BYTES] {
    bytes.first_chunk().unwrap_or(&[0; BYTES])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    fn pair() -> (Stream, Stream) {
        let (a, b) = UnixStream::pair().unwrap();
        a.set_nonblocking(true).unwrap();
        b.set_nonblocking(true).unwrap();
        (Stream::Unix(a), Stream::Unix(b))
    }

    /// Runs both sides in turns until both are over; their results and session keys.
    fn run(mut a: Handshake, mut b: Handshake) -> (Result<Verdict>, Result<Verdict>, bool) {
        let (sa, sb) = pair();
        let (mut sa, mut sb) = (Some(sa), Some(sb));
        let (mut ra, mut rb) = (None, None);
        for _ in 0..20 {
            for (side, stream, result) in [(&mut a, &mut sa, &mut ra), (&mut b, &mut sb, &mut rb)] {
                let Some(s) = stream else { continue };
                match side.drive(s) {
                    Ok(Progress::Waiting) => {}
                    Ok(Progress::Proven { from }) => {
                        assert_eq!(from, 3);
                        side.answer(Verdict::Yield);
                    }
                    Ok(Progress::Done(v)) => *result = Some(Ok(v)),
                    Err(e) => {
                        *result = Some(Err(e));
                        *stream = None;
                    }
                }
            }
        }
        (ra.unwrap(), rb.unwrap(), a.session().to_hex() == b.session().to_hex())
    }

    #[test]
    fn both_sides_end_with_the_verdict_and_one_session_key() {
        let secret = Secret::random().unwrap();
        let opener = Handshake::opener(&secret, Purpose::Tcp, 3, 5).unwrap();
        let (a, b, same) = run(opener, Handshake::acceptor(&secret, Purpose::Tcp, 5));
        assert_eq!((a.unwrap(), b.unwrap(), same), (Verdict::Yield, Verdict::Yield, true));
    }

    #[test]
    fn another_secret_is_noticed_on_both_sides() {
        let (one, two) = (Secret::random().unwrap(), Secret::random().unwrap());
        let opener = Handshake::opener(&one, Purpose::Tcp, 3, 5).unwrap();
        let (a, b, _) = run(opener, Handshake::acceptor(&two, Purpose::Tcp, 5));
        assert!(a.unwrap_err().to_string().contains("does not know the secret"));
        assert!(b.unwrap_err().to_string().contains("another secret"));
    }

    #[test]
    fn a_greeting_for_another_process_or_purpose_is_refused() {
        let secret = Secret::random().unwrap();
        for (to, purpose) in [(6, Purpose::Tcp), (5, Purpose::Shm)] {
            let opener = Handshake::opener(&secret, purpose, 3, to).unwrap();
            let (a, b, _) = run(opener, Handshake::acceptor(&secret, Purpose::Tcp, 5));
            assert!(a.is_err());
            assert!(b.unwrap_err().to_string().contains("somebody else"));
        }
    }

    #[test]
    fn garbage_ends_it_before_it_is_complete() {
        let (mut near, far) = pair();
        let mut acceptor = Handshake::acceptor(&Secret::random().unwrap(), Purpose::Tcp, 5);
        far.write(&[IoSlice::new(b"GET / HTTP/1.0\r\n")]).unwrap();
        assert!(acceptor.drive(&mut near).unwrap_err().to_string().contains("not this protocol"));
    }

    #[test]
    fn an_answer_cannot_be_used_again() {
        let secret = Secret::random().unwrap();
        let mut opener = Handshake::opener(&secret, Purpose::Tcp, 3, 5).unwrap();
        let mut first = Handshake::acceptor(&secret, Purpose::Tcp, 5);
        let hello = opener.hello.clone();
        first.take(&hello).unwrap();
        opener.take(&first.challenge.clone()).unwrap();
        let answer = opener.output[HELLO..].to_vec();
        let mut second = Handshake::acceptor(&secret, Purpose::Tcp, 5);
        second.take(&hello).unwrap();
        assert!(second.take(&answer).is_err());
        assert!(first.take(&answer).is_ok());
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let secret = Secret::random().unwrap();
        for bit in (0..HELLO * 8).step_by(7) {
            let mut opener = Handshake::opener(&secret, Purpose::Tcp, 3, 5).unwrap();
            let mut acceptor = Handshake::acceptor(&secret, Purpose::Tcp, 5);
            let mut hello = opener.hello.clone();
            hello[bit / 8] ^= 1 << (bit % 8);
            let passed = acceptor.take(&hello).and_then(|()| opener.take(&acceptor.challenge));
            assert!(passed.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn waiting_has_an_end() {
        let (mut near, _far) = pair();
        let mut acceptor = Handshake::acceptor(&Secret::random().unwrap(), Purpose::Tcp, 5);
        let limit = Instant::now() + Duration::from_millis(20);
        assert!(acceptor.finish(&mut near, limit).unwrap_err().to_string().contains("in time"));
    }
}
