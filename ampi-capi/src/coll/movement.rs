//! Data movement: one rule for broadcast, gather, scatter, allgather and alltoall in all their forms.
//!
//! A member *sends* blocks and *receives* blocks; receiver `r` copies, from every source `s`,
//!
//! ```text
//! calls[s].send.block(r)  ─copy─>  calls[r].recv.block(s)
//! ```
//!
//! The operations differ only in who the sources and receivers are (one root or all) and in what a block is (the whole
//! buffer, the i-th of equal blocks, or block i of a list). `MPI_IN_PLACE` means that the member's own block is already
//! where it belongs.

use super::Call;
use super::Operation;
use super::board::Board;
use crate::abi::constants as c;
use crate::datatype::DatatypeRef;
use crate::memory::{self, Address};
use ampi_core::pe::PeId;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

/// One rank or all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    One(u32),
    All,
}

/// Counts or displacements of a v-call, in either width; owned by the program, stable until completion.
#[derive(Clone, Copy, Debug)]
pub enum List {
    Int(Address),
    Large(Address),
}

impl List {
    #[inline(always)]
    pub fn get(&self, i: usize) -> i64 {
        let word = |at: Address, size: usize| memory::view(at.add((i * size) as i64), size);
        match *self {
            List::Int(at) => i32::from_ne_bytes(word(at, 4).try_into().expect("four bytes")) as i64,
            List::Large(at) => i64::from_ne_bytes(word(at, 8).try_into().expect("eight bytes")),
        }
    }
}

/// The blocks of one side of a call.
#[derive(Clone, Debug)]
pub enum Blocks {
    /// This member has none (not the root), or its own is in place.
    None,
    /// Every block is the whole buffer.
    Whole { at: Address, count: i64, ty: DatatypeRef },
    /// Block i is `count` elements at `at + i·count·extent`.
    Equal { at: Address, count: i64, ty: DatatypeRef },
    /// Block i is `counts[i]` elements at `at + displs[i]·extent`.
    Listed { at: Address, counts: List, displs: List, ty: DatatypeRef },
    /// Block i is `counts[i]` elements of `types[i]` at `at + displs[i]` bytes.
    Typed { at: Address, counts: List, displs: List, types: Arc<[DatatypeRef]> },
    /// Blocks copied out before the receive overwrites them (alltoall in place).
    Saved { bytes: Box<[u8]>, offsets: Box<[usize]>, types: Arc<[(i64, DatatypeRef)]> },
}

/// One block.
struct Block<'a> {
    at: Address,
    count: i64,
    ty: &'a DatatypeRef,
    /// The bytes are packed at `at` already.
    packed: Option<usize>,
}

