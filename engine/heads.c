/* Heads in numbers and in small. A map is walked a few rows at a time; every row passes the scores,
 * one small function each, and falls on the cells of the window. */
#include <config.h>

#include <attune/heads.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A few rows are computed by the caller; many are shared among the threads, which have to wake
 * first. */
enum { FEW_ROWS = 16, ROWS_AT_ONCE = 64, FEW_KEYS = 512, NEAR = 4 };
static const size_t none = SIZE_MAX;

/* One query on its way through the scores. */
struct row {
    const float *w;            /* [n_keys] */
    size_t q, seen;            /* keys it may see: the first `seen` */
    bool causal;               /* a decoder's own text */
    bool same;                 /* both sides are one text */
    double entropy;            /* bits */
    const size_t *before;      /* [n_keys] the nearest earlier copy of each key, or none; or NULL */
    const uint8_t *separators; /* [n_keys] or NULL */
};

/* ---- scores: NaN says that this query cannot tell ---- */

static double measure_ENTROPY(const struct row *r)
{
    return r->entropy;
}

static double measure_EVENNESS(const struct row *r)
{
    return r->seen > 1 ? r->entropy / log2((double)r->seen) : NAN;
}

static double measure_DISTANCE(const struct row *r)
{
    double sum = 0;

    for (size_t k = 0; k < r->seen; k++) {
        sum += (double)r->w[k] * (double)(k < r->q ? r->q - k : k - r->q);
    }
    return r->same ? sum : NAN;
}

static double measure_FIRST(const struct row *r)
{
    return r->same && r->q == 0 ? NAN : (double)r->w[0];
}

static double measure_SELF(const struct row *r)
{
    return r->same && r->seen > 1 ? (double)r->w[r->q] : NAN;
}

static double measure_PREVIOUS(const struct row *r)
{
    return r->same && r->q > 0 ? (double)r->w[r->q - 1] : NAN;
}

static double measure_NEXT(const struct row *r)
{
    return r->same && r->q + 1 < r->seen ? (double)r->w[r->q + 1] : NAN;
}

static double measure_NEAR(const struct row *r)
{
    size_t from = r->q > NEAR ? r->q - NEAR : 0, to = r->q + NEAR + 1;
    double sum = 0;

    to = to < r->seen ? to : r->seen;
    for (size_t k = from; k < to; k++) {
        sum += (double)r->w[k];
    }
    return r->same && to - from < r->seen ? sum : NAN;
}

static double measure_INDUCTION(const struct row *r)
{
    double sum = NAN;

    for (size_t j = r->before ? r->before[r->q] : none; j != none; j = r->before[j]) {
        if (j + 2 <
            r->q) { /* the token itself and the one before are looked at for other reasons */
            sum = (isnan(sum) ? 0 : sum) + (double)r->w[j + 1];
        }
    }
    return sum;
}

static double measure_DUPLICATE(const struct row *r)
{
    double sum = NAN;

    for (size_t j = r->before ? r->before[r->q] : none; j != none; j = r->before[j]) {
        if (j + 1 < r->q) {
            sum = (isnan(sum) ? 0 : sum) + (double)r->w[j];
        }
    }
    return sum;
}

static double measure_SEPARATOR(const struct row *r)
{
    double sum = NAN;

    for (size_t k = 0; r->separators && k < r->seen; k++) {
        if (r->separators[k]) {
            sum = (isnan(sum) ? 0 : sum) + (double)r->w[k];
        }
    }
    return sum;
}

static const struct score {
    const char *text, *unit, *help;
    double (*measure)(const struct row *r);
} scores[] = {
#define SCORE(name, text, unit, help) {text, unit, help, measure_##name},
    ATTUNE_HEAD_SCORE_LIST(SCORE)
#undef SCORE
};

