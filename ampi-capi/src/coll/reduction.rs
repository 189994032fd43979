//! Reductions (MPI-5.0 §6.9-6.11): contributions are combined in rank order, element by element, wherever ranks live.
//!
//! Predefined operations work block by block: fold the block of all members into a small accumulator that stays in the
//! cache, then store it where it belongs. Since a block of every input has been read before any output of that block is
//! written, `MPI_IN_PLACE` needs no extra copy (reduce_scatter, whose outputs lie elsewhere, goes through scratch memory
//! in a second phase). PEs take slices of the elements; elements are independent, so slices do not change results.
//!
//! User-defined operations are executed by the rank that arrives last, in its own call, on whole vectors:
//! `((x0 op x1) op x2) …`.

use super::board::Board;
use super::movement::List;
use super::{Call, Operation};
use crate::abi::kinds::UserFn;
use crate::datatype::DatatypeRef;
use crate::handle::Handle;
use crate::memory::{self, Address};
use crate::op::Kernel;
pub use crate::op::handle::How;
use ampi_core::pe::PeId;

/// What is done with the combined values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// To the root.
    Reduce(u32),
    /// To everybody.
    All,
    /// Part i to member i; parts of equal or listed lengths.
    Scatter,
    /// Member r gets x0 … xr.
    Scan,
    /// Member r > 0 gets x0 … x(r-1).
    Exscan,
}

/// One member's part in a reduction.
pub struct Reduction {
    pub shape: Shape,
    /// Where the member's contribution is; `None`: in `recv` (`MPI_IN_PLACE`).
    pub send: Option<Address>,
    pub recv: Address,
    /// Elements of the whole vector.
    pub count: i64,
    /// Lengths of the parts of a scatter: `Err(n)` all n, `Ok(list)` as listed.
    pub parts: Result<List, i64>,
    pub how: How,
    pub ty: DatatypeRef,
}

/// Small enough for the stack of whichever rank the executor runs on.
const BLOCK_BYTES: usize = 4 << 10;
/// Up to this many bytes of all contributions, one rank computes for everybody.
const SMALL_BYTES: i64 = 64 << 10;

impl Reduction {
    pub fn kind(&self) -> u32 {
        match self.shape {
            Shape::Reduce(_) => 7,
            Shape::All => 8,
            Shape::Scatter => 9,
            Shape::Scan => 10,
            Shape::Exscan => 11,
        }
    }

    /// The root; -1: there is none.
    #[inline(always)]
    pub(super) fn root(&self) -> i64 {
        match self.shape {
            Shape::Reduce(root) => i64::from(root),
            _ => -1,
        }
    }

    /// Bytes of data of the whole vector.
    #[inline(always)]
    pub(super) fn bytes(&self) -> i64 {
        self.count * self.ty.size()
    }

    pub(super) fn is_small(&self, n: usize) -> bool {
        matches!(self.how, How::User(..)) || self.count * self.ty.extent() * n as i64 <= SMALL_BYTES
    }

    pub(super) fn phases(&self) -> u32 {
        if self.shape == Shape::Scatter { 2 } else { 1 }
    }

    fn input(&self) -> Address {
        self.send.unwrap_or(self.recv)
    }

    /// First element and length of member `i`'s part.
    fn part(&self, i: usize) -> (i64, i64) {
        match self.parts {
            Err(n) => (n * i as i64, n),
            Ok(list) => ((0..i).map(|k| list.get(k)).sum(), list.get(i)),
        }
    }
}

fn reduction(call: &Call) -> &Reduction {
    match &call.operation {
        Operation::Reduce(r) => r,
        _ => unreachable!("all members are in the same kind of collective (board)"),
    }
}

/// Executes `phase` on the slice of `pe` (all: `None`); `executor` is the call of the rank on whose stack this runs.
pub(super) fn run(board: &Board, phase: u32, pe: Option<PeId>, executor: &Reduction) {
    if executor.count == 0 {
        return;
    }
    match executor.how {
        How::User(f, ty) => {
            if phase == 0 {
                User { board, f, ty, me: executor }.run();
            }
        }
        How::Kernel(kernel) => {
            let (k, of) = match pe {
                None => (0, 1),
                Some(pe) => {
                    let all = board.shared().representatives();
                    (all.iter().position(|&(p, _)| p == pe).unwrap_or(0), all.len())
                }
            };
            let slice = |i: usize| (executor.count as i128 * i as i128 / of as i128) as i64;
            let fold = Fold::new(board, kernel, executor);
            if phase == 0 {
                fold.slice(slice(k), slice(k + 1));
            } else {
                match pe {
                    None => (0..board.size()).for_each(|r| fold.deliver(r)),
                    Some(pe) => board.members_on(pe).for_each(|r| fold.deliver(r)),
                }
            }
        }
    }
}

