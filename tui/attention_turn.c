/* Turns of what all attention panels show. */
#include <config.h>

#include "attention_turn.h"

#include <string.h>

#include "view.h"

static int clamped(int at, int n)
{
    return at < 0 || n < 1 ? 0 : at < n ? at : n - 1;
}

void attention_keep_in_range(struct workbench *b)
{
    if (b->model && !bench_has_kind(b, b->kind)) {
        b->kind = bench_has_kind(b, ATTUNE_STACK_SELF) ? ATTUNE_STACK_SELF : ATTUNE_STACK_CROSS;
    }
    b->layer = clamped(b->layer, bench_layers(b, b->kind));
    b->head = clamped(b->head, bench_heads(b));
}

/* Around at the ends, so that one key visits every head. */
static void turn(int *value, int n, int by)
{
    if (n > 0) {
        *value = (*value + by + n) % n;
    }
}

static void set_number(struct workbench *b, const char *name, int *value, int n, const char *arg)
{
    long number = view_long(arg, -1);

    if (n > 0 && (number < 0 || number >= n)) {
        bench_say(b, true, "%s: wants a number from 0 to %d", name, n - 1);
    } else if (n > 0) {
        *value = (int)number;
    }
}

static void set_kind(struct workbench *b, const char *arg)
{
    int named = 0;

    while (named < ATTUNE_STACK_COUNT &&
           strcmp(attune_stack_text((enum attune_stack)named), arg ? arg : "") != 0) {
        named++;
    }
    if (arg && *arg &&
        (named == ATTUNE_STACK_COUNT || !bench_has_kind(b, (enum attune_stack)named))) {
        bench_say(b, true, "kind %s: this model has %s", arg,
                  bench_has_kind(b, ATTUNE_STACK_SELF) ? "self" : "encoder, decoder and cross");
        return;
    }
    if (arg && *arg) {
        b->kind = (enum attune_stack)named;
        return;
    }
    for (int i = 1; i <= ATTUNE_STACK_COUNT; i++) {
        enum attune_stack kind = (enum attune_stack)(((int)b->kind + i) % ATTUNE_STACK_COUNT);

        if (bench_has_kind(b, kind)) {
            if (kind == b->kind) {
                bench_say(b, false, "this model has one kind of attention: %s",
                          attune_stack_text(kind));
            }
            b->kind = kind;
            return;
        }
    }
}

bool attention_turn(struct workbench *b, const char *action, const char *arg)
{
    static const struct {
        const char *name;
        bool layer;
        int by;
    } turns[] = {{"layer_previous", true, -1},
                 {"layer_next", true, 1},
                 {"head_previous", false, -1},
                 {"head_next", false, 1}};
    int layers, heads = bench_heads(b);

    attention_keep_in_range(b);
    layers = bench_layers(b, b->kind);
    b->frame++;
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        if (strcmp(turns[i].name, action) == 0) {
            turn(turns[i].layer ? &b->layer : &b->head, turns[i].layer ? layers : heads,
                 turns[i].by);
            return true;
        }
    }
    if (strcmp(action, "layer") == 0) {
        set_number(b, action, &b->layer, layers, arg);
    } else if (strcmp(action, "head") == 0) {
        set_number(b, action, &b->head, heads, arg);
    } else if (strcmp(action, "kind") == 0) {
        set_kind(b, arg);
    } else if (strcmp(action, "ablate") == 0) {
        bench_ablate(b, arg ? arg : "");
    } else if (strcmp(action, "ablate_head") == 0 || strcmp(action, "ablate_layer") == 0) {
        bench_turn_ablation(b, b->kind, b->layer, action[7] == 'h' ? b->head : -1);
    } else {
        return false;
    }
    return true;
}
