/* The state behind the screen: what is composed, what the worker answered, what the knobs make of
 * it. Owned by the UI thread; panels read the fields and change them through the functions below.
 * Nothing here draws.
 *
 * An answer carries the revision of the prompt it was computed for; until the answer for the newest
 * revision is there, panels go on showing the last one (bench_is_stale says so). */
#ifndef ATTUNE_TUI_WORKBENCH_H
#define ATTUNE_TUI_WORKBENCH_H

#include <attune/attune.h>
#include <attune/task.h>

#include "task.h"

struct event;
struct worker;

/* A pooled window on one head's map, as the attention panel wants to draw it: queries q0 .. q1-1
 * over `rows` cells, keys k0 .. k1-1 over `cols` cells; a cell shows the largest weight it covers.
 */
struct attention_mix {       /* several heads as one map (attune/mix.h) */
    enum attune_mix_way way; /* HEAD: one head as it is */
    bool whole;              /* over all layers, else over the request's, or up to it */
    char heads[120];         /* of a sum */
};
struct attention_request {  /* places count from the first token of their side (bench_side) */
    enum attune_stack kind; /* SELF but for the three of an encoder-decoder */
    int layer, head;
    size_t q0, q1, k0, k1;
    int rows, cols;  /* 0, 0: the cursor's row alone, for a window that is there already */
    size_t cursor;   /* the query whose whole row is wanted as well */
    bool hide_sinks; /* the first key and special ones are in no cell */
    struct attention_mix mix;
};
struct attention_view { /* the answer; plain data */
    struct attention_request request;
    uint64_t revision;
    size_t n_queries, n_keys; /* 0: the model has no such attention */
    float *cells;             /* [rows, cols], NaN where masked */
    float *row;               /* [n_keys] weights of the cursor's query; 0 where masked */
    double ms;
};

/* Every head made small, with what it does: filled a few heads at a time. */
enum { HEADS_CELLS = 48 }; /* a side of a small map at most */
struct heads_view {        /* plain data */
    uint64_t revision;
    enum attune_stack kind;
    int n_layers, n_heads;
    size_t n_queries, n_keys;
    int rows, cols;            /* of each small map */
    size_t first, n;           /* heads that are there: first .. first+n-1, layer by layer */
    bool ended, failed;        /* nothing more comes unasked; or at all */
    struct attune_head *heads; /* [n] */
    float *cells;              /* [n, rows, cols], NaN where masked */
    double ms;
};

/* One token on its way through the model: what each block makes of it and where each head looks
 * from there. */
#define WALK_MOST 3
#define WALK_KIN  6
struct walk_look {
    size_t key[WALK_MOST];   /* by falling weight */
    float weight[WALK_MOST]; /* 0: there is no such key */
};
struct walk_stack {  /* plain data */
    size_t first, n; /* positions of its tokens: first .. first + n - 1 */
    size_t position; /* the one that is followed, counted from the first */
    int n_states, n_layers, n_heads;
    float *hidden;           /* [n_states, d_model] what enters the first block, what leaves each */
    struct walk_look *looks; /* [n_layers, n_heads] at tokens of its own */
    struct walk_look *cross; /* [n_layers, n_heads] at the encoder's tokens, or NULL */
    struct walk_look near;   /* tokens of it whose first vectors point the same way most */
    float *middle;           /* [n_layers, d_model] between attention and feed-forward */
    struct attune_near kin[WALK_KIN]; /* [n_kin] of the vocabulary */
    size_t n_kin;
    struct attune_lens_cell *says; /* [n_says] what each layer would say; NULL: no head on it */
    int n_says;
};
struct walk_view { /* plain data */
    uint64_t revision;
    size_t n_tokens, position; /* of all that was read */
    int d_model, n_stacks;
    struct walk_stack stacks[2]; /* the encoder's first where there are two */
};
void walk_view_done(struct walk_view *walk);

/* What every layer would say at positions first .. first + n - 1 of the side that has the head. */
enum { LENS_MOST = 32 }; /* positions at most */
struct lens_view {       /* plain data */
    uint64_t revision;
    size_t n_tokens, first, n;
    int n_layers; /* 0: the model has no lens, `refusal` says why */
    struct attune_lens_cell *cells; /* [n_layers, n], the output last */
    char refusal[256];
    double ms;
};

