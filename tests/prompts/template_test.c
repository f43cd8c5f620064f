#include <config.h>

#include <attune/library.h>
#include <attune/prompt.h>
#include <attune/rng.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static int parse(struct attune_template *form, const char *text, struct attune_error *err)
{
    return attune_template_parse(form, "t", text, strlen(text), err);
}

static void pieces_cover_the_text(const struct attune_rendered *r, const struct attune_prompt *p)
{
    size_t at = 0;

    assert_int_equal(strlen(r->text), r->len);
    for (size_t i = 0; i < r->n_pieces; i++) {
        const struct attune_piece *piece = &r->pieces[i];
        const struct attune_block *block = &p->blocks[piece->block];
        const char *whole = piece->part == ATTUNE_PART_ANSWER ? block->answer : block->text;

        assert_int_equal(piece->start, at);
        assert_true(piece->end > piece->start);
        assert_false(block->off);
        if (piece->part != ATTUNE_PART_FORM) {
            assert_int_equal(strlen(whole), piece->end - piece->start);
            assert_memory_equal(r->text + piece->start, whole, piece->end - piece->start);
        }
        at = piece->end;
    }
    assert_int_equal(at, r->len);
}

static void renders_as(const struct attune_prompt *p, const char *wanted)
{
    struct attune_rendered r;
    struct attune_error err;

    assert_int_equal(attune_prompt_render(&r, p, &err), 0);
    assert_string_equal(r.text, wanted);
    pieces_cover_the_text(&r, p);
    attune_rendered_done(&r);
}

static void the_review_template_gives_the_canonical_form(void **state)
{
    struct attune_template form;
    struct attune_prompt p;
    struct attune_error err;

    assert_int_equal(attune_template_load(&form, "review", &err), 0);
    assert_string_equal(form.name, "review");
    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(attune_prompt_use(&p, &form, &err), 0);
    assert_int_equal(attune_prompt_add_shot(&p, 1, "The movie was wonderful.", "Positive", &err),
                     0);
    assert_int_equal(attune_prompt_add_shot(&p, 2, "The soup was cold.", "Negative", &err), 0);
    assert_int_equal(attune_prompt_set(&p, 3, "The food was fine.", NULL, &err), 0);
    renders_as(&p, "Review: The movie was wonderful.\nSentiment: Positive\n\n"
                   "Review: The soup was cold.\nSentiment: Negative\n\n"
                   "Review: The food was fine.\nSentiment:");
    assert_int_equal(attune_prompt_set(&p, 0, "Judge.", NULL, &err), 0);
    assert_int_equal(attune_prompt_set(&p, 3, "The food was fine.", " Pos", &err), 0);
    attune_prompt_switch(&p, 2, false);
    renders_as(&p, "Judge.\n\nReview: The movie was wonderful.\nSentiment: Positive\n\n"
                   "Review: The food was fine.\nSentiment: Pos");
    attune_template_done(&form);
    attune_prompt_done(&p);
}

static void the_plain_template_sends_what_was_typed(void **state)
{
    static const char typed[] = " \tOnce {{upon}}\r\n a {{input}} time \n\n ";
    struct attune_prompt p;
    struct attune_error err;

    assert_int_equal(attune_prompt_init(&p, &err), 0);
    renders_as(&p, "");
    assert_int_equal(attune_prompt_set(&p, 1, typed, NULL, &err), 0);
    renders_as(&p, typed);
    attune_prompt_done(&p);
}

static void every_shipped_template_and_example_can_be_used(void **state)
{
    struct attune_library_entry *list;
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_library_list(&list, &n, "prompts/templates", &err), 0);
    assert_true(n >= 6);
    for (size_t i = 0; i < n; i++) {
        struct attune_template form;
        struct attune_prompt p;
        struct attune_rendered r;

        assert_int_equal(attune_template_load(&form, list[i].path, &err), 0);
        assert_string_equal(form.name, list[i].name);
        assert_int_equal(attune_prompt_init(&p, &err), 0);
        assert_int_equal(attune_prompt_use(&p, &form, &err), 0);
        assert_int_equal(attune_prompt_set(&p, 0, "TASK", NULL, &err), 0);
        assert_int_equal(attune_prompt_add_shot(&p, 1, "IN", "OUT", &err), 0);
        assert_int_equal(attune_prompt_set(&p, 2, "QUERY", " PRE", &err), 0);
        assert_int_equal(attune_prompt_render(&r, &p, &err), 0);
        assert_non_null(strstr(r.text, "TASK"));
        assert_non_null(strstr(r.text, "OUT"));
        assert_string_equal(r.text + r.len - 4, " PRE");
        pieces_cover_the_text(&r, &p);
        attune_rendered_done(&r);
        attune_template_done(&form);
        attune_prompt_done(&p);
    }
    attune_library_list_free(list, n);
}

