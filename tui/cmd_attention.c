/* attention: one head's map as text or into a file, all heads of a kind into one file, or what
 * every head does as a list. Heads are computed one at a time, and rows as they are written. */
#include <config.h>

#include "cli.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli_saved.h"
#include "cli_store.h"
#include "cli_why.h"

enum { MOST_WRITTEN = 128 }; /* by an encoder-decoder whose decoder's side was not given */

static const struct cli_option options[] = {
    {"layer", 0, "L", "layer, from 0 (0)"},
    {"head", 0, "H", "head, from 0 (0)"},
    {"kind", 0, "NAME", "self, encoder, decoder or cross (self)"},
    {"all", 0, NULL, "all layers and heads, with -o"},
    {"mix", 0, "WAY",
     "heads over each other: mean, max or rollout, of --layer or of the whole model; norm: one "
     "head, weights times the length of their values"},
    {"heads", 0, "0.1:0.5,2.3", "a sum of these heads, each times its number"},
    {"run", 0, "ID", "of a saved run, its steps included, in place of a prompt"},
    {"why", 0, "Q,K", "the products behind the weight of query Q and key K, counted from 0"},
    {"contributions", 0, NULL, "what every head adds to the logit of --token at --position"},
    {"token", 0, "ID|TEXT", "with --contributions: of this token (the likeliest)"},
    {"against", 0, "ID|TEXT", "with --contributions: less the logit of this one"},
    {"position", 0, "N", "with --contributions: behind this token, from 0 (the last)"},
    {"scores", 0, NULL, "what every head does: its pattern and its scores"},
    {"sort", 0, "SCORE", "with --scores: the greatest first; entropy, distance, first, ..."},
    {"scale", 0, "NAME", "of pictures: linear, log, rank or row (linear)"},
    {"ramp", 0, "NAME", "of pictures: viridis, magma, cividis or grey (viridis)"},
    {"no-sinks", 0, NULL, "pictures leave out the first token and special ones"},
    {NULL, 0, NULL, NULL},
};

static int find_kind(const char *name, enum attune_stack *out, struct attune_error *err)
{
    for (int k = 0; name && k < ATTUNE_STACK_COUNT; k++) {
        if (strcmp(name, attune_stack_text((enum attune_stack)k)) == 0) {
            *out = (enum attune_stack)k;
            return ATTUNE_OK;
        }
    }
    *out = ATTUNE_STACK_SELF;
    return name ? attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                   "--kind %s: there are self, encoder, decoder and cross", name)
                : ATTUNE_OK;
}

static int open_map(struct cli *cli, struct map *m, const struct cli_context *c,
                    struct attune_error *err)
{
    const char *scale = cli_value(cli, "scale"), *ramp = cli_value(cli, "ramp");
    enum attune_stack kind;
    int status = find_kind(cli_value(cli, "kind"), &kind, err);

    if (status == ATTUNE_OK) {
        status = map_open(m, c->ctx, kind, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    m->progress = &cli->progress;
    m->scale = scale ? scale_find(scale) : SCALE_LINEAR;
    m->ramp = ramp ? ramp_find(ramp) : RAMP_VIRIDIS;
    if (m->scale == SCALE_COUNT || m->ramp == RAMP_COUNT) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s %s: see attune attention --help",
                                m->scale == SCALE_COUNT ? "--scale" : "--ramp",
                                m->scale == SCALE_COUNT ? scale : ramp);
    }
    return ATTUNE_OK;
}

/* ---- what every head does ---- */

struct entry {
    int layer, head;
    double key; /* sorted by */
    struct attune_head scores;
};

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int nan = isnan(x->key) - isnan(y->key);

    if (nan || isnan(x->key)) {
        return nan ? nan : x->layer != y->layer ? x->layer - y->layer : x->head - y->head;
    }
    return x->key > y->key        ? -1
           : x->key < y->key      ? 1
           : x->layer != y->layer ? x->layer - y->layer
                                  : x->head - y->head;
}

