/* What all formats share: labels, rows a block at a time, and files that appear only when they are
 * whole. */
#include <config.h>

#include "map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAP(name) extern const struct map_ops map_##name;
#include "tui/tables.inc"
#undef MAP

static const struct map_ops *const formats[] = {
#define MAP(name) &map_##name,
#include "tui/tables.inc"
#undef MAP
};

enum { ROWS_AT_ONCE = 64 };

/* ---- labels ---- */

int map_axis_init(struct map_axis *axis, size_t n)
{
    axis->tokens = calloc(n + 1, sizeof *axis->tokens);
    axis->n = axis->tokens ? n : 0;
    return axis->tokens ? ATTUNE_OK : ATTUNE_MEMORY;
}

int map_axis_set(struct map_axis *axis, size_t i, const char *bytes, size_t len)
{
    char *copy = malloc(len + 1);

    if (!copy) {
        return ATTUNE_MEMORY;
    }
    memcpy(copy, bytes, len);
    copy[len] = '\0';
    free(axis->tokens[i].bytes);
    axis->tokens[i] = (struct map_token){copy, len};
    return ATTUNE_OK;
}

/* Bytes of a token, or its spelling where it stands for none. */
static int set_token(struct map_axis *axis, size_t i, const struct attune_tokenizer *tk,
                     attune_token id)
{
    char bytes[256];
    const char *piece = tk ? attune_token_piece(tk, id) : NULL;
    size_t len = 0;

    if (tk && attune_token_kind(tk, id) != ATTUNE_TOKEN_SPECIAL) {
        len = attune_token_bytes(tk, id, bytes, sizeof bytes);
    }
    if (len == 0) {
        len = piece && *piece ? (size_t)snprintf(bytes, sizeof bytes, "%s", piece)
                              : (size_t)snprintf(bytes, sizeof bytes, "#%d", (int)id);
    }
    return map_axis_set(axis, i, bytes, len < sizeof bytes ? len : sizeof bytes - 1);
}

static int fill_axis(struct map *m, struct map_axis *axis, bool queries)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(attune_context_model(m->ctx));
    size_t n;
    const attune_token *ids = attune_attention_tokens(m->ctx, m->kind, queries, &n);
    int status = map_axis_init(axis, n);

    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        status = set_token(axis, i, tk, ids[i]);
    }
    return status;
}

void map_axis_done(struct map_axis *axis)
{
    for (size_t i = 0; i < axis->n; i++) {
        free(axis->tokens[i].bytes);
    }
    free(axis->tokens);
    *axis = (struct map_axis){0};
}

void map_label(char *out, size_t capacity, const struct map_token *token, int columns)
{
    const char *text = token->bytes ? token->bytes : "";
    size_t used = 0, at = 0;
    int wide = 0;

    while (at < token->len) {
        struct glyph g = next_glyph(text + at, token->len - at);
        const char *shown = text[at] == ' ' ? "\u00b7" : g.shown;
        bool last = at + g.bytes >= token->len;
        size_t len = strlen(shown);

        if (wide + g.columns > columns - !last || used + len + 4 > capacity) {
            used += (size_t)snprintf(out + used, capacity - used, "\u2026");
            break;
        }
        memcpy(out + used, shown, len);
        used += len;
        wide += g.columns;
        at += g.bytes;
    }
    out[used < capacity ? used : capacity - 1] = '\0';
}

