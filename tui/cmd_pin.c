/* attune pin: logits, hidden states or attention of a saved step in full; computed once, kept,
 * shown without the model. */
#include <config.h>

#include "cli_store.h"

#include <attune/dist.h>
#include <attune/pin.h>
#include <attune/tensors.h>

#include <stdlib.h>
#include <string.h>

static const struct cli_option options[] = {
    {"what", 0, "KINDS", "logits, hidden, attention, with commas between, or all (logits)"},
    {"off", 0, NULL, "takes the pins of the step off"},
    {"output", 'o', "FILE", "the pins of the step as a safetensors file"},
    {"top", 0, "N", "so many candidates of pinned logits (10)"},
    {NULL, 0, NULL, NULL},
};

/* "logits,hidden" -> a bit for each kind; 0: there is a word that is none. */
static unsigned read_kinds(const char *text)
{
    unsigned kinds = 0;

    while (*text) {
        size_t len = strcspn(text, ",");
        unsigned found =
            len == 3 && memcmp(text, "all", 3) == 0 ? (1u << ATTUNE_PIN_KIND_COUNT) - 1 : 0;

        for (int i = 0; i < ATTUNE_PIN_KIND_COUNT; i++) {
            const char *name = attune_pin_kind_text((enum attune_pin_kind)i);

            found |= strlen(name) == len && memcmp(name, text, len) == 0 ? 1u << i : 0;
        }
        if (!found) {
            return 0;
        }
        kinds |= found;
        text += len + (text[len] == ',');
    }
    return kinds;
}

static int pin(struct cli *cli, struct attune_store *store, const struct attune_place *place,
               unsigned kinds, struct attune_error *err)
{
    struct attune_run_record record;
    struct attune_model *model = NULL;
    long threads = 0;
    int status = attune_store_load_run(store, place->run, &record, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (cli_long(cli, "threads", 1, 4096, &threads) != CLI_OK) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0, "--threads wants a number from 1 on");
    }
    if (status == ATTUNE_OK) {
        status = cli_open_recorded(cli, &model, &record, err);
    }
    for (int i = 0; status == ATTUNE_OK && i < ATTUNE_PIN_KIND_COUNT; i++) {
        struct attune_pin one;

        if (!(kinds >> i & 1)) {
            continue;
        }
        status = attune_pin_compute(&one, store, place->run, place->step, (enum attune_pin_kind)i,
                                    model, (int)threads, &cli->progress, err);
        if (status == ATTUNE_OK) {
            status = attune_store_put_pin(store, place->run, &one, err);
            attune_pin_done(&one);
        }
    }
    attune_model_close(model);
    attune_run_record_done(&record);
    return status;
}

static int write_file(struct attune_store *store, const struct attune_place *place,
                      const char *path, struct attune_error *err)
{
    struct attune_pin pins[ATTUNE_PIN_KIND_COUNT] = {{0}};
    struct attune_tensor tensors[ATTUNE_PIN_KIND_COUNT];
    size_t n = 0;
    int status = ATTUNE_OK;

    for (int i = 0; status == ATTUNE_OK && i < ATTUNE_PIN_KIND_COUNT; i++) {
        struct attune_pin *p = &pins[n];

        status =
            attune_store_load_pin(store, place->run, place->step, (enum attune_pin_kind)i, p, err);
        if (status == ATTUNE_OK) {
            tensors[n] = (struct attune_tensor){.name = attune_pin_kind_text(p->kind),
                                                .dtype = "F32",
                                                .n_dims = p->n_dims,
                                                .data = p->values,
                                                .n_bytes = p->n * sizeof *p->values};
            memcpy(tensors[n++].shape, p->shape, sizeof p->shape);
        } else if (status == ATTUNE_NOT_FOUND && n + (i < 2) > 0) {
            status = ATTUNE_OK;
        }
    }
    if (status == ATTUNE_OK) {
        status = attune_tensors_write(path, tensors, n, err);
    }
    for (size_t i = 0; i < n; i++) {
        attune_pin_done(&pins[i]);
    }
    return status;
}

/* The likeliest of pinned logits, by id: there may be no model to name them. */
static json_t *candidates(struct attune_store *store, const struct attune_place *place, long top,
                          struct attune_error *err)
{
    struct attune_pin logits;
    struct attune_dist dist;
    json_t *list = json_array();

    if (attune_store_load_pin(store, place->run, place->step, ATTUNE_PIN_LOGITS, &logits, err) ==
        ATTUNE_OK) {
        attune_dist_of(&dist, logits.values, logits.n);
        for (size_t i = 0; i < dist.n_top && i < (size_t)top; i++) {
            json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "id", (int)dist.top[i].id,
                                                  "logit", cli_json_real((double)dist.top[i].logit),
                                                  "p", cli_json_real(dist.top[i].p)));
        }
        attune_pin_done(&logits);
    }
    return list;
}

