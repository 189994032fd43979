//! `cargo xtask demo`: compile the example with our compiler wrapper, run it as many more ranks than there are cores.

use crate::run::{run, show};
use crate::{repository, tree};
use std::process::Command;

pub fn demo() -> Result<(), String> {
    println!(
        "Building the library, the launcher and the compiler wrappers (the first time takes a minute or two)."
    );
    let root = tree::build()?;
    let source = repository().join("examples/heat.c");
    let program = repository().join("target/ampi-demo/heat");
    let folder = program.parent().unwrap_or(&program);
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;

    println!(
        "\nexamples/heat.c is an ordinary MPI program with global variables. It is compiled with ampicc:"
    );
    let mut compile = Command::new(root.join("bin/ampicc"));
    compile.args(["-O3", "-o"]).arg(&program).arg(&source).arg("-lm");
    println!("  {}", show(&compile));
    run(&mut compile)?;

    println!(
        "\nNow it runs as 32 ranks on 2 PEs. All ranks live in one process, yet each has its own globals:"
    );
    let mut launch = Command::new(root.join("bin/ampirun"));
    launch.args(["+p", "2", "+vp", "32"]).arg(&program);
    println!("  {}\n", show(&launch));
    run(&mut launch)?;

    println!("\nThat was 32 MPI ranks in one process, without a change to the program.");
    println!(
        "Try your own: {} and {} (see docs/user-guide.md).",
        bin(&root, "ampicc"),
        bin(&root, "ampirun")
    );
    Ok(())
}

fn bin(root: &std::path::Path, name: &str) -> String {
    root.join("bin").join(name).display().to_string()
}
