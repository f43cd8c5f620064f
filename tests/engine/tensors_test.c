#include <config.h>

#include <attune/tensors.h>

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

static const char file_name[] = "tensors_test.safetensors";

static void write_bytes(const void *data, size_t len)
{
    FILE *f = fopen(file_name, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void a_golden_file_says_what_stands_in_it(void **state)
{
    struct attune_tensors *file;
    struct attune_error err;
    const struct attune_tensor *t;
    char path[4096];

    snprintf(path, sizeof path, "%s/hf/llama-gqa-tied/model.safetensors", getenv("ATTUNE_GOLDEN"));
    assert_int_equal(attune_tensors_open(&file, path, &err), ATTUNE_OK);
    assert_int_equal(attune_tensors_count(file), 29);
    t = attune_tensors_find(file, "model.layers.0.self_attn.k_proj.weight");
    assert_non_null(t);
    assert_string_equal(t->dtype, "F32");
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->shape[0], 16);
    assert_int_equal(t->shape[1], 64);
    assert_int_equal(t->n_bytes, 16 * 64 * 4);
    assert_null(attune_tensors_find(file, "__metadata__"));
    assert_null(attune_tensors_at(file, 29));
    for (size_t i = 0; i < attune_tensors_count(file); i++) {
        t = attune_tensors_at(file, i);
        assert_ptr_equal(attune_tensors_find(file, t->name), t);
    }
    attune_tensors_close(file);
}

static void what_is_written_is_read_back(void **state)
{
    const float x[6] = {1, 2, 3, -4, 5.5f, 0};
    const int64_t ids[2] = {7, -1};
    const struct attune_tensor list[] = {
        {"x \"quoted\" é", "F32", 2, {2, 3}, x, sizeof x},
        {"ids", "I64", 1, {2}, ids, sizeof ids},
        {"empty", "U8", 2, {0, 4}, "", 0},
        {"scalar", "F32", 0, {0}, x, 4},
    };
    struct attune_tensors *file;
    struct attune_error err = {0};
    uint64_t header;
    FILE *f;

    assert_int_equal(attune_tensors_write(file_name, list, 4, &err), ATTUNE_OK);
    assert_int_equal(attune_tensors_write(file_name, list, 4, NULL), ATTUNE_OK); /* over itself */
    assert_int_equal(attune_tensors_open(&file, file_name, &err), ATTUNE_OK);
    assert_int_equal(attune_tensors_count(file), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct attune_tensor *t = attune_tensors_find(file, list[i].name);

        assert_non_null(t);
        assert_string_equal(t->dtype, list[i].dtype);
        assert_int_equal(t->n_dims, list[i].n_dims);
        assert_memory_equal(t->shape, list[i].shape, sizeof *t->shape * (size_t)t->n_dims);
        assert_int_equal(t->n_bytes, list[i].n_bytes);
        assert_memory_equal(t->data, list[i].data, t->n_bytes);
    }
    attune_tensors_close(file);
    f = fopen(file_name, "rb");
    assert_non_null(f);
    assert_int_equal(fread(&header, sizeof header, 1, f), 1);
    assert_int_equal(header % 8, 0);
    fclose(f);
    unlink(file_name);
}

static void what_contradicts_itself_is_not_written(void **state)
{
    const float x[2] = {1, 2};
    struct attune_tensor list[] = {{"x", "F32", 1, {2}, x, sizeof x},
                                   {"y", "F32", 1, {2}, x, sizeof x}};
    struct attune_error err;

    list[1].n_bytes = 4;
    assert_int_equal(attune_tensors_write(file_name, list, 2, &err), ATTUNE_ARGUMENT);
    list[1] = list[0];
    assert_int_equal(attune_tensors_write(file_name, list, 2, &err), ATTUNE_ARGUMENT);
    list[1].name = "y";
    list[1].dtype = "F33";
    assert_int_equal(attune_tensors_write(file_name, list, 2, &err), ATTUNE_ARGUMENT);
    list[1].dtype = "F32";
    list[1].name = "\xff";
    assert_int_equal(attune_tensors_write(file_name, list, 2, &err), ATTUNE_ARGUMENT);
    assert_int_not_equal(access(file_name, F_OK), 0);
    list[1].name = "y";
    assert_int_equal(attune_tensors_write("no/such/folder/x.safetensors", list, 2, &err),
                     ATTUNE_IO);
    assert_non_null(strstr(err.text, "no/such/folder/x.safetensors: cannot be written: "));
}

/* A header's text as a file with `data` zero bytes behind it. */
static int open_header(const char *header, size_t data, struct attune_error *err)
{
    unsigned char bytes[1024] = {0};
    uint64_t len = strlen(header);
    struct attune_tensors *file;
    int status;

    memcpy(bytes, &len, sizeof len);
    memcpy(bytes + sizeof len, header, len);
    write_bytes(bytes, sizeof len + len + data);
    status = attune_tensors_open(&file, file_name, err);
    attune_tensors_close(file);
    unlink(file_name);
    return status;
}

static void hostile_headers_are_refused(void **state)
{
    static const struct {
        const char *header, *words;
    } cases[] = {
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}",
         "contradict each other"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}",
         "before tensor x does: cut short"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "data_offsets"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", "data_offsets"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,9]}}", "data_offsets"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}",
         "contradict"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,8]}}", "no list of sizes"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}",
         "more than 8"},
        {"{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "no shape"},
        {"{\"x\":{\"dtype\":\"Q9\",\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype Q9"},
        {"{\"x\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "no dtype"},
        {"{\"x\":7}", "no dtype"},
        {"{\"x\":{},\"x\":{}}", "header: "},
        {"{\"x\":", "header: "},
        {"[]", "no safetensors file"},
    };
    struct attune_error err;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_not_equal(open_header(cases[i].header, 8, &err), ATTUNE_OK);
        if (!strstr(err.text, cases[i].words)) {
            fail_msg("'%s' does not say '%s'", err.text, cases[i].words);
        }
    }
    assert_int_equal(
        open_header("{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, &err),
        ATTUNE_OK);
    assert_int_equal(open_header("{}", 0, &err), ATTUNE_OK);
}

static void lengths_that_lie_are_refused(void **state)
{
    static const uint64_t lengths[] = {0, 1, 3, 9, UINT64_MAX, UINT64_MAX - 7, (uint64_t)1 << 63};
    struct attune_tensors *file;
    struct attune_error err;

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        unsigned char bytes[10] = {0};

        memcpy(bytes, &lengths[i], sizeof *lengths);
        bytes[8] = '{';
        bytes[9] = '}';
        write_bytes(bytes, sizeof bytes);
        assert_int_equal(attune_tensors_open(&file, file_name, &err), ATTUNE_FORMAT);
    }
    write_bytes("{}", 2);
    assert_int_equal(attune_tensors_open(&file, file_name, &err), ATTUNE_FORMAT);
    write_bytes("", 0);
    assert_int_equal(attune_tensors_open(&file, file_name, &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "empty file"));
    unlink(file_name);
    assert_int_equal(attune_tensors_open(&file, file_name, &err), ATTUNE_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_golden_file_says_what_stands_in_it),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(what_contradicts_itself_is_not_written),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(lengths_that_lie_are_refused),
    };
    return cmocka_run_group_tests_name("tensors", tests, NULL, NULL);
}
