/* Versions of the saved prompt that is in the composer, the composer's own text first; below them
 * what changed from an older one (marked, or the one before) to the one under the cursor, by words
 * or by tokens. */
#include <config.h>

#include "panel.h"

#include <attune/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prompt_view.h"
#include "view.h"

struct versions_state {
    char name[104];                  /* whose versions these are */
    struct attune_version *versions; /* [n] oldest first */
    size_t n;
    size_t selected, top; /* rows: 0 is the composer, then the newest */
    size_t base;          /* the row compared with; SIZE_MAX: the one below the cursor */
    size_t scroll;        /* first row of the difference shown */
    int rows;
    bool tokens;
    uint64_t revision; /* of the prompt when the list was read */
    bool read;
};

static void close_versions(struct panel *panel)
{
    struct versions_state *s = panel->state;

    attune_prompt_versions_free(s->versions, s->n);
}

/* "name" of {"saved": {"name": "x", "version": 2}}, which attune_prompt_save wrote. */
static bool saved_name(char out[104], const struct attune_prompt *prompt)
{
    static const char key[] = "\"saved\":{\"name\":\"";
    const char *at = prompt->record ? strstr(prompt->record, key) : NULL;
    size_t len = at ? strcspn(at + strlen(key), "\"") : 0;

    if (len == 0 || len > 100) {
        return false;
    }
    memcpy(out, at + strlen(key), len);
    out[len] = '\0';
    return true;
}

static void look(struct panel *panel)
{
    struct versions_state *s = panel->state;
    struct attune_error err;
    char name[104];

    if (s->read && s->revision == panel->bench->revision) {
        return;
    }
    s->read = true;
    s->revision = panel->bench->revision;
    if (!saved_name(name, &panel->bench->prompt)) {
        snprintf(name, sizeof name, "%s", s->name);
    }
    attune_prompt_versions_free(s->versions, s->n);
    s->versions = NULL;
    s->n = 0;
    if (name[0] && attune_prompt_versions(&s->versions, &s->n, name, &err) != ATTUNE_OK) {
        bench_say(panel->bench, true, "%s", err.text);
    }
    if (strcmp(s->name, name) != 0) {
        strcpy(s->name, name);
        s->selected = s->top = s->scroll = 0;
        s->base = SIZE_MAX;
    }
}

/* The prompt of a row; NULL below the oldest. */
static const struct attune_prompt *prompt_at(const struct panel *panel, size_t row)
{
    const struct versions_state *s = panel->state;

    return row == 0 ? &panel->bench->prompt : row <= s->n ? &s->versions[s->n - row].prompt : NULL;
}

static void draw_row(const struct panel *panel, struct canvas *c, struct rect r, int y, size_t row)
{
    const struct versions_state *s = panel->state;
    const struct attune_version *v = row > 0 ? &s->versions[s->n - row] : NULL;
    struct style name = style_of(c, row == s->selected ? ROLE_SELECT : ROLE_TEXT);
    char shots[VIEW_NUMBER];
    int x =
        canvas_print(c, r, y, 0, style_of(c, ROLE_ACCENT), "%s", row == s->base ? "\u25cf " : "  ");

    if (!v) {
        x += canvas_print(c, r, y, x, name, "composer") + 1;
    } else {
        x += canvas_print(c, r, y, x, name, "%-8d", v->number) + 1;
        if (strlen(v->saved) >= 16 && r.cols >= 40) {
            x += canvas_print(c, r, y, x, style_of(c, ROLE_DIM), "%.10s %.5s ", v->saved,
                              v->saved + 11);
        }
    }
    x += canvas_print(c, r, y, x, style_of(c, ROLE_DIM), "%-10s",
                      prompt_view_shots(shots, attune_prompt_shots(prompt_at(panel, row))));
    view_clip(c, r, y, x, style_of(c, ROLE_TEXT), v ? v->note : "");
}

/* ---- the difference ---- */

struct pen { /* where the next piece is written */
    struct canvas *c;
    struct rect r;
    size_t skip;
    size_t row;
    int x;
};

static void line_break(struct pen *p)
{
    p->row++;
    p->x = 0;
}

