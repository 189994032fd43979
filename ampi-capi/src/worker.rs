//! The process that hosts ranks: from the job's description to ranks running on their PEs, and to the exit code.
//!
//! ```text
//! ampi_worker_main ─ read AMPI_JOB ─ load the programs ─ reserve the arena ─ place the ranks
//!        │  (in a job of several processes: join it — `processes`)
//!        └─ for each PE a thread: bind, make its ranks (image, TLS, stack), run them, serve until all ranks have ended
//! ```
//!
//! Programs that are processes of their own are not here: [`crate::own_process`].
//!
//! # Safety
//! Plants rank addresses under FS bases it has just made, and starts guests on their own stacks.
#![allow(unsafe_code)]

use crate::comm::Shared;
use crate::comm::shared::WORLD_CONTEXT;
use crate::group::Group;
use crate::programs::Programs;
use crate::pt2pt::message::Pools;
use crate::rank::{Phase, Rank};
use crate::say::say;
use crate::{coll, deadlock, errhandler, fault, fingerprint, output, processes, pt2pt};
use ampi_core::arena::{Arena, ArenaConfig, Backing, commons};
use ampi_core::current;
use ampi_core::error::{Error, Result};
use ampi_core::image::guest::Guest;
use ampi_core::image::{self, host::Host};
use ampi_core::job::{self, Bind, Deadlock, JobSpec};
use ampi_core::pe::placement::{self, Mapping};
use ampi_core::pe::{ELSEWHERE, Handler, Job, Pe, PeId, Place, Task, switch};
use ampi_core::wire::bootstrap::Table;
use ampi_core::wire::start::Entrance;
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// What all parts of the process need to find.
struct World {
    job: &'static Job,
    ranks: u32,
    shared: Arc<Shared>,
    deadlock: Deadlock,
    /// Under the launcher: ranks are guests.
    hosted: bool,
}

static WORLD: OnceLock<World> = OnceLock::new();
/// Ranks that have not ended.
static RUNNING: AtomicU32 = AtomicU32::new(0);
/// First exit code that was not 0.
static EXIT_CODE: AtomicI32 = AtomicI32::new(0);

fn the_world() -> &'static World {
    WORLD.get().expect("the world is made before any rank runs")
}

/// The shared part of `MPI_COMM_WORLD`.
pub fn world() -> &'static Arc<Shared> {
    &the_world().shared
}

/// Rank `number` of the job; `None` before the world is made, and when it is in another process.
pub fn rank(number: u32) -> Option<&'static Rank> {
    let world = WORLD.get().filter(|w| number < w.ranks && w.job.process_of(number).is_none())?;
    Some(Rank::of_chare(world.job.find(number).0))
}

/// Whether the calling thread was created by a rank.
pub fn in_guest_thread() -> bool {
    current::word(current::FLAGS) & current::FLAG_GUEST_THREAD != 0
}

/// Ends the job at once, for a reason that the user has been told. What the ranks' libc has buffered is lost, what they
/// wrote is not.
pub fn leave(code: i32) -> ! {
    processes::abort(code);
    quit(code)
}