impl Blocks {
    #[inline(always)]
    fn block(&self, i: usize) -> Option<Block<'_>> {
        let (at, count, ty) = match self {
            Blocks::None => return None,
            Blocks::Whole { at, count, ty } => (*at, *count, ty),
            Blocks::Equal { at, count, ty } => (at.add(i as i64 * count * ty.extent()), *count, ty),
            Blocks::Listed { at, counts, displs, ty } => {
                (at.add(displs.get(i) * ty.extent()), counts.get(i), ty)
            }
            Blocks::Typed { at, counts, displs, types } => (at.add(displs.get(i)), counts.get(i), &types[i]),
            Blocks::Saved { bytes, offsets, types } => {
                let (count, ty) = &types[i];
                let at = Address(bytes.as_ptr() as usize + offsets[i]);
                return Some(Block { at, count: *count, ty, packed: Some(offsets[i + 1] - offsets[i]) });
            }
        };
        Some(Block { at, count, ty, packed: None })
    }

    /// A packed copy of blocks `0..n`.
    pub fn save(&self, n: usize) -> Blocks {
        let (mut offsets, mut types, mut total) = (vec![0usize], vec![], 0usize);
        for i in 0..n {
            if let Some(b) = self.block(i) {
                total += (b.count * b.ty.size()) as usize;
                types.push((b.count, b.ty.clone()));
            }
            offsets.push(total);
        }
        let mut bytes = vec![0u8; total].into_boxed_slice();
        for i in 0..n {
            if let Some(b) = self.block(i) {
                let to = Address(bytes.as_mut_ptr() as usize + offsets[i]);
                memory::pack(b.ty, b.at, 0, to, offsets[i + 1] - offsets[i]);
            }
        }
        Blocks::Saved { bytes, offsets: offsets.into(), types: types.into() }
    }

    /// Bytes of all blocks of this side, roughly.
    fn bytes(&self, n: usize) -> i64 {
        match self {
            Blocks::None => 0,
            Blocks::Whole { count, ty, .. } => count * ty.size(),
            Blocks::Equal { count, ty, .. } => count * ty.size() * n as i64,
            Blocks::Listed { counts, ty, .. } => (0..n).map(|i| counts.get(i)).sum::<i64>() * ty.size(),
            Blocks::Typed { counts, types, .. } => (0..n).map(|i| counts.get(i) * types[i].size()).sum(),
            Blocks::Saved { bytes, .. } => bytes.len() as i64,
        }
    }

    /// Bytes of a whole buffer, as its type's signature has them.
    #[inline(always)]
    pub(super) fn whole_bytes(&self) -> Option<i64> {
        match self {
            Blocks::Whole { count, ty, .. } => Some(count * ty.size()),
            _ => None,
        }
    }

    /// The one place of a whole contiguous buffer.
    #[inline(always)]
    pub(super) fn place(&self) -> Option<(Address, usize)> {
        match self {
            Blocks::Whole { at, count, ty } => {
                let (offset, bytes) = ty.is_contiguous(*count)?;
                Some((at.add(offset), bytes as usize))
            }
            _ => None,
        }
    }

    /// Equal contiguous blocks: address of block 0 and bytes of each.
    #[inline(always)]
    fn plain(&self) -> Option<(Address, usize)> {
        match self {
            Blocks::Equal { at, count, ty } | Blocks::Whole { at, count, ty } => {
                let (offset, bytes) = ty.is_contiguous(*count)?;
                (bytes == count * ty.extent()).then_some((at.add(offset), bytes as usize))
            }
            _ => None,
        }
    }
}

/// One member's part in a data movement.
pub struct Movement {
    pub sources: Who,
    pub receivers: Who,
    pub send: Blocks,
    pub recv: Blocks,
    /// Which of the collectives it is (index into the names of kinds).
    pub what: u32,
}

pub const BROADCAST: u32 = 2;
pub const GATHER: u32 = 3;
pub const SCATTER: u32 = 4;
pub const ALLGATHER: u32 = 5;
pub const ALLTOALL: u32 = 6;

/// Up to this many bytes in all, one rank copies for everybody.
const SMALL_BYTES: i64 = 64 << 10;
/// The same where all send to all: many short copies, each with a line of another PE.
const SMALL_EXCHANGE_BYTES: i64 = 8 << 10;

impl Movement {
    /// The root; -1: there is none.
    #[inline(always)]
    pub(super) fn root(&self) -> i64 {
        match (self.sources, self.receivers) {
            (Who::One(root), _) | (_, Who::One(root)) => i64::from(root),
            _ => -1,
        }
    }

    pub fn kind(&self) -> u32 {
        self.what
    }

    pub(super) fn is_small(&self, n: usize) -> bool {
        let mine = self.send.bytes(n).max(self.recv.bytes(n));
        match (self.sources, self.receivers) {
            (Who::All, Who::All) => mine * n as i64 <= SMALL_EXCHANGE_BYTES,
            (_, Who::All) => mine * n as i64 <= SMALL_BYTES,
            _ => mine <= SMALL_BYTES,
        }
    }
}

fn movement(call: &Call) -> &Movement {
    match &call.operation {
        Operation::Move(m) => m,
        _ => unreachable!("all members are in the same kind of collective (board)"),
    }
}

/// Copies what the receivers on `pe` (all: `None`) are due.
pub(super) fn run(board: &Board, pe: Option<PeId>) {
    let n = board.size();
    let any = movement(board.call(0));
    if let (Who::All, Who::All) = (any.sources, any.receivers)
        && tiles(board, pe)
    {
        return;
    }
    match (any.receivers, pe) {
        (Who::One(root), None) => receive(board, root as usize),
        (Who::One(root), Some(pe)) => {
            if board.members_on(pe).any(|m| m == root as usize) {
                receive(board, root as usize);
            }
        }
        (Who::All, None) => (0..n).for_each(|r| receive(board, r)),
        (Who::All, Some(pe)) => board.members_on(pe).for_each(|r| receive(board, r)),
    }
}

