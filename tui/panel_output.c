/* What the model wrote, behind the last words it was given. Tokens are joined to bytes before they
 * become characters, so a character that two tokens share is whole; it belongs to the token that
 * begins it.
 *
 *   ...Sentiment: | positive
 *   (dim)         | tinted by the probability that each token had */
#include <config.h>

#include "panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"
#include "measure.h"
#include "task_view.h"
#include "view.h"

enum { TAIL_BYTES = 240 };

/* The probability after the knobs, or how expected it was before them, as other panels have it. */
static const struct colouring {
    const char *name;
    enum measure measure; /* PLAIN of probability: it is the step's own */
    bool tinted;
} colourings[] = {
    {"probability", MEASURE_PLAIN, true}, {"surprisal", MEASURE_SURPRISAL, true},
    {"rank", MEASURE_RANK, true},         {"entropy", MEASURE_ENTROPY, true},
    {"plain", MEASURE_PLAIN, false},
};
enum { COLOURINGS = sizeof colourings / sizeof *colourings };

struct output_state {
    int colour; /* of colourings */
    size_t top;
    int columns;
};

struct scroll { /* prompt's tail and output as one text */
    char *text;
    size_t len, tail;
    size_t *step_start; /* [n_steps + 1] offset in text where a step's bytes begin */
};

/* The last lines of what was sent, cut at a line or a word. */
static const char *tail_of(const struct workbench *b, size_t *len)
{
    const char *text = b->replayed ? b->record.prompt_text : b->text.text;
    size_t n = b->replayed ? b->record.prompt_text_len : b->text.len, from;

    if (!text) {
        *len = 0;
        return "";
    }
    from = n > TAIL_BYTES ? n - TAIL_BYTES : 0;
    while (from > 0 && from < n && text[from - 1] != '\n' && text[from - 1] != ' ') {
        from++;
    }
    *len = n - from;
    return text + from;
}

/* Of a step, what is shown: its bytes; a sentinel has none, but is a part of the answer. */
static size_t step_bytes(const struct workbench *b, size_t i, char out[VIEW_BYTES])
{
    const struct attune_step *step = &b->steps[i];
    bool special;

    if (step->stop == ATTUNE_STOP_EOS) {
        return 0;
    }
    if (step->n_bytes == 0 && bench_n_encoder(b) > 0) {
        return view_id_bytes(b, step->id, out, &special);
    }
    memcpy(out, step->bytes, step->n_bytes);
    return step->n_bytes;
}

static bool make_scroll(struct scroll *s, const struct workbench *b)
{
    char bytes[VIEW_BYTES];
    size_t tail, capacity;
    const char *text = tail_of(b, &tail);

    capacity = tail + 2;
    for (size_t i = 0; i < b->n_steps; i++) {
        capacity += step_bytes(b, i, bytes);
    }
    s->text = malloc(capacity);
    s->step_start = malloc((b->n_steps + 1) * sizeof *s->step_start);
    if (!s->text || !s->step_start) {
        free(s->text);
        free(s->step_start);
        return false;
    }
    memcpy(s->text, text, tail);
    if (bench_n_encoder(b) > 0) {
        s->text[tail++] = '\n'; /* what was read and what was written are two texts */
    }
    s->len = s->tail = tail;
    for (size_t i = 0; i < b->n_steps; i++) {
        size_t n = step_bytes(b, i, bytes);
        s->step_start[i] = s->len;
        memcpy(s->text + s->len, bytes, n);
        s->len += n;
    }
    s->step_start[b->n_steps] = s->len;
    s->text[s->len] = '\0';
    return true;
}

static void scroll_done(struct scroll *s)
{
    free(s->text);
    free(s->step_start);
}

