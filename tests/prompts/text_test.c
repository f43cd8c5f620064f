#include <config.h>

#include "prompts/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void bytes_are_joined_and_handed_over(void **state)
{
    struct text text = {0};
    struct attune_error err;
    char *out;
    size_t len;

    for (int i = 0; i < 1000; i++) {
        text_add(&text, "a\0b", 3);
    }
    text_put(&text, "end");
    assert_int_equal(text_take(&text, &out, &len, &err), 0);
    assert_int_equal(len, 3003);
    assert_memory_equal(out + 2997, "a\0bend", 7);
    assert_null(text.data);
    free(out);
    assert_int_equal(text_take(&text, &out, &len, &err), 0);
    assert_string_equal(out, "");
    free(out);
}

static void a_file_is_read_whole_or_refused(void **state)
{
    struct attune_error err;
    char path[] = "text-test-XXXXXX", *out;
    int fd = mkstemp(path);
    size_t len;

    assert_int_equal(write(fd, "12345", 5), 5);
    close(fd);
    assert_int_equal(text_read_file(&out, &len, path, 5, &err), 0);
    assert_int_equal(len, 5);
    assert_string_equal(out, "12345");
    free(out);
    assert_int_equal(text_read_file(&out, &len, path, 4, &err), ATTUNE_FULL);
    assert_null(out);
    unlink(path);
    assert_int_equal(text_read_file(&out, &len, path, 5, &err), ATTUNE_NOT_FOUND);
    assert_int_equal(text_read_file(&out, &len, ".", 5, &err), ATTUNE_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_joined_and_handed_over),
        cmocka_unit_test(a_file_is_read_whole_or_refused),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
