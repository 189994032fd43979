//! `ampi_info`: facts about this installation.

fn main() -> std::process::ExitCode {
    ampi_wrappers::info::main(std::env::args().skip(1).collect())
}
