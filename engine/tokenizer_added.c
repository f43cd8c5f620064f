/* Tokens that are looked for in the text itself, before any model sees it.
 *
 * tokenizer.json: leftmost-longest over a trie, those with normalized: false in the raw text, the
 * others in each normalized piece (as Hugging Face tokenizers does it). GGUF: the longest token
 * first, wherever it stands, then shorter ones between (as llama.cpp partitions). */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

#include "engine/regex.h"
#include "engine/unicode.h"

struct trie_node {
    uint32_t child, sibling; /* 0: none */
    int32_t value;           /* index of the added token that ends here, or -1 */
    unsigned char byte;
};

int added_add(struct added *added, attune_token id, const char *s, size_t len, unsigned flags,
              struct attune_error *err)
{
    struct added_token *more = realloc(added->at, (added->n + 1) * sizeof *more);
    char *text = malloc(len + 1);

    added->at = more ? more : added->at;
    if (!more || !text) {
        free(text);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    memcpy(text, s, len);
    text[len] = '\0';
    more[added->n++] = (struct added_token){id, flags, text, len};
    return ATTUNE_OK;
}

static bool new_node(struct trie *t, unsigned char byte, uint32_t *out)
{
    if (t->n == t->capacity) {
        size_t capacity = t->capacity ? t->capacity * 2 : 256;
        struct trie_node *more = realloc(t->nodes, capacity * sizeof *more);

        if (!more) {
            return false;
        }
        t->nodes = more;
        t->capacity = capacity;
        t->n += t->n == 0; /* node 0 means none */
    }
    t->nodes[t->n] = (struct trie_node){0, 0, -1, byte};
    *out = (uint32_t)t->n++;
    return true;
}

static uint32_t child_of(const struct trie *t, uint32_t node, unsigned char byte)
{
    uint32_t next = t->nodes[node].child;

    while (next && t->nodes[next].byte != byte) {
        next = t->nodes[next].sibling;
    }
    return next;
}

static bool insert(struct trie *t, const char *s, size_t len, int32_t value)
{
    uint32_t node = t->root[(unsigned char)s[0]], next;

    if (!node) {
        if (!new_node(t, (unsigned char)s[0], &node)) {
            return false;
        }
        t->root[(unsigned char)s[0]] = node;
    }
    for (size_t i = 1; i < len; i++, node = next) {
        next = child_of(t, node, (unsigned char)s[i]);
        if (!next) {
            if (!new_node(t, (unsigned char)s[i], &next)) {
                return false;
            }
            t->nodes[next].sibling = t->nodes[node].child;
            t->nodes[node].child = next;
        }
    }
    if (t->nodes[node].value < 0) {
        t->nodes[node].value = value;
    }
    return true;
}

/* The longest added token at s, or -1. */
static int32_t longest(const struct trie *t, const char *s, size_t len, size_t *n)
{
    uint32_t node = t->root[(unsigned char)s[0]];
    int32_t value = -1;

    for (size_t i = 1; node; i++) {
        if (t->nodes[node].value >= 0) {
            value = t->nodes[node].value;
            *n = i;
        }
        node = i < len ? child_of(t, node, (unsigned char)s[i]) : 0;
    }
    return value;
}

/* The content of a token with normalized: true as the normalizers leave it. */
static int insert_normalized(struct attune_tokenizer *tk, size_t i, struct attune_error *err)
{
    const struct added_token *token = &tk->added.at[i];
    struct encoding e = {.tk = tk, .text = token->text, .len = token->len, .err = err};
    struct piece p = {.s = token->text, .len = token->len};
    int status;

    e.arena.limit = arena_limit(p.len);
    status = unicode_valid(p.s, p.len) == p.len ? normalizers_run(&e, &p) : ATTUNE_OK;

    if (status == ATTUNE_OK && p.len > 0 &&
        !insert(&tk->added.normalized, p.s, p.len, (int32_t)i)) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    regex_search_free(e.search);
    arena_done(&e.arena);
    return status;
}

int added_build(struct attune_tokenizer *tk, struct attune_error *err)
{
    struct added *added = &tk->added;

    for (size_t i = 0; i < added->n; i++) {
        const struct added_token *token = &added->at[i];
        int status = ATTUNE_OK;

        if (token->len == 0) {
            continue;
        }
        if (token->flags & ADDED_NORMALIZED) {
            status = insert_normalized(tk, i, err);
        } else if (!insert(&added->raw, token->text, token->len, (int32_t)i)) {
            status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        }
        if (status) {
            return status;
        }
    }
    return ATTUNE_OK;
}

void added_done(struct added *added)
{
    for (size_t i = 0; i < added->n; i++) {
        free(added->at[i].text);
    }
    free(added->at);
    free(added->raw.nodes);
    free(added->normalized.nodes);
    memset(added, 0, sizeof *added);
}

/* Is the character before at (after it where ahead) part of a word? */
static bool word_beside(const struct piece *p, size_t at, bool ahead)
{
    uint32_t c;

    if (!ahead) {
        size_t start = at;

        while (start > 0 && at - start < 4) {
            start--;
            if ((p->s[start] & 0xc0) != 0x80) {
                return unicode_decode(p->s + start, at - start, &c) > 0 && unicode_is_word(c);
            }
        }
        return false;
    }
    return unicode_decode(p->s + at, p->len - at, &c) > 0 && unicode_is_word(c);
}

static size_t space_before(const struct piece *p, size_t at)
{
    while (at > 0) {
        size_t start = at - 1;
        uint32_t c;

        while (start > 0 && (p->s[start] & 0xc0) == 0x80) {
            start--;
        }
        if (unicode_decode(p->s + start, at - start, &c) == 0 || !unicode_is_space(c)) {
            break;
        }
        at = start;
    }
    return at;
}

static size_t space_after(const struct piece *p, size_t at)
{
    uint32_t c;
    size_t n;

    while ((n = unicode_decode(p->s + at, p->len - at, &c)) > 0 && unicode_is_space(c)) {
        at += n;
    }
    return at;
}

static int split_leftmost(struct encoding *e, const struct trie *trie, const struct piece *p,
                          int (*rest)(struct encoding *e, const struct piece *p))
{
    size_t done = 0, n = 0;
    int status = ATTUNE_OK;

    for (size_t at = 0; at < p->len && status == ATTUNE_OK;) {
        int32_t i =
            trie->root[(unsigned char)p->s[at]] ? longest(trie, p->s + at, p->len - at, &n) : -1;
        const struct added_token *token = &e->tk->added.at[i < 0 ? 0 : i];
        size_t start = at, end = at + n;

        if (i < 0) {
            at++;
            continue;
        }
        at = end;
        if ((token->flags & ADDED_WORD) &&
            (word_beside(p, start, false) || word_beside(p, end, true))) {
            continue;
        }
        if (token->flags & ADDED_LSTRIP) {
            start = space_before(p, start);
            start = start < done ? done : start;
        }
        if (token->flags & ADDED_RSTRIP) {
            end = space_after(p, end);
        }
        if (done < start) {
            struct piece part = piece_part(p, done, start);

            status = rest(e, &part);
        }
        if (status == ATTUNE_OK) {
            status = encoding_emit(e, token->id, p, start, end);
        }
        done = end;
    }
    if (status == ATTUNE_OK && done < p->len) {
        struct piece part = piece_part(p, done, p->len);

        status = rest(e, &part);
    }
    return status;
}

/* ---- llama.cpp's partition ---- */
struct match {
    size_t start, end;
    int32_t token;
};

static int by_length_then_place(const void *a, const void *b)
{
    const struct match *x = a, *y = b;
    size_t n = x->end - x->start, m = y->end - y->start;

    if (n != m) {
        return n > m ? -1 : 1;
    }
    if (x->token != y->token) {
        return x->token < y->token ? -1 : 1;
    }
    return x->start < y->start ? -1 : x->start > y->start;
}

static int by_place(const void *a, const void *b)
{
    const struct match *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

static bool c_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Every place where an allowed token stands, overlapping ones too. */
static int collect(struct encoding *e, const struct trie *t, const struct piece *p,
                   struct match **out, size_t *n)
{
    bool control = e->options && e->options->parse_special;
    size_t capacity = 0;

    for (size_t at = 0; at < p->len; at++) {
        uint32_t node = t->root[(unsigned char)p->s[at]];

        for (size_t i = 1; node; i++) {
            int32_t value = t->nodes[node].value;

            if (value >= 0 && (control || !(e->tk->added.at[value].flags & ADDED_CONTROL))) {
                if (*n == capacity) {
                    struct match *more =
                        arena_get(&e->arena, capacity = capacity * 2 + 32, sizeof *more);

                    if (!more) {
                        return encoding_no_memory(e);
                    }
                    memcpy(more, *out, *n * sizeof *more);
                    *out = more;
                }
                (*out)[(*n)++] = (struct match){at, at + i, value};
            }
            node = at + i < p->len ? child_of(t, node, (unsigned char)p->s[at + i]) : 0;
        }
    }
    return ATTUNE_OK;
}

/* Keeps of matches (longest first) those that overlap none kept before, lets lstrip and rstrip take
 * the white space up to their neighbours, and leaves them by place. taken[i]: byte i is spoken for.
 */
static size_t choose(const struct encoding *e, const struct piece *p, struct match *matches,
                     size_t n, unsigned char *taken)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct match m = matches[i];
        unsigned flags = e->tk->added.at[m.token].flags;
        bool free_room = true;

        for (size_t k = m.start; k < m.end && free_room; k++) {
            free_room = !taken[k];
        }
        if (!free_room) {
            continue;
        }
        while ((flags & ADDED_LSTRIP) && m.start > 0 && !taken[m.start - 1] &&
               c_space(p->s[m.start - 1])) {
            m.start--;
        }
        while ((flags & ADDED_RSTRIP) && m.end < p->len && !taken[m.end] && c_space(p->s[m.end])) {
            m.end++;
        }
        memset(taken + m.start, 1, m.end - m.start);
        matches[kept++] = m;
    }
    qsort(matches, kept, sizeof *matches, by_place);
    return kept;
}

