#include <config.h>

#include <attune/library.h>

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

static size_t count(const char *words)
{
    struct attune_library_item *items;
    struct attune_error err;
    size_t n;

    assert_int_equal(attune_library_browse(&items, &n, words, &err), 0);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(items[i].kind);
        assert_true(items[i].name[0] && items[i].path[0]);
        assert_non_null(items[i].use);
        assert_non_null(items[i].about);
        assert_non_null(items[i].text);
    }
    attune_library_items_free(items, n);
    return n;
}

static void words_narrow_the_list(void **state)
{
    size_t all = count(NULL);

    assert_true(all >= 12 + 10 + 34);
    assert_int_equal(count(""), all);
    assert_int_equal(count(" \t"), all);
    assert_true(count("prompt french") > count("prompt french poursuivi"));
    assert_true(count("prompt french poursuivi") >= 3);
    assert_int_equal(count("GARÇON"), count("garcon"));
    assert_true(count("garcon") > 0);
    assert_int_equal(count("no-such-word"), 0);
    assert_int_equal(count("\xff"), 0);
}

static void what_is_broken_is_listed_with_the_reason(void **state)
{
    char folder[] = "./browse-test-XXXXXX", path[128];
    const char *const parts[] = {"/attune", "/attune/prompts", "/attune/prompts/examples"};
    struct attune_library_item *items;
    struct attune_error err;
    char *whole;
    size_t n;
    FILE *f;

    assert_non_null(mkdtemp(folder));
    whole = realpath(folder, NULL);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", folder, parts[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof path, "%s%s/zzbroken.json", folder, parts[2]);
    f = fopen(path, "w");
    fputs("{\"about\":\"x\"", f);
    fclose(f);
    setenv("XDG_DATA_HOME", whole, 1);
    assert_int_equal(attune_library_browse(&items, &n, "zzbroken", &err), 0);
    assert_int_equal(n, 1);
    assert_true(items[0].broken);
    assert_non_null(strstr(items[0].about, "not JSON at line 1"));
    attune_library_items_free(items, n);
    unlink(path);
    for (int i = 2; i >= 0; i--) {
        snprintf(path, sizeof path, "%s%s", folder, parts[i]);
        rmdir(path);
    }
    rmdir(folder);
    free(whole);
    unsetenv("XDG_DATA_HOME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_narrow_the_list),
        cmocka_unit_test(what_is_broken_is_listed_with_the_reason),
    };
    return cmocka_run_group_tests_name("browse", tests, NULL, NULL);
}
