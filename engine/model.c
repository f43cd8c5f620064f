/* Opening a model: a checkpoint, the family that knows its tensors, a recipe, a tokenizer, and what
 * there is to say about it. */
#include <config.h>

#include "engine/model.h"

#include <attune/digest.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/activations.h"
#include "engine/checkpoint.h"
#include "engine/family.h"
#include "engine/late.h"
#include "engine/quant.h"

enum { MAX_ENDS = 64 };

struct model_once { /* what is done when it is first needed */
    pthread_mutex_t lock;
    bool digest_known;
    uint64_t digest;
};

const char *attune_model_kind_text(enum attune_model_kind kind)
{
    static const char *const texts[] = {"decoder", "encoder", "seq2seq"};

    _Static_assert(sizeof texts / sizeof *texts == ATTUNE_MODEL_KIND_COUNT,
                   "a text for every kind");
    return texts[kind];
}

/* How many elements the matrices stored as `type` have; all of them for NULL. */
static uint64_t matrix_elements(const struct checkpoint *cp, const struct quant_ops *type)
{
    uint64_t n = 0;

    for (size_t i = 0; i < cp->n_tensors; i++) {
        const struct tensor *t = &cp->tensors[i];

        if (t->used && t->n_dims > 1 && (!type || t->type == type)) {
            n += t->n_bytes / t->type->block_bytes * (uint64_t)t->type->block;
        }
    }
    return n;
}

/* The type that at least half of the weights have, spelled as in the file; else "mixed". */
static const char *main_type(const struct checkpoint *cp)
{
    for (size_t i = 0; i < quant_count(); i++) {
        if (2 * matrix_elements(cp, quant_at(i)) < matrix_elements(cp, NULL)) {
            continue;
        }
        for (size_t k = 0; k < cp->n_tensors; k++) {
            if (cp->tensors[k].type == quant_at(i)) {
                return cp->tensors[k].type_name;
            }
        }
    }
    return "mixed";
}

static void count_weights(struct attune_model_info *info, const struct checkpoint *cp)
{
    for (size_t i = 0; i < cp->n_tensors; i++) {
        const struct tensor *t = &cp->tensors[i];

        if (t->used) {
            info->n_parameters += t->n_bytes / t->type->block_bytes * (uint64_t)t->type->block;
            info->n_bytes += t->n_bytes;
        }
    }
    info->dtype = main_type(cp);
}

static uint64_t elements_of(const struct matrix *m)
{
    return m->type ? (uint64_t)m->rows * (uint64_t)m->cols : 0;
}

static uint64_t bytes_of(const struct matrix *m)
{
    return m->type ? (uint64_t)m->rows * m->row_bytes : 0;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Of tables one row is looked up; the head is met where logits are wanted, at the last token of a
 * prompt. A tied head is the embedding. */
static void count_work(struct attune_model_info *info, const struct recipe *r,
                       const struct checkpoint *cp)
{
    const struct matrix *head = &r->outputs[ATTUNE_OUTPUT_TOKENS].out;
    const struct matrix *tables[] = {&r->main.positions, &r->main.segments, &r->encoder.positions,
                                     &r->encoder.segments};

    info->n_met = less(matrix_elements(cp, NULL), elements_of(&r->embedding));
    info->n_met = less(info->n_met, r->tied ? 0 : elements_of(head));
    info->n_bytes_step = less(info->n_bytes, r->tied ? 0 : bytes_of(&r->embedding));
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        info->n_met = less(info->n_met, elements_of(tables[i]));
        info->n_bytes_step = less(info->n_bytes_step, bytes_of(tables[i]));
    }
}

static const char *const positions[] = {
    [POSITION_NONE] = "none",
    [POSITION_LEARNED] = "learned",
    [POSITION_SINUSOIDAL] = "sinusoidal",
    [POSITION_ROTARY] = "rotary",
    [POSITION_ALIBI] = "alibi",
    [POSITION_RELATIVE] = "relative",
};

static int describe(struct attune_model *model, const char *path, struct attune_error *err)
{
    struct attune_model_info *info = &model->info;
    const struct recipe *r = &model->recipe;

    info->path = pool_text(&model->checkpoint->pool, path, strlen(path));
    if (!info->path) {
        return checkpoint_no_memory(model->checkpoint, err);
    }
    info->kind = r->kind;
    info->n_layers = r->main.n_layers;
    info->n_encoder_layers = r->encoder.n_layers;
    info->n_heads = r->main.n_heads;
    info->n_kv_heads = r->main.n_kv_heads;
    info->head_dim = r->main.head_dim;
    info->d_model = r->d_model;
    info->d_ff = r->main.d_ff;
    info->n_encoder_heads = r->encoder.n_heads;
    info->encoder_d_ff = r->encoder.d_ff;
    info->n_labels = r->n_labels;
    info->many_labels = r->many_labels;
    info->n_segments = r->n_segments;
    info->decoder_start = r->decoder_start;
    info->n_vocab = r->n_vocab;
    info->n_context = r->n_context;
    info->position = positions[r->position];
    count_weights(info, model->checkpoint);
    count_work(info, r, model->checkpoint);
    return model->checkpoint->format->describe(model->checkpoint, info, err);
}

