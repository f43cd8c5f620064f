/* Text -> tokens -> vectors -> (attention -> feed-forward) a layer -> what the head makes of it. Of
 * an encoder-decoder both stacks, with what the decoder takes from the encoder between. A step is a
 * row of a table: a name, one or two sentences, and a function that draws its numbers; a walk is a
 * list of tables, chosen by what the model is and what it is asked. */
#include <config.h>

#include "walk_view.h"

#include <stdio.h>
#include <string.h>

#include "walk_draw.h"

struct step {
    const char *name, *text;
    walk_drawing *draw;
    bool needs_walk;
};

static const struct step front[] = {
    {"text", "This is what the model is asked to read. A computer holds it as a row of bytes.",
     walk_draw_text, false},
    {"tokens",
     "The text is cut into pieces, tokens, each of which has a number in a fixed list. The model "
     "never sees letters: from here on there are only these numbers.",
     walk_draw_tokens, false},
    {"embedding",
     "Every number stands for a row of learned values, a vector: words used alike have vectors "
     "that "
     "point alike. A cell is bright where a value is far from 0.",
     walk_draw_embedding, true},
    {"position",
     "The order of tokens matters: the model has to know at which place each one stands.",
     walk_draw_position, false},
};

#define RESIDUAL                                                                                   \
    "What the tokens looked at carry is mixed in these shares and added to the vector. What was "  \
    "there stays in the sum: this running sum is the residual stream."
#define FEED_FORWARD                                                                               \
    "Then a small network of its own works on this one vector: two matrices with a bend between "  \
    "them. Its result is added, too. The vector that leaves the layer:"

static const struct step of_decoder[] = {
    {"attention",
     "Now the token looks back. Each head picks earlier tokens to take something from, in shares "
     "that add up to 1. The largest shares:",
     walk_draw_attention, true},
    {"residual", RESIDUAL, walk_draw_residual, true},
    {"feed-forward", FEED_FORWARD, walk_draw_block, true},
};

static const struct step of_encoder[] = {
    {"attention",
     "Each head takes in from all tokens, those before and those behind, in shares that add up to "
     "1. The largest shares:",
     walk_draw_attention, true},
    {"residual", RESIDUAL, walk_draw_residual, true},
    {"feed-forward", FEED_FORWARD, walk_draw_block, true},
};

static const struct step between[] = {
    {"what the decoder gets",
     "The encoder is done: its last vectors, one a token, stay as they are while the decoder "
     "writes.",
     walk_draw_memory, true},
};

static const struct step second_front[] = {
    {"decoder's tokens",
     "The decoder begins with a token of its own and then reads what it has written so far.",
     walk_draw_tokens, false},
    {"decoder's embedding", "The vector that enters the decoder's first layer.",
     walk_draw_embedding, true},
};

static const struct step of_second[] = {
    {"self-attention",
     "Each head takes in from what the decoder wrote before, in shares that add up to 1. The "
     "largest shares:",
     walk_draw_attention, true},
    {"cross-attention",
     "Each head asks the encoder's vectors: which tokens of the text matter for the next word? The "
     "largest shares:",
     walk_draw_cross, true},
    {"residual", RESIDUAL, walk_draw_residual, true},
    {"feed-forward", FEED_FORWARD, walk_draw_block, true},
};

static const struct step of_writing[] = {
    {"logits",
     "After the last layer the vector is held against every entry of the vocabulary: one score, a "
     "logit, for each token that could come next. The highest:",
     walk_draw_logits, false},
    {"softmax",
     "Scores become probabilities that add up to 1: e to the score, divided by the sum of that "
     "over "
     "all tokens.",
     walk_draw_softmax, false},
    {"sampler",
     "The knobs (temperature, top-k, top-p, ...) take candidates away or reweight them, stage by "
     "stage. What is left is what can be drawn.",
     walk_draw_sampler, false},
    {"draw",
     "The candidates lie side by side between 0 and 1, each as wide as it is likely. A random "
     "number u, fixed by seed and step, falls on one of them. It is added to the text, and all "
     "begins again.",
     walk_draw_choice, false},
};

