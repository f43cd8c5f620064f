/* Encoder-decoders through the verbs that decoders have: a text goes in as the tokenizer wants it,
 * the decoder begins by itself, and what was saved is computed again bit for bit. */
#include <config.h>

#include "tests/tui/verb.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/engine/spoken.h"

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})

/* Each of them with a tokenizer and the token that its text ends with. */
static const struct {
    const char *golden;
    enum spoken_kind kind;
} models[] = {
    {"hf/t5-gated-untied", SPOKEN_T5},
    {"hf/bart-scaled-uneven", SPOKEN_ROBERTA},
    {"hf/marian", SPOKEN_T5},
};
enum { N_MODELS = sizeof models / sizeof *models };

static void same(const json_t *a, const json_t *b, const char *key)
{
    if (!json_equal(json_object_get(a, key), json_object_get(b, key))) {
        fail_msg("%s differs", key);
    }
}

static void runs_are_saved_and_computed_again(void **state)
{
    for (size_t i = 0; i < N_MODELS; i++) {
        struct folder f;
        struct verb_result run, again, verdict, saved;
        char db[128];

        spoken_make(&f, models[i].golden, models[i].kind, NULL);
        snprintf(db, sizeof db, "%s/runs.db", f.path);
        CALL(&run, "run", "-m", f.path, "-p", "the cat sat", "-n", "7", "--seed", "3", "--top-k",
             "20", "--repeat-penalty", "1.3", "--ignore-eos", "--save", "s", "--db", db, "--json");
        assert_int_equal(run.status, CLI_OK);
        assert_int_equal(json_array_size(verb_list(run.json, "steps")), 7);
        CALL(&again, "run", "-m", f.path, "-p", "the cat sat", "-n", "7", "--seed", "3", "--top-k",
             "20", "--repeat-penalty", "1.3", "--ignore-eos", "--json");
        same(run.json, again.json, "steps");
        same(run.json, again.json, "text");
        CALL(&verdict, "replay", "1", "--verify", "--db", db, "--json");
        assert_int_equal(verdict.status, CLI_OK);
        assert_true(json_is_true(json_object_get(verdict.json, "identical")));
        assert_int_equal(verb_number(verdict.json, "steps"), 7);
        assert_true(verb_number(verdict.json, "max_logit_error") == 0);
        CALL(&saved, "replay", "1", "--db", db, "--json");
        assert_int_equal(saved.status, CLI_OK);
        verb_done(&run);
        verb_done(&again);
        verb_done(&verdict);
        verb_done(&saved);
        folder_remove(&f);
    }
}

/* A stream is the same steps, an object a line. */
static void steps_are_streamed(void **state)
{
    struct folder f;
    struct verb_result whole, stream;
    const json_t *steps;
    const char *at;

    spoken_make(&f, "hf/t5-gated-untied", SPOKEN_T5, NULL);
    CALL(&whole, "run", "-m", f.path, "-p", "the cat", "-n", "4", "--seed", "5", "--ignore-eos",
         "--json");
    CALL(&stream, "run", "-m", f.path, "-p", "the cat", "-n", "4", "--seed", "5", "--ignore-eos",
         "--stream");
    steps = verb_list(whole.json, "steps");
    at = stream.out;
    for (size_t i = 0; i < 4; i++) {
        json_t *line = json_loadb(at, strcspn(at, "\n"), 0, NULL);

        assert_non_null(line);
        assert_true(json_equal(line, json_array_get(steps, i)));
        json_decref(line);
        at += strcspn(at, "\n") + 1;
    }
    verb_done(&whole);
    verb_done(&stream);
    folder_remove(&f);
}

/* probs of the prompt is where run takes its first step from, and of a text that was begun its
 * next. */
static void probs_are_those_of_the_steps(void **state)
{
    struct folder f;
    struct verb_result run, first, next;
    const json_t *steps;
    char begun[64];

    spoken_make(&f, "hf/t5-gated-untied", SPOKEN_T5, NULL);
    CALL(&run, "run", "-m", f.path, "-p", "the cat", "-n", "2", "--greedy", "--ignore-eos",
         "--json");
    steps = verb_list(run.json, "steps");
    CALL(&first, "probs", "-m", f.path, "-p", "the cat", "--top", "1", "--json");
    assert_int_equal(first.status, CLI_OK);
    assert_int_equal(verb_number(json_array_get(verb_list(first.json, "candidates"), 0), "id"),
                     verb_number(json_array_get(steps, 0), "id"));
    snprintf(begun, sizeof begun, "0,%d", (int)verb_number(json_array_get(steps, 0), "id"));
    CALL(&next, "probs", "-m", f.path, "-p", "the cat", "--decoder-ids", begun, "--top", "1",
         "--json");
    assert_int_equal(next.status, CLI_OK);
    assert_int_equal(verb_number(json_array_get(verb_list(next.json, "candidates"), 0), "id"),
                     verb_number(json_array_get(steps, 1), "id"));
    verb_done(&run);
    verb_done(&first);
    verb_done(&next);
    folder_remove(&f);
}

