/* One query behind more and more shots.
 *
 *   rung 0   task | query            -> p0 [V]
 *   rung 1   task | shot 1 | query   -> p1 [V]   shift p0 -> p1
 *   rung 2   task | shot 1 | shot 2 | query ...
 *
 * The answer's probability is the product over its tokens, each read behind those before it; which
 * tokens are its own follows from the ids with and without it, so a tokenizer that joins its first
 * letters with the end of the query is measured as it reads. */
#include <config.h>

#include <attune/ladder.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a ladder of shots");
}

void attune_ladder_rungs(struct attune_ladder_options *out, const struct attune_prompt *prompt,
                         size_t most)
{
    size_t all = prompt->n >= 2 ? prompt->n - 2 : 0;
    bool each;

    most = most < ATTUNE_LADDER_MOST ? most : ATTUNE_LADDER_MOST;
    each = all < most;
    out->n = 0;
    for (size_t k = 0; k < all && out->n + 1 < most; k = each || k == 0 ? k + 1 : 2 * k) {
        out->shots[out->n++] = k;
    }
    out->shots[out->n++] = all;
}

/* ---- texts ---- */

static int shown(struct attune_rendered *out, struct attune_prompt *prompt, size_t shots,
                 struct attune_error *err)
{
    for (size_t i = 1; i + 1 < prompt->n; i++) {
        attune_prompt_switch(prompt, i, i <= shots);
    }
    return attune_prompt_render(out, prompt, err);
}

/* The end of the last piece that is an answer, 0 where the template has no place for one. */
static size_t answer_end(const struct attune_rendered *text)
{
    size_t end = 0;

    for (size_t i = 0; i < text->n_pieces; i++) {
        end = text->pieces[i].part == ATTUNE_PART_ANSWER ? text->pieces[i].end : end;
    }
    return end;
}

/* A prompt that is the query alone, or the same as a shot with its answer. */
static int alone(struct attune_rendered *out, const struct attune_prompt *prompt,
                 const char *answer, struct attune_error *err)
{
    const struct attune_block *query = &prompt->blocks[prompt->n - 1];
    struct attune_prompt one = {0};
    int status = attune_prompt_init(&one, err);

    if (status == ATTUNE_OK) {
        status = attune_prompt_copy_rest(&one, prompt, err);
    }
    if (status == ATTUNE_OK) {
        status = answer ? attune_prompt_add_shot(&one, 1, query->text, answer, err)
                        : attune_prompt_set(&one, 1, query->text, query->answer, err);
    }
    if (status == ATTUNE_OK && answer) {
        attune_prompt_switch(&one, one.n - 1, false);
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_render(out, &one, err);
    }
    attune_prompt_done(&one);
    return status;
}

int attune_ladder_continuation(char **out, const struct attune_prompt *prompt, const char *answer,
                               struct attune_error *err)
{
    const char *begun = prompt->blocks[prompt->n - 1].answer;
    struct attune_rendered query = {0}, shot = {0};
    int status = alone(&query, prompt, NULL, err);
    size_t end;

    *out = NULL;
    if (status == ATTUNE_OK) {
        status = alone(&shot, prompt, answer, err);
    }
    if (status != ATTUNE_OK) {
        goto done;
    }
    end = answer_end(&shot);
    if (query.len < end && memcmp(query.text, shot.text, query.len) == 0) {
        *out = strndup(shot.text + query.len, end - query.len);
    } else if (!*begun && *answer) { /* a query of another form: the answer follows as it is */
        *out = strdup(answer);
    } else {
        status = attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "the answer \"%.60s\" leaves nothing to follow the query%s%.60s%s", answer,
            *begun ? ", whose answer begins \"" : "", begun, *begun ? "\"" : "");
        goto done;
    }
    status = *out ? ATTUNE_OK : no_memory(err);
done:
    attune_rendered_done(&query);
    attune_rendered_done(&shot);
    return status;
}

/* ---- one rung ---- */

struct climb {
    struct attune_context *ctx;
    const struct attune_tokenizer *tk;
    struct attune_progress *progress;
    size_t n_vocab;
    char *continuation; /* or NULL */
    struct attune_tokens tokens, whole;
    float *row; /* [n_vocab] scratch for the answer */
};

