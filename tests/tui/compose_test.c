#include <config.h>

#include "tui/compose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/edit.h"
#include "tui/flow.h"

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void start(struct compose *c, struct attune_prompt *p)
{
    assert_int_equal(attune_prompt_init(p, NULL), ATTUNE_OK);
    assert_int_equal(attune_prompt_set(p, 0, "task", "", NULL), ATTUNE_OK);
    assert_int_equal(compose_init(c, p), ATTUNE_OK);
}

static char *snapshot(const struct compose *c)
{
    struct attune_prompt p;
    char *json;

    assert_int_equal(attune_prompt_init(&p, NULL), ATTUNE_OK);
    assert_int_equal(compose_put(c, &p, NULL), ATTUNE_OK);
    assert_int_equal(attune_prompt_to_json(&json, &p, NULL), ATTUNE_OK);
    attune_prompt_done(&p);
    return json;
}

/* Any change; true if one was made. Pastes only, so that every change is a step. */
static bool change_something(struct compose *c, uint32_t *seed)
{
    size_t n = c->now->n, block = next_random(seed) % n;
    struct edit *field = compose_field(c, block, next_random(seed) % 2 == 1);

    switch (next_random(seed) % 8) {
    case 0: return compose_add(c, 1 + next_random(seed) % (n - 1), "in", "out");
    case 1: return compose_remove(c, block);
    case 2: return n > 3 && compose_move(c, block, 1 + next_random(seed) % (n - 2));
    case 3: return compose_switch(c, block);
    default: break;
    }
    if (!field) {
        return false;
    }
    edit_place(field, next_random(seed) % (edit_length(field) + 1));
    return compose_insert(c, field, "xy ", 3, true);
}

static void undo_and_redo_pass_through_every_state(void **state)
{
    enum { N = 400 };
    struct attune_prompt p;
    struct compose c;
    char *states[N + 1];
    uint32_t seed = 5;
    struct edit *where;
    int n = 0;

    start(&c, &p);
    states[0] = snapshot(&c);
    while (n < N) {
        if (change_something(&c, &seed)) {
            states[++n] = snapshot(&c);
        }
    }
    for (int round = 0; round < 2; round++) {
        for (int i = n; i-- > 0;) {
            assert_true(compose_undo(&c, &where));
            char *now = snapshot(&c);
            assert_string_equal(now, states[i]);
            free(now);
        }
        assert_false(compose_undo(&c, &where));
        for (int i = 1; i <= n; i++) {
            assert_true(compose_redo(&c, &where));
            char *now = snapshot(&c);
            assert_string_equal(now, states[i]);
            free(now);
        }
        assert_false(compose_redo(&c, &where));
    }
    for (int i = 0; i <= n; i++) {
        free(states[i]);
    }
    compose_done(&c);
    attune_prompt_done(&p);
}

static void typing_is_one_step_a_word_here_too(void **state)
{
    struct attune_prompt p;
    struct compose c;
    struct edit *where, *task;

    start(&c, &p);
    task = compose_field(&c, 0, false);
    for (const char *s = " two words"; *s; s++) {
        assert_true(compose_insert(&c, task, s, 1, false));
    }
    assert_true(compose_undo(&c, &where));
    assert_ptr_equal(where, task);
    assert_string_equal(edit_text(task), "task two ");
    compose_done(&c);
    attune_prompt_done(&p);
}

static void what_changed_elsewhere_is_one_step(void **state)
{
    struct attune_prompt p;
    struct compose c;
    struct edit *where, *task;

    start(&c, &p);
    task = compose_field(&c, 0, false);
    assert_false(compose_take(&c, &p));
    assert_int_equal(attune_prompt_add_shot(&p, 1, "a", "b", NULL), ATTUNE_OK);
    assert_true(compose_take(&c, &p));
    assert_int_equal(c.now->n, 3);
    assert_ptr_equal(compose_field(&c, 0, false), task);
    assert_string_equal(edit_text(compose_field(&c, 1, true)), "b");
    assert_true(compose_undo(&c, &where));
    assert_null(where);
    assert_int_equal(c.now->n, 2);
    compose_done(&c);
    attune_prompt_done(&p);
}

static void what_is_not_possible_changes_nothing(void **state)
{
    struct attune_prompt p;
    struct compose c;
    struct edit *where;

    start(&c, &p);
    assert_false(compose_remove(&c, 0));
    assert_false(compose_remove(&c, 1));
    assert_false(compose_move(&c, 0, 1));
    assert_false(compose_add(&c, 0, "", ""));
    assert_false(compose_add(&c, 2, "", ""));
    assert_false(compose_switch(&c, 2));
    assert_null(compose_field(&c, 0, true));
    assert_null(compose_field(&c, 9, false));
    assert_false(compose_undo(&c, &where));
    compose_done(&c);
    attune_prompt_done(&p);
}

/* What is laid out is what is rendered: the flows of all blocks that count, with their closing line
 * breaks, are the text byte for byte. */
static void flows_are_the_rendered_text(void **state)
{
    char name[] = "t", task[] = "{{task}}\n\n", shot[] = "Q: {{input}} {{open}}\nA: {{output}}\n\n",
         query[] = "Q: {{input}}\nA:{{output}}";
    const struct attune_template form = {name, task, shot, query};
    struct attune_prompt p;
    struct attune_rendered text;
    struct compose c;
    struct flows l;
    char joined[512] = "";

    assert_int_equal(attune_prompt_init(&p, NULL), ATTUNE_OK);
    assert_int_equal(attune_prompt_use(&p, &form, NULL), ATTUNE_OK);
    attune_prompt_set(&p, 0, "Say it.", "", NULL);
    attune_prompt_add_shot(&p, 1, "one\ntwo", "\u65e5\u672c", NULL);
    attune_prompt_add_shot(&p, 2, "", "", NULL);
    attune_prompt_set(&p, 3, "three", "", NULL);
    assert_int_equal(attune_prompt_render(&text, &p, NULL), ATTUNE_OK);
    assert_int_equal(compose_init(&c, &p), ATTUNE_OK);
    for (int columns = 1; columns < 30; columns += 4) {
        joined[0] = '\0';
        assert_int_equal(flows_init(&l, &c, TASK_complete, columns), ATTUNE_OK);
        for (size_t i = 0; i < l.n_flows; i++) {
            if (!l.flows[i].empty) {
                strcat(joined, l.flows[i].text);
                strncat(joined, "\n\n\n\n", l.flows[i].closing);
            }
        }
        assert_string_equal(joined, text.text);
        for (size_t i = 0; i + 1 < l.n_rows; i++) {
            const struct flow_row *row = &l.rows[i];
            assert_true(row->head || row->start <= row->end);
            assert_true(!row->soft || l.rows[i + 1].start == row->end);
        }
        flows_done(&l);
    }
    compose_done(&c);
    attune_rendered_done(&text);
    attune_prompt_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undo_and_redo_pass_through_every_state),
        cmocka_unit_test(typing_is_one_step_a_word_here_too),
        cmocka_unit_test(what_changed_elsewhere_is_one_step),
        cmocka_unit_test(what_is_not_possible_changes_nothing),
        cmocka_unit_test(flows_are_the_rendered_text),
    };
    return cmocka_run_group_tests_name("compose", tests, NULL, NULL);
}
