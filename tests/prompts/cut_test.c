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

static const char words[] = "one two three four five six seven eight nine ten eleven twelve "
                            "garçon été, and so the long road goes on and on to its end.";

static void fill(struct attune_prompt *p)
{
    struct attune_error err;

    assert_int_equal(attune_prompt_init(p, &err), 0);
    assert_int_equal(attune_prompt_set(p, 0, "Read.", NULL, &err), 0);
    assert_int_equal(attune_prompt_add_shot(p, 1, "short ", "shot", &err), 0);
    assert_int_equal(attune_prompt_set(p, 2, words, " so", &err), 0);
}

static size_t tokens_of(const struct attune_prompt *p)
{
    const struct attune_tokenize_options how = {.add_special = true};
    struct attune_rendered r;
    struct attune_tokens t = {0};
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_prompt_render(&r, p, &err), 0);
    assert_int_equal(attune_tokenize(&t, tk, r.text, r.len, &how, &err), 0);
    n = t.n;
    attune_rendered_done(&r);
    attune_tokens_done(&t);
    return n;
}

/* Whatever the room: it fits then, only the longest text lost something, in one piece, as recorded.
 */
static void what_is_left_fits_and_what_went_is_recorded(void **state)
{
    static const enum attune_cut_rule rules[] = {ATTUNE_CUT_LEFT, ATTUNE_CUT_MIDDLE};
    struct attune_prompt p, whole;
    struct attune_error err;

    fill(&whole);
    for (size_t k = 0; k < 2; k++) {
        for (size_t room = tokens_of(&whole); room > 24; room--) {
            struct attune_cut cut;
            char *again;

            fill(&p);
            if (attune_prompt_cut(&cut, &p, tk, room, 1, rules[k], &err)) {
                fail_msg("%s", err.text);
            }
            assert_true(tokens_of(&p) + 1 <= room);
            assert_int_equal(cut.block, 2);
            assert_true(cut.tokens > 0);
            assert_true(rules[k] != ATTUNE_CUT_LEFT || cut.from == 0);
            assert_memory_equal(cut.text, words + cut.from, cut.to - cut.from);
            again = malloc(sizeof words + 1);
            sprintf(again, "%.*s%s%s", (int)cut.from, p.blocks[2].text, cut.text,
                    p.blocks[2].text + cut.from);
            assert_string_equal(again, words);
            assert_string_equal(p.blocks[2].answer, " so");
            assert_non_null(strstr(p.record, k ? "\"rule\":\"middle\"" : "\"rule\":\"left\""));
            free(again);
            attune_cut_done(&cut);
            attune_prompt_done(&p);
        }
    }
    attune_prompt_done(&whole);
}

static void what_fits_stays_as_it_is(void **state)
{
    struct attune_prompt p, before;
    struct attune_cut cut;
    struct attune_error err;

    fill(&p);
    fill(&before);
    assert_int_equal(attune_prompt_cut(&cut, &p, tk, 128, 1, ATTUNE_CUT_LEFT, &err), 0);
    assert_int_equal(cut.tokens, 0);
    assert_true(attune_prompt_equal(&p, &before));
    attune_cut_done(&cut);
    attune_prompt_done(&p);
    attune_prompt_done(&before);
}

static void what_cannot_fit_is_refused_and_nothing_is_cut(void **state)
{
    static const enum attune_cut_rule rules[] = {ATTUNE_CUT_SHOTS, ATTUNE_CUT_LEFT,
                                                 ATTUNE_CUT_MIDDLE};
    struct attune_prompt p, before;
    struct attune_cut cut;
    struct attune_error err;

    fill(&p);
    fill(&before);
    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(attune_prompt_cut(&cut, &p, tk, 12, 8, rules[k], &err), ATTUNE_FULL);
        assert_true(attune_prompt_equal(&p, &before));
        assert_null(cut.text);
    }
    attune_prompt_done(&p);
    attune_prompt_done(&before);
}

static void shots_go_first_to_last(void **state)
{
    struct attune_prompt p;
    struct attune_cut cut;
    struct attune_error err;
    size_t room;

    fill(&p);
    room = tokens_of(&p);
    assert_int_equal(attune_prompt_cut(&cut, &p, tk, room, 1, ATTUNE_CUT_SHOTS, &err), 0);
    assert_int_equal(cut.n_blocks, 1);
    assert_int_equal(cut.blocks[0], 1);
    assert_true(p.blocks[1].off);
    assert_non_null(strstr(p.record, "\"rule\":\"shots\""));
    attune_cut_done(&cut);
    attune_prompt_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_fits_and_what_went_is_recorded),
        cmocka_unit_test(what_fits_stays_as_it_is),
        cmocka_unit_test(what_cannot_fit_is_refused_and_nothing_is_cut),
        cmocka_unit_test(shots_go_first_to_last),
    };
    return cmocka_run_group_tests_name("cut", tests, begin, end);
}
