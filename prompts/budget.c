/* What fits a context, and which shots go when not everything does. */
#include <config.h>

#include <attune/budget.h>

#include <string.h>

struct attune_budget attune_budget_of(size_t context, size_t prompt, size_t max_tokens)
{
    return (struct attune_budget){context, prompt, max_tokens,
                                  (int64_t)context - (int64_t)prompt - (int64_t)max_tokens};
}

size_t attune_budget_blocks(size_t *counts, size_t n_blocks, const struct attune_rendered *rendered,
                            const struct attune_tokens *tokens)
{
    size_t none = 0, piece = 0;

    memset(counts, 0, n_blocks * sizeof *counts);
    for (size_t i = 0; i < tokens->n; i++) {
        if (tokens->start[i] == tokens->end[i] || (tokens->special && tokens->special[i])) {
            none++;
            continue;
        }
        while (piece > 0 && tokens->start[i] < rendered->pieces[piece].start) {
            piece--;
        }
        while (piece < rendered->n_pieces && tokens->start[i] >= rendered->pieces[piece].end) {
            piece++;
        }
        if (piece < rendered->n_pieces && rendered->pieces[piece].block < n_blocks) {
            counts[rendered->pieces[piece].block]++;
        } else {
            none++;
            piece = 0;
        }
    }
    return none;
}

static int measure(struct attune_budget *out, struct attune_rendered *rendered,
                   struct attune_tokens *tokens, const struct attune_prompt *prompt,
                   const struct attune_tokenizer *tk, struct attune_error *err)
{
    struct attune_tokenize_options options = {.add_special = true};
    int status;

    attune_rendered_done(rendered);
    status = attune_prompt_render(rendered, prompt, err);
    if (status == ATTUNE_OK) {
        status = attune_tokenize(tokens, tk, rendered->text, rendered->len, &options, err);
    }
    if (status == ATTUNE_OK) {
        *out = attune_budget_of(out->context, tokens->n, out->max_tokens);
    }
    return status;
}

/* The first shot that is on, or 0. */
static size_t first_shot(const struct attune_prompt *prompt)
{
    for (size_t i = 1; i + 1 < prompt->n; i++) {
        if (!prompt->blocks[i].off) {
            return i;
        }
    }
    return 0;
}

int attune_budget_fit(struct attune_budget *out, struct attune_rendered *rendered,
                      struct attune_tokens *tokens, size_t *dropped, size_t *n_dropped,
                      struct attune_prompt *prompt, const struct attune_tokenizer *tk,
                      size_t context, size_t max_tokens, bool trim, struct attune_error *err)
{
    struct attune_budget whole;
    size_t shot;
    int status;

    memset(rendered, 0, sizeof *rendered);
    memset(tokens, 0, sizeof *tokens);
    *out = attune_budget_of(context, 0, max_tokens);
    *n_dropped = 0;
    status = measure(out, rendered, tokens, prompt, tk, err);
    whole = *out;
    while (status == ATTUNE_OK && trim && out->left < 0 && (shot = first_shot(prompt)) > 0) {
        prompt->blocks[shot].off = true;
        dropped[(*n_dropped)++] = shot;
        status = measure(out, rendered, tokens, prompt, tk, err);
    }
    if (status == ATTUNE_OK && out->left < 0) {
        status = attune_error_set(
            err, ATTUNE_FULL, 0,
            "the prompt has %zu tokens%s and %zu may follow, the context holds %zu: %s",
            whole.prompt, *n_dropped ? " with all its shots" : "", max_tokens, context,
            *n_dropped
                ? "it does not fit without any shot either; shorten the query or ask for fewer "
                  "tokens"
            : first_shot(prompt)
                ? "take fewer shots (--trim drops the first ones), or fewer tokens (-n)"
                : "shorten it, or ask for fewer tokens (-n)");
    }
    if (status != ATTUNE_OK) {
        for (size_t i = 0; i < *n_dropped; i++) {
            prompt->blocks[dropped[i]].off = false;
        }
        *n_dropped = 0;
    }
    return status;
}
