/* Joining neighbours. Short words look for the best pair by scanning (the scan stays in two cache
 * lines); long ones keep the pairs in a heap and the symbols in a linked list. */
#include <config.h>

#include "engine/tokenizer_merge.h"

#include <stdlib.h>
#include <string.h>

enum { SHORT = 48, N_WORDS = 1 << 13 };

struct word_cache {
    struct word at[N_WORDS];
};

struct word *word_slot(struct encoding *e, const char *s, size_t len, bool *known)
{
    struct word *slot;

    *known = false;
    if (len == 0 || len > WORD_LONGEST) {
        return NULL;
    }
    if (!e->cache) {
        if (e->len < 512) {
            return NULL;
        }
        e->cache = arena_get(&e->arena, 1, sizeof *e->cache);
        if (!e->cache) {
            return NULL;
        }
        memset(e->cache, 0, sizeof *e->cache);
    }
    slot = &e->cache->at[hash_bytes(s, len) & (N_WORDS - 1)];
    *known = slot->len == len && memcmp(slot->s, s, len) == 0;
    return slot;
}

int word_encode(struct encoding *e, const struct piece *p,
                int (*make)(struct encoding *e, const struct piece *p, struct symbol **out,
                            size_t *n))
{
    bool known = false;
    struct word *slot = p->raw ? NULL : word_slot(e, p->s, p->len, &known);
    const struct symbol *symbols = known ? slot->symbols : NULL;
    struct symbol *made = NULL;
    size_t n = known ? slot->n : 0;
    int status = known ? ATTUNE_OK : make(e, p, &made, &n);

    if (!known && status == ATTUNE_OK) {
        symbols = made;
        if (slot) {
            *slot = (struct word){p->s, made, (uint32_t)p->len, (uint32_t)n};
        }
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        status =
            encoding_emit(e, symbols[i].id, p, symbols[i].start, symbols[i].start + symbols[i].len);
    }
    return status;
}

int word_cut(struct encoding *e, const struct piece *p,
             int (*encode)(struct encoding *e, const struct piece *p))
{
    static const char mark[] = "\xe2\x96\x81";
    enum { MARK = 3 };
    struct piece part;
    size_t done = 0;
    int status = ATTUNE_OK;

    for (size_t i = 1; i + MARK <= p->len && status == ATTUNE_OK; i++) {
        if (p->s[i] == mark[0] && memcmp(p->s + i, mark, MARK) == 0 &&
            (i < MARK || memcmp(p->s + i - MARK, mark, MARK) != 0)) {
            part = piece_part(p, done, i);
            status = encode(e, &part);
            done = i;
        }
    }
    part = piece_part(p, done, p->len);
    return status ? status : encode(e, &part);
}

struct joint {
    uint32_t rank;
    attune_token id;
};

static struct joint joint_of(struct encoding *e, merge_rule rule, const char *s,
                             const struct symbol *left, const struct symbol *right)
{
    struct joint j = {UINT32_MAX, ATTUNE_TOKEN_NONE};

    if (!rule(e->tk, s, left, right, &j.rank, &j.id)) {
        j.rank = UINT32_MAX;
    }
    return j;
}

static size_t merge_short(struct encoding *e, merge_rule rule, const char *s,
                          struct symbol *symbols, size_t n)
{
    struct joint joints[SHORT];

    for (size_t i = 0; i + 1 < n; i++) {
        joints[i] = joint_of(e, rule, s, &symbols[i], &symbols[i + 1]);
    }
    while (n > 1) {
        size_t best = 0;

        for (size_t i = 1; i + 1 < n; i++) {
            best = joints[i].rank < joints[best].rank ? i : best;
        }
        if (joints[best].rank == UINT32_MAX) {
            break;
        }
        symbols[best].id = joints[best].id;
        symbols[best].len += symbols[best + 1].len;
        memmove(&symbols[best + 1], &symbols[best + 2], (n - best - 2) * sizeof *symbols);
        memmove(&joints[best], &joints[best + 1], (n - best - 2) * sizeof *joints);
        n--;
        if (best > 0) {
            joints[best - 1] = joint_of(e, rule, s, &symbols[best - 1], &symbols[best]);
        }
        if (best + 1 < n) {
            joints[best] = joint_of(e, rule, s, &symbols[best], &symbols[best + 1]);
        }
    }
    return n;
}

