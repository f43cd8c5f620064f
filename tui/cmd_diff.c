/* attune diff: two to four saved runs side by side, aligned by token. */
#include <config.h>

#include "cli_store.h"

#include <attune/compare.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 24, NARROW = 17 };

static const struct cli_option options[] = {
    {"exit-code", 0, NULL, "exit status 3 if they differ in anything that is shown"},
    {"exact", 0, NULL, "distances computed again with the model, where else they are bounds"},
    {NULL, 0, NULL, NULL},
};

/* A token in quotes, padded to `width` columns; nothing for a side without one. */
static void print_token(struct cli *cli, const struct attune_step *step, int width)
{
    char *text = NULL, line[ATTUNE_STEP_BYTES + 3];
    size_t len = 0;
    FILE *f;
    int columns = 0;

    if (step && (f = open_memstream(&text, &len))) {
        struct cli quiet = *cli;

        if (step->n_bytes) {
            snprintf(line, sizeof line, "\"%.*s\"", (int)step->n_bytes, step->bytes);
        } else { /* a control token, or a model without a tokenizer */
            snprintf(line, sizeof line, "id %d", (int)step->id);
        }
        quiet.out = f;
        cli_print_line(&quiet, line, strlen(line), (size_t)width);
        fclose(f);
        for (size_t i = 0; i < len; i++) {
            columns += ((unsigned char)text[i] & 0xc0) != 0x80;
        }
        fputs(text, cli->out);
    }
    fprintf(cli->out, "%*s", columns < width ? width - columns : 1, "");
    free(text);
}

static void print_row(struct cli *cli, const struct attune_diff *diff,
                      const struct attune_diff_row *row)
{
    const struct attune_step *a = row->a >= 0 ? &diff->a.steps[row->a] : NULL,
                             *b = row->b >= 0 ? &diff->b.steps[row->b] : NULL;
    char numbers[2][24] = {"", ""};

    if (a) {
        snprintf(numbers[0], sizeof numbers[0], "%llu", (unsigned long long)a->index);
    }
    if (b) {
        snprintf(numbers[1], sizeof numbers[1], "%llu", (unsigned long long)b->index);
    }
    fprintf(cli->out, "%c %5s ", !a ? '>' : !b ? '<' : row->same ? ' ' : '|', numbers[0]);
    print_token(cli, a, WIDTH);
    fprintf(cli->out, " %5s ", numbers[1]);
    print_token(cli, b, WIDTH);
    if (a && b && row->same_bits) {
        fputs("the same bits", cli->out);
    } else if (a && b) {
        fprintf(cli->out, "%.4f to %.4f%s", row->low, row->high,
                row->same_context ? "" : ", behind another text");
    }
    fputc('\n', cli->out);
}

static void print_diff(struct cli *cli, const struct attune_diff *diff)
{
    const struct attune_run_record *a = &diff->a.record, *b = &diff->b.record;

    for (size_t i = 0; i < diff->n_fields; i++) {
        const struct attune_diff_field *f = &diff->fields[i];

        fprintf(cli->out, "%-18s ", f->name);
        cli_print_line(cli, f->a, strlen(f->a), 200);
        fputs("  |  ", cli->out);
        cli_print_line(cli, f->b, strlen(f->b), 200);
        fputc('\n', cli->out);
    }
    fprintf(cli->out, "read               %zu tokens  |  %zu tokens%s\n",
            a->n_prompt + a->n_decoder, b->n_prompt + b->n_decoder,
            diff->same_prompt ? ", the same" : "");
    fprintf(cli->out, "produced           %zu tokens  |  %zu tokens, %zu aligned\n\n", diff->a.n,
            diff->b.n, diff->n_same);
    if (diff->n_rows) {
        fprintf(cli->out, "  %5s %-*s %5s %-*sdistance of the distributions\n", "step", WIDTH,
                "first", "step", WIDTH, "second");
    }
    for (size_t i = 0; i < diff->n_rows; i++) {
        print_row(cli, diff, &diff->rows[i]);
    }
}

/* What a side has in a row, or null. */
static json_t *of_side(const struct attune_diff_side *side, int64_t at)
{
    const struct attune_step *step = at >= 0 ? &side->steps[at] : NULL;
    json_t *object;

    if (!step) {
        return json_null();
    }
    object = json_pack("{s:I, s:i}", "step", (json_int_t)step->index, "id", (int)step->id);
    cli_json_set_bytes(object, "token", step->bytes, step->n_bytes);
    json_object_set_new(object, "p_raw", cli_json_real(step->p_raw));
    json_object_set_new(object, "entropy_bits", cli_json_real(step->entropy_bits));
    return object;
}

