//! Several programs in one job: `ampirun -n 2 ./a x : -n 3 ./b`.

use super::{LIMIT, Test, command, ended, folder, has, program, write};
use crate::process::{Outcome, run};
use std::path::Path;

pub const ALL: &[Test] = &[
    ("several programs make one world", one_world),
    ("several programs are read from a file", from_a_file),
    ("a second program that cannot run is named", wrong_second),
    ("ampirun --explain-image tells of several programs", explain),
];

/// C, small: ranks of both programs add up what they have in their globals.
const SMALL: &str = r#"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static int mine;
int main(int argc, char **argv)
{
    int rank, size, found, *number, sum = 0;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &number, &found);
    mine = 1 << rank;
    MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    int next = (rank + 1) % size, last = (rank + size - 1) % size, got = -1;
    MPI_Sendrecv(&mine, 1, MPI_INT, next, 0, &got, 1, MPI_INT, last, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    char folder[512], command[512] = "?";
    int len = sizeof command, given;
    MPI_Info_get_string(MPI_INFO_ENV, "command", &len, command, &given);
    const char *word = getenv("WORD");
    printf("%d of %d: program %d %s %s, sum %d, %d left, %s, %s, named %s\n", rank, size, found ? *number : -1, NAME,
           argc > 1 ? argv[1] : "-", sum, mine == 1 << rank && got == 1 << last, word ? word : "no word",
           getcwd(folder, sizeof folder), command[0] ? argv[0] : "?");
    MPI_Finalize();
    return 0;
}
"#;

/// C++, with an image and an alignment of another size.
const LARGE: &str = r#"
#include <vector>
#include <string>
alignas(16384) static char aligned[1 << 22] = {1};
static std::vector<std::string> strings{"a", "b"};
static struct Check { Check() { if (strings.size() != 2 || (unsigned long)aligned % 16384) __builtin_trap(); } } check;
"#;

/// Both programs in a folder.
fn programs(folder: &Path) -> Result<(), String> {
    std::fs::rename(program(folder, "ampicc", SMALL, &["-DNAME=\"small\""])?, folder.join("small"))
        .and_then(|()| std::fs::create_dir(folder.join("below")))
        .map_err(|e| e.to_string())?;
    let large = format!("{LARGE}{SMALL}");
    let flags = ["-DNAME=\"large\"", "-Wl,-z,max-page-size=16384", "-Wno-error"];
    std::fs::rename(program(folder, "ampicxx", &large, &flags)?, folder.join("large"))
        .map_err(|e| e.to_string())
}

fn call_in(folder: &Path, words: &[&str]) -> Result<Outcome, String> {
    run(command("ampirun", words).current_dir(folder), "", LIMIT)
}

fn one_world() -> Result<(), String> {
    let folder = folder()?;
    let at = folder.path().canonicalize().map_err(|e| e.to_string())?;
    programs(&at)?;
    let parts = [
        "-n",
        "2",
        "-x",
        "WORD=first",
        "./small",
        "x",
        ":",
        "-n",
        "3",
        "--wdir",
        "below",
        "../large",
        "y",
        ":",
        "./small",
    ];
    let (here, below) = (at.display(), at.join("below"));
    let below = below.display();
    for front in [
        &["+p", "1"][..],
        &["+p", "2"],
        &["+p", "2", "++ppn", "1"],
        &["+p", "3", "++ppn", "1", "--transport", "tcp", "+mapping", "RR_MAP"],
        &["--isolate=process"],
        &["--isolate=process"],
    ] {
        let o = ended(call_in(&at, &[front, &parts].concat())?, 0)?;
        for line in [
            format!("0 of 6: program 0 small x, sum 63, 1 left, first, {here}, named ./small\n"),
            format!("1 of 6: program 0 small x, sum 63, 1 left, first, {here}, named ./small\n"),
            format!("2 of 6: program 1 large y, sum 63, 1 left, no word, {below}, named {below}/../large\n"),
            format!("4 of 6: program 1 large y, sum 63, 1 left, no word, {below}, named {below}/../large\n"),
            format!("5 of 6: program 2 small -, sum 63, 1 left, no word, {here}, named ./small\n"),
        ] {
            has(&format!("{front:?}"), &o.stdout, &line)?;
        }
        if o.stdout.lines().count() != 6 || !o.stderr.is_empty() {
            return Err(o.told());
        }
    }
    let o = ended(call_in(&at, &[&["--isolate=none"][..], &parts].concat())?, 2)?;
    has("stderr", &o.stderr, "ranks of several programs cannot share one copy")
}

fn from_a_file() -> Result<(), String> {
    let folder = folder()?;
    programs(folder.path())?;
    write(
        &folder.path().join("jobs"),
        "# two programs\n-n 1 ./large \"a b\"\n-n 2 \\\n ./small c : ./small d\n",
    )?;
    let o = ended(call_in(folder.path(), &["+p", "2", "-configfile", "jobs"])?, 0)?;
    for part in ["0 of 4: program 0 large a b,", "2 of 4: program 1 small c,", "3 of 4: program 2 small d,"] {
        has("stdout", &o.stdout, part)?;
    }
    Ok(())
}

fn wrong_second() -> Result<(), String> {
    let folder = folder()?;
    programs(folder.path())?;
    let text = folder.path().join("text");
    write(&text, "no program\n")?;
    let told = |words: &[&str], code, sentence: &str| {
        let o = ended(call_in(folder.path(), words)?, code)?;
        has("stderr", &o.stderr, sentence)?;
        if o.stderr.lines().count() == 1 && o.stdout.is_empty() { Ok(()) } else { Err(o.told()) }
    };
    told(&["-n", "2", "./small", ":", "./nothing"], 127, "the program ./nothing does not exist")?;
    told(&["-n", "2", "./small", ":", "./text"], 126, "./text is not executable")?;
    told(&["-n", "2", "./small", ":", "--wdir", "nowhere", "./small"], 2, "there is no folder ")?;
    let set = std::fs::set_permissions(&text, std::os::unix::fs::PermissionsExt::from_mode(0o755));
    set.map_err(|e| e.to_string())?;
    told(&["-n", "2", "./small", ":", "./text"], 126, "cannot load ./text")?;
    told(&["+p", "3", "++ppn", "1", "-n", "2", "./small", ":", "./text"], 126, "cannot load ./text")
}

fn explain() -> Result<(), String> {
    let folder = folder()?;
    programs(folder.path())?;
    let words = ["--explain-image", "-n", "2", "./small", ":", "./large", ":", "./small"];
    let o = ended(call_in(folder.path(), &words)?, 0)?;
    let heads = |name: &str| {
        o.stdout.lines().filter(|l| l.starts_with(name) && l.contains("KiB of addresses")).count()
    };
    if (heads("./small:"), heads("./large:")) == (1, 1) { Ok(()) } else { Err(o.told()) }
}