/// A predefined operation on elements that lie an extent apart. (Predefined types start at their address.)
struct Fold<'a> {
    board: &'a Board,
    kernel: Kernel,
    /// Bytes from element to element, and unused ones at the end of each (pairs of value and index).
    step: i64,
    gap: i64,
    what: &'a Reduction,
}

impl<'a> Fold<'a> {
    fn new(board: &'a Board, kernel: Kernel, what: &'a Reduction) -> Fold<'a> {
        let ty = &what.ty;
        Fold { board, kernel, step: ty.extent(), gap: ty.extent() - ty.true_extent(), what }
    }

    fn slice(&self, lo: i64, hi: i64) {
        let mut block = [0u64; BLOCK_BYTES / 8 + 4];
        // kernels of extended types want 16-byte alignment
        let accumulator = Address((block.as_mut_ptr() as usize + 15) & !15);
        let mut other = [0u64; BLOCK_BYTES / 8 + 4];
        let spare = Address((other.as_mut_ptr() as usize + 15) & !15);
        let step = (BLOCK_BYTES as i64 / self.step).max(1);
        let mut at = lo;
        while at < hi {
            let n = step.min(hi - at);
            self.block(at, n, accumulator, spare);
            at += step;
        }
    }

    fn input(&self, r: usize, at: i64) -> Address {
        reduction(self.board.call(r)).input().add(at * self.step)
    }

    fn output(&self, r: usize, at: i64) -> Address {
        reduction(self.board.call(r)).recv.add(at * self.step)
    }

    /// From the first byte of `n` elements to the last that is used.
    fn bytes(&self, n: i64) -> usize {
        (n * self.step - if n > 0 { self.gap } else { 0 }) as usize
    }

    /// Elements `at..at + n`.
    fn block(&self, at: i64, n: i64, acc: Address, spare: Address) {
        let bytes = self.bytes(n);
        let members = self.board.size();
        memory::copy(acc, self.input(0, at), bytes);
        match self.what.shape {
            Shape::Reduce(_) | Shape::All | Shape::Scatter => {
                for r in 1..members {
                    self.kernel.apply(self.input(r, at), acc, n as usize);
                }
                match self.what.shape {
                    Shape::Reduce(root) => memory::copy(self.output(root as usize, at), acc, bytes),
                    Shape::All => (0..members).for_each(|r| memory::copy(self.output(r, at), acc, bytes)),
                    _ => memory::copy(self.scratch(at), acc, bytes),
                }
            }
            Shape::Scan => {
                memory::copy(self.output(0, at), acc, bytes);
                for r in 1..members {
                    self.kernel.apply(self.input(r, at), acc, n as usize);
                    memory::copy(self.output(r, at), acc, bytes);
                }
            }
            Shape::Exscan => {
                for r in 1..members {
                    memory::copy(spare, self.input(r, at), bytes);
                    memory::copy(self.output(r, at), acc, bytes);
                    self.kernel.apply(spare, acc, n as usize);
                }
            }
        }
    }

    fn scratch(&self, at: i64) -> Address {
        self.board.scratch((self.what.count * self.step) as usize).add(at * self.step)
    }

    /// Phase 1 of a scatter: member `r` gets its part.
    fn deliver(&self, r: usize) {
        let mine = reduction(self.board.call(r));
        let (first, n) = mine.part(r);
        memory::copy(self.output(r, 0), self.scratch(first), self.bytes(n));
    }
}

/// One process's part of a predefined operation whose vector goes from process to process in slices.
pub(super) struct Part<'a> {
    fold: Fold<'a>,
    /// Members of this process, which are neighbours, in order.
    members: &'a [u32],
    acc: Vec<u128>,
    spare: Vec<u128>,
    /// The whole result of a scatter, once it is here.
    whole: Vec<u128>,
}

fn room(memory: &mut Vec<u128>, bytes: usize) -> Address {
    if memory.len() * 16 < bytes {
        memory.resize(bytes.div_ceil(16), 0);
    }
    Address(memory.as_mut_ptr() as usize)
}

