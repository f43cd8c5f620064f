/* attune compose: a prompt from a template, a task, shots and a query; and whether it fits. */
#include <config.h>

#include "cli.h"

#include <attune/budget.h>
#include <attune/library.h>
#include <attune/pool.h>
#include <attune/rng.h>
#include <attune/version.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"from", 0, "FILE|NAME", "begin with a prompt kept as JSON, or a shipped example (start)"},
    {"template", 0, "FILE|NAME", "how blocks become text (plain)"},
    {"task", 0, "TEXT", "what to do, before everything"},
    {"examples", 0, "FILE|NAME", "shots: JSON Lines with input and output, or CSV"},
    {"shots", 0, "K", "so many of the examples (all)"},
    {"pick", 0, "HOW", "which: first, random, balanced (by label), nearest (to the query)"},
    {"seed", 0, "N", "random, balanced: the same seed chooses the same (random, told)"},
    {"encoder", 0, "MODEL", "nearest: the encoder to measure with (tiny-encoder)"},
    {"skip-broken", 0, NULL, "leave broken lines of the examples out, and name them"},
    {"query", 0, "TEXT", "what is asked"},
    {"answer-prefix", 0, "TEXT", "how the answer begins, with its own leading space"},
    {"var", 0, "NAME=VALUE", "what {{NAME}} stands for in template and blocks (repeatable)"},
    {"save", 0, "NAME", "keep it under this name: a new version where it differs"},
    {"note", 0, "TEXT", "what the saved version is about"},
    {"max-tokens", 'n', "N", "leave room for so many tokens (128)"},
    {"cut", 0, "RULE", "until it fits: shots (the first go), left or middle (of the longest text)"},
    {"trim", 0, NULL, "the same as --cut shots"},
    {NULL, 0, NULL, NULL},
};

struct composed {
    struct attune_prompt prompt;
    struct attune_rendered rendered;
    struct attune_tokens tokens;
    struct attune_budget budget;
    size_t *dropped; /* [n_dropped] blocks */
    size_t n_dropped;
    bool measured;
};

static int no_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static int use_template(struct attune_prompt *prompt, const char *name, struct attune_error *err)
{
    struct attune_template form;
    int status;

    if (!name) {
        return ATTUNE_OK;
    }
    status = attune_template_load(&form, name, err);
    if (status == ATTUNE_OK) {
        status = attune_prompt_use(prompt, &form, err);
        attune_template_done(&form);
    }
    return status;
}

/* Sets what was given of a block's text and answer; the rest stays. */
static int set_block(struct attune_prompt *prompt, size_t i, const char *text, const char *answer,
                     struct attune_error *err)
{
    char *kept_text = strdup(text ? text : prompt->blocks[i].text);
    char *kept_answer = strdup(answer ? answer : prompt->blocks[i].answer);
    int status = kept_text && kept_answer
                     ? attune_prompt_set(prompt, i, kept_text, kept_answer, err)
                     : no_memory(err);

    free(kept_text);
    free(kept_answer);
    return status;
}

/* --var NAME=VALUE: from then on braces in the blocks are looked at too. */
static int set_variables(struct cli *cli, struct attune_prompt *prompt, struct attune_error *err)
{
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < cli_count(cli, "var"); i++) {
        const char *given = cli_value_at(cli, "var", i), *sign = strchr(given, '=');
        char *name = strndup(given, sign ? (size_t)(sign - given) : strlen(given));

        if (!sign || !name) {
            status = name ? attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                             "--var %.60s: wants NAME=VALUE", given)
                          : no_memory(err);
        } else {
            status = attune_prompt_set_variable(prompt, name, sign + 1, err);
            prompt->fill = true;
        }
        free(name);
    }
    return status;
}

static int open_encoder(struct cli *cli, struct attune_model **out, struct attune_error *err)
{
    const char *name = cli_value(cli, "encoder");
    char *path = NULL;
    int status = attune_library_find(&path, "models", name ? name : "tiny-encoder", err);

    if (status == ATTUNE_OK) {
        status = cli_open_path(cli, out, path, NULL, err);
    }
    free(path);
    return status;
}

