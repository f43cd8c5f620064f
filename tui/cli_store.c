/* What the verbs on saved work share: opening the database, what an ID means, runs as JSON. */
#include <config.h>

#include "cli_store.h"

#include <attune/library.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cli_store_path(struct cli *cli, char **out, struct attune_error *err)
{
    const char *given = cli_value(cli, "db");

    *out = NULL;
    if (!given) {
        return attune_library_db_path(out, err);
    }
    if (!*given) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "--db wants the path of a file");
    }
    *out = strdup(given);
    return *out ? ATTUNE_OK : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
}

int cli_open_store(struct cli *cli, struct attune_store **out, enum attune_store_mode mode,
                   struct attune_error *err)
{
    char *path;
    int status = cli_store_path(cli, &path, err);

    *out = NULL;
    if (status == ATTUNE_OK) {
        status = attune_store_open(out, path, mode, err);
    }
    free(path);
    return status;
}

int64_t cli_run_number(const char *id)
{
    size_t len = strlen(id);
    long long number;

    if (len == 0 || strspn(id, "0123456789") != len) {
        return 0;
    }
    errno = 0;
    number = strtoll(id, NULL, 10);
    return errno || number == 0 ? INT64_MAX
                                : number; /* no run has that number: a line will say so */
}

struct attune_place cli_place(const char *id)
{
    size_t run = strspn(id, "0123456789"),
           step = id[run] == ':' ? strspn(id + run + 1, "0123456789") : 0;

    if (run && step && !id[run + 1 + step]) {
        return (struct attune_place){.run = strtoll(id, NULL, 10),
                                     .at_step = true,
                                     .step = strtoull(id + run + 1, NULL, 10)};
    }
    return cli_run_number(id) ? (struct attune_place){.run = cli_run_number(id)}
                              : (struct attune_place){.session = id};
}

static void turn_round(struct attune_run_record *records, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct attune_run_record kept = records[i];

        records[i] = records[n - 1 - i];
        records[n - 1 - i] = kept;
    }
}

int cli_load_runs(struct attune_store *store, const char *id, struct attune_run_record **out,
                  size_t *n, struct attune_error *err)
{
    const struct attune_run_query query = {.session = id};
    int64_t run = cli_run_number(id);
    int status;

    *n = 0;
    if (!run) {
        status = attune_store_list(store, &query, out, n, err);
        if (status == ATTUNE_OK && *n == 0) {
            attune_run_records_free(*out, 0);
            *out = NULL;
            return attune_error_set(
                err, ATTUNE_NOT_FOUND, 0,
                "database %s: no session %s (attune sessions lists what is there)",
                attune_store_path(store), id);
        }
        turn_round(*out, *n);
        return status;
    }
    *out = calloc(1, sizeof **out);
    if (!*out) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    status = attune_store_load_run(store, run, *out, err);
    *n = status == ATTUNE_OK;
    if (status != ATTUNE_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

int cli_open_recorded(struct cli *cli, struct attune_model **out, const struct attune_run_record *r,
                      struct attune_error *err)
{
    const char *base = strrchr(r->model_path, '/');
    char *found = NULL, *name;
    int status;

    *out = NULL;
    if (cli_value(cli, "model")) {
        return cli_open_model(cli, out, err);
    }
    if (*r->model_path && access(r->model_path, F_OK) == 0) {
        return cli_open_path(cli, out, r->model_path, NULL, err);
    }
    name = strdup(base ? base + 1 : r->model_path);
    if (!name) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    status = *name ? attune_library_find(&found, "models", name, NULL) : ATTUNE_NOT_FOUND;
    if (status == ATTUNE_OK) {
        cli_note(cli, "run %lld: its model %s is gone; taking %s", (long long)r->id, r->model_path,
                 found);
        status = cli_open_path(cli, out, found, NULL, err);
    } else {
        attune_error_set(err, status, 0, "run %lld: its model %s is gone: name it with -m",
                         (long long)r->id, r->model_path);
    }
    free(name);
    free(found);
    return status;
}

static json_t *of_string(const char *string)
{
    return cli_json_text(string, strlen(string));
}

static json_t *of_ids(const attune_token *ids, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, json_integer(ids[i]));
    }
    return list;
}

