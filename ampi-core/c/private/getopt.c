/* getopt, getopt_long, getopt_long_only: GNU semantics (permutation, abbreviations, optional arguments, "W;").
 *
 * While permuting, argv[first .. last) are the operands that were skipped so far and argv[last .. optind) the options
 * scanned after them; move_operands() swaps the two stretches so that operands end up behind.
 */
#include "private.h"
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

char *optarg;
int optind = 1, opterr = 1, optopt = '?';

static enum { REQUIRE_ORDER, PERMUTE, RETURN_IN_ORDER } ordering;
static int started;
static int first, last;
static char *rest; /* what is left of a cluster like -abc */
static int culprit; /* becomes optopt at the end of every call: 0 until the first error, as in glibc */

static void reverse(char **v, int from, int to)
{
    for (to--; from < to; from++, to--) {
        char *t = v[from];
        v[from] = v[to];
        v[to] = t;
    }
}

static void move_operands(char **argv)
{
    reverse(argv, first, last);
    reverse(argv, last, optind);
    reverse(argv, first, optind);
    first += optind - last;
    last = optind;
}

struct scan {
    int argc;
    char **argv;
    const char *shorts;
    const struct option *longs;
    int *long_index;
    int long_only, complain;
};

static int missing(const struct scan *s) { return s->shorts[0] == ':' ? ':' : '?'; }

/* Which long option `rest` means: its index, -1 none, -2 several (reported). `len` is the length of the name. */
static int match_long(const struct scan *s, size_t len, const char *prefix)
{
    const struct option *o = s->longs;
    int found = -1, several = 0;
    for (int i = 0; o[i].name; i++)
        if (strncmp(o[i].name, rest, len) == 0 && o[i].name[len] == '\0')
            return i;
    for (int i = 0; o[i].name; i++) {
        if (strncmp(o[i].name, rest, len) != 0)
            continue;
        if (found < 0)
            found = i;
        else if (s->long_only || o[i].has_arg != o[found].has_arg || o[i].flag != o[found].flag || o[i].val != o[found].val)
            several = 1;
    }
    if (!several)
        return found;
    if (s->complain) {
        flockfile(stderr);
        fprintf(stderr, "%s: option '%s%s' is ambiguous; possibilities:", s->argv[0], prefix, rest);
        for (int i = 0; o[i].name; i++)
            if (strncmp(o[i].name, rest, len) == 0
                && (i == found || s->long_only || o[i].has_arg != o[found].has_arg || o[i].flag != o[found].flag
                    || o[i].val != o[found].val))
                fprintf(stderr, " '%s%s'", prefix, o[i].name);
        fputc('\n', stderr);
        funlockfile(stderr);
    }
    return -2;
}

/* `rest` is a long option without its prefix. -1: not one; try it as short options. */
static int take_long(const struct scan *s, int long_only, const char *prefix)
{
    struct scan here = *s;
    here.long_only = long_only;
    size_t len = strcspn(rest, "=");
    int i = match_long(&here, len, prefix);
    if (i == -1) {
        if (long_only && s->argv[optind][1] != '-' && strchr(s->shorts, *rest))
            return -1;
        if (s->complain)
            fprintf(stderr, "%s: unrecognized option '%s%s'\n", s->argv[0], prefix, rest);
    }
    if (i < 0) {
        rest = NULL;
        optind++;
        culprit = 0;
        return '?';
    }
    const struct option *o = &s->longs[i];
    char *value = rest[len] ? rest + len + 1 : NULL;
    optind++;
    rest = NULL;
    if (value && !o->has_arg) {
        if (s->complain)
            fprintf(stderr, "%s: option '%s%s' doesn't allow an argument\n", s->argv[0], prefix, o->name);
        culprit = o->val;
        return '?';
    }
    if (value)
        optarg = value;
    else if (o->has_arg == required_argument) {
        if (optind >= s->argc) {
            if (s->complain)
                fprintf(stderr, "%s: option '%s%s' requires an argument\n", s->argv[0], prefix, o->name);
            culprit = o->val;
            return missing(s);
        }
        optarg = s->argv[optind++];
    }
    if (s->long_index)
        *s->long_index = i;
    if (o->flag) {
        *o->flag = o->val;
        return 0;
    }
    return o->val;
}

