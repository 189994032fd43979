//! Stands in for `ampi-worker` in tests of the launcher: a process of a job that joins it, says who it is, and does what its
//! words tell it. Installed as `bin/ampi-worker` beside `bin/ampirun` by `tests/stage`.
//!
//! ```text
//! ampirun +p 2 ++ppn 1 /bin/true 1:exit=3          process 1 leaves with exit code 3, process 0 with 0
//! ```
//!
//! Words: `N:ACTION` for process N, `ACTION` for all; done in their order.
//!
//! | action | what it does |
//! |---|---|
//! | `early=C` `decline=C` | before joining: ends with code C; tells the launcher that it cannot join |
//! | `say` `lines=N` `stdin` | writes who it is; N long lines; what it reads, to the end |
//! | `variable=NAME` | writes a variable |
//! | `wait=MS` `barrier` `hang` | waits: a time; for the others; for ever |
//! | `stubborn` | from now on ignores the signals that can be ignored |
//! | `deaf` | from now on does not end when the job does |
//! | `child=S` | leaves a process behind that sleeps S seconds |
//! | `kill` `crash` `quit=C` | dies by SIGKILL, by SIGSEGV, ends with code C without leaving |
//! | `abort=C` `fail=C` | ends the job: gives a reason; has told it already |
//! | `exit=C` | leaves with code C in place of 0 |
//! | `linger` | stays after it has left |
//!
//! # Safety
//! Calls of libc about its own signals and its own end.
#![allow(unsafe_code)]

use ampi_core::job::{JobSpec, SECRET};
use ampi_core::wire::bootstrap::{Client, Event, HostIdentity, Join, Limits, Process, host_name};
use ampi_core::wire::secret::Secret;
use std::io::{Write, stdin, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// Ends the process at once.
fn leave(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

fn raise(signal: i32) -> ! {
    // SAFETY: a signal for this process alone, with its default action.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::kill(libc::getpid(), signal);
    }
    hang()
}

fn hang() -> ! {
    loop {
        std::thread::sleep(SOON);
    }
}

fn join(spec: &JobSpec) -> Join {
    Join {
        server: spec.server.parse().expect("an address"),
        secret: Secret::from_hex(&std::env::var(SECRET).expect("the secret")).expect("a secret"),
        process: Process {
            index: spec.process as u32,
            pid: std::process::id(),
            host: HostIdentity::read().expect("a host"),
            host_name: host_name(),
            listen: vec![],
            first_pe: spec.first_pe as u32,
            pes: spec.pes as u32,
        },
        fingerprint: vec![],
        limits: Limits { silence: Duration::MAX, ..Limits::default() },
    }
}

fn main() {
    let spec = JobSpec::from_env().expect("a job").expect("started by ampirun");
    let own = |word: String| match word.split_once(':') {
        Some((number, action)) => (number == spec.process.to_string()).then(|| action.to_string()),
        None => Some(word),
    };
    // The first word is the program.
    let actions: Vec<String> = std::env::args().skip(2).filter_map(own).collect();
    let number = |action: &str, name: &str| action.strip_prefix(name)?.strip_prefix('=')?.parse::<i32>().ok();
    for action in &actions {
        if let Some(code) = number(action, "early") {
            leave(code);
        }
        if let Some(code) = number(action, "decline") {
            Client::decline(&join(&spec), code, "there is nothing to run").expect("the launcher listens");
            leave(code);
        }
    }
    let deaf = Arc::new(AtomicBool::new(false));
    let client = (spec.processes > 1).then(|| {
        let deaf = deaf.clone();
        let ended = move |event: Event| match event {
            Event::Lost { .. } | Event::Aborted { .. } | Event::ServerLost { .. }
                if !deaf.load(Ordering::SeqCst) =>
            {
                leave(1)
            }
            _ => {}
        };
        // The launcher tells the user.
        Client::join(join(&spec), ended).unwrap_or_else(|_| leave(1))
    });
    let mut code = 0;
    let mut linger = false;
    for action in &actions {
        let value = action.split_once('=').map_or("", |(_, value)| value);
        let count = value.parse::<i32>().unwrap_or(0);
        match action.split('=').next().unwrap_or("") {
            "say" => say(&spec),
            "lines" => (0..count).for_each(|line| {
                println!("<{} {line} {}>", spec.process, "x".repeat(200));
            }),
            "stdin" => drop(std::io::copy(&mut stdin(), &mut stdout())),
            "variable" => println!("{} {}", spec.process, std::env::var(value).unwrap_or_default()),
            "wait" => std::thread::sleep(Duration::from_millis(count as u64)),
            "barrier" => {
                if let Some(client) = &client
                    && client.barrier(SOON).is_err()
                {
                    leave(1);
                }
            }
            "hang" => hang(),
            "stubborn" => {
                for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT] {
                    // SAFETY: ignoring a signal needs no handler.
                    unsafe { libc::signal(signal, libc::SIG_IGN) };
                }
            }
            "deaf" => deaf.store(true, Ordering::SeqCst),
            "child" => drop(std::process::Command::new("sleep").arg(value).spawn()),
            "kill" => raise(libc::SIGKILL),
            "crash" => raise(libc::SIGSEGV),
            "quit" => leave(count),
            "abort" => {
                if let Some(client) = &client {
                    client.abort(count, "rank 3 has had enough");
                }
                leave(count);
            }
            "fail" => {
                eprintln!("ampi: rank 3 failed");
                if let Some(client) = &client {
                    client.abort(count, "");
                }
                leave(count);
            }
            "exit" => code = count,
            "linger" => linger = true,
            _ => panic!("{action} is none of my words"),
        }
    }
    stdout().flush().unwrap_or_else(|_| leave(1));
    if let Some(client) = client {
        client.finish(code, SOON).unwrap_or_else(|_| leave(1));
    }
    if linger {
        hang();
    }
    leave(code);
}

/// One line, in one write.
fn say(spec: &JobSpec) {
    let line = format!(
        "process {}/{} pid {} host {} ranks {} pes {}+{} cores {:?} transport {}\n",
        spec.process,
        spec.processes,
        std::process::id(),
        host_name(),
        spec.ranks,
        spec.first_pe,
        spec.pes,
        spec.cores,
        spec.transport
    );
    stdout().write_all(line.as_bytes()).unwrap_or_else(|_| leave(1));
}
