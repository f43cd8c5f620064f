/* Beam search over one context: every text in turn is brought into it by the longest common
 * beginning.
 *
 *     level 0        level 1            level 2
 *     Once  0.6  --> upon 0.55      --> a 0.5   ...
 *     A     0.3  --> time 0.1
 *     rest  0.1      rest + what both give up
 *
 * Reference: BeamSearchScorer of Hugging Face transformers. */
#include <config.h>

#include <attune/beams.h>
#include <attune/constraint.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BEAMS = 256 };

struct candidate {
    int32_t parent;
    attune_token id;
    double p, logprob;
};

struct search {
    struct attune_context *ctx;
    const struct attune_chain *chain;
    const struct attune_model *model;
    struct attune_beam_options options;
    struct attune_constraint *constraint; /* or NULL */
    struct attune_trace trace;
    float *logits; /* [V] */
    size_t n_vocab, n_prompt, n_history;
    attune_token *ids; /* [n_prompt + max_tokens] the text at hand */
    int32_t *alive;    /* [n_alive] nodes; -1: the empty text */
    size_t n_alive;
    struct candidate *candidates; /* [n_beams * 2 n_beams] */
    size_t n_candidates;
    double kept, ended, rest; /* of the level at hand */
    struct attune_beams *out;
    size_t room_nodes;
};

void attune_beams_done(struct attune_beams *beams)
{
    if (beams) {
        free(beams->nodes);
        free(beams->levels);
        free(beams->results);
        memset(beams, 0, sizeof *beams);
    }
}

static size_t depth(const struct attune_beams *beams, int32_t node)
{
    size_t n = 0;

    for (; node >= 0; node = beams->nodes[node].parent) {
        n++;
    }
    return n;
}

void attune_beams_ids(attune_token *out, const struct attune_beams *beams,
                      const struct attune_beam_result *result)
{
    size_t i = result->n;

    for (int32_t node = result->last; node >= 0; node = beams->nodes[node].parent) {
        out[--i] = beams->nodes[node].id;
    }
}

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a beam search");
}

/* ---- one text ---- */

/* Its tokens behind the prompt into ids, and the context to them. */
static int bring(struct search *s, int32_t node, struct attune_progress *progress,
                 struct attune_error *err)
{
    size_t n = s->n_prompt + depth(s->out, node), common = s->n_prompt,
           held = attune_context_length(s->ctx);
    const attune_token *tokens = attune_context_tokens(s->ctx);
    struct attune_beam_result text = {.last = node, .n = n - s->n_prompt};

    attune_beams_ids(s->ids + s->n_prompt, s->out, &text);
    while (common < n && common < held && tokens[common] == s->ids[common]) {
        common++;
    }
    attune_context_truncate(s->ctx, common);
    s->n_history = n;
    s->out->n_evaluated += n - common;
    return n == common ? ATTUNE_OK
                       : attune_context_append(s->ctx, s->ids + common, n - common, progress, err);
}

/* *n: how many tokens may come. */
static int mask(struct search *s, size_t *n, struct attune_error *err)
{
    int status = ATTUNE_OK;

    *n = s->n_vocab;
    if (!s->constraint) {
        return ATTUNE_OK;
    }
    attune_constraint_reset(s->constraint);
    for (size_t i = s->n_prompt; status == ATTUNE_OK && i < s->n_history; i++) {
        status = attune_constraint_advance(s->constraint, s->ids[i], err);
    }
    return status == ATTUNE_OK ? attune_constraint_mask(&s->trace.allowed, n, s->constraint, err)
                               : status;
}

static void finish(struct search *s, int32_t node, size_t n, bool ended);

/* A text that nothing may follow: one that is as it should be, or a dead end. */
static void stop_here(struct search *s, int32_t node)
{
    double p = node < 0 ? 1 : exp(s->out->nodes[node].logprob);

    if (node >= 0 && attune_constraint_complete(s->constraint)) {
        s->ended += p;
        finish(s, node, depth(s->out, node), true);
    } else {
        s->rest += p;
    }
}

/* What a text goes on with: its likeliest tokens become candidates, all others are given up at
 * once. */
static int expand(struct search *s, int32_t node, struct attune_progress *progress,
                  struct attune_error *err)
{
    double before = node < 0 ? 0 : s->out->nodes[node].logprob, taken = 0;
    size_t most = 2 * s->options.n_beams, n, n_allowed = 0;
    int status = bring(s, node, progress, err);

