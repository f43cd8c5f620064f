/* Settings, read line by line. The shipped configuration is part of the program (conf.inc is
 * share/attune.conf as strings), so that a missing file costs nothing and the file that people read
 * is what runs. */
#include <config.h>

#include "conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const shipped[] = {
#include "tui/conf.inc"
};

static const struct {
    const char *name, *value, *values, *help;
} options[] = {
#define OPTION(name, value, values, help) {#name, value, values, help},
#include "options.def"
#undef OPTION
};

static const struct action_text actions[] = {
#define ACTION(name, arg, help) {#name, arg, help},
#include "actions.def"
#undef ACTION
};

size_t action_count(void)
{
    return sizeof actions / sizeof *actions;
}

const struct action_text *action_at(size_t i)
{
    return &actions[i];
}

const struct action_text *action_find(const char *name)
{
    for (size_t i = 0; i < action_count(); i++) {
        if (strcmp(actions[i].name, name) == 0) {
            return &actions[i];
        }
    }
    return NULL;
}

const char *option_name(enum option option)
{
    return options[option].name;
}

const char *option_help(enum option option)
{
    return options[option].help;
}

const char *option_values(enum option option)
{
    return options[option].values;
}

const char *conf_get(const struct conf *conf, enum option option)
{
    return conf->values[option] ? conf->values[option] : options[option].value;
}

long conf_number(const struct conf *conf, enum option option)
{
    return strtol(conf_get(conf, option), NULL, 10);
}

bool conf_yes(const struct conf *conf, enum option option)
{
    return strcmp(conf_get(conf, option), "yes") == 0;
}

/* One of "a|b|c", or a number of "1..60". */
static bool is_allowed(const char *values, const char *value)
{
    size_t len = strlen(value);
    long low, high, n;
    char *end;

    if (sscanf(values, "%ld..%ld", &low, &high) == 2) {
        n = strtol(value, &end, 10);
        return len > 0 && !*end && n >= low && n <= high;
    }
    for (const char *at = values; *at; at += strcspn(at, "|"), at += *at == '|') {
        if (strcspn(at, "|") == len && strncmp(at, value, len) == 0) {
            return true;
        }
    }
    return !values[0] && len > 0;
}

static int set_option(struct conf *conf, const char *name, const char *value,
                      struct attune_error *err)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        char *copy;

        if (strcmp(options[i].name, name) != 0) {
            continue;
        }
        if (!is_allowed(options[i].values, value)) {
            return attune_error_set(err, ATTUNE_ARGUMENT, 0, "%s: %s is not one of %s", name,
                                    value[0] ? value : "nothing", options[i].values);
        }
        copy = strdup(value);
        if (!copy) {
            return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
        }
        free(conf->values[i]);
        conf->values[i] = copy;
        return ATTUNE_OK;
    }
    return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "%s: no such option", name);
}

static char *skip_blanks(char *at)
{
    return at + strspn(at, " \t");
}

/* Cuts the next word off; *at moves behind it. */
static char *take_word(char **at)
{
    char *word = skip_blanks(*at), *end = word + strcspn(word, " \t");

    *at = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static void trim(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && strchr(" \t\r", text[len - 1])) {
        text[--len] = '\0';
    }
}

static int do_bind(struct conf *conf, char *rest, struct attune_error *err)
{
    char *where = take_word(&rest), *key = take_word(&rest), *action = take_word(&rest), *help;
    const struct action_text *known = action_find(action);

    if (!action[0]) {
        return attune_error_set(err, ATTUNE_ARGUMENT, 0,
                                "bind: wants a place, a key and an action: bind all f5 run");
    }
    rest = help = skip_blanks(rest);
    while ((help = strchr(help, '#')) && help != rest && help[-1] != ' ') {
        help++;
    }
    if (help) {
        *help = '\0';
        help = skip_blanks(help + 1);
    }
    trim(rest);
    if (!known && (!help || !help[0])) {
        return attune_error_set(
            err, ATTUNE_ARGUMENT, 0,
            "bind: %s is an action of a panel: say what it does, as in bind %s %s %s # help",
            action, where, key, action);
    }
    return keymap_bind(&conf->keymap, where, key, action, rest,
                       help && help[0] ? help : known->help, err);
}

static int do_unbind(struct conf *conf, char *rest, struct attune_error *err)
{
    char *where = take_word(&rest), *key = take_word(&rest);

    return keymap_unbind(&conf->keymap, where, key, err);
}

static int do_screen(struct conf *conf, char *rest, struct attune_error *err)
{
    char *name = take_word(&rest);
    const char *size = "";

    rest = skip_blanks(rest);
    if (rest[0] == '@') {
        size = take_word(&rest) + 1;
        rest = skip_blanks(rest);
    }
    if (!name[0] || !rest[0]) { /* without a layout it is the action of that name */
        return attune_error_set(err, ATTUNE_NOT_FOUND, 0, "screen: wants a name and a layout");
    }
    return screens_add(&conf->screens, name, size, rest, err);
}

