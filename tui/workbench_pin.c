/* A distribution that stays while everything else changes: what the next ones are held against.
 *
 * It is kept as probabilities, before and after the knobs, over ids and over the next byte: models
 * with other vocabularies have the bytes in common. */
#include <config.h>

#include "workbench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill(const struct workbench *b, double *raw, double *final)
{
    for (size_t i = 0; i < b->trace.n_vocab; i++) {
        raw[i] = attune_dist_p(&b->trace.raw, b->logits[i]);
        final[i] = (double)b->trace.p[i];
    }
}

/* "tiny-decoder, 2-shot, next token, temperature=0.7": what made it. */
static void describe(const struct workbench *b, char *out, size_t capacity)
{
    size_t n = attune_chain_text(b->chain, NULL, 0), at, shots = attune_prompt_shots(&b->prompt);
    char *chain = malloc(n + 1), place[64] = "next token", *knobs;

    if (b->shown_step >= 0 && (size_t)b->shown_step < b->n_steps) {
        snprintf(place, sizeof place, "step %llu",
                 (unsigned long long)b->steps[b->shown_step].index);
    } else if (b->shown_prompt > 0 || bench_has_places(b)) {
        snprintf(place, sizeof place, "token %zu",
                 (b->shown_prompt ? b->shown_prompt : b->shown_place) + 1);
    }
    at = (size_t)snprintf(out, capacity, "%s", attune_model_info(b->model)->name);
    if (task_at(b->task)->shots && at < capacity) {
        at += (size_t)snprintf(out + at, capacity - at, ", %zu-shot", shots);
    }
    if (at < capacity) {
        at += (size_t)snprintf(out + at, capacity - at, ", %s", place);
    }
    if (chain) {
        attune_chain_text(b->chain, chain, n + 1);
        knobs = strchr(chain, ' '); /* behind the order */
        if (knobs && at < capacity) {
            snprintf(out + at, capacity - at, ",%s", knobs);
        }
    }
    free(chain);
}

static uint64_t vocabulary_of(const struct workbench *b)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(b->model);

    return tk ? attune_tokenizer_digest(tk) : 0;
}

int bench_pin(struct workbench *b)
{
    struct bench_pin *pin = &b->pin;
    const struct attune_tokenizer *tk = b->model ? attune_model_tokenizer(b->model) : NULL;
    size_t n = b->trace.n_vocab;
    double *p;

    if (!b->evaluated || !b->model || n == 0) {
        bench_say(b, true, "pin: there is no distribution to pin yet");
        return ATTUNE_ARGUMENT;
    }
    p = malloc(2 * n * sizeof *p);
    if (!p) {
        bench_say(b, true, "out of memory");
        return ATTUNE_MEMORY;
    }
    free(pin->p);
    *pin = (struct bench_pin){
        .p = p, .n = n, .vocabulary = vocabulary_of(b), .number = pin->number + 1};
    fill(b, p, p + n);
    pin->entropy_bits[0] = attune_bits(b->trace.raw.entropy);
    pin->entropy_bits[1] = b->trace.entropy_bits;
    for (int i = 0; i < 2 && tk; i++) {
        attune_shift_bytes(pin->bytes[i], tk, p + (size_t)i * n, n);
    }
    describe(b, pin->label, sizeof pin->label);
    bench_say(b, false, "pinned: %s", pin->label);
    return ATTUNE_OK;
}

void bench_unpin(struct workbench *b)
{
    free(b->pin.p);
    b->pin = (struct bench_pin){.number = b->pin.number + 1};
    bench_say(b, false, "nothing is pinned");
}

void bench_shift_done(struct bench_shift *s)
{
    free(s->p);
    *s = (struct bench_shift){0};
}

bool bench_shift(struct bench_shift *s, const struct workbench *b)
{
    const struct attune_tokenizer *tk = b->model ? attune_model_tokenizer(b->model) : NULL;
    const struct bench_pin *pin = &b->pin;
    size_t n = b->trace.n_vocab;
    double *p;

    if (!pin->p || !b->evaluated || !b->model || n == 0) {
        return false;
    }
    if (s->p && s->of_pin == pin->number && s->of_applied == b->applied) {
        return true;
    }
    p = realloc(s->p, 2 * n * sizeof *p);
    if (!p) {
        return false;
    }
    s->p = p;
    fill(b, p, p + n);
    s->on_bytes = n != pin->n || vocabulary_of(b) != pin->vocabulary;
    if (s->on_bytes && !tk) {
        return false;
    }
    for (int i = 0; i < 2; i++) {
        if (s->on_bytes) {
            attune_shift_bytes(s->bytes[i], tk, p + (size_t)i * n, n);
        }
        s->n = s->on_bytes ? ATTUNE_SHIFT_BYTES : n;
        s->was[i] = s->on_bytes ? pin->bytes[i] : pin->p + (size_t)i * n;
        s->is[i] = s->on_bytes ? s->bytes[i] : p + (size_t)i * n;
        attune_shift_of_p(&s->shift[i], s->was[i], s->is[i], s->n);
    }
    describe(b, s->label, sizeof s->label);
    s->of_pin = pin->number;
    s->of_applied = b->applied;
    return true;
}
