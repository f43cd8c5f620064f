/* What a saved run had read and written, in a context again, with what was ablated there. And what
 * an encoder-decoder would write by itself. */
#include <config.h>

#include "cli_saved.h"

#include <attune/ablate.h>

#include <stdlib.h>
#include <string.h>

#include "cli_store.h"

/* ids [n] and the steps behind them, into one list: free(). */
static attune_token *join(const attune_token *ids, size_t n, const struct attune_step *steps,
                          size_t n_steps)
{
    attune_token *out = malloc((n + n_steps + 1) * sizeof *out);

    if (out && n) {
        memcpy(out, ids, n * sizeof *out);
    }
    for (size_t i = 0; out && i < n_steps; i++) {
        out[n + i] = steps[i].id;
    }
    return out;
}

/* The last token of a run was chosen, and nobody looked from there. */
static int fill(struct cli_context *out, const struct attune_run_record *r,
                const struct attune_step *steps, size_t n_steps, struct attune_error *err)
{
    bool two = r->n_decoder > 0;

    n_steps -= n_steps > 0;
    out->prompt.text = calloc(1, 1);
    out->prompt.n = two ? r->n_prompt : r->n_prompt + n_steps;
    out->prompt.ids = join(r->prompt_ids, r->n_prompt, steps, two ? 0 : n_steps);
    out->n_decoder = two ? r->n_decoder + n_steps : 0;
    out->decoder_ids = two ? join(r->decoder_ids, r->n_decoder, steps, n_steps) : NULL;
    return out->prompt.text && out->prompt.ids && (!two || out->decoder_ids)
               ? ATTUNE_OK
               : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static int read_again(struct cli *cli, struct cli_context *out, const struct attune_run_record *r,
                      struct attune_error *err)
{
    struct attune_context_options options = {.fast = r->fast,
                                             .activations = attune_engine_activations(r->engine)};
    struct attune_chain *chain = NULL;
    long threads = 0;
    size_t most = out->prompt.n > out->n_decoder ? out->prompt.n : out->n_decoder;
    int status = attune_chain_parse(&chain, r->chain, err);

    if (cli_long(cli, "threads", 1, 4096, &threads) != CLI_OK || most > INT32_MAX) {
        attune_chain_free(chain);
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "--threads is out of range");
    }
    options.n_threads = (int)threads;
    options.n_context = (int)most;
    if (status == ATTUNE_OK) {
        status = attune_context_new(&out->ctx, out->model, &options, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_context_ablate(
            out->ctx,
            cli_has(cli, "ablate") ? cli_value(cli, "ablate") : attune_chain_ablation(chain), err);
    }
    if (status == ATTUNE_OK) {
        status = cli_sync_context(cli, out, err);
    }
    attune_chain_free(chain);
    return status;
}

int cli_open_saved(struct cli *cli, struct cli_context *out, int64_t run, struct attune_error *err)
{
    struct attune_store *store = NULL;
    struct attune_run_record record = {0};
    struct attune_step *steps = NULL;
    size_t n = 0;
    int status = cli_open_store(cli, &store, ATTUNE_STORE_READ, err);

    memset(out, 0, sizeof *out);
    if (status == ATTUNE_OK) {
        status = attune_store_load_run(store, run, &record, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_store_load_steps(store, run, &steps, &n, err);
    }
    if (status == ATTUNE_OK) {
        status = cli_open_recorded(cli, &out->model, &record, err);
    }
    if (status == ATTUNE_OK) {
        status = fill(out, &record, steps, n, err);
    }
    if (status == ATTUNE_OK) {
        status = read_again(cli, out, &record, err);
    }
    free(steps);
    attune_run_record_done(&record);
    attune_store_close(store);
    if (status != ATTUNE_OK) {
        cli_context_done(out);
    }
    return status;
}

int cli_write_greedily(struct cli *cli, struct cli_context *c, size_t most,
                       struct attune_error *err)
{
    struct attune_chain *chain = NULL;
    struct attune_generation *gen = NULL;
    struct attune_generate_options options = {.max_tokens = most};
    struct attune_step step;
    int status = attune_chain_parse(&chain, "order=temperature temperature=0", err), more = 1;

    if (status == ATTUNE_OK) {
        status = attune_generation_start(&gen, c->ctx, chain, &options, err);
    }
    while (status == ATTUNE_OK && more > 0) {
        more = attune_generation_next(gen, &step, &cli->progress, err);
        status = more < 0 ? -more : ATTUNE_OK;
    }
    attune_generation_free(gen);
    attune_chain_free(chain);
    return status;
}
