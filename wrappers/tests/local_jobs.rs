//! Jobs of several processes on this host, with the stand-in for the worker.

mod stage;

use stage::{Numbers, Stage, signal};
use std::fs::File;
use std::io::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Ends of jobs are told within a second.
const SOON: Duration = Duration::from_secs(1);

fn this_host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_string()
}

#[test]
fn each_process_knows_its_part() {
    let stage = Stage::new();
    for (words, expected) in [
        ("+p 4 ++ppn 2 +vp 32", vec![("0/2", "ranks 32 pes 0+2"), ("1/2", "ranks 32 pes 2+2")]),
        ("+n 3 ++ppn 1", vec![("0/3", "ranks 3 pes 0+1"), ("1/3", "pes 1+1"), ("2/3", "pes 2+1")]),
        ("+p 3 +vp 9", vec![("0/1", "ranks 9 pes 0+3 cores [] transport auto")]),
        ("--host localhost +p 2", vec![("0/1", "ranks 2 pes 0+2")]),
        ("-host localhost:3 --map-by core", vec![("0/1", "ranks 3 pes 0+3")]),
        ("-ppn 2 -n 2", vec![("0/1", "ranks 2 pes 0+")]),
        ("+p 2 ++ppn 1 --transport tcp", vec![("0/2", "transport tcp"), ("1/2", "transport tcp")]),
    ] {
        let ended = stage.run(&format!("{words} /bin/true say"));
        ended.expect(0, "");
        assert_eq!(ended.lines().len(), expected.len(), "{words}: {ended:?}");
        for (line, (number, part)) in ended.lines().iter().zip(expected) {
            assert!(
                line.starts_with(&format!("process {number} ")) && line.contains(part),
                "{words}: {ended:?}"
            );
        }
    }
    let many = stage.run("+p 40 ++ppn 1 /bin/true barrier say");
    many.expect(0, "");
    assert_eq!(many.lines().len(), 40);
}

#[test]
fn processes_of_one_host_do_not_share_cores() {
    let stage = Stage::new();
    let cores = std::thread::available_parallelism().unwrap().get();
    let words = format!("+p {cores} ++ppn 1 /bin/true say");
    for (number, line) in stage.run(&words).lines().iter().enumerate().filter(|_| (2..10).contains(&cores)) {
        assert!(line.contains(&format!("cores [{number}] ")), "{line}");
    }
    let crowded = stage.run(&format!("+p {} ++ppn 1 /bin/true say", cores + 1));
    assert!(crowded.lines().iter().all(|line| line.contains("cores []")), "{crowded:?}");
}

#[test]
fn the_first_exit_code_that_is_not_0_is_the_jobs() {
    let stage = Stage::new();
    for (words, code) in [
        ("exit=0", 0),
        ("exit=7", 7),
        ("1:exit=3", 3),
        ("0:exit=255", 255),
        ("0:wait=200 0:exit=4 2:exit=5", 5),
        ("2:wait=200 0:exit=4 2:exit=5", 4),
        ("1:exit=256", 0),
    ] {
        stage.run(&format!("+p 3 ++ppn 1 /bin/true {words}")).expect(code, "");
    }
    // The others go on.
    let ended = stage.run("+p 3 ++ppn 1 /bin/true 1:exit=3 0:wait=300 0:say 2:wait=300 2:say");
    ended.expect(3, "");
    assert_eq!(ended.lines().len(), 2);
}

#[test]
fn whatever_else_happens_to_a_process_ends_the_job_with_a_sentence() {
    let stage = Stage::new();
    let host = this_host();
    for (words, code, what) in [
        ("1:kill", 137, "process 1 on host HOST was ended by signal 9 (Killed)"),
        ("0:crash", 139, "process 0 on host HOST was ended by signal 11 (Segmentation fault"),
        ("2:wait=50 2:kill", 137, "process 2 on host HOST was ended by signal 9 (Killed)"),
        ("1:quit=7", 7, "process 1 on host HOST ended with exit code 7 without having left the job"),
        ("1:quit=0", 1, "process 1 on host HOST ended with exit code 0 without having left the job"),
        ("2:abort=5", 5, "process 2 on host HOST ended the job: rank 3 has had enough"),
        ("1:fail=6", 6, "ampi: rank 3 failed"),
        ("2:abort=0", 1, "process 2 on host HOST ended the job: rank 3 has had enough"),
        ("0:barrier 1:quit=7 2:barrier", 7, "process 1 on host HOST ended with exit code 7 without"),
    ] {
        // Some of the others end by themselves when they hear of it, some do not.
        for others in ["", "deaf stubborn"] {
            let ended = stage.run(&format!("+p 3 ++ppn 1 /bin/true {others} {words} hang"));
            ended.expect(code, &what.replace("HOST", &host));
            assert!(ended.time < SOON + Duration::from_millis(300), "{words} {others}: {ended:?}");
        }
    }
}

