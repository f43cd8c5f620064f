/* Scores of heads against a naive twin in double, over whole maps; windows against the map they
 * pool; patterns by hand. */
#include <config.h>

#include <attune/heads.h>

#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

static const char *const names[] = {"gguf/gpt2-f32", "hf/llama-gqa-tied", "gguf/bloom-6h-f32",
                                    "hf/bert-model", "hf/t5-relu-tied"};
enum { N_NAMES = sizeof names / sizeof *names, T = 90 };

static void *new_block(size_t bytes)
{
    void *block = calloc(1, bytes + 1);

    assert_non_null(block);
    return block;
}

/* A model on T tokens, every fourth of them a copy of an earlier one. False: not there, or not yet
 * open. */
static bool evaluate(struct golden *g, struct attune_context **ctx, const char *name)
{
    struct attune_context_options options = {.n_threads = 2};
    struct attune_input input = {.ids = g->ids, .n = T};
    struct attune_error err = {0};

    if (!golden_open(g, name)) {
        return false;
    }
    golden_random_ids(g->ids, T, g, 3);
    for (size_t i = 8; i < T; i += 4) {
        g->ids[i] = g->ids[i / 2];
        g->ids[i + 1 < T ? i + 1 : i] = g->ids[i / 2 + 1];
    }
    if (attune_context_new(ctx, g->model, &options, &err) != ATTUNE_OK ||
        attune_context_sync(*ctx, &input, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    return true;
}

/* The text of each score in heads.h once more, straight from the map. */
static void measure(double out[ATTUNE_HEAD_SCORE_COUNT], const float *map, size_t n, bool causal,
                    const attune_token *ids, const uint8_t *separators)
{
    double sum[ATTUNE_HEAD_SCORE_COUNT] = {0}, count[ATTUNE_HEAD_SCORE_COUNT] = {0};

    for (size_t q = 0; q < n; q++) {
        const float *w = map + q * n;
        size_t seen = causal ? q + 1 : n;
        double bits = 0, far = 0, near = 0, followed = 0, copied = 0, parted = 0;
        bool has_copy = false, has_followed = false, has_separator = false, sees_far = false;

        for (size_t k = 0; k < seen; k++) {
            double x = (double)w[k], distance = fabs((double)q - (double)k);

            bits -= x > 0 ? x * log2(x) : 0;
            far += x * distance;
            near += distance <= 4 ? x : 0;
            sees_far |= distance > 4;
            if (k + 1 < q && ids[k] == ids[q]) {
                has_copy = true;
                copied += x;
            }
            if (k > 0 && k + 1 < q && ids[k - 1] == ids[q]) {
                has_followed = true;
                followed += x;
            }
            if (separators[k]) {
                has_separator = true;
                parted += x;
            }
        }
#define TELL(name, when, value)                                                                    \
    if (when) {                                                                                    \
        sum[ATTUNE_HEAD_##name] += value;                                                          \
        count[ATTUNE_HEAD_##name]++;                                                               \
    }
        TELL(ENTROPY, true, bits)
        TELL(EVENNESS, seen > 1, bits / log2((double)seen))
        TELL(DISTANCE, true, far)
        TELL(FIRST, q > 0, (double)w[0])
        TELL(SELF, seen > 1, (double)w[q])
        TELL(PREVIOUS, q > 0, (double)w[q - 1])
        TELL(NEXT, !causal && q + 1 < n, (double)w[q + 1])
        TELL(NEAR, sees_far, near)
        TELL(INDUCTION, has_followed, followed)
        TELL(DUPLICATE, has_copy, copied)
        TELL(SEPARATOR, has_separator, parted)
#undef TELL
    }
    for (int i = 0; i < ATTUNE_HEAD_SCORE_COUNT; i++) {
        out[i] = count[i] > 0 ? sum[i] / count[i] : (double)NAN;
    }
}

static void scores_equal_a_naive_twin(void **state)
{
    float *map = new_block(T * T * sizeof *map);
    uint8_t separators[T] = {0};

    for (size_t i = 5; i < T; i += 7) {
        separators[i] = 1;
    }
    for (int i = 0; i < N_NAMES; i++) {
        struct golden g;
        struct attune_context *ctx;
        struct attune_attention_shape shape;
        enum attune_stack kind;

        if (!evaluate(&g, &ctx, names[i])) {
            continue;
        }
        kind = attune_model_info(g.model)->kind == ATTUNE_SEQ2SEQ ? ATTUNE_STACK_ENCODER
                                                                  : ATTUNE_STACK_SELF;
        assert_int_equal(attune_attention_shape(&shape, ctx, kind, NULL), ATTUNE_OK);
        for (int at = 0; at < shape.n_layers * shape.n_heads; at++) {
            struct attune_head_window w = {
                .kind = kind, .layer = at / shape.n_heads, .head = at % shape.n_heads};
            struct attune_head_text text = {g.ids, separators, NULL};
            double expected[ATTUNE_HEAD_SCORE_COUNT];
            struct attune_head head;

            assert_int_equal(
                attune_attention_slice(ctx, kind, w.layer, w.head, 0, T, 0, T, map, NULL),
                ATTUNE_OK);
            measure(expected, map, T, attune_attention_is_causal(g.model, kind), g.ids, separators);
            assert_int_equal(attune_head_read(&head, NULL, ctx, &w, &text, NULL, NULL), ATTUNE_OK);
            for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
                double difference = fabs(head.scores[s] - expected[s]);

                if (isnan(head.scores[s]) != isnan(expected[s]) ||
                    (!isnan(expected[s]) && difference > 2e-6 * fmax(1, expected[s]))) {
                    fail_msg("%s, layer %d, head %d: %s is %.9g, should be %.9g", names[i], w.layer,
                             w.head, attune_head_score_text((enum attune_head_score)s),
                             head.scores[s], expected[s]);
                }
            }
            assert_true(head.queries[ATTUNE_HEAD_INDUCTION] > 3);
        }
        attune_context_free(ctx);
        golden_close(&g);
    }
    free(map);
}

/* Every weight of a window is in one cell, no cell holds more than it covers, and what is left out
 * or masked shows nowhere. */
static void windows_keep_every_peak(void **state)
{
    static const struct attune_head_window windows[] = {
        {.q1 = T, .k1 = T, .rows = T, .cols = T},
        {.q1 = T, .k1 = T, .rows = 9, .cols = 7},
        {.q0 = 30, .q1 = 77, .k0 = 20, .k1 = 61, .rows = 13, .cols = 41},
        {.q0 = 3, .q1 = 4, .k1 = T, .rows = 1, .cols = 1}};
    float *map = new_block(T * T * sizeof *map), *cells = new_block(T * T * sizeof *cells),
          *expected = new_block(T * T * sizeof *expected);
    uint8_t left_out[T] = {1, [11] = 1};
    struct golden g;
    struct attune_context *ctx;

    assert_true(evaluate(&g, &ctx, "gguf/gpt2-f32"));
    assert_int_equal(attune_attention_slice(ctx, ATTUNE_STACK_SELF, 1, 2, 0, T, 0, T, map, NULL),
                     ATTUNE_OK);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        struct attune_head_window w = windows[i];
        struct attune_head_text text = {NULL, NULL, i % 2 ? left_out : NULL};
        size_t n = (size_t)w.rows * (size_t)w.cols;
        struct attune_head head;

        w.layer = 1;
        w.head = 2;
        for (size_t c = 0; c < n; c++) {
            expected[c] = NAN;
        }
        for (size_t q = w.q0; q < w.q1; q++) {
            for (size_t k = w.k0; k < w.k1 && k <= q; k++) {
                float *cell =
                    &expected[(q - w.q0) * (size_t)w.rows / (w.q1 - w.q0) * (size_t)w.cols +
                              (k - w.k0) * (size_t)w.cols / (w.k1 - w.k0)];

                if (!(text.left_out && left_out[k])) {
                    *cell = *cell >= map[q * T + k] ? *cell : map[q * T + k];
                }
            }
        }
        for (int with_scores = 0; with_scores < 2; with_scores++) {
            memset(cells, 0, n * sizeof *cells);
            assert_int_equal(
                attune_head_read(with_scores ? &head : NULL, cells, ctx, &w, &text, NULL, NULL),
                ATTUNE_OK);
            for (size_t c = 0; c < n; c++) {
                assert_true(isnan(expected[c]) ? isnan(cells[c]) : cells[c] == expected[c]);
            }
        }
    }
    attune_context_free(ctx);
    golden_close(&g);
    free(map);
    free(cells);
    free(expected);
}

/* What the screen draws comes through attune_head_read: a window of one token a cell is the
 * reference's map of each kind, and what is masked there is 0 or not shown. */
static void windows_of_every_kind_meet_the_references(void **state)
{
    static const char *const tensors[ATTUNE_STACK_COUNT] = {
        "attentions", "encoder_attentions", "decoder_attentions", "cross_attentions"};
    int seen[ATTUNE_STACK_COUNT] = {0};

    for (const char *const *name = golden_stacks; *name; name++) {
        struct golden g;
        struct golden_input in;
        struct attune_context_options options = {.n_threads = 1};
        struct attune_context *ctx;

        if (strncmp(*name, "hf/", 3) != 0 || !golden_open(&g, *name)) {
            continue;
        }
        assert_true(golden_input(&in, &g, ""));
        assert_int_equal(attune_context_new(&ctx, g.model, &options, NULL), ATTUNE_OK);
        assert_int_equal(attune_context_sync(ctx, &in.input, NULL, NULL), ATTUNE_OK);
        for (int kind = 0; kind < ATTUNE_STACK_COUNT; kind++) {
            const struct attune_tensor *t = attune_tensors_find(g.file, tensors[kind]);
            struct attune_attention_shape shape;
            size_t map;
            float *cells;

            if (!t || attune_attention_shape(&shape, ctx, (enum attune_stack)kind, NULL) != 0) {
                continue;
            }
            map = shape.n_queries * shape.n_keys;
            assert_int_equal(t->n_bytes, (size_t)(shape.n_layers * shape.n_heads) * map * 4);
            cells = new_block(map * sizeof *cells);
            for (int i = 0; i < shape.n_layers * shape.n_heads; i++) {
                const struct attune_head_window w = {(enum attune_stack)kind,
                                                     i / shape.n_heads,
                                                     i % shape.n_heads,
                                                     0,
                                                     shape.n_queries,
                                                     0,
                                                     shape.n_keys,
                                                     (int)shape.n_queries,
                                                     (int)shape.n_keys,
                                                     NULL};
                const float *expected = (const float *)t->data + (size_t)i * map;

                assert_int_equal(attune_head_read(NULL, cells, ctx, &w, NULL, NULL, NULL),
                                 ATTUNE_OK);
                for (size_t k = 0; k < map; k++) {
                    float got = isnan(cells[k]) ? 0 : cells[k];
                    if (!(fabsf(got - expected[k]) <= 5e-5f)) {
                        fail_msg("%s, %s, head %d of all, weight %zu: %.7g, should be %.7g", *name,
                                 tensors[kind], i, k, (double)got, (double)expected[k]);
                    }
                }
            }
            free(cells);
            seen[kind]++;
        }
        attune_context_free(ctx);
        golden_close(&g);
    }
    assert_true(!seen[ATTUNE_STACK_CROSS] == !seen[ATTUNE_STACK_ENCODER]);
}

static void patterns_by_hand(void **state)
{
    static const struct {
        double first, self, previous, induction, near, evenness;
        size_t copies;
        enum attune_head_pattern pattern;
    } cases[] = {
        {.first = 0.9, .pattern = ATTUNE_PATTERN_FIRST},
        {.first = 0.49, .pattern = ATTUNE_PATTERN_MIXED},
        {.first = 0.6, .self = 0.7, .pattern = ATTUNE_PATTERN_SELF},
        {.previous = 0.4, .near = 0.99, .pattern = ATTUNE_PATTERN_PREVIOUS},
        {.previous = 0.39, .near = 0.99, .evenness = 0.9, .pattern = ATTUNE_PATTERN_LOCAL},
        {.first = 0.8, .induction = 0.31, .copies = 3, .pattern = ATTUNE_PATTERN_INDUCTION},
        {.first = 0.8, .induction = 0.9, .copies = 2, .pattern = ATTUNE_PATTERN_FIRST},
        {.evenness = 0.86, .pattern = ATTUNE_PATTERN_BROAD},
    };
    struct attune_head head;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
            head.scores[s] = 0;
            head.queries[s] = 20;
        }
        head.scores[ATTUNE_HEAD_FIRST] = cases[i].first;
        head.scores[ATTUNE_HEAD_SELF] = cases[i].self;
        head.scores[ATTUNE_HEAD_PREVIOUS] = cases[i].previous;
        head.scores[ATTUNE_HEAD_INDUCTION] = cases[i].induction;
        head.queries[ATTUNE_HEAD_INDUCTION] = cases[i].copies;
        head.scores[ATTUNE_HEAD_NEAR] = cases[i].near;
        head.scores[ATTUNE_HEAD_EVENNESS] = cases[i].evenness;
        assert_string_equal(attune_head_pattern_text(attune_head_fit(&head)),
                            attune_head_pattern_text(cases[i].pattern));
    }
    for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
        head.scores[s] = NAN;
        head.queries[s] = 0;
    }
    assert_int_equal(attune_head_fit(&head), ATTUNE_PATTERN_MIXED);
}

