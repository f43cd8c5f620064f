/* attune replay: saved runs as they came, without the model; or with it, proved. */
#include <config.h>

#include "cli_store.h"

#include <attune/run.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct cli_option options[] = {
    {"verify", 0, NULL, "compute the steps again with the model and compare them bit by bit"},
    {"run", 0, "R", "this run of the session alone"},
    {"speed", 0, "N", "text as it came, N times as fast (1: as it was); without, at once"},
    {NULL, 0, NULL, NULL},
};

struct replay {
    struct cli *cli;
    struct attune_store *store;
    struct attune_run_record *runs;
    size_t n;
    double speed; /* 0: no waiting */
};

static bool cancelled(const struct replay *replay)
{
    return atomic_load(&replay->cli->progress.cancel) != 0;
}

static void wait_ms(const struct replay *replay, double ms)
{
    while (ms > 0 && !cancelled(replay)) {
        double part = ms < 50 ? ms : 50;
        struct timespec t = {(time_t)(part / 1000), (long)(fmod(part, 1000) * 1e6)};

        nanosleep(&t, NULL);
        ms -= part;
    }
}

/* What of a step's bytes is output: all, none (end and control tokens are no text), or what stands
 * before a stop text. */
static size_t shown_bytes(const struct attune_step *step, const char *rest, size_t len)
{
    size_t n = step->n_bytes < len ? step->n_bytes : len;

    return memcmp(step->bytes, rest, n) == 0 ? n : 0;
}

static int play(struct replay *replay, const struct attune_run_record *r, struct attune_error *err)
{
    struct cli *cli = replay->cli;
    struct attune_step *steps;
    size_t n, at = 0;
    int status = attune_store_load_steps(replay->store, r->id, &steps, &n, err);

    for (size_t i = 0; i < n && !cancelled(replay); i++) {
        size_t len = shown_bytes(&steps[i], r->output + at, r->output_len - at);

        if (replay->speed > 0 && isfinite(steps[i].eval_ms) && isfinite(steps[i].sample_ms)) {
            wait_ms(replay, (steps[i].eval_ms + steps[i].sample_ms) / replay->speed);
        }
        cli_print_text(cli, r->output + at, len);
        if (replay->speed > 0) {
            fflush(cli->out);
        }
        at += len;
    }
    if (status == ATTUNE_OK &&
        !cancelled(replay)) { /* a record made elsewhere may join its text otherwise */
        cli_print_text(cli, r->output + at, r->output_len - at);
    }
    fputc('\n', cli->out);
    free(steps);
    return status == ATTUNE_OK && cancelled(replay)
               ? attune_error_set(err, ATTUNE_CANCELLED, 0, "interrupted")
               : status;
}

static int play_all(struct replay *replay)
{
    struct cli *cli = replay->cli;
    struct attune_error err = {0};
    json_t *list = json_array(), *object;
    int status = ATTUNE_OK;

    for (size_t i = 0; status == ATTUNE_OK && i < replay->n; i++) {
        if (cli->json) {
            object = cli_json_run(replay->store, &replay->runs[i], true, &err);
            status = object ? ATTUNE_OK : err.status;
            json_array_append_new(list, object);
        } else {
            status = play(replay, &replay->runs[i], &err);
        }
    }
    if (status == ATTUNE_OK && cli->json && replay->n == 1) {
        status = cli_print_json(cli, json_incref(json_array_get(list, 0)));
    } else if (status == ATTUNE_OK && cli->json) {
        status = cli_print_json(
            cli, json_pack("{s:s, s:O}", "session", replay->runs[0].session, "runs", list));
    } else {
        status = status == ATTUNE_OK ? CLI_OK : cli_fail(cli, &err);
    }
    json_decref(list);
    return status;
}

static json_t *of_verdict(const struct attune_verdict *v)
{
    return json_pack("{s:I, s:b, s:I, s:o, s:o, s:b, s:b, s:b, s:s}", "steps", (json_int_t)v->steps,
                     "identical", v->identical == v->steps, "identical_steps",
                     (json_int_t)v->identical, "first_difference",
                     v->first_difference < 0 ? json_null() : json_integer(v->first_difference),
                     "max_logit_error", cli_json_real(v->max_logit_error), "model_differs",
                     v->model_differs, "tokenizer_differs", v->tokenizer_differs, "engine_differs",
                     v->engine_differs, "what", v->what);
}

