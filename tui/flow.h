/* The composer's blocks as rows of text: the template's words and the fields between them, wrapped.
 *
 *   "Review: " form | "I loved it" text | "\nSentiment: " form | "positive" answer | "\n\n" closing
 *
 * A layout borrows nothing: it holds copies and stays valid until flows_done. */
#ifndef ATTUNE_TUI_FLOW_H
#define ATTUNE_TUI_FLOW_H

#include "compose.h"
#include "task.h"

struct flow_part {
    size_t start, end;
    enum attune_part part;
    bool field; /* edited here; a placeholder's second occurrence is a copy */
};

struct flow {   /* one block */
    char *text; /* NUL-terminated, the template's closing line breaks left out */
    size_t len, capacity;
    struct flow_part *parts; /* [n_parts], in order, without gaps */
    size_t n_parts, parts_capacity;
    size_t closing; /* line breaks that the template puts behind it */
    bool unused;    /* the template has no place for something that is written here */
    bool empty;     /* left out of the text, as nothing is written */
};

struct flow_row {
    size_t block;
    bool head;
    bool last;         /* of its block */
    bool soft;         /* wrapped: its end is the start of the next row */
    size_t start, end; /* bytes of the flow */
};

struct flows {
    struct flow *flows; /* [n_flows] one a block */
    struct flow_row *rows;
    size_t n_flows, n_rows, capacity;
};

/* 0 or ATTUNE_MEMORY. Blocks that the task has no field for are there, but have no rows. */
int flows_init(struct flows *l, const struct compose *c, enum task_name task, int columns);
void flows_done(struct flows *l);

/* Offset in the block's flow of a cursor in one of its fields. */
size_t flow_offset(const struct flow *f, bool answer, size_t cursor);
/* The field position on a row that is nearest to an offset; false: nothing on the row can be
 * edited. */
bool flow_nearest(const struct flow *f, const struct flow_row *row, size_t offset, bool *answer,
                  size_t *cursor);
size_t flows_row(const struct flows *l, size_t block, size_t offset);

#endif
