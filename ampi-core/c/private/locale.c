/* setlocale per rank: the locale of the rank's "thread" (uselocale), never of the process. Names are taken from the rank's
 * own environment, so that setenv("LC_ALL", ...) before setlocale(LC_ALL, "") works. */
#include "private.h"
#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { CATEGORIES = 13 };
static const char *const variable[CATEGORIES] = {
    "LC_CTYPE", "LC_NUMERIC", "LC_TIME",    "LC_COLLATE",   "LC_MONETARY",    "LC_MESSAGES",       NULL,
    "LC_PAPER", "LC_NAME",    "LC_ADDRESS", "LC_TELEPHONE", "LC_MEASUREMENT", "LC_IDENTIFICATION",
};
static COLD char names[CATEGORIES][64];
static COLD char answer[CATEGORIES * 80];
static locale_t in_use; /* NULL: "C", as at the start */

static const char *name_of(int c) { return names[c][0] ? names[c] : "C"; }

/* The name that the environment gives to category `c`. */
static const char *from_environment(int c)
{
    const char *order[] = {getenv("LC_ALL"), getenv(variable[c]), getenv("LANG")};
    for (int i = 0; i < 3; i++)
        if (order[i] && *order[i])
            return order[i];
    return "C";
}

static char *describe(int category)
{
    if (category != LC_ALL)
        return (char *)name_of(category);
    int same = 1;
    for (int c = 0; c < CATEGORIES; c++)
        same = same && (c == LC_ALL || strcmp(name_of(c), name_of(0)) == 0);
    if (same)
        return strcpy(answer, name_of(0));
    char *p = answer;
    for (int c = 0; c < CATEGORIES; c++)
        if (c != LC_ALL)
            p += sprintf(p, "%s%s=%s", c ? ";" : "", variable[c], name_of(c));
    return answer;
}

/* What `locale` ("" or a name or "LC_CTYPE=a;LC_NUMERIC=b;...") says about category `c`; copied to `to`. */
static int choose(const char *locale, int c, char to[64])
{
    const char *name = *locale ? locale : from_environment(c);
    size_t len = strlen(name);
    if (strchr(name, ';')) {
        size_t n = strlen(variable[c]);
        for (const char *part = name; part; part = strchr(part, ';') ? strchr(part, ';') + 1 : NULL)
            if (strncmp(part, variable[c], n) == 0 && part[n] == '=') {
                name = part + n + 1;
                len = strcspn(name, ";");
                goto found;
            }
        return 0;
    }
found:
    if (len >= 64)
        return 0;
    memcpy(to, name, len);
    to[len] = '\0';
    if (strcmp(to, "POSIX") == 0)
        strcpy(to, "C");
    return 1;
}

static locale_t build(char wanted[CATEGORIES][64])
{
    locale_t l = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    for (int c = 0; c < CATEGORIES && l; c++) {
        if (c == LC_ALL || wanted[c][0] == '\0' || strcmp(wanted[c], "C") == 0)
            continue;
        locale_t next = newlocale(1 << c, wanted[c], l);
        if (next == (locale_t)0)
            freelocale(l);
        l = next;
    }
    return l;
}

char *setlocale(int category, const char *locale)
{
    char wanted[CATEGORIES][64];
    if (category < 0 || category >= CATEGORIES)
        return NULL;
    if (locale == NULL)
        return describe(category);
    memcpy(wanted, names, sizeof names);
    for (int c = 0; c < CATEGORIES; c++)
        if (c != LC_ALL && (category == LC_ALL || category == c) && !choose(locale, c, wanted[c]))
            return NULL;
    locale_t l = build(wanted);
    if (l == (locale_t)0)
        return NULL;
    uselocale(l);
    if (in_use)
        freelocale(in_use);
    in_use = l;
    memcpy(names, wanted, sizeof names);
    return describe(category);
}

/* A new thread of the rank starts with the rank's locale. */
void locale_of_thread(void)
{
    if (in_use)
        uselocale(in_use);
}

/* In another process: libc's locale data lies elsewhere, so the same locale is made again. */
void locale_arrive(void)
{
    if (in_use && (in_use = build(names)) != (locale_t)0)
        uselocale(in_use);
}
