/* Layouts: a tree read from a line of text, and rectangles dealt out to its leaves. Neighbours
 * share the line between them, so n children of a group of length L divide L + n - 1. */
#include <config.h>

#include "layout.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHILDREN_MOST = 12, DEPTH_MOST = 6, NAME_MOST = 31, LEAST_ROWS = 3, LEAST_COLS = 12 };

struct layout {
    char panel[NAME_MOST + 1]; /* "" for a group */
    bool side_by_side;
    int share; /* percent of its group, 0: of what is left */
    size_t n;
    struct layout *children[CHILDREN_MOST];
};

struct reader {
    const char *text, *at;
    struct attune_error *err;
};

void layout_free(struct layout *layout)
{
    if (layout) {
        for (size_t i = 0; i < layout->n; i++) {
            layout_free(layout->children[i]);
        }
        free(layout);
    }
}

static struct layout *refuse(struct reader *r, const char *what)
{
    attune_error_set(r->err, ATTUNE_FORMAT, (uint64_t)(r->at - r->text), "layout, column %d: %s",
                     (int)(r->at - r->text) + 1, what);
    return NULL;
}

static char next(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\t') {
        r->at++;
    }
    return *r->at;
}

static struct layout *make(struct reader *r)
{
    struct layout *layout = calloc(1, sizeof *layout);

    if (!layout) {
        attune_error_set(r->err, ATTUNE_MEMORY, 0, "out of memory");
    }
    return layout;
}

static struct layout *read_group(struct reader *r, bool side_by_side, int depth);

static struct layout *read_share(struct reader *r, struct layout *of)
{
    if (of && next(r) == ':') {
        char *end;
        long share = strtol(r->at + 1, &end, 10);

        if (end == r->at + 1 || share < 1 || share > 99) {
            layout_free(of);
            return refuse(r, "after : a share of 1 to 99 percent is wanted");
        }
        r->at = end;
        of->share = (int)share;
    }
    return of;
}

static struct layout *read_item(struct reader *r, int depth)
{
    struct layout *item;
    size_t len = 0;

    if (next(r) == '(') {
        if (depth == DEPTH_MOST) {
            return refuse(r, "too many parentheses inside one another");
        }
        r->at++;
        item = read_group(r, true, depth + 1);
        if (item && next(r) != ')') {
            layout_free(item);
            return refuse(r, "a ) is missing");
        }
        r->at += item != NULL;
        if (item) {
            item->share = 0;
        }
        return read_share(r, item);
    }
    while (isalnum((unsigned char)r->at[len]) || r->at[len] == '_' || r->at[len] == '-') {
        len++;
    }
    if (len == 0 || len > NAME_MOST) {
        return refuse(r, "the name of a panel is wanted");
    }
    if ((item = make(r))) {
        memcpy(item->panel, r->at, len);
        r->at += len;
    }
    return read_share(r, item);
}

/* Columns hold rows and rows hold items; a group of one is its only child. */
static struct layout *read_group(struct reader *r, bool side_by_side, int depth)
{
    char separator = side_by_side ? '|' : '/';
    struct layout *group = make(r), *child;

    if (!group) {
        return NULL;
    }
    group->side_by_side = side_by_side;
    for (;;) {
        child = side_by_side ? read_group(r, false, depth) : read_item(r, depth);
        if (!child || group->n == CHILDREN_MOST) {
            layout_free(group);
            if (child) {
                layout_free(child);
                return refuse(r, "too many panels beside one another");
            }
            return NULL;
        }
        group->children[group->n++] = child;
        if (next(r) != separator) {
            break;
        }
        r->at++;
    }
    if (group->n == 1) {
        child = group->children[0];
        free(group);
        return child;
    }
    return group;
}

int layout_parse(struct layout **out, const char *text, struct attune_error *err)
{
    struct attune_error local;
    struct reader r = {text, text, err ? err : &local};

    *out = read_group(&r, true, 0);
    if (*out && next(&r)) {
        layout_free(*out);
        *out = refuse(&r, "| or / or the end is wanted");
    }
    return *out ? ATTUNE_OK : r.err->status;
}

static int least(const struct layout *layout, bool cols)
{
    int sum = 0;

    if (layout->n == 0) {
        return cols ? LEAST_COLS : LEAST_ROWS;
    }
    for (size_t i = 0; i < layout->n; i++) {
        int child = least(layout->children[i], cols);

        if (layout->side_by_side == cols) {
            sum += child - (i > 0);
        } else {
            sum = child > sum ? child : sum;
        }
    }
    return sum;
}

static bool holds(const struct layout *layout, const char *panel)
{
    if (layout->n == 0) {
        return panel && strcmp(layout->panel, panel) == 0;
    }
    for (size_t i = 0; i < layout->n; i++) {
        if (holds(layout->children[i], panel)) {
            return true;
        }
    }
    return false;
}

/* The children that there is room for; the last ones go first, the one that holds `keep` never. */
static size_t choose(const struct layout **out, const struct layout *group, int length,
                     const char *keep)
{
    size_t n = group->n;

    memcpy(out, group->children, n * sizeof *out);
    for (;;) {
        int sum = 0;
        size_t drop;

        for (size_t i = 0; i < n; i++) {
            sum += least(out[i], group->side_by_side) - (i > 0);
        }
        if (sum <= length || n == 1) {
            return n;
        }
        drop = holds(out[n - 1], keep) ? n - 2 : n - 1;
        memmove(out + drop, out + drop + 1, (n - drop - 1) * sizeof *out);
        n--;
    }
}

