/* bench: how fast a model goes here. Every figure is the median of rounds, and each round takes all
 * of them in turn, so that a slow spell of the machine meets all alike. */
#include <config.h>

#include "cli.h"

#include <attune/attention.h>
#include <attune/machine.h>
#include <attune/rng.h>

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { MAX_ROUNDS = 101, WIDE_VOCAB = 128000 };

enum measure { /* all in milliseconds */
               LOAD,
               PREFILL,      /* the whole prompt, cold cache, logits of its last position */
               BARE_PREFILL, /* the same without keeping queries */
               FAST_PREFILL,
               DECODE, /* all new tokens, each with its logits */
               MAP,    /* one head of one layer, every pair of positions */
               ROW,    /* its last query */
               KNOB,   /* the chain over one row of logits */
               WIDE_KNOB,
               N_MEASURES
};

enum way { EXACT, BARE, FAST, N_WAYS };

struct bench {
    struct cli *cli;
    const char *path;
    struct attune_model *model;
    struct attune_context *ctx[N_WAYS];
    struct attune_chain *chain;
    struct attune_trace trace, wide_trace;
    attune_token *ids;  /* [n_prompt + n_new] */
    float *logits;      /* [V] */
    float *wide_logits; /* [WIDE_VOCAB] */
    float *map;         /* [n_prompt, n_prompt] */
    size_t n_prompt, n_new, n_rounds;
    struct attune_context_options options; /* what was asked for */
    double ms[N_MEASURES][MAX_ROUNDS];
    struct attune_machine machine[MAX_ROUNDS];
    double digest_ms;
    uint64_t rss_bytes, context_bytes;
};

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(const double *x, size_t n)
{
    double sorted[MAX_ROUNDS];

    memcpy(sorted, x, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_size);
    return (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}

static double median(const struct bench *b, enum measure what)
{
    return median_of(b->ms[what], b->n_rounds);
}

/* From the best round to the worst, over the median. */
static double spread(const struct bench *b, enum measure what)
{
    double least = b->ms[what][0], most = least;

    for (size_t i = 1; i < b->n_rounds; i++) {
        least = fmin(least, b->ms[what][i]);
        most = fmax(most, b->ms[what][i]);
    }
    return median(b, what) > 0 ? (most - least) / median(b, what) : 0;
}

/* ---- what is measured --------------------------------------------------------------------------
 */

static int last_logits(struct bench *b, struct attune_context *ctx, struct attune_error *err)
{
    return attune_context_logits(ctx, attune_context_length(ctx) - 1, 1, b->logits, err);
}

static int measure_prefill(struct bench *b, enum way way, double *ms, struct attune_error *err)
{
    struct attune_context *ctx = b->ctx[way];
    double start = now_ms();
    int status;

    attune_context_truncate(ctx, 0);
    status = attune_context_append(ctx, b->ids, b->n_prompt, &b->cli->progress, err);
    if (status == ATTUNE_OK) {
        status = last_logits(b, ctx, err);
    }
    *ms = now_ms() - start;
    return status;
}

/* After the prompt; leaves the context as it was. */
static int measure_decode(struct bench *b, double *ms, struct attune_error *err)
{
    struct attune_context *ctx = b->ctx[EXACT];
    double start = now_ms();
    int status = ATTUNE_OK;

    for (size_t i = 0; i < b->n_new && status == ATTUNE_OK; i++) {
        status = attune_context_append(ctx, b->ids + b->n_prompt + i, 1, &b->cli->progress, err);
        if (status == ATTUNE_OK) {
            status = last_logits(b, ctx, err);
        }
    }
    *ms = now_ms() - start;
    attune_context_truncate(ctx, b->n_prompt);
    return status;
}

static int measure_map(struct bench *b, size_t first, size_t n, double *ms,
                       struct attune_error *err)
{
    const struct attune_model_info *info = attune_model_info(b->model);
    double start = now_ms();
    int status = attune_attention_slice(b->ctx[EXACT], ATTUNE_STACK_SELF, info->n_layers / 2,
                                        info->n_heads / 2, first, n, 0, b->n_prompt, b->map, err);

    *ms = now_ms() - start;
    return status;
}

static double measure_knob(const struct bench *b, struct attune_trace *trace, const float *logits)
{
    double start = now_ms();

    attune_chain_apply(trace, b->chain, logits, b->ids, b->n_prompt);
    return now_ms() - start;
}

static int measure_load(struct bench *b, double *ms, struct attune_error *err)
{
    struct attune_model *model;
    double start = now_ms();
    int status = cli_open_path(b->cli, &model, b->path, NULL, err);

    *ms = now_ms() - start;
    if (status == ATTUNE_OK) {
        attune_model_close(model);
    }
    return status;
}

static int take_round(struct bench *b, size_t round, struct attune_error *err)
{
    double(*ms)[MAX_ROUNDS] = b->ms;
    int status = measure_prefill(b, EXACT, &ms[PREFILL][round], err);

    if (status == ATTUNE_OK) {
        status = measure_prefill(b, BARE, &ms[BARE_PREFILL][round], err);
    }
    if (status == ATTUNE_OK) {
        status = measure_prefill(b, FAST, &ms[FAST_PREFILL][round], err);
    }
    if (status == ATTUNE_OK) {
        status = measure_decode(b, &ms[DECODE][round], err);
    }
    if (status == ATTUNE_OK) {
        status = measure_map(b, 0, b->n_prompt, &ms[MAP][round], err);
    }
    if (status == ATTUNE_OK) {
        status = measure_map(b, b->n_prompt - 1, 1, &ms[ROW][round], err);
    }
    if (status == ATTUNE_OK) {
        ms[KNOB][round] = measure_knob(b, &b->trace, b->logits);
        ms[WIDE_KNOB][round] = measure_knob(b, &b->wide_trace, b->wide_logits);
        status = measure_load(b, &ms[LOAD][round], err);
    }
    return status ? status
                  : attune_machine_measure(&b->machine[round],
                                           attune_context_threads(b->ctx[EXACT]), err);
}

/* ---- before the first round --------------------------------------------------------------------
 */

/* The prompt is as long as was asked for; without that, what fits, at most 512. */
static int choose_sizes(struct bench *b)
{
    int limit = attune_model_info(b->model)->n_context;
    long prompt = 0, new = 64, rounds = 5, given = 0;

    if (cli_long(b->cli, "prompt-tokens", 1, 1 << 20, &prompt) != CLI_OK ||
        cli_long(b->cli, "max-tokens", 1, 1 << 20, &new) != CLI_OK ||
        cli_long(b->cli, "rounds", 1, MAX_ROUNDS, &rounds) != CLI_OK ||
        cli_long(b->cli, "context", 1, INT_MAX, &given) != CLI_OK) {
        return CLI_USAGE;
    }
    if (given > 0) {
        limit = (int)given;
    }
    if (!prompt) {
        prompt = limit - new < 512 ? limit - new : 512;
        if (prompt < 1) {
            return cli_wrong(b->cli,
                             "bench: %ld new tokens leave no room in %d positions: give "
                             "-p and a smaller -n",
                             new, limit);
        }
    }
    if (given > 0 && prompt + new > given) {
        return cli_wrong(b->cli, "bench: %ld and %ld tokens do not fit %ld positions", prompt, new,
                         given);
    }
    b->n_prompt = (size_t)prompt;
    b->n_new = (size_t) new;
    b->n_rounds = (size_t)rounds;
    return CLI_OK;
}

/* Logits as models give them: a bell with a long right end. */
static void make_logits(float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double a = attune_rng_uniform(1, i), c = attune_rng_uniform_stream(1, i, 1);

        out[i] = (float)(3 * sqrt(-2 * log(1 - a)) * cos(6.283185307179586 * c));
    }
}

