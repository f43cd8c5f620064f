/* From one storage type to another: what the file is to hold is listed first, then written row by
 * row by a team of threads, straight into the new file. */
#include <config.h>

#include <attune/quantize.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/convert.h"
#include "engine/hub.h"
#include "engine/model.h"
#include "engine/quantize.h"
#include "engine/team.h"
#include "engine/tokenizer_write.h"

/* ggml's number for a file whose matrices mostly have a type (llama.h, llama_ftype). */
static const struct {
    const char *type;
    uint32_t file_type;
    const char *narrow; /* for rows that do not divide; NULL: f16 */
} kinds[] = {
    {"f32", 0, NULL},  {"f16", 1, NULL},  {"bf16", 32, NULL},   {"q8_0", 7, NULL},
    {"q5_0", 8, NULL}, {"q4_0", 2, NULL}, {"q4_k", 14, "q5_0"}, {"q6_k", 18, "q8_0"},
};

const char *attune_quantize_type(size_t i)
{
    return i < sizeof kinds / sizeof *kinds ? kinds[i].type : NULL;
}

static size_t find_kind(const char *type)
{
    size_t i = 0;

    while (i < sizeof kinds / sizeof *kinds && strcmp(kinds[i].type, type) != 0) {
        i++;
    }
    return i;
}

/* ---- what each tensor becomes
 * ---------------------------------------------------------------------- */

/* Vectors, and the matrices that cost little and are looked up or added as they are. */
static bool stays(const struct quantize_item *item)
{
    static const char *const names[] = {"position_embd.weight", "token_types.weight",
                                        "rope_freqs.weight", "attn_rel_b.weight"};
    size_t len = strlen(item->name);

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);

        if (len >= n && strcmp(item->name + len - n, names[i]) == 0) {
            return true;
        }
    }
    return item->n_dims < 2 || len < 7 || strcmp(item->name + len - 7, ".weight") != 0;
}

/* What is no matrix is float32 in every engine; a GGUF file is not improved upon. */
static const struct quant_ops *kept(const struct quantize_list *list,
                                    const struct quantize_item *item)
{
    return list->fresh ? quant_by_name("f32") : item->from;
}

/* The type asked for, or the next one whose blocks divide the rows. */
static const struct quant_ops *fitting(size_t kind, uint64_t cols, bool *fell_back)
{
    const struct quant_ops *type = quant_by_name(kinds[kind].type);
    const char *next[] = {kinds[kind].narrow, "f16"};

    *fell_back = false;
    for (int i = 0; cols % (uint64_t)type->block != 0 && i < 2; i++) {
        type = next[i] ? quant_by_name(next[i]) : type;
        *fell_back = true;
    }
    return type;
}

static int choose_types(struct quantize_list *list, size_t kind,
                        struct attune_quantize_result *result, struct attune_error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        struct quantize_item *item = &list->items[i];
        bool fell_back = false;

        item->to = stays(item) ? kept(list, item) : fitting(kind, item->dims[0], &fell_back);
        if (item->to != item->from && item->from->block != 1) {
            return attune_error_set(
                err, ATTUNE_ARGUMENT, 0,
                "tensor %.64s is %s already: start from a file of f32, f16 or bf16", item->name,
                item->from->name);
        }
        item->n_bytes = quant_row_bytes(item->to, (size_t)item->dims[0]) * item->n_rows;
        result->tensors++;
        result->converted += item->to != item->from;
        result->fell_back += fell_back;
        result->bytes_in += quant_row_bytes(item->from, (size_t)item->dims[0]) * item->n_rows;
        result->bytes_out += item->n_bytes;
    }
    return ATTUNE_OK;
}

/* ---- a GGUF file as the source
 * --------------------------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
    const struct gguf_value *x = ((const struct quantize_value *)a)->value,
                            *y = ((const struct quantize_value *)b)->value;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* All of it in the order of the file, but what is said of the types. */
static int copy_values(struct gguf_writer *w, const struct gguf *file, struct attune_error *err)
{
    size_t n = gguf_n_values(file);
    struct quantize_value *all = calloc(n + 1, sizeof *all);

    if (!all) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        all[i].value = gguf_value_at(file, i, &all[i].key);
    }
    qsort(all, n, sizeof *all, by_offset);
    for (size_t i = 0; i < n; i++) {
        static const char *const replaced[] = {"general.file_type", "general.quantization_version",
                                               "general.alignment"};
        bool skip = false;

        for (size_t k = 0; k < sizeof replaced / sizeof *replaced; k++) {
            skip = skip || (all[i].key.len == strlen(replaced[k]) &&
                            memcmp(all[i].key.s, replaced[k], all[i].key.len) == 0);
        }
        if (!skip) {
            gguf_write_value(w, all[i].key, all[i].value);
        }
    }
    free(all);
    return ATTUNE_OK;
}

