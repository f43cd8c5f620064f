/* A text, or two, as a model reads it for a task: ids, segments, where each token comes from, and
 * which of them are masks.
 *
 * A mask may be spelled in three ways, whatever the model's own is. It is respelled before the
 * tokenizer sees the text, and the offsets are led back afterwards:
 *
 *     given      the <mask> sat        0 .. 14
 *     respelled  the [MASK] sat        0 .. 14, a span past the mask moves by the difference */
#include <config.h>

#include "engine/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 64 };

struct change {             /* one respelled mask */
    size_t at, len;         /* in the text as given */
    size_t new_at, new_len; /* in the text as respelled */
};

struct respelled {
    char *text;
    size_t len;
    struct change *changes; /* [n] rising */
    size_t n, capacity;
    size_t text_capacity;
};

/* ---- masks and sentinels ---- */
int task_sentinel(const struct attune_tokenizer *tk, attune_token id)
{
    const char *piece = tk ? attune_token_piece(tk, id) : NULL;
    int k = -1, used = 0;

    if (!piece || strncmp(piece, "<extra_id_", 10) != 0) {
        return -1;
    }
    return sscanf(piece, "<extra_id_%3d>%n", &k, &used) == 1 && used > 0 && !piece[used] ? k : -1;
}

attune_token task_sentinel_id(const struct attune_tokenizer *tk, int k)
{
    char piece[PIECE];

    snprintf(piece, sizeof piece, "<extra_id_%d>", k);
    return tk ? attune_token_find(tk, piece) : ATTUNE_TOKEN_NONE;
}

bool task_has_sentinels(const struct attune_model *model)
{
    return attune_model_info(model)->kind == ATTUNE_SEQ2SEQ &&
           task_sentinel_id(attune_model_tokenizer(model), 0) != ATTUNE_TOKEN_NONE;
}

/* Length of the mask that s begins with, 0 for none. *own: it is a sentinel with its number. */
static size_t match_mask(const char *s, size_t len, bool *own)
{
    static const char *const spellings[] = {"[MASK]", "<mask>"};
    static const char sentinel[] = "<extra_id_";
    size_t n = sizeof sentinel - 1, digits = 0;

    *own = false;
    for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
        size_t k = strlen(spellings[i]);

        if (len >= k && memcmp(s, spellings[i], k) == 0) {
            return k;
        }
    }
    if (len <= n || memcmp(s, sentinel, n) != 0) {
        return 0;
    }
    while (digits < 3 && n + digits < len && s[n + digits] >= '0' && s[n + digits] <= '9') {
        digits++;
    }
    *own = true;
    return digits > 0 && n + digits < len && s[n + digits] == '>' ? n + digits + 1 : 0;
}

static int put(struct respelled *r, const char *s, size_t len)
{
    if (r->len + len + 1 > r->text_capacity) {
        size_t more = 2 * (r->len + len) + 64;
        char *grown = realloc(r->text, more);

        if (!grown) {
            return ATTUNE_MEMORY;
        }
        r->text = grown;
        r->text_capacity = more;
    }
    memcpy(r->text + r->len, s, len);
    r->len += len;
    r->text[r->len] = '\0';
    return ATTUNE_OK;
}

static int note(struct respelled *r, size_t at, size_t len, size_t new_len)
{
    if (r->n == r->capacity) {
        size_t more = 2 * r->capacity + 8;
        struct change *grown = realloc(r->changes, more * sizeof *grown);

        if (!grown) {
            return ATTUNE_MEMORY;
        }
        r->changes = grown;
        r->capacity = more;
    }
    r->changes[r->n++] = (struct change){at, len, r->len, new_len};
    return ATTUNE_OK;
}

static void free_respelled(struct respelled *r)
{
    free(r->text);
    free(r->changes);
}

