//! Compiles the C kernels for number formats that Rust has no type for.

fn main() {
    println!("cargo::rerun-if-changed=c/extended.c");
    cc::Build::new().file("c/extended.c").opt_level(3).warnings(true).compile("ampi_extended");
}
