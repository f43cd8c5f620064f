/* What the composer can do by name: shots, templates, masks, undo. */
#include <config.h>

#include "prompt_act.h"

#include <attune/library.h>
#include <attune/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edit.h"
#include "view.h"

static bool need_shots(struct panel *panel)
{
    const struct task *task = task_at(panel->bench->task);

    return task->shots ||
           !prompt_fail(panel, "shots and templates belong to completion: a decoder's task");
}

/* A new shot behind the one under the cursor, or as the last one when the cursor is on task or
 * query. */
static bool shot_add(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    bool on_shot = s->compose->now->blocks[s->at.block].kind == ATTUNE_BLOCK_SHOT;
    size_t at = on_shot ? s->at.block + 1 : s->compose->now->n - 1;

    if (!need_shots(panel)) {
        return true;
    }
    if (!compose_add(s->compose, at, "", "")) {
        return prompt_fail(panel, "out of memory");
    }
    s->at = (struct prompt_place){at, false};
    return prompt_put(panel);
}

static bool need_shot(struct panel *panel)
{
    struct prompt_state *s = panel->state;

    if (s->compose->now->blocks[s->at.block].kind == ATTUNE_BLOCK_SHOT) {
        return true;
    }
    return !prompt_fail(panel, "the cursor is on no shot: move it into one, or add one first");
}

static bool shot_remove(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;

    return !need_shot(panel) || (compose_remove(s->compose, s->at.block) && prompt_put(panel));
}

static bool shot_duplicate(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    const struct compose_block *b = &s->compose->now->blocks[s->at.block];

    if (!need_shot(panel)) {
        return true;
    }
    if (!compose_add(s->compose, s->at.block + 1, edit_text(b->text), edit_text(b->answer))) {
        return prompt_fail(panel, "out of memory");
    }
    s->at.block++;
    return prompt_put(panel);
}

static bool shift_shot(struct panel *panel, size_t by)
{
    struct prompt_state *s = panel->state;

    if (!need_shot(panel)) {
        return true;
    }
    if (!compose_move(s->compose, s->at.block, s->at.block + by)) {
        return prompt_fail(panel, "the shot stands at the end already");
    }
    s->at.block += by;
    return prompt_put(panel);
}

static bool shot_up(struct panel *panel, const char *arg)
{
    return shift_shot(panel, (size_t)-1);
}

static bool shot_down(struct panel *panel, const char *arg)
{
    return shift_shot(panel, 1);
}

static bool block_switch(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;

    return !need_shots(panel) || !compose_switch(s->compose, s->at.block) || prompt_put(panel);
}

static bool block_next(struct panel *panel, const char *arg)
{
    return prompt_to_block(panel->state, true);
}

static bool block_previous(struct panel *panel, const char *arg)
{
    return prompt_to_block(panel->state, false);
}

static bool use_template(struct panel *panel, const char *name)
{
    struct attune_template form;
    struct attune_error err;
    int status = attune_template_load(&form, name, &err);

    if (status == ATTUNE_OK) {
        status = attune_prompt_use(&panel->bench->prompt, &form, &err);
        attune_template_done(&form);
    }
    if (status != ATTUNE_OK) {
        return prompt_fail(panel, err.text);
    }
    prompt_take(panel);
    bench_say(panel->bench, false, "template %s", name);
    return prompt_put(panel);
}

/* With a name that template, without one the next in the list. */
static bool use_named_template(struct panel *panel, const char *arg)
{
    struct attune_library_entry *list;
    struct attune_error err;
    size_t n, at = 0;
    bool done;

    if (!need_shots(panel)) {
        return true;
    }
    if (arg && *arg) {
        return use_template(panel, arg);
    }
    if (attune_library_list(&list, &n, "prompts/templates", &err) != ATTUNE_OK) {
        return prompt_fail(panel, err.text);
    }
    while (at < n && strcmp(list[at].name, panel->bench->prompt.form.name) != 0) {
        at++;
    }
    done = n == 0 ? prompt_fail(panel, "no templates were found in the library")
                  : use_template(panel, list[at < n ? (at + 1) % n : 0].name);
    attune_library_list_free(list, n);
    return done;
}

static bool load_shots(struct panel *panel, const char *arg)
{
    return !need_shots(panel) || prompt_load_shots(panel, arg);
}

/* NAME VALUE: what {{NAME}} stands for; NAME alone takes it away. Without any, braces in the blocks
 * are looked at from now on, or no longer. */