static void tables_are_whole(void **state)
{
    for (int i = 0; i < ATTUNE_HEAD_SCORE_COUNT; i++) {
        assert_true(strlen(attune_head_score_text((enum attune_head_score)i)) > 2);
        assert_true(strlen(attune_head_score_help((enum attune_head_score)i)) > 10);
        assert_non_null(attune_head_score_unit((enum attune_head_score)i));
    }
    assert_string_equal(attune_head_score_text(ATTUNE_HEAD_SCORE_COUNT), "");
    for (int i = 0; i < ATTUNE_PATTERN_COUNT; i++) {
        double least;

        assert_true(strlen(attune_head_pattern_text((enum attune_head_pattern)i)) > 2);
        assert_true(attune_head_pattern_score((enum attune_head_pattern)i, &least) <
                    ATTUNE_HEAD_SCORE_COUNT);
        assert_true(least >= 0 && least < 1);
    }
    assert_string_equal(attune_head_pattern_text(ATTUNE_PATTERN_COUNT), "");
}

static void separators_are_marks_and_specials(void **state)
{
    struct attune_tokens tokens = {0};
    struct attune_tokenize_options options = {.add_special = true};
    const char text[] = "Yes, it is.\nOr a b";
    uint8_t found[64];
    struct golden g;
    size_t n = 0;

    assert_true(golden_open(&g, "gguf/llama-f32"));
    assert_int_equal(attune_tokenize(&tokens, attune_model_tokenizer(g.model), text, strlen(text),
                                     &options, NULL),
                     ATTUNE_OK);
    assert_true(tokens.n > 4 && tokens.n <= 64);
    attune_head_separators(found, attune_model_tokenizer(g.model), tokens.ids, tokens.n);
    for (size_t i = 0; i < tokens.n; i++) {
        bool marks = tokens.end[i] > tokens.start[i];

        for (size_t at = tokens.start[i]; at < tokens.end[i]; at++) {
            marks = marks && strchr(",.\n", text[at]);
        }
        assert_int_equal(found[i], marks);
        n += found[i];
    }
    assert_true(n >= 2 && !found[0]);
    attune_head_separators(found, NULL, tokens.ids, tokens.n);
    for (size_t i = 0; i < tokens.n; i++) {
        assert_int_equal(found[i], 0);
    }
    attune_tokens_done(&tokens);
    golden_close(&g);
}

