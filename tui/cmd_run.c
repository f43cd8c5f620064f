/* run: generate from a prompt, one sample or several, streamed, and recorded if asked. */
#include <config.h>

#include "cli_beams.h"
#include "cli_fork.h"

#include <attune/run.h>

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct sample { /* one generation of the verb */
    struct cli *cli;
    const struct cli_context *source;
    const struct attune_chain *chain;
    const struct attune_generate_options *generate;
    struct attune_store *store;  /* or NULL */
    const char *session;         /* or NULL */
    const struct cli_fork *fork; /* or NULL */
    struct attune_run *run;
    json_t *steps; /* of --json */
    size_t n_steps, printed;
    bool stream;
};

/* Bytes at the end of text that begin a UTF-8 character whose rest has not come. */
static size_t unfinished(const char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char c = (unsigned char)text[len - back];

        if (c >= 0xc0) {
            return back < (size_t)(c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2) ? back : 0;
        }
        if (c < 0x80) {
            break;
        }
    }
    return 0;
}

/* What is new of the text. Whole characters, so that what is escaped does not slip through in
 * halves. */
static void print_new(struct sample *s, bool last)
{
    size_t len;
    const char *text = attune_generation_output(attune_run_generation(s->run), &len);

    if (!last) {
        len -= unfinished(text, len);
    }
    if (len > s->printed) {
        cli_print_text(s->cli, text + s->printed, len - s->printed);
        fflush(s->cli->out);
        s->printed = len;
    }
}

static json_t *step_json(const struct sample *s, const struct attune_step *step)
{
    json_t *out =
        json_pack("{s:I,s:I}", "index", (json_int_t)step->index, "id", (json_int_t)step->id);
    char digest[17];

    snprintf(digest, sizeof digest, "%016" PRIx64, step->digest);
    cli_json_set_token(out, attune_model_tokenizer(s->source->model), step->id);
    json_object_set_new(out, "p", cli_json_real(step->p));
    json_object_set_new(out, "p_raw", cli_json_real(step->p_raw));
    json_object_set_new(out, "rank", json_integer(step->rank));
    json_object_set_new(out, "logit", cli_json_real(step->logit));
    json_object_set_new(out, "entropy_bits", cli_json_real(step->entropy_bits));
    json_object_set_new(out, "draw", cli_json_real(step->draw.u));
    json_object_set_new(out, "kept", json_integer(step->n_kept));
    json_object_set_new(out, "digest", json_string(digest));
    return out;
}

static int print_line(struct sample *s, json_t *value)
{
    int status = cli_print_json(s->cli, value);

    fflush(s->cli->out);
    return status;
}

static int take_step(struct sample *s, const struct attune_step *step)
{
    s->n_steps++;
    if (s->stream) {
        return print_line(s, step_json(s, step));
    }
    if (s->cli->json) {
        json_array_append_new(s->steps, step_json(s, step));
    } else {
        print_new(s, false);
    }
    return CLI_OK;
}

static json_t *summary(struct sample *s)
{
    const struct attune_generation *gen = attune_run_generation(s->run);
    json_t *out = json_object(), *ids = json_array();
    size_t len, chain_len = attune_chain_text(s->chain, NULL, 0);
    const char *text = attune_generation_output(gen, &len);
    char *chain = malloc(chain_len + 1);

    for (size_t i = 0; i < s->source->prompt.n; i++) {
        json_array_append_new(ids, json_integer(s->source->prompt.ids[i]));
    }
    json_object_set_new(out, "session", s->session ? json_string(s->session) : json_null());
    json_object_set_new(out, "run", s->store ? json_integer(attune_run_id(s->run)) : json_null());
    json_object_set_new(out, "seed", json_integer((json_int_t)s->generate->seed));
    if (chain) {
        attune_chain_text(s->chain, chain, chain_len + 1);
        json_object_set_new(out, "chain", json_string(chain));
    }
    free(chain);
    json_object_set_new(out, "prompt_ids", ids);
    if (s->fork) {
        json_object_set_new(out, "fork",
                            json_pack("{s:I, s:I}", "run", (json_int_t)s->fork->origin.id, "steps",
                                      (json_int_t)s->fork->kept));
    }
    if (s->stream) {
        json_object_set_new(out, "n_steps", json_integer((json_int_t)s->n_steps));
    } else {
        json_object_set_new(out, "steps", s->steps);
        s->steps = NULL;
    }
    json_object_set_new(out, "text", cli_json_text(text, len));
    json_object_set_new(out, "stop_reason",
                        json_string(attune_stop_text(attune_generation_stop(gen))));
    return out;
}

