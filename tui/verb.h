/* A verb typed on the : line: the program itself, started once more, with its output collected. So
 * it can be stopped like in a shell, and the screen goes on meanwhile. */
#ifndef ATTUNE_TUI_VERB_H
#define ATTUNE_TUI_VERB_H

#include <attune/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct verb {
    pid_t pid; /* 0: none runs */
    int fd;    /* what it prints; -1: none runs */
    char *out;
    size_t len, capacity;
    bool cut; /* it printed more than is kept */
    int status;
};

void verb_init(struct verb *v);
/* argv[0] is the verb, NULL ends. */
int verb_start(struct verb *v, char *const argv[], struct attune_error *err);
/* Takes what there is to read; true when the verb has ended: then status and out (NUL-terminated)
 * are there. */
bool verb_read(struct verb *v);
void verb_stop(struct verb *v); /* interrupts it; it ends in its own time */
void verb_done(struct verb *v); /* ends it and frees */

#endif
