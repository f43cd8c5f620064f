/* What a step had in full, computed again in front of what was recorded before it. Hidden states
 * and weights have no digest in the record: they count because the logits behind them have theirs.
 */
#include <config.h>

#include <attune/pin.h>

#include <attune/ablate.h>
#include <attune/attention.h>
#include <attune/digest.h>

#include <stdlib.h>
#include <string.h>

#include "text.h"

struct past { /* what the model had in front of it */
    struct attune_run_record record;
    struct attune_step *steps;
    size_t n, at; /* at: place of the step */
    struct attune_chain *chain;
    struct attune_context *ctx;
    attune_token *ids; /* of the side that the step is on */
    size_t n_ids;
};

static int find_step(struct past *p, uint64_t step, struct attune_error *err)
{
    while (p->at < p->n && p->steps[p->at].index != step) {
        p->at++;
    }
    return p->at < p->n ? ATTUNE_OK
                        : attune_error_set(err, ATTUNE_NOT_FOUND, 0, "run %lld has no step %llu",
                                           (long long)p->record.id, (unsigned long long)step);
}

static int join(struct past *p, const struct attune_model *model, struct attune_error *err)
{
    const struct attune_run_record *r = &p->record;
    size_t own = r->n_decoder ? r->n_decoder : r->n_prompt;

    p->n_ids = own + p->at;
    p->ids = malloc((p->n_ids + 1) * sizeof *p->ids);
    if (!p->ids) {
        return text_no_memory(err);
    }
    memcpy(p->ids, r->n_decoder ? r->decoder_ids : r->prompt_ids, own * sizeof *p->ids);
    for (size_t i = 0; i < p->at; i++) {
        p->ids[own + i] = p->steps[i].id;
    }
    for (size_t i = 0; i < p->n_ids + r->n_prompt; i++) {
        attune_token id = i < p->n_ids ? p->ids[i] : r->prompt_ids[i - p->n_ids];

        if (id < 0 || id >= attune_model_info(model)->n_vocab) {
            return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                    "the record uses token %d, which the model does not have",
                                    (int)id);
        }
    }
    return ATTUNE_OK;
}

/* As it was computed (replay.c has the same), with what is to be pinned kept. */
static int open_context(struct past *p, enum attune_pin_kind kind, const struct attune_model *model,
                        int n_threads, struct attune_error *err)
{
    const struct attune_run_record *r = &p->record;
    size_t room = p->n_ids + r->n_prompt + 1;
    struct attune_context_options options = {.n_context = (int)room,
                                             .n_threads = n_threads,
                                             .no_queries = kind != ATTUNE_PIN_ATTENTION,
                                             .keep_hidden = kind == ATTUNE_PIN_HIDDEN,
                                             .fast = r->fast};
    int most = attune_model_info(model)->n_context, status;

    if (attune_engine_activations(r->engine) == ATTUNE_ACTIVATIONS_F32) {
        options.activations = ATTUNE_ACTIVATIONS_F32;
    }
    options.n_context = most > 0 && options.n_context > most ? most : options.n_context;
    status = attune_chain_parse(&p->chain, r->chain, err);
    if (status == ATTUNE_OK) {
        status = attune_context_new(&p->ctx, model, &options, err);
    }
    return status == ATTUNE_OK ? attune_context_ablate(p->ctx, attune_chain_ablation(p->chain), err)
                               : status;
}

static int read_past(struct past *p, struct attune_progress *progress, struct attune_error *err)
{
    const struct attune_run_record *r = &p->record;
    struct attune_input input = {.ids = p->ids, .n = p->n_ids};

    if (r->n_decoder) {
        input = (struct attune_input){
            .ids = r->prompt_ids, .n = r->n_prompt, .decoder_ids = p->ids, .n_decoder = p->n_ids};
    }
    return attune_context_sync(p->ctx, &input, progress, err);
}

static int make_room(struct attune_pin *out, int n_dims, uint64_t a, uint64_t b, uint64_t c,
                     struct attune_error *err)
{
    out->n_dims = n_dims;
    out->shape[0] = a;
    out->shape[1] = b;
    out->shape[2] = c;
    out->n = (size_t)(a * (n_dims > 1 ? b : 1) * (n_dims > 2 ? c : 1));
    free(out->values);
    out->values = calloc(out->n + 1, sizeof *out->values);
    return out->values ? ATTUNE_OK : text_no_memory(err);
}