static json_t *of_digest(uint64_t digest)
{
    char hex[17];

    snprintf(hex, sizeof hex, "%016llx", (unsigned long long)digest);
    return json_string(hex);
}

static void add_evidence(json_t *object, const struct attune_step *step)
{
    json_t *stages = json_array(), *top = json_array();

    json_object_set_new(
        object, "interval",
        json_pack("[o, o]", cli_json_real(step->draw.low), cli_json_real(step->draw.high)));
    json_object_set_new(object, "logsumexp", cli_json_real(step->logsumexp));
    json_object_set_new(object, "kept_mass", cli_json_real(step->kept_mass));
    for (size_t i = 0; i < step->n_stages; i++) {
        json_array_append_new(
            stages, json_pack("{s:I, s:o, s:o}", "survivors", (json_int_t)step->stage[i].survivors,
                              "mass", cli_json_real((double)step->stage[i].mass), "entropy_bits",
                              cli_json_real((double)step->stage[i].entropy_bits)));
    }
    for (size_t i = 0; i < step->n_top; i++) {
        json_array_append_new(top, json_pack("{s:i, s:o, s:o}", "id", (int)step->top[i].id, "logit",
                                             cli_json_real((double)step->top[i].logit), "p_raw",
                                             cli_json_real(step->top[i].p)));
    }
    json_object_set_new(object, "stages", stages);
    json_object_set_new(object, "candidates", top);
    json_object_set_new(object, "eval_ms", cli_json_real(step->eval_ms));
    json_object_set_new(object, "sample_ms", cli_json_real(step->sample_ms));
}

/* The members that the verb `run` prints, in its order; `all` adds what else is recorded. */
static json_t *of_step(const struct attune_step *step, bool all)
{
    json_t *object = json_pack("{s:I, s:i}", "index", (json_int_t)step->index, "id", (int)step->id);

    cli_json_set_bytes(object, "token", step->bytes, step->n_bytes);
    json_object_set_new(object, "p", cli_json_real(step->p));
    json_object_set_new(object, "p_raw", cli_json_real(step->p_raw));
    json_object_set_new(object, "rank", json_integer(step->rank));
    json_object_set_new(object, "logit", cli_json_real((double)step->logit));
    json_object_set_new(object, "entropy_bits", cli_json_real(step->entropy_bits));
    json_object_set_new(object, "draw", cli_json_real(step->draw.u));
    json_object_set_new(object, "kept", json_integer(step->n_kept));
    json_object_set_new(object, "digest", of_digest(step->digest));
    if (all) {
        add_evidence(object, step);
    }
    return object;
}

/* {run, steps} that a fork goes on from; null for what begins by itself. */
static json_t *of_fork(const struct attune_run_record *r)
{
    return r->fork_of ? json_pack("{s:I, s:I}", "run", (json_int_t)r->fork_of, "steps",
                                  (json_int_t)r->fork_steps)
                      : json_null();
}

static void add_details(json_t *object, const struct attune_run_record *r)
{
    json_t *stops = json_array(),
           *composed = *r->prompt_json ? json_loads(r->prompt_json, JSON_ALLOW_NUL, NULL) : NULL;

    for (size_t i = 0; i < r->n_stops; i++) {
        json_array_append_new(stops, of_string(r->stops[i]));
    }
    json_object_set_new(object, "created", of_string(r->created));
    json_object_set_new(object, "model",
                        json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", of_string(r->model_name),
                                  "family", of_string(r->model_family), "path",
                                  of_string(r->model_path), "digest", of_digest(r->model_digest),
                                  "tokenizer_digest", of_digest(r->tokenizer_digest)));
    json_object_set_new(object, "engine", of_string(r->engine));
    json_object_set_new(object, "fast", json_boolean(r->fast));
    json_object_set_new(object, "chain", of_string(r->chain));
    json_object_set_new(object, "first_step", json_integer((json_int_t)r->first_step));
    json_object_set_new(object, "max_tokens", json_integer((json_int_t)r->max_tokens));
    json_object_set_new(object, "ignore_eos", json_boolean(r->ignore_end));
    json_object_set_new(object, "stops", stops);
    json_object_set_new(object, "prompt", cli_json_text(r->prompt_text, r->prompt_text_len));
    json_object_set_new(object, "inherited", json_integer((json_int_t)r->n_inherited));
    json_object_set_new(object, "composed", composed ? composed : json_null());
    json_object_set_new(object, "tags", cli_json_words(r->tags));
    json_object_set_new(object, "note", of_string(r->note));
}

