/* From a Hugging Face directory to GGUF. The recipe already holds every tensor in the order and
 * form that a GGUF file of the family has (bind.c turned, split and shifted them), so the family's
 * table is walked once more, the other way: from the places to GGUF's names. What is written is
 * then read back and held against the recipe: what GGUF cannot say is found, whatever it is. */
#include <config.h>

#include "engine/convert.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/bind.h"
#include "engine/model.h"
#include "engine/quant.h"
#include "engine/tokenizer_write.h"

struct conversion {
    struct gguf_writer *w;
    struct quantize_list *list;
    const struct attune_model *model;
    const struct recipe *recipe;
    const struct family_ops *family;
    const char *architecture;
    bool neighbours; /* rows of Q and K change their order: halves turn together here */
    char *note;
    struct attune_error *err;
};

static int no_memory(struct conversion *cv)
{
    return attune_error_set(cv->err, ATTUNE_MEMORY, 0, "out of memory");
}

static void add_note(char note[CONVERT_NOTE], const char *text)
{
    size_t len = strlen(note);

    snprintf(note + len, CONVERT_NOTE - len, "%s%s", len ? "; " : "", text);
}

/* ---- numbers
 * --------------------------------------------------------------------------------------- */

static void key_of(char out[160], const struct conversion *cv, const char *name)
{
    snprintf(out, 160, "%s.%s", cv->architecture, name);
}

static void write_u32(struct conversion *cv, const char *name, int value)
{
    char key[160];

    key_of(key, cv, name);
    gguf_write_u32(cv->w, key, (uint32_t)value);
}

static void write_f32(struct conversion *cv, const char *name, double value)
{
    char key[160];

    key_of(key, cv, name);
    gguf_write_f32(cv->w, key, (float)value);
}

static void write_bool(struct conversion *cv, const char *name, bool value)
{
    char key[160];

    key_of(key, cv, name);
    gguf_write_bool(cv->w, key, value);
}

static void write_sizes(struct conversion *cv)
{
    const struct recipe *r = cv->recipe;
    const struct stack *first = r->encoder.n_layers ? &r->encoder : &r->main;

    write_u32(cv, "context_length", r->n_context);
    write_u32(cv, "embedding_length", r->d_model);
    write_u32(cv, "feed_forward_length", first->d_ff);
    write_u32(cv, "block_count", first->n_layers);
    write_u32(cv, "attention.head_count", r->main.n_heads);
    write_u32(cv, "attention.head_count_kv", r->main.n_kv_heads);
    write_u32(cv, "vocab_size", r->n_vocab);
    if (r->main.n_heads * r->main.head_dim != r->d_model || r->encoder.n_layers) {
        write_u32(cv, "attention.key_length", r->main.head_dim);
        write_u32(cv, "attention.value_length", r->main.head_dim);
    }
    if (r->encoder.n_layers) {
        write_u32(cv, "decoder_block_count", r->main.n_layers);
        write_u32(cv, "decoder_start_token_id", r->decoder_start);
    }
    if (r->n_segments) {
        gguf_write_u32(cv->w, "tokenizer.ggml.token_type_count", (uint32_t)r->n_segments);
    }
}

static void write_positions(struct conversion *cv)
{
    const struct recipe *r = cv->recipe;
    char key[160];

    if (r->position == POSITION_ROTARY) {
        write_u32(cv, "rope.dimension_count", r->rotary_dims);
        write_f32(cv, "rope.freq_base", r->rotary_base);
        if (r->rotary_scale != 1) {
            key_of(key, cv, "rope.scaling.type");
            gguf_write_text(cv->w, key, "linear");
            write_f32(cv, "rope.scaling.factor", 1 / r->rotary_scale);
        }
    } else if (r->position == POSITION_ALIBI) {
        write_f32(cv, "attention.max_alibi_bias", 8);
    } else if (r->position == POSITION_RELATIVE) {
        write_u32(cv, "attention.relative_buckets_count", r->relative_buckets);
    }
}

