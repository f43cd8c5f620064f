/* The inside of the store: statements without sight of SQLite, and nodes.
 *
 * store.c holds the connection and is the only file that knows which database this is; everything
 * else in store_*.c speaks SQL through the few calls below. A query binds its parameters in order,
 * then steps. */
#ifndef ATTUNE_PROMPTS_STORE_H
#define ATTUNE_PROMPTS_STORE_H

#include <attune/mark.h>
#include <stdint.h>

#include "text.h"

#define STORE_HASH 16

struct leaf {    /* where a run's next step goes */
    int64_t run; /* 0: not known */
    int64_t node, chain;
    size_t n_steps;
    uint8_t node_hash[STORE_HASH], chain_hash[STORE_HASH];
};

#define STORE_KEPT  24
#define STORE_DESKS 16

struct sqlite3;
struct attune_store {
    struct sqlite3 *db;
    void *kept[STORE_KEPT]; /* prepared statements at rest */
    int next_kept;
    char *path;
    bool salvage;     /* damage is no reason to stop */
    struct leaf leaf; /* of the run that was written to last */
    struct desk {     /* where this connection stands in the journal */
        char track[32];
        int64_t state;
    } desks[STORE_DESKS];
};

struct query {
    struct attune_store *store;
    void *statement;
    int bound;  /* parameters so far */
    int failed; /* what a bind said; told by the next step */
};

int query_open(struct query *q, struct attune_store *store, const char *sql,
               struct attune_error *err);
void query_int(struct query *q, int64_t x);
void query_real(struct query *q, double x); /* NaN goes in as NULL */
void query_text(struct query *q,
                const char *text); /* NULL: NULL; borrowed until the query is rewound */
void query_bytes(struct query *q, const void *bytes, size_t len); /* borrowed likewise */
void query_null(struct query *q);
/* 1: a row; 0: done; negative: minus a status. */
int query_step(struct query *q, struct attune_error *err);
/* For statements without rows: 0 or a status. */
int query_run(struct query *q, struct attune_error *err);
void query_rewind(struct query *q);
void query_close(struct query *q);
bool query_is_null(const struct query *q, int column);
int64_t query_get_int(const struct query *q, int column);
double query_get_real(const struct query *q, int column); /* NULL is NaN */
const void *query_get_bytes(const struct query *q, int column,
                            size_t *len); /* until the next step */
char *query_get_text(const struct query *q,
                     int column); /* a copy, "" for NULL; NULL without memory */

int store_execute(struct attune_store *store, const char *sql, struct attune_error *err);
int64_t store_last_id(const struct attune_store *store);
/* Begin takes the right to write at once; end commits if status is 0, else rolls back; returns the
 * first failure. */
int store_begin(struct attune_store *store, struct attune_error *err);
int store_end(struct attune_store *store, int status, struct attune_error *err);
/* A one-value SELECT with one integer parameter: 1 found, 0 not, negative minus a status. */
int store_lookup(struct attune_store *store, int64_t *out, const char *sql, int64_t parameter,
                 struct attune_error *err);

/* A database of another program, for reading: nothing of it is trusted or changed. */
int store_open_foreign(struct attune_store **out, const char *path, struct attune_error *err);

/* The file before SQLite sees it (store_file.c): is there anything, and is it ours. */
int store_look_at(bool *is_there, const char *path, uint32_t application_id,
                  struct attune_error *err);
/* file:PATH?immutable=1, for a file in a folder where not even a lock can be put; NULL without
 * memory. */
char *store_immutable_uri(const char *path);

/* Addresses of content (store_hash.c); the parent's is zero at the beginning of a text. */
enum node_kind { NODE_STEP, NODE_GIVEN, NODE_DECODER };
int store_hash_text(uint8_t hash[STORE_HASH], bool searched, const char *bytes, size_t len,
                    struct attune_error *err);
int store_hash_given(uint8_t hash[STORE_HASH], const uint8_t parent[STORE_HASH],
                     enum node_kind kind, const attune_token *ids, size_t n, const char *bytes,
                     size_t len, struct attune_error *err);
int store_hash_step(uint8_t hash[STORE_HASH], const uint8_t parent[STORE_HASH],
                    const uint8_t chain[STORE_HASH], const struct attune_step *step,
                    struct attune_error *err);
/* Appends the blobs of a step's row. */
void store_pack_step(struct text *stages, struct text *top, const struct attune_step *step);

