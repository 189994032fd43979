/* Thread-local variables of a library: one for initial-exec access, one large, one static. */
__thread int library_tls = 300;
__thread char library_block[4096] = "L";
static __thread int hidden = 5;

int *library_tls_pointer(void)
{
    return &library_tls;
}

int library_tls_add(int x)
{
    hidden += x;
    library_tls += x;
    return library_tls + hidden - 5;
}