/// Everything that member `r` receives.
fn receive(board: &Board, r: usize) {
    let call = board.call(r);
    let m = movement(call);
    match m.sources {
        Who::One(s) => from(board, call, m, r, s as usize),
        Who::All => (0..board.size()).for_each(|s| from(board, call, m, r, s)),
    }
}

#[inline(always)]
fn from(board: &Board, call: &Call, m: &Movement, r: usize, s: usize) {
    let Some(to) = m.recv.block(s) else { return };
    let Some(source) = source(movement(board.call(s)), r, s) else { return };
    told(call, m, copy(&source, &to));
}

/// What member `s` has for member `r`.
#[inline(always)]
fn source(sender: &Movement, r: usize, s: usize) -> Option<Block<'_>> {
    match &sender.send {
        // a member whose send side is in place sends what already lies in its receive buffer
        Blocks::None if s != r => sender.recv.block(s),
        Blocks::None => None,
        blocks => blocks.block(r),
    }
}

/// What a member that received hears of how the length it was sent compares with its room.
fn told(call: &Call, m: &Movement, compared: Ordering) {
    match compared {
        Ordering::Greater => call.fail(c::MPI_ERR_TRUNCATE),
        Ordering::Less if m.what == BROADCAST => call.fail(c::MPI_ERR_COUNT),
        _ => {}
    }
}

/// Copies what member `s` has for member `r`, both of this process.
pub(super) fn move_block(board: &Board, r: usize, s: usize) {
    let call = board.call(r);
    from(board, call, movement(call), r, s);
}

/// Adds what member `s` has for member `r`, who lives in another process, to `out`: its length in bytes (8 bytes), its bytes.
pub(super) fn pack_block(board: &Board, r: usize, s: usize, out: &mut Vec<u8>) {
    let block = source(movement(board.call(s)), r, s);
    let n = block.as_ref().map_or(0, |b| b.packed.unwrap_or((b.count * b.ty.size()) as usize));
    out.extend_from_slice(&(n as u64).to_le_bytes());
    let Some(block) = block else { return };
    match (block.packed, block.ty.is_contiguous(block.count)) {
        (Some(_), _) => out.extend_from_slice(memory::view(block.at, n)),
        (None, Some((offset, _))) => out.extend_from_slice(memory::view(block.at.add(offset), n)),
        (None, None) => {
            let at = out.len();
            out.resize(at + n, 0);
            memory::pack(block.ty, block.at, 0, Address(out[at..].as_mut_ptr() as usize), n);
        }
    }
}

/// What one process sends another: the length of every block, or [`EACH`] and then blocks with their length in front; the
/// blocks.
pub(super) struct Packed<'a> {
    pub length: u64,
    pub blocks: &'a [u8],
}

/// Instead of the length of all blocks: each has its own in front.
const EACH: u64 = u64::MAX;

impl<'a> Packed<'a> {
    pub fn new(bytes: &'a [u8]) -> Packed<'a> {
        let (length, blocks) = bytes.split_first_chunk().expect("blocks begin with their length");
        Packed { length: u64::from_le_bytes(*length), blocks }
    }

    pub fn next(&mut self) -> &'a [u8] {
        let mut length = self.length;
        if length == EACH {
            let (own, rest) = self.blocks.split_first_chunk().expect("members agree on the number of blocks");
            (length, self.blocks) = (u64::from_le_bytes(*own), rest);
        }
        let (block, rest) = self.blocks.split_at(length as usize);
        self.blocks = rest;
        block
    }
}

/// The length of the blocks of all `members`, if all their parts are plain ones of the same length.
pub(super) fn plain_bytes(board: &Board, members: &[u32]) -> Option<usize> {
    let first = board.plain(*members.first()? as usize)?;
    let alike =
        |r: &u32| board.plain(*r as usize).is_some_and(|p| (p.bytes, p.step) == (first.bytes, first.step));
    (first.bytes > 0 && members.iter().all(alike)).then_some(first.bytes)
}

