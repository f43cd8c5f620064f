/* probs: the next token's distribution, raw and through the chain, and which stage removed which
 * token. */
#include <config.h>

#include "cli_logits.h"
#include "cli_spread.h"

#include <attune/constraint.h>
#include <attune/ablate.h>
#include <attune/shift.h>
#include <attune/tensors.h>

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TOP = 20, BAR_WIDTH = 12, TOKEN_WIDTH = 16 };

struct probs {
    struct attune_chain *chain;
    struct cli_context source;         /* of a model */
    struct attune_tokenizer *own_tk;   /* of -m beside --logits */
    const struct attune_tokenizer *tk; /* or NULL */
    float *logits;                     /* [n] */
    float *before;                     /* [n] of the model as it is, where something is ablated */
    struct attune_dist was;            /* of these */
    struct attune_shift shift;
    size_t n;
    attune_token *history; /* [n_history] */
    size_t n_history;
    struct attune_constraint *constraint; /* of the chain, or NULL */
    struct attune_trace trace, warm;      /* warm: temperature alone */
    struct attune_draws draws;            /* of --draws; n 0: none */
    attune_token *order;                  /* [n] by falling p_raw */
    size_t top;
    size_t *found, n_found; /* [n_found] ranks of what was looked for */
};

/* --logits FILE [--tensor NAME], and what goes with it. */
static int load_logits(struct cli *cli, struct probs *p, struct attune_error *err)
{
    const char *history = cli_value(cli, "history");
    char *model = NULL;
    int status =
        cli_read_logits(&p->logits, &p->n, cli_value(cli, "logits"), cli_value(cli, "tensor"), err);

    if (status == ATTUNE_OK && history) {
        status = cli_parse_ids(&p->history, &p->n_history, history, err);
    }
    if (status == ATTUNE_OK && cli_has(cli, "model")) { /* for the names of the tokens alone */
        status = cli_model_path(cli, &model, err);
        if (status == ATTUNE_OK) {
            status = attune_tokenizer_open(&p->own_tk, model, err);
        }
        free(model);
        p->tk = p->own_tk;
    }
    return status;
}

/* The same context read by the model as it is. */
static int compare(struct cli *cli, struct probs *p, size_t length, struct attune_error *err)
{
    int status;

    p->before = malloc(p->n * sizeof *p->before);
    if (!p->before) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu logits", p->n);
    }
    status = attune_context_ablate(p->source.ctx, NULL, err);
    if (status == ATTUNE_OK) {
        status = cli_sync_context(cli, &p->source, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_context_logits(p->source.ctx, length - 1, 1, p->before, err);
    }
    if (status == ATTUNE_OK) {
        attune_dist_of(&p->was, p->before, p->n);
        attune_shift_of(&p->shift, p->before, p->logits, p->n);
    }
    return status;
}

static int evaluate(struct cli *cli, struct probs *p, struct attune_error *err)
{
    struct attune_context_options options = {.no_queries = true};
    int status = cli_open_context(cli, &p->source, options, 0, true, err);
    size_t length;

    if (status != ATTUNE_OK) {
        return status;
    }
    if (attune_model_info(p->source.model)->kind == ATTUNE_ENCODER) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "an encoder has no next token: probs wants a decoder or an "
                                "encoder-decoder (see fill)");
    }
    p->tk = attune_model_tokenizer(p->source.model);
    p->n = (size_t)attune_model_info(p->source.model)->n_vocab;
    p->logits = malloc(p->n * sizeof *p->logits);
    length = attune_context_length(p->source.ctx);
    p->history = calloc(length + 1, sizeof *p->history);
    if (!p->logits || !p->history) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu logits", p->n);
    }
    if (length == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the prompt is empty: there is nothing to go on from");
    }
    p->n_history = length;
    memcpy(p->history, attune_context_tokens(p->source.ctx), length * sizeof *p->history);
    status = attune_context_logits(p->source.ctx, length - 1, 1, p->logits, err);
    return status == ATTUNE_OK && *attune_context_ablation(p->source.ctx)
               ? compare(cli, p, length, err)
               : status;
}