/* Appends text with its masks as this model spells them. *count: masks so far, over both texts. */
static int respell(struct respelled *r, const struct attune_model *model, const char *text,
                   size_t len, bool masks, int *count, struct attune_error *err)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);
    const char *mask = attune_token_piece(tk, attune_tokenizer_mask(tk));
    bool sentinels = task_has_sentinels(model), own;
    char piece[PIECE];
    int status = put(r, "", 0);

    for (size_t i = 0, k; i < len && status == ATTUNE_OK; i += k) {
        size_t plain = 0;

        while (i + plain < len &&
               (!masks || !match_mask(text + i + plain, len - i - plain, &own))) {
            plain++;
        }
        status = put(r, text + i, plain);
        i += plain;
        k = i < len ? match_mask(text + i, len - i, &own) : 0;
        if (k == 0 || status != ATTUNE_OK) {
            continue;
        }
        if (!sentinels && !mask) {
            return attune_error_set(err, ATTUNE_ARGUMENT, i,
                                    "%.80s has no mask token: nothing can be filled in",
                                    attune_model_info(model)->name);
        }
        snprintf(piece, sizeof piece, "<extra_id_%d>", *count);
        if (sentinels && task_sentinel_id(tk, *count) == ATTUNE_TOKEN_NONE) {
            return attune_error_set(err, ATTUNE_ARGUMENT, i,
                                    "more masks than %.80s has sentinels (%d)",
                                    attune_model_info(model)->name, *count);
        }
        if (sentinels && own) {
            snprintf(piece, sizeof piece, "%.*s", (int)k, text + i);
        }
        *count += 1;
        status = note(r, i, k, strlen(sentinels ? piece : mask));
        if (status == ATTUNE_OK) {
            status = put(r, sentinels ? piece : mask, strlen(sentinels ? piece : mask));
        }
    }
    return status == ATTUNE_MEMORY ? attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory")
                                   : status;
}

/* Where a byte of the respelled text stood; one within a mask goes to its start or its end. */
static size_t lead_back(const struct respelled *r, size_t at, bool end)
{
    size_t from = 0, new_from = 0;

    for (size_t i = 0; i < r->n; i++) {
        const struct change *c = &r->changes[i];

        if (at < c->new_at || (at == c->new_at && end)) {
            break;
        }
        if (end ? at <= c->new_at + c->new_len : at < c->new_at + c->new_len) {
            return end ? c->at + c->len : c->at;
        }
        from = c->at + c->len;
        new_from = c->new_at + c->new_len;
    }
    return from + (at - new_from);
}

/* ---- reading ---- */
static int fail_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

/* What follows from the ids: which are masks, and what the decoder reads to fill them. */
static int finish(struct attune_task_tokens *out, const struct attune_model *model,
                  struct attune_error *err)
{
    const struct attune_model_info *info = attune_model_info(model);
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);
    bool sentinels = task_has_sentinels(model);
    size_t n = out->tokens.n;

    out->typed = info->n_segments > 1;
    out->mask_id = tk ? attune_tokenizer_mask(tk) : ATTUNE_TOKEN_NONE;
    out->masks = calloc(n + 1, sizeof *out->masks);
    if (!out->masks) {
        return fail_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        attune_token id = out->tokens.ids[i];

        if (sentinels ? task_sentinel(tk, id) >= 0
                      : out->mask_id != ATTUNE_TOKEN_NONE && id == out->mask_id) {
            out->masks[out->n_masks++] = i;
        }
    }
    if (info->kind == ATTUNE_SEQ2SEQ && !sentinels && out->n_masks > 0) {
        out->decoder_ids = calloc(n + 1, sizeof *out->decoder_ids);
        if (!out->decoder_ids) {
            return fail_memory(err);
        }
        out->decoder_ids[0] = info->decoder_start;
        memcpy(out->decoder_ids + 1, out->tokens.ids, (n - 1) * sizeof *out->decoder_ids);
        out->n_decoder = n;
    }
    return ATTUNE_OK;
}

/* Tokens of the text come before those of the pair; RoBERTa gives both type 0, so they are counted.
 */
static int mark_parts(struct attune_task_tokens *out, const struct attune_tokenizer *tk,
                      const struct respelled *text, bool pair, bool parse_special,
                      struct attune_error *err)
{
    const struct attune_tokenize_options options = {.parse_special = parse_special};
    struct attune_tokens alone = {0};
    size_t seen = 0;
    int status = ATTUNE_OK;

    out->parts = calloc(out->tokens.n + 1, 1);
    if (!out->parts) {
        return fail_memory(err);
    }
    if (pair) {
        status = attune_tokenize(&alone, tk, text->text, text->len, &options, err);
    }
    for (size_t i = 0; i < out->tokens.n; i++) {
        bool added = out->tokens.special[i];

        out->parts[i] = added                     ? ATTUNE_TASK_ADDED
                        : pair && seen >= alone.n ? ATTUNE_TASK_PAIR
                                                  : ATTUNE_TASK_TEXT;
        seen += !added;
    }
    attune_tokens_done(&alone);
    return status;
}

static int tokenize(struct attune_task_tokens *out, const struct attune_tokenizer *tk,
                    const struct attune_task_text *text, const struct respelled r[2],
                    struct attune_error *err)
{
    const struct attune_tokenize_options options = {
        .add_special = true,
        .parse_special = text->masks,
        .pair = text->pair ? r[1].text : NULL,
        .pair_len = r[1].len,
    };
    int status = attune_tokenize(&out->tokens, tk, r[0].text, r[0].len, &options, err);