    if (status == ATTUNE_OK) {
        status =
            attune_context_logits(s->ctx, attune_context_length(s->ctx) - 1, 1, s->logits, err);
    }
    if (status == ATTUNE_OK) {
        status = mask(s, &n_allowed, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    if (n_allowed == 0) {
        stop_here(s, node);
        return ATTUNE_OK;
    }
    attune_chain_apply(&s->trace, s->chain, s->logits, s->ids, s->n_history);
    if (s->trace.raw.max_logit == -INFINITY) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "all logits are NaN or -inf: the weights or the input are broken");
    }
    n = s->trace.allowed && s->trace.rescued ? 0
                                             : s->trace.n_kept; /* all that may come is banned */
    n = n < most ? n : most;
    for (size_t i = 0; i < n; i++) {
        attune_token id = s->trace.kept[i];
        double p = s->trace.p[id];

        if (p > 0) {
            s->candidates[s->n_candidates++] = (struct candidate){node, id, p, before + log(p)};
            taken += p;
        }
    }
    s->rest += exp(before) * fmax(1 - taken, 0);
    return ATTUNE_OK;
}

/* ---- a level ---- */

static int falling(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    return x->logprob != y->logprob ? (x->logprob < y->logprob) - (x->logprob > y->logprob)
           : x->parent != y->parent ? (x->parent > y->parent) - (x->parent < y->parent)
                                    : (x->id > y->id) - (x->id < y->id);
}

static double score_of(const struct search *s, double logprob, size_t n)
{
    return logprob / pow((double)n, s->options.length_penalty);
}

/* Among the results by falling score; the last falls off where there are n_beams. */
static void finish(struct search *s, int32_t node, size_t n, bool ended)
{
    struct attune_beam_result r = {node, n, s->out->nodes[node].logprob,
                                   score_of(s, s->out->nodes[node].logprob, n), ended};
    size_t at = s->out->n_results;

    while (at > 0 && s->out->results[at - 1].score < r.score) {
        at--;
    }
    if (at >= s->options.n_beams) {
        return;
    }
    if (s->out->n_results < s->options.n_beams) {
        s->out->n_results++;
    }
    memmove(&s->out->results[at + 1], &s->out->results[at],
            (s->out->n_results - 1 - at) * sizeof r);
    s->out->results[at] = r;
}

static int add_node(struct search *s, const struct candidate *c, enum attune_beam_state state,
                    struct attune_error *err)
{
    struct attune_beam *more = s->out->nodes;

    if (s->out->n_nodes == s->room_nodes) {
        size_t room = 2 * s->room_nodes + 256;

        more = room < INT32_MAX ? realloc(more, room * sizeof *more) : NULL;
        if (!more) {
            return no_memory(err);
        }
        s->out->nodes = more;
        s->room_nodes = room;
    }
    more[s->out->n_nodes++] = (struct attune_beam){c->parent, c->id, c->p, c->logprob, state};
    return ATTUNE_OK;
}

/* The candidates by falling probability: an end among the first n is a text, the others are
 * followed until there are n. */
static int choose(struct search *s, size_t n_tokens, struct attune_error *err)
{
    struct attune_beam_level *level = &s->out->levels[s->out->n_levels++];
    int status = ATTUNE_OK;

    *level = (struct attune_beam_level){.first = s->out->n_nodes};
    qsort(s->candidates, s->n_candidates, sizeof *s->candidates, falling);
    s->n_alive = 0;
    s->kept = 0;
    for (size_t i = 0; status == ATTUNE_OK && i < s->n_candidates; i++) {
        const struct candidate *c = &s->candidates[i];
        bool ends = attune_model_is_end(s->model, c->id);

        if (ends ? i >= s->options.n_beams : s->n_alive == s->options.n_beams) {
            s->rest += exp(c->logprob);
            continue;
        }
        status = add_node(s, c, ends ? ATTUNE_BEAM_ENDED : ATTUNE_BEAM_KEPT, err);
        if (status != ATTUNE_OK) {
            break;
        }
        if (ends) {
            s->ended += exp(c->logprob);
            finish(s, (int32_t)s->out->n_nodes - 1, n_tokens, true);
        } else {
            s->kept += exp(c->logprob);
            s->alive[s->n_alive++] = (int32_t)s->out->n_nodes - 1;
        }
    }
    level->n = s->out->n_nodes - level->first;
    level->kept = s->kept;
    level->ended = s->ended;
    level->rest = s->rest;
    return status;
}

