/* Steps in full: computed, kept, read without the model, proved by the digest, taken off, exported.
 */
#include <config.h>

#include <attune/pin.h>
#include <attune/upkeep.h>

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

#include <sqlite3.h>

#include "prompts/pack.h"
#include "tests/prompts/live.h"
#include "tests/prompts/made.h"

static const char path[] = "pin-test.db", text[] = "Once upon a time";

static struct live live;
static struct attune_store *store;
static int64_t run;

static int begin(void **state)
{
    remove_store(path);
    live_init(&live, "llama-f32", "order=hf temperature=1", text);
    store = made_store(path, ATTUNE_STORE_WRITE);
    run =
        live_run(&live, store,
                 (struct attune_run_options){.generate = {.max_tokens = 6, .seed = 3}}, text, true);
    return 0;
}

static int end(void **state)
{
    attune_store_close(store);
    live_done(&live);
    remove_store(path);
    return 0;
}

static void pin_it(uint64_t step, enum attune_pin_kind kind)
{
    struct attune_pin pin;
    struct attune_error err;

    if (attune_pin_compute(&pin, store, run, step, kind, live.model, 1, NULL, &err) ||
        attune_store_put_pin(store, run, &pin, &err)) {
        fail_msg("%s", err.text);
    }
    attune_pin_done(&pin);
}

static void a_step_is_there_in_full(void **state)
{
    struct attune_pin logits, hidden, attention, *list;
    struct attune_store_check check;
    struct attune_store_stats stats;
    struct attune_step *steps;
    struct attune_error err;
    size_t n;

    for (int i = 0; i < ATTUNE_PIN_KIND_COUNT; i++) {
        pin_it(2, (enum attune_pin_kind)i);
    }
    pin_it(2, ATTUNE_PIN_LOGITS); /* once more is the same */
    assert_int_equal(attune_store_load_steps(store, run, &steps, &n, &err), 0);
    assert_int_equal(attune_store_load_pin(store, run, 2, ATTUNE_PIN_LOGITS, &logits, &err), 0);
    assert_int_equal(logits.n, attune_model_info(live.model)->n_vocab);
    for (int i = 0; i < steps[2].n_top; i++) {
        assert_true(logits.values[steps[2].top[i].id] == steps[2].top[i].logit);
    }
    assert_int_equal(attune_store_load_pin(store, run, 2, ATTUNE_PIN_HIDDEN, &hidden, &err), 0);
    assert_int_equal(hidden.n_dims, 2);
    assert_int_equal(hidden.shape[1], attune_model_info(live.model)->d_model);
    assert_int_equal(attune_store_load_pin(store, run, 2, ATTUNE_PIN_ATTENTION, &attention, &err),
                     0);
    assert_int_equal(attention.shape[2], live.tokens.n + 2);
    for (uint64_t head = 0; head < attention.shape[0] * attention.shape[1]; head++) {
        double sum = 0;

        for (uint64_t k = 0; k < attention.shape[2]; k++) {
            sum += (double)attention.values[head * attention.shape[2] + k];
        }
        assert_true(fabs(sum - 1) < 1e-4);
    }
    assert_int_equal(attune_store_pins(store, run, &list, &n, &err), 0);
    assert_int_equal(n, 3);
    attune_pins_free(list, n);
    assert_int_equal(attune_store_stats(&stats, store, &err), 0);
    assert_int_equal(stats.pins, 3);
    assert_true(stats.pin_bytes > 0);
    assert_int_equal(attune_store_check(&check, store, NULL, &err), 0);
    if (check.n_problems) {
        fail_msg("%s", check.problems[0]);
    }
    attune_store_check_done(&check);
    attune_pin_done(&logits);
    attune_pin_done(&hidden);
    attune_pin_done(&attention);
    free(steps);
}

