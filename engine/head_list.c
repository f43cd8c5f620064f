/* Reads lists of heads: "2.1,3.*:mean,encoder.0.2:0.5". What a value means is the caller's. */
#include <config.h>

#include "engine/head_list.h"

#include <string.h>

bool head_list_number(const char **at, int *out)
{
    int n = 0, digits = 0;

    if (**at == '*') {
        *out = -1;
        ++*at;
        return true;
    }
    for (; **at >= '0' && **at <= '9' && digits < 7; ++*at, digits++) {
        n = n * 10 + (**at - '0');
    }
    *out = n;
    return digits > 0 && digits < 7;
}

static bool take_word(const char **at, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*at, word, len) != 0) {
        return false;
    }
    *at += len;
    return true;
}

static void read_stack(struct head_item *out, const char **at)
{
    static const struct {
        const char *word;
        enum attune_stack stack;
    } words[] = {{"encoder.", ATTUNE_STACK_ENCODER},
                 {"decoder.", ATTUNE_STACK_DECODER},
                 {"cross.", ATTUNE_STACK_CROSS}};

    out->stack = ATTUNE_STACK_SELF;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (take_word(at, words[i].word)) {
            out->stack = words[i].stack;
            return;
        }
    }
}

static bool read_part(struct head_item *out, const char **at)
{
    static const struct {
        const char *word;
        enum head_part part;
    } words[] = {{"attention", PART_ATTENTION}, {"cross", PART_CROSS}, {"mlp", PART_MLP}};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (take_word(at, words[i].word)) {
            out->part = words[i].part;
            return true;
        }
    }
    out->part = PART_HEAD;
    return head_list_number(at, &out->head);
}

int head_list_next(struct head_item *out, const char *list, const char **at,
                   struct attune_error *err)
{
    const char *s = *at;
    bool good;

    if (*s == '\0') {
        return 0;
    }
    *out = (struct head_item){.text = s, .len = strcspn(s, ",")};
    read_stack(out, &s);
    good = head_list_number(&s, &out->layer);
    if (good && *s == '.') {
        s++;
        good = read_part(out, &s);
    }
    if (good && *s == ':') {
        out->value = s + 1;
        out->value_len = out->len - (size_t)(out->value - out->text);
        s = out->text + out->len;
    }
    if (!good || s != out->text + out->len || (*s == ',' && s[1] == '\0')) {
        return -attune_error_set(err, ATTUNE_ARGUMENT, (uint64_t)(out->text - list),
                                 "'%.*s' names no head: write LAYER.HEAD, LAYER.* or LAYER, with "
                                 "commas between",
                                 (int)(out->len < 40 ? out->len : 40), out->text);
    }
    *at = s + (*s == ',');
    return 1;
}
