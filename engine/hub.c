/* Where the hub cache keeps a model: models--org--name/snapshots/HASH, HASH from refs/main. */
#include <config.h>

#include "engine/hub.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool hub_snapshot(char out[4096], const char *path)
{
    char name[4096], hash[128];
    struct stat st;
    bool there = snprintf(name, sizeof name, "%s/refs/main", path) < (int)sizeof name &&
                 stat(name, &st) == 0 && S_ISREG(st.st_mode);
    FILE *f = there ? fopen(name, "r") : NULL;
    bool found = f && fgets(hash, sizeof hash, f);

    if (f) {
        fclose(f);
    }
    if (!found) {
        return false;
    }
    hash[strcspn(hash, "\r\n")] = '\0';
    if (!hash[0] || strchr(hash, '/') || hash[0] == '.') {
        return false;
    }
    return snprintf(out, 4096, "%s/snapshots/%s", path, hash) < 4096;
}
