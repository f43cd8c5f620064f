/* qa: where in a text the answer to a question stands. */
#include <config.h>

#include "cli_task.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TOP = 5, MOST_TOP = 1000, DEFAULT_LONGEST = 15, BAR_WIDTH = 10, TOKEN_WIDTH = 16 };

static const struct cli_option options[] = {
    {"question", 'q', "TEXT|@FILE", "what is asked"},
    {"context", 'c', "TEXT|@FILE", "where the answer is looked for"},
    {"ids", 0, "1,2,3", "question and context as token ids, with --type-ids 1 for the context"},
    {"type-ids", 0, "0,1", "segment of each token"},
    {"mask", 0, "1,0", "0 for padding"},
    {"top", 0, "N", "answers to show (5)"},
    {"longest", 0, "N", "tokens of an answer at most (15)"},
    {"no-answer", 0, NULL, "it may be that the context holds no answer"},
    {"model", 'm', "PATH|NAME", "bundled name, GGUF file or Hugging Face directory"},
    {"threads", 't', "N", "threads to compute with"},
    {"fast", 0, NULL, "BLAS for long texts: close, not bit for bit equal"},
    {NULL, 0, NULL, NULL},
};

struct answers {
    struct attune_task_answer *list; /* [n] */
    size_t n;
    double *p_start, *p_end; /* [T] */
    double no_answer;
    bool none; /* that there is none is the likeliest, and was allowed */
};

static int add_text(struct cli *cli, struct cli_task *task, struct attune_error *err)
{
    char *question = NULL, *context = NULL;
    size_t question_len = 0, context_len = 0;
    int status = cli_task_get(&question, &question_len, cli_value(cli, "question"), err);

    if (status == ATTUNE_OK) {
        status = cli_task_get(&context, &context_len, cli_value(cli, "context"), err);
    }
    if (status != ATTUNE_OK) {
        free(question);
        return status;
    }
    return cli_task_add(cli, task, question, question_len, context, context_len, false, err);
}

static int ask(struct cli *cli, struct cli_task *task, long top, long longest, struct answers *out,
               struct attune_error *err)
{
    const struct attune_task_tokens *tokens = &task->texts[0].tokens;
    int status = cli_task_start(cli, task, false, err);

    if (status == ATTUNE_OK) {
        status = cli_task_sync(cli, task, 0, err);
    }
    out->list = calloc((size_t)top, sizeof *out->list);
    out->p_start = calloc(tokens->tokens.n + 1, sizeof *out->p_start);
    out->p_end = calloc(tokens->tokens.n + 1, sizeof *out->p_end);
    if (status == ATTUNE_OK && (!out->list || !out->p_start || !out->p_end)) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (status == ATTUNE_OK) {
        status = attune_task_span(out->p_start, out->p_end, task->ctx, tokens, err);
    }
    if (status == ATTUNE_OK) {
        out->n = attune_task_answers(out->list, (size_t)top, out->p_start, out->p_end, tokens,
                                     (size_t)longest);
        out->no_answer = attune_task_no_answer(out->p_start, out->p_end);
        out->none =
            cli_has(cli, "no-answer") && (out->n == 0 || out->no_answer > out->list[0].score);
    }
    return status;
}

/* ---- printing ---- */
static json_t *answer_json(const struct cli_task *task, const struct attune_task_answer *a)
{
    const char *context = task->texts[0].pair;
    json_t *out = json_object();

    json_object_set_new(out, "answer",
                        context ? cli_json_text(context + a->start, a->end - a->start)
                                : json_null());
    json_object_set_new(out, "start",
                        context ? json_integer((json_int_t)cli_task_points(context, a->start))
                                : json_null());
    json_object_set_new(out, "end",
                        context ? json_integer((json_int_t)cli_task_points(context, a->end))
                                : json_null());
    json_object_set_new(out, "first", json_integer((json_int_t)a->first));
    json_object_set_new(out, "last", json_integer((json_int_t)a->last));
    json_object_set_new(out, "score", cli_json_real(a->score));
    return out;
}

