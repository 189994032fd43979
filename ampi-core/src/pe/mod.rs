//! Processing elements: one scheduler per OS thread, its tasks, its links to the other PEs.
//!
//! | file | question it answers |
//! |---|---|
//! | [`task`] | what is a coroutine, who may touch it |
//! | [`switch`] | how does one stack give way to another |
//! | `scheduler` | who runs next; sending and taking in messages |
//! | [`idle`] | when does a PE spin, sleep, wake; when is the whole job stuck |
//! | [`remote`] | messages to and from other processes |
//! | [`neighbours`] | PEs of other processes of this host, reached as the own ones |
//! | `service` | work of the runtime that may wait |
//! | `timer` | who wants to be woken when |
//! | [`placement`] | which chare starts on which PE, which core a PE is pinned to |
//!
//! Rules:
//! 1. A PE's state is touched by its own thread only; everything else goes through [`Shared`] (atomics) or a message.
//! 2. A chare is on one PE at a time; the chare table says which. Messages to it are handed to the handler of their kind
//!    by that PE's thread, between two tasks, never in the middle of one that did not ask for progress.
//! 3. Nothing that belongs to the OS thread is held across [`Pe::suspend`].
//!
//! # Safety
//! `Pe` is `Sync` only so that tasks can keep `&'static Pe`; rule 1 is what makes its `Cell`s sound. Handlers run on
//! whatever stack the scheduler loop runs on.
#![allow(unsafe_code)]

pub mod idle;
pub mod neighbours;
pub mod placement;
pub mod remote;
mod scheduler;
mod service;
pub mod switch;
pub mod task;
mod timer;

pub use scheduler::Chain;
pub use timer::now_ns;

use crate::current;
use crate::net::Delivery;
use crate::net::ring::{self, Port};
use crate::wire::ProcessId;
use crate::wire::link::Link;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, compiler_fence};
use std::sync::{Mutex, OnceLock};
pub use task::{Place, State, Task, Waker};

/// Number of a PE in its process, 0-based.
pub type PeId = u32;
/// Number of a chare in the job, 0-based.
pub type ChareId = u32;

/// Takes one message of its kind for a chare of this PE. `chare` is the address given to [`Job::place`].
pub type Handler = fn(pe: &'static Pe, chare: usize, message: &Delivery<'_>);

/// Kinds of messages (see [`Job::new`]).
pub const KINDS: usize = 16;
/// Alignment of the addresses that [`Job::place`] takes: the low bits of a table entry hold the PE.
pub const CHARE_ALIGN: usize = 128;
const _: () = assert!(crate::job::PES_MAX < CHARE_ALIGN);
/// Instead of a PE's number: the chare is in another process, whose number stands where its address would.
pub const ELSEWHERE: PeId = CHARE_ALIGN as PeId - 1;

