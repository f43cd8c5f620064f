#include <config.h>

#include <attune/store.h>

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

#include "prompts/store.h"
#include "tests/prompts/made.h"

static const char path[] = "store-node-test.db";

static int fresh(void **state)
{
    remove_store(path);
    return 0;
}

static void hashes_differ(const struct node_at *a, const struct node_at *b)
{
    assert_true(a->id != b->id);
    assert_memory_not_equal(a->hash, b->hash, STORE_HASH);
}

static void equal_content_at_an_equal_place_is_one_node(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    static const attune_token ids[] = {1, 2, 3};
    struct node_at a = {0}, b = {0}, c = {0}, d = {0};
    struct attune_error err;

    assert_int_equal(store_put_given(store, &a, NODE_GIVEN, ids, 3, NULL, 0, &err), 0);
    assert_int_equal(store_put_given(store, &b, NODE_GIVEN, ids, 3, NULL, 0, &err), 0);
    assert_true(a.id == b.id && memcmp(a.hash, b.hash, STORE_HASH) == 0);
    assert_int_equal(store_put_given(store, &c, NODE_GIVEN, ids, 2, NULL, 0, &err), 0);
    hashes_differ(&a, &c);
    assert_int_equal(store_put_given(store, &b, NODE_GIVEN, ids, 3, NULL, 0, &err), 0);
    hashes_differ(&a, &b);
    assert_int_equal(store_put_given(store, &d, NODE_DECODER, ids, 3, NULL, 0, &err), 0);
    hashes_differ(&a, &d);
    attune_store_close(store);
}

/* Whatever field of a step changes, it is another node; timings are no part of it. */
static void every_field_of_a_step_is_content(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    struct attune_step step = made_step(1, 4);
    uint8_t chain_hash[STORE_HASH] = {1};
    struct node_at root = {0}, first, other;
    struct attune_error err;
    uint8_t text_hash[STORE_HASH];
    int64_t chain;
#define CHANGE(expression)                                                                         \
    do {                                                                                           \
        struct attune_step changed = step;                                                         \
        expression;                                                                                \
        other = root;                                                                              \
        assert_int_equal(store_put_step(store, &other, chain, chain_hash, &changed, &err), 0);     \
        hashes_differ(&first, &other);                                                             \
    } while (0)

    assert_int_equal(store_put_text(store, &chain, text_hash, false, "c", 1, &err), 0);
    assert_int_equal(store_put_given(store, &root, NODE_GIVEN, &step.id, 1, NULL, 0, &err), 0);
    first = root;
    assert_int_equal(store_put_step(store, &first, chain, chain_hash, &step, &err), 0);
    CHANGE(changed.index++);
    CHANGE(changed.id++);
    CHANGE(changed.n_bytes--);
    CHANGE(changed.bytes[0] = 'x');
    CHANGE(changed.draw.id++);
    CHANGE(changed.draw.u = 0.5);
    CHANGE(changed.draw.low = 0.25);
    CHANGE(changed.draw.high = 0.75);
    CHANGE(changed.logit += 1);
    CHANGE(changed.p = 0.5);
    CHANGE(changed.p_raw = NAN);
    CHANGE(changed.rank++);
    CHANGE(changed.entropy_bits = 0);
    CHANGE(changed.logsumexp = INFINITY);
    CHANGE(changed.digest++);
    CHANGE(changed.n_kept++);
    CHANGE(changed.kept_mass = 0.5);
    CHANGE(changed.n_top--);
    CHANGE(changed.top[7].id++);
    CHANGE(changed.top[7].logit = 9);
    CHANGE(changed.top[7].p = 9);
    CHANGE(changed.n_stages--);
    CHANGE(changed.stage[5].survivors++);
    CHANGE(changed.stage[5].mass = 9);
    CHANGE(changed.stage[5].entropy_bits = 9);
    CHANGE(chain_hash[0]++);
    chain_hash[0] = 1;
    step.eval_ms = 99;
    step.sample_ms = 99;
    step.stop = ATTUNE_STOP_EOS;
    other = root;
    assert_int_equal(store_put_step(store, &other, chain, chain_hash, &step, &err), 0);
    assert_true(other.id == first.id);
    step.n_top = ATTUNE_STEP_TOP + 1;
    assert_int_equal(store_put_step(store, &other, chain, chain_hash, &step, &err),
                     ATTUNE_ARGUMENT);
    attune_store_close(store);
}

static void a_path_leads_from_the_beginning_to_the_node(void **state)
{
    struct attune_store *store = made_store(path, ATTUNE_STORE_WRITE);
    static const attune_token ids[] = {7, 8, 9};
    uint8_t chain_hash[STORE_HASH];
    struct node_at at = {0};
    struct path_part *parts;
    struct attune_error err;
    int64_t chain;
    size_t n;

    assert_int_equal(store_put_text(store, &chain, chain_hash, false, "chain", 5, &err), 0);
    assert_int_equal(store_put_given(store, &at, NODE_GIVEN, ids, 3, NULL, 0, &err), 0);
    for (uint64_t i = 0; i < 40; i++) {
        struct attune_step step = made_step(1, i);

        assert_int_equal(store_put_step(store, &at, chain, chain_hash, &step, &err), 0);
    }
    assert_int_equal(store_put_given(store, &at, NODE_GIVEN, ids + 1, 1, "\0x", 2, &err), 0);
    assert_int_equal(store_load_path(store, at.id, &parts, &n, &err), 0);
    assert_int_equal(n, 42);
    assert_int_equal(parts[0].n, 3);
    assert_memory_equal(parts[0].ids, ids, sizeof ids);
    assert_null(parts[0].bytes);
    for (uint64_t i = 0; i < 40; i++) {
        struct attune_step step = made_step(1, i);

        assert_int_equal(parts[i + 1].kind, NODE_STEP);
        step.eval_ms = step.sample_ms = 0;
        assert_memory_equal(parts[i + 1].step, &step, sizeof step);
        assert_string_equal(parts[i + 1].chain, "chain");
    }
    assert_int_equal(parts[41].len, 2);
    assert_memory_equal(parts[41].bytes, "\0x", 2);
    assert_memory_equal(parts[41].at.hash, at.hash, STORE_HASH);
    store_path_free(parts, n);
    attune_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_content_at_an_equal_place_is_one_node, fresh, fresh),
        cmocka_unit_test_setup_teardown(every_field_of_a_step_is_content, fresh, fresh),
        cmocka_unit_test_setup_teardown(a_path_leads_from_the_beginning_to_the_node, fresh, fresh),
    };
    return cmocka_run_group_tests_name("store_node", tests, NULL, NULL);
}
