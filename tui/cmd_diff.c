/* attune diff: two saved runs side by side, aligned by token. */
#include <config.h>

#include "cli_store.h"

#include <attune/diff.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 24 };

static const struct cli_option options[] = {
    {"exit-code", 0, NULL, "exit status 3 if they differ in anything that is shown"},
    {NULL, 0, NULL, NULL},
};

/* A token in quotes, padded to WIDTH columns; nothing for a side without one. */
static void print_token(struct cli *cli, const struct attune_step *step)
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
        cli_print_line(&quiet, line, strlen(line), WIDTH);
        fclose(f);
        for (size_t i = 0; i < len; i++) {
            columns += ((unsigned char)text[i] & 0xc0) != 0x80;
        }
        fputs(text, cli->out);
    }
    fprintf(cli->out, "%*s", columns < WIDTH ? WIDTH - columns : 1, "");
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
    print_token(cli, a);
    fprintf(cli->out, " %5s ", numbers[1]);
    print_token(cli, b);
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

static int run(struct cli *cli)
{
    struct attune_store *store;
    struct attune_error err = {0};
    struct attune_diff diff = {0};
    int64_t a = 0, b = 0;
    bool equal;
    int status = cli_open_store(cli, &store, ATTUNE_STORE_READ, &err);

    if (status == ATTUNE_OK) {
        status = find_run(&a, store, cli->args[0], &err);
    }
    if (status == ATTUNE_OK) {
        status = find_run(&b, store, cli->args[1], &err);
    }
    if (status == ATTUNE_OK) {
        status = attune_diff_runs(&diff, store, a, b, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, of_diff(&diff));
    } else {
        print_diff(cli, &diff);
    }
    equal = diff.equal;
    attune_diff_done(&diff);
    attune_store_close(store);
    return status == CLI_OK && cli_has(cli, "exit-code") && !equal ? CLI_DIFFERS : status;
}

const struct cmd_ops cmd_diff = {
    .name = "diff",
    .args = "A B [--exit-code]",
    .help = "two saved runs side by side: what made them, and their steps aligned by token",
    .groups = CLI_DB,
    .options = options,
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