/* More rows than ids is how embeddings are padded. More ids than rows is a token or two added
 * without a row, or another model's tokenizer: who only looks at ids may go on, and a text that
 * needs such an id is refused when it comes. */
static int compare_vocabularies(struct attune_model *model, struct attune_error *err)
{
    struct attune_model_info *info = &model->info;
    size_t n_ids = model->tokenizer ? attune_tokenizer_size(model->tokenizer) : 0;
    char text[240];

    info->note = "";
    if (n_ids <= (size_t)info->n_vocab) {
        return ATTUNE_OK;
    }
    snprintf(text, sizeof text,
             "%s: the tokenizer has %zu ids and the model rows for %d: does it belong to these "
             "weights? Ids from %d on cannot be evaluated",
             model->checkpoint->shown, n_ids, info->n_vocab, info->n_vocab);
    info->note = pool_text(&model->checkpoint->pool, text, strlen(text));
    return info->note ? ATTUNE_OK : checkpoint_no_memory(model->checkpoint, err);
}

static int find_ends(struct attune_model *model, struct attune_error *err)
{
    struct checkpoint *cp = model->checkpoint;
    attune_token eos =
        model->tokenizer ? attune_tokenizer_eos(model->tokenizer) : ATTUNE_TOKEN_NONE;

    model->ends = pool_alloc(&cp->pool, MAX_ENDS + 1, sizeof *model->ends);
    if (!model->ends) {
        return checkpoint_no_memory(cp, err);
    }
    model->n_ends = cp->format->ends(cp, model->ends, MAX_ENDS);
    if (eos != ATTUNE_TOKEN_NONE) {
        model->ends[model->n_ends++] = eos;
    }
    return ATTUNE_OK;
}

/* Looks at every weight of a tensor, a few thousand at a time. */
static int check_tensor(const struct tensor *t, struct attune_progress *progress,
                        struct attune_error *err)
{
    enum { PIECE = 4096 }; /* whole blocks of every type */
    float values[PIECE];
    uint64_t n = t->n_bytes / t->type->block_bytes * (uint64_t)t->type->block;

    for (uint64_t at = 0; at < n; at += PIECE) {
        size_t count = n - at < PIECE ? (size_t)(n - at) : PIECE;
        uint64_t offset = at / (uint64_t)t->type->block * t->type->block_bytes;

        if (progress && atomic_load(&progress->cancel)) {
            return attune_error_set(err, ATTUNE_CANCELLED, 0, "%s: cancelled", t->file);
        }
        t->type->to_float(values, (const char *)t->data + offset, count);
        for (size_t i = 0; i < count; i++) {
            if (!isfinite(values[i])) {
                return attune_error_set(
                    err, ATTUNE_FORMAT, 0, "%s: tensor %.64s: weight %llu is %s", t->file, t->name,
                    (unsigned long long)(at + i), isnan(values[i]) ? "not a number" : "infinite");
            }
        }
        if (progress) {
            atomic_fetch_add(&progress->done,
                             count / (size_t)t->type->block * t->type->block_bytes);
        }
    }
    return ATTUNE_OK;
}

static int check_weights(const struct attune_model *model, struct attune_progress *progress,
                         struct attune_error *err)
{
    const struct checkpoint *cp = model->checkpoint;
    int status = ATTUNE_OK;

    if (progress) {
        atomic_store(&progress->done, 0);
        atomic_store(&progress->total, (size_t)model->info.n_bytes);
    }
    for (size_t i = 0; i < cp->n_tensors && status == ATTUNE_OK; i++) {
        if (cp->tensors[i].used) {
            status = check_tensor(&cp->tensors[i], progress, err);
        }
    }
    return status;
}

static struct model_once *new_once(void)
{
    struct model_once *once = calloc(1, sizeof *once);

    if (once && pthread_mutex_init(&once->lock, NULL) != 0) {
        free(once);
        return NULL;
    }
    return once;
}

int model_settle(const struct attune_model *model, struct team *team,
                 struct attune_progress *progress, struct attune_error *err)
{
    bool done;

