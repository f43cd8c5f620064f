#include <config.h>

#include <attune/library.h>
#include <attune/model.h>
#include <attune/pool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char path[64];

static const char *write_file(const char *suffix, const char *text)
{
    int fd;
    FILE *f;

    snprintf(path, sizeof path, "./pick-test-XXXXXX%s", suffix);
    fd = mkstemps(path, (int)strlen(suffix));
    assert_true(fd >= 0);
    f = fdopen(fd, "wb");
    fputs(text, f);
    fclose(f);
    return path;
}

static void load(struct attune_pool *pool, const char *suffix, const char *text, bool skip)
{
    struct attune_error err;

    if (attune_pool_load(pool, write_file(suffix, text), -1, skip, &err)) {
        fail_msg("%s", err.text);
    }
    unlink(path);
}

/* n rows of the labels in turn: "0","a" "1","b" ... */
static void fill(struct attune_pool *pool, size_t n, const char *labels)
{
    char text[8192] = "";

    for (size_t i = 0; i < n; i++) {
        sprintf(text + strlen(text), "{\"input\":\"%zu\",\"output\":\"%c\"}\n", i,
                labels[i % strlen(labels)]);
    }
    load(pool, ".jsonl", text, false);
    assert_int_equal(pool->n, n);
}

static size_t pick(size_t *rows, const struct attune_pool *pool, enum attune_pick how, long count,
                   uint64_t seed)
{
    const struct attune_pick_options options = {.how = how, .count = count, .seed = seed};
    struct attune_error err;
    size_t n;

    if (attune_pool_pick(rows, NULL, &n, pool, &options, NULL, &err)) {
        fail_msg("%s", err.text);
    }
    return n;
}

static void a_draw_is_a_permutation_and_the_seed_decides_it(void **state)
{
    struct attune_pool pool;
    size_t rows[3][100], n;
    bool seen[100] = {false};

    fill(&pool, 100, "ab");
    assert_int_equal(pick(rows[0], &pool, ATTUNE_PICK_RANDOM, -1, 5), 100);
    for (size_t i = 0; i < 100; i++) {
        assert_true(rows[0][i] < 100 && !seen[rows[0][i]]);
        seen[rows[0][i]] = true;
    }
    n = pick(rows[1], &pool, ATTUNE_PICK_RANDOM, 9, 5);
    assert_int_equal(n, 9);
    assert_memory_equal(rows[0], rows[1], 9 * sizeof(size_t));
    pick(rows[2], &pool, ATTUNE_PICK_RANDOM, -1, 6);
    assert_memory_not_equal(rows[0], rows[2], sizeof rows[0]);
    assert_int_equal(pick(rows[0], &pool, ATTUNE_PICK_FIRST, 3, 5), 3);
    assert_int_equal(rows[0][2], 2);
    attune_pool_done(&pool);
}

/* Over many seeds every row comes first about equally often. */
static void draws_favour_no_row(void **state)
{
    struct attune_pool pool;
    size_t rows[10], times[10] = {0};
    double chi = 0;

    fill(&pool, 10, "a");
    for (uint64_t seed = 0; seed < 5000; seed++) {
        pick(rows, &pool, ATTUNE_PICK_RANDOM, 1, seed);
        times[rows[0]]++;
    }
    for (size_t i = 0; i < 10; i++) {
        chi += ((double)times[i] - 500) * ((double)times[i] - 500) / 500;
    }
    assert_true(chi < 27.9); /* 9 degrees of freedom, p = 0.001 */
    attune_pool_done(&pool);
}

static void labels_come_in_turn(void **state)
{
    struct attune_pool pool;
    size_t rows[30], count[3] = {0};

    fill(&pool, 30, "aaaabc"); /* 20 a, 5 b, 5 c */
    assert_int_equal(pick(rows, &pool, ATTUNE_PICK_BALANCED, 12, 1), 12);
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(pool.rows[rows[i]].output[0], "abc"[i % 3]);
    }
    assert_int_equal(pick(rows, &pool, ATTUNE_PICK_BALANCED, 30, 1), 30);
    for (size_t i = 0; i < 30; i++) {
        count[pool.rows[rows[i]].output[0] - 'a']++;
    }
    assert_int_equal(count[0], 20);
    assert_int_equal(count[1], 5);
    assert_int_equal(count[2], 5);
    attune_pool_done(&pool);
}

