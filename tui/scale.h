/* From weights to shades 0..1, by the scale that a person chose. Borrows the values it was made
 * from. */
#ifndef ATTUNE_TUI_SCALE_H
#define ATTUNE_TUI_SCALE_H

#include <stdbool.h>
#include <stddef.h>

enum attention_scale { SCALE_LINEAR, SCALE_LOG, SCALE_RANK, SCALE_ROW, SCALE_COUNT };
extern const char *const attention_scales[SCALE_COUNT];
/* By its name, also "row"; SCALE_COUNT: there is none. */
enum attention_scale scale_find(const char *name);

struct shades {
    enum attention_scale scale;
    float most;    /* what is shaded 1 */
    float *sorted; /* [n] for the rank scale */
    size_t n;
    bool beyond; /* values above `most` exist: those of the first column */
};

/* Of values [n] in rows of `columns`; NaN counts for nothing. skip_first: the first column is a
 * token that often holds most of the weight; it stays out of the scale and is drawn as what lies
 * beyond. */
struct shades shades_make(enum attention_scale scale, const float *values, size_t n, int columns,
                          bool skip_first);
void shades_done(struct shades *s);
/* row_most: the greatest weight of the value's row, for the scale by row. */
float shades_at(const struct shades *s, float v, float row_most);
float shades_row_most(const float *row, int n, bool skip_first);
/* What the ends of the scale are, in words and numbers. */
void shades_ends(const struct shades *s, char low[32], char high[32]);

#endif
