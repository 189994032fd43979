//# p: 1
//# vp: 2
//# expect: /ok on \d+ ranks/
// The MPI 5.0 standard ABI: version, values and sizes that a program built elsewhere relies on.
#include "../check.h"
#include <stddef.h>
#include <stdint.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    int major, minor;
    MPI_Abi_get_version(&major, &minor);
    CHECK(major == 1 && minor == 0, "ABI %d.%d", major, minor);
    CHECK_EQ(sizeof(MPI_Status), 32);
    CHECK_EQ(offsetof(MPI_Status, MPI_SOURCE), 0);
    CHECK_EQ(offsetof(MPI_Status, MPI_TAG), 4);
    CHECK_EQ(offsetof(MPI_Status, MPI_ERROR), 8);
    CHECK_EQ(sizeof(MPI_Comm), sizeof(void *));
    CHECK_EQ(sizeof(MPI_Aint), sizeof(void *));
    CHECK_EQ(sizeof(MPI_Count), 8);
    CHECK_EQ(sizeof(MPI_Offset), 8);
    CHECK_EQ((intptr_t)MPI_COMM_NULL, 0x100);
    CHECK_EQ((intptr_t)MPI_COMM_WORLD, 0x101);
    CHECK_EQ((intptr_t)MPI_COMM_SELF, 0x102);
    CHECK_EQ((intptr_t)MPI_REQUEST_NULL, 0x180);
    CHECK_EQ((intptr_t)MPI_SUM, 0x21);
    CHECK_EQ((intptr_t)MPI_DATATYPE_NULL, 0x200);
    CHECK_EQ((intptr_t)MPI_BYTE, 0x247);
    return FINISH("ABI");
}
