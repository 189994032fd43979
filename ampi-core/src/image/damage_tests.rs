//! Reading and relocating damaged files: whatever the bytes, the answer is a template or an error, never a panic.
//!
//! Real programs and libraries are compiled here, then cut short and overwritten at random places (mostly in the tables
//! that matter: headers, dynamic section, symbols, hash and version tables, relocations), and taken through everything
//! that happens before a program runs. `PROPTEST_CASES=1000000 cargo test -p ampi-core --lib damage` searches longer.

use super::dynsym::Wanted;
use super::elf::{Elf, Table};
use super::program::place;
use super::relocate::{InScope, SharedSymbols, relocate};
use super::template::{Library, init_order};
use proptest::prelude::*;
use std::ops::Range;
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

/// Versions of the library's own, so that there are definitions to damage.
const VERSIONS: &str =
    "V1 { global: chosen; value; pointer; initialised; local: *; }; V2 { global: main; } V1;";

/// A file as the compiler made it, and where in it the tables are that the loader reads.
struct Original {
    bytes: Vec<u8>,
    tables: Vec<(&'static str, Range<usize>)>,
}

/// Compiler and flags. Together they have every table (a test says so).
const VARIANTS: [(&str, &[&str]); 6] = [
    ("gcc", &["-fPIE", "-pie"]),
    ("gcc", &["-fPIE", "-pie", "-Wl,-z,pack-relative-relocs", "-Wl,-z,now"]),
    ("gcc", &["-fPIC", "-shared", "-Wl,--hash-style=sysv", "-mtls-dialect=gnu2"]),
    ("clang", &["-fPIE", "-pie", "-rdynamic"]),
    ("clang", &["-fPIC", "-shared", "-Wl,--hash-style=both", "-Wl,--version-script=versions"]),
    ("clang", &["-fPIE", "-pie", "-static-libgcc", "-Wl,--hash-style=sysv", "-Wl,-z,lazy", "-g"]),
];
const PLAIN: usize = 0;
const PACKED: usize = 1;

fn originals() -> &'static [Original] {
    static FILES: OnceLock<Vec<Original>> = OnceLock::new();
    FILES.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("ampi-damage-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("program.c"), SOURCE).unwrap();
        std::fs::write(dir.join("versions"), VERSIONS).unwrap();
        let build = |(compiler, flags): &(&str, &[&str])| {
            let mut command = Command::new(compiler);
            command.current_dir(&dir).arg("-O1").args(*flags).args(["program.c", "-o", "out"]);
            let done = command.status().unwrap_or_else(|e| panic!("{compiler}: {e}"));
            assert!(done.success(), "{compiler} {flags:?}");
            let bytes = std::fs::read(dir.join("out")).unwrap();
            let tables = tables(&bytes);
            Original { bytes, tables }
        };
        let files = VARIANTS.iter().map(build).collect();
        std::fs::remove_dir_all(&dir).unwrap();
        files
    })
}

/// The tables of an undamaged file, as the loader itself finds them.
fn tables(bytes: &[u8]) -> Vec<(&'static str, Range<usize>)> {
    let elf = Elf::from_vec(bytes.to_vec()).unwrap();
    let d = &elf.dynamic;
    let offset = |vaddr: u64| {
        let s = elf.loads.iter().find(|s| s.vaddr <= vaddr && vaddr < s.file_end()).unwrap();
        (vaddr - s.vaddr + s.offset) as usize
    };
    let mut out =
        vec![("header", 0..64), ("program headers", 64..64 + 56 * usize::from(elf.program_header_count))];
    let mut add = |name, vaddr: Option<u64>, len: u64| {
        if let Some(vaddr) = vaddr
            && len > 0
        {
            let from = offset(vaddr);
            out.push((name, from..(from + len as usize).min(bytes.len())));
        }
    };
    let symbols = u64::from(elf.symbol_count());
    let sized = |t: &Table| ((t.bytes > 0).then_some(t.vaddr), t.bytes);
    add("dynamic section", Some(elf.dynamic_vaddr), 16 * 30);
    add("symbols", Some(d.symbols), 24 * symbols);
    add("symbol versions", d.versym, 2 * symbols);
    add("version definitions", d.verdef, 80);
    add("version needs", d.verneed, 64);
    add("GNU hash table", d.gnu_hash, 16 + 8 + 4 * symbols);
    add("SysV hash table", d.sysv_hash, 8 + 8 * symbols);
    for (name, table) in [
        ("strings", &d.strings),
        ("relocations", &d.rela),
        ("PLT relocations", &d.plt_rela),
        ("packed relocations", &d.relr),
        ("constructors", &d.init_array),
        ("destructors", &d.fini_array),
    ] {
        let (vaddr, bytes) = sized(table);
        add(name, vaddr, bytes);
    }
    let sections = usize::from_le_bytes(bytes[40..48].try_into().unwrap());
    out.push(("section headers", sections..bytes.len()));
    out
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
        let (data, adds, indirect) = take_through(file.bytes.clone()).unwrap();
        // Pointers to functions and data in init_array, fini_array, `pointer`, __dso_handle.
        assert!(data > 100 && adds >= 5, "file {i}: {data} bytes, {adds} words");
        assert!(indirect >= 1, "file {i} has an IFUNC");
    }
}

