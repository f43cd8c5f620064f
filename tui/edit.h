/* A text being edited: bytes, a cursor, undo. Knows no screen; drawing asks it for lines.
 * Text is UTF-8 but any byte is kept; motion is by grapheme. Positions are byte offsets. */
#ifndef ATTUNE_TUI_EDIT_H
#define ATTUNE_TUI_EDIT_H

#include <stdbool.h>
#include <stddef.h>

struct edit;

struct edit *edit_new(const char *text, size_t len); /* NULL: out of memory */
void edit_free(struct edit *e);
const char *edit_text(const struct edit *e); /* NUL-terminated, borrowed until the next change */
size_t edit_length(const struct edit *e);
size_t edit_cursor(const struct edit *e);
void edit_place(struct edit *e, size_t at);
void edit_set(struct edit *e, const char *text, size_t len); /* one undo step */

bool edit_insert(struct edit *e, const char *text,
                 size_t len); /* typed text joins into one undo step a word */
bool edit_paste(struct edit *e, const char *text, size_t len); /* always its own undo step */
bool edit_delete(struct edit *e, size_t from, size_t to);
bool edit_undo(struct edit *e);
bool edit_redo(struct edit *e);
size_t edit_steps(const struct edit *e); /* that edit_undo could take back now */

enum edit_motion {
    EDIT_LEFT,
    EDIT_RIGHT,
    EDIT_WORD_LEFT,
    EDIT_WORD_RIGHT,
    EDIT_LINE_START,
    EDIT_LINE_END,
    EDIT_UP,
    EDIT_DOWN,
    EDIT_START,
    EDIT_END,
    EDIT_MOTION_COUNT
};
size_t edit_target(const struct edit *e,
                   enum edit_motion motion); /* where it leads from the cursor */

/* Soft-wrapped lines for a width: line i covers bytes start..end (end without its line break). */
struct edit_line {
    size_t start, end;
    bool hard; /* ends with a line break */
};
size_t edit_wrap(const char *text, size_t len, int columns, struct edit_line *out, size_t capacity);

#endif
