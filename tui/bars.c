/* Top, knob and status line. What matters most stands first; what does not fit is left out as a
 * whole. */
#include <config.h>

#include "bars.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const states[] = {
    [BENCH_LOADING] = "loading",     [BENCH_IDLE] = "ready",
    [BENCH_EVALUATING] = "reading",  [BENCH_GENERATING] = "generating",
    [BENCH_REPLAYING] = "replaying", [BENCH_FAILED] = "failed",
};

size_t bars_key_label(const struct key *key, bool with_alt, char *out, size_t capacity)
{
    char text[64];

    if (with_alt) {
        key_text(key, text, sizeof text);
        return (size_t)snprintf(out, capacity, "Alt-%s", text);
    }
    if (key->kind == KEY_CHAR && key->mods == MOD_CTRL && key->code > ' ' && key->code < 127) {
        return (size_t)snprintf(out, capacity, "^%c", toupper((int)key->code));
    }
    key_text(key, text, sizeof text);
    if (key->kind == KEY_NAMED && key->code == NAMED_BACKTAB) {
        return (size_t)snprintf(out, capacity, "Shift-Tab");
    }
    if (key->kind == KEY_NAMED || key->mods) {
        text[0] = (char)toupper((unsigned char)text[0]);
    }
    return (size_t)snprintf(out, capacity, "%s", text);
}

/* Text with a blank around, if it fits before `limit`; returns where the next goes. */
static int put(struct canvas *c, struct rect row, int x, int limit, struct style s,
               const char *text)
{
    int columns = text_columns(text, strlen(text));

    if (x + columns + 2 > limit) {
        return x;
    }
    canvas_text(c, row, 0, x + 1, text, strlen(text), s);
    return x + columns + 2;
}

static int top_right(struct canvas *c, struct rect row, const struct workbench *b, struct style s)
{
    char text[128];
    double done = b->progress_total ? (double)b->progress_done / (double)b->progress_total : 0;
    bool works = b->progress_total > 0 && b->state != BENCH_IDLE && b->state != BENCH_FAILED;
    int columns, x;

    if (works) {
        snprintf(text, sizeof text, "%s           %3.0f%%", states[b->state],
                 (done < 1 ? done : 1) * 100);
    } else {
        snprintf(text, sizeof text, "%s", states[b->state]);
    }
    columns = text_columns(text, strlen(text));
    x = row.cols - columns - 1;
    if (x < 1) {
        return row.cols;
    }
    canvas_text(c, row, 0, x, text, strlen(text),
                b->state == BENCH_FAILED ? style_reverse(style_of(c, ROLE_ERROR)) : s);
    if (works) {
        struct style bar = style_of(c, ROLE_BAR_FINAL);

        bar.bg = s.bg;
        canvas_bar(c, row, 0, x + (int)strlen(states[b->state]) + 1, 10, done, bar);
    }
    return x - 1;
}

void bars_top(struct canvas *c, struct rect row, const struct workbench *b)
{
    struct style s = style_of(c, ROLE_STATUS), bold = s;
    const struct attune_model_info *info = b->model ? attune_model_info(b->model) : NULL;
    size_t shots = attune_prompt_shots(&b->prompt), used = bench_n_tokens(b);
    const char *name = info && info->name[0] ? info->name
                       : b->model_path       ? b->model_path
                                             : "no model";
    const char *slash = strrchr(name, '/');
    char text[160];
    int limit, x;

    if (used > b->n_context && b->tokens.n <= b->n_context) {
        used = b->n_context; /* the last token of a run is drawn, not read: it needs no position */
    }

    bold.attrs |= ATTR_BOLD;
    canvas_fill(c, row, ' ', s);
    limit = top_right(c, row, b, s);
    x = put(c, row, 0, limit, bold, slash && slash[1] ? slash + 1 : name);
    snprintf(text, sizeof text, "%zu-shot", shots);
    x = put(c, row, x, limit, s, task_at(b->task)->shots ? text : task_at(b->task)->title);
    if (bench_n_encoder(b) > 0 && b->n_context > 0) {
        snprintf(text, sizeof text, "encoder %zu, decoder %zu of %zu", bench_n_encoder(b),
                 used - bench_n_encoder(b), b->n_context);
        x = put(c, row, x, limit, s, text);
    } else if (b->n_context > 0) {
        snprintf(text, sizeof text, "context %zu/%zu, %zu left", used, b->n_context,
                 used < b->n_context ? b->n_context - used : 0);
        int before = x;

        x = put(c, row, x, limit, used >= b->n_context ? style_reverse(s) : s, text);
        if (x == before) {
            snprintf(text, sizeof text, "%zu/%zu", used, b->n_context);
            x = put(c, row, x, limit, used >= b->n_context ? style_reverse(s) : s, text);
        }
    }
    if (info) {
        snprintf(text, sizeof text, "%s %s %s", info->family, attune_model_kind_text(info->kind),
                 info->dtype);
        x = put(c, row, x, limit, s, text);
    }
    if (b->tokens_per_s > 0) {
        snprintf(text, sizeof text, "%.0f tokens/s", b->tokens_per_s);
        put(c, row, x, limit, s, text);
    }
}

