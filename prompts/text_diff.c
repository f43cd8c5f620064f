/* Texts compared, word by word or token by token: Myers' greedy algorithm, its furthest points kept
 * for every number of changes so that the way back can be read off.
 *
 *     d = 0   [k=0]
 *     d = 1   [k=-1] [k=1]           x on diagonal k = x - y, a down to b
 *     d = 2   [k=-2] [k=0] [k=2]     row d begins at d (d + 1) / 2 */
#include <config.h>

#include <attune/version.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { MOST_CHANGES = 2000 };

struct unit { /* a word, or a token */
    uint64_t value;
    size_t start, end;
};

struct units {
    struct unit *list;
    size_t n;
};

struct changes {
    struct attune_text_change *list;
    size_t n, capacity;
    bool failed;
};

static void add(struct changes *c, enum attune_change change, struct unit a, struct unit b)
{
    struct attune_text_change *last = c->n ? &c->list[c->n - 1] : NULL, *more;

    if (last && last->change == change) {
        last->a_end = change == ATTUNE_CHANGE_ADDED ? last->a_end : a.end;
        last->b_end = change == ATTUNE_CHANGE_REMOVED ? last->b_end : b.end;
        return;
    }
    if (c->n == c->capacity) {
        more = realloc(c->list, (c->capacity = c->capacity ? 2 * c->capacity : 16) * sizeof *more);
        if (!more) {
            c->failed = true;
            return;
        }
        c->list = more;
    }
    c->list[c->n++] = (struct attune_text_change){
        change, a.start, change == ATTUNE_CHANGE_ADDED ? a.start : a.end, b.start,
        change == ATTUNE_CHANGE_REMOVED ? b.start : b.end};
}

/* The place before unit i, or the end of the last. */
static struct unit at(const struct units *u, size_t i)
{
    size_t end = u->n ? u->list[u->n - 1].end : 0;

    return i < u->n ? u->list[i] : (struct unit){0, end, end};
}

static void keep(struct changes *c, const struct units *a, const struct units *b, size_t i,
                 size_t k)
{
    add(c, ATTUNE_CHANGE_SAME, at(a, i), at(b, k));
}

/* The kind of change that leads to (d, k): down (an added unit of b) or right (a removed one of a).
 */
static bool is_down(const size_t *row, long d, long k)
{
    return k == -d || (k != d && row[(k - 1 + d - 1) / 2] < row[(k + 1 + d - 1) / 2]);
}

/* From the furthest points back to the beginning: way[i] is the change numbered i + 1. */
static void go_back(bool *down, const size_t *points, long d, long k)
{
    for (; d > 0; d--) {
        down[d - 1] = is_down(points + (d - 1) * d / 2, d, k);
        k += down[d - 1] ? 1 : -1;
    }
}

/* Fills in what differs between a[from, a_to) and b[from, b_to). */
static bool walk(struct changes *c, const struct units *a, const struct units *b, size_t from,
                 size_t a_to, size_t b_to, const bool *down, long n_down)
{
    size_t x = from, y = from;

    for (long i = 0; i <= n_down; i++) {
        while (x < a_to && y < b_to && a->list[x].value == b->list[y].value) {
            keep(c, a, b, x++, y++);
        }
        if (i == n_down) {
            break;
        }
        if (down[i]) {
            add(c, ATTUNE_CHANGE_ADDED, at(a, x), at(b, y));
            y++;
        } else {
            add(c, ATTUNE_CHANGE_REMOVED, at(a, x), at(b, y));
            x++;
        }
    }
    return x == a_to && y == b_to;
}

/* The number of changes between the two, their points kept; -1 past the most, -2 without memory. */
static long search(size_t **points, const struct units *a, const struct units *b, size_t from,
                   size_t a_to, size_t b_to)
{
    long goal = (long)a_to - (long)b_to;
    size_t capacity = 64;

    *points = malloc(capacity * sizeof **points);
    for (long d = 0; *points && d <= MOST_CHANGES; d++) {
        size_t base = (size_t)(d * (d + 1) / 2), *row;

        if (base + (size_t)d + 1 > capacity) {
            size_t *more = realloc(*points, 2 * (base + (size_t)d + 1) * sizeof *more);

            if (!more) {
                return -2;
            }
            capacity = 2 * (base + (size_t)d + 1);
            *points = more;
        }
        row = *points + base;
        for (long k = -d; k <= d; k += 2) {
            const size_t *before = d > 0 ? row - d : NULL;
            bool down = d > 0 && is_down(before, d, k);
            size_t x = d == 0 ? from
                       : down ? before[(k + 1 + d - 1) / 2]
                              : before[(k - 1 + d - 1) / 2] + 1;
            long y = (long)x - k;

            while (x < a_to && y >= 0 && (size_t)y < b_to && a->list[x].value == b->list[y].value) {
                x++;
                y++;
            }
            row[(k + d) / 2] = x;
            if (k == goal && x >= a_to && y >= (long)b_to) {
                return d;
            }
        }
    }
    return *points ? -1 : -2;
}

