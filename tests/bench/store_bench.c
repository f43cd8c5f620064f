/* The store at size: store_bench [RUNS [STEPS [keep]]] builds a database of so many runs (1,000 of
 * 20 steps without arguments) whose words are spread as those of a language are, and says what
 * opening, listing, searching and saving cost there. Times are medians of rounds. */
#include <config.h>

#include "bench.h"

#include <attune/rng.h>
#include <attune/upkeep.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "prompts/record.h"
#include "prompts/store.h"

enum { WORDS = 20000, SESSIONS = 200, ROUNDS = 9 };

static const char path[] = "store-bench.db";

static void end(const struct attune_error *err)
{
    fprintf(stderr, "store_bench: %s\n", err->text);
    exit(1);
}

/* Word number i of the language: "ba", "be", ..., longer the rarer. */
static size_t add_word(char *to, size_t i)
{
    static const char consonants[] = "bdfgklmnprstvz", vowels[] = "aeiou";
    size_t len = 0;

    do {
        to[len++] = consonants[i % 14];
        to[len++] = vowels[i / 14 % 5];
        i /= 70;
    } while (i);
    to[len++] = ' ';
    return len;
}

/* n words, the k-th likeliest of them about 1/k as often as the first. */
static char *make_text(uint64_t seed, size_t n)
{
    char *text = malloc(n * 12 + 1);
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        len += add_word(text + len, (size_t)pow(WORDS, attune_rng_uniform(seed, i)) - 1);
    }
    text[len] = '\0';
    return text;
}

/* A step with all its evidence. */
static struct attune_step bench_step(uint64_t seed, uint64_t index)
{
    struct attune_step step = {
        .index = index, .n_bytes = 5, .n_top = ATTUNE_STEP_TOP, .n_stages = 6};
    uint64_t at = index * 64;

    step.id = (attune_token)(attune_rng_uniform(seed, at) * 50000);
    memcpy(step.bytes, " word", 5);
    step.draw = (struct attune_draw){step.id, attune_rng_uniform(seed, at + 1), 0.25, 0.75};
    step.logit = (float)attune_rng_uniform(seed, at + 2);
    step.p = attune_rng_uniform(seed, at + 3);
    step.p_raw = step.p / 2;
    step.entropy_bits = step.p * 10;
    step.logsumexp = step.p * 20;
    step.digest = (seed << 32) + index + (uint64_t)(step.p * 1e15);
    step.n_kept = 40;
    step.kept_mass = step.p;
    for (int i = 0; i < ATTUNE_STEP_TOP; i++) {
        step.top[i] = (struct attune_candidate){i * 5000 + (attune_token)index,
                                                step.logit - (float)i, step.p / (i + 1)};
    }
    for (int i = 0; i < 6; i++) {
        step.stage[i].survivors = (uint32_t)(1000 - i);
        step.stage[i].mass = (float)step.p;
    }
    step.eval_ms = 5;
    step.sample_ms = 0.1;
    return step;
}

