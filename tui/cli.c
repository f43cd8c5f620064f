/* The command line: option tables, the verbs' table, and what all verbs share. */
#include <config.h>

#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CMD(name) extern const struct cmd_ops cmd_##name;
#include "tui/tables.inc"
#undef CMD

static const struct cmd_ops *const commands[] = {
#define CMD(name) &cmd_##name,
#include "tui/tables.inc"
#undef CMD
    NULL,
};

static const struct cli_option common_options[] = {
    {"json", 0, NULL, "print one JSON document"},
    {"help", 'h', NULL, "say what the verb takes"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option model_options[] = {
    {"model", 'm', "PATH|NAME", "bundled name, GGUF file or Hugging Face directory"},
    {"threads", 't', "N", "threads to compute with"},
    {"context", 'c', "N", "positions to hold"},
    {"fast", 0, NULL, "BLAS for long prompts: close, not bit for bit equal"},
    {"kv-type", 0, "TYPE", "what keys and values are kept in: f32, f16 or q8_0"},
    {"activations", 0, "KIND", "what meets quantised weights: q8 (rounded), f32; auto"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option prompt_options[] = {
    {"prompt", 'p', "TEXT", "the prompt"},
    {"file", 'f', "FILE", "the prompt from a file, - is standard input"},
    {"ids", 0, "1,2,3", "token ids as they are, nothing added"},
    {"type-ids", 0, "0,1", "segment of each token"},
    {"mask", 0, "1,0", "0 for padding"},
    {"decoder-ids", 0, "1,2,3", "the decoder's side of an encoder-decoder"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option sampling_options[] = {
    {"order", 0, "LIST", "hf, llama.cpp, ollama, vllm, or stages separated by commas"},
    {"preset", 0, "NAME",
     "order and default values of hf, llama.cpp, ollama or vllm; flags go over it"},
    {"logit-bias", 0, "ID=B[,...]", "added to the logit of a token"},
    {"greedy", 0, NULL, "the same as --temperature 0"},
    {"choices", 0, "A,B,...", "what is generated is one of these texts"},
    {"regex", 0, "PATTERN", "what is generated matches this pattern as a whole (PCRE2)"},
    {"grammar", 0, "json",
     "what is generated is a JSON value; none: anything (a fork's own again)"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option generate_options[] = {
    {"max-tokens", 'n', "N", "new tokens at most (128)"},
    {"seed", 0, "N", "the draw of step i depends on (seed, i) alone"},
    {"stop", 0, "TEXT", "end before this text; may be repeated"},
    {"ignore-eos", 0, NULL, "go on past the end token"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option db_options[] = {
    {"db", 0, "FILE", "the database"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option ablate_options[] = {
    {"ablate", 0, "2.1,3.*:mean", "heads (2.1), blocks (3.mlp) or layers (4) that say nothing, or their mean"},
    {NULL, 0, NULL, NULL},
};
static const struct cli_option output_options[] = {
    {"output", 'o', "FILE", "write to this file"},
    {NULL, 0, NULL, NULL},
};

/* The tables a verb takes, in the order of its help. */
static const struct cli_option *option_table(const struct cmd_ops *cmd, size_t i)
{
    static const struct {
        unsigned group;
        const struct cli_option *options;
    } shared[] = {
        {CLI_MODEL, model_options},
        {CLI_PROMPT, prompt_options},
        {CLI_SAMPLING, sampling_options},
        {CLI_GENERATE, generate_options},
        {CLI_DB, db_options},
        {CLI_ABLATE, ablate_options},
        {CLI_OUTPUT, output_options},
        {0, common_options},
    };
    static const struct cli_option none[] = {{NULL, 0, NULL, NULL}};

    if (i == 0) {
        return cmd->options ? cmd->options : none;
    }
    i--;
    if (i >= sizeof shared / sizeof *shared) {
        return NULL;
    }
    return shared[i].group == 0 || (cmd->groups & shared[i].group) ? shared[i].options : none;
}

/* The knobs of the chain as options, --top-p for top_p. Static storage: the list never changes. */
static const struct cli_option *knob_options(void)
{
    static struct cli_option table[64];
    static char names[63][32];

    if (!table[0].name) {
        for (size_t i = 0; i < attune_param_count() && i < 63; i++) {
            const struct attune_param *p = attune_param_at(i);

            snprintf(names[i], sizeof names[i], "%s", p->name);
            for (char *c = names[i]; *c; c++) {
                *c = *c == '_' ? '-' : *c;
            }
            table[i] = (struct cli_option){names[i], 0, "X", p->help};
        }
    }
    return table;
}

static const struct cli_option *find_option(const struct cmd_ops *cmd, const char *name, size_t len,
                                            char letter)
{
    const struct cli_option *table;

    for (size_t i = 0; (table = option_table(cmd, i)); i++) {
        for (const struct cli_option *o = table; o->name; o++) {
            if (letter ? o->letter == letter
                       : strlen(o->name) == len && strncmp(o->name, name, len) == 0) {
                return o;
            }
        }
    }
    if (!letter && (cmd->groups & CLI_SAMPLING)) {
        for (const struct cli_option *o = knob_options(); o->name; o++) {
            if (strlen(o->name) == len && strncmp(o->name, name, len) == 0) {
                return o;
            }
        }
    }
    return NULL;
}

size_t cmd_count(void)
{
    return sizeof commands / sizeof *commands - 1;
}

const struct cmd_ops *cmd_at(size_t i)
{
    return commands[i];
}

const struct cmd_ops *cmd_find(const char *name)
{
    for (size_t i = 0; i < cmd_count(); i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static int add_given(struct cli *cli, const struct cli_option *option, const char *value)
{
    struct cli_given *more = realloc(cli->given, (cli->n_given + 1) * sizeof *more);

    if (!more) {
        return cli_fail(cli, &(struct attune_error){ATTUNE_MEMORY, 0, "out of memory"});
    }
    cli->given = more;
    more[cli->n_given++] = (struct cli_given){option, value};
    return CLI_OK;
}

/* One option at argv[*i]; moves *i over its value. */
static int parse_option(struct cli *cli, int argc, char **argv, int *i)
{
    const char *arg = argv[*i];
    bool is_long = arg[1] == '-';
    const char *name = arg + 1 + is_long, *equals = is_long ? strchr(name, '=') : NULL;
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct cli_option *o = find_option(cli->cmd, name, len, is_long ? 0 : name[0]);
    const char *value = equals ? equals + 1 : !is_long && name[1] ? name + 1 : NULL;

    if (!o) {
        return cli_wrong(cli, "%s: no option %s (see attune %s --help)", cli->cmd->name, arg,
                         cli->cmd->name);
    }
    if (!o->value && value) {
        return cli_wrong(cli, "%s: option --%s takes no value", cli->cmd->name, o->name);
    }
    if (o->value && !value) {
        if (*i + 1 >= argc) {
            return cli_wrong(cli, "%s: option --%s wants %s", cli->cmd->name, o->name, o->value);
        }
        value = argv[++*i];
    }
    return add_given(cli, o, value);
}

int cli_init(struct cli *cli, const struct cmd_ops *cmd, int argc, char **argv, FILE *out,
             FILE *err)
{
    bool options = true;

    memset(cli, 0, sizeof *cli);
    cli->cmd = cmd;
    cli->out = out;
    cli->err = err;
    cli->args = calloc((size_t)argc + 1, sizeof *cli->args);
    if (!cli->args) {
        return cli_fail(cli, &(struct attune_error){ATTUNE_MEMORY, 0, "out of memory"});
    }
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1] &&
                   (argv[i][1] == '-' || !(cmd->groups & CLI_DASHED))) {
            int status = parse_option(cli, argc, argv, &i);

            if (status) {
                return status;
            }
        } else {
            cli->args[cli->n_args++] = argv[i];
        }
    }
    cli->json = cli_has(cli, "json");
    if (cli_has(cli, "help")) {
        return CLI_OK;
    }
    if (cli->n_args < cmd->min_args || (cmd->max_args >= 0 && cli->n_args > cmd->max_args)) {
        return cli_wrong(cli, "usage: attune %s %s", cmd->name, cmd->args);
    }
    return CLI_OK;
}

void cli_done(struct cli *cli)
{
    free(cli->given);
    free(cli->args);
    memset(cli, 0, sizeof *cli);
}

int cli_run(const struct cmd_ops *cmd, int argc, char **argv, FILE *out, FILE *err)
{
    struct cli cli;
    int status = cli_init(&cli, cmd, argc, argv, out, err);

    if (status == CLI_OK && cli_has(&cli, "help")) {
        cli_help(cmd, out);
    } else if (status == CLI_OK) {
        status = cli_interruptible(&cli, cmd->run);
    }
    if (fflush(out) != 0 && status == CLI_OK) {
        cli_note(&cli, "standard output: %s", strerror(errno));
        status = CLI_FAILED;
    }
    cli_done(&cli);
    return status;
}

static void help_table(const struct cli_option *table, FILE *out)
{
    for (const struct cli_option *o = table; o->name; o++) {
        char left[64];

        snprintf(left, sizeof left, "%c%c%s --%s %s", o->letter ? '-' : ' ',
                 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name,
                 o->value ? o->value : "");
        fprintf(out, "  %-30s %s\n", left, o->help);
    }
}

void cli_help(const struct cmd_ops *cmd, FILE *out)
{
    const struct cli_option *table;

    fprintf(out, "usage: attune %s %s\n%s\n\n", cmd->name, cmd->args, cmd->help);
    for (size_t i = 0; (table = option_table(cmd, i)); i++) {
        help_table(table, out);
        if (table == sampling_options) {
            help_table(knob_options(), out);
        }
    }
}

const char *cli_value_at(const struct cli *cli, const char *name, size_t i)
{
    for (size_t k = 0; k < cli->n_given; k++) {
        if (strcmp(cli->given[k].option->name, name) == 0 && i-- == 0) {
            return cli->given[k].value ? cli->given[k].value : "";
        }
    }
    return NULL;
}

size_t cli_count(const struct cli *cli, const char *name)
{
    size_t n = 0;

    while (cli_value_at(cli, name, n)) {
        n++;
    }
    return n;
}

bool cli_has(const struct cli *cli, const char *name)
{
    return cli_count(cli, name) > 0;
}

const char *cli_value(const struct cli *cli, const char *name)
{
    size_t n = cli_count(cli, name);

    return n ? cli_value_at(cli, name, n - 1) : NULL;
}

int cli_long(struct cli *cli, const char *name, long min, long max, long *out)
{
    const char *text = cli_value(cli, name);
    char *end;
    long x;

    if (!text) {
        return CLI_OK;
    }
    errno = 0;
    x = strtol(text, &end, 10);
    if (errno || end == text || *end || x < min || x > max) {
        return cli_wrong(cli, "--%s %s: wants a whole number from %ld to %ld", name, text, min,
                         max);
    }
    *out = x;
    return CLI_OK;
}

int cli_double(struct cli *cli, const char *name, double min, double max, double *out)
{
    const char *text = cli_value(cli, name);
    char *end;
    double x;

    if (!text) {
        return CLI_OK;
    }
    errno = 0;
    x = strtod(text, &end);
    if (end == text || *end || !(x >= min && x <= max)) {
        return cli_wrong(cli, "--%s %s: wants a number from %g to %g", name, text, min, max);
    }
    *out = x;
    return CLI_OK;
}

__attribute__((format(printf, 2, 0))) static void say(struct cli *cli, const char *format,
                                                      va_list args)
{
    char raw[1024];
    struct attune_error shown;

    vsnprintf(raw, sizeof raw, format, args);
    attune_error_set(&shown, 0, 0, "%s", raw);
    fprintf(cli->err, "attune: %s\n", shown.text);
}

int cli_fail(struct cli *cli, const struct attune_error *err)
{
    fprintf(cli->err, "attune: %s\n", err->text[0] ? err->text : attune_status_text(err->status));
    return err->status == ATTUNE_CANCELLED ? CLI_INTERRUPTED : CLI_FAILED;
}

int cli_wrong(struct cli *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(cli, format, args);
    va_end(args);
    return CLI_USAGE;
}

void cli_note(struct cli *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(cli, format, args);
    va_end(args);
}

int cli_parse_ids(attune_token **out, size_t *n, const char *list, struct attune_error *err)
{
    size_t capacity = strlen(list) / 2 + 1;
    const char *at = list;

    *n = 0;
    *out = calloc(capacity, sizeof **out);
    if (!*out) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    while (*at) {
        char *end;
        long id = strtol(at, &end, 10);

        if (end == at || id < 0 || id > INT32_MAX || (*end && *end != ',') ||
            (*end == ',' && !end[1])) {
            free(*out);
            *out = NULL;
            return attune_error_set(err, ATTUNE_ARGUMENT, (uint64_t)(at - list),
                                    "ids: wants whole numbers separated by commas, not '%.20s'",
                                    at);
        }
        (*out)[(*n)++] = (attune_token)id;
        at = *end ? end + 1 : end;
    }
    return ATTUNE_OK;
}

/* What is read whole into memory: past this a file is not what was meant. */
#define MAX_FILE ((size_t)1 << 30)

int cli_read_file(char **out, size_t *len, const char *path, struct attune_error *err)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    char *text = NULL;
    struct stat st;
    size_t n = 0, capacity = 0, got = 0;
    bool too_large;

    *out = NULL;
    *len = 0;
    if (!f) {
        return attune_error_set(err, ATTUNE_IO, 0, "%s: %s", path, strerror(errno));
    }
    too_large = fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size > MAX_FILE;
    while (!too_large) {
        if (capacity - n < 2) {
            char *more = realloc(text, capacity = capacity ? capacity * 2 : 4096);

            if (!more) {
                free(text);
                text = NULL;
                break;
            }
            text = more;
        }
        got = fread(text + n, 1, capacity - n - 1, f);
        n += got;
        too_large = n > MAX_FILE;
        if (got == 0) {
            break;
        }
    }
    if (too_large) {
        attune_error_set(err, ATTUNE_FULL, MAX_FILE, "%s: more than %zu bytes are not read", path,
                         MAX_FILE);
        free(text);
        text = NULL;
    } else if (!text || ferror(f)) {
        attune_error_set(err, text ? ATTUNE_IO : ATTUNE_MEMORY, n, "%s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    } else {
        text[n] = '\0';
    }
    if (f != stdin) {
        fclose(f);
    }
    *out = text;
    *len = n;
    return text ? ATTUNE_OK : too_large ? ATTUNE_FULL : err ? err->status : ATTUNE_IO;
}

json_t *cli_json_real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

/* Length of the UTF-8 character at s, 0 if the bytes there are none. */
static size_t utf8_length(const char *s, size_t len)
{
    json_t *probe;

    for (size_t n = 1; n <= 4 && n <= len; n++) {
        probe = json_stringn(s, n);
        if (probe) {
            json_decref(probe);
            return n;
        }
    }
    return 0;
}

json_t *cli_json_text(const char *bytes, size_t len)
{
    json_t *whole = json_stringn(bytes, len);
    char *fixed;
    size_t n = 0;

    if (whole) {
        return whole;
    }
    fixed = malloc(len * 3 + 1);
    if (!fixed) {
        return NULL;
    }
    for (size_t i = 0; i < len;) {
        size_t k = utf8_length(bytes + i, len - i);

        memcpy(fixed + n, k ? bytes + i : "\xef\xbf\xbd", k ? k : 3);
        n += k ? k : 3;
        i += k ? k : 1;
    }
    whole = json_stringn(fixed, n);
    free(fixed);
    return whole;
}

int cli_print_json(struct cli *cli, json_t *value)
{
    int failed = !value || json_dumpf(value, cli->out,
                                      JSON_COMPACT | JSON_REAL_PRECISION(9) | JSON_ENCODE_ANY) != 0;

    json_decref(value);
    fputc('\n', cli->out);
    if (failed) {
        cli_note(cli, "the answer cannot be written as JSON");
    }
    return failed ? CLI_FAILED : CLI_OK;
}

void cli_print_text(struct cli *cli, const char *bytes, size_t len)
{
    bool tty = isatty(fileno(cli->out));

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (tty && ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ||
                    (c == 0xc2 && i + 1 < len && (unsigned char)bytes[i + 1] < 0xa0))) {
            fprintf(cli->out, "\\x%02X", c);
            if (c == 0xc2) {
                fprintf(cli->out, "\\x%02X", (unsigned char)bytes[++i]);
            }
        } else {
            fputc(c, cli->out);
        }
    }
}