static json_t *of_diff(const struct attune_diff *diff)
{
    json_t *fields = json_array(), *rows = json_array();

    for (size_t i = 0; i < diff->n_fields; i++) {
        const struct attune_diff_field *f = &diff->fields[i];

        json_array_append_new(fields, json_pack("{s:s, s:o, s:o}", "name", f->name, "a",
                                                cli_json_text(f->a, strlen(f->a)), "b",
                                                cli_json_text(f->b, strlen(f->b))));
    }
    for (size_t i = 0; i < diff->n_rows; i++) {
        const struct attune_diff_row *row = &diff->rows[i];

        json_array_append_new(
            rows, json_pack("{s:o, s:o, s:b, s:b, s:b, s:o}", "a", of_side(&diff->a, row->a), "b",
                            of_side(&diff->b, row->b), "same", row->same, "same_context",
                            row->same_context, "same_bits", row->same_bits, "distance",
                            isnan(row->low) ? json_null()
                                            : json_pack("[o, o]", cli_json_real(row->low),
                                                        cli_json_real(row->high))));
    }
    return json_pack("{s:I, s:I, s:b, s:b, s:o, s:I, s:o}", "a", (json_int_t)diff->a.record.id, "b",
                     (json_int_t)diff->b.record.id, "equal", diff->equal, "same_prompt",
                     diff->same_prompt, "fields", fields, "same_tokens", (json_int_t)diff->n_same,
                     "rows", rows);
}

/* The one run that an ID means. */
static int find_run(int64_t *out, struct attune_store *store, const char *id,
                    struct attune_error *err)
{
    struct attune_run_record *runs;
    size_t n;
    int status;

    *out = cli_run_number(id);
    if (*out) {
        return ATTUNE_OK;
    }
    status = cli_load_runs(store, id, &runs, &n, err);
    if (status == ATTUNE_OK && n != 1) {
        status = attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "session %s has %zu runs: name one by its number (attune show %s)", id, n, id);
    }
    *out = status == ATTUNE_OK ? runs[0].id : 0;
    attune_run_records_free(runs, n);
    return status;
}

static void print_value(struct cli *cli, const char *value, int width)
{
    char text[64];

    snprintf(text, sizeof text, "%.60s", value);
    fprintf(cli->out, " %-*.*s", width, width, text);
}

/* One line of the head: a name, and a value for each run. */
static void print_head(struct cli *cli, const struct attune_compare *c)
{
    char text[64];

    fprintf(cli->out, "%-12s", "run");
    for (size_t k = 0; k < c->n; k++) {
        snprintf(text, sizeof text, "%lld", (long long)c->sides[k].record.id);
        print_value(cli, text, NARROW + 9);
    }
    for (size_t i = 0; i < c->n_fields; i++) {
        fprintf(cli->out, "\n%-12s", c->fields[i].name);
        for (size_t k = 0; k < c->n; k++) {
            print_value(cli, c->fields[i].values[k], NARROW + 9);
        }
    }
    fprintf(cli->out, "\n%-12s", "speed");
    for (size_t k = 0; k < c->n; k++) {
        snprintf(text, sizeof text, "%zu tokens, %.1f/s", c->sides[k].n, c->tokens_per_s[k]);
        print_value(cli, text, NARROW + 9);
    }
    fputs("\n\n", cli->out);
}

/* The distance to the first, exactly or as what it is at most; * behind another text. */
static const char *distance_text(char out[16], const struct attune_compare_cell *cell)
{
    if (cell->at < 0 || isnan(cell->low)) {
        return strcpy(out, "");
    }
    snprintf(out, 16, "%s%.4f%s", cell->low == cell->high ? "" : "<", cell->high,
             cell->same_context ? "" : "*");
    return out;
}

static void print_compare(struct cli *cli, const struct attune_compare *c)
{
    print_head(cli, c);
    for (size_t i = 0; i < c->n_rows; i++) {
        fprintf(cli->out, "%-12zu", i);
        for (size_t k = 0; k < c->n; k++) {
            const struct attune_compare_cell *cell = &c->rows[i].cells[k];
            char text[16];

            fputs(cell->at >= 0 && !cell->same ? "|" : " ", cli->out);
            print_token(cli, cell->at >= 0 ? &c->sides[k].steps[cell->at] : NULL, NARROW);
            fprintf(cli->out, "%-9s", k ? distance_text(text, cell) : "");
        }
        fputc('\n', cli->out);
    }
}

static json_t *of_cell(const struct attune_compare *c, size_t k,
                       const struct attune_compare_cell *cell)
{
    json_t *object = of_side(&c->sides[k], cell->at);

    if (cell->at >= 0) {
        json_object_set_new(object, "same", json_boolean(cell->same));
        json_object_set_new(object, "same_context", json_boolean(cell->same_context));
        json_object_set_new(object, "same_bits", json_boolean(cell->same_bits));
        json_object_set_new(object, "distance",
                            isnan(cell->low) ? json_null()
                                             : json_pack("[o, o]", cli_json_real(cell->low),
                                                         cli_json_real(cell->high)));
    }
    return object;
}

