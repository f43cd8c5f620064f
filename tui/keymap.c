/* The key map: a list in the order of the configuration, since that order is also the order of
 * hints and help. A few dozen bindings need no faster search. */
#include <config.h>

#include "keymap.h"

#include <stdlib.h>
#include <string.h>

static void free_binding(struct binding *b)
{
    free(b->where);
    free(b->action);
    free(b->arg);
    free(b->help);
}

void keymap_done(struct keymap *map)
{
    for (size_t i = 0; i < map->n; i++) {
        free_binding(&map->list[i]);
    }
    free(map->list);
    *map = (struct keymap){0};
}

static struct binding *find(const struct keymap *map, const char *where, const struct key *key)
{
    for (size_t i = 0; i < map->n; i++) {
        if (strcmp(map->list[i].where, where) == 0 && key_same(&map->list[i].key, key)) {
            return &map->list[i];
        }
    }
    return NULL;
}

static int read_key(struct key *out, const char *text, struct attune_error *err)
{
    if (!key_parse(out, text)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "%s: no such key (examples: a, ctrl-r, alt-left, f5, space)", text);
    }
    return ATTUNE_OK;
}

int keymap_bind(struct keymap *map, const char *where, const char *key, const char *action,
                const char *arg, const char *help, struct attune_error *err)
{
    struct binding b = {0}, *old;
    int status = read_key(&b.key, key, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    b.where = strdup(where);
    b.action = strdup(action);
    b.arg = strdup(arg);
    b.help = strdup(help);
    old = find(map, where, &b.key);
    if (!old && map->n == map->capacity) {
        size_t capacity = map->capacity * 2 + 32;
        struct binding *more = realloc(map->list, capacity * sizeof *more);

        map->list = more ? more : map->list;
        map->capacity = more ? capacity : map->capacity;
    }
    if (!b.where || !b.action || !b.arg || !b.help || (!old && map->n == map->capacity)) {
        free_binding(&b);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (old) {
        free_binding(old);
        *old = b;
    } else {
        map->list[map->n++] = b;
    }
    return ATTUNE_OK;
}

int keymap_unbind(struct keymap *map, const char *where, const char *key, struct attune_error *err)
{
    struct key wanted;
    struct binding *b;
    int status = read_key(&wanted, key, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    b = find(map, where, &wanted);
    if (!b) {
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "%s %s: nothing is bound there", where,
                                key);
    }
    free_binding(b);
    map->n--;
    memmove(b, b + 1, (size_t)(map->list + map->n - b) * sizeof *b);
    return ATTUNE_OK;
}

const struct binding *keymap_find(const struct keymap *map, const char *where,
                                  const struct key *key)
{
    return find(map, where, key);
}

const struct binding *keymap_lookup(const struct keymap *map, const char *panel, const char *screen,
                                    const struct key *key)
{
    const struct binding *b = panel ? find(map, panel, key) : NULL;

    b = b || !screen ? b : find(map, screen, key);
    return b ? b : find(map, "all", key);
}
