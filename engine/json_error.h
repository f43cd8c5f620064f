/* What is wrong with a JSON text, as messages say it. */
#ifndef ATTUNE_ENGINE_JSON_ERROR_H
#define ATTUNE_ENGINE_JSON_ERROR_H

#include <jansson.h>
#include <stddef.h>

/* "line 3: ..." for what json_loadb said of text; a key that stands there twice is named. */
void json_error_show(char out[160], const char *text, size_t len, const json_error_t *why);

#endif
