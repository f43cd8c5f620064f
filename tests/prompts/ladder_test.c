/* The ladder against the same numbers taken one by one, each rung in a context of its own. */
#include <config.h>

#include <attune/ladder.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct attune_model *open_model(const char *variable, const char *name)
{
    struct attune_model *model;
    struct attune_error err;
    char path[1024];

    snprintf(path, sizeof path, "%s/%s", getenv(variable), name);
    if (attune_model_open(&model, path, NULL, NULL, &err)) {
        fail_msg("%s", err.text);
    }
    return model;
}

static struct attune_context *open_context(const struct attune_model *model, int n)
{
    const struct attune_context_options options = {.n_context = n, .n_threads = 2};
    struct attune_context *ctx;
    struct attune_error err;

    assert_int_equal(attune_context_new(&ctx, model, &options, &err), 0);
    return ctx;
}

static void fill(struct attune_prompt *p, long shots)
{
    struct attune_template form;
    struct attune_error err;

    assert_int_equal(attune_prompt_init(p, &err), 0);
    assert_int_equal(attune_template_load(&form, "review", &err), 0);
    assert_int_equal(attune_prompt_use(p, &form, &err), 0);
    attune_template_done(&form);
    assert_int_equal(attune_prompt_load_shots(p, "reviews", shots, &err), 0);
    assert_int_equal(attune_prompt_set(p, p->n - 1, "The food was delicious.", NULL, &err), 0);
}

/* Logits behind a text, in a context that has read nothing else. */
static void logits_of(float *out, const struct attune_model *model, const char *text, size_t back,
                      attune_token *last)
{
    const struct attune_tokenize_options special = {.add_special = true};
    struct attune_context *ctx = open_context(model, 0);
    struct attune_tokens tokens = {0};
    struct attune_input input = {0};
    struct attune_error err;

    assert_int_equal(
        attune_tokenize(&tokens, attune_model_tokenizer(model), text, strlen(text), &special, &err),
        0);
    input.ids = tokens.ids;
    input.n = tokens.n;
    assert_int_equal(attune_context_sync(ctx, &input, NULL, &err), 0);
    assert_int_equal(attune_context_logits(ctx, tokens.n - 1 - back, 1, out, &err), 0);
    *last = tokens.ids[tokens.n - 1];
    attune_tokens_done(&tokens);
    attune_context_free(ctx);
}

static void each_rung_is_what_its_text_alone_gives(void **state)
{
    static const char *const texts[] = {
        "Review: The food was delicious.\nSentiment:",
        "Review: The movie was wonderful.\nSentiment: Positive\n\n"
        "Review: The food was delicious.\nSentiment:",
        "Review: The movie was wonderful.\nSentiment: Positive\n\n"
        "Review: The soup was cold and the bread was stale.\nSentiment: Negative\n\n"
        "Review: The food was delicious.\nSentiment:",
    };
    struct attune_model *model = open_model("top_srcdir", "share/models/tiny-decoder.gguf");
    size_t n_vocab = (size_t)attune_model_info(model)->n_vocab;
    struct attune_ladder_options options = {.answer = "Positive", .n_ids = 12};
    struct attune_context *ctx = open_context(model, 0);
    float *logits = malloc(3 * n_vocab * sizeof *logits),
          *answer = malloc(n_vocab * sizeof *answer);
    struct attune_ladder ladder;
    struct attune_prompt prompt;
    struct attune_error err;

    fill(&prompt, 2);
    attune_ladder_rungs(&options, &prompt, ATTUNE_LADDER_MOST);
    assert_int_equal(options.n, 3);
    assert_int_equal(attune_ladder_climb(&ladder, ctx, &prompt, &options, NULL, &err), 0);
    assert_int_equal(ladder.n, 3);
    assert_int_equal(ladder.n_ids, 12);
    for (size_t r = 0; r < 3; r++) {
        const struct attune_rung *rung = &ladder.rungs[r];
        float *row = logits + r * n_vocab;
        struct attune_shift shift;
        struct attune_dist dist;
        attune_token id;
        char whole[512];

        logits_of(row, model, texts[r], 0, &id);
        attune_dist_of(&dist, row, n_vocab);
        assert_int_equal(rung->shots, r);
        assert_true(rung->entropy_bits == attune_bits(dist.entropy));
        for (size_t i = 0; i < ladder.n_ids; i++) {
            assert_true(ladder.p[i * 3 + r] == attune_dist_p(&dist, row[ladder.ids[i]]));
        }
        if (r > 0) {
            attune_shift_of(&shift, row - n_vocab, row, n_vocab);
            assert_true(rung->shift.kl_bits == shift.kl_bits);
            assert_true(rung->shift.moved == shift.moved);
        }
        snprintf(whole, sizeof whole, "%s Positive", texts[r]);
        logits_of(answer, model, whole, 1, &id);
        attune_dist_of(&dist, answer, n_vocab);
        assert_int_equal(rung->n_answer, 1); /* its own token in this vocabulary */
        assert_true(rung->answer_logp == attune_dist_logp(&dist, answer[id]));
        assert_int_equal(rung->answer_top, dist.top[0].id == id);
    }
    assert_true(ladder.rungs[2].answer_logp > ladder.rungs[0].answer_logp);
    attune_ladder_done(&ladder);
    attune_prompt_done(&prompt);
    attune_context_free(ctx);
    attune_model_close(model);
    free(logits);
    free(answer);
}