static void a_section_is_its_lines_and_a_backslash_takes_the_last_break(void **state)
{
    struct attune_template form;
    struct attune_error err;

    assert_int_equal(parse(&form,
                           "# remark\n\n[task]\n{{task}}\n\n[shot]\n[INST] {{input}}\\\n"
                           "[query]\n{{open}}{{input}}\\x\n",
                           &err),
                     0);
    assert_string_equal(form.task, "{{task}}\n\n");
    assert_string_equal(form.shot, "[INST] {{input}}");
    assert_string_equal(form.query, "{{open}}{{input}}\\x\n");
    attune_template_done(&form);
    assert_int_equal(parse(&form, "[query]\n{{input}}", &err), 0);
    assert_string_equal(form.query, "{{input}}");
    assert_string_equal(form.task, "");
    attune_template_done(&form);
}

static void refused(const char *text, const char *why)
{
    struct attune_template form;
    struct attune_error err;

    assert_int_equal(parse(&form, text, &err), ATTUNE_FORMAT);
    if (!strstr(err.text, why)) {
        fail_msg("'%s' is not in '%s'", why, err.text);
    }
    assert_null(form.name);
}

static void a_broken_template_is_refused_with_the_place(void **state)
{
    struct attune_template form;
    struct attune_error err;

    refused("[task]\n{{task}}\n", "no section [query]");
    refused("hello\n[query]\n", "line 1");
    refused("[query]\n[query]\n", "line 2");
    refused("[query]\n{{task}}", "section query, line 1, column 1: {{task}} means nothing");
    refused("[query]\n\u00e9\nabc {{in put}}", "line 2, column 5: {{in put}}");
    refused("[query]\nabc {{input", "do not close");
    refused("[shot]\n{{}}\n[query]\n", "{{}}");
    assert_int_equal(attune_template_parse(&form, "t", "[query]\n\0", 9, &err), ATTUNE_FORMAT);
    assert_int_equal(attune_template_load(&form, "no-such-template", &err), ATTUNE_NOT_FOUND);
}

static void words_without_a_place_are_refused_not_lost(void **state)
{
    struct attune_template form;
    struct attune_prompt p;
    struct attune_rendered r;
    struct attune_error err;

    assert_int_equal(parse(&form, "[query]\n{{input}}", &err), 0);
    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(attune_prompt_use(&p, &form, &err), 0);
    assert_int_equal(attune_prompt_set(&p, 0, "task", NULL, &err), 0);
    assert_int_equal(attune_prompt_render(&r, &p, &err), ATTUNE_ARGUMENT);
    assert_null(r.text);
    attune_prompt_switch(&p, 0, false);
    assert_int_equal(attune_prompt_set(&p, 1, "q", " a", &err), 0);
    assert_int_equal(attune_prompt_render(&r, &p, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "{{output}}"));
    attune_template_done(&form);
    attune_prompt_done(&p);
}

/* Random texts over an alphabet of troublemakers, in random templates: the text is the pieces, each
 * piece is what its block holds, and a block's words come out as they went in. */
static void whatever_the_texts_the_pieces_cover_them(void **state)
{
    static const char *const bits[] = {"{{", "}}", "{{input}}", "\n",   " ",  "é",       "\xff",
                                       "\\", "[",  "query]",    "日本", "\t", "{{task}}"};
    static const char *const forms[] = {"plain", "review", "opposite", "question"};
    uint64_t step = 0;

    for (int round = 0; round < 300; round++) {
        struct attune_prompt p;
        struct attune_template form;
        struct attune_rendered r;
        struct attune_error err;
        size_t n_shots = (size_t)(attune_rng_uniform(1, step++) * 4);

        assert_int_equal(attune_prompt_init(&p, &err), 0);
        assert_int_equal(attune_template_load(&form, forms[round % 4], &err), 0);
        assert_int_equal(attune_prompt_use(&p, &form, &err), 0);
        for (size_t i = 0; i < n_shots; i++) {
            assert_int_equal(attune_prompt_add_shot(&p, 1, "", "", &err), 0);
        }
        for (size_t i = 0; i < p.n; i++) {
            char text[2][256] = {"", ""};

            for (int k = 0; k < 16; k++) {
                size_t which = (size_t)(attune_rng_uniform(2, step++) * 13);

                if (attune_rng_uniform(3, step) < 0.6) {
                    strcat(text[k % 2], bits[which]);
                }
            }
            assert_int_equal(attune_prompt_set(&p, i, text[0], text[1], &err), 0);
            attune_prompt_switch(&p, i, attune_rng_uniform(4, step++) < 0.8);
        }
        assert_int_equal(attune_prompt_render(&r, &p, &err), 0);
        pieces_cover_the_text(&r, &p);
        attune_rendered_done(&r);
        attune_template_done(&form);
        attune_prompt_done(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_review_template_gives_the_canonical_form),
        cmocka_unit_test(the_plain_template_sends_what_was_typed),
        cmocka_unit_test(every_shipped_template_and_example_can_be_used),
        cmocka_unit_test(a_section_is_its_lines_and_a_backslash_takes_the_last_break),
        cmocka_unit_test(a_broken_template_is_refused_with_the_place),
        cmocka_unit_test(words_without_a_place_are_refused_not_lost),
        cmocka_unit_test(whatever_the_texts_the_pieces_cover_them),
    };
    return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