/* The prompt's query behind no shot, one, two, ... */
enum { LADDER_IDS = 64 }; /* tokens listed at most */
struct ladder_view {      /* ladder: owned */
    uint64_t revision;
    size_t most;                 /* rungs that were asked for at most */
    struct attune_ladder ladder; /* n 0: there is none, `refusal` says why */
    char refusal[256];
    double ms;
};

/* How expected every token of the prompt was: one pass over what the context holds already. */
struct score { /* of a token, given all before it; the first has none: p is NaN */
    float p, entropy_bits;
    uint32_t rank; /* 0 the likeliest */
};
struct score_view { /* plain data */
    uint64_t revision;
    size_t n;
    struct score *scores; /* [n] */
};

/* What a task makes of what was read, beside the distribution of a position. */
#define TASK_MOST 8
struct task_gap { /* a masked position, and what would stand there */
    size_t position, n;
    struct attune_candidate top[TASK_MOST];
};
struct task_answer { /* plain data */
    uint64_t revision;
    enum task_name task;
    size_t n_tokens, rows, width;
    float *p; /* [rows, width] probabilities: follows, classify: one row; tag: a row a token;
                 question: start and end, a column a token; compare: cosines a layer, of the word
                 and of the whole */
    struct task_gap *gaps; /* [n_gaps] fill */
    size_t n_gaps;
    size_t pair_first, n_pair;                  /* tokens of the second text */
    struct attune_task_answer spans[TASK_MOST]; /* question: the best first */
    size_t n_spans;
    double none;                                   /* question: p that there is no answer */
    bool has_word;                                 /* compare: the word stands in both texts */
    bool has_pooled;                               /* compare: the model has a pooled vector */
    double norm[2], pooled_norm[2], pooled_cosine; /* compare: last layer's mean; pooled */
};

/* What could follow the shown distribution, several tokens deep. */
struct tree_request {
    int breadth, depth;
    bool raw;         /* before the knobs */
    size_t position;  /* bench_looked_at */
    uint64_t applied; /* the chain's; 0 of the raw one */
};
struct tree_view { /* plain data */
    uint64_t revision;
    struct tree_request request;
    struct attune_lookahead_node *nodes; /* [n] */
    size_t n, evaluated;
    bool ended;
    char refusal[256];
};

/* A distribution that was pinned, and what the shown one is against it: [0] as the model has it, [1]
 * after the knobs. */
struct bench_pin {
    double *p; /* [2, n]; NULL: nothing is pinned */
    size_t n;
    uint64_t vocabulary, number;
    double bytes[2][ATTUNE_SHIFT_BYTES], entropy_bits[2];
    char label[200];
};
struct bench_shift {
    struct attune_shift shift[2];
    bool on_bytes; /* the vocabularies differ */
    size_t n;
    const double *was[2], *is[2]; /* [n] of ids or bytes; borrowed from here and from the pin */
    double *p;                    /* [2, n_vocab] */
    double bytes[2][ATTUNE_SHIFT_BYTES];
    char label[200];
    uint64_t of_pin, of_applied;
};

/* Why: a pair of a head, and every head's part of a token's logit behind the last that was read. */
struct why_ask {
    enum attune_stack kind;
    int layer, head;
    size_t q, k;
    attune_token token;
};
struct why_view { /* plain data */
    uint64_t revision;
    struct why_ask ask;
    struct attune_why_pair pair;
    size_t n;         /* 0: there is no pair, no_pair says why */
    float *products;  /* [n] */
    struct attune_why_logit total;
    int n_heads;
    size_t n_parts, n_self; /* 0: there are none, no_parts says why; those of cross-attention behind
                               the first n_self */
    double *parts;          /* [n_parts], layer by layer */
    char no_pair[240], no_parts[240];
};

enum bench_state {
    BENCH_LOADING,
    BENCH_IDLE,
    BENCH_EVALUATING,
    BENCH_GENERATING,
    BENCH_REPLAYING,
    BENCH_FAILED
};

/* Why the prompt is another one: a step back or forward in the journal, or as it was left. */
enum bench_draft { BENCH_DRAFT_NONE, BENCH_DRAFT_BEFORE, BENCH_DRAFT_AFTER, BENCH_DRAFT_LEFT };

