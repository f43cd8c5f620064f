/* Maps in files: every format holds the weights that the library gives, pictures open and show
 * them, and what cannot be written says why. */
#include <config.h>

#include "tests/tui/verb.h"

#include <attune/attention.h>
#include <attune/tensors.h>

#include <cairo.h>
#include <math.h>
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

#include "tui/map.h"

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})
#define MODEL        "attention", "-m", "GOLDEN/gguf/llama-f32/model.gguf"
#define IDS          "--ids", "1,5,9,5,9,14,20,7"
enum { T = 8, LAYER = 1, HEAD = 2 };

static char folder[64];

static int make_folder(void **state)
{
    strcpy(folder, "/tmp/attune-map-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    return rmdir(folder);
}

static const char *in_folder(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%s", folder, name);
    return out;
}

/* All maps of the model on the ids, [layers, heads, T, T]. */
static float *all_maps(struct attune_attention_shape *shape)
{
    static const attune_token ids[T] = {1, 5, 9, 5, 9, 14, 20, 7};
    struct attune_context_options options = {.n_threads = 1};
    struct attune_model *model;
    struct attune_context *ctx;
    char path[512];
    float *maps;

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    assert_int_equal(attune_model_open(&model, path, NULL, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_new(&ctx, model, &options, NULL), ATTUNE_OK);
    assert_int_equal(attune_context_append(ctx, ids, T, NULL, NULL), ATTUNE_OK);
    assert_int_equal(attune_attention_shape(shape, ctx, ATTUNE_STACK_SELF, NULL), ATTUNE_OK);
    maps = calloc((size_t)(shape->n_layers * shape->n_heads), T * T * sizeof *maps);
    for (int i = 0; i < shape->n_layers * shape->n_heads; i++) {
        assert_int_equal(attune_attention_slice(ctx, ATTUNE_STACK_SELF, i / shape->n_heads,
                                                i % shape->n_heads, 0, T, 0, T,
                                                maps + (size_t)i * T * T, NULL),
                         ATTUNE_OK);
    }
    attune_context_free(ctx);
    attune_model_close(model);
    return maps;
}

static void write_one(const char *path, bool all)
{
    struct verb_result r;

    if (all) {
        CALL(&r, MODEL, IDS, "--all", "-o", path);
    } else {
        CALL(&r, MODEL, IDS, "--layer", "1", "--head", "2", "-o", path);
    }
    if (r.status != CLI_OK) {
        fail_msg("%s", r.err);
    }
    assert_string_equal(r.out, "");
    verb_done(&r);
}

static char *read_all(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *bytes = calloc(1, 1 << 22);

    assert_non_null(f);
    *len = fread(bytes, 1, (1 << 22) - 1, f);
    fclose(f);
    return bytes;
}

static void arrays_hold_the_weights(void **state)
{
    struct attune_attention_shape shape;
    float *maps = all_maps(&shape);
    const float *one = maps + (size_t)(LAYER * shape.n_heads + HEAD) * T * T;
    size_t n_all = (size_t)(shape.n_layers * shape.n_heads) * T * T * sizeof *maps, len;
    struct attune_tensors *file;
    char path[128], wanted[32], shown[96], *bytes;

    for (int all = 0; all < 2; all++) {
        size_t n = all ? n_all : T * T * sizeof *maps;
        const float *expected = all ? maps : one;

        write_one(in_folder(path, "a.safetensors"), all);
        assert_int_equal(attune_tensors_open(&file, path, NULL), ATTUNE_OK);
        assert_int_equal(attune_tensors_at(file, 0)->n_dims, all ? 4 : 2);
        assert_int_equal(attune_tensors_find(file, "attention")->n_bytes, n);
        assert_memory_equal(attune_tensors_find(file, "attention")->data, expected, n);
        attune_tensors_close(file);
        unlink(path);

        write_one(in_folder(path, "a.npy"), all);
        bytes = read_all(path, &len);
        assert_memory_equal(bytes, "\x93NUMPY\x01\x00", 8);
        assert_int_equal((len - n) % 64, 0);
        assert_int_equal(len - n, 10 + (unsigned char)bytes[8] + 256 * (unsigned char)bytes[9]);
        snprintf(wanted, sizeof wanted, "%d, %d, ", shape.n_layers, shape.n_heads);
        snprintf(shown, sizeof shown, "'shape': (%s%d, %d)", all ? wanted : "", T, T);
        bytes[len - n - 1] = '\0';
        assert_non_null(strstr(bytes + 10, shown));
        assert_memory_equal(bytes + len - n, expected, n);
        free(bytes);
        unlink(path);
    }
    free(maps);
}

static void text_holds_the_weights(void **state)
{
    struct attune_attention_shape shape;
    float *maps = all_maps(&shape);
    const float *one = maps + (size_t)(LAYER * shape.n_heads + HEAD) * T * T;
    char path[128], *bytes, *at;
    size_t len;
    json_t *json;
    struct verb_result r;

    write_one(in_folder(path, "a.json"), false);
    json = json_load_file(path, 0, NULL);
    CALL(&r, MODEL, IDS, "--layer", "1", "--head", "2", "--json");
    assert_true(json_equal(json, r.json));
    assert_string_equal(verb_text(json, "kind"), "self");
    assert_int_equal((int)verb_number(json, "layer"), LAYER);
    assert_int_equal(json_array_size(verb_list(json, "rows")), T);
    for (size_t i = 0; i < T * T; i++) {
        const json_t *row = json_array_get(verb_list(json, "weights"), i / T);

        assert_true((float)json_number_value(json_array_get(row, i % T)) == one[i]);
    }
    json_decref(json);
    verb_done(&r);
    unlink(path);

    write_one(in_folder(path, "a.csv"), false);
    at = bytes = read_all(path, &len);
    assert_memory_equal(bytes, "query,\"", 7);
    for (size_t q = 0; q < T; q++) {
        at =
            strchr(at, '\n') + 2; /* behind the quote before the token, which may be a line break */
        at = strstr(at, "\",") + 1;
        for (size_t k = 0; k < T; k++) {
            assert_int_equal(*at, ',');
            assert_true((float)strtod(at + 1, &at) == one[q * T + k]);
        }
    }
    free(bytes);
    unlink(path);
    free(maps);
}

/* Scores by the verb are those of the library, and sorted when asked. */
static void scores_of_all_heads(void **state)
{
    struct verb_result r, table;
    double before = INFINITY;
    char path[128], *bytes;
    size_t len, lines = 0;
    int n;

    CALL(&r, MODEL, IDS, "--scores", "--sort", "distance", "--json");
    assert_int_equal(r.status, CLI_OK);
    n = (int)json_array_size(verb_list(r.json, "heads"));
    assert_true(n > 4);
    for (int i = 0; i < n; i++) {
        const json_t *head = json_array_get(verb_list(r.json, "heads"), (size_t)i);

        assert_true(verb_number(head, "distance") <= before);
        before = verb_number(head, "distance");
        assert_true(json_is_null(json_object_get(head, "next")));
        assert_true(strlen(verb_text(head, "pattern")) > 0);
    }
    verb_done(&r);
    CALL(&table, MODEL, IDS, "--scores");
    assert_non_null(strstr(table.out, "induction"));
    for (const char *at = table.out; *at; at++) {
        lines += *at == '\n';
    }
    assert_int_equal(lines, n + 1);
    verb_done(&table);
    write_one(in_folder(path, "a.csv"), true);
    bytes = read_all(path, &len);
    lines = 0;
    for (const char *at = bytes; *at; at++) {
        lines += *at == '\n';
    }
    assert_int_equal(lines, n + 1);
    free(bytes);
    unlink(path);
    CALL(&r, MODEL, IDS, "--scores", "--sort", "beauty");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
}

/* Pixels that are no grey belong to cells: a picture without them shows no map. */
static size_t coloured_pixels(const char *path, int *width, int *height)
{
    cairo_surface_t *s = cairo_image_surface_create_from_png(path);
    const unsigned char *data;
    size_t n = 0;

    assert_int_equal(cairo_surface_status(s), CAIRO_STATUS_SUCCESS);
    *width = cairo_image_surface_get_width(s);
    *height = cairo_image_surface_get_height(s);
    data = cairo_image_surface_get_data(s);
    for (int y = 0; y < *height; y++) {
        const unsigned char *row = data + y * cairo_image_surface_get_stride(s);

        for (int x = 0; x < *width; x++) {
            int low = row[4 * x] < row[4 * x + 1] ? row[4 * x] : row[4 * x + 1],
                high = row[4 * x] > row[4 * x + 1] ? row[4 * x] : row[4 * x + 1];

            n += high - low > 30;
        }
    }
    cairo_surface_destroy(s);
    return n;
}

static void pictures_open(void **state)
{
    char path[128], *bytes;
    size_t len;
    int width, height;

    for (int all = 0; all < 2; all++) {
        write_one(in_folder(path, "a.png"), all);
        assert_true(coloured_pixels(path, &width, &height) > 2000);
        assert_true(width > 400 && width < 4000 && height > 300 && height < 4000);
        unlink(path);
        write_one(in_folder(path, "a.svg"), all);
        bytes = read_all(path, &len);
        assert_non_null(strstr(bytes, "<svg"));
        assert_non_null(strstr(bytes, "</svg>"));
        free(bytes);
        unlink(path);
        write_one(in_folder(path, "a.pdf"), all);
        bytes = read_all(path, &len);
        assert_memory_equal(bytes, "%PDF-", 5);
        assert_non_null(strstr(bytes + len - 16, "%%EOF"));
        free(bytes);
        unlink(path);
    }
}

static void pages_and_coloured_text(void **state)
{
    char path[128], *bytes;
    size_t len, cells = 0;

    write_one(in_folder(path, "a.html"), false);
    bytes = read_all(path, &len);
    for (const char *at = bytes; (at = strstr(at, "<td style=\"background:#")); at++) {
        cells++;
    }
    assert_int_equal(cells, T * (T + 1) / 2);
    assert_non_null(strstr(bytes, "&lt;s>")); /* the begin token's spelling cannot be a tag */
    assert_null(strstr(bytes, "<s>"));
    free(bytes);
    unlink(path);
    write_one(in_folder(path, "a.ansi"), false);
    bytes = read_all(path, &len);
    cells = 0;
    for (const char *at = bytes; (at = strstr(at, "m  ")); at++) {
        cells++;
    }
    assert_true(cells >= T * T);
    free(bytes);
    unlink(path);
    write_one(in_folder(path, "a.txt"), false);
    bytes = read_all(path, &len);
    assert_non_null(strstr(bytes, "layer 1 of"));
    assert_non_null(strstr(bytes, "|@       |"));
    free(bytes);
    unlink(path);
}

/* Sinks are in no picture, but stay in the numbers. */
static void sinks_leave_pictures(void **state)
{
    struct verb_result r;
    char path[128], *bytes;
    size_t len, cells = 0;

    CALL(&r, MODEL, IDS, "--no-sinks", "-o", in_folder(path, "a.html"));
    assert_int_equal(r.status, CLI_OK);
    verb_done(&r);
    bytes = read_all(path, &len);
    for (const char *at = bytes; (at = strstr(at, "<td style=\"background:#")); at++) {
        cells++;
    }
    assert_int_equal(cells, T * (T + 1) / 2 - T);
    free(bytes);
    unlink(path);
}

static void what_cannot_be_written_says_why(void **state)
{
    struct verb_result r;
    char path[128], partial[160];

    CALL(&r, MODEL, IDS, "-o", in_folder(path, "a.bmp"));
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, ".png"));
    verb_done(&r);
    CALL(&r, MODEL, IDS, "-o", in_folder(path, "no/such/place.png"));
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "No such file"));
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--all", "-o", in_folder(path, "a.html"));
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, ".npy"));
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--layer", "99", "-o", in_folder(path, "a.csv"));
    assert_int_equal(r.status, CLI_FAILED);
    assert_int_not_equal(access(path, F_OK), 0); /* nothing half written is left behind */
    snprintf(partial, sizeof partial, "%s.part", path);
    assert_int_not_equal(access(partial, F_OK), 0);
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--all");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--scale", "cubic");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "--scale cubic"));
    verb_done(&r);
    assert_int_equal(mkdir(in_folder(path, "d.csv"), 0700), 0);
    CALL(&r, MODEL, IDS, "-o", path); /* a folder has that name */
    assert_int_equal(r.status, CLI_FAILED);
    verb_done(&r);
    assert_int_equal(rmdir(path), 0);
}

