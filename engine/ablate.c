/* Ablation: a set of heads and blocks, read from text, and what takes the place of what they would
 * say.
 *
 * A mean over the tokens so far needs the sum of all before: of what says its mean, the sums up to
 * every position are kept, [N, width], each the one before plus one row. So they are the same
 * however the tokens were split between calls, and a context that is cut back goes on from them. */
#include <config.h>

#include "engine/ablate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/head_list.h"

enum mode {
    SAYS_ALL = ATTUNE_ABLATED_NOT,
    SAYS_NOTHING = ATTUNE_ABLATED_ZERO,
    SAYS_MEAN = ATTUNE_ABLATED_MEAN
};

struct pile { /* of one stack */
    int n_layers, n_heads;
    bool crosses;           /* it has attention to an encoder */
    uint8_t *heads, *cross; /* [L, H] modes */
    uint8_t *blocks;        /* [L, ABLATE_BLOCKS] modes */
    float **head_sums;      /* [2, L, H] of self and cross, each [N, D] or NULL */
    float **block_sums;     /* [L, ABLATE_BLOCKS], each [N, d] or NULL */
    float *sums;            /* what they point into */
};
struct ablation {
    struct pile main, encoder;
    char *text;
};

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

/* ---- the set ---- */

static void free_pile(struct pile *pile)
{
    free(pile->heads);
    free(pile->cross);
    free(pile->blocks);
    free(pile->head_sums);
    free(pile->block_sums);
    free(pile->sums);
}

void ablation_free(struct ablation *ablation)
{
    if (ablation) {
        free_pile(&ablation->main);
        free_pile(&ablation->encoder);
        free(ablation->text);
        free(ablation);
    }
}

static int make_pile(struct pile *pile, const struct stack *stack, bool crosses,
                     struct attune_error *err)
{
    size_t layers = (size_t)stack->n_layers, heads = layers * (size_t)stack->n_heads;

    *pile =
        (struct pile){.n_layers = stack->n_layers, .n_heads = stack->n_heads, .crosses = crosses};
    pile->heads = calloc(heads + 1, 1);
    pile->cross = calloc(heads + 1, 1);
    pile->blocks = calloc(layers * ABLATE_BLOCKS + 1, 1);
    pile->head_sums = calloc(2 * heads + 1, sizeof *pile->head_sums);
    pile->block_sums = calloc(layers * ABLATE_BLOCKS + 1, sizeof *pile->block_sums);
    return pile->heads && pile->cross && pile->blocks && pile->head_sums && pile->block_sums
               ? ATTUNE_OK
               : no_memory(err);
}

static int read_mode(const struct head_item *item, uint8_t *out, struct attune_error *err)
{
    if (!item->value || (item->value_len == 4 && memcmp(item->value, "zero", 4) == 0)) {
        *out = SAYS_NOTHING;
        return ATTUNE_OK;
    }
    if (item->value_len == 3 && memcmp(item->value, "off", 3) == 0) {
        *out = SAYS_ALL;
        return ATTUNE_OK;
    }
    *out = SAYS_MEAN;
    return item->value_len == 4 && memcmp(item->value, "mean", 4) == 0
               ? ATTUNE_OK
               : attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "'%.*s': behind the colon stands zero, mean or off",
                                  (int)(item->len < 40 ? item->len : 40), item->text);
}

static void set_layer(struct pile *pile, const struct head_item *item, int layer, uint8_t mode)
{
    uint8_t *blocks = pile->blocks + layer * ABLATE_BLOCKS,
            *heads = (item->stack == ATTUNE_STACK_CROSS ? pile->cross : pile->heads) +
                     layer * pile->n_heads;

    switch (item->part) {
    case PART_LAYER:
        blocks[ABLATE_SELF] = blocks[ABLATE_MLP] = mode;
        blocks[ABLATE_CROSS] = pile->crosses ? mode : SAYS_ALL;
        break;
    case PART_ATTENTION: blocks[ABLATE_SELF] = mode; break;
    case PART_CROSS: blocks[ABLATE_CROSS] = mode; break;
    case PART_MLP: blocks[ABLATE_MLP] = mode; break;
    case PART_HEAD:
        for (int h = 0; h < pile->n_heads; h++) {
            heads[h] = item->head < 0 || item->head == h ? mode : heads[h];
        }
    }
}

