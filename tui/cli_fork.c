/* What a fork begins with. */
#include <config.h>

#include "cli_fork.h"

#include <stdlib.h>
#include <string.h>

static int read_place(struct cli_fork *fork, struct cli *cli, struct attune_place *place,
                      struct attune_error *err)
{
    long token = ATTUNE_TOKEN_NONE;

    *place = cli_place(cli_value(cli, "fork"));
    if (!place->at_step) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "--fork wants RUN:STEP, such as 3:7, not %s",
                                cli_value(cli, "fork"));
    }
    for (int i = 0; i < 4; i++) {
        static const char *const others[] = {"prompt", "file", "ids", "decoder-ids"};

        if (cli_has(cli, others[i])) {
            return attune_error_set(
                err, ATTUNE_ARGUMENT, 0,
                "--fork begins with what the run read: --%s does not go with it", others[i]);
        }
    }
    if (cli_long(cli, "token", 0, INT32_MAX, &token) != CLI_OK) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "--token wants the id of a token");
    }
    fork->token = (attune_token)token;
    return ATTUNE_OK;
}

/* The ids of the side that goes on: the origin's, the kept steps, the token put in. */
static int join(struct cli_fork *fork, const struct attune_step *steps, struct cli_context *source,
                struct attune_error *err)
{
    const struct attune_run_record *r = &fork->origin;
    const attune_token *begin = r->n_decoder ? r->decoder_ids : r->prompt_ids;
    size_t n_begin = r->n_decoder ? r->n_decoder : r->n_prompt, n = n_begin;
    attune_token *ids = malloc((n_begin + fork->kept + 1) * sizeof *ids),
                 *first = malloc((r->n_prompt + 1) * sizeof *first);

    source->prompt.text = calloc(1, 1);
    if (!ids || !first || !source->prompt.text) {
        free(ids);
        free(first);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    memcpy(ids, begin, n_begin * sizeof *ids);
    for (size_t i = 0; i < fork->kept; i++) {
        ids[n++] = steps[i].id;
    }
    if (fork->token != ATTUNE_TOKEN_NONE) {
        ids[n++] = fork->token;
    }
    memcpy(first, r->prompt_ids, r->n_prompt * sizeof *first);
    source->prompt.ids = r->n_decoder ? first : ids;
    source->prompt.n = r->n_decoder ? r->n_prompt : n;
    source->decoder_ids = r->n_decoder ? ids : NULL;
    source->n_decoder = r->n_decoder ? n : 0;
    if (!r->n_decoder) {
        free(first);
    }
    return ATTUNE_OK;
}

static int open_context(struct cli *cli, struct cli_context *source, size_t room,
                        struct attune_error *err)
{
    const struct attune_model_info *info = attune_model_info(source->model);
    struct attune_context_options options = {.no_queries = true};
    long positions = 0;
    int status = cli_context_options(cli, &options, err);

    if (status == ATTUNE_OK && cli_long(cli, "context", 1, INT32_MAX, &positions) != CLI_OK) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0, "--context is out of range");
    }
    if (status != ATTUNE_OK) {
        return status;
    }
    for (size_t i = 0; i < source->prompt.n; i++) {
        if (source->prompt.ids[i] >= info->n_vocab) {
            return attune_error_set(err, ATTUNE_ARGUMENT, 0, "token %d: the model has %d",
                                    (int)source->prompt.ids[i], info->n_vocab);
        }
    }
    if (!positions && info->kind != ATTUNE_SEQ2SEQ && info->n_context > 0 &&
        room < (size_t)info->n_context && source->prompt.n + room < (size_t)info->n_context) {
        positions = (long)(source->prompt.n + room);
    }
    options.n_context = (int)positions;
    return attune_context_new(&source->ctx, source->model, &options, err);
}

int cli_fork_open(struct cli_fork *out, struct cli *cli, struct attune_store *store,
                  struct cli_context *source, size_t *room, struct attune_error *err)
{
    struct attune_step *steps = NULL;
    struct attune_place place;
    size_t n = 0;
    int status;

    memset(out, 0, sizeof *out);
    status = read_place(out, cli, &place, err);
    if (status == ATTUNE_OK) {
        status = attune_store_load_run(store, place.run, &out->origin, err);
    }
    if (status == ATTUNE_OK && *out->origin.origin) {
        status = attune_error_set(
            err, ATTUNE_UNSUPPORTED, 0,
            "run %lld came from %s as text: it has no tokens to fork; run its prompt anew",
            (long long)place.run, out->origin.origin);
    }
    if (status == ATTUNE_OK) {
        status = attune_store_load_steps(store, place.run, &steps, &n, err);
    }
    if (status == ATTUNE_OK &&
        (place.step < out->origin.first_step || place.step - out->origin.first_step > n)) {
        status = attune_error_set(
            err, ATTUNE_NOT_FOUND, 0, "run %lld has the steps %llu to %llu: none to fork at %llu",
            (long long)place.run, (unsigned long long)out->origin.first_step,
            (unsigned long long)(out->origin.first_step + n), (unsigned long long)place.step);
    }
    if (status == ATTUNE_OK) {
        out->kept = (size_t)(place.step - out->origin.first_step);
        status = join(out, steps, source, err);
    }
    if (status == ATTUNE_OK && *out->origin.prompt_json &&
        attune_prompt_from_json(&out->blocks, out->origin.prompt_json,
                                strlen(out->origin.prompt_json), NULL) == ATTUNE_OK) {
        out->prompt = &out->blocks;
    }
    if (status == ATTUNE_OK) {
        status = cli_open_recorded(cli, &source->model, &out->origin, err);
    }
    if (status == ATTUNE_OK && attune_model_info(source->model)->kind == ATTUNE_SEQ2SEQ &&
        !out->origin.n_decoder) {
        status = attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                  "run %lld does not say what its decoder began with: run it again "
                                  "and fork that",
                                  (long long)out->origin.id);
    }
    if (status == ATTUNE_OK) {
        size_t done = out->kept + (out->token != ATTUNE_TOKEN_NONE);

        if (!cli_has(cli, "max-tokens") && out->origin.max_tokens > done) {
            *room = out->origin.max_tokens - done;
        }
        status = open_context(cli, source, *room, err);
    }
    free(steps);
    return status;
}

void cli_fork_done(struct cli_fork *fork)
{
    attune_run_record_done(&fork->origin);
    attune_prompt_done(&fork->blocks);
}

void cli_fork_options(const struct cli_fork *fork, struct cli *cli,
                      struct attune_generate_options *options)
{
    const struct attune_run_record *r = &fork->origin;

    options->first_step = r->first_step + fork->kept + (fork->token != ATTUNE_TOKEN_NONE);
    options->seed = cli_has(cli, "seed") ? options->seed : r->seed;
    options->ignore_end = options->ignore_end || r->ignore_end;
    if (options->n_stops == 0 && r->n_stops) {
        free((void *)options->stops);
        options->stops = calloc(r->n_stops, sizeof *options->stops);
        for (size_t i = 0; options->stops && i < r->n_stops; i++) {
            ((const char **)options->stops)[options->n_stops++] = r->stops[i];
        }
    }
}
