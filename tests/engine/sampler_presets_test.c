/* The orders llama.cpp, ollama and vllm against what these programs do: recordings of llama.cpp,
 * and the others' algorithms as their sources have them, in double
 * (golden/sampling/llama.cpp/README.md). */
#include <config.h>

#include <attune/rng.h>
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
#include <cmocka.h>

enum { MOST = 4096 };

static float logits[MOST];
static attune_token history[MOST];
static double want[MOST]; /* by id; 0 where removed */

/* The chain's survivors and probabilities against `want`. */
static void check(const char *name, const struct attune_chain *chain, size_t n, size_t n_history)
{
    struct attune_trace trace;

    assert_int_equal(attune_trace_init(&trace, n, NULL), ATTUNE_OK);
    attune_chain_apply(&trace, chain, logits, history, n_history);
    for (size_t i = 0; i < n; i++) {
        if ((trace.removed_by[i] == ATTUNE_KEPT) != (want[i] > 0) ||
            !(fabs(trace.p[i] - want[i]) <= 1e-6)) {
            fail_msg("%s: token %zu has p %.9g, not %.9g", name, i, (double)trace.p[i], want[i]);
        }
    }
    attune_trace_done(&trace);
}

/* ---- llama.cpp ---- */

static const struct attune_tensor *find(const struct attune_tensors *file, const char *kind,
                                        const char *name)
{
    char full[100];

    snprintf(full, sizeof full, "%s.%s", kind, name);
    return attune_tensors_find(file, full);
}

static void check_recording(const struct attune_tensors *file, const json_t *c)
{
    const char *name = json_string_value(json_object_get(c, "name")),
               *row = json_string_value(json_object_get(c, "row")), *key;
    const struct attune_tensor *x = find(file, "row", row), *seen = find(file, "history", row),
                               *ids = find(file, "ids", name), *p = find(file, "probs", name);
    size_t n = (size_t)x->shape[0], n_history = seen ? (size_t)seen->shape[0] : 0;
    struct attune_chain *chain;
    json_t *value;

    assert_true(n <= MOST && n_history <= MOST);
    memcpy(logits, x->data, n * sizeof *logits);
    for (size_t i = 0; i < n_history; i++) {
        int64_t id;

        memcpy(&id, (const char *)seen->data + i * sizeof id, sizeof id);
        history[i] = (attune_token)id;
    }
    memset(want, 0, sizeof want);
    for (size_t i = 0; i < (size_t)ids->shape[0]; i++) {
        int32_t id;
        float probability;

        memcpy(&id, (const char *)ids->data + i * sizeof id, sizeof id);
        memcpy(&probability, (const char *)p->data + i * sizeof probability, sizeof probability);
        want[id] = probability;
    }
    assert_int_equal(attune_chain_parse(&chain, "order=llama.cpp", NULL), ATTUNE_OK);
    json_object_foreach(json_object_get(c, "params"), key, value)
    {
        assert_int_equal(attune_chain_set(chain, key, json_number_value(value), NULL), ATTUNE_OK);
    }
    check(name, chain, n, n_history);
    attune_chain_free(chain);
}

static void llama_cpp_as_recorded(void **state)
{
    char path[4096];
    struct attune_tensors *file;
    json_t *index;

    snprintf(path, sizeof path, "%s/sampling/llama.cpp/sampling.json", getenv("ATTUNE_GOLDEN"));
    index = json_load_file(path, 0, NULL);
    assert_non_null(index);
    snprintf(path, sizeof path, "%s/sampling/llama.cpp/sampling.safetensors",
             getenv("ATTUNE_GOLDEN"));
    assert_int_equal(attune_tensors_open(&file, path, NULL), ATTUNE_OK);
    assert_int_equal(json_array_size(json_object_get(index, "cases")), 68);
    for (size_t i = 0; i < json_array_size(json_object_get(index, "cases")); i++) {
        check_recording(file, json_array_get(json_object_get(index, "cases"), i));
    }
    attune_tensors_close(file);
    json_decref(index);
}

/* ---- the twins ---- */

struct values {
    double temperature, top_p, min_p, repeat, frequency, presence;
    size_t top_k;
};

struct token {
    size_t id;
    double x;
};

static int falling(const void *a, const void *b)
{
    const struct token *s = a, *t = b;

    return s->x != t->x ? (s->x < t->x) - (s->x > t->x) : (s->id > t->id) - (s->id < t->id);
}

/* In place; -inf has no share. */
static void softmax(struct token *t, size_t n)
{
    double max = -INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++) {
        max = fmax(max, t[i].x);
    }
    for (size_t i = 0; i < n; i++) {
        sum += t[i].x = exp(t[i].x - max);
    }
    for (size_t i = 0; i < n; i++) {
        t[i].x /= sum;
    }
}

static void take(const struct token *t, size_t n)
{
    double sum = 0;

    memset(want, 0, sizeof want);
    for (size_t i = 0; i < n; i++) {
        sum += t[i].x;
    }
    for (size_t i = 0; i < n; i++) {
        want[t[i].id] = t[i].x / sum;
    }
}

