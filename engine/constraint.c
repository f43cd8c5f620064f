/* A constraint over a vocabulary: which tokens may come next.
 *
 * The tokens are sorted by their bytes, so that a prefix that is refused takes all tokens with it
 * at once:
 *
 *     "a"  "ab"  "abc"  "abd"  "b"      lcp: 0 1 2 2 0      "ab" refused: on to "b"
 *
 * A mask depends on the state alone, and texts come back to the same state (inside a string, inside
 * digits): the last few masks are kept. */
#include <config.h>

#include "engine/constraint.h"
#include "engine/model.h"

#include <attune/digest.h>
#include <attune/tokenizer.h>

#include <stdlib.h>
#include <string.h>

#define CONSTRAINT(name) extern const struct constraint_ops constraint_##name;
#include "engine/tables.inc"
#undef CONSTRAINT

static const struct constraint_ops *const kinds[] = {
#define CONSTRAINT(name) &constraint_##name,
#include "engine/tables.inc"
#undef CONSTRAINT
};

enum { N_KINDS = sizeof kinds / sizeof *kinds, N_MASKS = 4 };

struct word { /* a token that has bytes */
    attune_token id;
    uint32_t len, lcp; /* lcp: bytes it shares with the one before */
    const char *bytes; /* [len] */
};

struct kept_mask {
    struct constraint_state state;
    bool filled, ended, bare;
    size_t len; /* of the text, and its digest: what a kind without states is known by */
    uint64_t hash;
    uint64_t used;    /* when it was asked for last */
    size_t n, n_ends; /* allowed, and how many of them are end tokens */
    uint8_t *allowed; /* [V] */
};

struct attune_constraint {
    const struct constraint_ops *ops;
    void *self;
    const struct attune_model *model;
    size_t n_vocab, n_words, longest;
    struct word *words; /* [n_words] by bytes */
    char *bytes;        /* of all words */
    char *text;         /* [len] so far, NUL-terminated, with room for the longest token */
    size_t len, capacity;
    struct constraint_state state;
    struct constraint_state *states; /* [longest + 1] along a token, where the kind has states */
    bool is_viable, is_complete, judged; /* judged: what the first two say holds for this text */
    bool ended, begins, bare;            /* bare: nothing of the text is there yet */
    struct kept_mask masks[N_MASKS];
    uint64_t clock;
};

/* ---- kinds ---- */

size_t attune_constraint_count(void)
{
    return N_KINDS;
}

const char *attune_constraint_kind(size_t i, const char **value, const char **help)
{
    if (i >= N_KINDS) {
        return NULL;
    }
    *value = kinds[i]->value ? kinds[i]->value : "";
    *help = kinds[i]->help;
    return kinds[i]->name;
}

const struct constraint_ops *constraint_find(const char *spec, const char **value)
{
    size_t len = strcspn(spec, ":");

    for (size_t i = 0; i < N_KINDS; i++) {
        if (strlen(kinds[i]->name) == len && strncmp(kinds[i]->name, spec, len) == 0 &&
            (spec[len] == ':') == (kinds[i]->value != NULL)) {
            *value = spec + len + (spec[len] == ':');
            return kinds[i];
        }
    }
    return NULL;
}

static int open_kind(const struct constraint_ops **ops, void **self, const char *spec,
                     struct attune_error *err)
{
    const char *value = "";
    int status;

    *self = NULL;
    *ops = constraint_find(spec, &value);
    if (!*ops) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "constraint '%.40s': wants choices:A,B,..., regex:PATTERN, json or "
                                "prefix:TEXT",
                                spec);
    }
    status = (*ops)->open(self, value, err);
    if (status != ATTUNE_OK && err) {
        err->where += (uint64_t)(value - spec);
    }
    return status;
}

int attune_constraint_check(const char *spec, struct attune_error *err)
{
    const struct constraint_ops *ops;
    void *self;
    int status = open_kind(&ops, &self, spec, err);

    if (status == ATTUNE_OK) {
        ops->close(self);
    }
    return status;
}

/* ---- the vocabulary, sorted ---- */

static int by_bytes(const void *a, const void *b)
{
    const struct word *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);

    return order              ? order
           : x->len != y->len ? (x->len > y->len) - (x->len < y->len)
                              : (x->id > y->id) - (x->id < y->id);
}

