/* What the terminal sends, decoded: bytes in, keys out. Curses is never asked for input.
 *
 * The decoder owns its buffers; a key's paste text is borrowed until the next call. */
#ifndef ATTUNE_TUI_INPUT_H
#define ATTUNE_TUI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum key_kind { KEY_CHAR, KEY_NAMED, KEY_MOUSE, KEY_PASTE, KEY_FOCUS_IN, KEY_FOCUS_OUT, KEY_PING, KEY_BAD };

#define KEY_NAME_LIST(K)                                                                           \
    K(ENTER, "enter") K(TAB, "tab") K(BACKTAB, "backtab") K(ESCAPE, "escape")                      \
    K(BACKSPACE, "backspace") K(DELETE, "delete") K(INSERT, "insert")                              \
    K(UP, "up") K(DOWN, "down") K(LEFT, "left") K(RIGHT, "right")                                  \
    K(HOME, "home") K(END, "end") K(PAGEUP, "pageup") K(PAGEDOWN, "pagedown")                      \
    K(F1, "f1") K(F2, "f2") K(F3, "f3") K(F4, "f4") K(F5, "f5") K(F6, "f6") K(F7, "f7")            \
    K(F8, "f8") K(F9, "f9") K(F10, "f10") K(F11, "f11") K(F12, "f12")
enum key_name {
#define K(name, text) NAMED_##name,
    KEY_NAME_LIST(K)
#undef K
        NAMED_COUNT
};

enum { MOD_SHIFT = 1, MOD_ALT = 2, MOD_CTRL = 4 };

struct key {
    enum key_kind kind;
    uint32_t code;     /* KEY_CHAR: code point (control characters arrive as their letter with MOD_CTRL); KEY_NAMED: enum key_name */
    unsigned mods;
    int y, x, button;  /* KEY_MOUSE: cell from 0; button 0..2, 64 wheel up, 65 wheel down; */
    bool press, drag;
    const char *paste; /* KEY_PASTE: newlines kept, other control characters but tab dropped */
    size_t paste_len;
    char raw[32];      /* the bytes as they came, for readline */
    size_t raw_len;
};

struct input;
struct input *input_new(void);
void input_free(struct input *in);
void input_feed(struct input *in, const char *bytes, size_t len);
/* The next complete key; false: more bytes are needed. With flush, an unfinished sequence is taken as it is
 * (a lone ESC): call it so when nothing came for 25 ms and input_pending says there is something. */
bool input_next(struct input *in, struct key *out, bool flush);
bool input_pending(const struct input *in);

/* "ctrl-r", "alt-left", "f5", "A", "space": the spelling that attune.conf uses, both ways. */
bool key_parse(struct key *out, const char *text);
size_t key_text(const struct key *key, char *out, size_t capacity);
bool key_same(const struct key *a, const struct key *b); /* kind, code and modifiers */

#endif
