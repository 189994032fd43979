/* Definitions for weak references, and a weak default that the program replaces. */
int weak_in_library(int x)
{
    return 3 * x;
}

__attribute__((weak)) int weak_hook(int x)
{
    return x - 7;
}

int weak_library_calls_hook(int x)
{
    return weak_hook(x);
}
