/* The sampling flags as a chain, the generation flags as options. The knobs are not listed here:
 * every param of every stage is a flag. */
#include <config.h>

#include "cli.h"

#include <attune/rng.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX_TOKENS = 128 };

static void flag_name(char *out, size_t capacity, const char *param)
{
    snprintf(out, capacity, "%s", param);
    for (char *c = out; *c; c++) {
        *c = *c == '_' ? '-' : *c;
    }
}

static bool has_stage(const struct attune_chain *chain, const char *stage)
{
    for (size_t i = 0; i < attune_chain_n_stages(chain); i++) {
        if (strcmp(attune_chain_stage(chain, i), stage) == 0) {
            return true;
        }
    }
    return false;
}

/* Behind all others: an order that nobody asked for takes the stage in whose value somebody did ask
 * for. */
static int add_stage(struct cli *cli, struct attune_chain *chain, const char *stage)
{
    struct attune_error err;
    char order[320] = "";

    for (size_t i = 0; i <= attune_chain_n_stages(chain); i++) {
        const char *name = attune_chain_stage(chain, i);

        snprintf(order + strlen(order), sizeof order - strlen(order), "%s%s", i ? "," : "",
                 name ? name : stage);
    }
    return attune_chain_order(chain, order, &err) == ATTUNE_OK ? CLI_OK : cli_fail(cli, &err);
}

static int set_knob(struct cli *cli, struct attune_chain *chain, const struct attune_param *param)
{
    struct attune_error err;
    char flag[64];
    const double before = attune_chain_get(chain, param->name);
    double value = before;
    int status;

    flag_name(flag, sizeof flag, param->name);
    status = cli_double(cli, flag, -INFINITY, INFINITY, &value);
    if (status != CLI_OK) {
        return status;
    }
    if (strcmp(param->name, "temperature") == 0 && cli_has(cli, "greedy")) {
        value = 0;
    }
    if (attune_chain_set(chain, param->name, value, &err) != ATTUNE_OK) {
        return cli_wrong(cli, "%s", err.text);
    }
    if (value != before && value != param->off && !has_stage(chain, param->stage) &&
        !cli_value(cli, "order") && !cli_value(cli, "fork")) {
        return add_stage(cli, chain, param->stage);
    }
    if (value != before && value != param->off && !has_stage(chain, param->stage)) {
        return cli_wrong(cli, "--%s %g does nothing: the stage %s is not in --order %s", flag,
                         value, param->stage,
                         cli_value(cli, "order") ? cli_value(cli, "order") : "of the saved run");
    }
    return CLI_OK;
}

/* Pairs ID=B separated by commas; B may be inf or -inf. */
static int set_biases(struct cli *cli, struct attune_chain *chain, const char *list)
{
    for (const char *at = list;; at++) {
        struct attune_error err;
        char *end, *number;
        long id;
        float bias;

        errno = 0;
        id = strtol(at, &end, 10);
        if (end == at || *end != '=' || errno || id < 0 || id > INT32_MAX) {
            break;
        }
        number = end + 1;
        bias = strtof(number, &end);
        if (end == number || (*end && *end != ',')) {
            break;
        }
        if (attune_chain_bias(chain, (attune_token)id, bias, &err) != ATTUNE_OK) {
            return cli_wrong(cli, "--logit-bias: %s", err.text);
        }
        if (!*end) {
            return CLI_OK;
        }
        at = end;
    }
    return cli_wrong(
        cli, "--logit-bias %s: wants ID=B pairs separated by commas, such as 5=-inf,17=1.5", list);
}