/* Of a stack by its word. Without one: the only one, or the decoder. */
static struct pile *find_pile(struct ablation *a, const struct head_item *item,
                              const struct attune_model *model)
{
    bool two = model->recipe.kind == ATTUNE_SEQ2SEQ, causal = model->recipe.main.causal;

    switch (item->stack) {
    case ATTUNE_STACK_SELF: return &a->main;
    case ATTUNE_STACK_ENCODER: return two ? &a->encoder : causal ? NULL : &a->main;
    case ATTUNE_STACK_DECODER: return causal ? &a->main : NULL;
    default: return two && item->part == PART_HEAD ? &a->main : NULL;
    }
}

static int set_item(struct ablation *a, const struct head_item *item,
                    const struct attune_model *model, struct attune_error *err)
{
    struct pile *pile = find_pile(a, item, model);
    int len = (int)(item->len < 40 ? item->len : 40), status;
    uint8_t mode;

    if (!pile || (item->part == PART_CROSS && !pile->crosses)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "'%.*s': %.80s has no such part", len,
                                item->text, model->info.name);
    }
    if (item->layer >= pile->n_layers || (item->part == PART_HEAD && item->head >= pile->n_heads)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "'%.*s': there are layers 0 to %d, heads 0 to %d", len, item->text,
                                pile->n_layers - 1, pile->n_heads - 1);
    }
    status = read_mode(item, &mode, err);
    for (int l = 0; l < pile->n_layers && status == ATTUNE_OK; l++) {
        if (item->layer < 0 || item->layer == l) {
            set_layer(pile, item, l, mode);
        }
    }
    return status;
}

/* ---- its text ---- */

struct writer {
    char *text;
    size_t len;
    bool failed;
};

static void put_item(struct writer *w, const char *stack, int layer, const char *part, uint8_t mode)
{
    char item[64];
    int n = snprintf(item, sizeof item, "%s%s%d%s%s", w->len ? "," : "", stack, layer, part,
                     mode == SAYS_MEAN ? ":mean" : "");
    char *text = mode == SAYS_ALL || w->failed ? NULL : realloc(w->text, w->len + (size_t)n + 1);

    if (text) {
        memcpy(text + w->len, item, (size_t)n + 1);
        w->text = text;
        w->len += (size_t)n;
    } else if (mode != SAYS_ALL) {
        w->failed = true;
    }
}

static void put_heads(struct writer *w, const char *stack, int layer, const uint8_t *heads, int n)
{
    bool same = n > 1;
    char part[16];

    for (int h = 1; h < n; h++) {
        same = same && heads[h] == heads[0];
    }
    for (int h = 0; h < (same ? 1 : n); h++) {
        snprintf(part, sizeof part, same ? ".*" : ".%d", h);
        put_item(w, stack, layer, part, heads[h]);
    }
}

static void put_pile(struct writer *w, const struct pile *pile, const char *stack)
{
    static const char *const parts[] = {
        [ABLATE_SELF] = ".attention", [ABLATE_CROSS] = ".cross", [ABLATE_MLP] = ".mlp"};

    for (int l = 0; l < pile->n_layers; l++) {
        const uint8_t *blocks = pile->blocks + l * ABLATE_BLOCKS;

        if (blocks[ABLATE_SELF] == blocks[ABLATE_MLP] &&
            (!pile->crosses || blocks[ABLATE_CROSS] == blocks[ABLATE_MLP])) {
            put_item(w, stack, l, "", blocks[ABLATE_MLP]);
        } else {
            for (int b = 0; b < ABLATE_BLOCKS; b++) {
                put_item(w, stack, l, parts[b], blocks[b]);
            }
        }
        put_heads(w, stack, l, pile->heads + l * pile->n_heads, pile->n_heads);
        put_heads(w, "cross.", l, pile->cross + l * pile->n_heads, pile->n_heads);
    }
}

static int parse(struct ablation **out, const struct attune_model *model, const char *text,
                 struct attune_error *err)
{
    struct ablation *a = calloc(1, sizeof *a);
    bool two = model->recipe.kind == ATTUNE_SEQ2SEQ;
    struct writer w = {0};
    struct head_item item;
    const char *at = text;
    int status = a ? make_pile(&a->main, &model->recipe.main, two, err) : no_memory(err), got = 1;

