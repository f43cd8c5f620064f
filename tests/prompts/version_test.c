#include <config.h>

#include <attune/rng.h>
#include <attune/version.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64] = "./version-test-XXXXXX", command[128];

static int begin(void **state)
{
    char *whole;

    if (!mkdtemp(folder)) {
        return -1;
    }
    whole = realpath(folder, NULL);
    setenv("XDG_DATA_HOME", whole, 1);
    free(whole);
    return 0;
}

static int end(void **state)
{
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static int save(const char *query, const char *note, int wanted)
{
    struct attune_prompt p;
    struct attune_error err;
    bool added;
    int number = 0;

    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(attune_prompt_set(&p, 1, query, NULL, &err), 0);
    if (attune_prompt_save(&number, &added, &p, "mine", note, &err)) {
        fail_msg("%s", err.text);
    }
    assert_non_null(strstr(p.record, "\"saved\":{\"name\":\"mine\",\"version\":"));
    attune_prompt_done(&p);
    assert_int_equal(number, wanted);
    return added;
}

static void what_was_saved_is_found_with_its_history(void **state)
{
    struct attune_version *v;
    struct attune_prompt p;
    struct attune_error err;
    size_t n;

    assert_true(save("one", "first", 1));
    assert_true(save("two \xff", "", 2));
    assert_false(save("two \xff", "said before", 2));
    assert_true(save("one", "back", 3));
    assert_int_equal(attune_prompt_versions(&v, &n, "mine", &err), 0);
    assert_int_equal(n, 3);
    assert_string_equal(v[0].note, "first");
    assert_string_equal(v[1].prompt.blocks[1].text, "two \xff");
    assert_int_equal(v[2].number, 3);
    assert_int_equal(strlen(v[2].saved), 20);
    attune_prompt_versions_free(v, n);
    assert_int_equal(attune_prompt_load(&p, "mine", &err), 0);
    assert_string_equal(p.blocks[1].text, "one");
    attune_prompt_done(&p);
    assert_int_equal(attune_prompt_load(&p, "mine@2", &err), 0);
    assert_string_equal(p.blocks[1].text, "two \xff");
    attune_prompt_done(&p);
    assert_int_equal(attune_prompt_load(&p, "mine@4", &err), ATTUNE_NOT_FOUND);
    assert_non_null(strstr(err.text, "has 3 versions"));
    assert_int_equal(attune_prompt_versions(&v, &n, "story", &err), 0); /* as shipped: one */
    assert_int_equal(n, 1);
    attune_prompt_versions_free(v, n);
}

static void names_that_are_no_file_are_refused(void **state)
{
    static const char *const bad[] = {"", ".x", "-x", "a/b", "../x", "a@2", "a b", "a\n", "a\\b"};
    struct attune_prompt p;
    struct attune_error err;
    bool added;
    int number;

    assert_int_equal(attune_prompt_init(&p, &err), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(attune_prompt_save(&number, &added, &p, bad[i], "", &err),
                         ATTUNE_ARGUMENT);
    }
    assert_null(p.record);
    attune_prompt_done(&p);
}

static void two_that_save_at_once_both_keep_their_versions(void **state)
{
    enum { EACH = 10 };
    struct attune_version *v;
    struct attune_error err;
    size_t n;

    for (int who = 0; who < 2; who++) {
        if (fork() == 0) {
            for (int i = 0; i < EACH; i++) {
                struct attune_prompt p;
                char text[32];
                bool added;
                int number;

                snprintf(text, sizeof text, "%d of %d", i, who);
                if (attune_prompt_init(&p, &err) || attune_prompt_set(&p, 1, text, NULL, &err) ||
                    attune_prompt_save(&number, &added, &p, "both", "", &err)) {
                    _exit(1);
                }
                attune_prompt_done(&p);
            }
            _exit(0);
        }
    }
    for (int who = 0; who < 2; who++) {
        int status;

        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(attune_prompt_versions(&v, &n, "both", &err), 0);
    assert_int_equal(n, 2 * EACH);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(v[i].number, i + 1);
    }
    attune_prompt_versions_free(v, n);
}

static void broken_files_are_refused_not_overwritten(void **state)
{
    char path[160];
    struct attune_version *v;
    struct attune_prompt p;
    struct attune_error err;
    struct stat st;
    bool added;
    size_t n;
    int number;
    FILE *f;

    save("x", "", 4);
    snprintf(path, sizeof path, "%s/attune/prompts/examples/mine.json", folder);
    f = fopen(path, "w");
    fputs("{\"versions\":7}", f);
    fclose(f);
    assert_int_equal(attune_prompt_versions(&v, &n, "mine", &err), ATTUNE_FORMAT);
    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(attune_prompt_save(&number, &added, &p, "mine", "", &err), ATTUNE_FORMAT);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 14);
    attune_prompt_done(&p);
}

