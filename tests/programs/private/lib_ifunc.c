/* A library function chosen by a resolver. */
static int plain(int x)
{
    return x + 1000;
}

static int (*resolve(void))(int)
{
    return plain;
}

int library_step(int) __attribute__((ifunc("resolve")));
