/* Saved prompts: one file a name, its newest version as any prompt, the older ones under
 * "versions":
 *
 *   {"template": ..., "blocks": ..., "number": 3, "saved": "...", "note": "...",
 *    "versions": [{"number": 1, "saved": ..., "note": ..., "prompt": {...}}, {"number": 2, ...}]}
 *
 * Saving reads the file again under a lock on the folder and puts the new one in its place by a
 * rename: two that save at once both find their version there, and a crash leaves the old file. */
#include <config.h>

#include <attune/library.h>
#include <attune/version.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "text.h"

enum { MOST_VERSIONS = 10000, MOST_BYTES = 64 << 20 };

static json_t *prompt_json(const struct attune_prompt *prompt, struct attune_error *err)
{
    json_t *value = NULL;
    char *text;

    if (attune_prompt_to_json(&text, prompt, err) == ATTUNE_OK) {
        value = json_loads(text, 0, NULL);
        free(text);
    }
    return value;
}

static void put_facts(json_t *object, int number, const char *saved, const char *note)
{
    json_object_set_new(object, "number", json_integer(number));
    json_object_set_new(object, "saved", json_string(saved));
    json_object_set_new(object, "note", json_of_bytes(note, strlen(note)));
}

/* One version from the object that holds its facts and the one that holds the prompt. */
static int read_version(struct attune_version *out, const json_t *facts, const json_t *prompt,
                        int otherwise, struct attune_error *err)
{
    const char *saved = json_string_value(json_object_get(facts, "saved"));
    const json_t *number = json_object_get(facts, "number");
    char *text = json_dumps(prompt, JSON_COMPACT);
    int status;

    memset(out, 0, sizeof *out);
    out->number = json_is_integer(number) && json_integer_value(number) > 0 &&
                          json_integer_value(number) <= MOST_VERSIONS
                      ? (int)json_integer_value(number)
                      : otherwise;
    out->saved = strdup(saved ? saved : "");
    if (json_object_get(facts, "note")) {
        status = json_get_bytes(&out->note, NULL, facts, "note", "version", err);
    } else {
        out->note = strdup("");
        status = out->note ? ATTUNE_OK : text_no_memory(err);
    }
    if (status == ATTUNE_OK && (!text || !out->saved)) {
        status = text_no_memory(err);
    }
    if (status == ATTUNE_OK) {
        status = attune_prompt_from_json(&out->prompt, text, strlen(text), err);
    }
    free(text);
    return status;
}

static int read_all(struct attune_version **out, size_t *n, const json_t *root,
                    struct attune_error *err)
{
    const json_t *older = NULL;
    size_t count = 0;
    int status = ATTUNE_OK;

    if (json_object_get(root, "versions")) {
        status = json_get_array(&older, &count, root, "versions", MOST_VERSIONS, "prompt", err);
    }
    *out = status == ATTUNE_OK ? calloc(count + 1, sizeof **out) : NULL;
    if (status == ATTUNE_OK && !*out) {
        status = text_no_memory(err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i <= count; i++) {
        const json_t *one = i < count ? json_array_get(older, i) : root;

        status = read_version(&(*out)[(*n)++], one,
                              i < count ? json_object_get(one, "prompt") : root, (int)i + 1, err);
    }
    return status;
}

static int load_file(json_t **out, const char *path, struct attune_error *err)
{
    char *text;
    size_t len;
    int status = text_read_file(&text, &len, path, MOST_BYTES, err);

    if (status == ATTUNE_OK) {
        *out = json_read(text, len, path, err);
        status = *out ? ATTUNE_OK : ATTUNE_FORMAT;
        free(text);
    }
    return status;
}

int attune_prompt_versions(struct attune_version **out, size_t *n, const char *name,
                           struct attune_error *err)
{
    json_t *root = NULL;
    char *path = NULL;
    int status = attune_library_find(&path, "prompts/examples", name, err);

    *out = NULL;
    *n = 0;
    if (status == ATTUNE_OK) {
        status = load_file(&root, path, err);
    }
    if (status == ATTUNE_OK) {
        status = read_all(out, n, root, err);
        if (status != ATTUNE_OK) {
            attune_error_prefix(err, path);
        }
    }
    if (status != ATTUNE_OK) {
        attune_prompt_versions_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    json_decref(root);
    free(path);
    return status;
}

void attune_prompt_versions_free(struct attune_version *versions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(versions[i].saved);
        free(versions[i].note);
        attune_prompt_done(&versions[i].prompt);
    }
    free(versions);
}

/* ---- saving ---- */

/* A name that is a file of the folder and nothing else, and that NAME@2 cannot be mistaken for. */
static int check_name(const char *name, struct attune_error *err)
{
    size_t len = strlen(name);
    bool good = len > 0 && len <= 100 && name[0] != '.' && name[0] != '-';

    for (size_t i = 0; good && i < len; i++) {
        good = (unsigned char)name[i] > ' ' && name[i] != 0x7f && !strchr("/@\\\"", name[i]);
    }
    return good ? ATTUNE_OK
                : attune_error_set(
                      err, ATTUNE_ARGUMENT, 0,
                      "\"%.60s\" cannot be a prompt's name: no spaces, / \\ @ or quotes, "
                      "no . or - in front, 100 bytes at most",
                      name);
}

/* What it says, whatever its version: without the note of where it was saved. */
static bool says_the_same(const struct attune_prompt *a, const struct attune_prompt *b)
{
    struct attune_prompt x = {0}, y = {0};
    bool same = attune_prompt_copy(&x, a, NULL) == ATTUNE_OK &&
                attune_prompt_copy(&y, b, NULL) == ATTUNE_OK &&
                attune_prompt_note(&x, "saved", NULL, NULL) == ATTUNE_OK &&
                attune_prompt_note(&y, "saved", NULL, NULL) == ATTUNE_OK &&
                attune_prompt_equal(&x, &y);

    attune_prompt_done(&x);
    attune_prompt_done(&y);
    return same;
}

static int set_note(struct attune_prompt *prompt, const char *name, int number,
                    struct attune_error *err)
{
    char *json;
    int status =
        json_write(&json, NULL, json_pack("{s:s, s:i}", "name", name, "version", number), err);

