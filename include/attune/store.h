/* Everything that was run, in one SQLite file (prompts/schema.sql says what stands where).
 *
 * Content stands once: prompts and steps are nodes of a tree, each addressed by a digest over what
 * it is and what it follows, and a run points at them. A connection belongs to one thread. A
 * foreign, corrupt or newer file is refused and left untouched. Strings inside rows belong to the
 * row: free them with the matching _done. */
#ifndef ATTUNE_STORE_H
#define ATTUNE_STORE_H

#include <attune/generate.h>
#include <attune/prompt.h>

struct attune_store;

enum attune_store_mode { ATTUNE_STORE_WRITE, ATTUNE_STORE_READ, ATTUNE_STORE_SALVAGE };
/* Creates the file if it is not there (WRITE only); brings an older schema forward after a backup
 * beside it (PATH.backup-vN). READ works on a file that cannot be written, and while another
 * program writes. SALVAGE is READ of a damaged file: what can be read comes, the rest fails. */
int attune_store_open(struct attune_store **out, const char *path, enum attune_store_mode mode,
                      struct attune_error *err);
void attune_store_close(struct attune_store *store);
const char *attune_store_path(const struct attune_store *store);

/* What made a run: enough to show it without the model and to prove it with the model. */
struct attune_run_record {
    int64_t id;    /* 0 before it is saved */
    char *session; /* name of the session it belongs to: not empty, not a number */
    char *created; /* UTC, ISO 8601; NULL before it is saved: now */
    char *model_path, *model_name, *model_family;
    uint64_t model_digest, tokenizer_digest;
    char *engine;      /* attune_engine_fingerprint() */
    bool fast;         /* computed without the promise of equal bits */
    char *prompt_json; /* the composed prompt; "" for raw text or ids */
    char *prompt_text; /* as sent, prompt_text_len bytes; of a fork, what it took over included */
    size_t prompt_text_len;
    attune_token *prompt_ids; /* all the model read before the first step */
    size_t n_prompt;
    attune_token *decoder_ids; /* the decoder's side of an encoder-decoder; else NULL */
    size_t n_decoder;
    int64_t fork_of;    /* the run whose beginning this one goes on from, or 0; reading: the first
                           that made what was taken over */
    size_t fork_steps;  /* how many of its steps follow its prompt in the ids */
    size_t n_inherited; /* reading: of the ids read, those at the end that a fork brought */
    char *chain;        /* text form */
    uint64_t seed, first_step;
    size_t max_tokens;
    bool ignore_end;
    char **stops;
    size_t n_stops;
    enum attune_stop stop; /* NONE: it was cut off (killed) or is still running */
    char *output;          /* joined bytes of the steps, cut before a stop text */
    size_t output_len;
    size_t n_steps;
    char *origin;  /* "" or NULL: attune made it; "llm": it came as text, without tokens and steps */
    char *details; /* JSON: what its origin says of it; "" or NULL */
    bool bookmarked; /* reading: the run itself is, under this name */
    char *bookmark;
    char *tags,
        *note; /* reading: the run's own (attune/mark.h), tags by name with a blank between */
};
void attune_run_record_done(struct attune_run_record *record);

/* Writing: begin, a step at a time (each durable by itself against the death of the program), end.
 */
int attune_store_begin_run(struct attune_store *store,
                           struct attune_run_record *record /* id is set */,
                           struct attune_error *err);
int attune_store_add_step(struct attune_store *store, int64_t run, const struct attune_step *step,
                          struct attune_error *err);
int attune_store_add_steps(struct attune_store *store, int64_t run,
                           const struct attune_step *steps /* [n] */, size_t n,
                           struct attune_error *err); /* together: all or none */
int attune_store_end_run(struct attune_store *store, int64_t run, enum attune_stop stop,
                         const char *output, size_t output_len, struct attune_error *err);

/* Reading. */
struct attune_run_range { /* a param of the chain by name, or seed, max_tokens, tokens, first_step
                           */
    const char *name;
    double low, high; /* both included */
};
struct attune_run_query { /* zero: everything; what is given has to hold together */
    const char *session;
    const char *search; /* words looked for in prompts, outputs and notes: all of them, each by its
                           beginning */
    const char *tag;    /* on the run, on a step of it or on its session */
    const char *model;  /* a part of the model's name */
    const char *stop;   /* "length", "eos", ...; "none": it was cut off or is still running */
    const char *since, *until;             /* dates or beginnings of dates, both included */
    const struct attune_run_range *ranges; /* [n_ranges] */
    size_t n_ranges;
    size_t limit, offset; /* limit 0: no limit */
};
/* "LOW..HIGH", "LOW..", "..HIGH" or one value; the name is left as it is. */
int attune_run_range_parse(struct attune_run_range *out, const char *text,
                           struct attune_error *err);

/* A query as people type it: words, and filters as tag:good model:tiny stop:eos since:2026-11
 * until:2026 session:first temperature:0.5..1 seed:7. What is no filter is a word. */
#define ATTUNE_SEARCH_RANGES 16
struct attune_run_search {
    struct attune_run_query query; /* points into the rest: never copied */
    struct attune_run_range ranges[ATTUNE_SEARCH_RANGES];
    char *line, *words;
};
int attune_run_search_init(struct attune_run_search *out, const char *text,
                           struct attune_error *err);
void attune_run_search_done(struct attune_run_search *search);

/* The newest first: in the order in which they came here, whatever a clock said. */
int attune_store_list(struct attune_store *store, const struct attune_run_query *query,
                      struct attune_run_record **out, size_t *n, struct attune_error *err);
void attune_run_records_free(struct attune_run_record *records, size_t n);
int attune_store_load_run(struct attune_store *store, int64_t run, struct attune_run_record *out,
                          struct attune_error *err);
/* The run's own steps. *out: free(). */
int attune_store_load_steps(struct attune_store *store, int64_t run, struct attune_step **out,
                            size_t *n, struct attune_error *err);

struct attune_session_row {
    int64_t id;
    char *name;
    char *created, *updated; /* updated: when its newest run began */
    size_t n_runs;
    char *tags, *note; /* its own */
    int64_t *matches;  /* [n_matches] its runs that the query names, newest first; none
                        where it names all */
    size_t n_matches;
};
/* Those with a run that the query names (NULL or zero: all), and where it is words alone those with
 * them in their name or note. The newest first. Limit and offset are not looked at. */
int attune_store_sessions(struct attune_store *store, const struct attune_run_query *query,
                          struct attune_session_row **out, size_t *n, struct attune_error *err);
void attune_session_rows_free(struct attune_session_row *rows, size_t n);

/* Removal is real: what no other run needs is overwritten in the file and gone from its log. If
 * another program reads the file at that moment: ATTUNE_BUSY, removed but not yet overwritten. */
int attune_store_remove_run(struct attune_store *store, int64_t run, struct attune_error *err);
/* The run and every run that goes on from it, at whatever step; *n of them. */
int attune_store_remove_branch(struct attune_store *store, int64_t run, size_t *n,
                               struct attune_error *err);
int attune_store_remove_session(struct attune_store *store, const char *name,
                                struct attune_error *err);

/* A session, or one run of it (run not 0; session may be NULL), with all steps as one JSON
 * document, and back without loss: all of it or nothing. A session's name that is taken gets a
 * number. *out: free(). */
int attune_store_export(struct attune_store *store, const char *session, int64_t run, char **out,
                        size_t *len, struct attune_error *err);
int attune_store_import(struct attune_store *store, const char *json, size_t len,
                        char **session /* name it got, free() */, struct attune_error *err);

#endif
