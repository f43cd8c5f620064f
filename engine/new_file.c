/* Files that are whole or not there (a temporary name, fsync, rename, fsync of the folder). */
#include <config.h>

#include "engine/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/mapping.h"

int new_file_failed(const struct new_file *file, int why, struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_IO, 0, "%s: cannot be written: %s", file->shown,
                            strerror(why));
}

/* A name that nobody has: two writers of one path do not meet. */
static int open_temporary(struct new_file *file)
{
    enum { ATTEMPTS = 100 };

    for (int i = 0; i < ATTEMPTS; i++) {
        sprintf(file->temporary, "%s.%ld-%d.tmp", file->path, (long)getpid(), i);
        file->fd = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file->fd >= 0 || errno != EEXIST) {
            break;
        }
    }
    return file->fd;
}

int new_file_open(struct new_file *out, const char *path, struct attune_error *err)
{
    *out = (struct new_file){.fd = -1};
    mapping_show(out->shown, path);
    out->path = strdup(path);
    out->temporary = malloc(strlen(path) + 48);
    if (!out->path || !out->temporary) {
        new_file_drop(out);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (open_temporary(out) < 0) {
        int status = new_file_failed(out, errno, err);

        new_file_drop(out);
        return status;
    }
    return ATTUNE_OK;
}

/* A name is on disk when its folder is. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

int new_file_commit(struct new_file *file, struct attune_error *err)
{
    int fd = file->fd;

    if (fsync(fd) != 0) {
        return new_file_failed(file, errno, err);
    }
    if (rename(file->temporary, file->path) != 0) {
        return new_file_failed(file, errno, err);
    }
    sync_folder(file->path);
    file->fd = -1; /* there is nothing left to remove */
    close(fd);
    return ATTUNE_OK;
}

void new_file_drop(struct new_file *file)
{
    if (file->fd >= 0 && file->temporary) {
        close(file->fd);
        unlink(file->temporary);
    }
    free(file->path);
    free(file->temporary);
    *file = (struct new_file){.fd = -1};
}