/// Ends this process at once; the others know.
pub fn quit(code: i32) -> ! {
    output::end();
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

pub fn handlers() -> Vec<(u8, Handler)> {
    pt2pt::HANDLERS.into_iter().chain(coll::meeting::HANDLERS).collect()
}

/// What the program, which is this process, has written by stdio.
fn flush_streams() {
    // SAFETY: null means all streams.
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// The number in the job of a PE of this process.
pub fn pe_number(pe: PeId) -> PeId {
    WORLD.get().map_or(0, |w| w.job.position().first_pe) + pe
}

/// Tells a rank where it is.
pub fn tell_place(rank: &'static Rank, spec: &JobSpec, pe: PeId, pes: u32) {
    let v = &rank.attr.values;
    v.my_wth.set(pe as i32);
    v.my_home_wth.set(pe as i32);
    v.num_wths.set(pes as i32);
    v.my_process.set(spec.process as i32);
    v.num_processes.set(spec.processes as i32);
    v.universe_size.set(spec.ranks as i32);
}

/// Ends the job because of an error in `rank`.
fn abort_job(rank: &'static Rank, why: &str, exit_code: i32) -> ! {
    let world = the_world();
    let pe = if world.hosted { format!(" on PE {}", rank.p2p.pe().number()) } else { String::new() };
    let at = format!("rank {}{pe}{}", rank.world_rank, processes::host_told());
    // exit codes are a byte; an error must not look like success
    let code = exit_code & 0xff;
    let code = if code == 0 && exit_code != 0 { 1 } else { code };
    ampi_core::fault::begin_report(code);
    match Guest::current() {
        Some(guest) => image::libc::flush(guest),
        None if !world.hosted => flush_streams(),
        None => {}
    }
    say(format_args!("{at}: {why}"));
    leave(code)
}

fn on_stuck() {
    let w = the_world();
    deadlock::found(w.job, w.ranks, w.deadlock);
}

/// What this process says when the whole job, of several processes, is stuck.
pub fn stuck_part() -> String {
    let w = the_world();
    deadlock::part(w.job, w.ranks)
}

/// All processes have said it; in process 0.
pub fn stuck(parts: &[Vec<u8>]) {
    deadlock::found_by_all(parts, the_world().deadlock);
}

/// Makes the world of a process. Once.
pub fn establish(job: &'static Job, ranks: u32, deadlock: Deadlock, hosted: bool) {
    let shared = Shared::with_context(WORLD_CONTEXT, Arc::new(Group::world(ranks)), job);
    let first = WORLD.set(World { job, ranks, shared, deadlock, hosted }).is_ok();
    assert!(first, "one world per process");
    let here = (0..ranks).filter(|&r| job.process_of(r).is_none()).count();
    RUNNING.store(here as u32, Ordering::SeqCst);
    errhandler::install_abort(abort_job);
    job.on_stuck(on_stuck);
}

/// Whether a world has been made.
pub fn is_made() -> bool {
    WORLD.get().is_some()
}

// ------------------------------------------------------------------------------------------------------ the launcher's

/// Runs the job that `AMPI_JOB` describes; `args[0]` is the program. Returns the exit code of a job that did not start.
pub fn main(args: &[OsString]) -> i32 {
    let mut entrance = None;
    match prepare(args, &mut entrance) {
        Ok(Some(plan)) => run(plan),
        Ok(None) => 0,
        Err(e) => {
            let code = if matches!(e, Error::Load { .. }) { 126 } else { 1 };
            // among several processes the launcher tells the user, once
            let declines = |entrance: Entrance| entrance.decline(code, &e.to_string()).is_ok();
            if !entrance.is_some_and(declines) && !processes::give_up(code, &e.to_string()) {
                say(format_args!("{e}"));
            }
            code
        }
    }
}

/// Everything that is known before the PEs start.
struct Plan {
    spec: JobSpec,
    arena: Arena,
    programs: &'static Programs,
    cores: Vec<usize>,
    job: &'static Job,
    /// PEs of all processes.
    pes: u32,
}

fn mapping(spec: &JobSpec, pes: u32) -> Result<Mapping> {
    Ok(match &spec.mapping {
        job::Mapping::Block => Mapping::Block,
        job::Mapping::RoundRobin => Mapping::RoundRobin,
        job::Mapping::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Error::Setting {
                name: format!("map file {}", path.display()),
                why: e.to_string(),
            })?;
            Mapping::parse(&text, &path.display().to_string(), spec.ranks as u32, pes)?
        }
    })
}

/// The private-state library, which belongs to the tree of this executable: `bin/ampi-worker`, `lib/ampi/…`.
fn private_library() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let path = own.parent()?.parent()?.join("lib/ampi/libampi_private.so");
    path.exists().then_some(path)
}