/* The softmax at the chain's temperature and nothing else. */
static int apply_temperature(struct probs *p, struct attune_error *err)
{
    struct attune_chain *chain = NULL;
    int status = attune_chain_parse(&chain, "order=temperature", err);

    if (status == ATTUNE_OK) {
        status =
            attune_chain_set(chain, "temperature", attune_chain_get(p->chain, "temperature"), err);
    }
    if (status == ATTUNE_OK) {
        status = attune_trace_init(&p->warm, p->n, err);
    }
    if (status == ATTUNE_OK) {
        attune_chain_apply(&p->warm, chain, p->logits, NULL, 0);
    }
    attune_chain_free(chain);
    return status;
}

/* The mask of the first token: nothing of the text is there yet. */
static int constrain(struct probs *p, struct attune_error *err)
{
    const char *spec = attune_chain_constraint(p->chain);
    size_t n;
    int status;

    if (!spec) {
        return ATTUNE_OK;
    }
    if (!p->source.model) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the constraint %.60s speaks of text: it wants a model in place of "
                                "--logits",
                                spec);
    }
    status = attune_constraint_new(
        &p->constraint, spec, p->source.model,
        attune_model_info(p->source.model)->kind == ATTUNE_SEQ2SEQ && p->n_history <= 1, err);
    return status == ATTUNE_OK ? attune_constraint_mask(&p->trace.allowed, &n, p->constraint, err)
                               : status;
}

static int apply(struct probs *p, struct attune_error *err)
{
    int status = attune_chain_check(p->chain, p->n, err);

    if (status == ATTUNE_OK) {
        status = attune_trace_init(&p->trace, p->n, err);
    }
    if (status == ATTUNE_OK) {
        status = constrain(p, err);
    }
    if (status == ATTUNE_OK) {
        attune_chain_apply(&p->trace, p->chain, p->logits, p->history, p->n_history);
        status = apply_temperature(p, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    p->order = malloc(p->n * sizeof *p->order);
    if (!p->order || attune_dist_order(p->order, p->logits, p->n) != ATTUNE_OK) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu tokens in order",
                                p->n);
    }
    p->top = p->top < p->n ? p->top : p->n;
    return ATTUNE_OK;
}

/* Who removed it; NULL if nobody did. */
static const char *remover(const struct probs *p, attune_token id)
{
    uint8_t by = p->trace.removed_by[id];

    return by == ATTUNE_KEPT         ? NULL
           : by == ATTUNE_IMPOSSIBLE ? "logits"
                                     : p->trace.stage[by - 1].stage;
}

static uint32_t drawn(const struct probs *p, attune_token id)
{
    for (size_t i = 0; i < p->draws.n_kept; i++) {
        if (p->trace.kept[i] == id) {
            return p->draws.count[i];
        }
    }
    return 0;
}

static json_t *draws_json(const struct probs *p)
{
    json_t *out = json_pack("{s:I,s:I}", "n", (json_int_t)p->draws.n, "freedom",
                            (json_int_t)p->draws.freedom);

    json_object_set_new(out, "chi_square", cli_json_real(p->draws.chi_square));
    json_object_set_new(out, "p_value", cli_json_real(p->draws.p_value));
    return out;
}

