/* What most verbs start from: a model, a prompt, and a context that holds the prompt. */
#include <config.h>

#include "cli.h"

#include <attune/ablate.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

int cli_get_list(struct cli *cli, const char *option, size_t n, int most, uint8_t **out,
                 struct attune_error *err)
{
    const char *list = cli_value(cli, option);
    attune_token *values = NULL;
    size_t count = 0;
    int status;

    *out = NULL;
    if (!list) {
        return ATTUNE_OK;
    }
    status = cli_parse_ids(&values, &count, list, err);
    if (status == ATTUNE_OK && count != n) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0, "--%s: has %zu values for %zu tokens",
                                  option, count, n);
    }
    if (status == ATTUNE_OK) {
        *out = calloc(n + 1, 1);
        status = *out ? ATTUNE_OK : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        if (values[i] > most) {
            status =
                attune_error_set(err, ATTUNE_ARGUMENT, 0, "--%s: value %zu is %ld, not 0%s%d",
                                 option, i + 1, (long)values[i], most == 1 ? " or " : " to ", most);
        }
        (*out)[i] = (uint8_t)values[i];
    }
    if (status != ATTUNE_OK) {
        free(*out);
        *out = NULL;
    }
    free(values);
    return status;
}

/* As many positions as will be used, so that a model made for 128,000 does not take memory for all.
 * An encoder-decoder has two sides, each with its own count: there the model's limit stands. */
static int wanted_positions(struct cli *cli, const struct cli_context *c, size_t room)
{
    const struct attune_model_info *info = attune_model_info(c->model);
    size_t limit = info->n_context > 0 ? (size_t)info->n_context : 0;
    long given = 0;

    if (cli_has(cli, "context")) {
        return cli_long(cli, "context", 1, INT_MAX, &given) == CLI_OK ? (int)given : -1;
    }
    if (info->kind == ATTUNE_SEQ2SEQ || room >= limit || c->prompt.n >= limit - room) {
        return 0;
    }
    return (int)(c->prompt.n + room);
}

int cli_sync_context(struct cli *cli, struct cli_context *c, struct attune_error *err)
{
    struct attune_input input = {.ids = c->prompt.ids,
                                 .n = c->prompt.n,
                                 .decoder_ids = c->decoder_ids,
                                 .n_decoder = c->n_decoder};
    uint8_t *types = NULL, *mask = NULL;
    int status = cli_get_list(cli, "type-ids", input.n, UINT8_MAX, &types, err);

    if (status == ATTUNE_OK) {
        status = cli_get_list(cli, "mask", input.n, 1, &mask, err);
    }
    input.type_ids = types;
    input.mask = mask;
    if (status == ATTUNE_OK) {
        cli_begin(cli, "reading the prompt");
        status = attune_context_sync(c->ctx, &input, &cli->progress, err);
        cli_end(cli);
    }
    free(types);
    free(mask);
    return status;
}

int cli_context_options(struct cli *cli, struct attune_context_options *out,
                        struct attune_error *err)
{
    const char *activations = cli_value(cli, "activations"), *kv = cli_value(cli, "kv-type");
    long threads = 0;
    int status = ATTUNE_OK;

    if (cli_long(cli, "threads", 1, 4096, &threads) != CLI_OK) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "the number of threads is out of range");
    }
    out->n_threads = (int)threads;
    out->fast = cli_has(cli, "fast");
    out->progress = &cli->progress;
    if (activations) {
        status = attune_activations_parse(&out->activations, activations, err);
    }
    return kv && status == ATTUNE_OK ? attune_kv_type_parse(&out->kv_type, kv, err) : status;
}

int cli_open_context(struct cli *cli, struct cli_context *out,
                     struct attune_context_options options, size_t room, bool sync,
                     struct attune_error *err)
{
    const char *decoder = cli_value(cli, "decoder-ids");
    int status;

    memset(out, 0, sizeof *out);
    status = cli_context_options(cli, &options, err);
    if (status == ATTUNE_OK) {
        status = cli_open_model(cli, &out->model, err);
    }
    if (status == ATTUNE_OK) {
        status = cli_get_prompt(cli, out->model, &out->prompt, err);
    }
    if (status == ATTUNE_OK && decoder) {
        status = cli_parse_ids(&out->decoder_ids, &out->n_decoder, decoder, err);
    }
    if (status == ATTUNE_OK) {
        options.n_context = wanted_positions(cli, out, room);
        status = options.n_context < 0 ? attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                                          "the number of positions is out of range")
                                       : attune_context_new(&out->ctx, out->model, &options, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_context_ablate(out->ctx, cli_value(cli, "ablate"), err);
    }
    if (status == ATTUNE_OK && sync) {
        status = cli_sync_context(cli, out, err);
    }
    if (status != ATTUNE_OK) {
        cli_context_done(out);
    }
    return status;
}

void cli_context_done(struct cli_context *c)
{
    attune_context_free(c->ctx);
    cli_prompt_done(&c->prompt);
    free(c->decoder_ids);
    attune_model_close(c->model);
    memset(c, 0, sizeof *c);
}