static json_t *of_compare(const struct attune_compare *c)
{
    json_t *runs = json_array(), *fields = json_array(), *rows = json_array();

    for (size_t k = 0; k < c->n; k++) {
        json_array_append_new(
            runs, json_pack("{s:I, s:b, s:I, s:o}", "run", (json_int_t)c->sides[k].record.id,
                            "same_prompt", c->same_prompt[k], "tokens", (json_int_t)c->sides[k].n,
                            "tokens_per_s", cli_json_real(c->tokens_per_s[k])));
    }
    for (size_t i = 0; i < c->n_fields; i++) {
        json_t *values = json_array();

        for (size_t k = 0; k < c->n; k++) {
            const char *value = c->fields[i].values[k];

            json_array_append_new(values, cli_json_text(value, strlen(value)));
        }
        json_array_append_new(fields,
                              json_pack("{s:s, s:o}", "name", c->fields[i].name, "values", values));
    }
    for (size_t i = 0; i < c->n_rows; i++) {
        json_t *cells = json_array();

        for (size_t k = 0; k < c->n; k++) {
            json_array_append_new(cells, of_cell(c, k, &c->rows[i].cells[k]));
        }
        json_array_append_new(rows, cells);
    }
    return json_pack("{s:o, s:o, s:I, s:o}", "runs", runs, "fields", fields, "exact_distances",
                     (json_int_t)c->n_exact, "rows", rows);
}

static bool is_equal(const struct attune_compare *c)
{
    bool equal = c->n_fields == 0;

    for (size_t k = 1; k < c->n; k++) {
        equal = equal && c->same_prompt[k];
        for (size_t i = 0; equal && i < c->n_rows; i++) {
            equal = c->rows[i].cells[k].same && c->rows[i].cells[k].same_bits;
        }
    }
    return equal;
}

static int measure(struct cli *cli, struct attune_compare *c, struct attune_error *err)
{
    struct attune_model *model = NULL;
    long threads = 0;
    int status;

    if (cli_long(cli, "threads", 1, 4096, &threads) != CLI_OK) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "--threads wants a number from 1 on");
    }
    status = cli_open_recorded(cli, &model, &c->sides[0].record, err);
    if (status == ATTUNE_OK) {
        status = attune_compare_exactly(c, model, (int)threads, &cli->progress, err);
    }
    if (status == ATTUNE_OK && c->n_not_measured) {
        cli_note(cli, "%zu steps have other bits with this model: their distances stay bounds",
                 c->n_not_measured);
    }
    attune_model_close(model);
    return status;
}

static int compare(struct cli *cli, struct attune_store *store, const int64_t *runs, bool *equal)
{
    struct attune_compare c;
    struct attune_error err = {0};
    int status = attune_compare_runs(&c, store, runs, (size_t)cli->n_args, &err);

    if (status == ATTUNE_OK && cli_has(cli, "exact")) {
        status = measure(cli, &c, &err);
    }
    if (status != ATTUNE_OK) {
        attune_compare_done(&c);
        return cli_fail(cli, &err);
    }
    if (cli->json) {
        status = cli_print_json(cli, of_compare(&c));
    } else {
        print_compare(cli, &c);
        status = CLI_OK;
    }
    *equal = is_equal(&c);
    attune_compare_done(&c);
    return status;
}

static int compare_two(struct cli *cli, struct attune_store *store, const int64_t *runs,
                       bool *equal)
{
    struct attune_diff diff = {0};
    struct attune_error err = {0};
    int status = attune_diff_runs(&diff, store, runs[0], runs[1], &err);

    if (status != ATTUNE_OK) {
        return cli_fail(cli, &err);
    }
    if (cli->json) {
        status = cli_print_json(cli, of_diff(&diff));
    } else {
        print_diff(cli, &diff);
        status = CLI_OK;
    }
    *equal = diff.equal;
    attune_diff_done(&diff);
    return status;
}

static int run(struct cli *cli)
{
    struct attune_store *store;
    struct attune_error err = {0};
    int64_t runs[ATTUNE_COMPARE_MOST] = {0};
    bool equal = false;
    int status = cli_open_store(cli, &store, ATTUNE_STORE_READ, &err);

    for (int i = 0; status == ATTUNE_OK && i < cli->n_args; i++) {
        status = find_run(&runs[i], store, cli->args[i], &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->n_args == 2 && !cli_has(cli, "exact")) {
        status = compare_two(cli, store, runs, &equal);
    } else {
        status = compare(cli, store, runs, &equal);
    }
    attune_store_close(store);
    return status == CLI_OK && cli_has(cli, "exit-code") && !equal ? CLI_DIFFERS : status;
}

const struct cmd_ops cmd_diff = {
    .name = "diff",
    .args = "A B [C [D]] [--exact] [--exit-code]",
    .help = "two to four saved runs side by side: what made them, and their steps aligned by token",
    .groups = CLI_MODEL | CLI_DB,
    .options = options,
    .min_args = 2,
    .max_args = ATTUNE_COMPARE_MOST,
    .run = run,
};