static bool variable(struct panel *panel, const char *arg)
{
    struct attune_prompt *p = &panel->bench->prompt;
    const char *space = arg ? strchr(arg, ' ') : NULL;
    struct attune_error err;
    char name[128];

    if (!need_shots(panel)) {
        return true;
    }
    if (!arg || !*arg) {
        p->fill = !p->fill;
        bench_say(panel->bench, false,
                  p->fill ? "{{name}} in the blocks stands for a variable"
                          : "braces in the blocks are sent as they are");
    } else {
        snprintf(name, sizeof name, "%.*s", space ? (int)(space - arg) : (int)strlen(arg), arg);
        if (attune_prompt_set_variable(p, name, space ? space + 1 : NULL, &err) != ATTUNE_OK) {
            return prompt_fail(panel, err.text);
        }
        p->fill |= space != NULL;
        bench_say(panel->bench, false, space ? "{{%s}} is %.120s" : "{{%s}} has no value", name,
                  space ? space + 1 : "");
    }
    prompt_take(panel);
    return prompt_put(panel);
}

/* NAME [NOTE]: a version of this prompt, to be found by its name. */
static bool save(struct panel *panel, const char *arg)
{
    const char *space = arg ? strchr(arg, ' ') : NULL;
    struct attune_error err;
    char name[128];
    bool added;
    int number;

    if (!need_shots(panel)) {
        return true;
    }
    if (!arg || !*arg) {
        return prompt_fail(panel, "save: wants a name, and if you like a note");
    }
    snprintf(name, sizeof name, "%.*s", space ? (int)(space - arg) : (int)strlen(arg), arg);
    if (attune_prompt_save(&number, &added, &panel->bench->prompt, name, space ? space + 1 : "",
                           &err) != ATTUNE_OK) {
        return prompt_fail(panel, err.text);
    }
    bench_say(panel->bench, false,
              added ? "%s: saved as version %d" : "%s: version %d says the same", name, number);
    prompt_take(panel);
    return prompt_put(panel);
}

/* Where something is to be filled in: the mask, or the next sentinel. */
static bool mask(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    const char *text = edit_text(prompt_field(s)), *mask;
    int nth = 0;

    if (!panel->bench->model || task_at(s->task)->shots || s->task == TASK_compare) {
        return prompt_fail(panel,
                           "a mask is for models that fill one: encoders, and T5 by its sentinels");
    }
    while ((mask = task_mask(panel->bench->model, nth)) && strstr(text, mask) &&
           task_mask(panel->bench->model, nth + 1) != mask) {
        nth++;
    }
    return mask ? prompt_insert(panel, mask, strlen(mask), true)
                : prompt_fail(panel,
                              nth ? "this model has no more sentinels" : "this model has no mask");
}

static bool clear(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    struct edit *e = prompt_field(s);

    if (edit_length(e) == 0) {
        return prompt_fail(panel, "the field is empty already");
    }
    return !compose_erase(s->compose, e, 0, edit_length(e)) || prompt_put(panel);
}

static bool undo(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    struct edit *where;

    if (!compose_undo(s->compose, &where)) { /* before this program was started */
        bench_undo(panel->bench, false);
        return true;
    }
    prompt_place_find(&s->at, s->compose, where);
    return prompt_put(panel);
}

static bool redo(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    struct edit *where;

    if (!compose_redo(s->compose, &where)) {
        bench_undo(panel->bench, true);
        return true;
    }
    prompt_place_find(&s->at, s->compose, where);
    return prompt_put(panel);
}

static const struct {
    const char *name;
    bool (*run)(struct panel *panel, const char *arg);
} actions[] = {
    {"shot_add", shot_add},
    {"shot_remove", shot_remove},
    {"shot_duplicate", shot_duplicate},
    {"shot_up", shot_up},
    {"shot_down", shot_down},
    {"block_switch", block_switch},
    {"block_next", block_next},
    {"block_previous", block_previous},
    {"template", use_named_template},
    {"load_shots", load_shots},
    {"variable", variable},
    {"save", save},
    {"cut", prompt_cut},
    {"write_sent", prompt_write_sent},
    {"clear", clear},
    {"mask", mask},
    {"undo", undo},
    {"redo", redo},
};

bool prompt_act(struct panel *panel, const char *name, const char *arg)
{
    struct prompt_state *s = panel->state;

    if (!s->compose->now) {
        return false;
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, name) == 0) {
            prompt_take(panel);
            return actions[i].run(panel, arg);
        }
    }
    return false;
}
