/* Tasks in the workbench, on golden models with a tokenizer beside: what the worker answers is what
 * the public calls say, each task keeps its own text, and both sides of an encoder-decoder are told
 * apart. */
#include <config.h>

#include "tui/task.h"
#include "tui/workbench.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const parts[] = {"config.json", "model.safetensors", "tokenizer.json"};
static char folder[] = "/tmp/attune-task-XXXXXX";
static char model_path[64], db_path[64];

static void settle(struct workbench *b)
{
    for (int turn = 0; bench_is_busy(b); turn++) {
        struct pollfd fd = {.fd = bench_wake_fd(b), .events = POLLIN};

        assert_true(turn < 100000);
        poll(&fd, 1, 50);
        bench_poll(b);
    }
    bench_poll(b);
}

static void start(struct workbench *b, const char *checkpoint, const char *tokenizer)
{
    const char *golden = getenv("ATTUNE_GOLDEN");
    const struct bench_options options = {
        .model_path = model_path, .db_path = db_path, .n_threads = 1};
    struct attune_error err = {0};
    char from[512], to[128];

    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(model_path, sizeof model_path, "%s/model", folder);
    snprintf(db_path, sizeof db_path, "%s/runs.db", folder);
    assert_int_equal(mkdir(model_path, 0700), 0);
    for (size_t i = 0; i < 3; i++) {
        snprintf(from, sizeof from, "%s/%s%s%s", golden ? golden : "tests/golden",
                 i < 2 ? checkpoint : tokenizer, i < 2 ? "/" : "", i < 2 ? parts[i] : "");
        snprintf(to, sizeof to, "%s/%s", model_path, parts[i]);
        assert_int_equal(symlink(from, to), 0);
    }
    assert_int_equal(bench_open(b, &options, &err), ATTUNE_OK);
    settle(b);
    assert_string_equal(b->message, "");
    assert_non_null(b->model);
}

