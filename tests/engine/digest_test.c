#include <config.h>

#include <attune/digest.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* The sanity buffer and the values of the reference implementation's own self test (xxhsum). */
static void the_published_values_come_out(void **state)
{
    static const struct {
        size_t len;
        uint64_t seed, value;
    } known[] = {
        {0, 0, 0xEF46DB3751D8E999u},   {0, 2654435761u, 0xAC75FDA2929B17EFu},
        {1, 0, 0x4FCE394CC88952D8u},   {1, 2654435761u, 0x739840CB819FA723u},
        {14, 0, 0xCFFA8DB881BC3A3Du},  {14, 2654435761u, 0x5B9611585EFCC9CBu},
        {101, 0, 0x0EAB543384F878ADu}, {101, 2654435761u, 0xCAA65939306F1E21u},
    };
    unsigned char buffer[101];
    uint32_t byte = 2654435761u;

    for (size_t i = 0; i < sizeof buffer; i++) {
        buffer[i] = (unsigned char)(byte >> 24);
        byte *= byte;
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(attune_digest_of(buffer, known[i].len, known[i].seed), known[i].value);
    }
    assert_int_equal(attune_digest_of("abc", 3, 0), 0x44BC2CF5AD770999u);
    assert_int_equal(attune_digest_of(NULL, 0, 0), 0xEF46DB3751D8E999u);
}

static void pieces_give_the_value_of_the_whole(void **state)
{
    unsigned char buffer[150];

    for (size_t i = 0; i < sizeof buffer; i++) {
        buffer[i] = (unsigned char)(i * 37 + 11);
    }
    for (size_t len = 0; len <= sizeof buffer; len++) {
        uint64_t whole = attune_digest_of(buffer, len, 5);

        for (size_t cut = 0; cut <= len; cut++) {
            struct attune_digest d;

            attune_digest_init(&d, 5);
            attune_digest_add(&d, buffer, cut);
            attune_digest_add(&d, buffer + cut, (len - cut) / 2);
            attune_digest_add(&d, buffer + cut + (len - cut) / 2, len - cut - (len - cut) / 2);
            assert_int_equal(attune_digest_value(&d), whole);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_values_come_out),
        cmocka_unit_test(pieces_give_the_value_of_the_whole),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
