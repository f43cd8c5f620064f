/* A report as one page without anything from elsewhere: tokens coloured by their probability, the
 * evidence of each under the pointer and in a table. */
#include <config.h>

#include "export.h"

#include <math.h>
#include <string.h>

static const char head_of_page[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n<style>\n"
    "body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }\n"
    "pre, td.t { font-family: monospace; white-space: pre-wrap; }\n"
    "pre { border-left: 3px solid #999; padding-left: 1em; }\n"
    "table { border-collapse: collapse; } td, th { padding: 0 .6em; text-align: right; }\n"
    "table.made td, td.t, th.t { text-align: left; }\n"
    "span.k { border-radius: 2px; }\n"
    "</style>\n<title>";

static void escape(struct text *out, char c)
{
    text_put(out, c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : "&quot;");
}

static void put(struct text *out, const char *bytes, size_t len)
{
    export_text(out, bytes, len, "<>&\"", escape);
}

static void put_string(struct text *out, const char *string)
{
    put(out, string, strlen(string));
}

static void put_marks(struct text *out, const struct attune_mark *marks, size_t n)
{
    text_put(out, n ? "<ul>\n" : "");
    for (size_t i = 0; i < n; i++) {
        export_format(out, "<li>%s", attune_mark_kind_text(marks[i].kind));
        if (marks[i].at_step) {
            export_format(out, " at step %llu", (unsigned long long)marks[i].step);
        }
        text_put(out, ": ");
        put_string(out, marks[i].text);
        text_put(out, "</li>\n");
    }
    text_put(out, n ? "</ul>\n" : "");
}

static void begin(struct text *out, const struct export_head *head, const struct export_run *first)
{
    (void)first;
    text_put(out, head_of_page);
    put_string(out, head->session);
    text_put(out, "</title>\n</head>\n<body>\n<h1>");
    put_string(out, head->session);
    text_put(out, "</h1>\n");
    put_marks(out, head->marks, head->n_marks);
}

static void put_row(struct text *out, const char *name, const char *value)
{
    export_format(out, "<tr><td>%s</td><td>", name);
    put_string(out, value);
    text_put(out, "</td></tr>\n");
}

/* The output token by token; the rarer, the redder. */
static void put_output(struct text *out, const struct export_run *run)
{
    size_t at = 0, from = 0;

    text_put(out, "<h3>Output</h3>\n<pre>");
    for (size_t i = 0; i < run->n_steps; i++) {
        const struct attune_step *s = &run->steps[i];
        double rare = isfinite(s->p_raw) && s->p_raw > 0 ? fmin(1, -log2(s->p_raw) / 10) : 1;

        from = at;
        if (export_shown(run->record, s, &at)) {
            export_format(out,
                          "<span class=\"k\" style=\"background: rgba(220, 60, 30, %.2f)\" "
                          "title=\"step %llu: p %.4f, rank %u, %.2f bits\">",
                          rare * 0.6, (unsigned long long)s->index, s->p_raw, s->rank,
                          s->entropy_bits);
            put(out, run->record->output + from, at - from);
            text_put(out, "</span>");
        }
    }
    put(out, run->record->output + at, run->record->output_len - at);
    text_put(out, "</pre>\n");
}

static void put_steps(struct text *out, const struct export_run *run)
{
    text_put(out, "<details><summary>Steps</summary>\n<table>\n<tr><th>step</th><th "
                  "class=\"t\">token</th><th>p</th><th>p raw</th><th>rank</th><th>bits</th>"
                  "<th>kept</th></tr>\n");
    for (size_t i = 0; i < run->n_steps; i++) {
        const struct attune_step *s = &run->steps[i];

        export_format(out, "<tr><td>%llu</td><td class=\"t\">", (unsigned long long)s->index);
        put(out, s->bytes, s->n_bytes);
        export_format(out,
                      "</td><td>%.4f</td><td>%.4f</td><td>%u</td><td>%.2f</td><td>%u</td></tr>\n",
                      s->p, s->p_raw, s->rank, s->entropy_bits, s->n_kept);
    }
    text_put(out, "</table>\n</details>\n");
}

static void write(struct text *out, const struct export_run *run, size_t i)
{
    const struct attune_run_record *r = run->record;

    (void)i;
    export_format(out, "<h2 id=\"run%lld\">Run %lld</h2>\n<table class=\"made\">\n",
                  (long long)r->id, (long long)r->id);
    put_row(out, "created", r->created);
    put_row(out, "model", r->model_name);
    export_format(out, "<tr><td>weights</td><td>%016llx</td></tr>\n",
                  (unsigned long long)r->model_digest);
    put_row(out, "engine", r->engine);
    put_row(out, "exact", r->fast ? "no, made with --fast" : "yes");
    put_row(out, "sampler", r->chain);
    export_format(out,
                  "<tr><td>seed</td><td>%llu</td></tr>\n<tr><td>tokens</td><td>%zu read, %zu "
                  "produced</td></tr>\n",
                  (unsigned long long)r->seed, r->n_prompt + r->n_decoder, r->n_steps);
    put_row(out, "stopped by",
            *r->origin ? "not known: it came as text"
            : r->stop  ? attune_stop_text(r->stop)
                       : "cut off");
    if (r->fork_of) {
        export_format(out,
                      "<tr><td>fork</td><td>of <a href=\"#run%lld\">run %lld</a> behind %zu of its "
                      "steps</td></tr>\n",
                      (long long)r->fork_of, (long long)r->fork_of, r->fork_steps);
    }
    text_put(out, "</table>\n");
    put_marks(out, run->marks, run->n_marks);
    text_put(out, "<h3>Prompt</h3>\n<pre>");
    put(out, r->prompt_text, r->prompt_text_len);
    text_put(out, "</pre>\n");
    put_output(out, run);
    if (run->n_steps) {
        put_steps(out, run);
    }
}

static void end(struct text *out)
{
    text_put(out, "</body>\n</html>\n");
}

const struct export_ops export_html = {
    .name = "html",
    .suffix = "html",
    .help = "a report as one page, tokens coloured by their probability",
    .begin = begin,
    .run = write,
    .end = end,
};
