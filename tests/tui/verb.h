/* A verb called as the shell would call it, with what it printed. */
#ifndef ATTUNE_TESTS_TUI_VERB_H
#define ATTUNE_TESTS_TUI_VERB_H

#include "tui/cli.h"

struct verb_result {
    int status;
    char *out, *err; /* NUL-terminated */
    size_t out_len;
    json_t *json; /* of out, where it is one document; else NULL */
};

/* The arguments, verb first, NULL last. In them "GOLDEN/" at the beginning stands for the folder of
 * reference data. */
void verb_call(struct verb_result *r, const char *const *args);
void verb_done(struct verb_result *r);

/* Members of JSON that must be there. */
double verb_number(const json_t *object, const char *key);
const char *verb_text(const json_t *object, const char *key);
const json_t *verb_list(const json_t *object, const char *key);

#endif