/* The last two are our own (family.c). */
static void write_rules(struct conversion *cv)
{
    const struct recipe *r = cv->recipe;

    write_f32(cv,
              r->norm == NORM_RMS ? "attention.layer_norm_rms_epsilon"
                                  : "attention.layer_norm_epsilon",
              (double)r->norm_eps);
    if (r->norm == NORM_LAYER && r->position == POSITION_ROTARY) {
        write_bool(cv, "use_parallel_residual", r->parallel_residual);
    }
    if (r->clamp_qkv > 0) {
        write_f32(cv, "attention.clamp_kqv", (double)r->clamp_qkv);
    }
    if (!r->main.causal) {
        write_bool(cv, "attention.causal", false);
    }
    if (r->activation == ACT_GELU_ERF || r->activation == ACT_GELU_TANH) {
        gguf_write_bool(cv->w, "attune.gelu_erf", r->activation == ACT_GELU_ERF);
    }
    if (r->logit_scale != 1) {
        gguf_write_f32(cv->w, "attune.logit_scale", r->logit_scale);
    }
}

static void write_card(struct conversion *cv)
{
    const struct attune_model_info *info = &cv->model->info;
    const struct {
        const char *key, *text;
    } lines[] = {
        {"general.architecture", cv->architecture},
        {"general.type", "model"},
        {"general.name", info->name},
        {"general.license", info->license},
        {"general.description", info->description},
        {"attune.card.training", info->training},
    };

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (lines[i].text[0]) {
            gguf_write_text(cv->w, lines[i].key, lines[i].text);
        }
    }
}

/* ---- tensors
 * --------------------------------------------------------------------------------------- */

static struct quantize_item *find_item(const struct conversion *cv, const char *name)
{
    for (size_t i = 0; i < cv->list->n; i++) {
        if (strcmp(cv->list->items[i].name, name) == 0) {
            return &cv->list->items[i];
        }
    }
    return NULL;
}

static int add_item(struct conversion *cv, const char *name, struct quantize_item item)
{
    if (strlen(name) >= sizeof item.name) {
        return attune_error_set(cv->err, ATTUNE_UNSUPPORTED, 0, "a tensor's name has %zu bytes",
                                strlen(name));
    }
    strcpy(item.name, name);
    item.dims[2] = item.dims[3] = 1;
    return quantize_add(cv->list, &item) == ATTUNE_OK ? ATTUNE_OK : no_memory(cv);
}

/* The parts of Q, K and V that one tensor holds come one after the other, in the table as in it. */
static int add_rows(struct conversion *cv, const char *name, const struct matrix *m, size_t head)
{
    struct quantize_item *item = find_item(cv, name);
    size_t part = 0;

    if (!item) {
        return add_item(cv, name,
                        (struct quantize_item){.n_dims = 2,
                                               .dims = {(uint64_t)m->cols, (uint64_t)m->rows},
                                               .from = m->type,
                                               .n_rows = (size_t)m->rows,
                                               .parts = {{m->data, (size_t)m->rows}},
                                               .head_rows = head});
    }
    while (part < 3 && item->parts[part].n_rows) {
        part++;
    }
    if (part == 3 || item->from != m->type || item->dims[0] != (uint64_t)m->cols) {
        return attune_error_set(cv->err, ATTUNE_UNSUPPORTED, 0,
                                "tensor %.64s: its parts are stored in different types", name);
    }
    item->parts[part].data = m->data;
    item->parts[part].n_rows = (size_t)m->rows;
    item->n_rows += (size_t)m->rows;
    item->dims[1] += (uint64_t)m->rows;
    return ATTUNE_OK;
}