json_t *cli_json_run(struct attune_store *store, const struct attune_run_record *r, bool all,
                     struct attune_error *err)
{
    struct attune_step *steps;
    json_t *object, *list = json_array();
    size_t n;

    if (attune_store_load_steps(store, r->id, &steps, &n, err) != ATTUNE_OK) {
        json_decref(list);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(list, of_step(&steps[i], all));
    }
    free(steps);
    object = json_pack("{s:o, s:I, s:I, s:o}", "session", of_string(r->session), "run",
                       (json_int_t)r->id, "seed", (json_int_t)r->seed, "prompt_ids",
                       of_ids(r->prompt_ids, r->n_prompt));
    if (object && r->n_decoder) {
        json_object_set_new(object, "decoder_ids", of_ids(r->decoder_ids, r->n_decoder));
    }
    if (object && all) {
        add_details(object, r);
    }
    if (object && *r->origin) {
        json_object_set_new(object, "origin", of_string(r->origin));
        json_object_set_new(object, "details", of_string(r->details));
    }
    json_object_set_new(object, "steps", list);
    cli_json_set_bytes(object, "text", r->output, r->output_len);
    json_object_set_new(object, "stop_reason", json_string(attune_stop_text(r->stop)));
    if (!object) {
        attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    return object;
}

json_t *cli_json_words(const char *words)
{
    json_t *list = json_array();

    while (*words) {
        size_t len = strcspn(words, " ");

        json_array_append_new(list, cli_json_text(words, len));
        words += len + strspn(words + len, " ");
    }
    return list;
}

json_t *cli_json_marks(const struct attune_mark *marks, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *mark = json_pack("{s:s, s:o, s:s}", "kind", attune_mark_kind_text(marks[i].kind),
                                 "text", of_string(marks[i].text), "created", marks[i].created);

        if (marks[i].run) {
            json_object_set_new(mark, "run", json_integer((json_int_t)marks[i].run));
        }
        if (marks[i].at_step) {
            json_object_set_new(mark, "step", json_integer((json_int_t)marks[i].step));
        }
        json_array_append_new(list, mark);
    }
    return list;
}

json_t *cli_json_row(const struct attune_run_record *r)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "run",
                     (json_int_t)r->id, "session", of_string(r->session), "created",
                     of_string(r->created), "model", of_string(r->model_name), "chain",
                     of_string(r->chain), "seed", (json_int_t)r->seed, "steps",
                     (json_int_t)r->n_steps, "stop_reason", attune_stop_text(r->stop), "prompt",
                     cli_json_text(r->prompt_text, r->prompt_text_len), "text",
                     cli_json_text(r->output, r->output_len), "tags", cli_json_words(r->tags),
                     "note", of_string(r->note), "fork", of_fork(r));
}

void cli_print_line(struct cli *cli, const char *bytes, size_t len, size_t width)
{
    size_t columns = 0, at = 0;

    for (; at < len && columns + 1 < width; columns++) {
        unsigned char c = (unsigned char)bytes[at];

        if (c == '\n' || c == '\t' || c == '\r') {
            fputs(c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r", cli->out);
            columns++;
            at++;
        } else {
            size_t start = at++;

            while (at < len && ((unsigned char)bytes[at] & 0xc0) == 0x80) {
                at++;
            }
            cli_print_text(cli, bytes + start, at - start);
        }
    }
    if (at < len) {
        fputs("...", cli->out);
    }
}
