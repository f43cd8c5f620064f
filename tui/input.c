/* Bytes to keys. Forms understood, as xterm, tmux, screen, rxvt, the Linux console and kitty's
 * plain mode send them:
 *
 *   UTF-8, C0               characters; control characters as their letter with MOD_CTRL
 *   ESC x, ESC ESC [ ...    the same with MOD_ALT
 *   ESC O A                 application keys          ESC [ [ A          F1 .. F5 of the console
 *   ESC [ 1 ; m A, 3 ; m ~  keys with modifiers m-1   ESC [ n ; m u, ESC [ 27 ; m ; n ~   any
 * character ESC [ < b ; x ; y M m   mouse                     ESC [ I, ESC [ O   focus ESC [ 200 ~
 * ... ESC [ 201 ~  a paste              ESC [ 7770 ~       the tests' ping
 *
 * Nothing is lost at any split of the bytes: an unfinished form stays in the buffer until the rest
 * comes or until the caller says that nothing more will. */
#include <config.h>

#include "input.h"

#include <stdlib.h>
#include <string.h>

#include "cells.h"

enum { CSI_MOST = 64, PING = 7770, PASTE_BEGIN = 200 };
static const char paste_end[] = "\033[201~";
enum { PASTE_END_LEN = sizeof paste_end - 1 };

struct bytes {
    char *data;
    size_t len, capacity;
};

struct input {
    struct bytes waiting;
    size_t start; /* of what is not decoded yet */
    struct bytes paste;
    bool pasting, after_cr;
};

static const char *const names[] = {
#define K(name, text) text,
    KEY_NAME_LIST(K)
#undef K
};

struct input *input_new(void)
{
    return calloc(1, sizeof(struct input));
}

void input_free(struct input *in)
{
    if (in) {
        free(in->waiting.data);
        free(in->paste.data);
        free(in);
    }
}

static void append(struct bytes *to, const char *data, size_t len)
{
    if (to->len + len > to->capacity) {
        size_t capacity = (to->len + len) * 2 + 64;
        char *more = realloc(to->data, capacity);

        if (!more) {
            return; /* out of memory: the key is lost, the program is not */
        }
        to->data = more;
        to->capacity = capacity;
    }
    memcpy(to->data + to->len, data, len);
    to->len += len;
}

void input_feed(struct input *in, const char *bytes, size_t len)
{
    if (in->start > 0) {
        memmove(in->waiting.data, in->waiting.data + in->start, in->waiting.len - in->start);
        in->waiting.len -= in->start;
        in->start = 0;
    }
    append(&in->waiting, bytes, len);
}

bool input_pending(const struct input *in)
{
    return !in->pasting && in->start < in->waiting.len;
}

static void set_named(struct key *out, enum key_name name, unsigned mods)
{
    out->kind = KEY_NAMED;
    out->code = name;
    out->mods = mods;
}

/* A character with its modifiers, in the one spelling that keys are compared by. */
static void set_char(struct key *out, uint32_t code, unsigned mods)
{
    static const struct {
        uint32_t code;
        unsigned mods;
        enum key_name name;
    } same[] = {
        {13, 0, NAMED_ENTER},
        {9, 0, NAMED_TAB},
        {27, 0, NAMED_ESCAPE},
        {127, 0, NAMED_BACKSPACE},
        {8, 0, NAMED_BACKSPACE},
        {'m', MOD_CTRL, NAMED_ENTER},
        {'i', MOD_CTRL, NAMED_TAB},
        {'[', MOD_CTRL, NAMED_ESCAPE},
        {'h', MOD_CTRL, NAMED_BACKSPACE},
    };

    if ((mods & MOD_CTRL) && code >= 'A' && code <= 'Z') {
        code += 'a' - 'A';
    }
    if ((mods & MOD_SHIFT) && !(mods & MOD_CTRL)) {
        code -= code >= 'a' && code <= 'z' ? 'a' - 'A' : 0;
        mods &= code > ' ' && code != 127 ? ~(unsigned)MOD_SHIFT : ~0u;
    }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (same[i].code == code && (same[i].mods & ~mods) == 0) {
            set_named(out, same[i].name, mods & ~same[i].mods);
            if (out->code == NAMED_TAB && (out->mods & MOD_SHIFT)) {
                set_named(out, NAMED_BACKTAB, out->mods & ~(unsigned)MOD_SHIFT);
            }
            return;
        }
    }
    out->kind = KEY_CHAR;
    out->code = code;
    out->mods = mods;
}

