/* Vectors of texts, of words and of layers, and the angle between two. */
#include <config.h>

#include "engine/task.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/unicode.h"

const char *attune_pooling_text(enum attune_pooling pooling)
{
    static const char *const texts[] = {"default", "pooler", "cls", "mean", "max"};

    _Static_assert(sizeof texts / sizeof *texts == ATTUNE_POOL_COUNT, "a text for every pooling");
    return pooling >= 0 && pooling < ATTUNE_POOL_COUNT ? texts[pooling] : "unknown";
}

/* The encoder, or the only stack there is. */
static enum attune_stack source(const struct attune_context *ctx)
{
    return attune_context_states_width(ctx, ATTUNE_STACK_ENCODER) > 0 ? ATTUNE_STACK_ENCODER
                                                                      : ATTUNE_STACK_SELF;
}

static enum attune_pooling resolve(const struct attune_context *ctx, enum attune_pooling pooling)
{
    bool pooler = attune_model_output(attune_context_model(ctx), ATTUNE_OUTPUT_POOLED).there;

    return pooling != ATTUNE_POOL_DEFAULT ? pooling
           : pooler                       ? ATTUNE_POOL_POOLER
                                          : ATTUNE_POOL_MEAN;
}

int attune_task_width(const struct attune_context *ctx)
{
    return attune_context_states_width(ctx, source(ctx));
}

int attune_task_pool_width(const struct attune_context *ctx, enum attune_pooling pooling)
{
    return resolve(ctx, pooling) == ATTUNE_POOL_POOLER
               ? attune_model_output(attune_context_model(ctx), ATTUNE_OUTPUT_POOLED).width
               : attune_task_width(ctx);
}

/* One row from those of states [n, width] that are no padding. */
static void pool_rows(float *out, const float *states, size_t width,
                      const struct attune_task_tokens *tokens, enum attune_pooling pooling)
{
    for (size_t j = 0; j < width; j++) {
        double sum = 0, max = -INFINITY, count = 0;

        for (size_t i = 0; i < tokens->tokens.n; i++) {
            double x = (double)states[i * width + j];

            if (!tokens->mask || tokens->mask[i]) {
                sum += x;
                max = x > max ? x : max;
                count++;
            }
        }
        out[j] = (float)(pooling == ATTUNE_POOL_MAX ? max : sum / count);
    }
}

int attune_task_pool(float *out, struct attune_context *ctx,
                     const struct attune_task_tokens *tokens, enum attune_pooling pooling,
                     struct attune_error *err)
{
    size_t n = tokens->tokens.n, width = (size_t)attune_task_width(ctx);
    float *states;
    int status;

    pooling = resolve(ctx, pooling);
    if (pooling == ATTUNE_POOL_POOLER) {
        return attune_context_output(ctx, ATTUNE_OUTPUT_POOLED, 0, 1, out, err);
    }
    if (pooling == ATTUNE_POOL_FIRST) {
        return attune_context_states(ctx, source(ctx), 0, 1, out, err);
    }
    states = calloc(n * width + 1, sizeof *states);
    status = states ? attune_context_states(ctx, source(ctx), 0, n, states, err)
                    : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    if (status == ATTUNE_OK) {
        pool_rows(out, states, width, tokens, pooling);
    }
    free(states);
    return status;
}

/* ---- words ---- */
static bool is_same(const char *a, const char *b, size_t len, bool fold)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];

        if (x != y && !(fold && tolower(x) == tolower(y))) {
            return false;
        }
    }
    return true;
}

/* Does a word go on across byte `at`? */
static bool joins(const char *text, size_t len, size_t at)
{
    size_t before = at;
    uint32_t a, b;

    if (at == 0 || at >= len) {
        return false;
    }
    do {
        before--;
    } while (before > 0 && (text[before] & 0xc0) == 0x80);
    return unicode_decode(text + before, at - before, &a) > 0 &&
           unicode_decode(text + at, len - at, &b) > 0 && unicode_is_word(a) && unicode_is_word(b);
}

/* Byte of the nth occurrence; false: there are fewer. */
static bool find(const char *text, size_t len, const char *word, size_t word_len, size_t nth,
                 bool fold, bool whole, size_t *at)
{
    for (size_t i = 0; i + word_len <= len; i++) {
        bool here = is_same(text + i, word, word_len, fold) &&
                    (!whole || (!joins(text, len, i) && !joins(text, len, i + word_len)));

        if (here && nth-- == 0) {
            *at = i;
            return true;
        }
    }
    return false;
}

/* The tokens of part that cover any of bytes from..to. */
static size_t cover(const struct attune_task_tokens *tokens, enum attune_task_part part,
                    size_t from, size_t to, size_t *first)
{
    size_t n = 0;

    for (size_t i = 0; i < tokens->tokens.n; i++) {
        if (tokens->parts[i] == part && tokens->tokens.start[i] < to &&
            tokens->tokens.end[i] > from) {
            *first = n == 0 ? i : *first;
            n = i - *first + 1;
        }
    }
    return n;
}

int attune_task_word(size_t *first, size_t *n, const struct attune_task_tokens *tokens,
                     const struct attune_task_text *text, const char *word, size_t nth,
                     struct attune_error *err)
{
    const struct {
        const char *text;
        size_t len;
    } texts[] = {{text->text, text->len}, {text->pair, text->pair ? text->pair_len : 0}};
    size_t len = strlen(word), at = 0;

    for (int way = 0; way < 4 && len > 0; way++) { /* whole words as written come first */
        for (int part = 0; part < 2; part++) {
            if (texts[part].text && find(texts[part].text, texts[part].len, word, len, nth,
                                         (way & 1) != 0, way < 2, &at)) {
                *n = cover(tokens, (enum attune_task_part)part, at, at + len, first);
                if (*n > 0) {
                    return ATTUNE_OK;
                }
            }
        }
    }
    return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "\"%.60s\" does not stand in \"%.100s\"%s",
                            word, text->text, nth > 0 ? " so often" : "");
}

int attune_task_vector(float *out, struct attune_context *ctx, int layer, size_t first, size_t n,
                       struct attune_error *err)
{
    size_t width = layer < 0 ? (size_t)attune_task_width(ctx)
                             : (size_t)attune_model_info(attune_context_model(ctx))->d_model;
    float *rows = calloc(n * width + 1, sizeof *rows);
    int status = !rows       ? attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory")
                 : layer < 0 ? attune_context_states(ctx, source(ctx), first, n, rows, err)
                             : attune_context_hidden(ctx, source(ctx), layer, first, n, rows, err);

    for (size_t j = 0; j < width && status == ATTUNE_OK; j++) {
        double sum = 0;

        for (size_t i = 0; i < n; i++) {
            sum += (double)rows[i * width + j];
        }
        out[j] = (float)(sum / (double)n);
    }
    free(rows);
    return status;
}

double attune_task_cosine(const float *a, const float *b, size_t n)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}
