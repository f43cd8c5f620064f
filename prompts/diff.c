/* Two runs compared. Alignment is Hirschberg's (1975): the longest common subsequence in the room
 * of two rows of the table, by halving one side and finding where the other is cut best. */
#include <config.h>

#include <attune/diff.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "diff.h"
#include "text.h"

/* Past so many pairs of tokens what is left behind the common beginning is paired by number. */
#define MAX_PAIRS ((size_t)1 << 28)

struct align {
    const struct attune_step *a, *b;
    int64_t *partner; /* [n_a] the step of b that is kept together with this one, or -1 */
    uint32_t *forward, *backward; /* [n_b + 1] */
};

/* Lengths of the longest common subsequence of a[0, n_a) with every beginning of b, or, from the
 * ends, with every end of b. */
static void score(uint32_t *out, const struct attune_step *a, size_t n_a,
                  const struct attune_step *b, size_t n_b, bool from_end)
{
    memset(out, 0, (n_b + 1) * sizeof *out);
    for (size_t i = 0; i < n_a; i++) {
        const attune_token id = a[from_end ? n_a - 1 - i : i].id;
        uint32_t diagonal = 0;

        for (size_t k = 1; k <= n_b; k++) {
            uint32_t above = out[k];
            bool same = b[from_end ? n_b - k : k - 1].id == id;

            out[k] = same ? diagonal + 1 : above > out[k - 1] ? above : out[k - 1];
            diagonal = above;
        }
    }
}

static void align(const struct align *s, size_t a, size_t n_a, size_t b, size_t n_b)
{
    while (n_a && n_b) {
        size_t half = n_a / 2, cut = 0;
        uint32_t best = 0;

        if (n_a == 1) {
            for (size_t k = 0; k < n_b; k++) {
                if (s->b[b + k].id == s->a[a].id) {
                    s->partner[a] = (int64_t)(b + k);
                    return;
                }
            }
            return;
        }
        score(s->forward, s->a + a, half, s->b + b, n_b, false);
        score(s->backward, s->a + a + half, n_a - half, s->b + b, n_b, true);
        for (size_t k = 0; k <= n_b; k++) {
            uint32_t whole = s->forward[k] + s->backward[n_b - k];

            if (whole > best) {
                best = whole;
                cut = k;
            }
        }
        if (best == 0) {
            return;
        }
        align(s, a, half, b, cut);
        a += half; /* the second half in the same frame */
        n_a -= half;
        b += cut;
        n_b -= cut;
    }
}

static double p_of(const struct attune_step *step, attune_token id, double unknown)
{
    for (size_t i = 0; i < step->n_top; i++) {
        if (step->top[i].id == id) {
            return step->top[i].p;
        }
    }
    return unknown;
}

/* The likeliest that an id can be which is not among the saved candidates. */
static double ceiling(const struct attune_step *step)
{
    double least = 1, sum = 0;

    for (size_t i = 0; i < step->n_top; i++) {
        least = fmin(least, step->top[i].p);
        sum += step->top[i].p;
    }
    return fmin(least, fmax(0, 1 - sum));
}

/* What x has more than y at least: sum over x's candidates of p_x - (at most) p_y. */
static double excess(const struct attune_step *x, const struct attune_step *y)
{
    double sum = 0, unknown = ceiling(y);

    for (size_t i = 0; i < x->n_top; i++) {
        sum += fmax(0, x->top[i].p - p_of(y, x->top[i].id, unknown));
    }
    return sum;
}

static void measure(struct attune_diff_row *row, const struct attune_step *a,
                    const struct attune_step *b)
{
    double shared = 0;

    row->same = a->id == b->id;
    row->same_bits = a->digest == b->digest;
    if (row->same_bits) {
        row->low = row->high = 0;
        return;
    }
    for (size_t i = 0; i < a->n_top; i++) {
        shared += fmin(a->top[i].p, p_of(b, a->top[i].id, 0));
    }
    row->low = fmin(1, fmax(excess(a, b), excess(b, a)));
    row->high = fmax(row->low, fmin(1, 1 - shared));
}

/* Rows out of partners: what stands between two kept pairs is paired in order. */
static size_t lay_out(struct attune_diff_row *rows, const struct align *s, size_t n_a, size_t n_b,
                      bool same_prompt)
{
    size_t i = 0, k = 0, n = 0, kept = 0; /* kept: the next step of a that has a partner */
    bool same_context = same_prompt;

    while (i < n_a || k < n_b) {
        struct attune_diff_row row = {-1, -1, .same_context = same_context, .low = NAN,
                                      .high = NAN};
        size_t end;

        kept = kept < i ? i : kept;
        while (kept < n_a && s->partner[kept] < 0) {
            kept++;
        }
        end = kept < n_a ? (size_t)s->partner[kept] : n_b;
        row.a = i < kept || (i < n_a && k == end) ? (int64_t)i : -1;
        row.b = k < end || (k < n_b && i == kept) ? (int64_t)k : -1;
        if (row.a >= 0 && row.b >= 0) {
            measure(&row, &s->a[i], &s->b[k]);
        }
        same_context = same_context && row.same;
        i += row.a >= 0;
        k += row.b >= 0;
        rows[n++] = row;
    }
    return n;
}