/* Draws the shots; what was asked wrongly was refused before. */
static int pick_shots(struct cli *cli, struct attune_prompt *prompt, long shots,
                      struct attune_error *err)
{
    struct attune_pick_options choice = {.count = shots,
                                         .query = prompt->blocks[prompt->n - 1].text};
    const char *how = cli_value(cli, "pick");
    struct attune_model *encoder = NULL;
    struct attune_pool pool;
    long seed = 0;
    int status;

    attune_pick_find(&choice.how, how ? how : "first");
    cli_long(cli, "seed", 0, LONG_MAX, &seed);
    choice.seed = cli_has(cli, "seed") ? (uint64_t)seed : attune_rng_seed();
    status = attune_pool_load(&pool, cli_value(cli, "examples"),
                              choice.how == ATTUNE_PICK_FIRST ? shots : -1,
                              cli_has(cli, "skip-broken"), err);
    if (status == ATTUNE_OK && choice.how == ATTUNE_PICK_NEAREST) {
        status = open_encoder(cli, &encoder, err);
        choice.encoder = encoder;
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_pick_shots(prompt, &pool, &choice, &cli->progress, err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < pool.n_broken; i++) {
        cli_note(cli, "%s: %s: left out", pool.path, pool.broken[i].text);
    }
    if (status == ATTUNE_OK && !cli_has(cli, "seed") &&
        (choice.how == ATTUNE_PICK_RANDOM || choice.how == ATTUNE_PICK_BALANCED)) {
        cli_note(cli, "seed %llu", (unsigned long long)choice.seed);
    }
    attune_model_close(encoder);
    attune_pool_done(&pool);
    return status;
}

static int put_together(struct cli *cli, struct attune_prompt *prompt, long shots,
                        struct attune_error *err)
{
    const char *examples = cli_value(cli, "examples");
    int status = use_template(prompt, cli_value(cli, "template"), err);

    if (status == ATTUNE_OK) {
        status = set_variables(cli, prompt, err);
    }
    if (status == ATTUNE_OK) {
        status = set_block(prompt, 0, cli_value(cli, "task"), NULL, err);
    }
    if (status == ATTUNE_OK) {
        status = set_block(prompt, prompt->n - 1, cli_value(cli, "query"),
                           cli_value(cli, "answer-prefix"), err);
    }
    if (status == ATTUNE_OK && examples) {
        status = pick_shots(cli, prompt, shots, err);
    }
    return status;
}

static size_t context_of(const struct attune_model *model, long given)
{
    long limit = attune_model_info(model)->n_context;

    return (size_t)(given > 0 && (limit <= 0 || given < limit) ? given
                    : limit > 0                                ? limit
                                                               : LONG_MAX);
}

static bool drops_shots(const struct cli *cli)
{
    return cli_has(cli, "trim") ||
           (cli_value(cli, "cut") && strcmp(cli_value(cli, "cut"), "shots") == 0);
}

/* By --cut left or middle; shots are dropped by attune_budget_fit, which says which. */
static int cut(struct cli *cli, struct attune_prompt *prompt, const struct attune_tokenizer *tk,
               size_t context, long max_tokens, struct attune_error *err)
{
    enum attune_cut_rule rule = ATTUNE_CUT_NONE;
    struct attune_cut gone;
    int status;

    if (!cli_value(cli, "cut") || !attune_cut_find(&rule, cli_value(cli, "cut")) ||
        rule == ATTUNE_CUT_SHOTS) {
        return ATTUNE_OK;
    }
    status = attune_prompt_cut(&gone, prompt, tk, context, (size_t)max_tokens, rule, err);
    if (status == ATTUNE_OK && gone.tokens > 0) {
        cli_note(cli, "%zu tokens of block %zu were cut, bytes %zu to %zu: %.60s%s", gone.tokens,
                 gone.block, gone.from, gone.to, gone.text, strlen(gone.text) > 60 ? " ..." : "");
    }
    if (status == ATTUNE_OK) {
        attune_cut_done(&gone);
    }
    return status;
}

/* Ids, and whether they fit the model. Plain text is printed without a model where none is named
 * and none is there. */
static int measure(struct cli *cli, struct composed *c, long context, long max_tokens,
                   struct attune_error *err)
{
    bool wanted = cli->json || cli_value(cli, "model") || cli_has(cli, "trim") ||
                  cli_has(cli, "cut") || cli_has(cli, "context");
    struct attune_model *model = NULL;
    const struct attune_tokenizer *tk;
    int status = cli_open_model(cli, &model, err);

