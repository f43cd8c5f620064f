/* One of a list of texts. The list is sorted, so that the texts that are still possible stand side
 * by side:
 *
 *     "maybe"  "no"  "nothing"  "yes"        text "no": first 1, end 3, of which the first is whole
 */
#include <config.h>

#include "engine/constraint.h"

#include <stdlib.h>
#include <string.h>

struct choices {
    size_t n;
    char **text; /* [n] rising */
};

enum { FIRST, END, LEN }; /* words of the state */

static void close_choices(void *opaque)
{
    struct choices *self = opaque;

    if (self) {
        for (size_t i = 0; i < self->n; i++) {
            free(self->text[i]);
        }
        free(self->text);
        free(self);
    }
}

static int rising(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The text up to the next comma, its escapes taken off; returns how much of list it took. */
static size_t take(char *out, const char *list)
{
    size_t i = 0;

    for (; list[i] && list[i] != ','; i++) {
        i += list[i] == '\\' && (list[i + 1] == ',' || list[i + 1] == '\\');
        *out++ = list[i];
    }
    *out = '\0';
    return i;
}

static void remove_doubles(struct choices *self)
{
    size_t n = 0;

    for (size_t i = 0; i < self->n; i++) {
        if (n > 0 && strcmp(self->text[n - 1], self->text[i]) == 0) {
            free(self->text[i]);
        } else {
            self->text[n++] = self->text[i];
        }
    }
    self->n = n;
}

static int open(void **out, const char *value, struct attune_error *err)
{
    struct choices *self = calloc(1, sizeof *self);
    size_t most = 1;

    for (const char *c = value; *c; c++) {
        most += *c == ',';
    }
    if (self) {
        self->text = calloc(most, sizeof *self->text);
    }
    for (size_t at = 0; self && self->text; at++) {
        char *text = malloc(strlen(value + at) + 1);
        size_t len = text ? take(text, value + at) : 0;

        if (!text) {
            break;
        }
        self->text[self->n++] = text;
        if (!*text) {
            close_choices(self);
            return attune_error_set(err, ATTUNE_ARGUMENT, at,
                                    "choices: a text at byte %zu is empty; they are separated by "
                                    "commas, such as yes,no",
                                    at);
        }
        at += len;
        if (!value[at]) {
            qsort(self->text, self->n, sizeof *self->text, rising);
            remove_doubles(self);
            *out = self;
            return ATTUNE_OK;
        }
    }
    close_choices(self);
    return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory for a list of choices");
}

static void start(const void *self, struct constraint_state *state)
{
    state->word[FIRST] = 0;
    state->word[END] = ((const struct choices *)self)->n;
    state->word[LEN] = 0;
}

/* A text that ended before has its NUL here, which is lower than any byte of another. */
static bool step(const void *self, struct constraint_state *state, uint8_t byte)
{
    const struct choices *c = self;
    size_t len = state->word[LEN]++, first = state->word[FIRST], end = state->word[END];

    while (first < end && (uint8_t)c->text[first][len] < byte) {
        first++;
    }
    while (end > first && (uint8_t)c->text[end - 1][len] > byte) {
        end--;
    }
    state->word[FIRST] = first;
    state->word[END] = end;
    return byte != 0 && first < end;
}

static bool complete(const void *self, const struct constraint_state *state)
{
    const struct choices *c = self;

    return state->word[FIRST] < state->word[END] &&
           c->text[state->word[FIRST]][state->word[LEN]] == '\0';
}

const struct constraint_ops constraint_choices = {
    .name = "choices",
    .value = "A,B,...",
    .help = "one of these texts",
    .open = open,
    .close = close_choices,
    .start = start,
    .step = step,
    .complete = complete,
};
