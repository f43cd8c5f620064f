/* The prompts of the library as a list to look through: what each is for, how many shots it has,
 * and the words it holds. A file that cannot be read is listed with what is wrong with it. */
#include <config.h>

#include <attune/library.h>
#include <attune/pool.h>
#include <attune/prompt.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "json.h"
#include "text.h"

static const struct shelf {
    const char *kind, *folder;
} shelves[] = {
    {"prompt", "prompts/examples"},
    {"template", "prompts/templates"},
    {"shots", "prompts/shots"},
};
enum { SHELF_COUNT = sizeof shelves / sizeof *shelves };

/* Lower case, and without what tells é from e: so that a search finds either. NULL: no memory. */
static char *folded(const char *text)
{
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)text, 0, &out,
                                      UTF8PROC_NULLTERM | UTF8PROC_CASEFOLD | UTF8PROC_DECOMPOSE |
                                          UTF8PROC_STRIPMARK);

    if (n < 0) { /* bytes that are no UTF-8 are found as they are */
        free(out);
        return strdup(text);
    }
    return (char *)out;
}

/* Every word has to be there. */
static bool holds(const char *text, const char *words)
{
    char *in = folded(text), *wanted = folded(words), *rest = NULL;
    bool all = in && wanted;

    for (char *w = all ? strtok_r(wanted, " \t", &rest) : NULL; all && w;
         w = strtok_r(NULL, " \t", &rest)) {
        all = strstr(in, w) != NULL;
    }
    free(in);
    free(wanted);
    return all;
}

static int take_member(char **out, const char *json, size_t len, const char *key)
{
    json_t *root = json_loadb(json, len, 0, NULL);
    const char *value = json_string_value(json_object_get(root, key));

    *out = strdup(value ? value : "");
    json_decref(root);
    return *out ? ATTUNE_OK : ATTUNE_MEMORY;
}

static int read_prompt(struct attune_library_item *item, const char *json, size_t len,
                       struct attune_error *err)
{
    struct attune_prompt prompt = {0};
    struct attune_rendered rendered = {0};
    struct attune_error why;
    int status = take_member(&item->use, json, len, "use");

    if (status == ATTUNE_OK) {
        status = take_member(&item->about, json, len, "about");
    }
    if (status != ATTUNE_OK) {
        return text_no_memory(err);
    }
    status = attune_prompt_from_json(&prompt, json, len, err);
    if (status == ATTUNE_OK) {
        item->shots = attune_prompt_shots(&prompt);
        if (attune_prompt_render(&rendered, &prompt, &why) == ATTUNE_OK) {
            item->text = rendered.text; /* moved */
            rendered.text = NULL;
        } else {
            item->text = strdup(why.text);
        }
        status = item->text ? ATTUNE_OK : text_no_memory(err);
    }
    attune_rendered_done(&rendered);
    attune_prompt_done(&prompt);
    return status;
}

/* The first remark says what a template is for. */
static int read_template(struct attune_library_item *item, const char *text, size_t len,
                         struct attune_error *err)
{
    size_t start = len > 0 && text[0] == '#' ? 1 + strspn(text + 1, " ") : 0;

    item->use = strdup("");
    item->about = start ? text_copy(text + start, strcspn(text + start, "\n")) : strdup("");
    item->text = strdup(text);
    return item->use && item->about && item->text ? ATTUNE_OK : text_no_memory(err);
}

static int read_pool(struct attune_library_item *item, const char *name, struct attune_error *err)
{
    struct attune_pool pool;
    struct text all = {0};
    char about[64];
    int status = attune_pool_load(&pool, item->path, -1, true, err);

    for (size_t i = 0; status == ATTUNE_OK && i < pool.n; i++) {
        text_put(&all, pool.rows[i].input);
        text_put(&all, "  \u2192  ");
        text_put(&all, pool.rows[i].output);
        text_put(&all, "\n");
    }
    if (status == ATTUNE_OK) {
        snprintf(about, sizeof about, "%zu rows", pool.n);
        item->shots = pool.n;
        item->use = strdup("");
        item->about = strdup(about);
        attune_pool_done(&pool);
        status = item->use && item->about ? text_take(&all, &item->text, NULL, err)
                                          : text_no_memory(err);
    }
    text_done(&all);
    return status;
}

