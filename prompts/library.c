/* Where models, templates, shots, the database and the configuration are found. */
#include <config.h>

#include <attune/library.h>

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[] = {"", ".gguf", ".txt", ".jsonl", ".csv", ".json"};

static int out_of_memory(struct attune_error *err)
{
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

static char *join(const char *a, const char *b, const char *c, const char *d)
{
    size_t n = strlen(a) + strlen(b) + strlen(c) + strlen(d) + 1;
    char *s = malloc(n);

    if (s) {
        snprintf(s, n, "%s%s%s%s", a, b, c, d);
    }
    return s;
}

static bool exists(const char *path)
{
    struct stat st;

    return path && stat(path, &st) == 0;
}

/* The folder of the running program, or NULL. */
static char *program_folder(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    char *slash;

    if (n <= 0) {
        return NULL;
    }
    path[n] = '\0';
    slash = strrchr(path, '/');
    if (!slash) {
        return NULL;
    }
    *slash = '\0';
    return strdup(path);
}

/* The folder that an uninstalled build names in the file beside it, or NULL. */
static char *source_share(const char *folder)
{
    char *name = join(folder, "/attune.datapath", "", ""), line[4096];
    FILE *f = name ? fopen(name, "r") : NULL;
    char *found = NULL;

    free(name);
    if (f) {
        if (fgets(line, sizeof line, f)) {
            line[strcspn(line, "\n")] = '\0';
            found = exists(line) ? strdup(line) : NULL;
        }
        fclose(f);
    }
    return found;
}

char *attune_library_datadir(void)
{
    const char *env = getenv("ATTUNE_DATADIR");
    char *folder, *found;

    if (env && *env) {
        return strdup(env);
    }
    folder = program_folder();
    if (folder) {
        found = source_share(folder);
        if (!found) {
            found = join(folder, "/../share/attune", "", "");
            if (!exists(found)) {
                free(found);
                found = NULL;
            }
        }
        free(folder);
        if (found) {
            return found;
        }
    }
    return exists(PKGDATADIR) ? strdup(PKGDATADIR) : NULL;
}

/* $variable/attune, or ~/fallback/attune, or NULL. */
static char *user_folder(const char *variable, const char *fallback)
{
    const char *base = getenv(variable), *home = getenv("HOME");

    if (base && *base == '/') {
        return join(base, "/attune", "", "");
    }
    return home && *home ? join(home, "/", fallback, "/attune") : NULL;
}

static char *find_in(const char *folder, const char *kind, const char *name)
{
    char *base = folder ? join(folder, "/", kind, "/") : NULL;
    char *found = NULL;

    for (size_t i = 0; base && !found && i < sizeof suffixes / sizeof *suffixes; i++) {
        char *path = join(base, name, suffixes[i], "");

        if (exists(path)) {
            found = path;
        } else {
            free(path);
        }
    }
    free(base);
    return found;
}

int attune_library_find(char **out, const char *kind, const char *name, struct attune_error *err)
{
    char *user, *shipped;

    *out = NULL;
    if (strchr(name, '/') || exists(name)) {
        *out = strdup(name);
        return *out ? ATTUNE_OK : out_of_memory(err);
    }
    user = user_folder("XDG_DATA_HOME", ".local/share");
    shipped = attune_library_datadir();
    *out = find_in(user, kind, name);
    if (!*out) {
        *out = find_in(shipped, kind, name);
    }
    if (!*out) {
        attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                         "%s: no such file, and none of that name among the %s in %s%s%s", name,
                         kind, shipped ? shipped : "(no shared folder found)", user ? " and " : "",
                         user ? user : "");
    }
    free(user);
    free(shipped);
    return *out ? ATTUNE_OK : ATTUNE_NOT_FOUND;
}

static int by_name(const void *a, const void *b)
{
    const struct attune_library_entry *x = a, *y = b;

    return strcmp(x->name, y->name);
}