static int make_buffers(struct bench *b, struct attune_error *err)
{
    size_t n_vocab = (size_t)attune_model_info(b->model)->n_vocab, n = b->n_prompt + b->n_new;
    int status;

    b->ids = calloc(n, sizeof *b->ids);
    b->logits = calloc(n_vocab, sizeof *b->logits);
    b->wide_logits = calloc(WIDE_VOCAB, sizeof *b->wide_logits);
    b->map = calloc(b->n_prompt, b->n_prompt * sizeof *b->map);
    if (!b->ids || !b->logits || !b->wide_logits || !b->map) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu tokens", n);
    }
    for (size_t i = 0; i < n; i++) {
        b->ids[i] = (attune_token)(attune_rng_uniform(2, i) * (double)n_vocab);
    }
    make_logits(b->wide_logits, WIDE_VOCAB);
    status = attune_chain_parse(&b->chain, "temperature=0.7 top_k=40 top_p=0.9", err);
    if (status == ATTUNE_OK) {
        status = attune_trace_init(&b->trace, n_vocab, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_trace_init(&b->wide_trace, WIDE_VOCAB, err);
    }
    return status;
}

static int open_way(struct bench *b, enum way way, struct attune_error *err)
{
    struct attune_context_options options = b->options;

    options.n_context = (int)(b->n_prompt + b->n_new);
    options.no_queries = way == BARE;
    options.fast = way == FAST;
    return attune_context_new(&b->ctx[way], b->model, &options, err);
}