#[test]
fn packed_and_plain_relative_relocations_agree() {
    let through = |which: usize| take_through(originals()[which].bytes.clone()).unwrap();
    let (a, b) = (through(PLAIN), through(PACKED));
    assert_eq!((a.1, a.2), (b.1, b.2));
}

#[test]
fn every_shortened_file_is_refused_or_harmless() {
    for Original { bytes: file, .. } in originals() {
        for len in (0..4096).chain((4096..file.len()).step_by(61)) {
            let result = take_through(file[..len.min(file.len())].to_vec());
            assert!(len > 1000 || result.is_err(), "{len} bytes of a program were accepted");
        }
    }
}

#[test]
fn together_the_files_have_every_table() {
    let mut names: Vec<&str> =
        originals().iter().flat_map(|o| o.tables.iter().map(|(name, _)| *name)).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 16, "{names:?}");
}

/// One change of a file.
#[derive(Debug, Clone)]
enum Edit {
    Byte(u8),
    Bit(u8),
    /// A whole word, at its natural place.
    Word(u64),
    /// The word a little larger or smaller: sizes and addresses that are nearly right.
    Near(i64),
    /// The word that stands elsewhere in the file.
    Copied(prop::sample::Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let words = prop_oneof![
        Just(0),
        Just(u64::MAX),
        Just(u64::from(u32::MAX)),
        Just(1 << 63),
        any::<u64>(),
        (0u64..0x8000),
        (0u32..64).prop_map(|bit| 1 << bit),
    ];
    prop_oneof![
        any::<u8>().prop_map(Edit::Byte),
        (0u8..8).prop_map(Edit::Bit),
        words.prop_map(Edit::Word),
        (-24i64..25).prop_map(Edit::Near),
        any::<prop::sample::Index>().prop_map(Edit::Copied),
    ]
}

fn apply(file: &mut [u8], at: usize, edit: &Edit) {
    let word_at = (at & !7).min(file.len() - 8);
    let word = |file: &[u8], at: usize| u64::from_le_bytes(file[at..at + 8].try_into().unwrap());
    let new = match edit {
        Edit::Byte(value) => return file[at] = *value,
        Edit::Bit(bit) => return file[at] ^= 1 << bit,
        Edit::Word(value) => *value,
        Edit::Near(by) => word(file, word_at).wrapping_add_signed(*by),
        Edit::Copied(index) => word(file, index.index(file.len() / 8 - 1) * 8),
    };
    file[word_at..word_at + 8].copy_from_slice(&new.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(8000)))]

    /// Damage in a table, or (one time in eight) anywhere.
    #[test]
    fn overwritten_files_never_panic(
        which in 0usize..VARIANTS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8, any::<prop::sample::Index>(), edit()), 1..6),
    ) {
        let original = &originals()[which];
        let mut file = original.bytes.clone();
        for (table, anywhere, place, edit) in edits {
            let range = if anywhere == 0 { 0..file.len() } else { original.tables[table.index(original.tables.len())].1.clone() };
            let at = range.start + place.index(range.len());
            apply(&mut file, at, &edit);
        }
        let _ = take_through(file);
    }
}
