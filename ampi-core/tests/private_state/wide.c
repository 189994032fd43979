/* Wide output and input on the standard streams, and setlocale. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

int main(void)
{
    printf("%s", ""); /* nothing yet */
    fprintf(stderr, "%s %s\n", setlocale(LC_ALL, NULL), setlocale(LC_ALL, "no_SUCH") ? "?" : "null");
    setenv("LC_ALL", "", 1);
    setenv("LC_CTYPE", "C.UTF-8", 1);
    setenv("LANG", "POSIX", 1);
    fprintf(stderr, "%s\n", setlocale(LC_ALL, ""));
    fprintf(stderr, "%s %s\n", setlocale(LC_CTYPE, NULL), setlocale(LC_TIME, NULL));
    fprintf(stderr, "%s\n", setlocale(LC_ALL, "C.UTF-8"));
    fprintf(stderr, "%s %zu\n", setlocale(LC_NUMERIC, "C"), MB_CUR_MAX);
    fprintf(stderr, "%s\n", setlocale(LC_ALL, NULL));
    fprintf(stderr, "%d\n", fwide(stdout, 1) > 0);
    wprintf(L"wprintf %d %ls %s\n", 5, L"\u00e4\u20ac\U0001f600", "narrow");
    putwchar(L'\u00df');
    fputws(L" fputws\n", stdout);
    wint_t c = getwchar();
    ungetwc(c, stdin);
    wchar_t line[50];
    fprintf(stderr, "%x %d\n", (unsigned)c, fgetws(line, 50, stdin) == line);
    wprintf(L"%ls", line);
    while ((c = getwchar()) != WEOF)
        putwchar(c);
    return 0;
}
