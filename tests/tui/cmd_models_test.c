/* The verbs models and card, as the shell runs them, over a library of our own. */
#include <config.h>

#include "tui/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "cmd_models_test.XXXXXX";
static char out[65536], messages[4096];

static void read_back(char *text, size_t capacity, FILE *f)
{
    size_t n;

    rewind(f);
    n = fread(text, 1, capacity - 1, f);
    text[n] = '\0';
    fclose(f);
}

/* Runs a verb; what it printed stands in out and messages. */
static int run(const char *verb, const char *arg, const char *option)
{
    char *argv[] = {(char *)(uintptr_t)verb, (char *)(uintptr_t)(arg ? arg : option),
                    (char *)(uintptr_t)option};
    FILE *o = tmpfile(), *e = tmpfile();
    int status;

    assert_non_null(o);
    assert_non_null(e);
    status = cli_run(cmd_find(verb), 1 + !!arg + !!option, argv, o, e);
    read_back(out, sizeof out, o);
    read_back(messages, sizeof messages, e);
    return status;
}

static void put(const char *name, const char *from, const char *text)
{
    char path[256], bytes[1 << 17];
    FILE *f;
    size_t n = text ? strlen(text) : 0;

    if (from) {
        f = fopen(from, "rb");
        assert_non_null(f);
        n = fread(bytes, 1, sizeof bytes, f);
        fclose(f);
    }
    snprintf(path, sizeof path, "%s/models/%s", folder, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text ? text : bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static int make_library(void **state)
{
    char path[4096];

    if (!mkdtemp(folder)) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/models", folder);
    if (mkdir(path, 0777) != 0) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/gguf/llama-q4_0/model.gguf", getenv("ATTUNE_GOLDEN"));
    put("one.gguf", path, NULL);
    put("one.md", NULL, "# One\nWhat it was made of.\n");
    put("two.gguf", NULL, "no model at all");
    setenv("ATTUNE_DATADIR", folder, 1);
    setenv("XDG_DATA_HOME", "/nonexistent", 1);
    return 0;
}

static int remove_library(void **state)
{
    char command[128];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void models_lists_what_opens(void **state)
{
    json_t *rows;

    assert_int_equal(run("models", NULL, "--json"), CLI_OK);
    assert_non_null(strstr(messages, "two.gguf: not a model"));
    rows = json_loads(out, 0, NULL);
    assert_int_equal(json_array_size(rows), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "name")), "one");
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "family")),
                        "llama");
    assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "kind")),
                        "decoder");
    assert_non_null(strstr(json_string_value(json_object_get(json_array_get(rows, 0), "path")),
                           "/models/one.gguf"));
    json_decref(rows);
}

static void models_names_what_does_not_open(void **state)
{
    assert_int_equal(run("models", NULL, NULL), CLI_OK);
    assert_non_null(strstr(out, "one "));
    assert_non_null(strstr(out, "two "));
    assert_non_null(
        strstr(out, "two.gguf: not a model (neither GGUF nor a directory with config.json)"));
}

static void card_has_every_field(void **state)
{
    static const char *const fields[] = {
        "name",  "family",   "kind",      "architecture", "parameters",  "layers",
        "heads", "kv_heads", "d_model",   "d_ff",         "vocab",       "context",
        "dtype", "bytes",    "tokenizer", "license",      "description", "training",
    };
    json_t *card;

    assert_int_equal(run("card", "one", "--json"), CLI_OK);
    card = json_loads(out, 0, NULL);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!json_object_get(card, fields[i])) {
            fail_msg("no %s", fields[i]);
        }
    }
    assert_string_equal(json_string_value(json_object_get(card, "dtype")), "Q4_0");
    assert_int_equal(json_integer_value(json_object_get(card, "kv_heads")), 2);
    assert_int_equal(json_integer_value(json_object_get(card, "parameters")), 110912);
    json_decref(card);
}

static void card_in_text_brings_the_notes_beside_it(void **state)
{
    assert_int_equal(run("card", "one", NULL), CLI_OK);
    assert_non_null(strstr(out, "llama (decoder, llama)"));
    assert_non_null(strstr(out, "110 912 in 63 488 bytes, Q4_0"));
    assert_non_null(strstr(out, "\n# One\nWhat it was made of.\n"));
    assert_int_equal(run("card", "two", NULL), CLI_FAILED);
    assert_non_null(strstr(messages, "attune: "));
    assert_non_null(strstr(messages, "two.gguf: not a model"));
    assert_int_equal(run("card", "three", NULL), CLI_FAILED);
    assert_int_equal(run("card", NULL, NULL), CLI_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_lists_what_opens),
        cmocka_unit_test(models_names_what_does_not_open),
        cmocka_unit_test(card_has_every_field),
        cmocka_unit_test(card_in_text_brings_the_notes_beside_it),
    };
    return cmocka_run_group_tests_name("cmd_models", tests, make_library, remove_library);
}
