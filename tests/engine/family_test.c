/* Every decoder family against its reference logits, through a forward pass that is written as
 * plainly as it can be, in double: what is tested is that the tables put the right rows into the
 * right places. */
#include <config.h>

#include "engine/model.h"

#include <attune/context.h>
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

#include "engine/quant.h"

enum { MAX_T = 320 };

static double *new_doubles(size_t n)
{
    double *x = calloc(n, sizeof *x);

    assert_non_null(x);
    return x;
}

/* out [rows] = M x + bias; x [cols] */
static void multiply(double *out, const struct matrix *m, const double *x)
{
    float *row = calloc((size_t)m->cols, sizeof *row);

    assert_non_null(row);
    for (int r = 0; r < m->rows; r++) {
        m->type->to_float(row, (const char *)m->data + (size_t)r * m->row_bytes, (size_t)m->cols);
        out[r] = m->bias ? m->bias[r] : 0;
        for (int c = 0; c < m->cols; c++) {
            out[r] += (double)row[c] * x[c];
        }
    }
    free(row);
}

static void normalize(double *out, const struct recipe *r, enum norm_kind kind,
                      const struct norm *norm, const double *x, int n)
{
    double mean = 0, square = 0;

    for (int i = 0; i < n; i++) {
        mean += kind == NORM_LAYER ? x[i] / n : 0;
    }
    for (int i = 0; i < n; i++) {
        square += (x[i] - mean) * (x[i] - mean) / n;
    }
    for (int i = 0; i < n; i++) {
        out[i] = (x[i] - mean) / sqrt(square + (double)r->norm_eps) *
                 (norm->weight ? norm->weight[i] : 1);
        out[i] += norm->bias ? norm->bias[i] : 0;
    }
}

static double activate(enum activation kind, double x)
{
    switch (kind) {
    case ACT_RELU: return x > 0 ? x : 0;
    case ACT_GELU_ERF: return x / 2 * (1 + erf(x / sqrt(2)));
    case ACT_GELU_TANH: return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x)));
    default: return x / (1 + exp(-x));
    }
}

static void turn(const struct recipe *r, double *head, int position)
{
    int n = r->rotary_dims;
    bool half = r->rotary_pairs == ROTARY_HALF;

    for (int i = 0; i < n / 2; i++) {
        double frequency =
            pow(r->rotary_base, -2.0 * i / n) / (r->rotary_factors ? r->rotary_factors[i] : 1);
        double angle = position * r->rotary_scale * frequency;
        double *a = &head[half ? i : 2 * i], *b = &head[half ? i + n / 2 : 2 * i + 1];
        double x = *a, y = *b;

        *a = x * cos(angle) - y * sin(angle);
        *b = x * sin(angle) + y * cos(angle);
    }
}

static double alibi_slope(int head, int n_heads)
{
    int n = 1;

    while (2 * n <= n_heads) {
        n *= 2;
    }
    return head < n ? pow(2, -8.0 * (head + 1) / n) : pow(2, -4.0 * (2 * (head - n) + 1) / n);
}

/* One head of one query over keys 0 .. t; q [D], k and v [T, G*D] */
static void attend(double *out, const struct recipe *r, int layer, int head, const double *q,
                   const double *k, const double *v, int t)
{
    int d = r->main.head_dim, kv = r->main.n_kv_heads * d,
        at = head / (r->main.n_heads / r->main.n_kv_heads) * d;
    double scores[MAX_T], most = -INFINITY, sum = 0;

    for (int j = 0; j <= t; j++) {
        scores[j] = 0;
        for (int i = 0; i < d; i++) {
            scores[j] += q[i] * k[j * kv + at + i];
        }
        scores[j] *= (double)r->main.attention_scale / (r->scale_by_layer ? layer + 1 : 1);
        scores[j] += r->position == POSITION_ALIBI ? alibi_slope(head, r->main.n_heads) * j : 0;
        most = fmax(most, scores[j]);
    }
    for (int j = 0; j <= t; j++) {
        scores[j] = exp(scores[j] - most);
        sum += scores[j];
    }
    for (int i = 0; i < d; i++) {
        out[i] = 0;
        for (int j = 0; j <= t; j++) {
            out[i] += scores[j] / sum * v[j * kv + at + i];
        }
    }
}