int attune_diff_steps(struct attune_diff_row **out, size_t *n, const struct attune_step *a,
                      size_t n_a, const struct attune_step *b, size_t n_b, bool same_prompt,
                      struct attune_error *err)
{
    struct align s = {.a = a, .b = b};
    size_t begin = 0, end = 0, least = n_a < n_b ? n_a : n_b;
    int status = ATTUNE_OK;

    s.partner = malloc((n_a + 1) * sizeof *s.partner);
    s.forward = malloc((n_b + 1) * sizeof *s.forward);
    s.backward = malloc((n_b + 1) * sizeof *s.backward);
    *out = calloc(n_a + n_b + 1, sizeof **out);
    *n = 0;
    if (!s.partner || !s.forward || !s.backward || !*out) {
        free(*out);
        *out = NULL;
        status = text_no_memory(err);
    } else {
        while (begin < least && a[begin].id == b[begin].id) {
            s.partner[begin] = (int64_t)begin;
            begin++;
        }
        while (begin + end < least && a[n_a - 1 - end].id == b[n_b - 1 - end].id) {
            end++;
            s.partner[n_a - end] = (int64_t)(n_b - end);
        }
        for (size_t i = begin; i < n_a - end; i++) {
            s.partner[i] = -1;
        }
        if ((n_a - begin - end) <= MAX_PAIRS / (n_b - begin - end + 1)) {
            align(&s, begin, n_a - begin - end, begin, n_b - begin - end);
        }
        *n = lay_out(*out, &s, n_a, n_b, same_prompt);
    }
    free(s.partner);
    free(s.forward);
    free(s.backward);
    return status;
}

static int add_field(struct attune_diff *diff, const char *name, const char *a, const char *b,
                     struct attune_error *err)
{
    struct attune_diff_field *more;

    if (strcmp(a, b) == 0) {
        return ATTUNE_OK;
    }
    more = realloc(diff->fields, (diff->n_fields + 1) * sizeof *more);
    if (!more) {
        return text_no_memory(err);
    }
    diff->fields = more;
    more += diff->n_fields++;
    *more = (struct attune_diff_field){name, strdup(a), strdup(b)};
    return more->a && more->b ? ATTUNE_OK : text_no_memory(err);
}

static int add_number(struct attune_diff *diff, const char *name, double a, double b,
                      struct attune_error *err)
{
    char x[32], y[32];

    snprintf(x, sizeof x, "%.9g", a);
    snprintf(y, sizeof y, "%.9g", b);
    return add_field(diff, name, x, y, err);
}

static int add_count(struct attune_diff *diff, const char *name, uint64_t a, uint64_t b,
                     struct attune_error *err)
{
    char x[24], y[24];

    snprintf(x, sizeof x, "%llu", (unsigned long long)a);
    snprintf(y, sizeof y, "%llu", (unsigned long long)b);
    return add_field(diff, name, x, y, err);
}

static int add_digest(struct attune_diff *diff, const char *name, uint64_t a, uint64_t b,
                      struct attune_error *err)
{
    char x[24], y[24];

    snprintf(x, sizeof x, "%016llx", (unsigned long long)a);
    snprintf(y, sizeof y, "%016llx", (unsigned long long)b);
    return add_field(diff, name, x, y, err);
}

/* The knobs that differ; if none does, the texts (the order of the stages, biases). */
static int add_chains(struct attune_diff *diff, const char *a, const char *b,
                      struct attune_error *err)
{
    struct attune_chain *x = NULL, *y = NULL;
    size_t before = diff->n_fields;
    int status = ATTUNE_OK;

    if (strcmp(a, b) == 0) {
        return ATTUNE_OK;
    }
    if (attune_chain_parse(&x, a, NULL) == ATTUNE_OK &&
        attune_chain_parse(&y, b, NULL) == ATTUNE_OK) {
        for (size_t i = 0; status == ATTUNE_OK && i < attune_param_count(); i++) {
            const char *name = attune_param_at(i)->name;

            status =
                add_number(diff, name, attune_chain_get(x, name), attune_chain_get(y, name), err);
        }
    }
    if (status == ATTUNE_OK && diff->n_fields == before) {
        status = add_field(diff, "chain", a, b, err);
    }
    attune_chain_free(x);
    attune_chain_free(y);
    return status;
}

