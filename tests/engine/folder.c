#include <config.h>

#include "folder.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

void folder_make(struct folder *f)
{
    strcpy(f->path, "folder.XXXXXX");
    assert_non_null(mkdtemp(f->path));
}

const char *folder_file(struct folder *f, const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", f->path, name);
    return path;
}

void folder_write_bytes(const struct folder *f, const char *name, const char *bytes, size_t len)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof path, "%s/", f->path);
    for (const char *slash = name; (slash = strchr(slash, '/')); slash++) {
        snprintf(path, sizeof path, "%s/%.*s", f->path, (int)(slash - name), name);
        mkdir(path, 0777);
    }
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

void folder_write(const struct folder *f, const char *name, const char *text)
{
    folder_write_bytes(f, name, text, strlen(text));
}

static int drop(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    return remove(path);
}

void folder_remove(const struct folder *f)
{
    nftw(f->path, drop, 8, FTW_DEPTH | FTW_PHYS);
}
