/* A replay as a recording of a terminal, asciicast version 2: a line of JSON for the head, then a
 * line [seconds, "o", text] for whatever is printed. Steps come when they came; the prompt is dim.
 * Format: https://docs.asciinema.org/manual/asciicast/v2/ */
#include <config.h>

#include "export.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Between two runs; and the longest that a single step is waited for. */
#define PAUSE   1.0
#define LONGEST 10.0

static void escape(struct text *out, char c)
{
    if (c == '\n') {
        text_put(out, "\\r\\n");
    } else if (c == '\t') {
        text_put(out, "\\t");
    } else {
        text_add(out, "\\", 1);
        text_add(out, &c, 1);
    }
}

static void put(struct text *out, const char *bytes, size_t len)
{
    export_text(out, bytes, len, "\n\t\"\\", escape);
}

/* Seconds since 1970 of an ISO date, or 0. */
static long long seconds_of(const char *created)
{
    struct tm t = {0};
    long long seconds;

    if (sscanf(created, "%d-%d-%dT%d:%d:%d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour,
               &t.tm_min, &t.tm_sec) != 6) {
        return 0;
    }
    t.tm_year -= 1900;
    t.tm_mon--;
    seconds = timegm(&t);
    return seconds > 0 ? seconds : 0;
}

static void begin(struct text *out, const struct export_head *head, const struct export_run *first)
{
    export_format(out,
                  "{\"version\": 2, \"width\": 80, \"height\": 24, \"timestamp\": %lld, "
                  "\"title\": \"",
                  seconds_of(first->record->created));
    put(out, head->session, strlen(head->session));
    text_put(out, "\", \"env\": {\"TERM\": \"xterm-256color\"}}\n");
}

/* Bytes at the end that begin a character whose rest comes with a later token. */
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

static void say(struct text *out, double at, const char *before, const char *bytes, size_t len,
                const char *after)
{
    export_format(out, "[%.6f, \"o\", \"%s", at, before);
    put(out, bytes, len);
    text_put(out, after);
    text_put(out, "\"]\n");
}

static double seconds_for(const struct attune_step *step)
{
    double ms = step->eval_ms + step->sample_ms;

    return isfinite(ms) && ms > 0 ? fmin(ms / 1000, LONGEST) : 0;
}

/* Where a run begins follows from those before it: the time is kept in the text itself, as that of
 * the last line that was written. */
static double last_time(const struct text *out)
{
    size_t at = out->len;
    double time = 0;

    if (out->failed || at < 2) {
        return 0;
    }
    for (at -= 2; at > 0 && out->data[at] != '\n'; at--) {
    }
    return sscanf(out->data + at + 1, "[%lf", &time) == 1 ? time : 0;
}

static void write(struct text *out, const struct export_run *run, size_t i)
{
    const struct attune_run_record *r = run->record;
    double time = i ? last_time(out) + PAUSE : 0;
    size_t at = 0, said = 0;

    say(out, time, i ? "\\r\\n\\u001b[2m" : "\\u001b[2m", r->prompt_text, r->prompt_text_len,
        "\\u001b[0m");
    for (size_t k = 0; k < run->n_steps; k++) {
        size_t whole;

        time += seconds_for(&run->steps[k]);
        export_shown(r, &run->steps[k], &at);
        whole = at - unfinished(r->output, at);
        if (whole > said) {
            say(out, time, "", r->output + said, whole - said, "");
            said = whole;
        }
    }
    say(out, time, "", r->output + said, r->output_len - said, "\\r\\n");
}

static void end(struct text *out)
{
    (void)out;
}

const struct export_ops export_asciicast = {
    .name = "asciicast",
    .suffix = "cast",
    .help = "a replay as a recording of a terminal (asciicast v2)",
    .begin = begin,
    .run = write,
    .end = end,
};
