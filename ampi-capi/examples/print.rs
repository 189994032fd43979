//! Writes the files that are printed from the table: `cargo run -p ampi-capi --example print`, run in the repository's root.
//! `cargo xtask gen` does the same.

fn main() -> std::io::Result<()> {
    for (path, text) in ampi_capi::abi::print::files() {
        if let Some(dir) = std::path::Path::new(path).parent() {
            std::fs::create_dir_all(dir)?;
        }
        std::fs::write(path, text)?;
        println!("{path}");
    }
    Ok(())
}
