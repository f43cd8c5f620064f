/* Stretches of a text that change as a whole, and the normal forms, which are such changes. Most
 * text is plain ASCII, which none of them touches: what lies between is rewritten, the rest copied.
 */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "engine/unicode.h"

static void write_items(struct builder *b, const struct item *items, size_t n,
                        const struct piece *p)
{
    struct span span = {(uint32_t)p->origin, (uint32_t)p->origin};
    size_t at = 0;
    uint32_t c;

    for (size_t i = 0; i < n; i++) {
        for (int k = items[i].change; k <= 0 && at < p->len; k++) {
            size_t len = unicode_decode(p->s + at, p->len - at, &c);

            if (k == items[i].change) {
                span = piece_span(p, at, len);
            }
            at += len;
        }
        builder_add_char(b, items[i].c, span);
        if (items[i].change < 0) { /* what is inserted next covers the last character taken */
            span = piece_span(p, at - 1, 1);
        }
    }
}

/* ASCII that stays and has ASCII behind it: nothing there can join it. */
static bool is_plain(const struct piece *p, size_t i, const unsigned char *stays)
{
    unsigned char c = (unsigned char)p->s[i];

    return c < 0x80 && stays[c] && (i + 1 == p->len || (unsigned char)p->s[i + 1] < 0x80);
}

static int apply(struct stretch *x, bool (*rule)(struct stretch *x))
{
    x->n = 0;
    x->changed = false;
    return rule(x) ? ATTUNE_OK : encoding_no_memory(x->e);
}

/*     plain text e`u"- plain text
 *              |<----->|
 *
 * A stretch ends behind an ASCII character, so that neither a mark nor a prepended sign reaches
 * over its ends, and begins with one that stays, so that what is dropped has something before it.
 */
int normalizer_rewrite(struct encoding *e, struct piece *p, const unsigned char *stays,
                       bool (*rule)(struct stretch *x), const void *how)
{
    struct stretch x = {.e = e, .how = how};
    struct builder b = {.e = NULL};
    size_t done = 0, end;
    int status = ATTUNE_OK;

    for (size_t i = 0; i < p->len; i = end) {
        while (i < p->len && is_plain(p, i, stays)) {
            i++;
        }
        if (i == p->len) {
            break;
        }
        for (end = i + 1;
             end < p->len && ((unsigned char)p->s[end - 1] >= 0x80 || !is_plain(p, end, stays));
             end++) {
        }
        x.part = piece_part(p, i > 0 ? i - 1 : 0, end);
        x.late = false;
        status = apply(&x, rule);
        if (status == ATTUNE_OK && x.late) {
            x.part = *p;
            end = p->len;
            status = apply(&x, rule);
        }
        if (status) {
            break;
        }
        if (x.changed) {
            if (!b.e) {
                builder_init(&b, e, p->len + p->len / 4);
            }
            builder_add_piece(&b, p, done, i > 0 ? i - 1 : 0);
            write_items(&b, x.items, x.n, &x.part);
            done = end;
        }
    }
    free(x.items);
    if (status == ATTUNE_OK && b.e) {
        builder_add_piece(&b, p, done, p->len);
        status = builder_finish(&b, p);
    }
    return status;
}

bool stretch_reserve(struct stretch *x, size_t need)
{
    struct item *more;

    if (need <= x->capacity) {
        return true;
    }
    x->e->arena.full = need > x->e->arena.limit / sizeof *more;
    more = x->e->arena.full ? NULL : realloc(x->items, need * 2 * sizeof *more);
    if (!more) {
        return false;
    }
    x->items = more;
    x->capacity = need * 2;
    return true;
}

/* ---- normal forms ---- */
static uint8_t class_of(uint32_t c)
{
    return (uint8_t)utf8proc_get_property((utf8proc_int32_t)c)->combining_class;
}

