/* Failures of the JSON reader, with what it leaves out: the name of a long key that stands there
 * twice. */
#include <config.h>

#include "engine/json_error.h"

#include <stdio.h>

/* Where the string begins whose closing quote is text[end]. */
static size_t start_of(const char *text, size_t end)
{
    size_t at = end;

    while (at > 0) {
        at--;
        if (text[at] == '"' && (at == 0 || text[at - 1] != '\\')) {
            break;
        }
    }
    return at;
}

void json_error_show(char out[160], const char *text, size_t len, const json_error_t *why)
{
    size_t end = why->position > 0 ? (size_t)why->position : 0;

    if (json_error_code(why) == json_error_duplicate_key && end >= 2 && end <= len &&
        text[end - 1] == '"') {
        size_t from = start_of(text, end - 1), n = end - from;

        snprintf(out, 160, "line %d: %.*s%s stands there twice", why->line, n < 80 ? (int)n : 80,
                 text + from, n < 80 ? "" : "...");
    } else {
        snprintf(out, 160, "line %d: %.100s", why->line, why->text);
    }
}
