/* Drawing of the composer. From the top: rows of blocks, then, where there is room, one line of
 * warning if there is anything to warn about, and the budget. */
#include <config.h>

#include "prompt_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"
#include "view.h"

static const enum role block_roles[ATTUNE_BLOCK_KIND_COUNT] = {ROLE_TASK, ROLE_SHOT, ROLE_QUERY};

/* One column stays free for the cursor behind a full row. */
int prompt_view_columns(struct rect inside)
{
    return inside.cols > 2 ? inside.cols - 1 : 1;
}

const char *prompt_view_shots(char out[VIEW_NUMBER], size_t n)
{
    if (n < 2) {
        return strcpy(out, n == 0 ? "zero-shot" : "one-shot");
    }
    snprintf(out, VIEW_NUMBER, "%zu-shot", n);
    return out;
}

size_t prompt_view_at_column(const struct flow *f, const struct flow_row *row, int column)
{
    size_t at = row->start, last = row->start;
    int used = 0;

    while (at < row->end) {
        struct glyph g = next_glyph(f->text + at, row->end - at);
        if (used + g.columns > column) {
            return at;
        }
        used += g.columns;
        last = at;
        at += g.bytes;
    }
    return row->soft ? last : at;
}

void prompt_place_find(struct prompt_place *at, const struct compose *c, const struct edit *e)
{
    for (size_t i = 0; e && i < c->now->n; i++) {
        if (c->now->blocks[i].text == e || c->now->blocks[i].answer == e) {
            *at = (struct prompt_place){i, c->now->blocks[i].answer == e};
        }
    }
}

/* Tokens whose first byte lies in a block, by the last answer of the worker. */
static size_t block_tokens(const struct workbench *b, size_t block)
{
    const struct attune_rendered *text = &b->text;
    size_t n = 0, piece = 0;

    for (size_t i = 0; i < b->tokens.n; i++) {
        while (piece < text->n_pieces && text->pieces[piece].end <= b->tokens.start[i]) {
            piece++;
        }
        n += piece < text->n_pieces && text->pieces[piece].block == block && !b->tokens.special[i];
    }
    return n;
}

static const char *block_name(char out[VIEW_NUMBER], const struct compose *c, enum task_name task,
                              size_t i)
{
    const char *heading = task_heading(task, c->now->blocks[i].kind);
    size_t len = heading ? strcspn(heading, "?") : 0;

    if (c->now->blocks[i].kind == ATTUNE_BLOCK_SHOT) {
        snprintf(out, VIEW_NUMBER, "Shot %zu", i);
        return out;
    }
    snprintf(out, VIEW_NUMBER, "%.*s", (int)len, heading ? heading : "");
    return out;
}

/* "● Shot 1 ────────────── 14 tokens · 60 B" */
static void draw_heading(const struct prompt_view *v, const struct flows *l, struct canvas *c,
                         struct rect r, int y, size_t i)
{
    const struct compose_block *block = &v->compose->now->blocks[i];
    const struct flow *f = &l->flows[i];
    struct style s = style_of(c, block->off ? ROLE_DIM : block_roles[block->kind]);
    size_t tokens = block_tokens(v->bench, i);
    char name[VIEW_NUMBER], note[96];
    int used, right;

    if (i == v->at.block) {
        s.attrs |= ATTR_BOLD;
    }
    used = canvas_print(c, r, y, 0, s, "%s %s ", block->off ? "\u25cb" : "\u25cf",
                        block_name(name, v->compose, v->bench->task, i));
    if (block->off) {
        snprintf(note, sizeof note, " off");
    } else if (f->empty && !task_at(v->bench->task)->shots) {
        snprintf(note, sizeof note, " empty");
    } else if (f->empty && block->kind != ATTUNE_BLOCK_QUERY) {
        snprintf(note, sizeof note, r.cols < 50 ? " empty" : " empty: left out");
    } else if (f->unused) {
        snprintf(note, sizeof note,
                 r.cols < 50 ? " ! no place" : " ! the template has no place for it");
    } else if (tokens == 0 && !task_at(v->bench->task)->shots) {
        snprintf(note, sizeof note, " %zu B", f->len);
    } else if (r.cols < 44) {
        snprintf(note, sizeof note, " %zu tok", tokens);
    } else {
        snprintf(note, sizeof note, " %zu token%s \u00b7 %zu B", tokens, tokens == 1 ? "" : "s",
                 f->len + f->closing);
    }
    if (used + text_columns(note, strlen(note)) >= r.cols) {
        return;
    }
    right = view_right(c, r, y, style_of(c, f->unused ? ROLE_WARN : ROLE_DIM), "%s", note);
    view_rule(c, r, y, used, right, style_of(c, ROLE_FRAME));
}