/* Start, next until it says no, finish. The summary goes to *out for the caller to print. */
static int generate(struct sample *s, json_t **out, struct attune_error *err)
{
    struct attune_run_options options = {
        .session = s->session,
        .prompt = s->fork ? s->fork->prompt : NULL,
        .text = cli_has(s->cli, "ids") || s->fork ? NULL : s->source->prompt.text,
        .text_len = s->source->prompt.text_len,
        .ids = s->source->prompt.ids,
        .n = s->source->prompt.n,
        .decoder_ids = s->source->decoder_ids,
        .n_decoder = s->source->n_decoder,
        .fork_of = s->fork ? s->fork->origin.id : 0,
        .fork_steps = s->fork ? s->fork->kept : 0,
        .fast = cli_has(s->cli, "fast"),
        .generate = *s->generate,
    };
    struct attune_step step;
    int status = attune_run_start(&s->run, s->source->ctx, s->chain, s->store, &options,
                                  &s->cli->progress, err);
    int more = 1;

    if (status == ATTUNE_OK && !s->cli->json && !s->stream && !s->fork &&
        !cli_has(s->cli, "seed")) {
        cli_note(s->cli, "seed %" PRIu64, s->generate->seed);
    }
    while (status == ATTUNE_OK && more > 0) {
        more = attune_run_next(s->run, &step, &s->cli->progress, err);
        if (more > 0 && take_step(s, &step) != CLI_OK) {
            status = attune_error_set(err, ATTUNE_IO, 0, "standard output cannot be written");
        }
        if (more < 0) {
            status = -more;
        }
    }
    if (s->run && !s->cli->json && !s->stream) {
        print_new(s, true);
        fputc('\n', s->cli->out);
    }
    if (status == ATTUNE_OK) {
        status = attune_run_finish(s->run, err);
    }
    if (s->run) {
        *out = summary(s);
    }
    return status;
}

static int sample(struct sample *s, json_t **out, struct attune_error *err)
{
    int status;

    s->steps = json_array();
    s->n_steps = 0;
    s->printed = 0;
    s->run = NULL;
    status = generate(s, out, err);
    attune_run_free(s->run);
    json_decref(s->steps);
    return status;
}

static bool interrupted(struct cli *cli)
{
    return atomic_load(&cli->progress.cancel) != 0;
}

/* All samples; sample i has the seed of the first plus i. */
static int run_samples(struct cli *cli, struct sample *s, struct attune_generate_options *generate,
                       long n_samples, struct attune_error *err)
{
    json_t *all = json_array();
    int status = ATTUNE_OK, printed = CLI_OK;

    for (long i = 0; i < n_samples && status == ATTUNE_OK && printed == CLI_OK && !interrupted(cli);
         i++) {
        json_t *one = NULL;

        status = sample(s, &one, err);
        if (s->stream && one) {
            printed = print_line(s, one);
        } else if (one) {
            json_array_append_new(all, one);
        }
        generate->seed = (generate->seed + 1) & INT64_MAX;
    }
    if (cli->json && !s->stream && json_array_size(all) > 0) {
        printed = cli_print_json(cli, n_samples > 1 ? json_incref(all)
                                                    : json_incref(json_array_get(all, 0)));
    }
    json_decref(all);
    if (status != ATTUNE_OK) {
        return cli_fail(cli, err);
    }
    return interrupted(cli) ? CLI_INTERRUPTED : printed;
}

