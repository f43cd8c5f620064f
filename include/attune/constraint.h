/* Constrained decoding: which tokens may come next if the text is to become one of a given form.
 *
 *     choices:yes,no,not sure    one of these texts (\, is a comma, \\ a backslash)
 *     regex:[0-9]{4}-[0-9]{2}    a text that the pattern matches as a whole (PCRE2)
 *     json                       any JSON value (RFC 8259)
 *     prefix:The qui             begins with this text, whatever follows
 *
 * A constraint follows the generated text token by token and answers with a mask over the vocabulary. A
 * token is allowed if the text so far and its bytes are, or can still become, such a text; the end tokens
 * are allowed where the text is one. The mask enters the chain as its stage `constraint`
 * (attune_chain_constrain says which, attune_trace.allowed brings the mask), so that the trace shows whom
 * it removed. A generation does all this by itself.
 *
 * A constraint belongs to whoever made it, one thread at a time; it borrows the model. */
#ifndef ATTUNE_CONSTRAINT_H
#define ATTUNE_CONSTRAINT_H

#include <attune/model.h>

struct attune_constraint;

size_t attune_constraint_count(void);
/* The kinds: "choices", and what one writes behind it: "yes,no" in general ("" where nothing follows). */
const char *attune_constraint_kind(size_t i, const char **value, const char **help);

/* Whether the text is a constraint at all. ATTUNE_ARGUMENT says what is wrong with it, err->where the
 * byte. */
int attune_constraint_check(const char *spec, struct attune_error *err);

/* begins: nothing stands before the text, as with an encoder-decoder: its first word has no space. */
int attune_constraint_new(struct attune_constraint **out, const char *spec, const struct attune_model *model,
                          bool begins, struct attune_error *err);
void attune_constraint_free(struct attune_constraint *c);

/* Back to the empty text. */
void attune_constraint_reset(struct attune_constraint *c);
/* The text goes on with this token, allowed or not. After one that was not, nothing is. */
int attune_constraint_advance(struct attune_constraint *c, attune_token id, struct attune_error *err);

/* Which tokens may come: *out [V], 1 for those that may, borrowed until the next call; *n how many; NULL
 * where every token may. */
int attune_constraint_mask(const uint8_t **out, size_t *n, struct attune_constraint *c, struct attune_error *err);

/* The text so far is one of the wanted form. */
bool attune_constraint_complete(struct attune_constraint *c);
/* It is, and nothing could follow but an end token. */
int attune_constraint_finished(bool *out, struct attune_constraint *c, struct attune_error *err);
/* What was generated so far, NUL-terminated, borrowed. */
const char *attune_constraint_text(const struct attune_constraint *c, size_t *len);

#endif