/* The end token that the post-processor adds is read: without it the answer is another. */
static void the_text_is_read_as_the_tokenizer_wants_it(void **state)
{
    struct folder f;
    struct verb_result text, ids;

    spoken_make(&f, "hf/t5-gated-untied", SPOKEN_T5, NULL);
    CALL(&text, "run", "-m", f.path, "-p", "the cat", "-n", "5", "--seed", "1", "--greedy",
         "--ignore-eos", "--json");
    CALL(&ids, "run", "-m", f.path, "--ids", "7,8,1", "-n", "5", "--seed", "1", "--greedy",
         "--ignore-eos", "--json");
    same(text.json, ids.json, "prompt_ids");
    same(text.json, ids.json, "steps");
    verb_done(&text);
    verb_done(&ids);
    folder_remove(&f);
}

/* score --target: what probs says of each token of the target, given those before it. */
static void a_target_is_scored_token_by_token(void **state)
{
    struct folder f;
    struct verb_result score, probs;
    const json_t *tokens;
    char begun[64] = "0";
    double sum = 0;

    spoken_make(&f, "hf/t5-gated-untied", SPOKEN_T5, NULL);
    CALL(&score, "score", "-m", f.path, "-p", "the cat sat", "--target", "the dog", "--json");
    assert_int_equal(score.status, CLI_OK);
    tokens = verb_list(score.json, "tokens");
    assert_int_equal(json_array_size(tokens), 4); /* start, the, dog, </s> */
    assert_int_equal(verb_number(score.json, "n_scored"), 3);
    assert_true(json_is_null(json_object_get(json_array_get(tokens, 0), "logprob")));
    for (size_t i = 1; i < 4; i++) {
        const json_t *token = json_array_get(tokens, i), *candidates;
        double p = -1;

        CALL(&probs, "probs", "-m", f.path, "-p", "the cat sat", "--decoder-ids", begun, "--top",
             "133", "--json");
        candidates = verb_list(probs.json, "candidates");
        for (size_t k = 0; k < json_array_size(candidates); k++) {
            const json_t *c = json_array_get(candidates, k);

            p = verb_number(c, "id") == verb_number(token, "id") ? verb_number(c, "p_raw") : p;
        }
        assert_true(fabs(log(p) - verb_number(token, "logprob")) < 1e-6);
        sum += verb_number(token, "logprob");
        sprintf(begun + strlen(begun), ",%d", (int)verb_number(token, "id"));
        verb_done(&probs);
    }
    assert_true(fabs(verb_number(score.json, "nll") + sum / 3) < 1e-6);
    verb_done(&score);
    CALL(&score, "score", "-m", f.path, "-p", "the cat sat");
    assert_int_equal(score.status, CLI_FAILED);
    assert_non_null(strstr(score.err, "--target TEXT"));
    verb_done(&score);
    folder_remove(&f);
}

static void a_target_is_for_encoder_decoders(void **state)
{
    struct verb_result r;

    CALL(&r, "score", "-m", "GOLDEN/hf/gpt2", "--ids", "1,2,3", "--target", "the dog");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "--target is for encoder-decoders: gpt2 is of kind decoder"));
    verb_done(&r);
    CALL(&r, "score", "-m", "GOLDEN/hf/roberta-mlm", "--ids", "1,2,3", "--target", "the dog");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "roberta-mlm is an encoder"));
    verb_done(&r);
}

static void the_card_tells_both_stacks_and_what_is_on_top(void **state)
{
    struct verb_result r;

    CALL(&r, "card", "GOLDEN/hf/bart-scaled-uneven", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_int_equal(verb_number(r.json, "layers"), 3);
    assert_int_equal(verb_number(r.json, "encoder_layers"), 2);
    assert_int_equal(verb_number(r.json, "heads"), 4);
    assert_int_equal(verb_number(r.json, "encoder_heads"), 2);
    assert_int_equal(verb_number(r.json, "d_ff"), 80);
    assert_int_equal(verb_number(r.json, "encoder_d_ff"), 64);
    assert_int_equal(json_array_size(verb_list(r.json, "labels")),
                     0); /* named, but no head gives them */
    assert_string_equal(json_string_value(json_array_get(verb_list(r.json, "outputs"), 0)),
                        "tokens");
    verb_done(&r);
    CALL(&r, "card", "GOLDEN/hf/bart-scaled-uneven");
    assert_non_null(strstr(r.out, "2 in the encoder, 3 in the decoder"));
    assert_non_null(strstr(r.out, "MLP 64 in the encoder, 80 in the decoder"));
    verb_done(&r);
    CALL(&r, "card", "GOLDEN/hf/bert-tokcls", "--json");
    assert_int_equal(json_array_size(verb_list(r.json, "labels")), 5);
    assert_string_equal(json_string_value(json_array_get(verb_list(r.json, "labels"), 3)), "B-LOC");
    assert_string_equal(json_string_value(json_array_get(verb_list(r.json, "outputs"), 0)),
                        "token-labels");
    verb_done(&r);
    CALL(&r, "card", "GOLDEN/hf/bert-pretraining");
    assert_non_null(strstr(r.out, "tokens, next-sentence"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_saved_and_computed_again),
        cmocka_unit_test(steps_are_streamed),
        cmocka_unit_test(probs_are_those_of_the_steps),
        cmocka_unit_test(the_text_is_read_as_the_tokenizer_wants_it),
        cmocka_unit_test(a_target_is_scored_token_by_token),
        cmocka_unit_test(a_target_is_for_encoder_decoders),
        cmocka_unit_test(the_card_tells_both_stacks_and_what_is_on_top),
    };
    return cmocka_run_group_tests_name("seq2seq", tests, NULL, NULL);
}
