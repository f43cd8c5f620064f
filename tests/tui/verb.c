#include <config.h>

#include "tests/tui/verb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MOST_ARGS = 40 };

void verb_call(struct verb_result *r, const char *const *args)
{
    char *argv[MOST_ARGS + 1] = {NULL};
    size_t err_len;
    FILE *out, *err;
    int argc = 0;

    memset(r, 0, sizeof *r);
    for (; args[argc]; argc++) {
        bool golden = strncmp(args[argc], "GOLDEN/", 7) == 0;
        const char *folder = golden ? getenv("ATTUNE_GOLDEN") : "";

        assert_true(argc < MOST_ARGS);
        argv[argc] = malloc(strlen(folder) + strlen(args[argc]) + 1);
        assert_non_null(argv[argc]);
        sprintf(argv[argc], "%s%s", folder, golden ? args[argc] + 6 : args[argc]);
    }
    assert_non_null(cmd_find(args[0]));
    out = open_memstream(&r->out, &r->out_len);
    err = open_memstream(&r->err, &err_len);
    assert_non_null(out);
    assert_non_null(err);
    r->status = cli_run(cmd_find(args[0]), argc, argv, out, err);
    fclose(out);
    fclose(err);
    r->json = json_loadb(r->out, r->out_len, JSON_ALLOW_NUL, NULL);
    while (argc > 0) {
        free(argv[--argc]);
    }
}

void verb_done(struct verb_result *r)
{
    json_decref(r->json);
    free(r->out);
    free(r->err);
    memset(r, 0, sizeof *r);
}

double verb_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value)) {
        fail_msg("no number %s", key);
    }
    return json_number_value(value);
}

const char *verb_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value)) {
        fail_msg("no text %s", key);
    }
    return json_string_value(value);
}

const json_t *verb_list(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_array(value)) {
        fail_msg("no list %s", key);
    }
    return value;
}