static json_t *candidate_json(const struct probs *p, size_t rank)
{
    attune_token id = p->order[rank];
    const char *by = remover(p, id);
    json_t *c = json_pack("{s:I,s:I}", "rank", (json_int_t)rank, "id", (json_int_t)id);

    cli_json_set_token(c, p->tk, id);
    json_object_set_new(c, "logit", cli_json_real(p->logits[id]));
    json_object_set_new(c, "p_raw", cli_json_real(attune_dist_p(&p->trace.raw, p->logits[id])));
    json_object_set_new(c, "logp_raw",
                        cli_json_real(attune_dist_logp(&p->trace.raw, p->logits[id])));
    if (p->before) {
        json_object_set_new(c, "logit_before", cli_json_real(p->before[id]));
        json_object_set_new(c, "p_before", cli_json_real(attune_dist_p(&p->was, p->before[id])));
    }
    json_object_set_new(c, "p_temperature", cli_json_real(p->warm.p[id]));
    json_object_set_new(c, "p", cli_json_real(p->trace.p[id]));
    json_object_set_new(c, "kept", json_boolean(!by));
    if (p->draws.n > 0) {
        json_object_set_new(c, "drawn", json_integer(drawn(p, id)));
    }
    json_object_set_new(c, "removed_by", by ? json_string(by) : json_null());
    return c;
}

static struct cli_spread spread_of(const struct probs *p)
{
    return (struct cli_spread){&p->trace.raw, p->logits, p->order, p->n};
}

/* The ranks of what --find names: ATTUNE_NOT_FOUND, or ranks [n] for as many. */
static int find_tokens(struct cli *cli, struct probs *p, struct attune_error *err)
{
    struct cli_spread spread = spread_of(p);
    size_t n = cli_count(cli, "find");

    p->found = calloc(n + 1, sizeof *p->found);
    if (!p->found) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (; p->n_found < n; p->n_found++) {
        const char *what = cli_value_at(cli, "find", p->n_found);

        p->found[p->n_found] = cli_spread_find(&spread, p->tk, what);
        if (p->found[p->n_found] == p->n) {
            return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "--find %.60s: no token holds it",
                                    what);
        }
    }
    return ATTUNE_OK;
}

static json_t *found_json(const struct probs *p)
{
    json_t *found = json_array();

    for (size_t i = 0; i < p->n_found; i++) {
        json_t *row = candidate_json(p, p->found[i]);
        double tail = attune_dist_tail(&p->trace.raw, p->logits, p->order, p->n, p->found[i] + 1);

        json_object_set_new(row, "cumulative", cli_json_real(1 - tail));
        json_array_append_new(found, row);
    }
    return found;
}

static void print_found(FILE *out, const struct probs *p)
{
    for (size_t i = 0; i < p->n_found; i++) {
        attune_token id = p->order[p->found[i]];
        char token[4 * TOKEN_WIDTH + 16];

        cli_show_token(token, sizeof token, p->tk, id, TOKEN_WIDTH);
        fprintf(out, "found: %s id %ld, rank %zu of %zu, p %.6g, log p %.4f, final %.6g\n", token,
                (long)id, p->found[i], p->n, attune_dist_p(&p->trace.raw, p->logits[id]),
                attune_dist_logp(&p->trace.raw, p->logits[id]), (double)p->trace.p[id]);
    }
}

static json_t *stages_json(const struct probs *p)
{
    json_t *stages = json_array();

    for (size_t i = 0; i < p->trace.n_stages; i++) {
        const struct attune_stage_trace *s = &p->trace.stage[i];
        json_t *row = json_pack("{s:s,s:b,s:I}", "stage", s->stage, "active", s->active,
                                "survivors", (json_int_t)s->survivors);

        json_object_set_new(row, "mass", cli_json_real(s->mass));
        json_object_set_new(row, "entropy_bits", cli_json_real(s->entropy_bits));
        json_array_append_new(stages, row);
    }
    return stages;
}