/* Where the spaces begin that end a line: nobody sees them, and a model reads them. */
static size_t trailing_spaces(const struct flow *f, const struct flow_row *row)
{
    size_t at = row->end;

    if (row->soft) {
        return at;
    }
    while (at > row->start && f->text[at - 1] == ' ') {
        at--;
    }
    return at;
}

static struct style part_style(const struct canvas *c, const struct compose_block *block,
                               const struct flow_part *part)
{
    struct style s;

    if (part->part == ATTUNE_PART_FORM || block->off) {
        return style_of(c, block->off ? ROLE_DIM : ROLE_FORM);
    }
    s = style_of(c, block_roles[block->kind]);
    if (!part->field) {
        s.attrs |= ATTR_DIM;
    }
    return s;
}

static void draw_row(const struct prompt_view *v, const struct flows *l, struct canvas *c,
                     struct rect r, int y, const struct flow_row *row)
{
    const struct flow *f = &l->flows[row->block];
    const struct compose_block *block = &v->compose->now->blocks[row->block];
    size_t spaces = trailing_spaces(f, row);
    int x = 0;

    for (size_t i = 0; i < f->n_parts; i++) {
        const struct flow_part *p = &f->parts[i];
        size_t from = p->start > row->start ? p->start : row->start;
        size_t to = p->end < row->end ? p->end : row->end;
        size_t visible = to < spaces ? to : spaces > from ? spaces : from;
        if (from >= to) {
            continue;
        }
        x += canvas_text(c, r, y, x, f->text + from, visible - from, part_style(c, block, p));
        for (size_t k = visible; k < to; k++) {
            x += canvas_text(c, r, y, x, "\u00b7", 2,
                             style_of(c, p->part == ATTUNE_PART_FORM ? ROLE_FORM : ROLE_WARN));
        }
    }
    for (size_t k = 0;
         task_at(v->bench->task)->shots && row->last && k < f->closing && !block->off && !f->empty;
         k++) {
        x += canvas_text(c, r, y, x, "\u21b5", 3, style_of(c, ROLE_FORM));
    }
}

static void place_cursor(const struct prompt_view *v, const struct flows *l, struct canvas *c,
                         struct rect r, size_t cursor_row, size_t offset)
{
    const struct flow_row *row = &l->rows[cursor_row];
    int x = text_columns(l->flows[row->block].text + row->start, offset - row->start);

    if (v->focused && cursor_row >= v->top) {
        canvas_cursor(c, r, (int)(cursor_row - v->top), x < r.cols ? x : r.cols - 1);
    }
}

/* What the prompt fills, what the run may add, what is left; told apart by shape as well. */
static void draw_gauge(struct canvas *c, struct rect r, int y, int x, int cols, size_t prompt,
                       size_t all, size_t room)
{
    for (int i = 0; i < cols; i++) {
        double at = ((double)i + 0.5) / cols * (double)room;
        bool in_prompt = at < (double)prompt, in_new = at < (double)all;
        canvas_text(c, r, y, x + i,
                    in_prompt ? "\u2588"
                    : in_new  ? "\u2592"
                              : "\u2500",
                    3,
                    style_of(c, in_prompt ? ROLE_QUERY
                                : in_new  ? ROLE_BAR_FINAL
                                          : ROLE_FRAME));
    }
}

static void budget_text(char out[160], bool brief, size_t n, size_t new, size_t room)
{
    size_t all = n + new;

    if (n > room) {
        snprintf(out, 160, brief ? "%zu > %zu: %zu over" : "prompt %zu > context %zu: %zu too many",
                 n, room, n - room);
    } else if (all > room) {
        snprintf(out, 160,
                 brief ? "%zu + %zu > %zu: %zu over" : "%zu prompt + %zu new > %zu: ends %zu early",
                 n, new, room, all - room);
    } else if (new == 0) {
        snprintf(out, 160, brief ? "%zu of %zu" : "%zu tokens of %zu \u00b7 %zu left", n, room,
                 room - all);
    } else {
        snprintf(out, 160,
                 brief ? "%zu + %zu of %zu, %zu left"
                       : "%zu prompt + %zu new of %zu \u00b7 %zu left",
                 n, new, room, room - all);
    }
}

