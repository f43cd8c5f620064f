/* Any JSON value (RFC 8259), read byte by byte: a phase, and for every open bracket one bit that
 * says which it is.
 *
 *     {"a": [1, tr        phase LITERAL, open: object, array        next: u
 *
 * Two things are narrower than the grammar: at most MOST_SPACES blanks stand in a row and none
 * behind the value, so that a text comes to an end; and a \u that is half of a pair wants its other
 * half. */
#include <config.h>

#include "engine/constraint.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SPACES = 16, MOST_OPEN = 256 };

enum phase {
    VALUE,        /* a value begins */
    ARRAY_FIRST,  /* or the array ends */
    OBJECT_FIRST, /* a key begins, or the object ends */
    KEY,
    COLON,
    AFTER, /* a value ended */
    STRING,
    ESCAPE,
    HEX,
    HALF,        /* of a pair: its other half begins with a backslash */
    HALF_ESCAPE, /* and u */
    LITERAL,
    MINUS,
    ZERO,
    DIGITS,
    POINT,
    FRACTION,
    EXPONENT,
    EXPONENT_SIGN,
    EXPONENT_DIGITS,
};

struct state {
    uint8_t phase, spaces, is_key, left; /* left: bytes of a character, or digits of a HEX */
    uint8_t low, high;                   /* what the next byte of a character may be */
    uint8_t literal, at;                 /* which word, and the place in it */
    uint16_t code, n_open;
    uint8_t second_half; /* of a pair is what a HEX reads */
    uint8_t is_object[MOST_OPEN / 8];
};
_Static_assert(sizeof(struct state) <= sizeof(struct constraint_state), "a state fits");

static const char *const literals[] = {"true", "false", "null"};

static void start(const void *self, struct constraint_state *out)
{
    memset(out, 0, sizeof *out);
}

static int open(void **out, const char *value, struct attune_error *err)
{
    *out = NULL;
    return *value ? attune_error_set(err, ATTUNE_ARGUMENT, 0, "json: nothing follows it")
                  : ATTUNE_OK;
}

static void close_json(void *self)
{
}

static bool open_bracket(struct state *s, bool is_object)
{
    unsigned bit = s->n_open % 8;

    if (s->n_open == MOST_OPEN) {
        return false;
    }
    s->is_object[s->n_open / 8] =
        (uint8_t)((s->is_object[s->n_open / 8] & ~(1u << bit)) | (unsigned)is_object << bit);
    s->n_open++;
    s->phase = is_object ? OBJECT_FIRST : ARRAY_FIRST;
    return true;
}

static bool in_object(const struct state *s)
{
    return s->n_open > 0 && (s->is_object[(s->n_open - 1) / 8] >> (s->n_open - 1) % 8 & 1);
}

static bool close_bracket(struct state *s, uint8_t byte)
{
    if (s->n_open == 0 || in_object(s) != (byte == '}')) {
        return false;
    }
    s->n_open--;
    /* the bits of what is closed are cleared, so that equal places have equal states */
    s->is_object[s->n_open / 8] &= (uint8_t) ~(1u << s->n_open % 8);
    s->phase = AFTER;
    return true;
}

static bool begin_string(struct state *s, bool is_key)
{
    s->phase = STRING;
    s->is_key = is_key;
    return true;
}

static bool begin_value(struct state *s, uint8_t byte)
{
    for (uint8_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        if (byte == (uint8_t)literals[i][0]) {
            s->phase = LITERAL;
            s->literal = i;
            s->at = 1;
            return true;
        }
    }
    if (byte == '{' || byte == '[') {
        return open_bracket(s, byte == '{');
    }
    if (byte == '"') {
        return begin_string(s, false);
    }
    if (byte == '-' || (byte >= '0' && byte <= '9')) {
        s->phase = byte == '-' ? MINUS : byte == '0' ? ZERO : DIGITS;
        return true;
    }
    return false;
}

static bool after(struct state *s, uint8_t byte)
{
    if (byte == ',' && s->n_open > 0) {
        s->phase = in_object(s) ? KEY : VALUE;
        return true;
    }
    return (byte == '}' || byte == ']') && close_bracket(s, byte);
}

/* Inside a string, between characters. */
static bool in_string(struct state *s, uint8_t byte)
{
    if (byte == '"') {
        s->phase = s->is_key ? COLON : AFTER;
        s->is_key = 0;
        return true;
    }
    if (byte == '\\') {
        s->phase = ESCAPE;
        return true;
    }
    if (byte < 0x80) {
        return byte >= 0x20;
    }
    if (byte < 0xc2 || byte > 0xf4) {
        return false;
    }
    s->left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    s->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    s->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    return true;
}

static bool in_character(struct state *s, uint8_t byte)
{
    bool fits = byte >= s->low && byte <= s->high;

    s->left--;
    s->low = s->left ? 0x80 : 0;
    s->high = s->left ? 0xbf : 0;
    return fits;
}

static void begin_hex(struct state *s, bool second_half)
{
    s->phase = HEX;
    s->left = 4;
    s->code = 0;
    s->second_half = second_half;
}