static int add_stops(struct attune_diff *diff, const struct attune_run_record *a,
                     const struct attune_run_record *b, struct attune_error *err)
{
    const struct attune_run_record *side[] = {a, b};
    struct text text[2] = {{0}, {0}};
    int status = ATTUNE_OK;

    for (int k = 0; k < 2; k++) {
        text_put(&text[k], "");
        for (size_t i = 0; i < side[k]->n_stops; i++) {
            text_put(&text[k], i ? " | " : "");
            text_put(&text[k], side[k]->stops[i]);
        }
        status = text[k].failed ? text_no_memory(err) : status;
    }
    if (status == ATTUNE_OK) {
        status = add_field(diff, "stops", text[0].data ? text[0].data : "",
                           text[1].data ? text[1].data : "", err);
    }
    text_done(&text[0]);
    text_done(&text[1]);
    return status;
}

static int add_fields(struct attune_diff *diff, struct attune_error *err)
{
    const struct attune_run_record *a = &diff->a.record, *b = &diff->b.record;
    const char *yes[] = {"no", "yes"};
    int status = add_field(diff, "model", a->model_name, b->model_name, err);

    if (status == ATTUNE_OK) {
        status = add_digest(diff, "weights", a->model_digest, b->model_digest, err);
    }
    if (status == ATTUNE_OK) {
        status = add_digest(diff, "tokenizer", a->tokenizer_digest, b->tokenizer_digest, err);
    }
    if (status == ATTUNE_OK) {
        status = add_field(diff, "engine", a->engine, b->engine, err);
    }
    if (status == ATTUNE_OK) {
        status = add_field(diff, "fast", yes[a->fast], yes[b->fast], err);
    }
    if (status == ATTUNE_OK) {
        status = add_chains(diff, a->chain, b->chain, err);
    }
    if (status == ATTUNE_OK) {
        status = add_count(diff, "seed", a->seed, b->seed, err);
    }
    if (status == ATTUNE_OK) {
        status = add_count(diff, "first_step", a->first_step, b->first_step, err);
    }
    if (status == ATTUNE_OK) {
        status = add_count(diff, "max_tokens", a->max_tokens, b->max_tokens, err);
    }
    if (status == ATTUNE_OK) {
        status = add_field(diff, "ignore_eos", yes[a->ignore_end], yes[b->ignore_end], err);
    }
    if (status == ATTUNE_OK) {
        status = add_stops(diff, a, b, err);
    }
    return status == ATTUNE_OK ? add_field(diff, "stop_reason", attune_stop_text(a->stop),
                                           attune_stop_text(b->stop), err)
                               : status;
}

int diff_fields(struct attune_diff_field **out, size_t *n, const struct attune_run_record *a,
                const struct attune_run_record *b, struct attune_error *err)
{
    struct attune_diff diff = {.a.record = *a, .b.record = *b};
    int status = add_fields(&diff, err);

    *out = diff.fields;
    *n = diff.n_fields;
    return status;
}

static bool same_ids(const attune_token *a, size_t n_a, const attune_token *b, size_t n_b)
{
    return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof *a) == 0);
}

bool diff_same_prompt(const struct attune_run_record *a, const struct attune_run_record *b)
{
    return same_ids(a->prompt_ids, a->n_prompt, b->prompt_ids, b->n_prompt) &&
           same_ids(a->decoder_ids, a->n_decoder, b->decoder_ids, b->n_decoder);
}

int diff_load(struct attune_diff_side *out, struct attune_store *store, int64_t run,
              struct attune_error *err)
{
    int status = attune_store_load_run(store, run, &out->record, err);

    return status == ATTUNE_OK ? attune_store_load_steps(store, run, &out->steps, &out->n, err)
                               : status;
}

int attune_diff_runs(struct attune_diff *out, struct attune_store *store, int64_t a, int64_t b,
                     struct attune_error *err)
{
    int status;

    memset(out, 0, sizeof *out);
    status = diff_load(&out->a, store, a, err);
    if (status == ATTUNE_OK) {
        status = diff_load(&out->b, store, b, err);
    }
    if (status == ATTUNE_OK) {
        out->same_prompt = diff_same_prompt(&out->a.record, &out->b.record);
        status = add_fields(out, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_diff_steps(&out->rows, &out->n_rows, out->a.steps, out->a.n, out->b.steps,
                                   out->b.n, out->same_prompt, err);
    }
    out->equal = out->same_prompt && out->n_fields == 0;
    for (size_t i = 0; i < out->n_rows; i++) {
        out->n_same += out->rows[i].same;
        out->equal = out->equal && out->rows[i].same && out->rows[i].same_bits;
    }
    if (status != ATTUNE_OK) {
        attune_diff_done(out);
    }
    return status;
}

void attune_diff_done(struct attune_diff *diff)
{
    if (!diff) {
        return;
    }
    attune_run_record_done(&diff->a.record);
    attune_run_record_done(&diff->b.record);
    free(diff->a.steps);
    free(diff->b.steps);
    for (size_t i = 0; i < diff->n_fields; i++) {
        free(diff->fields[i].a);
        free(diff->fields[i].b);
    }
    free(diff->fields);
    free(diff->rows);
    memset(diff, 0, sizeof *diff);
}