/* The most that lives at one time during a call is a few rows and one number a token. */
static void no_square_of_the_length(void **state)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    enum { N = 400 };
    struct golden g;
    struct attune_context_options options = {.n_threads = 1, .n_context = N};
    struct attune_context *ctx;
    attune_token *ids = new_block(N * sizeof *ids);
    struct attune_head_window w = {.q1 = N, .k1 = N, .rows = 8, .cols = 8};
    struct attune_head_text text = {ids, NULL, NULL};
    struct attune_head head;
    float cells[64];
    struct mallinfo2 before, after;

    assert_true(golden_open(&g, "gguf/llama-f32"));
    golden_random_ids(ids, N, &g, 1);
    if (attune_context_new(&ctx, g.model, &options, NULL) == ATTUNE_OK &&
        attune_context_append(ctx, ids, N, NULL, NULL) == ATTUNE_OK) {
        assert_int_equal(attune_head_read(&head, cells, ctx, &w, &text, NULL, NULL), ATTUNE_OK);
        before = mallinfo2();
        assert_int_equal(attune_head_read(&head, cells, ctx, &w, &text, NULL, NULL), ATTUNE_OK);
        after = mallinfo2();
        assert_true(after.arena + after.hblkhd <=
                    before.arena + before.hblkhd + 64 * N * sizeof(float) + 16 * N);
        assert_int_equal(after.uordblks, before.uordblks);
    }
    attune_context_free(ctx);
    golden_close(&g);
    free(ids);