    *out = NULL;
    if (status == ATTUNE_OK && two) {
        status = make_pile(&a->encoder, &model->recipe.encoder, false, err);
    }
    while (status == ATTUNE_OK && (got = head_list_next(&item, text, &at, err)) > 0) {
        status = set_item(a, &item, model, err);
    }
    status = got < 0 ? -got : status;
    if (status == ATTUNE_OK) {
        put_pile(&w, &a->main, "");
        put_pile(&w, &a->encoder, "encoder.");
        a->text = w.text ? w.text : strdup("");
        w.text = NULL;
        status = a->text && !w.failed ? ATTUNE_OK : no_memory(err);
    }
    free(w.text);
    if (status != ATTUNE_OK) {
        ablation_free(a);
        return status;
    }
    *out = a;
    return ATTUNE_OK;
}

int attune_ablation_text(char **out, const struct attune_model *model, const char *text,
                         struct attune_error *err)
{
    struct ablation *a;
    int status = parse(&a, model, text ? text : "", err);

    *out = NULL;
    if (status == ATTUNE_OK) {
        *out = a->text;
        a->text = NULL;
        ablation_free(a);
    }
    return status;
}

enum attune_ablated attune_ablation_of(const struct attune_model *model, const char *text,
                                       const char *item)
{
    struct ablation *a;
    struct head_item it;
    const struct pile *pile;
    const char *at = item;
    enum attune_ablated mode = ATTUNE_ABLATED_NOT;

    if (parse(&a, model, text, NULL) != ATTUNE_OK) {
        return mode;
    }
    pile = head_list_next(&it, item, &at, NULL) > 0 ? find_pile(a, &it, model) : NULL;
    if (pile && it.layer >= 0 && it.layer < pile->n_layers) {
        const uint8_t *blocks = pile->blocks + it.layer * ABLATE_BLOCKS,
                      *heads = (it.stack == ATTUNE_STACK_CROSS ? pile->cross : pile->heads) +
                               it.layer * pile->n_heads;

        mode = it.part == PART_HEAD ? it.head >= 0 && it.head < pile->n_heads
                                          ? (enum attune_ablated)heads[it.head]
                                          : ATTUNE_ABLATED_NOT
               : it.part == PART_MLP || blocks[ABLATE_SELF] == blocks[ABLATE_MLP]
                   ? (enum attune_ablated)blocks[ABLATE_MLP]
                   : ATTUNE_ABLATED_NOT;
    }
    ablation_free(a);
    return mode;
}

/* ---- at work ---- */

/* Room for the sums of what says its mean. Where tokens see each other no sum outlives a call. */
static int make_sums(struct pile *pile, const struct side *side, size_t d_model,
                     struct attune_error *err)
{
    size_t heads = (size_t)pile->n_layers * (size_t)pile->n_heads,
           blocks = (size_t)pile->n_layers * ABLATE_BLOCKS;
    size_t head_floats = side->capacity * (size_t)side->stack->head_dim,
           block_floats = side->capacity * d_model, total = 0;
    float *at;

    for (size_t i = 0; i < heads; i++) {
        total += head_floats *
                 ((size_t)(pile->heads[i] == SAYS_MEAN) + (size_t)(pile->cross[i] == SAYS_MEAN));
    }
    for (size_t i = 0; i < blocks; i++) {
        total += block_floats * (size_t)(pile->blocks[i] == SAYS_MEAN);
    }
    if (total == 0 || !side->stack->causal) {
        return ATTUNE_OK;
    }
    at = pile->sums = malloc(total * sizeof *pile->sums);
    if (!at) {
        return attune_error_set(err, ATTUNE_MEMORY, 0,
                                "out of memory: the means of this ablation take %zu MB",
                                total * sizeof *at >> 20);
    }
    for (size_t i = 0; i < 2 * heads; i++) {
        if ((i < heads ? pile->heads[i] : pile->cross[i - heads]) == SAYS_MEAN) {
            pile->head_sums[i] = at;
            at += head_floats;
        }
    }
    for (size_t i = 0; i < blocks; i++) {
        if (pile->blocks[i] == SAYS_MEAN) {
            pile->block_sums[i] = at;
            at += block_floats;
        }
    }
    return ATTUNE_OK;
}