/* One exact pass and its memory, before the contexts that are only there for comparison. */
static int warm_up(struct bench *b, struct attune_error *err)
{
    struct rusage usage;
    double start, unused;
    int status = open_way(b, EXACT, err);

    if (status == ATTUNE_OK) {
        status = measure_prefill(b, EXACT, &unused, err);
    }
    if (status == ATTUNE_OK) {
        status = measure_decode(b, &unused, err);
    }
    if (status == ATTUNE_OK) {
        getrusage(RUSAGE_SELF, &usage);
        b->rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
        b->context_bytes = attune_context_stats(b->ctx[EXACT]).bytes;
        start = now_ms();
        attune_model_digest(b->model);
        b->digest_ms = now_ms() - start;
        status = open_way(b, BARE, err);
    }
    if (status == ATTUNE_OK) {
        status = measure_prefill(b, BARE, &unused, err);
    }
    if (status == ATTUNE_OK) {
        status = open_way(b, FAST, err);
    }
    if (status == ATTUNE_OK) {
        status = measure_prefill(b, FAST, &unused, err);
    }
    return status;
}

/* ---- what is said ------------------------------------------------------------------------------
 */

/* The part of a fingerprint that names the kernel. */
static const char *kernel_name(void)
{
    const char *at = strstr(attune_engine_fingerprint(), "kernel ");

    return at ? at + 7 : attune_engine_fingerprint();
}

static const char *activations_name(const struct bench *b)
{
    return attune_activations_text(attune_context_activations(b->ctx[EXACT]));
}

static double per_second(size_t n, double ms)
{
    return ms > 0 ? (double)n * 1e3 / ms : 0;
}

/* The two ways of a round stand side by side, so it is their ratio that is compared between rounds.
 */
static double query_share(const struct bench *b)
{
    double share[MAX_ROUNDS];

    for (size_t round = 0; round < b->n_rounds; round++) {
        share[round] = 1 - b->ms[BARE_PREFILL][round] / b->ms[PREFILL][round];
    }
    return median_of(share, b->n_rounds);
}

/* The same of exactness: what the prefill takes longer than through BLAS. */
static double exact_share(const struct bench *b)
{
    double share[MAX_ROUNDS];

    for (size_t round = 0; round < b->n_rounds; round++) {
        share[round] = b->ms[PREFILL][round] / b->ms[FAST_PREFILL][round] - 1;
    }
    return median_of(share, b->n_rounds);
}

/* A new token reads all weights but tables, and the keys and values of those before it. */
static double bandwidth_share(const struct bench *b)
{
    const struct attune_model_info *info = attune_model_info(b->model);
    double cache = 2.0 * info->n_layers * info->n_kv_heads * info->head_dim * sizeof(float) *
                   ((double)b->n_prompt + (double)b->n_new / 2);
    double share[MAX_ROUNDS];

    for (size_t round = 0; round < b->n_rounds; round++) {
        double read = ((double)info->n_bytes_step + cache) * (double)b->n_new;

        share[round] = read / (b->ms[DECODE][round] / 1e3) / b->machine[round].bytes_per_s;
    }
    return median_of(share, b->n_rounds);
}

static bool counts_bytes(const struct bench *b)
{
    return attune_context_activations(b->ctx[EXACT]) == ATTUNE_ACTIVATIONS_Q8 &&
           b->machine[0].int_ops_per_s > 0;
}

