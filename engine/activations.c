/* Which form the vectors have that meet quantised matrices: its names, and what a context uses. */
#include <config.h>

#include "engine/activations.h"

#include <stdio.h>
#include <string.h>

#include "engine/quant.h"

static const char *const texts[] = {"auto", "f32", "q8"};
_Static_assert(sizeof texts / sizeof *texts == ATTUNE_ACTIVATIONS_COUNT, "a text for every one");

/* What an engine's line says after its fingerprint. */
static const char said[] = "; activations q8";

const char *attune_activations_text(enum attune_activations activations)
{
    return activations >= 0 && activations < ATTUNE_ACTIVATIONS_COUNT ? texts[activations]
                                                                      : "unknown";
}

int attune_activations_parse(enum attune_activations *out, const char *text,
                             struct attune_error *err)
{
    for (int i = 0; i < ATTUNE_ACTIVATIONS_COUNT; i++) {
        if (strcmp(text, texts[i]) == 0) {
            *out = (enum attune_activations)i;
            return ATTUNE_OK;
        }
    }
    return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                            "activations '%.40s': they are auto, f32 or q8", text);
}

enum attune_activations attune_engine_activations(const char *engine)
{
    return strstr(engine, said) ? ATTUNE_ACTIVATIONS_AUTO : ATTUNE_ACTIVATIONS_F32;
}

bool activations_quantised(const struct matrix *m)
{
    return m->type && m->type->unpack;
}

static bool any_quantised(const struct stack *stack)
{
    for (int l = 0; l < stack->n_layers; l++) {
        const struct layer *layer = &stack->layers[l];
        const struct matrix *const all[] = {&layer->self.q,  &layer->self.k,  &layer->self.v,
                                            &layer->self.o,  &layer->cross.q, &layer->cross.k,
                                            &layer->cross.v, &layer->cross.o, &layer->up,
                                            &layer->gate,    &layer->down};

        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
            if (activations_quantised(all[i])) {
                return true;
            }
        }
    }
    return false;
}

bool activations_any_quantised(const struct recipe *r)
{
    for (int i = 0; i < ATTUNE_OUTPUT_COUNT; i++) {
        if (activations_quantised(&r->outputs[i].dense) ||
            activations_quantised(&r->outputs[i].out)) {
            return true;
        }
    }
    return activations_quantised(&r->project_in) || any_quantised(&r->main) ||
           any_quantised(&r->encoder);
}

int activations_choose(struct attune_context *ctx, enum attune_activations wanted,
                       struct attune_error *err)
{
    bool quantised = ctx->model->quantised;

    if (wanted == ATTUNE_ACTIVATIONS_Q8 && !quantised) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "activations q8: %.80s has no quantised matrix that they could "
                                "meet; leave it at auto",
                                ctx->model->info.name);
    }
    ctx->activations = quantised && wanted != ATTUNE_ACTIVATIONS_F32 ? ATTUNE_ACTIVATIONS_Q8
                                                                     : ATTUNE_ACTIVATIONS_F32;
    snprintf(ctx->engine, sizeof ctx->engine, "%s%s", attune_engine_fingerprint(),
             ctx->activations == ATTUNE_ACTIVATIONS_Q8 ? said : "");
    ctx->integer = integer_pick(ctx->kernel);
    return ATTUNE_OK;
}

enum attune_activations attune_context_activations(const struct attune_context *ctx)
{
    return ctx->activations;
}

const char *attune_context_engine(const struct attune_context *ctx)
{
    return ctx->engine;
}
