/* ladder: what shots do. A file of questions with their answers, each asked behind no shot, one,
 * two, ...; or one prompt, with the distributions of its next token side by side. */
#include <config.h>

#include "cli.h"

#include <attune/ladder.h>
#include <attune/pool.h>
#include <attune/rng.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_WIDTH = 16, NUMBER_WIDTH = 8, BAR_WIDTH = 6, DEFAULT_TOP = 10 };
enum { CELL_WIDTH = NUMBER_WIDTH + 1 + BAR_WIDTH }; /* " 0.3559 ██▏   " */

static const struct cli_option options[] = {
    {"from", 0, "FILE|NAME", "a prompt kept as JSON or a shipped example: its shots are the rungs"},
    {"template", 0, "FILE|NAME", "how questions and shots become text (plain)"},
    {"task", 0, "TEXT", "what to do, before everything"},
    {"examples", 0, "FILE|NAME", "where shots come from (the file itself, never the row asked)"},
    {"shots", 0, "0,1,2,4", "the rungs (0,1,2,4; of --from as many as it has)"},
    {"pick", 0, "HOW", "which shots: first, random, balanced (by label)"},
    {"seed", 0, "N", "random, balanced: the same seed chooses the same (random, told)"},
    {"limit", 0, "N", "so many rows of the file (all)"},
    {"answer", 0, "TEXT", "with --from: the answer whose probability is wanted"},
    {"top", 0, "N", "with --from: tokens listed (10)"},
    {NULL, 0, NULL, NULL},
};

struct ladder {
    struct attune_model *model;
    struct attune_context *ctx;
    struct attune_prompt prompt; /* template and task; the query and its shots change */
    struct attune_pool items, pool;
    size_t *order; /* [n_order] rows of the pool as they are chosen */
    size_t n_order;
    struct attune_ladder_options rungs;
    uint64_t seed;
    size_t asked;
};

/* Sums over the questions, a rung each. */
struct sums {
    double p, bits, kl, js, moved, tokens;
    size_t right;
};

/* ---- what is asked ---- */

/* "0,1,2,4": rising whole numbers. */
static int parse_shots(struct attune_ladder_options *out, const char *list,
                       struct attune_error *err)
{
    const char *at = list;

    out->n = 0;
    do {
        char *end;
        unsigned long long k = strtoull(at, &end, 10);

        if (end == at || *at == '-' || *at == '+' || *at == ' ' || (*end && *end != ',') ||
            k > 1 << 20 || out->n == ATTUNE_LADDER_MOST ||
            (out->n > 0 && k <= out->shots[out->n - 1])) {
            return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                    "--shots %.60s: wants at most %d rising whole numbers, like "
                                    "0,1,2,4",
                                    list, ATTUNE_LADDER_MOST);
        }
        out->shots[out->n++] = (size_t)k;
        at = *end ? end + 1 : end;
    } while (*at);
    return ATTUNE_OK;
}

static int use_template(struct attune_prompt *prompt, const char *name, struct attune_error *err)
{
    struct attune_template form = {0};
    int status = name ? attune_template_load(&form, name, err) : ATTUNE_OK;

    if (name && status == ATTUNE_OK) {
        status = attune_prompt_use(prompt, &form, err);
        attune_template_done(&form);
    }
    return status;
}

/* The rows that may be shots, in the order they are taken. */
static int choose(struct cli *cli, struct ladder *l, struct attune_error *err)
{
    struct attune_pick_options pick = {.count = -1, .seed = l->seed};
    const char *examples = cli_value(cli, "examples"), *how = cli_value(cli, "pick");
    int status;

    attune_pick_find(&pick.how, how ? how : "first");
    status = attune_pool_load(&l->pool, examples ? examples : cli->args[0], -1, false, err);
    if (status != ATTUNE_OK) {
        return status;
    }
    l->order = calloc(l->pool.n + 1, sizeof *l->order);
    if (!l->order) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    return attune_pool_pick(l->order, NULL, &l->n_order, &l->pool, &pick, &cli->progress, err);
}