/* Who said what a knob is set to (workbench_origin.c): the last that said anything counts. */
enum bench_origin {
    ORIGIN_BUILTIN,
    ORIGIN_MODEL,
    ORIGIN_FILE,
    ORIGIN_SESSION,
    ORIGIN_USER,
    ORIGIN_COUNT
};
enum { BENCH_KNOBS = 48, BENCH_ORDER = 240 };
struct bench_given {
    bool says[BENCH_KNOBS]; /* params in their order, then max_tokens */
    double value[BENCH_KNOBS];
    char order[BENCH_ORDER]; /* "": said nothing */
};

struct workbench {
    struct worker *worker;
    enum bench_state state;
    char message[256]; /* last thing worth saying: an error, "saved as run 12"; "" if none */
    bool message_is_error;
    bool vi_keys;   /* the composer commands with vi's keys */
    uint64_t frame; /* counts changes: panels may cache by it */

    /* Composed here. */
    enum task_name task;
    struct attune_prompt prompt;
    struct attune_prompt kept[TASK_COUNT]; /* of the other tasks; n 0: not begun */
    enum bench_draft draft; /* the composer takes it and says NONE */
    bool drafted, resumed;  /* something was written; the journal was looked at */
    bool undoing;           /* the journal was asked for a step and has not answered */
    int undos;              /* keys that came meanwhile: undo counts up, redo down */
    uint64_t revision;
    struct attune_chain *chain;
    struct bench_given given[ORIGIN_COUNT];
    struct attune_constraint *constraint; /* of the chain, for this model; NULL: none */
    char *constraint_text;                /* which one it is */
    size_t max_tokens;
    uint64_t seed;
    bool seed_is_fixed; /* else every run draws a new one */
    char *session;

    /* From the worker. */
    struct attune_model *model; /* NULL while loading */
    char *model_path;
    size_t n_context;
    uint64_t answered; /* revision of what follows */
    struct attune_rendered text;
    struct attune_tokens tokens; /* of the text, with the template's special tokens */
    bool read;                   /* the model has read what is shown: maps may be asked for */
    bool evaluated;              /* logits and trace are there */
    char refusal[256];           /* why the prompt was not evaluated: too long, ...; "" */
    long shown_step; /* whose distribution follows: a step of the run, or -1: what comes after the
                        prompt */
    size_t shown_place; /* an encoder's: the position whose distribution follows */
    size_t shown_prompt; /* so many tokens of the prompt stand in front of it; 0: all of them */
    float *logits; /* [V] of it; meaningless unless `evaluated` (a replayed step without its model
                      has   only what its record kept: steps[shown_step].top) */
    float *before;             /* [V] of the model as it is, where something is ablated; or NULL */
    struct attune_dist was;    /* of these */
    struct attune_shift shift; /* from these to `logits` */
    struct attune_trace trace; /* the chain over these logits, redone on every knob tick */
    uint64_t applied; /* counts what the chain was applied to, and its changes */
    struct bench_pin pin;
    double eval_ms, trace_ms;
    size_t reused, n_evaluated;
    struct attention_view attention;
    struct heads_view heads; /* from the first head on; empty after every change of what is asked */
    struct walk_view walk;
    struct score_view score;
    struct lens_view lens;
    struct ladder_view ladder;
    struct why_view why;
    struct tree_view tree;
    struct task_answer answer;

    /* The run on screen, live or replayed. */
    int64_t run; /* id in the store, 0: none */
    struct attune_step *steps;
    size_t n_steps, steps_capacity;
    char *output; /* joined bytes */
    size_t output_len, output_capacity;
    enum attune_stop stop;
    bool replayed;                   /* the steps come from the store */
    bool forked;                     /* the first steps are those of another run */
    struct attune_run_record record; /* of a replayed run; zeroed otherwise */
    struct attune_verdict verdict;   /* of the last verify; verdict.what is "" if there was none */
    double tokens_per_s;
    size_t step_cursor; /* the step panels show details of */

