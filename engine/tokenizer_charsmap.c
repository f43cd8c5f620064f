/* The normalizer "Precompiled": SentencePiece's character map, a double array (Yata et al. 2007;
 * Darts) from byte sequences to places in a list of NUL-terminated replacements.
 *
 *   base64: bytes of the array (u32), the array (u32 each), the replacements */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/tokenizer_parts.h"
#include "engine/unicode.h"

static int digit_of(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* *out: freed by the caller; false where s is no base64 or memory is short. */
static bool from_base64(const char *s, size_t len, char **out, size_t *n)
{
    uint32_t bits = 0;
    int held = 0;

    while (len > 0 && s[len - 1] == '=') {
        len--;
    }
    *n = 0;
    *out = malloc(len + 1);
    for (size_t i = 0; *out && i < len; i++) {
        int digit = digit_of(s[i]);

        if (digit < 0) {
            free(*out);
            *out = NULL;
            break;
        }
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            (*out)[(*n)++] = (char)(bits >> held & 0xff);
        }
    }
    return *out != NULL;
}

/* The step keeps the array in table and the replacements, NUL-terminated, in text. */
int charsmap_set(struct step *step, const char *map, size_t len, struct attune_error *err)
{
    uint32_t size = 0;

    if (len >= sizeof size) {
        memcpy(&size, map, sizeof size);
    }
    if (len < sizeof size || size % 4 != 0 || size > len - sizeof size || size < 4 * 256) {
        return attune_error_set(err, ATTUNE_FORMAT, 0, "the character map is damaged");
    }
    step->n_table = size / 4;
    step->table = malloc(size);
    step->text_len = len - sizeof size - size;
    step->text = malloc(step->text_len + 1);
    if (!step->table || !step->text) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    memcpy(step->table, map + sizeof size, size);
    memcpy(step->text, map + sizeof size + size, step->text_len);
    step->text[step->text_len] = '\0';
    return ATTUNE_OK;
}

int charsmap_load(struct step *step, const json_t *json, struct attune_error *err)
{
    const json_t *map = json_object_get(json, "precompiled_charsmap");
    char *bytes = NULL;
    size_t n = 0;
    int status;

    if (!json_is_string(map) ||
        !from_base64(json_string_value(map), json_string_length(map), &bytes, &n)) {
        return attune_error_set(err, ATTUNE_FORMAT, 0,
                                "precompiled_charsmap is missing or no base64");
    }
    status = charsmap_set(step, bytes, n, err);
    free(bytes);
    return status;
}

/* The replacement for the shortest (or longest) beginning of s that has one, and that beginning's
 * length; NULL if there is none. */
const char *charsmap_find(const struct step *step, const char *s, size_t len, bool longest,
                          size_t *taken)
{
    const uint32_t *units = step->table;
    const char *found = NULL;
    size_t at = 0, i;

    at ^= (units[0] >> 10) << ((units[0] & 1u << 9) >> 6);
    for (i = 0; i < len && s[i] != '\0'; i++) {
        unsigned char c = (unsigned char)s[i];

        at ^= c;
        if (at >= step->n_table || (units[at] & (1u << 31 | 0xff)) != c) {
            break;
        }
        if (units[at] >> 8 & 1) {
            size_t leaf = at ^ (size_t)(units[at] >> 10) << ((units[at] & 1u << 9) >> 6);
            size_t place = leaf < step->n_table ? units[leaf] & 0x7fffffff : step->text_len;

            if (place < step->text_len) {
                found = step->text + place;
                *taken = i + 1;
            }
            if (found && !longest) {
                break;
            }
        }
        at ^= (size_t)(units[at] >> 10) << ((units[at] & 1u << 9) >> 6);
    }
    return found && unicode_valid(found, strlen(found)) == strlen(found) ? found : NULL;
}

/* What old becomes, as the reference counts it: characters one for one, more of them as inserted,
 * fewer taken by the last one there is. */
static void replace(struct item *items, size_t *n, const char *old, size_t old_len,
                    const char *text)
{
    size_t len = strlen(text), before = 0, after = 0, k;
    uint32_t c;

    for (size_t i = 0; i < old_len; i++) {
        before += (old[i] & 0xc0) != 0x80;
    }
    for (size_t i = 0; i < len; i += k, after++) {
        k = unicode_decode(text + i, len - i, &c);
        items[(*n)++] = (struct item){.c = c, .change = after >= before};
    }
    if (after<before && * n> 0) {
        items[*n - 1].change -= (int)(before - after);
    }
}

/* Bytes of the grapheme cluster at s. */
static size_t cluster(const char *s, size_t len)
{
    uint32_t before, c;
    utf8proc_int32_t state = 0;
    size_t n = unicode_decode(s, len, &before), k;

    while (
        (k = unicode_decode(s + n, len - n, &c)) > 0 &&
        !utf8proc_grapheme_break_stateful((utf8proc_int32_t)before, (utf8proc_int32_t)c, &state)) {
        n += k;
        before = c;
    }
    return n;
}

/* One cluster: the whole where it is short and has a replacement, else character by character. */
static bool map_cluster(struct stretch *x, const char *s, size_t len)
{
    const struct step *step = x->how;
    size_t taken, k;
    const char *text = len < 6 ? charsmap_find(step, s, len, false, &taken) : NULL;
    uint32_t c;

    if (text) {
        x->changed = true;
        if (!stretch_reserve(x, x->n + strlen(text) + 1)) {
            return false;
        }
        x->late = x->late || (x->n == 0 && *text == '\0');
        replace(x->items, &x->n, s, len, text);
        return true;
    }
    for (size_t i = 0; i < len; i += k) {
        k = unicode_decode(s + i, len - i, &c);
        text = charsmap_find(step, s + i, k, false, &taken);
        if (!stretch_reserve(x, x->n + (text ? strlen(text) : 0) + 1)) {
            return false;
        }
        if (text) {
            x->changed = true;
            x->late = x->late || (x->n == 0 && *text == '\0');
            replace(x->items, &x->n, s + i, k, text);
        } else {
            x->items[x->n++] = (struct item){.c = c};
        }
    }
    return true;
}

static bool map_stretch(struct stretch *x)
{
    size_t len;

    for (size_t i = 0; i < x->part.len; i += len) {
        len = cluster(x->part.s + i, x->part.len - i);
        if (!map_cluster(x, x->part.s + i, len)) {
            return false;
        }
    }
    return true;
}

int charsmap_run(struct encoding *e, const struct step *step, struct piece *p)
{
    unsigned char stays[128];
    size_t taken;

    for (int c = 0; c < 128; c++) {
        char s = (char)c;

        stays[c] = !charsmap_find(step, &s, 1, false, &taken);
    }
    stays['\r'] = stays['\n'] = 0; /* both are one cluster */
    return normalizer_rewrite(e, p, stays, map_stretch, step);
}

/* As llama.cpp does it: the longest beginning that has a replacement, from left to right. */
int charsmap_run_longest(struct encoding *e, const struct step *step, struct piece *p)
{
    struct builder b;
    size_t n;
    uint32_t c;

    builder_init(&b, e, p->len + p->len / 4);
    for (size_t i = 0; i < p->len; i += n) {
        const char *text = charsmap_find(step, p->s + i, p->len - i, true, &n);

        if (text) {
            builder_add(&b, text, strlen(text), piece_span(p, i, n));
        } else {
            n = unicode_decode(p->s + i, p->len - i, &c);
            builder_add_piece(&b, p, i, i + n);
        }
    }
    return builder_finish(&b, p);
}