static int do_set(struct conf *conf, char *rest, struct attune_error *err)
{
    char *name = take_word(&rest);

    return set_option(conf, name, skip_blanks(rest), err);
}

int conf_line(struct conf *conf, const char *line, struct attune_error *err)
{
    static const struct {
        const char *name;
        int (*run)(struct conf *, char *, struct attune_error *);
    } words[] = {{"bind", do_bind}, {"unbind", do_unbind}, {"screen", do_screen}, {"set", do_set}};
    char *copy = strdup(line), *rest = copy, *word;
    int status;

    if (!copy) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    trim(copy);
    word = take_word(&rest);
    status = ATTUNE_NOT_FOUND;
    if (!word[0] || word[0] == '#') {
        status = ATTUNE_OK;
    } else {
        attune_error_set(err, ATTUNE_NOT_FOUND, 0, "%s: bind, unbind, screen or set is wanted",
                         word);
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(words[i].name, word) == 0) {
            status = words[i].run(conf, rest, err);
        }
    }
    free(copy);
    return status;
}

int conf_text(struct conf *conf, const char *file, const char *text, size_t len, FILE *problems)
{
    int wrong = 0, number = 0;

    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        char *line = strndup(text + at, n);
        struct attune_error err;

        number++;
        if (!line || strlen(line) != n || conf_line(conf, line, &err) != ATTUNE_OK) {
            wrong++;
            if (problems) {
                fprintf(problems, "%s:%d: %s\n", file, number,
                        !line               ? "out of memory"
                        : strlen(line) != n ? "a NUL byte"
                                            : err.text);
            }
        }
        free(line);
        at += n + 1;
    }
    return wrong;
}

int conf_file(struct conf *conf, const char *path, FILE *problems)
{
    enum { FILE_MOST = 1 << 20 };
    FILE *f = fopen(path, "r");
    char *text;
    size_t len;
    int wrong;

    if (!f) {
        if (errno != ENOENT && problems) {
            fprintf(problems, "%s: %s\n", path, strerror(errno));
        }
        return errno != ENOENT;
    }
    text = malloc(FILE_MOST);
    len = text ? fread(text, 1, FILE_MOST, f) : 0;
    if (!text || ferror(f) || len == FILE_MOST) {
        wrong = 1;
        if (problems) {
            fprintf(problems, "%s: cannot be read, or is larger than 1 MiB\n", path);
        }
    } else {
        wrong = conf_text(conf, path, text, len, problems);
    }
    free(text);
    fclose(f);
    return wrong;
}

int conf_init(struct conf *conf, struct attune_error *err)
{
    *conf = (struct conf){0};
    for (size_t i = 0; i < sizeof shipped / sizeof *shipped; i++) {
        int status = conf_line(conf, shipped[i], err);

        if (status != ATTUNE_OK) {
            char prefix[48];

            snprintf(prefix, sizeof prefix, "attune.conf:%zu", i + 1);
            attune_error_prefix(err, prefix);
            conf_done(conf);
            return status;
        }
    }
    return ATTUNE_OK;
}

void conf_done(struct conf *conf)
{
    keymap_done(&conf->keymap);
    screens_done(&conf->screens);
    for (int i = 0; i < OPTION_COUNT; i++) {
        free(conf->values[i]);
        conf->values[i] = NULL;
    }
}

int conf_split(char ***words, size_t *n, const char *line, struct attune_error *err)
{
    /* Every word needs a blank before it: half the length bounds their number. */
    size_t len = strlen(line), most = len / 2 + 2;
    char **list = malloc(most * sizeof *list + len + 1), *out;
    char quote = 0;
    bool inside = false;

    *words = NULL;
    *n = 0;
    if (!list) {
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    out = (char *)(list + most);
    for (const char *at = line; *at; at++) {
        bool blank = !quote && (*at == ' ' || *at == '\t');

        if (!blank && !inside) {
            list[(*n)++] = out;
            inside = true;
        }
        if (blank) {
            if (inside) {
                *out++ = '\0';
            }
            inside = false;
        } else if (quote ? *at == quote : *at == '"' || *at == '\'') {
            quote = quote ? 0 : *at;
        } else if (*at == '\\' && at[1] && quote != '\'') {
            *out++ = *++at;
        } else {
            *out++ = *at;
        }
    }
    *out = '\0';
    list[*n] = NULL;
    if (quote) {
        free(list);
        *n = 0;
        return attune_error_set(err, ATTUNE_ARGUMENT, 0, "a closing %c is missing", quote);
    }
    *words = list;
    return ATTUNE_OK;
}
