//! `--help`, printed from the table of options; the user guide holds the same text.

use super::options::{Act, Group, OPTIONS, Opt};
use std::fmt::Write;

const WIDTH: usize = 100;
const COLUMN: usize = 30;

const GROUPS: &[(Group, &str)] = &[
    (Group::Size, "How many"),
    (Group::Hosts, "Hosts and processes"),
    (Group::Ranks, "Ranks and PEs"),
    (Group::Environment, "What the program finds"),
    (Group::Output, "Output"),
    (Group::Control, "The end of a job"),
    (Group::Questions, "Questions"),
];

/// What is printed when no program is named.
pub fn usage() -> String {
    "usage: ampirun [options] program [arguments]\n       ampirun +p 2 +vp 32 ./app      32 ranks on 2 PEs\n       \
     ampirun -n 8 ./app             8 ranks\n       ampirun --host h1,h2 ./app     as many ranks as \
     two hosts have cores\n       ampirun --help                 all options\n"
        .into()
}

/// What `--help` prints.
pub fn text() -> String {
    let mut text = usage();
    text.push_str(
        "\nRuns an MPI program as ranks that are coroutines: many ranks on few cores. A PE (processing element) is a\n\
         thread that runs ranks, on a core of its own. The PEs of a host are one process, unless told otherwise.\n",
    );
    for (group, title) in GROUPS {
        let _ = writeln!(text, "\n{title}:");
        for option in OPTIONS.iter().filter(|o| o.group == *group) {
            describe(&mut text, option);
        }
    }
    let accepted: Vec<&str> = names(|act| matches!(act, Act::Nothing(_)));
    let missing: Vec<&str> = names(|act| matches!(act, Act::NotYet(_)));
    let without: Vec<&str> = names(|act| matches!(act, Act::Without(_)));
    list(
        &mut text,
        "Accepted for the sake of other launchers, without meaning here (-v says why)",
        &accepted,
    );
    list(&mut text, "Accepted with a warning: the job runs without it in this version", &without);
    list(&mut text, "Known, but not in this version", &missing);
    text.push_str(
        "\nNames of several letters may have one dash or two, values follow after a blank or \"=\". Options that\n\
         begin with \"+\" may also follow the program, up to a \"--\"; all other words there are the program's.\n\
         Exit code: that of the program; 128 + signal when a signal ended it; 124 time over; 2 wrong options;\n\
         126 and 127 program cannot be run, is not there.\n",
    );
    text
}

fn describe(text: &mut String, option: &Opt) {
    let values: String = option.values.iter().map(|v| format!(" {v}")).collect();
    let names = format!("  {}{values}", option.names.join(", "));
    if names.chars().count() < COLUMN {
        let _ = write!(text, "{names:<COLUMN$}");
    } else {
        let _ = write!(text, "{names}\n{:COLUMN$}", "");
    }
    let indent = format!("\n{:COLUMN$}", "");
    let _ = writeln!(text, "{}", wrap(option.help, WIDTH - COLUMN).join(&indent));
}

fn names(wanted: impl Fn(&Act) -> bool) -> Vec<&'static str> {
    OPTIONS.iter().filter(|o| wanted(&o.act)).flat_map(|o| o.names.iter().copied()).collect()
}

fn list(text: &mut String, title: &str, names: &[&str]) {
    let _ = writeln!(text, "\n{title}:");
    for line in wrap(&names.join(" "), WIDTH - 2) {
        let _ = writeln!(text, "  {line}");
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_string());
        } else {
            if !lines[last].is_empty() {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_table_is_in_the_help_and_no_line_is_too_long() {
        let help = text();
        for option in OPTIONS {
            for name in option.names {
                assert!(help.contains(name), "{name}");
            }
        }
        for line in help.lines() {
            assert!(line.chars().count() <= 110, "{line}");
        }
    }

    #[test]
    fn wrapping_loses_no_word() {
        let wrapped = wrap("one two three four", 9);
        assert_eq!(wrapped, ["one two", "three", "four"]);
    }
}