/* The same for vectors, which become one row; head as source_row has it. */
static int add_floats(struct conversion *cv, const char *name, const float *x, size_t n,
                      size_t head)
{
    struct quantize_item *item = find_item(cv, name);
    size_t before = item ? (size_t)item->dims[0] : 0;
    float *all = pool_alloc(&cv->model->checkpoint->pool, before + n, sizeof *all);

    if (!all) {
        return no_memory(cv);
    }
    if (item) {
        memcpy(all, item->parts[0].data, before * sizeof *all);
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = head ? i % head : 0, from = head ? i - at + at % 2 * (head / 2) + at / 2 : i;

        all[before + i] = x[from];
    }
    if (!item) {
        return add_item(cv, name,
                        (struct quantize_item){.n_dims = 1,
                                               .dims = {n, 1},
                                               .from = quant_by_name("f32"),
                                               .n_rows = 1,
                                               .parts = {{all, 1}}});
    }
    item->dims[0] += n;
    item->parts[0].data = all;
    return ATTUNE_OK;
}

static bool same_floats(const struct quantize_item *item, const float *x, size_t n)
{
    return item && item->dims[0] == n && memcmp(item->parts[0].data, x, n * sizeof *x) == 0;
}

static bool is_turned(const struct conversion *cv, const struct binding *b)
{
    return cv->neighbours && b->place == BIND_LAYER &&
           (b->offset == offsetof(struct layer, self.q) ||
            b->offset == offsetof(struct layer, self.k));
}

static int add_matrix(struct conversion *cv, const struct binding *b, const struct matrix *m,
                      int layer)
{
    size_t head = is_turned(cv, b) ? (size_t)cv->recipe->main.head_dim : 0;
    char name[160];
    int status;

    bind_spell(name, "", b->gguf, layer, ".weight");
    status = add_rows(cv, name, m, head);
    if (status == ATTUNE_OK && m->bias) {
        bind_spell(name, "", b->gguf, layer, ".bias");
        status = add_floats(cv, name, m->bias, (size_t)m->rows, head);
    }
    return status;
}

/* One norm may serve two places: then it stands once, under the name that the other has. */
static int add_norm(struct conversion *cv, const struct binding *b, const struct norm *norm,
                    size_t n, int layer)
{
    const char *bar = strrchr(b->gguf, '|');
    char name[160];
    int status;

    bind_spell(name, "", bar ? bar + 1 : b->gguf, layer, ".weight");
    if (same_floats(find_item(cv, name), norm->weight, n)) {
        return ATTUNE_OK;
    }
    bind_spell(name, "", b->gguf, layer, ".weight");
    if (find_item(cv, name)) {
        return attune_error_set(cv->err, ATTUNE_UNSUPPORTED, 0,
                                "two norms of the model would both be %.64s", name);
    }
    status = add_floats(cv, name, norm->weight, n, 0);
    if (status == ATTUNE_OK && norm->bias) {
        bind_spell(name, "", b->gguf, layer, ".bias");
        status = add_floats(cv, name, norm->bias, n, 0);
    }
    return status;
}

static int add_place(struct conversion *cv, const struct binding *b, const void *place,
                     const struct stack *stack, int layer)
{
    const void *at = (const char *)place + b->offset;
    size_t n = bind_size(cv->recipe, stack, b->rows);
    char name[160];

    switch (b->kind) {
    case BIND_MATRIX: {
        const struct matrix *m = at;

        return m->type ? add_matrix(cv, b, m, layer) : ATTUNE_OK;
    }
    case BIND_NORM: {
        const struct norm *norm = at;

        return norm->weight ? add_norm(cv, b, norm, n, layer) : ATTUNE_OK;
    }
    default: {
        const float *x = *(const float *const *)at;

        bind_spell(name, "", b->gguf, layer, b->flags & BIND_BARE ? "" : ".weight");
        return x ? add_floats(cv, name, x, n, 0) : ATTUNE_OK;
    }
    }
}

static int add_row(struct conversion *cv, const struct binding *b)
{
    const struct recipe *r = cv->recipe;
    bool encoder = b->place == BIND_ENCODER || b->place == BIND_ENCODER_LAYER;
    const struct stack *stack = encoder ? &r->encoder : &r->main;
    int status = ATTUNE_OK;

    switch (b->place) {
    case BIND_STACK:
    case BIND_ENCODER: return add_place(cv, b, stack, stack, 0);
    case BIND_LAYER:
    case BIND_ENCODER_LAYER:
        for (int i = 0; i < stack->n_layers && status == ATTUNE_OK; i++) {
            status = add_place(cv, b, &stack->layers[i], stack, i);
        }
        return status;
    default: return add_place(cv, b, r, stack, 0);
    }
}

