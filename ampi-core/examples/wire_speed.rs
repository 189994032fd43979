//! How fast links between processes are: one way of a ping-pong, two threads that both spin.
//! `cargo run --release -p ampi-core --example wire_speed`
//!
//! Raw TCP is the same ping-pong with plain reads and writes, measured in turns with the links.

#![allow(unsafe_code)]

use ampi_core::wire::ProcessId;
use ampi_core::wire::frame::FrameHead;
use ampi_core::wire::link::{Broken, Link, Sink};
use ampi_core::wire::place::{Lent, Place};
use ampi_core::wire::secret::Secret;
use ampi_core::wire::shm::Shm;
use ampi_core::wire::stream::{Address, Listener};
use ampi_core::wire::tcp::{Mesh, Options};
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const SIZES: [usize; 4] = [8, 4096, 65_536, 1 << 20];

/// Counts frames; long payloads go to one buffer again and again.
struct Count {
    frames: u32,
    released: u32,
    broken: Option<Broken>,
    buffer: Vec<u8>,
}

impl Sink for Count {
    fn frame(&mut self, _: ProcessId, _: &FrameHead, payload: &[u8]) {
        self.buffer[..payload.len()].copy_from_slice(payload);
        self.frames += 1;
    }
    fn place(&mut self, _: ProcessId, head: &FrameHead) -> Place {
        // SAFETY: the buffer lives as long as the sink and is not looked at before the end.
        unsafe { Place::at(self.buffer.as_mut_ptr(), head.len_bytes as usize) }
    }
    fn placed(&mut self, _: ProcessId, _: &FrameHead, _: Place) {
        self.frames += 1;
    }
    fn lost(&mut self, _: ProcessId, _: &FrameHead, _: Place) {}
    fn released(&mut self, _: ProcessId, _: u64, _: bool) {
        self.released += 1;
    }
    fn broken(&mut self, broken: &Broken) {
        self.broken = Some(broken.clone());
    }
    fn closed(&mut self, _: ProcessId) {}
}

/// Polls until `over`; gives the core away now and then, for machines on which others work too.
fn until<L: Link>(link: &mut L, count: &mut Count, over: impl Fn(&Count) -> bool) {
    for polls in 1u32.. {
        link.poll(1, count);
        if over(count) {
            // the other side may be through already, and gone
            return;
        }
        assert_eq!(count.broken, None);
        std::hint::spin_loop();
        if polls.is_multiple_of(1024) {
            thread::yield_now();
        }
    }
}

fn rounds(len: usize) -> u32 {
    (20_000_000 / (len + 4000)) as u32
}

/// One way in ns: the smallest of several batches.
fn play<L: Link>(link: &mut L, me: ProcessId, len: usize) -> f64 {
    let payload = vec![me as u8; len];
    let mut count = Count { frames: 0, released: 0, broken: None, buffer: vec![0; len] };
    let head = FrameHead::new(1, 2, 3, 4);
    let mut best = f64::MAX;
    let (mut wanted, mut lent) = (0, 0);
    for _ in 0..5 {
        let begin = Instant::now();
        for _ in 0..rounds(len) {
            if me == 1 {
                wanted += 1;
                until(link, &mut count, |c| c.frames >= wanted);
            }
            if len <= 16 << 10 {
                link.send(1 - me, &head, &[&payload]).expect("send");
            } else {
                // SAFETY: the payload lives until the token is back, which is awaited below.
                let loan = unsafe { Lent::pieces(vec![(payload.as_ptr(), len)], 0) };
                link.lend(1 - me, &head, loan).expect("lend");
                lent += 1;
            }
            if me == 0 {
                wanted += 1;
                until(link, &mut count, |c| c.frames >= wanted);
            }
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / 2.0 / rounds(len) as f64);
    }
    until(link, &mut count, |c| c.released >= lent);
    best
}

fn pair<L: Link + 'static>(name: &str, mut zero: L, mut one: L) {
    let other = thread::spawn(move || SIZES.map(|len| play(&mut one, 1, len)));
    let ns = SIZES.map(|len| play(&mut zero, 0, len));
    other.join().expect("the other thread");
    show(name, ns);
}

fn show(name: &str, ns: [f64; 4]) {
    let columns: Vec<String> = ns.iter().map(|ns| format!("{:>10.2}", ns / 1000.0)).collect();
    println!("{name:<12}{}  us", columns.join(""));
}

fn raw() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let near = TcpStream::connect(listener.local_addr().expect("address")).expect("connect");
    let far = listener.accept().expect("accept").0;
    let play = |mut stream: TcpStream, first: bool| {
        stream.set_nodelay(true).expect("nodelay");
        stream.set_nonblocking(true).expect("nonblocking");
        SIZES.map(|len| {
            let mut buffer = vec![0u8; len];
            let mut best = f64::MAX;
            for _ in 0..5 {
                let begin = Instant::now();
                for _ in 0..rounds(len) {
                    for receive in [!first, first] {
                        let mut done = 0;
                        while done < len {
                            let moved = if receive {
                                stream.read(&mut buffer[done..])
                            } else {
                                stream.write(&buffer[done..])
                            };
                            match moved {
                                Ok(n) => done += n,
                                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                                Err(e) => panic!("{e}"),
                            }
                        }
                    }
                }
                best = best.min(begin.elapsed().as_nanos() as f64 / 2.0 / rounds(len) as f64);
            }
            best
        })
    };
    let other = thread::spawn(move || play(far, false));
    let ns = play(near, true);
    other.join().expect("the other thread");
    show("raw tcp", ns);
}

fn mesh(address: &str) -> (Mesh, Mesh) {
    let secret = Secret::random().expect("secret");
    let bind = |i: u32| Listener::bind(&address.replace('N', &i.to_string()).parse().expect("address"));
    let listeners = [bind(0).expect("bind"), bind(1).expect("bind")];
    let addresses: Vec<Vec<Address>> = listeners.iter().map(|l| vec![l.address().clone()]).collect();
    let mut ends = (0..).zip(listeners).map(|(me, l)| {
        Mesh::new(me, secret.clone(), vec![l], addresses.clone(), Options::default()).expect("mesh")
    });
    (ends.next().expect("two"), ends.next().expect("two"))
}

fn shm() -> (Shm, Shm) {
    let secret = Secret::random().expect("secret");
    let name = |i: u32| {
        format!("unix:@ampi-wire-speed-{}-{i}", std::process::id()).parse::<Address>().expect("address")
    };
    let listeners = [0, 1].map(|i| Listener::bind(&name(i)).expect("bind"));
    let until = Instant::now() + Duration::from_secs(5);
    let [zero, one] = listeners;
    let key = secret.clone();
    let other = thread::spawn(move || Shm::meet(1, 2, &key, &one, &[(0, name(0))], until, &|| false));
    let zero = Shm::meet(0, 2, &secret, &zero, &[(1, name(1))], until, &|| false);
    (zero, other.join().expect("the other thread"))
}

fn main() {
    println!("one way     {}", SIZES.map(|s| format!("{s:>10}")).concat());
    for _ in 0..2 {
        raw();
        let (zero, one) = mesh("tcp:127.0.0.1:0");
        pair("tcp", zero, one);
        let (zero, one) = mesh(&format!("unix:@ampi-speed-{}-N", std::process::id()));
        pair("unix", zero, one);
        let (zero, one) = shm();
        pair("shm", zero, one);
    }
}
