/* SVG, drawn by figure.c. */
#include <config.h>

#include "figure.h"

static int write(struct map *m, FILE *f, struct attune_error *err)
{
    return figure_head(m, f, FIGURE_SVG, err);
}

static int write_all(struct map *m, FILE *f, struct attune_error *err)
{
    return figure_grid(m, f, FIGURE_SVG, err);
}

const struct map_ops map_svg = {
    .name = "svg",
    .help = "a drawing for the web",
    .write = write,
    .write_all = write_all,
};
