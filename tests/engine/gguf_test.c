#include <config.h>

#include "engine/gguf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char *golden(const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/gguf/%s/model.gguf", getenv("ATTUNE_GOLDEN"), name);
    return path;
}

static void a_good_file_says_what_stands_in_it(void **state)
{
    struct gguf *file;
    struct attune_error err;
    struct gguf_text text;
    uint64_t u;
    double x;
    bool found = false;

    assert_int_equal(gguf_open(&file, golden("llama-q8_0"), &err), ATTUNE_OK);
    assert_true(gguf_get_text(file, "general.architecture", &text));
    assert_int_equal(text.len, 5);
    assert_memory_equal(text.s, "llama", 5);
    assert_true(gguf_get_u64(file, "llama.block_count", &u));
    assert_int_equal(u, 2);
    assert_true(gguf_get_f64(file, "llama.attention.layer_norm_rms_epsilon", &x));
    assert_true(x > 0 && x < 1e-3);
    assert_false(gguf_get_u64(file, "no.such.key", &u));
    assert_false(gguf_get_u64(file, "general.architecture", &u));
    assert_false(gguf_get_text(file, "llama.block_count", &text));
    assert_int_equal(gguf_find(file, "tokenizer.ggml.tokens")->of, GGUF_STRING);
    for (size_t i = 0; i < gguf_n_tensors(file); i++) {
        const struct gguf_tensor *t = gguf_tensor_at(file, i);

        if (t->name.len == 17 && memcmp(t->name.s, "token_embd.weight", 17) == 0) {
            found = true;
            assert_int_equal(t->n_dims, 2);
            assert_int_equal(t->n_bytes, t->dims[0] / 32 * 34 * t->dims[1]);
            assert_string_equal(gguf_tensor_type_name(t->type), "Q8_0");
        }
    }
    assert_true(found);
    gguf_close(file);
}

/* A file made by hand: the header's bytes, then what a case adds. */
struct bytes {
    unsigned char data[512];
    size_t len;
};

static void put(struct bytes *b, const void *data, size_t len)
{
    assert_true(b->len + len <= sizeof b->data);
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static void put32(struct bytes *b, uint32_t x)
{
    put(b, &x, sizeof x);
}

static void put64(struct bytes *b, uint64_t x)
{
    put(b, &x, sizeof x);
}

static void put_text(struct bytes *b, const char *text)
{
    put64(b, strlen(text));
    put(b, text, strlen(text));
}

static void start(struct bytes *b, uint32_t version, uint64_t n_tensors, uint64_t n_pairs)
{
    b->len = 0;
    put(b, "GGUF", 4);
    put32(b, version);
    put64(b, n_tensors);
    put64(b, n_pairs);
}

static void put_tensor(struct bytes *b, uint64_t d0, uint64_t d1, uint32_t type, uint64_t offset)
{
    put_text(b, "w");
    put32(b, 2);
    put64(b, d0);
    put64(b, d1);
    put32(b, type);
    put64(b, offset);
}

/* Writes b, opens it, and holds the message against the words it has to contain (NULL: opens). */
static void opens_with(const struct bytes *b, const char *words)
{
    char path[] = "gguf_test.XXXXXX";
    int fd = mkstemp(path);
    struct gguf *file = NULL;
    struct attune_error err = {0};
    int status;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, b->data, b->len), (ssize_t)b->len);
    close(fd);
    status = gguf_open(&file, path, &err);
    unlink(path);
    gguf_close(file);
    if (words) {
        assert_int_not_equal(status, ATTUNE_OK);
        if (!strstr(err.text, words)) {
            fail_msg("'%s' does not say '%s'", err.text, words);
        }
    } else {
        assert_string_equal(err.text, "");
        assert_int_equal(status, ATTUNE_OK);
    }
}

static void what_is_wrong_is_named(void **state)
{
    struct bytes b = {{0}, 0};

    opens_with(&b, "empty file");
    put(&b, "PK\3\4", 4);
    opens_with(&b, "not a GGUF file");
    start(&b, 1, 0, 0);
    opens_with(&b, "version 1 (2 and 3 can be read)");
    start(&b, 0x03000000, 0, 0);
    opens_with(&b, "big endian");
    start(&b, 3, 0, 0);
    opens_with(&b, NULL);
    b.len -= 1;
    opens_with(&b, "cut short");
    start(&b, 3, UINT64_MAX, 0);
    opens_with(&b, "claims 18446744073709551615 tensors");
    start(&b, 3, 0, UINT64_MAX / 13);
    opens_with(&b, "metadata keys, more than it can hold");
}

