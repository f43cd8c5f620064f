/* tag: a label for every token, and the entities that neighbours of one name form. */
#include <config.h>

#include "cli_task.h"

#include <stdlib.h>
#include <string.h>

enum { BAR_WIDTH = 16, LABEL_WIDTH = 12, TOKEN_WIDTH = 18 };

struct tagged {
    struct attune_task_tag *tags;        /* [n] */
    struct attune_task_entity *entities; /* [n_entities] */
    size_t n, n_entities;
};

static int ask(struct cli_task *task, struct tagged *out, struct attune_error *err)
{
    const struct attune_task_tokens *tokens = &task->texts[0].tokens;
    int status;

    out->n = tokens->tokens.n;
    out->tags = calloc(out->n + 1, sizeof *out->tags);
    out->entities = calloc(out->n + 1, sizeof *out->entities);
    status = out->tags && out->entities ? attune_task_tags(out->tags, task->ctx, err)
                                        : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    if (status == ATTUNE_OK) {
        out->n_entities = attune_task_entities(out->entities, task->model, out->tags, tokens);
    }
    return status;
}

static const char *label_of(const struct cli_task *task, int label)
{
    const char *text = attune_model_label(task->model, label);

    return text ? text : "";
}

static json_t *tokens_json(const struct cli_task *task, const struct tagged *t)
{
    const struct cli_task_text *text = &task->texts[0];
    json_t *out = json_array();

    for (size_t i = 0; i < t->n; i++) {
        const char *label = label_of(task, t->tags[i].label);
        json_t *token;

        if (text->tokens.parts[i] == ATTUNE_TASK_ADDED) {
            continue;
        }
        token = json_pack("{s:I,s:I}", "position", (json_int_t)i, "id",
                          (json_int_t)text->tokens.tokens.ids[i]);
        cli_json_set_token(token, task->tk, text->tokens.tokens.ids[i]);
        json_object_set_new(token, "label", cli_json_text(label, strlen(label)));
        json_object_set_new(token, "p", cli_json_real(t->tags[i].p));
        json_array_append_new(out, token);
    }
    return out;
}

static json_t *entities_json(const struct cli_task *task, const struct tagged *t)
{
    const struct cli_task_text *text = &task->texts[0];
    json_t *out = json_array();

    for (size_t i = 0; i < t->n_entities; i++) {
        const struct attune_task_entity *e = &t->entities[i];
        const char *of = e->part == ATTUNE_TASK_PAIR && text->pair ? text->pair : text->text;
        json_t *entity =
            json_pack("{s:o,s:I,s:I,s:f}", "name", cli_json_text(e->name, strlen(e->name)), "first",
                      (json_int_t)e->first, "last", (json_int_t)e->last, "p", e->p);

        if (text->given.len > 0) {
            json_object_set_new(entity, "text", cli_json_text(of + e->start, e->end - e->start));
            json_object_set_new(entity, "start",
                                json_integer((json_int_t)cli_task_points(of, e->start)));
            json_object_set_new(entity, "end",
                                json_integer((json_int_t)cli_task_points(of, e->end)));
        }
        json_array_append_new(out, entity);
    }
    return out;
}

static void print_tokens(struct cli *cli, const struct cli_task *task, const struct tagged *t)
{
    const struct attune_task_tokens *tokens = &task->texts[0].tokens;
    char shown[4 * TOKEN_WIDTH + 16], bar[3 * BAR_WIDTH + 1];

    for (size_t i = 0; i < t->n; i++) {
        const char *label = label_of(task, t->tags[i].label);
        size_t len = strlen(label);

        if (tokens->parts[i] == ATTUNE_TASK_ADDED) {
            continue;
        }
        cli_show_token(shown, sizeof shown, task->tk, tokens->tokens.ids[i], TOKEN_WIDTH);
        cli_show_bar(bar, t->tags[i].p, BAR_WIDTH);
        fprintf(cli->out, "%5zu  %s  ", i, shown);
        cli_print_text(cli, label, len);
        fprintf(cli->out, "%*s  %7.5f  %s\n", len < LABEL_WIDTH ? (int)(LABEL_WIDTH - len) : 0, "",
                t->tags[i].p, bar);
    }
}

static void print_entities(struct cli *cli, const struct cli_task *task, const struct tagged *t)
{
    const struct cli_task_text *text = &task->texts[0];

    for (size_t i = 0; i < t->n_entities; i++) {
        const struct attune_task_entity *e = &t->entities[i];
        const char *of = e->part == ATTUNE_TASK_PAIR && text->pair ? text->pair : text->text;

        fprintf(cli->out, "%s%zu-%zu  ", i ? "" : "\n", e->first, e->last);
        cli_print_text(cli, e->name, strlen(e->name));
        fprintf(cli->out, "  %7.5f  ", e->p);
        cli_print_text(cli, of + e->start, e->end - e->start);
        fputc('\n', cli->out);
    }
}

static int run(struct cli *cli)
{
    struct cli_task task = {0};
    struct attune_error err = {0};
    struct tagged tagged = {0};
    int status =
        cli_task_ask(cli, &task, ATTUNE_OUTPUT_TOKEN_LABELS, (struct cli_task_options){0}, &err);

    if (status == ATTUNE_OK) {
        status = ask(&task, &tagged, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, json_pack("{s:o,s:o}", "tokens", tokens_json(&task, &tagged),
                                               "entities", entities_json(&task, &tagged)));
    } else {
        print_tokens(cli, &task, &tagged);
        print_entities(cli, &task, &tagged);
    }
    free(tagged.tags);
    free(tagged.entities);
    cli_task_done(&task);
    return status;
}

const struct cmd_ops cmd_tag = {
    .name = "tag",
    .args = "",
    .help = "a label for every token: names, places, parts of speech",
    .groups = CLI_MODEL | CLI_PROMPT,
    .run = run,
};