static json_t *to_json(const struct probs *p)
{
    struct cli_spread spread = spread_of(p);
    json_t *out = json_object(), *candidates = json_array(), *ids = json_array();
    size_t len = attune_chain_text(p->chain, NULL, 0), text_len = 0;
    char *chain = malloc(len + 1), *text = NULL;

    for (size_t i = 0; i < p->n_history; i++) {
        json_array_append_new(ids, json_integer(p->history[i]));
    }
    for (size_t i = 0; i < p->top; i++) {
        json_array_append_new(candidates, candidate_json(p, i));
    }
    if (p->tk && attune_detokenize(&text, &text_len, p->tk, p->history, p->n_history, false, false,
                                   NULL) == ATTUNE_OK) {
        json_object_set_new(out, "context", cli_json_text(text, text_len));
    } else {
        json_object_set_new(out, "context", json_null());
    }
    json_object_set_new(out, "context_ids", ids);
    if (chain) {
        attune_chain_text(p->chain, chain, len + 1);
        json_object_set_new(out, "chain", json_string(chain));
    }
    json_object_set_new(out, "entropy_bits", cli_json_real(attune_bits(p->trace.raw.entropy)));
    cli_spread_json(out, &spread);
    json_object_set_new(out, "candidates", candidates);
    if (p->n_found) {
        json_object_set_new(out, "found", found_json(p));
    }
    json_object_set_new(out, "kept_count", json_integer((json_int_t)p->trace.n_kept));
    json_object_set_new(out, "kept_mass", cli_json_real(p->trace.kept_mass));
    json_object_set_new(out, "kept_entropy_bits", cli_json_real(p->trace.entropy_bits));
    json_object_set_new(out, "rescued", json_boolean(p->trace.rescued));
    json_object_set_new(out, "stages", stages_json(p));
    if (p->draws.n > 0) {
        json_object_set_new(out, "draws", draws_json(p));
    }
    if (p->before) {
        json_object_set_new(
            out, "ablation",
            json_pack("{s:s, s:o, s:o, s:o, s:b}", "set", attune_chain_ablation(p->chain),
                      "kl_bits", cli_json_real(p->shift.kl_bits), "js_bits",
                      cli_json_real(p->shift.js_bits), "moved", cli_json_real(p->shift.moved),
                      "same_top", p->shift.same_top));
    }
    free(chain);
    free(text);
    return out;
}

/* What an active stage is set to: "top_k 40", "penalties repeat_penalty 1.2 ...". */
static void print_setting(FILE *out, const struct probs *p, const char *stage)
{
    fputs(stage, out);
    for (size_t i = 0; i < attune_param_count(); i++) {
        const struct attune_param *param = attune_param_at(i);
        double value = attune_chain_get(p->chain, param->name);

        if (strcmp(param->stage, stage) == 0 && value != param->off) {
            bool named = strcmp(param->name, stage) == 0; /* the stage's own value needs no name */

            fprintf(out, "%s%s %g", named ? "" : " ", named ? "" : param->name, value);
        }
    }
}

static void print_stages(FILE *out, const struct probs *p)
{
    size_t before = 0;

    for (size_t id = 0; id < p->n; id++) {
        before += p->trace.removed_by[id] != ATTUNE_IMPOSSIBLE;
    }
    fprintf(out, "raw: %zu candidates, %.2f bits\n", before, attune_bits(p->trace.raw.entropy));
    for (size_t i = 0; i < p->trace.n_stages; i++) {
        const struct attune_stage_trace *s = &p->trace.stage[i];

        if (s->active) {
            print_setting(out, p, s->stage);
            fprintf(out, ": %zu -> %zu kept %.4g of the mass, %.2f bits\n", before, s->survivors,
                    s->mass, s->entropy_bits);
            before = s->survivors;
        }
    }
    if (p->trace.rescued) {
        fputs("the chain removed everything: the likeliest token was put back\n", out);
    }
}