/// Begins what a process sends: all blocks have length `plain`, or each has its own.
pub(super) fn begin_blocks(plain: Option<usize>) -> Vec<u8> {
    plain.map_or(EACH, |n| n as u64).to_le_bytes().to_vec()
}

/// Copies the plain blocks of `sources` for `receivers`, all of this process.
pub(super) fn move_plain(board: &Board, receivers: &[u32], sources: &[u32], bytes: usize) {
    for &s in sources {
        let Some(from) = board.plain(s as usize) else { continue };
        for &r in receivers {
            let Some(to) = board.plain(r as usize) else { continue };
            let block = from.from.add((r as usize * from.step) as i64);
            memory::copy(to.to.add((s as usize * bytes) as i64), block, bytes);
        }
    }
}

/// Adds the plain blocks of `sources` for `receivers`, who live in another process.
pub(super) fn pack_plain(board: &Board, receivers: &[u32], sources: &[u32], bytes: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + receivers.len() * sources.len() * bytes, 0);
    let to = Address(out[start..].as_mut_ptr() as usize);
    for (j, &s) in sources.iter().enumerate() {
        let Some(from) = board.plain(s as usize) else { continue };
        for (i, &r) in receivers.iter().enumerate() {
            let place = to.add(((i * sources.len() + j) * bytes) as i64);
            memory::copy(place, from.from.add((r as usize * from.step) as i64), bytes);
        }
    }
}

/// Puts the plain blocks of `sources` of another process where they belong: one for each of `receivers`, or (not `each`) the
/// same for all.
pub(super) fn unpack_plain(
    board: &Board,
    receivers: &[u32],
    sources: &[u32],
    bytes: usize,
    blocks: &[u8],
    each: bool,
) {
    let rows = if each { receivers.len() } else { 1 };
    assert!(blocks.len() >= rows * sources.len() * bytes, "members agree on the number of blocks");
    let from = Address(blocks.as_ptr() as usize);
    for (i, &r) in receivers.iter().enumerate() {
        let Some(to) = board.plain(r as usize) else { continue };
        let row = if each { i * sources.len() } else { 0 };
        for (j, &s) in sources.iter().enumerate() {
            memory::copy(to.to.add((s as usize * bytes) as i64), from.add(((row + j) * bytes) as i64), bytes);
        }
    }
}

/// Puts what member `s` of another process has sent to member `r` where it belongs.
pub(super) fn unpack_block(board: &Board, r: usize, s: usize, bytes: &[u8]) {
    let call = board.call(r);
    let m = movement(call);
    let Some(to) = m.recv.block(s) else { return };
    let from = Address(bytes.as_ptr() as usize);
    let block = Block { at: from, count: 0, ty: to.ty, packed: Some(bytes.len()) };
    told(call, m, copy(&block, &to));
}

