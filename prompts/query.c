/* A line that people type, as a query: words, and filters written NAME:VALUE. */
#include <config.h>

#include <attune/store.h>

#include <attune/sampler.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* The number in these bytes, all of them; none leaves *out as it is. ("0..1" read at once would be
 * "0." and the rest.) */
static bool read_bound(double *out, const char *text, size_t len)
{
    char copy[64], *end;
    double x;

    if (len == 0 || len >= sizeof copy) {
        return len == 0;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    x = strtod(copy, &end);
    *out = x;
    return end != copy && *end == '\0' && !isnan(x);
}

int attune_run_range_parse(struct attune_run_range *out, const char *text, struct attune_error *err)
{
    const char *dots = strstr(text, "..");
    size_t low = dots ? (size_t)(dots - text) : strlen(text);

    out->low = -INFINITY;
    out->high = INFINITY;
    if (!*text || strcmp(text, "..") == 0 || !read_bound(&out->low, text, low) ||
        (dots && !read_bound(&out->high, dots + 2, strlen(dots + 2)))) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "%s: a range is LOW..HIGH, LOW.., ..HIGH or one VALUE", text);
    }
    out->high = dots ? out->high : out->low;
    return ATTUNE_OK;
}

static bool is_number_of_runs(const char *name)
{
    static const char *const names[] = {"seed", "tokens", "max_tokens", "first_step"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return attune_param_find(name) != NULL;
}

/* Takes "name:value" as a filter if there is one of that name and it has a value; a range that is
 * still being typed is no filter yet. */
static bool take_filter(struct attune_run_search *s, char *word)
{
    struct attune_run_query *q = &s->query;
    const struct {
        const char *name, **to;
    } texts[] = {{"tag", &q->tag},     {"model", &q->model}, {"stop", &q->stop},
                 {"since", &q->since}, {"until", &q->until}, {"session", &q->session}};
    char *colon = strchr(word, ':');
    bool taken = false;

    if (!colon || !colon[1]) {
        return false;
    }
    *colon = '\0';
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i].name, word) == 0) {
            *texts[i].to = colon + 1;
            taken = true;
        }
    }
    if (!taken && is_number_of_runs(word) && q->n_ranges < ATTUNE_SEARCH_RANGES) {
        struct attune_run_range *range = &s->ranges[q->n_ranges];

        range->name = word;
        taken = attune_run_range_parse(range, colon + 1, NULL) == ATTUNE_OK;
        q->n_ranges += taken;
    }
    if (!taken) {
        *colon = ':';
    }
    return taken;
}

int attune_run_search_init(struct attune_run_search *out, const char *text,
                           struct attune_error *err)
{
    struct text words = {0};
    char *rest, *word;
    int status;

    memset(out, 0, sizeof *out);
    out->line = strdup(text);
    if (!out->line) {
        return text_no_memory(err);
    }
    out->query.ranges = out->ranges;
    rest = out->line;
    while ((word = strtok_r(rest, " \t\r\n", &rest))) {
        if (!take_filter(out, word)) {
            text_put(&words, words.len ? " " : "");
            text_put(&words, word);
        }
    }
    text_put(&words, "");
    status = text_take(&words, &out->words, NULL, err);
    if (status != ATTUNE_OK) {
        attune_run_search_done(out);
    } else if (*out->words) {
        out->query.search = out->words;
    }
    return status;
}

void attune_run_search_done(struct attune_run_search *search)
{
    if (search) {
        free(search->line);
        free(search->words);
        memset(search, 0, sizeof *search);
    }
}
