/* What one asks of a head, against reference outputs and against plain twins of the definitions. */
#include <config.h>

#include <attune/task.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "golden.h"

struct asked { /* a golden with its input in a context */
    struct golden golden;
    struct golden_input in;
    struct attune_task_tokens tokens;
    struct attune_context *ctx;
};

static void ask(struct asked *a, const char *name, const char *prefix)
{
    const struct attune_context_options options = {.no_queries = true, .keep_hidden = true};
    struct attune_error err = {0};

    memset(a, 0, sizeof *a);
    assert_true(golden_open(&a->golden, name));
    assert_true(golden_input(&a->in, &a->golden, prefix));
    assert_int_equal(attune_context_new(&a->ctx, a->golden.model, &options, &err), ATTUNE_OK);
    if (attune_task_read_ids(&a->tokens, a->golden.model, a->in.ids, a->in.input.type_ids,
                             a->in.input.mask, a->in.input.n, &err) != ATTUNE_OK ||
        attune_task_sync(a->ctx, &a->tokens, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", name, err.text);
    }
}

static void done(struct asked *a)
{
    attune_context_free(a->ctx);
    attune_task_tokens_done(&a->tokens);
    golden_close(&a->golden);
}

static void soften(double *p, const float *logits, const uint8_t *keep, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        p[i] = keep && !keep[i] ? 0 : exp((double)logits[i]);
        sum += p[i];
    }
    for (size_t i = 0; i < n; i++) {
        p[i] /= sum;
    }
}

/* ---- masks ---- */
static void masks_have_the_reference_distribution(void **state)
{
    struct asked a;
    size_t masks[] = {1, 4};
    struct attune_task_fill fill[2];
    const float *logits;

    ask(&a, "hf/roberta-mlm", "");
    free(a.tokens.masks);
    a.tokens.masks = masks;
    a.tokens.n_masks = 2;
    assert_int_equal(attune_task_fill(fill, a.ctx, &a.tokens, 0, NULL, NULL), ATTUNE_OK);
    logits = golden_floats(&a.golden, "logits", 2, (int)a.tokens.tokens.n, 143);
    for (size_t m = 0; m < 2; m++) {
        const float *row = logits + masks[m] * 143;
        double p[143];

        soften(p, row, NULL, 143);
        assert_int_equal(fill[m].position, masks[m]);
        for (size_t i = 0; i < 5; i++) {
            assert_true(fabs(fill[m].dist.top[i].p - p[fill[m].dist.top[i].id]) < 1e-5);
            assert_int_equal(attune_dist_rank(row, 143, fill[m].dist.top[i].id), i);
        }
    }
    a.tokens.masks = NULL;
    done(&a);
}

static void pseudo_likelihood_masks_one_token_at_a_time(void **state)
{
    struct asked a;
    struct attune_error err = {0};
    double logp[GOLDEN_TOKENS];

    ask(&a, "hf/roberta-mlm", "padded.");
    assert_int_equal(attune_task_pll(logp, a.ctx, &a.tokens, NULL, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "no mask token"));
    a.tokens.mask_id = 142;
    assert_int_equal(attune_task_pll(logp, a.ctx, &a.tokens, NULL, &err), ATTUNE_OK);
    for (size_t i = 0; i < a.in.input.n; i++) {
        attune_token ids[GOLDEN_TOKENS];
        struct attune_input input = a.in.input;
        struct attune_dist dist;
        float row[143];

        assert_int_equal(isnan(logp[i]) != 0, !a.in.mask[i]);
        memcpy(ids, a.in.ids, sizeof ids);
        ids[i] = 142;
        input.ids = ids;
        if (a.in.mask[i]) {
            assert_int_equal(attune_context_sync(a.ctx, &input, NULL, &err), ATTUNE_OK);
            assert_int_equal(attune_context_logits(a.ctx, i, 1, row, &err), ATTUNE_OK);
            attune_dist_of(&dist, row, 143);
            assert_true(logp[i] == attune_dist_logp(&dist, row[a.in.ids[i]]));
        }
    }
    done(&a);
}

