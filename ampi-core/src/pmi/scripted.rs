//! For tests: a process manager that knows one conversation by heart.
//!
//! A script has a line per message: `> ` what the client must send, `< ` what it gets. After the last line the server
//! closes the connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

/// A running script.
pub(super) struct Script(JoinHandle<()>);

impl Script {
    /// Fails when the client said something else than the script expects.
    pub(super) fn finish(self) {
        if let Err(panic) = self.0.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Starts the server of `text`. With `sized`, every message but the first of each side has six characters of length in
/// front; else each is a line.
pub(super) fn script(text: &str, sized: bool) -> (OwnedFd, Script) {
    let (client, server) = UnixStream::pair().expect("a socket pair");
    let lines: Vec<String> =
        text.lines().map(|l| l.trim_start().to_string()).filter(|l| !l.is_empty()).collect();
    (client.into(), Script(std::thread::spawn(move || play(&lines, server, sized))))
}

fn play(lines: &[String], server: UnixStream, sized: bool) {
    let mut output = server.try_clone().expect("a second handle");
    let mut input = BufReader::new(server);
    let (mut received, mut sent) = (0, 0);
    for line in lines {
        if let Some(expected) = line.strip_prefix("> ") {
            let mut got = String::new();
            if sized && received > 0 {
                let mut head = [0; 6];
                input.read_exact(&mut head).expect("a length");
                let length = std::str::from_utf8(&head).expect("text").trim_end().parse().expect("a length");
                let mut body = vec![0; length];
                input.read_exact(&mut body).expect("a message");
                got = String::from_utf8(body).expect("text");
            } else {
                input.read_line(&mut got).expect("a line");
                got = got.trim_end_matches('\n').to_string();
            }
            assert_eq!(got, expected, "message {received} of the client");
            received += 1;
        } else if let Some(answer) = line.strip_prefix("< ") {
            let bytes = if sized && sent > 0 {
                format!("{:<6}{answer}", answer.len())
            } else {
                format!("{answer}\n")
            };
            output.write_all(bytes.as_bytes()).expect("the client listens");
            sent += 1;
        } else {
            panic!("\"{line}\" is neither > nor <");
        }
    }
}