/* Products with the weights, and of queries with half of all keys, then of those with values. */
static double arithmetic_share(const struct bench *b)
{
    const struct attune_model_info *info = attune_model_info(b->model);
    double n = (double)b->n_prompt;
    double operations =
        2 * n * (double)info->n_met + 2.0 * n * n * info->n_layers * info->n_heads * info->head_dim;
    double share[MAX_ROUNDS];

    for (size_t round = 0; round < b->n_rounds; round++) {
        const struct attune_machine *m = &b->machine[round];

        share[round] = operations / (b->ms[PREFILL][round] / 1e3) /
                       (counts_bytes(b) ? m->int_ops_per_s : m->flops_per_s);
    }
    return median_of(share, b->n_rounds);
}

/* What is resident against the file's weights and the context: keys, values, queries, buffers. */
static double resident_share(const struct bench *b)
{
    return (double)b->rss_bytes / (double)(attune_model_info(b->model)->n_bytes + b->context_bytes);
}

static double machine_median(const struct bench *b, size_t offset)
{
    double x[MAX_ROUNDS];

    for (size_t round = 0; round < b->n_rounds; round++) {
        memcpy(&x[round], (const char *)&b->machine[round] + offset, sizeof *x);
    }
    return median_of(x, b->n_rounds);
}

static json_t *describe(const struct bench *b)
{
    const struct {
        const char *name;
        double value;
    } reals[] = {
        {"prefill_tokens_per_s", per_second(b->n_prompt, median(b, PREFILL))},
        {"decode_tokens_per_s", per_second(b->n_new, median(b, DECODE))},
        {"prefill_spread", spread(b, PREFILL)},
        {"decode_spread", spread(b, DECODE)},
        {"bandwidth_share", bandwidth_share(b)},
        {"arithmetic_share", arithmetic_share(b)},
        {"memory_bytes_per_s", machine_median(b, offsetof(struct attune_machine, bytes_per_s))},
        {"flops_per_s", machine_median(b, offsetof(struct attune_machine, flops_per_s))},
        {"int_ops_per_s", machine_median(b, offsetof(struct attune_machine, int_ops_per_s))},
        {"exact_share", exact_share(b)},
        {"rss_share", resident_share(b)},
        {"load_ms", median(b, LOAD)},
        {"digest_ms", b->digest_ms},
        {"knob_ms", median(b, KNOB)},
        {"knob_128k_ms", median(b, WIDE_KNOB)},
        {"attention_map_ms", median(b, MAP)},
        {"attention_row_ms", median(b, ROW)},
        {"query_share", query_share(b)},
        {"fast_prefill_tokens_per_s", per_second(b->n_prompt, median(b, FAST_PREFILL))},
    };
    json_t *out = json_object();

    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        json_object_set_new(out, reals[i].name, cli_json_real(reals[i].value));
    }
    json_object_set_new(out, "rss_bytes", json_integer((json_int_t)b->rss_bytes));
    json_object_set_new(out, "context_bytes", json_integer((json_int_t)b->context_bytes));
    json_object_set_new(out, "threads", json_integer(attune_context_threads(b->ctx[EXACT])));
    json_object_set_new(out, "kernel", json_string(kernel_name()));
    json_object_set_new(out, "activations", json_string(activations_name(b)));
    json_object_set_new(out, "prompt_tokens", json_integer((json_int_t)b->n_prompt));
    json_object_set_new(out, "new_tokens", json_integer((json_int_t)b->n_new));
    json_object_set_new(out, "rounds", json_integer((json_int_t)b->n_rounds));
    return out;
}

