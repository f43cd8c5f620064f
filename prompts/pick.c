/* Which rows of a pool become shots: the first, drawn, drawn label by label, or the nearest.
 *
 * A draw orders the rows by one random number each, value `row` of the seed, so it does not depend
 * on how many are asked for: the first two of a choice of four are the choice of two. */
#include <config.h>

#include <attune/pool.h>
#include <attune/rng.h>
#include <attune/task.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

enum { STREAM = 7 }; /* of the generator; the draws of steps are stream 0 */

static const char *const names[] = {"first", "random", "balanced", "nearest"};
_Static_assert(sizeof names / sizeof *names == ATTUNE_PICK_COUNT, "a name for every way");

const char *attune_pick_text(enum attune_pick how)
{
    return names[how];
}

bool attune_pick_find(enum attune_pick *out, const char *name)
{
    for (int i = 0; i < ATTUNE_PICK_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum attune_pick)i;
            return true;
        }
    }
    return false;
}

/* A row and what it is ordered by: the round it comes in, then the group, then the key. */
struct ranked {
    const char *label;
    size_t row, round, group;
    double key;
};

static int by_rank(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->round != y->round) {
        return x->round < y->round ? -1 : 1;
    }
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->row < y->row ? -1 : x->row > y->row;
}

static int by_label(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int order = strcmp(x->label, y->label);

    return order ? order : x->row < y->row ? -1 : x->row > y->row;
}

static void draw(struct ranked *ranked, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        ranked[i].key = attune_rng_uniform_stream(seed, ranked[i].row, STREAM);
    }
    qsort(ranked, n, sizeof *ranked, by_rank);
}

/* Every label's rows in drawn order; then the first of each label, the second of each, and so on.
 */
static void balance(struct ranked *ranked, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) { /* a group is named by the first row that has its label */
        ranked[i].group = ranked[i].row;
    }
    qsort(ranked, n, sizeof *ranked, by_label);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(ranked[i].label, ranked[i - 1].label) == 0) {
            ranked[i].group = ranked[i - 1].group;
        }
    }
    draw(ranked, n, seed);
    for (size_t i = 1; i < n; i++) {
        ranked[i].round = ranked[i].group == ranked[i - 1].group ? ranked[i - 1].round + 1 : 0;
    }
    qsort(ranked, n, sizeof *ranked, by_rank);
}

/* The pooled vector of a text: [width]. */
static int embed(float *out, struct attune_context *ctx, const char *text,
                 struct attune_progress *progress, struct attune_error *err)
{
    struct attune_task_text given = {.text = text, .len = strlen(text)};
    struct attune_task_tokens read = {0};
    int status = attune_task_read(&read, attune_context_model(ctx), &given, err);

    if (status == ATTUNE_OK) {
        status = attune_task_sync(ctx, &read, progress, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_task_pool(out, ctx, &read, ATTUNE_POOL_MEAN, err);
    }
    attune_task_tokens_done(&read);
    return status;
}

static int embed_row(float *out, struct attune_context *ctx, const struct attune_pool *pool,
                     size_t row, struct attune_progress *progress, struct attune_error *err)
{
    int status = embed(out, ctx, pool->rows[row].input, progress, err);
    char place[64];

    if (status != ATTUNE_OK && status != ATTUNE_CANCELLED) {
        snprintf(place, sizeof place, "line %zu", pool->rows[row].line);
        attune_error_prefix(err, place);
    }
    return status;
}

/* The key becomes minus the cosine: a smaller one is nearer. */
static int measure(struct ranked *ranked, const struct attune_pool *pool,
                   const struct attune_pick_options *options, struct attune_progress *progress,
                   struct attune_error *err)
{
    struct attune_context_options wanted = {.n_threads = options->n_threads};
    struct attune_context *ctx = NULL;
    float *vectors = NULL; /* [2, width] the query's, a row's */
    size_t width = 0;
    int status;

    if (!options->encoder || attune_model_info(options->encoder)->kind != ATTUNE_ENCODER) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the nearest shots want an encoder to measure with");
    }
    if (!options->query || !options->query[0]) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the nearest shots want a query to be near to: write it first");
    }
    status = attune_context_new(&ctx, options->encoder, &wanted, err);
    if (status == ATTUNE_OK) {
        width = (size_t)attune_task_pool_width(ctx, ATTUNE_POOL_MEAN);
        vectors = calloc(2 * width + 1, sizeof *vectors);
        status = vectors ? embed(vectors, ctx, options->query, progress, err) : text_no_memory(err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < pool->n; i++) {
        double cosine;

        status = embed_row(vectors + width, ctx, pool, i, progress, err);
        cosine = attune_task_cosine(vectors, vectors + width, width);
        ranked[i].key = isnan(cosine) ? 2 : -cosine;
    }
    free(vectors);
    attune_context_free(ctx);
    return status;
}

static int order(struct ranked *ranked, const struct attune_pool *pool,
                 const struct attune_pick_options *options, struct attune_progress *progress,
                 struct attune_error *err)
{
    int status = ATTUNE_OK;

