/* Texts for tasks: what a model reads of them, masks however spelled, sentinels, words in them. */
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
#include "spoken.h"

struct told { /* a model that reads text, and one text as it reads it */
    struct folder folder;
    struct attune_model *model;
    struct attune_task_tokens tokens;
};

static void tell(struct told *t, const char *golden, enum spoken_kind kind)
{
    struct attune_error err = {0};

    memset(t, 0, sizeof *t);
    spoken_make(&t->folder, golden, kind, NULL);
    if (attune_model_open(&t->model, t->folder.path, NULL, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s: %s", golden, err.text);
    }
}

static void forget(struct told *t)
{
    attune_task_tokens_done(&t->tokens);
    attune_model_close(t->model);
    folder_remove(&t->folder);
}

static struct attune_task_text text_of(const char *text, const char *pair)
{
    return (struct attune_task_text){text, strlen(text), pair, pair ? strlen(pair) : 0, true};
}

/* What was read as "the|[MASK]|.| 1": each token as the bytes it covers in its text, with 2: in
 * front for the pair, . for one that was added; then the positions of the masks. */
static void check_read(struct told *t, const char *text, const char *pair, const char *want)
{
    struct attune_task_text given = text_of(text, pair);
    struct attune_error err = {0};
    char got[512] = "";

    attune_task_tokens_done(&t->tokens);
    if (attune_task_read(&t->tokens, t->model, &given, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < t->tokens.tokens.n; i++) {
        const char *of = t->tokens.parts[i] == ATTUNE_TASK_PAIR ? pair : text;
        size_t start = t->tokens.tokens.start[i], end = t->tokens.tokens.end[i];

        if (t->tokens.parts[i] == ATTUNE_TASK_ADDED) {
            strcat(got, ".|");
        } else {
            sprintf(got + strlen(got), "%s%.*s|", of == pair ? "2:" : "", (int)(end - start),
                    of + start);
        }
    }
    for (size_t m = 0; m < t->tokens.n_masks; m++) {
        sprintf(got + strlen(got), " %zu", t->tokens.masks[m]);
    }
    assert_string_equal(got, want);
}

static void two_texts_are_told_apart(void **state)
{
    struct told t;

    tell(&t, "hf/bert-pretraining", SPOKEN_BERT);
    check_read(&t, "the cat", "it sat", ".|the|cat|.|2:it|2:sat|.|");
    assert_true(t.tokens.typed);
    assert_memory_equal(t.tokens.tokens.type_ids, "\0\0\0\0\1\1\1", 7);
    check_read(&t, "", "it sat", ".|.|2:it|2:sat|.|");
    check_read(&t, "the cat", "", ".|the|cat|.|.|");
    check_read(&t, "the cat", NULL, ".|the|cat|.|");
    forget(&t);
    tell(&t, "hf/roberta-mlm", SPOKEN_ROBERTA);
    check_read(&t, "the cat", "it sat", ".|the|cat|.|.|2:it|2:sat|.|");
    assert_false(t.tokens.typed);
    forget(&t);
}

static void a_mask_may_be_spelled_in_any_way(void **state)
{
    struct told t;

    tell(&t, "hf/bert-pretraining", SPOKEN_BERT);
    check_read(&t, "the <mask> sat", NULL, ".|the|<mask>|sat|.| 2");
    check_read(&t, "<extra_id_0> cats <extra_id_1>walk [MASK]", "on [MASK]s",
               ".|<extra_id_0>|cat|s|<extra_id_1>|walk|[MASK]|.|2:on|2:[MASK]|2:s|.| 1 4 6 9");
    check_read(&t, "<extra_id_> mask", NULL, ".|<|extra|_|id|_|>|mask|.|"); /* no mask at all */
    forget(&t);
    tell(&t, "hf/roberta-mlm", SPOKEN_ROBERTA);
    check_read(&t, "the [MASK] sat", NULL, ".|the|[MASK]|sat|.| 2");
    forget(&t);
    tell(&t, "hf/t5-gated-untied", SPOKEN_T5);
    check_read(&t, "the [MASK] sat <mask> mat", NULL, "the|[MASK]|sat|<mask>|mat|.| 1 3");
    assert_int_equal(t.tokens.tokens.ids[1], 3);
    assert_int_equal(t.tokens.tokens.ids[3], 4);
    forget(&t);
}

static void what_cannot_be_masked_is_said(void **state)
{
    struct told t;
    struct attune_error err = {0};
    struct attune_task_text five = text_of("[MASK] [MASK] [MASK] [MASK] [MASK]", NULL);
    struct attune_task_text one = text_of("the [MASK]", NULL);

    tell(&t, "hf/t5-gated-untied", SPOKEN_T5);
    assert_int_equal(attune_task_read(&t.tokens, t.model, &five, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "more masks"));
    assert_int_equal(err.where, 28);
    forget(&t);
    tell(&t, "hf/bert-pretraining", SPOKEN_T5); /* an encoder without a mask token */
    assert_int_equal(attune_task_read(&t.tokens, t.model, &one, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "no mask token"));
    assert_int_equal(err.where, 4);
    forget(&t);
}

/* BART's decoder reads the text shifted by one: row i is about token i. */
static void a_decoder_fills_masks_in_place(void **state)
{
    struct told t;
    struct attune_task_text given = text_of("the [MASK] sat", NULL);
    struct attune_task_fill fill;
    struct attune_context *ctx;
    attune_token shifted[] = {2, 0, 5, 4, 8};
    float logits[400];
    struct attune_dist dist;

    tell(&t, "hf/bart-scaled-uneven", SPOKEN_ROBERTA);
    assert_int_equal(attune_task_read(&t.tokens, t.model, &given, NULL), ATTUNE_OK);
    assert_int_equal(t.tokens.n_decoder, 5);
    assert_memory_equal(t.tokens.decoder_ids, shifted, sizeof shifted);
    assert_int_equal(attune_context_new(&ctx, t.model, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_task_sync(ctx, &t.tokens, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_task_fill(&fill, ctx, &t.tokens, 0, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_logits(ctx, 2, 1, logits, NULL), ATTUNE_OK);
    attune_dist_of(&dist, logits, (size_t)attune_model_info(t.model)->n_vocab);
    assert_int_equal(fill.position, 2);
    assert_memory_equal(&fill.dist, &dist, sizeof dist);
    attune_context_free(ctx);
    forget(&t);
}

/* ---- sentinels ---- */

/* Ids 3 to 6 are sentinels, 1 ends; "0:1-2 1:-" is mask 0 with tokens 1 and 2, mask 1 without. */
static void check_cut(struct told *t, const attune_token *ids, size_t n, const char *want)
{
    struct attune_task_fill fills[4];
    char got[128] = "";

    attune_task_cut(fills, t->model, &t->tokens, ids, n);
    for (size_t m = 0; m < t->tokens.n_masks; m++) {
        assert_int_equal(fills[m].position, t->tokens.masks[m]);
        if (fills[m].first > 0) {
            sprintf(got + strlen(got), "%zu:%zu+%zu ", m, fills[m].first, fills[m].n);
        } else {
            sprintf(got + strlen(got), "%zu:- ", m);
        }
    }
    assert_string_equal(got, want);
}

static void an_answer_is_cut_by_sentinels(void **state)
{
    struct told t;

    tell(&t, "hf/t5-gated-untied", SPOKEN_T5);
    check_read(&t, "the [MASK] sat [MASK]", NULL, "the|[MASK]|sat|[MASK]|.| 1 3");
    check_cut(&t, (attune_token[]){0, 3, 8, 9, 4, 10, 5, 1}, 8, "0:2+2 1:5+1 ");
    check_cut(&t, (attune_token[]){0, 4, 8, 1, 9, 3}, 6, "0:6+0 1:2+1 ");
    check_cut(&t, (attune_token[]){0, 3, 4, 8}, 4, "0:2+0 1:3+1 ");
    check_cut(&t, (attune_token[]){0, 8, 9, 1}, 4, "0:- 1:- ");
    forget(&t);
}

/* The likeliest answer is what token after token of greatest logit gives. */
static void sentinels_are_answered_by_the_decoder(void **state)
{
    struct told t;
    struct attune_task_fill fills[2];
    struct attune_context *ctx;
    attune_token ids[16] = {0};
    float logits[133];
    size_t n = 1;

    tell(&t, "hf/t5-gated-untied", SPOKEN_T5);
    check_read(&t, "the [MASK] sat [MASK]", NULL, "the|[MASK]|sat|[MASK]|.| 1 3");
    assert_int_equal(attune_context_new(&ctx, t.model, NULL, NULL), ATTUNE_OK);
    for (; n < 9; n++) {
        struct attune_input input = {
            .ids = t.tokens.tokens.ids, .n = t.tokens.tokens.n, .decoder_ids = ids, .n_decoder = n};

        assert_int_equal(attune_context_sync(ctx, &input, NULL, NULL), ATTUNE_OK);
        assert_int_equal(attune_context_logits(ctx, n - 1, 1, logits, NULL), ATTUNE_OK);
        for (attune_token i = 1; i < 133; i++) {
            ids[n] = logits[i] > logits[ids[n]] ? i : ids[n];
        }
        if (ids[n] == 1) {
            n++;
            break;
        }
    }
    assert_int_equal(attune_task_sync(ctx, &t.tokens, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_task_fill(fills, ctx, &t.tokens, 8, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_length(ctx), n);
    assert_memory_equal(attune_context_tokens(ctx), ids, n * sizeof *ids);
    attune_context_free(ctx);
    forget(&t);
}

/* ---- words ---- */
static void check_word(struct told *t, const struct attune_task_text *text, const char *word,
                       size_t nth, size_t first, size_t n)
{
    size_t got_first = 0, got_n = 0;
    struct attune_error err = {0};
    int status = attune_task_word(&got_first, &got_n, &t->tokens, text, word, nth, &err);

    assert_int_equal(status, n ? ATTUNE_OK : ATTUNE_NOT_FOUND);
    if (n) {
        assert_int_equal(got_first, first);
        assert_int_equal(got_n, n);
    } else {
        assert_non_null(strstr(err.text, word));
    }
}

static void words_are_found_by_their_bytes(void **state)
{
    struct told t;
    const char *words = "walks banks the bank, Bank \xc3\xa9t\xc3\xa9";
    struct attune_task_text text = text_of(words, "on it");

    /* [CLS] walk ##s bank ##s the bank , Bank ete [SEP] on it [SEP] */
    tell(&t, "hf/bert-pretraining", SPOKEN_BERT);
    assert_int_equal(attune_task_read(&t.tokens, t.model, &text, NULL), ATTUNE_OK);
    check_word(&t, &text, "bank", 0, 6, 1); /* not in "banks" while there is a whole one */
    check_word(&t, &text, "banks", 0, 3, 2);
    check_word(&t, &text, "Bank", 0, 8, 1);
    check_word(&t, &text, "bank", 1, 8, 1);
    check_word(&t, &text, "WALKS", 0, 1, 2);
    check_word(&t, &text, "walk", 0, 1, 1);
    check_word(&t, &text, "the bank", 0, 5, 2);
    check_word(&t, &text, "it", 0, 12, 1);
    check_word(&t, &text, "\xc3\xa9t\xc3\xa9", 0, 9, 1);
    check_word(&t, &text, "river", 0, 0, 0);
    check_word(&t, &text, "walks", 1, 0, 0);
    check_word(&t, &text, "", 0, 0, 0);
    forget(&t);
}

static void several_labels_may_hold_at_once(void **state)
{
    struct folder f;
    struct attune_model *model;
    struct attune_context *ctx;
    struct golden golden;
    struct golden_input in;
    const float *logits;
    char config[4096];
    const char *root = getenv("ATTUNE_GOLDEN");
    char path[4096];
    FILE *file;
    size_t n;
    double p[3];

    snprintf(path, sizeof path, "%s/hf/bert-seqcls/config.json", root);
    file = fopen(path, "rb");
    assert_non_null(file);
    n = fread(config, 1, sizeof config - 64, file);
    fclose(file);
    config[n] = '\0';
    strcpy(strrchr(config, '}'), ", \"problem_type\": \"multi_label_classification\"}");
    spoken_make(&f, "hf/bert-seqcls", SPOKEN_BERT, config);
    assert_int_equal(attune_model_open(&model, f.path, NULL, NULL, NULL), ATTUNE_OK);
    assert_true(attune_model_info(model)->many_labels);
    assert_true(golden_open(&golden, "hf/bert-seqcls") && golden_input(&in, &golden, ""));
    assert_false(attune_model_info(golden.model)->many_labels);
    logits = golden_floats(&golden, "logits", 1, 3);
    assert_int_equal(attune_context_new(&ctx, model, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_sync(ctx, &in.input, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_task_labels(p, ctx, NULL), ATTUNE_OK);
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(p[i] - 1 / (1 + exp(-(double)logits[i]))) < 1e-5);
    }
    attune_context_free(ctx);
    attune_model_close(model);
    golden_close(&golden);
    folder_remove(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_texts_are_told_apart),
        cmocka_unit_test(a_mask_may_be_spelled_in_any_way),
        cmocka_unit_test(what_cannot_be_masked_is_said),
        cmocka_unit_test(a_decoder_fills_masks_in_place),
        cmocka_unit_test(an_answer_is_cut_by_sentinels),
        cmocka_unit_test(sentinels_are_answered_by_the_decoder),
        cmocka_unit_test(words_are_found_by_their_bytes),
        cmocka_unit_test(several_labels_may_hold_at_once),
    };
    return cmocka_run_group_tests_name("task_text", tests, NULL, NULL);
}
