#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/conf.h"

static void what_ships_is_right(void **state)
{
    struct conf conf;
    struct attune_error err;

    assert_int_equal(conf_init(&conf, &err), 0);
    assert_true(conf.keymap.n > 30);
    assert_non_null(screens_find(&conf.screens, conf_get(&conf, OPTION_start), 24, 80));
    for (size_t i = 0; i < conf.keymap.n; i++) {
        assert_true(strlen(conf.keymap.list[i].help) > 0);
    }
    for (size_t i = 0; i < action_count(); i++) {
        assert_true(strlen(action_at(i)->help) > 3);
        assert_ptr_equal(action_find(action_at(i)->name), action_at(i));
    }
    for (int i = 0; i < OPTION_COUNT; i++) {
        char line[200];

        snprintf(line, sizeof line, "set %s %s", option_name(i), conf_get(&conf, i));
        assert_int_equal(conf_line(&conf, line, &err), 0); /* the default is allowed */
        assert_true(strlen(option_help(i)) > 3);
    }
    conf_done(&conf);
}

static void the_user_comes_after(void **state)
{
    static const char text[] =
        "# mine\n\nset theme light\n  bind all q run # go\n"
        "bind dist # ban x # y # takes it out\n"
        "bind all ctrl-g set theme dark\nscreen workbench dist:30 | prompt\nset fps 12\n"
        "unbind all r";
    struct conf conf;
    struct attune_error err;
    struct key key;
    const struct binding *b;
    char *problems;
    size_t len;
    FILE *out = open_memstream(&problems, &len);

    assert_int_equal(conf_init(&conf, &err), 0);
    assert_int_equal(conf_text(&conf, "mine.conf", text, strlen(text), out), 0);
    fclose(out);
    assert_string_equal(problems, "");
    free(problems);
    assert_string_equal(conf_get(&conf, OPTION_theme), "light");
    assert_int_equal(conf_number(&conf, OPTION_fps), 12);
    assert_true(key_parse(&key, "q"));
    b = keymap_lookup(&conf.keymap, "dist", "workbench", &key);
    assert_string_equal(b->action, "run");
    assert_string_equal(b->help, "go");
    assert_true(key_parse(&key, "#"));
    b = keymap_lookup(&conf.keymap, "dist", "workbench", &key);
    assert_string_equal(b->action, "ban");
    assert_string_equal(b->arg, "x");
    assert_string_equal(b->help, "y # takes it out");
    assert_true(key_parse(&key, "ctrl-g"));
    b = keymap_lookup(&conf.keymap, "dist", "workbench", &key);
    assert_string_equal(b->arg, "theme dark");
    assert_string_equal(b->help, action_find("set")->help);
    assert_true(key_parse(&key, "r"));
    assert_null(keymap_lookup(&conf.keymap, "dist", "workbench", &key));
    assert_string_equal(screens_find(&conf.screens, "workbench", 24, 80)->text, "dist:30 | prompt");
    conf_done(&conf);
}

static void wrong_lines_are_named_and_the_rest_counts(void **state)
{
    static const char text[] =
        "set theme purple\nbind all\nset fps 0\nfrobnicate\nbind all ctrl- run\n"
        "bind dist b some_action\nscreen s a//b\nscreen s @12z a\nset nothing 1\n"
        "unbind all f11\nset theme dark\r\n";
    static const char expected[] =
        "u.conf:1: theme: purple is not one of auto|dark|light\n"
        "u.conf:2: bind: wants a place, a key and an action: bind all f5 run\n"
        "u.conf:3: fps: 0 is not one of 1..60\n"
        "u.conf:4: frobnicate: bind, unbind, screen or set is wanted\n"
        "u.conf:5: ctrl-: no such key (examples: a, ctrl-r, alt-left, f5, space)\n"
        "u.conf:6: bind: some_action is an action of a panel: say what it does, as in bind dist b "
        "some_action # help\n"
        "u.conf:7: layout, column 3: the name of a panel is wanted\n"
        "u.conf:8: @12z: a size is columns or columns x rows, as in @120 or @120x40\n"
        "u.conf:9: nothing: no such option\n"
        "u.conf:10: all f11: nothing is bound there\n";
    struct conf conf;
    struct attune_error err;
    char *problems;
    size_t len;
    FILE *out = open_memstream(&problems, &len);

    assert_int_equal(conf_init(&conf, &err), 0);
    assert_int_equal(conf_text(&conf, "u.conf", text, strlen(text), out), 10);
    fclose(out);
    assert_string_equal(problems, expected);
    assert_string_equal(conf_get(&conf, OPTION_theme), "dark");
    free(problems);
    assert_int_equal(conf_text(&conf, "nul", "set fps 5\0\nset fps 6\n", 21, NULL), 1);
    assert_int_equal(conf_number(&conf, OPTION_fps), 6);
    assert_int_equal(conf_file(&conf, "/nonexistent/attune.conf", NULL), 0);
    conf_done(&conf);
}

static void words_are_split_as_a_shell_would(void **state)
{
    static const struct {
        const char *line, *words;
    } rows[] = {
        {"", ""},
        {"  ", ""},
        {"a", "a,"},
        {" a  b ", "a,b,"},
        {"a 'b c' d", "a,b c,d,"},
        {"\"x y\"z", "x yz,"},
        {"a\\ b", "a b,"},
        {"'' a", ",a,"},
        {"'a\\b'", "a\\b,"},
        {"\"a\\\"b\"", "a\"b,"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char **words, joined[100] = "";
        size_t n;

        assert_int_equal(conf_split(&words, &n, rows[i].line, NULL), 0);
        for (size_t k = 0; k < n; k++) {
            strcat(strcat(joined, words[k]), ",");
        }
        assert_null(words[n]);
        assert_string_equal(joined, rows[i].words);
        free(words);
    }
    char **words;
    size_t n;
    struct attune_error err;

    assert_int_equal(conf_split(&words, &n, "a 'b", &err), ATTUNE_ARGUMENT);
    assert_string_equal(err.text, "a closing ' is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ships_is_right),
        cmocka_unit_test(the_user_comes_after),
        cmocka_unit_test(wrong_lines_are_named_and_the_rest_counts),
        cmocka_unit_test(words_are_split_as_a_shell_would),
    };
    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
