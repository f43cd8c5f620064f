/* The attention explorer's work behind a key: every head of a text small and scored, one head's map
 * pooled to a screen, one row of it.
 *
 *   tests/bench/heads_bench [MODEL [TOKENS]]     else the bundled decoder, up to its context */
#include <config.h>

#include "bench.h"

#include <attune/heads.h>
#include <attune/library.h>
#include <stdio.h>
#include <stdlib.h>

enum { SMALL = 48, ROWS = 72, COLS = 110, ROUNDS = 5 };

static void end(const struct attune_error *err)
{
    fprintf(stderr, "heads_bench: %s\n", err->text);
    exit(1);
}

static int least(size_t a, int b)
{
    return a < (size_t)b ? (int)a : b;
}

static double all_heads(struct attune_context *ctx, const struct attune_attention_shape *shape,
                        const struct attune_head_text *text)
{
    static float cells[SMALL * SMALL];
    double start = bench_wall();

    for (int i = 0; i < shape->n_layers * shape->n_heads; i++) {
        const struct attune_head_window w = {.layer = i / shape->n_heads,
                                             .head = i % shape->n_heads,
                                             .q1 = shape->n_queries,
                                             .k1 = shape->n_keys,
                                             .rows = least(shape->n_queries, SMALL),
                                             .cols = least(shape->n_keys, SMALL)};
        struct attune_head head;

        attune_head_read(&head, cells, ctx, &w, text, NULL, NULL);
        bench_sink = head.scores[0];
    }
    return (bench_wall() - start) * 1e3;
}

static double one_map(struct attune_context *ctx, size_t n)
{
    static float cells[ROWS * COLS];
    const struct attune_head_window w = {
        .q1 = n, .k1 = n, .rows = least(n, ROWS), .cols = least(n, COLS)};
    double start = bench_wall();

    attune_head_read(NULL, cells, ctx, &w, NULL, NULL, NULL);
    bench_sink = (double)cells[0];
    return (bench_wall() - start) * 1e3;
}

static double one_row(struct attune_context *ctx, size_t n, float *row)
{
    double start = bench_wall();

    attune_attention_slice(ctx, ATTUNE_STACK_SELF, 0, 0, n - 1, 1, 0, n, row, NULL);
    bench_sink = (double)row[0];
    return (bench_wall() - start) * 1e3;
}

static void measure(struct attune_context *ctx, attune_token *ids, size_t n)
{
    double grid[ROUNDS], map[ROUNDS], row[ROUNDS];
    float *weights = bench_floats(n);
    const struct attune_head_text text = {ids, NULL, NULL};
    struct attune_attention_shape shape;
    struct attune_error err;

    attune_context_truncate(ctx, 0);
    if (attune_context_append(ctx, ids, n, NULL, &err) != ATTUNE_OK ||
        attune_attention_shape(&shape, ctx, ATTUNE_STACK_SELF, &err) != ATTUNE_OK) {
        end(&err);
    }
    for (int i = 0; i < ROUNDS; i++) {
        grid[i] = all_heads(ctx, &shape, &text);
        map[i] = one_map(ctx, n);
        row[i] = one_row(ctx, n, weights);
    }
    printf("%5zu tokens  %2d x %2d heads small and scored %9.2f ms   one map %8.3f ms   one row "
           "%.4f ms\n",
           n, shape.n_layers, shape.n_heads, bench_median(grid, ROUNDS), bench_median(map, ROUNDS),
           bench_median(row, ROUNDS));
    free(weights);
}

int main(int argc, char **argv)
{
    struct attune_context_options options = {0};
    struct attune_model *model;
    struct attune_context *ctx;
    struct attune_error err;
    char *found = NULL;
    size_t capacity, most;
    attune_token *ids;

    if (argc < 2 && attune_library_find(&found, "models", "tiny-decoder", &err) != ATTUNE_OK) {
        end(&err);
    }
    if (attune_model_open(&model, argc > 1 ? argv[1] : found, NULL, NULL, &err) != ATTUNE_OK ||
        attune_context_new(&ctx, model, &options, &err) != ATTUNE_OK) {
        end(&err);
    }
    capacity = attune_context_capacity(ctx);
    ids = malloc((capacity + 1) * sizeof *ids);
    for (size_t i = 0; ids && i < capacity; i++) {
        ids[i] = (attune_token)((i * i * 31 + i * 7) % (size_t)attune_model_info(model)->n_vocab);
    }
    most = argc > 2 ? strtoul(argv[2], NULL, 10) : capacity;
    for (size_t n = 200; ids && n <= capacity && n <= most; n = n == 200 ? 512 : 2 * n) {
        measure(ctx, ids, n);
    }
    free(ids);
    free(found);
    attune_context_free(ctx);
    attune_model_close(model);
    return 0;
}
