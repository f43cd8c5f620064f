/* Tensors to their places: walks a family's table, holds every tensor against the shape that the
 * recipe wants, and makes rows of it. Most rows stay where the file has them; what is stored the
 * other way round or interleaved gets memory of its own, filled when it is first needed (late.h).
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "engine/bind.h"
#include "engine/late.h"
#include "engine/quant.h"

struct binder {
    struct recipe *recipe;
    const struct stack *stack; /* whose sizes count */
    const struct family_ops *family;
    struct checkpoint *cp;
    bool header_only;
    struct attune_error *err;
};

size_t bind_size(const struct recipe *r, const struct stack *stack, enum bind_dim dim)
{
    const size_t sizes[DIM_COUNT] = {
        [DIM_NONE] = 1,
        [DIM_MODEL] = (size_t)r->d_model,
        [DIM_EMBEDDING] = (size_t)r->d_embedding,
        [DIM_HEADS] = (size_t)stack->n_heads * (size_t)stack->head_dim,
        [DIM_KV] = (size_t)stack->n_kv_heads * (size_t)stack->head_dim,
        [DIM_FF] = (size_t)stack->d_ff,
        [DIM_VOCAB] = (size_t)r->n_vocab,
        [DIM_POSITIONS] = (size_t)r->n_context + (size_t)r->position_offset,
        [DIM_HEAD] = (size_t)stack->head_dim,
        [DIM_ROTARY_HALF] = (size_t)r->rotary_dims / 2,
        [DIM_SEGMENTS] = (size_t)r->n_segments,
        [DIM_BUCKETS] = (size_t)r->relative_buckets,
        [DIM_EACH_HEAD] = (size_t)stack->n_heads,
        [DIM_LABELS] = (size_t)r->n_labels,
        [DIM_TWO] = 2,
    };

    return sizes[dim];
}

static size_t size_of(const struct binder *bd, enum bind_dim dim)
{
    return bind_size(bd->recipe, bd->stack, dim);
}

static struct rows rows_of(const struct binder *bd, const struct binding *b)
{
    size_t q = size_of(bd, DIM_HEADS), kv = size_of(bd, DIM_KV), head = size_of(bd, DIM_HEAD);
    size_t n = size_of(bd, b->rows),
           shared = q / (size_t)bd->stack->n_kv_heads; /* rows of q in a group */

    switch (b->part) {
    case PART_Q: return (struct rows){n, q + 2 * kv, 0, n, n};
    case PART_K: return (struct rows){n, q + 2 * kv, q, n, n};
    case PART_V: return (struct rows){n, q + 2 * kv, q + kv, n, n};
    case PART_GROUP_Q: return (struct rows){n, q + 2 * kv, 0, shared, shared + 2 * head};
    case PART_GROUP_K: return (struct rows){n, q + 2 * kv, shared, head, shared + 2 * head};
    case PART_GROUP_V: return (struct rows){n, q + 2 * kv, shared + head, head, shared + 2 * head};
    case PART_WHOLE: break;
    }
    return (struct rows){n, n, 0, n, n};
}

void bind_spell(char out[160], const char *prefix, const char *name, int layer, const char *suffix)
{
    size_t len = strcspn(name, "|");
    const char *hole = strstr(name, "%d");

    if (hole && hole < name + len) {
        snprintf(out, 160, "%s%.*s%d%.*s%s", prefix, (int)(hole - name), name, layer,
                 (int)(name + len - hole - 2), hole + 2, suffix);
    } else {
        snprintf(out, 160, "%s%.*s%s", prefix, (int)len, name, suffix);
    }
}

static const char *name_of(const struct binder *bd, const struct binding *b)
{
    return bd->cp->settings.gguf ? b->gguf : b->hf;
}

/* What stands before the name of a whole model's file ("transformer."); files of the base alone
 * lack it. */
static const char *prefix_of(const struct binder *bd, const struct binding *b)
{
    bool bare = bd->cp->settings.gguf || b->flags & BIND_ROOT || !bd->family->hf_prefix;

    return bare ? "" : bd->family->hf_prefix;
}