/* Rows with a choice of names come last: what they may share has its name by then. */
static int add_tensors(struct conversion *cv)
{
    const struct binding *b;
    int status = ATTUNE_OK;

    for (int choice = 0; choice < 2; choice++) {
        for (size_t i = 0; status == ATTUNE_OK && (b = bind_row_at(cv->family, i)); i++) {
            if (b->gguf && !(b->flags & BIND_ELSE) &&
                !(b->flags & BIND_UNTIED && cv->recipe->tied) &&
                (strchr(b->gguf, '|') != NULL) == choice) {
                status = add_row(cv, b);
            }
        }
    }
    return status;
}

/* What stands on top and has no name in GGUF. */
static void note_outputs(struct conversion *cv)
{
    char text[160] = "GGUF holds the layers of this family alone, not its head (";
    bool any = false;

    for (int i = 0; i < ATTUNE_OUTPUT_COUNT && cv->recipe->kind == ATTUNE_ENCODER; i++) {
        const struct output *output = &cv->recipe->outputs[i];

        if (output->dense.type || output->out.type) {
            size_t len = strlen(text);

            snprintf(text + len, sizeof text - len, "%s%s", any ? ", " : "", attune_output_text(i));
            any = true;
        }
    }
    if (any) {
        strcat(text, ")");
        add_note(cv->note, text);
    }
}

/* ---- the whole
 * ------------------------------------------------------------------------------------- */

static int write_tokenizer(struct conversion *cv)
{
    const struct attune_model *model = cv->model;
    const struct token_roles ends = {model->ends, model->n_ends};

    return tokenizer_write(cv->w, model->tokenizer, (size_t)model->info.n_vocab, &ends, cv->err);
}

int convert_model(struct gguf_writer *w, struct quantize_list *list,
                  const struct attune_model *model, char note[CONVERT_NOTE],
                  struct attune_error *err)
{
    struct conversion cv = {
        .w = w,
        .list = list,
        .model = model,
        .recipe = &model->recipe,
        .family = family_find(&model->checkpoint->settings, err),
        .note = note,
        .err = err,
    };
    int status;

    note[0] = '\0';
    if (!cv.family || !cv.family->gguf_architectures) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "%s: GGUF has no architecture for the family %s",
                                model->checkpoint->shown, model->info.family);
    }
    cv.architecture = cv.family->gguf_architectures[0];
    cv.neighbours = cv.family == &family_llama;
    write_card(&cv);
    write_sizes(&cv);
    write_positions(&cv);
    write_rules(&cv);
    note_outputs(&cv);
    status = add_tensors(&cv);
    if (status == ATTUNE_OK) {
        status = write_tokenizer(&cv);
    }
    return status;
}

/* ---- read back
 * ------------------------------------------------------------------------------------- */

