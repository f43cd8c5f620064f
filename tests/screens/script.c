#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "script.h"

void script_env(struct script *s, const char *name, const char *value)
{
    assert_true(s->n_env < ENV_MOST);
    assert_true(asprintf(&s->env[s->n_env++], "%s=%s", name, value) > 0);
}

/* $GOLDEN and $HOME inside a word. */
char *script_word(const struct script *s, const char *word)
{
    static const char golden[] = "$GOLDEN", home[] = "$HOME";
    const char *folder = getenv("ATTUNE_GOLDEN");
    char *out = NULL;

    if (strncmp(word, golden, sizeof golden - 1) == 0) {
        assert_true(asprintf(&out, "%s%s", folder, word + sizeof golden - 1) > 0);
    } else if (strncmp(word, home, sizeof home - 1) == 0) {
        assert_true(asprintf(&out, "%s%s", s->home, word + sizeof home - 1) > 0);
    } else {
        out = strdup(word);
    }
    return out;
}

void script_start(struct script *s)
{
    static const char *const defaults[][2] = {
        {"TERM", "xterm-256color"}, {"INPUTRC", "/dev/null"}, {"ATTUNE_TEST", "1"}};
    const char *program = getenv("ATTUNE_BIN");

    if (s->e) {
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        bool given = false;

        for (size_t k = 0; k < s->n_env; k++) {
            given |= strncmp(s->env[k], defaults[i][0], strlen(defaults[i][0])) == 0;
        }
        if (!given) {
            script_env(s, defaults[i][0], defaults[i][1]);
        }
    }
    if (!s->args[0]) { /* the first time */
        script_env(s, "HOME", s->home);
        script_env(s, "XDG_DATA_HOME", s->home);
        script_env(s, "XDG_CONFIG_HOME", s->home);
        script_env(s, "XDG_STATE_HOME", s->home);
        assert_non_null(program);
        s->args[0] = strdup(program);
    }
    s->e = emulator_start(s->rows, s->cols, s->args, s->env);
    assert_non_null(s->e);
}

void script_fail(const struct script *s, const char *what)
{
    const char *name = strrchr(s->path, '/');
    char *text = s->e ? emulator_text(s->e) : strdup("");

    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n') + 1;
        print_message("# |%.*s\n", (int)(next - line - 1), line);
    }
    free(text);
    fail_msg("%s:%d: %s", name ? name + 1 : s->path, s->number, what);
}

void script_sync(struct script *s)
{
    free(s->text);
    s->text = NULL;
    if (!emulator_sync(s->e, SYNC_MS)) {
        script_fail(s, "the program did not answer");
    }
    s->text = emulator_text(s->e);
}

void script_send(struct script *s, const char *bytes, size_t len)
{
    script_start(s);
    if (!s->text) {
        script_sync(s);
    }
    s->sent_before = emulator_received(s->e);
    emulator_send(s->e, bytes, len);
    free(s->text);
    s->text = NULL;
}

const char *script_row(struct script *s, int row, size_t *len)
{
    const char *at = s->text, *end;

    while (row-- > 0 && at && *at) {
        at = strchr(at, '\n');
        at += at != NULL;
    }
    end = at ? strchr(at, '\n') : NULL;
    *len = end ? (size_t)(end - at) : 0;
    return end ? at : "";
}

void script_see(struct script *s)
{
    script_start(s);
    if (!s->text) {
        script_sync(s);
    }
}

void script_finish(struct script *s)
{
    char command[400];

    emulator_stop(s->e);
    for (size_t i = 0; i < s->n_env; i++) {
        free(s->env[i]);
    }
    for (size_t i = 0; i <= s->n_args; i++) {
        free(s->args[i]);
    }
    free(s->text);
    snprintf(command, sizeof command, "rm -rf '%s'", s->home);
    if (strstr(s->home, "attune-screen-")) {
        assert_int_equal(system(command), 0);
    }
}