static void a_target_is_scored_as_the_reference_has_it(void **state)
{
    static const char *const names[] = {"hf/t5-gated-untied", "hf/bart-scaled-uneven", "hf/marian"};

    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct asked a;
        size_t n, V;
        const float *logits;
        double logp[GOLDEN_TOKENS], *p;
        attune_token target[GOLDEN_TOKENS];

        ask(&a, names[k], "");
        n = a.in.input.n_decoder;
        V = (size_t)attune_model_info(a.golden.model)->n_vocab;
        p = calloc(V, sizeof *p);
        memcpy(target, a.in.decoder_ids + 1, (n - 1) * sizeof *target);
        target[n - 1] = 7;
        assert_int_equal(attune_task_target(logp, a.ctx, &a.tokens, target, n, NULL, NULL),
                         ATTUNE_OK);
        logits = golden_floats(&a.golden, "logits", 2, (int)n, (int)V);
        for (size_t i = 0; i < n; i++) {
            soften(p, logits + i * V, NULL, V);
            assert_true(fabs(logp[i] - log(p[target[i]])) < 1e-4);
        }
        free(p);
        done(&a);
    }
}

/* ---- two texts ---- */
static void the_next_sentence_is_label_0(void **state)
{
    struct asked a;
    double is_next, p[2];

    ask(&a, "hf/bert-pretraining", "");
    assert_int_equal(attune_task_follows(&is_next, a.ctx, NULL), ATTUNE_OK);
    soften(p, golden_floats(&a.golden, "seq_relationship_logits", 1, 2), NULL, 2);
    assert_true(fabs(is_next - p[0]) < 1e-5);
    done(&a);
}

static void spans_are_those_of_the_pipeline(void **state)
{
    struct asked a;
    struct attune_task_answer answers[5];
    double p_start[GOLDEN_TOKENS], p_end[GOLDEN_TOKENS], s[GOLDEN_TOKENS], e[GOLDEN_TOKENS];
    uint8_t keep[GOLDEN_TOKENS] = {1};
    size_t n, found;

    ask(&a, "hf/bert-qa", "");
    n = a.tokens.tokens.n;
    for (size_t i = 1; i < n; i++) {
        keep[i] = a.in.types[i] == 1;
    }
    assert_int_equal(attune_task_span(p_start, p_end, a.ctx, &a.tokens, NULL), ATTUNE_OK);
    soften(s, golden_floats(&a.golden, "start_logits", 1, (int)n), keep, n);
    soften(e, golden_floats(&a.golden, "end_logits", 1, (int)n), keep, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(fabs(p_start[i] - s[i]) < 1e-5 && fabs(p_end[i] - e[i]) < 1e-5);
    }
    assert_true(fabs(attune_task_no_answer(p_start, p_end) - s[0] * e[0]) < 1e-5);
    for (size_t longest = 0; longest < 5; longest++) {
        bool taken[GOLDEN_TOKENS][GOLDEN_TOKENS / 16] = {{false}};

        found = attune_task_answers(answers, 5, p_start, p_end, &a.tokens, longest);
        assert_true(found == 5);
        for (size_t k = 0; k < found; k++) { /* the twin: the best of all that is not taken yet */
            size_t first = 0, last = 0;
            double best = -1;

            for (size_t i = 1; i < n; i++) {
                for (size_t j = i; j < n; j++) {
                    bool fits = keep[i] && keep[j] && (longest == 0 || j - i < longest);

                    if (fits && !taken[i][j] && p_start[i] * p_end[j] > best) {
                        best = p_start[i] * p_end[j];
                        first = i;
                        last = j;
                    }
                }
            }
            taken[first][last] = true;
            assert_int_equal(answers[k].first, first);
            assert_int_equal(answers[k].last, last);
            assert_true(answers[k].score == best);
        }
    }
    done(&a);
}

static void an_answer_wants_a_second_text(void **state)
{
    struct asked a;
    struct attune_error err = {0};
    double p[2][GOLDEN_TOKENS];

    ask(&a, "hf/bert-qa", "");
    memset(a.tokens.parts, ATTUNE_TASK_TEXT, a.tokens.tokens.n);
    assert_int_equal(attune_task_span(p[0], p[1], a.ctx, &a.tokens, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "no text to find an answer in"));
    done(&a);
}

