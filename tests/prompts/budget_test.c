#include <config.h>

#include <attune/budget.h>
#include <attune/model.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct attune_model *model;
static const struct attune_tokenizer *tk;

static int begin(void **state)
{
    struct attune_error err;
    char path[1024];

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    if (attune_model_open(&model, path, NULL, NULL, &err)) {
        fail_msg("%s", err.text);
    }
    tk = attune_model_tokenizer(model);
    return 0;
}

static int end(void **state)
{
    attune_model_close(model);
    return 0;
}

static void fill(struct attune_prompt *p)
{
    struct attune_template form;
    struct attune_error err;

    assert_int_equal(attune_prompt_init(p, &err), 0);
    assert_int_equal(attune_template_load(&form, "review", &err), 0);
    assert_int_equal(attune_prompt_use(p, &form, &err), 0);
    attune_template_done(&form);
    assert_int_equal(attune_prompt_set(p, 0, "Judge.", NULL, &err), 0);
    assert_int_equal(attune_prompt_load_shots(p, "reviews", 4, &err), 0);
    assert_int_equal(attune_prompt_set(p, p->n - 1, "The food was fine.", NULL, &err), 0);
}

struct fit {
    struct attune_prompt prompt;
    struct attune_budget budget;
    struct attune_rendered rendered;
    struct attune_tokens tokens;
    size_t dropped[16], n_dropped;
    struct attune_error err;
};

static int fit(struct fit *f, size_t context, size_t max_tokens, bool trim)
{
    memset(f, 0, sizeof *f);
    fill(&f->prompt);
    return attune_budget_fit(&f->budget, &f->rendered, &f->tokens, f->dropped, &f->n_dropped,
                             &f->prompt, tk, context, max_tokens, trim, &f->err);
}

static void fit_done(struct fit *f)
{
    attune_prompt_done(&f->prompt);
    attune_rendered_done(&f->rendered);
    attune_tokens_done(&f->tokens);
}

static void tokens_are_counted_by_block(void **state)
{
    struct fit f;
    size_t counts[6], none, sum = 0;

    assert_int_equal(fit(&f, 100000, 128, false), 0);
    assert_int_equal(f.budget.left, 100000 - 128 - (int64_t)f.tokens.n);
    none = attune_budget_blocks(counts, 6, &f.rendered, &f.tokens);
    for (size_t i = 0; i < 6; i++) {
        assert_true(counts[i] > 0);
        sum += counts[i];
    }
    assert_int_equal(sum + none, f.tokens.n);
    fit_done(&f);
}

static void what_does_not_fit_is_refused_with_the_numbers(void **state)
{
    struct fit f;
    char number[32];
    size_t whole;

    assert_int_equal(fit(&f, 100000, 0, false), 0);
    whole = f.tokens.n;
    fit_done(&f);
    assert_int_equal(fit(&f, whole + 10, 10, false), 0);
    assert_int_equal(f.budget.left, 0);
    fit_done(&f);
    assert_int_equal(fit(&f, whole + 9, 10, false), ATTUNE_FULL);
    snprintf(number, sizeof number, "%zu tokens", whole);
    assert_non_null(strstr(f.err.text, number));
    assert_non_null(strstr(f.err.text, "--trim"));
    assert_int_equal(attune_prompt_shots(&f.prompt), 4);
    fit_done(&f);
}

static void trimming_drops_the_first_shots_and_says_which(void **state)
{
    struct fit f;
    size_t whole;

    assert_int_equal(fit(&f, 100000, 0, false), 0);
    whole = f.tokens.n;
    fit_done(&f);
    assert_int_equal(fit(&f, whole - 1, 0, true), 0);
    assert_int_equal(f.n_dropped, 1);
    assert_int_equal(f.dropped[0], 1);
    assert_true(f.prompt.blocks[1].off && !f.prompt.blocks[2].off);
    assert_true(f.budget.left >= 0);
    assert_null(strstr(f.rendered.text, f.prompt.blocks[1].text));
    fit_done(&f);
    assert_int_equal(fit(&f, 5, 0, true), ATTUNE_FULL);
    assert_int_equal(f.n_dropped, 0);
    assert_int_equal(attune_prompt_shots(&f.prompt), 4);
    assert_non_null(strstr(f.err.text, "without any shot"));
    fit_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_counted_by_block),
        cmocka_unit_test(what_does_not_fit_is_refused_with_the_numbers),
        cmocka_unit_test(trimming_drops_the_first_shots_and_says_which),
    };
    return cmocka_run_group_tests_name("budget", tests, begin, end);
}