/* What is run: model, ids and a context; of a fork from the store, else from the flags. */
static int prepare(struct cli *cli, struct sample *s, struct cli_context *source,
                   struct cli_fork *fork, struct attune_generate_options *generate,
                   struct attune_error *err)
{
    const struct attune_context_options options = {.no_queries = true};
    int status;

    if (!cli_has(cli, "fork")) {
        status = cli_open_context(cli, source, options, generate->max_tokens, false, err);
        if (status == ATTUNE_OK && s->session) {
            status = cli_open_store(cli, &s->store, ATTUNE_STORE_WRITE, err);
        }
        return status;
    }
    status = cli_open_store(cli, &s->store, ATTUNE_STORE_WRITE, err);
    if (status == ATTUNE_OK) {
        status = cli_fork_open(fork, cli, s->store, source, &generate->max_tokens, err);
    }
    if (status == ATTUNE_OK) {
        s->fork = fork;
        s->session = s->session ? s->session : fork->origin.session;
        cli_fork_options(fork, cli, generate);
    }
    return status;
}

static int run(struct cli *cli)
{
    struct attune_generate_options generate_options = {0};
    struct attune_chain *chain = NULL;
    struct cli_context source = {0};
    struct cli_fork fork = {{0}};
    struct attune_error err = {0};
    struct sample s = {.cli = cli,
                       .source = &source,
                       .generate = &generate_options,
                       .session = cli_value(cli, "save"),
                       .stream = cli_has(cli, "stream")};
    long n_samples = 1;
    int exit_status = cli_long(cli, "samples", 1, INT_MAX, &n_samples);

    if (exit_status == CLI_OK && (cli_has(cli, "type-ids") || cli_has(cli, "mask"))) {
        exit_status =
            cli_wrong(cli, "run: --type-ids and --mask are for encoders, which do not generate");
    }
    if (exit_status == CLI_OK && cli_has(cli, "beams")) {
        return cli_beams(cli);
    }
    if (exit_status == CLI_OK && cli_has(cli, "length-penalty")) {
        exit_status = cli_wrong(cli, "run: --length-penalty goes with --beams N");
    }
    if (exit_status == CLI_OK && cli_has(cli, "token") && !cli_has(cli, "fork")) {
        exit_status = cli_wrong(cli, "run: --token goes with --fork RUN:STEP");
    }
    if (exit_status == CLI_OK) {
        exit_status = cli_chain(cli, &chain); /* wrong flags before a model is opened */
    }
    if (exit_status == CLI_OK) {
        exit_status = cli_generate_options(cli, &generate_options);
    }
    if (exit_status == CLI_OK && prepare(cli, &s, &source, &fork, &generate_options, &err)) {
        exit_status = cli_fail(cli, &err);
    }
    if (exit_status == CLI_OK && s.fork) {
        attune_chain_free(chain);
        exit_status = cli_chain_from(cli, fork.origin.chain, &chain);
    }
    if (exit_status == CLI_OK) {
        s.chain = chain;
        exit_status = run_samples(cli, &s, &generate_options, n_samples, &err);
    }
    attune_store_close(s.store);
    cli_context_done(&source);
    cli_generate_options_done(&generate_options);
    cli_fork_done(&fork);
    attune_chain_free(chain);
    return exit_status;
}

static const struct cli_option options[] = {
    {"stream", 0, NULL, "one JSON object a step, then one for the whole"},
    {"save", 0, "NAME", "record the run in this session of the database"},
    {"samples", 0, "N", "so many runs, each with the next seed"},
    {"fork", 0, "RUN:STEP",
     "go on from a saved run: its steps before STEP are kept, what no flag says is as it was "
     "there"},
    {"token", 0, "ID", "with --fork: this token is taken for STEP"},
    {"beams", 0, "N", "beam search in place of drawing: the N likeliest texts, and their tree"},
    {"length-penalty", 0, "X", "with --beams: scores are log p / length^X (1)"},
    {NULL, 0, NULL, NULL},
};

const struct cmd_ops cmd_run = {
    .name = "run",
    .args = "",
    .help = "generate from a prompt",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_SAMPLING | CLI_GENERATE | CLI_DB | CLI_ABLATE,
    .options = options,
    .run = run,
};
