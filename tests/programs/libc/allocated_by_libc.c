//# p: 1,2
//# vp: 1,4,8,64
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Memory that libc allocates and the program frees, or the other way round: both must be one heap.
#define _GNU_SOURCE
#include "../check.h"
#include <dirent.h>
#include <glob.h>
#include <search.h>
#include <unistd.h>
#include <wchar.h>

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}
static int select_all(const struct dirent *entry)
{
    return entry->d_name[0] != 0;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    for (int round = 0; round < 5; round++) {
        char *copy = strdup("a copy made by libc");
        copy = realloc(copy, 1000);
        memset(copy + 20, 'x', 900);
        CHECK(strcmp(copy, "a copy made by libc") == 0, "strdup");
        free(copy);
        free(strndup("abcdef", 3));
        free(wcsdup(L"wide"));

        char *text = NULL;
        CHECK(asprintf(&text, "rank %d round %d", rank, round) > 0, "asprintf");
        MPI_Barrier(MPI_COMM_WORLD);
        int r, n;
        CHECK(sscanf(text, "rank %d round %d", &r, &n) == 2 && r == rank && n == round, "asprintf gave \"%s\"", text);
        free(text);

        char *resolved = realpath(".", NULL), *directory = getcwd(NULL, 0), *current = get_current_dir_name();
        CHECK(resolved && directory && current, "realpath, getcwd, get_current_dir_name");
        free(resolved);
        free(directory);
        free(current);

        char *line = NULL;
        size_t capacity = 0;
        FILE *file = tmpfile();
        CHECK(file != NULL, "tmpfile");
        fprintf(file, "first line of %d\nsecond\n", rank);
        rewind(file);
        CHECK(getline(&line, &capacity, file) > 0, "getline");
        MPI_Barrier(MPI_COMM_WORLD);
        CHECK(sscanf(line, "first line of %d", &r) == 1 && r == rank, "getline gave \"%s\"", line);
        line = realloc(line, capacity + 5000);
        CHECK(getdelim(&line, &capacity, '\n', file) == 7, "getdelim");
        free(line);
        fclose(file);

        char *memory = NULL;
        size_t length = 0;
        FILE *stream = open_memstream(&memory, &length);
        for (int i = 0; i < 1000; i++)
            fprintf(stream, "%d,", i);
        MPI_Barrier(MPI_COMM_WORLD);
        fclose(stream);
        CHECK_EQ(length, 3890);
        free(memory);

        int matched = 0;
        char *own = malloc(10);
        strcpy(own, "77 end");
        char *scanned = NULL;
        CHECK(sscanf(own, "%d %ms", &matched, &scanned) == 2 && matched == 77, "sscanf %%ms");
        free(scanned);
        free(own);

        struct dirent **names;
        int count = scandir("/", &names, select_all, alphasort);
        CHECK(count > 2, "scandir found %d names", count);
        for (int i = 0; i < count; i++)
            free(names[i]);
        free(names);
        glob_t found;
        CHECK(glob("/e*", 0, NULL, &found) == 0 && found.gl_pathc >= 1, "glob");
        globfree(&found);

        void *root = NULL;
        char keys[10][8];
        for (int i = 0; i < 10; i++) {
            snprintf(keys[i], 8, "k%d", i);
            CHECK(tsearch(keys[i], &root, compare) != NULL, "tsearch");
        }
        MPI_Barrier(MPI_COMM_WORLD);
        for (int i = 0; i < 10; i++)
            CHECK(tdelete(keys[i], &root, compare) != NULL, "tdelete");
        char *buffer = malloc(BUFSIZ);
        FILE *null = fopen("/dev/null", "w");
        setvbuf(null, buffer, _IOFBF, BUFSIZ);
        fprintf(null, "x");
        fclose(null);
        free(buffer);
    }
    return FINISH("memory allocated by libc");
}