    if (status == ATTUNE_OK) {
        status = mark_parts(out, tk, &r[0], text->pair != NULL, text->masks, err);
    }
    for (size_t i = 0; i < out->tokens.n && status == ATTUNE_OK; i++) {
        const struct respelled *of = &r[out->parts[i] == ATTUNE_TASK_PAIR];
        bool empty = out->tokens.start[i] == out->tokens.end[i];

        out->tokens.start[i] = lead_back(of, out->tokens.start[i], false);
        out->tokens.end[i] = empty ? out->tokens.start[i] : lead_back(of, out->tokens.end[i], true);
    }
    return status;
}

int attune_task_read(struct attune_task_tokens *out, const struct attune_model *model,
                     const struct attune_task_text *text, struct attune_error *err)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);
    struct respelled r[2] = {{0}};
    int count = 0, status = ATTUNE_OK;

    memset(out, 0, sizeof *out);
    if (!tk) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the model has no tokenizer: give token ids instead");
    }
    status = respell(&r[0], model, text->text, text->len, text->masks, &count, err);
    if (status == ATTUNE_OK && text->pair) {
        status = respell(&r[1], model, text->pair, text->pair_len, text->masks, &count, err);
    }
    if (status == ATTUNE_OK) {
        status = tokenize(out, tk, text, r, err);
    }
    if (status == ATTUNE_OK) {
        status = finish(out, model, err);
    }
    free_respelled(&r[0]);
    free_respelled(&r[1]);
    if (status != ATTUNE_OK) {
        attune_task_tokens_done(out);
    }
    return status;
}

int attune_task_read_ids(struct attune_task_tokens *out, const struct attune_model *model,
                         const attune_token *ids, const uint8_t *type_ids, const uint8_t *mask,
                         size_t n, struct attune_error *err)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);
    struct attune_tokens *t = &out->tokens;
    int status = ATTUNE_OK;

    memset(out, 0, sizeof *out);
    t->n = t->capacity = n;
    t->ids = calloc(n + 1, sizeof *t->ids);
    t->start = calloc(n + 1, sizeof *t->start);
    t->end = calloc(n + 1, sizeof *t->end);
    t->type_ids = calloc(n + 1, 1);
    t->special = calloc(n + 1, 1);
    out->parts = calloc(n + 1, 1);
    out->mask = mask ? calloc(n + 1, 1) : NULL;
    if (!t->ids || !t->start || !t->end || !t->type_ids || !t->special || !out->parts ||
        (mask && !out->mask)) {
        status = fail_memory(err);
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        bool padding = mask && !mask[i];

        t->ids[i] = ids[i];
        t->type_ids[i] = type_ids ? type_ids[i] : 0;
        t->special[i] = tk && attune_token_kind(tk, ids[i]) == ATTUNE_TOKEN_SPECIAL &&
                        ids[i] != attune_tokenizer_mask(tk);
        out->parts[i] = padding || t->special[i] ? ATTUNE_TASK_ADDED
                        : t->type_ids[i] == 1    ? ATTUNE_TASK_PAIR
                                                 : ATTUNE_TASK_TEXT;
        if (mask) {
            out->mask[i] = mask[i];
        }
    }
    if (status == ATTUNE_OK) {
        status = finish(out, model, err);
    }
    if (type_ids) {
        out->typed = true; /* they were given: the model says so if it takes none */
    }
    if (status != ATTUNE_OK) {
        attune_task_tokens_done(out);
    }
    return status;
}

void attune_task_tokens_done(struct attune_task_tokens *tokens)
{
    attune_tokens_done(&tokens->tokens);
    free(tokens->parts);
    free(tokens->mask);
    free(tokens->masks);
    free(tokens->decoder_ids);
    memset(tokens, 0, sizeof *tokens);
}

int attune_task_sync(struct attune_context *ctx, const struct attune_task_tokens *tokens,
                     struct attune_progress *progress, struct attune_error *err)
{
    const struct attune_input input = {
        .ids = tokens->tokens.ids,
        .n = tokens->tokens.n,
        .type_ids = tokens->typed ? tokens->tokens.type_ids : NULL,
        .mask = tokens->mask,
        .decoder_ids = tokens->decoder_ids,
        .n_decoder = tokens->n_decoder,
    };

    return input.n == 0 ? attune_error_set(err, ATTUNE_ARGUMENT, 0, "the text is empty")
                        : attune_context_sync(ctx, &input, progress, err);
}
