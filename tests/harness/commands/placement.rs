//! Results do not depend on where ranks live (MPI-5.0 §6.9.1, advice to implementors): reductions of floating-point
//! numbers, whose sum depends on the order, give the same bits everywhere.

use super::{Test, call, ended, folder, program};

pub const ALL: &[Test] = &[("reductions give the same bits on all placements", same_bits)];

const SUMS: &str = r#"
#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <math.h>

static void show(const char *what, const double *v, int n)
{
    unsigned long long bits, all = 0;
    for (int i = 0; i < n; i++) {
        memcpy(&bits, &v[i], 8);
        all = all * 31 + bits;
    }
    printf("%s %016llx\n", what, all);
}

int main(int argc, char **argv)
{
    static double in[20000], out[20000];
    int rank, lengths[] = {1, 3, 6, 7, 500, 20000};
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (int i = 0; i < 20000; i++)
        in[i] = sin(rank * 12345.678 + i) * pow(10, (rank * 7 + i) % 17 - 8);
    for (int k = 0; k < 6; k++) {
        int n = lengths[k];
        MPI_Request request;
        MPI_Allreduce(in, out, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        if (rank == 0) show("allreduce", out, n);
        MPI_Reduce(in, out, n, MPI_DOUBLE, MPI_PROD, 0, MPI_COMM_WORLD);
        if (rank == 0) show("reduce", out, n);
        MPI_Iallreduce(in, out, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        if (rank == 0) show("iallreduce", out, n);
        MPI_Scan(in, out, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        MPI_Bcast(out, n, MPI_DOUBLE, 36, MPI_COMM_WORLD);
        if (rank == 0) show("scan", out, n);
    }
    MPI_Finalize();
    return 0;
}
"#;

fn same_bits() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", SUMS, &["-O2", "-lm"])?.display().to_string();
    let sums = |pes: &str, mapping: &str| {
        let o = ended(call("ampirun", &["+p", pes, "+vp", "37", "+mapping", mapping, &exe])?, 0)?;
        if o.stdout.lines().count() == 24 { Ok(o.stdout) } else { Err(format!("not 24 sums: {}", o.stdout)) }
    };
    let one = sums("1", "block")?;
    for (pes, mapping) in [("2", "block"), ("2", "rr"), ("3", "block"), ("5", "rr")] {
        let other = sums(pes, mapping)?;
        if other != one {
            return Err(format!("{pes} PEs, {mapping}:\n{other}\n1 PE:\n{one}"));
        }
    }
    Ok(())
}