static void norm_heads(const struct recipe *r, const struct norm *norm, double *heads, int n)
{
    for (int h = 0; norm->weight && h < n; h++) {
        double copy[1024];

        memcpy(copy, heads + h * r->main.head_dim, (size_t)r->main.head_dim * sizeof *copy);
        normalize(heads + h * r->main.head_dim, r, NORM_RMS, norm, copy, r->main.head_dim);
    }
}

/* out [T, d] = O attention(Q in, K in, V in); in [T, d] */
static void attention(double *out, const struct recipe *r, int number, const double *in, int T)
{
    const struct layer *layer = &r->main.layers[number];
    int d = r->d_model, hd = r->main.n_heads * r->main.head_dim,
        kv = r->main.n_kv_heads * r->main.head_dim;
    double *q = new_doubles((size_t)hd), *mixed = new_doubles((size_t)hd);
    double *k = new_doubles((size_t)T * (size_t)kv), *v = new_doubles((size_t)T * (size_t)kv);

    for (int t = 0; t < T; t++) {
        multiply(q, &layer->self.q, in + t * d);
        multiply(k + t * kv, &layer->self.k, in + t * d);
        multiply(v + t * kv, &layer->self.v, in + t * d);
        norm_heads(r, &layer->self.q_norm, q, r->main.n_heads);
        norm_heads(r, &layer->self.k_norm, k + t * kv, r->main.n_kv_heads);
        for (int h = 0; r->position == POSITION_ROTARY && h < r->main.n_heads; h++) {
            turn(r, q + h * r->main.head_dim, t);
        }
        for (int g = 0; r->position == POSITION_ROTARY && g < r->main.n_kv_heads; g++) {
            turn(r, k + t * kv + g * r->main.head_dim, t);
        }
        for (int h = 0; h < r->main.n_heads; h++) {
            attend(mixed + h * r->main.head_dim, r, number, h, q + h * r->main.head_dim, k, v, t);
        }
        multiply(out + t * d, &layer->self.o, mixed);
    }
    free(q);
    free(mixed);
    free(k);
    free(v);
}

/* out [d] = D act(U in [, G in]) */
static void feed_forward(double *out, const struct recipe *r, const struct layer *layer,
                         const double *in)
{
    double *up = new_doubles((size_t)r->main.d_ff), *gate = new_doubles((size_t)r->main.d_ff);

    multiply(up, &layer->up, in);
    if (layer->gate.data) {
        multiply(gate, &layer->gate, in);
    }
    for (int i = 0; i < r->main.d_ff; i++) {
        up[i] = layer->gate.data ? up[i] * activate(r->activation, gate[i])
                                 : activate(r->activation, up[i]);
    }
    multiply(out, &layer->down, up);
    free(up);
    free(gate);
}

/* x [T, d] through one block */
static void pass_block(double *x, const struct recipe *r, int number, int T)
{
    const struct layer *layer = &r->main.layers[number];
    int d = r->d_model;
    double *n1 = new_doubles((size_t)T * (size_t)d), *a = new_doubles((size_t)T * (size_t)d);
    double *n2 = new_doubles((size_t)d), *m = new_doubles((size_t)d);

    for (int t = 0; t < T; t++) {
        normalize(n1 + t * d, r, r->norm, &layer->self.norm, x + t * d, d);
    }
    attention(a, r, number, r->post_norm ? x : n1, T);
    for (int t = 0; t < T; t++) {
        double *row = x + t * d;

        if (r->parallel_residual) {
            normalize(n2, r, r->norm, &layer->mlp_norm, row, d);
        }
        for (int i = 0; i < d; i++) {
            row[i] = (r->residual_after_norm ? n1[t * d + i] : row[i]) + a[t * d + i];
        }
        if (r->post_norm) {
            normalize(n2, r, r->norm, &layer->self.norm, row, d);
            memcpy(row, n2, (size_t)d * sizeof *row);
        } else if (!r->parallel_residual) {
            normalize(n2, r, r->norm, &layer->mlp_norm, row, d);
        }
        feed_forward(m, r, layer, n2);
        for (int i = 0; i < d; i++) {
            row[i] = (r->residual_after_norm ? n2[i] : row[i]) + m[i];
        }
        if (r->post_norm) {
            normalize(n2, r, r->norm, &layer->mlp_norm, row, d);
            memcpy(row, n2, (size_t)d * sizeof *row);
        }
    }
    free(n1);
    free(a);
    free(n2);
    free(m);
}

