/* classify: the labels of a text, or of a pair, the likeliest first. */
#include <config.h>

#include "cli_task.h"

#include <stdlib.h>
#include <string.h>

enum { BAR_WIDTH = 24, LABEL_WIDTH = 20 };

static const struct cli_option options[] = {
    {"pair", 0, "TEXT|@FILE", "a second text after the first"},
    {NULL, 0, NULL, NULL},
};

struct share {
    int label;
    double p;
};

static int compare(const void *a, const void *b)
{
    const struct share *x = a, *y = b;

    return x->p != y->p ? (x->p < y->p) - (x->p > y->p)
                        : (x->label > y->label) - (x->label < y->label);
}

static int ask(struct cli_task *task, struct share *out, size_t n, struct attune_error *err)
{
    double *p = calloc(n + 1, sizeof *p);
    int status = p ? attune_task_labels(p, task->ctx, err)
                   : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");

    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        out[i] = (struct share){(int)i, p[i]};
    }
    if (status == ATTUNE_OK) {
        qsort(out, n, sizeof *out, compare);
    }
    free(p);
    return status;
}

static int print(struct cli *cli, const struct cli_task *task, const struct share *list, size_t n)
{
    json_t *labels = cli->json ? json_array() : NULL;
    char bar[3 * BAR_WIDTH + 1];

    for (size_t i = 0; i < n; i++) {
        const char *label = attune_model_label(task->model, list[i].label);
        size_t len = label ? strlen(label) : 0;

        if (cli->json) {
            json_array_append_new(labels, json_pack("{s:o,s:f}", "label",
                                                    cli_json_text(label ? label : "", len), "p",
                                                    list[i].p));
            continue;
        }
        cli_show_bar(bar, list[i].p, BAR_WIDTH);
        cli_print_text(cli, label ? label : "", len);
        fprintf(cli->out, "%*s  %8.5f  %s\n", len < LABEL_WIDTH ? (int)(LABEL_WIDTH - len) : 0, "",
                list[i].p, bar);
    }
    return cli->json ? cli_print_json(cli, json_pack("{s:o}", "labels", labels)) : CLI_OK;
}

static int run(struct cli *cli)
{
    struct cli_task task = {0};
    struct attune_error err = {0};
    struct share *list = NULL;
    size_t n = 0;
    int status = cli_task_ask(cli, &task, ATTUNE_OUTPUT_LABELS, (struct cli_task_options){0}, &err);

    if (status == ATTUNE_OK) {
        n = (size_t)attune_model_output(task.model, ATTUNE_OUTPUT_LABELS).width;
        list = calloc(n + 1, sizeof *list);
        status = list ? ask(&task, list, n, &err)
                      : attune_error_set(&err, ATTUNE_MEMORY, 0, "out of memory");
    }
    status = status == ATTUNE_OK ? print(cli, &task, list, n) : cli_fail(cli, &err);
    free(list);
    cli_task_done(&task);
    return status;
}

const struct cmd_ops cmd_classify = {
    .name = "classify",
    .args = "",
    .help = "the label of a text: sentiment, topic, whatever the model was trained to say",
    .groups = CLI_MODEL | CLI_PROMPT,
    .options = options,
    .run = run,
};
