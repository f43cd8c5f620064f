#include <config.h>

#include <attune/prompt.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64];

static int begin(void **state)
{
    strcpy(folder, "./variable-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static const char *const files[] = {"t.txt", "a.txt", "b.txt", "c.txt"};

static int end(void **state)
{
    char path[128];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static const char *write_file(const char *name, const char *text)
{
    static char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void with_form(struct attune_prompt *p, const char *text)
{
    struct attune_template form;
    struct attune_error err;

    assert_int_equal(attune_prompt_init(p, &err), 0);
    assert_int_equal(attune_template_parse(&form, "t", text, strlen(text), &err), 0);
    assert_int_equal(attune_prompt_use(p, &form, &err), 0);
    attune_template_done(&form);
}

static void renders_as(const struct attune_prompt *p, const char *wanted)
{
    struct attune_rendered r;
    struct attune_error err;
    size_t at = 0;

    if (attune_prompt_render(&r, p, &err)) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(r.text, wanted);
    for (size_t i = 0; i < r.n_pieces; i++) {
        assert_int_equal(r.pieces[i].start, at);
        at = r.pieces[i].end;
    }
    assert_int_equal(at, r.len);
    attune_rendered_done(&r);
}

static void fails_with(const struct attune_prompt *p, const char *why)
{
    struct attune_rendered r;
    struct attune_error err;

    assert_int_not_equal(attune_prompt_render(&r, p, &err), 0);
    if (!strstr(err.text, why)) {
        fail_msg("'%s' is not in '%s'", why, err.text);
    }
    assert_null(r.text);
}

static void set(struct attune_prompt *p, const char *name, const char *value)
{
    struct attune_error err;

    assert_int_equal(attune_prompt_set_variable(p, name, value, &err), 0);
}

static void a_variable_of_the_template_is_filled_in(void **state)
{
    struct attune_prompt p;
    struct attune_error err;

    with_form(&p, "[task]\nSpeak {{ language }}.\n[query]\n{{input}} in {{language}}\\\n");
    assert_int_equal(attune_prompt_set(&p, 1, "cat", NULL, &err), 0);
    fails_with(&p, "section task, line 1, column 7: {{language}} has no value");
    set(&p, "language", "{{input}}");
    renders_as(&p, "Speak {{input}}.\ncat in {{input}}"); /* a value is never looked into */
    set(&p, "language", "French");
    renders_as(&p, "Speak French.\ncat in French");
    attune_prompt_switch(&p, 0, false);
    renders_as(&p, "cat in French");
    set(&p, "language", NULL);
    fails_with(&p, "section query, line 1, column 14");
    attune_prompt_done(&p);
}

static void blocks_are_looked_into_only_where_the_prompt_says_so(void **state)
{
    struct attune_prompt p;
    struct attune_error err;
    char *json;
    struct attune_prompt q;

    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(
        attune_prompt_set(&p, 1, "\xc3\xa9\nab {{topic}} {{open}}x}}", "{{topic}}!", &err), 0);
    renders_as(&p, "\xc3\xa9\nab {{topic}} {{open}}x}}{{topic}}!");
    p.fill = true;
    fails_with(&p, "query, line 2, column 4: {{topic}} has no value");
    set(&p, "topic", "cats");
    set(&p, "zebra", "unused");
    renders_as(&p, "\xc3\xa9\nab cats {{x}}cats!");
    assert_int_equal(attune_prompt_note(&p, "shots", "{\"seed\":\"7\"}", &err), 0);
    assert_int_not_equal(attune_prompt_note(&p, "cut", "{", &err), 0);
    assert_int_equal(attune_prompt_to_json(&json, &p, &err), 0);
    assert_int_equal(attune_prompt_from_json(&q, json, strlen(json), &err), 0);
    assert_true(attune_prompt_equal(&p, &q));
    assert_string_equal(q.record, "{\"shots\":{\"seed\":\"7\"}}");
    assert_string_equal(attune_prompt_variable(&q, "topic"), "cats");
    assert_int_equal(attune_prompt_note(&q, "shots", NULL, &err), 0);
    assert_null(q.record);
    assert_false(attune_prompt_equal(&p, &q));
    free(json);
    attune_prompt_done(&p);
    attune_prompt_done(&q);
}

static void names_that_mean_something_else_are_refused(void **state)
{
    static const char *const bad[] = {"", "1a", "a b", "input", "task", "open", "a}}", "\xc3\xa9"};
    struct attune_prompt p;
    struct attune_error err;

    assert_int_equal(attune_prompt_init(&p, &err), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(attune_prompt_set_variable(&p, bad[i], "x", &err), ATTUNE_ARGUMENT);
    }
    p.fill = true;
    assert_int_equal(attune_prompt_set(&p, 1, "{{> file}}", NULL, &err), 0);
    fails_with(&p, "belong to a template's file");
    assert_int_equal(attune_prompt_set(&p, 1, "a {{b\n}}", NULL, &err), 0);
    fails_with(&p, "query, line 1, column 3");
    attune_prompt_done(&p);
}

static int load(struct attune_template *form, const char *text, struct attune_error *err)
{
    return attune_template_load(form, write_file("t.txt", text), err);
}

static void fragments_are_put_in_as_the_template_is_read(void **state)
{
    struct attune_template form;
    struct attune_error err;

    write_file("a.txt", "Be {{tone}}.\n{{> b}}\n");
    write_file("b.txt", "[query]\n");
    assert_int_equal(load(&form, "[task]\n{{> a}}|{{> b.txt }}\n[query]\n{{input}}", &err), 0);
    assert_string_equal(form.task, "Be {{tone}}.\n[query]|[query]\n");
    assert_string_equal(form.query, "{{input}}");
    attune_template_done(&form);
}

static void refuses(const char *text, const char *why)
{
    struct attune_template form;
    struct attune_error err;

    assert_int_not_equal(load(&form, text, &err), 0);
    if (!strstr(err.text, why)) {
        fail_msg("'%s' is not in '%s'", why, err.text);
    }
    assert_null(form.name);
}

static void a_fragment_that_leads_back_is_refused_with_the_chain(void **state)
{
    write_file("a.txt", "x {{> b}}");
    write_file("b.txt", "\n y {{> c}}");
    write_file("c.txt", "{{> ./b}}{{> a}}");
    refuses("[query]\n{{> c}}", "c > ");
    write_file("c.txt", "{{> a}}");
    refuses("[query]\n{{> a}}", "fragments go in a circle: a > b > c > a");
    write_file("c.txt", "{{> nobody-has-this}}");
    refuses("[query]\n{{> a}}", "fragment c, line 1, column 1: nobody-has-this: no such file");
    refuses("[query]\n1\n 2{{> }}", "section query, line 2, column 3: {{> wants the name");
    refuses("[query]\n{{> a", "line 1, column 1");
}

static void fragments_that_double_are_stopped(void **state)
{
    char text[4096] = "";

    for (int i = 0; i < 400; i++) {
        strcat(text, "{{> b}}");
    }
    write_file("a.txt", text);
    memset(text, 'x', 4000);
    text[4000] = '\0';
    write_file("b.txt", text);
    refuses("[query]\n{{> a}}", "bytes long: a > b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_variable_of_the_template_is_filled_in),
        cmocka_unit_test(blocks_are_looked_into_only_where_the_prompt_says_so),
        cmocka_unit_test(names_that_mean_something_else_are_refused),
        cmocka_unit_test(fragments_are_put_in_as_the_template_is_read),
        cmocka_unit_test(a_fragment_that_leads_back_is_refused_with_the_chain),
        cmocka_unit_test(fragments_that_double_are_stopped),
    };
    return cmocka_run_group_tests_name("variable", tests, begin, end);
}