/* Lengths by share, then moved until everybody has the least. The sum is `length`. */
static void deal(int *out, const struct layout **children, size_t n, int length, bool cols)
{
    int shares[CHILDREN_MOST], given = 0, open = 0, sum = 0, total = 0;

    for (size_t i = 0; i < n; i++) {
        given += children[i]->share;
        open += children[i]->share == 0;
    }
    for (size_t i = 0; i < n; i++) {
        int rest = given < 100 && open > 0 ? (100 - given) / open : 10;

        shares[i] = children[i]->share ? children[i]->share : rest > 0 ? rest : 1;
        total += shares[i];
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = length * shares[i] / total;
        sum += out[i];
    }
    for (size_t i = 0; sum < length; i = (i + 1) % n, sum++) {
        out[i]++;
    }
    for (size_t i = 0; i < n; i++) {
        int wanted = least(children[i], cols);

        for (size_t from = 0; out[i] < wanted && from < n;) {
            if (from != i && out[from] > least(children[from], cols)) {
                out[from]--;
                out[i]++;
            } else {
                from++;
            }
        }
    }
}

size_t layout_place(const struct layout *layout, struct rect r, const char *keep, struct place *out,
                    size_t capacity)
{
    const struct layout *children[CHILDREN_MOST];
    int lengths[CHILDREN_MOST], at = 0;
    bool cols = layout->side_by_side;
    size_t n, placed = 0;

    if (layout->n == 0) {
        if (capacity > 0) {
            *out = (struct place){layout->panel, r};
        }
        return capacity > 0;
    }
    n = choose(children, layout, cols ? r.cols : r.rows, keep);
    deal(lengths, children, n, (cols ? r.cols : r.rows) + (int)n - 1, cols);
    for (size_t i = 0; i < n; i++) {
        struct rect part = cols ? (struct rect){r.y, r.x + at, r.rows, lengths[i]}
                                : (struct rect){r.y + at, r.x, lengths[i], r.cols};

        placed += layout_place(children[i], part, keep, out + placed, capacity - placed);
        at += lengths[i] - 1;
    }
    return placed;
}

size_t layout_panels(const struct layout *layout, const char **out, size_t capacity)
{
    size_t n = 0;

    if (layout->n == 0 && capacity > 0) {
        out[n++] = layout->panel;
    }
    for (size_t i = 0; i < layout->n; i++) {
        n += layout_panels(layout->children[i], out + n, capacity - n);
    }
    return n;
}

struct layout *layout_prune(struct layout *layout, bool (*exists)(const char *panel))
{
    size_t n = 0;

    if (!layout || (layout->n == 0 && exists(layout->panel))) {
        return layout;
    }
    for (size_t i = 0; i < layout->n; i++) {
        struct layout *child = layout_prune(layout->children[i], exists);

        if (child) {
            layout->children[n++] = child;
        }
    }
    layout->n = n;
    if (n == 0) {
        free(layout);
        return NULL;
    }
    return layout;
}

static int read_size(const char *size, int *cols, int *rows, struct attune_error *err)
{
    int used = 0;

    *cols = *rows = 0;
    if (size[0] && ((sscanf(size, "%4d%n", cols, &used) != 1 || size[used]) &&
                    (sscanf(size, "%4dx%4d%n", cols, rows, &used) != 2 || size[used]))) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "@%s: a size is columns or columns x rows, as in @120 or @120x40",
                                size);
    }
    return ATTUNE_OK;
}

static void free_screen(struct screen *s)
{
    free(s->name);
    free(s->text);
    layout_free(s->layout);
}

int screens_add(struct screens *screens, const char *name, const char *size, const char *text,
                struct attune_error *err)
{
    struct screen s = {0}, *more;
    int status = read_size(size, &s.min_cols, &s.min_rows, err);

    if (status == ATTUNE_OK) {
        status = layout_parse(&s.layout, text, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    s.name = strdup(name);
    s.text = strdup(text);
    for (size_t i = 0; s.name && s.text && i < screens->n; i++) {
        struct screen *old = &screens->list[i];

        if (strcmp(old->name, name) == 0 && old->min_cols == s.min_cols &&
            old->min_rows == s.min_rows) {
            free_screen(old);
            *old = s;
            return ATTUNE_OK;
        }
    }
    more = realloc(screens->list, (screens->n + 1) * sizeof *more);
    screens->list = more ? more : screens->list;
    if (!s.name || !s.text || !more) {
        free_screen(&s);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    more[screens->n++] = s;
    return ATTUNE_OK;
}

void screens_done(struct screens *screens)
{
    for (size_t i = 0; i < screens->n; i++) {
        free_screen(&screens->list[i]);
    }
    free(screens->list);
    *screens = (struct screens){0};
}

const struct screen *screens_find(const struct screens *screens, const char *name, int rows,
                                  int cols)
{
    const struct screen *best = NULL, *smallest = NULL;

    for (size_t i = 0; i < screens->n; i++) {
        const struct screen *s = &screens->list[i];
        bool fits = s->min_cols <= cols && s->min_rows <= rows;

        if (strcmp(s->name, name) != 0) {
            continue;
        }
        if (!smallest || s->min_cols < smallest->min_cols) {
            smallest = s;
        }
        if (fits && (!best || s->min_cols > best->min_cols ||
                     (s->min_cols == best->min_cols && s->min_rows >= best->min_rows))) {
            best = s;
        }
    }
    return best ? best : smallest;
}
