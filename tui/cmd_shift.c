/* shift: how far a distribution moves when the prompt, the model or the knobs are others.
 *
 * With one vocabulary it is the tokens that are compared; two have the bytes in common, so there it
 * is the next byte. */
#include <config.h>

#include "cli.h"

#include <attune/shift.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TOP = 10, TOKEN_WIDTH = 16, SIDES = 2 };

static const struct cli_option options[] = {
    {"with-model", 0, "MODEL", "the other side's model"},
    {"with-prompt", 0, "TEXT", "the other side's prompt"},
    {"with-file", 0, "FILE", "the other side's prompt, from a file"},
    {"with-ids", 0, "1,2,3", "the other side's prompt, as ids"},
    {"with-ablate", 0, "SET", "what the other side leaves out"},
    {"chain", 0, "TEXT", "knobs of the first side, such as \"temperature=0.7 top_k=40\""},
    {"with-chain", 0, "TEXT", "knobs of the other side"},
    {"strip", 0, NULL, "every position of the text that both read, not the last one alone"},
    {"top", 0, "N", "how many of those that moved most to list (10)"},
    {NULL, 0, NULL, NULL},
};

/* What the other side is told in place of what the first was. */
static const struct {
    const char *given;
    struct cli_option as;
} others[] = {
    {"with-model", {"model", 0, "", ""}},   {"with-prompt", {"prompt", 0, "", ""}},
    {"with-file", {"file", 0, "", ""}},     {"with-ids", {"ids", 0, "", ""}},
    {"with-ablate", {"ablate", 0, "", ""}},
};
enum { N_OTHERS = sizeof others / sizeof *others };

struct side {
    struct cli_context source;
    const struct attune_tokenizer *tk;
    struct attune_tokens tokens; /* of the text, for where they end; n 0 without one */
    size_t n_vocab, n;           /* n positions */
    float *logits;               /* [n_vocab] of the position at hand */
    double *p;                   /* [n_vocab] raw, and behind it after the knobs */
    struct attune_chain *chain;
    struct attune_trace trace;
    double entropy_bits[2];
};

struct shift {
    struct side sides[SIDES];
    bool on_bytes, knobs;
    double bytes[2][SIDES][ATTUNE_SHIFT_BYTES]; /* raw, knobs */
    size_t n;                                   /* of what is compared */
    size_t top;
};

static bool is_prompt(const char *name)
{
    return strcmp(name, "prompt") == 0 || strcmp(name, "file") == 0 || strcmp(name, "ids") == 0;
}

/* The command line as the other side reads it; out->given is freed by the caller. */
static int turn(struct cli *out, const struct cli *cli, struct attune_error *err)
{
    bool new_prompt =
        cli_has(cli, "with-prompt") || cli_has(cli, "with-file") || cli_has(cli, "with-ids");

    *out = *cli;
    out->n_given = 0;
    out->given = calloc(cli->n_given + N_OTHERS + 1, sizeof *out->given);
    if (!out->given) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    for (size_t i = 0; i < cli->n_given; i++) {
        bool replaced = new_prompt && is_prompt(cli->given[i].option->name);

        for (int k = 0; k < N_OTHERS; k++) {
            replaced |= strcmp(cli->given[i].option->name, others[k].as.name) == 0 &&
                        cli_has(cli, others[k].given);
        }
        if (!replaced) {
            out->given[out->n_given++] = cli->given[i];
        }
    }
    for (int k = 0; k < N_OTHERS; k++) {
        if (cli_has(cli, others[k].given)) {
            out->given[out->n_given].option = &others[k].as;
            out->given[out->n_given++].value = cli_value(cli, others[k].given);
        }
    }
    return ATTUNE_OK;
}

