//! The table against the standard: `abi-data/functions.tsv` has the prototype of every function of the ABI.

use super::*;
use std::collections::{BTreeMap, BTreeSet};

/// (return type, parameter types) with spaces and parameter names gone; `T x[]` is `T *x`.
type Types = (String, Vec<String>);

fn parameter_type(parameter: &str) -> String {
    let p = parameter.trim();
    if p == "..." {
        return p.into();
    }
    let (head, dims) = match p.find('[') {
        Some(i) => (&p[..i], &p[i..]),
        None => (p, ""),
    };
    let head = head.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
    let dims = dims.replace("[][3]", "(*)[3]").replace("[]", "*");
    format!("{head}{dims}").replace(' ', "")
}

fn types(returns: &str, parameters: &str) -> Types {
    let parameters = match parameters.trim() {
        "void" => vec![],
        p => p.split(',').map(parameter_type).collect(),
    };
    (returns.replace(' ', ""), parameters)
}

fn standard() -> BTreeMap<String, Types> {
    let tsv = include_str!("../../../abi-data/functions.tsv");
    tsv.lines()
        .skip(1)
        .map(|line| {
            let f: Vec<&str> = line.split('\t').collect();
            (f[0].to_string(), types(f[1], f[2]))
        })
        .collect()
}

fn ours(prototype: &str, name: &str) -> Types {
    let (returns, rest) = prototype.split_once(name).unwrap();
    types(returns, rest.trim_start_matches('(').trim_end_matches(')'))
}

/// Names beyond the standard ABI: Fortran conversions, removed functions, our extensions.
fn is_addition(name: &str) -> bool {
    const REMOVED: &[&str] = &[
        "MPI_Address",
        "MPI_Type_hvector",
        "MPI_Type_hindexed",
        "MPI_Type_struct",
        "MPI_Type_extent",
        "MPI_Type_lb",
        "MPI_Type_ub",
        "MPI_Errhandler_create",
        "MPI_Errhandler_set",
        "MPI_Errhandler_get",
    ];
    name.ends_with("_c2f") || name.ends_with("_f2c") || name.starts_with("AMPI_") || REMOVED.contains(&name)
}

#[test]
fn every_prototype_is_the_standards() {
    let standard = standard();
    assert_eq!(standard.len(), 664);
    let mut compared = 0;
    for entry in CHAPTERS.iter().flat_map(|c| c.entries) {
        for (name, large) in entry.symbols() {
            let prototype = entry.prototype(&name, large);
            match standard.get(&name) {
                Some(types) => {
                    assert_eq!(&ours(&prototype, &name), types, "{name}");
                    compared += 1;
                }
                None => assert!(is_addition(&name), "{name} is not in the standard"),
            }
        }
    }
    assert!(compared > 350, "only {compared} compared");
}

#[test]
fn a_function_is_large_exactly_when_the_standard_has_a_c_form() {
    let standard = standard();
    for entry in CHAPTERS.iter().flat_map(|c| c.entries) {
        // Their large forms have more parameters and lines of their own.
        let own_line = ["MPI_Type_get_envelope", "MPI_Type_get_contents"].contains(&entry.name);
        if standard.contains_key(entry.name) && !own_line {
            let large = standard.contains_key(&format!("{}_c", entry.name));
            assert_eq!(entry.form == super::super::entry::Form::Large, large, "{}", entry.name);
        }
    }
}

#[test]
fn no_function_is_listed_twice() {
    let mut seen = BTreeSet::new();
    for entry in CHAPTERS.iter().flat_map(|c| c.entries) {
        for (name, _) in entry.symbols() {
            assert!(seen.insert(name.clone()), "{name}");
        }
    }
}

#[test]
fn every_line_has_a_sentence() {
    for entry in CHAPTERS.iter().flat_map(|c| c.entries) {
        assert!(entry.doc.trim().ends_with(['.', '?']), "{}: {:?}", entry.name, entry.doc);
    }
}

#[test]
fn enabled_entry_points_are_linked_under_both_names() {
    // SAFETY: the weak names are this test's own symbols.
    #[allow(unsafe_code)]
    unsafe extern "C" {
        fn MPI_Get_version(version: *mut i32, subversion: *mut i32) -> i32;
        fn PMPI_Get_version(version: *mut i32, subversion: *mut i32) -> i32;
    }
    assert_eq!(MPI_Get_version as *const () as usize, PMPI_Get_version as *const () as usize);
}

/// For people who enable a chapter.
#[test]
#[ignore = "prints"]
fn print_signatures() {
    print!("{}", super::super::print::signatures(|chapter| !chapter.enabled));
}
