#include <config.h>

#include <attune/prompt.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void fill(struct attune_prompt *p)
{
    struct attune_error err;

    assert_int_equal(attune_prompt_init(p, &err), 0);
    assert_int_equal(attune_prompt_set(p, 0, "task", "ignored", &err), 0);
    assert_int_equal(attune_prompt_add_shot(p, 1, "a", "1", &err), 0);
    assert_int_equal(attune_prompt_add_shot(p, 2, "c", "3", &err), 0);
    assert_int_equal(attune_prompt_add_shot(p, 2, "b", "2", &err), 0);
    assert_int_equal(attune_prompt_set(p, 4, "query", NULL, &err), 0);
}

static void order_is(const struct attune_prompt *p, const char *wanted)
{
    char got[32] = "";

    for (size_t i = 1; i + 1 < p->n; i++) {
        strncat(got, p->blocks[i].text, 1);
    }
    assert_string_equal(got, wanted);
    assert_int_equal(p->blocks[0].kind, ATTUNE_BLOCK_TASK);
    assert_int_equal(p->blocks[p->n - 1].kind, ATTUNE_BLOCK_QUERY);
}

static void shots_are_added_moved_and_removed_between_task_and_query(void **state)
{
    struct attune_prompt p;

    fill(&p);
    order_is(&p, "abc");
    assert_string_equal(p.blocks[0].answer, "");
    assert_true(attune_prompt_move_shot(&p, 1, 3));
    order_is(&p, "bca");
    assert_true(attune_prompt_move_shot(&p, 3, 2));
    order_is(&p, "bac");
    assert_false(attune_prompt_move_shot(&p, 0, 2));
    assert_false(attune_prompt_move_shot(&p, 1, 4));
    attune_prompt_remove_shot(&p, 2);
    order_is(&p, "bc");
    attune_prompt_remove_shot(&p, 0);
    attune_prompt_remove_shot(&p, 3);
    attune_prompt_remove_shot(&p, 99);
    order_is(&p, "bc");
    attune_prompt_done(&p);
}

static void a_place_that_is_no_shots_place_is_refused(void **state)
{
    struct attune_prompt p;
    struct attune_error err;

    fill(&p);
    assert_int_equal(attune_prompt_add_shot(&p, 0, "x", "y", &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_prompt_add_shot(&p, p.n, "x", "y", &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_prompt_set(&p, p.n, "x", "y", &err), ATTUNE_ARGUMENT);
    order_is(&p, "abc");
    attune_prompt_done(&p);
}

static void switched_off_shots_stand_there_but_do_not_count(void **state)
{
    struct attune_prompt p;

    fill(&p);
    assert_int_equal(attune_prompt_shots(&p), 3);
    attune_prompt_switch(&p, 2, false);
    attune_prompt_switch(&p, 0, false);
    assert_int_equal(attune_prompt_shots(&p), 2);
    attune_prompt_switch(&p, 2, true);
    assert_int_equal(attune_prompt_shots(&p), 3);
    attune_prompt_done(&p);
}

static void a_copy_is_equal_and_its_own(void **state)
{
    struct attune_prompt p, q;
    struct attune_error err;

    fill(&p);
    attune_prompt_switch(&p, 1, false);
    assert_int_equal(attune_prompt_copy(&q, &p, &err), 0);
    assert_true(attune_prompt_equal(&p, &q));
    attune_prompt_switch(&q, 1, true);
    assert_false(attune_prompt_equal(&p, &q));
    attune_prompt_switch(&q, 1, false);
    assert_int_equal(attune_prompt_set(&q, 2, "b", "2 ", &err), 0);
    assert_false(attune_prompt_equal(&p, &q));
    attune_prompt_done(&p);
    assert_string_equal(q.blocks[2].answer, "2 ");
    attune_prompt_done(&q);
    attune_prompt_done(&q);
    attune_prompt_done(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shots_are_added_moved_and_removed_between_task_and_query),
        cmocka_unit_test(a_place_that_is_no_shots_place_is_refused),
        cmocka_unit_test(switched_off_shots_stand_there_but_do_not_count),
        cmocka_unit_test(a_copy_is_equal_and_its_own),
    };
    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