static void write_piece(struct pen *p, const char *text, size_t len, struct style s)
{
    while (len > 0) {
        size_t n = strcspn(text, "\n"), part;
        int width;

        n = n < len ? n : len;
        if (n == 0) {
            line_break(p);
            text++;
            len--;
            continue;
        }
        for (part = n; (width = text_columns(text, part)) > p->r.cols - p->x && part > 1;) {
            part--;
            while (part > 1 && ((unsigned char)text[part] & 0xc0) == 0x80) {
                part--;
            }
        }
        if (width > p->r.cols - p->x && p->x > 0) {
            line_break(p);
            continue;
        }
        if (p->row >= p->skip && p->row - p->skip < (size_t)p->r.rows) {
            canvas_text(p->c, p->r, (int)(p->row - p->skip), p->x, text, part, s);
        }
        p->x += width;
        text += part;
        len -= part;
    }
}

static struct style change_style(const struct canvas *c, enum attune_change change)
{
    struct style s = style_of(c, change == ATTUNE_CHANGE_REMOVED ? ROLE_ERROR
                                 : change == ATTUNE_CHANGE_ADDED ? ROLE_SHOT
                                                                 : ROLE_DIM);

    if (change != ATTUNE_CHANGE_SAME) {
        s.attrs |= ATTR_BOLD;
    }
    return s;
}

/* Told apart by more than colour: [-gone-] {+new+}. */
static void write_change(struct pen *p, enum attune_change change, const char *text, size_t len)
{
    static const char *const marks[][2] = {{"", ""}, {"[-", "-]"}, {"{+", "+}"}};
    struct style s = change_style(p->c, change);

    write_piece(p, marks[change][0], strlen(marks[change][0]), s);
    write_piece(p, text, len, s);
    write_piece(p, marks[change][1], strlen(marks[change][1]), s);
}

static void write_tokens(struct pen *p, const struct workbench *b, enum attune_change change,
                         const attune_token *ids, size_t n)
{
    char bytes[VIEW_BYTES], text[VIEW_BYTES + 24];
    bool special;

    for (size_t i = 0; i < n; i++) {
        size_t len = view_id_bytes(b, ids[i], bytes, &special);

        snprintf(text, sizeof text, "%.*s", (int)len, bytes);
        for (char *c = text; *c; c++) {
            *c = *c == '\n' ? ' ' : *c;
        }
        write_change(p, change, text, strlen(text));
        write_piece(p, "|", 1, style_of(p->c, ROLE_FRAME));
    }
}

static void draw_changes(const struct panel *panel, struct pen *p,
                         const struct attune_rendered text[2], const struct attune_tokens tokens[2])
{
    const struct versions_state *s = panel->state;
    struct attune_text_change *c = NULL;
    struct attune_error err;
    size_t n = 0;
    int status = s->tokens ? attune_diff_tokens(&c, &n, tokens[0].ids, tokens[0].n, tokens[1].ids,
                                                tokens[1].n, &err)
                           : attune_diff_words(&c, &n, text[0].text, text[0].len, text[1].text,
                                               text[1].len, &err);

    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        bool added = c[i].change == ATTUNE_CHANGE_ADDED;
        size_t from = added ? c[i].b : c[i].a, to = added ? c[i].b_end : c[i].a_end;

        if (s->tokens) {
            write_tokens(p, panel->bench, c[i].change, tokens[added].ids + from, to - from);
        } else {
            write_change(p, c[i].change, text[added].text + from, to - from);
        }
    }
    free(c);
}

