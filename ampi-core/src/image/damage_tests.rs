//! Reading and relocating damaged files: whatever the bytes, the answer is a template or an error, never a panic.
//!
//! Real programs and libraries are compiled here, then cut short and overwritten at random places (mostly in the tables
//! that matter), and taken through everything that happens before a program runs.

use super::dynsym::Wanted;
use super::elf::Elf;
use super::program::place;
use super::relocate::{InScope, SharedSymbols, relocate};
use super::template::{Library, init_order};
use proptest::prelude::*;
use std::process::Command;
use std::sync::OnceLock;

/// Every symbol exists outside, at an address nobody goes to.
struct Anything;

impl SharedSymbols for Anything {
    fn address(&self, name: &[u8], _version: Option<&[u8]>) -> Option<u64> {
        (!name.starts_with(b"__gmon") && !name.starts_with(b"_ITM")).then_some(0x7000_0000_0000)
    }
    fn thread_local(&self, _name: &[u8], _version: Option<&[u8]>) -> Option<u64> {
        Some(0u64.wrapping_sub(0x100_0000))
    }
    fn bytes(&self, _address: u64, len: u64) -> Option<Vec<u8>> {
        (len < 1 << 20).then(|| vec![0xab; len as usize])
    }
    fn missing(&self, _name: &str) -> u64 {
        1
    }
}

const SOURCE: &str = r#"
    #include <stdio.h>
    #include <stdlib.h>
    extern char **environ;
    __thread int initialised = 3; static __thread int zero;
    static int one(void) { return 1; }
    static int (*choose(void))(void) { return one; }
    int chosen(void) __attribute__((ifunc("choose")));
    int value = 4, *pointer = &value; char zeroes[9000];
    __attribute__((constructor)) static void start(void) { zero++; }
    __attribute__((destructor)) static void end(void) { zero--; }
    int main(void) { printf("%d %p %p\n", chosen(), (void *)environ, (void *)stdout); return initialised + *pointer; }
"#;

/// A program (GNU hash, versions, COPY), the same with packed relocations, a library with SysV hash and TLS descriptors.
fn originals() -> &'static [Vec<u8>] {
    static FILES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("ampi-damage-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let source = dir.join("program.c");
        std::fs::write(&source, SOURCE).unwrap();
        let variants: [&[&str]; 3] = [
            &["-fPIE", "-pie"],
            &["-fPIE", "-pie", "-Wl,-z,pack-relative-relocs", "-Wl,-z,now"],
            &["-fPIC", "-shared", "-Wl,--hash-style=sysv", "-mtls-dialect=gnu2"],
        ];
        let build = |flags: &&[&str]| {
            let out = dir.join("out");
            let done =
                Command::new("cc").arg("-O1").args(*flags).arg(&source).arg("-o").arg(&out).status().unwrap();
            assert!(done.success());
            std::fs::read(&out).unwrap()
        };
        let files = variants.iter().map(build).collect();
        std::fs::remove_dir_all(&dir).unwrap();
        files
    })
}

/// Everything short of running it. Returns the template's sizes: (bytes to copy, words to adjust, resolvers).
fn take_through(bytes: Vec<u8>) -> crate::error::Result<(usize, usize, usize)> {
    let elf = Elf::from_vec(bytes)?;
    for name in ["main", "environ", "stdout", "value", "printf", ""] {
        elf.find(&Wanted::new(name.as_bytes(), None));
        elf.find(&Wanted::new(name.as_bytes(), Some(b"GLIBC_2.2.5")));
    }
    for at in [0, 0x1000, 0x1139, elf.entry, u64::MAX] {
        elf.nearest_symbol(at);
        elf.nearest_dynamic_symbol(at);
    }
    let mut libs = vec![Library::new(elf, "program".into(), "test".into())];
    let mut used = 0;
    let end = place(&mut libs, 0, true, &mut used, 1 << 20)?;
    assert!(used <= 1 << 20 && libs[0].offset + libs[0].elf.span <= end);
    let scope: Vec<InScope> =
        libs.iter().enumerate().map(|(k, lib)| InScope { group: 0, lib, own: Some(k) }).collect();
    let r = relocate(&libs, 0, 0, &scope, &Anything)?;
    assert_eq!(init_order(&libs), [0]);
    let inside = |at: u64| libs[0].elf.loads.iter().any(|s| s.writable && s.vaddr <= at && at + 8 <= s.end());
    assert!(r.adds.iter().all(|&a| inside(a.into())), "a word outside writable memory");
    assert!(r.indirect.iter().all(|&(a, f)| inside(a.into()) && libs[0].elf.is_code(f)));
    let (data, runs) = r.image.into_runs(&libs, 0);
    for run in &runs {
        let (from, to) = (u64::from(run.offset), u64::from(run.offset) + run.bytes as u64);
        assert!(
            libs[0]
                .elf
                .loads
                .iter()
                .any(|s| s.writable && s.vaddr <= from && to <= s.end().next_multiple_of(4096))
        );
    }
    Ok((data.len(), r.adds.len(), r.indirect.len()))
}

#[test]
fn undamaged_files_give_templates() {
    for (i, file) in originals().iter().enumerate() {
        let (data, adds, indirect) = take_through(file.clone()).unwrap();
        // Pointers to functions and data in init_array, fini_array, `pointer`, __dso_handle.
        assert!(data > 100 && adds >= 5, "file {i}: {data} bytes, {adds} words");
        assert_eq!(indirect, if i == 2 { 1 } else { indirect }, "file {i}");
        assert!(indirect >= 1, "file {i} has an IFUNC");
    }
}

#[test]
fn packed_and_plain_relative_relocations_agree() {
    let [plain, packed, _] = originals() else { panic!() };
    let (a, b) = (take_through(plain.clone()).unwrap(), take_through(packed.clone()).unwrap());
    assert_eq!((a.1, a.2), (b.1, b.2));
}

#[test]
fn every_shortened_file_is_refused_or_harmless() {
    for file in originals() {
        for len in (0..4096).chain((4096..file.len()).step_by(61)) {
            let result = take_through(file[..len.min(file.len())].to_vec());
            assert!(len > 1000 || result.is_err(), "{len} bytes of a program were accepted");
        }
    }
}

/// Offsets of the tables whose damage is most instructive.
fn interesting(file: &[u8]) -> Vec<usize> {
    let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
    let mut out: Vec<usize> = (0..64).chain(64..64 + 56 * 13).collect();
    for p in 0..13 {
        let header = 64 + p * 56;
        let kind = u32::from_le_bytes(file[header..header + 4].try_into().unwrap());
        if kind == 2 {
            let at = word(header + 8);
            out.extend(at..(at + word(header + 32)).min(file.len()));
        }
    }
    // Hash table, symbols, strings, versions and relocations follow the headers.
    out.extend((64 + 56 * 13..0x900).filter(|&i| i < file.len()));
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6000))]

    #[test]
    fn overwritten_files_never_panic(
        which in 0usize..3,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>(), any::<u8>(), 0usize..4), 1..8),
    ) {
        let mut file = originals()[which].clone();
        let places = interesting(&file);
        for (index, anywhere, value, kind) in edits {
            let at = if anywhere { index.index(file.len()) } else { places[index.index(places.len())] };
            match kind {
                0 => file[at] = value,
                1 => file[at] ^= 1 << (value % 8),
                2 => { let end = (at + 8).min(file.len()); file[at..end].fill(0xff) }
                _ => { let end = (at + 8).min(file.len()); file[at..end].fill(0); file[at] = value }
            }
        }
        let _ = take_through(file);
    }
}