/* One alternative, under any prefix and suffix. Old checkpoints say gamma and beta. */
static struct tensor *look_up_one(const struct binder *bd, const struct binding *b,
                                  const char *name, int layer, bool bias)
{
    static const char *const suffixes[2][2] = {{".weight", ".gamma"}, {".bias", ".beta"}};
    const char *prefixes[2] = {prefix_of(bd, b), ""};
    struct tensor *found = NULL;
    char spelled[160];

    for (int i = 0; !found && i < 4; i++) {
        bind_spell(spelled, prefixes[i / 2], name, layer,
                   b->flags & BIND_BARE ? "" : suffixes[bias][i % 2]);
        found = checkpoint_find(bd->cp, spelled);
    }
    return found;
}

/* The tensor under any of its names; NULL if there is none. A bias belongs to the weight that
 * counts. */
static struct tensor *look_up(const struct binder *bd, const struct binding *b, int layer,
                              bool bias)
{
    const char *name = name_of(bd, b);

    while (!look_up_one(bd, b, name, layer, false)) {
        name = strchr(name, '|');
        if (!name) {
            return NULL;
        }
        name++;
    }
    return look_up_one(bd, b, name, layer, bias);
}

static int missing(const struct binder *bd, const struct binding *b, int layer, bool bias)
{
    char name[160];

    bind_spell(name, prefix_of(bd, b), name_of(bd, b), layer,
               b->flags & BIND_BARE ? ""
               : bias               ? ".bias"
                                    : ".weight");
    return attune_error_set(bd->err, ATTUNE_FORMAT, 0, "%s: tensor %s is missing", bd->cp->shown,
                            name);
}

static void show_shape(char out[64], const uint64_t *shape, int n_dims)
{
    size_t at = 0;

    out[0] = '\0';
    for (int i = 0; i < n_dims && at < 40; i++) {
        at += (size_t)snprintf(out + at, 64 - at, "%s%llu", i ? ", " : "",
                               (unsigned long long)shape[i]);
    }
}

/* Leading dimensions of 1 mean nothing: formats drop and add them. */
static bool same_shape(const struct tensor *t, const uint64_t *want, int n_want)
{
    int have = t->n_dims, skip = 0;

    while (have > n_want && t->shape[skip] == 1) {
        skip++;
        have--;
    }
    while (n_want > have && *want == 1) {
        want++;
        n_want--;
    }
    return have == n_want && memcmp(t->shape + skip, want, (size_t)have * sizeof *want) == 0;
}

static int check_tensor(const struct binder *bd, const struct tensor *t, const uint64_t *want,
                        int n_want)
{
    size_t row_bytes;
    char have_text[64], want_text[64];

    if (!same_shape(t, want, n_want)) {
        show_shape(have_text, t->shape, t->n_dims);
        show_shape(want_text, want, n_want);
        return attune_error_set(bd->err, ATTUNE_FORMAT, 0,
                                "%s: tensor %.64s has shape [%s], expected [%s]", t->file, t->name,
                                have_text, want_text);
    }
    if (!t->type) {
        return attune_error_set(bd->err, ATTUNE_UNSUPPORTED, 0,
                                "%s: tensor %.64s is stored as %s, which is not supported: convert "
                                "it to F32, F16 or BF16",
                                t->file, t->name, t->type_name);
    }
    row_bytes = quant_row_bytes(t->type, (size_t)want[n_want - 1]);
    if (!row_bytes || t->n_bytes / row_bytes != (n_want == 2 ? want[0] : 1) ||
        t->n_bytes % row_bytes) {
        return attune_error_set(
            bd->err, ATTUNE_FORMAT, 0,
            "%s: tensor %.64s has %llu bytes, which is not what its shape takes", t->file, t->name,
            (unsigned long long)t->n_bytes);
    }
    return ATTUNE_OK;
}

/* Elements of 2 or 4 bytes can be read in place only where they are aligned to that. */
static bool aligned(const struct tensor *t)
{
    size_t element = t->type->block == 1 ? t->type->block_bytes : 2;

    return (uintptr_t)t->data % element == 0;
}