static int open_side(struct side *s, struct cli *cli, const char *chain, struct attune_error *err)
{
    const struct attune_context_options lean = {.no_queries = true};
    const struct attune_tokenize_options added = {.add_special = true};
    int status = cli_open_context(cli, &s->source, lean, 0, true, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    if (attune_model_info(s->source.model)->kind == ATTUNE_ENCODER) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "%.80s is an encoder: it has no next token (see fill)",
                                attune_model_info(s->source.model)->name);
    }
    s->tk = attune_model_tokenizer(s->source.model);
    s->n_vocab = (size_t)attune_model_info(s->source.model)->n_vocab;
    s->n = attune_context_length(s->source.ctx);
    s->logits = malloc(s->n_vocab * sizeof *s->logits);
    s->p = malloc(2 * s->n_vocab * sizeof *s->p);
    if (!s->logits || !s->p) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for %zu logits", s->n_vocab);
    }
    if (s->n == 0) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the prompt is empty: there is nothing to go on from");
    }
    if (s->tk && s->source.prompt.text_len > 0) {
        status = attune_tokenize(&s->tokens, s->tk, s->source.prompt.text,
                                 s->source.prompt.text_len, &added, err);
    }
    if (status == ATTUNE_OK) {
        status =
            chain ? attune_chain_parse(&s->chain, chain, err) : attune_chain_new(&s->chain, err);
    }
    if (status == ATTUNE_OK) {
        status = attune_chain_check(s->chain, s->n_vocab, err);
    }
    return status == ATTUNE_OK ? attune_trace_init(&s->trace, s->n_vocab, err) : status;
}

/* The distribution behind a position, before and after the knobs. */
static int evaluate(struct side *s, size_t position, struct attune_error *err)
{
    int status = attune_context_logits(s->source.ctx, position, 1, s->logits, err);

    if (status != ATTUNE_OK) {
        return status;
    }
    attune_chain_apply(&s->trace, s->chain, s->logits, attune_context_tokens(s->source.ctx),
                       position + 1);
    for (size_t i = 0; i < s->n_vocab; i++) {
        s->p[i] = attune_dist_p(&s->trace.raw, s->logits[i]);
        s->p[s->n_vocab + i] = (double)s->trace.p[i];
    }
    s->entropy_bits[0] = attune_bits(s->trace.raw.entropy);
    s->entropy_bits[1] = s->trace.entropy_bits;
    return ATTUNE_OK;
}

/* The two rows that are compared: of tokens, or of bytes. which: 0 raw, 1 after the knobs. */
static const double *row_of(struct shift *s, int side, int which)
{
    struct side *at = &s->sides[side];
    const double *p = at->p + (size_t)which * at->n_vocab;

    if (!s->on_bytes) {
        return p;
    }
    attune_shift_bytes(s->bytes[which][side], at->tk, p, at->n_vocab);
    return s->bytes[which][side];
}

static void compare(struct attune_shift *out, struct shift *s, int which)
{
    attune_shift_of_p(out, row_of(s, 0, which), row_of(s, 1, which), s->n);
}

static int prepare(struct shift *s, struct cli *cli, struct attune_error *err)
{
    struct cli other = {0};
    struct side *a = &s->sides[0], *b = &s->sides[1];
    int status = turn(&other, cli, err);

    if (status == ATTUNE_OK) {
        status = open_side(a, cli, cli_value(cli, "chain"), err);
    }
    if (status == ATTUNE_OK) {
        status = open_side(b, &other,
                           cli_has(cli, "with-chain") ? cli_value(cli, "with-chain")
                                                      : cli_value(cli, "chain"),
                           err);
    }
    free(other.given);
    if (status != ATTUNE_OK) {
        return status;
    }
    s->knobs = cli_has(cli, "chain") || cli_has(cli, "with-chain");
    s->on_bytes = a->n_vocab != b->n_vocab || !a->tk != !b->tk ||
                  (a->tk && attune_tokenizer_digest(a->tk) != attune_tokenizer_digest(b->tk));
    s->n = s->on_bytes ? ATTUNE_SHIFT_BYTES : a->n_vocab;
    if (s->on_bytes && (!a->tk || !b->tk)) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "the vocabularies differ, and a model without a tokenizer has no "
                                "bytes to compare");
    }
    return ATTUNE_OK;
}

/* ---- the strip ---- */

struct place { /* where both sides stand behind the same text */
    size_t at[SIDES];
    size_t byte; /* of the text, 0 where there is none */
};

/* Of one vocabulary position by position, as far as the ids are the same; of two wherever tokens of
 * both end at the same byte. places [as many as there are positions]. */
