/* Lists of heads as people type them: items of [stack.]layer[.head][:value] between commas. */
#ifndef ATTUNE_ENGINE_HEAD_LIST_H
#define ATTUNE_ENGINE_HEAD_LIST_H

#include <attune/context.h>

enum head_part {             /* what stands behind the layer */
                 PART_LAYER, /* nothing */
                 PART_HEAD,
                 PART_ATTENTION,
                 PART_CROSS,
                 PART_MLP
};
struct head_item {
    enum attune_stack stack; /* SELF: no word stood in front */
    int layer;               /* -1: all */
    enum head_part part;
    int head;          /* of PART_HEAD; -1: all */
    const char *value; /* [value_len] behind the colon; NULL: there is none */
    size_t value_len;
    const char *text; /* [len] the item itself, for messages */
    size_t len;
};

/* The item at *at, which moves behind it. 1: there is one; 0: the list ended; minus a status: it is
 * none, with the place in the list in err. */
int head_list_next(struct head_item *out, const char *list, const char **at,
                   struct attune_error *err);

/* A number below n, or '*' (-1). False: it is neither. Moves *at behind it. */
bool head_list_number(const char **at, int *out);

#endif