/// Closures run by a PE on behalf of other threads.
type External = Box<dyn FnOnce(&'static Pe) + Send>;

/// What other threads may touch of a PE.
#[repr(align(128))]
pub struct Shared {
    inbox_full: AtomicBool,
    inbox: Mutex<VecDeque<External>>,
    /// Cells to and from neighbours, when the PE fell asleep last.
    cells: [AtomicU64; 2],
}

/// All PEs of this process and the chare table: what the layers above share.
pub struct Job {
    pes: Box<[Shared]>,
    /// For each PE, then for each neighbour: 1 while it sleeps or is about to; a futex.
    sleeping: Box<[&'static AtomicU32]>,
    table: Box<[AtomicUsize]>,
    handlers: [Handler; KINDS],
    /// PEs that sleep.
    idle: AtomicU32,
    /// How often a PE has stopped sleeping.
    wakes: AtomicU64,
    /// Timers pending on any PE, and reasons declared by [`Job::hold`] why silence is not a deadlock.
    pending: AtomicU32,
    stop: AtomicBool,
    /// Told when every PE sleeps, nothing is in flight and no timer is pending.
    on_stuck: OnceLock<fn()>,
    stuck_reported: AtomicBool,
    ports: Mutex<Vec<Vec<Option<Port>>>>,
    spin_ns: u64,
    position: Position,
    neighbours: Option<neighbours::Neighbours>,
    remote: OnceLock<remote::Remote>,
}

/// A process's place in a job of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub process: ProcessId,
    /// Processes of the job.
    pub processes: u32,
    /// The number of this process's first PE in the job.
    pub first_pe: PeId,
    /// PEs that share this host's cores.
    pub pes_of_host: u32,
}

/// One processing element. Lives on its own OS thread.
#[repr(C, align(128))]
pub struct Pe {
    ready: scheduler::ReadyQueue,
    running: Cell<*const Task>,
    fs_now: Cell<usize>,
    thread_fs: usize,
    table: *const AtomicUsize,
    id: PeId,
    /// Tasks that have not finished.
    live: Cell<u32>,
    peers: Box<[Peer]>,
    job: &'static Job,
    own: Cell<*const Task>,
    reference_next: Cell<*const Task>,
    timers: RefCell<timer::Timers>,
    next_timer_ns: Cell<u64>,
    ticks: Cell<u32>,
    /// This PE owns the link to other processes.
    linked: bool,
    link_turn: Cell<u32>,
    link: RefCell<Option<Box<dyn Link>>>,
    services: RefCell<Vec<&'static service::Service>>,
}

/// The connection to one other PE, and what did not fit into its ring.
struct Peer {
    id: PeId,
    port: Port,
    overflow: RefCell<VecDeque<scheduler::Parked>>,
    overflowing: Cell<bool>,
}

impl Peer {
    fn new(id: PeId, port: Port) -> Peer {
        Peer { id, port, overflow: RefCell::new(VecDeque::new()), overflowing: Cell::new(false) }
    }
}

// SAFETY: rule 1: only the PE's own thread calls methods that touch its cells.
unsafe impl Sync for Pe {}
// SAFETY: the raw pointers are to 'static objects.
unsafe impl Send for Pe {}

fn no_handler(_: &'static Pe, chare: usize, m: &Delivery<'_>) {
    unreachable!("message of kind {} for chare {chare:#x} without a handler", m.head.kind)
}

impl Job {
    /// `pes` processing elements, room for `chares` chares, one handler per kind of message.
    pub fn new(pes: u32, chares: u32, handlers: &[(u8, Handler)]) -> &'static Job {
        let alone = Position { process: 0, processes: 1, first_pe: 0, pes_of_host: pes };
        Job::among(pes, chares, handlers, alone, None)
    }

    /// As `new`, in a process that is one of several.
    pub fn among(
        pes: u32,
        chares: u32,
        handlers: &[(u8, Handler)],
        position: Position,
        neighbours: Option<neighbours::Neighbours>,
    ) -> &'static Job {
        assert!(pes >= 1 && (pes as usize) < CHARE_ALIGN, "1..{CHARE_ALIGN} PEs per process");
        if neighbours.is_some() {
            // a neighbour that falls asleep orders only those that have said so
            idle::can_be_ordered();
        }
        let mut table: [Handler; KINDS] = [no_handler; KINDS];
        for &(kind, handler) in handlers {
            table[kind as usize] = handler;
        }
        let n = pes as usize;
        let mut ports: Vec<Vec<Option<Port>>> = (0..n).map(|_| (0..n).map(|_| None).collect()).collect();
        for (a, b) in (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b))) {
            let (near, far) = ring::pair();
            ports[a][b] = Some(near);
            ports[b][a] = Some(far);
        }
        Box::leak(Box::new(Job {
            pes: (0..pes)
                .map(|_| Shared {
                    inbox_full: AtomicBool::new(false),
                    inbox: Mutex::new(VecDeque::new()),
                    cells: [const { AtomicU64::new(0) }; 2],
                })
                .collect(),
            sleeping: neighbours::flags(pes, neighbours.as_ref()),
            table: (0..chares).map(|_| AtomicUsize::new(0)).collect(),
            handlers: table,
            idle: AtomicU32::new(0),
            wakes: AtomicU64::new(0),
            pending: AtomicU32::new(0),
            stop: AtomicBool::new(false),
            on_stuck: OnceLock::new(),
            stuck_reported: AtomicBool::new(false),
            ports: Mutex::new(ports),
            spin_ns: idle::spin_budget_ns(position.pes_of_host),
            position,
            neighbours,
            remote: OnceLock::new(),
        }))
    }

    /// Number of PEs.
    pub fn pes(&self) -> u32 {
        self.pes.len() as u32
    }

    /// Says where chare `id` is: on `pe`, with `chare` as the address its handlers get.
    pub fn place(&self, id: ChareId, pe: PeId, chare: usize) {
        assert!(chare.is_multiple_of(CHARE_ALIGN) && pe < self.pes());
        self.table[id as usize].store(chare | pe as usize, Ordering::Release);
    }

    /// Says that chare `id` is in another process, on the PE with this number in the job.
    pub fn place_elsewhere(&self, id: ChareId, process: ProcessId, pe: PeId) {
        let neighbour = self.neighbours.as_ref().and_then(|n| n.find(process, pe));
        let pe = neighbour.map_or(ELSEWHERE, |place| self.pes() + place);
        self.table[id as usize].store((process as usize * CHARE_ALIGN) | pe as usize, Ordering::Release);
    }

    /// The process in which chare `id` is, if it is another one than this.
    #[inline(always)]
    pub fn process_of(&self, id: ChareId) -> Option<ProcessId> {
        let (process, pe) = self.find(id);
        (pe >= self.pes()).then_some((process / CHARE_ALIGN) as ProcessId)
    }

    /// This process among those of the job.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Address and PE of chare `id`; (0, 0) before it is placed. In other processes the address means nothing, and the PE is
    /// the number of a neighbour, from [`Job::pes`] on, or [`ELSEWHERE`].
    #[inline(always)]
    pub fn find(&self, id: ChareId) -> (usize, PeId) {
        let v = self.table[id as usize].load(Ordering::Relaxed);
        (v & !(CHARE_ALIGN - 1), (v & (CHARE_ALIGN - 1)) as PeId)
    }

    /// Sets what happens when the whole job is stuck.
    pub fn on_stuck(&self, report: fn()) {
        // a second call is a second runtime start in one process, which `Job::new` of the caller has excluded
        let _ = self.on_stuck.set(report);
    }

    /// Declares a reason why silence is not a deadlock (a guest's thread runs, an outside event is awaited).
    pub fn hold(&self) {
        self.pending.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes back one [`Job::hold`].
    pub fn release(&self) {
        self.pending.fetch_sub(1, Ordering::SeqCst);
        for pe in 0..self.pes() {
            self.wake_pe(pe);
        }
    }

    /// Runs `f` on the thread of `pe`, soon. From any thread.
    pub fn run_on(&self, pe: PeId, f: impl FnOnce(&'static Pe) + Send + 'static) {
        let shared = &self.pes[pe as usize];
        shared.inbox.lock().unwrap_or_else(|e| e.into_inner()).push_back(Box::new(f));
        shared.inbox_full.store(true, Ordering::SeqCst);
        self.wake_pe(pe);
    }

    /// Tells every PE to leave its loop once it comes by; from any thread.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        for pe in 0..self.pes() {
            self.wake_pe(pe);
        }
    }
}