/* No text that goes on can come before those that are finished. */
static bool is_over(const struct search *s, size_t n_tokens)
{
    return s->n_alive == 0 || (s->out->n_results == s->options.n_beams &&
                               score_of(s, s->out->nodes[s->alive[0]].logprob, n_tokens) <=
                                   s->out->results[s->out->n_results - 1].score);
}

/* ---- all of it ---- */

static int prepare(struct search *s, struct attune_error *err)
{
    const char *spec = attune_chain_constraint(s->chain);
    size_t n = s->options.n_beams, most = s->options.max_tokens,
           room = attune_context_capacity(s->ctx) - s->n_prompt + 1;
    int status;

    if (n == 0 || n > MOST_BEAMS) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "beams: wants 1 to %d, not %zu",
                                MOST_BEAMS, n);
    }
    if (s->n_prompt == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the prompt is empty: a search needs at least one token");
    }
    s->options.max_tokens = most = most < room ? most : room;
    status = attune_chain_check(s->chain, s->n_vocab, err);
    if (status == ATTUNE_OK) {
        status = attune_trace_init(&s->trace, s->n_vocab, err);
    }
    if (status == ATTUNE_OK && spec) {
        status = attune_constraint_new(
            &s->constraint, spec, s->model,
            attune_model_info(s->model)->kind == ATTUNE_SEQ2SEQ && s->n_prompt == 1, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    s->logits = malloc(s->n_vocab * sizeof *s->logits);
    s->ids = calloc(s->n_prompt + most + 1, sizeof *s->ids);
    s->alive = calloc(n, sizeof *s->alive);
    s->candidates = calloc(2 * n * n, sizeof *s->candidates);
    s->out->levels = calloc(most + 1, sizeof *s->out->levels);
    s->out->results = calloc(n + 1, sizeof *s->out->results);
    if (!s->logits || !s->ids || !s->alive || !s->candidates || !s->out->levels ||
        !s->out->results) {
        return no_memory(err);
    }
    memcpy(s->ids, attune_context_tokens(s->ctx), s->n_prompt * sizeof *s->ids);
    s->alive[0] = -1;
    s->n_alive = 1;
    return ATTUNE_OK;
}

static int search(struct search *s, struct attune_progress *progress, struct attune_error *err)
{
    size_t n_tokens = 0;
    int status = ATTUNE_OK;

    while (status == ATTUNE_OK && n_tokens < s->options.max_tokens) {
        s->n_candidates = 0;
        for (size_t i = 0; status == ATTUNE_OK && i < s->n_alive; i++) {
            status = expand(s, s->alive[i], progress, err);
        }
        if (status == ATTUNE_OK && s->n_candidates == 0) {
            break; /* nothing goes on */
        }
        n_tokens++;
        if (status == ATTUNE_OK) {
            status = choose(s, n_tokens, err);
        }
        if (status == ATTUNE_OK && is_over(s, n_tokens)) {
            return ATTUNE_OK;
        }
    }
    for (size_t i = 0; status == ATTUNE_OK && i < s->n_alive && n_tokens > 0; i++) {
        finish(s, s->alive[i], depth(s->out, s->alive[i]), false);
    }
    if (status == ATTUNE_OK && s->out->n_results == 0 && s->options.max_tokens > 0) {
        status = attune_error_set(
            err, ATTUNE_ARGUMENT, 0, "no token of the vocabulary keeps to the constraint %.60s",
            attune_chain_constraint(s->chain) ? attune_chain_constraint(s->chain) : "");
    }
    return status;
}

int attune_beams_search(struct attune_beams *out, struct attune_context *ctx,
                        const struct attune_chain *chain, const struct attune_beam_options *options,
                        struct attune_progress *progress, struct attune_error *err)
{
    struct search s = {.ctx = ctx,
                       .chain = chain,
                       .model = attune_context_model(ctx),
                       .options = *options,
                       .n_prompt = attune_context_length(ctx),
                       .out = out};
    int status;

    memset(out, 0, sizeof *out);
    s.n_vocab = (size_t)attune_model_info(s.model)->n_vocab;
    status = prepare(&s, err);
    if (status == ATTUNE_OK) {
        status = search(&s, progress, err);
    }
    attune_constraint_free(s.constraint);
    attune_trace_done(&s.trace);
    free(s.logits);
    free(s.ids);
    free(s.alive);
    free(s.candidates);
    if (status != ATTUNE_OK) {
        attune_beams_done(out);
    }
    return status;
}