    if (status != ATTUNE_OK) {
        if (!wanted && status == ATTUNE_NOT_FOUND) {
            cli_note(cli, "no model: whether the prompt fits is not known");
            return attune_prompt_render(&c->rendered, &c->prompt, err);
        }
        return status;
    }
    tk = attune_model_tokenizer(model);
    c->dropped = calloc(c->prompt.n, sizeof *c->dropped);
    if (!tk) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "the model has no tokenizer: it cannot read a text");
    } else if (!c->dropped) {
        status = no_memory(err);
    } else {
        status = cut(cli, &c->prompt, tk, context_of(model, context), max_tokens, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_budget_fit(&c->budget, &c->rendered, &c->tokens, c->dropped, &c->n_dropped,
                                   &c->prompt, tk, context_of(model, context), (size_t)max_tokens,
                                   drops_shots(cli), err);
        c->measured = status == ATTUNE_OK;
    }
    attune_model_close(model);
    return status;
}

static bool was_dropped(const struct composed *c, size_t block)
{
    for (size_t i = 0; i < c->n_dropped; i++) {
        if (c->dropped[i] == block) {
            return true;
        }
    }
    return false;
}

static json_t *of_shot(const struct attune_prompt *prompt, size_t i)
{
    const struct attune_block *b = &prompt->blocks[i];

    return json_pack("{s:I, s:o, s:o}", "index", (json_int_t)i - 1, "input",
                     cli_json_text(b->text, strlen(b->text)), "output",
                     cli_json_text(b->answer, strlen(b->answer)));
}

static int print_json(struct cli *cli, const struct composed *c)
{
    json_t *ids = json_array(), *shots = json_array(), *dropped = json_array(), *object;

    for (size_t i = 0; i < c->tokens.n; i++) {
        json_array_append_new(ids, json_integer(c->tokens.ids[i]));
    }
    for (size_t i = 1; i + 1 < c->prompt.n; i++) {
        if (was_dropped(c, i)) {
            json_array_append_new(dropped, of_shot(&c->prompt, i));
        } else if (!c->prompt.blocks[i].off) {
            json_array_append_new(shots, of_shot(&c->prompt, i));
        }
    }
    object = json_pack(
        "{s:o, s:o, s:o, s:o, s:{s:I, s:I, s:I, s:I}}", "ids", ids, "shots", shots, "dropped",
        dropped, "template", cli_json_text(c->prompt.form.name, strlen(c->prompt.form.name)),
        "budget", "context", (json_int_t)c->budget.context, "prompt", (json_int_t)c->budget.prompt,
        "max_tokens", (json_int_t)c->budget.max_tokens, "left", (json_int_t)c->budget.left);
    cli_json_set_bytes(object, "text", c->rendered.text, c->rendered.len);
    if (c->prompt.record) { /* how the shots were chosen */
        json_object_set_new(object, "record", json_loads(c->prompt.record, 0, NULL));
    }
    return cli_print_json(cli, object);
}

/* The text as it is sent, to the byte. */
static int write_text(struct cli *cli, const struct composed *c)
{
    const char *path = cli_value(cli, "output");
    FILE *f = fopen(path, "wb");
    struct attune_error err;
    bool done = f && fwrite(c->rendered.text, 1, c->rendered.len, f) == c->rendered.len;

    done = f && fclose(f) == 0 && done;
    if (!done) {
        attune_error_set(&err, ATTUNE_IO, 0, "%s: cannot be written: %s", path, strerror(errno));
        return cli_fail(cli, &err);
    }
    return CLI_OK;
}

