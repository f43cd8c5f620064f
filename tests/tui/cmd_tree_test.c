/* tree by verb, and on the workbench: the shape of the answer, and a context that stays whole. */
#include <config.h>

#include "tests/tui/verb.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/panel.h"
#include "tui/workbench_event.h"

#define CALL(r, ...) verb_call((r), (const char *const[]){__VA_ARGS__, NULL})
#define LLAMA        "-m", "GOLDEN/gguf/llama-f32/model.gguf", "-p", "the cat sat on the mat"

static void children_stand_inside_their_parents(void **state)
{
    struct verb_result r, probs;
    const json_t *tree, *first, *second;

    CALL(&r, "tree", LLAMA, "--breadth", "2", "--depth", "3", "--json");
    assert_int_equal(r.status, CLI_OK);
    assert_int_equal((int)verb_number(r.json, "nodes"), 2 + 4 + 8);
    assert_int_equal((int)verb_number(r.json, "evaluated"), 2 + 4);
    tree = verb_list(r.json, "tree");
    assert_int_equal(json_array_size(tree), 2);
    first = json_array_get(tree, 0);
    second = json_array_get(verb_list(first, "children"), 1);
    assert_int_equal(json_array_size(verb_list(second, "children")), 2);
    assert_true(fabs(verb_number(second, "joint") -
                     verb_number(first, "p") * verb_number(second, "p")) < 1e-8);
    CALL(&probs, "probs", LLAMA, "--top", "1", "--json");
    assert_true(verb_number(first, "p") ==
                verb_number(json_array_get(verb_list(probs.json, "candidates"), 0), "p"));
    assert_int_equal(json_array_size(verb_list(r.json, "context_ids")), 10);
    verb_done(&r);
    verb_done(&probs);
    CALL(&r, "tree", LLAMA, "--breadth", "2", "--depth", "2", "--temperature", "0");
    assert_int_equal(r.status, CLI_OK); /* greedy: one path */
    assert_non_null(strstr(r.out, "2 nodes, 1 tokens read for them"));
    verb_done(&r);
    CALL(&r, "tree", LLAMA, "--breadth", "99");
    assert_int_equal(r.status, CLI_USAGE);
    verb_done(&r);
    CALL(&r, "tree", "-m", "GOLDEN/hf/roberta-mlm", "--ids", "4,5");
    assert_int_equal(r.status, CLI_FAILED);
    assert_non_null(strstr(r.err, "encoder"));
    verb_done(&r);
}

static void settle(struct workbench *b)
{
    for (int turn = 0; bench_is_busy(b); turn++) {
        struct pollfd fd = {.fd = bench_wake_fd(b), .events = POLLIN};

        assert_true(turn < 100000);
        poll(&fd, 1, 50);
        bench_poll(b);
    }
    bench_poll(b);
}

static void the_workbench_grows_one_and_keeps_its_context(void **state)
{
    struct tree_request request = {.breadth = 2, .depth = 3, .raw = true};
    struct workbench b;
    char path[4096];
    const struct bench_options options = {.model_path = path, .n_threads = 2};
    size_t n;

    snprintf(path, sizeof path, "%s/gguf/llama-f32/model.gguf", getenv("ATTUNE_GOLDEN"));
    assert_int_equal(bench_open(&b, &options, NULL), ATTUNE_OK);
    settle(&b);
    attune_prompt_set(&b.prompt, b.prompt.n - 1, "one two three four", NULL, NULL);
    bench_prompt_changed(&b);
    settle(&b);
    n = b.tokens.n;
    request.position = bench_looked_at(&b);
    bench_request_tree(&b, &request);
    settle(&b);
    assert_true(b.tree.ended && b.tree.n == 14 && b.tree.evaluated == 6);
    assert_int_equal(b.tree.nodes[0].id, b.trace.raw.top[0].id);
    assert_true(b.tree.nodes[0].p == b.trace.raw.top[0].p);
    assert_int_equal(attune_context_length(b.worker->ctx), n);
    bench_look(&b, 2); /* inside the prompt: what is held behind it comes back */
    settle(&b);
    request.position = bench_looked_at(&b);
    bench_request_tree(&b, &request);
    settle(&b);
    assert_int_equal(b.tree.nodes[0].id, b.trace.raw.top[0].id);
    assert_int_equal(attune_context_length(b.worker->ctx), n);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(children_stand_inside_their_parents),
        cmocka_unit_test(the_workbench_grows_one_and_keeps_its_context),
    };

    setenv("ATTUNE_TEST", "1", 1);
    return cmocka_run_group_tests_name("cmd_tree", tests, NULL, NULL);
}
