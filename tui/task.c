/* The table of tasks. */
#include <config.h>

#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct task tasks[TASK_COUNT] = {
    [TASK_complete] = {.name = "complete",
                       .title = "completion",
                       .model = ATTUNE_DECODER,
                       .needs = ATTUNE_OUTPUT_TOKENS,
                       .first = "Task",
                       .second = "Query",
                       .word = "",
                       .shots = true},
    [TASK_prefix] = {.name = "prefix",
                     .title = "prefix and text",
                     .model = ATTUNE_SEQ2SEQ,
                     .needs = ATTUNE_OUTPUT_TOKENS,
                     .family = "t5",
                     .first = "Prefix",
                     .second = "Text",
                     .task_form = "{{task}}",
                     .query_form = "{{input}}",
                     .start = {"translate English to French: ", "The cat chased the mouse.", ""}},
    [TASK_rewrite] = {.name = "rewrite",
                      .title = "text to text",
                      .model = ATTUNE_SEQ2SEQ,
                      .needs = ATTUNE_OUTPUT_TOKENS,
                      .second = "Text",
                      .query_form = "{{input}}",
                      .start = {"", "The cat chased the mouse.", ""}},
    [TASK_fill] = {.name = "fill",
                   .title = "fill-mask",
                   .model = ATTUNE_ENCODER,
                   .needs = ATTUNE_OUTPUT_TOKENS,
                   .second = "Text",
                   .query_form = "{{input}}",
                   .start = {"", "The teacher taught the [MASK] with the book.", ""}},
    [TASK_follows] = {.name = "follows",
                      .title = "next sentence",
                      .model = ATTUNE_ENCODER,
                      .needs = ATTUNE_OUTPUT_NEXT_SENTENCE,
                      .first = "First sentence",
                      .second = "Second sentence",
                      .pair = true,
                      .task_form = "{{task}}\n",
                      .query_form = "{{input}}",
                      .start = {"The cat chased the mouse.", "The mouse ran away.", ""}},
    [TASK_question] = {.name = "question",
                       .title = "question answering",
                       .model = ATTUNE_ENCODER,
                       .needs = ATTUNE_OUTPUT_SPAN,
                       .first = "Question",
                       .second = "Context",
                       .pair = true,
                       .task_form = "{{task}}\n",
                       .query_form = "{{input}}",
                       .start = {"Who taught the child?",
                                 "The teacher taught the child with the book.", ""}},
    [TASK_classify] = {.name = "classify",
                       .title = "classification",
                       .model = ATTUNE_ENCODER,
                       .needs = ATTUNE_OUTPUT_LABELS,
                       .first = "Text",
                       .second = "Second text?",
                       .pair = true,
                       .task_form = "{{task}}\n",
                       .query_form = "{{input}}",
                       .start = {"The food was delicious.", "", ""}},
    [TASK_tag] = {.name = "tag",
                  .title = "token labels",
                  .model = ATTUNE_ENCODER,
                  .needs = ATTUNE_OUTPUT_TOKEN_LABELS,
                  .second = "Text",
                  .query_form = "{{input}}",
                  .start = {"", "Anna met the doctor in Paris.", ""}},
    [TASK_compare] = {.name = "compare",
                      .title = "a word in two texts",
                      .model = ATTUNE_ENCODER,
                      .needs = ATTUNE_OUTPUT_COUNT,
                      .first = "Text",
                      .second = "Other text",
                      .word = "Word",
                      .task_form = "{{task}}\n",
                      .query_form = "{{input}}\nWord: {{output}}",
                      .start = {"The boat lay at the bank of the river.",
                                "She took her savings to the bank.", "bank"}},
};

const struct task *task_at(enum task_name name)
{
    return &tasks[name];
}

bool task_fits(enum task_name name, const struct attune_model *model)
{
    const struct attune_model_info *info = attune_model_info(model);
    const struct task *t = &tasks[name];

    return info->kind == t->model && (!t->family || strcmp(t->family, info->family) == 0) &&
           (t->needs == ATTUNE_OUTPUT_COUNT || attune_model_output(model, t->needs).there);
}