static int print(struct cli *cli, struct attune_store *store, const struct attune_place *place,
                 struct attune_error *err)
{
    struct attune_pin *pins;
    json_t *list = json_array(), *top = NULL;
    size_t n;
    long most = 10;
    int status = attune_store_pins(store, place->run, &pins, &n, err);

    if (cli_long(cli, "top", 1, ATTUNE_DIST_TOP, &most) != CLI_OK) {
        json_decref(list);
        return CLI_USAGE;
    }
    for (size_t i = 0; status == ATTUNE_OK && i < n; i++) {
        const struct attune_pin *p = &pins[i];
        json_t *shape = json_array();

        for (int k = 0; k < p->n_dims; k++) {
            json_array_append_new(shape, json_integer((json_int_t)p->shape[k]));
        }
        if (!place->at_step || p->step == place->step) {
            json_array_append_new(list,
                                  json_pack("{s:I, s:s, s:O, s:I}", "step", (json_int_t)p->step,
                                            "kind", attune_pin_kind_text(p->kind), "shape", shape,
                                            "bytes", (json_int_t)p->bytes));
            if (!cli->json) {
                char *text = json_dumps(shape, JSON_COMPACT);

                fprintf(cli->out, "step %llu  %-9s %s in %llu bytes\n", (unsigned long long)p->step,
                        attune_pin_kind_text(p->kind), text ? text : "",
                        (unsigned long long)p->bytes);
                free(text);
            }
        }
        json_decref(shape);
    }
    attune_pins_free(pins, n);
    if (status == ATTUNE_OK && place->at_step) {
        top = candidates(store, place, most, err);
        for (size_t i = 0; !cli->json && i < json_array_size(top); i++) {
            const json_t *c = json_array_get(top, i);

            fprintf(cli->out, "%6d  %9.6f\n", (int)json_integer_value(json_object_get(c, "id")),
                    json_number_value(json_object_get(c, "p")));
        }
    }
    if (status == ATTUNE_OK && cli->json) {
        return cli_print_json(cli, json_pack("{s:I, s:o, s:o}", "run", (json_int_t)place->run,
                                             "pins", list, "candidates", top ? top : json_array()));
    }
    json_decref(top);
    json_decref(list);
    return status == ATTUNE_OK ? CLI_OK : cli_fail(cli, err);
}

static int run(struct cli *cli)
{
    const char *what = cli_value(cli, "what"), *file = cli_value(cli, "output");
    struct attune_place place = cli_place(cli->args[0]);
    bool off = cli_has(cli, "off"), makes = place.at_step && !file && !off;
    unsigned kinds = read_kinds(what ? what : "logits");
    struct attune_store *store;
    struct attune_error err = {0};
    int status;

    if (!place.run || (!place.at_step && (what || off || file))) {
        return cli_wrong(cli, "pin: wants RUN:STEP, or RUN to list what is pinned");
    }
    if (!kinds) {
        return cli_wrong(cli, "--what: logits, hidden, attention or all, not %s", what);
    }
    status =
        cli_open_store(cli, &store, makes || off ? ATTUNE_STORE_WRITE : ATTUNE_STORE_READ, &err);
    if (status == ATTUNE_OK && off) {
        status = attune_store_unpin(store, place.run, place.step, ATTUNE_PIN_KIND_COUNT, &err);
    } else if (status == ATTUNE_OK && file) {
        status = write_file(store, &place, file, &err);
    } else if (status == ATTUNE_OK && makes) {
        struct attune_pin *pins = NULL;
        size_t n = 0, here = 0;

        /* what is pinned already is shown, with the model or without */
        status = attune_store_pins(store, place.run, &pins, &n, &err);
        for (size_t i = 0; i < n; i++) {
            here |= pins[i].step == place.step ? 1u << pins[i].kind : 0;
        }
        attune_pins_free(pins, n);
        if (status == ATTUNE_OK && kinds & ~(unsigned)here) {
            status = pin(cli, store, &place, kinds & ~(unsigned)here, &err);
        }
    }
    status = status == ATTUNE_OK ? print(cli, store, &place, &err) : cli_fail(cli, &err);
    attune_store_close(store);
    return status;
}

const struct cmd_ops cmd_pin = {
    .name = "pin",
    .args = "RUN[:STEP] [--what KINDS] [--off] [-o FILE]",
    .help =
        "logits, hidden states or attention of a saved step in full, kept for replay without the "
        "model",
    .groups = CLI_MODEL | CLI_DB,
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
