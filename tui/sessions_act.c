/* Moving in the tree of runs, showing a part of it, marking and removing. */
#include <config.h>

#include "sessions_act.h"

#include <stdlib.h>
#include <string.h>

#include "view.h"

/* The cursor to a run's row, if that row is shown. */
static bool go(struct panel *panel, size_t at)
{
    struct sessions_state *s = panel->state;
    size_t row = forest_row(&s->forest, at);

    if (row < s->first || row - s->first >= s->n) {
        return false;
    }
    s->selected = row - s->first;
    s->to_remove = 0;
    panel->bench->frame++;
    return true;
}

static size_t place_of(const struct panel *panel, const struct attune_run_record *run)
{
    return (size_t)(run - panel->bench->runs);
}

static bool say(struct panel *panel, const char *text)
{
    bench_say(panel->bench, false, "%s", text);
    return true;
}

static bool parent(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    const struct sessions_state *s = panel->state;
    long up = s->forest.parent[place_of(panel, run)];

    return (up != (long)s->forest.n && go(panel, (size_t)up)) ||
           say(panel,
               s->root ? "the branch begins here: H shows all" : "it goes on from no other run");
}

static bool child(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    const struct sessions_state *s = panel->state;
    long down = s->forest.child[place_of(panel, run)];

    return (down != FOREST_NONE && go(panel, (size_t)down)) || say(panel, "no run goes on from it");
}

/* What else was tried at the same place: another run that leaves the same run behind the same step,
 * or begins with the same prompt. */
static bool is_counterfactual(const struct attune_run_record *a, const struct attune_run_record *b)
{
    return a->fork_of ? a->fork_of == b->fork_of && a->fork_steps == b->fork_steps
                      : !b->fork_of && forest_same_prompt(a, b);
}

static bool counterfactual(struct panel *panel, const struct attune_run_record *run, bool forward)
{
    const struct sessions_state *s = panel->state;

    for (size_t i = 1; i < s->n; i++) {
        size_t row = (s->selected + (forward ? i : s->n - i)) % s->n,
               at = s->forest.order[s->first + row];

        if (is_counterfactual(run, &panel->bench->runs[at])) {
            return go(panel, at);
        }
    }
    bench_say(panel->bench, false,
              run->fork_of ? "no other run leaves run %lld behind step %zu"
                           : "no other run begins as run %lld does",
              (long long)(run->fork_of ? run->fork_of : run->id), run->fork_steps);
    return true;
}

static bool counterfactual_next(struct panel *panel, const char *arg,
                                const struct attune_run_record *run)
{
    return counterfactual(panel, run, true);
}

static bool counterfactual_previous(struct panel *panel, const char *arg,
                                    const struct attune_run_record *run)
{
    return counterfactual(panel, run, false);
}

static bool hoist(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    struct sessions_state *s = panel->state;

    s->root = run->id;
    s->selected = s->top = 0;
    panel->bench->frame++;
    return true;
}

static bool unhoist(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    struct sessions_state *s = panel->state;
    int64_t root = s->root;

    s->root = 0;
    for (size_t i = 0; i < panel->bench->n_runs; i++) {
        if (panel->bench->runs[i].id == root) {
            sessions_selected(panel);
            go(panel, i);
        }
    }
    panel->bench->frame++;
    return true;
}

static bool merge(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    struct sessions_state *s = panel->state;
    size_t at = place_of(panel, run);

    s->joined = !s->joined;
    sessions_selected(panel);
    go(panel, at);
    panel->bench->frame++;
    return say(panel, s->joined ? "equal prompts stand under one root" : "every run by itself");
}

/* ---- removing ---- */

static bool remove_asked(struct panel *panel, const struct attune_run_record *run, bool branch)
{
    struct sessions_state *s = panel->state;
    size_t first, n;

    forest_branch(&s->forest, place_of(panel, run), &first, &n);
    if (s->to_remove != run->id || s->with_branch != branch) {
        s->to_remove = run->id;
        s->with_branch = branch;
        bench_say(panel->bench, false,
                  branch ? "remove run %lld and what goes on from it (%zu here) for good? the same "
                           "key once more removes them"
                         : "remove run %lld for good? the same key once more removes it",
                  (long long)run->id, n - 1);
        return true;
    }
    s->to_remove = 0;
    s->asked = false;
    s->root = s->root == run->id ? 0 : s->root;
    if (branch) {
        bench_prune(panel->bench, run->id);
    } else {
        bench_remove_run(panel->bench, run->id);
    }
    return true;
}

static bool run_remove(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    return remove_asked(panel, run, false);
}

static bool run_prune(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    return remove_asked(panel, run, true);
}

/* ---- marks ---- */

/* "+good -bad also": tags that come and go. */
static bool run_tag(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    struct sessions_state *s = panel->state;
    char *words = strdup(arg), *rest = words, *word;

    if (!*arg) {
        bench_say(panel->bench, true, "run_tag: wants words, -WORD takes one off");
    }
    while (words && (word = strtok_r(rest, " ,", &rest))) {
        bool off = *word == '-';

        bench_mark(panel->bench, run->id, ATTUNE_MARK_TAG, word + (off || *word == '+'), !off);
    }
    free(words);
    s->asked = false;
    return true;
}

static bool run_note(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    struct sessions_state *s = panel->state;

    bench_mark(panel->bench, run->id, ATTUNE_MARK_NOTE, *arg ? arg : NULL, *arg != '\0');
    s->asked = false;
    return true;
}

static bool run_bookmark(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    struct sessions_state *s = panel->state;
    bool on = *arg || !run->bookmarked;

    bench_mark(panel->bench, run->id, ATTUNE_MARK_BOOKMARK, on ? arg : NULL, on);
    s->asked = false;
    return true;
}

static bool bookmark_next(struct panel *panel, const char *arg, const struct attune_run_record *run)
{
    const struct sessions_state *s = panel->state;

    for (size_t i = 1; i <= s->n; i++) {
        size_t at = s->forest.order[s->first + (s->selected + i) % s->n];

        if (panel->bench->runs[at].bookmarked) {
            return go(panel, at);
        }
    }
    return say(panel, "no run of the list is bookmarked");
}

static const struct {
    const char *name;
    bool (*run)(struct panel *panel, const char *arg, const struct attune_run_record *run);
} actions[] = {
    {"parent", parent},
    {"child", child},
    {"counterfactual_next", counterfactual_next},
    {"counterfactual_previous", counterfactual_previous},
    {"hoist", hoist},
    {"unhoist", unhoist},
    {"merge", merge},
    {"run_remove", run_remove},
    {"run_prune", run_prune},
    {"run_tag", run_tag},
    {"run_note", run_note},
    {"run_bookmark", run_bookmark},
    {"bookmark_next", bookmark_next},
};

bool sessions_act(struct panel *panel, const char *name, const char *arg,
                  const struct attune_run_record *run)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, name) == 0) {
            return !run || actions[i].run(panel, arg, run);
        }
    }
    return false;
}