/* "context ███▒▒▒▒▒──── 41 prompt + 128 new of 256 · 87 left" */
static void draw_budget(const struct prompt_view *v, struct canvas *c, struct rect r, int y)
{
    static const char head[] = "context ";
    const struct workbench *b = v->bench;
    size_t n = b->tokens.n, room = b->n_context;
    size_t new = task_generates(b->task) && !bench_n_encoder(b) ? b->max_tokens : 0, all = n + new;
    char text[160];
    int columns, bar, x = 0;

    if (!b->model || room == 0) {
        view_sentence(c, view_rows(r, y, 1), 0, style_of(c, ROLE_DIM), "waiting for the model");
        return;
    }
    budget_text(text, false, n, new, room);
    columns = text_columns(text, strlen(text));
    if (columns > r.cols) {
        budget_text(text, true, n, new, room);
        columns = r.cols;
    }
    bar = r.cols - columns - (int)sizeof head;
    bar = bar > 20 ? 20 : bar;
    if (bar >= 5) {
        x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "%s", head);
        draw_gauge(c, r, y, x, bar, n, all, room);
        x += bar + 1;
    }
    view_clip(c, r, y, x,
              style_of(c, all <= room ? ROLE_DIM
                          : n > room  ? ROLE_ERROR
                                      : ROLE_WARN),
              text);
}

static bool looks_like_a_variable(const char *text)
{
    const char *open = strstr(text, "{{"), *end = open ? strstr(open, "}}") : NULL;

    return end && end > open + 2 && end - open < 64 &&
           strspn(open + 2, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-. ") ==
               (size_t)(end - open - 2);
}

/* One sentence about what is sent, the gravest first; NULL if there is nothing to say. */
static const char *warning(const struct workbench *b, const struct flows *l, enum role *role)
{
    const struct flow *query = &l->flows[l->n_flows - 1];
    size_t bos = 0;

    *role = ROLE_WARN;
    if (b->refusal[0]) {
        *role = ROLE_ERROR;
        return b->refusal;
    }
    for (size_t i = 0; b->model && attune_model_tokenizer(b->model) && i < b->tokens.n && i < 2;
         i++) {
        attune_token id = attune_tokenizer_bos(attune_model_tokenizer(b->model));
        bos += id != ATTUNE_TOKEN_NONE && b->tokens.ids[i] == id;
    }
    if (bos == 2) {
        return "two begin tokens: the template writes one and the tokenizer adds another";
    }
    if (task_at(b->task)->shots && query->closing == 0 && query->len > 0 &&
        query->text[query->len - 1] == ' ') {
        return "ends in a space (\u00b7): it belongs into the next word's token";
    }
    if (task_at(b->task)->shots && b->n_context && b->tokens.n > b->n_context) {
        return "too long: cut shots, cut left or cut middle shows what would go";
    }
    for (size_t i = 0; task_at(b->task)->shots && !b->prompt.fill && i < b->prompt.n; i++) {
        if (!b->prompt.blocks[i].off && looks_like_a_variable(b->prompt.blocks[i].text)) {
            return "braces are sent as they are; :variable NAME VALUE fills {{NAME}} in";
        }
    }
    return NULL;
}

void prompt_view_draw(struct prompt_view *v, struct canvas *c, struct rect inside)
{
    struct flows l;
    struct edit *field = compose_field(v->compose, v->at.block, v->at.answer);
    size_t offset, cursor_row;
    const char *warn;
    enum role role;
    int foot = inside.rows >= 5, rows;
    struct rect r;

    if (flows_init(&l, v->compose, v->bench->task, prompt_view_columns(inside)) != ATTUNE_OK) {
        return;
    }
    warn = warning(v->bench, &l, &role);
    rows = inside.rows - foot - (warn && inside.rows >= 7);
    r = view_rows(inside, 0, rows);
    offset = flow_offset(&l.flows[v->at.block], v->at.answer, edit_cursor(field));
    cursor_row = flows_row(&l, v->at.block, offset);
    v->top = view_scroll(v->top, cursor_row, l.n_rows, rows);
    if (v->top == cursor_row && v->top > 0 && rows > 1 && l.rows[v->top - 1].head) {
        v->top--; /* the block's heading comes with its first row */
    }
    for (int y = 0; y < rows && v->top + (size_t)y < l.n_rows; y++) {
        const struct flow_row *row = &l.rows[v->top + (size_t)y];
        if (row->head) {
            draw_heading(v, &l, c, r, y, row->block);
        } else {
            draw_row(v, &l, c, r, y, row);
        }
    }
    place_cursor(v, &l, c, r, cursor_row, offset);
    if (foot && warn && inside.rows >= 7) {
        int x = canvas_print(c, inside, inside.rows - 2, 0, style_of(c, role), "! ");
        view_clip(c, inside, inside.rows - 2, x, style_of(c, role), warn);
    }
    if (foot) {
        draw_budget(v, c, inside, inside.rows - 1);
    }
    flows_done(&l);
}
