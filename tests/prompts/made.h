/* Records and steps for tests of the store: every field has a value of its own, every run of (seed)
 * and (index) always the same. Included after cmocka. */
#ifndef ATTUNE_TESTS_MADE_H
#define ATTUNE_TESTS_MADE_H

#include <attune/rng.h>
#include <attune/store.h>

static inline struct attune_step made_step(uint64_t seed, uint64_t index)
{
    struct attune_step step;
    uint64_t at = index * 64;

    memset(&step, 0, sizeof step);
    step.index = index;
    step.id = (attune_token)(attune_rng_uniform(seed, at++) * 30000);
    step.n_bytes = (uint8_t)snprintf(step.bytes, sizeof step.bytes, " w%d", (int)step.id);
    if (index % 7 == 3) {
        step.bytes[1] = '\0';
        step.bytes[2] = (char)0xff;
    }
    step.draw = (struct attune_draw){step.id, attune_rng_uniform(seed, at), 0.125, 0.1 + 0.2};
    step.logit = (float)attune_rng_uniform(seed, at + 1) * 20 - 10;
    step.p = attune_rng_uniform(seed, at + 2);
    step.p_raw = attune_rng_uniform(seed, at + 3);
    step.rank = (uint32_t)(index * 3);
    step.entropy_bits = attune_rng_uniform(seed, at + 4) * 15;
    step.logsumexp = attune_rng_uniform(seed, at + 5) * 30;
    step.digest = 0xf000000000000000u + seed * 1000 + index;
    step.n_kept = (uint32_t)index + 40;
    step.kept_mass = attune_rng_uniform(seed, at + 6);
    step.n_top = ATTUNE_STEP_TOP;
    for (int i = 0; i < ATTUNE_STEP_TOP; i++) {
        step.top[i].id = (attune_token)(i * 100);
        step.top[i].logit = (float)attune_rng_uniform(seed, at + 10 + (uint64_t)i);
        step.top[i].p = attune_rng_uniform(seed, at + 20 + (uint64_t)i);
    }
    step.n_stages = 6;
    for (int i = 0; i < 6; i++) {
        step.stage[i].survivors = (uint32_t)(1000 - i);
        step.stage[i].mass = (float)attune_rng_uniform(seed, at + 30 + (uint64_t)i);
        step.stage[i].entropy_bits = (float)attune_rng_uniform(seed, at + 40 + (uint64_t)i);
    }
    step.eval_ms = 1.5 + (double)index;
    step.sample_ms = 0.1;
    return step;
}

/* Borrowed strings throughout: never hand it to attune_run_record_done (only `created` is made by
 * begin). */
static inline struct attune_run_record made_record(const char *session, const char *text)
{
    static attune_token ids[] = {1, 20, 300, 4000};
    static char path[] = "/models/a b.gguf", name[] = "tiny", family[] = "llama",
                engine[] = "attune exact 1";
    static char json[] = "{\"some\":\"json\"}", chain[] = "order=hf temperature=0.7",
                stop0[] = "\n\n", stop1[] = "END";
    static char *stops[] = {stop0, stop1};
    struct attune_run_record record = {0};

    record.session = (char *)session;
    record.model_path = path;
    record.model_name = name;
    record.model_family = family;
    record.model_digest = 0xfedcba9876543210u;
    record.tokenizer_digest = 77;
    record.engine = engine;
    record.prompt_json = json;
    record.prompt_text = (char *)text;
    record.prompt_text_len = strlen(text);
    record.prompt_ids = ids;
    record.n_prompt = 4;
    record.chain = chain;
    record.seed = 0x7fffffffffffffffu;
    record.max_tokens = 128;
    record.ignore_end = true;
    record.stops = stops;
    record.n_stops = 2;
    return record;
}

/* Saves a run of n steps drawn from `seed` and ends it, unless stop is NONE. Returns its number. */
static inline int64_t made_run(struct attune_store *store, const char *session, const char *text,
                               uint64_t seed, size_t n, enum attune_stop stop, const char *output)
{
    struct attune_run_record record = made_record(session, text);
    struct attune_error err;

    record.seed = seed;
    if (attune_store_begin_run(store, &record, &err)) {
        fail_msg("%s", err.text);
    }
    free(record.created);
    for (size_t i = 0; i < n; i++) {
        struct attune_step step = made_step(seed, i);

        step.stop = i + 1 == n ? stop : ATTUNE_STOP_NONE;
        if (attune_store_add_step(store, record.id, &step, &err)) {
            fail_msg("%s", err.text);
        }
    }
    if (stop != ATTUNE_STOP_NONE &&
        attune_store_end_run(store, record.id, stop, output, strlen(output), &err)) {
        fail_msg("%s", err.text);
    }
    return record.id;
}

static inline struct attune_store *made_store(const char *path, enum attune_store_mode mode)
{
    struct attune_store *store;
    struct attune_error err;

    if (attune_store_open(&store, path, mode, &err)) {
        fail_msg("%s", err.text);
    }
    return store;
}

/* A fork of `run` behind `kept` of its steps, which were drawn from `seed`. */
static inline int64_t made_fork(struct attune_store *store, int64_t run, uint64_t seed, size_t kept,
                                attune_token put_in)
{
    struct attune_run_record origin, record;
    struct attune_error err;
    attune_token ids[64];
    char text[512];
    size_t n, len;

    assert_int_equal(attune_store_load_run(store, run, &origin, &err), 0);
    record = made_record("s", "x");
    n = origin.n_prompt;
    len = origin.prompt_text_len;
    memcpy(ids, origin.prompt_ids, n * sizeof *ids);
    memcpy(text, origin.prompt_text, len);
    for (uint64_t i = 0; i < kept; i++) {
        struct attune_step step = made_step(seed, i);

        ids[n++] = step.id;
        memcpy(text + len, step.bytes, step.n_bytes);
        len += step.n_bytes;
    }
    ids[n++] = put_in;
    text[len++] = '!';
    record.prompt_ids = ids;
    record.n_prompt = n;
    record.prompt_text = text;
    record.prompt_text_len = len;
    record.fork_of = run;
    record.fork_steps = kept;
    if (attune_store_begin_run(store, &record, &err)) {
        fail_msg("%s", err.text);
    }
    free(record.created);
    for (uint64_t i = 0; i < 4; i++) {
        struct attune_step step = made_step(50 + (uint64_t)put_in, i);

        assert_int_equal(attune_store_add_step(store, record.id, &step, &err), 0);
    }
    attune_run_record_done(&origin);
    return record.id;
}

static inline void remove_store(const char *path)
{
    static const char *const suffixes[] = {
        "", "-wal", "-shm", "-journal", ".backup-v1", ".backup-v1-2", ".backup-v2", ".backup-v3"};
    char name[256];

    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

#endif