static int take_rows(struct binder *bd, struct matrix *out, const struct tensor *t,
                     const struct rows *rows, bool in_out)
{
    const char *data = t->data;
    struct late_rows *late;
    char *owned;

    if (!in_out && rows->run == rows->n && aligned(t)) {
        out->data = data + rows->first * out->row_bytes;
        return ATTUNE_OK;
    }
    owned = pool_alloc(&bd->cp->pool, rows->n, out->row_bytes);
    late = pool_alloc(&bd->cp->pool, 1, sizeof *late);
    if (!owned || !late) {
        return checkpoint_no_memory(bd->cp, bd->err);
    }
    *late = (struct late_rows){
        .next = bd->cp->late,
        .out = owned,
        .tensor = t,
        .rows = *rows,
        .row_bytes = out->row_bytes,
        .element = in_out ? t->type->block_bytes : 0,
    };
    bd->cp->late = late;
    out->data = owned;
    return ATTUNE_OK;
}

/* A vector of floats: in place where it is that already. */
static int take_floats(struct binder *bd, const float **out, const struct tensor *t,
                       const struct rows *rows)
{
    float *owned, *all;

    if (strcmp(t->type->name, "f32") == 0 && rows->run == rows->n && aligned(t)) {
        *out = (const float *)t->data + rows->first;
        return ATTUNE_OK;
    }
    all = pool_alloc(&bd->cp->pool, rows->total, sizeof *all);
    owned = pool_alloc(&bd->cp->pool, rows->n, sizeof *owned);
    if (!all || !owned) {
        return checkpoint_no_memory(bd->cp, bd->err);
    }
    t->type->to_float(all, t->data, rows->total);
    for (size_t i = 0; i < rows->n; i++) {
        owned[i] = all[rows_source(rows, i)];
    }
    *out = owned;
    return ATTUNE_OK;
}

/* Weights that are stored as their distance from 1. */
static int add_one(struct binder *bd, const float **weights, size_t n)
{
    float *owned = pool_alloc(&bd->cp->pool, n, sizeof *owned);

    if (!owned) {
        return checkpoint_no_memory(bd->cp, bd->err);
    }
    for (size_t i = 0; i < n; i++) {
        owned[i] = (*weights)[i] + 1;
    }
    *weights = owned;
    return ATTUNE_OK;
}

static int bind_vector(struct binder *bd, const float **out, const struct binding *b, int layer,
                       bool bias)
{
    struct rows rows = rows_of(bd, b);
    uint64_t want[1] = {rows.total};
    struct tensor *t = look_up(bd, b, layer, bias);
    int status;

    if (!t) {
        return bias && b->flags & BIND_MAY_BIAS ? ATTUNE_OK : missing(bd, b, layer, bias);
    }
    status = check_tensor(bd, t, want, 1);
    if (status) {
        return status;
    }
    t->used = true;
    if (bd->header_only) {
        return ATTUNE_OK;
    }
    status = take_floats(bd, out, t, &rows);
    return status || !(b->flags & BIND_PLUS_ONE) || bd->cp->settings.gguf
               ? status
               : add_one(bd, out, rows.n);
}

static int bind_matrix(struct binder *bd, struct matrix *out, const struct binding *b, int layer)
{
    struct rows rows = rows_of(bd, b);
    size_t cols = size_of(bd, b->cols);
    bool in_out = (b->flags & BIND_IN_OUT) && !bd->cp->settings.gguf;
    uint64_t want[2] = {in_out ? cols : rows.total, in_out ? rows.total : cols};
    struct tensor *t = look_up(bd, b, layer, false);
    int status;

    if (!t) {
        return missing(bd, b, layer, false);
    }
    status = check_tensor(bd, t, want, 2);
    if (status) {
        return status;
    }
    if (in_out && t->type->block != 1) {
        return attune_error_set(bd->err, ATTUNE_UNSUPPORTED, 0,
                                "%s: tensor %.64s is stored as %s the other way round", t->file,
                                t->name, t->type_name);
    }
    t->used = true;
    out->type = t->type;
    out->rows = (int)rows.n;
    out->cols = (int)cols;
    out->row_bytes = quant_row_bytes(t->type, cols);
    return bd->header_only ? ATTUNE_OK : take_rows(bd, out, t, &rows, in_out);
}

