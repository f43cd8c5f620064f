/* Positions: what the model has read and what it wrote, in one row of tokens.
 *
 *   decoder, encoder     prompt ...................... | run
 *   encoder-decoder      what the encoder reads | start | run */
#include <config.h>

#include "workbench.h"

#include "workbench_event.h"

#include <stdlib.h>
#include <string.h>

/* Does the model read two sides? Of a replayed run its record says it. */
static bool has_two_sides(const struct workbench *b)
{
    return b->replayed ? b->record.n_decoder > 0
                       : b->model && attune_model_info(b->model)->kind == ATTUNE_SEQ2SEQ;
}

static size_t n_read(const struct workbench *b)
{
    return b->replayed ? b->record.n_prompt : b->tokens.n;
}

size_t bench_n_encoder(const struct workbench *b)
{
    return has_two_sides(b) ? n_read(b) : 0;
}

size_t bench_n_prompt(const struct workbench *b)
{
    return n_read(b) + (b->replayed ? b->record.n_decoder : has_two_sides(b) && b->tokens.n > 0);
}

size_t bench_n_tokens(const struct workbench *b)
{
    return bench_n_prompt(b) + b->n_steps;
}

struct bench_span bench_side(const struct workbench *b, enum attune_stack kind, bool queries)
{
    size_t encoder = bench_n_encoder(b),
           n = bench_n_prompt(b) + (b->shown_step > 0 ? (size_t)b->shown_step : 0);

    if (encoder > 0 && (kind == ATTUNE_STACK_ENCODER || (kind == ATTUNE_STACK_CROSS && !queries))) {
        return (struct bench_span){0, encoder};
    }
    return (struct bench_span){encoder, n - encoder};
}

attune_token bench_token_at(const struct workbench *b, size_t i)
{
    size_t read = n_read(b), n_prompt = bench_n_prompt(b);

    if (i < read) {
        return b->replayed ? b->record.prompt_ids[i] : b->tokens.ids[i];
    }
    if (i < n_prompt) {
        return b->replayed ? b->record.decoder_ids[i - read]
                           : attune_model_info(b->model)->decoder_start;
    }
    return i - n_prompt < b->n_steps ? b->steps[i - n_prompt].id : ATTUNE_TOKEN_NONE;
}

size_t bench_token_bytes(const struct workbench *b, size_t i, char *out, size_t capacity)
{
    size_t n_prompt = bench_n_prompt(b), n;
    const struct attune_step *step;

    if (i >= n_prompt &&
        i - n_prompt < b->n_steps) { /* a step brings its bytes, with or without the model */
        step = &b->steps[i - n_prompt];
        n = step->n_bytes < capacity ? step->n_bytes : capacity;
        memcpy(out, step->bytes, n);
        return step->n_bytes;
    }
    if (!b->model || !attune_model_tokenizer(b->model)) {
        return 0;
    }
    return attune_token_bytes(attune_model_tokenizer(b->model), bench_token_at(b, i), out,
                              capacity);
}

int bench_history(const struct workbench *b, attune_token **out, size_t *n)
{
    struct bench_span side = bench_side(b, ATTUNE_STACK_DECODER, true);

    *n = side.n;
    *out = malloc((*n + 1) * sizeof **out);
    if (!*out) {
        return ATTUNE_MEMORY;
    }
    for (size_t i = 0; i < side.n; i++) {
        (*out)[i] = bench_token_at(b, side.first + i);
    }
    return ATTUNE_OK;
}
