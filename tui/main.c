/* attune: a verb, or the screen. */
#include <config.h>

#include "cli.h"

#include <attune/library.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "term.h"

static int list_verbs(FILE *out)
{
    fprintf(out,
            "attune %s: a terminal workbench for prompts\n\n"
            "usage: attune [OPTIONS] [MODEL]  opens the workbench\n"
            "       attune VERB [OPTIONS]     see attune VERB --help\n\n"
            "  -m, --model PATH|NAME    bundled name, GGUF file or Hugging Face directory\n"
            "  -t, --threads N          threads to compute with\n"
            "  -c, --context N          positions to hold\n"
            "  --activations KIND       what meets quantised weights: q8 (rounded), f32; auto\n"
            "  --kv-type TYPE           what keys and values are kept in: f32, f16 or q8_0\n"
            "  --db FILE                where runs are kept\n"
            "  --log FILE               where messages go while the screen is up\n"
            "  --colour WHICH           auto, mono, 8, 256 or direct\n"
            "  --ascii                  draw with ASCII characters only\n"
            "  --version                version and what computes\n\n",
            PACKAGE_VERSION);
    for (size_t i = 0; i < cmd_count(); i++) {
        fprintf(out, "  %-12s %s\n", cmd_at(i)->name, cmd_at(i)->help);
    }
    return CLI_OK;
}

static int wrong(const char *what, const char *why)
{
    fprintf(stderr, "attune: %s: %s (attune --help lists what there is)\n", what, why);
    return CLI_USAGE;
}

/* Curses and readline speak UTF-8 or nothing; only characters follow the locale, numbers stay as
 * they are. */
static void set_locale(void)
{
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX < 4) {
        setlocale(LC_CTYPE, "C.UTF-8");
    }
}

struct screen_options {
    struct app_options app;
    const char *model, *threads, *context, *activations, *kv_type, *colour;
};

/* The value of an option that stands at argv[*i]: after = or as the next argument. NULL: it is
 * another option. */
static const char *value_of(int argc, char **argv, int *i, const char *name, char letter)
{
    const char *arg = argv[*i];
    size_t len = strlen(name);

    if (strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, name, len) == 0 && arg[2 + len] == '=') {
        return arg + 3 + len;
    }
    if (letter && arg[0] == '-' && arg[1] == letter && arg[2]) {
        return arg + 2;
    }
    if ((strncmp(arg, "--", 2) == 0 && strcmp(arg + 2, name) == 0) ||
        (letter && arg[0] == '-' && arg[1] == letter && !arg[2])) {
        return *i + 1 < argc ? argv[++*i] : "";
    }
    return NULL;
}

static int read_options(struct screen_options *o, int argc, char **argv)
{
    const struct {
        const char *name;
        char letter;
        const char **value;
    } table[] = {
        {"model", 'm', &o->model},     {"threads", 't', &o->threads},
        {"context", 'c', &o->context}, {"activations", 0, &o->activations},
        {"db", 0, &o->app.db},         {"log", 0, &o->app.log},
        {"colour", 0, &o->colour},     {"color", 0, &o->colour},
        {"model", 'm', &o->model}, {"threads", 't', &o->threads}, {"context", 'c', &o->context},
        {"db", 0, &o->app.db},     {"log", 0, &o->app.log},       {"colour", 0, &o->colour},
        {"kv-type", 0, &o->kv_type},
        {"color", 0, &o->colour},
    };

    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *value = NULL;

        for (size_t k = 0; k < sizeof table / sizeof *table && !value; k++) {
            value = value_of(argc, argv, &i, table[k].name, table[k].letter);
            if (value && !value[0]) {
                return wrong(arg, "wants a value");
            }
            if (value) {
                *table[k].value = value;
            }
        }
        if (value) {
            continue;
        }
        if (strcmp(arg, "--ascii") == 0) {
            o->app.ascii = true;
        } else if (arg[0] == '-' && arg[1]) {
            return wrong(arg, "no such option");
        } else if (o->model) {
            return wrong(arg, "one model at a time");
        } else {
            o->model = arg;
        }
    }
    return CLI_OK;
}

static int read_number(int *out, const char *name, const char *text, long most)
{
    char *end;
    long n = text ? strtol(text, &end, 10) : 0;

    if (text && (end == text || *end || n < 1 || n > most)) {
        return wrong(name, "wants a whole number from 1 on");
    }
    *out = (int)n;
    return CLI_OK;
}

static int read_colour(int *out, const char *text)
{
    static const char *const names[] = {"mono", "8", "256", "direct"};

    *out = -1;
    for (int i = 0; text && i < TIER_COUNT; i++) {
        if (strcmp(names[i], text) == 0) {
            *out = i;
        }
    }
    return text && *out < 0 && strcmp(text, "auto") != 0
               ? wrong("--colour", "auto, mono, 8, 256 or direct")
               : CLI_OK;
}

static int open_workbench(int argc, char **argv)
{
    struct screen_options o = {{0}};
    struct attune_error err;
    char *model = NULL, *db = NULL;
    const char *name;
    int status = read_options(&o, argc, argv);

    if (status == CLI_OK) {
        status = read_number(&o.app.threads, "--threads", o.threads, 1024);
    }
    if (status == CLI_OK) {
        status = read_number(&o.app.context, "--context", o.context, 1 << 24);
    }
    if (status == CLI_OK && o.activations &&
        attune_activations_parse(&o.app.activations, o.activations, &err) != ATTUNE_OK) {
        status = wrong("--activations", "auto, f32 or q8");
    }
    if (status == CLI_OK && o.kv_type &&
        attune_kv_type_parse(&o.app.kv_type, o.kv_type, &err) != ATTUNE_OK) {
        status = wrong("--kv-type", err.text);
    }
    if (status == CLI_OK) {
        status = read_colour(&o.app.colour, o.colour);
    }
    if (status != CLI_OK) {
        return status;
    }
    name = o.model ? o.model : getenv("ATTUNE_MODEL");
    if (!name || !name[0]) {
        name = "tiny-decoder";
        o.app.example = "start"; /* written for this model */
    }
    if (term_check(&err) != ATTUNE_OK ||
        attune_library_find(&model, "models", name, &err) != ATTUNE_OK ||
        (!o.app.db && attune_library_db_path(&db, &err) != ATTUNE_OK)) {
        fprintf(stderr, "attune: %s\n", err.text);
        free(model);
        return CLI_FAILED;
    }
    o.app.model = model;
    o.app.db = o.app.db ? o.app.db : db;
    status = app_run(&o.app, stderr);
    free(model);
    free(db);
    return status;
}

int main(int argc, char **argv)
{
    const struct cmd_ops *cmd = argc > 1 ? cmd_find(argv[1]) : NULL;

    set_locale();
    if (cmd) {
        return cli_run(cmd, argc - 1, argv + 1, stdout, stderr);
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("attune %s\n%s\n", PACKAGE_VERSION, attune_engine_fingerprint());
        return CLI_OK;
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                     strcmp(argv[1], "help") == 0)) {
        return list_verbs(stdout);
    }
    return open_workbench(argc, argv);
}
