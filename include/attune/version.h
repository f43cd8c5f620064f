/* Saved prompts and their versions, and texts compared.
 *
 * A saved prompt is one file of the user's folder, prompts/examples/NAME.json: the newest version as any
 * prompt, and the ones before it under "versions". So it is found by name like those that ship, can be
 * handed on with its history, and NAME@2 is its second version. */
#ifndef ATTUNE_VERSION_H
#define ATTUNE_VERSION_H

#include <attune/prompt.h>
#include <attune/tokenizer.h>

struct attune_version {
    int number;  /* from 1 */
    char *saved; /* when: "2026-11-21T04:30:00Z", or "" */
    char *note;
    struct attune_prompt prompt;
};

/* Adds a version, unless the newest says the same: *number is its number either way, *added whether it is
 * new. What others save meanwhile is kept. The prompt records name and number (attune_prompt_note, "saved"). */
int attune_prompt_save(int *number, bool *added, struct attune_prompt *prompt, const char *name,
                       const char *note, struct attune_error *err);
/* All versions of NAME (or of a path), oldest first; freed by the caller. One that never was saved is a
 * single version. */
int attune_prompt_versions(struct attune_version **out, size_t *n, const char *name,
                           struct attune_error *err);
void attune_prompt_versions_free(struct attune_version *versions, size_t n);

/* ---- texts compared */
enum attune_change { ATTUNE_CHANGE_SAME, ATTUNE_CHANGE_REMOVED, ATTUNE_CHANGE_ADDED };
/* In order, without gaps on either side: REMOVED covers a alone, ADDED b alone. */
struct attune_text_change {
    enum attune_change change;
    size_t a, a_end; /* bytes of a, or tokens */
    size_t b, b_end;
};
/* By words: runs of letters and digits, runs of white space, and everything else by itself. The fewest
 * words change (Myers, "An O(ND) difference algorithm and its variations", 1986), up to some thousands of
 * changes; what differs more is replaced as a whole between its common ends. *out: free(). */
int attune_diff_words(struct attune_text_change **out, size_t *n, const char *a, size_t a_len,
                      const char *b, size_t b_len, struct attune_error *err);
/* By token ids; a, a_end, b, b_end count tokens. */
int attune_diff_tokens(struct attune_text_change **out, size_t *n, const attune_token *a, size_t n_a,
                       const attune_token *b, size_t n_b, struct attune_error *err);

#endif
