#include <config.h>

#include "fixture.h"
#include "tui/workbench_event.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/strip.h"
#include "tui/worker.h"

enum { N_STEPS = 8, N_RUNS = 5 };

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

void fixture_empty(struct workbench *b)
{
    const struct bench_options nothing = {0};

    memset(b, 0, sizeof *b);
    b->shown_step = -1;
    b->max_tokens = 128;
    b->revision = 1;
    b->state = BENCH_LOADING;
    b->session = strdup("workbench");
    assert_int_equal(attune_prompt_init(&b->prompt, NULL), ATTUNE_OK);
    assert_int_equal(attune_chain_new(&b->chain, NULL), ATTUNE_OK);
    assert_int_equal(worker_open(&b->worker, &nothing, NULL), ATTUNE_OK);
}

static void open_model(struct workbench *b)
{
    const char *golden = getenv("ATTUNE_GOLDEN");
    struct attune_error err;
    char path[512];

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", golden ? golden : "tests/golden");
    if (attune_model_open(&b->model, path, NULL, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    b->model_path = strdup(path);
    b->n_context = 256;
    b->state = BENCH_IDLE;
}

void fixture_answer(struct workbench *b)
{
    const struct attune_tokenize_options options = {.add_special = true};
    size_t n_vocab = (size_t)attune_model_info(b->model)->n_vocab;
    uint32_t seed = 11;

    attune_rendered_done(&b->text);
    assert_int_equal(attune_prompt_render(&b->text, &b->prompt, NULL), ATTUNE_OK);
    assert_int_equal(attune_tokenize(&b->tokens, attune_model_tokenizer(b->model), b->text.text,
                                     b->text.len, &options, NULL),
                     ATTUNE_OK);
    if (!b->logits) {
        b->logits = malloc(n_vocab * sizeof *b->logits);
        assert_int_equal(attune_trace_init(&b->trace, n_vocab, NULL), ATTUNE_OK);
    }
    for (size_t i = 0; i < n_vocab; i++) {
        double u = (double)next_random(&seed) / (1 << 24);
        b->logits[i] = (float)(-0.9 * log(u + 1e-6));
    }
    attune_chain_apply(&b->trace, b->chain, b->logits, b->tokens.ids, b->tokens.n);
    b->read = b->evaluated = true;
    b->answered = b->revision;
}

static void fill_steps(struct workbench *b)
{
    b->steps = calloc(N_STEPS, sizeof *b->steps);
    b->output = calloc(1, 1024);
    for (size_t i = 0; i < N_STEPS; i++) {
        struct attune_step *s = &b->steps[i];
        size_t n;
        s->index = i;
        s->id = b->trace.raw.top[i].id;
        s->p_raw = b->trace.raw.top[i].p;
        s->p = 0.9 / (double)(i + 1);
        s->rank = (uint32_t)(i * i);
        s->logit = b->trace.raw.top[i].logit;
        s->entropy_bits = 1 + (double)i;
        s->draw.u = attune_rng_uniform(42, i);
        s->draw.id = s->id;
        s->n_kept = 12;
        s->kept_mass = 0.87;
        s->n_top = ATTUNE_STEP_TOP;
        memcpy(s->top, b->trace.raw.top, sizeof s->top);
        n = attune_token_bytes(attune_model_tokenizer(b->model), s->id, s->bytes, sizeof s->bytes);
        s->n_bytes = (uint8_t)(n < sizeof s->bytes ? n : sizeof s->bytes);
        memcpy(b->output + b->output_len, s->bytes, s->n_bytes);
        b->output_len += s->n_bytes;
    }
    b->steps[N_STEPS - 1].stop = b->stop = ATTUNE_STOP_LENGTH;
    b->n_steps = b->steps_capacity = N_STEPS;
    b->run = 12;
    b->tokens_per_s = 103.4;
}

/* Half of what is left goes to the first token, the rest falls with the distance. */
static float weight(size_t q, size_t k)
{
    double sum = 0, mine = 0;

    for (size_t i = 0; i <= q; i++) {
        double w = i == 0 ? 2 : 1.0 / (double)(1 + (q - i) + (q * 7 + i * 3) % 5);
        sum += w;
        mine = i == k ? w : mine;
    }
    return (float)(mine / sum);
}

void fixture_attention(struct workbench *b, const struct attention_request *r)
{
    struct attention_view *a = &b->attention;
    size_t n = strip_prompt(b) + (b->shown_step > 0 ? (size_t)b->shown_step : 0),
           nq = r->q1 - r->q0, nk = r->k1 - r->k0;

    free(a->cells);
    free(a->row);
    a->request = *r;
    a->revision = b->answered;
    a->n_queries = a->n_keys = n;
    a->cells = malloc((size_t)r->rows * (size_t)r->cols * sizeof *a->cells);
    a->row = calloc(n, sizeof *a->row);
    for (size_t i = 0; i < (size_t)r->rows * (size_t)r->cols; i++) {
        a->cells[i] = NAN;
    }
    for (size_t q = r->q0; q < r->q1; q++) {
        for (size_t k = r->k0; k < r->k1 && k <= q; k++) {
            float *cell = &a->cells[(q - r->q0) * (size_t)r->rows / nq * (size_t)r->cols +
                                    (k - r->k0) * (size_t)r->cols / nk];
            *cell = *cell >= weight(q, k) ? *cell : weight(q, k);
        }
    }
    for (size_t k = 0; k <= r->cursor; k++) {
        a->row[k] = weight(r->cursor, k);
    }
}

static void fill_attention(struct workbench *b)
{
    size_t n = strip_prompt(b);
    const struct attention_request whole = {
        .q1 = n, .k1 = n, .rows = (int)n, .cols = (int)n, .cursor = n - 1};

    fixture_attention(b, &whole);
}

void fixture_heads(struct workbench *b)
{
    const struct attune_model_info *info = attune_model_info(b->model);
    struct heads_view *v = &b->heads;
    size_t total = (size_t)(info->n_layers * info->n_heads), plane;

    v->revision = b->answered;
    v->n_layers = info->n_layers;
    v->n_heads = info->n_heads;
    v->n_queries = v->n_keys = strip_prompt(b);
    v->rows = v->cols = (int)(v->n_keys < HEADS_CELLS ? v->n_keys : HEADS_CELLS);
    v->n = total;
    v->ended = true;
    plane = (size_t)v->rows * (size_t)v->cols;
    v->heads = calloc(total, sizeof *v->heads);
    v->cells = calloc(total * plane, sizeof *v->cells);
    for (size_t i = 0; i < total; i++) {
        for (size_t c = 0; c < plane; c++) {
            size_t y = c / (size_t)v->cols, x = c % (size_t)v->cols;
            v->cells[i * plane + c] = x > y ? NAN : x == y - (y > 0) * (i % 2) ? 0.5f : 0.01f;
        }
        for (int s = 0; s < ATTUNE_HEAD_SCORE_COUNT; s++) {
            v->heads[i].scores[s] = (double)((i * 7 + (size_t)s * 3) % total) / (double)total;
            v->heads[i].queries[s] = 20;
        }
        v->heads[i].scores[ATTUNE_HEAD_NEXT] = NAN;
        v->heads[i].queries[ATTUNE_HEAD_NEXT] = 0;
        v->heads[i].pattern = attune_head_fit(&v->heads[i]);
    }
}

static void fill_runs(struct workbench *b)
{
    static const char *const outputs[N_RUNS] = {
        " positive", " \u65e5\u672c\u8a9e", " \u05e9\u05dc\u05d5\u05dd \u202e x", "\x1b[31m red\a",
        " a longer output that will not fit anywhere at all"};

    b->runs = calloc(N_RUNS, sizeof *b->runs);
    b->n_runs = N_RUNS;
    for (size_t i = 0; i < N_RUNS; i++) {
        struct attune_run_record *r = &b->runs[i];
        r->id = (int64_t)(12 - i);
        r->session = strdup("workbench");
        r->created = strdup("2026-11-21T04:30:00Z");
        r->model_path = strdup("model.gguf");
        r->model_name = strdup("tiny-decoder");
        r->model_family = strdup("llama");
        r->engine = strdup("attune");
        r->prompt_json = strdup("");
        r->prompt_text = strdup("Classify the review.\n\nReview: I loved it\nSentiment:");
        r->prompt_text_len = strlen(r->prompt_text);
        r->chain = strdup("temperature=0.7 top_k=40");
        r->seed = 42 + i;
        r->output = strdup(outputs[i]);
        r->output_len = strlen(r->output);
        r->n_steps = 8 + i;
        r->stop = (enum attune_stop)(i % ATTUNE_STOP_COUNT);
    }
}

void fixture_filled(struct workbench *b)
{
    char name[] = "sentiment", task[] = "{{task}}\n\n",
         shot[] = "Review: {{input}}\nSentiment: {{output}}\n\n",
         query[] = "Review: {{input}}\nSentiment:{{output}}";
    const struct attune_template form = {name, task, shot, query};

    fixture_empty(b);
    open_model(b);
    assert_int_equal(attune_prompt_use(&b->prompt, &form, NULL), ATTUNE_OK);
    assert_int_equal(attune_prompt_set(&b->prompt, 0, "Classify the review.", "", NULL), ATTUNE_OK);
    assert_int_equal(
        attune_prompt_add_shot(&b->prompt, 1, "A quiet, moving film.", "positive", NULL),
        ATTUNE_OK);
    assert_int_equal(
        attune_prompt_add_shot(&b->prompt, 2,
                               "Two hours I want back; \u9000\u5c48 \u05e9\u05dc\u05d5\u05dd",
                               "negative", NULL),
        ATTUNE_OK);
    assert_int_equal(attune_prompt_set(&b->prompt, 3,
                                       "The plot\tnever moves,\nand neither\x01 did I.", "", NULL),
                     ATTUNE_OK);
    bench_give(b, ORIGIN_USER, "temperature", 0.7, NULL);
    bench_give(b, ORIGIN_USER, "top_k", 40, NULL);
    bench_give(b, ORIGIN_USER, "top_p", 0.9, NULL);
    b->seed = 42;
    b->seed_is_fixed = true;
    fixture_answer(b);
    fill_steps(b);
    fill_attention(b);
    fixture_heads(b);
    fill_runs(b);
    b->token_cursor = 5;
    bench_say(b, false, "saved as run 12");
}

void fixture_done(struct workbench *b)
{
    bench_close(b);
}

struct panel fixture_open(const char *name, struct workbench *b)
{
    struct panel panel = {.ops = panel_find(name), .bench = b, .focused = true};

    assert_non_null(panel.ops);
    panel.state = calloc(1, panel.ops->state_size + 1);
    if (panel.ops->open) {
        assert_int_equal(panel.ops->open(&panel), ATTUNE_OK);
    }
    return panel;
}

void fixture_close(struct panel *panel)
{
    if (panel->ops->close) {
        panel->ops->close(panel);
    }
    free(panel->state);
}

char *fixture_draw(struct panel *panel, struct canvas *c)
{
    panel->inside = (struct rect){0, 0, c->rows, c->cols};
    canvas_clear(c);
    panel->ops->draw(panel, c, panel->inside);
    return canvas_dump(c);
}

bool fixture_key(struct panel *panel, const char *text)
{
    struct key key = {.kind = KEY_CHAR, .code = (uint32_t)(unsigned char)text[0]};

    if (text[1] && !key_parse(&key, text)) {
        fail_msg("no such key: %s", text);
    }
    return panel->ops->key && panel->ops->key(panel, &key);
}