static uint32_t shared(const struct word *a, const struct word *b)
{
    uint32_t n = 0;

    while (n < a->len && n < b->len && a->bytes[n] == b->bytes[n]) {
        n++;
    }
    return n;
}

static bool has_text(const struct attune_constraint *c, attune_token id)
{
    enum attune_token_kind kind = attune_token_kind(c->model->tokenizer, id);

    return kind != ATTUNE_TOKEN_SPECIAL && kind != ATTUNE_TOKEN_UNUSED &&
           !attune_model_is_end(c->model, id);
}

static int sort_words(struct attune_constraint *c, struct attune_error *err)
{
    const struct attune_tokenizer *tk = c->model->tokenizer;
    size_t total = 0, used = 0;
    char none[1];

    for (size_t id = 0; id < c->n_vocab; id++) {
        total += attune_token_bytes(tk, (attune_token)id, none, 0);
    }
    c->bytes = malloc(total + 1);
    c->words = calloc(c->n_vocab + 1, sizeof *c->words);
    if (!c->bytes || !c->words) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu tokens", c->n_vocab);
    }
    for (size_t id = 0; id < c->n_vocab; id++) {
        size_t len = has_text(c, (attune_token)id)
                         ? attune_token_bytes(tk, (attune_token)id, c->bytes + used, total - used)
                         : 0;

        if (len > 0) {
            c->words[c->n_words++] =
                (struct word){(attune_token)id, (uint32_t)len, 0, c->bytes + used};
            c->longest = len > c->longest ? len : c->longest;
            used += len;
        }
    }
    qsort(c->words, c->n_words, sizeof *c->words, by_bytes);
    for (size_t i = 1; i < c->n_words; i++) {
        c->words[i].lcp = shared(&c->words[i - 1], &c->words[i]);
    }
    return ATTUNE_OK;
}

/* ---- a constraint ---- */

/* Room for the text and one token behind it. */
static int make_room(struct attune_constraint *c, size_t len, struct attune_error *err)
{
    size_t capacity = 2 * (len + c->longest) + 64;
    char *more;

    if (len + c->longest < c->capacity) {
        return ATTUNE_OK;
    }
    more = realloc(c->text, capacity);
    if (!more) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a text of %zu bytes",
                                len);
    }
    c->text = more;
    c->capacity = capacity;
    return ATTUNE_OK;
}

static int allocate(struct attune_constraint *c, struct attune_error *err)
{
    c->states = calloc(c->longest + 1, sizeof *c->states);
    for (size_t i = 0; i < N_MASKS; i++) {
        c->masks[i].allowed = malloc(c->n_vocab);
        if (!c->masks[i].allowed) {
            return attune_error_set(err, ATTUNE_MEMORY, 0,
                                    "out of memory for the masks of %zu tokens", c->n_vocab);
        }
    }
    if (!c->states) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for the masks of %zu tokens",
                                c->n_vocab);
    }
    return make_room(c, 0, err);
}

int attune_constraint_new(struct attune_constraint **out, const char *spec,
                          const struct attune_model *model, bool begins, struct attune_error *err)
{
    struct attune_constraint *c = calloc(1, sizeof *c);
    int status;

    *out = NULL;
    if (!c) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a constraint");
    }
    c->model = model;
    c->n_vocab = (size_t)model->info.n_vocab;
    c->begins = begins;
    status = open_kind(&c->ops, &c->self, spec, err);
    if (status != ATTUNE_OK) {
        c->ops = NULL;
    }
    if (status == ATTUNE_OK && !model->tokenizer) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "the model has no tokenizer: a constraint on its text cannot be "
                                  "kept");
    }
    if (status == ATTUNE_OK) {
        status = sort_words(c, err);
    }
    if (status == ATTUNE_OK) {
        status = allocate(c, err);
    }
    if (status != ATTUNE_OK) {
        attune_constraint_free(c);
        return status;
    }
    attune_constraint_reset(c);
    *out = c;
    return ATTUNE_OK;
}

void attune_constraint_free(struct attune_constraint *c)
{
    if (c) {
        for (size_t i = 0; i < N_MASKS; i++) {
            free(c->masks[i].allowed);
        }
        if (c->ops) {
            c->ops->close(c->self);
        }
        free(c->states);
        free(c->text);
        free(c->words);
        free(c->bytes);
        free(c);
    }
}