static void print_scores(struct cli *cli, const struct entry *entries, int n)
{
    fprintf(cli->out, "layer head pattern  ");
    for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
        fprintf(cli->out, " %9s", attune_head_score_text((enum attune_head_score)s));
    }
    fputc('\n', cli->out);
    for (int i = 0; i < n; i++) {
        const struct entry *e = &entries[i];

        fprintf(cli->out, "%5d %4d %-9s", e->layer, e->head,
                attune_head_pattern_text(e->scores.pattern));
        for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
            if (isnan(e->scores.scores[s])) {
                fprintf(cli->out, " %9s", "-");
            } else {
                fprintf(cli->out, " %9.3f", e->scores.scores[s]);
            }
        }
        fputc('\n', cli->out);
    }
}

static json_t *describe_scores(const struct map *m, const struct entry *entries, int n)
{
    json_t *out = json_object(), *heads = json_array();

    json_object_set_new(out, "kind", json_string(attune_stack_text(m->kind)));
    for (int i = 0; i < n; i++) {
        const struct entry *e = &entries[i];
        json_t *head = json_object();

        json_object_set_new(head, "layer", json_integer(e->layer));
        json_object_set_new(head, "head", json_integer(e->head));
        json_object_set_new(head, "pattern",
                            json_string(attune_head_pattern_text(e->scores.pattern)));
        for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
            json_object_set_new(head, attune_head_score_text((enum attune_head_score)s),
                                cli_json_real(e->scores.scores[s]));
        }
        json_array_append_new(heads, head);
    }
    json_object_set_new(out, "heads", heads);
    return out;
}

/* -1: that is no score; SCORE_COUNT: none was asked for. */
static int sort_score(struct cli *cli)
{
    const char *name = cli_value(cli, "sort");
    int s = 0;

    while (name && s < ATTUNE_HEAD_SCORE_COUNT &&
           strcmp(name, attune_head_score_text((enum attune_head_score)s)) != 0) {
        s++;
    }
    return !name ? ATTUNE_HEAD_SCORE_COUNT : s < ATTUNE_HEAD_SCORE_COUNT ? s : -1;
}

static int list_scores(struct cli *cli, struct map *m, struct attune_error *err)
{
    int n = m->shape.n_layers * m->shape.n_heads, status = ATTUNE_OK, sort = sort_score(cli);
    struct entry *entries = calloc((size_t)n + 1, sizeof *entries);

    if (!entries) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (int i = 0; i < n && status == ATTUNE_OK; i++) {
        struct entry *e = &entries[i];
        float *cells = NULL;
        int rows, cols;

        e->layer = i / m->shape.n_heads;
        e->head = i % m->shape.n_heads;
        status = map_pool(m, e->layer, e->head, 1, &cells, &rows, &cols, &e->scores, err);
        free(cells);
        e->key = sort < ATTUNE_HEAD_SCORE_COUNT ? e->scores.scores[sort] : -i;
    }
    if (status == ATTUNE_OK) {
        qsort(entries, (size_t)n, sizeof *entries, by_key);
        if (!cli->json) {
            print_scores(cli, entries, n);
        } else if (cli_print_json(cli, describe_scores(m, entries, n)) != CLI_OK) {
            status = attune_error_set(err, ATTUNE_IO, 0, "the scores cannot be written");
        }
    }
    free(entries);
    return status;
}

/* ---- the verb ---- */

/* ATTUNE_MIX_COUNT: there is no such way. */
static enum attune_mix_way mix_way(struct cli *cli)
{
    const char *name = cli_value(cli, "mix");
    int way = 0;

    while (name && way < ATTUNE_MIX_COUNT &&
           strcmp(name, attune_mix_way_text((enum attune_mix_way)way)) != 0) {
        way++;
    }
    return cli_has(cli, "heads") && !name ? ATTUNE_MIX_SUM : (enum attune_mix_way)way;
}

static int open_mix(struct cli *cli, struct map *m, struct attune_error *err)
{
    const struct attune_mix_options wanted = {
        .kind = m->kind,
        .way = mix_way(cli),
        .layer = cli_has(cli, "layer") || mix_way(cli) == ATTUNE_MIX_NORM ? m->layer : -1,
        .head = m->head,
        .heads = cli_value(cli, "heads")};

    return wanted.way == ATTUNE_MIX_HEAD ? ATTUNE_OK
                                         : attune_mix_new(&m->mix, m->ctx, &wanted, err);
}

