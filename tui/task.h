/* What a person does with a model: go on from a text, fill a mask, ask a question. A task is a row
 * of a table: which models can do it, which fields the composer shows for it, what they begin with.
 * A new one is a row here, what it computes (job_task.c) and how that looks (task_view.c). */
#ifndef ATTUNE_TUI_TASK_H
#define ATTUNE_TUI_TASK_H

#include <attune/model.h>
#include <attune/prompt.h>

/* TASK(name): in the order in which a model's first one is looked for. */
#define TASK_LIST(TASK)                                                                            \
    TASK(complete)                                                                                 \
    TASK(prefix)                                                                                   \
    TASK(rewrite)                                                                                  \
    TASK(fill)                                                                                     \
    TASK(follows)                                                                                  \
    TASK(question)                                                                                 \
    TASK(classify)                                                                                 \
    TASK(tag)                                                                                      \
    TASK(compare)
enum task_name {
#define TASK(name) TASK_##name,
    TASK_LIST(TASK)
#undef TASK
        TASK_COUNT
};

struct task {
    const char *name;  /* what the action `task` takes */
    const char *title; /* of the composer */
    enum attune_model_kind model;
    enum attune_output needs; /* ATTUNE_OUTPUT_COUNT: the layers are enough */
    const char *family;       /* the only one that reads it so, or NULL */

    /* Headings of the fields: the task block's text, the query's text, the query's answer. NULL: no
     * such field. A field whose heading ends in ? may stay empty. */
    const char *first, *second, *word;
    bool shots;                         /* shots and templates */
    bool pair;                          /* the two fields go in as two sequences */
    const char *task_form, *query_form; /* how they become a text; NULL: any template */
    const char *start[3];               /* what the fields begin with; [MASK]: the model's own */
};

const struct task *task_at(enum task_name name);
bool task_fits(enum task_name name, const struct attune_model *model);
/* The first that the model can do, or the next one after `from`. */
enum task_name task_first(const struct attune_model *model);
enum task_name task_next(const struct attune_model *model, enum task_name from);
/* TASK_COUNT: no such name. */
enum task_name task_find(const char *name);
/* Does the model write, so that there are runs? */
bool task_generates(enum task_name name);
/* Does this knob ("max_tokens", "seed", a param of the chain) change what is shown? */
bool task_turns(enum task_name name, const char *knob);
/* Does an action of the composer make sense here? */
bool task_takes(enum task_name name, const char *action);
/* Is there such a field? */
bool task_shows(enum task_name name, enum attune_block_kind kind, bool answer);
/* Heading of a block other than a shot; NULL: not shown. */
const char *task_heading(enum task_name name, enum attune_block_kind kind);

/* The prompt that a task begins with. */
int task_prompt(struct attune_prompt *out, enum task_name name, struct attune_error *err);

/* How a place to fill is spelled: the mask, or the nth sentinel of a model that fills spans; NULL:
 * the model knows none. Borrowed from the tokenizer. */
const char *task_mask(const struct attune_model *model, int nth);
/* Is this token a place to fill? */
bool task_is_mask(const struct attune_model *model, attune_token id);

#endif