/* The step whose bytes an offset lies in; n_steps for the prompt. */
static size_t step_at(const struct scroll *s, size_t n_steps, size_t offset)
{
    size_t low = 0, high = n_steps;

    if (offset < s->tail) {
        return n_steps;
    }
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (s->step_start[middle] <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct style step_style(const struct workbench *b, const struct output_state *state,
                               const struct canvas *c, size_t step, size_t offset_in_output)
{
    enum measure measure = colourings[state->colour].measure;
    struct score score;

    if (step == b->step_cursor && b->state != BENCH_GENERATING) {
        return style_of(c, ROLE_SELECT);
    }
    if (b->stop == ATTUNE_STOP_TEXT && offset_in_output >= b->output_len) {
        return style_of(c, ROLE_REMOVED);
    }
    if (!colourings[state->colour].tinted) {
        return style_of(c, ROLE_OUTPUT);
    }
    if (measure != MEASURE_PLAIN && measure_score(b, bench_n_prompt(b) + step, &score)) {
        return style_heat(c, measure_shade(b, &score, measure), c->ramp);
    }
    return style_heat(c, (float)b->steps[step].p, c->ramp);
}

static void draw_line(const struct workbench *b, const struct output_state *state,
                      const struct scroll *s, struct canvas *c, struct rect r, int y,
                      const struct edit_line *line)
{
    int x = 0;

    for (size_t at = line->start; at < line->end;) {
        struct glyph g = next_glyph(s->text + at, line->end - at);
        size_t step = step_at(s, b->n_steps, at);
        x += canvas_text(c, r, y, x, s->text + at, g.bytes,
                         step == b->n_steps ? style_of(c, ROLE_DIM)
                                            : step_style(b, state, c, step, at - s->tail));
        at += g.bytes;
    }
    if (line->hard &&
        line->end >= s->tail) { /* a line break is a token too: the cursor must be seen on it */
        size_t step = step_at(s, b->n_steps, line->end);
        if (step == b->step_cursor && b->state != BENCH_GENERATING) {
            canvas_text(c, r, y, x, "\u21b5", 3, style_of(c, ROLE_SELECT));
        }
    }
    if (b->state == BENCH_GENERATING && line->end == s->len) {
        canvas_text(c, r, y, x, "\u258c", 3, style_of(c, ROLE_ACCENT));
    }
}

static void draw_text(const struct panel *panel, struct canvas *c, struct rect r)
{
    struct output_state *state = panel->state;
    const struct workbench *b = panel->bench;
    struct scroll s;
    struct edit_line *lines;
    size_t n, cursor, at = 0;

    if (!make_scroll(&s, b)) {
        return;
    }
    n = edit_wrap(s.text, s.len, r.cols, NULL, 0);
    lines = malloc(n * sizeof *lines);
    if (lines) {
        edit_wrap(s.text, s.len, r.cols, lines, n);
        cursor = b->step_cursor < b->n_steps ? s.step_start[b->step_cursor] : s.len;
        for (size_t i = 0; i < n; i++) {
            at = lines[i].start <= cursor ? i : at;
        }
        at = b->state == BENCH_GENERATING ? n - 1 : at;
        state->top = view_scroll(state->top, at, n, r.rows);
        for (int y = 0; y < r.rows && state->top + (size_t)y < n; y++) {
            draw_line(b, state, &s, c, r, y, &lines[state->top + (size_t)y]);
        }
    }
    free(lines);
    scroll_done(&s);
}

/* "step 3: ·great p 0.4213 rank 1": what the cursor is on. */
static void draw_step(const struct workbench *b, struct canvas *c, struct rect r, int y)
{
    const struct attune_step *step =
        &b->steps[b->step_cursor < b->n_steps ? b->step_cursor : b->n_steps - 1];
    char number[VIEW_NUMBER], text[VIEW_BYTES];
    bool special;
    int x = canvas_print(c, r, y, 0, style_of(c, ROLE_DIM), "step %llu ",
                         (unsigned long long)step->index);

    if (step->n_bytes > 0) {
        x += view_token(c, r, y, x, step->bytes, step->n_bytes, style_of(c, ROLE_SELECT)) + 1;
    } else {
        size_t len = view_id_bytes(b, step->id, text, &special);
        x += canvas_text(c, r, y, x, text, len, style_of(c, ROLE_SPECIAL)) + 1;
    }
    x += view_pair(c, r, y, x, "p", view_p(number, step->p));
    x += view_pair(c, r, y, x, "raw", view_p(number, step->p_raw));
    snprintf(text, sizeof text, "%u", step->rank + 1);
    x += view_pair(c, r, y, x, "rank", text);
    snprintf(text, sizeof text, "%.2f", step->entropy_bits);
    x += view_pair(c, r, y, x, "bits", text);
    if (isnan(step->draw.u)) {
        view_clip(c, r, y, x, style_of(c, ROLE_DIM), "put in by hand");
        return;
    }
    snprintf(text, sizeof text, "%.4f in %.4f-%.4f", step->draw.u, step->draw.low, step->draw.high);
    view_pair(c, r, y, x, "u", text);
}

static const char *stop_sentence(const struct workbench *b)
{
    switch (b->stop) {
    case ATTUNE_STOP_LENGTH: return "all tokens asked for";
    case ATTUNE_STOP_EOS: return "the model ended it";
    case ATTUNE_STOP_TEXT: return "a stop text came";
    case ATTUNE_STOP_INTERRUPTED: return "interrupted";
    case ATTUNE_STOP_ERROR: return "ended by an error";
    default: return "not finished";
    }
}

static void draw_status(const struct workbench *b, const struct output_state *state,
                        struct canvas *c, struct rect r, int y)
{
    struct style dim = style_of(c, ROLE_DIM);
    int x;

    if (b->state == BENCH_GENERATING) {
        x = canvas_print(c, r, y, 0, style_of(c, ROLE_ACCENT), "%zu", b->n_steps);
        canvas_print(c, r, y, x, dim, " of at most %zu tokens", b->max_tokens);
        return;
    }
    if (b->verdict.what[0]) {
        bool same = b->verdict.identical == b->verdict.steps;
        char text[sizeof b->verdict.what + 8];
        snprintf(text, sizeof text, "%s %s", same ? "\u2713" : "\u2717", b->verdict.what);
        view_clip(c, r, y, 0, style_of(c, same ? ROLE_GOOD : ROLE_ERROR), text);
        return;
    }
    x = canvas_print(c, r, y, 0, dim, "%zu token%s, %s", b->n_steps, b->n_steps == 1 ? "" : "s",
                     stop_sentence(b));
    if (!b->replayed && b->tokens_per_s > 0 && x + 18 < r.cols) {
        x += canvas_print(c, r, y, x, dim, " \u00b7 %.1f tokens/s", b->tokens_per_s);
    }
    if (x + 28 < r.cols) {
        x += canvas_print(c, r, y, x, dim, " \u00b7 seed %llu",
                          (unsigned long long)(b->replayed ? b->record.seed : b->seed));
    }
    if (colourings[state->colour].measure != MEASURE_PLAIN && x + 30 < r.cols) {
        measure_legend(b, c, r, y, x + 3, colourings[state->colour].measure);
    } else if (state->colour == 0 && x + 20 < r.cols) {
        view_ramp(c, r, y, x + 3, r.cols - x > 34 ? 10 : 5, "p 0", "1", c->ramp);
    }
}

static void draw(struct panel *panel, struct canvas *c, struct rect inside)
{
    struct output_state *s = panel->state;
    const struct workbench *b = panel->bench;
    int foot = b->n_steps == 0 ? 0 : inside.rows >= 5 ? 2 : inside.rows >= 3 ? 1 : 0;

    s->columns = inside.cols;
    if (task_has_words(b)) {
        struct task_view view = {.bench = b};
        task_words_draw(&view, c, inside);
        return;
    }
    if (b->n_steps == 0) {
        if (b->state == BENCH_GENERATING) {
            draw_text(panel, c, inside);
            return;
        }
        view_sentence(c, inside, 0, style_of(c, ROLE_DIM), "%s",
                      b->run && b->stop == ATTUNE_STOP_EOS
                          ? "The model ended at once: no text."
                          : "Run the prompt: what the model writes appears here.");
        return;
    }
    draw_text(panel, c, view_rows(inside, 0, inside.rows - foot));
    if (foot == 2) {
        draw_step(b, c, inside, inside.rows - 2);
    }
    if (foot >= 1) {
        draw_status(b, s, c, inside, inside.rows - 1);
    }
}

static void title_text(const struct panel *panel, char *out, size_t capacity)
{
    const struct workbench *b = panel->bench;

    if (task_has_words(b)) {
        task_words_title(b, out, capacity);
    } else if (b->n_steps == 0 && b->state != BENCH_GENERATING) {
        snprintf(out, capacity, "Output");
    } else if (b->forked && b->state != BENCH_GENERATING && b->run) {
        snprintf(out, capacity, "Output \u00b7 a fork, saved as run %lld", (long long)b->run);
    } else if (b->replayed && !b->forked) {
        snprintf(out, capacity, "Output \u00b7 replay of run %lld", (long long)b->run);
    } else if (b->state == BENCH_GENERATING) {
        snprintf(out, capacity, "Output \u00b7 generating \u2026");
    } else if (b->run) {
        snprintf(out, capacity, "Output \u00b7 saved as run %lld", (long long)b->run);
    } else {
        snprintf(out, capacity, "Output \u00b7 not recorded");
    }
}

/* ---- moving over the steps ---- */

static bool go(struct panel *panel, size_t step)
{
    struct workbench *b = panel->bench;

    if (step < b->n_steps) {
        bench_use_step(b, step);
        bench_move_cursor(b, (long)(bench_n_tokens(b) - b->n_steps + step) - (long)b->token_cursor);
    }
    return true;
}

/* The step on the line above or below, at the same offset as far as bytes go. */
static size_t vertical(const struct panel *panel, bool down)
{
    const struct output_state *state = panel->state;
    const struct workbench *b = panel->bench;
    struct scroll s;
    struct edit_line *lines;
    size_t n, at = 0, to = b->step_cursor, offset;

    if (!make_scroll(&s, b)) {
        return to;
    }
    n = edit_wrap(s.text, s.len, state->columns, NULL, 0);
    lines = malloc(n * sizeof *lines);
    if (lines) {
        edit_wrap(s.text, s.len, state->columns, lines, n);
        offset = s.step_start[to < b->n_steps ? to : b->n_steps];
        for (size_t i = 0; i < n; i++) {
            at = lines[i].start <= offset ? i : at;
        }
        if (down ? at + 1 < n : at > 0) {
            size_t column = offset - lines[at].start, next = down ? at + 1 : at - 1;
            size_t length = lines[next].end - lines[next].start;
            offset = lines[next].start + (column < length ? column : length);
            offset = offset < s.tail ? s.tail : offset;
            to = step_at(&s, b->n_steps, offset);
        }
    }
    free(lines);
    scroll_done(&s);
    return to;
}

/* The cursor goes from mask to mask where there are any, else from token to token. */
static bool to_gap(struct workbench *b, enum view_move move)
{
    bool forward = move == VIEW_RIGHT || move == VIEW_DOWN || move == VIEW_PAGE_DOWN;

    if (!bench_to_mask(b, forward)) {
        bench_move_cursor(b, forward ? 1 : -1);
    }
    return true;
}

static bool move(struct panel *panel, enum view_move move)
{
    const struct workbench *b = panel->bench;
    size_t at = b->step_cursor;

    if (move != VIEW_STAY && task_has_words(b)) {
        return to_gap(panel->bench, move);
    }
    if (move == VIEW_STAY || b->n_steps == 0 || b->state == BENCH_GENERATING) {
        return move != VIEW_STAY;
    }
    switch (move) {
    case VIEW_LEFT: return go(panel, at > 0 ? at - 1 : 0);
    case VIEW_RIGHT: return go(panel, at + 1 < b->n_steps ? at + 1 : at);
    case VIEW_UP:
    case VIEW_DOWN: return go(panel, vertical(panel, move == VIEW_DOWN));
    default: return go(panel, view_moved(move, at, b->n_steps, 16));
    }
}

static bool key(struct panel *panel, const struct key *key)
{
    return move(panel, view_move_of_key(key));
}

static bool action(struct panel *panel, const char *name, const char *arg)
{
    struct output_state *s = panel->state;

    if (strcmp(name, "colour") == 0) {
        s->colour = (s->colour + 1) % COLOURINGS;
        for (int i = 0; arg && i < COLOURINGS; i++) {
            s->colour = strcmp(colourings[i].name, arg) == 0 ? i : s->colour;
        }
        bench_say(panel->bench, false, "coloured by %s", colourings[s->colour].name);
        panel->bench->frame++;
        return true;
    }
    return move(panel, view_move_of_action(name));
}

const struct panel_ops panel_output = {
    .name = "output",
    .title = "Output",
    .help = "what the model wrote, token by token, with the probability of each",
    .state_size = sizeof(struct output_state),
    .title_text = title_text,
    .draw = draw,
    .key = key,
    .action = action,
};