/* ---- long words ---- */
struct candidate {
    uint32_t rank, left;
    attune_token id;
    uint32_t len; /* of both together: tells a pair that is gone from one that stands */
};

struct heap {
    struct candidate *at;
    size_t n;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->left < b->left;
}

static void push(struct heap *h, struct candidate c)
{
    size_t i = h->n++;

    while (i > 0 && before(&c, &h->at[(i - 1) / 2])) {
        h->at[i] = h->at[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->at[i] = c;
}

static struct candidate pop(struct heap *h)
{
    struct candidate top = h->at[0], last = h->at[--h->n];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < h->n) {
        child += child + 1 < h->n && before(&h->at[child + 1], &h->at[child]);
        if (!before(&h->at[child], &last)) {
            break;
        }
        h->at[i] = h->at[child];
        i = child;
    }
    h->at[i] = last;
    return top;
}

struct chain {
    struct encoding *e;
    merge_rule rule;
    const char *s;
    struct symbol *symbols;
    uint32_t *next, *previous; /* [n]; UINT32_MAX: none */
    struct heap heap;
};

static void offer(struct chain *c, uint32_t left, uint32_t right)
{
    struct joint j;

    if (left == UINT32_MAX || right == UINT32_MAX) {
        return;
    }
    j = joint_of(c->e, c->rule, c->s, &c->symbols[left], &c->symbols[right]);
    if (j.rank != UINT32_MAX) {
        push(&c->heap,
             (struct candidate){j.rank, left, j.id, c->symbols[left].len + c->symbols[right].len});
    }
}

static int merge_long(struct encoding *e, merge_rule rule, const char *s, struct symbol *symbols,
                      size_t *n)
{
    struct chain c = {.e = e, .rule = rule, .s = s, .symbols = symbols};
    size_t out = 0;

    c.next = malloc(*n * sizeof *c.next);
    c.previous = malloc(*n * sizeof *c.previous);
    c.heap.at = malloc(*n * 3 * sizeof *c.heap.at); /* one a pair at first, two more a merge */
    if (!c.next || !c.previous || !c.heap.at) {
        free(c.next);
        free(c.previous);
        free(c.heap.at);
        return encoding_no_memory(e);
    }
    for (uint32_t i = 0; i < *n; i++) {
        c.previous[i] = i - 1;
        c.next[i] = i + 1 < *n ? i + 1 : UINT32_MAX;
    }
    for (uint32_t i = 0; i < *n; i++) {
        offer(&c, i, c.next[i]);
    }
    while (c.heap.n > 0) {
        struct candidate top = pop(&c.heap);
        struct symbol *left = &symbols[top.left];
        uint32_t right = c.next[top.left];

        if (left->len == 0 || right == UINT32_MAX || left->len + symbols[right].len != top.len) {
            continue;
        }
        left->id = top.id;
        left->len = top.len;
        symbols[right].len = 0;
        c.next[top.left] = c.next[right];
        if (c.next[right] != UINT32_MAX) {
            c.previous[c.next[right]] = top.left;
        }
        offer(&c, c.previous[top.left], top.left);
        offer(&c, top.left, c.next[top.left]);
    }
    for (size_t i = 0; i < *n; i++) {
        if (symbols[i].len > 0) {
            symbols[out++] = symbols[i];
        }
    }
    *n = out;
    free(c.next);
    free(c.previous);
    free(c.heap.at);
    return ATTUNE_OK;
}

int merge_symbols(struct encoding *e, merge_rule rule, const char *s, struct symbol *symbols,
                  size_t *n)
{
    if (*n <= SHORT) {
        *n = merge_short(e, rule, s, symbols, *n);
        return ATTUNE_OK;
    }
    return merge_long(e, rule, s, symbols, n);
}