static int list_gguf(struct quantize_list *out, const struct gguf *file, struct attune_error *err)
{
    for (size_t i = 0; i < gguf_n_tensors(file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(file, i);
        struct quantize_item item = {
            .n_dims = t->n_dims,
            .from = quant_by_ggml(t->type),
            .n_rows = (size_t)(t->dims[1] * t->dims[2] * t->dims[3]),
            .parts = {{t->data, (size_t)(t->dims[1] * t->dims[2] * t->dims[3])}},
        };

        if (t->name.len >= sizeof item.name) {
            return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "a tensor's name has %zu bytes",
                                    t->name.len);
        }
        memcpy(item.name, t->name.s, t->name.len);
        memcpy(item.dims, t->dims, sizeof item.dims);
        if (!item.from) {
            return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                    "tensor %.64s is stored as %s, which is not supported",
                                    item.name, gguf_tensor_type_name(t->type));
        }
        if (quantize_add(out, &item) != ATTUNE_OK) {
            return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        }
    }
    return ATTUNE_OK;
}

int quantize_add(struct quantize_list *list, const struct quantize_item *item)
{
    if (list->n == list->capacity) {
        size_t capacity = 2 * list->capacity + 64;
        struct quantize_item *grown = realloc(list->items, capacity * sizeof *grown);

        if (!grown) {
            return ATTUNE_MEMORY;
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->n++] = *item;
    return ATTUNE_OK;
}

/* ---- rows
 * ------------------------------------------------------------------------------------------ */

struct converting {
    const struct quantize_item *item;
    unsigned char *out;
    float *rows; /* [threads, cols] */
    struct attune_progress *progress;
};

/* Row i of the new tensor: the parts stand one below the other; heads whose halves turn together
 * become heads whose neighbours do (row 2i + h of a head was row h * half + i). */
static const unsigned char *source_row(const struct quantize_item *item, size_t i, size_t row_bytes)
{
    size_t part = 0;

    while (i >= item->parts[part].n_rows) {
        i -= item->parts[part++].n_rows;
    }
    if (item->head_rows) {
        size_t half = item->head_rows / 2, at = i % item->head_rows;

        i = i - at + at % 2 * half + at / 2;
    }
    return (const unsigned char *)item->parts[part].data + i * row_bytes;
}

static void convert_rows(void *arg, int part, int n_parts)
{
    const struct converting *job = arg;
    const struct quantize_item *item = job->item;
    size_t cols = (size_t)item->dims[0], first, last;
    size_t row_in = quant_row_bytes(item->from, cols), row_out = quant_row_bytes(item->to, cols);
    float *row = job->rows + (size_t)part * cols;

    team_share(item->n_rows, 1, part, n_parts, &first, &last);
    for (size_t i = first; i < last; i++) {
        const unsigned char *from = source_row(item, i, row_in);

        if (job->progress && atomic_load(&job->progress->cancel)) {
            return;
        }
        if (item->from == item->to) {
            memcpy(job->out + i * row_out, from, row_in);
        } else {
            item->from->to_float(row, from, cols);
            item->to->from_float(job->out + i * row_out, row, cols);
        }
        if (job->progress) {
            atomic_fetch_add(&job->progress->done, row_in);
        }
    }
}

static int convert_all(struct gguf_writer *w, const struct quantize_list *list, int n_threads,
                       struct attune_progress *progress, struct attune_error *err)
{
    struct team *team = NULL;
    size_t longest = 0;
    float *rows;
    int status = team_new(&team, n_threads, err);

    for (size_t i = 0; i < list->n; i++) {
        longest = list->items[i].dims[0] > longest ? (size_t)list->items[i].dims[0] : longest;
    }
    rows = calloc(longest * (size_t)n_threads + 1, sizeof *rows);
    if (!rows && status == ATTUNE_OK) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < list->n && status == ATTUNE_OK; i++) {
        struct converting job = {&list->items[i], gguf_write_data(w, i), rows, progress};

        team_run(team, convert_rows, &job);
        if (progress && atomic_load(&progress->cancel)) {
            status = attune_error_set(err, ATTUNE_CANCELLED, 0, "cancelled: nothing was written");
        }
    }
    free(rows);
    team_free(team);
    return status;
}

/* ---- the whole
 * ------------------------------------------------------------------------------------- */

static int check_paths(const char *in, const char *out, size_t kind, const char *type,
                       struct attune_error *err)
{
    struct stat a, b;

