/* One history over many editors. An entry is either a step of one editor's own log, or a change
 * from one arrangement of blocks to another:
 *
 *     entries   [ edit A | edit A | blocks S0 -> S1 | edit B | ... ]
 *
 * Editors are shared by arrangements and never freed before the end, so going back over S0 -> S1
 * finds every text exactly as it was. */
#include <config.h>

#include "compose.h"

#include <stdlib.h>
#include <string.h>

#include "edit.h"

struct compose_entry {
    struct edit *edit; /* NULL: an arrangement */
    const struct compose_state *before, *after;
};

/* Room for one more in an array whose capacity is the power of two at or above n. */
static bool reserve(void **array, size_t n, size_t size)
{
    void *grown;

    if (n > 0 && (n & (n - 1)) != 0) {
        return true;
    }
    grown = realloc(*array, (n ? 2 * n : 1) * size);
    if (grown) {
        *array = grown;
    }
    return grown != NULL;
}

static struct edit *new_edit(struct compose *c, const char *text)
{
    struct edit *e;

    if (!reserve((void **)&c->edits, c->n_edits, sizeof *c->edits)) {
        return NULL;
    }
    e = edit_new(text, strlen(text));
    if (e) {
        c->edits[c->n_edits++] = e;
    }
    return e;
}

/* An arrangement of n blocks, still empty; owned by c. */
static struct compose_state *new_state(struct compose *c, const struct attune_prompt *rest,
                                       size_t n)
{
    struct compose_state *s;

    if (!reserve((void **)&c->states, c->n_states, sizeof *c->states)) {
        return NULL;
    }
    s = calloc(1, sizeof *s + n * sizeof *s->blocks);
    if (!s || attune_prompt_copy_rest(&s->rest, rest, NULL) != ATTUNE_OK) {
        free(s);
        return NULL;
    }
    s->n = n;
    c->states[c->n_states++] = s;
    return s;
}

static bool log_entry(struct compose *c, struct compose_entry entry)
{
    c->n_entries = c->n_done;
    if (!reserve((void **)&c->entries, c->n_entries, sizeof *c->entries)) {
        return false;
    }
    c->entries[c->n_entries++] = entry;
    c->n_done = c->n_entries;
    return true;
}

static bool arrange(struct compose *c, const struct compose_state *next)
{
    if (!next || !log_entry(c, (struct compose_entry){.before = c->now, .after = next})) {
        return false;
    }
    c->now = next;
    return true;
}

/* An editor of the present arrangement that stands at the same place and holds the same text, or a
 * new one. */
static struct edit *edit_for(struct compose *c, struct edit *here, const char *text)
{
    if (here && strcmp(edit_text(here), text) == 0) {
        return here;
    }
    return new_edit(c, text);
}

static struct compose_state *state_of(struct compose *c, const struct attune_prompt *from)
{
    struct compose_state *s = new_state(c, from, from->n);

    for (size_t i = 0; s && i < from->n; i++) {
        const struct attune_block *block = &from->blocks[i];
        const struct compose_block *here = c->now && i < c->now->n ? &c->now->blocks[i] : NULL;
        s->blocks[i] = (struct compose_block){.kind = block->kind, .off = block->off};
        s->blocks[i].text = edit_for(c, here ? here->text : NULL, block->text);
        if (block->kind != ATTUNE_BLOCK_TASK) {
            s->blocks[i].answer = edit_for(c, here ? here->answer : NULL, block->answer);
        }
        if (!s->blocks[i].text || (block->kind != ATTUNE_BLOCK_TASK && !s->blocks[i].answer)) {
            return NULL;
        }
    }
    return s;
}

int compose_init(struct compose *c, const struct attune_prompt *from)
{
    memset(c, 0, sizeof *c);
    c->now = state_of(c, from);
    if (!c->now) {
        compose_done(c);
        return ATTUNE_MEMORY;
    }
    return ATTUNE_OK;
}

void compose_done(struct compose *c)
{
    for (size_t i = 0; i < c->n_edits; i++) {
        edit_free(c->edits[i]);
    }
    for (size_t i = 0; i < c->n_states; i++) {
        attune_prompt_done(&c->states[i]->rest);
        free(c->states[i]);
    }
    free(c->edits);
    free(c->states);
    free(c->entries);
    memset(c, 0, sizeof *c);
}

static bool same_blocks(const struct compose_state *s, const struct attune_prompt *p)
{
    bool same = s->n == p->n;

    for (size_t i = 0; same && i < s->n; i++) {
        const struct compose_block *a = &s->blocks[i];
        const struct attune_block *b = &p->blocks[i];
        same = a->kind == b->kind && a->off == b->off && strcmp(edit_text(a->text), b->text) == 0 &&
               (!a->answer || strcmp(edit_text(a->answer), b->answer) == 0);
    }
    return same;
}

bool compose_take(struct compose *c, const struct attune_prompt *from)
{
    if (same_blocks(c->now, from) && attune_prompt_same_rest(&c->now->rest, from)) {
        return false;
    }
    return arrange(c, state_of(c, from));
}

bool compose_before(struct compose *c, const struct attune_prompt *from)
{
    struct compose_state *s;

    if (c->n_done > 0) {
        return compose_take(c, from);
    }
    s = state_of(c, from);
    if (!s || !reserve((void **)&c->entries, c->n_entries, sizeof *c->entries)) {
        return false;
    }
    memmove(c->entries + 1, c->entries, c->n_entries * sizeof *c->entries);
    c->entries[0] = (struct compose_entry){.before = s, .after = c->now};
    c->n_entries++;
    c->now = s;
    return true;
}

