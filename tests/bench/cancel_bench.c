/* How long an evaluation goes on after it was told to stop: a prompt of 512 tokens is cancelled at
 * moments spread over its first second. MODEL=path; without it there is nothing to measure. */
#include <config.h>

#include "bench.h"

#include <attune/context.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOKENS = 512, ATTEMPTS = 40 };

struct attempt {
    struct attune_progress progress;
    double after; /* seconds until the cancel */
    double told;  /* when it came */
};

static void *tell(void *arg)
{
    struct attempt *a = arg;
    struct timespec pause = {(time_t)a->after, (long)((a->after - (double)(time_t)a->after) * 1e9)};

    nanosleep(&pause, NULL);
    a->told = bench_wall();
    atomic_store(&a->progress.cancel, 1);
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Seconds from the word to the return; below 0 where the evaluation was faster. */
static double try_once(struct attune_context *ctx, const struct attune_input *input, double after)
{
    struct attempt a = {.after = after};
    pthread_t thread;
    double done;
    int status;

    attune_context_truncate(ctx, 0);
    if (pthread_create(&thread, NULL, tell, &a) != 0) {
        exit(1);
    }
    status = attune_context_sync(ctx, input, &a.progress, NULL);
    done = bench_wall();
    pthread_join(thread, NULL);
    return status == ATTUNE_CANCELLED ? done - a.told : -1;
}

static void measure(struct attune_context *ctx, const struct attune_input *input)
{
    double late[ATTEMPTS], start, whole, span;
    size_t n = 0;

    attune_context_sync(ctx, input, NULL, NULL); /* brings the file into memory */
    attune_context_truncate(ctx, 0);
    start = bench_wall();
    attune_context_sync(ctx, input, NULL, NULL);
    whole = bench_wall() - start;
    span = whole < 1 ? whole : 1;
    for (int i = 0; i < ATTEMPTS; i++) {
        late[n] = try_once(ctx, input, span * 0.95 * (i + 0.5) / ATTEMPTS);
        n += late[n] >= 0;
    }
    qsort(late, n, sizeof *late, by_size);
    if (n > 0) {
        printf(
            "cancel: %d tokens in %.0f ms; stopped after %.2f ms (median), %.2f ms (p99 of %zu)\n",
            TOKENS, whole * 1e3, late[n / 2] * 1e3, late[(n * 99 + 99) / 100 - 1] * 1e3, n);
    }
}

int main(void)
{
    static attune_token ids[TOKENS];
    const struct attune_context_options options = {.n_context = TOKENS};
    const struct attune_input input = {.ids = ids, .n = TOKENS};
    const char *path = getenv("MODEL");
    struct attune_model *model = NULL;
    struct attune_context *ctx = NULL;
    struct attune_error err = {0};

    if (!path) {
        printf("cancel: give MODEL=path\n");
        return 0;
    }
    if (attune_model_open(&model, path, NULL, NULL, &err) ||
        attune_context_new(&ctx, model, &options, &err)) {
        fprintf(stderr, "%s\n", err.text);
        attune_model_close(model);
        return 1;
    }
    for (size_t i = 0; i < TOKENS; i++) {
        ids[i] = (attune_token)(i * 7919 % (size_t)attune_model_info(model)->n_vocab);
    }
    measure(ctx, &input);
    attune_context_free(ctx);
    attune_model_close(model);
    return 0;
}
