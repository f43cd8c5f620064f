/* The command line: verbs are parts (cmd_NAME.c, one `const struct cmd_ops cmd_NAME` each), options are
 * tables, and what is parsed here is the same for the shell and for the `:` line of the screen.
 *
 * A verb returns an exit status: 0 done, 1 failed, 2 wrong usage, 3 its check did not hold, 130 interrupted.
 * It prints results to cli->out only and messages through cli_fail and cli_note. */
#ifndef ATTUNE_TUI_CLI_H
#define ATTUNE_TUI_CLI_H

#include <attune/context.h>
#include <attune/error.h>
#include <attune/generate.h>
#include <attune/model.h>
#include <attune/sampler.h>
#include <jansson.h>
#include <stdio.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_DIFFERS = 3, CLI_INTERRUPTED = 130 };

struct cli_option {
    const char *name;  /* long form without dashes; a NULL name ends a table */
    char letter;       /* short form or 0 */
    const char *value; /* what the value is called; NULL: a switch */
    const char *help;
};

enum cli_group { /* option tables that several verbs share */
    CLI_MODEL = 1,    /* -m, -t, -c, --fast, --activations */
    CLI_PROMPT = 2,   /* -p, -f, --ids, --type-ids, --mask, --decoder-ids */
    CLI_SAMPLING = 4, /* every knob of the chain, --order, --logit-bias, --greedy */
    CLI_GENERATE = 8, /* -n, --seed, --stop, --ignore-eos */
    CLI_DB = 16,      /* --db */
    CLI_OUTPUT = 32,  /* -o */
    CLI_DASHED = 64,  /* words with one dash in front are arguments, not options */
    CLI_ABLATE = 128, /* --ablate: of cli_open_context and cli_chain */
};

struct cli;

struct cmd_ops {
    const char *name;
    const char *args; /* "ID", "[FILE]", "" */
    const char *help; /* one line */
    unsigned groups;
    const struct cli_option *options; /* its own, or NULL */
    int min_args, max_args;           /* max_args < 0: any number */
    int (*run)(struct cli *cli);
};

size_t cmd_count(void);
const struct cmd_ops *cmd_at(size_t i); /* sorted by name */
const struct cmd_ops *cmd_find(const char *name);

struct cli {
    const struct cmd_ops *cmd;
    bool json;
    FILE *out, *err;
    int n_args;
    const char **args;
    struct attune_progress progress; /* its cancel is set by SIGINT */
    _Atomic(int) opening;            /* nothing is lost where SIGINT ends the program at once */
    struct cli_watch *watch;         /* while there is a line that says how far it is */
    struct cli_given { const struct cli_option *option; const char *value; } *given;
    size_t n_given;
};

/* Parses argv (argv[0] is the verb) for cmd. On wrong usage prints one line and returns CLI_USAGE. */
int cli_init(struct cli *cli, const struct cmd_ops *cmd, int argc, char **argv, FILE *out, FILE *err);
void cli_done(struct cli *cli);
/* Parse, run, flush, clean up: the exit status. */
int cli_run(const struct cmd_ops *cmd, int argc, char **argv, FILE *out, FILE *err);
void cli_help(const struct cmd_ops *cmd, FILE *out);

bool cli_has(const struct cli *cli, const char *name);
const char *cli_value(const struct cli *cli, const char *name); /* the last one given, or NULL */
size_t cli_count(const struct cli *cli, const char *name);
const char *cli_value_at(const struct cli *cli, const char *name, size_t i);
/* *out keeps its default if the option was not given. CLI_OK, or CLI_USAGE with the line printed. */
int cli_long(struct cli *cli, const char *name, long min, long max, long *out);
int cli_double(struct cli *cli, const char *name, double min, double max, double *out);

