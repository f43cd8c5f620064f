/* What is too long, cut by a rule: whole shots, or the beginning or the middle of the longest text.
 *
 *     left     ....bytes that go....|the end stays
 *     middle   the front stays|....bytes that go....|the end stays
 *
 * Cuts fall between tokens of that text; what is left is counted anew, since tokens that meet may
 * join. What went is recorded with the prompt. */
#include <config.h>

#include <attune/budget.h>

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "text.h"

static const char *const names[] = {"none", "shots", "left", "middle"};
_Static_assert(sizeof names / sizeof *names == ATTUNE_CUT_COUNT, "a name for every rule");

const char *attune_cut_text(enum attune_cut_rule rule)
{
    return names[rule];
}

bool attune_cut_find(enum attune_cut_rule *out, const char *name)
{
    for (int i = 0; i < ATTUNE_CUT_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum attune_cut_rule)i;
            return true;
        }
    }
    return false;
}

void attune_cut_done(struct attune_cut *cut)
{
    if (cut) {
        free(cut->text);
        free(cut->blocks);
        memset(cut, 0, sizeof *cut);
    }
}

static int count(struct attune_budget *budget, const struct attune_prompt *prompt,
                 const struct attune_tokenizer *tk, struct attune_error *err)
{
    const struct attune_tokenize_options options = {.add_special = true};
    struct attune_rendered rendered = {0};
    struct attune_tokens tokens = {0};
    int status = attune_prompt_render(&rendered, prompt, err);

    if (status == ATTUNE_OK) {
        status = attune_tokenize(&tokens, tk, rendered.text, rendered.len, &options, err);
        *budget = attune_budget_of(budget->context, tokens.n, budget->max_tokens);
    }
    attune_rendered_done(&rendered);
    attune_tokens_done(&tokens);
    return status;
}

/* The longest text that is on. */
static size_t longest(const struct attune_prompt *prompt)
{
    size_t best = prompt->n - 1, most = 0;

    for (size_t i = 0; i < prompt->n; i++) {
        size_t len = prompt->blocks[i].off ? 0 : strlen(prompt->blocks[i].text);

        if (len > most) {
            most = len;
            best = i;
        }
    }
    return best;
}

/* Sets the block's text to the original without [cut->from, cut->to). */
static int apply(struct attune_prompt *prompt, const struct attune_cut *cut, const char *whole,
                 size_t len, struct attune_error *err)
{
    struct text kept = {0};
    char *text = NULL;
    int status;

    text_add(&kept, whole, cut->from);
    text_add(&kept, whole + cut->to, len - cut->to);
    status = text_take(&kept, &text, NULL, err);
    if (status == ATTUNE_OK) {
        status =
            attune_prompt_set(prompt, cut->block, text, prompt->blocks[cut->block].answer, err);
    }
    free(text);
    return status;
}

/* n tokens less of the text, from its front or its middle. */
static void place(struct attune_cut *cut, const struct attune_tokens *tokens, size_t n,
                  enum attune_cut_rule rule)
{
    size_t first = rule == ATTUNE_CUT_LEFT ? 0 : (tokens->n - n) / 2;

    cut->tokens = n;
    cut->from = tokens->start[first];
    cut->to = tokens->end[first + n - 1];
}

static int cut_text(struct attune_cut *cut, struct attune_budget *budget,
                    struct attune_prompt *prompt, const struct attune_tokenizer *tk,
                    enum attune_cut_rule rule, struct attune_error *err)
{
    struct attune_tokens tokens = {0};
    char *whole;
    size_t n = 0, len, all = budget->prompt;
    int status;

