/* Generation with the golden model llama-f32 and its own tokenizer. */
#include <config.h>

#include <attune/digest.h>
#include <attune/generate.h>
#include <attune/rng.h>
#include <jansson.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MOST = 64 };

static struct attune_model *model;
static attune_token prompt[32], greedy[32];
static size_t n_prompt, n_greedy;

static size_t read_ids(const json_t *golden, const char *key, attune_token *out)
{
    const json_t *list = json_object_get(golden, key);

    for (size_t i = 0; i < json_array_size(list); i++) {
        out[i] = (attune_token)json_integer_value(json_array_get(list, i));
    }
    return json_array_size(list);
}

static int open_all(void **state)
{
    struct attune_error err;
    char path[4096];
    json_t *golden;

    snprintf(path, sizeof path, "%s/gguf/llama-f32/golden.json", getenv("ATTUNE_GOLDEN"));
    golden = json_load_file(path, 0, NULL);
    n_prompt = read_ids(golden, "tokens", prompt);
    n_greedy = read_ids(golden, "greedy", greedy);
    json_decref(golden);
    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    if (n_prompt == 0 || attune_model_open(&model, path, NULL, NULL, &err) != ATTUNE_OK) {
        return -1;
    }
    return 0;
}

static int close_all(void **state)
{
    attune_model_close(model);
    return 0;
}

struct result {
    struct attune_step step[MOST];
    size_t n;
    enum attune_stop stop;
    char text[4096];
};

static struct attune_context *context_of(const attune_token *ids, size_t n, int n_context)
{
    struct attune_context_options options = {.n_threads = 1, .n_context = n_context};
    struct attune_input input = {.ids = ids, .n = n};
    struct attune_context *ctx;