static void print_table(FILE *out, const struct probs *p)
{
    double scale = p->top ? attune_dist_p(&p->trace.raw, p->logits[p->order[0]]) : 0, shown = 0;

    for (size_t i = 0; i < p->top; i++) {
        scale = p->trace.p[p->order[i]] > scale ? p->trace.p[p->order[i]] : scale;
    }
    fprintf(out, "%5s %7s  %-*s %9s %8s  %-*s %8s", "rank", "id", TOKEN_WIDTH, "token", "logit",
            "raw", BAR_WIDTH, "", "final");
    fprintf(out, "%*s%s\n", p->before ? BAR_WIDTH + 3 : 0, "", p->before ? "raw was" : "");
    for (size_t i = 0; i < p->top; i++) {
        attune_token id = p->order[i];
        double raw = attune_dist_p(&p->trace.raw, p->logits[id]);
        char token[4 * TOKEN_WIDTH + 16], bars[2][3 * BAR_WIDTH + 1];

        cli_show_token(token, sizeof token, p->tk, id, TOKEN_WIDTH);
        cli_show_bar(bars[0], scale > 0 ? raw / scale : 0, BAR_WIDTH);
        cli_show_bar(bars[1], scale > 0 ? p->trace.p[id] / scale : 0, BAR_WIDTH);
        fprintf(out, "%5zu %7ld  %s %9.4f %8.5f  %s ", i, (long)id, token, (double)p->logits[id],
                raw, bars[0]);
        if (remover(p, id)) {
            fprintf(out, "%8s  %-*s", "-", p->before ? BAR_WIDTH : 0, remover(p, id));
        } else {
            fprintf(out, "%8.5f  %s", (double)p->trace.p[id], bars[1]);
        }
        if (p->before) {
            fprintf(out, " %8.5f", attune_dist_p(&p->was, p->before[id]));
        }
        fputc('\n', out);
        shown += raw;
    }
    if (p->top < p->n) {
        fprintf(out, "%5s %zu more hold %.5f\n", "...", p->n - p->top, shown < 1 ? 1 - shown : 0);
    }
}

static void print_shift(FILE *out, const struct probs *p)
{
    if (p->before) {
        fprintf(out, "ablated %s: KL(was || is) %.4f bits, %.1f %% of the mass moved\n",
                attune_chain_ablation(p->chain), p->shift.kl_bits, 100 * p->shift.moved);
    }
}

/* How often each kept one of the listed was drawn, beside how often p has it. */
static void print_draws(FILE *out, const struct probs *p)
{
    double most = 0;

    for (size_t i = 0; i < p->draws.n_kept && i < p->top; i++) {
        most = p->draws.count[i] > most ? p->draws.count[i] : most;
    }
    fprintf(out, "%zu draws: chi-square %.2f with %zu degrees of freedom, p-value %.4f\n",
            p->draws.n, p->draws.chi_square, p->draws.freedom, p->draws.p_value);
    for (size_t i = 0; i < p->draws.n_kept && i < p->top; i++) {
        attune_token id = p->trace.kept[i];
        double expected = (double)p->draws.n * (double)p->trace.p[id];
        char token[4 * TOKEN_WIDTH + 16], bars[2][3 * BAR_WIDTH + 1];
        double scale = fmax(most, (double)p->draws.n * (double)p->trace.p[p->trace.kept[0]]);

        cli_show_token(token, sizeof token, p->tk, id, TOKEN_WIDTH);
        cli_show_bar(bars[0], expected / scale, BAR_WIDTH);
        cli_show_bar(bars[1], p->draws.count[i] / scale, BAR_WIDTH);
        fprintf(out, "%7ld  %s expected %10.1f %s drawn %8lu %s\n", (long)id, token, expected,
                bars[0], (unsigned long)p->draws.count[i], bars[1]);
    }
}

static int write_p(const struct probs *p, const char *path, struct attune_error *err)
{
    struct attune_tensor t = {.name = "p",
                              .dtype = "F32",
                              .n_dims = 1,
                              .shape = {p->n},
                              .data = p->trace.p,
                              .n_bytes = p->n * sizeof *p->trace.p};

    return attune_tensors_write(path, &t, 1, err);
}