impl<'a> Part<'a> {
    pub fn new(board: &'a Board, what: &'a Reduction, members: &'a [u32]) -> Part<'a> {
        let How::Kernel(kernel) = what.how else {
            unreachable!("only predefined operations are cut into slices")
        };
        let fold = Fold::new(board, kernel, what);
        Part { fold, members, acc: Vec::new(), spare: Vec::new(), whole: Vec::new() }
    }

    /// Bytes of the whole vector, and from element to element.
    pub fn bytes(&self) -> usize {
        self.fold.bytes(self.fold.what.count)
    }
    pub fn step(&self) -> usize {
        self.fold.step as usize
    }

    /// Combines elements `at..at + n` of the members here with what came from those `before`; what that makes. Members of a
    /// scan get theirs.
    pub fn absorb(&mut self, at: i64, n: i64, before: Option<&[u8]>) -> &[u8] {
        let fold = &self.fold;
        let bytes = fold.bytes(n);
        let (acc, spare) = (room(&mut self.acc, bytes), room(&mut self.spare, bytes));
        let mut begun = before.is_some();
        if let Some(before) = before {
            memory::store(acc, &before[..bytes]);
        }
        for &r in self.members {
            let r = r as usize;
            // what is combined next may lie where its member's result will
            let input = match fold.what.shape {
                Shape::Exscan => {
                    memory::copy(spare, fold.input(r, at), bytes);
                    if begun {
                        memory::copy(fold.output(r, at), acc, bytes);
                    }
                    spare
                }
                _ => fold.input(r, at),
            };
            if begun {
                fold.kernel.apply(input, acc, n as usize);
            } else {
                memory::copy(acc, input, bytes);
            }
            begun = true;
            if fold.what.shape == Shape::Scan {
                memory::copy(fold.output(r, at), acc, bytes);
            }
        }
        memory::view(acc, bytes)
    }

    /// Elements `at..at + n` of the result are `result`, or (`None`) what was combined last: to the members that get them.
    pub fn deliver(&mut self, at: i64, n: i64, result: Option<&[u8]>) {
        let bytes = self.fold.bytes(n);
        let from = result.map_or_else(|| room(&mut self.acc, bytes), |r| Address(r.as_ptr() as usize));
        match self.fold.what.shape {
            Shape::Reduce(root) if self.members.binary_search(&root).is_ok() => {
                memory::copy(self.fold.output(root as usize, at), from, bytes);
            }
            Shape::All => {
                self.members
                    .iter()
                    .for_each(|&r| memory::copy(self.fold.output(r as usize, at), from, bytes));
            }
            Shape::Scatter => {
                let whole = room(&mut self.whole, (self.fold.what.count * self.fold.step) as usize);
                memory::copy(whole.add(at * self.fold.step), from, bytes);
            }
            _ => {}
        }
    }

    /// First byte and length of member `r`'s part of a scatter in the whole result.
    fn place(&self, r: u32) -> (i64, usize) {
        let (first, n) = self.fold.what.part(r as usize);
        (first * self.fold.step, self.fold.bytes(n))
    }

    /// The parts of `members` in the whole result, one after the other.
    pub fn parts_of(&mut self, members: &[u32]) -> Vec<u8> {
        let whole = room(&mut self.whole, 0);
        let parts = members.iter().map(|&r| self.place(r));
        parts.flat_map(|(at, n)| memory::view(whole.add(at), n)).copied().collect()
    }

    /// Gives the members here their parts of `bytes`, which [`Part::parts_of`] made, or (`None`) of the whole result.
    pub fn take_parts(&mut self, bytes: Option<&[u8]>) {
        let whole = room(&mut self.whole, 0);
        let mut done = 0;
        for &r in self.members {
            let (at, n) = self.place(r);
            let from = bytes.map_or(whole.add(at), |b| Address(b[done..done + n].as_ptr() as usize));
            memory::copy(self.fold.output(r as usize, 0), from, n);
            done += n;
        }
    }
}

/// Members of another process, on this one's board: their contributions, and room for what they get.
pub(super) struct Stand {
    calls: Vec<Call>,
    _inputs: Vec<Vector>,
    outputs: Vec<Vector>,
}

impl Stand {
    /// Of `members`, whose contributions [`packed_inputs`] has written.
    pub fn new(r: &Reduction, members: &[u32], bytes: &[u8]) -> Stand {
        let n = (r.ty.size() * r.count) as usize;
        let vectors = || members.iter().map(|_| Vector::new(&r.ty, r.count)).collect::<Vec<_>>();
        let (inputs, outputs) = (vectors(), vectors());
        let calls = (0..).zip(inputs.iter().zip(&outputs)).map(|(i, (input, output)): (usize, _)| {
            memory::unpack(&r.ty, input.at, Address(bytes[i * n..(i + 1) * n].as_ptr() as usize), n);
            let stand = Reduction {
                shape: r.shape,
                send: Some(input.at),
                recv: output.at,
                count: r.count,
                parts: r.parts,
                how: r.how,
                ty: r.ty.clone(),
            };
            Call::new("", Operation::Reduce(stand))
        });
        Stand { calls: calls.collect(), _inputs: inputs, outputs }
    }