void map_title(const struct map *m, bool all, char *out, size_t capacity)
{
    static const char *const kinds[ATTUNE_STACK_COUNT] = {
        "self-attention", "encoder's self-attention", "decoder's self-attention",
        "cross-attention"};
    enum attune_kv_type type = attune_context_kv_type(m->ctx);
    char kept[40] = "";

    if (type != ATTUNE_KV_F32) { /* the map is of rounded keys: say so */
        snprintf(kept, sizeof kept, ", K as kept in %s", attune_kv_type_text(type));
    }
    if (all) {
        snprintf(out, capacity, "%s, %d layers x %d heads, %s%s", m->model, m->shape.n_layers,
                 m->shape.n_heads, kinds[m->kind], kept);
    } else if (m->mix) {
        char mix[160];

        attune_mix_title(mix, sizeof mix, attune_mix_options_of(m->mix), m->shape.n_layers);
        snprintf(out, capacity, "%s, %s, %s%s", m->model, mix, kinds[m->kind], kept);
    } else {
        snprintf(out, capacity, "%s, layer %d of 0-%d, head %d of 0-%d, %s%s", m->model, m->layer,
                 m->shape.n_layers - 1, m->head, m->shape.n_heads - 1, kinds[m->kind], kept);
    }
}

void map_pooling(const struct map *m, int rows, int cols, char *out, size_t capacity)
{
    size_t high = (m->q1 - m->q0 + (size_t)rows - 1) / (size_t)rows,
           wide = (m->k1 - m->k0 + (size_t)cols - 1) / (size_t)cols;

    out[0] = '\0';
    if (high > 1 || wide > 1) {
        snprintf(out, capacity, "a cell is the most of %zu x %zu", high, wide);
    }
}

/* ---- weights ---- */

int map_open(struct map *m, struct attune_context *ctx, enum attune_stack kind,
             struct attune_error *err)
{
    int status;

    *m = (struct map){.ctx = ctx, .kind = kind, .block = {.layer = -1}};
    m->model = attune_model_info(attune_context_model(ctx))->name;
    status = attune_attention_shape(&m->shape, ctx, kind, err);
    m->q1 = m->shape.n_queries;
    m->k1 = m->shape.n_keys;
    if (status == ATTUNE_OK && (m->q1 == 0 || m->k1 == 0)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "there are no tokens to look at");
    }
    if (status == ATTUNE_OK && (fill_axis(m, &m->queries, true) != ATTUNE_OK ||
                                fill_axis(m, &m->keys, false) != ATTUNE_OK)) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    return status;
}

int map_hide_sinks(struct map *m, struct attune_error *err)
{
    size_t n;
    const attune_token *ids = attune_attention_tokens(m->ctx, m->kind, false, &n);

    m->left_out = malloc(n + 1);
    if (!m->left_out) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    attune_head_sinks(m->left_out, attune_model_tokenizer(attune_context_model(m->ctx)), ids, n);
    return ATTUNE_OK;
}

void map_done(struct map *m)
{
    map_axis_done(&m->queries);
    map_axis_done(&m->keys);
    attune_mix_free(m->mix);
    free(m->left_out);
    free(m->block.rows);
    *m = (struct map){0};
}

/* The block's rows of a mixture; all of the window are prepared at once. */
static int mix_rows(struct map *m, struct attune_error *err)
{
    int status = attune_mix_prepare(m->mix, m->q0, m->q1, m->progress, err);

    return status == ATTUNE_OK ? attune_mix_slice(m->mix, m->block.q, m->block.n, m->k0,
                                                  m->k1 - m->k0, m->block.rows, m->progress, err)
                               : status;
}

int map_row(struct map *m, int layer, int head, size_t q, const float **row,
            struct attune_error *err)
{
    struct map_block *b = &m->block;
    size_t nk = m->k1 - m->k0;
    int status;

    if (!b->rows) {
        b->rows = malloc(ROWS_AT_ONCE * nk * sizeof *b->rows);
        if (!b->rows) {
            return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        }
    }
    if (b->layer != layer || b->head != head || q < b->q || q >= b->q + b->n) {
        if (m->progress && atomic_load(&m->progress->cancel)) {
            return attune_error_set(err, ATTUNE_CANCELLED, 0, "cancelled");
        }
        b->layer = -1;
        b->q = q;
        b->n = m->q1 - q < ROWS_AT_ONCE ? m->q1 - q : ROWS_AT_ONCE;
        status = m->mix ? mix_rows(m, err)
                        : attune_attention_slice(m->ctx, m->kind, layer, head, q, b->n, m->k0, nk,
                                                 b->rows, err);
        if (status != ATTUNE_OK) {
            return status;
        }
        b->layer = layer;
        b->head = head;
    }
    *row = b->rows + (q - b->q) * nk;
    return ATTUNE_OK;
}