static int run(struct cli *cli)
{
    struct probs p = {0};
    struct attune_error err = {0};
    const char *path = cli_value(cli, "output");
    long top = DEFAULT_TOP, draws = 0, seed = 0;
    int exit_status = cli_long(cli, "top", 0, INT32_MAX, &top), status;

    if (exit_status == CLI_OK) {
        exit_status = cli_long(cli, "draws", 1, 100000000, &draws);
    }
    if (exit_status == CLI_OK) {
        exit_status = cli_long(cli, "seed", 0, LONG_MAX, &seed);
    }

    if (exit_status == CLI_OK && !cli_has(cli, "logits") &&
        (cli_has(cli, "tensor") || cli_has(cli, "history"))) {
        exit_status = cli_wrong(cli, "probs: --tensor and --history go with --logits FILE");
    }
    if (exit_status == CLI_OK && cli_has(cli, "logits") &&
        (cli_has(cli, "prompt") || cli_has(cli, "file") || cli_has(cli, "ids"))) {
        exit_status = cli_wrong(cli, "probs: --logits takes the place of a prompt (see --history)");
    }
    if (exit_status == CLI_OK && cli_has(cli, "logits") && cli_has(cli, "ablate")) {
        exit_status = cli_wrong(cli, "probs: --ablate wants a model to compute with, not --logits");
    }
    if (exit_status == CLI_OK) {
        exit_status = cli_chain(cli, &p.chain);
    }
    if (exit_status != CLI_OK) {
        return exit_status;
    }
    p.top = (size_t)top;
    status = cli_has(cli, "logits") ? load_logits(cli, &p, &err) : evaluate(cli, &p, &err);
    if (status == ATTUNE_OK) {
        status = apply(&p, &err);
    }
    if (status == ATTUNE_OK) {
        status = find_tokens(cli, &p, &err);
    }
    if (status == ATTUNE_OK && draws > 0) {
        status = attune_draws_make(&p.draws, &p.trace, (uint64_t)seed, (size_t)draws, &err);
    }
    if (status == ATTUNE_OK && path) {
        status = write_p(&p, path, &err);
    }
    if (status != ATTUNE_OK) {
        exit_status = cli_fail(cli, &err);
    } else if (cli->json) {
        exit_status = cli_print_json(cli, to_json(&p));
    } else {
        struct cli_spread spread = spread_of(&p);

        print_table(cli->out, &p);
        print_found(cli->out, &p);
        print_stages(cli->out, &p);
        if (p.draws.n > 0) {
            print_draws(cli->out, &p);
        }
        cli_spread_print(cli->out, &spread);
        print_shift(cli->out, &p);
    }
    attune_trace_done(&p.trace);
    attune_trace_done(&p.warm);
    attune_constraint_free(p.constraint);
    attune_draws_done(&p.draws);
    attune_chain_free(p.chain);
    attune_tokenizer_close(p.own_tk);
    cli_context_done(&p.source);
    free(p.logits);
    free(p.before);
    free(p.history);
    free(p.order);
    free(p.found);
    return exit_status;
}

static const struct cli_option options[] = {
    {"top", 0, "N", "how many candidates to list (20)"},
    {"find", 0, "ID|TEXT", "rank and probability of any token as well"},
    {"logits", 0, "FILE", "logits from a safetensors file in place of a model"},
    {"tensor", 0, "NAME", "which of its tensors; of several rows the last counts"},
    {"history", 0, "1,2,3", "the ids so far, for the penalties"},
    {"draws", 0, "N", "draw so many times: counts beside p, and their chi-square test"},
    {"seed", 0, "N", "of the draws (0)"},
    {NULL, 0, NULL, NULL},
};

const struct cmd_ops cmd_probs = {
    .name = "probs",
    .args = "",
    .help = "show the next token's distribution, raw and through the sampler chain",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_SAMPLING | CLI_OUTPUT | CLI_ABLATE,
    .options = options,
    .run = run,
};
