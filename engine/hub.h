/* The hub cache: a folder models--org--name with refs/main, which names the snapshot to take. */
#ifndef ATTUNE_ENGINE_HUB_H
#define ATTUNE_ENGINE_HUB_H

#include <stdbool.h>

/* The snapshot's folder; false where path is no folder of the hub cache. */
bool hub_snapshot(char out[4096], const char *path);

#endif