    pthread_mutex_lock(&model->once->lock);
    done = !model->checkpoint->late || late_fill(model->checkpoint, team, progress);
    pthread_mutex_unlock(&model->once->lock);
    return done ? ATTUNE_OK
                : attune_error_set(err, ATTUNE_CANCELLED, 0, "%s: cancelled",
                                   model->checkpoint->shown);
}

static int build(struct attune_model *model, const char *path,
                 const struct attune_model_options *options, struct attune_progress *progress,
                 struct attune_error *err)
{
    const struct family_ops *family;
    struct checkpoint *cp;
    int status = checkpoint_open(&model->checkpoint, path, err);

    if (status) {
        return status;
    }
    cp = model->checkpoint;
    family = family_find(&cp->settings, err);
    if (!family) {
        return ATTUNE_UNSUPPORTED;
    }
    model->info.family = family->name;
    model->once = new_once();
    if (!model->once) {
        return checkpoint_no_memory(cp, err);
    }
    status = family_build(&model->recipe, family, cp, options->header_only, progress, err);
    model->quantised = status == ATTUNE_OK && activations_any_quantised(&model->recipe);
    if (status == ATTUNE_OK) {
        status = describe(model, path, err);
    }
    if (status == ATTUNE_OK && !options->header_only) {
        status = cp->format->tokenizer(&model->tokenizer, cp, err);
    }
    if (status == ATTUNE_OK) {
        status = compare_vocabularies(model, err);
    }
    if (status == ATTUNE_OK) {
        status = find_ends(model, err);
    }
    if (status == ATTUNE_OK && options->check) {
        status = check_weights(model, progress, err);
    }
    return status;
}

int attune_model_open(struct attune_model **out, const char *path,
                      const struct attune_model_options *options, struct attune_progress *progress,
                      struct attune_error *err)
{
    static const struct attune_model_options defaults;
    struct attune_model *model = calloc(1, sizeof *model);
    struct attune_error own = {0}; /* the settings want a place for what goes wrong */
    int status;

    *out = NULL;
    if (!model) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    status = build(model, path, options ? options : &defaults, progress, err ? err : &own);
    if (status) {
        attune_model_close(model);
        return status;
    }
    *out = model;
    return ATTUNE_OK;
}

void attune_model_close(struct attune_model *model)
{
    if (!model) {
        return;
    }
    if (model->once) {
        pthread_mutex_destroy(&model->once->lock);
        free(model->once);
    }
    attune_tokenizer_close(model->tokenizer);
    checkpoint_close(model->checkpoint);
    free(model);
}

const struct attune_model_info *attune_model_info(const struct attune_model *model)
{
    return &model->info;
}

const struct attune_tokenizer *attune_model_tokenizer(const struct attune_model *model)
{
    return model->tokenizer;
}

const char *attune_model_label(const struct attune_model *model, int label)
{
    return label >= 0 && label < model->recipe.n_labels ? model->recipe.labels[label] : NULL;
}

double attune_model_advice(const struct attune_model *model, const char *param)
{
    const struct checkpoint *cp = model->checkpoint;

    return cp && cp->format->advice ? cp->format->advice(cp, param) : NAN;
}

bool attune_model_is_end(const struct attune_model *model, attune_token id)
{
    for (size_t i = 0; i < model->n_ends; i++) {
        if (model->ends[i] == id) {
            return true;
        }
    }
    return false;
}

/* Tensors lie sorted by name; lengths go in as well, so that no two models share a stream of bytes.
 */
static uint64_t digest_of(const struct checkpoint *cp)
{
    struct attune_digest d;

    attune_digest_init(&d, 0);
    for (size_t i = 0; i < cp->n_tensors; i++) {
        const struct tensor *t = &cp->tensors[i];
        uint64_t n_dims = (uint64_t)t->n_dims;

        attune_digest_add(&d, t->name, strlen(t->name) + 1);
        attune_digest_add(&d, t->type_name, strlen(t->type_name) + 1);
        attune_digest_add(&d, &n_dims, sizeof n_dims);
        attune_digest_add(&d, t->shape, (size_t)t->n_dims * sizeof *t->shape);
        attune_digest_add(&d, &t->n_bytes, sizeof t->n_bytes);
        attune_digest_add(&d, t->data, (size_t)t->n_bytes);
    }
    return attune_digest_value(&d);
}

uint64_t attune_model_digest(const struct attune_model *model)
{
    struct model_once *once = model->once;
    uint64_t value;

    pthread_mutex_lock(&once->lock);
    if (!once->digest_known) {
        once->digest = digest_of(model->checkpoint);
        once->digest_known = true;
    }
    value = once->digest;
    pthread_mutex_unlock(&once->lock);
    return value;
}
