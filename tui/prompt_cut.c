/* A prompt that is too long, cut by a rule: first what would go, and the same again does it. And
 * the text as sent into a file, to the byte. */
#include <config.h>

#include "prompt_act.h"

#include <attune/budget.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static void say(struct panel *panel, const struct attune_cut *cut, bool done)
{
    const char *again = done ? "went; undo brings it back" : "would go: the same once more cuts";
    size_t len = cut->text ? strlen(cut->text) : 0;

    if (cut->rule == ATTUNE_CUT_SHOTS) {
        bench_say(panel->bench, false, "%zu shots from the first on, %zu tokens, %s", cut->n_blocks,
                  cut->tokens, again);
    } else {
        bench_say(panel->bench, false, "%zu tokens, \"%.40s%s\", %s", cut->tokens, cut->text,
                  len > 40 ? " ..." : "", again);
    }
}

bool prompt_cut(struct panel *panel, const char *arg)
{
    struct prompt_state *s = panel->state;
    struct workbench *b = panel->bench;
    struct attune_prompt copy;
    struct attune_cut cut;
    struct attune_error err;
    enum attune_cut_rule rule = ATTUNE_CUT_NONE;
    bool again;

    if (!arg || !attune_cut_find(&rule, arg) || rule == ATTUNE_CUT_NONE) {
        return prompt_fail(panel, "cut: wants shots, left or middle (of the longest text)");
    }
    if (!b->model || !attune_model_tokenizer(b->model)) {
        return prompt_fail(panel, "cut: wants a model with a tokenizer to count with");
    }
    if (attune_prompt_copy(&copy, &b->prompt, &err) != ATTUNE_OK ||
        attune_prompt_cut(&cut, &copy, attune_model_tokenizer(b->model), b->n_context,
                          b->max_tokens, rule, &err) != ATTUNE_OK) {
        attune_prompt_done(&copy);
        return prompt_fail(panel, err.text);
    }
    again = s->cut_asked == (int)rule;
    s->cut_asked = again || cut.tokens == 0 ? 0 : (int)rule;
    if (cut.tokens == 0) {
        bench_say(b, false, "it fits as it is: nothing is cut");
    } else {
        say(panel, &cut, again);
    }
    if (again && cut.tokens > 0) {
        struct attune_prompt old = b->prompt;

        b->prompt = copy;
        copy = old;
        prompt_take(panel);
        prompt_put(panel);
    }
    attune_cut_done(&cut);
    attune_prompt_done(&copy);
    return true;
}

bool prompt_write_sent(struct panel *panel, const char *arg)
{
    struct attune_rendered sent;
    struct attune_error err;
    bool done;
    FILE *f;

    if (!arg || !*arg) {
        return prompt_fail(panel, "write_sent: wants the name of a file");
    }
    if (attune_prompt_render(&sent, &panel->bench->prompt, &err) != ATTUNE_OK) {
        return prompt_fail(panel, err.text);
    }
    f = fopen(arg, "wb");
    done = f && fwrite(sent.text, 1, sent.len, f) == sent.len;
    done = f && fclose(f) == 0 && done;
    if (done) {
        bench_say(panel->bench, false, "%zu bytes as they are sent, into %.120s", sent.len, arg);
    } else {
        bench_say(panel->bench, true, "%.120s: cannot be written: %s", arg, strerror(errno));
    }
    attune_rendered_done(&sent);
    return true;
}
