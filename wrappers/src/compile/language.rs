//! Which compiler is behind a wrapper: by the name it was called by, then the environment, then what is installed.

use std::ffi::OsString;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    C,
    Cxx,
}

impl Language {
    /// `ampicc`, `mpicc`, `mpicc.ampi` are C; `ampicxx`, `ampiCC`, `ampic++`, `mpicxx`, `mpiCC`, `mpic++` are C++.
    pub fn of(name: &str) -> Language {
        let name = name.strip_suffix(".ampi").unwrap_or(name);
        if name.ends_with("cxx") || name.ends_with("CC") || name.ends_with("c++") {
            Language::Cxx
        } else {
            Language::C
        }
    }

    /// Variables that name another compiler, ours first, then those of other MPIs that scripts set.
    pub fn variables(self) -> [&'static str; 4] {
        match self {
            Language::C => ["AMPI_CC", "MPICH_CC", "OMPI_CC", "I_MPI_CC"],
            Language::Cxx => ["AMPI_CXX", "MPICH_CXX", "OMPI_CXX", "I_MPI_CXX"],
        }
    }

    fn candidates(self) -> [&'static str; 3] {
        match self {
            Language::C => ["gcc", "cc", "clang"],
            Language::Cxx => ["g++", "c++", "clang++"],
        }
    }
}

/// The compiler as a command: a variable may hold several words (`ccache gcc`).
pub fn compiler(
    language: Language,
    variable: &dyn Fn(&str) -> Option<OsString>,
    installed: &dyn Fn(&str) -> bool,
) -> Vec<OsString> {
    for name in language.variables() {
        let Some(value) = variable(name) else { continue };
        match value.to_str() {
            Some(text) if text.trim().is_empty() => continue,
            Some(text) => return text.split_whitespace().map(OsString::from).collect(),
            None => return vec![value],
        }
    }
    let candidates = language.candidates();
    vec![candidates.iter().find(|c| installed(c)).unwrap_or(&candidates[0]).into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_the_language() {
        for name in ["ampicc", "mpicc", "mpicc.ampi"] {
            assert_eq!(Language::of(name), Language::C, "{name}");
        }
        for name in ["ampicxx", "ampiCC", "ampic++", "mpicxx", "mpiCC", "mpic++", "mpicxx.ampi"] {
            assert_eq!(Language::of(name), Language::Cxx, "{name}");
        }
    }

    #[test]
    fn our_variable_wins_then_those_of_others_then_what_is_there() {
        let env = |set: &'static [(&'static str, &'static str)]| {
            move |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v))
        };
        let none = |_: &str| false;
        let both = env(&[("OMPI_CC", "icx"), ("AMPI_CC", "ccache clang")]);
        assert_eq!(compiler(Language::C, &both, &none), ["ccache", "clang"]);
        assert_eq!(compiler(Language::C, &env(&[("OMPI_CC", "icx")]), &none), ["icx"]);
        assert_eq!(compiler(Language::Cxx, &env(&[("AMPI_CXX", " ")]), &|n| n == "clang++"), ["clang++"]);
        assert_eq!(compiler(Language::C, &env(&[]), &none), ["gcc"]);
    }
}