static int compare(struct attune_text_change **out, size_t *n, const struct units *a,
                   const struct units *b, struct attune_error *err)
{
    struct changes c = {0};
    size_t from = 0, a_to = a->n, b_to = b->n, *points = NULL;
    bool *down = NULL;
    long d;

    while (from < a_to && from < b_to && a->list[from].value == b->list[from].value) {
        keep(&c, a, b, from, from);
        from++;
    }
    while (a_to > from && b_to > from && a->list[a_to - 1].value == b->list[b_to - 1].value) {
        a_to--;
        b_to--;
    }
    d = search(&points, a, b, from, a_to, b_to);
    down = d >= 0 ? calloc((size_t)d + 1, sizeof *down) : NULL;
    if (down) {
        go_back(down, points, d, (long)a_to - (long)b_to);
        walk(&c, a, b, from, a_to, b_to, down, d);
    }
    for (size_t i = from; d == -1 && i < a_to; i++) {
        add(&c, ATTUNE_CHANGE_REMOVED, at(a, i), at(b, from));
    }
    for (size_t k = from; d == -1 && k < b_to; k++) {
        add(&c, ATTUNE_CHANGE_ADDED, at(a, a_to), at(b, k));
    }
    for (size_t i = 0; a_to + i < a->n; i++) {
        keep(&c, a, b, a_to + i, b_to + i);
    }
    free(points);
    free(down);
    if (c.failed || d == -2 || (d >= 0 && !down)) {
        free(c.list);
        return text_no_memory(err);
    }
    *out = c.list;
    *n = c.n;
    return ATTUNE_OK;
}

enum sort { SORT_WORD, SORT_SPACE, SORT_OTHER };

static enum sort sort_of(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                   c >= 0x80
               ? SORT_WORD
           : c == ' ' || (c >= '\t' && c <= '\r') ? SORT_SPACE
                                                  : SORT_OTHER;
}

/* Equal words get equal values: their place in the sorted list of all words of both texts. */
struct word {
    const char *text;
    size_t len;
    uint64_t *value;
};

static int by_text(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = len ? memcmp(x->text, y->text, len) : 0;

    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

static bool split(struct units *u, const char *text, size_t len)
{
    size_t from = 0;

    u->list = malloc((len + 1) * sizeof *u->list);
    while (u->list && from < len) {
        enum sort sort = sort_of((unsigned char)text[from]);
        size_t to = from + 1;

        while (sort != SORT_OTHER && to < len && sort_of((unsigned char)text[to]) == sort) {
            to++;
        }
        u->list[u->n++] = (struct unit){0, from, to};
        from = to;
    }
    return u->list != NULL;
}

static bool number(struct units *a, const char *a_text, struct units *b, const char *b_text)
{
    struct word *words = malloc((a->n + b->n + 1) * sizeof *words);
    uint64_t value = 0;
    size_t n = 0;

    for (size_t i = 0; words && i < a->n + b->n; i++) {
        struct unit *unit = i < a->n ? &a->list[i] : &b->list[i - a->n];
        const char *text = i < a->n ? a_text : b_text;

        words[n++] = (struct word){text + unit->start, unit->end - unit->start, &unit->value};
    }
    if (n > 0) {
        qsort(words, n, sizeof *words, by_text);
    }
    for (size_t i = 0; i < n; i++) {
        value += i > 0 && by_text(&words[i - 1], &words[i]) != 0;
        *words[i].value = value;
    }
    free(words);
    return words != NULL;
}

int attune_diff_words(struct attune_text_change **out, size_t *n, const char *a, size_t a_len,
                      const char *b, size_t b_len, struct attune_error *err)
{
    struct units left = {0}, right = {0};
    int status = split(&left, a, a_len) && split(&right, b, b_len) && number(&left, a, &right, b)
                     ? compare(out, n, &left, &right, err)
                     : text_no_memory(err);

    free(left.list);
    free(right.list);
    return status;
}

static bool take_ids(struct units *u, const attune_token *ids, size_t n)
{
    u->list = malloc((n + 1) * sizeof *u->list);
    for (; u->list && u->n < n; u->n++) {
        u->list[u->n] = (struct unit){(uint64_t)ids[u->n], u->n, u->n + 1};
    }
    return u->list != NULL;
}

int attune_diff_tokens(struct attune_text_change **out, size_t *n, const attune_token *a,
                       size_t n_a, const attune_token *b, size_t n_b, struct attune_error *err)
{
    struct units left = {0}, right = {0};
    int status = take_ids(&left, a, n_a) && take_ids(&right, b, n_b)
                     ? compare(out, n, &left, &right, err)
                     : text_no_memory(err);

    free(left.list);
    free(right.list);
    return status;
}