    if (kind == sizeof kinds / sizeof *kinds) {
        return attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "no type '%.32s' to write: there are f32, f16, bf16, q8_0, q5_0, q4_0, q4_k "
            "and q6_k",
            type);
    }
    if (stat(in, &a) == 0 && stat(out, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the new file would replace the one it is made of");
    }
    return ATTUNE_OK;
}

/* Names, types and sizes of all, then the room for them. */
static int begin(struct gguf_writer *w, struct quantize_list *list, size_t kind,
                 struct attune_quantize_result *result, struct attune_error *err)
{
    int status = choose_types(list, kind, result, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (kinds[kind].file_type > 1 && kinds[kind].file_type != 32) {
        gguf_write_u32(w, "general.quantization_version", 2);
    }
    gguf_write_u32(w, "general.file_type", kinds[kind].file_type);
    for (size_t i = 0; i < list->n; i++) {
        const struct quantize_item *item = &list->items[i];

        gguf_write_tensor(w, (struct gguf_text){item->name, strlen(item->name)},
                          item->to->ggml_type, item->n_dims, item->dims, item->n_bytes);
    }
    return gguf_write_begin(w, err);
}

/* The data, and the file under its name. */
static int finish(struct gguf_writer *w, const struct quantize_list *list, int n_threads,
                  const struct attune_quantize_result *result, struct attune_progress *progress,
                  struct attune_error *err)
{
    int status;

    if (progress) {
        atomic_store(&progress->done, 0);
        atomic_store(&progress->total, (size_t)result->bytes_in);
    }
    status = convert_all(w, list, n_threads, progress, err);
    return status ? status : gguf_write_commit(w, progress, err);
}

static int from_gguf(struct gguf_writer *w, const char *in, size_t kind, int n_threads,
                     struct attune_quantize_result *result, struct attune_progress *progress,
                     struct attune_error *err)
{
    struct quantize_list list = {0};
    struct gguf *file = NULL;
    int status = gguf_open(&file, in, err);

    if (status == ATTUNE_OK) {
        status = copy_values(w, file, err);
    }
    if (status == ATTUNE_OK) {
        status = list_gguf(&list, file, err);
    }
    if (status == ATTUNE_OK) {
        status = begin(w, &list, kind, result, err);
    }
    if (status == ATTUNE_OK) {
        status = finish(w, &list, n_threads, result, progress, err);
    }
    free(list.items);
    gguf_close(file);
    return status;
}

/* Rows in order, all threads at work. */
static int settle(const struct attune_model *model, int n_threads, struct attune_progress *progress,
                  struct attune_error *err)
{
    struct team *team = NULL;
    int status = team_new(&team, n_threads, err);

    if (status == ATTUNE_OK) {
        status = model_settle(model, team, progress, err);
    }
    team_free(team);
    return status;
}

/* What the file says is read back before its data is written. */
static int from_folder(struct gguf_writer *w, const char *in, size_t kind, int n_threads,
                       struct attune_quantize_result *result, struct attune_progress *progress,
                       struct attune_error *err)
{
    struct quantize_list list = {.fresh = true};
    struct attune_model *model = NULL;
    char snapshot[4096];
    int status = attune_model_open(&model, in, NULL, progress, err);

    if (status == ATTUNE_OK) {
        status = settle(model, n_threads, progress, err);
    }
    if (status == ATTUNE_OK) {
        status = convert_model(w, &list, model, result->note, err);
    }
    if (status == ATTUNE_OK) {
        status = tokenizer_write_chat(w, hub_snapshot(snapshot, in) ? snapshot : in, err);
    }
    if (status == ATTUNE_OK) {
        status = begin(w, &list, kind, result, err);
    }
    if (status == ATTUNE_OK) {
        status = convert_verify(gguf_write_path(w), model, result->note, err);
    }
    if (status == ATTUNE_OK) {
        status = finish(w, &list, n_threads, result, progress, err);
    }
    free(list.items);
    attune_model_close(model);
    return status;
}

int attune_quantize(struct attune_quantize_result *result, const char *in, const char *out,
                    const char *type, int n_threads, struct attune_progress *progress,
                    struct attune_error *err)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct gguf_writer *w = NULL;
    struct stat st;
    size_t kind = find_kind(type);
    bool folder = stat(in, &st) == 0 && S_ISDIR(st.st_mode);
    int status = check_paths(in, out, kind, type, err);

    *result = (struct attune_quantize_result){0};
    n_threads = n_threads > 0 ? n_threads : cores > 0 ? (int)cores : 1;
    if (status == ATTUNE_OK) {
        status = gguf_write_new(&w, out, err);
    }
    if (status == ATTUNE_OK) {
        status = (folder ? from_folder : from_gguf)(w, in, kind, n_threads, result, progress, err);
    }
    gguf_write_free(w);
    return status;
}