static void set_control(struct key *out, unsigned char byte)
{
    if (byte == 13 || byte == 9 || byte == 27 || byte == 127 || byte == 8) {
        set_char(out, byte, 0);
    } else {
        set_char(out, byte == 0 ? ' ' : byte <= 26 ? byte + 'a' - 1u : byte + 0x40u, MOD_CTRL);
    }
}

static bool letter_key(enum key_name *out, char final)
{
    static const struct {
        char final;
        enum key_name name;
    } table[] = {
        {'A', NAMED_UP},   {'B', NAMED_DOWN}, {'C', NAMED_RIGHT}, {'D', NAMED_LEFT},
        {'H', NAMED_HOME}, {'F', NAMED_END},  {'P', NAMED_F1},    {'Q', NAMED_F2},
        {'R', NAMED_F3},   {'S', NAMED_F4},   {'M', NAMED_ENTER}, {'Z', NAMED_BACKTAB},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].final == final) {
            *out = table[i].name;
            return true;
        }
    }
    return false;
}

static bool tilde_key(enum key_name *out, long number)
{
    static const struct {
        uint8_t number, name;
    } table[] = {
        {1, NAMED_HOME},   {2, NAMED_INSERT},   {3, NAMED_DELETE}, {4, NAMED_END},
        {5, NAMED_PAGEUP}, {6, NAMED_PAGEDOWN}, {7, NAMED_HOME},   {8, NAMED_END},
        {11, NAMED_F1},    {12, NAMED_F2},      {13, NAMED_F3},    {14, NAMED_F4},
        {15, NAMED_F5},    {17, NAMED_F6},      {18, NAMED_F7},    {19, NAMED_F8},
        {20, NAMED_F9},    {21, NAMED_F10},     {23, NAMED_F11},   {24, NAMED_F12},
    };

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].number == number) {
            *out = table[i].name;
            return true;
        }
    }
    return false;
}

/* Numbers of "1;5" or "97:65;2:1"; what follows a colon is left out. Missing ones are 0. */
static void read_params(long out[4], const char *text, size_t len)
{
    int n = 0;
    bool sub = false;

    memset(out, 0, 4 * sizeof *out);
    for (size_t i = 0; i < len && n < 4; i++) {
        if (text[i] == ';') {
            n++;
            sub = false;
        } else if (text[i] == ':') {
            sub = true;
        } else if (!sub && text[i] >= '0' && text[i] <= '9' && out[n] < 100000000) {
            out[n] = out[n] * 10 + (text[i] - '0');
        }
    }
}

static void set_mouse(struct key *out, const long p[4], bool press)
{
    out->kind = KEY_MOUSE;
    out->button = (int)(p[0] & (3 | 64));
    out->drag = p[0] & 32;
    out->press = press;
    out->mods = (p[0] & 4 ? MOD_SHIFT : 0) | (p[0] & 8 ? MOD_ALT : 0) | (p[0] & 16 ? MOD_CTRL : 0);
    out->x = p[1] > 0 && p[1] < 100000 ? (int)p[1] - 1 : 0;
    out->y = p[2] > 0 && p[2] < 100000 ? (int)p[2] - 1 : 0;
}

static unsigned modifiers(long parameter)
{
    return parameter > 1 ? (unsigned)(parameter - 1) & (MOD_SHIFT | MOD_ALT | MOD_CTRL) : 0;
}

static bool is_code_point(long n)
{
    return n > 0 && n <= 0x10FFFF && !(n >= 0xD800 && n <= 0xDFFF);
}

/* A complete control sequence: its parameters (len bytes) and its final byte. out is KEY_BAD if
 * unknown. */
static void set_sequence(struct input *in, struct key *out, const char *text, size_t len,
                         char final)
{
    long p[4];
    enum key_name name;

    if (len > 0 && text[0] == '<' && (final == 'M' || final == 'm')) {
        read_params(p, text + 1, len - 1);
        set_mouse(out, p, final == 'M');
        return;
    }
    if (len > 0 && (text[0] < '0' || text[0] > '9')) {
        return;
    }
    read_params(p, text, len);
    if (final == '~' && p[0] == PASTE_BEGIN) {
        in->pasting = true;
        in->after_cr = false;
        in->paste.len = 0;
    } else if (final == '~' && p[0] == PING) {
        out->kind = KEY_PING;
    } else if ((final == '~' && p[0] == 27 && is_code_point(p[2])) ||
               (final == 'u' && is_code_point(p[0]))) {
        set_char(out, (uint32_t)(final == 'u' ? p[0] : p[2]), modifiers(p[1]));
    } else if (final == 'I' || final == 'O') {
        out->kind = final == 'I' ? KEY_FOCUS_IN : KEY_FOCUS_OUT;
    } else if (final == '~' ? tilde_key(&name, p[0]) : letter_key(&name, final)) {
        set_named(out, name, modifiers(p[1]) & (final == 'Z' ? ~(unsigned)MOD_SHIFT : ~0u));
    }
}