static bool in_escape(struct state *s, uint8_t byte)
{
    if (byte == 'u') {
        begin_hex(s, false);
        return true;
    }
    s->phase = STRING;
    return byte != 0 && strchr("\"\\/bfnrt", byte);
}

static bool in_hex(struct state *s, uint8_t byte)
{
    int digit = byte >= '0' && byte <= '9'   ? byte - '0'
                : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                : byte >= 'A' && byte <= 'F' ? byte - 'A' + 10
                                             : -1;

    if (digit < 0) {
        return false;
    }
    s->code = (uint16_t)(s->code << 4 | digit);
    s->left--;
    if (s->left == 2) { /* the first two say whether it is half of a pair */
        bool low_half = s->code >= 0xdc && s->code <= 0xdf;

        if (low_half != s->second_half) {
            return false;
        }
    }
    if (s->left == 0) {
        s->phase = s->code >= 0xd800 && s->code <= 0xdbff ? HALF : STRING;
        s->code = 0;
        s->second_half = 0;
    }
    return true;
}

static bool in_literal(struct state *s, uint8_t byte)
{
    const char *word = literals[s->literal];

    if (byte != (uint8_t)word[s->at]) {
        return false;
    }
    if (!word[++s->at]) {
        s->phase = AFTER;
        s->literal = s->at = 0;
    }
    return true;
}

static bool ends_number(const struct state *s)
{
    return s->phase == ZERO || s->phase == DIGITS || s->phase == FRACTION ||
           s->phase == EXPONENT_DIGITS;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool outside(struct state *s, uint8_t byte);

static bool in_number(struct state *s, uint8_t byte)
{
    static const uint8_t behind[] = {[MINUS] = DIGITS,
                                     [ZERO] = ZERO,
                                     [DIGITS] = DIGITS,
                                     [POINT] = FRACTION,
                                     [FRACTION] = FRACTION,
                                     [EXPONENT] = EXPONENT_DIGITS,
                                     [EXPONENT_SIGN] = EXPONENT_DIGITS,
                                     [EXPONENT_DIGITS] = EXPONENT_DIGITS};

    if (byte >= '0' && byte <= '9') {
        if (s->phase == ZERO) {
            return false;
        }
        s->phase = s->phase == MINUS && byte == '0' ? ZERO : behind[s->phase];
        return true;
    }
    if (byte == '.' && (s->phase == ZERO || s->phase == DIGITS)) {
        s->phase = POINT;
        return true;
    }
    if ((byte == 'e' || byte == 'E') &&
        (s->phase == ZERO || s->phase == DIGITS || s->phase == FRACTION)) {
        s->phase = EXPONENT;
        return true;
    }
    if ((byte == '+' || byte == '-') && s->phase == EXPONENT) {
        s->phase = EXPONENT_SIGN;
        return true;
    }
    if (!ends_number(s)) {
        return false;
    }
    s->phase = AFTER;
    return outside(s, byte);
}

/* Between values. */
static bool outside(struct state *s, uint8_t byte)
{
    if (is_space(byte)) {
        return !(s->phase == AFTER && s->n_open == 0) && s->spaces++ < MOST_SPACES;
    }
    s->spaces = 0;
    switch (s->phase) {
    case ARRAY_FIRST: return byte == ']' ? close_bracket(s, byte) : begin_value(s, byte);
    case OBJECT_FIRST:
        return byte == '}' ? close_bracket(s, byte) : byte == '"' && begin_string(s, true);
    case KEY: return byte == '"' && begin_string(s, true);
    case COLON: s->phase = VALUE; return byte == ':';
    case AFTER: return after(s, byte);
    default: return begin_value(s, byte);
    }
}

static bool read_byte(struct state *s, uint8_t byte)
{
    switch (s->phase) {
    case STRING: return s->left ? in_character(s, byte) : in_string(s, byte);
    case ESCAPE: return in_escape(s, byte);
    case HEX: return in_hex(s, byte);
    case HALF: s->phase = HALF_ESCAPE; return byte == '\\';
    case HALF_ESCAPE: begin_hex(s, true); return byte == 'u';
    case LITERAL: return in_literal(s, byte);
    case VALUE:
    case ARRAY_FIRST:
    case OBJECT_FIRST:
    case KEY:
    case COLON:
    case AFTER: return outside(s, byte);
    default: return in_number(s, byte);
    }
}

static bool step(const void *self, struct constraint_state *state, uint8_t byte)
{
    struct state s;
    bool fits;

    memcpy(&s, state, sizeof s);
    fits = read_byte(&s, byte);
    memcpy(state, &s, sizeof s);
    return fits;
}

static bool complete(const void *self, const struct constraint_state *state)
{
    struct state s;

    memcpy(&s, state, sizeof s);
    return s.n_open == 0 && (s.phase == AFTER || ends_number(&s));
}

const struct constraint_ops constraint_json = {
    .name = "json",
    .help = "any JSON value (RFC 8259)",
    .open = open,
    .close = close_json,
    .start = start,
    .step = step,
    .complete = complete,
};
