//! What is measured: programs, numbers of ranks and PEs, time limits, and the figures that are aimed at.

/// What a figure should reach.
#[derive(Debug, Clone, Copy)]
pub enum Aim {
    /// At most this, in the unit of the figure.
    AtMost(f64),
    AtLeast(f64),
    /// At most this part of the best peer's figure.
    OfBestPeer(f64),
    /// At most this part of one memcpy of the same size, as the program measures it.
    OfMemcpy(f64),
}

/// Whether the other MPIs can do the same work.
#[derive(Debug, Clone, Copy)]
pub enum Peers {
    Run,
    /// Why not.
    Skip(&'static str),
}

#[derive(Debug)]
pub struct Case {
    pub name: &'static str,
    pub program: &'static str,
    pub arguments: &'static [&'static str],
    pub ranks: usize,
    pub pes: usize,
    pub peers: Peers,
    /// All processes of a peer are bound to one core.
    pub one_core: bool,
    /// The time of the whole command is a figure too: `start and end`.
    pub whole: bool,
    pub seconds: u64,
    pub aims: &'static [(&'static str, i64, Aim)],
}

const CASE: Case = Case {
    name: "",
    program: "",
    arguments: &[],
    ranks: 2,
    pes: 2,
    peers: Peers::Run,
    one_core: false,
    whole: false,
    seconds: 30,
    aims: &[],
};

const POLLING: Peers =
    Peers::Skip("their processes poll: two on one core wait for the scheduler of the system");
const TOO_MANY: Peers = Peers::Skip("one process per rank: too many for the machine");

use Aim::{AtLeast, AtMost, OfBestPeer, OfMemcpy};

pub const CASES: &[Case] = &[
    Case {
        name: "latency, one PE",
        program: "latency",
        pes: 1,
        peers: POLLING,
        aims: &[("latency", 8, AtMost(45.0))],
        ..CASE
    },
    Case {
        name: "latency, two PEs",
        program: "latency",
        aims: &[
            ("latency", 8, OfBestPeer(0.6)),
            ("latency", 65536, OfMemcpy(0.9)),
            ("latency", 1048576, OfMemcpy(0.9)),
            ("latency", 4194304, OfMemcpy(0.9)),
        ],
        ..CASE
    },
    Case { name: "rate, one PE", program: "message_rate", pes: 1, peers: POLLING, ..CASE },
    Case { name: "rate, two PEs", program: "message_rate", aims: &[("rate", 8, AtLeast(60.0))], ..CASE },
    Case {
        name: "yield, 2 ranks",
        program: "yield",
        pes: 1,
        one_core: true,
        aims: &[("yield", 2, AtMost(30.0))],
        ..CASE
    },
    Case {
        name: "yield, 64 ranks",
        program: "yield",
        ranks: 64,
        pes: 1,
        peers: POLLING,
        aims: &[("yield", 64, AtMost(35.0))],
        ..CASE
    },
    Case {
        name: "yield, 1024 ranks",
        program: "yield",
        ranks: 1024,
        pes: 1,
        peers: TOO_MANY,
        aims: &[("yield", 1024, AtMost(45.0))],
        ..CASE
    },
    Case { name: "collectives, 2 ranks", program: "collectives", ..CASE },
    Case { name: "collectives, 8 ranks", program: "collectives", ranks: 8, seconds: 60, ..CASE },
    Case {
        name: "collectives, 64 ranks",
        program: "collectives",
        ranks: 64,
        seconds: 60,
        aims: &[("barrier", 64, AtMost(1.0)), ("alltoall", 64, AtMost(5.0))],
        ..CASE
    },
    Case {
        name: "collectives, 1024 ranks",
        program: "collectives",
        ranks: 1024,
        peers: TOO_MANY,
        seconds: 60,
        aims: &[("allreduce", 1024, AtMost(15.0))],
        ..CASE
    },
    Case { name: "start and memory, 2 ranks", program: "startup", whole: true, ..CASE },
    Case {
        name: "start and memory, 64 ranks",
        program: "startup",
        ranks: 64,
        whole: true,
        seconds: 60,
        ..CASE
    },
    Case {
        name: "start and memory, 1000 ranks",
        program: "startup",
        ranks: 1000,
        peers: TOO_MANY,
        whole: true,
        ..CASE
    },
    Case {
        name: "start and memory, 10000 ranks",
        program: "startup",
        ranks: 10000,
        peers: TOO_MANY,
        whole: true,
        seconds: 120,
        aims: &[("start and end", 10000, AtMost(1200.0)), ("memory", 10000, AtMost(64.0))],
        ..CASE
    },
    Case { name: "stencil, 2 ranks", program: "stencil3d", seconds: 60, ..CASE },
    Case { name: "stencil, 8 ranks", program: "stencil3d", ranks: 8, seconds: 60, ..CASE },
    Case { name: "stencil, 64 ranks", program: "stencil3d", ranks: 64, seconds: 60, ..CASE },
    Case {
        name: "stencil, 512 ranks",
        program: "stencil3d",
        ranks: 512,
        peers: TOO_MANY,
        seconds: 60,
        ..CASE
    },
];