/* ---- labels ---- */
static void labels_share_one_or_have_one_each(void **state)
{
    struct asked a;
    const float *logits;
    double p[3], want[3], sum = 0;

    ask(&a, "hf/bert-seqcls", "");
    logits = golden_floats(&a.golden, "logits", 1, 3);
    assert_int_equal(attune_task_labels(p, a.ctx, NULL), ATTUNE_OK);
    soften(want, logits, NULL, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(fabs(p[i] - want[i]) < 1e-5);
        sum += p[i];
    }
    assert_true(fabs(sum - 1) < 1e-12);
    done(&a);
}

static void tags_are_the_likeliest_labels(void **state)
{
    struct asked a;
    struct attune_task_tag tags[GOLDEN_TOKENS];
    const float *logits;

    ask(&a, "hf/bert-tokcls", "");
    logits = golden_floats(&a.golden, "logits", 2, (int)a.tokens.tokens.n, 5);
    assert_int_equal(attune_task_tags(tags, a.ctx, NULL), ATTUNE_OK);
    for (size_t i = 0; i < a.tokens.tokens.n; i++) {
        double p[5];

        soften(p, logits + i * 5, NULL, 5);
        for (int k = 0; k < 5; k++) {
            assert_true(p[k] <= p[tags[i].label] + 1e-6);
        }
        assert_true(fabs(tags[i].p - p[tags[i].label]) < 1e-5);
    }
    done(&a);
}

/* Letters stand for tags (o: O, P: B-PER, p: I-PER, L: B-LOC, l: I-LOC; /: a token that was added),
 * "PER1-2" for an entity. */
static void join(const struct attune_model *model, const char *letters, const char *want)
{
    struct attune_task_tag tags[16] = {{0}};
    struct attune_task_entity found[16];
    uint8_t parts[16] = {0};
    size_t start[16], end[16], n = strlen(letters);
    struct attune_task_tokens tokens = {.tokens = {.n = n, .start = start, .end = end},
                                        .parts = parts};
    char got[256] = "";

    for (size_t i = 0; i < n; i++) {
        const char *at = strchr("oPpLl", letters[i]);

        tags[i] = (struct attune_task_tag){at ? (int)(at - "oPpLl") : 0, 0.5};
        parts[i] = letters[i] == '/' ? ATTUNE_TASK_ADDED : ATTUNE_TASK_TEXT;
        start[i] = 10 * i;
        end[i] = 10 * i + 9;
    }
    n = attune_task_entities(found, model, tags, &tokens);
    for (size_t i = 0; i < n; i++) {
        sprintf(got + strlen(got), "%s%s%zu-%zu", i ? " " : "", found[i].name, found[i].first,
                found[i].last);
        assert_int_equal(found[i].start, 10 * found[i].first);
        assert_int_equal(found[i].end, 10 * found[i].last + 9);
        assert_true(fabs(found[i].p - 0.5) < 1e-12);
    }
    assert_string_equal(got, want);
}

static void entities_are_joined_by_their_prefixes(void **state)
{
    struct asked a;

    ask(&a, "hf/bert-tokcls", "");
    join(a.golden.model, "oooo", "");
    join(a.golden.model, "/oPpo/", "PER2-3");
    join(a.golden.model, "PPp", "PER0-0 PER1-2");
    join(a.golden.model, "pl", "PER0-0 LOC1-1");
    join(a.golden.model, "Ppopl", "PER0-1 PER3-3 LOC4-4");
    join(a.golden.model, "Ll/lo", "LOC0-3");
    done(&a);
}

