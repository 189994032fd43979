//! How fast links between processes are: one way of a ping-pong, two threads that both spin.
//!
//! ```text
//! cargo run --release -p ampi-core --example wire_speed            all links, on this host
//! cargo run --release -p ampi-core --example wire_speed -- veth    between two network namespaces (as root): tcp, libfabric
//! cargo run --release -p ampi-core --example wire_speed -- veth 9 tcp     nine rounds, tcp only
//! ```
//!
//! Raw TCP is the same ping-pong with plain reads and writes. Every round measures it and all links in turns, each the best
//! of some batches; shown are the medians of the rounds, and how they compare with raw TCP.

#![allow(unsafe_code)]

use ampi_core::wire::ProcessId;
use ampi_core::wire::frame::FrameHead;
use ampi_core::wire::link::{Broken, Link, Sink};
use ampi_core::wire::ofi;
use ampi_core::wire::place::{Lent, Place};
use ampi_core::wire::secret::Secret;
use ampi_core::wire::shm::Shm;
use ampi_core::wire::stream::{Address, Listener};
use ampi_core::wire::tcp::{Mesh, Options};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

const SIZES: [usize; 4] = [8, 4096, 65_536, 1 << 20];
const BATCHES: u32 = 5;
const SOON: Duration = Duration::from_secs(5);
const NET: [IpAddr; 2] =
    [IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 1)), IpAddr::V4(std::net::Ipv4Addr::new(10, 99, 0, 2))];

/// One of the two ends: a thread, its address, and a way to tell the other something.
struct End {
    me: ProcessId,
    ip: [IpAddr; 2],
    say: Sender<String>,
    hear: Receiver<String>,
}

impl End {
    /// Tells the other end `text`; what the other tells.
    fn swap(&self, text: String) -> String {
        self.say.send(text).expect("the other thread");
        self.hear.recv_timeout(SOON).expect("the other thread's word")
    }
    fn ip(&self) -> IpAddr {
        self.ip[self.me as usize]
    }
    /// What both tell, in the order of their numbers.
    fn both<T>(&self, mine: T, of_text: impl Fn(&str) -> T) -> [T; 2]
    where
        T: ToString,
    {
        let theirs = of_text(&self.swap(mine.to_string()));
        if self.me == 0 { [mine, theirs] } else { [theirs, mine] }
    }
    fn secret(&self) -> Secret {
        Secret::from_hex(&"5a".repeat(32)).expect("hexadecimal")
    }
}

/// Counts frames; long payloads go to one buffer again and again.
struct Count {
    frames: u32,
    released: u32,
    closed: bool,
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
    fn closed(&mut self, _: ProcessId) {
        self.closed = true;
    }
}