/* --choices A,B, --regex PATTERN, --grammar SPEC: one of them. */
static int set_constraint(struct cli *cli, struct attune_chain *chain)
{
    static const struct {
        const char *flag, *kind;
    } flags[] = {{"choices", "choices:"}, {"regex", "regex:"}, {"grammar", ""}};
    const char *given = NULL;

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const char *value = cli_value(cli, flags[i].flag);
        struct attune_error err;
        char *spec;
        int status;

        if (!value) {
            continue;
        }
        if (given) {
            return cli_wrong(cli, "--%s and --%s are two constraints: give one", given,
                             flags[i].flag);
        }
        given = flags[i].flag;
        spec = malloc(strlen(flags[i].kind) + strlen(value) + 1);
        if (!spec) {
            return cli_fail(cli, &(struct attune_error){ATTUNE_MEMORY, 0, "out of memory"});
        }
        strcat(strcpy(spec, flags[i].kind), value);
        status = attune_chain_constrain(chain, strcmp(spec, "none") == 0 ? NULL : spec, &err);
        free(spec);
        if (status != ATTUNE_OK) {
            return cli_wrong(cli, "--%s: %s", given, err.text);
        }
    }
    return CLI_OK;
}

int cli_chain(struct cli *cli, struct attune_chain **out)
{
    return cli_chain_from(cli, "", out);
}

int cli_chain_from(struct cli *cli, const char *text, struct attune_chain **out)
{
    const char *order = cli_value(cli, "order"), *preset = cli_value(cli, "preset");
    struct attune_chain *chain = NULL;
    struct attune_error err;
    int status = CLI_OK;

    *out = NULL;
    if (attune_chain_parse(&chain, text, &err) != ATTUNE_OK) {
        return cli_fail(cli, &err);
    }
    if (preset && attune_chain_preset(chain, preset, &err) != ATTUNE_OK) {
        status = cli_wrong(cli, "--preset: %s", err.text);
    }
    if (status == CLI_OK && order && attune_chain_order(chain, order, &err) != ATTUNE_OK) {
        status = cli_wrong(cli, "--order: %s", err.text);
    }
    for (size_t i = 0; status == CLI_OK && i < attune_param_count(); i++) {
        status = set_knob(cli, chain, attune_param_at(i));
    }
    for (size_t i = 0; status == CLI_OK && i < cli_count(cli, "logit-bias"); i++) {
        status = set_biases(cli, chain, cli_value_at(cli, "logit-bias", i));
    }
    if (status == CLI_OK) {
        status = set_constraint(cli, chain);
    }
    if (status == CLI_OK && cli_has(cli, "ablate") &&
        attune_chain_set_ablation(chain, cli_value(cli, "ablate"), &err) != ATTUNE_OK) {
        status = cli_wrong(cli, "--ablate: %s", err.text);
    }
    if (status != CLI_OK) {
        attune_chain_free(chain);
        return status;
    }
    *out = chain;
    return CLI_OK;
}

int cli_generate_options(struct cli *cli, struct attune_generate_options *out)
{
    long max_tokens = DEFAULT_MAX_TOKENS, seed = 0;
    size_t n_stops = cli_count(cli, "stop");
    const char **stops = NULL;
    int status;

    memset(out, 0, sizeof *out);
    status = cli_long(cli, "max-tokens", 0, LONG_MAX, &max_tokens);
    if (status == CLI_OK) {
        status = cli_long(cli, "seed", 0, LONG_MAX, &seed);
    }
    if (status != CLI_OK) {
        return status;
    }
    if (n_stops > 0) {
        stops = calloc(n_stops, sizeof *stops);
        if (!stops) {
            return cli_fail(cli, &(struct attune_error){ATTUNE_MEMORY, 0, "out of memory"});
        }
    }
    for (size_t i = 0; i < n_stops; i++) {
        stops[i] = cli_value_at(cli, "stop", i);
    }
    out->max_tokens = (size_t)max_tokens;
    out->seed = cli_has(cli, "seed") ? (uint64_t)seed : attune_rng_seed();
    out->ignore_end = cli_has(cli, "ignore-eos");
    out->stops = stops;
    out->n_stops = n_stops;
    return CLI_OK;
}

void cli_generate_options_done(struct attune_generate_options *options)
{
    free((void *)options->stops);
    memset(options, 0, sizeof *options);
}