static const struct pattern {
    const char *text;
    int tier;
    enum attune_head_score score;
    double least;
    size_t queries;
} patterns[] = {
#define PATTERN(name, text, tier, score, least, queries)                                           \
    {text, tier, ATTUNE_HEAD_##score, least, queries},
    ATTUNE_HEAD_PATTERN_LIST(PATTERN)
#undef PATTERN
};

const char *attune_head_score_text(enum attune_head_score score)
{
    return (size_t)score < ATTUNE_HEAD_SCORE_COUNT ? scores[score].text : "";
}

const char *attune_head_score_unit(enum attune_head_score score)
{
    return (size_t)score < ATTUNE_HEAD_SCORE_COUNT ? scores[score].unit : "";
}

const char *attune_head_score_help(enum attune_head_score score)
{
    return (size_t)score < ATTUNE_HEAD_SCORE_COUNT ? scores[score].help : "";
}

const char *attune_head_pattern_text(enum attune_head_pattern pattern)
{
    return (size_t)pattern < ATTUNE_PATTERN_COUNT ? patterns[pattern].text : "";
}

enum attune_head_score attune_head_pattern_score(enum attune_head_pattern pattern, double *least)
{
    const struct pattern *p =
        &patterns[(size_t)pattern < ATTUNE_PATTERN_COUNT ? pattern : ATTUNE_PATTERN_MIXED];

    *least = p->least;
    return p->score;
}

enum attune_head_pattern attune_head_fit(const struct attune_head *head)
{
    size_t best = ATTUNE_PATTERN_MIXED;

    for (size_t i = 0; i < ATTUNE_PATTERN_COUNT; i++) {
        const struct pattern *p = &patterns[i], *other = &patterns[best];

        if (head->scores[p->score] >= p->least && head->queries[p->score] >= p->queries &&
            (p->tier < other->tier ||
             (p->tier == other->tier && head->scores[p->score] > head->scores[other->score]))) {
            best = i;
        }
    }
    return (enum attune_head_pattern)best;
}

/* ---- the two sides ---- */

static bool is_separator(const struct attune_tokenizer *tk, attune_token id)
{
    char bytes[16];
    size_t n = attune_token_bytes(tk, id, bytes, sizeof bytes), marks = 0;

    if (attune_token_kind(tk, id) == ATTUNE_TOKEN_SPECIAL) {
        return true;
    }
    for (size_t i = 0; i < n && n <= sizeof bytes; i++) {
        if (bytes[i] == '\0' || !strchr(".,;:!?\n\r \t", bytes[i])) {
            return false;
        }
        marks += bytes[i] != ' ' && bytes[i] != '\t';
    }
    return marks > 0;
}

void attune_head_separators(uint8_t *out, const struct attune_tokenizer *tk,
                            const attune_token *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool special = tk && attune_token_kind(tk, ids[i]) == ATTUNE_TOKEN_SPECIAL;

        out[i] = tk && is_separator(tk, ids[i]) && !(i == 0 && special);
    }
}

void attune_head_sinks(uint8_t *out, const struct attune_tokenizer *tk, const attune_token *ids,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = i == 0 || (tk && attune_token_kind(tk, ids[i]) == ATTUNE_TOKEN_SPECIAL);
    }
}

const attune_token *attune_attention_tokens(const struct attune_context *ctx,
                                            enum attune_stack kind, bool queries, size_t *n)
{
    const attune_token *encoder = attune_context_encoder_tokens(ctx, n);

    if (*n > 0 && (kind == ATTUNE_STACK_ENCODER || (kind == ATTUNE_STACK_CROSS && !queries))) {
        return encoder;
    }
    *n = attune_context_length(ctx);
    return attune_context_tokens(ctx);
}

bool attune_attention_is_causal(const struct attune_model *model, enum attune_stack kind)
{
    return kind == ATTUNE_STACK_DECODER ||
           (kind == ATTUNE_STACK_SELF && attune_model_info(model)->kind == ATTUNE_DECODER);
}

/* The nearest earlier copy of each token: a chain through all of them. */
static void find_copies(size_t *before, const attune_token *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = i;

        while (j > 0 && ids[j - 1] != ids[i]) {
            j--;
        }
        before[i] = j > 0 ? j - 1 : none;
    }
}

/* ---- the walk ---- */

struct walk {
    const struct attune_head_window *window;
    const struct attune_head_text *text;
    struct attune_attention_shape shape;
    bool causal;
    struct attune_head *head;
    float *cells;   /* [rows, cols] or NULL */
    size_t k0, nk;  /* the keys that are read */
    float *weights; /* [ROWS_AT_ONCE, nk] */
    size_t *before; /* [n_keys] or NULL */
    int *column; /* [k1 - k0] the column of cells that a key of the window falls on; -1: left out */
};

/* Less than this adds nothing that a score of three digits would show. */
static const float too_small = 1e-10f;

static double entropy_of(const float *w, size_t n)
{
    double sum = 0;

    for (size_t k = 0; k < n; k++) {
        if (w[k] > too_small) {
            sum -= (double)(w[k] * log2f(w[k]));
        }
    }
    return sum > 0 ? sum : 0;
}

static void score_row(struct walk *walk, size_t q, const float *w)
{
    struct row r = {
        .w = w,
        .q = q,
        .seen = walk->causal ? q + 1 : walk->shape.n_keys,
        .causal = walk->causal,
        .same = walk->window->kind != ATTUNE_STACK_CROSS,
        .before = walk->before,
        .separators = walk->text->separators,
    };

    r.entropy = entropy_of(w, r.seen);
    for (int i = 0; i < ATTUNE_HEAD_SCORE_COUNT; i++) {
        double x = scores[i].measure(&r);

        if (!isnan(x)) {
            walk->head->scores[i] += x;
            walk->head->queries[i]++;
        }
    }
}

static void find_columns(struct walk *walk)
{
    const struct attune_head_window *v = walk->window;
    size_t nk = v->k1 - v->k0;

    for (size_t k = 0; k < nk; k++) {
        bool out = walk->text->left_out && walk->text->left_out[v->k0 + k];

        walk->column[k] = out ? -1 : (int)(k * (size_t)v->cols / nk);
    }
}

