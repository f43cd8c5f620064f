/* One sequence, many ways to it: logits have the same bits whatever the threads, the splits, the
 * history of the cache and the kernel. And what a context refuses, with which words. */
#include <config.h>

#include <attune/context.h>

#include <attune/attention.h>
#include <attune/digest.h>

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "engine/context.h"
#include "golden.h"

/* ---- ways to the same sequence -----------------------------------------------------------------
 */

struct way {
    const char *name;
    void (*go)(struct attune_context *ctx, const struct golden *g);
};

static void append(struct attune_context *ctx, const attune_token *ids, size_t n)
{
    struct attune_error err = {0};

    if (attune_context_append(ctx, ids, n, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
}

static size_t sync_to(struct attune_context *ctx, const attune_token *ids, size_t n)
{
    struct attune_input input = {.ids = ids, .n = n};
    struct attune_error err = {0};

    if (attune_context_sync(ctx, &input, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(attune_context_stats(ctx).reused + attune_context_stats(ctx).evaluated, n);
    return attune_context_stats(ctx).reused;
}

static void at_once(struct attune_context *ctx, const struct golden *g)
{
    assert_int_equal(sync_to(ctx, g->ids, g->n), 0);
}

static void one_by_one(struct attune_context *ctx, const struct golden *g)
{
    for (size_t t = 0; t < g->n; t++) {
        append(ctx, g->ids + t, 1);
    }
}

static void in_random_pieces(struct attune_context *ctx, const struct golden *g)
{
    uint64_t seed = 11;

    for (size_t t = 0, n; t < g->n; t += n) {
        seed = seed * 6364136223846793005u + 1;
        n = 1 + (seed >> 40) % 37;
        n = n < g->n - t ? n : g->n - t;
        append(ctx, g->ids + t, n);
    }
}

static void after_a_shared_beginning(struct attune_context *ctx, const struct golden *g)
{
    sync_to(ctx, g->ids, g->n / 2);
    assert_int_equal(sync_to(ctx, g->ids, g->n), g->n / 2);
    assert_int_equal(sync_to(ctx, g->ids, g->n), g->n); /* nothing to do */
}

static void after_truncation(struct attune_context *ctx, const struct golden *g)
{
    sync_to(ctx, g->ids, g->n);
    attune_context_truncate(ctx, g->n / 3);
    assert_int_equal(attune_context_length(ctx), g->n / 3);
    append(ctx, g->ids + g->n / 3, g->n - g->n / 3);
}

static void after_an_edit_in_the_middle(struct attune_context *ctx, const struct golden *g)
{
    attune_token other[GOLDEN_TOKENS];
    size_t at = g->n / 2;

    memcpy(other, g->ids, g->n * sizeof *other);
    other[at] = other[at] ? 0 : 1;
    sync_to(ctx, other, g->n);
    assert_int_equal(sync_to(ctx, g->ids, g->n), at);
}

/* Cancels as soon as the first layer is done, whenever that is. */
static void *cancel_soon(void *arg)
{
    struct attune_progress *progress = arg;

    while (atomic_load(&progress->done) == 0 && !atomic_load(&progress->cancel)) {
    }
    atomic_store(&progress->cancel, 1);
    return NULL;
}

static void after_a_cancelled_attempt(struct attune_context *ctx, const struct golden *g)
{
    struct attune_progress progress = {0};
    struct attune_input input = {.ids = g->ids, .n = g->n};
    pthread_t thread;
    int status;

    append(ctx, g->ids, g->n / 4);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &progress), 0);
    status = attune_context_sync(ctx, &input, &progress, NULL);
    atomic_store(&progress.cancel, 1);
    pthread_join(thread, NULL);
    assert_true(status == ATTUNE_CANCELLED || status == ATTUNE_OK); /* it may have been faster */
    assert_true(attune_context_length(ctx) >= g->n / 4);
    assert_true(sync_to(ctx, g->ids, g->n) >= g->n / 4);
}

static void after_a_cancel_before_the_first_layer(struct attune_context *ctx,
                                                  const struct golden *g)
{
    struct attune_progress progress = {.cancel = 1};
    struct attune_input input = {.ids = g->ids, .n = g->n};
    struct attune_error err = {0};

    append(ctx, g->ids, 3);
    assert_int_equal(attune_context_sync(ctx, &input, &progress, &err), ATTUNE_CANCELLED);
    assert_int_equal(attune_context_length(ctx), 3); /* nothing of the chunk counts */
    assert_int_equal(sync_to(ctx, g->ids, g->n), 3);
}

static const struct way ways[] = {
    {"at once", at_once},
    {"one by one", one_by_one},
    {"in random pieces", in_random_pieces},
    {"after a shared beginning", after_a_shared_beginning},
    {"after truncation", after_truncation},
    {"after an edit in the middle", after_an_edit_in_the_middle},
    {"after a cancelled attempt", after_a_cancelled_attempt},
    {"after a cancel before the first layer", after_a_cancel_before_the_first_layer},
};

enum { N_WAYS = sizeof ways / sizeof *ways };

static struct attune_context *make(const struct golden *g, struct attune_context_options options)
{
    struct attune_context *ctx;
    struct attune_error err = {0};

    if (attune_context_new(&ctx, g->model, &options, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", g->name, err.text);
    }
    return ctx;
}

/* Digest of the logits of all positions, asked for in pieces of `piece`. */
static uint64_t logits_digest(struct attune_context *ctx, const struct golden *g, size_t piece)
{
    size_t n_vocab = (size_t)attune_model_info(g->model)->n_vocab;
    float *logits = malloc(g->n * n_vocab * sizeof *logits);
    uint64_t digest;

    assert_non_null(logits);
    assert_int_equal(attune_context_length(ctx), g->n);
    assert_memory_equal(attune_context_tokens(ctx), g->ids, g->n * sizeof *g->ids);
    for (size_t t = 0; t < g->n; t += piece) {
        size_t n = g->n - t < piece ? g->n - t : piece;

        assert_int_equal(attune_context_logits(ctx, t, n, logits + t * n_vocab, NULL), ATTUNE_OK);
    }
    digest = attune_digest_of(logits, g->n * n_vocab * sizeof *logits, 0);
    free(logits);
    return digest;
}

/* Every way with every number of threads and every kernel that this machine has; the plain one is
 * slow and takes every third. */
static void check_ways(const struct golden *g)
{
    uint64_t want = 0;

    for (size_t k = 0; k < kernels_count(); k++) {
        if (!kernels_at(k)->usable()) {
            continue;
        }
        setenv("ATTUNE_KERNEL", kernels_at(k)->name, 1);
        for (int threads = 1; threads <= 3; threads++) {
            for (int w = 0; w < N_WAYS; w++) {
                struct attune_context *ctx;
                uint64_t digest;

                if (kernels_at(k)->speed == 0 && (threads + w) % 3) {
                    continue;
                }
                ctx = make(g, (struct attune_context_options){.n_threads = threads,
                                                              .no_queries = (w + threads) % 2});
                ways[w].go(ctx, g);
                digest = logits_digest(ctx, g, w % 2 ? 1 : 7);
                want = want ? want : digest;
                if (digest != want) {
                    fail_msg("%s: %s, %d threads, kernel %s: other bits", g->name, ways[w].name,
                             threads, kernels_at(k)->name);
                }
                attune_context_free(ctx);
            }
        }
    }
    unsetenv("ATTUNE_KERNEL");
}

static void every_way_gives_the_same_bits(void **state)
{
    static const char *const names[] = {
        "gguf/gpt2-f32",     "gguf/llama-f32",   "gguf/llama-q8_0",
        "gguf/llama-q4_0",   "hf/gpt2",          "hf/llama-gqa-tied",
        "gguf/bloom-6h-f32", "gguf/gptneox-f16", "gguf/llama-w256-q4_k_m"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct golden g;

        if (golden_open(&g, names[i])) {
            g.n = 45;
            golden_random_ids(g.ids, g.n, &g, i + 1);
            check_ways(&g);
            golden_close(&g);
        }
    }
}

/* More positions than a chunk has, so that chunks end in the middle of it. */
static void a_long_sequence_in_chunks(void **state)
{
    struct golden g;
    uint64_t digest[3];

    assert_true(golden_open(&g, "gguf/llama-f32"));
    g.n = 300;
    assert_true(g.n > CHUNK);
    golden_random_ids(g.ids, g.n, &g, 9);
    for (int w = 0; w < 3; w++) {
        struct attune_context *ctx = make(
            &g, (struct attune_context_options){.n_threads = w + 1, .n_context = 300 + 100 * w});

        ways[w].go(ctx, &g);
        digest[w] = logits_digest(ctx, &g, w ? 300 : 64);
        attune_context_free(ctx);
    }
    assert_true(digest[0] == digest[1] && digest[0] == digest[2]);
    golden_close(&g);
}

/* What the context held before: nothing, the text with another token at `at`, more than the text.
 */
enum before { EMPTY, EDITED, LONGER, N_BEFORE };

static void hold_before(struct attune_context *ctx, const struct golden *g, enum before before,
                        size_t at)
{
    attune_token other[GOLDEN_TOKENS];

    attune_context_truncate(ctx, 0);
    memcpy(other, g->ids, g->n * sizeof *other);
    other[g->n] = 5;
    other[at] = other[at] ? 0 : 1;
    if (before == EDITED) {
        sync_to(ctx, other, g->n);
    } else if (before == LONGER) {
        other[at] = g->ids[at];
        sync_to(ctx, other, g->n + 1);
    }
}

/* Threads x pieces x what was held x where it was edited: the same bits. */
static void check_matrix(const struct golden *g)
{
    static const size_t pieces[] = {SIZE_MAX, 7, 1};
    const size_t places[] = {0, 1, g->n / 2, g->n - 1};
    uint64_t want = 0;

    for (int cell = 0; cell < 3 * 3 * N_BEFORE * 4; cell++) {
        size_t piece = pieces[cell / 3 % 3], at = places[cell / (9 * N_BEFORE)];
        enum before before = (enum before)(cell / 9 % N_BEFORE);
        struct attune_context *ctx =
            make(g, (struct attune_context_options){.n_threads = cell % 3 + 1});
        uint64_t digest;

        hold_before(ctx, g, before, at);
        for (size_t end = 0; end < g->n;) { /* the text grows as somebody types it */
            end = piece < g->n - end ? end + piece : g->n;
            sync_to(ctx, g->ids, end);
        }
        digest = logits_digest(ctx, g, 16);
        want = want ? want : digest;
        if (digest != want) {
            fail_msg("%s: other bits in cell %d", g->name, cell);
        }
        attune_context_free(ctx);
    }
}

static void threads_pieces_caches_and_edits(void **state)
{
    static const char *const names[] = {"gguf/llama-f32", "gguf/llama-q8_0", "gguf/gpt2-f32"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct golden g;

        assert_true(golden_open(&g, names[i]));
        g.n = 29;
        golden_random_ids(g.ids, g.n, &g, i + 31);
        check_matrix(&g);
        golden_close(&g);
    }
}

struct watch { /* cancels when so much is done */
    struct attune_progress progress;
    size_t until;
};

static void *cancel_at(void *arg)
{
    struct watch *watch = arg;

    while (atomic_load(&watch->progress.done) < watch->until &&
           !atomic_load(&watch->progress.cancel)) {
    }
    atomic_store(&watch->progress.cancel, 1);
    return NULL;
}

/* In the second of two chunks, after its first layer: how many tokens were left, or SIZE_MAX where
 * the evaluation was faster. */
static size_t cancel_in_the_second(struct attune_context *ctx, const struct golden *g)
{
    struct attune_input input = {.ids = g->ids, .n = g->n};
    size_t all = (size_t)attune_model_info(g->model)->n_layers;
    struct watch watch = {.until = CHUNK * all + g->n - CHUNK};
    pthread_t thread;
    int status;

    attune_context_truncate(ctx, 0);
    assert_int_equal(pthread_create(&thread, NULL, cancel_at, &watch), 0);
    status = attune_context_sync(ctx, &input, &watch.progress, NULL);
    atomic_store(&watch.progress.cancel, 1);
    pthread_join(thread, NULL);
    return status == ATTUNE_CANCELLED ? attune_context_length(ctx) : SIZE_MAX;
}

/* What was finished stays and counts; what was left out in the middle of a layer does not. */
static void a_cancelled_chunk_leaves_those_before_it(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    uint64_t want;
    int cancelled = 0;

    assert_true(golden_open(&g, "gguf/llama-f32"));
    g.n = GOLDEN_TOKENS;
    golden_random_ids(g.ids, g.n, &g, 21);
    ctx = make(&g, (struct attune_context_options){.n_context = GOLDEN_TOKENS, .n_threads = 2});
    sync_to(ctx, g.ids, g.n);
    want = logits_digest(ctx, &g, 64);
    for (int i = 0; i < 40 && cancelled < 4; i++) {
        size_t left = cancel_in_the_second(ctx, &g);

        if (left != SIZE_MAX) {
            assert_int_equal(left, CHUNK);
            assert_int_equal(sync_to(ctx, g.ids, g.n), CHUNK);
            assert_true(logits_digest(ctx, &g, 64) == want);
            cancelled++;
        }
    }
    assert_true(cancelled > 0);
    attune_context_free(ctx);
    golden_close(&g);
}

/* What is kept beside the logits does not change them, and is itself the same on every way. */
static void hidden_states_of_every_way(void **state)
{
    struct golden g;
    size_t n;
    float *want, *got;

    assert_true(golden_open(&g, "hf/llama-gqa-tied"));
    g.n = 40;
    golden_random_ids(g.ids, g.n, &g, 3);
    n = g.n * (size_t)attune_model_info(g.model)->d_model;
    want = malloc(n * sizeof *want);
    got = malloc(n * sizeof *got);
    assert_true(want && got);
    for (int w = 0; w < N_WAYS; w++) {
        struct attune_context *ctx =
            make(&g, (struct attune_context_options){.n_threads = 2, .keep_hidden = true});

        ways[w].go(ctx, &g);
        assert_int_equal(attune_context_hidden(ctx, ATTUNE_STACK_SELF, 1, 0, g.n, got, NULL),
                         ATTUNE_OK);
        if (w == 0) {
            memcpy(want, got, n * sizeof *want);
        }
        assert_memory_equal(got, want, n * sizeof *want);
        attune_context_free(ctx);
    }
    free(want);
    free(got);
    golden_close(&g);
}

/* ---- what is refused ---------------------------------------------------------------------------
 */

static void too_many_tokens(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    struct attune_error err = {0};
    struct attune_input input = {.n = 12};

    assert_true(golden_open(&g, "gguf/llama-f32"));
    golden_random_ids(g.ids, 12, &g, 1);
    input.ids = g.ids;
    ctx = make(&g, (struct attune_context_options){.n_context = 10});
    assert_int_equal(attune_context_capacity(ctx), 10);
    assert_int_equal(attune_context_sync(ctx, &input, NULL, &err), ATTUNE_FULL);
    assert_non_null(strstr(err.text, "12"));
    assert_non_null(strstr(err.text, "10"));
    append(ctx, g.ids, 8);
    assert_int_equal(attune_context_append(ctx, g.ids, 3, NULL, &err), ATTUNE_FULL);
    assert_non_null(strstr(err.text, "11"));
    assert_int_equal(attune_context_append(ctx, g.ids, SIZE_MAX - 4, NULL, &err), ATTUNE_FULL);
    append(ctx, g.ids, 2); /* and it goes on being usable, up to the last place */
    assert_int_equal(attune_context_length(ctx), 10);
    attune_context_free(ctx);
    golden_close(&g);
}

static void wrong_ids_and_ranges(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    struct attune_error err = {0};
    float *logits;
    attune_token ids[3] = {1, 2, -1};
    const uint8_t types[3] = {0}, mask[3] = {1, 1, 0};
    struct attune_input input = {.ids = ids, .n = 3};
    int n_vocab;

    assert_true(golden_open(&g, "gguf/llama-f32"));
    n_vocab = attune_model_info(g.model)->n_vocab;
    logits = malloc(4 * (size_t)n_vocab * sizeof *logits);
    assert_non_null(logits);
    ctx = make(&g, (struct attune_context_options){0});
    assert_int_equal(attune_context_sync(ctx, &input, NULL, &err), ATTUNE_ARGUMENT);
    assert_int_equal(err.where, 2); /* which one it was */
    ids[2] = n_vocab;
    assert_int_equal(attune_context_append(ctx, ids, 3, NULL, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "384"));
    ids[2] = INT_MAX;
    assert_int_equal(attune_context_append(ctx, ids, 3, NULL, &err), ATTUNE_ARGUMENT);
    ids[2] = n_vocab - 1;
    input.type_ids = types;
    assert_int_equal(attune_context_sync(ctx, &input, NULL, &err), ATTUNE_ARGUMENT);
    input.type_ids = NULL;
    input.mask = mask;
    assert_int_equal(attune_context_sync(ctx, &input, NULL, &err), ATTUNE_ARGUMENT);
    input.mask = NULL;
    assert_int_equal(attune_context_length(ctx), 0); /* none of these did anything */
    assert_int_equal(attune_context_logits(ctx, 0, 1, logits, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_context_sync(ctx, &input, NULL, &err), ATTUNE_OK);
    assert_int_equal(attune_context_logits(ctx, 0, 4, logits, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_context_logits(ctx, 4, 0, logits, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_context_logits(ctx, SIZE_MAX, 2, logits, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_context_logits(ctx, 2, SIZE_MAX, logits, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_context_hidden(ctx, ATTUNE_STACK_SELF, 0, 0, 1, logits, &err),
                     ATTUNE_ARGUMENT); /* not kept */
    attune_context_truncate(ctx, 100); /* more than there is: nothing to forget */
    assert_int_equal(attune_context_length(ctx), 3);
    attune_context_free(ctx);
    attune_context_free(NULL);
    free(logits);
    golden_close(&g);
}

/* The numbers are in the text, and nothing was taken before it was said. */
static void contexts_that_cannot_be(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    struct attune_error err = {0};
    struct attune_context_options options = {.n_context = INT_MAX};

    assert_true(golden_open(&g, "gguf/llama-f32"));
    assert_int_equal(attune_context_new(&ctx, g.model, &options, &err), ATTUNE_FULL);
    assert_null(ctx);
    assert_non_null(strstr(err.text, "2147483647"));
    assert_non_null(strstr(err.text, "GB"));
    options.n_context = -1;
    assert_int_equal(attune_context_new(&ctx, g.model, &options, &err), ATTUNE_ARGUMENT);
    golden_close(&g);

    assert_true(golden_open(&g, "gguf/gpt2-f32")); /* learned positions end */
    options.n_context = 100000;
    assert_int_equal(attune_context_new(&ctx, g.model, &options, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "100000"));
    assert_non_null(strstr(err.text, "128"));
    golden_close(&g);
}

/* A file may claim any shape: sizes that do not fit a number are refused, not wrapped around. */
static void shapes_that_overflow(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    struct attune_error err = {0};
    struct attune_context_options options = {.n_context = 1 << 30, .n_threads = 2};
    struct attune_model liar;

    assert_true(golden_open(&g, "gguf/llama-f32"));
    liar = *g.model;
    liar.recipe.main.n_layers = INT_MAX;
    assert_int_equal(attune_context_new(&ctx, &liar, &options, &err), ATTUNE_FULL);
    liar.recipe.main.n_kv_heads = liar.recipe.main.n_heads = liar.recipe.main.head_dim = INT_MAX;
    assert_int_equal(attune_context_new(&ctx, &liar, &options, &err), ATTUNE_FULL);
    liar.recipe.main.d_ff = liar.recipe.d_model = INT_MAX;
    assert_int_equal(attune_context_new(&ctx, &liar, &options, &err), ATTUNE_FULL);
    options.n_context = 0; /* even the default cannot be made small enough */
    liar.recipe.n_context = INT_MAX;
    assert_int_equal(attune_context_new(&ctx, &liar, &options, &err), ATTUNE_FULL);
    assert_null(ctx);
    golden_close(&g);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* With a limit on address space (ulimit -v) the text says how much was wanted and what to do. */
static void a_limit_on_memory(void **state)
{
    struct golden g;
    struct attune_context *ctx;
    struct attune_error err = {0};
    struct attune_context_options options = {.n_context = 1000000, .n_threads = 1};
    struct rlimit old, less;

    assert_true(golden_open(&g, "gguf/llama-f32"));
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    less = old;
    less.rlim_cur = (rlim_t)1 << 29;
    assert_int_equal(setrlimit(RLIMIT_AS, &less), 0);
    assert_int_equal(attune_context_new(&ctx, g.model, &options, &err), ATTUNE_FULL);
    setrlimit(RLIMIT_AS, &old);
    assert_non_null(strstr(err.text, "1000000 positions"));
    assert_non_null(strstr(err.text, "ulimit -v"));
    assert_non_null(strstr(err.text, "--context"));
    golden_close(&g);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_gives_the_same_bits),
        cmocka_unit_test(a_long_sequence_in_chunks),
        cmocka_unit_test(threads_pieces_caches_and_edits),
        cmocka_unit_test(a_cancelled_chunk_leaves_those_before_it),
        cmocka_unit_test(hidden_states_of_every_way),
        cmocka_unit_test(too_many_tokens),
        cmocka_unit_test(wrong_ids_and_ranges),
        cmocka_unit_test(contexts_that_cannot_be),
        cmocka_unit_test(shapes_that_overflow),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        cmocka_unit_test(a_limit_on_memory),
#endif
    };
    return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