static size_t find_places(const struct shift *s, struct place *places)
{
    const struct side *a = &s->sides[0], *b = &s->sides[1];
    size_t n = 0;

    if (!s->on_bytes) {
        const attune_token *x = attune_context_tokens(a->source.ctx),
                           *y = attune_context_tokens(b->source.ctx);

        for (size_t i = 0; i < a->n && i < b->n && x[i] == y[i]; i++) {
            places[n++] = (struct place){{i, i}, i < a->tokens.n ? a->tokens.end[i] : 0};
        }
        return n;
    }
    for (size_t i = 0, k = 0; i < a->tokens.n && i < a->n; i++) {
        while (k < b->tokens.n && b->tokens.end[k] < a->tokens.end[i]) {
            k++;
        }
        if (k < b->tokens.n && k < b->n && b->tokens.end[k] == a->tokens.end[i] &&
            a->tokens.end[i] > 0) {
            places[n++] = (struct place){{i, k}, a->tokens.end[i]};
        }
    }
    return n;
}

static json_t *shift_json(const struct attune_shift *s)
{
    json_t *out = json_object();

    json_object_set_new(out, "kl_bits", cli_json_real(s->kl_bits));
    json_object_set_new(out, "kl_back_bits", cli_json_real(s->kl_back_bits));
    json_object_set_new(out, "js_bits", cli_json_real(s->js_bits));
    json_object_set_new(out, "moved", cli_json_real(s->moved));
    json_object_set_new(out, "same_top", json_boolean(s->same_top));
    return out;
}

struct mean {
    double js, moved, kl;
    size_t n, same;
};

/* Position by position: printed, or into rows. */
static int strip(struct shift *s, struct cli *cli, json_t *rows, struct mean *mean,
                 struct attune_error *err)
{
    size_t n_most = s->sides[0].n + 1, n;
    struct place *places = calloc(n_most, sizeof *places);
    int status = places ? ATTUNE_OK : attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");

    n = places ? find_places(s, places) : 0;
    if (status == ATTUNE_OK && n == 0) {
        status = attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                  "--strip: the two sides have no position in common");
    }
    if (!rows && status == ATTUNE_OK) {
        fprintf(cli->out, "%8s %6s  %-*s %9s %9s %8s %8s  likeliest\n", "position", "byte",
                TOKEN_WIDTH, "behind", "KL was>is", "KL is>was", "JS", "moved");
    }
    for (size_t i = 0; i < n && status == ATTUNE_OK; i++) {
        attune_token id = attune_context_tokens(s->sides[0].source.ctx)[places[i].at[0]];
        struct attune_shift raw;

        status = atomic_load(&cli->progress.cancel)
                     ? attune_error_set(err, ATTUNE_CANCELLED, 0, "cancelled")
                     : evaluate(&s->sides[0], places[i].at[0], err);
        if (status == ATTUNE_OK) {
            status = evaluate(&s->sides[1], places[i].at[1], err);
        }
        if (status != ATTUNE_OK) {
            break;
        }
        compare(&raw, s, 0);
        mean->kl += raw.kl_bits;
        mean->js += raw.js_bits;
        mean->moved += raw.moved;
        mean->same += raw.same_top;
        mean->n++;
        if (rows) {
            json_t *row = shift_json(&raw);

            json_object_set_new(row, "position", json_integer((json_int_t)places[i].at[0]));
            json_object_set_new(row, "with_position", json_integer((json_int_t)places[i].at[1]));
            json_object_set_new(row, "byte", json_integer((json_int_t)places[i].byte));
            json_object_set_new(row, "id", json_integer((json_int_t)id));
            cli_json_set_token(row, s->sides[0].tk, id);
            json_array_append_new(rows, row);
        } else {
            char token[4 * TOKEN_WIDTH + 16];

            cli_show_token(token, sizeof token, s->sides[0].tk, id, TOKEN_WIDTH);
            fprintf(cli->out, "%8zu %6zu  %s %9.4f %9.4f %8.4f %7.2f%%  %s\n", places[i].at[0],
                    places[i].byte, token, raw.kl_bits, raw.kl_back_bits, raw.js_bits,
                    100 * raw.moved, raw.same_top ? "same" : "another");
        }
    }
    free(places);
    return status;
}

/* ---- the last position ---- */

struct mover {
    size_t at; /* id or byte */
    double was, is;
};

/* The `top` that moved most into out [top], the largest first; how many there are. */
static size_t find_movers(struct mover *out, const double *was, const double *is, size_t n,
                          size_t top)
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++) {
        double size = fabs(is[i] - was[i]);
        size_t at = found;

        if (!(size > 0) ||
            (found == top && (top == 0 || size <= fabs(out[top - 1].is - out[top - 1].was)))) {
            continue;
        }
        at -= found == top;
        for (; at > 0 && size > fabs(out[at - 1].is - out[at - 1].was); at--) {
            out[at] = out[at - 1];
        }
        out[at] = (struct mover){i, was[i], is[i]};
        found += found < top;
    }
    return found;
}