static void labels_fit_and_show_what_cannot_be_seen(void **state)
{
    static const struct {
        const char *bytes, *shown;
        int columns;
    } cases[] = {
        {" the", "\u00b7the", 9},           {"\n", "\u21b5", 9}, {"abcdefgh", "abcdefgh", 8},
        {"abcdefghi", "abcdefg\u2026", 8},  {"\x01", "^A", 9},   {"\xff", "<FF>", 9},
        {"\u65e5\u672c", "\u65e5\u2026", 3}};
    char out[64];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct map_token token = {(char *)cases[i].bytes, strlen(cases[i].bytes)};

        map_label(out, sizeof out, &token, cases[i].columns);
        assert_string_equal(out, cases[i].shown);
    }
}

static void formats_are_whole(void **state)
{
    for (size_t i = 0; i < map_formats(); i++) {
        char path[64];

        snprintf(path, sizeof path, "some.where/a.b.%s", map_format(i)->name);
        assert_ptr_equal(map_find(path), map_format(i));
        assert_non_null(map_format(i)->write);
        assert_true(strlen(map_format(i)->help) > 5);
    }
    assert_null(map_find("csv"));
    assert_null(map_find("a.csv/b"));
    assert_null(map_format(map_formats()));
}

/* A sum of two heads is their sum; what a mixture is of stands beside the weights. */
static void mixtures(void **state)
{
    static const char *const wrong[][3] = {{"--mix", "sum", "a sum wants --heads"},
                                           {"--mix", "median", "there are mean"}};
    struct attune_attention_shape shape;
    float *maps = all_maps(&shape);
    struct verb_result r;
    char path[128], *bytes;
    size_t len;

    CALL(&r, MODEL, IDS, "--heads", "0.1:0.5,1.2:2", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_string_equal(verb_text(r.json, "mix"), "sum");
    assert_string_equal(verb_text(r.json, "heads"), "0.1:0.5,1.2:2");
    for (size_t i = 0; i < T * T; i++) {
        double want = 0.5 * (double)maps[1 * T * T + i] +
                      2 * (double)maps[(size_t)(shape.n_heads + 2) * T * T + i],
               got = json_number_value(
                   json_array_get(json_array_get(verb_list(r.json, "weights"), i / T), i % T));

        assert_true(fabs(want - got) < 1e-6);
    }
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--mix", "rollout", "--layer", "0", "--json");
    assert_true(verb_number(r.json, "layer") == 0);
    verb_done(&r);
    in_folder(path, "a.svg");
    CALL(&r, MODEL, IDS, "--mix", "mean", "-o", path);
    assert_int_equal(r.status, CLI_OK);
    verb_done(&r);
    bytes = read_all(path, &len);
    assert_true(len > 1000);
    free(bytes);
    unlink(path);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CALL(&r, MODEL, IDS, wrong[i][0], wrong[i][1]);
        assert_int_equal(r.status, CLI_USAGE);
        assert_non_null(strstr(r.err, wrong[i][2]));
        verb_done(&r);
    }
    CALL(&r, MODEL, IDS, "--mix", "mean", "--scores");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    free(maps);
}