    cut->block = longest(prompt);
    whole = strdup(prompt->blocks[cut->block].text);
    if (!whole) {
        return text_no_memory(err);
    }
    len = strlen(whole);
    status = attune_tokenize(&tokens, tk, whole, len, NULL, err);
    while (status == ATTUNE_OK && budget->left < 0) {
        n += (size_t)-budget->left;
        if (n >= tokens.n) {
            status = attune_error_set(
                err, ATTUNE_FULL, 0,
                "the prompt has %zu tokens, the context holds %zu and %zu may follow: its longest "
                "text has %zu, so cutting that is not enough; ask for fewer tokens or shots",
                all, budget->context, budget->max_tokens, tokens.n);
            break;
        }
        place(cut, &tokens, n, rule);
        status = apply(prompt, cut, whole, len, err);
        if (status == ATTUNE_OK) {
            status = count(budget, prompt, tk, err);
        }
    }
    if (status == ATTUNE_OK) {
        cut->text = text_copy(whole + cut->from, cut->to - cut->from);
        status = cut->text ? ATTUNE_OK : text_no_memory(err);
    }
    free(whole);
    attune_tokens_done(&tokens);
    return status;
}

static int cut_shots(struct attune_cut *cut, struct attune_budget *budget,
                     struct attune_prompt *prompt, const struct attune_tokenizer *tk,
                     struct attune_error *err)
{
    struct attune_rendered rendered;
    struct attune_tokens tokens;
    size_t before = budget->prompt;
    int status;

    cut->blocks = calloc(prompt->n, sizeof *cut->blocks);
    if (!cut->blocks) {
        return text_no_memory(err);
    }
    status = attune_budget_fit(budget, &rendered, &tokens, cut->blocks, &cut->n_blocks, prompt, tk,
                               budget->context, budget->max_tokens, true, err);
    cut->tokens = status == ATTUNE_OK ? before - budget->prompt : 0;
    attune_rendered_done(&rendered);
    attune_tokens_done(&tokens);
    return status;
}

/* {"rule": "left", "block": 2, "from": 0, "to": 57, "tokens": 12, "text": "..."}, or of shots
 * {"rule": "shots", "blocks": [1, 2], "tokens": 30} */
static int record(struct attune_prompt *prompt, const struct attune_cut *cut,
                  struct attune_error *err)
{
    json_t *object =
        json_pack("{s:s, s:I}", "rule", names[cut->rule], "tokens", (json_int_t)cut->tokens);
    char *json = NULL;
    int status;

    if (object && cut->rule == ATTUNE_CUT_SHOTS) {
        json_t *list = json_array();

        for (size_t i = 0; i < cut->n_blocks; i++) {
            json_array_append_new(list, json_integer((json_int_t)cut->blocks[i]));
        }
        json_object_set_new(object, "blocks", list);
    } else if (object) {
        json_object_set_new(object, "block", json_integer((json_int_t)cut->block));
        json_object_set_new(object, "from", json_integer((json_int_t)cut->from));
        json_object_set_new(object, "to", json_integer((json_int_t)cut->to));
        json_object_set_new(object, "text", json_of_bytes(cut->text, strlen(cut->text)));
    }
    status = json_write(&json, NULL, object, err);
    if (status == ATTUNE_OK) {
        status = attune_prompt_note(prompt, "cut", json, err);
    }
    free(json);
    return status;
}

int attune_prompt_cut(struct attune_cut *cut, struct attune_prompt *prompt,
                      const struct attune_tokenizer *tk, size_t context, size_t max_tokens,
                      enum attune_cut_rule rule, struct attune_error *err)
{
    struct attune_budget budget = attune_budget_of(context, 0, max_tokens);
    struct attune_prompt copy = {0};
    int status = attune_prompt_copy(&copy, prompt, err);

    memset(cut, 0, sizeof *cut);
    cut->rule = rule;
    if (status == ATTUNE_OK) {
        status = count(&budget, &copy, tk, err);
    }
    if (status == ATTUNE_OK && budget.left < 0 && rule != ATTUNE_CUT_NONE) {
        status = rule == ATTUNE_CUT_SHOTS ? cut_shots(cut, &budget, &copy, tk, err)
                                          : cut_text(cut, &budget, &copy, tk, rule, err);
        if (status == ATTUNE_OK) {
            status = record(&copy, cut, err);
        }
        if (status == ATTUNE_OK) {
            struct attune_prompt old = *prompt;

            *prompt = copy;
            copy = old;
        }
    }
    attune_prompt_done(&copy);
    if (status != ATTUNE_OK) {
        attune_cut_done(cut);
    }
    return status;
}