static void likely_tokens_fall_by_their_highest_p(void **state)
{
    struct attune_model *model = open_model("ATTUNE_GOLDEN", "gguf/gpt2-f32/model.gguf");
    struct attune_ladder_options options = {.shots = {0, 1}, .n = 2, .n_ids = 40};
    struct attune_context *ctx = open_context(model, 0);
    struct attune_ladder ladder;
    struct attune_prompt prompt;
    struct attune_error err;
    double before = 1;

    assert_int_equal(attune_prompt_init(&prompt, &err), 0);
    assert_int_equal(attune_prompt_add_shot(&prompt, 1, "ab", " cd", &err), 0);
    assert_int_equal(attune_prompt_set(&prompt, 2, "ef", NULL, &err), 0);
    assert_int_equal(attune_ladder_climb(&ladder, ctx, &prompt, &options, NULL, &err), 0);
    assert_true(ladder.n_ids >= ATTUNE_DIST_TOP && ladder.n_ids <= 40);
    for (size_t i = 0; i < ladder.n_ids; i++) {
        double most = fmax(ladder.p[2 * i], ladder.p[2 * i + 1]);

        assert_true(most <= before && most > 0);
        before = most;
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(ladder.ids[i], ladder.ids[j]);
        }
    }
    assert_true(isnan(ladder.rungs[0].answer_logp) && ladder.rungs[0].n_answer == 0);
    attune_ladder_done(&ladder);
    attune_prompt_done(&prompt);
    attune_context_free(ctx);
    attune_model_close(model);
}

static void shots_that_are_off_stand_on_their_rungs_too(void **state)
{
    struct attune_ladder_options options;
    struct attune_prompt prompt;
    struct attune_error err;

    fill(&prompt, 4);
    attune_prompt_switch(&prompt, 1, false);
    attune_prompt_switch(&prompt, 4, false);
    attune_ladder_rungs(&options, &prompt, ATTUNE_LADDER_MOST);
    assert_int_equal(options.n, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(options.shots[i], i);
    }
    for (int i = 0; i < 16; i++) {
        assert_int_equal(attune_prompt_add_shot(&prompt, 1, "x", "y", &err), 0);
    }
    attune_ladder_rungs(&options, &prompt, ATTUNE_LADDER_MOST);
    assert_int_equal(options.n, 7); /* 0 1 2 4 8 16 20 */
    assert_int_equal(options.shots[5], 16);
    assert_int_equal(options.shots[6], 20);
    attune_ladder_rungs(&options, &prompt, 4);
    assert_int_equal(options.n, 4); /* 0 1 2 20 */
    assert_int_equal(options.shots[2], 2);
    assert_int_equal(options.shots[3], 20);
    attune_prompt_done(&prompt);
}

static void an_answer_continues_the_query_as_the_template_has_it(void **state)
{
    struct attune_prompt prompt;
    struct attune_error err;
    char *text;

    fill(&prompt, 1);
    assert_int_equal(attune_ladder_continuation(&text, &prompt, "Positive", &err), 0);
    assert_string_equal(text, " Positive");
    free(text);
    assert_int_equal(attune_prompt_set(&prompt, prompt.n - 1, "Nice.", " Pos", &err), 0);
    assert_int_equal(attune_ladder_continuation(&text, &prompt, "Positive", &err), 0);
    assert_string_equal(text, "itive");
    free(text);
    assert_int_equal(attune_ladder_continuation(&text, &prompt, "Negative", &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "Negative"));
    assert_null(text);
    attune_prompt_done(&prompt);
}

static void what_cannot_be_climbed_is_said(void **state)
{
    struct attune_model *decoder = open_model("ATTUNE_GOLDEN", "gguf/gpt2-f32/model.gguf"),
                        *encoder = open_model("top_srcdir", "share/models/tiny-encoder");
    struct attune_context *ctx = open_context(decoder, 16), *other = open_context(encoder, 0);
    struct attune_ladder_options options = {.shots = {0, 3}, .n = 2};
    struct attune_ladder ladder;
    struct attune_prompt prompt;
    struct attune_error err;

    fill(&prompt, 2);
    assert_int_equal(attune_ladder_climb(&ladder, ctx, &prompt, &options, NULL, &err),
                     ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "a rung of 3 shots: the prompt has 2"));
    options.shots[1] = 2;
    assert_int_equal(attune_ladder_climb(&ladder, ctx, &prompt, &options, NULL, &err), ATTUNE_FULL);
    assert_int_equal(ladder.n, 0);
    assert_int_equal(attune_ladder_climb(&ladder, other, &prompt, &options, NULL, &err),
                     ATTUNE_UNSUPPORTED);
    assert_non_null(strstr(err.text, "wants a decoder"));
    attune_prompt_done(&prompt);
    attune_context_free(ctx);
    attune_context_free(other);
    attune_model_close(decoder);
    attune_model_close(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rung_is_what_its_text_alone_gives),
        cmocka_unit_test(likely_tokens_fall_by_their_highest_p),
        cmocka_unit_test(shots_that_are_off_stand_on_their_rungs_too),
        cmocka_unit_test(an_answer_continues_the_query_as_the_template_has_it),
        cmocka_unit_test(what_cannot_be_climbed_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