impl Pe {
    /// Makes the calling thread PE `id` of `job`. The thread's own stack becomes the task returned by [`Pe::own_task`].
    pub fn start(job: &'static Job, id: PeId) -> &'static Pe {
        let row = std::mem::take(&mut job.ports.lock().unwrap_or_else(|e| e.into_inner())[id as usize]);
        assert!(row.len() == job.pes.len(), "PE {id} started twice");
        let peers = row
            .into_iter()
            .enumerate()
            .filter_map(|(i, p)| p.map(|port| Peer::new(i as PeId, port)))
            .chain(neighbours::peers(job, id))
            .collect();
        let fs = current::fs_base();
        let link = Pe::take_link(job, id);
        let pe: &'static Pe = Box::leak(Box::new(Pe {
            ready: scheduler::ReadyQueue::new(),
            running: Cell::new(std::ptr::null()),
            fs_now: Cell::new(fs),
            thread_fs: fs,
            table: job.table.as_ptr(),
            id,
            live: Cell::new(0),
            peers,
            job,
            own: Cell::new(std::ptr::null()),
            reference_next: Cell::new(std::ptr::null()),
            timers: RefCell::new(timer::Timers::new()),
            next_timer_ns: Cell::new(u64::MAX),
            ticks: Cell::new(0),
            linked: link.is_some(),
            link_turn: Cell::new(0),
            link: RefCell::new(link),
            services: RefCell::default(),
        }));
        let own = Task::of_thread(pe, u32::MAX);
        pe.own.set(own);
        pe.running.set(own);
        current::set_word(current::TASK, own as *const Task as usize);
        pe
    }

    #[inline(always)]
    pub fn id(&self) -> PeId {
        self.id
    }
    /// Its number among the PEs of all processes.
    pub fn number(&self) -> PeId {
        self.job.position().first_pe + self.id
    }
    #[inline(always)]
    pub fn job(&self) -> &'static Job {
        self.job
    }
    /// The task of the thread's own stack.
    pub fn own_task(&self) -> &'static Task {
        // SAFETY: set in `start` to a leaked task.
        unsafe { &*self.own.get() }
    }
    /// The task that runs.
    #[inline(always)]
    pub fn running(&self) -> &'static Task {
        // SAFETY: always a leaked task.
        unsafe { &*self.running.get() }
    }
    /// The PE of the calling thread, if it is one.
    #[inline(always)]
    pub fn current() -> Option<&'static Pe> {
        Task::current().map(|t| t.pe())
    }
    pub(crate) fn thread_fs(&self) -> usize {
        self.thread_fs
    }
    fn set_reference_next(&self, t: &Task) {
        self.reference_next.set(t);
    }
    fn take_reference_next(&self) -> &'static Task {
        let next = self.reference_next.replace(std::ptr::null());
        assert!(!next.is_null(), "a task suspended without naming the next");
        // SAFETY: tasks are leaked.
        unsafe { &*next }
    }
}