static int take_logits(struct attune_pin *out, struct past *p, struct attune_error *err)
{
    size_t n = (size_t)attune_model_info(attune_context_model(p->ctx))->n_vocab;
    int status = make_room(out, 1, n, 0, 0, err);

    if (status == ATTUNE_OK) {
        status = attune_context_logits(p->ctx, p->n_ids - 1, 1, out->values, err);
    }
    if (status == ATTUNE_OK &&
        attune_digest_of(out->values, n * sizeof *out->values, 0) != p->steps[p->at].digest) {
        status =
            attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                             "step %llu of run %lld has other logits with this model and build: "
                             "only what was recorded can be pinned",
                             (unsigned long long)p->steps[p->at].index, (long long)p->record.id);
    }
    return status;
}

static int take_hidden(struct attune_pin *out, struct past *p, struct attune_error *err)
{
    const struct attune_model_info *info = attune_model_info(attune_context_model(p->ctx));
    int n = attune_context_hidden_count(p->ctx, ATTUNE_STACK_SELF);
    size_t width = (size_t)info->d_model;
    int status = make_room(out, 2, (uint64_t)n, width, 0, err);

    for (int i = 0; status == ATTUNE_OK && i < n; i++) {
        status = attune_context_hidden(p->ctx, ATTUNE_STACK_SELF, i, p->n_ids - 1, 1,
                                       out->values + (size_t)i * width, err);
    }
    return status;
}

static int take_attention(struct attune_pin *out, struct past *p, struct attune_error *err)
{
    enum attune_stack kind = p->record.n_decoder ? ATTUNE_STACK_DECODER : ATTUNE_STACK_SELF;
    struct attune_attention_shape shape;
    int status = attune_attention_shape(&shape, p->ctx, kind, err);

    if (status == ATTUNE_OK) {
        status =
            make_room(out, 3, (uint64_t)shape.n_layers, (uint64_t)shape.n_heads, p->n_ids, err);
    }
    for (int i = 0; status == ATTUNE_OK && i < shape.n_layers * shape.n_heads; i++) {
        status =
            attune_attention_slice(p->ctx, kind, i / shape.n_heads, i % shape.n_heads, p->n_ids - 1,
                                   1, 0, p->n_ids, out->values + (size_t)i * p->n_ids, err);
    }
    return status;
}

int attune_pin_compute(struct attune_pin *out, struct attune_store *store, int64_t run,
                       uint64_t step, enum attune_pin_kind kind, const struct attune_model *model,
                       int n_threads, struct attune_progress *progress, struct attune_error *err)
{
    static int (*const take[])(struct attune_pin *, struct past *,
                               struct attune_error *) = {take_logits, take_hidden, take_attention};
    struct past p = {0};
    int status = attune_store_load_run(store, run, &p.record, err);

    memset(out, 0, sizeof *out);
    if (status == ATTUNE_OK) {
        status = attune_store_load_steps(store, run, &p.steps, &p.n, err);
    }
    if (status == ATTUNE_OK) {
        status = find_step(&p, step, err);
    }
    if (status == ATTUNE_OK) {
        status = join(&p, model, err);
    }
    if (status == ATTUNE_OK) {
        status = open_context(&p, kind, model, n_threads, err);
    }
    if (status == ATTUNE_OK) {
        status = read_past(&p, progress, err);
    }
    if (status == ATTUNE_OK) {
        status = take_logits(out, &p, err); /* the proof, whatever is pinned */
    }
    if (status == ATTUNE_OK && kind != ATTUNE_PIN_LOGITS) {
        status = take[kind](out, &p, err);
    }
    out->kind = kind;
    out->step = step;
    if (status != ATTUNE_OK) {
        attune_pin_done(out);
    }
    attune_context_free(p.ctx);
    attune_chain_free(p.chain);
    free(p.ids);
    free(p.steps);
    attune_run_record_done(&p.record);
    return status;
}
