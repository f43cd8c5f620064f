/* What the verbs that ask a head start from: a model, one text or several (each alone or with its
 * pair), and a context that fits the longest.
 *
 *     open, add..., start, then for each text: sync, ask
 *
 * Functions return a status with err set, unless they are said to return an exit status. */
#ifndef ATTUNE_TUI_CLI_TASK_H
#define ATTUNE_TUI_CLI_TASK_H

#include <attune/task.h>

#include "cli.h"

struct cli_task_text {
    char *text, *pair; /* owned; "" for ids, pair NULL if there is none */
    struct attune_task_text given;
    struct attune_task_tokens tokens;
};

struct cli_task {
    struct attune_model *model;
    const struct attune_tokenizer *tk; /* of the model, or NULL */
    struct attune_context *ctx;
    struct cli_task_text *texts; /* [n] */
    size_t n;
};

/* -m, else $ATTUNE_MODEL, else tiny-encoder. */
int cli_task_open(struct cli *cli, struct cli_task *task, struct attune_error *err);
void cli_task_done(struct cli_task *task);

/* A text of the command line: as it stands, or with @ in front a file's. *out is freed by the
 * caller. */
int cli_task_get(char **out, size_t *len, const char *value, struct attune_error *err);
/* Takes over text and pair (pair may be NULL), whatever it returns. */
int cli_task_add(struct cli *cli, struct cli_task *task, char *text, size_t len, char *pair,
                 size_t pair_len, bool masks, struct attune_error *err);
/* -p as often as it is given, -f (with lines: each line of it a text), --ids; with the pair of
 * --pair. */
struct cli_task_options {
    bool masks, lines, several;
};
int cli_task_add_prompts(struct cli *cli, struct cli_task *task, struct cli_task_options options,
                         struct attune_error *err);
int cli_task_start(struct cli *cli, struct cli_task *task, bool keep_hidden,
                   struct attune_error *err);
int cli_task_sync(struct cli *cli, struct cli_task *task, size_t i, struct attune_error *err);

/* Refuses a model without this output, and says which verbs it answers. */
int cli_task_check(const struct cli *cli, const struct cli_task *task, enum attune_output output,
                   struct attune_error *err);
/* All of that for one text in one context. */
int cli_task_ask(struct cli *cli, struct cli_task *task, enum attune_output output,
                 struct cli_task_options options, struct attune_error *err);

/* As cli_show_token, but a special token stands as the vocabulary spells it: it has no bytes. */
void cli_task_show(char *out, size_t capacity, const struct attune_tokenizer *tk, attune_token id,
                   int width);
json_t *cli_task_token(const struct attune_tokenizer *tk, attune_token id);

/* Code points in the first len bytes of s: offsets in JSON count them. */
size_t cli_task_points(const char *s, size_t len);

#endif
