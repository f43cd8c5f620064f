/* The model's card: what it is, in numbers that its file gives. */
#include <config.h>

#include "panel.h"

#include <stdio.h>
#include <string.h>

#include "view.h"

enum { KEY_COLUMNS = 14 };

static int draw_fact(struct canvas *c, struct rect r, int y, const char *key, const char *value)
{
    int columns = r.cols > KEY_COLUMNS + 8 ? KEY_COLUMNS : 0;
    struct rect cell = {r.y + y, r.x + columns, r.rows - y, r.cols - columns};

    if (!value || !*value || y >= r.rows) {
        return 0;
    }
    if (columns == 0) {
        return view_sentence(c, cell, 0, style_of(c, ROLE_TEXT), "%s %.400s", key, value);
    }
    canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%s", key);
    return view_sentence(c, cell, 0, style_of(c, ROLE_TEXT), "%.480s", value);
}

static const char *sized(char out[64], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    size_t unit = 0;

    while (size >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        size /= 1024;
        unit++;
    }
    snprintf(out, 64, unit ? "%.1f %s" : "%.0f %s", size, units[unit]);
    return out;
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    const struct workbench *b = panel->bench;
    const struct attune_model_info *m;
    char text[256], number[VIEW_NUMBER], size[64];
    int y = 0;

    if (!b->model) {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                      b->state == BENCH_FAILED ? "No model is open: model NAME opens one."
                                               : "The model is being opened.");
        return;
    }
    m = attune_model_info(b->model);
    y += draw_fact(c, inside, y, "name", m->name);
    snprintf(text, sizeof text, "%s, %s%s%s", attune_model_kind_text(m->kind), m->family,
             m->architecture[0] ? " as " : "", m->architecture);
    y += draw_fact(c, inside, y, "kind", text);
    snprintf(text, sizeof text, "%s (%s, %s)", view_count(number, m->n_parameters), m->dtype,
             sized(size, m->n_bytes));
    y += draw_fact(c, inside, y, "parameters", text);
    snprintf(text, sizeof text, m->n_encoder_layers ? "%d decoder + %d encoder" : "%d", m->n_layers,
             m->n_encoder_layers);
    y += draw_fact(c, inside, y, "layers", text);
    snprintf(text, sizeof text, "%d of width %d, keys and values: %d", m->n_heads, m->head_dim,
             m->n_kv_heads);
    y += draw_fact(c, inside, y, "heads", text);
    snprintf(text, sizeof text, "%d, feed-forward %d", m->d_model, m->d_ff);
    y += draw_fact(c, inside, y, "width", text);
    y += draw_fact(c, inside, y, "vocabulary", view_count(number, (size_t)m->n_vocab));
    snprintf(text, sizeof text, "%d tokens, %zu in use here", m->n_context, b->n_context);
    y += draw_fact(c, inside, y, "context", text);
    if (attune_model_tokenizer(b->model)) {
        y += draw_fact(c, inside, y, "tokenizer",
                       attune_tokenizer_name(attune_model_tokenizer(b->model)));
    }
    y += draw_fact(c, inside, y, "license", m->license);
    y += draw_fact(c, inside, y, "training", m->training);
    y += draw_fact(c, inside, y, "about", m->description);
    y += draw_fact(c, inside, y, "file", b->model_path);
    draw_fact(c, inside, y, "engine", attune_engine_fingerprint());
}

const struct panel_ops panel_card = {
    .name = "card",
    .title = "Model",
    .help = "what the open model is: shape, size, training, license",
    .draw = draw,
};