#endif
}

static void what_is_not_there_is_refused(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    struct attune_error err = {0};
    struct attune_progress progress = {0};
    struct attune_head head;
    float cells[4];
    struct attune_head_window w = {.q1 = T, .k1 = T, .rows = 2, .cols = 2};

    assert_true(evaluate(&g, &ctx, "gguf/gpt2-f32"));
    assert_int_equal(attune_head_read(&head, cells, ctx, &w, NULL, NULL, &err), ATTUNE_OK);
    w.q1 = T + 1;
    assert_int_equal(attune_head_read(NULL, cells, ctx, &w, NULL, NULL, &err), ATTUNE_ARGUMENT);
    w.q1 = 1;
    assert_int_equal(attune_head_read(NULL, cells, ctx, &w, NULL, NULL, &err), ATTUNE_ARGUMENT);
    w.q1 = T;
    w.kind = ATTUNE_STACK_CROSS;
    assert_int_equal(attune_head_read(&head, cells, ctx, &w, NULL, NULL, &err), ATTUNE_ARGUMENT);
    w.kind = ATTUNE_STACK_SELF;
    w.layer = 99;
    assert_int_equal(attune_head_read(&head, NULL, ctx, &w, NULL, NULL, &err), ATTUNE_ARGUMENT);
    w.layer = 0;
    atomic_store(&progress.cancel, 1);
    assert_int_equal(attune_head_read(&head, NULL, ctx, &w, NULL, &progress, &err),
                     ATTUNE_CANCELLED);
    attune_context_free(ctx);
    golden_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_equal_a_naive_twin),
        cmocka_unit_test(windows_keep_every_peak),
        cmocka_unit_test(windows_of_every_kind_meet_the_references),
        cmocka_unit_test(patterns_by_hand),
        cmocka_unit_test(tables_are_whole),
        cmocka_unit_test(separators_are_marks_and_specials),
        cmocka_unit_test(no_square_of_the_length),
        cmocka_unit_test(what_is_not_there_is_refused),
    };

    return cmocka_run_group_tests_name("heads", tests, NULL, NULL);
}
