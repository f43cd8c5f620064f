/* Where things are: models, templates, shots and examples. First the user's folder
 * ($XDG_DATA_HOME/attune), then what ships (share/): $ATTUNE_DATADIR; the folder named in the file
 * attune.datapath beside the executable (an uninstalled build); ../share/attune from the executable;
 * the folder configured at build time. Strings are freed by the caller with free(). */
#ifndef ATTUNE_LIBRARY_H
#define ATTUNE_LIBRARY_H

#include <attune/error.h>
#include <stdbool.h>
#include <stddef.h>

/* The shipped folder; NULL if there is none. */
char *attune_library_datadir(void);
/* kind "models", "prompts/templates", "prompts/shots", "prompts/examples"; name with or without suffix.
 * A name with a slash, or one that exists as given, is a path already. */
int attune_library_find(char **out, const char *kind, const char *name, struct attune_error *err);

struct attune_library_entry {
    char *name;
    char *path;
};
/* Everything of a kind, sorted by name, the user's before the shipped of the same name. */
int attune_library_list(struct attune_library_entry **out, size_t *n, const char *kind, struct attune_error *err);
void attune_library_list_free(struct attune_library_entry *list, size_t n);

/* Prompts, templates and pools of shots to look through: those that hold all of the words (in any case,
 * accents aside) in kind, name, purpose or text; NULL or "": all. */
struct attune_library_item {
    const char *kind; /* "prompt", "template", "shots"; static */
    char *name, *path;
    char *use;    /* what a prompt is for: "summarise", "translate", ...; "" */
    char *about;  /* one line; of a broken file what is wrong with it */
    char *text;   /* a prompt as sent, a template's file, a pool's rows a line each */
    size_t shots; /* of a prompt; rows of a pool */
    bool broken;
};
int attune_library_browse(struct attune_library_item **out, size_t *n, const char *words,
                          struct attune_error *err);
void attune_library_items_free(struct attune_library_item *items, size_t n);

/* The user's own folder of a kind, made where it is not there yet. */
int attune_library_user_folder(char **out, const char *kind, struct attune_error *err);

/* Path of the database: $ATTUNE_DB, else $XDG_DATA_HOME/attune/attune.db, else ~/.local/share/...;
 * folders are made. Same for the configuration file (never made). */
int attune_library_db_path(char **out, struct attune_error *err);
char *attune_library_config_path(void);

#endif