enum task_name task_next(const struct attune_model *model, enum task_name from)
{
    for (int i = 1; i <= TASK_COUNT; i++) {
        enum task_name next = (enum task_name)(((int)from + i) % TASK_COUNT);

        if (task_fits(next, model)) {
            return next;
        }
    }
    return from;
}

enum task_name task_first(const struct attune_model *model)
{
    return task_next(model, (enum task_name)(TASK_COUNT - 1));
}

enum task_name task_find(const char *name)
{
    int i = 0;

    while (i < TASK_COUNT && strcmp(tasks[i].name, name) != 0) {
        i++;
    }
    return (enum task_name)i;
}

bool task_generates(enum task_name name)
{
    return tasks[name].model != ATTUNE_ENCODER;
}

static bool is_among(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name) != 0) {
        list++;
    }
    return *list != NULL;
}

bool task_turns(enum task_name name, const char *knob)
{
    static const char *const of_writing[] = {
        "max_tokens",       "seed", "repeat_penalty", "repeat_last_n", "frequency_penalty",
        "presence_penalty", NULL};

    return task_generates(name) || (name == TASK_fill && !is_among(knob, of_writing));
}

bool task_takes(enum task_name name, const char *action)
{
    static const char *const of_shots[] = {"shot_add",   "shot_remove",  "shot_duplicate",
                                           "shot_up",    "shot_down",    "template",
                                           "load_shots", "block_switch", NULL};

    if (strcmp(action, "mask") == 0) {
        return name == TASK_fill || name == TASK_prefix;
    }
    return tasks[name].shots || !is_among(action, of_shots);
}

bool task_shows(enum task_name name, enum attune_block_kind kind, bool answer)
{
    const struct task *t = &tasks[name];

    switch (kind) {
    case ATTUNE_BLOCK_TASK: return t->first && !answer;
    case ATTUNE_BLOCK_SHOT: return t->shots;
    default: return answer ? t->word != NULL : t->second != NULL;
    }
}

const char *task_heading(enum task_name name, enum attune_block_kind kind)
{
    return kind == ATTUNE_BLOCK_TASK ? tasks[name].first : tasks[name].second;
}

int task_prompt(struct attune_prompt *out, enum task_name name, struct attune_error *err)
{
    const struct task *t = &tasks[name];
    char *copies[] = {strdup(t->title), strdup(t->task_form ? t->task_form : "{{task}}"),
                      strdup("{{input}}{{output}}"), strdup(t->query_form ? t->query_form : "")};
    const struct attune_template form = {
        .name = copies[0], .task = copies[1], .shot = copies[2], .query = copies[3]};
    int status = attune_prompt_init(out, err);

    if (status == ATTUNE_OK && (!copies[0] || !copies[1] || !copies[2] || !copies[3])) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (status == ATTUNE_OK && t->query_form) {
        status = attune_prompt_use(out, &form, err);
    }
    if (status == ATTUNE_OK && t->query_form) {
        status = attune_prompt_set(out, 0, t->start[0], "", err);
    }
    if (status == ATTUNE_OK && t->query_form) {
        status = attune_prompt_set(out, out->n - 1, t->start[1], t->start[2], err);
    }
    for (size_t i = 0; i < sizeof copies / sizeof *copies; i++) {
        free(copies[i]);
    }
    return status;
}

/* T5's sentinels (Raffel et al., 2020): each stands for one span that was taken out. */
const char *task_mask(const struct attune_model *model, int nth)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);
    attune_token id = tk ? attune_tokenizer_mask(tk) : ATTUNE_TOKEN_NONE;
    char sentinel[32];

    if (tk && id == ATTUNE_TOKEN_NONE) {
        snprintf(sentinel, sizeof sentinel, "<extra_id_%d>", nth);
        id = attune_token_find(tk, sentinel);
    }
    return id == ATTUNE_TOKEN_NONE ? NULL : attune_token_piece(tk, id);
}

bool task_is_mask(const struct attune_model *model, attune_token id)
{
    const struct attune_tokenizer *tk = attune_model_tokenizer(model);

    return tk && id != ATTUNE_TOKEN_NONE && id == attune_tokenizer_mask(tk);
}
