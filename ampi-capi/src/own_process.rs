//! A program that is a process of its own and not hosted: alone, or one rank of a job with `--isolate=process`.
//!
//! ```text
//! first call of MPI ─ AMPI_JOB? ─┬ no:  a world of one rank, at once
//!                                └ yes: number and size are known; MPI_Init joins the job and waits until all have come
//! MPI_Finalize ─ all have come ─ the link is closed, the launcher knows: the process goes on without MPI
//! exit before that ─ is told, and ends the job
//! ```
//!
//! 1. The first call of MPI takes the job out of the environment: what the program starts is not the rank a second time.
//! 2. A process that never calls `MPI_Init` never joins.
//! 3. A child made by fork is not the rank: its end means nothing.
//! 4. MPI moves only in calls of the one thread that called it first, which is the PE. Signals are the program's.
//!
//! # Safety
//! The environment changes in the first call of MPI, of which programs have one at a time.
#![allow(unsafe_code)]

use crate::pt2pt::message::Pools;
use crate::rank::{Phase, Rank};
use crate::{errhandler, fingerprint, launcher, processes, programs, worker};
use ampi_core::error::Result;
use ampi_core::fault;
use ampi_core::job::{self, Deadlock, Isolate, JobSpec};
use ampi_core::pe::{Job, Pe};
use ampi_core::wire::ProcessId;
use ampi_core::wire::start::Entrance;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

/// This process as a rank of a job.
struct Member {
    spec: JobSpec,
    pid: u32,
    /// The rank's chare address.
    rank: usize,
    /// Until it joins; a job of one process has none.
    entrance: Mutex<Option<Entrance>>,
    joined: AtomicBool,
}

static MEMBER: OnceLock<Member> = OnceLock::new();

/// Makes the calling thread a rank: of a job, or of a world of its own.
pub fn begin() -> &'static Rank {
    let (spec, entrance) = described().unwrap_or_else(|e| fail(&e.to_string()));
    let Some(spec) = spec else {
        let me = Rank::plant(Rank::new(0, 1));
        alone(me);
        return me;
    };
    let me = Rank::plant(Rank::new(spec.process as u32, spec.ranks as u32));
    let member = Member {
        spec,
        pid: std::process::id(),
        rank: me.chare_address(),
        entrance: Mutex::new(entrance),
        joined: AtomicBool::new(false),
    };
    assert!(MEMBER.set(member).is_ok(), "a process is one rank");
    fault::on_exit(exiting);
    me
}

/// The job that this process was started for, and the way into it.
fn described() -> Result<(Option<JobSpec>, Option<Entrance>)> {
    let Some(spec) = JobSpec::from_env()?.filter(|spec| spec.isolate == Isolate::Process) else {
        return Ok((None, None));
    };
    let entrance = if spec.processes > 1 { Some(Entrance::open(&spec)?) } else { None };
    for name in [job::VARIABLE, job::SECRET] {
        // SAFETY: see the header.
        unsafe { std::env::remove_var(name) };
    }
    Ok((Some(spec), entrance))
}

fn fail(why: &str) -> ! {
    let _ = writeln!(std::io::stderr(), "ampi: {why}");
    worker::leave(1)
}

/// Makes a world of one rank.
fn alone(me: &'static Rank) {
    if worker::is_made() {
        return; // unit tests: several threads, each alone
    }
    if let Some(why) = launcher::other(|name| std::env::var(name).ok()) {
        fail(&why);
    }
    let job = Job::new(1, 1, &worker::handlers());
    job.place(0, 0, me.chare_address());
    become_pe(job, me);
    worker::establish(job, 1, Deadlock::Report, false);
}

fn become_pe(job: &'static Job, me: &'static Rank) {
    let pools: &'static Pools = Box::leak(Box::default());
    me.p2p.bind(Pe::start(job, 0).own_task(), pools);
}

/// `MPI_Init`: joins the job, if there is one, and waits until all have come.
pub fn enter(me: &'static Rank) {
    if let Some(member) = MEMBER.get()
        && let Err(e) = join(member, me)
    {
        fail(&format!("rank {}: {e}", me.world_rank));
    }
}

fn join(member: &Member, me: &'static Rank) -> Result<()> {
    let spec = &member.spec;
    let entrance = member.entrance.lock().unwrap_or_else(|e| e.into_inner()).take();
    let mut joined = match entrance {
        // the files may be scripts, and others for each rank
        Some(mut entrance) => {
            entrance.listen()?;
            Some(processes::join(spec, entrance, fingerprint::of(&[])?)?)
        }
        None => None,
    };
    let job = match &mut joined {
        Some(joined) => joined.job(spec, &worker::handlers()),
        None => Job::new(1, spec.ranks as u32, &worker::handlers()),
    };
    for rank in 0..spec.ranks as u32 {
        match rank == me.world_rank {
            true => job.place(rank, 0, me.chare_address()),
            false => job.place_elsewhere(rank, rank as ProcessId, rank),
        }
    }
    if let Some(joined) = joined {
        joined.connect(job, spec)?;
    }
    become_pe(job, me);
    worker::tell_place(me, spec, spec.first_pe as u32, spec.ranks as u32);
    me.attr.values.appnum.set(programs::number_of(spec, spec.process) as i32);
    worker::establish(job, spec.ranks as u32, spec.deadlock, false);
    member.joined.store(true, Ordering::SeqCst);
    Ok(())
}

/// The end of `MPI_Finalize`: serves the others until all are there, and leaves the job.
pub fn leave(me: &'static Rank) {
    let Some(member) = MEMBER.get().filter(|member| member.spec.processes > 1) else { return };
    let Some(pe) = Pe::current() else { return };
    // as far as others can wait for it
    me.ended.set(true);
    processes::ranks_ended(pe.job());
    pe.serve();
    pe.disconnect();
    member.joined.store(false, Ordering::SeqCst);
    // the launcher hears the exit code from the system
    processes::finish(0);
}

/// The process calls `exit`, and everything that the program has registered for that, perhaps `MPI_Finalize`, has been done.
fn exiting(code: i32) {
    let here = |m: &&Member| m.joined.load(Ordering::SeqCst) && m.pid == std::process::id();
    let Some(member) = MEMBER.get().filter(here) else { return };
    let rank = Rank::of_chare(member.rank);
    if rank.phase.get() == Phase::Running {
        let last = rank.function.get();
        let why =
            format!("ended with exit code {code} (exit) without calling MPI_Finalize; last MPI call: {last}");
        errhandler::abort_job(rank, &why, if code == 0 { 1 } else { code });
    }
}
