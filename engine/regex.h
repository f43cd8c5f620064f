/* The patterns of tokenizers: written for Oniguruma (tokenizer.json) or std::regex (GGUF), run by
 * PCRE2. A compiled pattern is immutable; what a search writes to is in struct regex_search, one a
 * thread. */
#ifndef ATTUNE_ENGINE_REGEX_H
#define ATTUNE_ENGINE_REGEX_H

#include <attune/error.h>
#include <stdbool.h>
#include <stddef.h>

struct regex;
struct regex_search;

int regex_compile(struct regex **out, const char *pattern, size_t len, struct attune_error *err);
void regex_free(struct regex *re);

int regex_search_new(struct regex_search **out, struct attune_error *err);
void regex_search_free(struct regex_search *search);

/* The first match in s (well-formed UTF-8) at or after from: *found, and where it is. A pattern
 * that takes too long on this text is ATTUNE_UNSUPPORTED. */
int regex_find(const struct regex *re, struct regex_search *search, const char *s, size_t len,
               size_t from, bool *found, size_t *start, size_t *end, struct attune_error *err);

/* A pattern of a user for a whole text, in PCRE2's own syntax. */
int regex_compile_whole(struct regex **out, const char *pattern, struct attune_error *err);
/* complete: s (well-formed UTF-8) matches from end to end; viable: it does, or nothing in it speaks against
 * a longer text that does. */
int regex_whole(bool *viable, bool *complete, const struct regex *re, struct regex_search *search,
                const char *s, size_t len, struct attune_error *err);

#endif
