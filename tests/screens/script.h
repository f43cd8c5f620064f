/* One script on its way: its process, its terminal, what it shows. Failures end the test. */
#ifndef ATTUNE_TESTS_SCRIPT_H
#define ATTUNE_TESTS_SCRIPT_H

#include <stdbool.h>
#include <stdio.h>

#include "emulator.h"

enum {
    SYNC_MS = 20000,
    END_MS = 20000,
    SCRIPTS_MOST = 100,
    ENV_MOST = 24,
    ARGS_MOST = 24,
    PONG_BYTES = 12
};

struct script {
    const char *path;
    char home[256];
    int rows, cols;
    char *env[ENV_MOST + 1], *args[ARGS_MOST + 2];
    size_t n_env, n_args;
    struct emulator *e;
    size_t sent_before;
    char *text; /* of the screen; NULL: not read since the last change */
    FILE *out;  /* where the updated script goes, or NULL */
    int number;
    bool ended;
};

void script_env(struct script *s, const char *name, const char *value);
/* A word with $GOLDEN and $HOME filled in; freed by the caller. */
char *script_word(const struct script *s, const char *word);
void script_start(struct script *s); /* nothing if it runs already */
void script_fail(const struct script *s, const char *what);
void script_sync(struct script *s); /* waits for the answer to what was sent */
void script_send(struct script *s, const char *bytes, size_t len);
/* A row of what was seen, borrowed. */
const char *script_row(struct script *s, int row, size_t *len);
void script_see(struct script *s); /* started and up to date */
void script_finish(struct script *s);

#endif