/* Sample.sample: top-k sorts, temperature, softmax, then cuts of the probabilities. */
static void ollama(const struct values *v, size_t n)
{
    static struct token t[MOST];
    double max = -INFINITY, sum = 0;
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        t[i] = (struct token){i, logits[i]};
    }
    qsort(t, n, sizeof *t, falling);
    n = v->top_k > 0 && v->top_k < n ? v->top_k : n;
    for (size_t i = 0; i < n; i++) {
        max = fmax(max, t[i].x);
    }
    for (size_t i = 0; i < n; i++) {
        t[i].x = (t[i].x - max) / fmax(v->temperature, 1e-7);
    }
    softmax(t, n);
    for (size_t i = 0; v->top_p < 1 && i < n; i++) {
        sum += t[i].x;
        if (sum > v->top_p) {
            n = i + 1;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (t[i].x >= t[0].x * v->min_p) {
            t[kept++] = t[i];
        }
    }
    take(t, kept);
}

/* Sampler.forward: penalties, temperature, min-p, then top-k and top-p over logits sorted upwards.
 */
static void vllm(const struct values *v, size_t n, size_t n_history)
{
    static struct token t[MOST], p[MOST];
    double largest = 0, sum = 0, kth;
    size_t n_in = 0;

    for (size_t i = 0; i < n; i++) {
        size_t seen = 0;
        double x = logits[i];

        for (size_t k = 0; k < n_history; k++) {
            seen += (size_t)history[k] == i;
        }
        if (seen) {
            x = x > 0 ? x / v->repeat : x * v->repeat;
            x -= v->frequency * (double)seen + v->presence;
        }
        t[i] = (struct token){i, x / v->temperature};
    }
    memcpy(p, t, n * sizeof *p);
    softmax(p, n);
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, p[i].x);
    }
    for (size_t i = 0; i < n; i++) {
        if (p[i].x < v->min_p * largest) {
            t[i].x = -INFINITY;
        }
    }
    qsort(t, n, sizeof *t, falling);
    kth = v->top_k > 0 && v->top_k < n ? t[v->top_k - 1].x : -INFINITY;
    while (n_in < n && t[n_in].x >= kth && t[n_in].x > -INFINITY) {
        n_in++;
    }
    softmax(t, n_in);
    for (size_t i = n_in; v->top_p < 1 && i-- > 1;) {
        sum += t[i].x;
        if (sum > 1 - v->top_p) {
            break;
        }
        n_in = i;
    }
    take(t, n_in);
}

static double between(uint64_t round, uint64_t what, double low, double high)
{
    return low + (high - low) * attune_rng_uniform(round, what);
}

/* Rows of several widths, values drawn, each off in a third of the rounds. */
static size_t draw(struct values *v, uint64_t round)
{
    static const size_t sizes[] = {5, 64, 300, 2000};
    size_t n = sizes[round % 4];
    double width = between(round, 1, 0.3, 4);

    for (size_t i = 0; i < n; i++) {
        logits[i] = (float)(width * sqrt(-2 * log(1 - between(round, 100 + 2 * i, 0, 1))) *
                            cos(6.283185307179586 * between(round, 101 + 2 * i, 0, 1)));
    }
    for (size_t i = 0; i < 64; i++) {
        history[i] = (attune_token)(between(round, 50000 + i, 0, 1) * (double)n);
    }
    *v = (struct values){
        .temperature = between(round, 2, 0.2, 2),
        .top_p = round % 3 == 0 ? 1 : between(round, 3, 0.05, 0.99),
        .min_p = round % 3 == 1 ? 0 : between(round, 4, 0, 0.3),
        .top_k = round % 3 == 2 ? 0 : (size_t)between(round, 5, 1, 60),
        .repeat = round % 2 ? 1 : between(round, 6, 0.9, 1.5),
        .frequency = round % 5 ? 0 : between(round, 7, -1, 1),
        .presence = round % 5 ? 0 : between(round, 8, -1, 1),
    };
    return n;
}

static void set(struct attune_chain *chain, const char *name, double value)
{
    assert_int_equal(attune_chain_set(chain, name, value, NULL), ATTUNE_OK);
}

static struct attune_chain *chain_of(const char *order, const struct values *v)
{
    struct attune_chain *chain;

    assert_int_equal(attune_chain_new(&chain, NULL), ATTUNE_OK);
    assert_int_equal(attune_chain_order(chain, order, NULL), ATTUNE_OK);
    set(chain, "temperature", v->temperature);
    set(chain, "top_k", (double)v->top_k);
    set(chain, "top_p", v->top_p);
    set(chain, "min_p", v->min_p);
    set(chain, "repeat_penalty", v->repeat);
    set(chain, "frequency_penalty", v->frequency);
    set(chain, "presence_penalty", v->presence);
    return chain;
}

static void ollama_as_its_source_says(void **state)
{
    for (uint64_t round = 0; round < 400; round++) {
        struct values v;
        size_t n = draw(&v, round);
        struct attune_chain *chain = chain_of("ollama", &v);

        ollama(&v, n);
        check("ollama", chain, n, 64); /* it has no penalties: their stage is not in the order */
        attune_chain_free(chain);
    }
}

static void vllm_as_its_source_says(void **state)
{
    for (uint64_t round = 0; round < 400; round++) {
        struct values v;
        size_t n = draw(&v, round);
        struct attune_chain *chain = chain_of("vllm", &v);

        vllm(&v, n, 64);
        check("vllm", chain, n, 64);
        attune_chain_free(chain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llama_cpp_as_recorded),
        cmocka_unit_test(ollama_as_its_source_says),
        cmocka_unit_test(vllm_as_its_source_says),
    };
    return cmocka_run_group_tests_name("sampler_presets", tests, NULL, NULL);
}