static void put_run(struct attune_store *store, uint64_t number, size_t n_steps)
{
    char session[32], chain[64], *prompt = make_text(number * 2, 60),
                                 *output = make_text(number * 2 + 1, n_steps * 3 / 4 + 1);
    attune_token ids[80];
    struct attune_run_record record = {.session = session,
                                       .created = (char *)"2026-11-21T08:00:00.000Z",
                                       .model_name = (char *)"bench",
                                       .engine = (char *)"bench",
                                       .prompt_text = prompt,
                                       .prompt_text_len = strlen(prompt),
                                       .chain = chain,
                                       .seed = number,
                                       .max_tokens = n_steps};
    struct node_at base = {0};
    struct attune_error err = {0};
    int status;

    snprintf(session, sizeof session, "session %d", (int)(number % SESSIONS));
    snprintf(chain, sizeof chain, "order=hf temperature=%.1f", (double)(number % 15) / 10);
    for (size_t i = 0; i < 80; i++) {
        ids[i] = (attune_token)(attune_rng_uniform(number, i) * 50000);
    }
    status = store_put_given(store, &base, NODE_GIVEN, ids, 80, NULL, 0, &err);
    if (status == ATTUNE_OK) {
        status = store_put_run(store, &record, &base, &err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n_steps; i++) {
        const struct attune_step step = bench_step(number, i);

        status = store_put_run_step(store, &step, &err);
    }
    if (status == ATTUNE_OK) {
        status = store_put_end(store, record.id, number % 3 ? ATTUNE_STOP_LENGTH : ATTUNE_STOP_EOS,
                               output, strlen(output), &err);
    }
    if (status != ATTUNE_OK) {
        end(&err);
    }
    free(prompt);
    free(output);
}

/* What an interrupted build left is gone on from. */
static void build(size_t n_runs, size_t n_steps)
{
    struct attune_store_stats stats;
    struct attune_store *store;
    struct attune_error err = {0};

    if (attune_store_open(&store, path, ATTUNE_STORE_WRITE, &err)) {
        end(&err);
    }
    if (attune_store_stats(&stats, store, &err)) {
        end(&err);
    }
    for (size_t i = (size_t)stats.runs / 500 * 500; i < n_runs; i += 500) {
        if (store_begin(store, &err)) {
            end(&err);
        }
        for (size_t k = i; k < i + 500 && k < n_runs; k++) {
            put_run(store, k + 1, n_steps);
        }
        if (store_end(store, ATTUNE_OK, &err)) {
            end(&err);
        }
    }
    attune_store_close(store);
}

static void report(const char *what, double *seconds, double found)
{
    printf("%-44s %9.2f ms", what, bench_median(seconds, ROUNDS) * 1e3);
    if (found >= 0) {
        printf("   %8.0f found", found);
    }
    putchar('\n');
    fflush(stdout);
}

static void list(struct attune_store *store, const char *what, const struct attune_run_query query)
{
    double seconds[ROUNDS];
    struct attune_run_record *found;
    struct attune_error err;
    size_t n = 0;

    for (int i = 0; i < ROUNDS; i++) {
        double before = bench_wall();

        if (attune_store_list(store, &query, &found, &n, &err)) {
            end(&err);
        }
        seconds[i] = bench_wall() - before;
        attune_run_records_free(found, n);
    }
    report(what, seconds, (double)n);
}

static void sessions(struct attune_store *store, const char *what,
                     const struct attune_run_query query)
{
    double seconds[ROUNDS], matches = 0;
    struct attune_session_row *rows;
    struct attune_error err;
    size_t n;

    for (int i = 0; i < ROUNDS; i++) {
        double before = bench_wall();

        if (attune_store_sessions(store, &query, &rows, &n, &err)) {
            end(&err);
        }
        seconds[i] = bench_wall() - before;
        matches = 0;
        for (size_t k = 0; k < n; k++) {
            matches += (double)rows[k].n_matches;
        }
        attune_session_rows_free(rows, n);
    }
    report(what, seconds, matches);
}

static void opening(void)
{
    double seconds[ROUNDS];
    struct attune_store *store;
    struct attune_error err;

    for (int i = 0; i < ROUNDS; i++) {
        double before = bench_wall();

        if (attune_store_open(&store, path, ATTUNE_STORE_READ, &err)) {
            end(&err);
        }
        seconds[i] = bench_wall() - before;
        attune_store_close(store);
    }
    report("open", seconds, -1);
}

static void looking(struct attune_store *store)
{
    static const struct attune_run_range cold = {"temperature", 0.25, 0.35};
    char rare[16] = {0}, some[16] = {0}, two[32];

    rare[add_word(rare, 15000) - 1] = '\0';
    some[add_word(some, 900) - 1] = '\0';
    snprintf(two, sizeof two, "%s ba", some);
    list(store, "list: the newest 50", (struct attune_run_query){.limit = 50});
    list(store, "list: the newest 1000", (struct attune_run_query){.limit = 1000});
    sessions(store, "sessions: all", (struct attune_run_query){0});
    list(store, "search: a rare word, 50", (struct attune_run_query){.search = rare, .limit = 50});
    list(store, "search: a word of a few runs in 100, 50",
         (struct attune_run_query){.search = some, .limit = 50});
    list(store, "search: a word of nearly every run, 50",
         (struct attune_run_query){.search = "ba", .limit = 50});
    list(store, "search: two words, 50", (struct attune_run_query){.search = two, .limit = 50});
    list(store, "search: one letter, 50", (struct attune_run_query){.search = "b", .limit = 50});
    list(store, "search: two letters, 50", (struct attune_run_query){.search = "de", .limit = 50});
    list(store, "search: word, temperature and stop, 50",
         (struct attune_run_query){
             .search = some, .ranges = &cold, .n_ranges = 1, .stop = "eos", .limit = 50});
    list(store, "search: a common word and what no run has",
         (struct attune_run_query){.search = "ba", .stop = "interrupted", .limit = 50});
    list(store, "temperature alone, 50",
         (struct attune_run_query){.ranges = &cold, .n_ranges = 1, .limit = 50});
    sessions(store, "sessions: a rare word", (struct attune_run_query){.search = rare});
    sessions(store, "sessions: a word of a few runs in 100",
             (struct attune_run_query){.search = some});
    sessions(store, "sessions: a word of nearly every run",
             (struct attune_run_query){.search = "ba"});
}

/* Everything this process computed, in any thread. */
static double processor(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A run at 200 tokens a second: what its thread waits, and what all threads compute for it. */
static void recording(struct attune_store *store, size_t n_steps)
{
    struct attune_run_record record = {.session = (char *)"recording",
                                       .prompt_text = (char *)"ba",
                                       .prompt_text_len = 2,
                                       .prompt_ids = &(attune_token){1},
                                       .n_prompt = 1};
    struct recorder *recorder;
    struct attune_error err;
    double waited = 0, before, start, computed, slowest = 0, idle;
    const double pace = 0.005;

    idle = processor();
    for (size_t i = 0; i < n_steps; i++) { /* the same without the recorder */
        slowest = fmax(slowest, bench_step(1, i).p * 0);
        nanosleep(&(struct timespec){0, (long)(pace * 1e9)}, NULL);
    }
    idle = processor() - idle;
    if (attune_store_begin_run(store, &record, &err) ||
        recorder_open(&recorder, store, record.id, &err)) {
        end(&err);
    }
    start = bench_wall();
    computed = processor();
    for (size_t i = 0; i < n_steps; i++) {
        const struct attune_step step = bench_step(1, i);

        before = bench_wall();
        if (recorder_add(recorder, &step, &err)) {
            end(&err);
        }
        before = bench_wall() - before;
        waited += before;
        slowest = fmax(slowest, before);
        nanosleep(&(struct timespec){0, (long)(pace * 1e9)}, NULL);
    }
    if (recorder_close(recorder, &err)) {
        end(&err);
    }
    computed = processor() - computed - idle;
    start = bench_wall() - start;
    printf("%-44s %9.4f ms   %.2f %% of its thread's time, %.2f %% of a core; slowest %.2f ms\n",
           "a step of a run at 200 tokens/s", waited / (double)n_steps * 1e3, waited / start * 100,
           computed / start * 100, slowest * 1e3);
    free(record.created);
}

/* Steps one by one, each its own transaction. */
static void saving(size_t n_steps)
{
    struct attune_store *store;
    struct attune_step *steps;
    struct attune_run_record record = {.session = (char *)"saving",
                                       .prompt_text = (char *)"ba",
                                       .prompt_text_len = 2,
                                       .prompt_ids = &(attune_token){1},
                                       .n_prompt = 1};
    struct attune_error err;
    double before, wall, slowest = 0;
    size_t n;

    if (attune_store_open(&store, path, ATTUNE_STORE_WRITE, &err) ||
        attune_store_begin_run(store, &record, &err)) {
        end(&err);
    }
    before = bench_wall();
    for (size_t i = 0; i < n_steps; i++) {
        const struct attune_step step = bench_step(0, i);
        double start = bench_wall();

        if (attune_store_add_step(store, record.id, &step, &err)) {
            end(&err);
        }
        slowest = fmax(slowest, bench_wall() - start);
    }
    wall = (bench_wall() - before) / (double)n_steps;
    printf("%-44s %9.4f ms   %.2f %% of a step at 200 tokens/s; slowest of %zu: %.2f ms\n",
           "save a step", wall * 1e3, wall * 200 * 100, n_steps, slowest * 1e3);
    before = bench_wall();
    if (attune_store_load_steps(store, record.id, &steps, &n, &err)) {
        end(&err);
    }
    printf("%-44s %9.0f steps/s\n", "read steps for a replay", (double)n / (bench_wall() - before));
    free(steps);
    free(record.created);
    recording(store, 800);
    attune_store_close(store);
}

int main(int argc, char **argv)
{
    size_t n_runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000,
           n_steps = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;
    struct attune_store *store;
    struct attune_error err;
    struct stat st;
    double before = bench_wall();

    if (argc < 4) { /* a third word keeps the file, or uses it again */
        unlink(path);
    }
    build(n_runs, n_steps);
    stat(path, &st);
    printf("%zu runs of %zu steps: %.0f MB, %.0f bytes a step with everything, built in %.0f s\n",
           n_runs, n_steps, (double)st.st_size / 1e6,
           (double)st.st_size / (double)(n_runs * n_steps), bench_wall() - before);
    opening();
    if (attune_store_open(&store, path, ATTUNE_STORE_READ, &err)) {
        end(&err);
    }
    looking(store);
    attune_store_close(store);
    saving(2000);
    if (argc < 4) {
        unlink(path);
        unlink("store-bench.db-wal");
        unlink("store-bench.db-shm");
    }
    return 0;
}
