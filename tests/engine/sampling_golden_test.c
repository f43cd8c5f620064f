/* The chain in the order hf against transformers' logits processors (golden/sampling/README.md). */
#include <config.h>

#include <attune/sampler.h>
#include <attune/tensors.h>
#include <jansson.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const struct {
    const char *theirs, *ours;
} names[] = {
    {"repetition_penalty", "repeat_penalty"},
    {"temperature", "temperature"},
    {"top_k", "top_k"},
    {"top_p", "top_p"},
    {"typical_p", "typical"},
};

static const struct attune_tensor *find(const struct attune_tensors *file, const char *kind,
                                        const char *name)
{
    char full[100];

    snprintf(full, sizeof full, "%s.%s", kind, name);
    return attune_tensors_find(file, full);
}

static struct attune_chain *chain_of(const json_t *params)
{
    struct attune_chain *chain;
    size_t set = 0;

    assert_int_equal(attune_chain_new(&chain, NULL), ATTUNE_OK);
    assert_int_equal(attune_chain_set(chain, "repeat_last_n", 1 << 20, NULL), ATTUNE_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *value = json_object_get(params, names[i].theirs);

        if (value) {
            assert_int_equal(attune_chain_set(chain, names[i].ours, json_number_value(value), NULL),
                             ATTUNE_OK);
            set++;
        }
    }
    assert_int_equal(set, json_object_size(params));
    return chain;
}

static int rising(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void compare(const json_t *c, float *got, float *want, size_t n)
{
    const char *name = json_string_value(json_object_get(c, "name"));
    bool large = strcmp(json_string_value(json_object_get(c, "row")), "large") == 0;
    long more = 0;

    if (json_is_true(json_object_get(c, "tie_split"))) {
        qsort(got, n, sizeof *got, rising);
        qsort(want, n, sizeof *want, rising);
    }
    for (size_t i = 0; i < n; i++) {
        more += (got[i] > 0) - (want[i] > 0);
    }
    if (json_is_true(json_object_get(c, "boundary_close"))) {
        assert_true(labs(more) <= 1);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if ((got[i] > 0) != (want[i] > 0) ||
            !(fabsf(got[i] - want[i]) <= (large ? 2e-4f : 1e-5f))) {
            fail_msg("%s: token %zu has p %g, not %g", name, i, (double)got[i], (double)want[i]);
        }
    }
}

static void check_case(const struct attune_tensors *file, const json_t *c)
{
    const char *row = json_string_value(json_object_get(c, "row"));
    const struct attune_tensor *logits = find(file, "row", row), *seen = find(file, "history", row),
                               *want = find(file, "probs",
                                            json_string_value(json_object_get(c, "name")));
    size_t n = (size_t)logits->shape[0], n_seen = seen ? (size_t)seen->shape[0] : 0;
    attune_token *history = calloc(n_seen + 1, sizeof *history);
    float *copy = malloc(n * sizeof *copy), *row_copy = malloc(n * sizeof *row_copy);
    struct attune_chain *chain = chain_of(json_object_get(c, "params"));
    struct attune_trace trace;

    assert_non_null(history);
    assert_non_null(copy);
    assert_non_null(row_copy);
    assert_int_equal(want->shape[0], n);
    for (size_t i = 0; i < n_seen; i++) {
        int64_t id;

        memcpy(&id, (const char *)seen->data + i * sizeof id, sizeof id);
        history[i] = (attune_token)id;
    }
    memcpy(copy, want->data, n * sizeof *copy);
    memcpy(row_copy, logits->data, n * sizeof *row_copy);
    assert_int_equal(attune_trace_init(&trace, n, NULL), ATTUNE_OK);
    attune_chain_apply(&trace, chain, row_copy, history, n_seen);
    compare(c, trace.p, copy, n);
    attune_trace_done(&trace);
    attune_chain_free(chain);
    free(row_copy);
    free(copy);
    free(history);
}

static size_t check_folder(const char *folder)
{
    char path[4096];
    struct attune_tensors *file;
    struct attune_error err;
    json_t *index;
    size_t n;

    snprintf(path, sizeof path, "%s/sampling.json", folder);
    index = json_load_file(path, 0, NULL);
    assert_non_null(index);
    snprintf(path, sizeof path, "%s/sampling.safetensors", folder);
    assert_int_equal(attune_tensors_open(&file, path, &err), ATTUNE_OK);
    n = json_array_size(json_object_get(index, "cases"));
    for (size_t i = 0; i < n; i++) {
        check_case(file, json_array_get(json_object_get(index, "cases"), i));
    }
    attune_tensors_close(file);
    json_decref(index);
    return n;
}

static void the_chain_equals_the_reference(void **state)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/sampling", getenv("ATTUNE_GOLDEN"));
    assert_int_equal(check_folder(path), 99);
}

static void and_on_every_case_there_is(void **state)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/../shared/goldens/hf/sampling", getenv("top_srcdir"));
    if (access(path, R_OK) == 0) {
        assert_true(check_folder(path) > 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chain_equals_the_reference),
        cmocka_unit_test(and_on_every_case_there_is),
    };
    return cmocka_run_group_tests_name("sampling_golden", tests, NULL, NULL);
}
