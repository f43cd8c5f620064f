#include <config.h>

#include "tui/cli.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct parsed {
    struct cli cli;
    FILE *err;
    char *text;
    size_t len;
};

static void parse(struct parsed *p, const char *const *args)
{
    int argc = 0;

    while (args[argc]) {
        argc++;
    }
    p->err = open_memstream(&p->text, &p->len);
    assert_non_null(p->err);
    assert_int_equal(cli_init(&p->cli, cmd_find("run"), argc, (char **)args, stdout, p->err),
                     CLI_OK);
}

static void done(struct parsed *p)
{
    cli_done(&p->cli);
    fclose(p->err);
    free(p->text);
}

#define PARSE(p, ...) parse((p), (const char *const[]){"run", __VA_ARGS__, NULL})

static void flags_are_the_chain(void **state)
{
    struct attune_chain *chain;
    struct parsed p;
    char text[400];

    PARSE(&p, "--top-k", "40", "--temperature=0.7", "--order", "llama.cpp", "--repeat-penalty",
          "1.1", "--logit-bias", "5=-inf,7=1.5", "--logit-bias", "5=2");
    assert_int_equal(cli_chain(&p.cli, &chain), CLI_OK);
    attune_chain_text(chain, text, sizeof text);
    assert_string_equal(
        text,
        "order=penalties,top_n_sigma,top_k,typical,top_p,min_p,temperature repeat_penalty=1.1 "
        "temperature=0.7 top_k=40 logit_bias=5:2,7:1.5");
    attune_chain_free(chain);
    done(&p);
}

static void every_knob_has_its_flag(void **state)
{
    for (size_t i = 0; i < attune_param_count(); i++) {
        const struct attune_param *param = attune_param_at(i);
        char flag[64] = "--", value[40];
        struct attune_chain *chain;
        struct parsed p;

        for (size_t k = 0; param->name[k]; k++) {
            flag[k + 2] = param->name[k] == '_' ? '-' : param->name[k];
            flag[k + 3] = '\0';
        }
        snprintf(value, sizeof value, "%.17g", param->max);
        PARSE(&p, flag, value);
        assert_int_equal(cli_chain(&p.cli, &chain), CLI_OK);
        assert_true(attune_chain_get(chain, param->name) == param->max);
        attune_chain_free(chain);
        done(&p);
    }
}

static void a_preset_is_order_and_values(void **state)
{
    struct attune_chain *chain;
    struct parsed p;
    char text[400];

    PARSE(&p, "--preset", "llama.cpp", "--top-k", "0", "--choices", "yes,no way");
    assert_int_equal(cli_chain(&p.cli, &chain), CLI_OK);
    attune_chain_text(chain, text, sizeof text);
    assert_string_equal(
        text, "order=constraint,penalties,top_n_sigma,top_k,typical,top_p,min_p,temperature "
              "temperature=0.8 top_p=0.95 min_p=0.05 constraint=choices:yes,no%20way");
    attune_chain_free(chain);
    done(&p);
    PARSE(&p, "--preset", "vllm", "--top-n-sigma", "2");
    assert_int_equal(cli_chain(&p.cli, &chain), CLI_OK);
    attune_chain_text(chain, text, sizeof text);
    assert_string_equal(text,
                        "order=penalties,temperature,min_p,top_k,top_p,top_n_sigma top_n_sigma=2");
    attune_chain_free(chain);
    done(&p);
    PARSE(&p, "--preset", "torch");
    assert_int_equal(cli_chain(&p.cli, &chain), CLI_USAGE);
    done(&p);
    PARSE(&p, "--regex", "a", "--grammar", "json");
    assert_int_equal(cli_chain(&p.cli, &chain), CLI_USAGE);
    done(&p);
}

static void greedy_is_no_temperature(void **state)
{
    struct attune_chain *chain;
    struct parsed p;

    PARSE(&p, "--greedy", "--top-k", "3");
    assert_int_equal(cli_chain(&p.cli, &chain), CLI_OK);
    assert_true(attune_chain_get(chain, "temperature") == 0);
    attune_chain_free(chain);
    done(&p);
    PARSE(&p, "--greedy", "--order", "top_k,top_p");
    assert_int_equal(cli_chain(&p.cli, &chain), CLI_USAGE);
    fflush(p.err);
    assert_non_null(strstr(p.text, "the stage temperature is not in --order top_k,top_p"));
    assert_null(chain);
    done(&p);
}

static void generation_has_its_defaults(void **state)
{
    struct attune_generate_options a, b;
    struct parsed p;

    PARSE(&p, "-p", "x");
    assert_int_equal(cli_generate_options(&p.cli, &a), CLI_OK);
    assert_int_equal(cli_generate_options(&p.cli, &b), CLI_OK);
    assert_int_equal(a.max_tokens, 128);
    assert_true(a.seed != b.seed && a.seed >> 63 == 0);
    assert_false(a.ignore_end);
    assert_int_equal(a.n_stops, 0);
    cli_generate_options_done(&a);
    done(&p);
    PARSE(&p, "-n", "7", "--seed", "9223372036854775807", "--stop", "\n\n", "--ignore-eos",
          "--stop", "Q:");
    assert_int_equal(cli_generate_options(&p.cli, &a), CLI_OK);
    assert_int_equal(a.max_tokens, 7);
    assert_true(a.seed == INT64_MAX && a.ignore_end);
    assert_int_equal(a.n_stops, 2);
    assert_string_equal(a.stops[0], "\n\n");
    assert_string_equal(a.stops[1], "Q:");
    cli_generate_options_done(&a);
    done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_the_chain),          cmocka_unit_test(every_knob_has_its_flag),
        cmocka_unit_test(a_preset_is_order_and_values), cmocka_unit_test(greedy_is_no_temperature),
        cmocka_unit_test(generation_has_its_defaults),
    };
    return cmocka_run_group_tests_name("cli_sampling", tests, NULL, NULL);
}