static void a_pool_that_is_too_small_says_both_numbers(void **state)
{
    const struct attune_pick_options options = {.how = ATTUNE_PICK_BALANCED, .count = 4};
    struct attune_pool pool;
    struct attune_prompt p;
    struct attune_error err;

    fill(&pool, 3, "ab");
    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(attune_prompt_pick_shots(&p, &pool, &options, NULL, &err), ATTUNE_ARGUMENT);
    assert_non_null(strstr(err.text, "has 3 shots, 4 were asked for"));
    assert_int_equal(p.n, 2);
    assert_null(p.record);
    attune_prompt_done(&p);
    attune_pool_done(&pool);
}

static void broken_lines_are_listed_and_the_rest_is_taken(void **state)
{
    struct attune_pool pool;

    load(&pool, ".jsonl",
         "{\"input\":\"a\",\"output\":\"1\"}\nbroken\n\n{\"input\":7}\n"
         "{\"input\":\"b\",\"output\":\"2\"}",
         true);
    assert_int_equal(pool.n, 2);
    assert_int_equal(pool.rows[1].line, 5);
    assert_int_equal(pool.n_broken, 2);
    assert_int_equal(pool.broken[0].line, 2);
    assert_int_equal(pool.broken[1].line, 4);
    attune_pool_done(&pool);
    load(&pool, ".csv", "input,output\n1,2\n1,2,3\n\"x\ny\",4\n\"open,5\n6,7\nx\"y,8\n9,10\n",
         true);
    assert_int_equal(pool.n, 4);
    assert_string_equal(pool.rows[1].input, "x\ny");
    assert_string_equal(pool.rows[2].output, "7");
    assert_int_equal(pool.rows[2].line, 7);
    assert_string_equal(pool.rows[3].output, "10");
    assert_int_equal(pool.n_broken, 3);
    assert_int_equal(pool.broken[0].line, 3);
    assert_int_equal(pool.broken[1].line, 6);
    assert_int_equal(pool.broken[2].line, 8);
    attune_pool_done(&pool);
}

static void the_nearest_stand_last_and_the_record_says_how(void **state)
{
    struct attune_pick_options options = {.how = ATTUNE_PICK_NEAREST, .count = 3};
    struct attune_model *encoder;
    struct attune_pool pool;
    struct attune_prompt p;
    struct attune_error err;
    size_t rows[16], n;
    double near[16];
    char *found;

    assert_int_equal(attune_library_find(&found, "models", "tiny-encoder", &err), 0);
    assert_int_equal(attune_model_open(&encoder, found, NULL, NULL, &err), 0);
    free(found);
    options.encoder = encoder;
    options.query = "The room was dirty and noisy.";
    assert_int_equal(attune_pool_load(&pool, "reviews", -1, false, &err), 0);
    assert_int_equal(attune_pool_pick(rows, near, &n, &pool, &options, NULL, &err), 0);
    assert_int_equal(n, 3);
    assert_string_equal(pool.rows[rows[2]].input, options.query);
    assert_true(near[2] > 0.9999 && near[0] <= near[1] && near[1] <= near[2]);
    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(attune_prompt_pick_shots(&p, &pool, &options, NULL, &err), 0);
    assert_int_equal(attune_prompt_shots(&p), 3);
    assert_string_equal(p.blocks[3].text, options.query);
    assert_non_null(strstr(p.record, "\"pick\":\"nearest\",\"encoder\":\"tiny-encoder\""));
    options.encoder = NULL;
    assert_int_equal(attune_pool_pick(rows, near, &n, &pool, &options, NULL, &err),
                     ATTUNE_ARGUMENT);
    attune_prompt_done(&p);
    attune_pool_done(&pool);
    attune_model_close(encoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draw_is_a_permutation_and_the_seed_decides_it),
        cmocka_unit_test(draws_favour_no_row),
        cmocka_unit_test(labels_come_in_turn),
        cmocka_unit_test(a_pool_that_is_too_small_says_both_numbers),
        cmocka_unit_test(broken_lines_are_listed_and_the_rest_is_taken),
        cmocka_unit_test(the_nearest_stand_last_and_the_record_says_how),
    };
    return cmocka_run_group_tests_name("pick", tests, NULL, NULL);
}