static void hostile_metadata_is_refused(void **state)
{
    struct bytes b;

    start(&b, 3, 0, 1);
    put64(&b, UINT64_MAX - 8);
    put64(&b, 0);
    opens_with(&b, "claims 18446744073709551607 bytes");
    start(&b, 3, 0, 1);
    put_text(&b, "k");
    put32(&b, 77);
    put64(&b, 0);
    opens_with(&b, "key k has a value of unknown type 77");
    start(&b, 3, 0, 1);
    put_text(&b, "k");
    put32(&b, GGUF_ARRAY);
    put32(&b, GGUF_ARRAY);
    put64(&b, 1);
    opens_with(&b, "an array of arrays");
    start(&b, 3, 0, 1);
    put_text(&b, "k");
    put32(&b, GGUF_ARRAY);
    put32(&b, GGUF_F64);
    put64(&b, UINT64_MAX / 8 + 1);
    opens_with(&b, "cut short");
    start(&b, 3, 0, 1);
    put_text(&b, "k");
    put32(&b, GGUF_ARRAY);
    put32(&b, GGUF_STRING);
    put64(&b, UINT64_MAX / 16 + 1);
    opens_with(&b, "cut short");
    start(&b, 3, 0, 2);
    for (int i = 0; i < 2; i++) {
        put_text(&b, "k");
        put32(&b, GGUF_U32);
        put32(&b, 7);
    }
    opens_with(&b, "key k stands there twice");
    start(&b, 3, 0, 1);
    put_text(&b, "general.alignment");
    put32(&b, GGUF_U32);
    put32(&b, 24);
    opens_with(&b, "general.alignment");
}

static void hostile_tensors_are_refused(void **state)
{
    struct bytes b;
    float row[4] = {0};

    start(&b, 3, 1, 0);
    put_tensor(&b, 2, 2, 0, 0);
    while (b.len % 32) {
        put(&b, "", 1);
    }
    put(&b, row, sizeof row);
    opens_with(&b, NULL);
    b.len--;
    opens_with(&b, "before tensor w does: cut short");
    start(&b, 3, 1, 0);
    put_tensor(&b, (uint64_t)1 << 33, (uint64_t)1 << 33, 0, 0);
    opens_with(&b, "overflow");
    start(&b, 3, 1, 0);
    put_tensor(&b, (uint64_t)1 << 30, (uint64_t)1 << 31, 0, 0);
    opens_with(&b, "cut short");
    start(&b, 3, 1, 0);
    put_tensor(&b, 2, 0, 0, 0);
    opens_with(&b, "dimension of 0");
    start(&b, 3, 1, 0);
    put_tensor(&b, 33, 1, 8, 0);
    opens_with(&b, "rows of 33 do not divide into Q8_0 blocks of 32");
    start(&b, 3, 1, 0);
    put_tensor(&b, 2, 2, 5, 0);
    opens_with(&b, "type 5");
    start(&b, 3, 1, 0);
    put_tensor(&b, 2, 2, 0, 8);
    opens_with(&b, "not aligned");
    start(&b, 3, 1, 0);
    put_tensor(&b, 2, 2, 0, UINT64_MAX - 31);
    opens_with(&b, "cut short");
    start(&b, 3, 1, 0);
    put_text(&b, "w");
    put32(&b, 5);
    for (int i = 0; i < 5; i++) {
        put64(&b, 1);
    }
    opens_with(&b, "5 dimensions");
}

static void a_missing_file_is_named(void **state)
{
    struct gguf *file;
    struct attune_error err;

    assert_int_equal(gguf_open(&file, "no/such.gguf", &err), ATTUNE_NOT_FOUND);
    assert_non_null(strstr(err.text, "no/such.gguf: "));
    assert_int_equal(gguf_open(&file, ".", &err), ATTUNE_IO);
    assert_null(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_says_what_stands_in_it),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(hostile_metadata_is_refused),
        cmocka_unit_test(hostile_tensors_are_refused),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests_name("gguf", tests, NULL, NULL);
}