static void embed(double *out, const struct recipe *r, int id, int position)
{
    int d = r->d_model;
    float *row = calloc((size_t)d, sizeof *row);
    double *copy = new_doubles((size_t)d);

    assert_non_null(row);
    r->embedding.type->to_float(
        row, (const char *)r->embedding.data + (size_t)id * r->embedding.row_bytes, (size_t)d);
    for (int i = 0; i < d; i++) {
        out[i] = (double)row[i] * (double)r->embedding_scale;
    }
    if (r->position == POSITION_LEARNED) {
        const struct matrix *p = &r->main.positions;

        p->type->to_float(
            row, (const char *)p->data + (size_t)(position + r->position_offset) * p->row_bytes,
            (size_t)d);
        for (int i = 0; i < d; i++) {
            out[i] += (double)row[i];
        }
    }
    if (r->main.embedding_norm.weight) {
        memcpy(copy, out, (size_t)d * sizeof *copy);
        normalize(out, r, r->norm, &r->main.embedding_norm, copy, d);
    }
    free(copy);
    free(row);
}

/* out [T, V] */
static void evaluate(double *out, const struct recipe *r, const int *ids, int T)
{
    int d = r->d_model;
    double *x = new_doubles((size_t)T * (size_t)d), *last = new_doubles((size_t)d);

    for (int t = 0; t < T; t++) {
        embed(x + t * d, r, ids[t], t);
    }
    for (int layer = 0; layer < r->main.n_layers; layer++) {
        pass_block(x, r, layer, T);
    }
    for (int t = 0; t < T; t++) {
        memcpy(last, x + t * d, (size_t)d * sizeof *last);
        if (r->main.final_norm.weight) {
            normalize(last, r, r->norm, &r->main.final_norm, x + t * d, d);
        }
        for (int i = 0; i < d; i++) {
            last[i] *= (double)r->logit_scale;
        }
        multiply(out + (size_t)t * (size_t)r->n_vocab, &r->outputs[ATTUNE_OUTPUT_TOKENS].out, last);
    }
    free(x);
    free(last);
}

/* The folder of a golden model: the small ones come along, the others lie beside the source tree,
 * if at all. */
static bool find_golden(char out[4096], const char *name)
{
    snprintf(out, 4096, "%s/%s", getenv("ATTUNE_GOLDEN"), name);
    if (access(out, R_OK) != 0) {
        snprintf(out, 4096, "%s/../shared/goldens/%s", getenv("top_srcdir"), name);
    }
    return access(out, R_OK) == 0;
}

/* The prompt: input_ids beside the logits in Hugging Face goldens, tokens in golden.json in the
 * others. */
static int read_prompt(int ids[MAX_T], const char *folder, const struct attune_tensors *file)
{
    const struct attune_tensor *t = attune_tensors_find(file, "input_ids");
    char path[4200];
    json_t *golden, *tokens;
    int n = 0;

    if (t) {
        for (; n < (int)t->shape[0]; n++) {
            ids[n] = (int)((const int64_t *)t->data)[n];
        }
        return n;
    }
    snprintf(path, sizeof path, "%s/golden.json", folder);
    golden = json_load_file(path, 0, NULL);
    tokens = json_object_get(golden, "tokens");
    assert_true(json_array_size(tokens) > 0 && json_array_size(tokens) <= MAX_T);
    for (; n < (int)json_array_size(tokens); n++) {
        ids[n] = (int)json_integer_value(json_array_get(tokens, (size_t)n));
    }
    json_decref(golden);
    return n;
}

/* The Hugging Face logits were computed in float32, the others in double: both allow an engine
 * more, but a plain evaluation in double comes this near. */