    switch (options->how) {
    case ATTUNE_PICK_RANDOM: draw(ranked, pool->n, options->seed); break;
    case ATTUNE_PICK_BALANCED: balance(ranked, pool->n, options->seed); break;
    case ATTUNE_PICK_NEAREST:
        status = measure(ranked, pool, options, progress, err);
        qsort(ranked, pool->n, sizeof *ranked, by_rank);
        break;
    default: break;
    }
    return status;
}

int attune_pool_pick(size_t *rows, double *near, size_t *n, const struct attune_pool *pool,
                     const struct attune_pick_options *options, struct attune_progress *progress,
                     struct attune_error *err)
{
    size_t count = options->count < 0 ? pool->n : (size_t)options->count;
    struct ranked *ranked;
    int status;

    *n = 0;
    if (count > pool->n) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "%.120s: has %zu shots, %zu were asked for%s", pool->path, pool->n,
                                count, pool->n_broken ? " (broken lines are left out)" : "");
    }
    ranked = calloc(pool->n + 1, sizeof *ranked);
    if (!ranked) {
        return text_no_memory(err);
    }
    for (size_t i = 0; i < pool->n; i++) {
        ranked[i].row = i;
        ranked[i].label = pool->rows[i].output;
    }
    status = order(ranked, pool, options, progress, err);
    for (size_t i = 0; status == ATTUNE_OK && i < count; i++) {
        size_t from = options->how == ATTUNE_PICK_NEAREST ? count - 1 - i : i;

        rows[i] = ranked[from].row;
        if (near) {
            near[i] = options->how == ATTUNE_PICK_NEAREST ? -ranked[from].key : 0;
        }
    }
    *n = status == ATTUNE_OK ? count : 0;
    free(ranked);
    return status;
}

/* {"file": ..., "pick": ..., "seed": ..., "encoder": ..., "of": 16, "rows": [3, 1], "lines": [4,
 * 2], "near": [0.91, 0.95], "broken": [7]}; rows count from 0, lines from 1. */
static json_t *describe(const struct attune_pool *pool, const struct attune_pick_options *options,
                        const size_t *rows, const double *near, size_t n)
{
    bool drawn = options->how == ATTUNE_PICK_RANDOM || options->how == ATTUNE_PICK_BALANCED,
         nearest = options->how == ATTUNE_PICK_NEAREST;
    json_t *object = json_object(), *list = json_array(), *lines = json_array(),
           *cosines = json_array(), *broken = json_array();

    json_object_set_new(object, "file", json_of_bytes(pool->name, strlen(pool->name)));
    json_object_set_new(object, "pick", json_string(attune_pick_text(options->how)));
    if (drawn) {
        json_object_set_new(object, "seed", json_of_u64(options->seed));
    }
    if (nearest) {
        json_object_set_new(object, "encoder",
                            json_string(attune_model_info(options->encoder)->name));
    }
    json_object_set_new(object, "of", json_integer((json_int_t)pool->n));
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_integer((json_int_t)rows[i]));
        json_array_append_new(lines, json_integer((json_int_t)pool->rows[rows[i]].line));
        json_array_append_new(cosines, json_of_real(near[i]));
    }
    for (size_t i = 0; i < pool->n_broken; i++) {
        json_array_append_new(broken, json_integer((json_int_t)pool->broken[i].line));
    }
    json_object_set_new(object, "rows", list);
    json_object_set_new(object, "lines", lines);
    if (nearest) {
        json_object_set(object, "near", cosines);
    }
    if (pool->n_broken) {
        json_object_set(object, "broken", broken);
    }
    json_decref(cosines);
    json_decref(broken);
    return object;
}

static int put_in(struct attune_prompt *prompt, const struct attune_pool *pool, const size_t *rows,
                  size_t n, struct attune_error *err)
{
    size_t before = prompt->n;
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        status = attune_prompt_add_shot(prompt, prompt->n - 1, pool->rows[rows[i]].input,
                                        pool->rows[rows[i]].output, err);
    }
    while (status != ATTUNE_OK && prompt->n > before) {
        attune_prompt_remove_shot(prompt, prompt->n - 2);
    }
    return status;
}

int attune_prompt_pick_shots(struct attune_prompt *prompt, const struct attune_pool *pool,
                             const struct attune_pick_options *options,
                             struct attune_progress *progress, struct attune_error *err)
{
    size_t *rows = calloc(pool->n + 1, sizeof *rows), n = 0;
    double *near = calloc(pool->n + 1, sizeof *near);
    char *json = NULL;
    int status = rows && near ? attune_pool_pick(rows, near, &n, pool, options, progress, err)
                              : text_no_memory(err);

    if (status == ATTUNE_OK) {
        status = json_write(&json, NULL, describe(pool, options, rows, near, n), err);
    }
    if (status == ATTUNE_OK) {
        status = put_in(prompt, pool, rows, n, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_note(prompt, "shots", json, err);
    }
    free(json);
    free(near);
    free(rows);
    return status;
}