/* No character has more than 4 parts (18 by compatibility); ASCII has one. */
static size_t most_items(const struct piece *p, unsigned form)
{
    size_t n = 0;

    for (size_t i = 0; i < p->len; i++) {
        unsigned char c = (unsigned char)p->s[i];

        n += c < 0x80 ? 1 : c < 0xc0 ? 0 : form & FORM_COMPATIBLE ? 18 : 4;
    }
    return n;
}

static int by_class(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    return x->class != y->class ? (int)x->class - (int)y->class : x->place < y->place ? -1 : 1;
}

/* Canonical order: each run of marks by class, those of one class as they stood. */
static void sort_marks(struct item *items, size_t n)
{
    for (size_t i = 0, run; i < n; i += run + 1) {
        for (run = 0; i + run < n && items[i + run].class > 0; run++) {
            items[i + run].place = (uint32_t)run;
        }
        if (run > 1) {
            qsort(items + i, run, sizeof *items, by_class);
        }
    }
}

/* Old characters decomposed, marks in canonical order. */
static size_t decompose(const struct piece *p, unsigned form, struct item *items)
{
    utf8proc_option_t option = UTF8PROC_DECOMPOSE | (form & FORM_COMPATIBLE ? UTF8PROC_COMPAT : 0);
    utf8proc_int32_t parts[32];
    size_t n = 0, len;
    uint32_t c;

    for (size_t i = 0; i < p->len; i += len) {
        utf8proc_ssize_t k;

        len = unicode_decode(p->s + i, p->len - i, &c);
        k = utf8proc_decompose_char((utf8proc_int32_t)c, parts, 32, option, NULL);
        if (k < 0 || k > (form & FORM_COMPATIBLE ? 18 : 4)) {
            parts[0] = (utf8proc_int32_t)c;
            k = 1;
        }
        for (utf8proc_ssize_t j = 0; j < k; j++) {
            items[n++] = (struct item){(uint32_t)parts[j], 0, j > 0, class_of((uint32_t)parts[j])};
        }
    }
    sort_marks(items, n);
    return n;
}

/* The primary composite of two characters, 0 if there is none. */
static uint32_t composite(uint32_t a, uint32_t b)
{
    utf8proc_int32_t pair[2] = {(utf8proc_int32_t)a, (utf8proc_int32_t)b};

    return utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) == 1
               ? (uint32_t)pair[0]
               : 0;
}

/* Canonical composition (Unicode Standard, 3.11, D117), in place. */
static size_t compose(struct item *items, size_t n)
{
    size_t starter = SIZE_MAX, out = 0;
    int before = -1; /* class of the last mark kept since the starter; -1: none */

    for (size_t i = 0; i < n; i++) {
        struct item item = items[i];
        bool blocked = before >= 0 && before >= item.class;
        uint32_t c = starter == SIZE_MAX || blocked ? 0 : composite(items[starter].c, item.c);

        if (c) {
            items[starter].c = c;
            items[starter].change += item.change - 1;
            continue;
        }
        if (item.class == 0) {
            starter = out;
            before = -1;
        } else {
            before = item.class;
        }
        items[out++] = item;
    }
    return out;
}

static bool rewrite_form(struct stretch *x)
{
    unsigned form = *(const unsigned *)x->how;

    if (!stretch_reserve(x, most_items(&x->part, form))) {
        return false;
    }
    x->changed = true;
    x->n = decompose(&x->part, form, x->items);
    x->n = form & FORM_COMPOSE ? compose(x->items, x->n) : x->n;
    return true;
}

int normalizer_form(struct encoding *e, struct piece *p, unsigned form)
{
    unsigned char least =
        form == FORM_COMPOSE ? 0xcc : 0x80; /* nothing below U+0300 is changed by NFC */
    unsigned char stays[128];
    size_t i = 0;

    while (i < p->len && (unsigned char)p->s[i] < least) { /* continuation bytes are below 0xc0 */
        i++;
    }
    if (i == p->len) {
        return ATTUNE_OK;
    }
    memset(stays, 1, sizeof stays);
    return normalizer_rewrite(e, p, stays, rewrite_form, &form);
}