    /// Puts them on the board.
    pub fn pin(&self, board: &Board, members: &[u32]) {
        for (&r, call) in members.iter().zip(&self.calls) {
            board.pin(r as usize, call, false, None);
        }
    }

    /// What they get, for [`set_outputs`].
    pub fn outputs(&self, r: &Reduction, members: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (&m, output) in members.iter().zip(&self.outputs).take(distinct(r, members)) {
            pack(&r.ty, output.at, received(r, m), &mut bytes);
        }
        bytes
    }
}

/// Of how many of `members` the results travel.
fn distinct(r: &Reduction, members: &[u32]) -> usize {
    if r.shape == Shape::All { 1 } else { members.len() }
}

/// Elements that member `m` gets.
fn received(r: &Reduction, m: u32) -> i64 {
    match r.shape {
        Shape::Scatter => r.part(m as usize).1,
        Shape::Exscan if m == 0 => 0,
        _ => r.count,
    }
}

fn pack(ty: &DatatypeRef, from: Address, count: i64, bytes: &mut Vec<u8>) {
    let (at, n) = (bytes.len(), (ty.size() * count) as usize);
    bytes.resize(at + n, 0);
    memory::pack(ty, from, 0, Address(bytes[at..].as_mut_ptr() as usize), n);
}

/// The contributions of `members`, one after the other.
pub(super) fn packed_inputs(board: &Board, members: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &m in members {
        let mine = reduction(board.call(m as usize));
        pack(&mine.ty, mine.input(), mine.count, &mut bytes);
    }
    bytes
}

/// Gives `members` what [`Stand::outputs`] has written for them.
pub(super) fn set_outputs(board: &Board, r: &Reduction, members: &[u32], bytes: &[u8]) {
    let mut rest = bytes;
    for &m in members {
        let mine = reduction(board.call(m as usize));
        let n = (mine.ty.size() * received(r, m)) as usize;
        memory::unpack(&mine.ty, mine.recv, Address(rest[..n].as_ptr() as usize), n);
        if r.shape != Shape::All {
            rest = &rest[n..];
        }
    }
}

/// A user-defined operation.
struct User<'a> {
    board: &'a Board,
    f: UserFn,
    ty: Handle,
    me: &'a Reduction,
}

/// Memory for a vector of a datatype; `at` is where element 0 starts.
struct Vector {
    _memory: Vec<u128>,
    at: Address,
}

impl Vector {
    fn new(ty: &DatatypeRef, count: i64) -> Vector {
        let (lo, hi) = ty.touched(count).unwrap_or((0, 0));
        let mut memory = vec![0u128; (hi - lo) as usize / 16 + 1];
        let at = Address(memory.as_mut_ptr() as usize).add(-lo);
        Vector { _memory: memory, at }
    }
}

impl User<'_> {
    fn vector(&self) -> Vector {
        Vector::new(&self.me.ty, self.me.count)
    }

    fn copy(&self, to: Address, from: Address, first: i64, count: i64) {
        memory::copy_typed(&self.me.ty, to, from.add(first * self.me.ty.extent()), count);
    }

    fn run(&self) {
        let (members, count) = (self.board.size(), self.me.count);
        let calls = |r: usize| reduction(self.board.call(r));
        let (mut acc, mut next) = (self.vector(), self.vector());
        self.copy(acc.at, calls(0).input(), 0, count);
        if self.me.shape == Shape::Scan {
            self.copy(calls(0).recv, acc.at, 0, count);
        }
        for r in 1..members {
            self.copy(next.at, calls(r).input(), 0, count);
            if self.me.shape == Shape::Exscan {
                self.copy(calls(r).recv, acc.at, 0, count);
            }
            // inout = in op inout: the accumulator stands on the left
            self.f.call(acc.at.0, next.at.0, count, self.ty, self.me.ty.extent());
            std::mem::swap(&mut acc, &mut next);
            if self.me.shape == Shape::Scan {
                self.copy(calls(r).recv, acc.at, 0, count);
            }
        }
        match self.me.shape {
            Shape::Reduce(root) => self.copy(calls(root as usize).recv, acc.at, 0, count),
            Shape::All => (0..members).for_each(|r| self.copy(calls(r).recv, acc.at, 0, count)),
            Shape::Scatter => {
                for r in 0..members {
                    let (first, n) = calls(r).part(r);
                    self.copy(calls(r).recv, acc.at, first, n);
                }
            }
            Shape::Scan | Shape::Exscan => {}
        }
    }
}