/// Sets the FS base of the calling thread.
///
/// # Safety
/// `fs` is a complete thread control block.
#[inline(always)]
unsafe fn set_fs(fs: usize) {
    // SAFETY: by the contract; the processor has FSGSBASE (checked when the arena's first TLS block is made).
    unsafe { std::arch::asm!("wrfsbase {}", in(reg) fs, options(nostack, preserves_flags)) };
}

impl Job {
    /// Wakes the thread of `pe`, if it sleeps.
    #[inline(always)]
    pub(crate) fn wake_pe(&self, pe: PeId) {
        let s = self.sleeping[pe as usize];
        // A plain load: the sleeper's membarrier makes it see our message or us its flag (idle.rs). The compiler must
        // not move it before the message.
        compiler_fence(Ordering::SeqCst);
        if s.load(Ordering::Relaxed) != 0 {
            self.wake_sleeper(pe);
        }
    }

    #[cold]
    fn wake_sleeper(&self, pe: PeId) {
        let flag = self.sleeping[pe as usize];
        if idle::claim(flag) {
            match (&self.neighbours, self.remote.get()) {
                (_, Some(_)) if pe == 0 => self.ring_bell(),
                (Some(n), _) if pe >= self.pes() => n.wake(pe - self.pes(), flag),
                (n, _) => idle::wake(flag, n.is_some()),
            }
        }
    }
}
