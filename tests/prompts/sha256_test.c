#include <config.h>

#include "prompts/sha256.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void is(const char *data, size_t len, const char *wanted)
{
    uint8_t out[32];
    char hex[65];

    sha256(out, data, len);
    for (int i = 0; i < 32; i++) {
        sprintf(hex + 2 * i, "%02x", out[i]);
    }
    assert_string_equal(hex, wanted);
}

/* The examples of FIPS 180-4 (NIST), and the million letters a. */
static void known_answers(void **state)
{
    char *a = malloc(1000000);

    is("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    is("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    memset(a, 'a', 1000000);
    is(a, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
    };
    return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
