//# p: 1,2
//# vp: 1,2,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Pack, Unpack and the external32 form; packed data are sent as MPI_PACKED and received as typed data and the other way round.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    struct {
        int number;
        double real;
        char text[10];
    } out = {rank * 3, rank + 0.5, "text"}, in = {0, 0, ""};
    char buffer[200];
    int position = 0, wanted = 0, part;
    MPI_Pack_size(1, MPI_INT, MPI_COMM_WORLD, &part);
    wanted += part;
    MPI_Pack_size(1, MPI_DOUBLE, MPI_COMM_WORLD, &part);
    wanted += part;
    MPI_Pack_size(10, MPI_CHAR, MPI_COMM_WORLD, &part);
    wanted += part;
    MPI_Pack(&out.number, 1, MPI_INT, buffer, sizeof buffer, &position, MPI_COMM_WORLD);
    MPI_Pack(&out.real, 1, MPI_DOUBLE, buffer, sizeof buffer, &position, MPI_COMM_WORLD);
    MPI_Pack(out.text, 10, MPI_CHAR, buffer, sizeof buffer, &position, MPI_COMM_WORLD);
    CHECK(position <= wanted && position >= 22, "packed %d bytes, at most %d announced", position, wanted);
    int right = (rank + 1) % size, left = (rank + size - 1) % size, length = position;
    char received[200];
    MPI_Status status;
    MPI_Sendrecv(buffer, position, MPI_PACKED, right, 0, received, 200, MPI_PACKED, left, 0, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_PACKED, &part);
    CHECK_EQ(part, length);
    position = 0;
    MPI_Unpack(received, part, &position, &in.number, 1, MPI_INT, MPI_COMM_WORLD);
    MPI_Unpack(received, part, &position, &in.real, 1, MPI_DOUBLE, MPI_COMM_WORLD);
    MPI_Unpack(received, part, &position, in.text, 10, MPI_CHAR, MPI_COMM_WORLD);
    CHECK(position == length && in.number == left * 3 && in.real == left + 0.5 && strcmp(in.text, "text") == 0,
          "unpacked %d %f %s", in.number, in.real, in.text);

    int numbers[8], back[8];
    for (int i = 0; i < 8; i++)
        numbers[i] = rank * 8 + i;
    position = 0;
    MPI_Pack(numbers, 8, MPI_INT, buffer, sizeof buffer, &position, MPI_COMM_WORLD);
    MPI_Sendrecv(buffer, position, MPI_PACKED, right, 1, back, 8, MPI_INT, left, 1, MPI_COMM_WORLD, &status);
    for (int i = 0; i < 8; i++)
        CHECK_EQ(back[i], left * 8 + i);
    MPI_Sendrecv(numbers, 8, MPI_INT, right, 2, buffer, 200, MPI_PACKED, left, 2, MPI_COMM_WORLD, &status);
    position = 0;
    MPI_Unpack(buffer, 32, &position, back, 4, MPI_INT, MPI_COMM_WORLD);
    CHECK(position == 16 && back[3] == left * 8 + 3, "unpacked a part");
    MPI_Unpack(buffer, 32, &position, back, 4, MPI_INT, MPI_COMM_WORLD);
    CHECK(position == 32 && back[3] == left * 8 + 7, "unpacked the rest");

    MPI_Aint at = 0, external;
    MPI_Pack_external_size("external32", 3, MPI_INT, &external);
    CHECK_EQ(external, 12);
    MPI_Pack_external("external32", numbers, 3, MPI_INT, buffer, sizeof buffer, &at);
    CHECK_EQ(at, 12);
    CHECK_EQ(((unsigned char *)buffer)[11], (rank * 8 + 2) % 256); /* big-endian */
    at = 0;
    memset(back, 0, sizeof back);
    MPI_Unpack_external("external32", buffer, 12, &at, back, 3, MPI_INT);
    CHECK(back[0] == rank * 8 && back[2] == rank * 8 + 2, "external32 gives back %d", back[2]);
    double real = 1.5, real_back = 0;
    at = 0;
    MPI_Pack_external("external32", &real, 1, MPI_DOUBLE, buffer, sizeof buffer, &at);
    CHECK(((unsigned char *)buffer)[0] == 0x3f && ((unsigned char *)buffer)[1] == 0xf8, "1.5 in external32");
    at = 0;
    MPI_Unpack_external("external32", buffer, 8, &at, &real_back, 1, MPI_DOUBLE);
    CHECK(real_back == 1.5, "1.5 came back as %f", real_back);
    return FINISH("pack");
}