static int bind_one(struct binder *bd, void *place, const struct binding *b, int layer)
{
    void *at = (char *)place + b->offset;
    const float **bias = NULL;
    int status;

    if (b->flags & BIND_OPTIONAL && !look_up(bd, b, layer, false)) {
        return ATTUNE_OK;
    }
    if (b->kind == BIND_MATRIX) {
        struct matrix *matrix = at;

        if (b->flags & BIND_ELSE && matrix->type) {
            return ATTUNE_OK;
        }
        status = bind_matrix(bd, matrix, b, layer);
        bias = &matrix->bias;
    } else if (b->kind == BIND_NORM) {
        struct norm *norm = at;

        status = bind_vector(bd, &norm->weight, b, layer, false);
        bias = &norm->bias;
    } else {
        status = bind_vector(bd, at, b, layer, false);
    }
    if (status == ATTUNE_OK && bias && b->flags & (BIND_BIAS | BIND_MAY_BIAS)) {
        status = bind_vector(bd, bias, b, layer, true);
    }
    return status;
}

static int bind_layers(struct binder *bd, struct stack *stack, const struct binding *b)
{
    bool shared = stack->n_groups != stack->n_layers;
    struct tensor *beyond = look_up(bd, b, stack->n_groups, false);
    int status = ATTUNE_OK;

    if (beyond) {
        return attune_error_set(bd->err, ATTUNE_FORMAT, 0,
                                "%s: tensor %.64s lies beyond the %d %s that %s has", beyond->file,
                                beyond->name, stack->n_groups,
                                shared ? "groups of layers" : "layers", bd->cp->settings.file);
    }
    for (int layer = 0; layer < stack->n_layers && status == ATTUNE_OK; layer++) {
        status = bind_one(bd, &stack->layers[layer], b,
                          (int)((long)layer * stack->n_groups / stack->n_layers));
    }
    return status;
}

static int bind_row(struct binder *bd, const struct binding *b)
{
    struct recipe *recipe = bd->recipe;
    bool encoder = b->place == BIND_ENCODER || b->place == BIND_ENCODER_LAYER;
    struct stack *stack = encoder ? &recipe->encoder : &recipe->main;

    bd->stack = stack;
    switch (b->place) {
    case BIND_STACK:
    case BIND_ENCODER: return bind_one(bd, stack, b, 0);
    case BIND_LAYER:
    case BIND_ENCODER_LAYER: return bind_layers(bd, stack, b);
    default: return bind_one(bd, recipe, b, 0);
    }
}

/* Not in this format, of the head of another class, or a head that is the embedding. */
static bool unwanted(const struct binder *bd, const struct binding *b, unsigned outputs)
{
    size_t output = (b->offset - offsetof(struct recipe, outputs)) / sizeof(struct output);

    return !name_of(bd, b) || (b->flags & BIND_UNTIED && bd->recipe->tied) ||
           (b->place == BIND_OUTPUT && !(outputs >> output & 1));
}

/* Has the family a row of its own for this place of its parent's? */
static bool replaced(const struct binding *rows, const struct binding *of_parent)
{
    for (const struct binding *b = rows; b->kind; b++) {
        if (b->place == of_parent->place && b->offset == of_parent->offset) {
            return true;
        }
    }
    return false;
}

const struct binding *bind_row_at(const struct family_ops *family, size_t i)
{
    const struct binding *of_parent = family->parent ? family->parent->bindings : NULL;

    for (const struct binding *b = of_parent; b && b->kind; b++) {
        if (!replaced(family->bindings, b) && i-- == 0) {
            return b;
        }
    }
    for (const struct binding *b = family->bindings; b->kind; b++) {
        if (i-- == 0) {
            return b;
        }
    }
    return NULL;
}

int bind_table(struct recipe *recipe, const struct family_ops *family, unsigned outputs,
               struct checkpoint *cp, bool header_only, struct attune_progress *progress,
               struct attune_error *err)
{
    struct binder bd = {recipe, &recipe->main, family, cp, header_only, err};
    const struct binding *b;
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && (b = bind_row_at(family, i)); i++) {
        if (unwanted(&bd, b, outputs)) {
            continue;
        }
        if (progress && atomic_load(&progress->cancel)) {
            return attune_error_set(err, ATTUNE_CANCELLED, 0, "%s: cancelled", cp->shown);
        }
        status = bind_row(&bd, b);
    }
    return status;
}
