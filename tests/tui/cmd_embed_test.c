#include <config.h>

#include "tests/tui/verb.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/engine/spoken.h"

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})

static const json_t *at(const json_t *matrix, size_t i, size_t k)
{
    return json_array_get(json_array_get(matrix, i), k);
}

static double cosine(const json_t *a, const json_t *b)
{
    double ab = 0, aa = 0, bb = 0;

    for (size_t i = 0; i < json_array_size(a); i++) {
        double x = json_number_value(json_array_get(a, i)),
               y = json_number_value(json_array_get(b, i));

        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return ab / sqrt(aa * bb);
}

static void a_text_is_tokens_and_one_vector(void **state)
{
    struct folder f;
    struct verb_result r;
    const json_t *vectors;

    spoken_make(&f, "hf/bert-model", SPOKEN_BERT, NULL);
    CALL(&r, "embed", "-m", f.path, "-p", "the cats sat", "--pool", "mean", "--json");
    assert_int_equal(r.status, CLI_OK);
    vectors = verb_list(r.json, "vectors");
    assert_int_equal(json_array_size(vectors), 6);
    assert_int_equal(json_integer_value(json_array_get(verb_list(r.json, "shape"), 0)), 6);
    assert_int_equal(json_integer_value(json_array_get(verb_list(r.json, "shape"), 1)), 32);
    assert_string_equal(json_string_value(json_array_get(verb_list(r.json, "tokens"), 0)), "[CLS]");
    for (size_t j = 0; j < 32; j++) {
        double sum = 0;

        for (size_t i = 0; i < 6; i++) {
            sum += json_number_value(at(vectors, i, j));
        }
        assert_true(fabs(sum / 6 -
                         json_number_value(json_array_get(verb_list(r.json, "pooled"), j))) < 1e-6);
    }
    verb_done(&r);
    folder_remove(&f);
}

/* A word is the mean of its tokens; its layers end with what stands in the vectors. */
static void a_word_in_two_texts_is_compared_layer_by_layer(void **state)
{
    struct folder f;
    struct verb_result r;
    const json_t *texts, *a, *b, *layers;

    spoken_make(&f, "hf/bert-model", SPOKEN_BERT, NULL);
    CALL(&r, "embed", "-m", f.path, "-p", "the river banks", "-p", "money in the bank", "--word",
         "bank", "--layers", "--json");
    assert_int_equal(r.status, CLI_OK);
    texts = verb_list(r.json, "texts");
    layers = verb_list(r.json, "layers");
    a = json_array_get(texts, 0);
    b = json_array_get(texts, 1);
    assert_int_equal(verb_number(json_object_get(a, "word"), "first"), 3);
    assert_int_equal(verb_number(json_object_get(a, "word"), "n"), 1);
    assert_int_equal(verb_number(json_object_get(b, "word"), "first"), 4);
    assert_true(fabs(cosine(json_array_get(verb_list(a, "vectors"), 3), verb_list(a, "pooled")) -
                     1) < 1e-9);
    assert_true(fabs(json_number_value(at(verb_list(r.json, "cosine"), 0, 1)) -
                     cosine(verb_list(a, "pooled"), verb_list(b, "pooled"))) < 1e-6);
    assert_int_equal(json_array_size(layers), 3);
    assert_true(fabs(json_number_value(at(verb_list(json_array_get(layers, 2), "cosine"), 1, 0)) -
                     json_number_value(at(verb_list(r.json, "cosine"), 0, 1))) < 1e-6);
    assert_true(json_number_value(at(verb_list(json_array_get(layers, 0), "cosine"), 0, 1)) !=
                json_number_value(at(verb_list(json_array_get(layers, 1), "cosine"), 0, 1)));
    verb_done(&r);
    CALL(&r, "embed", "-m", f.path, "-p", "the river banks", "-p", "money in the bank", "--word",
         "banks", "--layers");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "\"banks\" does not stand in \"money in the bank\""));
    verb_done(&r);
    folder_remove(&f);
}

static void lines_of_a_file_are_texts(void **state)
{
    struct folder f;
    struct verb_result r;
    const json_t *matrix;

    spoken_make(&f, "hf/bert-model", SPOKEN_BERT, NULL);
    folder_write(&f, "lines.txt", "the cat\n\nthe dog\r\nmoney in the bank");
    CALL(&r, "embed", "-m", f.path, "-f", folder_file(&f, "lines.txt"), "--pool", "cls", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_int_equal(json_array_size(verb_list(r.json, "texts")), 3);
    assert_string_equal(verb_text(json_array_get(verb_list(r.json, "texts"), 1), "text"),
                        "the dog");
    matrix = verb_list(r.json, "cosine");
    for (size_t i = 0; i < 3; i++) {
        assert_true(fabs(json_number_value(at(matrix, i, i)) - 1) < 1e-9);
        assert_true(json_number_value(at(matrix, i, 0)) == json_number_value(at(matrix, 0, i)));
    }
    verb_done(&r);
    CALL(&r, "embed", "-m", f.path, "-p", "the cat", "-p", "the dog");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "cosine        1        2"));
    verb_done(&r);
    folder_remove(&f);
}

static void every_kind_of_model_has_vectors(void **state)
{
    static const char *const models[] = {"GOLDEN/hf/gpt2", "GOLDEN/hf/t5-gated-untied",
                                         "GOLDEN/hf/marian", "GOLDEN/hf/opt-350m-style"};

    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct verb_result r;

        CALL(&r, "embed", "-m", models[i], "--ids", "5,6,7", "--json");
        assert_int_equal(r.status, CLI_OK);
        assert_int_equal(json_array_size(verb_list(r.json, "vectors")), 3);
        verb_done(&r);
    }
}

static void what_is_wrong_is_said_in_a_line(void **state)
{
    struct verb_result r;

    CALL(&r, "embed", "-m", "GOLDEN/hf/roberta-mlm", "--ids", "1,2,3", "--pool", "pooler");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "cls, mean and max remain"));
    verb_done(&r);
    CALL(&r, "embed", "-m", "GOLDEN/hf/roberta-mlm", "--ids", "1,2,3", "--pool", "sum");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "there are pooler, cls, mean and max"));
    verb_done(&r);
    CALL(&r, "embed", "-m", "GOLDEN/hf/roberta-mlm", "--ids", "1,2,3", "--layers");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "give -p twice"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_tokens_and_one_vector),
        cmocka_unit_test(a_word_in_two_texts_is_compared_layer_by_layer),
        cmocka_unit_test(lines_of_a_file_are_texts),
        cmocka_unit_test(every_kind_of_model_has_vectors),
        cmocka_unit_test(what_is_wrong_is_said_in_a_line),
    };
    return cmocka_run_group_tests_name("cmd_embed", tests, NULL, NULL);
}