static void print_table(const struct bench *b)
{
    const struct attune_model_info *info = attune_model_info(b->model);
    FILE *out = b->cli->out;

    cli_print_text(b->cli, info->name, strlen(info->name));
    fprintf(out,
            ", %s, %.1f MB of weights; kernel %s, activations %s, threads %d, medians of %zu "
            "rounds\n",
            info->dtype, (double)info->n_bytes / 1e6, kernel_name(), activations_name(b),
            attune_context_threads(b->ctx[EXACT]), b->n_rounds);
    fprintf(out,
            "  prefill           %10.1f tokens/s  over %zu tokens, spread %.0f %%; %.0f %% of the "
            "%.0f %s\n",
            per_second(b->n_prompt, median(b, PREFILL)), b->n_prompt, 100 * spread(b, PREFILL),
            100 * arithmetic_share(b),
            (counts_bytes(b) ? machine_median(b, offsetof(struct attune_machine, int_ops_per_s))
                             : machine_median(b, offsetof(struct attune_machine, flops_per_s))) /
                1e9,
            counts_bytes(b) ? "GOP/s of 8-bit integers" : "GFLOP/s");
    fprintf(out, "  prefill --fast    %10.1f tokens/s\n",
            per_second(b->n_prompt, median(b, FAST_PREFILL)));
    fprintf(out,
            "  decode            %10.1f tokens/s  over %zu tokens, spread %.0f %%; %.0f %% of the "
            "%.1f GB/s of memory\n",
            per_second(b->n_new, median(b, DECODE)), b->n_new, 100 * spread(b, DECODE),
            100 * bandwidth_share(b),
            machine_median(b, offsetof(struct attune_machine, bytes_per_s)) / 1e9);
    fprintf(out, "  exactness         %10.2f %%         of the prefill through BLAS\n",
            100 * exact_share(b));
    fprintf(out, "  keeping queries   %10.2f %%         of the prefill\n", 100 * query_share(b));
    fprintf(out, "  one head's map    %10.3f ms        %zu x %zu\n", median(b, MAP), b->n_prompt,
            b->n_prompt);
    fprintf(out, "  one query's row   %10.3f ms\n", median(b, ROW));
    fprintf(out, "  a knob turned     %10.3f ms        over %d tokens\n", median(b, KNOB),
            info->n_vocab);
    fprintf(out, "                    %10.3f ms        over %d tokens\n", median(b, WIDE_KNOB),
            WIDE_VOCAB);
    fprintf(out, "  load              %10.1f ms\n", median(b, LOAD));
    fprintf(out, "  digest of weights %10.1f ms\n", b->digest_ms);
    fprintf(out,
            "  memory, resident  %10.1f MB        %.2f times the weights and the context's %.1f "
            "MB\n",
            (double)b->rss_bytes / 1e6, resident_share(b), (double)b->context_bytes / 1e6);
}

static void clean_up(struct bench *b)
{
    for (int way = 0; way < N_WAYS; way++) {
        attune_context_free(b->ctx[way]);
    }
    attune_trace_done(&b->trace);
    attune_trace_done(&b->wide_trace);
    attune_chain_free(b->chain);
    attune_model_close(b->model);
    free(b->ids);
    free(b->logits);
    free(b->wide_logits);
    free(b->map);
    free(b);
}

static int run(struct cli *cli)
{
    struct attune_error err = {0};
    struct bench *b = calloc(1, sizeof *b);
    char *path = NULL;
    int status;

    if (!b) {
        attune_error_set(&err, ATTUNE_MEMORY, 0, "out of memory");
        return cli_fail(cli, &err);
    }
    b->cli = cli;
    status = cli_model_path(cli, &path, &err);
    if (status == ATTUNE_OK) {
        b->path = path;
        status = cli_open_path(cli, &b->model, path, NULL, &err);
    }
    if (status == ATTUNE_OK) {
        status = cli_context_options(cli, &b->options, &err);
    }
    if (status == ATTUNE_OK && choose_sizes(b) != CLI_OK) {
        clean_up(b);
        free(path);
        return CLI_USAGE;
    }
    if (status == ATTUNE_OK) {
        status = make_buffers(b, &err);
    }
    if (status == ATTUNE_OK) {
        status = warm_up(b, &err);
    }
    for (size_t round = 0; round < b->n_rounds && status == ATTUNE_OK; round++) {
        status = take_round(b, round, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, describe(b));
    } else {
        print_table(b);
    }
    clean_up(b);
    free(path);
    return status;
}

static const struct cli_option options[] = {
    {"prompt-tokens", 'p', "N", "length of the prompt (512, or what fits)"},
    {"max-tokens", 'n', "N", "new tokens after it (64)"},
    {"rounds", 'r', "N", "how often everything is measured (5)"},
    {NULL, 0, NULL, NULL},
};

const struct cmd_ops cmd_bench = {
    .name = "bench",
    .args = "",
    .help = "how fast a model goes on this machine",
    .groups = CLI_MODEL,
    .options = options,
    .run = run,
};