static int take_short(const struct scan *s)
{
    char c = *rest++;
    const char *spec = strchr(s->shorts, c);
    if (*rest == '\0')
        optind++;
    if (spec == NULL || c == ':' || c == ';') {
        if (s->complain)
            fprintf(stderr, "%s: invalid option -- '%c'\n", s->argv[0], c);
        culprit = c;
        return '?';
    }
    int wants_long = c == 'W' && spec[1] == ';' && s->longs;
    if (!wants_long && spec[1] != ':')
        return c;
    if (*rest) { /* the argument is the rest of this word */
        optarg = rest;
        if (!wants_long)
            optind++;
    } else if (!wants_long && spec[2] == ':')
        optarg = NULL;
    else if (optind == s->argc) {
        if (s->complain)
            fprintf(stderr, "%s: option requires an argument -- '%c'\n", s->argv[0], c);
        culprit = c;
        rest = NULL;
        return missing(s);
    } else
        optarg = wants_long ? s->argv[optind] : s->argv[optind++];
    if (wants_long) {
        rest = optarg;
        optarg = NULL;
        return take_long(s, 0, "-W ");
    }
    rest = NULL;
    return c;
}

static int operand(char **argv, int i) { return argv[i][0] != '-' || argv[i][1] == '\0'; }

static int scan_next(int argc, char *const *argv_, const char *shorts, const struct option *longs, int *long_index, int long_only,
                int posix)
{
    char **argv = (char **)argv_;
    if (argc < 1)
        return -1;
    optarg = NULL;
    if (optind == 0 || !started) {
        if (optind == 0)
            optind = 1;
        first = last = optind;
        rest = NULL;
        ordering = shorts[0] == '-'                             ? RETURN_IN_ORDER
                   : shorts[0] == '+'                           ? REQUIRE_ORDER
                   : posix || getenv("POSIXLY_CORRECT") != NULL ? REQUIRE_ORDER
                                                                : PERMUTE;
        started = 1;
    }
    if (shorts[0] == '-' || shorts[0] == '+')
        shorts++;
    struct scan s = {argc, argv, shorts, longs, long_index, long_only, opterr && shorts[0] != ':'};
    if (rest && *rest)
        return take_short(&s);

    if (last > optind)
        last = optind;
    if (first > optind)
        first = optind;
    if (ordering == PERMUTE) {
        if (first != last && last != optind)
            move_operands(argv);
        else if (last != optind)
            first = optind;
        while (optind < argc && operand(argv, optind))
            optind++;
        last = optind;
    }
    if (optind != argc && strcmp(argv[optind], "--") == 0) {
        optind++;
        if (first != last && last != optind)
            move_operands(argv);
        else if (first == last)
            first = optind;
        last = optind = argc;
    }
    if (optind == argc) {
        if (first != last)
            optind = first;
        return -1;
    }
    if (operand(argv, optind)) {
        if (ordering == REQUIRE_ORDER)
            return -1;
        optarg = argv[optind++];
        return 1;
    }
    if (longs && argv[optind][1] == '-') {
        rest = argv[optind] + 2;
        return take_long(&s, long_only, "--");
    }
    rest = argv[optind] + 1;
    if (longs && long_only && (argv[optind][2] || !strchr(shorts, argv[optind][1]))) {
        int r = take_long(&s, 1, "-");
        if (r != -1)
            return r;
    }
    return take_short(&s);
}

static int scan(int argc, char *const *argv, const char *shorts, const struct option *longs, int *long_index, int long_only,
                int posix)
{
    int r = scan_next(argc, argv, shorts, longs, long_index, long_only, posix);
    optopt = culprit;
    return r;
}

int getopt(int argc, char *const *argv, const char *shorts) { return scan(argc, argv, shorts, NULL, NULL, 0, 0); }

int __posix_getopt(int argc, char *const *argv, const char *shorts)
{
    return scan(argc, argv, shorts, NULL, NULL, 0, 1);
}

int getopt_long(int argc, char *const *argv, const char *shorts, const struct option *longs, int *index)
{
    return scan(argc, argv, shorts, longs, index, 0, 0);
}

int getopt_long_only(int argc, char *const *argv, const char *shorts, const struct option *longs, int *index)
{
    return scan(argc, argv, shorts, longs, index, 1, 0);
}
