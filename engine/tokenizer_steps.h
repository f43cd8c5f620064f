/* The steps before and after a model: normalizers, splitters, post-processors, decoders. Every
 * stage is a table by the "type" that tokenizer.json gives; a step is a row with its settings. */
#ifndef ATTUNE_ENGINE_TOKENIZER_STEPS_H
#define ATTUNE_ENGINE_TOKENIZER_STEPS_H

#include <attune/error.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/tokenizer_text.h"

struct attune_tokenizer;
struct decoding;
struct encoding;
struct regex;

/* ---- steps: one row a "type" of tokenizer.json ---- */
struct step;
struct step_type {
    const char *name;
    int (*load)(struct step *step, const json_t *json, struct attune_error *err); /* may be NULL */
    int (*normalize)(struct encoding *e, const struct step *step, struct piece *p);
    int (*split)(struct encoding *e, size_t index, const struct step *step, const struct piece *p);
    int (*post)(struct encoding *e, const struct step *step);
    int (*decode)(struct decoding *d, const struct step *step);
    const char *options; /* as json_check_options has them */
};
struct step {
    const struct step_type *type;
    struct regex *regex;
    char *text, *content; /* what it looks for or adds; what it puts there */
    size_t text_len, content_len;
    unsigned flags;
    int behavior, start, stop;
    void *table; /* freed with free() */
    size_t n_table;
};
struct steps {
    struct step *at;
    size_t n;
};
void steps_done(struct steps *steps);
struct step *steps_add(struct steps *steps, const struct step_type *type); /* NULL: no memory */

/* The stages' tables. */
extern const struct step_type normalizer_types[], splitter_types[], post_types[], decoder_types[];
const struct step_type *step_type_find(const struct step_type *types, const char *name);
/* Loads json (null, one step, or a Sequence whose steps are in its member list) through the table;
 * kind names the stage in errors. */
int steps_load(struct steps *steps, const json_t *json, const struct step_type *types,
               const char *kind, const char *list, struct attune_error *err);
/* The same from the text of such JSON; for rules that no file spells out. */
int steps_load_text(struct steps *steps, const char *json, const struct step_type *types,
                    const char *kind, const char *list, struct attune_error *err);
/* The pattern of Split and Replace: {"String": ...} becomes text, {"Regex": ...} regex. */
int step_load_pattern(struct step *step, const json_t *json, struct attune_error *err);

/* From step index on: the remaining splitters, then the model. */
int splitters_push(struct encoding *e, size_t index, const struct piece *p);
int normalizers_run(struct encoding *e, struct piece *p);
/* A character of new text; change: 1 where it is inserted, else 0, or minus how many old characters
 * it takes beyond its own. */
struct item {
    uint32_t c, place;
    int change;
    uint8_t class; /* canonical combining class; 0: starter */
};
/* A part of a text that is more than plain ASCII, and what a rule makes of it. */
struct stretch {
    struct encoding *e;
    struct piece part;
    const void *how;
    struct item *items; /* [n], of capacity */
    size_t n, capacity;
    bool changed; /* else the part stays as it is */
    bool late;    /* the text begins with what is dropped: as in the reference, what follows covers
                     characters before its own, to the end of the text */
};
bool stretch_reserve(struct stretch *x, size_t need); /* false: no memory */
/* Rewrites the stretches of p, not the ASCII between them whose stays[128] is 1; rule is false
 * where there is no memory. */
int normalizer_rewrite(struct encoding *e, struct piece *p, const unsigned char *stays,
                       bool (*rule)(struct stretch *x), const void *how);
enum { FORM_COMPOSE = 1, FORM_COMPATIBLE = 2 };
int normalizer_form(struct encoding *e, struct piece *p, unsigned form);
int charsmap_load(struct step *step, const json_t *json, struct attune_error *err);
int charsmap_set(struct step *step, const char *map, size_t len, struct attune_error *err);
int charsmap_run(struct encoding *e, const struct step *step, struct piece *p);
int charsmap_run_longest(struct encoding *e, const struct step *step, struct piece *p);
const char *charsmap_find(const struct step *step, const char *s, size_t len, bool longest,
                          size_t *taken);
int normalizer_prepend(struct encoding *e, const char *s, size_t len, struct piece *p);
int normalizer_replace(struct encoding *e, const struct step *step, struct piece *p);
int posts_run(struct encoding *e);
int posts_check(const struct attune_tokenizer *tk, struct attune_error *err); /* its ids exist */
int decoders_run(struct decoding *d);
int decoding_fuse(struct decoding *d, const char *between); /* one text of all */

/* What stands around a text: an id, or one of the sequences. */
enum { TEMPLATE_FIRST = -1, TEMPLATE_SECOND = -2 };
struct template_item {
    int32_t id;
    uint8_t type;
};
int post_add_template(struct steps *steps, const struct template_item *single, size_t n_single,
                      const struct template_item *pair, size_t n_pair, struct attune_error *err);

/* ---- json ---- */
/* Names every member that is not in options ("type" always is): words apart by spaces, "name?" is a
 * boolean, "name#" a whole number from 0, both may be null; NULL: none. */
int json_check_options(const json_t *object, const char *options, struct attune_error *err);
bool json_flag(const json_t *object, const char *key, bool otherwise);
/* A copy of a member string; ATTUNE_FORMAT when it is missing or no string. */
int json_text_copy(const json_t *object, const char *key, char **out, size_t *len,
                   struct attune_error *err);

#endif