#[test]
fn what_cannot_start_is_told_once() {
    let stage = Stage::new();
    let decline = stage.run("+p 5 ++ppn 1 /bin/true decline=126");
    decline.expect(126, "cannot start: there is nothing to run");
    stage.run("+p 5 ++ppn 1 /bin/true 3:decline=1 hang").expect(1, "process 3 on host ");
    let early = stage.run("+p 5 ++ppn 1 /bin/true 3:early=126 hang");
    early.expect(126, "ended with exit code 126 before it joined the job");
    let all = stage.run("+p 5 ++ppn 1 /bin/true early=126");
    all.expect(126, "ended with exit code 126 before it joined the job");
    stage.run("+p 2 ++ppn 1 /nowhere/at/all").expect(127, "/nowhere/at/all does not exist");
    std::fs::remove_file(stage.path("bin/ampi-worker")).unwrap();
    stage.run("+p 5 ++ppn 1 /bin/true").expect(1, "cannot start ");
}

#[test]
fn one_process_ends_as_it_did() {
    let stage = Stage::new();
    stage.run("+p 2 /bin/true exit=7").expect(7, "");
    stage.run("+p 2 /bin/true quit=9").expect(9, "");
    stage.run("+p 2 /bin/true kill").expect(137, "ampirun: the job was ended by signal 9 (Killed)");
    stage
        .run("+p 2 --timeout 0.2 /bin/true stubborn hang")
        .expect(124, "time over: the job was ended after 0.2 s");
}

/// A process is killed at some moment: before it joins, while it works, while it leaves.
#[test]
fn a_process_killed_at_any_moment_is_named() {
    let stage = Stage::new();
    let host = this_host();
    let mut numbers = Numbers(7);
    let (mut killed, mut survived) = (0, 0);
    for round in 0..30 {
        let mut job = stage.start("+p 3 ++ppn 1 /bin/true barrier say wait=15 barrier");
        while job.children().len() < 3 && job.child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        let children = job.children();
        std::thread::sleep(Duration::from_micros(numbers.below(25_000)));
        let victim = numbers.below(3);
        if let Some(pid) = children.get(victim as usize) {
            signal(*pid, libc::SIGKILL);
        }
        let ended = job.end();
        match ended.code {
            0 => {
                survived += 1;
                ended.expect(0, "");
            }
            _ => {
                killed += 1;
                let sentence =
                    format!("ampirun: process {victim} on host {host} was ended by signal 9 (Killed)");
                ended.expect(137, &sentence);
            }
        }
        assert!(ended.time < SOON, "round {round}: {ended:?}");
    }
    println!("{killed} were killed in time, {survived} had left");
    assert!(killed > 5, "the moments are chosen badly: {killed}");
}

#[test]
fn a_job_whose_time_is_over_is_ended() {
    let stage = Stage::new();
    for words in ["hang", "stubborn deaf hang", "0:wait=10000"] {
        let ended = stage.run(&format!("+p 3 ++ppn 1 --timeout 0.3 /bin/true {words} barrier"));
        ended.expect(124, "ampirun: time over: the job was ended after 0.3 s (--timeout)");
        assert!(ended.time < SOON, "{ended:?}");
    }
    let mut command = stage.command("+p 2 ++ppn 1 /bin/true hang");
    command.env("MPIEXEC_TIMEOUT", "0.2");
    stage.start_command(command).end().expect(124, "after 0.2 s (MPIEXEC_TIMEOUT)");
    stage.run("+p 2 ++ppn 1 --timeout 0 /bin/true wait=100 say").expect(0, "");
}

#[test]
fn signals_of_the_user_end_all() {
    let stage = Stage::new();
    for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        for words in ["", "stubborn deaf"] {
            let mut job = stage.start(&format!("+p 3 ++ppn 1 /bin/true {words} say hang"));
            job.await_lines(3);
            let began = Instant::now();
            job.signal(number);
            job.end().expect(128 + number, "");
            assert!(began.elapsed() < SOON, "{words} {number}: {:?}", began.elapsed());
        }
    }
    let mut job = stage.start("+p 3 ++ppn 1 /bin/true stubborn deaf say hang");
    job.await_lines(3);
    let began = Instant::now();
    job.signal(libc::SIGINT);
    std::thread::sleep(Duration::from_millis(50));
    job.signal(libc::SIGINT);
    job.end().expect(130, "");
    assert!(began.elapsed() < Duration::from_millis(400), "the second one is at once: {:?}", began.elapsed());

    let mut job = stage.start("+p 2 ++ppn 1 /bin/true say hang");
    job.await_lines(2);
    job.signal(libc::SIGUSR1);
    // Handed on; the stand-in has no handler for it.
    job.end().expect(128 + libc::SIGUSR1, "was ended by signal 10");
}

