/* The ladder by verb: its rungs against the distributions that `probs` prints for the composed
 * texts, and its means against what the rows give one by one. */
#include <config.h>

#include "tests/tui/verb.h"

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

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})

static double rung(const struct verb_result *r, size_t i, const char *what)
{
    return verb_number(json_array_get(verb_list(r->json, "rungs"), i), what);
}

static void a_rung_says_what_the_composed_text_gives(void **state)
{
    static const char *const shots[] = {"0", "1", "3"};
    struct verb_result ladder, composed, probs;

    CALL(&ladder, "ladder", "--from", "sentiment-few-shot", "--shots", "0,1,3", "--answer",
         "Positive", "--top", "3", "--json");
    assert_int_equal(ladder.status, CLI_OK);
    assert_int_equal(json_array_size(verb_list(ladder.json, "rungs")), 3);
    assert_int_equal(json_array_size(verb_list(ladder.json, "candidates")), 3);
    for (size_t i = 0; i < 3; i++) {
        CALL(&composed, "compose", "--template", "review", "--examples", "reviews", "--shots",
             shots[i], "--query", "The food was delicious.", "--json");
        assert_int_equal(composed.status, CLI_OK);
        CALL(&probs, "probs", "-p", json_string_value(json_object_get(composed.json, "text")),
             "--top", "100000", "--json");
        assert_int_equal(probs.status, CLI_OK);
        assert_true(fabs(rung(&ladder, i, "entropy_bits") -
                         verb_number(probs.json, "entropy_bits")) < 1e-7);
        for (size_t k = 0; k < 3; k++) {
            const json_t *c = json_array_get(verb_list(ladder.json, "candidates"), k), *other;
            double p = json_number_value(json_array_get(verb_list(c, "p"), i));
            size_t at;
            bool found = false;

            json_array_foreach(verb_list(probs.json, "candidates"), at, other)
            {
                if (verb_number(other, "id") == verb_number(c, "id")) {
                    found = fabs(verb_number(other, "p_raw") - p) < 1e-7;
                }
            }
            assert_true(found);
        }
        verb_done(&composed);
        verb_done(&probs);
    }
    assert_true(rung(&ladder, 1, "p_answer") > rung(&ladder, 0, "p_answer"));
    verb_done(&ladder);
}

/* A row is never its own shot, and means are means. */
static void a_file_is_asked_row_by_row(void **state)
{
    struct verb_result both, one;
    char path[] = "/tmp/attune-ladder-XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");

    assert_non_null(f);
    fputs(
        "{\"input\": \"hot\", \"output\": \"cold\"}\n{\"input\": \"big\", \"output\": \"small\"}\n",
        f);
    fclose(f);
    CALL(&both, "ladder", path, "--template", "opposite", "--shots", "0,1", "--json");
    assert_int_equal(both.status, CLI_OK);
    assert_int_equal(verb_number(both.json, "items"), 2);
    CALL(&one, "ladder", path, "--template", "opposite", "--shots", "0,1", "--limit", "1",
         "--json");
    assert_int_equal(verb_number(one.json, "items"), 1);
    for (size_t i = 0; i < 2; i++) {
        struct verb_result first, second;
        const char *const firsts[] = {"hot ->", "big -> small\nhot ->"}, *const seconds[] = {
                                                                             "big ->",
                                                                             "hot -> cold\nbig ->"};
        double p[2];

        CALL(&first, "probs", "-p", firsts[i], "--top", "100000", "--json");
        CALL(&second, "probs", "-p", seconds[i], "--top", "100000", "--json");
        p[0] = verb_number(first.json, "entropy_bits");
        p[1] = verb_number(second.json, "entropy_bits");
        assert_true(fabs(rung(&one, i, "entropy_bits") - p[0]) < 1e-7);
        assert_true(fabs(rung(&both, i, "entropy_bits") - (p[0] + p[1]) / 2) < 1e-7);
        verb_done(&first);
        verb_done(&second);
    }
    verb_done(&both);
    verb_done(&one);
    CALL(&both, "ladder", path, "--template", "opposite", "--shots", "0,2");
    assert_int_equal(both.status, CLI_FAILED);
    assert_non_null(strstr(both.err, "1 rows that can be shots for its line 1; a rung asks for 2"));
    verb_done(&both);
    unlink(path);
}

static void a_seed_draws_the_same_shots_again(void **state)
{
    struct verb_result a, b;

    CALL(&a, "ladder", "opposites", "--template", "opposite", "--shots", "2", "--pick", "random",
         "--seed", "5", "--limit", "3", "--json");
    CALL(&b, "ladder", "opposites", "--template", "opposite", "--shots", "2", "--pick", "random",
         "--seed", "5", "--limit", "3", "--json");
    assert_int_equal(a.status, CLI_OK);
    assert_string_equal(a.out, b.out);
    assert_int_equal(verb_number(a.json, "seed"), 5);
    verb_done(&a);
    verb_done(&b);
}

static void what_is_asked_wrongly_is_said(void **state)
{
    struct verb_result r;

    CALL(&r, "ladder");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, "ladder", "opposites", "--from", "start");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, "ladder", "opposites", "--shots", "4,2");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "rising whole numbers"));
    verb_done(&r);
    CALL(&r, "ladder", "opposites", "-m", "tiny-encoder");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "wants a decoder"));
    verb_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rung_says_what_the_composed_text_gives),
        cmocka_unit_test(a_file_is_asked_row_by_row),
        cmocka_unit_test(a_seed_draws_the_same_shots_again),
        cmocka_unit_test(what_is_asked_wrongly_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
