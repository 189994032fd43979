//! `ampicc`, `ampicxx` and the names they have elsewhere: one executable, told apart by the name it is called by.

fn main() -> std::process::ExitCode {
    ampi_wrappers::compile::main(std::env::args_os().collect())
}
