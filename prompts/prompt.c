/* A prompt: one task, any number of shots, one query, and edits that keep it so. */
#include <config.h>

#include <attune/prompt.h>

#include <stdlib.h>
#include <string.h>

#include "text.h"

static void free_block(struct attune_block *block)
{
    free(block->text);
    free(block->answer);
    block->text = block->answer = NULL;
}

static int fill_block(struct attune_block *out, enum attune_block_kind kind, bool off,
                      const char *text, const char *answer, struct attune_error *err)
{
    struct attune_block block = {kind, off, strdup(text ? text : ""), strdup(answer ? answer : "")};

    if (!block.text || !block.answer) {
        free_block(&block);
        return text_no_memory(err);
    }
    *out = block;
    return ATTUNE_OK;
}

static int reserve(struct attune_prompt *prompt, size_t n, struct attune_error *err)
{
    size_t capacity = prompt->capacity ? prompt->capacity : 4;
    struct attune_block *blocks;

    if (n <= prompt->capacity) {
        return ATTUNE_OK;
    }
    while (capacity < n) {
        capacity *= 2;
    }
    blocks = realloc(prompt->blocks, capacity * sizeof *blocks);
    if (!blocks) {
        return text_no_memory(err);
    }
    prompt->blocks = blocks;
    prompt->capacity = capacity;
    return ATTUNE_OK;
}

static bool is_shot(const struct attune_prompt *prompt, size_t i)
{
    return i > 0 && i + 1 < prompt->n;
}

int attune_prompt_init(struct attune_prompt *prompt, struct attune_error *err)
{
    char name[] = "plain", task[] = "{{task}}\n\n", shot[] = "{{input}}{{output}}\n\n",
         query[] = "{{input}}{{output}}";
    const struct attune_template plain = {name, task, shot, query};
    int status;

    memset(prompt, 0, sizeof *prompt);
    status = attune_template_copy(&prompt->form, &plain, err);
    if (status == ATTUNE_OK) {
        status = reserve(prompt, 2, err);
    }
    if (status == ATTUNE_OK) {
        status = fill_block(&prompt->blocks[0], ATTUNE_BLOCK_TASK, false, "", "", err);
    }
    if (status == ATTUNE_OK) {
        prompt->n = 1;
        status = fill_block(&prompt->blocks[1], ATTUNE_BLOCK_QUERY, false, "", "", err);
    }
    if (status != ATTUNE_OK) {
        attune_prompt_done(prompt);
        return status;
    }
    prompt->n = 2;
    return ATTUNE_OK;
}

void attune_prompt_done(struct attune_prompt *prompt)
{
    if (!prompt) {
        return;
    }
    for (size_t i = 0; i < prompt->n; i++) {
        free_block(&prompt->blocks[i]);
    }
    free(prompt->blocks);
    for (size_t i = 0; i < prompt->n_variables; i++) {
        free(prompt->variables[i].name);
        free(prompt->variables[i].value);
    }
    free(prompt->variables);
    free(prompt->record);
    attune_template_done(&prompt->form);
    memset(prompt, 0, sizeof *prompt);
}

int attune_prompt_copy(struct attune_prompt *to, const struct attune_prompt *from,
                       struct attune_error *err)
{
    int status;

    memset(to, 0, sizeof *to);
    status = attune_prompt_copy_rest(to, from, err);
    if (status == ATTUNE_OK) {
        status = reserve(to, from->n, err);
    }
    for (size_t i = 0; status == ATTUNE_OK && i < from->n; i++) {
        const struct attune_block *b = &from->blocks[i];

        status = fill_block(&to->blocks[i], b->kind, b->off, b->text, b->answer, err);
        to->n += status == ATTUNE_OK;
    }
    if (status != ATTUNE_OK) {
        attune_prompt_done(to);
    }
    return status;
}

bool attune_prompt_equal(const struct attune_prompt *a, const struct attune_prompt *b)
{
    bool same = a->n == b->n && attune_prompt_same_rest(a, b);

    for (size_t i = 0; same && i < a->n; i++) {
        const struct attune_block *x = &a->blocks[i], *y = &b->blocks[i];

        same = x->kind == y->kind && x->off == y->off && strcmp(x->text, y->text) == 0 &&
               strcmp(x->answer, y->answer) == 0;
    }
    return same;
}

int attune_prompt_set(struct attune_prompt *prompt, size_t i, const char *text, const char *answer,
                      struct attune_error *err)
{
    struct attune_block fresh;
    int status;

    if (i >= prompt->n) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "no block %zu: the prompt has %zu", i,
                                prompt->n);
    }
    status = fill_block(&fresh, prompt->blocks[i].kind, prompt->blocks[i].off, text,
                        i == 0 ? "" : answer, err);
    if (status == ATTUNE_OK) {
        free_block(&prompt->blocks[i]);
        prompt->blocks[i] = fresh;
    }
    return status;
}

int attune_prompt_add_shot(struct attune_prompt *prompt, size_t at, const char *text,
                           const char *answer, struct attune_error *err)
{
    struct attune_block fresh;
    int status;

    if (at < 1 || at >= prompt->n) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "a shot stands at 1 to %zu, not at %zu",
                                prompt->n - 1, at);
    }
    status = reserve(prompt, prompt->n + 1, err);
    if (status == ATTUNE_OK) {
        status = fill_block(&fresh, ATTUNE_BLOCK_SHOT, false, text, answer, err);
    }
    if (status == ATTUNE_OK) {
        memmove(prompt->blocks + at + 1, prompt->blocks + at,
                (prompt->n - at) * sizeof *prompt->blocks);
        prompt->blocks[at] = fresh;
        prompt->n++;
    }
    return status;
}

void attune_prompt_remove_shot(struct attune_prompt *prompt, size_t at)
{
    if (is_shot(prompt, at)) {
        free_block(&prompt->blocks[at]);
        prompt->n--;
        memmove(prompt->blocks + at, prompt->blocks + at + 1,
                (prompt->n - at) * sizeof *prompt->blocks);
    }
}

bool attune_prompt_move_shot(struct attune_prompt *prompt, size_t from, size_t to)
{
    struct attune_block moved;

    if (!is_shot(prompt, from) || !is_shot(prompt, to)) {
        return false;
    }
    moved = prompt->blocks[from];
    if (from < to) {
        memmove(prompt->blocks + from, prompt->blocks + from + 1, (to - from) * sizeof moved);
    } else {
        memmove(prompt->blocks + to + 1, prompt->blocks + to, (from - to) * sizeof moved);
    }
    prompt->blocks[to] = moved;
    return true;
}

void attune_prompt_switch(struct attune_prompt *prompt, size_t i, bool on)
{
    if (i < prompt->n) {
        prompt->blocks[i].off = !on;
    }
}

size_t attune_prompt_shots(const struct attune_prompt *prompt)
{
    size_t n = 0;

    for (size_t i = 0; i < prompt->n; i++) {
        n += is_shot(prompt, i) && !prompt->blocks[i].off;
    }
    return n;
}

int attune_prompt_use(struct attune_prompt *prompt, const struct attune_template *form,
                      struct attune_error *err)
{
    struct attune_template copy;
    int status = attune_template_copy(&copy, form, err);

    if (status == ATTUNE_OK) {
        attune_template_done(&prompt->form);
        prompt->form = copy;
    }
    return status;
}