static int print(struct cli *cli, const struct composed *c)
{
    if (cli->json) {
        return print_json(cli, c);
    }
    if (c->n_dropped) {
        cli_note(cli, "%zu of %zu shots were dropped, the first ones", c->n_dropped,
                 c->n_dropped + attune_prompt_shots(&c->prompt));
    }
    if (cli_value(cli, "output")) {
        return write_text(cli, c);
    }
    cli_print_text(cli, c->rendered.text, c->rendered.len);
    if (c->measured) {
        cli_note(cli, "%zu tokens, %zu may follow, the context holds %zu: %lld left",
                 c->budget.prompt, c->budget.max_tokens, c->budget.context,
                 (long long)c->budget.left);
    }
    return CLI_OK;
}

static int save(struct cli *cli, struct attune_prompt *prompt, struct attune_error *err)
{
    const char *name = cli_value(cli, "save");
    bool added;
    int number, status;

    if (!name) {
        return ATTUNE_OK;
    }
    status = attune_prompt_save(&number, &added, prompt, name, cli_value(cli, "note"), err);
    if (status == ATTUNE_OK) {
        cli_note(cli, added ? "%s: saved as version %d" : "%s: version %d says the same", name,
                 number);
    }
    return status;
}

/* What can be wrong about the choice of shots before anything is read. */
static int check_choice(struct cli *cli, long shots)
{
    const char *how = cli_value(cli, "pick");
    const char *rule = cli_value(cli, "cut");
    enum attune_cut_rule cut_rule;
    enum attune_pick pick;
    long seed;

    if ((shots > 0 || how) && !cli_value(cli, "examples")) {
        return cli_wrong(cli, "compose: %s wants --examples FILE to take them from",
                         how ? "--pick" : "--shots");
    }
    if (rule && !attune_cut_find(&cut_rule, rule)) {
        return cli_wrong(cli, "compose: --cut %s: there are none, shots, left and middle", rule);
    }
    if (how && !attune_pick_find(&pick, how)) {
        return cli_wrong(cli, "compose: --pick %s: there are first, random, balanced and nearest",
                         how);
    }
    return cli_long(cli, "seed", 0, LONG_MAX, &seed);
}

static int run(struct cli *cli)
{
    struct composed c = {.n_dropped = 0};
    const char *from = cli_value(cli, "from");
    struct attune_error err = {0};
    long shots = -1, max_tokens = 128, context = 0;
    int status = cli_long(cli, "shots", 0, 1 << 20, &shots);

    if (status == CLI_OK) {
        status = cli_long(cli, "max-tokens", 0, 1 << 30, &max_tokens);
    }
    if (status == CLI_OK) {
        status = cli_long(cli, "context", 1, 1 << 30, &context);
    }
    if (status == CLI_OK) {
        status = check_choice(cli, shots);
    }
    if (status != CLI_OK) {
        return status;
    }
    status = from ? attune_prompt_load(&c.prompt, from, &err) : attune_prompt_init(&c.prompt, &err);
    if (status == ATTUNE_OK) {
        status = put_together(cli, &c.prompt, shots, &err);
    }
    if (status == ATTUNE_OK) {
        status = measure(cli, &c, context, max_tokens, &err);
    }
    if (status == ATTUNE_OK) {
        status = save(cli, &c.prompt, &err);
    }
    status = status == ATTUNE_OK ? print(cli, &c) : cli_fail(cli, &err);
    free(c.dropped);
    attune_rendered_done(&c.rendered);
    attune_tokens_done(&c.tokens);
    attune_prompt_done(&c.prompt);
    return status;
}

const struct cmd_ops cmd_compose = {
    .name = "compose",
    .args = "--query TEXT [--template F] [--task T] [--examples F --shots K]",
    .help = "a prompt from a template, a task, shots and a query, and whether it fits",
    .groups = CLI_MODEL | CLI_OUTPUT,
    .options = options,
    .run = run,
};