static int split_longest(struct encoding *e, const struct trie *trie, const struct piece *p,
                         int (*rest)(struct encoding *e, const struct piece *p))
{
    struct match none, *matches = &none;
    size_t n = 0, done = 0;
    unsigned char *taken;
    int status = collect(e, trie, p, &matches, &n);

    if (status == ATTUNE_OK && n > 0) {
        taken = arena_get(&e->arena, p->len, 1);
        if (!taken) {
            return encoding_no_memory(e);
        }
        memset(taken, 0, p->len);
        qsort(matches, n, sizeof *matches, by_length_then_place);
        n = choose(e, p, matches, n, taken);
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        if (done < matches[i].start) {
            struct piece part = piece_part(p, done, matches[i].start);

            status = rest(e, &part);
        }
        if (status == ATTUNE_OK) {
            status = encoding_emit(e, e->tk->added.at[matches[i].token].id, p, matches[i].start,
                                   matches[i].end);
        }
        done = matches[i].end;
    }
    if (status == ATTUNE_OK && done < p->len) {
        struct piece part = piece_part(p, done, p->len);

        status = rest(e, &part);
    }
    return status;
}

int added_split(struct encoding *e, const struct trie *trie, const struct piece *p,
                int (*rest)(struct encoding *e, const struct piece *p))
{
    if (trie->n == 0 || p->len == 0) {
        return p->len ? rest(e, p) : ATTUNE_OK;
    }
    return e->tk->added.longest_first ? split_longest(e, trie, p, rest)
                                      : split_leftmost(e, trie, p, rest);
}