#[test]
fn no_process_outlives_a_launcher_that_is_killed() {
    let stage = Stage::new();
    let mut numbers = Numbers(3);
    for round in 0..10 {
        let mut job = stage.start("+p 4 ++ppn 1 /bin/true stubborn deaf say hang");
        if round % 2 == 0 {
            job.await_lines(4);
        } else {
            std::thread::sleep(Duration::from_micros(numbers.below(8000)));
        }
        job.signal(libc::SIGKILL);
        // Looks into /proc for what is left.
        assert_eq!(job.end().code, 137);
    }
}

#[test]
fn process_0_reads_the_input() {
    let stage = Stage::new();
    let input = stage.path("input");
    File::create(&input).unwrap().write_all(b"a line\nno end").unwrap();
    for (options, expected) in [("", "a line\nno end"), ("--stdin none", "")] {
        let mut command = stage.command(&format!("+p 3 ++ppn 1 {options} /bin/true stdin"));
        command.stdin(File::open(&input).unwrap()).env("STDIN", "1");
        let ended = stage.start_command(command).end();
        ended.expect(0, "");
        assert_eq!(ended.stdout, expected);
    }
}

#[test]
fn output_comes_whole_and_in_order() {
    let stage = Stage::new();
    let ended = stage.run("+p 3 ++ppn 1 /bin/true lines=500");
    ended.expect(0, "");
    let mut next = [0; 3];
    for line in ended.stdout.lines() {
        let mut words = line.trim_start_matches('<').split(' ');
        let process: usize = words.next().unwrap().parse().unwrap();
        assert_eq!(words.next().unwrap().parse(), Ok(next[process]), "{line}");
        assert!(line.ends_with("x>") && line.matches('<').count() == 1, "{line}");
        next[process] += 1;
    }
    assert_eq!(next, [500; 3]);
}

#[test]
fn a_reader_that_leaves_ends_the_job() {
    let stage = Stage::new();
    let mut command = stage.command("+p 2 ++ppn 1 /bin/true 0:lines=100000 1:hang");
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(child.stdout.take());
    let until = Instant::now() + stage::LIMIT;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(Instant::now() < until, "it goes on"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(!status.success());
    stage.await_nothing_left();
}

#[test]
fn what_ranks_of_a_failed_job_leave_behind_is_ended() {
    let stage = Stage::new();
    // A number that no other process sleeps for.
    let seconds = format!("300.{}", std::process::id());
    let sleepers = || {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = entries.filter_map(|e| std::fs::read(e.path().join("cmdline")).ok());
        lines.filter(|l| l.starts_with(b"sleep") && String::from_utf8_lossy(l).contains(&seconds)).count()
    };
    let mut job =
        stage.start(&format!("+p 2 ++ppn 1 /bin/true child={seconds} barrier say 1:wait=100 1:kill 0:hang"));
    job.await_lines(2);
    assert_eq!(sleepers(), 2);
    job.end().expect(137, "process 1 on host ");
    assert_eq!(sleepers(), 0);
}

#[test]
fn a_process_that_stays_after_it_has_left_is_ended() {
    let stage = Stage::new();
    let ended = stage.run("+p 2 ++ppn 1 /bin/true 1:linger");
    ended.expect(1, "process 1 on host ");
    assert!(ended.stderr.contains("is still there 10 s after it has left the job"), "{ended:?}");
}

#[test]
fn variables_and_folder_reach_all_processes() {
    let stage = Stage::new();
    let ended = stage.run("+p 2 ++ppn 1 -x WORD=a=b /bin/true variable=WORD");
    ended.expect(0, "");
    assert_eq!(ended.lines(), ["0 a=b", "1 a=b"]);
    let folder = stage.path("bin");
    let ended = stage.run(&format!("+p 2 ++ppn 1 --wdir {} ./ampirun say", folder.display()));
    ended.expect(0, "");
}

#[test]
fn words_after_two_dashes_are_the_programs() {
    let stage = Stage::new();
    let ended = stage.run("+p 1 -- /bin/true 7:+p 0:say");
    ended.expect(0, "");
    assert!(ended.stdout.contains("process 0/1"));
    stage
        .run("-n 1 /bin/true : -n 2 /no/such/program")
        .expect(127, "the program /no/such/program does not exist");
    stage.run("+p 2 ++ppn 1 -n 1 /bin/true : -n 2 /bin/true").expect(0, "");
    let file = stage.path("programs");
    std::fs::write(&file, "# one program\n-n 3 /bin/true say\n").unwrap();
    let ended = stage.run(&format!("+p 2 ++ppn 1 -configfile {}", file.display()));
    ended.expect(0, "");
    assert!(ended.lines().len() == 2 && ended.stdout.contains("ranks 3"), "{ended:?}");
    std::fs::write(&file, "-n 3 /bin/true\n-n 2 /bin/false\n").unwrap();
    stage.run(&format!("-configfile {}", file.display())).expect(0, "");
    stage
        .run(&format!("--isolate=none -configfile {}", file.display()))
        .expect(2, "ranks of several programs");
    stage.run("+p 4 ++ppn 1 --explain-image /bin/true say").expect(0, "");
}
