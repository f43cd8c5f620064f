/* What prompts/ adds to jansson: bytes that may not be UTF-8, and reading hostile documents.
 *
 * Bytes are a string where they are UTF-8, else {"base64": "..."}: nothing is lost either way. */
#ifndef ATTUNE_PROMPTS_JSON_H
#define ATTUNE_PROMPTS_JSON_H

#include <attune/error.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL without memory. */
json_t *json_of_bytes(const char *bytes, size_t len);
json_t *json_of_u64(uint64_t x); /* a string of digits: doubles end at 2^53 */
json_t *json_of_real(double x);  /* "inf", "-inf", "nan" as strings where JSON has no number */

/* Parses a whole document; duplicate keys and what follows the end are errors. NULL with err set.
 */
json_t *json_read(const char *text, size_t len, const char *what, struct attune_error *err);
/* Doubles with 17 digits. *out: free(). Consumes value (NULL: out of memory). */
int json_write(char **out, size_t *len, json_t *value, struct attune_error *err);

/* Reading members. `what` names the object for the message ("run 3"). A missing member or one of
 * another type is ATTUNE_FORMAT. Bytes are NUL-terminated and freed by the caller; len may be NULL:
 * then bytes that hold a NUL are refused. */
int json_get_bytes(char **out, size_t *len, const json_t *object, const char *key, const char *what,
                   struct attune_error *err);
int json_get_u64(uint64_t *out, const json_t *object, const char *key, uint64_t max,
                 const char *what, struct attune_error *err);
int json_get_real(double *out, const json_t *object, const char *key, const char *what,
                  struct attune_error *err);
int json_get_bool(bool *out, const json_t *object, const char *key, const char *what,
                  struct attune_error *err); /* missing: false */
int json_get_array(const json_t **out, size_t *n, const json_t *object, const char *key, size_t max,
                   const char *what, struct attune_error *err);

#endif
