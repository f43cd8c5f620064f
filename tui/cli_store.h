/* What the verbs on saved work share. An ID is the number of a run, or the name of a session: names
 * of digits alone do not exist. */
#ifndef ATTUNE_TUI_CLI_STORE_H
#define ATTUNE_TUI_CLI_STORE_H

#include "cli.h"

#include <attune/mark.h>

/* The database of --db, else where the library has it. *out: free(). */
int cli_store_path(struct cli *cli, char **out, struct attune_error *err);
int cli_open_store(struct cli *cli, struct attune_store **out, enum attune_store_mode mode,
                   struct attune_error *err);

/* The number of a run, or 0 where id is a session's name. */
int64_t cli_run_number(const char *id);

/* A session's name, RUN, or RUN:STEP; the place borrows the name. */
struct attune_place cli_place(const char *id);

/* The runs that an ID means, oldest first; a session of that name or a run has to be there.
 * *out: attune_run_records_free. */
int cli_load_runs(struct attune_store *store, const char *id, struct attune_run_record **out,
                  size_t *n, struct attune_error *err);

/* The model of -m, else the recorded file, else one of its name in the library. */
int cli_open_recorded(struct cli *cli, struct attune_model **out,
                      const struct attune_run_record *record, struct attune_error *err);

/* A run as the verb `run` prints it, with its steps; `all` adds what else is known of it and of
 * them. */
json_t *cli_json_run(struct attune_store *store, const struct attune_run_record *record, bool all,
                     struct attune_error *err);
/* Marks as a list of {kind, text, created} with run and step where they are on one. */
json_t *cli_json_marks(const struct attune_mark *marks, size_t n);
/* A line of a list: no ids, no steps. */
json_t *cli_json_row(const struct attune_run_record *record);

/* Words with blanks between as a list. */
json_t *cli_json_words(const char *words);

/* Text on one line, control bytes escaped, cut to width columns with "..." behind. */
void cli_print_line(struct cli *cli, const char *bytes, size_t len, size_t width);

#endif