void attune_constraint_reset(struct attune_constraint *c)
{
    c->len = 0;
    c->text[0] = '\0';
    c->is_viable = c->bare = true;
    c->ended = c->is_complete = c->judged = false;
    memset(&c->state, 0, sizeof c->state);
    if (c->ops->step) {
        c->ops->start(c->self, &c->state);
    }
}

static bool is_unbound(const struct attune_constraint *c)
{
    return c->is_viable && c->ops->unbound && c->ops->unbound(c->self, &c->state);
}

int attune_constraint_advance(struct attune_constraint *c, attune_token id,
                              struct attune_error *err)
{
    size_t len = 0, skipped = 0;
    int status = make_room(c, c->len, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    c->judged = false;
    if (attune_model_is_end(c->model, id)) {
        c->is_viable = c->is_viable && attune_constraint_complete(c);
        c->ended = true;
        return ATTUNE_OK;
    }
    if (has_text(c, id)) {
        len = attune_token_bytes(c->model->tokenizer, id, c->text + c->len, c->longest);
    } else if (!is_unbound(c)) {
        c->is_viable = false;
    }
    if (c->begins && c->bare && len > 0 && c->text[c->len] == ' ') {
        skipped = 1;
        memmove(c->text + c->len, c->text + c->len + 1, --len);
    }
    c->bare = c->bare && len + skipped == 0;
    for (size_t i = 0; i < len && c->ops->step && c->is_viable; i++) {
        c->is_viable = c->ops->step(c->self, &c->state, (uint8_t)c->text[c->len + i]);
    }
    c->len += len;
    c->text[c->len] = '\0';
    return make_room(c, c->len, err);
}

/* What the state, or the pattern, says of the text so far; once for each text. */
static int judge(struct attune_constraint *c, struct attune_error *err)
{
    int status = ATTUNE_OK;

    if (c->judged) {
        return ATTUNE_OK;
    }
    if (c->ops->step) {
        c->is_complete = c->is_viable && c->ops->complete(c->self, &c->state);
    } else if (c->is_viable) {
        status = c->ops->viable(&c->is_viable, &c->is_complete, c->self, c->text, c->len, err);
    } else {
        c->is_complete = false;
    }
    c->judged = status == ATTUNE_OK;
    return status;
}

bool attune_constraint_complete(struct attune_constraint *c)
{
    return judge(c, NULL) == ATTUNE_OK && c->is_complete;
}

const char *attune_constraint_text(const struct attune_constraint *c, size_t *len)
{
    *len = c->len;
    return c->text;
}

/* ---- the walk ---- */

/* Words first .. end-1, of each the bytes behind `skip`: through the states. */
static void walk_states(struct attune_constraint *c, struct kept_mask *mask, size_t first,
                        size_t end, size_t skip)
{
    size_t refused = SIZE_MAX; /* how long a prefix of the last word was refused */

    c->states[skip] = c->state;
    for (size_t i = first; i < end; i++) {
        const struct word *w = &c->words[i];
        size_t at = i == first || w->lcp < skip ? skip : w->lcp;

        if (i > first && at >= refused) {
            continue;
        }
        for (refused = SIZE_MAX; at < w->len && refused == SIZE_MAX; at++) {
            c->states[at + 1] = c->states[at];
            if (!c->ops->step(c->self, &c->states[at + 1], (uint8_t)w->bytes[at])) {
                refused = at + 1;
            }
        }
        if (refused == SIZE_MAX) {
            mask->allowed[w->id] = 1;
            mask->n++;
        }
    }
}

/* The same by whole texts. A word is asked for as a whole first; only one that is refused is looked
 * at for the place. */
static int walk_texts(struct attune_constraint *c, struct kept_mask *mask, size_t first, size_t end,
                      size_t skip, struct attune_error *err)
{
    size_t refused = SIZE_MAX;
    int status = ATTUNE_OK;

    for (size_t i = first; status == ATTUNE_OK && i < end; i++) {
        const struct word *w = &c->words[i];
        size_t at = i == first || w->lcp < skip ? skip : w->lcp;
        bool is_viable = true, complete;

        if (i > first && at >= refused) {
            continue;
        }
        refused = SIZE_MAX;
        memcpy(c->text + c->len, w->bytes + skip, w->len - skip);
        if (w->len > skip) {
            status = c->ops->viable(&is_viable, &complete, c->self, c->text, c->len + w->len - skip,
                                    err);
        }
        if (is_viable) {
            mask->allowed[w->id] = 1;
            mask->n++;
            continue;
        }
        for (at++; status == ATTUNE_OK && at < w->len; at++) {
            status =
                c->ops->viable(&is_viable, &complete, c->self, c->text, c->len + at - skip, err);
            if (!is_viable) {
                break;
            }
        }
        refused = at;
    }
    c->text[c->len] = '\0';
    return status;
}

static int walk(struct attune_constraint *c, struct kept_mask *mask, size_t first, size_t end,
                size_t skip, struct attune_error *err)
{
    if (c->ops->step) {
        walk_states(c, mask, first, end, skip);
        return ATTUNE_OK;
    }
    return walk_texts(c, mask, first, end, skip, err);
}

static int fill(struct attune_constraint *c, struct kept_mask *mask, struct attune_error *err)
{
    size_t space = 0, behind;
    int status = ATTUNE_OK;

    memset(mask->allowed, 0, c->n_vocab);
    mask->n = 0;
    if (c->is_complete || c->ended) {
        for (size_t i = 0; i < c->model->n_ends; i++) {
            attune_token id = c->model->ends[i];

            if (id >= 0 && (size_t)id < c->n_vocab && !mask->allowed[id]) {
                mask->allowed[id] = 1;
                mask->n++;
            }
        }
    }
    mask->n_ends = mask->n;
    if (!c->is_viable || c->ended) {
        return ATTUNE_OK;
    }
    if (!(c->begins && c->bare)) {
        return walk(c, mask, 0, c->n_words, 0, err);
    }
    while (space < c->n_words && (uint8_t)c->words[space].bytes[0] < ' ') {
        space++;
    }
    behind = space;
    while (behind < c->n_words && c->words[behind].bytes[0] == ' ') {
        behind++;
    }
    status = walk(c, mask, 0, space, 0, err);
    if (status == ATTUNE_OK) {
        status = walk(c, mask, space, behind, 1, err);
    }
    return status == ATTUNE_OK ? walk(c, mask, behind, c->n_words, 0, err) : status;
}

static bool same_place(const struct attune_constraint *c, const struct kept_mask *mask)
{
    return mask->filled && c->is_viable && mask->ended == c->ended && mask->bare == c->bare &&
           (c->ops->step
                ? memcmp(&mask->state, &c->state, sizeof c->state) == 0
                : mask->len == c->len && mask->hash == attune_digest_of(c->text, c->len, 0));
}

static int current(struct kept_mask **out, struct attune_constraint *c, struct attune_error *err)
{
    struct kept_mask *oldest = &c->masks[0];
    int status = judge(c, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    for (size_t i = 0; i < N_MASKS; i++) {
        if (same_place(c, &c->masks[i])) {
            c->masks[i].used = ++c->clock;
            *out = &c->masks[i];
            return ATTUNE_OK;
        }
        oldest = c->masks[i].used < oldest->used ? &c->masks[i] : oldest;
    }
    oldest->filled = false;
    status = fill(c, oldest, err);
    if (status == ATTUNE_OK) {
        oldest->filled = c->is_viable;
        oldest->state = c->state;
        oldest->ended = c->ended;
        oldest->bare = c->bare;
        oldest->len = c->len;
        oldest->hash = attune_digest_of(c->text, c->len, 0);
        oldest->used = ++c->clock;
        *out = oldest;
    }
    return status;
}

int attune_constraint_mask(const uint8_t **out, size_t *n, struct attune_constraint *c,
                           struct attune_error *err)
{
    struct kept_mask *mask;
    int status;

    *out = NULL;
    *n = c->n_vocab;
    if (!c->ended && is_unbound(c)) {
        return ATTUNE_OK;
    }
    status = current(&mask, c, err);
    if (status == ATTUNE_OK) {
        *out = mask->allowed;
        *n = mask->n;
    }
    return status;
}

int attune_constraint_finished(bool *out, struct attune_constraint *c, struct attune_error *err)
{
    struct kept_mask *mask;
    int status;

    *out = false;
    if (is_unbound(c)) {
        return ATTUNE_OK;
    }
    status = judge(c, err);
    if (status == ATTUNE_OK && c->is_complete) {
        status = current(&mask, c, err);
        *out = status == ATTUNE_OK && mask->n == mask->n_ends;
    }
    return status;
}