static void item_done(struct attune_library_item *item)
{
    free(item->name);
    free(item->path);
    free(item->use);
    free(item->about);
    free(item->text);
    memset(item, 0, sizeof *item);
}

static int read_item(struct attune_library_item *item, const struct shelf *shelf,
                     const struct attune_library_entry *entry, struct attune_error *err)
{
    struct attune_error why = {0};
    char *text = NULL;
    size_t len = 0;
    int status;

    item->kind = shelf->kind;
    item->name = strdup(entry->name);
    item->path = strdup(entry->path);
    if (!item->name || !item->path) {
        return text_no_memory(err);
    }
    if (shelf == &shelves[SHELF_COUNT - 1]) {
        status = read_pool(item, entry->name, &why);
    } else {
        status = text_read_file(&text, &len, entry->path, 16 << 20, &why);
        if (status == ATTUNE_OK) {
            status = (shelf == shelves ? read_prompt : read_template)(item, text, len, &why);
        }
    }
    free(text);
    if (status != ATTUNE_OK && status != ATTUNE_MEMORY) {
        item->broken = true;
        free(item->use);
        free(item->about);
        free(item->text);
        item->use = strdup("");
        item->about = strdup(why.text);
        item->text = strdup("");
        status = item->use && item->about && item->text ? ATTUNE_OK : ATTUNE_MEMORY;
    }
    return status == ATTUNE_OK ? status : text_no_memory(err);
}

static bool is_wanted(const struct attune_library_item *item, const char *words)
{
    struct text all = {0};
    bool wanted;

    if (!words || !*words) {
        return true;
    }
    text_put(&all, item->kind);
    text_put(&all, " ");
    text_put(&all, item->name);
    text_put(&all, " ");
    text_put(&all, item->use);
    text_put(&all, " ");
    text_put(&all, item->about);
    text_put(&all, " ");
    text_put(&all, item->text);
    wanted = !all.failed && holds(all.data, words);
    text_done(&all);
    return wanted;
}

static int add_item(struct attune_library_item **list, size_t *n,
                    const struct attune_library_item *item, struct attune_error *err)
{
    struct attune_library_item *more = realloc(*list, (*n + 1) * sizeof *more);

    if (!more) {
        return text_no_memory(err);
    }
    *list = more;
    more[(*n)++] = *item;
    return ATTUNE_OK;
}

int attune_library_browse(struct attune_library_item **out, size_t *n, const char *words,
                          struct attune_error *err)
{
    int status = ATTUNE_OK;

    *out = NULL;
    *n = 0;
    for (size_t k = 0; status == ATTUNE_OK && k < SHELF_COUNT; k++) {
        struct attune_library_entry *list;
        size_t count;

        status = attune_library_list(&list, &count, shelves[k].folder, err);
        for (size_t i = 0; status == ATTUNE_OK && i < count; i++) {
            struct attune_library_item item = {0};

            status = read_item(&item, &shelves[k], &list[i], err);
            if (status == ATTUNE_OK && is_wanted(&item, words)) {
                status = add_item(out, n, &item, err);
                memset(&item, 0, status == ATTUNE_OK ? sizeof item : 0);
            }
            item_done(&item);
        }
        attune_library_list_free(list, count);
    }
    if (status != ATTUNE_OK) {
        attune_library_items_free(*out, *n);
        *out = NULL;
        *n = 0;
    }
    return status;
}

void attune_library_items_free(struct attune_library_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        item_done(&items[i]);
    }
    free(items);
}