static int put_pair(struct canvas *c, struct rect row, int x, const char *name, const char *value,
                    bool on)
{
    int columns = text_columns(name, strlen(name)) + 1 + text_columns(value, strlen(value));

    if (x + columns + 1 > row.cols) {
        return x;
    }
    x += 1 + canvas_text(c, row, 0, x + 1, name, strlen(name), style_of(c, ROLE_DIM)) + 1;
    return x +
           canvas_text(c, row, 0, x, value, strlen(value),
                       style_of(c, on ? ROLE_VALUE : ROLE_DIM)) +
           1;
}

void bars_knobs(struct canvas *c, struct rect row, const struct workbench *b)
{
    /* The four that everybody turns come first and are always there; the others where they do
     * something. */
    static const char *const first[] = {"temperature", "top_k", "top_p"};
    char value[64], name[32];
    int x = 0;

    canvas_fill(c, row, ' ', style_of(c, ROLE_TEXT));
    snprintf(value, sizeof value, "%zu", b->max_tokens);
    x = put_pair(c, row, x, "new", value, task_turns(b->task, "max_tokens"));
    for (size_t pass = 0; b->chain && pass < 2; pass++) {
        for (size_t i = 0; i < (pass ? attune_param_count() : 3); i++) {
            const struct attune_param *p = pass ? attune_param_at(i) : attune_param_find(first[i]);
            double v = p ? attune_chain_get(b->chain, p->name) : 0;
            bool named =
                p && (p == attune_param_find(first[0]) || p == attune_param_find(first[1]) ||
                      p == attune_param_find(first[2]));

            if (!p || (pass && (named || v == p->off))) {
                continue;
            }
            snprintf(name, sizeof name, "%s", p->name);
            for (char *at = name; *at; at++) {
                *at = *at == '_' ? '-' : *at;
            }
            snprintf(value, sizeof value, v == p->off && pass == 0 && i > 0 ? "off" : "%.4g", v);
            x = put_pair(c, row, x, name, value, v != p->off && task_turns(b->task, p->name));
        }
        if (pass == 0) {
            snprintf(value, sizeof value, b->seed_is_fixed ? "%llu" : "random",
                     (unsigned long long)b->seed);
            x = put_pair(c, row, x, "seed", value, b->seed_is_fixed && task_turns(b->task, "seed"));
        }
    }
    if (b->evaluated) {
        snprintf(value, sizeof value, "%zu of %zu", b->trace.n_kept, b->trace.n_vocab);
        x = put_pair(c, row, x, "kept", value, true);
        snprintf(value, sizeof value, "%.2f bits", b->trace.entropy_bits);
        put_pair(c, row, x, "entropy", value, true);
    }
}

/* One key for an action is enough on a hint. */
static bool is_repeated(const struct keymap *map, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(map->list[k].where, map->list[i].where) == 0 &&
            strcmp(map->list[k].action, map->list[i].action) == 0 &&
            strcmp(map->list[k].arg, map->list[i].arg) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_typed(const struct key *key)
{
    return key->kind == KEY_CHAR && !(key->mods & (MOD_CTRL | MOD_ALT));
}

void bars_status(struct canvas *c, struct rect row, const struct workbench *b,
                 const struct conf *conf, const struct panel_ops *panel, const char *screen)
{
    const char *where[] = {panel ? panel->name : "", screen, "all"};
    int x = 0;

    canvas_fill(c, row, ' ', style_of(c, ROLE_TEXT));
    if (b->message[0]) {
        canvas_text(c, row, 0, 1, b->message, strlen(b->message),
                    style_of(c, b->message_is_error ? ROLE_ERROR : ROLE_TEXT));
        return;
    }
    for (size_t w = 0; conf_yes(conf, OPTION_hints) && w < 3; w++) {
        int most =
            w < 2 ? row.cols / 24 : 99; /* of the panel a few, and room for the general ones */

        for (size_t i = 0; i < conf->keymap.n && most > 0; i++) {
            const struct binding *bound = &conf->keymap.list[i];
            bool typed = panel && panel->takes_text && is_typed(&bound->key);
            char label[40];

            bool useless =
                w == 0 && panel->takes_text &&
                !task_takes(b->task,
                            strcmp(bound->action, "command") == 0 ? bound->arg : bound->action);
            bool shadowed = w > 0 && panel && keymap_find(&conf->keymap, panel->name, &bound->key);

            if (strcmp(bound->where, where[w]) != 0 || is_repeated(&conf->keymap, i) || shadowed ||
                useless || (typed && w > 0)) {
                continue;
            }
            bars_key_label(&bound->key, typed, label, sizeof label);
            if (x + 3 + text_columns(label, strlen(label)) +
                    text_columns(bound->help, strlen(bound->help)) >
                row.cols - (w < 2 ? 16 : 0)) {
                break;
            }
            x += canvas_print(c, row, 0, x + 1, style_of(c, ROLE_KEY), "%s", label) + 2;
            x += canvas_print(c, row, 0, x, style_of(c, ROLE_DIM), "%s", bound->help) + 1;
            most--;
        }
    }
}