static const struct step of_fill[] = {
    {"logits",
     "The vector at the place under the cursor is compared with every entry of the vocabulary: one "
     "score each.",
     walk_draw_logits, false},
    {"softmax", "Scores become probabilities: e to the score, divided by the sum over all.",
     walk_draw_softmax, false},
    {"masks", "What the model would put in each masked place.", walk_draw_words, false},
};

static const struct step of_follows[] = {
    {"two scores",
     "The first token's vector goes through the pooler and a matrix of two rows; softmax makes "
     "probabilities of the two scores.",
     walk_draw_numbers, false},
    {"answer", "The larger one is the answer.", walk_draw_words, false},
};

static const struct step of_question[] = {
    {"start and end",
     "Every token's vector gives two scores. Softmax over the text: where does the answer start, "
     "where does it end?",
     walk_draw_numbers, false},
    {"spans",
     "A span is as likely as its start times its end; the first token stands for no answer.",
     walk_draw_words, false},
};

static const struct step of_classify[] = {
    {"labels", "The first token's vector stands for the whole text: one score a label.",
     walk_draw_numbers, false},
    {"answer", "The label with the largest probability.", walk_draw_words, false},
};

static const struct step of_tag[] = {
    {"labels", "Every token's vector gives one score a label; here those of the cursor's token.",
     walk_draw_numbers, false},
    {"tags", "The likeliest label of every token.", walk_draw_words, false},
};

static const struct step of_compare[] = {
    {"cosine",
     "The word's vectors in the two texts: how far do they point the same way, layer by layer?",
     walk_draw_numbers, false},
    {"whole texts", "The mean of all tokens, and the pooled vector where the model has one.",
     walk_draw_words, false},
};

#define TABLE(steps)                                                                               \
    {                                                                                              \
        steps, sizeof steps / sizeof *steps                                                        \
    }
struct table {
    const struct step *steps;
    size_t n;
};

static const struct table last_steps[TASK_COUNT] = {
    [TASK_complete] = TABLE(of_writing),  [TASK_prefix] = TABLE(of_writing),
    [TASK_rewrite] = TABLE(of_writing),   [TASK_fill] = TABLE(of_fill),
    [TASK_follows] = TABLE(of_follows),   [TASK_question] = TABLE(of_question),
    [TASK_classify] = TABLE(of_classify), [TASK_tag] = TABLE(of_tag),
    [TASK_compare] = TABLE(of_compare),
};

enum { SECTIONS_MOST = 6 };
struct section {
    struct table table;
    int stack, times; /* once, or for each layer */
    bool layered;
};

static size_t find_sections(const struct workbench *b, struct section out[SECTIONS_MOST])
{
    static const struct table fronts = TABLE(front), decoder = TABLE(of_decoder),
                              encoder = TABLE(of_encoder), handed = TABLE(between),
                              seconds = TABLE(second_front), second = TABLE(of_second);
    const struct attune_model_info *info = b->model ? attune_model_info(b->model) : NULL;
    int layers = info ? info->n_layers : 0, encoder_layers = info ? info->n_encoder_layers : 0;
    bool two = bench_n_encoder(b) > 0;
    size_t n = 0;

    out[n++] = (struct section){fronts, 0, 1, false};
    if (two) {
        out[n++] = (struct section){encoder, 0, encoder_layers, true};
        out[n++] = (struct section){handed, 0, 1, false};
        out[n++] = (struct section){seconds, 1, 1, false};
        out[n++] = (struct section){second, 1, layers, true};
    } else if (info && info->kind == ATTUNE_ENCODER) {
        out[n++] = (struct section){encoder, 0, layers, true};
    } else {
        out[n++] = (struct section){decoder, 0, layers, true};
    }
    out[n++] = (struct section){last_steps[b->task], two, 1, false};
    return n;
}