    assert_int_equal(attune_context_new(&ctx, model, &options, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_sync(ctx, &input, NULL, NULL), ATTUNE_OK);
    return ctx;
}

/* The evidence of a step against the logits it came from. */
static void check_step(const struct attune_generation *gen, const struct attune_step *step,
                       const struct attune_generate_options *options)
{
    const float *logits = attune_generation_logits(gen);
    size_t n = (size_t)attune_model_info(model)->n_vocab, len;
    struct attune_dist dist;
    char bytes[256];

    attune_dist_of(&dist, logits, n);
    assert_true(step->digest == attune_digest_of(logits, n * sizeof *logits, 0));
    assert_true(step->draw.u == attune_rng_uniform(options->seed, step->index));
    assert_true(step->draw.low <= step->draw.u && step->draw.u < step->draw.high);
    assert_int_equal(step->draw.id, step->id);
    assert_true(step->logit == logits[step->id]);
    assert_true(step->p_raw == attune_dist_p(&dist, step->logit));
    assert_int_equal(step->rank, attune_dist_rank(logits, n, step->id));
    assert_true(step->logsumexp == dist.logsumexp);
    assert_true(step->p == (double)attune_generation_trace(gen)->p[step->id]);
    assert_int_equal(step->n_top, ATTUNE_STEP_TOP);
    assert_memory_equal(step->top, dist.top, sizeof step->top);
    len = attune_token_bytes(attune_model_tokenizer(model), step->id, bytes, sizeof bytes);
    assert_int_equal(step->n_bytes, len < ATTUNE_STEP_BYTES ? len : ATTUNE_STEP_BYTES);
    assert_memory_equal(step->bytes, bytes, step->n_bytes);
}

static void generate_from(struct result *out, struct attune_context *ctx, const char *chain_text,
                          const struct attune_generate_options *options)
{
    struct attune_generation *gen;
    struct attune_chain *chain;
    struct attune_error err = {0};
    size_t len, before = 0;
    const char *text;

    memset(out, 0, sizeof *out);
    assert_int_equal(attune_chain_parse(&chain, chain_text, NULL), ATTUNE_OK);
    if (attune_generation_start(&gen, ctx, chain, options, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    while (out->n < MOST && attune_generation_next(gen, &out->step[out->n], NULL, &err) == 1) {
        check_step(gen, &out->step[out->n], options);
        assert_int_equal(out->step[out->n].index, options->first_step + out->n);
        text = attune_generation_output(gen, &len);
        assert_true(len >= before && memcmp(text, out->text, before) == 0);
        memcpy(out->text, text, len + 1);
        before = len;
        out->n++;
    }
    out->stop = attune_generation_stop(gen);
    assert_true(out->n == 0 || out->step[out->n - 1].stop == out->stop);
    assert_int_equal(attune_generation_next(gen, &out->step[MOST - 1], NULL, &err), 0);
    attune_generation_free(gen);
    attune_chain_free(chain);
}

static void generate(struct result *out, const char *chain,
                     const struct attune_generate_options *options)
{
    struct attune_context *ctx = context_of(prompt, n_prompt, 0);

    generate_from(out, ctx, chain, options);
    attune_context_free(ctx);
}

static void greedy_is_the_reference(void **state)
{
    struct attune_generate_options options = {.max_tokens = n_greedy, .ignore_end = true};
    struct result r;

    generate(&r, "temperature=0", &options);
    assert_int_equal(r.n, n_greedy);
    for (size_t i = 0; i < n_greedy; i++) {
        assert_int_equal(r.step[i].id, greedy[i]);
        assert_true(r.step[i].p == 1 && r.step[i].n_kept == 1 && r.step[i].rank == 0);
    }
    assert_int_equal(r.stop, ATTUNE_STOP_LENGTH);
}

static void the_seed_alone_decides(void **state)
{
    struct attune_generate_options options = {.max_tokens = 20, .seed = 11, .ignore_end = true};
    struct result a, b, c;

    generate(&a, "temperature=1.5 top_p=0.95", &options);
    generate(&b, "temperature=1.5 top_p=0.95", &options);
    for (size_t i = 0; i < 20; i++) {
        a.step[i].eval_ms = b.step[i].eval_ms = a.step[i].sample_ms = b.step[i].sample_ms = 0;
    }
    assert_memory_equal(a.step, b.step, 20 * sizeof *a.step);
    assert_string_equal(a.text, b.text);
    options.seed = 12;
    generate(&c, "temperature=1.5 top_p=0.95", &options);
    assert_memory_not_equal(a.step, c.step, 20 * sizeof *a.step);
}

static void a_fork_goes_on_with_the_same_draws(void **state)
{
    struct attune_generate_options options = {.max_tokens = 12, .seed = 5, .ignore_end = true};
    attune_token ids[64];
    struct attune_context *ctx;
    struct result whole, rest;

    generate(&whole, "top_k=50", &options);
    memcpy(ids, prompt, n_prompt * sizeof *ids);
    for (size_t i = 0; i < 5; i++) {
        ids[n_prompt + i] = whole.step[i].id;
    }
    options.first_step = 5;
    options.max_tokens = 7;
    ctx = context_of(ids, n_prompt + 5, 0);
    generate_from(&rest, ctx, "top_k=50", &options);
    attune_context_free(ctx);
    assert_int_equal(rest.n, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(rest.step[i].id, whole.step[i + 5].id);
        assert_true(rest.step[i].digest == whole.step[i + 5].digest);
    }
}

static void stops_match_across_tokens(void **state)
{
    struct attune_generate_options options = {.max_tokens = 40, .seed = 3, .ignore_end = true};
    struct result free_run, r;
    size_t tried = 0;

    generate(&free_run, "", &options);
    for (size_t i = 0; i + 1 < free_run.n; i++) {
        const struct attune_step *a = &free_run.step[i], *b = &free_run.step[i + 1];
        char stop[3] = {a->n_bytes ? a->bytes[a->n_bytes - 1] : 0, b->n_bytes ? b->bytes[0] : 0, 0};
        const char *stops[] = {"never in there", stop}, *found;

        found = stop[0] && stop[1] ? strstr(free_run.text, stop) : NULL;
        if (!found) {
            continue;
        }
        options.stops = stops;
        options.n_stops = 2;
        generate(&r, "", &options);
        assert_int_equal(r.stop, ATTUNE_STOP_TEXT);
        assert_int_equal(strlen(r.text), found - free_run.text);
        assert_memory_equal(r.text, free_run.text, strlen(r.text));
        assert_true(r.n <= i + 2);
        tried++;
    }
    assert_true(tried > 5);
}

static void an_end_token_ends(void **state)
{
    struct attune_generate_options options = {.max_tokens = 30};
    size_t n = (size_t)attune_model_info(model)->n_vocab;
    attune_token end = 0;
    char chain[60];
    struct result r;

    while ((size_t)end < n && !attune_model_is_end(model, end)) {
        end++;
    }
    assert_true((size_t)end < n);
    snprintf(chain, sizeof chain, "logit_bias=%d:inf", (int)end);
    generate(&r, chain, &options);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.stop, ATTUNE_STOP_EOS);
    assert_string_equal(r.text, "");
    options.ignore_end = true;
    options.max_tokens = 3;
    generate(&r, chain, &options);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.stop, ATTUNE_STOP_LENGTH);
}

static void a_full_context_ends_with_length(void **state)
{
    struct attune_generate_options options = {.max_tokens = 50, .ignore_end = true};
    struct attune_context *ctx = context_of(prompt, n_prompt, (int)n_prompt + 3);
    struct result r;

    generate_from(&r, ctx, "", &options);
    assert_int_equal(r.n, 4); /* three that are read again, and the one they lead to */
    assert_int_equal(r.stop, ATTUNE_STOP_LENGTH);
    attune_context_free(ctx);
    options.max_tokens = 0;
    generate(&r, "", &options);
    assert_int_equal(r.n, 0);
    assert_int_equal(r.stop, ATTUNE_STOP_LENGTH);
}

static void a_cancel_keeps_what_was_made(void **state)
{
    struct attune_generate_options options = {.max_tokens = 50, .seed = 4, .ignore_end = true};
    struct attune_context *ctx = context_of(prompt, n_prompt, 0);
    struct attune_progress progress = {0};
    struct attune_generation *gen;
    struct attune_chain *chain;
    struct attune_step step;
    size_t len;

    assert_int_equal(attune_chain_new(&chain, NULL), ATTUNE_OK);
    assert_int_equal(attune_generation_start(&gen, ctx, chain, &options, NULL), ATTUNE_OK);
    assert_int_equal(attune_generation_next(gen, &step, &progress, NULL), 1);
    atomic_store(&progress.cancel, 1);
    assert_int_equal(attune_generation_next(gen, &step, &progress, NULL), 0);
    assert_int_equal(attune_generation_stop(gen), ATTUNE_STOP_INTERRUPTED);
    atomic_store(&progress.cancel, 0);
    assert_int_equal(attune_generation_next(gen, &step, &progress, NULL), 0);
    attune_generation_output(gen, &len);
    assert_true(len > 0);
    attune_generation_free(gen);
    attune_generation_free(NULL);
    attune_chain_free(chain);
    attune_context_free(ctx);
}

static void what_cannot_work_is_refused(void **state)
{
    static const char *const empty[] = {""};
    struct attune_generate_options options = {.max_tokens = 5},
                                   stops = {.max_tokens = 5, .stops = empty, .n_stops = 1};
    struct attune_context_options context_options = {.n_threads = 1};
    struct attune_context *ctx = context_of(prompt, n_prompt, 0), *nothing;
    struct attune_generation *gen;
    struct attune_chain *chain, *far_bias;
    struct attune_error err;

    assert_int_equal(attune_context_new(&nothing, model, &context_options, NULL), ATTUNE_OK);
    assert_int_equal(attune_chain_new(&chain, NULL), ATTUNE_OK);
    assert_int_equal(attune_chain_parse(&far_bias, "logit_bias=1000000:1", NULL), ATTUNE_OK);
    assert_int_equal(attune_generation_start(&gen, ctx, far_bias, &options, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "1000000"));
    assert_null(gen);
    assert_int_equal(attune_generation_start(&gen, ctx, chain, &stops, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_generation_start(&gen, nothing, chain, &options, &err),
                     ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "empty"));
    attune_chain_free(far_bias);
    attune_chain_free(chain);
    attune_context_free(nothing);
    attune_context_free(ctx);
}

/* The text keeps to it, the trace says who fell, a complete text ends, and a fork goes on in it. */
static void a_constraint_is_kept(void **state)
{
    static const char chain[] = "temperature=3 constraint=regex:[0-9]{2}-[a-c]{3}!";
    struct attune_generate_options options = {.max_tokens = 30, .ignore_end = true};
    attune_token ids[64];
    struct attune_context *ctx;
    struct result r, rest;

    for (options.seed = 1; options.seed < 6; options.seed++) {
        options.first_step = 0;
        generate(&r, chain, &options);
        assert_int_equal(r.stop, ATTUNE_STOP_TEXT);
        assert_int_equal(strlen(r.text), 7);
        assert_true(strspn(r.text, "0123456789") == 2 && strspn(r.text + 3, "abc") == 3);
        assert_true(r.text[2] == '-' && r.text[6] == '!');
        assert_true(r.step[0].n_kept < 200);
        memcpy(ids, prompt, n_prompt * sizeof *ids);
        ids[n_prompt] = r.step[0].id;
        ids[n_prompt + 1] = r.step[1].id;
        options.first_step = 2;
        ctx = context_of(ids, n_prompt + 2, 0);
        generate_from(&rest, ctx, chain, &options);
        attune_context_free(ctx);
        assert_int_equal(rest.n, r.n - 2);
        for (size_t i = 0; i < rest.n; i++) {
            assert_int_equal(rest.step[i].id, r.step[i + 2].id);
            assert_int_equal(rest.step[i].n_kept, r.step[i + 2].n_kept);
        }
    }
}

static void a_constraint_that_leaves_nothing_is_an_error(void **state)
{
    struct attune_generate_options options = {.max_tokens = 3};
    struct attune_context *ctx = context_of(prompt, n_prompt, 0);
    struct attune_generation *gen;
    struct attune_chain *chain;
    struct attune_error err = {0};
    struct attune_step step;
    char banned[4096] = "constraint=choices:7 logit_bias=";
    size_t n = (size_t)attune_model_info(model)->n_vocab, n_banned = 0;

    for (size_t id = 0; id < n; id++) {
        char bytes[8];

        if (attune_token_bytes(attune_model_tokenizer(model), (attune_token)id, bytes, 8) == 1 &&
            bytes[0] == '7') {
            snprintf(banned + strlen(banned), sizeof banned - strlen(banned), "%s%zu:-inf",
                     n_banned++ ? "," : "", id);
        }
    }
    assert_true(n_banned > 0);
    assert_int_equal(attune_chain_parse(&chain, banned, &err), ATTUNE_OK);
    assert_int_equal(attune_generation_start(&gen, ctx, chain, &options, &err), ATTUNE_OK);
    assert_int_equal(attune_generation_next(gen, &step, NULL, &err), -ATTUNE_ARGUMENT);
    assert_non_null(
        strstr(err.text, "no token of the vocabulary keeps to the constraint choices:7"));
    assert_int_equal(attune_generation_stop(gen), ATTUNE_STOP_ERROR);
    attune_generation_free(gen);
    attune_chain_free(chain);
    attune_context_free(ctx);
}

static void every_reason_has_its_word(void **state)
{
    assert_string_equal(attune_stop_text(ATTUNE_STOP_NONE), "");
    assert_string_equal(attune_stop_text(ATTUNE_STOP_EOS), "eos");
    assert_string_equal(attune_stop_text(ATTUNE_STOP_ERROR), "error");
    assert_string_equal(attune_stop_text(ATTUNE_STOP_COUNT), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_is_the_reference),
        cmocka_unit_test(the_seed_alone_decides),
        cmocka_unit_test(a_fork_goes_on_with_the_same_draws),
        cmocka_unit_test(stops_match_across_tokens),
        cmocka_unit_test(an_end_token_ends),
        cmocka_unit_test(a_full_context_ends_with_length),
        cmocka_unit_test(a_cancel_keeps_what_was_made),
        cmocka_unit_test(what_cannot_work_is_refused),
        cmocka_unit_test(a_constraint_is_kept),
        cmocka_unit_test(a_constraint_that_leaves_nothing_is_an_error),
        cmocka_unit_test(every_reason_has_its_word),
    };
    return cmocka_run_group_tests_name("generate", tests, open_all, close_all);
}
