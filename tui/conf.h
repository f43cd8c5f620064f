/* Settings: one parser for the configuration that ships (compiled in), the user's file and the :
 * line.
 *
 *   bind WHERE KEY ACTION [ARGUMENT] [# help]    WHERE: a panel, a screen or all
 *   unbind WHERE KEY
 *   screen NAME [@COLUMNS[xROWS]] LAYOUT         see layout.h
 *   set OPTION VALUE                             see options.def
 *
 * A line that is wrong is reported and left out; the others count. */
#ifndef ATTUNE_TUI_CONF_H
#define ATTUNE_TUI_CONF_H

#include <stdio.h>

#include "keymap.h"
#include "layout.h"

enum option {
#define OPTION(name, value, values, help) OPTION_##name,
#include "options.def"
#undef OPTION
    OPTION_COUNT
};

struct conf {
    struct keymap keymap;
    struct screens screens;
    char *values[OPTION_COUNT];
};

int conf_init(struct conf *conf, struct attune_error *err); /* as shipped */
void conf_done(struct conf *conf);

/* ATTUNE_NOT_FOUND: the first word is none of the above (or a screen without a layout). */
int conf_line(struct conf *conf, const char *line, struct attune_error *err);
/* Returns how many lines were wrong; each is one line "FILE:LINE: text" on problems (may be NULL).
 */
int conf_text(struct conf *conf, const char *file, const char *text, size_t len, FILE *problems);
/* A file that is not there counts as empty. */
int conf_file(struct conf *conf, const char *path, FILE *problems);

const char *conf_get(const struct conf *conf, enum option option);
long conf_number(const struct conf *conf, enum option option);
bool conf_yes(const struct conf *conf, enum option option);
const char *option_name(enum option option);
const char *option_help(enum option option);
const char *option_values(enum option option);

/* The actions of the screen itself (actions.def). */
struct action_text {
    const char *name, *arg, *help;
};
size_t action_count(void);
const struct action_text *action_at(size_t i);
const struct action_text *action_find(const char *name);

/* Splits by blanks; "..." and '...' keep them, a backslash takes the next character as it is.
 * *words and its strings are one block for free(); its last entry is NULL. */
int conf_split(char ***words, size_t *n, const char *line, struct attune_error *err);

#endif