/* The following take the bytes from an escape or a character on; they return how many belong to the
 * key, 0 if more are needed. With flush an unfinished form is what its first bytes say. */

static size_t take_sequence(struct input *in, struct key *out, const char *s, size_t n, bool flush)
{
    size_t i = 2;

    if (n > 2 && s[2] == '[') { /* the console's F1 .. F5 */
        if (n < 4) {
            return flush ? n : 0;
        }
        if (s[3] >= 'A' && s[3] <= 'E') {
            set_named(out, (enum key_name)(NAMED_F1 + s[3] - 'A'), 0);
        }
        return 4;
    }
    if (n > 2 && s[2] == 'M') { /* mouse in the old coding */
        if (n < 6) {
            return flush ? n : 0;
        }
        set_mouse(
            out,
            (long[4]){(unsigned char)s[3] - 32, (unsigned char)s[4] - 32, (unsigned char)s[5] - 32},
            (s[3] & 3) != 3);
        return 6;
    }
    while (i < n && i < CSI_MOST && (unsigned char)s[i] >= 0x20 && (unsigned char)s[i] < 0x40) {
        i++;
    }
    if (i == n && i < CSI_MOST) {
        if (flush && n == 2) {
            set_char(out, '[', MOD_ALT);
        }
        return flush ? n : 0;
    }
    if (i < n && (unsigned char)s[i] >= 0x40 && (unsigned char)s[i] < 0x7F) {
        set_sequence(in, out, s + 2, i - 2, s[i]);
        return i + 1;
    }
    return i; /* cut off by something else: bad, and that something is looked at next */
}

static size_t take_application(struct key *out, const char *s, size_t n, bool flush)
{
    enum key_name name;

    if (n == 2) {
        if (flush) {
            set_char(out, 'O', MOD_ALT);
        }
        return flush ? 2 : 0;
    }
    if (letter_key(&name, s[2])) {
        set_named(out, name, 0);
    } else if (s[2] >= 'j' && s[2] <= 'y') { /* the keypad: * + , - . / 0 .. 9 */
        set_char(out, (uint32_t)(s[2] - 'j' + '*'), 0);
    }
    return 3;
}

static size_t take_char(struct key *out, const char *s, size_t n, bool flush)
{
    unsigned char first = (unsigned char)s[0];
    size_t needed = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1, taken;
    uint32_t cp;

    if (first < 0x20 || first == 0x7F) {
        set_control(out, first);
        return 1;
    }
    taken = cells_decode(&cp, s, n);
    if (taken > 0) {
        set_char(out, cp, 0);
        return taken;
    }
    for (size_t i = 1; i < n && i < needed; i++) {
        if (((unsigned char)s[i] & 0xC0) != 0x80) {
            return 1; /* bad whatever comes */
        }
    }
    return n < needed && first <= 0xF4 && !flush ? 0 : 1;
}

static size_t take_escape(struct input *in, struct key *out, const char *s, size_t n, bool flush)
{
    size_t taken;

    if (n == 1 || (n == 2 && s[1] == 27)) {
        if (flush) {
            set_named(out, NAMED_ESCAPE, 0);
        }
        return flush ? 1 : 0;
    }
    if (s[1] == '[') {
        return take_sequence(in, out, s, n, flush);
    }
    if (s[1] == 'O') {
        return take_application(out, s, n, flush);
    }
    if (s[1] == 27 && s[2] != '[' && s[2] != 'O') { /* pressed twice */
        set_named(out, NAMED_ESCAPE, 0);
        return 1;
    }
    taken = s[1] == 27 ? take_escape(in, out, s + 1, n - 1, flush)
                       : take_char(out, s + 1, n - 1, flush);
    if (taken > 0 && out->kind != KEY_CHAR && out->kind != KEY_NAMED && s[1] == 27) {
        in->pasting = false; /* nothing that Alt could be held with: the first ESC was a key */
        *out = (struct key){.kind = KEY_BAD};
        set_named(out, NAMED_ESCAPE, 0);
        return 1;
    }
    if (out->kind == KEY_CHAR || out->kind == KEY_NAMED) {
        out->mods |= MOD_ALT;
    }
    return taken ? taken + 1 : 0;
}