    /* The list of runs. */
    struct attune_run_record *runs;
    size_t n_runs;
    int64_t marked[ATTUNE_COMPARE_MOST]; /* [n_marked] to be compared */
    size_t n_marked;
    struct attune_compare *compare; /* as last asked for, or NULL */
    size_t progress_done, progress_total; /* of what the worker does now */
    size_t token_cursor;                  /* position in tokens + steps that panels share */
    enum attune_kv_type kv_type; /* what a map was computed from */
    enum attune_stack kind; /* which attention, and which head of it, they share too */
    int layer, head;
    size_t key_cursor; /* the column of the attention panel's cursor */
};

struct bench_options {
    const char *model_path; /* as found by attune_library_find */
    const char *db_path;    /* NULL: nothing is recorded */
    int n_threads, n_context;
    const char *chain; /* of the configuration, as text; NULL or "": none */
    enum attune_activations activations;
    enum attune_kv_type kv_type; /* what keys and values are kept in */
};
int bench_open(struct workbench *b, const struct bench_options *options, struct attune_error *err);
void bench_close(struct workbench *b);
/* Takes what the worker has said since the last call; true if anything changed. wake: poll this for
 * reading. */
bool bench_poll(struct workbench *b);
int bench_wake_fd(const struct workbench *b);
bool bench_is_busy(const struct workbench *b);  /* a job is running or queued */
bool bench_is_stale(const struct workbench *b); /* the answer is for an older revision */