int attune_context_ablate(struct attune_context *ctx, const char *text, struct attune_error *err)
{
    struct ablation *a = NULL;
    size_t d = (size_t)ctx->recipe->d_model;
    int status = parse(&a, ctx->model, text ? text : "", err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (strcmp(a->text, attune_context_ablation(ctx)) == 0) {
        ablation_free(a);
        return ATTUNE_OK;
    }
    status = make_sums(&a->main, &ctx->main, d, err);
    if (status == ATTUNE_OK && ctx->encoder.capacity > 0) {
        status = make_sums(&a->encoder, &ctx->encoder, d, err);
    }
    if (status != ATTUNE_OK) {
        ablation_free(a);
        return status;
    }
    ablation_free(ctx->ablation);
    ctx->ablation = a;
    if (a->text[0] == '\0') {
        ablation_free(a);
        ctx->ablation = NULL;
    }
    ctx->main.n = ctx->main.n_keys = ctx->encoder.n = ctx->encoder.n_keys = 0;
    return ATTUNE_OK;
}

const char *attune_context_ablation(const struct attune_context *ctx)
{
    return ctx->ablation ? ctx->ablation->text : "";
}

static const struct pile *pile_of(const struct attune_context *ctx, const struct side *side)
{
    return side == &ctx->main ? &ctx->ablation->main : &ctx->ablation->encoder;
}

bool ablate_stops(const struct attune_context *ctx, const struct side *side, int layer,
                  enum ablate_block block)
{
    return ctx->ablation &&
           pile_of(ctx, side)->blocks[layer * ABLATE_BLOCKS + (int)block] != SAYS_ALL;
}

/* rows [count, width] `ld` floats apart become the means of them and of all before, whose sums
 * stand in sums [N, width] up to position n. */
static void mean_so_far(const struct attune_context *ctx, float *rows, size_t ld, size_t width,
                        float *sums, size_t n, size_t count)
{
    for (size_t t = 0; t < count; t++) {
        float *row = rows + t * ld, *sum = sums + (n + t) * width;

        memcpy(sum, row, width * sizeof *sum);
        if (n + t > 0) {
            ctx->kernel->add(sum, sum - width, width);
        }
        for (size_t i = 0; i < width; i++) {
            row[i] = sum[i] / (float)(n + t + 1);
        }
    }
}

/* The same where all tokens are there at once and see each other. */
static void mean_of_all(const struct side *side, float *rows, size_t ld, size_t width, size_t count)
{
    for (size_t i = 0; i < width; i++) {
        double sum = 0;
        size_t n = 0;

        for (size_t t = 0; t < count; t++) {
            bool counts = !side->masked || !side->padded[t];

            sum += counts ? (double)rows[t * ld + i] : 0;
            n += counts;
        }
        for (size_t t = 0; t < count; t++) {
            rows[t * ld + i] = (float)(sum / (double)n);
        }
    }
}

static void to_mean(const struct attune_context *ctx, const struct side *side, float *rows,
                    size_t ld, size_t width, float *sums, size_t count)
{
    if (side->stack->causal) {
        mean_so_far(ctx, rows, ld, width, sums, side->n, count);
    } else {
        mean_of_all(side, rows, ld, width, count);
    }
}

void ablate_block(struct attune_context *ctx, const struct side *side, int layer,
                  enum ablate_block block, float *residual, size_t count)
{
    const struct pile *pile = pile_of(ctx, side);
    int at = layer * ABLATE_BLOCKS + (int)block;
    size_t d = (size_t)ctx->recipe->d_model;

    if (pile->blocks[at] == SAYS_MEAN) {
        to_mean(ctx, side, ctx->sum, d, d, pile->block_sums[at], count);
        ctx->kernel->add(residual, ctx->sum, count * d);
    }
}

void ablate_heads(struct attune_context *ctx, const struct relation *relation, int layer,
                  size_t count)
{
    const struct side *side = relation->from;
    const struct pile *pile = ctx->ablation ? pile_of(ctx, side) : NULL;
    int n_heads = side->stack->n_heads, first = layer * n_heads;
    bool cross = relation->from != relation->to;
    size_t head_dim = (size_t)side->stack->head_dim, width = (size_t)n_heads * head_dim;

    for (int h = 0; pile && h < n_heads; h++) {
        float *rows = ctx->heads + (size_t)h * head_dim;
        uint8_t mode = (cross ? pile->cross : pile->heads)[first + h];

        for (size_t t = 0; mode == SAYS_NOTHING && t < count; t++) {
            memset(rows + t * width, 0, head_dim * sizeof *rows);
        }
        if (mode == SAYS_MEAN) {
            to_mean(ctx, side, rows, width, head_dim,
                    pile->head_sums[(cross ? pile->n_layers * n_heads : 0) + first + h], count);
        }
    }
}