/* Moves what has come of a paste; true when it is complete. */
static bool take_paste(struct input *in)
{
    while (in->start < in->waiting.len) {
        const char *s = in->waiting.data + in->start;
        size_t n = in->waiting.len - in->start;
        char c = *s;

        if (c == 27) {
            size_t same = n < PASTE_END_LEN ? n : PASTE_END_LEN;

            if (memcmp(s, paste_end, same) == 0) {
                in->start += same == PASTE_END_LEN ? same : 0;
                in->pasting = same < PASTE_END_LEN;
                return !in->pasting;
            }
        }
        in->start++;
        if (c == '\r' || (c == '\n' && !in->after_cr)) {
            append(&in->paste, "\n", 1);
        } else if (c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7F)) {
            append(&in->paste, &c, 1);
        }
        in->after_cr = c == '\r';
    }
    return false;
}

bool input_next(struct input *in, struct key *out, bool flush)
{
    size_t taken;

    *out = (struct key){.kind = KEY_BAD};
    if (!in->pasting && in->start < in->waiting.len) {
        const char *s = in->waiting.data + in->start;
        size_t n = in->waiting.len - in->start;

        taken = *s == 27 ? take_escape(in, out, s, n, flush) : take_char(out, s, n, flush);
        if (taken == 0) {
            return false;
        }
        out->raw_len = taken < sizeof out->raw ? taken : sizeof out->raw;
        memcpy(out->raw, s, out->raw_len);
        in->start += taken;
    }
    if (in->pasting) {
        if (!take_paste(in)) {
            return false;
        }
        append(&in->paste, "", 1);
        *out = (struct key){.kind = KEY_PASTE,
                            .paste = in->paste.data ? in->paste.data : "",
                            .paste_len = in->paste.len > 0 ? in->paste.len - 1 : 0};
        return true;
    }
    return out->raw_len > 0;
}

bool key_parse(struct key *out, const char *text)
{
    static const struct {
        const char *text;
        unsigned mod;
    } prefixes[] = {{"ctrl-", MOD_CTRL}, {"alt-", MOD_ALT}, {"shift-", MOD_SHIFT}};
    unsigned mods = 0;
    uint32_t cp;
    size_t n;

    *out = (struct key){.kind = KEY_BAD};
    for (size_t i = 0; i < 3; i++) {
        n = strlen(prefixes[i].text);
        if (strncmp(text, prefixes[i].text, n) == 0 && text[n]) {
            mods |= prefixes[i].mod;
            text += n;
            i = (size_t)-1;
        }
    }
    for (size_t i = 0; i < NAMED_COUNT; i++) {
        if (strcmp(text, names[i]) == 0) {
            bool back = i == NAMED_TAB && (mods & MOD_SHIFT);

            set_named(out, back ? NAMED_BACKTAB : (enum key_name)i,
                      back ? mods & ~(unsigned)MOD_SHIFT : mods);
            return true;
        }
    }
    n = cells_decode(&cp, text, strlen(text));
    if (strcmp(text, "space") == 0) {
        cp = ' ';
    } else if (n == 0 || text[n] || cells_width(cp) < 0) {
        return false;
    }
    set_char(out, cp, mods);
    return true;
}

size_t key_text(const struct key *key, char *out, size_t capacity)
{
    char text[48] = "";
    size_t len;

    if (key->mods & MOD_CTRL) {
        strcat(text, "ctrl-");
    }
    if (key->mods & MOD_ALT) {
        strcat(text, "alt-");
    }
    if (key->mods & MOD_SHIFT) {
        strcat(text, "shift-");
    }
    if (key->kind == KEY_NAMED && key->code < NAMED_COUNT) {
        strcat(text, names[key->code]);
    } else if (key->kind == KEY_CHAR && key->code == ' ') {
        strcat(text, "space");
    } else if (key->kind == KEY_CHAR) {
        text[strlen(text) + cells_encode(text + strlen(text), key->code)] = '\0';
    } else {
        text[0] = '\0';
    }
    len = strlen(text);
    if (capacity > 0) {
        size_t fits = len < capacity ? len : capacity - 1;

        memcpy(out, text, fits);
        out[fits] = '\0';
    }
    return len;
}

bool key_same(const struct key *a, const struct key *b)
{
    return a->kind == b->kind && a->code == b->code && a->mods == b->mods;
}