static void stop(struct workbench *b)
{
    char command[128];

    bench_close(b);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

static void use(struct workbench *b, const char *task)
{
    assert_int_equal(bench_use_task(b, task), ATTUNE_OK);
    settle(b);
    assert_string_equal(b->refusal, "");
    assert_true(bench_has_answer(b));
}

/* The same text, read and held by a context of the test's own. */
static struct attune_context *hold(const struct workbench *b, struct attune_task_tokens *read,
                                   const char *text, const char *pair)
{
    const struct attune_context_options options = {.n_threads = 1, .keep_hidden = true};
    struct attune_task_text both = {.text = text, .len = strlen(text), .masks = true};
    struct attune_context *ctx;

    if (pair) {
        both.pair = pair;
        both.pair_len = strlen(pair);
    }
    assert_int_equal(attune_task_read(read, b->model, &both, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_new(&ctx, b->model, &options, NULL), ATTUNE_OK);
    assert_int_equal(attune_task_sync(ctx, read, NULL, NULL), ATTUNE_OK);
    return ctx;
}

static void write_texts(struct workbench *b, const char *first, const char *second,
                        const char *word)
{
    assert_int_equal(attune_prompt_set(&b->prompt, 0, first, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_prompt_set(&b->prompt, b->prompt.n - 1, second, word, NULL), ATTUNE_OK);
    bench_prompt_changed(b);
    settle(b);
}

static void masks_are_filled_and_every_place_has_its_distribution(void **state)
{
    static const char text[] = "the [MASK] ran to the [MASK].";
    struct workbench b;
    struct attune_task_tokens read = {0};
    struct attune_task_fill fills[2];
    struct attune_context *ctx;
    float *logits;
    size_t n_vocab;

    start(&b, "hf/bert-pretraining", "tokens/wordpiece-131.json");
    assert_int_equal(b.task, TASK_fill);
    write_texts(&b, "", text, "");
    ctx = hold(&b, &read, text, NULL);
    assert_int_equal(read.n_masks, 2);
    assert_int_equal(attune_task_fill(fills, ctx, &read, 0, NULL, NULL), ATTUNE_OK);
    assert_int_equal(b.answer.n_gaps, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(b.answer.gaps[i].position, fills[i].position);
        assert_int_equal(b.answer.gaps[i].top[0].id, fills[i].dist.top[0].id);
        assert_true(b.answer.gaps[i].top[0].p == fills[i].dist.top[0].p);
    }
    n_vocab = b.trace.n_vocab;
    logits = malloc(n_vocab * sizeof *logits);
    assert_true(bench_has_places(&b));
    for (size_t at = 0; at < b.tokens.n; at++) {
        bench_move_cursor(&b, (long)at - (long)b.token_cursor);
        settle(&b);
        assert_int_equal(b.shown_place, at);
        assert_int_equal(attune_context_logits(ctx, at, 1, logits, NULL), ATTUNE_OK);
        assert_memory_equal(b.logits, logits, n_vocab * sizeof *logits);
    }
    assert_true(bench_to_mask(&b, true));
    assert_int_equal(b.token_cursor, read.masks[0]);
    assert_true(bench_to_mask(&b, false));
    assert_int_equal(b.token_cursor, read.masks[1]);
    free(logits);
    attune_context_free(ctx);
    attune_task_tokens_done(&read);
    stop(&b);
}

static void scores_are_the_pseudo_log_likelihood(void **state)
{
    static const char text[] = "the cat ran to the house.";
    struct workbench b;
    struct attune_task_tokens read = {0};
    struct attune_context *ctx;
    struct attention_request request = {.rows = 1, .cols = 1, .q1 = 1, .k1 = 1};
    double *logp;
    float weight;

    start(&b, "hf/bert-pretraining", "tokens/wordpiece-131.json");
    write_texts(&b, "", text, "");
    assert_int_equal(bench_run(&b), ATTUNE_OK);
    settle(&b);
    ctx = hold(&b, &read, text, NULL);
    logp = calloc(read.tokens.n, sizeof *logp);
    /* The context of the worker holds the text again: a map shows it, not what was masked last. */
    bench_request_attention(&b, &request);
    settle(&b);
    assert_int_equal(
        attune_attention_slice(ctx, ATTUNE_STACK_SELF, 0, 0, 0, 1, 0, 1, &weight, NULL), ATTUNE_OK);
    assert_true(b.attention.cells[0] == weight);
    assert_int_equal(attune_task_pll(logp, ctx, &read, NULL, NULL), ATTUNE_OK);
    assert_int_equal(b.score.n, read.tokens.n);
    for (size_t i = 0; i < read.tokens.n; i++) {
        assert_int_equal(isnan(logp[i]), isnan(b.score.scores[i].p));
        if (!isnan(logp[i])) {
            assert_true(fabs(exp(logp[i]) - (double)b.score.scores[i].p) < 1e-7);
        }
    }
    free(logp);
    attune_context_free(ctx);
    attune_task_tokens_done(&read);
    stop(&b);
}

static void each_task_keeps_its_own_text(void **state)
{
    struct workbench b;
    struct attune_task_tokens read = {0};
    struct attune_context *ctx;
    double yes;

    start(&b, "hf/bert-pretraining", "tokens/wordpiece-131.json");
    write_texts(&b, "", "my own [MASK]", "");
    use(&b, "follows");
    write_texts(&b, "the dog ran", "the cat is good", "");
    ctx = hold(&b, &read, "the dog ran", "the cat is good");
    assert_int_equal(attune_task_follows(&yes, ctx, NULL), ATTUNE_OK);
    assert_true(b.answer.p[0] == (float)yes);
    use(&b, "fill");
    assert_string_equal(b.prompt.blocks[b.prompt.n - 1].text, "my own [MASK]");
    use(&b, "");
    assert_string_equal(b.prompt.blocks[0].text, "the dog ran");
    assert_int_not_equal(bench_use_task(&b, "question"), ATTUNE_OK);
    assert_true(b.message_is_error);
    assert_int_not_equal(bench_use_task(&b, "no such task"), ATTUNE_OK);
    attune_context_free(ctx);
    attune_task_tokens_done(&read);
    stop(&b);
}

static void tokens_of_a_pair_point_into_the_text_that_is_shown(void **state)
{
    struct workbench b;
    struct attune_task_tokens read = {0};
    struct attune_task_answer spans[TASK_MOST];
    struct attune_context *ctx;
    double p[2][64];
    size_t n;

    start(&b, "hf/bert-qa", "tokens/wordpiece-131.json");
    assert_int_equal(b.task, TASK_question);
    write_texts(&b, "who ran?", "the cat ran to the house", "");
    ctx = hold(&b, &read, "who ran?", "the cat ran to the house");
    assert_true(read.tokens.n < 64);
    assert_int_equal(attune_task_span(p[0], p[1], ctx, &read, NULL), ATTUNE_OK);
    n = attune_task_answers(spans, TASK_MOST, p[0], p[1], &read, 30);
    assert_int_equal(b.answer.n_spans, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(b.answer.spans[i].first, spans[i].first);
        assert_int_equal(b.answer.spans[i].last, spans[i].last);
        assert_true(b.answer.spans[i].score == spans[i].score);
    }
    for (size_t i = 0; i < read.tokens.n; i++) {
        assert_true(b.answer.p[i] == (float)p[0][i]);
        assert_true(b.answer.p[b.answer.width + i] == (float)p[1][i]);
    }
    assert_int_equal(b.answer.n_pair, 6);
    assert_memory_equal(b.text.text + b.tokens.start[b.answer.pair_first + 1], "cat", 3);
    assert_memory_equal(b.text.text + b.tokens.start[1], "who", 3);
    attune_context_free(ctx);
    attune_task_tokens_done(&read);
    stop(&b);
}

static void a_word_is_compared_layer_by_layer(void **state)
{
    static const char *const texts[] = {"the boat is at the bank", "she took money to the bank"};
    struct workbench b;
    struct attune_context *ctx[2];
    struct attune_task_tokens read[2] = {{.n_masks = 0}, {.n_masks = 0}};
    float *v;
    size_t d;

    start(&b, "hf/bert-model", "tokens/wordpiece-131.json");
    assert_int_equal(b.task, TASK_compare);
    write_texts(&b, texts[0], texts[1], "bank");
    d = (size_t)attune_model_info(b.model)->d_model;
    v = calloc(2 * d, sizeof *v);
    ctx[0] = hold(&b, &read[0], texts[0], NULL);
    ctx[1] = hold(&b, &read[1], texts[1], NULL);
    assert_true(b.answer.has_word && b.answer.has_pooled);
    assert_int_equal(b.answer.width, attune_context_hidden_count(ctx[0], ATTUNE_STACK_SELF));
    for (size_t layer = 0; layer < b.answer.width; layer++) {
        for (size_t i = 0; i < 2; i++) { /* the word is the last one before [SEP] in both */
            assert_int_equal(attune_context_hidden(ctx[i], ATTUNE_STACK_SELF, (int)layer,
                                                   read[i].tokens.n - 2, 1, v + i * d, NULL),
                             ATTUNE_OK);
        }
        assert_true(fabs(attune_task_cosine(v, v + d, d) - (double)b.answer.p[layer]) < 1e-6);
    }
    write_texts(&b, texts[0], "she took money", "bank");
    assert_false(b.answer.has_word);
    for (size_t i = 0; i < 2; i++) {
        attune_context_free(ctx[i]);
        attune_task_tokens_done(&read[i]);
    }
    free(v);
    stop(&b);
}

static void both_sides_of_an_encoder_decoder(void **state)
{
    struct workbench b;
    struct attune_context *ctx;
    struct attune_input input;
    struct attention_request request = {.kind = ATTUNE_STACK_CROSS, .layer = 1, .head = 2};
    struct attention_view *view = &b.attention;
    struct bench_span decoder, encoder;
    attune_token ids[64];
    float *weights, *vector;
    size_t d;

    start(&b, "hf/t5-gated-untied", "tokens/unigram-133.json");
    assert_int_equal(b.task, TASK_prefix);
    bench_set_param(&b, "max_tokens", 5);
    bench_set_param(&b, "temperature", 0.7);
    assert_int_equal(bench_run(&b), ATTUNE_OK);
    settle(&b);
    assert_true(b.run > 0 && b.n_steps > 1);
    encoder = bench_side(&b, ATTUNE_STACK_CROSS, false);
    decoder = bench_side(&b, ATTUNE_STACK_CROSS, true);
    assert_int_equal(encoder.first, 0);
    assert_int_equal(encoder.n, b.tokens.n);
    assert_int_equal(decoder.first, b.tokens.n);
    assert_int_equal(decoder.n, b.n_steps); /* the start token, and all steps but the newest */
    assert_int_equal(bench_token_at(&b, decoder.first), attune_model_info(b.model)->decoder_start);
    for (size_t i = 0; i < decoder.n; i++) {
        ids[i] = bench_token_at(&b, decoder.first + i);
        assert_true(i == 0 || ids[i] == b.steps[i - 1].id);
    }
    request.q1 = decoder.n;
    request.k1 = encoder.n;
    request.rows = (int)decoder.n;
    request.cols = (int)encoder.n;
    bench_request_attention(&b, &request);
    bench_request_walk(&b, decoder.first + 1);
    settle(&b);
    assert_int_equal(
        attune_context_new(&ctx, b.model,
                           &(struct attune_context_options){.n_threads = 1, .keep_hidden = true},
                           NULL),
        ATTUNE_OK);
    input = (struct attune_input){
        .ids = b.tokens.ids, .n = b.tokens.n, .decoder_ids = ids, .n_decoder = decoder.n};
    assert_int_equal(attune_context_sync(ctx, &input, NULL, NULL), ATTUNE_OK);
    weights = calloc(decoder.n * encoder.n, sizeof *weights);
    assert_int_equal(attune_attention_slice(ctx, ATTUNE_STACK_CROSS, 1, 2, 0, decoder.n, 0,
                                            encoder.n, weights, NULL),
                     ATTUNE_OK);
    assert_int_equal(view->n_queries, decoder.n);
    assert_int_equal(view->n_keys, encoder.n);
    assert_memory_equal(view->cells, weights, decoder.n * encoder.n * sizeof *weights);
    d = (size_t)attune_model_info(b.model)->d_model;
    vector = calloc(d, sizeof *vector);
    assert_int_equal(b.walk.n_stacks, 2);
    assert_int_equal(b.walk.stacks[1].position, 1);
    assert_int_equal(attune_context_hidden(ctx, ATTUNE_STACK_DECODER, 1, 1, 1, vector, NULL),
                     ATTUNE_OK);
    assert_memory_equal(b.walk.stacks[1].hidden + d, vector, d * sizeof *vector);
    assert_int_equal(
        attune_context_hidden(ctx, ATTUNE_STACK_ENCODER, 1, encoder.n - 1, 1, vector, NULL),
        ATTUNE_OK);
    assert_memory_equal(b.walk.stacks[0].hidden + d, vector, d * sizeof *vector);
    for (size_t k = 0; k < encoder.n; k++) {
        const struct walk_look *look =
            &b.walk.stacks[1].cross[request.layer * b.walk.stacks[1].n_heads + request.head];
        assert_true(weights[encoder.n + k] <= look->weight[0]);
    }
    attune_context_free(ctx);
    free(weights);
    free(vector);
    bench_replay(&b, b.run, true);
    settle(&b);
    assert_true(b.replayed);
    assert_int_equal(b.verdict.identical, b.verdict.steps);
    assert_int_equal(bench_n_encoder(&b), encoder.n);
    assert_int_equal(bench_use_step(&b, 2), ATTUNE_OK);
    settle(&b);
    assert_true(b.evaluated);
    assert_true(fabs(attune_dist_p(&b.trace.raw, b.logits[b.steps[2].id]) - b.steps[2].p_raw) <
                1e-12);
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_filled_and_every_place_has_its_distribution),
        cmocka_unit_test(scores_are_the_pseudo_log_likelihood),
        cmocka_unit_test(each_task_keeps_its_own_text),
        cmocka_unit_test(tokens_of_a_pair_point_into_the_text_that_is_shown),
        cmocka_unit_test(a_word_is_compared_layer_by_layer),
        cmocka_unit_test(both_sides_of_an_encoder_decoder),
    };
    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
