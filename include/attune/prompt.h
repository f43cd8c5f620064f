/* A prompt as people think of it: a task, some shots, a query, and a template that joins them into
 * the text the model reads. Value-like: a copy is how an edit reaches another thread. The prompt
 * owns its strings. Text is bytes; nothing is trimmed or normalised on the way. */
#ifndef ATTUNE_PROMPT_H
#define ATTUNE_PROMPT_H

#include <attune/error.h>
#include <stdbool.h>
#include <stddef.h>

enum attune_block_kind {
    ATTUNE_BLOCK_TASK,
    ATTUNE_BLOCK_SHOT,
    ATTUNE_BLOCK_QUERY,
    ATTUNE_BLOCK_KIND_COUNT
};

struct attune_block {
    enum attune_block_kind kind;
    bool off;     /* kept, but left out of the text */
    char *text;   /* the task, a shot's input, the query; NUL-terminated */
    char *answer; /* a shot's output; the query's answer prefix (often ""); "" for the task */
};

/* How blocks become text. {{task}}, {{input}}, {{output}} stand for the block's texts, {{open}} for
 * two opening braces, any other {{name}} for a variable of the prompt; one that has no value is an
 * error with its line and column. A section is left out when its block is off, or when it is empty
 * and the section has a place for it or no variable. What the blocks hold is looked into only where
 * the prompt says so (fill). */
struct attune_template {
    char *name;
    char *task;  /* "{{task}}\n\n" */
    char *shot;  /* "Review: {{input}}\nSentiment: {{output}}\n\n" */
    char *query; /* "Review: {{input}}\nSentiment:{{output}}" */
};

struct attune_variable {
    char *name; /* a letter or _, then letters, digits, _, - and . */
    char *value;
};

struct attune_prompt { /* exactly one task and one query: blocks[0] and blocks[n - 1] */
    struct attune_template form;
    struct attune_block *blocks;
    size_t n, capacity;
    struct attune_variable *variables; /* [n_variables] by name */
    size_t n_variables;
    bool fill;    /* {{name}} in the blocks stands for a variable too, {{open}} for two braces */
    char *record; /* a JSON object: how the shots were chosen, what was cut; or NULL */
};

int attune_prompt_init(struct attune_prompt *prompt,
                       struct attune_error *err); /* plain template, empty */
void attune_prompt_done(struct attune_prompt *prompt);
int attune_prompt_copy(struct attune_prompt *to, const struct attune_prompt *from,
                       struct attune_error *err);
bool attune_prompt_equal(const struct attune_prompt *a, const struct attune_prompt *b);

/* Edits. i is a place in blocks; shots stand at 1 .. n-2. NULL strings mean "". */
int attune_prompt_set(struct attune_prompt *prompt, size_t i, const char *text, const char *answer,
                      struct attune_error *err);
int attune_prompt_add_shot(struct attune_prompt *prompt, size_t at, const char *text,
                           const char *answer, struct attune_error *err);
void attune_prompt_remove_shot(struct attune_prompt *prompt, size_t at);
bool attune_prompt_move_shot(struct attune_prompt *prompt, size_t from, size_t to);
void attune_prompt_switch(struct attune_prompt *prompt, size_t i, bool on);
size_t attune_prompt_shots(const struct attune_prompt *prompt); /* shots that are on */
int attune_prompt_use(struct attune_prompt *prompt, const struct attune_template *form,
                      struct attune_error *err);

/* A value of NULL takes the variable away. */
int attune_prompt_set_variable(struct attune_prompt *prompt, const char *name, const char *value,
                               struct attune_error *err);
const char *attune_prompt_variable(const struct attune_prompt *prompt, const char *name); /* NULL */
/* What was done to the prompt, by kind ("shots", "cut"): a JSON value as text, NULL to forget it.
 * It is kept with the prompt and with every run of it. */
int attune_prompt_note(struct attune_prompt *prompt, const char *kind, const char *json,
                       struct attune_error *err);
/* All but the blocks: template, variables, fill and record. */
int attune_prompt_copy_rest(struct attune_prompt *to, const struct attune_prompt *from,
                            struct attune_error *err);
bool attune_prompt_same_rest(const struct attune_prompt *a, const struct attune_prompt *b);

/* Which bytes of the text came from which block. A block that has words but no place in the
 * template is an error (ATTUNE_ARGUMENT), never left out silently. */
enum attune_part { /* the template's own words; a block's text; its answer; a variable in either */
                   ATTUNE_PART_FORM,
                   ATTUNE_PART_TEXT,
                   ATTUNE_PART_ANSWER,
                   ATTUNE_PART_VARIABLE
};
struct attune_piece {
    size_t start, end;
    size_t block;
    enum attune_part part;
};
struct attune_rendered {
    char *text; /* NUL-terminated */
    size_t len;
    struct attune_piece *pieces; /* in order, without gaps */
    size_t n_pieces;
};
int attune_prompt_render(struct attune_rendered *out, const struct attune_prompt *prompt,
                         struct attune_error *err);
void attune_rendered_done(struct attune_rendered *rendered);

/* A template file: sections [task], [shot], [query], each the lines below it as they are (the last
 * line break of a section belongs to the section; a trailing backslash takes it away). Lines before
 * the first section are remarks and begin with #. Errors name the line. {{> name}} is replaced by the
 * text of that file as the template is read: a file beside the template, else one of
 * "prompts/fragments". Fragments hold variables and other fragments, but never themselves. */
int attune_template_parse(struct attune_template *out, const char *name, const char *text,
                          size_t len, struct attune_error *err);
int attune_template_load(struct attune_template *out, const char *path_or_name,
                         struct attune_error *err);
int attune_template_copy(struct attune_template *to, const struct attune_template *from,
                         struct attune_error *err);
void attune_template_done(struct attune_template *form);

/* The whole prompt as JSON text and back (what the store and exports keep). *out freed by the
 * caller. */
int attune_prompt_to_json(char **out, const struct attune_prompt *prompt, struct attune_error *err);
/* A prompt kept as JSON: a path, or the name of an example in the library ("start"). */
int attune_prompt_load(struct attune_prompt *out, const char *path_or_name,
                       struct attune_error *err);
int attune_prompt_from_json(struct attune_prompt *out, const char *json, size_t len,
                            struct attune_error *err);

/* The first `count` rows of a pool (see pool.h; all of them if count is negative) become shots behind
 * those that stand there; fewer rows than that, or a broken one, is an error, and the prompt stays as
 * it was. */
int attune_prompt_load_shots(struct attune_prompt *prompt, const char *path, long count,
                             struct attune_error *err);

#endif