/* --why and --contributions add up to what they say. */
static void why(void **state)
{
    struct verb_result r;
    const json_t *list;
    double sum = 0;

    CALL(&r, MODEL, IDS, "--layer", "1", "--head", "2", "--why", "5,3", "--json");
    assert_int_equal(r.status, CLI_OK);
    list = verb_list(r.json, "products");
    for (size_t i = 0; i < json_array_size(list); i++) {
        sum += json_number_value(json_array_get(list, i));
    }
    assert_true(json_array_size(list) > 0 && fabs(sum - verb_number(r.json, "sum")) < 1e-5);
    assert_true(fabs(verb_number(r.json, "sum") + verb_number(r.json, "added") -
                     verb_number(r.json, "score")) < 1e-6);
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--why", "5,6");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "comes later"));
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--why", "5");
    assert_int_equal(r.status, CLI_FAILED);
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--contributions", "--token", "17", "--json");
    assert_int_equal(r.status, CLI_OK);
    list = verb_list(r.json, "heads");
    sum = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        sum += verb_number(json_array_get(list, i), "contribution");
    }
    assert_true(fabs(sum - verb_number(r.json, "heads_sum")) < 1e-6);
    assert_true(verb_number(r.json, "id") == 17);
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--contributions", "--token", "17", "--against", "18", "--position", "3");
    assert_int_equal(r.status, CLI_OK);
    assert_non_null(strstr(r.out, "1 / sigma"));
    verb_done(&r);
    CALL(&r, MODEL, IDS, "--contributions", "--position", "99");
    assert_int_equal(r.status, CLI_FAILED);
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_hold_the_weights),
        cmocka_unit_test(text_holds_the_weights),
        cmocka_unit_test(scores_of_all_heads),
        cmocka_unit_test(pictures_open),
        cmocka_unit_test(mixtures),
        cmocka_unit_test(why),
        cmocka_unit_test(pages_and_coloured_text),
        cmocka_unit_test(sinks_leave_pictures),
        cmocka_unit_test(what_cannot_be_written_says_why),
        cmocka_unit_test(labels_fit_and_show_what_cannot_be_seen),
        cmocka_unit_test(formats_are_whole),
    };

    return cmocka_run_group_tests_name("cmd_attention", tests, make_folder, remove_folder);
}