/* ---- vectors ---- */
static void texts_become_vectors(void **state)
{
    struct asked a;
    const float *states, *pooler;
    const uint8_t *mask;
    float out[64], word[64];
    size_t n, d, real = 0;

    ask(&a, "hf/bert-model", "padded.");
    n = a.tokens.tokens.n;
    d = (size_t)attune_task_width(a.ctx);
    mask = a.tokens.mask;
    assert_true(d <= 64 && attune_task_pool_width(a.ctx, ATTUNE_POOL_DEFAULT) == (int)d);
    states = golden_floats(&a.golden, "padded.last_hidden_state", 2, (int)n, (int)d);
    pooler = golden_floats(&a.golden, "padded.pooler_output", 1, (int)d);
    for (size_t i = 0; i < n; i++) {
        real += mask[i];
    }
    assert_true(real < n);
    for (int pooling = 0; pooling < ATTUNE_POOL_COUNT; pooling++) {
        assert_int_equal(
            attune_task_pool(out, a.ctx, &a.tokens, (enum attune_pooling)pooling, NULL), ATTUNE_OK);
        for (size_t j = 0; j < d; j++) {
            double mean = 0, max = -1e9, want;

            for (size_t i = 0; i < n; i++) {
                double x = (double)states[i * d + j];

                mean += mask[i] ? x / (double)real : 0;
                max = mask[i] && x > max ? x : max;
            }
            want = pooling == ATTUNE_POOL_FIRST  ? (double)states[j]
                   : pooling == ATTUNE_POOL_MEAN ? mean
                   : pooling == ATTUNE_POOL_MAX  ? max
                                                 : (double)pooler[j];
            assert_true(fabs((double)out[j] - want) < 1e-4);
        }
    }
    assert_int_equal(attune_task_vector(word, a.ctx, -1, 2, 2, NULL), ATTUNE_OK);
    assert_int_equal(attune_task_vector(out, a.ctx,
                                        attune_context_hidden_count(a.ctx, ATTUNE_STACK_SELF) - 1,
                                        2, 2, NULL),
                     ATTUNE_OK);
    for (size_t j = 0; j < d; j++) {
        double want = ((double)states[2 * d + j] + (double)states[3 * d + j]) / 2;

        assert_true(fabs((double)word[j] - want) < 1e-4 && word[j] == out[j]);
    }
    done(&a);
}

static void cosines_are_those_of_geometry(void **state)
{
    const float a[] = {1, 0, 0}, b[] = {1, 1, 0}, c[] = {0, 0, 3}, zero[3] = {0};

    assert_true(fabs(attune_task_cosine(a, b, 3) - sqrt(0.5)) < 1e-12);
    assert_true(fabs(attune_task_cosine(b, b, 3) - 1) < 1e-12);
    assert_true(attune_task_cosine(b, c, 3) == 0);
    assert_true(isnan(attune_task_cosine(a, zero, 3)));
}

static void a_model_says_what_it_has_instead(void **state)
{
    struct asked a;
    struct attune_error err = {0};
    struct attune_task_tag tags[GOLDEN_TOKENS];
    double p[8];

    ask(&a, "hf/bert-qa", "");
    assert_int_equal(attune_task_tags(tags, a.ctx, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "no output 'token-labels' (it has: span)"));
    assert_int_equal(attune_task_labels(p, a.ctx, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_task_follows(p, a.ctx, &err), ATTUNE_ARGUMENT);
    assert_int_equal(attune_task_target(p, a.ctx, &a.tokens, a.in.ids, 2, NULL, &err),
                     ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "of kind encoder"));
    done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_have_the_reference_distribution),
        cmocka_unit_test(pseudo_likelihood_masks_one_token_at_a_time),
        cmocka_unit_test(a_target_is_scored_as_the_reference_has_it),
        cmocka_unit_test(the_next_sentence_is_label_0),
        cmocka_unit_test(spans_are_those_of_the_pipeline),
        cmocka_unit_test(an_answer_wants_a_second_text),
        cmocka_unit_test(labels_share_one_or_have_one_each),
        cmocka_unit_test(tags_are_the_likeliest_labels),
        cmocka_unit_test(entities_are_joined_by_their_prefixes),
        cmocka_unit_test(texts_become_vectors),
        cmocka_unit_test(cosines_are_those_of_geometry),
        cmocka_unit_test(a_model_says_what_it_has_instead),
    };
    return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
