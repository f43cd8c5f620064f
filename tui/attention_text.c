/* The text itself, coloured by what the cursor's token looks at, or by who looks at it. */
#include <config.h>

#include <math.h>
#include <stdlib.h>

#include "attention_view.h"
#include "strip.h"

struct colouring {
    const struct attention_picture *picture;
    const float *values; /* [n] by place on the side that is coloured; NaN: none */
    size_t n, first,
        at; /* `first`: the position of the side's first token; `at`: of the cursor's */
    float most;
};

static struct style text_style(const void *context, const struct canvas *c, size_t i, bool special)
{
    const struct colouring *k = context;
    float v = i >= k->first && i - k->first < k->n ? k->values[i - k->first] : NAN;

    if (i == k->at) {
        return style_of(c, ROLE_SELECT);
    }
    if (isnan(v) || v == 0) {
        return style_of(c, ROLE_DIM);
    }
    return style_heat(c, shades_at(k->picture->shades, v, k->most), k->picture->ramp);
}

void attention_draw_text(const struct attention_picture *p, const float *values, size_t n)
{
    const struct workbench *b = p->bench;
    bool from = p->look->mode == ATTENTION_FROM, cross = p->look->kind == ATTUNE_STACK_CROSS;
    struct rect r = view_rows(p->inside, p->map->area.y, p->map->area.rows);
    struct bench_span queries = bench_side(b, p->look->kind, true),
                      keys = bench_side(b, p->look->kind, false);
    struct colouring k = {p,
                          values,
                          n,
                          (from ? keys : queries).first,
                          from || !cross ? queries.first + p->row
                                         : keys.first + p->view->request.k0,
                          p->shades->most};
    size_t n_rows, top;
    struct spot *spots = strip_place(b, r.cols, &n_rows);

    if (!spots) {
        return;
    }
    top = view_scroll(0, k.at < bench_n_tokens(b) ? spots[k.at].row : 0, n_rows, r.rows);
    strip_draw(b, p->canvas, r, spots, top, text_style, &k);
    free(spots);
}