/* Content (store_node.c): finds or adds, within the caller's transaction. */
int store_put_text(struct attune_store *store, int64_t *id, uint8_t hash[STORE_HASH], bool searched,
                   const char *bytes, size_t len, struct attune_error *err);

struct node_at { /* a place in the tree; zeroed: before everything */
    int64_t id;
    uint8_t hash[STORE_HASH];
};
/* Moves *at to its child of this content. */
int store_put_given(struct attune_store *store, struct node_at *at, enum node_kind kind,
                    const attune_token *ids, size_t n, const char *bytes, size_t len,
                    struct attune_error *err);
int store_put_step(struct attune_store *store, struct node_at *at, int64_t chain,
                   const uint8_t chain_hash[STORE_HASH], const struct attune_step *step,
                   struct attune_error *err);

/* The columns of node that make a step, for SELECT; read_step takes them from column `first` on,
 * timings and stop apart. */
#define STEP_COLUMNS                                                                               \
    "node.step, node.token, node.bytes, node.drawn, node.u, node.low, node.high, node.p, "         \
    "node.p_raw, node.logit, node.rank, node.entropy_bits, node.logsumexp, node.digest, "          \
    "node.n_kept, node.kept_mass, node.stages, node.top"
enum { STEP_COLUMN_COUNT = 18 };
int store_read_step(struct attune_step *out, const struct query *q, int first,
                    struct attune_error *err);

/* The way from the beginning of a text to a node. */
struct path_part {
    enum node_kind kind;
    struct node_at at;
    attune_token *ids; /* given */
    size_t n;
    char *bytes; /* given inside a text; NULL at its beginning */
    size_t len;
    struct attune_step *step; /* kind STEP */
    char *chain;
    size_t chain_len;
};
int store_load_path(struct attune_store *store, int64_t node, struct path_part **out, size_t *n,
                    struct attune_error *err);
void store_path_free(struct path_part *path, size_t n);

/* Writing a record whose way is already in the tree (store_write.c). */
int store_put_run(struct attune_store *store, struct attune_run_record *record,
                  const struct node_at *base, struct attune_error *err);
int store_put_run_step(struct attune_store *store, const struct attune_step *step,
                       struct attune_error *err); /* to store->leaf */
int store_put_end(struct attune_store *store, int64_t run, enum attune_stop stop,
                  const char *output, size_t output_len, struct attune_error *err);
/* Marks (store_mark.c), within the caller's transaction. */
int store_put_mark(struct attune_store *store, const struct attune_place *place,
                   enum attune_mark_kind kind, const char *text, const char *created,
                   struct attune_error *err);
enum attune_mark_kind store_mark_kind_of(const char *name); /* _KIND_COUNT if there is none */
int store_check_mark(enum attune_mark_kind kind, const char *text, struct attune_error *err);
/* Within the caller's transaction (store_pin.c). */
struct attune_pin;
/* Kind, shape and number of floats from what is written; false: there is no such thing. */
bool store_read_pin_head(struct attune_pin *pin, const char *kind, const char *shape);
int store_put_pin(struct attune_store *store, int64_t run, const struct attune_pin *pin,
                  struct attune_error *err);

/* Takes out of the journal, within the caller's transaction, that the run was opened, and every
 * state of the composer that holds words of it alone (store_journal.c). */
int store_forget_states(struct attune_store *store, int64_t run, struct attune_error *err);

/* The file written anew from what is left, the log emptied (store_remove.c). */
int store_overwrite(struct attune_store *store, struct attune_error *err);

/* The runs (int64 each, oldest first) of a session or the one run, and the session's name and date
 * (store_export.c). */
int store_find_session(struct attune_store *store, struct text *ids, char **name, char **created,
                       const char *session, int64_t run, struct attune_error *err);
/* Within the caller's transaction; err is not NULL. */
int store_export_json(struct attune_store *store, const char *session, int64_t run, char **out,
                      size_t *len, size_t *lost, struct attune_error *err);
/* Of a damaged file a run that cannot be read is passed over. */
bool store_may_pass(const struct attune_store *store, int status);

int store_check_session(const char *name, struct attune_error *err);
void store_now(char out[32]);

const char *store_stop_name(enum attune_stop stop);
enum attune_stop store_stop_of(const char *name); /* ATTUNE_STOP_COUNT if there is none */

#endif
