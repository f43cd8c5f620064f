/* Several runs aligned with the first of them.
 *
 * Each is aligned with the first by itself (diff.c); the rows of those pairs are then laid over
 * each other at the first's steps, and what others have between two of these stands in rows of its
 * own:
 *
 *     first    A  B  .  C        pairs: first/second  A-A B-X C-C
 *     second   A  X  .  C               first/third   A-A B-B  -Y C-C
 *     third    A  B  Y  C */
#include <config.h>

#include <attune/compare.h>

#include <attune/digest.h>
#include <attune/dist.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "text.h"

/* Logits of the first run that are kept at once while the others are measured, in floats. */
#define KEPT_FLOATS ((size_t)1 << 26)

struct pairs { /* rows of the first run and another one */
    struct attune_diff_row *rows;
    size_t n, at;
};

static double speed(const struct attune_diff_side *side)
{
    double ms = 0;

    for (size_t i = 0; i < side->n; i++) {
        ms += side->steps[i].eval_ms + side->steps[i].sample_ms;
    }
    return ms > 0 && isfinite(ms) ? (double)side->n * 1e3 / ms : 0;
}

static struct attune_compare_cell cell_of(const struct attune_diff_row *row)
{
    return (struct attune_compare_cell){.at = row->b,
                                        .same = row->same && row->a >= 0 && row->b >= 0,
                                        .same_context = row->same_context,
                                        .same_bits = row->same_bits,
                                        .low = row->low,
                                        .high = row->high};
}

static void blank(struct attune_compare_row *row)
{
    for (int k = 0; k < ATTUNE_COMPARE_MOST; k++) {
        row->cells[k] = (struct attune_compare_cell){.at = -1, .low = NAN, .high = NAN};
    }
}

/* One row: the next step of the first run, or, while any other has something before that, those. */
static void add_row(struct attune_compare *c, struct pairs pairs[], size_t *first)
{
    struct attune_compare_row *row = &c->rows[c->n_rows++];
    bool between = false;

    blank(row);
    for (size_t k = 1; k < c->n; k++) {
        between |= pairs[k].at < pairs[k].n && pairs[k].rows[pairs[k].at].a < 0;
    }
    if (!between) {
        row->cells[0] = (struct attune_compare_cell){
            .at = (int64_t)*first, .same = true, .same_context = true, .same_bits = true};
        ++*first;
    }
    for (size_t k = 1; k < c->n; k++) {
        struct pairs *p = &pairs[k];

        if (p->at < p->n && (p->rows[p->at].a < 0) == between) {
            row->cells[k] = cell_of(&p->rows[p->at++]);
        }
    }
}

static int align(struct attune_compare *c, struct attune_error *err)
{
    const struct attune_diff_side *first = &c->sides[0];
    struct pairs pairs[ATTUNE_COMPARE_MOST] = {{0}};
    size_t most = first->n, i = 0;
    int status = ATTUNE_OK;

    for (size_t k = 1; status == ATTUNE_OK && k < c->n; k++) {
        status = attune_diff_steps(&pairs[k].rows, &pairs[k].n, first->steps, first->n,
                                   c->sides[k].steps, c->sides[k].n, c->same_prompt[k], err);
        most += c->sides[k].n;
    }
    if (status == ATTUNE_OK) {
        c->rows = calloc(most + 1, sizeof *c->rows);
        status = c->rows ? ATTUNE_OK : text_no_memory(err);
    }
    for (bool more = status == ATTUNE_OK; more;) {
        more = i < first->n;
        for (size_t k = 1; k < c->n; k++) {
            more |= pairs[k].at < pairs[k].n;
        }
        if (more) {
            add_row(c, pairs, &i);
        }
    }
    for (size_t k = 1; k < c->n; k++) {
        free(pairs[k].rows);
    }
    return status;
}

/* The field of this name, made if need be with the first run's value for all. */
static struct attune_compare_field *field(struct attune_compare *c, const char *name,
                                          const char *value)
{
    struct attune_compare_field *more;

    for (size_t i = 0; i < c->n_fields; i++) {
        if (strcmp(c->fields[i].name, name) == 0) {
            return &c->fields[i];
        }
    }
    more = realloc(c->fields, (c->n_fields + 1) * sizeof *more);
    if (!more) {
        return NULL;
    }
    c->fields = more;
    more += c->n_fields++;
    *more = (struct attune_compare_field){.name = name};
    for (size_t k = 0; k < c->n; k++) {
        more->values[k] = strdup(value);
        if (!more->values[k]) {
            return NULL;
        }
    }
    return more;
}