/// What the root of a broadcast sends, packed.
pub(super) fn whole_of(board: &'static Board, root: usize) -> Cow<'static, [u8]> {
    let send = &movement(board.call(root)).send;
    match (send.place(), send) {
        (Some((at, n)), _) => Cow::Borrowed(memory::view(at, n)),
        (None, Blocks::Whole { at, count, ty }) => {
            let mut bytes = vec![0; (count * ty.size()) as usize];
            memory::pack(ty, *at, 0, Address(bytes.as_mut_ptr() as usize), bytes.len());
            Cow::Owned(bytes)
        }
        _ => Cow::Borrowed(&[]),
    }
}

/// Gives member `r` what a broadcast has brought.
pub(super) fn receive_whole(board: &Board, r: usize, bytes: &[u8]) {
    unpack_block(board, r, 0, bytes);
}

/// Copies one block, or what fits of it; says how its length compares with the room.
#[inline(always)]
fn copy(from: &Block<'_>, to: &Block<'_>) -> Ordering {
    let room = to.count * to.ty.size();
    let bytes = from.packed.map_or(from.count * from.ty.size(), |n| n as i64);
    let n = bytes.min(room);
    match (from.packed.is_some(), from.ty.is_contiguous(from.count), to.ty.is_contiguous(to.count)) {
        (true, _, Some((offset, _))) => memory::copy(to.at.add(offset), from.at, n as usize),
        (true, _, None) => memory::unpack(to.ty, to.at, from.at, n as usize),
        (_, Some((a, _)), Some((b, _))) => memory::copy(to.at.add(b), from.at.add(a), n as usize),
        (_, Some((a, _)), None) => memory::unpack(to.ty, to.at, from.at.add(a), n as usize),
        (_, None, Some((b, _))) => memory::pack(from.ty, from.at, 0, to.at.add(b), n as usize),
        (_, None, None) => {
            let mut packed = vec![0u8; n as usize];
            let at = Address(packed.as_mut_ptr() as usize);
            memory::pack(from.ty, from.at, 0, at, n as usize);
            memory::unpack(to.ty, to.at, at, n as usize);
        }
    }
    bytes.cmp(&room)
}

/// The common alltoall and allgather: equal small contiguous blocks everywhere. One member's part, which it leaves in its
/// entry on the board: whoever copies finds the parts side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    from: Address,
    to: Address,
    /// Of each block.
    bytes: usize,
    /// From block to block at `from`: `bytes`, or 0 where everybody gets the same.
    step: usize,
}

/// Longer blocks are copied one by one.
const PLAIN_BYTES_MAX: usize = 256;

impl Movement {
    #[inline(always)]
    pub(super) fn as_plain(&self) -> Option<Plain> {
        if (self.sources, self.receivers) != (Who::All, Who::All) {
            return None;
        }
        let ((from, bytes), (to, room)) = (self.send.plain()?, self.recv.plain()?);
        let step = if matches!(self.send, Blocks::Equal { .. }) { bytes } else { 0 };
        (bytes == room && bytes <= PLAIN_BYTES_MAX).then_some(Plain { from, to, bytes, step })
    }
}

/// Copies 8×8 tiles of plain blocks, so that both sides' cache lines are used while they are there. False when some
/// member's part is of another kind.
fn tiles(board: &Board, pe: Option<PeId>) -> bool {
    let n = board.size();
    let Some(first) = board.plain(0) else { return false };
    let alike = |p: Plain| p.bytes == first.bytes && p.step == first.step;
    if !(1..n).all(|r| board.plain(r).is_some_and(alike)) {
        return false;
    }
    match first.bytes {
        // lengths the compiler knows: one load and one store
        4 => copy_tiles(board, pe, 4, |to, from| memory::copy(to, from, 4)),
        8 => copy_tiles(board, pe, 8, |to, from| memory::copy(to, from, 8)),
        n => copy_tiles(board, pe, n, |to, from| memory::copy(to, from, n)),
    }
    true
}

/// Block `r` of every sender `s` to block `s` of every receiver `r` on `pe` (all: `None`).
#[inline(always)]
fn copy_tiles(board: &Board, pe: Option<PeId>, bytes: usize, copy: impl Fn(Address, Address)) {
    const TILE: usize = 8;
    let n = board.size();
    let mut tile = [(0, Address::NULL); TILE];
    let mut row = |receivers: &mut dyn Iterator<Item = usize>| -> bool {
        let mut len = 0;
        for (place, r) in tile.iter_mut().zip(receivers) {
            *place = (r, board.plain(r).map_or(Address::NULL, |p| p.to));
            len += 1;
        }
        for s0 in (0..n).step_by(TILE) {
            let mut senders = [(Address::NULL, 0); TILE];
            let end = n.min(s0 + TILE);
            for (place, s) in senders.iter_mut().zip(s0..end) {
                *place = board.plain(s).map_or((Address::NULL, 0), |p| (p.from, p.step));
            }
            for &(r, to) in &tile[..len] {
                for (s, &(from, step)) in (s0..end).zip(&senders) {
                    copy(to.add((s * bytes) as i64), from.add((r * step) as i64));
                }
            }
        }
        len == TILE
    };
    match pe {
        None => {
            let mut all = 0..n;
            while row(&mut all) {}
        }
        Some(pe) => {
            let mut here = board.members_on(pe);
            while row(&mut here) {}
        }
    }
}