static json_t *mover_json(const struct shift *s, const struct mover *m)
{
    json_t *row = json_object();
    char byte = (char)m->at;

    if (!s->on_bytes) {
        json_object_set_new(row, "id", json_integer((json_int_t)m->at));
        cli_json_set_token(row, s->sides[0].tk, (attune_token)m->at);
    } else {
        json_object_set_new(row, "byte",
                            m->at < 256 ? json_integer((json_int_t)m->at) : json_null());
        cli_json_set_bytes(row, "text", &byte, m->at < 256);
    }
    json_object_set_new(row, "was", cli_json_real(m->was));
    json_object_set_new(row, "is", cli_json_real(m->is));
    return row;
}

static json_t *side_json(const struct side *s)
{
    json_t *out = json_object(), *ids = json_array();
    const attune_token *tokens = attune_context_tokens(s->source.ctx);

    for (size_t i = 0; i < s->n; i++) {
        json_array_append_new(ids, json_integer(tokens[i]));
    }
    json_object_set_new(out, "model", json_string(attune_model_info(s->source.model)->name));
    json_object_set_new(out, "ids", ids);
    json_object_set_new(out, "entropy_bits", cli_json_real(s->entropy_bits[0]));
    json_object_set_new(out, "kept_entropy_bits", cli_json_real(s->entropy_bits[1]));
    return out;
}

static json_t *last_json(struct shift *s, const struct attune_shift shifts[2],
                         const struct mover *movers, size_t n)
{
    json_t *out = json_object(), *moved = json_array();

    json_object_set_new(out, "on", json_string(s->on_bytes ? "bytes" : "tokens"));
    json_object_set_new(out, "was", side_json(&s->sides[0]));
    json_object_set_new(out, "is", side_json(&s->sides[1]));
    json_object_set_new(out, "raw", shift_json(&shifts[0]));
    if (s->knobs) {
        json_object_set_new(out, "knobs", shift_json(&shifts[1]));
    }
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(moved, mover_json(s, &movers[i]));
    }
    json_object_set_new(out, "movers", moved);
    return out;
}

static void print_shift(FILE *out, const char *name, const struct attune_shift *s, const double was,
                        const double is)
{
    fprintf(out, "%-6s %9.4f %9.4f %8.4f %7.2f%% %8.2f %8.2f  %s\n", name, s->kl_bits,
            s->kl_back_bits, s->js_bits, 100 * s->moved, was, is, s->same_top ? "same" : "another");
}

static void print_last(FILE *out, const struct shift *s, const struct attune_shift shifts[2],
                       const struct mover *movers, size_t n)
{
    const struct side *a = &s->sides[0], *b = &s->sides[1];

    fprintf(out, "was: %s, %zu tokens; is: %s, %zu tokens; compared on %s\n",
            attune_model_info(a->source.model)->name, a->n,
            attune_model_info(b->source.model)->name, b->n,
            s->on_bytes ? "the next byte" : "the next token");
    fprintf(out, "%-6s %9s %9s %8s %8s %8s %8s  likeliest\n", "bits", "KL was>is", "KL is>was",
            "JS", "moved", "H was", "H is");
    print_shift(out, "raw", &shifts[0], a->entropy_bits[0], b->entropy_bits[0]);
    if (s->knobs) {
        print_shift(out, "knobs", &shifts[1], a->entropy_bits[1], b->entropy_bits[1]);
    }
    for (size_t i = 0; i < n; i++) {
        char token[4 * TOKEN_WIDTH + 16];

        if (!s->on_bytes) {
            cli_show_token(token, sizeof token, a->tk, (attune_token)movers[i].at, TOKEN_WIDTH);
        } else if (movers[i].at > ' ' && movers[i].at < 0x7f) {
            snprintf(token, sizeof token, "'%c'%*s", (int)movers[i].at, TOKEN_WIDTH - 3, "");
        } else {
            snprintf(token, sizeof token, "%-*s", TOKEN_WIDTH,
                     movers[i].at == ' '                     ? "space"
                     : movers[i].at == '\n'                  ? "newline"
                     : movers[i].at < ATTUNE_SHIFT_BYTES - 1 ? "byte"
                                                             : "no text");
        }
        fprintf(out, "%5zu  %s %8.5f %8.5f %+9.5f\n", movers[i].at, token, movers[i].was,
                movers[i].is, movers[i].is - movers[i].was);
    }
}