/// Is somebody tracing this process? Then gdb is told about every rank's image.
fn debugged() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|l| l.strip_prefix("TracerPid:").is_some_and(|p| p.trim() != "0"))
}

/// Everything up to running PEs. `entrance` is where to say that it failed, when there are other processes that wait.
fn prepare(args: &[OsString], entrance: &mut Option<Entrance>) -> Result<Option<Plan>> {
    let Some(spec) = JobSpec::from_env()?.filter(|spec| !args.is_empty() || !spec.programs.is_empty()) else {
        return Err(Error::Setting {
            name: "ampi-worker".into(),
            why: "it is started by ampirun, which describes the job in its environment".into(),
        });
    };
    if spec.processes > 1 && !spec.explain {
        entrance.insert(Entrance::open(&spec)?).listen()?;
    }
    // To libc ranks look like threads, and it would give them an arena each.
    // SAFETY: no other thread exists yet.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, spec.pes as i32) };
    switch::use_reference(std::env::var_os("AMPI_SWITCH").is_some_and(|v| v == "corosensei"));
    let options = image::Options {
        isolate: match spec.isolate {
            job::Isolate::Image => image::Isolation::Image,
            job::Isolate::None => image::Isolation::None,
            job::Isolate::Process => {
                let why = "ranks that are processes are started without a worker".into();
                return Err(Error::Setting { name: "isolate=process".into(), why });
            }
        },
        local_ranks: Some(spec.ranks.div_ceil(spec.processes)),
        private_lib_path: private_library(),
        debugger: debugged(),
        ..image::Options::default()
    };
    let programs = Programs::load(&spec, args, &options)?.keep();
    if spec.explain {
        let told: Vec<String> = programs.images().map(image::Program::explain).collect();
        print!("{}", told.join("\n"));
        return Ok(None);
    }
    let mut joined = match entrance.take() {
        Some(entrance) => {
            let files: Vec<_> = programs.images().map(image::Program::path).collect();
            Some(processes::join(&spec, entrance, fingerprint::of(&files)?)?)
        }
        None => None,
    };
    let arena = Arena::reserve(ArenaConfig {
        stack_bytes: spec.stack_bytes,
        image_bytes: programs.image_bytes(),
        image_align: programs.image_align(),
        backing: joined.as_mut().map_or(Backing::Private, |joined| joined.backing()),
        ..ArenaConfig::new(spec.ranks)
    })?;
    if spec.verbose {
        for name in programs.images().flat_map(image::Program::unresolved) {
            let _ =
                writeln!(std::io::stderr(), "ampi: unresolved symbol {name}: calling it will end the job");
        }
    }
    let job = match &mut joined {
        Some(joined) => joined.job(&spec, &handlers()),
        None => Job::new(spec.pes as u32, spec.ranks as u32, &handlers()),
    };
    let table = joined.as_ref().map(|j| &*j.table);
    let pes = table.map_or(spec.pes as u32, Table::pes);
    place_ranks(&spec, job, table)?;
    map_neighbours(&arena, job, spec.ranks as u32)?;
    if let Some(joined) = joined {
        joined.connect(job, &spec)?;
    }
    establish(job, spec.ranks as u32, spec.deadlock, true);
    Ok(Some(Plan { cores: placement::allowed_cores(), spec, arena, programs, job, pes }))
}

