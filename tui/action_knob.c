/* Knobs by name: what is typed for one, and its value. */
#include <config.h>

#include "app.h"

#include <stdlib.h>
#include <string.h>

/* "top-p" and "top_p" are the same. */
const char *app_param_name(char out[64], const char *word, size_t len)
{
    snprintf(out, 64, "%.*s", (int)(len < 63 ? len : 63), word);
    for (char *at = out; *at; at++) {
        *at = *at == '-' ? '_' : *at;
    }
    if (strcmp(out, "n") == 0 || strcmp(out, "max_tokens") == 0) {
        return "max_tokens";
    }
    if (strcmp(out, "seed") == 0) {
        return "seed";
    }
    return attune_param_find(out) ? attune_param_find(out)->name : NULL;
}

/* "temperature 0.7", also with = between. */
bool app_set_param(struct app *app, const char *text)
{
    char name[64];
    size_t len = strcspn(text, " ="), gap = strspn(text + len, " =");
    const char *param = app_param_name(name, text, len), *value = text + len + gap;
    double number;
    char *end;

    if (!param) {
        return false;
    }
    if (strcmp(param, "seed") == 0 && strcmp(value, "random") == 0) {
        app->bench.seed_is_fixed = false;
        return true;
    }
    if (strcmp(param, "seed") == 0) {
        uint64_t seed = strtoull(value, &end, 10);

        if (value[0] < '0' || value[0] > '9' || *end || seed > INT64_MAX) {
            bench_say(&app->bench, true, "seed: wants a whole number up to 2^63-1, or random");
        } else {
            bench_set_seed(&app->bench, seed);
        }
        return true;
    }
    number = strtod(value, &end);
    if (!value[0] || end == value || *end) {
        bench_say(&app->bench, true, "%s: wants a number", param);
        return true;
    }
    bench_set_param(&app->bench, param, number);
    return true;
}
