//! One process of a job that a process manager started: publishes, fences, looks up what the others published, prints one
//! line. For `tests/pmi_launchers.rs`, and to try a process manager by hand:
//!
//! ```text
//! mpiexec.hydra -n 3 target/debug/examples/pmi_peer
//! srun --mpi=pmix -n 3 target/debug/examples/pmi_peer pmix
//! ```
//!
//! Arguments: the interface (`auto`, `pmi1`, `pmi2`, `pmix`, `none`), then `abort` to have process 1 end the job.

use ampi_core::error::Result;
use ampi_core::pmi::{self, Client, Interface};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("pmi_peer: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let wanted = Interface::parse(args.first().map_or("auto", String::as_str))?;
    let offer = pmi::detect(wanted, &|name| std::env::var_os(name))?;
    let Some(mut client) = pmi::connect(&offer)? else {
        println!("alone");
        return Ok(());
    };
    let hosts = client.hosts()?;
    // Longer than any process manager keeps in one text, and with bytes that they cut at.
    client.publish("wire", &address(client.rank()))?;
    client.publish("empty", b"")?;
    client.fence()?;
    let mut wrong = Vec::new();
    for rank in 0..client.size() {
        if client.lookup(rank, "wire")? != Some(address(rank))
            || client.lookup(rank, "empty")? != Some(vec![])
        {
            wrong.push(rank);
        }
    }
    let missing = client.lookup(0, "missing")?;
    println!(
        "{} {}/{} wrong {wrong:?} missing {missing:?} hosts {hosts:?}",
        client.name(),
        client.rank(),
        client.size()
    );
    if args.get(1).is_some_and(|a| a == "abort") {
        return abort(client.as_mut());
    }
    // Fences count up: what came before the second one is seen after it.
    client.publish("again", &[client.rank() as u8])?;
    client.fence()?;
    for rank in 0..client.size() {
        if client.lookup(rank, "again")? != Some(vec![rank as u8]) {
            println!("second fence: {rank} is missing");
        }
    }
    client.end()
}

/// Process 1 ends the job; the others wait for it in a fence.
fn abort(client: &mut dyn Client) -> Result<()> {
    if client.rank() == 1 {
        client.abort(7, "process 1 wanted it")?;
        std::process::exit(7);
    }
    client.fence()
}

fn address(rank: usize) -> Vec<u8> {
    (0..3000).map(|i| (i * (rank + 1)) as u8).collect()
}