/// Polls until `over`; gives the core away now and then, for machines on which others work too.
fn until(link: &mut dyn Link, count: &mut Count, over: impl Fn(&Count) -> bool) {
    for polls in 1u32.. {
        link.poll(1, count);
        if over(count) {
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
fn play(link: &mut dyn Link, me: ProcessId, count: &mut Count, len: usize) -> f64 {
    let payload = vec![me as u8; len];
    let head = FrameHead::new(1, 2, 3, 4);
    let mut best = f64::MAX;
    let (mut wanted, mut lent) = (count.frames, count.released);
    for _ in 0..BATCHES {
        let begin = Instant::now();
        for _ in 0..rounds(len) {
            if me == 1 {
                wanted += 1;
                until(link, count, |c| c.frames >= wanted);
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
                until(link, count, |c| c.frames >= wanted);
            }
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / 2.0 / rounds(len) as f64);
    }
    until(link, count, |c| c.released >= lent);
    best
}

fn by_link(mut link: Box<dyn Link>, end: &End) -> [f64; 4] {
    let most = SIZES[SIZES.len() - 1];
    let mut count = Count { frames: 0, released: 0, closed: false, broken: None, buffer: vec![0; most] };
    let ns = SIZES.map(|len| play(link.as_mut(), end.me, &mut count, len));
    link.close();
    until(link.as_mut(), &mut count, |c| c.closed);
    end.swap(String::new());
    ns
}

fn raw(end: &End) -> [f64; 4] {
    let listener = TcpListener::bind((end.ip(), 0)).expect("bind");
    let at = end.both(listener.local_addr().expect("address"), |text| text.parse().expect("address"));
    let mut stream = match end.me {
        0 => TcpStream::connect(at[1]).expect("connect"),
        _ => listener.accept().expect("accept").0,
    };
    stream.set_nodelay(true).expect("nodelay");
    stream.set_nonblocking(true).expect("nonblocking");
    SIZES.map(|len| {
        let mut buffer = vec![0u8; len];
        let mut best = f64::MAX;
        for _ in 0..BATCHES {
            let begin = Instant::now();
            for _ in 0..rounds(len) {
                for receive in [end.me == 1, end.me == 0] {
                    let mut done = 0;
                    while done < len {
                        let moved = match receive {
                            true => stream.read(&mut buffer[done..]),
                            false => stream.write(&buffer[done..]),
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
}

fn mesh(end: &End, address: Address) -> [f64; 4] {
    let listener = Listener::bind(&address).expect("bind");
    let addresses = end.both(listener.address().clone(), |text| text.parse().expect("address"));
    let addresses = addresses.map(|a| vec![a]).to_vec();
    let mesh = Mesh::new(end.me, end.secret(), vec![listener], addresses, Options::default());
    by_link(Box::new(mesh.expect("mesh")), end)
}

fn own_name(end: &End, what: &str) -> Address {
    format!("unix:@ampi-wire-speed-{what}-{}-{}", std::process::id(), end.me).parse().expect("address")
}

fn shm(end: &End) -> [f64; 4] {
    let listener = Listener::bind(&own_name(end, "shm")).expect("bind");
    let addresses = end.both(listener.address().clone(), |text| text.parse().expect("address"));
    let other = 1 - end.me;
    let peers = [(other, addresses[other as usize].clone())];
    let until = Instant::now() + SOON;
    by_link(Box::new(Shm::meet(end.me, 2, &end.secret(), &listener, &peers, until, &|| false)), end)
}

fn fabric(end: &End, provider: &str) -> [f64; 4] {
    let (provider, nap) = match provider.strip_suffix(" nap") {
        Some(provider) => (provider, true),
        None => (provider, false),
    };
    let address = (provider != "shm").then_some(end.ip());
    let options = ofi::Options { provider: Some(provider.into()), address, nap, ..ofi::Options::default() };
    let endpoint = ofi::Endpoint::open(&options).expect("endpoint");
    let addresses = end.both(endpoint.address().clone(), |text| text.parse().expect("address"));
    let link = ofi::link(endpoint, end.me, end.secret(), &addresses.map(Some), SOON).expect("link");
    by_link(Box::new(link), end)
}

/// Runs one contest; every end does the same.
fn contest(end: &End, name: &str) -> [f64; 4] {
    match name {
        "raw tcp" => raw(end),
        "tcp" => mesh(end, Address::any_port(end.ip())),
        "unix" => mesh(end, own_name(end, "mesh")),
        "shm" => shm(end),
        _ => fabric(end, name.strip_prefix("ofi ").expect("a provider")),
    }
}

/// Says what an `ip` command that fails says, and ends.
fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().expect("ip");
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Moves this thread to a network namespace of its own, connected with the other's by a virtual cable.
fn namespace(end: &End) {
    // SAFETY: changes only which network this thread sees.
    assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0, "a network namespace needs root");
    let me = end.me as usize;
    let threads = end.both(rustix::thread::gettid().as_raw_nonzero().get(), |text| text.parse().expect("id"));
    if me == 0 {
        ip(&format!("link add wire0 type veth peer name wire1 netns {}", threads[1]));
    }
    end.swap(String::new());
    ip("link set lo up");
    ip(&format!("addr add {}/24 dev wire{me}", NET[me]));
    ip(&format!("link set wire{me} up"));
    // the default of some systems is made for the internet
    ip(&format!("route change 10.99.0.0/24 dev wire{me} src {} congctl cubic", NET[me]));
    end.swap(String::new());
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// All contests, `rounds` times; by contest, round and size.
fn run(end: &End, veth: bool, rounds: usize, names: &[String]) -> Vec<Vec<[f64; 4]>> {
    if veth {
        namespace(end);
    }
    let mut ns = vec![Vec::new(); names.len()];
    for _ in 0..rounds {
        for (name, ns) in names.iter().zip(&mut ns) {
            ns.push(contest(end, name));
        }
    }
    ns
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let veth = words.iter().any(|w| w == "veth");
    let rounds = words.iter().find_map(|w| w.parse().ok()).unwrap_or(5);
    let all = match veth {
        true => vec!["raw tcp", "tcp", "ofi tcp;ofi_rxm", "ofi tcp;ofi_rxm nap"],
        false => vec!["raw tcp", "tcp", "unix", "shm", "ofi tcp;ofi_rxm", "ofi tcp;ofi_rxm nap"],
    };
    let chosen = |name: &&str| {
        words.iter().all(|w| w == "veth" || w.parse::<usize>().is_ok()) || words.iter().any(|w| w == name)
    };
    let names: Vec<String> =
        all.into_iter().filter(|n| *n == "raw tcp" || chosen(n)).map(String::from).collect();
    let ip = if veth { NET } else { [IpAddr::from([127, 0, 0, 1]); 2] };
    let ((say_one, hear_one), (say_zero, hear_zero)) = (channel(), channel());
    let one = End { me: 1, ip, say: say_zero, hear: hear_one };
    let zero = End { me: 0, ip, say: say_one, hear: hear_zero };
    // the main thread stays where it is: its namespace is the process's
    let [ns, _] = [zero, one]
        .map(|end| {
            let names = names.clone();
            thread::spawn(move || run(&end, veth, rounds, &names))
        })
        .map(|thread| thread.join().expect("the thread"));
    println!("one way, us         {}", SIZES.map(|s| format!("{s:>10}         ")).concat());
    for (name, ns_of) in names.iter().zip(&ns) {
        let columns = (0..SIZES.len()).map(|size| {
            let us = median(ns_of.iter().map(|r| r[size] / 1000.0).collect());
            let ratio = median(ns_of.iter().zip(&ns[0]).map(|(r, raw)| r[size] / raw[size]).collect());
            format!("{us:>10.2}  x{ratio:<5.2} ")
        });
        println!("{name:<20}{}", columns.collect::<String>());
    }
}
