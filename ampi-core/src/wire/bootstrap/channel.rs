//! Signed messages over one stream.
//!
//! ```text
//! length 4 | message | proof 16 = first half of hash(session key, direction, number of the message, message)
//! ```
//!
//! The numbers make a message that was left out, repeated or reordered as visible as one that was changed.

use super::message::{MESSAGE_MAX, Message};
use crate::wire::secret::Secret;
use crate::wire::stream::Stream;
use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};

const PROOF: usize = 16;
/// Signs of life do not pile up in front of a peer that does not read; anything else is a few messages.
const BACKLOG_MAX: usize = 2 * MESSAGE_MAX;

pub struct Channel {
    key: Secret,
    say: &'static str,
    hear: &'static str,
    said: u64,
    heard: u64,
    input: Vec<u8>,
    output: VecDeque<u8>,
}

impl Channel {
    pub fn server(key: Secret) -> Channel {
        Channel::new(key, "from the server", "from a client")
    }

    pub fn client(key: Secret) -> Channel {
        Channel::new(key, "from a client", "from the server")
    }

    fn new(key: Secret, say: &'static str, hear: &'static str) -> Channel {
        Channel { key, say, hear, said: 0, heard: 0, input: Vec::new(), output: VecDeque::new() }
    }

    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Adds a message to what is written next.
    pub fn say(&mut self, message: &Message) {
        if matches!(message, Message::Alive) && self.has_output() {
            return;
        }
        let body = message.encode();
        let proof = self.key.proof(self.say, &[&self.said.to_le_bytes(), &body]);
        self.said += 1;
        self.output.extend((body.len() as u32).to_le_bytes());
        self.output.extend(&body);
        self.output.extend(&proof.as_bytes()[..PROOF]);
    }

    /// Writes what the kernel takes.
    pub fn flush(&mut self, stream: &Stream) -> Result<(), String> {
        while self.has_output() {
            let (a, b) = self.output.as_slices();
            let n = stream.write(&[IoSlice::new(a), IoSlice::new(b)]).map_err(|e| e.to_string())?;
            if n == 0 {
                break;
            }
            self.output.drain(..n);
        }
        match self.output.len() {
            n if n > BACKLOG_MAX => Err(format!("the other side does not read: {n} bytes wait for it")),
            _ => Ok(()),
        }
    }

    /// Reads what is here. The messages that are whole, and why the stream ended, if it did.
    pub fn hear(&mut self, stream: &mut Stream) -> (Vec<Message>, Option<String>) {
        let mut messages = Vec::new();
        let end = loop {
            let mut bytes = [0; 16 << 10];
            match stream.read(&mut [IoSliceMut::new(&mut bytes)]) {
                Ok(None) => break None,
                Ok(Some(0)) => break Some("the connection was closed".to_string()),
                Ok(Some(n)) => self.input.extend(&bytes[..n]),
                Err(e) => break Some(e.to_string()),
            }
            if let Err(e) = self.parse(&mut messages) {
                break Some(e);
            }
        };
        (messages, end)
    }

    fn parse(&mut self, messages: &mut Vec<Message>) -> Result<(), String> {
        let mut used = 0;
        while let Some(length) = self.input[used..].first_chunk::<4>() {
            let len = u32::from_le_bytes(*length) as usize;
            if len > MESSAGE_MAX {
                return Err(format!("a message of {len} bytes"));
            }
            let Some(whole) = self.input[used + 4..].get(..len + PROOF) else { break };
            let (body, proof) = whole.split_at(len);
            let expected = self.key.proof(self.hear, &[&self.heard.to_le_bytes(), body]);
            if !same(&expected.as_bytes()[..PROOF], proof) {
                return Err("a message that is not signed by the other side".into());
            }
            messages.push(Message::decode(body)?);
            self.heard += 1;
            used += 4 + len + PROOF;
        }
        self.input.drain(..used);
        Ok(())
    }
}

/// Are they equal? Looks at every byte in any case.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn pair() -> (Stream, Stream) {
        let (a, b) = UnixStream::pair().unwrap();
        a.set_nonblocking(true).unwrap();
        b.set_nonblocking(true).unwrap();
        (Stream::Unix(a), Stream::Unix(b))
    }

    #[test]
    fn messages_arrive_also_when_they_are_larger_than_the_socket() {
        let key = Secret::random().unwrap();
        let (mut a, mut b) = (Channel::server(key.clone()), Channel::client(key));
        let (sa, mut sb) = pair();
        let sent: Vec<Message> =
            (0..200).map(|i| Message::Lost { process: i, reason: "x".repeat(10_000) }).collect();
        sent.iter().for_each(|m| a.say(m));
        let mut heard = Vec::new();
        while heard.len() < sent.len() {
            a.flush(&sa).unwrap();
            let (messages, end) = b.hear(&mut sb);
            assert_eq!(end, None);
            heard.extend(messages);
        }
        assert_eq!(heard, sent);
        drop(sa);
        assert!(b.hear(&mut sb).1.unwrap().contains("closed"));
    }

    /// What the receiver says when the two messages on the stream are replaced by `change` of their bytes.
    fn tampered(change: impl Fn(Vec<u8>, Vec<u8>) -> Vec<u8>) -> (usize, Option<String>) {
        let key = Secret::random().unwrap();
        let (mut a, mut b) = (Channel::server(key.clone()), Channel::client(key));
        a.say(&Message::Barrier { number: 1 });
        let one: Vec<u8> = a.output.drain(..).collect();
        a.say(&Message::Barrier { number: 2 });
        let two: Vec<u8> = a.output.drain(..).collect();
        let (sa, mut sb) = pair();
        sa.write(&[IoSlice::new(&change(one, two))]).unwrap();
        let (messages, end) = b.hear(&mut sb);
        (messages.len(), end)
    }

    #[test]
    fn what_was_changed_repeated_reordered_or_left_out_is_noticed() {
        assert_eq!(tampered(|a, b| [a, b].concat()), (2, None));
        let noticed = |(n, end): (usize, Option<String>)| (n, end.is_some_and(|e| e.contains("not signed")));
        assert_eq!(noticed(tampered(|a, _| [a.clone(), a].concat())), (1, true));
        assert_eq!(noticed(tampered(|a, b| [b, a].concat())), (0, true));
        assert_eq!(noticed(tampered(|_, b| b)), (0, true));
        for at in 4..10 {
            let change = |mut a: Vec<u8>| {
                a[at] ^= 1;
                a
            };
            assert_eq!(noticed(tampered(|a, b| [a, change(b)].concat())), (1, true), "{at}");
        }
        assert!(tampered(|_, _| vec![255; 4]).1.unwrap().contains("bytes"));
    }
}