/* Adds a verdict to that of all. */
static void sum_up(struct attune_verdict *all, const struct attune_verdict *one)
{
    if (all->first_difference < 0) { /* the sentence of the first that differs, else of the last */
        all->first_difference = one->first_difference;
        memcpy(all->what, one->what, sizeof all->what);
    }
    all->steps += one->steps;
    all->identical += one->identical;
    all->max_logit_error = fmax(all->max_logit_error, one->max_logit_error);
    all->model_differs |= one->model_differs;
    all->tokenizer_differs |= one->tokenizer_differs;
    all->engine_differs |= one->engine_differs;
}

static int print_verdict(struct cli *cli, const struct attune_verdict *all, json_t *list)
{
    bool identical = all->identical == all->steps;
    json_t *object = of_verdict(all);
    int status = CLI_OK;

    if (cli->json) {
        json_object_set(object, "runs", list);
        status = cli_print_json(cli, json_incref(object));
    }
    json_decref(object);
    return status != CLI_OK ? status : identical ? CLI_OK : CLI_DIFFERS;
}

static int verify_all(struct replay *replay)
{
    struct cli *cli = replay->cli;
    struct attune_verdict all = {.first_difference = -1};
    struct attune_model *model = NULL;
    struct attune_error err = {0};
    json_t *list = json_array();
    long threads = 0;
    int status = ATTUNE_OK;

    if (cli_long(cli, "threads", 1, 4096, &threads) != CLI_OK) {
        json_decref(list);
        return CLI_USAGE;
    }
    for (size_t i = 0; status == ATTUNE_OK && i < replay->n; i++) {
        const struct attune_run_record *r = &replay->runs[i];
        struct attune_verdict one;

        if (!model || (strcmp(r->model_path, replay->runs[i - 1].model_path) != 0 &&
                       !cli_value(cli, "model"))) {
            attune_model_close(model);
            model = NULL;
            status = cli_open_recorded(cli, &model, r, &err);
        }
        if (status == ATTUNE_OK) {
            status = attune_replay_verify(&one, replay->store, r->id, model, (int)threads,
                                          &cli->progress, &err);
        }
        if (status == ATTUNE_OK) {
            json_t *object = of_verdict(&one);

            json_object_set_new(object, "run", json_integer((json_int_t)r->id));
            json_array_append_new(list, object);
            sum_up(&all, &one);
            if (!cli->json) {
                fprintf(cli->out, "run %lld: %s (largest error of a logit: %g)\n", (long long)r->id,
                        one.what, one.max_logit_error);
            }
        }
    }
    status = status == ATTUNE_OK ? print_verdict(cli, &all, list) : cli_fail(cli, &err);
    json_decref(list);
    attune_model_close(model);
    return status;
}

/* Keeps of the runs the one that --run names. */
static int choose(struct replay *replay, long number, struct attune_error *err)
{
    for (size_t i = 0; i < replay->n; i++) {
        if (replay->runs[i].id == number) {
            struct attune_run_record kept = replay->runs[i];

            replay->runs[i] = replay->runs[0];
            replay->runs[0] = kept;
            for (size_t k = 1; k < replay->n; k++) {
                attune_run_record_done(&replay->runs[k]);
            }
            replay->n = 1;
            return ATTUNE_OK;
        }
    }
    return attune_error_set(err, ATTUNE_NOT_FOUND, 0,
                            "%s has no run %ld (attune show %s lists them)", replay->cli->args[0],
                            number, replay->cli->args[0]);
}

static int run(struct cli *cli)
{
    struct replay replay = {.cli = cli};
    struct attune_error err = {0};
    long number = 0;
    int status = cli_long(cli, "run", 1, INT32_MAX, &number);

    if (status == CLI_OK) {
        status = cli_double(cli, "speed", 0.001, 1e6, &replay.speed);
    }
    if (status != CLI_OK) {
        return status;
    }
    status = cli_open_store(cli, &replay.store, ATTUNE_STORE_READ, &err);
    if (status == ATTUNE_OK) {
        status = cli_load_runs(replay.store, cli->args[0], &replay.runs, &replay.n, &err);
    }
    if (status == ATTUNE_OK && number) {
        status = choose(&replay, number, &err);
    }
    status = status != ATTUNE_OK      ? cli_fail(cli, &err)
             : cli_has(cli, "verify") ? verify_all(&replay)
                                      : play_all(&replay);
    attune_run_records_free(replay.runs, replay.n);
    attune_store_close(replay.store);
    return status;
}

const struct cmd_ops cmd_replay = {
    .name = "replay",
    .args = "ID [--run R] [--verify] [--speed N]",
    .help = "a saved run or session as it came; with --verify computed again and compared",
    .groups = CLI_MODEL | CLI_DB,
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