int compose_put(const struct compose *c, struct attune_prompt *to, struct attune_error *err)
{
    struct attune_prompt fresh;
    int status = attune_prompt_init(&fresh, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    status = attune_prompt_copy_rest(&fresh, &c->now->rest, err);
    for (size_t i = 0; status == ATTUNE_OK && i < c->now->n; i++) {
        const struct compose_block *b = &c->now->blocks[i];
        const char *answer = b->answer ? edit_text(b->answer) : "";
        status = b->kind == ATTUNE_BLOCK_SHOT
                     ? attune_prompt_add_shot(&fresh, i, edit_text(b->text), answer, err)
                     : attune_prompt_set(&fresh, i, edit_text(b->text), answer, err);
        if (status == ATTUNE_OK) {
            attune_prompt_switch(&fresh, i, !b->off);
        }
    }
    if (status != ATTUNE_OK) {
        attune_prompt_done(&fresh);
        return status;
    }
    attune_prompt_done(to);
    *to = fresh;
    return ATTUNE_OK;
}

/* The present arrangement with room for one more block at `at` (grow) or without the one there. */
static struct compose_state *resized(struct compose *c, size_t at, bool grow)
{
    const struct compose_state *now = c->now;
    struct compose_state *s = new_state(c, &now->rest, grow ? now->n + 1 : now->n - 1);

    if (s) {
        memcpy(s->blocks, now->blocks, at * sizeof *now->blocks);
        memcpy(s->blocks + at + grow, now->blocks + at + !grow,
               (now->n - at - !grow) * sizeof *now->blocks);
    }
    return s;
}

static bool is_shot(const struct compose *c, size_t at)
{
    return at > 0 && at + 1 < c->now->n;
}

bool compose_add(struct compose *c, size_t at, const char *text, const char *answer)
{
    struct compose_state *s;

    if (at < 1 || at >= c->now->n) {
        return false;
    }
    s = resized(c, at, true);
    if (!s) {
        return false;
    }
    s->blocks[at] =
        (struct compose_block){ATTUNE_BLOCK_SHOT, false, new_edit(c, text), new_edit(c, answer)};
    return s->blocks[at].text && s->blocks[at].answer && arrange(c, s);
}

bool compose_remove(struct compose *c, size_t at)
{
    return is_shot(c, at) && arrange(c, resized(c, at, false));
}

static struct compose_state *copied(struct compose *c)
{
    struct compose_state *s = new_state(c, &c->now->rest, c->now->n);

    if (s) {
        memcpy(s->blocks, c->now->blocks, c->now->n * sizeof *s->blocks);
    }
    return s;
}

bool compose_move(struct compose *c, size_t from, size_t to)
{
    struct compose_state *s;
    struct compose_block moved;

    if (!is_shot(c, from) || !is_shot(c, to) || from == to || !(s = copied(c))) {
        return false;
    }
    moved = s->blocks[from];
    for (size_t i = from; i != to; i += from < to ? 1 : (size_t)-1) {
        s->blocks[i] = s->blocks[from < to ? i + 1 : i - 1];
    }
    s->blocks[to] = moved;
    return arrange(c, s);
}

bool compose_switch(struct compose *c, size_t at)
{
    struct compose_state *s;

    if (at >= c->now->n || !(s = copied(c))) {
        return false;
    }
    s->blocks[at].off = !s->blocks[at].off;
    return arrange(c, s);
}

struct edit *compose_field(const struct compose *c, size_t block, bool answer)
{
    if (block >= c->now->n) {
        return NULL;
    }
    return answer ? c->now->blocks[block].answer : c->now->blocks[block].text;
}

/* The editor decides whether typing went on in its last step; only a new step is a new entry here.
 */
static bool log_edit(struct compose *c, struct edit *field, size_t steps_before, bool done)
{
    if (done && edit_steps(field) != steps_before) {
        return log_entry(c, (struct compose_entry){.edit = field});
    }
    return done;
}

bool compose_insert(struct compose *c, struct edit *field, const char *text, size_t len, bool paste)
{
    size_t steps = edit_steps(field);

    return log_edit(c, field, steps,
                    paste ? edit_paste(field, text, len) : edit_insert(field, text, len));
}

bool compose_erase(struct compose *c, struct edit *field, size_t from, size_t to)
{
    size_t steps = edit_steps(field);

    return log_edit(c, field, steps, edit_delete(field, from, to));
}

bool compose_undo(struct compose *c, struct edit **field)
{
    const struct compose_entry *entry;

    if (c->n_done == 0) {
        return false;
    }
    entry = &c->entries[c->n_done - 1];
    if (entry->edit && !edit_undo(entry->edit)) {
        return false;
    }
    if (!entry->edit) {
        c->now = entry->before;
    }
    *field = entry->edit;
    c->n_done--;
    return true;
}

bool compose_redo(struct compose *c, struct edit **field)
{
    const struct compose_entry *entry;

    if (c->n_done == c->n_entries) {
        return false;
    }
    entry = &c->entries[c->n_done];
    if (entry->edit && !edit_redo(entry->edit)) {
        return false;
    }
    if (!entry->edit) {
        c->now = entry->after;
    }
    *field = entry->edit;
    c->n_done++;
    return true;
}
