#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tui/keymap.h"

static const char *action_of(const struct keymap *map, const char *panel, const char *screen,
                             const char *key)
{
    struct key k;
    const struct binding *b;

    assert_true(key_parse(&k, key));
    b = keymap_lookup(map, panel, screen, &k);
    return b ? b->action : "";
}

static void the_nearer_binding_wins(void **state)
{
    struct keymap map = {0};
    struct attune_error err;

    assert_int_equal(keymap_bind(&map, "all", "a", "general", "", "h", &err), 0);
    assert_int_equal(keymap_bind(&map, "wide", "a", "screen", "", "h", &err), 0);
    assert_int_equal(keymap_bind(&map, "dist", "a", "panel", "x y", "h", &err), 0);
    assert_string_equal(action_of(&map, "dist", "wide", "a"), "panel");
    assert_string_equal(action_of(&map, "tokens", "wide", "a"), "screen");
    assert_string_equal(action_of(&map, "tokens", "other", "a"), "general");
    assert_string_equal(action_of(&map, NULL, NULL, "a"), "general");
    assert_string_equal(action_of(&map, "dist", "wide", "A"), "");
    assert_string_equal(action_of(&map, "dist", "wide", "alt-a"), "");
    keymap_done(&map);
    assert_int_equal(map.n, 0);
}

static void the_later_binding_replaces(void **state)
{
    struct keymap map = {0};
    struct attune_error err;

    assert_int_equal(keymap_bind(&map, "all", "shift-tab", "one", "", "h", &err), 0);
    assert_int_equal(keymap_bind(&map, "all", "backtab", "two", "", "h", &err), 0);
    assert_int_equal(map.n, 1);
    assert_string_equal(action_of(&map, "p", "s", "backtab"), "two");
    assert_int_equal(keymap_unbind(&map, "all", "backtab", &err), 0);
    assert_string_equal(action_of(&map, "p", "s", "backtab"), "");
    assert_int_equal(keymap_unbind(&map, "all", "backtab", &err), ATTUNE_NOT_FOUND);
    assert_string_equal(err.text, "all backtab: nothing is bound there");
    assert_int_equal(keymap_bind(&map, "all", "ctrl-", "one", "", "h", &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "ctrl-: no such key"));
    keymap_done(&map);
}

static void many_bindings_stay_in_order(void **state)
{
    struct keymap map = {0};
    struct attune_error err;
    char key[2] = "a";

    for (int i = 0; i < 90; i++) {
        key[0] = (char)('!' + i);
        assert_int_equal(keymap_bind(&map, "all", key, key, "", "h", &err), 0);
    }
    for (int i = 0; i < 90; i++) {
        key[0] = (char)('!' + i);
        assert_string_equal(map.list[i].action, key);
        assert_string_equal(action_of(&map, "p", "s", key), key);
    }
    keymap_done(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearer_binding_wins),
        cmocka_unit_test(the_later_binding_replaces),
        cmocka_unit_test(many_bindings_stay_in_order),
    };
    return cmocka_run_group_tests_name("keymap", tests, NULL, NULL);
}