void bench_say(struct workbench *b, bool is_error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Changes. Each returns 0 or a status, with the message set. */
int bench_load_example(struct workbench *b,
                       const char *name);       /* a prompt of the library or a file */
void bench_prompt_changed(struct workbench *b); /* after an edit of b->prompt */
/* The shots of a pool that are nearest to the query, behind those there are (count < 0: all). */
void bench_pick_nearest(struct workbench *b, const char *pool, long count, bool skip_broken);
int bench_set_param(struct workbench *b, const char *param, double value);
int bench_tick(struct workbench *b, const char *param,
               int ticks);                               /* also "max_tokens" and "seed" */
void bench_set_seed(struct workbench *b, uint64_t seed); /* a double holds too few digits of it */
int bench_set_order(struct workbench *b, const char *order);
int bench_set_chain(struct workbench *b, const char *text);
int bench_set_bias(struct workbench *b, attune_token id, float bias);
/* A set of heads and layers that are ablated (attune/ablate.h); "" ends it. */
int bench_ablate(struct workbench *b, const char *text);
/* One head, or with head -1 the layer: silent, at its mean, as it is again. */
int bench_turn_ablation(struct workbench *b, enum attune_stack kind, int layer, int head);
enum attune_ablated bench_ablated(const struct workbench *b, enum attune_stack kind, int layer,
                                  int head);
int bench_set_constraint(struct workbench *b, const char *spec); /* "": none */
int bench_set_preset(struct workbench *b, const char *name);
/* Back to what file, model or attune itself say; all of them if NULL. */
void bench_reset_param(struct workbench *b, const char *param);
/* Where the value of a knob comes from; also "order", "max_tokens", "seed". */
enum bench_origin bench_origin(const struct workbench *b, const char *name);
const char *bench_origin_text(enum bench_origin origin);
void bench_request_attention(struct workbench *b, const struct attention_request *request);
/* The same tokens and the same window, whatever the cursor. */
bool bench_same_window(const struct attention_request *a, const struct attention_request *b);
/* Small maps and scores of all heads from `first` on; work that waits behind it ends it early. */
void bench_request_heads(struct workbench *b, enum attune_stack kind, size_t first);
/* What the panel shows, into a file in the format of its suffix: one head, or all. */
struct attention_file {
    char *path;
    bool all, hide_sinks;
    int scale, ramp; /* enum attention_scale, enum ramp */
    struct attention_request window;
};
void bench_write_attention(struct workbench *b, const struct attention_file *file);
/* The layers and heads that the model has of a kind of attention; 0 if it has none. */
int bench_layers(const struct workbench *b, enum attune_stack kind);
int bench_heads(const struct workbench *b);
bool bench_has_kind(const struct workbench *b, enum attune_stack kind);
/* The walk of the token at `position` of those in front of the shown distribution. */
void bench_request_walk(struct workbench *b, size_t position);
void bench_request_why(struct workbench *b, const struct why_ask *ask);
/* What each layer would say at these positions, counted from the first of the side with the head. */
void bench_request_lens(struct workbench *b, size_t first, size_t n);
void bench_request_ladder(struct workbench *b, size_t most);
/* Scores of the prompt's tokens; work that waits behind it ends it early, with those that are done.
 */
void bench_request_score(struct workbench *b);
/* Where every position has a distribution of its own (an encoder's), that follows the cursor. */
void bench_move_cursor(struct workbench *b, long by);

/* Another task: each keeps its own prompt. What a model can do is what its head is for. */
int bench_use_task(struct workbench *b, const char *name); /* "": the next one */
void bench_fit_task(struct workbench *b);         /* after another model: one that it can do */
bool bench_has_places(const struct workbench *b); /* a distribution at every position */
/* The masked position before or after the cursor; false: there is none. */
bool bench_to_mask(struct workbench *b, bool forward);
/* The answer of the task for what is on the screen is there. */
bool bench_has_answer(const struct workbench *b);

int bench_run(struct workbench *b);
void bench_cancel(struct workbench *b); /* what runs now; false message if nothing does */
int bench_use_step(struct workbench *b,
                   size_t step); /* show the distribution behind a step of the run */

/* workbench_look.c. The cursor on a token of prompt or run, and on the screen the distribution that
 * led to it; behind the last token what comes next. */
void bench_look(struct workbench *b, size_t position);
void bench_look_by(struct workbench *b, long by);
size_t bench_looked_at(const struct workbench *b); /* the position it led to */
/* A run of its own: what stands in front of the shown distribution, this token, and what is drawn
 * behind it. */
int bench_fork(struct workbench *b, attune_token id);

/* workbench_look.c. */
void bench_request_tree(struct workbench *b, const struct tree_request *request);
/* workbench_pin.c. What is shown now stays, to hold what comes against it. */
int bench_pin(struct workbench *b);
void bench_unpin(struct workbench *b);
/* Brings s (zeroed before the first time) up to date; false: nothing is pinned or nothing shown. */
bool bench_shift(struct bench_shift *s, const struct workbench *b);
void bench_shift_done(struct bench_shift *s);

void bench_list_runs(struct workbench *b, const char *search);
void bench_replay(struct workbench *b, int64_t run, bool verify);
void bench_restore(struct workbench *b,
                   int64_t run); /* its prompt, chain and seed into the composer */
void bench_remove_run(struct workbench *b, int64_t run);
void bench_load_model(struct workbench *b, const char *path_or_name);
void bench_next_model(struct workbench *b); /* the one behind it in the library */

/* workbench_journal.c. The prompt as it is now into the journal; what stood there before or after;
 * which run was open before or after; once, as the composer was left. */
void bench_journal(struct workbench *b);
void bench_undo(struct workbench *b, bool redo);
void bench_back(struct workbench *b, bool forward);
void bench_resume(struct workbench *b);

/* The run and every run that goes on from it, for good. */
void bench_prune(struct workbench *b, int64_t run);
/* Puts a mark on a run or takes it off (attune/mark.h). */
void bench_mark(struct workbench *b, int64_t run, enum attune_mark_kind kind, const char *text,
                bool on);
/* workbench_runs.c. Marks a run for comparison, or takes its mark off. */
void bench_mark_run(struct workbench *b, int64_t run);
bool bench_is_marked(const struct workbench *b, int64_t run);
/* Compares the runs that the text names; "": the marked ones, or the only one with the run on screen.
 * False: they are no two to four runs, and it was said. */
bool bench_compare(struct workbench *b, const char *runs);

/* Tokens of prompt and run together: what position i holds. Of an encoder-decoder first what the
 * encoder reads, then the decoder's start token, then the run. */
size_t bench_n_tokens(const struct workbench *b);
size_t bench_n_encoder(const struct workbench *b); /* of an encoder-decoder, else 0 */
size_t bench_n_prompt(const struct workbench *b);  /* all in front of the run */
/* What the model has read for the distribution that is shown, on one side of an attention:
 * positions first .. first + n - 1. */
struct bench_span {
    size_t first, n;
};
struct bench_span bench_side(const struct workbench *b, enum attune_stack kind, bool queries);
attune_token bench_token_at(const struct workbench *b, size_t i);
/* Its bytes, borrowed from a buffer of the caller. */
size_t bench_token_bytes(const struct workbench *b, size_t i, char *out, size_t capacity);

#endif