static int prepare(struct cli *cli, struct ladder *l, struct attune_error *err)
{
    const char *shots = cli_value(cli, "shots"), *from = cli_value(cli, "from");
    struct attune_context_options lean = {.no_queries = true};
    int status =
        from ? attune_prompt_load(&l->prompt, from, err) : attune_prompt_init(&l->prompt, err);

    if (status == ATTUNE_OK) {
        status = use_template(&l->prompt, cli_value(cli, "template"), err);
    }
    if (status == ATTUNE_OK && cli_has(cli, "task")) {
        status = attune_prompt_set(&l->prompt, 0, cli_value(cli, "task"), NULL, err);
    }
    if (from && !shots) {
        attune_ladder_rungs(&l->rungs, &l->prompt, ATTUNE_LADDER_MOST);
    } else if (status == ATTUNE_OK) {
        status = parse_shots(&l->rungs, shots ? shots : "0,1,2,4", err);
    }
    if (status == ATTUNE_OK && !from) {
        status = attune_pool_load(&l->items, cli->args[0], -1, false, err);
    }
    if (status == ATTUNE_OK && !from) {
        status = choose(cli, l, err);
    }
    if (status == ATTUNE_OK) {
        status = cli_open_model(cli, &l->model, err);
    }
    if (status == ATTUNE_OK) {
        status = cli_context_options(cli, &lean, err);
    }
    return status == ATTUNE_OK ? attune_context_new(&l->ctx, l->model, &lean, err) : status;
}

/* ---- a file of questions ---- */

/* The question as the query, behind it as many shots as the last rung has: never one that asks the
 * same. */
static int ask(struct ladder *l, const struct attune_pool_row *item, struct attune_error *err)
{
    size_t wanted = l->rungs.shots[l->rungs.n - 1], taken = 0;
    int status = ATTUNE_OK;

    while (l->prompt.n > 2) {
        attune_prompt_remove_shot(&l->prompt, 1);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < l->n_order && taken < wanted; i++) {
        const struct attune_pool_row *row = &l->pool.rows[l->order[i]];

        if (strcmp(row->input, item->input) != 0) {
            status = attune_prompt_add_shot(&l->prompt, ++taken, row->input, row->output, err);
        }
    }
    if (status == ATTUNE_OK && taken < wanted) {
        return attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "%.80s has %zu rows that can be shots for its line %zu; a rung asks "
            "for %zu",
            l->pool.name, taken, item->line, wanted);
    }
    return status == ATTUNE_OK
               ? attune_prompt_set(&l->prompt, l->prompt.n - 1, item->input, NULL, err)
               : status;
}

static int ask_all(struct cli *cli, struct ladder *l, size_t limit, struct sums *sums /* [rungs] */,
                   struct attune_error *err)
{
    struct attune_ladder ladder = {0};
    int status = ATTUNE_OK;

    for (size_t i = 0; i < l->items.n && l->asked < limit; i++) {
        l->rungs.answer = l->items.rows[i].output;
        status = ask(l, &l->items.rows[i], err);
        if (status == ATTUNE_OK) {
            status =
                attune_ladder_climb(&ladder, l->ctx, &l->prompt, &l->rungs, &cli->progress, err);
        }
        if (status != ATTUNE_OK) {
            return status;
        }
        for (size_t r = 0; r < ladder.n; r++) {
            const struct attune_rung *rung = &ladder.rungs[r];

            sums[r].p += exp(rung->answer_logp);
            sums[r].bits += rung->entropy_bits;
            sums[r].kl += rung->shift.kl_bits;
            sums[r].js += rung->shift.js_bits;
            sums[r].moved += rung->shift.moved;
            sums[r].tokens += (double)rung->n_tokens;
            sums[r].right += rung->answer_top;
        }
        attune_ladder_done(&ladder);
        l->asked++;
    }
    return l->asked > 0 ? ATTUNE_OK
                        : attune_error_set(err, ATTUNE_ARGUMENT, 0, "%.80s has no rows to ask",
                                           l->items.name);
}