static void words_differ_where_they_do(void **state)
{
    static const char a[] = "Be very kind, please.", b[] = "Be  kind, if you please!";
    struct attune_text_change *c;
    struct attune_error err;
    size_t n;
    char out[256] = "";

    assert_int_equal(attune_diff_words(&c, &n, a, strlen(a), b, strlen(b), &err), 0);
    for (size_t i = 0; i < n; i++) {
        const char *from = c[i].change == ATTUNE_CHANGE_ADDED ? b + c[i].b : a + c[i].a;
        size_t len = c[i].change == ATTUNE_CHANGE_ADDED ? c[i].b_end - c[i].b : c[i].a_end - c[i].a;

        sprintf(out + strlen(out), "%c%.*s|", "=-+"[c[i].change], (int)len, from);
    }
    free(c);
    assert_string_equal(out, "=Be|- very |+  |=kind, |+if you |=please|-.|+!|");
    assert_int_equal(attune_diff_words(&c, &n, "", 0, "", 0, &err), 0);
    assert_int_equal(n, 0);
    free(c);
}

/* Length of the longest common subsequence, the plain way. */
static size_t common(const attune_token *a, size_t n, const attune_token *b, size_t m)
{
    static size_t table[41][41];

    for (size_t i = 0; i <= n; i++) {
        for (size_t k = 0; k <= m; k++) {
            table[i][k] = i == 0 || k == 0                    ? 0
                          : a[i - 1] == b[k - 1]              ? table[i - 1][k - 1] + 1
                          : table[i - 1][k] > table[i][k - 1] ? table[i - 1][k]
                                                              : table[i][k - 1];
        }
    }
    return table[n][m];
}

static void the_fewest_tokens_change_and_both_sides_are_covered(void **state)
{
    uint64_t step = 0;

    for (int round = 0; round < 2000; round++) {
        attune_token a[40], b[40];
        size_t n = (size_t)(attune_rng_uniform(1, step++) * 40),
               m = (size_t)(attune_rng_uniform(1, step++) * 40), x = 0, y = 0, same = 0, count;
        double kinds = 1 + attune_rng_uniform(1, step++) * 6;
        struct attune_text_change *c;
        struct attune_error err;

        for (size_t i = 0; i < 40; i++) {
            a[i] = (attune_token)(attune_rng_uniform(2, step++) * kinds);
            b[i] = (attune_token)(attune_rng_uniform(3, step++) * kinds);
        }
        assert_int_equal(attune_diff_tokens(&c, &count, a, n, b, m, &err), 0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(c[i].a, x);
            assert_int_equal(c[i].b, y);
            x = c[i].a_end;
            y = c[i].b_end;
            assert_true(c[i].change != ATTUNE_CHANGE_ADDED || x == c[i].a);
            assert_true(c[i].change != ATTUNE_CHANGE_REMOVED || y == c[i].b);
            if (c[i].change == ATTUNE_CHANGE_SAME) {
                assert_int_equal(x - c[i].a, y - c[i].b);
                assert_memory_equal(a + c[i].a, b + c[i].b, (x - c[i].a) * sizeof *a);
                same += x - c[i].a;
            }
        }
        assert_int_equal(x, n);
        assert_int_equal(y, m);
        assert_int_equal(same, common(a, n, b, m));
        free(c);
    }
}

static void what_differs_beyond_measure_is_replaced_as_a_whole(void **state)
{
    enum { N = 6000 };
    attune_token *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b);
    struct attune_text_change *c;
    struct attune_error err;
    size_t n;

    for (int i = 0; i < N; i++) {
        a[i] = i;
        b[i] = i == 0 || i == N - 1 ? i : N + i;
    }
    assert_int_equal(attune_diff_tokens(&c, &n, a, N, b, N, &err), 0);
    assert_int_equal(n, 4);
    assert_int_equal(c[1].a_end - c[1].a, N - 2);
    assert_int_equal(c[2].b_end - c[2].b, N - 2);
    free(c);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_is_found_with_its_history),
        cmocka_unit_test(names_that_are_no_file_are_refused),
        cmocka_unit_test(two_that_save_at_once_both_keep_their_versions),
        cmocka_unit_test(broken_files_are_refused_not_overwritten),
        cmocka_unit_test(words_differ_where_they_do),
        cmocka_unit_test(the_fewest_tokens_change_and_both_sides_are_covered),
        cmocka_unit_test(what_differs_beyond_measure_is_replaced_as_a_whole),
    };
    return cmocka_run_group_tests_name("version", tests, begin, end);
}