/// Where each rank starts. `table`: all processes, if there are several.
fn place_ranks(spec: &JobSpec, job: &Job, table: Option<&Table>) -> Result<()> {
    let pes = table.map_or(spec.pes as u32, Table::pes);
    let (ranks, map) = (spec.ranks as u32, mapping(spec, pes)?);
    let own = spec.first_pe as u32..(spec.first_pe + spec.pes) as u32;
    let places: Vec<PeId> = (0..ranks).map(|r| map.pe_of(r, ranks, pes)).collect();
    let mut addresses = Rank::reserve(places.iter().filter(|pe| own.contains(pe)).count());
    for (r, pe) in (0..).zip(places) {
        match (table.filter(|_| !own.contains(&pe)), addresses.by_ref()) {
            (None, addresses) => job.place(r, pe - own.start, addresses.next().expect("one for each")),
            (Some(table), _) => {
                let process = table.process_of_pe(pe).expect("PEs are numbered without gaps");
                job.place_elsewhere(r, process.index, pe);
            }
        }
    }
    Ok(())
}

/// Maps the memory of ranks that live in other processes of this host.
fn map_neighbours(arena: &Arena, job: &Job, ranks: u32) -> Result<()> {
    let beside = |r: u32| (job.pes()..ELSEWHERE).contains(&job.find(r).1);
    let mut r = 0;
    while r < ranks {
        let end = (r..ranks).find(|&r| !beside(r)).unwrap_or(ranks);
        if end > r {
            arena.map_neighbours(r as usize..end as usize)?;
        }
        r = end + 1;
    }
    Ok(())
}

/// The scheduler's services for the libc of guests.
struct Services;

fn pe() -> &'static Pe {
    Pe::current().expect("guests run on PEs")
}

impl Host for Services {
    fn yield_now(&self) {
        pe().yield_now();
    }

    fn sleep(&self, ns: u64) {
        pe().sleep(ns);
    }

    fn exited(&self, guest: &'static Guest, code: i32, clean: bool) -> ! {
        let rank = Rank::current().expect("a guest has a rank");
        if rank.phase.get() == Phase::Running {
            let how = if clean { "exit" } else { "_exit" };
            let why = format!(
                "ended with exit code {code} ({how}) without calling MPI_Finalize; last MPI call: {}",
                rank.function.get()
            );
            let _ = guest;
            abort_job(rank, &why, if code == 0 { 1 } else { code });
        }
        end_of(rank, code)
    }

    fn fatal(&self, why: &str, exit_code: i32) -> ! {
        match Rank::current() {
            // sent from outside: the stack tells nothing
            Some(rank) if why.starts_with("was ended by signal") => abort_job(rank, why, exit_code),
            _ => fault::fatal(why, exit_code),
        }
    }

    fn thread_began(&self) {
        the_world().job.hold();
    }

    fn thread_ended(&self) {
        the_world().job.release();
    }
}

/// The rank has ended; its stack is not used again.
fn end_of(rank: &'static Rank, code: i32) -> ! {
    rank.ended.set(true);
    output::end_of(rank.world_rank);
    if code & 0xff != 0 {
        // the first one counts
        let _ = EXIT_CODE.compare_exchange(0, code & 0xff, Ordering::SeqCst, Ordering::SeqCst);
    }
    if RUNNING.fetch_sub(1, Ordering::SeqCst) == 1 {
        processes::ranks_ended(the_world().job);
    }
    pe().finish()
}

fn run(plan: Plan) -> i32 {
    static SERVICES: Services = Services;
    if let Err(why) = output::install(&plan.spec) {
        let _ = writeln!(std::io::stderr(), "ampi: {why}");
        return 1;
    }
    image::host::install(&SERVICES);
    image::libc::install(image::libc_hooks());
    fault::install();
    let plan: &'static Plan = Box::leak(Box::new(plan));
    if plan.spec.report_bindings {
        report_bindings(plan);
    }
    let mut threads = Vec::new();
    for id in 1..plan.spec.pes as PeId {
        let spawned = std::thread::Builder::new().name(format!("PE {id}")).spawn(move || serve(plan, id));
        match spawned {
            Ok(t) => threads.push(t),
            Err(e) => {
                let _ =
                    writeln!(std::io::stderr(), "ampi: cannot start the thread of PE {}: {e}", pe_number(id));
                return 1;
            }
        }
    }
    if RUNNING.load(Ordering::SeqCst) == 0 {
        // more PEs than ranks: none of them is here
        processes::ranks_ended(plan.job);
    }
    serve(plan, 0);
    for t in threads {
        // a panic has ended the process
        let _ = t.join();
    }
    let code = EXIT_CODE.load(Ordering::SeqCst);
    processes::finish(code);
    quit(code)
}