/* The interval of a share that 95 of 100 such samples would hold the true one in: Wilson, "Probable
 * Inference, the Law of Succession, and Statistical Inference" (1927). */
static void wilson(double out[2], size_t right, size_t n)
{
    const double z = 1.959963984540054;
    double share = (double)right / (double)n, more = z * z / (double)n;
    double middle = (share + more / 2) / (1 + more),
           half = z / (1 + more) * sqrt(share * (1 - share) / (double)n + more / (4 * (double)n));

    out[0] = right == 0 ? 0 : middle - half;
    out[1] = right == n ? 1 : middle + half;
}

static int print_sums_json(struct cli *cli, const struct ladder *l, const struct sums *sums)
{
    const char *how = cli_value(cli, "pick");
    json_t *rungs = json_array();
    double n = (double)l->asked, interval[2];

    for (size_t r = 0; r < l->rungs.n; r++) {
        json_t *rung = json_object();

        wilson(interval, sums[r].right, l->asked);
        json_object_set_new(rung, "shots", json_integer((json_int_t)l->rungs.shots[r]));
        json_object_set_new(rung, "accuracy", cli_json_real((double)sums[r].right / n));
        json_object_set_new(
            rung, "accuracy_95",
            json_pack("[o,o]", cli_json_real(interval[0]), cli_json_real(interval[1])));
        json_object_set_new(rung, "p_answer", cli_json_real(sums[r].p / n));
        json_object_set_new(rung, "entropy_bits", cli_json_real(sums[r].bits / n));
        json_object_set_new(rung, "kl_bits", r ? cli_json_real(sums[r].kl / n) : json_null());
        json_object_set_new(rung, "js_bits", r ? cli_json_real(sums[r].js / n) : json_null());
        json_object_set_new(rung, "moved", r ? cli_json_real(sums[r].moved / n) : json_null());
        json_object_set_new(rung, "tokens", cli_json_real(sums[r].tokens / n));
        json_array_append_new(rungs, rung);
    }
    return cli_print_json(
        cli, json_pack("{s:s, s:s, s:s, s:I, s:s, s:o, s:o}", "file", l->items.path, "examples",
                       l->pool.path, "template", l->prompt.form.name, "items", (json_int_t)l->asked,
                       "pick", how ? how : "first", "seed",
                       how && strcmp(how, "first") != 0 ? json_integer((json_int_t)l->seed)
                                                        : json_null(),
                       "rungs", rungs));
}

static int print_sums(struct cli *cli, const struct ladder *l, const struct sums *sums)
{
    double n = (double)l->asked, interval[2];

    if (cli->json) {
        return print_sums_json(cli, l, sums);
    }
    fprintf(cli->out,
            "%zu questions; accuracy: every token of the answer is the likeliest, and the "
            "interval that holds the true share 95 times of 100 (Wilson)\n",
            l->asked);
    fprintf(cli->out, "%5s  %8s  %15s  %9s  %12s  %10s  %7s\n", "shots", "accuracy", "95 %",
            "p(answer)", "entropy bits", "mass moved", "tokens");
    for (size_t r = 0; r < l->rungs.n; r++) {
        char bar[3 * BAR_WIDTH + 1], moved[16] = "";

        wilson(interval, sums[r].right, l->asked);
        cli_show_bar(bar, sums[r].p / n, BAR_WIDTH);
        if (r > 0) {
            snprintf(moved, sizeof moved, "%.1f %%", 100 * sums[r].moved / n);
        }
        fprintf(cli->out, "%5zu  %8.3f  %6.3f .. %5.3f  %9.4f  %12.3f  %10s  %7.1f  %s\n",
                l->rungs.shots[r], (double)sums[r].right / n, interval[0], interval[1],
                sums[r].p / n, sums[r].bits / n, moved, sums[r].tokens / n, bar);
    }
    return CLI_OK;
}