static int least(size_t a, int b)
{
    return a < (size_t)b ? (int)a : b;
}

int map_pool(struct map *m, int layer, int head, int most, float **cells, int *rows, int *cols,
             struct attune_head *scores, struct attune_error *err)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(attune_context_model(m->ctx));
    size_t n;
    const attune_token *ids = attune_attention_tokens(m->ctx, m->kind, false, &n);
    uint8_t *separators = malloc(n + 1);
    struct attune_head_text text = {ids, separators, m->left_out};
    struct attune_head_window w = {.kind = m->kind,
                                   .layer = layer,
                                   .head = head,
                                   .q0 = m->q0,
                                   .q1 = m->q1,
                                   .k0 = m->k0,
                                   .k1 = m->k1,
                                   .mix = m->mix};
    int status;

    w.rows = *rows = least(m->q1 - m->q0, most);
    w.cols = *cols = least(m->k1 - m->k0, most);
    *cells = malloc((size_t)w.rows * (size_t)w.cols * sizeof **cells);
    if (!*cells || !separators) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        goto out;
    }
    attune_head_separators(separators, tk, ids, n);
    status = attune_head_read(scores, *cells, m->ctx, &w, &text, m->progress, err);
out:
    free(separators);
    if (status != ATTUNE_OK) {
        free(*cells);
        *cells = NULL;
    }
    return status;
}

/* ---- files ---- */

size_t map_formats(void)
{
    return sizeof formats / sizeof *formats;
}

const struct map_ops *map_format(size_t i)
{
    return i < map_formats() ? formats[i] : NULL;
}

const struct map_ops *map_find(const char *path)
{
    const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');

    for (size_t i = 0; dot && (!slash || dot > slash) && i < map_formats(); i++) {
        if (strcmp(dot + 1, formats[i]->name) == 0) {
            return formats[i];
        }
    }
    return NULL;
}

static int refuse(const char *path, bool all, struct attune_error *err)
{
    char list[160] = "";
    size_t used = 0;

    for (size_t i = 0; i < map_formats() && used < sizeof list; i++) {
        if (all ? formats[i]->write_all != NULL : formats[i]->write != NULL) {
            used += (size_t)snprintf(list + used, sizeof list - used, " .%s", formats[i]->name);
        }
    }
    return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s: %s as one of%s", path,
                            all ? "all heads together are written" : "a map is written", list);
}

int map_write(struct map *m, const char *path, bool all, struct attune_error *err)
{
    const struct map_ops *ops = map_find(path);
    char *partial = NULL;
    FILE *f;
    int status;

    if (!ops || !(all ? ops->write_all : ops->write)) {
        return refuse(path, all, err);
    }
    partial = malloc(strlen(path) + 8);
    if (!partial) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    sprintf(partial, "%s.part", path);
    f = fopen(partial, "wb");
    if (!f) {
        status = attune_error_set(err, ATTUNE_IO, 0, "%s: %s", path, strerror(errno));
        free(partial);
        return status;
    }
    errno = 0;
    status = (all ? ops->write_all : ops->write)(m, f, err);
    if ((ferror(f) | fclose(f)) != 0 && status == ATTUNE_OK) {
        status = attune_error_set(err, ATTUNE_IO, 0, "%s: %s", path,
                                  errno ? strerror(errno) : "cannot be written");
    }
    if (status == ATTUNE_OK && rename(partial, path) != 0) {
        status = attune_error_set(err, ATTUNE_IO, 0, "%s: %s", path, strerror(errno));
    }
    if (status != ATTUNE_OK) {
        unlink(partial);
    }
    free(partial);
    return status;
}
