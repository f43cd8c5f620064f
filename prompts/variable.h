/* Variables of a prompt, for what reads {{name}}. */
#ifndef ATTUNE_PROMPTS_VARIABLE_H
#define ATTUNE_PROMPTS_VARIABLE_H

#include <attune/prompt.h>

bool variable_is_name(const char *name, size_t len);
bool variable_is_slot(const char *name, size_t len); /* {{task}} and its like: the template's own */
const char *variable_value(const struct attune_prompt *prompt, const char *name, size_t len);

/* {{> name}} in a section of a template, replaced by the files' text: *section is freed and anew.
 * folder: where the template lies, or NULL. ATTUNE_FORMAT where fragments go in a circle. */
int fragment_expand(char **section, const char *form, const char *section_name, const char *folder,
                    struct attune_error *err);

/* The place of a byte for a person: both count from 1, columns in characters. */
struct place {
    size_t line, column;
};
struct place place_of_byte(const char *text, size_t at);

#endif