fn core_of(plan: &Plan, id: PeId) -> Option<usize> {
    // with more PEs than cores the system may place them better than we
    if plan.spec.bind == Bind::None || plan.spec.pes > plan.cores.len() {
        return None;
    }
    // other processes of this host have the other cores
    let place = plan.spec.cores.get(id as usize).copied().unwrap_or(id as usize);
    plan.cores.get(place).copied()
}

fn report_bindings(plan: &Plan) {
    for id in 0..plan.spec.pes as PeId {
        let place = core_of(plan, id).map_or("not bound".into(), |c| format!("bound to core {c}"));
        let _ = writeln!(std::io::stderr(), "ampi: PE {}: {place}", plan.spec.first_pe + id as usize);
    }
}

/// The life of one PE.
fn serve(plan: &'static Plan, id: PeId) {
    if let Some(core) = core_of(plan, id)
        && let Err(e) = placement::pin_to(core)
        && plan.spec.verbose
    {
        let _ = writeln!(std::io::stderr(), "ampi: PE {}: {e}", pe_number(id));
    }
    let pe = Pe::start(plan.job, id);
    ampi_core::fault::protect(pe);
    let pools: &'static Pools = commons::keep(Pools::default());
    for r in 0..plan.spec.ranks as u32 {
        let (address, home) = plan.job.find(r);
        if home == id
            && let Err(e) = make_rank(plan, pe, r, address, pools)
        {
            let _ = writeln!(std::io::stderr(), "ampi: rank {r}: {e}");
            leave(1);
        }
    }
    pe.run();
    pe.serve();
}

fn make_rank(
    plan: &'static Plan,
    pe: &'static Pe,
    r: u32,
    address: usize,
    pools: &'static Pools,
) -> Result<()> {
    // SAFETY: each rank is made once, by its first PE, which handles messages only after that.
    let rank = unsafe { Rank::begin(address, r, plan.spec.ranks as u32) };
    tell_place(rank, &plan.spec, pe.number(), plan.pes);
    let (number, part) = plan.programs.of(r);
    rank.attr.values.appnum.set(number as i32);
    let slot = plan.arena.slot(rank.world_rank as usize);
    let guest = part.image.instantiate(slot, r, plan.spec.ranks as u32, &part.args, &part.env)?;
    if let Some(folder) = &part.folder {
        image::libc::cwd::begin_in(guest, folder)?;
    }
    let stack = guest.stack();
    let place = Place { stack_low: stack.start, stack_top: stack.end, fs_base: guest.fs_base };
    // SAFETY: the slot's stack and the guest's TLS block were made just now, for this task alone; slots are never freed
    // while the process lives. `start` runs on that stack, under that FS base.
    unsafe {
        current::plant(guest.fs_base, current::USER, rank.chare_address());
        let task = Task::new(pe, rank.world_rank, &place, move || guest.start());
        rank.p2p.bind(task, pools);
        task.expect(rank.chare_address());
        pe.spawn(task);
    }
    Ok(())
}

/// Entry point of `ampi-worker`.
///
/// # Safety
/// `argv` holds `argc` C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ampi_worker_main(
    argc: libc::c_int,
    argv: *const *const libc::c_char,
) -> libc::c_int {
    let args: Vec<OsString> = (1..argc as usize)
        // SAFETY: by the contract.
        .map(|i| unsafe { OsString::from_vec(std::ffi::CStr::from_ptr(*argv.add(i)).to_bytes().to_vec()) })
        .collect();
    main(&args)
}
