/* A head's map, or those of all heads, on the way into a file. A format is a part: map_NAME.c with
 * one `const struct map_ops map_NAME`, found by the file's suffix. Rows are computed when a format
 * asks for them, a few at a time.
 *
 * The map owns its labels and buffers; the context, the model's name and the list of what is left
 * out are borrowed. */
#ifndef ATTUNE_TUI_MAP_H
#define ATTUNE_TUI_MAP_H

#include <attune/heads.h>
#include <stdio.h>

#include "canvas.h"
#include "scale.h"

struct map_axis { /* what stands on one side */
    size_t n;
    struct map_token {
        char *bytes;
        size_t len;
    } * tokens; /* [n] */
};
int map_axis_init(struct map_axis *axis, size_t n); /* 0 or ATTUNE_MEMORY; labels are "" */
int map_axis_set(struct map_axis *axis, size_t i, const char *bytes, size_t len);
void map_axis_done(struct map_axis *axis);

struct map {
    struct attune_context *ctx;
    const char *model;
    enum attune_stack kind;
    int layer, head;        /* from 0 */
    struct attune_mix *mix; /* in their place, of the same kind; freed by map_done; or NULL */
    struct attune_attention_shape shape;
    struct map_axis queries, keys; /* all of them, whatever the window */
    size_t q0, q1, k0, k1;         /* the window that is written */
    uint8_t *left_out;             /* [n_keys] sinks that no picture shows, or NULL */
    enum attention_scale scale;
    enum ramp ramp;
    struct attune_progress *progress;
    struct map_block { /* rows that were computed together */
        float *rows;   /* [n, k1 - k0] */
        size_t q, n, capacity;
        int layer, head;
    } block;
};

/* The whole map of layer 0, head 0, linear, with the tokens of both sides: their bytes, special
 * ones by their spelling, "#7" without a tokenizer. */
int map_open(struct map *m, struct attune_context *ctx, enum attune_stack kind,
             struct attune_error *err);
/* No picture shows the first key and special ones. */
int map_hide_sinks(struct map *m, struct attune_error *err);
void map_done(struct map *m);

struct map_ops {
    const char *name;                                               /* the suffix as well */
    const char *help;                                               /* what it is, in few words */
    int (*write)(struct map *m, FILE *f, struct attune_error *err); /* one head, or NULL */
    int (*write_all)(struct map *m, FILE *f, struct attune_error *err); /* all heads, or NULL */
};
size_t map_formats(void);
const struct map_ops *map_format(size_t i); /* in the order of local.mk */
const struct map_ops *map_find(const char *path);

/* In the format that the path's suffix names. What was there stays until all is written. */
int map_write(struct map *m, const char *path, bool all, struct attune_error *err);

/* For formats. A row of the window, [k1 - k0], valid until the next call. */
int map_row(struct map *m, int layer, int head, size_t q, const float **row,
            struct attune_error *err);
/* The window of a head over at most `most` x `most` cells (free them); rows and cols say how many;
 * head, if wanted, gets the scores of the whole map. */
int map_pool(struct map *m, int layer, int head, int most, float **cells, int *rows, int *cols,
             struct attune_head *scores, struct attune_error *err);
/* A label as people see it: spaces as dots, line breaks as arrows, escapes; at most `columns` wide,
 * then cut with an ellipsis. */
void map_label(char *out, size_t capacity, const struct map_token *token, int columns);
/* "tiny-decoder, layer 1 of 0-5, head 2 of 0-7, self-attention" */
void map_title(const struct map *m, bool all, char *out, size_t capacity);
/* "a cell is the most of 2 x 2", or "". */
void map_pooling(const struct map *m, int rows, int cols, char *out, size_t capacity);

#endif