/* A row onto the cells that its keys fall on, the greatest weight kept. */
static void pool_row(struct walk *walk, size_t q, const float *w)
{
    const struct attune_head_window *v = walk->window;
    size_t nk = v->k1 - v->k0, seen = walk->causal ? q + 1 : v->k1;
    float *cells = walk->cells + (q - v->q0) * (size_t)v->rows / (v->q1 - v->q0) * (size_t)v->cols;

    seen = seen < v->k0 ? 0 : seen - v->k0 < nk ? seen - v->k0 : nk;
    w += v->k0 - walk->k0;
    for (size_t k = 0; k < seen; k++) {
        int column = walk->column[k];

        if (column >= 0 && !(cells[column] >= w[k])) {
            cells[column] = w[k];
        }
    }
}

static int walk_rows(struct walk *walk, struct attune_context *ctx,
                     struct attune_progress *progress, struct attune_error *err)
{
    const struct attune_head_window *v = walk->window;
    size_t q = walk->head ? 0 : v->q0, end = walk->head ? walk->shape.n_queries : v->q1;
    size_t at_once = walk->nk <= FEW_KEYS ? FEW_ROWS : ROWS_AT_ONCE;
    int status = v->mix ? attune_mix_prepare(v->mix, q, end, progress, err) : ATTUNE_OK;

    for (size_t n; q < end && status == ATTUNE_OK; q += n) {
        n = end - q < at_once ? end - q : at_once;
        if (progress && atomic_load(&progress->cancel)) {
            return attune_error_set(err, ATTUNE_CANCELLED, 0, "cancelled");
        }
        status = v->mix ? attune_mix_slice(v->mix, q, n, walk->k0, walk->nk, walk->weights,
                                           progress, err)
                        : attune_attention_slice(ctx, v->kind, v->layer, v->head, q, n, walk->k0,
                                                 walk->nk, walk->weights, err);
        for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
            const float *w = walk->weights + i * walk->nk;

            if (walk->head) {
                score_row(walk, q + i, w);
            }
            if (walk->cells && q + i >= v->q0 && q + i < v->q1) {
                pool_row(walk, q + i, w);
            }
        }
    }
    return status;
}

static int check(const struct walk *walk, struct attune_error *err)
{
    const struct attune_head_window *v = walk->window;

    if (walk->cells && (v->q0 >= v->q1 || v->k0 >= v->k1 || v->q1 > walk->shape.n_queries ||
                        v->k1 > walk->shape.n_keys || v->rows < 1 || v->cols < 1 ||
                        (size_t)v->rows > v->q1 - v->q0 || (size_t)v->cols > v->k1 - v->k0)) {
        return attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "queries %zu to %zu over %d cells, keys %zu to %zu over %d: the map "
            "is %zu x %zu, and a cell covers a token at least",
            v->q0, v->q1, v->rows, v->k0, v->k1, v->cols, walk->shape.n_queries,
            walk->shape.n_keys);
    }
    return ATTUNE_OK;
}

int attune_head_read(struct attune_head *head, float *cells, struct attune_context *ctx,
                     const struct attune_head_window *window, const struct attune_head_text *text,
                     struct attune_progress *progress, struct attune_error *err)
{
    static const struct attune_head_text nothing = {0};
    struct walk walk = {
        .window = window, .text = text ? text : &nothing, .head = head, .cells = cells};
    int status = attune_attention_shape(&walk.shape, ctx, window->kind, err);

    if (status == ATTUNE_OK) {
        status = check(&walk, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    walk.causal = attune_attention_is_causal(attune_context_model(ctx), window->kind);
    walk.k0 = head ? 0 : window->k0;
    walk.nk = head ? walk.shape.n_keys : window->k1 - window->k0;
    walk.weights = malloc(ROWS_AT_ONCE * walk.nk * sizeof *walk.weights + 1);
    if (head && walk.text->ids && window->kind != ATTUNE_STACK_CROSS) {
        walk.before = malloc(walk.shape.n_keys * sizeof *walk.before + 1);
    }
    walk.column = cells ? malloc((window->k1 - window->k0) * sizeof *walk.column) : NULL;
    if (!walk.weights || (cells && !walk.column) ||
        (head && walk.text->ids && window->kind != ATTUNE_STACK_CROSS && !walk.before)) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        goto out;
    }
    if (walk.before) {
        find_copies(walk.before, walk.text->ids, walk.shape.n_keys);
    }
    if (cells) {
        find_columns(&walk);
    }
    if (head) {
        memset(head, 0, sizeof *head);
    }
    for (size_t i = 0; cells && i < (size_t)window->rows * (size_t)window->cols; i++) {
        cells[i] = NAN;
    }
    status = walk_rows(&walk, ctx, progress, err);
    for (int i = 0; head && status == ATTUNE_OK && i < ATTUNE_HEAD_SCORE_COUNT; i++) {
        head->scores[i] = head->queries[i] ? head->scores[i] / (double)head->queries[i] : NAN;
    }
    if (head && status == ATTUNE_OK) {
        head->pattern = attune_head_fit(head);
    }
out:
    free(walk.weights);
    free(walk.before);
    free(walk.column);
    return status;
}
