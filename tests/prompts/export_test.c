#include <config.h>

#include <attune/export.h>
#include <attune/mark.h>

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/prompts/made.h"

static const char path[] = "export-test.db";
static struct attune_store *store;

/* Texts that want to be markup, or to move a terminal's cursor. */
static const char hostile[] = "```\n<script>alert(1)</script> & \033[2J \xff\xfe | *bold* \"q\"";

static int fill(void **state)
{
    struct attune_run_record record = made_record("a <b>", hostile);
    struct attune_error err;
    char output[256] = "";

    remove_store(path);
    store = made_store(path, ATTUNE_STORE_WRITE);
    for (uint64_t i = 0; i < 4; i++) {
        struct attune_step step = made_step(1, i);

        strncat(output, step.bytes, step.n_bytes);
    }
    assert_int_equal(attune_store_begin_run(store, &record, &err), 0);
    free(record.created);
    for (uint64_t i = 0; i < 4; i++) {
        struct attune_step step = made_step(1, i);

        step.stop = i == 3 ? ATTUNE_STOP_LENGTH : ATTUNE_STOP_NONE;
        assert_int_equal(attune_store_add_step(store, 1, &step, &err), 0);
    }
    assert_int_equal(
        attune_store_end_run(store, 1, ATTUNE_STOP_LENGTH, output, strlen(output), &err), 0);
    made_run(store, "a <b>", "second", 2, 0, ATTUNE_STOP_EOS, "");
    assert_int_equal(attune_store_mark(store, &(struct attune_place){.run = 1}, ATTUNE_MARK_NOTE,
                                       "a|b <i>", true, &err),
                     0);
    return 0;
}

static int empty(void **state)
{
    attune_store_close(store);
    remove_store(path);
    return 0;
}

static char *export_as(const char *format, const char *session, int64_t run)
{
    struct attune_error err;
    char *text;
    size_t len, lost = 9;

    if (attune_export(&text, &len, store, session, run, format, &lost, &err)) {
        fail_msg("%s: %s", format, err.text);
    }
    assert_int_equal(lost, 0);
    assert_int_equal(strlen(text), len);
    return text;
}

/* No control byte and no broken character gets out, whatever the format. */
static void every_format_is_clean_text(void **state)
{
    for (size_t i = 0; i < attune_export_count(); i++) {
        for (int64_t run = 0; run <= 2; run++) {
            char *text = export_as(attune_export_name(i), "a <b>", run);
            json_t *as_string = json_string(text); /* refuses what is no UTF-8 */

            assert_non_null(as_string);
            for (const char *c = text; *c; c++) {
                assert_true((unsigned char)*c >= 0x20 || *c == '\n' || *c == '\t');
            }
            assert_true(*attune_export_suffix(i) && *attune_export_help(i));
            json_decref(as_string);
            free(text);
        }
    }
}

static void has(const char *text, const char *needle)
{
    if (!strstr(text, needle)) {
        fail_msg("'%s' is not in:\n%s", needle, text);
    }
}

static void markdown_keeps_texts_apart_from_markup(void **state)
{
    char *text = export_as("markdown", "a <b>", 0);

    has(text, "# a \\<b\\>\n");
    has(text, "## Run 1\n");
    has(text, "## Run 2\n");
    has(text, "````text\n```\n<script>");
    has(text, "- note: a\\|b \\<i\\>\n");
    has(text, "| seed | 9223372036854775807 |");
    has(text, "^[[2J");
    free(text);
}

static void a_page_runs_nothing(void **state)
{
    char *text = export_as("html", NULL, 1);

    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "<i>"));
    has(text, "&lt;script&gt;alert(1)&lt;/script&gt; &amp;");
    has(text, "<h1>a &lt;b&gt;</h1>");
    has(text, "title=\"step 3: p ");
    has(text, "</html>\n");
    free(text);
}

/* Every line is JSON, time does not run back, and what is printed is the prompt and the output. */
static void a_recording_prints_what_was_said(void **state)
{
    char *text = export_as("asciicast", "a <b>", 0), *line, *rest = text, said[1024] = "";
    struct attune_run_record record;
    struct attune_error err;
    double last = 0;
    size_t n = 0;

    while ((line = strtok_r(rest, "\n", &rest))) {
        json_t *value = json_loads(line, 0, NULL);

        assert_non_null(value);
        if (n++ == 0) {
            assert_int_equal(json_integer_value(json_object_get(value, "version")), 2);
            assert_int_equal(json_integer_value(json_object_get(value, "width")), 80);
            assert_string_equal(json_string_value(json_object_get(value, "title")), "a <b>");
            assert_true(json_integer_value(json_object_get(value, "timestamp")) > 1700000000);
        } else {
            assert_int_equal(json_array_size(value), 3);
            assert_true(json_real_value(json_array_get(value, 0)) >= last);
            last = json_real_value(json_array_get(value, 0));
            assert_string_equal(json_string_value(json_array_get(value, 1)), "o");
            if (n > 2) {
                strcat(said, json_string_value(json_array_get(value, 2)));
            }
        }
        json_decref(value);
    }
    assert_int_equal(attune_store_load_run(store, 1, &record, &err), 0);
    assert_int_equal(strncmp(said, record.output, record.output_len), 0);
    has(said, "second");
    /* four steps of 1.5 to 4.5 ms and 0.1 each, then the pause before the second run */
    assert_true(last > 1.0123 && last < 1.0125);
    attune_run_record_done(&record);
    free(text);
}

static void what_cannot_be_exported(void **state)
{
    struct attune_error err;
    char *text;
    size_t len;

    assert_int_equal(attune_export(&text, &len, store, NULL, 1, "word", NULL, &err),
                     ATTUNE_ARGUMENT);
    assert_null(text);
    assert_int_equal(attune_export(&text, &len, store, NULL, 9, "html", NULL, &err),
                     ATTUNE_NOT_FOUND);
    assert_int_equal(attune_export(&text, &len, store, "nobody", 0, "markdown", NULL, &err),
                     ATTUNE_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_is_clean_text),
        cmocka_unit_test(markdown_keeps_texts_apart_from_markup),
        cmocka_unit_test(a_page_runs_nothing),
        cmocka_unit_test(a_recording_prints_what_was_said),
        cmocka_unit_test(what_cannot_be_exported),
    };
    return cmocka_run_group_tests_name("export", tests, fill, empty);
}
