//! `ampirun`, also called `mpiexec` and `mpirun`.

fn main() -> std::process::ExitCode {
    ampi_wrappers::launch::main(std::env::args_os().skip(1).collect())
}