static int add_fields(struct attune_compare *c, size_t k, struct attune_error *err)
{
    struct attune_diff_field *found = NULL;
    size_t n = 0;
    int status = diff_fields(&found, &n, &c->sides[0].record, &c->sides[k].record, err);

    for (size_t i = 0; i < n; i++) {
        struct attune_compare_field *to =
            status == ATTUNE_OK ? field(c, found[i].name, found[i].a) : NULL;

        if (to) {
            free(to->values[k]);
            to->values[k] = found[i].b;
            found[i].b = NULL;
        } else if (status == ATTUNE_OK) {
            status = text_no_memory(err);
        }
        free(found[i].a);
        free(found[i].b);
    }
    free(found);
    return status;
}

int attune_compare_runs(struct attune_compare *out, struct attune_store *store, const int64_t *runs,
                        size_t n, struct attune_error *err)
{
    int status = ATTUNE_OK;

    memset(out, 0, sizeof *out);
    if (n < 2 || n > ATTUNE_COMPARE_MOST) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "2 to %d runs are compared, not %zu",
                                ATTUNE_COMPARE_MOST, n);
    }
    for (; status == ATTUNE_OK && out->n < n; out->n++) {
        size_t k = out->n;

        status = diff_load(&out->sides[k], store, runs[k], err);
        if (status == ATTUNE_OK) {
            out->tokens_per_s[k] = speed(&out->sides[k]);
            out->same_prompt[k] = diff_same_prompt(&out->sides[0].record, &out->sides[k].record);
        }
    }
    for (size_t k = 1; status == ATTUNE_OK && k < n; k++) {
        status = add_fields(out, k, err);
    }
    if (status == ATTUNE_OK) {
        status = align(out, err);
    }
    if (status != ATTUNE_OK) {
        attune_compare_done(out);
    }
    return status;
}

void attune_compare_done(struct attune_compare *c)
{
    if (!c) {
        return;
    }
    for (size_t k = 0; k < ATTUNE_COMPARE_MOST; k++) {
        attune_run_record_done(&c->sides[k].record);
        free(c->sides[k].steps);
    }
    for (size_t i = 0; i < c->n_fields; i++) {
        for (size_t k = 0; k < ATTUNE_COMPARE_MOST; k++) {
            free(c->fields[i].values[k]);
        }
    }
    free(c->fields);
    free(c->rows);
    memset(c, 0, sizeof *c);
}

/* ---- the distances exactly ---- */

struct exact {
    struct attune_compare *compare;
    struct attune_context *ctx;
    size_t n_vocab;
    float *kept;   /* [n, n_vocab] of the first run's steps from..from+n-1 */
    float *logits; /* [n_vocab] of another run's step */
    size_t from, n;
};

/* The context reads all that stood before the last step of a run: *at is the position in front of
 * its first. */
static int read_run(struct exact *x, size_t k, size_t *at, struct attune_progress *progress,
                    struct attune_error *err)
{
    const struct attune_diff_side *side = &x->compare->sides[k];
    const struct attune_run_record *r = &side->record;
    size_t own = r->n_decoder ? r->n_decoder : r->n_prompt, n = own + (side->n ? side->n - 1 : 0);
    attune_token *ids = malloc((n + 1) * sizeof *ids);
    struct attune_input input = {.ids = ids, .n = n};
    int status;

    if (!ids) {
        return text_no_memory(err);
    }
    memcpy(ids, r->n_decoder ? r->decoder_ids : r->prompt_ids, own * sizeof *ids);
    for (size_t i = 0; own + i < n; i++) {
        ids[own + i] = side->steps[i].id;
    }
    if (r->n_decoder) {
        input = (struct attune_input){
            .ids = r->prompt_ids, .n = r->n_prompt, .decoder_ids = ids, .n_decoder = n};
    }
    status = attune_context_sync(x->ctx, &input, progress, err);
    *at = own - 1;
    free(ids);
    return status;
}

static bool is_recorded(const struct attune_step *step, const float *logits, size_t n)
{
    return attune_digest_of(logits, n * sizeof *logits, 0) == step->digest;
}

/* Half the sum of |p - q|. */
static double variation(const float *a, const float *b, size_t n)
{
    struct attune_dist x, y;
    double sum = 0;

    attune_dist_of(&x, a, n);
    attune_dist_of(&y, b, n);
    for (size_t i = 0; i < n; i++) {
        sum += fabs(attune_dist_p(&x, a[i]) - attune_dist_p(&y, b[i]));
    }
    return fmin(1, sum / 2);
}

static int keep_first(struct exact *x, size_t from, struct attune_progress *progress,
                      struct attune_error *err)
{
    const struct attune_diff_side *side = &x->compare->sides[0];
    size_t at = 0, room = KEPT_FLOATS / x->n_vocab, left = side->n - from;
    int status = read_run(x, 0, &at, progress, err);

