/* How much memory this process may have. */
#ifndef ATTUNE_ENGINE_MEMORY_H
#define ATTUNE_ENGINE_MEMORY_H

#include <stddef.h>

struct memory_limit {
    size_t bytes;
    const char *of; /* "this machine has", "its control group allows", ... */
};

/* The least of: what the machine has, what the control group allows, what `ulimit -v` leaves. */
struct memory_limit memory_limit(void);

#endif