static json_t *describe(const struct cli_task *task, const struct answers *answers)
{
    const struct attune_task_tokens *tokens = &task->texts[0].tokens;
    json_t *out = answers->none || answers->n == 0
                      ? json_pack("{s:s,s:i,s:i,s:f}", "answer", "", "start", 0, "end", 0, "score",
                                  answers->no_answer)
                      : answer_json(task, &answers->list[0]);
    json_t *candidates = json_array(), *list = json_array();

    for (size_t i = 0; i < answers->n; i++) {
        json_array_append_new(candidates, answer_json(task, &answers->list[i]));
    }
    for (size_t i = 0; i < tokens->tokens.n; i++) {
        json_t *token = json_pack("{s:I,s:f,s:f}", "id", (json_int_t)tokens->tokens.ids[i],
                                  "p_start", answers->p_start[i], "p_end", answers->p_end[i]);

        cli_json_set_token(token, task->tk, tokens->tokens.ids[i]);
        json_array_append_new(list, token);
    }
    json_object_set_new(out, "no_answer", cli_json_real(answers->no_answer));
    json_object_set_new(out, "candidates", candidates);
    json_object_set_new(out, "tokens", list);
    return out;
}

/* The likeliest starts and ends, then the answers. */
static void print(struct cli *cli, const struct cli_task *task, const struct answers *answers)
{
    const struct attune_task_tokens *tokens = &task->texts[0].tokens;
    const char *context = task->texts[0].pair;
    char shown[4 * TOKEN_WIDTH + 16], start[3 * BAR_WIDTH + 1], end[3 * BAR_WIDTH + 1];

    for (size_t i = 0; i < tokens->tokens.n; i++) {
        if (i > 0 && tokens->parts[i] != ATTUNE_TASK_PAIR) {
            continue;
        }
        cli_task_show(shown, sizeof shown, task->tk, tokens->tokens.ids[i], TOKEN_WIDTH);
        cli_show_bar(start, answers->p_start[i], BAR_WIDTH);
        cli_show_bar(end, answers->p_end[i], BAR_WIDTH);
        fprintf(cli->out, "%5zu  %s  start %7.5f %s  end %7.5f %s\n", i, shown, answers->p_start[i],
                start, answers->p_end[i], end);
    }
    fputc('\n', cli->out);
    for (size_t i = 0; i < answers->n; i++) {
        const struct attune_task_answer *a = &answers->list[i];

        fprintf(cli->out, "%8.5f  %zu-%zu  ", a->score, a->first, a->last);
        cli_print_text(cli, context ? context + a->start : "", context ? a->end - a->start : 0);
        fputc('\n', cli->out);
    }
    fprintf(cli->out, "%8.5f  no answer%s\n", answers->no_answer,
            answers->none ? ": the likeliest" : "");
}

static int run(struct cli *cli)
{
    struct cli_task task = {0};
    struct attune_error err = {0};
    struct answers answers = {0};
    bool ids = cli_has(cli, "ids");
    long top = DEFAULT_TOP, longest = DEFAULT_LONGEST;
    int status;

    if (ids ? cli_has(cli, "question") || cli_has(cli, "context")
            : !cli_has(cli, "question") || !cli_has(cli, "context")) {
        return cli_wrong(cli, "qa: wants --question TEXT and --context TEXT, or --ids 1,2,3");
    }
    if (cli_long(cli, "top", 1, MOST_TOP, &top) ||
        cli_long(cli, "longest", 0, INT32_MAX, &longest)) {
        return CLI_USAGE;
    }
    status = cli_task_open(cli, &task, &err);
    if (status == ATTUNE_OK) {
        status = cli_task_check(cli, &task, ATTUNE_OUTPUT_SPAN, &err);
    }
    if (status == ATTUNE_OK) {
        status = ids ? cli_task_add_prompts(cli, &task, (struct cli_task_options){0}, &err)
                     : add_text(cli, &task, &err);
    }
    if (status == ATTUNE_OK) {
        status = ask(cli, &task, top, longest, &answers, &err);
    }
    if (status != ATTUNE_OK) {
        status = cli_fail(cli, &err);
    } else if (cli->json) {
        status = cli_print_json(cli, describe(&task, &answers));
    } else {
        print(cli, &task, &answers);
    }
    free(answers.list);
    free(answers.p_start);
    free(answers.p_end);
    cli_task_done(&task);
    return status;
}

const struct cmd_ops cmd_qa = {
    .name = "qa",
    .args = "",
    .help = "where in a text the answer to a question stands",
    .options = options,
    .run = run,
};
