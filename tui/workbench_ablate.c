/* What is ablated in the model, as the screen sets it: a part of the chain's line, so that a run
 * has it in its record, and another evaluation, with the distribution of the model as it is beside
 * it. */
#include <config.h>

#include "workbench.h"

#include <attune/ablate.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "workbench_event.h"

int bench_ablate(struct workbench *b, const char *text)
{
    struct attune_error err = {0};
    char *shortest = NULL;
    int status;

    if (!b->model) {
        bench_say(b, true, "ablate: no model is open");
        return ATTUNE_ARGUMENT;
    }
    status = attune_ablation_text(&shortest, b->model, text, &err);
    if (status == ATTUNE_OK) {
        status = attune_chain_set_ablation(b->chain, shortest, &err);
    }
    if (status != ATTUNE_OK) {
        free(shortest);
        return bench_fail(b, &err);
    }
    if (*shortest) {
        bench_say(b, false, "ablated: %s", shortest);
    } else {
        bench_say(b, false, "nothing is ablated");
    }
    free(shortest);
    bench_prompt_changed(b);
    return ATTUNE_OK;
}

/* "2.1", "encoder.2.1", "cross.2.1"; head -1: the layer. */
static void name_item(char out[48], enum attune_stack kind, int layer, int head)
{
    const char *stack = kind == ATTUNE_STACK_ENCODER              ? "encoder."
                        : kind == ATTUNE_STACK_CROSS && head >= 0 ? "cross."
                                                                  : "";

    if (head < 0) {
        snprintf(out, 48, "%s%d", stack, layer);
    } else {
        snprintf(out, 48, "%s%d.%d", stack, layer, head);
    }
}

enum attune_ablated bench_ablated(const struct workbench *b, enum attune_stack kind, int layer,
                                  int head)
{
    const char *text = attune_chain_ablation(b->chain);
    char item[48];

    if (!b->model || !*text) {
        return ATTUNE_ABLATED_NOT;
    }
    name_item(item, kind, layer, head);
    return attune_ablation_of(b->model, text, item);
}

int bench_turn_ablation(struct workbench *b, enum attune_stack kind, int layer, int head)
{
    static const char *const next[] = {[ATTUNE_ABLATED_NOT] = "zero",
                                       [ATTUNE_ABLATED_ZERO] = "mean",
                                       [ATTUNE_ABLATED_MEAN] = "off"};
    const char *text = attune_chain_ablation(b->chain);
    size_t size = strlen(text) + 64;
    char item[48], *longer = malloc(size);
    int status;

    if (!longer) {
        bench_say(b, true, "out of memory");
        return ATTUNE_MEMORY;
    }
    name_item(item, kind, layer, head);
    snprintf(longer, size, "%s%s%s:%s", text, *text ? "," : "", item,
             next[bench_ablated(b, kind, layer, head)]);
    status = bench_ablate(b, longer);
    free(longer);
    return status;
}