static int climb_file(struct cli *cli, struct ladder *l, long limit, struct attune_error *err)
{
    struct sums sums[ATTUNE_LADDER_MOST] = {{0}};
    const char *how = cli_value(cli, "pick");
    int status = ask_all(cli, l, (size_t)limit, sums, err);

    if (status == ATTUNE_OK && how && strcmp(how, "first") != 0 && !cli_has(cli, "seed")) {
        cli_note(cli, "seed %llu", (unsigned long long)l->seed);
    }
    return status == ATTUNE_OK ? print_sums(cli, l, sums) : cli_fail(cli, err);
}

/* ---- one prompt ---- */

static json_t *rung_json(const struct attune_ladder *ladder, size_t r)
{
    const struct attune_rung *rung = &ladder->rungs[r];
    json_t *out = json_object();

    json_object_set_new(out, "shots", json_integer((json_int_t)rung->shots));
    json_object_set_new(out, "tokens", json_integer((json_int_t)rung->n_tokens));
    json_object_set_new(out, "entropy_bits", cli_json_real(rung->entropy_bits));
    json_object_set_new(out, "kl_bits", r ? cli_json_real(rung->shift.kl_bits) : json_null());
    json_object_set_new(out, "js_bits", r ? cli_json_real(rung->shift.js_bits) : json_null());
    json_object_set_new(out, "moved", r ? cli_json_real(rung->shift.moved) : json_null());
    if (rung->n_answer > 0) {
        json_object_set_new(out, "p_answer", cli_json_real(exp(rung->answer_logp)));
        json_object_set_new(out, "answer_top", json_boolean(rung->answer_top));
    }
    return out;
}

static int print_one_json(struct cli *cli, const struct ladder *l,
                          const struct attune_ladder *ladder)
{
    json_t *rungs = json_array(), *candidates = json_array();

    for (size_t r = 0; r < ladder->n; r++) {
        json_array_append_new(rungs, rung_json(ladder, r));
    }
    for (size_t i = 0; i < ladder->n_ids; i++) {
        json_t *candidate = json_pack("{s:I}", "id", (json_int_t)ladder->ids[i]), *p = json_array();

        cli_json_set_token(candidate, attune_model_tokenizer(l->model), ladder->ids[i]);
        for (size_t r = 0; r < ladder->n; r++) {
            json_array_append_new(p, cli_json_real(ladder->p[i * ladder->n + r]));
        }
        json_object_set_new(candidate, "p", p);
        json_array_append_new(candidates, candidate);
    }
    return cli_print_json(cli, json_pack("{s:o, s:o}", "rungs", rungs, "candidates", candidates));
}

static int print_one(struct cli *cli, const struct ladder *l, const struct attune_ladder *ladder)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(l->model);
    char token[4 * TOKEN_WIDTH + 16], bar[3 * BAR_WIDTH + 1];

    if (cli->json) {
        return print_one_json(cli, l, ladder);
    }
    fprintf(cli->out, "%-*s", TOKEN_WIDTH, "shots");
    for (size_t r = 0; r < ladder->n; r++) {
        fprintf(cli->out, "%*zu", r ? CELL_WIDTH : NUMBER_WIDTH, ladder->rungs[r].shots);
    }
    fprintf(cli->out, "\n%-*s", TOKEN_WIDTH, "entropy bits");
    for (size_t r = 0; r < ladder->n; r++) {
        fprintf(cli->out, "%*.2f", r ? CELL_WIDTH : NUMBER_WIDTH, ladder->rungs[r].entropy_bits);
    }
    for (size_t r = 0; l->rungs.answer && r < ladder->n; r++) {
        fprintf(cli->out, r ? "%*s%*.4f" : "\n%-*s%*.4f", r ? 0 : TOKEN_WIDTH, r ? "" : "p(answer)",
                r ? CELL_WIDTH : NUMBER_WIDTH, exp(ladder->rungs[r].answer_logp));
    }
    fputc('\n', cli->out);
    for (size_t i = 0; i < ladder->n_ids; i++) {
        cli_show_token(token, sizeof token, tk, ladder->ids[i], TOKEN_WIDTH);
        fputs(token, cli->out);
        for (size_t r = 0; r < ladder->n; r++) {
            double p = ladder->p[i * ladder->n + r];

            cli_show_bar(bar, p, BAR_WIDTH);
            fprintf(cli->out, " %7.4f %s", p, bar);
        }
        fputc('\n', cli->out);
    }
    return CLI_OK;
}

