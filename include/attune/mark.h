/* Marks: what people write on their sessions, runs and steps to find them again. A tag is one word,
 * and a thing has any number of them; a note is a text and a bookmark a name, one each a thing.
 *
 * A step is marked in the tree, so every run that made this very step shows it. Marks go with what
 * they are on, travel in exports, and notes are searched. Strings inside rows belong to the row. */
#ifndef ATTUNE_MARK_H
#define ATTUNE_MARK_H

#include <attune/store.h>

enum attune_mark_kind {
    ATTUNE_MARK_TAG,
    ATTUNE_MARK_NOTE,
    ATTUNE_MARK_BOOKMARK,
    ATTUNE_MARK_KIND_COUNT
};
const char *attune_mark_kind_text(enum attune_mark_kind kind); /* "tag", "note", "bookmark" */

struct attune_place {
    const char *session; /* a session's name, where run is 0 */
    int64_t run;
    bool at_step; /* not the run as a whole, but its own step of this number */
    uint64_t step;
};

/* Puts a mark on (a note or bookmark that is there is replaced; a tag that is there stays) or, with
 * `on` false, takes it off: a tag by its text, a note or bookmark whatever it says (text is NULL).
 * NOT_FOUND: no such place, or nothing to take off. */
int attune_store_mark(struct attune_store *store, const struct attune_place *place,
                      enum attune_mark_kind kind, const char *text, bool on,
                      struct attune_error *err);

struct attune_mark {
    enum attune_mark_kind kind;
    char *session;
    int64_t run; /* 0: on the session itself */
    bool at_step;
    uint64_t step;
    char *text, *created;
};
/* Marks of a session and all in it, of a run and its own steps, or of a step; everything where the
 * place is zero. By session, run and step, tags first. */
int attune_store_marks(struct attune_store *store, const struct attune_place *place,
                       struct attune_mark **out, size_t *n, struct attune_error *err);
void attune_marks_free(struct attune_mark *marks, size_t n);

#endif