/* The last position of both sides: the answer that stands behind a strip as well. */
static int last(struct shift *s, struct cli *cli, json_t **json, struct attune_error *err)
{
    struct attune_shift shifts[2];
    struct mover *movers = NULL;
    size_t n = 0;
    int status = evaluate(&s->sides[0], s->sides[0].n - 1, err);

    if (status == ATTUNE_OK) {
        status = evaluate(&s->sides[1], s->sides[1].n - 1, err);
    }
    s->top = s->top < s->n ? s->top : s->n;
    movers = calloc(s->top + 1, sizeof *movers);
    if (status == ATTUNE_OK && !movers) {
        status = attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    if (status == ATTUNE_OK) {
        compare(&shifts[0], s, 0);
        compare(&shifts[1], s, 1);
        n = find_movers(movers, row_of(s, 0, s->knobs), row_of(s, 1, s->knobs), s->n, s->top);
        if (json) {
            *json = last_json(s, shifts, movers, n);
        } else {
            print_last(cli->out, s, shifts, movers, n);
        }
    }
    free(movers);
    return status;
}

static json_t *mean_json(const struct mean *m)
{
    json_t *out = json_pack("{s:I}", "positions", (json_int_t)m->n);
    double n = m->n ? (double)m->n : 1;

    json_object_set_new(out, "kl_bits", cli_json_real(m->kl / n));
    json_object_set_new(out, "js_bits", cli_json_real(m->js / n));
    json_object_set_new(out, "moved", cli_json_real(m->moved / n));
    json_object_set_new(out, "agreement", cli_json_real((double)m->same / n));
    return out;
}

static int print(struct shift *s, struct cli *cli, struct attune_error *err)
{
    json_t *json = NULL, *rows = cli->json && cli_has(cli, "strip") ? json_array() : NULL;
    struct mean mean = {0};
    int status = ATTUNE_OK;

    if (cli_has(cli, "strip")) {
        status = strip(s, cli, rows, &mean, err);
        if (status == ATTUNE_OK && !cli->json) {
            fprintf(cli->out,
                    "mean of %zu: KL %.4f, JS %.4f, moved %.2f%%, likeliest the same in %zu\n\n",
                    mean.n, mean.kl / (double)mean.n, mean.js / (double)mean.n,
                    100 * mean.moved / (double)mean.n, mean.same);
        }
    }
    if (status == ATTUNE_OK) {
        status = last(s, cli, cli->json ? &json : NULL, err);
    }
    if (status != ATTUNE_OK || !cli->json) {
        json_decref(rows);
        json_decref(json);
        return status;
    }
    if (rows) {
        json_object_set_new(json, "strip", rows);
        json_object_set_new(json, "mean", mean_json(&mean));
    }
    return cli_print_json(cli, json) == CLI_OK
               ? ATTUNE_OK
               : attune_error_set(err, ATTUNE_IO, 0, "standard output cannot be written");
}

static void side_done(struct side *s)
{
    attune_tokens_done(&s->tokens);
    attune_trace_done(&s->trace);
    attune_chain_free(s->chain);
    free(s->logits);
    free(s->p);
    cli_context_done(&s->source);
}

static int run(struct cli *cli)
{
    struct attune_error err = {0};
    struct shift s = {0};
    long top = DEFAULT_TOP;
    bool other = cli_has(cli, "with-chain");
    int status;

    for (int k = 0; k < N_OTHERS; k++) {
        other |= cli_has(cli, others[k].given);
    }
    if (cli_long(cli, "top", 0, INT32_MAX, &top) != CLI_OK) {
        return CLI_USAGE;
    }
    if (!other) {
        return cli_wrong(cli, "shift: against what? give --with-prompt, --with-model, "
                              "--with-ablate or --with-chain");
    }
    s.top = (size_t)top;
    status = prepare(&s, cli, &err);
    if (status == ATTUNE_OK) {
        status = print(&s, cli, &err);
    }
    side_done(&s.sides[0]);
    side_done(&s.sides[1]);
    return status == ATTUNE_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cmd_ops cmd_shift = {
    .name = "shift",
    .args = "",
    .help = "how far the next token's distribution moves with another prompt, model or knobs",
    .groups = CLI_MODEL | CLI_PROMPT | CLI_ABLATE,
    .options = options,
    .run = run,
};