static size_t size_of(const struct section *s)
{
    return s->table.n * (size_t)s->times;
}

size_t walk_n_steps(const struct workbench *b)
{
    struct section sections[SECTIONS_MOST];
    size_t n = find_sections(b, sections), all = 0;

    for (size_t i = 0; i < n; i++) {
        all += size_of(&sections[i]);
    }
    return all;
}

/* *layer: -1 where a step belongs to none. */
static const struct step *step_at(const struct workbench *b, size_t i, int *stack, int *layer)
{
    struct section sections[SECTIONS_MOST];
    size_t n = find_sections(b, sections), at = 0;
    const struct section *s;

    while (at + 1 < n && i >= size_of(&sections[at])) {
        i -= size_of(&sections[at++]);
    }
    s = &sections[at];
    i = i < size_of(s) ? i : size_of(s) - 1;
    *stack = s->stack;
    *layer = s->layered ? (int)(i / s->table.n) : -1;
    return &s->table.steps[i % s->table.n];
}

void walk_name(const struct workbench *b, size_t i, char *out, size_t capacity)
{
    int layer, stack;
    const struct step *step = step_at(b, i, &stack, &layer);
    const char *side = bench_n_encoder(b) == 0 ? "" : stack ? "decoder " : "encoder ";

    if (layer >= 0) {
        snprintf(out, capacity, "%slayer %d, %s", side, layer, step->name);
    } else {
        snprintf(out, capacity, "%s", step->name);
    }
}

size_t walk_tokens(const struct workbench *b)
{
    return bench_n_prompt(b) + (b->shown_step > 0 ? (size_t)b->shown_step : 0);
}

size_t walk_position(const struct workbench *b)
{
    size_t n = walk_tokens(b);

    return b->token_cursor < n ? b->token_cursor : n > 0 ? n - 1 : 0;
}

bool walk_is_ready(const struct workbench *b, size_t position)
{
    return b->walk.stacks[0].hidden && b->walk.position == position &&
           b->walk.n_tokens == walk_tokens(b) && b->walk.revision == b->revision && b->model &&
           b->walk.n_stacks == (bench_n_encoder(b) > 0 ? 2 : 1);
}

/* The tokens of a step's side, and which of them is followed: the cursor's, else the last. */
static void find_side(struct walk_scene *s, int stack, size_t position)
{
    struct bench_span side =
        bench_side(s->bench, stack ? ATTUNE_STACK_DECODER : ATTUNE_STACK_ENCODER, true);
    bool inside = position >= side.first && position < side.first + side.n;

    s->first = side.first;
    s->n = side.n;
    s->position = inside ? position - side.first : side.n > 0 ? side.n - 1 : 0;
}

size_t walk_followed(const struct workbench *b, size_t i)
{
    struct walk_scene s = {.bench = b};
    int stack, layer;

    step_at(b, i, &stack, &layer);
    find_side(&s, stack, walk_position(b));
    return s.first + s.position;
}

void walk_draw(const struct workbench *b, size_t i, size_t position, struct canvas *c,
               struct rect r)
{
    struct walk_scene s = {.bench = b, .canvas = c};
    int stack, y;
    const struct step *step = step_at(b, i, &stack, &s.layer);

    y = view_sentence(c, r, 0, style_of(c, ROLE_TEXT), "%s", step->text);
    y += y + 4 < r.rows; /* a blank row where there is room */
    s.r = view_rows(r, y, r.rows - y);
    find_side(&s, stack, position);
    if (step->needs_walk && !walk_is_ready(b, position)) {
        view_sentence(c, s.r, 0, style_of(c, ROLE_DIM), "being computed");
        return;
    }
    s.stack = &b->walk.stacks[stack];
    if (s.r.rows > 0 && s.r.cols > 0) {
        step->draw(&s);
    }
}
