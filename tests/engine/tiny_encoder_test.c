/* The bundled encoder does what its card says: it fills masks, tells what follows from what does
 * not, and parts the senses of `bank`. Reference numbers are PyTorch's on the same files. */
#include <config.h>

#include <attune/task.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define WIDTH  128
#define LAYERS 4

struct reading { /* a text in a context of the encoder */
    struct attune_task_text text;
    struct attune_task_tokens tokens;
    struct attune_context *ctx;
};

static int open_model(void **state)
{
    const char *top = getenv("top_srcdir");
    struct attune_model *model;
    struct attune_error err = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/share/models/tiny-encoder", top ? top : ".");
    if (attune_model_open(&model, path, NULL, NULL, &err) != ATTUNE_OK) {
        print_error("%s\n", err.text);
        return -1;
    }
    *state = model;
    return 0;
}

static int close_model(void **state)
{
    attune_model_close(*state);
    return 0;
}

static void read_text(struct reading *r, const struct attune_model *model, const char *text,
                      const char *pair)
{
    const struct attune_context_options options = {.keep_hidden = true, .n_threads = 1};
    struct attune_error err = {0};

    memset(r, 0, sizeof *r);
    r->text = (struct attune_task_text){.text = text,
                                        .len = strlen(text),
                                        .pair = pair,
                                        .pair_len = pair ? strlen(pair) : 0,
                                        .masks = true};
    if (attune_context_new(&r->ctx, model, &options, &err) != ATTUNE_OK ||
        attune_task_read(&r->tokens, model, &r->text, &err) != ATTUNE_OK ||
        attune_task_sync(r->ctx, &r->tokens, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", text, err.text);
    }
}

static void done(struct reading *r)
{
    attune_task_tokens_done(&r->tokens);
    attune_context_free(r->ctx);
}

/* The probability of a word among the likeliest at the nth mask; 0 if it is not one of them. */
static double filled(const struct attune_model *model, const struct attune_task_fill *fill,
                     const char *word)
{
    attune_token id = attune_token_find(attune_model_tokenizer(model), word);

    assert_int_not_equal(id, ATTUNE_TOKEN_NONE);
    for (size_t i = 0; i < fill->dist.n_top; i++) {
        if (fill->dist.top[i].id == id) {
            return fill->dist.top[i].p;
        }
    }
    return 0;
}

static void logits_are_those_of_the_reference(void **state)
{
    static const struct {
        const char *word;
        float logit;
    } want[] = {
        {"boy", 11.746086F}, {"student", 11.244978F}, {"teacher", 7.476321F}, {"bag", -5.023227F}};
    static const float follows[2] = {1.900501F, -1.541373F};
    struct attune_error err = {0};
    struct reading r;
    float got[2], *logits;

    read_text(&r, *state, "The teacher taught the [MASK] with the book.", NULL);
    logits = malloc(attune_tokenizer_size(attune_model_tokenizer(*state)) * sizeof *logits);
    assert_non_null(logits);
    assert_int_equal(attune_context_logits(r.ctx, 5, 1, logits, &err), ATTUNE_OK);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        attune_token id = attune_token_find(attune_model_tokenizer(*state), want[i].word);

        assert_float_equal(logits[id], want[i].logit, 2e-4);
    }
    free(logits);
    done(&r);
    read_text(&r, *state, "The teacher taught the student with the book.", "The lesson was long.");
    assert_int_equal(attune_context_output(r.ctx, ATTUNE_OUTPUT_NEXT_SENTENCE, 0, 1, got, &err),
                     ATTUNE_OK);
    assert_float_equal(got[0], follows[0], 2e-4);
    assert_float_equal(got[1], follows[1], 2e-4);
    done(&r);
}

static double sum_of(const struct attune_model *model, const struct attune_task_fill *fill,
                     const char *const *words)
{
    double p = 0;

    while (*words) {
        p += filled(model, fill, *words++);
    }
    return p;
}

