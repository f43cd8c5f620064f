/* Beam search: one beam is greedy, enough beams are the whole tree, and each level adds up to 1. */
#include <config.h>

#include <attune/beams.h>
#include <attune/generate.h>
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

enum { LENGTH = 4, WIDE = 3 };

static struct attune_model *model;
static struct attune_context *ctx;
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
    const struct attune_context_options options = {.n_threads = 1};
    char path[4096];
    json_t *golden;

    snprintf(path, sizeof path, "%s/gguf/llama-f32/golden.json", getenv("ATTUNE_GOLDEN"));
    golden = json_load_file(path, 0, NULL);
    n_prompt = read_ids(golden, "tokens", prompt);
    n_greedy = read_ids(golden, "greedy", greedy);
    json_decref(golden);
    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    if (n_prompt == 0 || attune_model_open(&model, path, NULL, NULL, NULL) != ATTUNE_OK) {
        return -1;
    }
    return attune_context_new(&ctx, model, &options, NULL) == ATTUNE_OK ? 0 : -1;
}

static int close_all(void **state)
{
    attune_context_free(ctx);
    attune_model_close(model);
    return 0;
}

static void begin(void)
{
    struct attune_input input = {.ids = prompt, .n = n_prompt};

    assert_int_equal(attune_context_sync(ctx, &input, NULL, NULL), ATTUNE_OK);
}

static void search(struct attune_beams *out, const char *chain_text, size_t n, size_t length,
                   double penalty)
{
    struct attune_beam_options options = {n, length, penalty};
    struct attune_chain *chain;
    struct attune_error err = {0};

    begin();
    assert_int_equal(attune_chain_parse(&chain, chain_text, NULL), ATTUNE_OK);
    if (attune_beams_search(out, ctx, chain, &options, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < out->n_levels; i++) {
        const struct attune_beam_level *l = &out->levels[i];

        assert_true(fabs(l->kept + l->ended + l->rest - 1) < 1e-6);
        assert_true(l->rest >= 0 && (i == 0 || l->rest >= out->levels[i - 1].rest));
        assert_true(i == 0 || l->first == l[-1].first + l[-1].n);
    }
    for (size_t i = 1; i < out->n_results; i++) {
        assert_true(out->results[i].score <= out->results[i - 1].score);
    }
    attune_chain_free(chain);
}

static void one_beam_is_greedy(void **state)
{
    struct attune_beams beams;
    attune_token ids[32];

    search(&beams, "", 1, n_greedy, 1);
    assert_int_equal(beams.n_results, 1);
    assert_true(beams.results[0].n <= n_greedy);
    attune_beams_ids(ids, &beams, &beams.results[0]);
    for (size_t i = 0; i < beams.results[0].n; i++) {
        assert_int_equal(ids[i], greedy[i]);
    }
    attune_beams_done(&beams);
}

/* All texts of LENGTH tokens that top_k=WIDE leaves, each read from its beginning. */
static double best_of_all(attune_token *best)
{
    struct attune_chain *chain;
    struct attune_trace trace;
    size_t n_vocab = (size_t)attune_model_info(model)->n_vocab, n_texts = 1;
    float *logits = malloc(n_vocab * sizeof *logits);
    double most = -INFINITY;

    assert_non_null(logits);
    assert_int_equal(attune_chain_parse(&chain, "top_k=3", NULL), ATTUNE_OK);
    assert_int_equal(attune_trace_init(&trace, n_vocab, NULL), ATTUNE_OK);
    for (int i = 0; i < LENGTH; i++) {
        n_texts *= WIDE;
    }
    for (size_t text = 0; text < n_texts; text++) {
        double logprob = 0;
        attune_token ids[LENGTH];
        size_t digits = text;

        begin();
        for (int i = 0; i < LENGTH; i++, digits /= WIDE) {
            assert_int_equal(
                attune_context_logits(ctx, attune_context_length(ctx) - 1, 1, logits, NULL),
                ATTUNE_OK);
            attune_chain_apply(&trace, chain, logits, NULL, 0);
            ids[i] = trace.kept[digits % WIDE];
            logprob += log((double)trace.p[ids[i]]);
            assert_int_equal(attune_context_append(ctx, &ids[i], 1, NULL, NULL), ATTUNE_OK);
        }
        if (logprob > most) {
            most = logprob;
            memcpy(best, ids, sizeof ids);
        }
    }
    attune_trace_done(&trace);
    attune_chain_free(chain);
    free(logits);
    return most;
}

static void enough_beams_find_the_best(void **state)
{
    struct attune_beams beams;
    attune_token best[LENGTH], ids[LENGTH];
    double most = best_of_all(best);

    search(&beams, "top_k=3", 81, LENGTH, 0); /* no text is given up */
    assert_int_equal(beams.results[0].n, LENGTH);
    assert_true(fabs(beams.results[0].logprob - most) < 1e-9);
    assert_true(fabs(beams.results[0].score - most) < 1e-9);
    attune_beams_ids(ids, &beams, &beams.results[0]);
    assert_memory_equal(ids, best, sizeof ids);
    assert_true(beams.levels[LENGTH - 1].rest < 1e-6);
    assert_int_equal(beams.n_results, 81);
    attune_beams_done(&beams);
    search(&beams, "top_k=3", 4, LENGTH, 0);
    assert_true(beams.results[0].logprob <= most + 1e-9);
    assert_true(beams.levels[LENGTH - 1].rest > 0.01);
    attune_beams_done(&beams);
}

static void beams_keep_to_a_constraint(void **state)
{
    struct attune_beams beams;
    struct attune_error err;
    struct attune_chain *chain;
    struct attune_beam_options none = {0, 4, 1};
    attune_token ids[8];
    char *text;
    size_t len, found = 0;

    search(&beams, "constraint=choices:yes,no,maybe", 3, 8, 1);
    assert_true(beams.n_results > 1);
    for (size_t i = 0; i < beams.n_results; i++) {
        attune_beams_ids(ids, &beams, &beams.results[i]);
        assert_int_equal(attune_detokenize(&text, &len, attune_model_tokenizer(model), ids,
                                           beams.results[i].n, true, false, NULL),
                         ATTUNE_OK);
        found += strstr("yes no maybe", text + (text[0] == ' ')) != NULL;
        free(text);
    }
    assert_int_equal(found, beams.n_results);
    attune_beams_done(&beams);
    assert_int_equal(attune_chain_new(&chain, NULL), ATTUNE_OK);
    assert_int_equal(attune_beams_search(&beams, ctx, chain, &none, NULL, &err), ATTUNE_ARGUMENT);
    attune_chain_free(chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_beam_is_greedy),
        cmocka_unit_test(enough_beams_find_the_best),
        cmocka_unit_test(beams_keep_to_a_constraint),
    };
    return cmocka_run_group_tests_name("beams", tests, open_all, close_all);
}