static int read_text(struct climb *c, struct attune_tokens *tokens, const char *text, size_t len,
                     struct attune_error *err)
{
    const struct attune_tokenize_options special = {.add_special = true};
    struct attune_input input = {0};
    int status = attune_tokenize(tokens, c->tk, text, len, &special, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (tokens->n == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the prompt is empty: no token stands before the answer");
    }
    input.ids = tokens->ids;
    input.n = tokens->n;
    return attune_context_sync(c->ctx, &input, c->progress, err);
}

/* The tokens that the text with its answer has and the text alone has not. */
static int read_answer(struct climb *c, struct attune_rung *rung, const char *text, size_t len,
                       struct attune_error *err)
{
    size_t more = strlen(c->continuation), same = 0;
    char *both = malloc(len + more + 1);
    int status;

    if (!both) {
        return no_memory(err);
    }
    memcpy(both, text, len);
    memcpy(both + len, c->continuation, more + 1);
    status = read_text(c, &c->whole, both, len + more, err);
    free(both);
    while (status == ATTUNE_OK && same < c->tokens.n && same < c->whole.n &&
           c->tokens.ids[same] == c->whole.ids[same]) {
        same++;
    }
    if (status == ATTUNE_OK && (same == 0 || same == c->whole.n)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the answer \"%.60s\" adds no token to the prompt",
                                c->continuation);
    }
    rung->answer_logp = 0;
    rung->answer_top = true;
    rung->n_answer = status == ATTUNE_OK ? c->whole.n - same : 0;
    for (size_t i = same; status == ATTUNE_OK && i < c->whole.n; i++) {
        struct attune_dist dist;

        status = attune_context_logits(c->ctx, i - 1, 1, c->row, err);
        if (status == ATTUNE_OK) {
            attune_dist_of(&dist, c->row, c->n_vocab);
            rung->answer_logp += attune_dist_logp(&dist, c->row[c->whole.ids[i]]);
            rung->answer_top &= dist.n_top > 0 && dist.top[0].id == c->whole.ids[i];
        }
    }
    return status;
}

static int step_up(struct climb *c, struct attune_rung *rung, struct attune_prompt *prompt,
                   float *logits /* [n_vocab] */, struct attune_dist *dist,
                   struct attune_error *err)
{
    struct attune_rendered text = {0};
    int status = shown(&text, prompt, rung->shots, err);

    rung->answer_logp = NAN;
    rung->shift.same_top = true;
    if (status == ATTUNE_OK) {
        status = read_text(c, &c->tokens, text.text, text.len, err);
    }
    if (status == ATTUNE_OK) {
        rung->n_tokens = c->tokens.n;
        status = attune_context_logits(c->ctx, c->tokens.n - 1, 1, logits, err);
    }
    if (status == ATTUNE_OK) {
        attune_dist_of(dist, logits, c->n_vocab);
        rung->entropy_bits = attune_bits(dist->entropy);
        if (c->continuation) {
            status = read_answer(c, rung, text.text, text.len, err);
        }
    }
    attune_rendered_done(&text);
    return status;
}

/* ---- what some rung finds likely ---- */

struct likely {
    attune_token id;
    double most; /* its highest p */
};

static int by_most(const void *a, const void *b)
{
    const struct likely *x = a, *y = b;

    return x->most > y->most ? -1 : x->most < y->most ? 1 : (x->id > y->id) - (x->id < y->id);
}

