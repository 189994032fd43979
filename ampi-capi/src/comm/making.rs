//! `MPI_Comm_create_group`: a communicator whose members alone take part in making it (MPI-5.0 §7.4.2).
//!
//! There is no meeting on a board, since the members have no communicator of their own yet. They find each other by context of
//! the old communicator, tag, members, and how often these have been used together. The first to come in a process makes
//! its side; where members are in several processes, that of the first member tells the others the context.
//!
//! ```text
//! CONTEXT   key: old context | tag << 32     context: the new one     payload: how often, members (4 bytes each)
//! ```

use super::{Shared, shared};
use crate::coll::across::talk;
use crate::group::Group;
use crate::rank::Rank;
use ampi_core::pe::remote::{Frame, FrameHandler, PROCESS};
use ampi_core::pe::{Pe, Waker};
use ampi_core::wire::ProcessId;
use ampi_core::wire::frame::FrameHead;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

const CONTEXT: u8 = talk::KINDS_USED;

/// Kinds of frames of this chapter.
pub const FRAMES: [(u8, FrameHandler); 1] = [(CONTEXT, on_context)];

/// Old context, tag, how often, members.
type Key = (u32, i32, u32, Vec<u32>);

/// How often a rank has used a (context, tag, members): all members count alike.
pub type Counts = RefCell<HashMap<(u32, i32, Vec<u32>), u32>>;

#[derive(Default)]
struct Making {
    context: Option<u32>,
    shared: Option<Arc<Shared>>,
    /// Members of this process that have it.
    fetched: usize,
    waiting: Vec<Waker>,
}

static ALL: Mutex<Option<HashMap<Key, Making>>> = Mutex::new(None);

fn all() -> MutexGuard<'static, Option<HashMap<Key, Making>>> {
    ALL.lock().unwrap_or_else(|e| e.into_inner())
}

/// The communicator of `group`, of which `me` is a member.
pub fn take_part(me: &'static Rank, old: u32, tag: i32, group: &Arc<Group>) -> Arc<Shared> {
    let pe = me.p2p.pe();
    let members: Vec<u32> = group.iter().collect();
    let count = {
        let mut counts = me.create_counts.borrow_mut();
        let n = counts.entry((old, tag, members.clone())).or_insert(0);
        *n += 1;
        *n
    };
    let here = members.iter().filter(|&&m| pe.job().process_of(m).is_none()).count();
    let leads = pe.job().process_of(members[0]).is_none();
    let key = (old, tag, count, members);
    loop {
        let mut all = all();
        let making = all.get_or_insert_default().entry(key.clone()).or_default();
        if making.context.is_none() && leads {
            making.context = shared::contexts(pe.job(), 1).next();
            tell(pe, &key, making.context.unwrap_or_default());
        }
        let Some(context) = making.context else {
            making.waiting.push(Waker::of_running(pe));
            drop(all);
            pe.block();
            continue;
        };
        let make = || Shared::with_context(context, group.clone(), pe.job());
        let shared = making.shared.get_or_insert_with(make).clone();
        making.fetched += 1;
        if making.fetched == here
            && let Some(all) = all.as_mut()
        {
            all.remove(&key);
        }
        return shared;
    }
}

/// Tells the other processes with members the new context.
fn tell(pe: &Pe, key: &Key, context: u32) {
    let (old, tag, count, members) = key;
    let others: BTreeSet<ProcessId> = members.iter().filter_map(|&m| pe.job().process_of(m)).collect();
    let words: Vec<[u8; 4]> = std::iter::once(count).chain(members).map(|w| w.to_le_bytes()).collect();
    let head = FrameHead::new(CONTEXT, PROCESS, context, u64::from(*old) | u64::from(*tag as u32) << 32);
    others.into_iter().for_each(|process| pe.post(process, &head, &[words.as_flattened()]));
}

fn on_context(_: &'static Pe, _: usize, frame: Frame<'_>) {
    let mut words =
        frame.payload().chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().expect("four bytes")));
    let count = words.next().unwrap_or(0);
    let key = (frame.head.key as u32, (frame.head.key >> 32) as i32, count, words.collect());
    let mut all = all();
    let making = all.get_or_insert_default().entry(key).or_default();
    making.context = Some(frame.head.context);
    let waiting = std::mem::take(&mut making.waiting);
    drop(all);
    waiting.into_iter().for_each(Waker::wake);
}