    room = room ? room : 1;
    x->from = from;
    x->n = left < room ? left : room;
    if (status == ATTUNE_OK && !x->kept) {
        x->kept = malloc(x->n * x->n_vocab * sizeof *x->kept);
        status = x->kept ? ATTUNE_OK : text_no_memory(err);
    }
    return status == ATTUNE_OK ? attune_context_logits(x->ctx, at + from, x->n, x->kept, err)
                               : status;
}

/* The cells of run k against the part of the first that is kept. */
static int measure(struct exact *x, size_t k, struct attune_progress *progress,
                   struct attune_error *err)
{
    struct attune_compare *c = x->compare;
    size_t at = 0;
    int status = read_run(x, k, &at, progress, err);

    for (size_t i = 0; status == ATTUNE_OK && i < c->n_rows; i++) {
        struct attune_compare_cell *first = &c->rows[i].cells[0], *cell = &c->rows[i].cells[k];
        size_t row = (size_t)first->at - x->from;
        const float *a;

        if (first->at < (int64_t)x->from || row >= x->n || cell->at < 0 || cell->same_bits) {
            continue;
        }
        a = x->kept + row * x->n_vocab;
        status = attune_context_logits(x->ctx, at + (size_t)cell->at, 1, x->logits, err);
        if (status == ATTUNE_OK && is_recorded(&c->sides[0].steps[first->at], a, x->n_vocab) &&
            is_recorded(&c->sides[k].steps[cell->at], x->logits, x->n_vocab)) {
            cell->low = cell->high = variation(a, x->logits, x->n_vocab);
            c->n_exact++;
        } else {
            c->n_not_measured++;
        }
    }
    return status;
}

/* Did this model make the run, and can it read all of it? */
static bool fits(const struct attune_diff_side *side, const struct attune_model *model)
{
    const struct attune_run_record *r = &side->record;
    const struct attune_model_info *info = attune_model_info(model);
    size_t n = r->n_prompt + r->n_decoder;

    if (r->model_digest != attune_model_digest(model) || n == 0 || side->n == 0) {
        return false;
    }
    for (size_t i = 0; i < n + side->n; i++) {
        attune_token id = i < r->n_prompt ? r->prompt_ids[i]
                          : i < n         ? r->decoder_ids[i - r->n_prompt]
                                          : side->steps[i - n].id;

        if (id < 0 || id >= info->n_vocab) {
            return false;
        }
    }
    return true;
}

static int open_context(struct exact *x, const struct attune_model *model, int n_threads,
                        struct attune_error *err)
{
    struct attune_context_options options = {
        .n_threads = n_threads, .no_queries = true, .activations = ATTUNE_ACTIVATIONS_F32};
    size_t room = 0;

    for (size_t k = 0; k < x->compare->n; k++) {
        const struct attune_diff_side *side = &x->compare->sides[k];
        size_t n = side->record.n_prompt + side->record.n_decoder + side->n + 1;

        room = fits(side, model) && n > room ? n : room;
        if (attune_engine_activations(side->record.engine) == ATTUNE_ACTIVATIONS_AUTO) {
            options.activations = ATTUNE_ACTIVATIONS_AUTO; /* one way for all sides */
        }
    }
    options.n_context = (int)room;
    if (attune_model_info(model)->n_context > 0 &&
        options.n_context > attune_model_info(model)->n_context) {
        options.n_context = attune_model_info(model)->n_context;
    }
    x->n_vocab = (size_t)attune_model_info(model)->n_vocab;
    x->logits = malloc(x->n_vocab * sizeof *x->logits);
    return x->logits ? attune_context_new(&x->ctx, model, &options, err) : text_no_memory(err);
}

int attune_compare_exactly(struct attune_compare *c, const struct attune_model *model,
                           int n_threads, struct attune_progress *progress,
                           struct attune_error *err)
{
    struct exact x = {.compare = c};
    int status;

    c->n_exact = c->n_not_measured = 0;
    if (!fits(&c->sides[0], model)) {
        return ATTUNE_OK;
    }
    status = open_context(&x, model, n_threads, err);
    for (size_t from = 0; status == ATTUNE_OK && from < c->sides[0].n; from += x.n) {
        status = keep_first(&x, from, progress, err);
        for (size_t k = 1; status == ATTUNE_OK && k < c->n; k++) {
            if (fits(&c->sides[k], model)) {
                status = measure(&x, k, progress, err);
            }
        }
    }
    attune_context_free(x.ctx);
    free(x.kept);
    free(x.logits);
    return status;
}