static int climb_one(struct cli *cli, struct ladder *l, long top, struct attune_error *err)
{
    struct attune_ladder ladder = {0};
    int status;

    l->rungs.answer = cli_value(cli, "answer");
    l->rungs.n_ids = (size_t)top;
    status = attune_ladder_climb(&ladder, l->ctx, &l->prompt, &l->rungs, &cli->progress, err);
    status = status == ATTUNE_OK ? print_one(cli, l, &ladder) : cli_fail(cli, err);
    attune_ladder_done(&ladder);
    return status;
}

/* ---- the verb ---- */

/* What can be wrong before anything is read. */
static int check(struct cli *cli)
{
    const char *how = cli_value(cli, "pick"), *from = cli_value(cli, "from");
    enum attune_pick pick;

    if (!from == (cli->n_args == 0)) {
        return cli_wrong(cli, "ladder: wants a FILE of questions and answers, or --from a prompt%s",
                         from ? ", not both" : "");
    }
    if (from && (cli_has(cli, "examples") || how || cli_has(cli, "limit"))) {
        return cli_wrong(cli, "ladder: --examples, --pick and --limit go with a FILE: the shots of "
                              "--from are its own");
    }
    if (!from && (cli_has(cli, "answer") || cli_has(cli, "top"))) {
        return cli_wrong(cli, "ladder: --answer and --top go with --from: a FILE has its answers");
    }
    if (how && (!attune_pick_find(&pick, how) || pick == ATTUNE_PICK_NEAREST)) {
        return cli_wrong(cli, "ladder: --pick %s: there are first, random and balanced", how);
    }
    return CLI_OK;
}

static int run(struct cli *cli)
{
    struct ladder l = {0};
    struct attune_error err = {0};
    long top = DEFAULT_TOP, limit = LONG_MAX, seed = 0;
    int status = check(cli);

    if (status == CLI_OK) {
        status = cli_long(cli, "top", 0, ATTUNE_LADDER_MOST * ATTUNE_DIST_TOP, &top);
    }
    if (status == CLI_OK) {
        status = cli_long(cli, "limit", 1, LONG_MAX, &limit);
    }
    if (status == CLI_OK) {
        status = cli_long(cli, "seed", 0, LONG_MAX, &seed);
    }
    if (status != CLI_OK) {
        return status;
    }
    l.seed = cli_has(cli, "seed") ? (uint64_t)seed : attune_rng_seed();
    status = prepare(cli, &l, &err);
    status = status != ATTUNE_OK    ? cli_fail(cli, &err)
             : cli_has(cli, "from") ? climb_one(cli, &l, top, &err)
                                    : climb_file(cli, &l, limit, &err);
    free(l.order);
    attune_pool_done(&l.items);
    attune_pool_done(&l.pool);
    attune_prompt_done(&l.prompt);
    attune_context_free(l.ctx);
    attune_model_close(l.model);
    return status;
}

const struct cmd_ops cmd_ladder = {
    .name = "ladder",
    .args = "FILE [--template F] [--shots 0,1,2,4] | --from PROMPT",
    .help = "what shots do: accuracy, p(answer) and entropy behind none, one, two, ...",
    .max_args = 1,
    .groups = CLI_MODEL,
    .options = options,
    .run = run,
};