/* One line on cli->err: `attune: text`. */
int cli_fail(struct cli *cli, const struct attune_error *err);               /* CLI_FAILED or CLI_INTERRUPTED */
int cli_wrong(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3))); /* CLI_USAGE */
void cli_note(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* -m, else $ATTUNE_MODEL, else tiny-decoder; bundled names are looked up. */
int cli_model_path(struct cli *cli, char **out, struct attune_error *err);
int cli_open_model(struct cli *cli, struct attune_model **out, struct attune_error *err);
int cli_open_path(struct cli *cli, struct attune_model **out, const char *path,
                  const struct attune_model_options *options, struct attune_error *err);

/* Around work that may take long (and reports to cli->progress): a line on a terminal's standard error
 * says how far it is, and is gone after cli_end. Nothing may be written between the two. */
void cli_begin(struct cli *cli, const char *what);
void cli_end(struct cli *cli);
/* run, with SIGINT as cli->progress.cancel. */
int cli_interruptible(struct cli *cli, int (*run)(struct cli *cli));

/* Ids of "1,2,3". *out is freed by the caller. */
int cli_parse_ids(attune_token **out, size_t *n, const char *list, struct attune_error *err);
/* All of a file ("-": standard input). *out is freed by the caller and NUL-terminated. */
int cli_read_file(char **out, size_t *len, const char *path, struct attune_error *err);

/* The prompt of -p, -f or --ids as ids. text is "" for --ids. Both are freed by the caller. */
struct cli_prompt {
    char *text;
    size_t text_len;
    attune_token *ids;
    size_t n;
};
int cli_get_prompt(struct cli *cli, const struct attune_model *model, struct cli_prompt *out, struct attune_error *err);
void cli_prompt_done(struct cli_prompt *prompt);

/* The prompt evaluated: model, prompt and a context that holds it (`-m`, `-t`, `-c`, `--fast`; `--type-ids`,
 * `--mask`, `--decoder-ids`). room: positions wanted after the prompt. With sync false the context stays
 * empty. */
struct cli_context {
    struct attune_model *model;
    struct cli_prompt prompt;
    attune_token *decoder_ids; /* [n_decoder] or NULL */
    size_t n_decoder;
    struct attune_context *ctx;
};
int cli_context_options(struct cli *cli, struct attune_context_options *out /* -t, --fast, --activations, --kv-type */,
                        struct attune_error *err);
int cli_open_context(struct cli *cli, struct cli_context *out, struct attune_context_options options, size_t room,
                     bool sync, struct attune_error *err);
void cli_context_done(struct cli_context *c);
/* The prompt into the context again, after something about the context was changed. */
int cli_sync_context(struct cli *cli, struct cli_context *c, struct attune_error *err);
/* The list that an option gives, a value from 0 to most for each of n tokens: freed by the caller, NULL
 * if the option was not given. */
int cli_get_list(struct cli *cli, const char *option, size_t n, int most, uint8_t **out, struct attune_error *err);

/* The chain that the sampling flags describe, and the options of a generation with its seed (a fresh one
 * if none is given). Exit statuses, the line printed. */
int cli_chain(struct cli *cli, struct attune_chain **out);
/* The same on top of a chain that is given as text. */
int cli_chain_from(struct cli *cli, const char *text, struct attune_chain **out);
int cli_generate_options(struct cli *cli, struct attune_generate_options *out);
void cli_generate_options_done(struct attune_generate_options *options);

/* JSON: numbers as %.9g; text that is not UTF-8 gets U+FFFD; NaN and infinities are null. */
json_t *cli_json_real(double x);
json_t *cli_json_text(const char *bytes, size_t len);
/* Sets "token" to the token's text (null without a tokenizer), and "bytes" (base64) where that loses some. */
void cli_json_set_token(json_t *object, const struct attune_tokenizer *tk, attune_token id);
int cli_print_json(struct cli *cli, json_t *value); /* consumes value; returns CLI_OK or CLI_FAILED */
/* The same for any bytes under a key of their own. */
void cli_json_set_bytes(json_t *object, const char *key, const char *bytes, size_t len);
/* All bytes of a token, NUL-terminated, freed by the caller; "" without a tokenizer, NULL out of memory. */
char *cli_token_bytes(const struct attune_tokenizer *tk, attune_token id, size_t *len);
/* The token in quotes, control bytes escaped, cut or padded to width columns. */
void cli_show_token(char *out, size_t capacity, const struct attune_tokenizer *tk, attune_token id, int width);
/* A bar of eighth blocks, share of width cells; out has room for 3 * width + 1 bytes. */
void cli_show_bar(char *out, double share, int width);
/* Text for a terminal or a pipe: control bytes but newline and tab escaped when out is a terminal. */
void cli_print_text(struct cli *cli, const char *bytes, size_t len);

#endif
