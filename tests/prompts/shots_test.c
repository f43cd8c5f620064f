#include <config.h>

#include <attune/library.h>
#include <attune/prompt.h>

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

static void write_file(const char *suffix, const char *text, size_t len)
{
    int fd;
    FILE *f;

    snprintf(path, sizeof path, "shots-test-XXXXXX%s", suffix);
    fd = mkstemps(path, (int)strlen(suffix));
    assert_true(fd >= 0);
    memmove(path + 2, path, strlen(path) + 1);
    memcpy(path, "./", 2);
    f = fdopen(fd, "wb");
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static void good(const char *suffix, const char *text, long count, size_t n,
                 const char *const cells[][2])
{
    struct attune_prompt p;
    struct attune_error err;

    write_file(suffix, text, strlen(text));
    assert_int_equal(attune_prompt_init(&p, &err), 0);
    if (attune_prompt_load_shots(&p, path, count, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(attune_prompt_shots(&p), n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(p.blocks[i + 1].text, cells[i][0]);
        assert_string_equal(p.blocks[i + 1].answer, cells[i][1]);
    }
    attune_prompt_done(&p);
    unlink(path);
}

static void refuses(const char *suffix, const char *text, size_t len, long count, const char *why)
{
    struct attune_prompt p;
    struct attune_error err;

    write_file(suffix, text, len);
    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(attune_prompt_add_shot(&p, 1, "old", "shot", &err), 0);
    assert_true(attune_prompt_load_shots(&p, path, count, &err) != 0);
    if (!strstr(err.text, why) || !strstr(err.text, path)) {
        fail_msg("'%s' is not in '%s'", why, err.text);
    }
    assert_int_equal(p.n, 3);
    attune_prompt_done(&p);
    unlink(path);
}

#define BAD(suffix, text, count, why) refuses(suffix, text, sizeof text - 1, count, why)

static void json_lines_in_both_spellings(void **state)
{
    static const char *const cells[][2] = {{"a b", "1"}, {" c\n", "2"}};

    good(".jsonl",
         "{\"input\":\"a b\",\"output\":\"1\"}\r\n\n{\"label\":\"2\",\"x\":3,\"text\":\" c\\n\"}",
         -1, 2, cells);
    good(".jsonl", "\xef\xbb\xbf{\"input\":\"a b\",\"output\":\"1\"}\nbroken\n", 1, 1, cells);
    good(".jsonl", "", -1, 0, cells);
}

static void csv_quoting_follows_the_rfc(void **state)
{
    static const char *const cells[][2] = {
        {"a,b", "say \"x\""}, {"two\r\nlines", ""}, {" c ", "d"}};

    good(".csv", "n,label,text\r\n1,\"say \"\"x\"\"\",\"a,b\"\r\n2,,\"two\r\nlines\"\r\n3,d, c ",
         -1, 3, cells);
    good(".csv", "input,output\n\"a,b\",\"say \"\"x\"\"\"\n", 1, 1, cells);
}

static void a_broken_line_is_named_and_nothing_is_taken(void **state)
{
    BAD(".jsonl", "{\"input\":\"a\",\"output\":\"1\"}\n{\"input\":\"a\"}\n", -1, "line 2");
    BAD(".jsonl", "{\"input\":\"a\",\"output\":\"1\"}\n\n[1]\n", -1, "line 3");
    BAD(".jsonl", "{\"input\":\"a\",\"output\":7}\n", -1, "line 1");
    BAD(".jsonl", "{\"input\":\"a\",\"output\":\"\\u0000\"}\n", -1, "NUL");
    BAD(".jsonl", "{\"input\":\"a\",\"output\":\"1\"}\n", 2, "has 1 shots, 2");
    BAD(".jsonl", "a\0b", -1, "NUL");
    BAD(".csv", "a,b\n1,2\n", -1, "line 1");
    BAD(".csv", "input,output\n1,2\n1,2,3\n", -1, "line 3");
    BAD(".csv", "input,output\n\"x\ny\",2\n\"x,2\n\n", -1, "line 4");
    BAD(".csv", "input,output\nx\"y,2\n", -1, "line 2");
    BAD(".csv", "input,output\n\"x\"y,2\n", -1, "line 2");
}

static void shipped_sets_can_be_read_and_reviews_are_balanced(void **state)
{
    struct attune_library_entry *list;
    struct attune_prompt p;
    struct attune_error err;
    size_t n;
    int positive = 0, negative = 0;

    assert_int_equal(attune_library_list(&list, &n, "prompts/shots", &err), 0);
    assert_true(n >= 5);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(attune_prompt_init(&p, &err), 0);
        assert_int_equal(attune_prompt_load_shots(&p, list[i].name, -1, &err), 0);
        assert_true(attune_prompt_shots(&p) >= 3);
        attune_prompt_done(&p);
    }
    attune_library_list_free(list, n);
    assert_int_equal(attune_prompt_init(&p, &err), 0);
    assert_int_equal(attune_prompt_load_shots(&p, "reviews", -1, &err), 0);
    for (size_t i = 1; i + 1 < p.n; i++) {
        positive += strcmp(p.blocks[i].answer, "Positive") == 0;
        negative += strcmp(p.blocks[i].answer, "Negative") == 0;
        assert_true(positive - negative >= 0 && positive - negative <= 1);
    }
    assert_int_equal(positive, negative);
    assert_int_equal((size_t)(positive + negative), attune_prompt_shots(&p));
    attune_prompt_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_lines_in_both_spellings),
        cmocka_unit_test(csv_quoting_follows_the_rfc),
        cmocka_unit_test(a_broken_line_is_named_and_nothing_is_taken),
        cmocka_unit_test(shipped_sets_can_be_read_and_reviews_are_balanced),
    };
    return cmocka_run_group_tests_name("shots", tests, NULL, NULL);
}
