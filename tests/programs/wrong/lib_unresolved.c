/* A library that calls a function which nobody defines. */
int nobody_defines_this_function(int);

int library_function(int x)
{
    return x == 1 ? nobody_defines_this_function(x) : x;
}
