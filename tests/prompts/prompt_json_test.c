#include <config.h>

#include <attune/library.h>
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

static void what_is_written_is_read_back(void **state)
{
    struct attune_prompt p, q;
    struct attune_error err;
    char *json, *again;

    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(attune_prompt_set(&p, 0, "a \"task\"\n", NULL, &err), 0);
    assert_int_equal(attune_prompt_add_shot(&p, 1, "bytes \xff\xfe", "\xe6\x97", &err), 0);
    assert_int_equal(attune_prompt_add_shot(&p, 2, "日本", " x ", &err), 0);
    attune_prompt_switch(&p, 2, false);
    assert_int_equal(attune_prompt_set(&p, 3, "q", " a", &err), 0);
    assert_int_equal(attune_prompt_to_json(&json, &p, &err), 0);
    if (attune_prompt_from_json(&q, json, strlen(json), &err)) {
        fail_msg("%s", err.text);
    }
    assert_true(attune_prompt_equal(&p, &q));
    assert_int_equal(attune_prompt_to_json(&again, &q, &err), 0);
    assert_string_equal(json, again);
    free(json);
    free(again);
    attune_prompt_done(&p);
    attune_prompt_done(&q);
}

#define FORM                                                                                       \
    "\"template\":{\"name\":\"n\",\"task\":\"{{task}}\",\"shot\":\"\",\"query\":\"{{input}}\"}"
#define TASK  "{\"kind\":\"task\",\"text\":\"t\"}"
#define QUERY "{\"kind\":\"query\",\"text\":\"q\",\"answer\":\"\"}"

static void hostile_documents_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "7",
        "{}",
        "{" FORM "}",
        "{" FORM ",\"blocks\":[]}",
        "{" FORM ",\"blocks\":[" TASK "]}",
        "{" FORM ",\"blocks\":[" QUERY "," TASK "]}",
        "{" FORM ",\"blocks\":[" TASK "," TASK "," QUERY "]}",
        "{" FORM ",\"blocks\":[" TASK "," QUERY "]} x",
        "{" FORM "," FORM ",\"blocks\":[" TASK "," QUERY "]}",
        "{\"template\":7,\"blocks\":[" TASK "," QUERY "]}",
        "{" FORM ",\"blocks\":[{\"kind\":\"task\",\"text\":7}," QUERY "]}",
        "{" FORM ",\"blocks\":[{\"kind\":\"task\",\"text\":\"\\u0000\"}," QUERY "]}",
        "{" FORM ",\"blocks\":[{\"kind\":\"task\",\"text\":{\"base64\":\"A\"}}," QUERY "]}",
        "{" FORM ",\"blocks\":[{\"kind\":\"task\",\"text\":{\"base64\":\"AAAA\"}}," QUERY "]}",
        "{" FORM ",\"blocks\":[{\"kind\":\"task\",\"text\":\"t\",\"off\":1}," QUERY "]}",
    };
    struct attune_prompt p;
    struct attune_error err;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (attune_prompt_from_json(&p, bad[i], strlen(bad[i]), &err) != ATTUNE_FORMAT) {
            fail_msg("taken: %s", bad[i]);
        }
        assert_null(p.blocks);
    }
    assert_int_equal(attune_prompt_from_json(&p, "{" FORM ",\"blocks\":[" TASK "," QUERY "]}",
                                             strlen("{" FORM ",\"blocks\":[" TASK "," QUERY "]}"),
                                             &err),
                     0);
    attune_prompt_done(&p);
}

static void every_shipped_example_can_be_read_and_rendered(void **state)
{
    struct attune_library_entry *list;
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_library_list(&list, &n, "prompts/examples", &err), 0);
    assert_true(n >= 5);
    for (size_t i = 0; i < n; i++) {
        struct attune_prompt p;
        struct attune_rendered r;
        char text[65536];
        FILE *f = fopen(list[i].path, "rb");
        size_t len = fread(text, 1, sizeof text, f);

        fclose(f);
        if (attune_prompt_from_json(&p, text, len, &err) || attune_prompt_render(&r, &p, &err)) {
            fail_msg("%s: %s", list[i].path, err.text);
        }
        assert_true(r.len > 0);
        attune_rendered_done(&r);
        attune_prompt_done(&p);
    }
    attune_library_list_free(list, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(hostile_documents_are_refused),
        cmocka_unit_test(every_shipped_example_can_be_read_and_rendered),
    };
    return cmocka_run_group_tests_name("prompt_json", tests, NULL, NULL);
}