static int by_id(const void *a, const void *b)
{
    const struct likely *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

/* Every token that is among the likeliest of a rung, once. */
static size_t gather(struct likely *all, const struct attune_dist *dists /* [n] */, size_t n)
{
    size_t found = 0, kept = 0;

    for (size_t r = 0; r < n; r++) {
        for (size_t i = 0; i < dists[r].n_top; i++) {
            all[found++] = (struct likely){dists[r].top[i].id, 0};
        }
    }
    qsort(all, found, sizeof *all, by_id);
    for (size_t i = 0; i < found; i++) {
        if (kept == 0 || all[kept - 1].id != all[i].id) {
            all[kept++] = all[i];
        }
    }
    return kept;
}

static int list_likely(struct attune_ladder *out, const float *logits /* [n, n_vocab] */,
                       const struct attune_dist *dists /* [n] */, size_t n_vocab, size_t most,
                       struct attune_error *err)
{
    struct likely all[ATTUNE_LADDER_MOST * ATTUNE_DIST_TOP];
    size_t n = gather(all, dists, out->n);

    for (size_t i = 0; i < n; i++) {
        for (size_t r = 0; r < out->n; r++) {
            double p = attune_dist_p(&dists[r], logits[r * n_vocab + (size_t)all[i].id]);

            all[i].most = p > all[i].most ? p : all[i].most;
        }
    }
    qsort(all, n, sizeof *all, by_most);
    out->n_ids = n < most ? n : most;
    out->ids = calloc(out->n_ids + 1, sizeof *out->ids);
    out->p = calloc(out->n_ids * out->n + 1, sizeof *out->p);
    if (!out->ids || !out->p) {
        return no_memory(err);
    }
    for (size_t i = 0; i < out->n_ids; i++) {
        out->ids[i] = all[i].id;
        for (size_t r = 0; r < out->n; r++) {
            out->p[i * out->n + r] =
                attune_dist_p(&dists[r], logits[r * n_vocab + (size_t)all[i].id]);
        }
    }
    return ATTUNE_OK;
}

/* ---- the whole ---- */

static int check(struct climb *c, const struct attune_prompt *prompt,
                 const struct attune_ladder_options *options, struct attune_error *err)
{
    const struct attune_model *model = attune_context_model(c->ctx);
    size_t has = prompt->n - 2;

    if (attune_model_info(model)->kind != ATTUNE_DECODER || !attune_model_tokenizer(model)) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "%.80s: a ladder of shots wants %s",
                                attune_model_info(model)->name,
                                attune_model_info(model)->kind != ATTUNE_DECODER
                                    ? "a decoder: other models have no next token behind a prompt"
                                    : "a tokenizer: its prompts are texts");
    }
    for (size_t i = 0; i < options->n && i < ATTUNE_LADDER_MOST; i++) {
        if (options->shots[i] > has || (i > 0 && options->shots[i] <= options->shots[i - 1])) {
            return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                    "a rung of %zu shots: the prompt has %zu, and rungs rise",
                                    options->shots[i], has);
        }
    }
    if (options->n == 0 || options->n > ATTUNE_LADDER_MOST) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "a ladder has 1 to %d rungs, not %zu",
                                ATTUNE_LADDER_MOST, options->n);
    }
    c->tk = attune_model_tokenizer(model);
    c->n_vocab = (size_t)attune_model_info(model)->n_vocab;
    return ATTUNE_OK;
}

int attune_ladder_climb(struct attune_ladder *out, struct attune_context *ctx,
                        const struct attune_prompt *prompt,
                        const struct attune_ladder_options *options,
                        struct attune_progress *progress, struct attune_error *err)
{
    struct climb c = {.ctx = ctx, .progress = progress};
    struct attune_prompt own = {0};
    struct attune_dist *dists = NULL; /* [n] */
    float *logits = NULL;             /* [n, n_vocab] */
    int status = check(&c, prompt, options, err);

    memset(out, 0, sizeof *out);
    if (status == ATTUNE_OK) {
        out->n = options->n;
        dists = calloc(out->n, sizeof *dists);
        logits = calloc(out->n * c.n_vocab, sizeof *logits);
        c.row = malloc(c.n_vocab * sizeof *c.row);
        status = dists && logits && c.row ? attune_prompt_copy(&own, prompt, err) : no_memory(err);
    }
    if (status == ATTUNE_OK && options->answer) {
        status = attune_ladder_continuation(&c.continuation, prompt, options->answer, err);
    }
    for (size_t r = 0; status == ATTUNE_OK && r < out->n; r++) {
        float *row = logits + r * c.n_vocab;

        out->rungs[r].shots = options->shots[r];
        status = step_up(&c, &out->rungs[r], &own, row, &dists[r], err);
        if (status == ATTUNE_OK && r > 0) {
            attune_shift_of(&out->rungs[r].shift, row - c.n_vocab, row, c.n_vocab);
        }
    }
    if (status == ATTUNE_OK) {
        status = list_likely(out, logits, dists, c.n_vocab, options->n_ids, err);
    }
    if (status != ATTUNE_OK) {
        attune_ladder_done(out);
    }
    attune_tokens_done(&c.tokens);
    attune_tokens_done(&c.whole);
    attune_prompt_done(&own);
    free(c.continuation);
    free(c.row);
    free(logits);
    free(dists);
    return status;
}

void attune_ladder_done(struct attune_ladder *ladder)
{
    free(ladder->ids);
    free(ladder->p);
    memset(ladder, 0, sizeof *ladder);
}
