//! Other launchers: a program that one of them has started without `ampirun` cannot find its fellows, and must not run alone
//! unnoticed.
//!
//! | started by | size | number |
//! |---|---|---|
//! | Open MPI's mpirun | `OMPI_COMM_WORLD_SIZE` | `OMPI_COMM_WORLD_RANK` |
//! | MPICH's mpiexec, srun with PMI | `PMI_SIZE` | `PMI_RANK` |
//! | MVAPICH's mpirun_rsh | `MV2_COMM_WORLD_SIZE` | `MV2_COMM_WORLD_RANK` |
//! | srun | `SLURM_STEP_NUM_TASKS` | `SLURM_PROCID` |
//! | a PMIx server | (not told) | `PMIX_RANK` |
//!
//! In the shell of salloc and in a batch script there are tasks (`SLURM_NTASKS`) but no step of several: running alone is
//! right there.

/// Size and number of the task, most specific launcher first.
const LAUNCHERS: &[(&str, &str)] = &[
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
    ("PMI_SIZE", "PMI_RANK"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
];

/// Why a program with this environment must not run as a world of one; `None` if it may.
pub fn other(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let number = |name: &str| variable(name)?.trim().parse::<u64>().ok();
    for (size_name, rank_name) in LAUNCHERS {
        let Some(size) = number(size_name).filter(|n| *n > 1) else { continue };
        let task = number(rank_name).map_or("one task".into(), |r| format!("task {}", r + 1));
        return Some(format!(
            "started as {task} of {size} by another launcher ({size_name}={size}): put ampirun in front of the program there, or \
             use ampirun -n {size} alone"
        ));
    }
    let rank = number("PMIX_RANK").filter(|n| *n > 0)?;
    Some(format!(
        "started as task {} of several by another launcher (PMIX_RANK={rank}): put ampirun in front of the program there, or use \
         ampirun -n alone",
        rank + 1
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(environment: &[(&str, &str)]) -> Option<String> {
        other(|name| environment.iter().find(|(k, _)| *k == name).map(|(_, v)| v.to_string()))
    }

    #[test]
    fn tasks_of_other_launchers_are_refused() {
        assert_eq!(
            with(&[("PMI_SIZE", "3"), ("PMI_RANK", "0")]).unwrap(),
            "started as task 1 of 3 by another launcher (PMI_SIZE=3): put ampirun in front of the program there, or use \
             ampirun -n 3 alone"
        );
        let why = with(&[("OMPI_COMM_WORLD_SIZE", "4"), ("PMIX_RANK", "2"), ("OMPI_COMM_WORLD_RANK", "2")])
            .unwrap();
        assert!(why.contains("task 3 of 4") && why.contains("OMPI_COMM_WORLD_SIZE=4"), "{why}");
        assert!(
            with(&[("SLURM_STEP_NUM_TASKS", "4"), ("SLURM_PROCID", "3")]).unwrap().contains("task 4 of 4")
        );
        assert!(with(&[("PMI_SIZE", "2")]).unwrap().contains("one task of 2"));
        assert!(with(&[("PMIX_RANK", "1")]).unwrap().contains("task 2 of several"));
    }

    #[test]
    fn worlds_of_one_and_allocations_may_run_alone() {
        assert_eq!(with(&[]), None);
        assert_eq!(with(&[("PMI_SIZE", "1"), ("PMI_RANK", "0")]), None);
        assert_eq!(with(&[("SLURM_NTASKS", "8"), ("SLURM_JOB_ID", "7")]), None, "the shell of salloc");
        assert_eq!(with(&[("SLURM_NTASKS", "8"), ("SLURM_PROCID", "0")]), None, "a batch script");
        assert_eq!(with(&[("SLURM_STEP_NUM_TASKS", "1"), ("SLURM_PROCID", "0")]), None);
        assert_eq!(with(&[("PMI_SIZE", "x"), ("PMIX_RANK", "0")]), None);
    }
}