static void draw_difference(struct panel *panel, struct canvas *c, struct rect r)
{
    struct versions_state *s = panel->state;
    const struct attune_tokenizer *tk =
        panel->bench->model ? attune_model_tokenizer(panel->bench->model) : NULL;
    const struct attune_tokenize_options how = {.add_special = true};
    size_t base = s->base == SIZE_MAX || s->base > s->n ? s->selected + 1 : s->base;
    const struct attune_prompt *prompts[2] = {prompt_at(panel, base),
                                              prompt_at(panel, s->selected)};
    struct attune_rendered text[2] = {{0}};
    struct attune_tokens tokens[2] = {{0}};
    struct attune_error err = {0};
    struct pen pen = {c, view_rows(r, 1, r.rows - 1), s->scroll, 0, 0};
    int status = ATTUNE_OK;

    if (r.rows < 2) {
        return;
    }
    view_rule(c, r, 0, 0, r.cols, style_of(c, ROLE_FRAME));
    if (!prompts[0]) {
        canvas_print(c, r, 0, 1, style_of(c, ROLE_DIM), " the oldest ");
        prompts[0] = prompts[1];
    } else {
        canvas_print(c, r, 0, 1, style_of(c, ROLE_DIM), " by %s, from the row \u25cf or below ",
                     s->tokens ? "tokens" : "words");
    }
    for (int i = 0; status == ATTUNE_OK && i < 2; i++) {
        status = attune_prompt_render(&text[i], prompts[i], &err);
        if (status == ATTUNE_OK && s->tokens && tk) {
            status = attune_tokenize(&tokens[i], tk, text[i].text, text[i].len, &how, &err);
        }
    }
    if (status == ATTUNE_OK) {
        draw_changes(panel, &pen, text, tokens);
    } else {
        view_sentence(c, pen.r, 0, style_of(c, ROLE_ERROR), "%s", err.text);
    }
    for (int i = 0; i < 2; i++) {
        attune_rendered_done(&text[i]);
        attune_tokens_done(&tokens[i]);
    }
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct versions_state *s = panel->state;
    size_t rows;

    look(panel);
    if (s->n == 0) {
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM),
                      "This prompt was not saved yet: save NAME [NOTE] keeps a version of it.");
        return;
    }
    rows = s->n + 1 < (size_t)inside.rows / 2 ? s->n + 1 : (size_t)inside.rows / 2;
    rows = rows > 0 ? rows : 1;
    s->rows = (int)rows;
    s->selected = s->selected <= s->n ? s->selected : s->n;
    s->top = view_scroll(s->top, s->selected, s->n + 1, s->rows);
    for (int y = 0; y < s->rows && s->top + (size_t)y <= s->n; y++) {
        draw_row(panel, c, view_rows(inside, 0, s->rows), y, s->top + (size_t)y);
    }
    draw_difference(panel, c, view_rows(inside, s->rows, inside.rows - s->rows));
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct versions_state *s = panel->state;

    if (s->n == 0) {
        snprintf(out, capacity, "Versions");
    } else {
        snprintf(out, capacity, "Versions \u00b7 %s \u00b7 %zu", s->name, s->n);
    }
}

static bool put(struct panel *panel)
{
    struct versions_state *s = panel->state;
    struct workbench *b = panel->bench;
    struct attune_prompt copy;
    struct attune_error err;

    if (s->selected == 0 || s->selected > s->n) {
        return true;
    }
    if (attune_prompt_copy(&copy, prompt_at(panel, s->selected), &err) != ATTUNE_OK) {
        bench_say(b, true, "%s", err.text);
        return true;
    }
    bench_say(b, false, "version %d of %s is in the composer",
              s->versions[s->n - s->selected].number, s->name);
    attune_prompt_done(&b->prompt);
    b->prompt = copy;
    bench_prompt_changed(b);
    return true;
}

static bool move(struct panel *panel, enum view_move move)
{
    struct versions_state *s = panel->state;

    if (move == VIEW_STAY || move == VIEW_LEFT || move == VIEW_RIGHT) {
        return false;
    }
    if (move == VIEW_PAGE_UP || move == VIEW_PAGE_DOWN) {
        s->scroll = move == VIEW_PAGE_DOWN ? s->scroll + 5 : s->scroll > 5 ? s->scroll - 5 : 0;
    } else {
        s->selected = view_moved(move, s->selected, s->n + 1, s->rows);
        s->scroll = 0;
    }
    panel->bench->frame++;
    return true;
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct versions_state *s = panel->state;

    look(panel);
    if (strcmp(name, "version_put") == 0) {
        return put(panel);
    }
    if (strcmp(name, "version_mark") == 0) {
        s->base = s->base == s->selected ? SIZE_MAX : s->selected;
        panel->bench->frame++;
        return true;
    }
    if (strcmp(name, "version_by") == 0) {
        s->tokens = !s->tokens;
        panel->bench->frame++;
        return true;
    }
    return move(panel, view_move_of_action(name));
}

static bool key(struct panel *panel, const struct key *key)
{
    struct versions_state *s = panel->state;
    size_t row = s->top + (size_t)(key->y - panel->inside.y);

    if (key->kind == KEY_MOUSE && key->press && key->button == 0) {
        if (key->y >= panel->inside.y && key->y < panel->inside.y + s->rows && row <= s->n) {
            s->selected = row;
            panel->bench->frame++;
        }
        return true;
    }
    return move(panel, view_move_of_key(key));
}

static int open_versions(struct panel *panel)
{
    ((struct versions_state *)panel->state)->base = SIZE_MAX;
    return ATTUNE_OK;
}

const struct panel_ops panel_versions = {
    .name = "versions",
    .title = "Versions",
    .help = "versions of the saved prompt, and what changed between any two",
    .state_size = sizeof(struct versions_state),
    .open = open_versions,
    .close = close_versions,
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
