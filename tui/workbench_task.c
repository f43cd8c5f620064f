/* The workbench and its task: which of them the model can do, and a prompt for each. */
#include <config.h>

#include "workbench.h"

#include "workbench_event.h"
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every spelling of a mask in a text becomes the model's own: another model, the same sentence. */
static char *respell(const char *text, const struct attune_model *model)
{
    static const char *const others[] = {"[MASK]", "<mask>"};
    const char *mask = task_mask(model, 0);
    size_t len = mask ? strlen(mask) : 0;
    char *out = malloc(strlen(text) * (len + 1) + 1), *to = out;

    for (const char *at = text; out && *at;) {
        size_t used = 0;

        for (size_t i = 0; mask && i < sizeof others / sizeof *others; i++) {
            used = strncmp(at, others[i], strlen(others[i])) == 0 ? strlen(others[i]) : used;
        }
        if (used > 0) {
            memcpy(to, mask, len);
            to += len;
            at += used;
        } else {
            *to++ = *at++;
        }
    }
    if (out) {
        *to = '\0';
    }
    return out;
}

static void respell_prompt(struct workbench *b)
{
    struct attune_block *query = &b->prompt.blocks[b->prompt.n - 1];
    char *text = b->task == TASK_fill && b->model ? respell(query->text, b->model) : NULL;

    if (text) {
        attune_prompt_set(&b->prompt, b->prompt.n - 1, text, query->answer, NULL);
    }
    free(text);
}

static int change(struct workbench *b, enum task_name to)
{
    struct attune_error err;
    int status = ATTUNE_OK;

    if (to != b->task) {
        if (b->kept[to].n == 0) {
            status = task_prompt(&b->kept[to], to, &err);
        }
        if (status != ATTUNE_OK) {
            attune_prompt_done(&b->kept[to]);
            bench_say(b, true, "%s", err.text);
            return status;
        }
        b->kept[b->task] = b->prompt;
        b->prompt = b->kept[to];
        memset(&b->kept[to], 0, sizeof b->kept[to]);
        b->task = to;
    }
    respell_prompt(b);
    return ATTUNE_OK;
}

void bench_fit_task(struct workbench *b)
{
    enum task_name first = task_first(b->model);

    change(b, task_fits(b->task, b->model) ? b->task : first);
}

/* "fill, follows, compare": what the open model can do. */
static void list_tasks(const struct workbench *b, char *out, size_t capacity)
{
    size_t used = 0;

    out[0] = '\0';
    for (int i = 0; i < TASK_COUNT && used < capacity; i++) {
        if (task_fits((enum task_name)i, b->model)) {
            used += (size_t)snprintf(out + used, capacity - used, "%s%s", used ? ", " : "",
                                     task_at((enum task_name)i)->name);
        }
    }
}

int bench_use_task(struct workbench *b, const char *name)
{
    enum task_name to = task_find(name);
    char known[160];
    int status;

    if (!b->model) {
        bench_say(b, true, "no model is open: use :model NAME");
        return ATTUNE_ARGUMENT;
    }
    list_tasks(b, known, sizeof known);
    if (name[0] && (to == TASK_COUNT || !task_fits(to, b->model))) {
        bench_say(b, true, "%s: this model's tasks are %s", name, known);
        return ATTUNE_ARGUMENT;
    }
    to = name[0] ? to : task_next(b->model, b->task);
    if (to == b->task) {
        bench_say(b, false, "%s is all that this model does", task_at(to)->title);
        return ATTUNE_OK;
    }
    status = change(b, to);
    if (status == ATTUNE_OK) {
        bench_say(b, false, "%s (of %s)", task_at(to)->title, known);
        bench_prompt_changed(b);
    }
    return status;
}

bool bench_has_places(const struct workbench *b)
{
    return b->model && attune_model_info(b->model)->kind == ATTUNE_ENCODER && !b->replayed &&
           attune_model_output(b->model, ATTUNE_OUTPUT_TOKENS).there;
}

bool bench_to_mask(struct workbench *b, bool forward)
{
    size_t n = b->tokens.n, at = b->token_cursor;

    for (size_t i = 1; b->model && !b->replayed && i <= n; i++) {
        at = (at + (forward ? 1 : n - 1)) % n;
        if (task_is_mask(b->model, b->tokens.ids[at])) {
            bench_move_cursor(b, (long)at - (long)b->token_cursor);
            return true;
        }
    }
    return false;
}

bool bench_has_answer(const struct workbench *b)
{
    return b->model && b->answer.n_tokens > 0 && b->answer.task == b->task &&
           b->answer.revision == b->answered && !b->replayed && b->refusal[0] == '\0';
}

void bench_take_prompt(struct workbench *b, struct attune_prompt *prompt)
{
    const struct attune_block *query = &prompt->blocks[prompt->n - 1];

    if (task_at(b->task)->shots || strcmp(prompt->form.name, b->prompt.form.name) == 0) {
        attune_prompt_done(&b->prompt);
        b->prompt = *prompt;
        return;
    }
    attune_prompt_set(&b->prompt, b->prompt.n - 1, query->text,
                      b->prompt.blocks[b->prompt.n - 1].answer, NULL);
    bench_say(b, false, "its query alone: %s has no shots and no template",
              task_at(b->task)->title);
    attune_prompt_done(prompt);
}

int bench_use_answer(struct workbench *b)
{
    if (b->task == TASK_fill && b->tokens.n > 0) {
        bench_request_score(b);
        bench_say(b, false, "each token masked in turn: how likely is it, given all the others?");
        return ATTUNE_OK;
    }
    bench_say(b, false, "an encoder reads while you type: its answer is there already");
    return ATTUNE_OK;
}

void bench_next_model(struct workbench *b)
{
    struct attune_library_entry *list;
    struct attune_error err;
    size_t n, at = 0;

    if (attune_library_list(&list, &n, "models", &err) != ATTUNE_OK) {
        bench_say(b, true, "%s", err.text);
        return;
    }
    while (at < n && (!b->model_path || strcmp(list[at].path, b->model_path) != 0)) {
        at++;
    }
    at = at < n ? (at + 1) % n : 0;
    if (n == 0 || (b->model_path && strcmp(list[at].path, b->model_path) == 0)) {
        bench_say(b, false, "there is no other model in the library");
    } else {
        bench_say(b, false, "%s is being opened", list[at].name);
        bench_load_model(b, list[at].path);
    }
    attune_library_list_free(list, n);
}
