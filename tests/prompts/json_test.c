#include <config.h>

#include "prompts/json.h"

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

static void bytes_of_every_kind_and_length_come_back(void **state)
{
    char all[256];

    for (int i = 0; i < 256; i++) {
        all[i] = (char)(255 - i);
    }
    for (size_t len = 0; len <= sizeof all; len++) {
        json_t *object = json_pack("{s:o}", "k", json_of_bytes(all, len));
        struct attune_error err;
        char *back;
        size_t n;

        assert_int_equal(json_get_bytes(&back, &n, object, "k", "test", &err), 0);
        assert_int_equal(n, len);
        assert_memory_equal(back, all, len);
        free(back);
        json_decref(object);
    }
}

static void base64_has_one_spelling(void **state)
{
    static const char *const bad[] = {
        "A", "AA", "AAA", "AB==", "AAB=", "A=A=", "AA=A", "====", "AA\nA", "AAA-"};
    struct attune_error err;
    char *back;
    size_t n;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *object = json_pack("{s:{s:s}}", "k", "base64", bad[i]);

        assert_int_equal(json_get_bytes(&back, &n, object, "k", "test", &err), ATTUNE_FORMAT);
        assert_null(back);
        json_decref(object);
    }
}

static void numbers_of_64_bits_and_odd_doubles_come_back(void **state)
{
    static const uint64_t whole[] = {0, 1, 9007199254740993u, INT64_MAX, UINT64_MAX};
    static const double real[] = {0.1,      -1e-308,   5e-324, 1.7976931348623157e308,
                                  INFINITY, -INFINITY, NAN};
    struct attune_error err;

    for (size_t i = 0; i < 5; i++) {
        json_t *object = json_pack("{s:o}", "k", json_of_u64(whole[i]));
        uint64_t back;

        assert_int_equal(json_get_u64(&back, object, "k", UINT64_MAX, "test", &err), 0);
        assert_true(back == whole[i]);
        assert_int_equal(json_get_u64(&back, object, "k", 0, "test", &err), i ? ATTUNE_FORMAT : 0);
        json_decref(object);
    }
    for (size_t i = 0; i < 7; i++) {
        json_t *object = json_pack("{s:o}", "k", json_of_real(real[i])), *read;
        char *text;
        size_t len;
        double back;

        assert_int_equal(json_write(&text, &len, object, &err), 0);
        read = json_read(text, len, "test", &err);
        assert_non_null(read);
        assert_int_equal(json_get_real(&back, read, "k", "test", &err), 0);
        assert_true(isnan(real[i]) ? isnan(back) : memcmp(&back, &real[i], sizeof back) == 0);
        json_decref(read);
        free(text);
    }
}

static void members_of_another_type_are_refused(void **state)
{
    json_t *object = json_pack("{s:i, s:s, s:s, s:s, s:[i]}", "neg", -1, "big",
                               "18446744073709551616", "hex", "0x10", "sign", "+1", "list", 1);
    const json_t *list;
    struct attune_error err;
    uint64_t x;
    double d;
    bool b;
    size_t n;

    assert_int_equal(json_get_u64(&x, object, "neg", UINT64_MAX, "t", &err), ATTUNE_FORMAT);
    assert_int_equal(json_get_u64(&x, object, "big", UINT64_MAX, "t", &err), ATTUNE_FORMAT);
    assert_int_equal(json_get_u64(&x, object, "hex", UINT64_MAX, "t", &err), ATTUNE_FORMAT);
    assert_int_equal(json_get_u64(&x, object, "sign", UINT64_MAX, "t", &err), ATTUNE_FORMAT);
    assert_int_equal(json_get_u64(&x, object, "none", UINT64_MAX, "t", &err), ATTUNE_FORMAT);
    assert_int_equal(json_get_real(&d, object, "big", "t", &err), ATTUNE_FORMAT);
    assert_int_equal(json_get_bool(&b, object, "neg", "t", &err), ATTUNE_FORMAT);
    assert_int_equal(json_get_bool(&b, object, "none", "t", &err), 0);
    assert_false(b);
    assert_int_equal(json_get_array(&list, &n, object, "list", 0, "t", &err), ATTUNE_FORMAT);
    assert_int_equal(json_get_array(&list, &n, object, "list", 1, "t", &err), 0);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_every_kind_and_length_come_back),
        cmocka_unit_test(base64_has_one_spelling),
        cmocka_unit_test(numbers_of_64_bits_and_odd_doubles_come_back),
        cmocka_unit_test(members_of_another_type_are_refused),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
