/* The chain as a line of text, and back. The grammar is words of name=value between blanks:
 *
 *     order=penalties,temperature,top_k,top_p,min_p,typical temperature=0.7
 * logit_bias=5:-inf,17:1.5 ablate=2.1,3.*:mean
 *
 *     constraint=regex:[0-9]+%20km
 *
 * A value is written with as few digits as read back to the same number. */
#include <config.h>

#include "sampler.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    char *out;
    size_t capacity, len; /* len: what it would be with room for all */
};

static void put(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct writer *w, const char *format, ...)
{
    size_t room = w->len < w->capacity ? w->capacity - w->len : 0;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(room ? w->out + w->len : NULL, room, format, args);
    va_end(args);
    w->len += n > 0 ? (size_t)n : 0;
}

static void put_number(struct writer *w, double x, int most_digits, bool is_float)
{
    char text[40];

    for (int digits = 6; digits <= most_digits; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (is_float ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x) {
            break;
        }
    }
    put(w, "%s", text);
}

/* Words end at blanks, so blanks, control bytes and the percent sign are written as %HH. */
static void put_escaped(struct writer *w, const char *text)
{
    for (; *text; text++) {
        uint8_t byte = (uint8_t)*text;

        put(w, byte <= ' ' || byte == '%' || byte == 0x7f ? "%%%02x" : "%c", byte);
    }
}

size_t attune_chain_text(const struct attune_chain *chain, char *out, size_t capacity)
{
    struct writer w = {out, capacity, 0};
    size_t first = chain->n_stages > 1 && strcmp(attune_chain_stage(chain, 0), "bias") == 0;

    if (capacity > 0) {
        out[0] = '\0';
    }
    for (size_t i = first; i < chain->n_stages; i++) {
        put(&w, "%s%s", i == first ? "order=" : ",", attune_chain_stage(chain, i));
    }
    for (size_t i = 0; i < attune_param_count(); i++) {
        if (chain->values[i] != attune_param_at(i)->off) {
            put(&w, " %s=", attune_param_at(i)->name);
            put_number(&w, chain->values[i], 17, false);
        }
    }
    for (size_t i = 0; i < chain->n_biases; i++) {
        put(&w, "%s%ld:", i ? "," : " logit_bias=", (long)chain->biases[i].id);
        put_number(&w, chain->biases[i].bias, 9, true);
    }
    if (chain->constraint) {
        put(&w, " constraint=");
        put_escaped(&w, chain->constraint);
    }
    if (chain->ablation) {
        put(&w, " ablate=%s", chain->ablation);
    }
    return w.len;
}

static int parse_biases(struct attune_chain *chain, const char *list, struct attune_error *err)
{
    for (const char *at = list;; at++) {
        char *end, *number;
        long id = strtol(at, &end, 10);
        float bias;

        if (end == at || *end != ':' || id < 0 || id > INT32_MAX) {
            break;
        }
        number = end + 1;
        bias = strtof(number, &end);
        if (end == number || (*end && *end != ',')) {
            break;
        }
        if (attune_chain_bias(chain, (attune_token)id, bias, err) != ATTUNE_OK) {
            return err ? err->status : ATTUNE_ARGUMENT;
        }
        if (!*end) {
            return ATTUNE_OK;
        }
        at = end;
    }
    return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                            "logit_bias=%.40s: wants ID:BIAS pairs separated by commas", list);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* In place: what is read never needs more room. False where a %HH is none, or stands for NUL. */
static bool unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        int high, low;

        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        high = hex_digit(from[1]);
        low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || high + low == 0) {
            return false;
        }
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return true;
}

static int parse_constraint(struct attune_chain *chain, char *value, struct attune_error *err)
{
    if (!unescape(value)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "constraint=%.60s: wants two hexadecimal digits behind a %%, such "
                                "as %%20",
                                value);
    }
    return attune_chain_constrain(chain, value, err);
}

static int parse_word(struct attune_chain *chain, char *word, struct attune_error *err)
{
    char *value = strchr(word, '='), *end;
    double x;

    if (!value) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "sampler chain: '%.40s' is not name=value",
                                word);
    }
    *value++ = '\0';
    if (strcmp(word, "order") == 0) {
        return attune_chain_order(chain, value, err);
    }
    if (strcmp(word, "logit_bias") == 0) {
        return parse_biases(chain, value, err);
    }
    if (strcmp(word, "constraint") == 0) {
        return parse_constraint(chain, value, err);
    }
    if (strcmp(word, "ablate") == 0) {
        return attune_chain_set_ablation(chain, value, err);
    }
    x = strtod(value, &end);
    if (end == value || *end) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%.40s=%.40s: wants a number", word,
                                value);
    }
    return attune_chain_set(chain, word, x, err);
}

int attune_chain_parse(struct attune_chain **out, const char *text, struct attune_error *err)
{
    struct attune_chain *chain = NULL;
    char *words = strdup(text), *rest = NULL;
    int status = words ? attune_chain_new(&chain, err)
                       : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");

    *out = NULL;
    if (status != ATTUNE_OK) {
        goto done;
    }
    for (char *word = strtok_r(words, " \t\r\n", &rest); word;
         word = strtok_r(NULL, " \t\r\n", &rest)) {
        status = parse_word(chain, word, err);
        if (status != ATTUNE_OK) {
            if (err) {
                err->where = (uint64_t)(word - words);
            }
            goto done;
        }
    }
    *out = chain;
    chain = NULL;
done:
    attune_chain_free(chain);
    free(words);
    return status;
}
