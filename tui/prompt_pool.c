/* Shots from a pool into the composer: load_shots NAME [HOW MANY] [WAY] [SEED] [skip]. */
#include <config.h>

#include "prompt_act.h"

#include <attune/pool.h>
#include <attune/rng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wish {
    char name[512];
    struct attune_pick_options options;
    bool seeded, skip;
};

/* Takes the last word away if it says something about the choice. */
static bool take_word(struct wish *w)
{
    char *space = strrchr(w->name, ' '), *end;
    long number;

    if (!space || !space[1]) {
        return false;
    }
    if (strcmp(space + 1, "skip") == 0) {
        w->skip = true;
    } else if (!attune_pick_find(&w->options.how, space + 1)) {
        number = strtol(space + 1, &end, 10);
        if (*end || number < 0 || w->options.count >= 0) {
            return false;
        }
        w->options.count = number;
    } else if (w->options.count >= 0) { /* the number behind the way was its seed */
        w->seeded = true;
        w->options.seed = (uint64_t)w->options.count;
        w->options.count = -1;
    }
    *space = '\0';
    return true;
}

static void say(struct panel *panel, const struct wish *w, const struct attune_pool *pool, size_t n)
{
    char broken[96] = "";

    if (pool->n_broken) {
        snprintf(broken, sizeof broken, "; %zu broken lines left out, the first is line %zu",
                 pool->n_broken, pool->broken[0].line);
    }
    if (w->options.how == ATTUNE_PICK_FIRST) {
        bench_say(panel->bench, false, "%zu of %zu shots of %.80s%s", n, pool->n, pool->name,
                  broken);
    } else {
        bench_say(panel->bench, false, "%zu of %zu shots of %.80s, %s, seed %llu%s", n, pool->n,
                  pool->name, attune_pick_text(w->options.how), (unsigned long long)w->options.seed,
                  broken);
    }
}

bool prompt_load_shots(struct panel *panel, const char *arg)
{
    struct attune_prompt *prompt = &panel->bench->prompt;
    struct wish w = {.options.count = -1};
    struct attune_pool pool;
    struct attune_error err;
    size_t before = prompt->n;
    int status;

    if (!arg || !*arg) {
        return prompt_fail(panel, "load_shots: wants a file; then how many, then first, random, "
                                  "balanced or nearest, then a seed");
    }
    snprintf(w.name, sizeof w.name, "%s", arg);
    while (take_word(&w)) {
    }
    if (w.options.how == ATTUNE_PICK_NEAREST) {
        bench_pick_nearest(panel->bench, w.name, w.options.count, w.skip);
        return true;
    }
    w.options.seed = w.seeded ? w.options.seed : attune_rng_seed() >> 32; /* short enough to type */
    status = attune_pool_load(
        &pool, w.name, w.options.how == ATTUNE_PICK_FIRST ? w.options.count : -1, w.skip, &err);
    if (status == ATTUNE_OK) {
        status = attune_prompt_pick_shots(prompt, &pool, &w.options, NULL, &err);
        if (status == ATTUNE_OK) {
            say(panel, &w, &pool, prompt->n - before);
        }
        attune_pool_done(&pool);
    }
    if (status != ATTUNE_OK) {
        return prompt_fail(panel, err.text);
    }
    prompt_take(panel);
    return prompt_put(panel);
}