static void what_was_not_recorded_is_not_pinned(void **state)
{
    struct attune_pin pin;
    struct attune_error err;
    struct live other;

    live_init(&other, "llama-q8_0", "temperature=1", text);
    assert_int_equal(
        attune_pin_compute(&pin, store, run, 1, ATTUNE_PIN_LOGITS, other.model, 1, NULL, &err),
        ATTUNE_UNSUPPORTED);
    assert_non_null(strstr(err.text, "other logits"));
    live_done(&other);
    assert_int_equal(
        attune_pin_compute(&pin, store, run, 99, ATTUNE_PIN_LOGITS, live.model, 1, NULL, &err),
        ATTUNE_NOT_FOUND);
    assert_int_equal(
        attune_pin_compute(&pin, store, run, 1, ATTUNE_PIN_LOGITS, live.model, 1, NULL, &err), 0);
    pin.values[5]++;
    assert_int_equal(attune_store_put_pin(store, run, &pin, &err), ATTUNE_FORMAT);
    assert_non_null(strstr(err.text, "digest"));
    pin.n--;
    assert_int_equal(attune_store_put_pin(store, run, &pin, &err), ATTUNE_ARGUMENT);
    pin.n++;
    attune_pin_done(&pin);
    assert_int_equal(attune_store_load_pin(store, run, 1, ATTUNE_PIN_LOGITS, &pin, &err),
                     ATTUNE_NOT_FOUND);
}

static void pins_travel_and_go(void **state)
{
    struct attune_pin *list;
    struct attune_error err;
    char *json, *session, *at;
    size_t len, n;
    struct attune_run_record *runs;

    assert_int_equal(attune_store_export(store, "live", 0, &json, &len, &err), 0);
    assert_non_null(strstr(json, "\"version\":2"));
    if (attune_store_import(store, json, len, &session, &err)) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(
        attune_store_list(store, &(struct attune_run_query){.session = session}, &runs, &n, &err),
        0);
    assert_int_equal(attune_store_pins(store, runs[0].id, &list, &n, &err), 0);
    assert_int_equal(n, 3);
    attune_pins_free(list, n);
    attune_run_records_free(runs, 1);
    free(session);
    at = strstr(json, "\"shape\":\"");
    assert_non_null(at);
    at[9] = '9'; /* another size than the bytes have */
    assert_int_not_equal(attune_store_import(store, json, len, &session, &err), 0);
    free(json);
    assert_int_equal(attune_store_unpin(store, run, 2, ATTUNE_PIN_HIDDEN, &err), 0);
    assert_int_equal(attune_store_unpin(store, run, 2, ATTUNE_PIN_HIDDEN, &err), ATTUNE_NOT_FOUND);
    assert_int_equal(attune_store_unpin(store, run, 2, ATTUNE_PIN_KIND_COUNT, &err), 0);
    assert_int_equal(attune_store_pins(store, run, &list, &n, &err), 0);
    assert_int_equal(n, 0);
    attune_pins_free(list, n);
}

static void hostile_bytes_make_no_room(void **state)
{
    struct attune_error err;
    float values[100], *back;
    void *bytes;
    size_t len;

    for (int i = 0; i < 100; i++) {
        values[i] = (float)i;
    }
    assert_int_equal(pack_floats(&bytes, &len, values, 100, &err), 0);
    assert_int_equal(unpack_floats(&back, 100, bytes, len, &err), 0);
    assert_memory_equal(back, values, sizeof values);
    free(back);
    assert_int_equal(unpack_floats(&back, 99, bytes, len, &err), ATTUNE_FORMAT);
    assert_int_equal(unpack_floats(&back, (size_t)1 << 40, bytes, len, &err), ATTUNE_FORMAT);
    for (size_t n = 0; n < len; n++) {
        assert_int_equal(unpack_floats(&back, 100, bytes, n, &err), ATTUNE_FORMAT);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_there_in_full),
        cmocka_unit_test(what_was_not_recorded_is_not_pinned),
        cmocka_unit_test(pins_travel_and_go),
        cmocka_unit_test(hostile_bytes_make_no_room),
    };
    return cmocka_run_group_tests_name("pin", tests, begin, end);
}