    if (status == ATTUNE_OK) {
        status = attune_prompt_note(prompt, "saved", json, err);
        free(json);
    }
    return status;
}

static void now_text(char out[32])
{
    time_t now = time(NULL);
    struct tm tm;

    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
}

/* All versions there are, with the prompt as the newest. NULL without memory. */
static json_t *grow(const struct attune_version *old, size_t n, const struct attune_prompt *prompt,
                    int number, const char *note, struct attune_error *err)
{
    json_t *root = prompt_json(prompt, err), *versions = json_array();
    char now[32];

    now_text(now);
    for (size_t i = 0; root && i < n; i++) {
        json_t *one = json_object(), *held = prompt_json(&old[i].prompt, err);

        if (!held) {
            json_decref(one);
            json_decref(root);
            root = NULL;
            break;
        }
        put_facts(one, old[i].number, old[i].saved, old[i].note);
        json_object_set_new(one, "prompt", held);
        json_array_append_new(versions, one);
    }
    if (root) {
        put_facts(root, number, now, note);
        json_object_set(root, "versions", versions);
    }
    json_decref(versions);
    return root;
}

static int write_file(const char *path, json_t *root, struct attune_error *err)
{
    size_t len = strlen(path);
    char *fresh = malloc(len + 8), *text = json_dumps(root, JSON_INDENT(2));
    bool ok;
    int fd;

    if (!fresh || !text) {
        free(fresh);
        free(text);
        return text_no_memory(err);
    }
    snprintf(fresh, len + 8, "%s.XXXXXX", path);
    fd = mkstemp(fresh);
    ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
         write(fd, "\n", 1) == 1 && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
    ok = fd >= 0 && close(fd) == 0 && ok && rename(fresh, path) == 0;
    if (!ok) {
        attune_error_set(err, ATTUNE_IO, 0, "%s: cannot be saved: %s", path, strerror(errno));
        unlink(fresh);
    }
    free(fresh);
    free(text);
    return ok ? ATTUNE_OK : ATTUNE_IO;
}

/* The folder is locked. */
static int save(int *number, bool *added, struct attune_prompt *prompt, const char *name,
                const char *path, const char *note, struct attune_error *err)
{
    struct attune_version *old = NULL;
    json_t *root = NULL;
    size_t n = 0;
    int status = access(path, F_OK) == 0 ? attune_prompt_versions(&old, &n, path, err) : ATTUNE_OK;

    if (status == ATTUNE_OK && n > 0 && says_the_same(&old[n - 1].prompt, prompt)) {
        *added = false;
        *number = old[n - 1].number;
        status = set_note(prompt, name, *number, err);
    } else if (status == ATTUNE_OK && n >= MOST_VERSIONS) {
        status = attune_error_set(err, ATTUNE_FULL, 0,
                                  "%s: has %zu versions: save under another name", path, n);
    } else if (status == ATTUNE_OK) {
        *added = true;
        *number = n > 0 ? old[n - 1].number + 1 : 1;
        status = set_note(prompt, name, *number, err);
        if (status == ATTUNE_OK) {
            root = grow(old, n, prompt, *number, note, err);
            status = root ? write_file(path, root, err) : text_no_memory(err);
        }
    }
    json_decref(root);
    attune_prompt_versions_free(old, n);
    return status;
}

int attune_prompt_save(int *number, bool *added, struct attune_prompt *prompt, const char *name,
                       const char *note, struct attune_error *err)
{
    char *folder = NULL, *path = NULL;
    int lock = -1, status = check_name(name, err);

    if (status == ATTUNE_OK) {
        status = attune_library_user_folder(&folder, "prompts/examples", err);
    }
    if (status == ATTUNE_OK) {
        path = malloc(strlen(folder) + strlen(name) + 8);
        status = path ? ATTUNE_OK : text_no_memory(err);
    }
    if (status == ATTUNE_OK) {
        sprintf(path, "%s/%s.json", folder, name);
        lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (lock < 0 || flock(lock, LOCK_EX) != 0) {
            status = attune_error_set(err, ATTUNE_IO, 0, "%s: %s", folder, strerror(errno));
        }
    }
    if (status == ATTUNE_OK) {
        status = save(number, added, prompt, name, path, note ? note : "", err);
    }
    if (lock >= 0) {
        close(lock);
    }
    free(path);
    free(folder);
    return status;
}