static void compare(const char *name)
{
    char folder[4096], path[4200];
    struct attune_tensors *file;
    struct attune_model *model;
    struct attune_error err = {0};
    const struct attune_tensor *want;
    double *logits, most = 1, worst = 0;
    struct attune_context *ctx;
    int ids[MAX_T], T, rows, V;

    if (!find_golden(folder, name)) {
        return;
    }
    snprintf(path, sizeof path, "%s/golden.safetensors", folder);
    assert_int_equal(attune_tensors_open(&file, path, &err), ATTUNE_OK);
    snprintf(path, sizeof path, "%s%s", folder,
             strncmp(name, "gguf/", 5) == 0 ? "/model.gguf" : "");
    if (attune_model_open(&model, path, NULL, NULL, &err) != ATTUNE_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(attune_context_new(&ctx, model, NULL, &err), ATTUNE_OK); /* rows in order */
    attune_context_free(ctx);
    want = attune_tensors_find(file, "logits_ref");
    want = want ? want : attune_tensors_find(file, "logits");
    T = read_prompt(ids, folder, file);
    rows = (int)want->shape[0];
    V = model->recipe.n_vocab;
    assert_int_equal(want->shape[1], V);
    logits = new_doubles((size_t)T * (size_t)V);
    evaluate(logits, &model->recipe, ids, T);
    for (int i = 0; i < rows * V; i++) {
        double b = ((const float *)want->data)[i];

        most = fmax(most, fabs(b));
        worst = fmax(worst, fabs(logits[(T - rows) * V + i] - b));
    }
    if (!(worst <= (strncmp(name, "gguf/", 5) == 0 ? 1e-6 : 2e-5) * most)) {
        fail_msg("%s: off by %g where the largest is %g", name, worst, most);
    }
    free(logits);
    attune_model_close(model);
    attune_tensors_close(file);
}

static void hugging_face_directories_are_read_right(void **state)
{
    static const char *const names[] = {
        "hf/gpt2",           "hf/gpt2-options",        "hf/gpt2-hub-names",
        "hf/llama-gqa-tied", "hf/llama-rope-linear",   "hf/llama-half-shards",
        "hf/bloom",          "hf/bloom-hub-names",     "hf/bloom-residual-after-norm",
        "hf/neox-parallel",  "hf/neox-sequential-f16", "hf/opt",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        compare(names[i]);
    }
}

static void gguf_files_are_read_right(void **state)
{
    static const char *const names[] = {
        "gguf/gpt2-f32",           "gguf/gpt2-f16",          "gguf/gpt2-q4_0",
        "gguf/gpt2-q8_0",          "gguf/gpt2-untied-f32",   "gguf/gpt2-w256-q4_k",
        "gguf/gpt2-w256-q6_k",     "gguf/llama-bf16",        "gguf/llama-f16",
        "gguf/llama-f32",          "gguf/llama-linrope-f32", "gguf/llama-long-f32",
        "gguf/llama-mha-tied-f32", "gguf/llama-q4_0",        "gguf/llama-q4_1",
        "gguf/llama-q5_0",         "gguf/llama-q5_1",        "gguf/llama-q8_0",
        "gguf/llama-w256-q2_k",    "gguf/llama-w256-q3_k",   "gguf/llama-w256-q4_k",
        "gguf/llama-w256-q4_k_m",  "gguf/llama-w256-q5_k",   "gguf/llama-w256-q6_k",
        "gguf/bloom-f32",          "gguf/bloom-6h-f32",      "gguf/bloom-q4_0",
        "gguf/bloom-w256-q4_k",    "gguf/falcon-f32",        "gguf/falcon-norm2-f32",
        "gguf/gemma-f32",          "gguf/gptneox-f32",       "gguf/gptneox-seq-f32",
        "gguf/phi2-f32",           "gguf/qwen2-f32",         "gguf/qwen2-q8_0",
        "gguf/qwen3-f32",          "gguf/stablelm-f32",      "gguf/starcoder-f32",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        compare(names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hugging_face_directories_are_read_right),
        cmocka_unit_test(gguf_files_are_read_right),
    };
    return cmocka_run_group_tests_name("family", tests, NULL, NULL);
}
