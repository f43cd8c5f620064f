/* How a distribution spreads. */
#include <config.h>

#include "cli_spread.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double shares[] = {0.5, 0.9, 0.95, 0.99};
static const size_t ranks[] = {1, 10, 100, 1000};
enum { N_SHARES = sizeof shares / sizeof *shares, N_RANKS = sizeof ranks / sizeof *ranks };

void cli_spread_json(json_t *out, const struct cli_spread *s)
{
    json_t *nucleus = json_array(), *tail = json_array();

    for (int i = 0; i < N_SHARES; i++) {
        double mass;
        size_t size = attune_dist_nucleus(&mass, s->dist, s->logits, s->order, s->n, shares[i]);
        json_t *row = json_pack("{s:f, s:I}", "share", shares[i], "size", (json_int_t)size);

        json_object_set_new(row, "mass", cli_json_real(mass));
        json_array_append_new(nucleus, row);
    }
    for (int i = 0; i < N_RANKS && ranks[i] < s->n; i++) {
        json_t *row = json_pack("{s:I}", "behind", (json_int_t)ranks[i]);

        json_object_set_new(
            row, "mass",
            cli_json_real(attune_dist_tail(s->dist, s->logits, s->order, s->n, ranks[i])));
        json_array_append_new(tail, row);
    }
    json_object_set_new(out, "perplexity", cli_json_real(exp(s->dist->entropy)));
    json_object_set_new(out, "nucleus", nucleus);
    json_object_set_new(out, "tail", tail);
}

void cli_spread_print(FILE *out, const struct cli_spread *s)
{
    fprintf(out, "spread: perplexity %.2f; nucleus", exp(s->dist->entropy));
    for (int i = 0; i < N_SHARES; i++) {
        fprintf(out, "%s %g: %zu", i ? "," : "", shares[i],
                attune_dist_nucleus(NULL, s->dist, s->logits, s->order, s->n, shares[i]));
    }
    fputs("; tail", out);
    for (int i = 0; i < N_RANKS && ranks[i] < s->n; i++) {
        fprintf(out, "%s behind %zu: %.3g", i ? "," : "", ranks[i],
                attune_dist_tail(s->dist, s->logits, s->order, s->n, ranks[i]));
    }
    fputc('\n', out);
}

size_t cli_spread_find(const struct cli_spread *s, const struct attune_tokenizer *tk,
                       const char *what)
{
    size_t holds = s->n, wanted = strlen(what);
    char *end;
    long id = strtol(what + (what[0] == '#'), &end, 10);
    bool by_id = end > what + (what[0] == '#') && *end == '\0';

    for (size_t rank = 0; rank < s->n; rank++) {
        size_t len;
        char *bytes;
        bool same, inside;

        if (by_id) {
            if (s->order[rank] == id) {
                return rank;
            }
            continue;
        }
        bytes = cli_token_bytes(tk, s->order[rank], &len);
        same = bytes && len == wanted && memcmp(bytes, what, len) == 0;
        inside = bytes && wanted > 0 && holds == s->n && strstr(bytes, what);
        free(bytes);
        if (same) {
            return rank;
        }
        holds = inside ? rank : holds;
    }
    return holds;
}