static bool listed(const struct attune_library_entry *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* The name without a suffix that find_in would add; NULL for files that are no entry of a library.
 */
static char *entry_name(const char *file)
{
    size_t len = strlen(file);

    if (file[0] == '.') {
        return NULL;
    }
    for (size_t i = 1; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t k = strlen(suffixes[i]);

        if (len > k && strcmp(file + len - k, suffixes[i]) == 0) {
            return strndup(file, len - k);
        }
    }
    return strchr(file, '.') ? NULL : strdup(file);
}

static int list_folder(struct attune_library_entry **list, size_t *n, const char *folder,
                       const char *kind)
{
    char *path = folder ? join(folder, "/", kind, "") : NULL;
    DIR *dir = path ? opendir(path) : NULL;
    struct dirent *entry;
    int status = ATTUNE_OK;

    while (dir && status == ATTUNE_OK && (entry = readdir(dir))) {
        char *name = entry_name(entry->d_name);
        struct attune_library_entry *more;

        if (!name || listed(*list, *n, name)) {
            free(name);
            continue;
        }
        more = realloc(*list, (*n + 1) * sizeof *more);
        if (!more) {
            free(name);
            status = ATTUNE_MEMORY;
            break;
        }
        *list = more;
        more[*n].name = name;
        more[*n].path = join(path, "/", entry->d_name, "");
        status = more[(*n)++].path ? ATTUNE_OK : ATTUNE_MEMORY;
    }
    if (dir) {
        closedir(dir);
    }
    free(path);
    return status;
}

int attune_library_list(struct attune_library_entry **out, size_t *n, const char *kind,
                        struct attune_error *err)
{
    char *user = user_folder("XDG_DATA_HOME", ".local/share"), *shipped = attune_library_datadir();
    int status;

    *out = NULL;
    *n = 0;
    status = list_folder(out, n, user, kind);
    if (status == ATTUNE_OK) {
        status = list_folder(out, n, shipped, kind);
    }
    free(user);
    free(shipped);
    if (status != ATTUNE_OK) {
        attune_library_list_free(*out, *n);
        *out = NULL;
        *n = 0;
        return out_of_memory(err);
    }
    if (*n) {
        qsort(*out, *n, sizeof **out, by_name);
    }
    return ATTUNE_OK;
}

void attune_library_list_free(struct attune_library_entry *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].name);
        free(list[i].path);
    }
    free(list);
}

/* Makes a folder and those above it. */
static int make_folder(const char *path, struct attune_error *err)
{
    char *copy = strdup(path);
    int status = copy ? ATTUNE_OK : out_of_memory(err);

    for (char *c = copy; c && status == ATTUNE_OK; c++) {
        if ((*c == '/' && c > copy) || *c == '\0') {
            char keep = *c;

            *c = '\0';
            if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
                status = attune_error_set(err, ATTUNE_IO, 0, "%s: cannot be made: %s", copy,
                                          strerror(errno));
            }
            *c = keep;
            if (!keep) {
                break;
            }
        }
    }
    free(copy);
    return status;
}

int attune_library_user_folder(char **out, const char *kind, struct attune_error *err)
{
    char *base = user_folder("XDG_DATA_HOME", ".local/share");
    int status = ATTUNE_OK;

    *out = NULL;
    if (!base) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                                "no folder of yours: set HOME or XDG_DATA_HOME");
    }
    *out = join(base, "/", kind, "");
    status = *out ? make_folder(*out, err) : out_of_memory(err);
    if (status != ATTUNE_OK) {
        free(*out);
        *out = NULL;
    }
    free(base);
    return status;
}

int attune_library_db_path(char **out, struct attune_error *err)
{
    const char *env = getenv("ATTUNE_DB");
    char *folder;
    int status;

    *out = NULL;
    if (env && *env) {
        *out = strdup(env);
        return *out ? ATTUNE_OK : out_of_memory(err);
    }
    folder = user_folder("XDG_DATA_HOME", ".local/share");
    if (!folder) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                                "no place for the database: set HOME, XDG_DATA_HOME or ATTUNE_DB");
    }
    status = make_folder(folder, err);
    if (status == ATTUNE_OK) {
        *out = join(folder, "/attune.db", "", "");
        status = *out ? ATTUNE_OK : out_of_memory(err);
    }
    free(folder);
    return status;
}

char *attune_library_config_path(void)
{
    char *folder = user_folder("XDG_CONFIG_HOME", ".config");
    char *path = folder ? join(folder, "/attune.conf", "", "") : NULL;

    free(folder);
    return path;
}