static void the_taught_are_pupils(void **state)
{
    static const char *const pupils[] = {"student", "students", "class", "boy",    "girl",
                                         "child",   "children", "pupil", "pupils", NULL};
    struct attune_task_fill fill;
    struct attune_error err = {0};
    struct reading r;

    read_text(&r, *state, "The teacher taught the [MASK] with the book.", NULL);
    assert_int_equal(r.tokens.n_masks, 1);
    assert_int_equal(attune_task_fill(&fill, r.ctx, &r.tokens, 0, NULL, &err), ATTUNE_OK);
    assert_true(sum_of(*state, &fill, pupils) > 0.9);
    done(&r);
}

static void several_masks_are_filled_at_once(void **state)
{
    static const char *const people[] = {"queen", "king", "boy", "girl", "soldier", NULL};
    static const char *const gold[] = {"bag", "ring", NULL};
    struct attune_task_fill fills[2];
    struct attune_error err = {0};
    struct reading r;

    read_text(&r, *state, "The king gave the [MASK] a [MASK] of gold.", NULL);
    assert_int_equal(r.tokens.n_masks, 2);
    assert_int_equal(attune_task_fill(fills, r.ctx, &r.tokens, 0, NULL, &err), ATTUNE_OK);
    assert_true(sum_of(*state, &fills[0], people) > 0.4);
    assert_true(sum_of(*state, &fills[1], gold) > 0.8);
    done(&r);
}

static double follows(const struct attune_model *model, const char *one, const char *two)
{
    struct attune_error err = {0};
    struct reading r;
    double p = 0;

    read_text(&r, model, one, two);
    assert_int_equal(attune_task_follows(&p, r.ctx, &err), ATTUNE_OK);
    done(&r);
    return p;
}

static void what_follows_is_told_from_what_does_not(void **state)
{
    const char *first = "The teacher taught the student with the book.";

    assert_true(follows(*state, first, "The lesson was long.") > 0.8);
    assert_true(follows(*state, first, "The net was full of fish.") < 0.2);
}

/* What stands for `bank` after each layer: out [LAYERS + 1, WIDTH]. */
static void bank_in(float *out, const struct attune_model *model, const char *text)
{
    struct attune_error err = {0};
    struct reading r;
    size_t first, n;

    read_text(&r, model, text, NULL);
    assert_int_equal(attune_task_width(r.ctx), WIDTH);
    assert_int_equal(attune_task_word(&first, &n, &r.tokens, &r.text, "bank", 0, &err), ATTUNE_OK);
    for (int layer = 0; layer <= LAYERS; layer++) {
        assert_int_equal(attune_task_vector(out + layer * WIDTH, r.ctx, layer, first, n, &err),
                         ATTUNE_OK);
    }
    done(&r);
}

static void a_bank_of_a_river_is_no_bank_for_savings(void **state)
{
    float river[(LAYERS + 1) * WIDTH], water[(LAYERS + 1) * WIDTH], money[(LAYERS + 1) * WIDTH];
    const size_t last = (size_t)LAYERS * WIDTH;

    bank_in(river, *state, "He sat on the bank of the river.");
    bank_in(water, *state, "We stood on the bank and looked at the water.");
    bank_in(money, *state, "She put her savings in the bank.");
    assert_true(attune_task_cosine(river, money, WIDTH) > 0.5);
    assert_true(attune_task_cosine(river + last, money + last, WIDTH) <
                attune_task_cosine(river + last, water + last, WIDTH) - 0.2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_are_those_of_the_reference),
        cmocka_unit_test(the_taught_are_pupils),
        cmocka_unit_test(several_masks_are_filled_at_once),
        cmocka_unit_test(what_follows_is_told_from_what_does_not),
        cmocka_unit_test(a_bank_of_a_river_is_no_bank_for_savings),
    };

    return cmocka_run_group_tests(tests, open_model, close_model);
}