/* As config.json has them, for the most part. */
enum number { WHOLE, YES_NO, FLOAT, DOUBLE };
static const struct {
    const char *name;
    enum number number;
    size_t offset;
} numbers[] = {
#define NUMBER(name, number, member)                                                               \
    {                                                                                              \
        name, number, offsetof(struct recipe, member)                                              \
    }
    NUMBER("the kind of its stacks", WHOLE, kind),
    NUMBER("hidden_size", WHOLE, d_model),
    NUMBER("embedding_size", WHOLE, d_embedding),
    NUMBER("vocab_size", WHOLE, n_vocab),
    NUMBER("max_position_embeddings", WHOLE, n_context),
    NUMBER("type_vocab_size", WHOLE, n_segments),
    NUMBER("the kind of its norms", WHOLE, norm),
    NUMBER("the epsilon of its norms", FLOAT, norm_eps),
    NUMBER("where its norms stand", YES_NO, post_norm),
    NUMBER("parallel residuals", YES_NO, parallel_residual),
    NUMBER("apply_residual_connection_post_layernorm", YES_NO, residual_after_norm),
    NUMBER("the kind of its positions", WHOLE, position),
    NUMBER("rows before the first position", WHOLE, position_offset),
    NUMBER("positions that leave out padding", YES_NO, skip_padding),
    NUMBER("the dimensions that turn", WHOLE, rotary_dims),
    NUMBER("rope_theta", DOUBLE, rotary_base),
    NUMBER("rope_scaling", DOUBLE, rotary_scale),
    NUMBER("relative_attention_num_buckets", WHOLE, relative_buckets),
    NUMBER("relative_attention_max_distance", WHOLE, relative_distance),
    NUMBER("scale_attn_by_inverse_layer_idx", YES_NO, scale_by_layer),
    NUMBER("clip_qkv", FLOAT, clamp_qkv),
    NUMBER("its activation", WHOLE, activation),
    NUMBER("the scale of its embedding", FLOAT, embedding_scale),
    NUMBER("the scale of its logits", FLOAT, logit_scale),
    NUMBER("decoder_start_token_id", WHOLE, decoder_start),
    NUMBER("a token that is never generated", WHOLE, never),
    NUMBER("the number of layers", WHOLE, main.n_layers),
    NUMBER("layers that share weights", WHOLE, main.n_groups),
    NUMBER("the number of heads", WHOLE, main.n_heads),
    NUMBER("the number of key and value heads", WHOLE, main.n_kv_heads),
    NUMBER("the size of a head", WHOLE, main.head_dim),
    NUMBER("the width of its MLP", WHOLE, main.d_ff),
    NUMBER("the scale of its attention", FLOAT, main.attention_scale),
    NUMBER("who sees whom", YES_NO, main.causal),
    NUMBER("the number of encoder layers", WHOLE, encoder.n_layers),
    NUMBER("the number of encoder heads", WHOLE, encoder.n_heads),
    NUMBER("the size of an encoder head", WHOLE, encoder.head_dim),
    NUMBER("the width of its encoder's MLP", WHOLE, encoder.d_ff),
#undef NUMBER
};

/* Doubles pass through 32 bits. */
static bool same_number(enum number number, const void *a, const void *b)
{
    switch (number) {
    case WHOLE: return *(const int *)a == *(const int *)b;
    case YES_NO: return *(const bool *)a == *(const bool *)b;
    case FLOAT: return *(const float *)a == *(const float *)b;
    default: {
        double x = *(const double *)a, y = *(const double *)b;

        return fabs(x - y) <= 1e-6 * fabs(x);
    }
    }
}

static int compare_numbers(const struct attune_model *model, const struct recipe *read,
                           struct attune_error *err)
{
    const struct recipe *r = &model->recipe;
    bool turned = family_find(&model->checkpoint->settings, NULL) == &family_llama;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!same_number(numbers[i].number, (const char *)r + numbers[i].offset,
                         (const char *)read + numbers[i].offset)) {
            return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                    "%s: GGUF cannot say %s as this %s model has it",
                                    model->checkpoint->shown, numbers[i].name, model->info.family);
        }
    }
    if (r->position == POSITION_ROTARY &&
        (read->rotary_pairs != (turned ? ROTARY_NEIGHBOUR : r->rotary_pairs) ||
         (turned && r->rotary_dims != r->main.head_dim))) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "%s: GGUF cannot say which dimensions turn together in this %s "
                                "model",
                                model->checkpoint->shown, model->info.family);
    }
    return ATTUNE_OK;
}

int convert_verify(const char *path, const struct attune_model *model, char note[CONVERT_NOTE],
                   struct attune_error *err)
{
    const struct attune_model_options options = {.header_only = !model->tokenizer};
    struct attune_model *read = NULL;
    char text[128];
    int status = attune_model_open(&read, path, &options, NULL, err);

    if (status == ATTUNE_OK) {
        status = compare_numbers(model, &read->recipe, err);
    }
    if (status == ATTUNE_OK && model->tokenizer &&
        !tokenizer_same(model->tokenizer, read->tokenizer, text)) {
        add_note(note, text);
    }
    attune_model_close(read);
    return status;
}
