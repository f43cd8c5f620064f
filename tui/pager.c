/* Lines over the screen with up, down, page and end; long lines are cut and can be moved sideways.
 */
#include <config.h>

#include "pager.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pager_close(struct pager *p)
{
    free(p->text);
    free(p->lines);
    *p = (struct pager){0};
}

void pager_show(struct pager *p, const char *title, char *text)
{
    size_t n = 1;

    pager_close(p);
    for (const char *at = text; at && *at; at++) {
        n += *at == '\n';
    }
    p->text = text;
    p->lines = text ? malloc((n + 1) * sizeof *p->lines) : NULL;
    if (!p->lines) {
        pager_close(p);
        return;
    }
    p->lines[p->n++] = 0;
    for (size_t at = 0; text[at]; at++) {
        if (text[at] == '\n') {
            p->lines[p->n++] = at + 1;
        }
    }
    p->lines[p->n] = strlen(text) + 1;
    if (p->n > 1 && p->lines[p->n - 1] + 1 == p->lines[p->n]) {
        p->n--; /* a last line break begins no line */
    }
    snprintf(p->title, sizeof p->title, "%s", title);
    p->open = true;
}

static void clamp(struct pager *p, long top)
{
    long last = (long)p->n - p->rows;

    p->top = (size_t)(top > last ? last > 0 ? last : 0 : top > 0 ? top : 0);
}

void pager_draw(struct pager *p, struct canvas *c, struct rect r)
{
    struct style plain = style_of(c, ROLE_TEXT);
    struct rect inside;

    canvas_fill(c, r, ' ', plain);
    inside = canvas_box(c, r, p->title, true);
    p->rows = inside.rows > 0 ? inside.rows : 1;
    clamp(p, (long)p->top);
    for (int y = 0; y < inside.rows && p->top + (size_t)y < p->n; y++) {
        const char *line = p->text + p->lines[p->top + (size_t)y];
        size_t len = p->lines[p->top + (size_t)y + 1] - p->lines[p->top + (size_t)y] - 1;
        bool heading = len > 0 && line[0] == '\1';

        canvas_text(c, inside, y, 1 - p->left, line + heading, len - heading,
                    heading ? style_of(c, ROLE_ACCENT) : plain);
    }
    if (p->n > (size_t)p->rows) {
        struct rect foot = {r.y + r.rows - 1, r.x, 1, r.cols - 2};

        canvas_print(c, foot, 0, foot.cols > 24 ? foot.cols - 22 : 0, style_of(c, ROLE_TITLE),
                     " %zu-%zu of %zu ", p->top + 1,
                     p->top + (size_t)p->rows < p->n ? p->top + (size_t)p->rows : p->n, p->n);
    }
}

static long motion(const struct pager *p, const struct key *key)
{
    long page = p->rows > 2 ? p->rows - 1 : 1, all = (long)p->n;

    if (key->kind == KEY_MOUSE) {
        return key->button == 64 ? -3 : key->button == 65 ? 3 : 0;
    }
    if (key->kind == KEY_CHAR) {
        switch (key->code) {
        case 'j': return 1;
        case 'k': return -1;
        case ' ':
        case 'f': return page;
        case 'b': return -page;
        case 'g': return -all;
        case 'G': return all;
        default: return 0;
        }
    }
    switch (key->kind == KEY_NAMED ? key->code : NAMED_COUNT) {
    case NAMED_DOWN: return 1;
    case NAMED_UP: return -1;
    case NAMED_PAGEDOWN: return page;
    case NAMED_PAGEUP: return -page;
    case NAMED_HOME: return -all;
    case NAMED_END: return all;
    default: return 0;
    }
}

void pager_key(struct pager *p, const struct key *key)
{
    static const char *const closing[] = {"q", "escape", "enter",  "f1",
                                          "?", "ctrl-c", "ctrl-q", "f10"};
    long by = motion(p, key);
    struct key other;

    if (by != 0) {
        clamp(p, (long)p->top + by);
        return;
    }
    if (key->kind == KEY_NAMED && (key->code == NAMED_LEFT || key->code == NAMED_RIGHT)) {
        p->left += key->code == NAMED_RIGHT ? 8 : p->left > 0 ? -8 : 0;
        return;
    }
    for (size_t i = 0; i < sizeof closing / sizeof *closing; i++) {
        if (key_parse(&other, closing[i]) && key_same(&other, key)) {
            pager_close(p);
            return;
        }
    }
}
