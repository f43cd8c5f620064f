/* A report in Markdown: what made each run, what it read and said, and its steps as a table. */
#include <config.h>

#include "export.h"

#include <string.h>

static void escape(struct text *out, char c)
{
    if (c == '\n' || c == '\t') {
        text_put(out, c == '\n' ? "\\n" : "\\t");
    } else {
        text_add(out, "\\", 1);
        text_add(out, &c, 1);
    }
}

/* Text on one line, nothing in it taken for markup. */
static void put_line(struct text *out, const char *bytes, size_t len)
{
    export_text(out, bytes, len, "\n\t\\`*_{}[]<>()#+-.!|~$&", escape);
}

/* A block of text between fences that are longer than any row of backticks in it. */
static void put_block(struct text *out, const char *bytes, size_t len)
{
    size_t longest = 2, row = 0;

    for (size_t i = 0; i < len; i++) {
        row = bytes[i] == '`' ? row + 1 : 0;
        longest = row > longest ? row : longest;
    }
    for (size_t i = 0; i <= longest; i++) {
        text_add(out, "`", 1);
    }
    text_put(out, "text\n");
    export_text(out, bytes, len, "", NULL);
    text_put(out, "\n");
    for (size_t i = 0; i <= longest; i++) {
        text_add(out, "`", 1);
    }
    text_put(out, "\n\n");
}

static void put_row(struct text *out, const char *name, const char *value)
{
    export_format(out, "| %s | ", name);
    put_line(out, value, strlen(value));
    text_put(out, " |\n");
}

static void put_marks(struct text *out, const struct attune_mark *marks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        export_format(out, "- %s", attune_mark_kind_text(marks[i].kind));
        if (marks[i].at_step) {
            export_format(out, " at step %llu", (unsigned long long)marks[i].step);
        }
        text_put(out, ": ");
        put_line(out, marks[i].text, strlen(marks[i].text));
        text_put(out, "\n");
    }
    text_put(out, n ? "\n" : "");
}

static void begin(struct text *out, const struct export_head *head, const struct export_run *first)
{
    (void)first;
    text_put(out, "# ");
    put_line(out, head->session, strlen(head->session));
    text_put(out, "\n\n");
    put_marks(out, head->marks, head->n_marks);
}

static void put_steps(struct text *out, const struct export_run *run)
{
    text_put(out, "| step | token | p | p raw | rank | bits | kept |\n"
                  "| ---: | --- | ---: | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < run->n_steps; i++) {
        const struct attune_step *s = &run->steps[i];

        export_format(out, "| %llu | \"", (unsigned long long)s->index);
        put_line(out, s->bytes, s->n_bytes);
        export_format(out, "\" | %.4f | %.4f | %u | %.2f | %u |\n", s->p, s->p_raw, s->rank,
                      s->entropy_bits, s->n_kept);
    }
    text_put(out, "\n");
}

static void write(struct text *out, const struct export_run *run, size_t i)
{
    const struct attune_run_record *r = run->record;

    (void)i;
    export_format(out, "## Run %lld\n\n| | |\n| --- | --- |\n", (long long)r->id);
    put_row(out, "created", r->created);
    put_row(out, "model", r->model_name);
    export_format(out, "| weights | %016llx |\n", (unsigned long long)r->model_digest);
    put_row(out, "engine", r->engine);
    put_row(out, "exact", r->fast ? "no, made with --fast" : "yes");
    put_row(out, "sampler", r->chain);
    export_format(out, "| seed | %llu |\n| tokens | %zu read, %zu produced |\n",
                  (unsigned long long)r->seed, r->n_prompt + r->n_decoder, r->n_steps);
    put_row(out, "stopped by",
            *r->origin ? "not known: it came as text"
            : r->stop  ? attune_stop_text(r->stop)
                       : "cut off");
    if (r->fork_of) {
        export_format(out, "| fork | of run %lld behind %zu of its steps |\n",
                      (long long)r->fork_of, r->fork_steps);
    }
    text_put(out, "\n");
    put_marks(out, run->marks, run->n_marks);
    text_put(out, "### Prompt\n\n");
    put_block(out, r->prompt_text, r->prompt_text_len);
    text_put(out, "### Output\n\n");
    put_block(out, r->output, r->output_len);
    if (run->n_steps) {
        text_put(out, "### Steps\n\n");
        put_steps(out, run);
    }
}

static void end(struct text *out)
{
    (void)out;
}

const struct export_ops export_markdown = {
    .name = "markdown",
    .suffix = "md",
    .help = "a report: what made each run, its texts, its steps",
    .begin = begin,
    .run = write,
    .end = end,
};