static int check_usage(struct cli *cli, long *layer, long *head)
{
    if (cli_long(cli, "layer", 0, INT_MAX, layer) || cli_long(cli, "head", 0, INT_MAX, head)) {
        return CLI_USAGE;
    }
    if (cli_has(cli, "all") && !cli_value(cli, "output")) {
        return cli_wrong(cli, "attention: --all wants -o FILE (.png, .svg, .pdf, .npy, ...)");
    }
    if (mix_way(cli) == ATTUNE_MIX_COUNT) {
        return cli_wrong(cli, "attention: --mix %s: there are mean, max, rollout, sum and norm",
                         cli_value(cli, "mix"));
    }
    if ((mix_way(cli) == ATTUNE_MIX_SUM) != cli_has(cli, "heads")) {
        return cli_wrong(cli,
                         "attention: a sum wants --heads LIST, such as 0.1:0.5,2.3, and no other "
                         "--mix does");
    }
    if (mix_way(cli) != ATTUNE_MIX_HEAD && (cli_has(cli, "all") || cli_has(cli, "scores"))) {
        return cli_wrong(cli, "attention: --all and --scores are of single heads: they do not go "
                              "with --mix");
    }
    if (cli_has(cli, "run") && (cli_has(cli, "prompt") || cli_has(cli, "file") ||
                                cli_has(cli, "ids") || cli_has(cli, "decoder-ids"))) {
        return cli_wrong(cli, "attention: --run has its own prompt");
    }
    if (sort_score(cli) < 0) {
        return cli_wrong(cli, "attention: --sort %s: there is no such score",
                         cli_value(cli, "sort"));
    }
    return CLI_OK;
}

static int answer(struct cli *cli, struct map *m, struct attune_error *err)
{
    const char *path = cli_value(cli, "output");
    int status = ATTUNE_OK;

    if (cli_has(cli, "scores")) {
        return list_scores(cli, m, err);
    }
    if (cli_has(cli, "why")) {
        return cli_why_pair(cli, m, err);
    }
    if (cli_has(cli, "contributions")) {
        return cli_why_logit(cli, m, err);
    }
    if (cli_has(cli, "no-sinks")) {
        status = map_hide_sinks(m, err);
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    return path ? map_write(m, path, cli_has(cli, "all"), err)
                : map_find(cli->json ? "x.json" : "x.txt")->write(m, cli->out, err);
}

/* A prompt, with the decoder's side that is given or that the model writes by itself; or a run. */
static int open_context(struct cli *cli, struct cli_context *c, struct attune_error *err)
{
    const char *run = cli_value(cli, "run"), *kind = cli_value(cli, "kind");
    int status;

    if (run && cli_run_number(run) == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "--run %s: wants the number of a run",
                                run);
    }
    if (run) {
        return cli_open_saved(cli, c, cli_run_number(run), err);
    }
    status = cli_open_context(cli, c, (struct attune_context_options){0}, 0, true, err);
    if (status == ATTUNE_OK && attune_model_info(c->model)->kind == ATTUNE_SEQ2SEQ &&
        !cli_has(cli, "decoder-ids") && c->prompt.n > 0 &&
        (!kind || strcmp(kind, attune_stack_text(ATTUNE_STACK_ENCODER)) != 0)) {
        status = cli_write_greedily(cli, c, MOST_WRITTEN, err);
    }
    return status;
}

static int run(struct cli *cli)
{
    struct attune_error err = {0};
    struct cli_context c = {0};
    struct map m = {0};
    long layer = 0, head = 0;
    int status = check_usage(cli, &layer, &head);

    if (status != CLI_OK) {
        return status;
    }
    status = open_context(cli, &c, &err);
    if (status == ATTUNE_OK) {
        status = open_map(cli, &m, &c, &err);
    }
    if (status == ATTUNE_OK) {
        m.layer = (int)layer;
        m.head = (int)head;
        status = open_mix(cli, &m, &err);
    }
    if (status == ATTUNE_OK) {
        status = answer(cli, &m, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    }
    map_done(&m);
    cli_context_done(&c);
    return status;
}

const struct cmd_ops cmd_attention = {
    .name = "attention",
    .args = "",
    .help = "where heads look: one map, all of them, or what each does",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_DB | CLI_OUTPUT | CLI_ABLATE,
    .options = options,
    .run = run,
};
