/* OSC 52 (xterm, "Manipulate Selection Data"). Inside tmux the plain form serves where
 * set-clipboard is on, and the passthrough form, with every ESC doubled, where allow-passthrough
 * is; both set the same text. */
#include <config.h>

#include "clipboard.h"

#include <stdlib.h>
#include <string.h>

static size_t encode(char *out, const char *text, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)text;
    char *p = out;

    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        unsigned bits =
            (unsigned)in[i] << 16 | (have > 1 ? in[i + 1] << 8 : 0) | (have > 2 ? in[i + 2] : 0);

        *p++ = digits[bits >> 18];
        *p++ = digits[bits >> 12 & 63];
        *p++ = have > 1 ? digits[bits >> 6 & 63] : '=';
        *p++ = have > 2 ? digits[bits & 63] : '=';
    }
    return (size_t)(p - out);
}

char *clipboard_sequence(const char *text, size_t len, bool tmux, size_t *out_len)
{
    static const char begin[] = "\033]52;c;", end[] = "\a", wrap[] = "\033Ptmux;\033",
                      unwrap[] = "\033\\";
    size_t coded = (len + 2) / 3 * 4;
    char *out = malloc(2 * (coded + sizeof begin + sizeof end) + sizeof wrap + sizeof unwrap),
         *p = out;

    if (!out) {
        return NULL;
    }
    for (int pass = 0; pass < (tmux ? 2 : 1); pass++) {
        if (pass == 1) {
            memcpy(p, wrap, sizeof wrap - 1);
            p += sizeof wrap - 1;
        }
        memcpy(p, begin, sizeof begin - 1);
        p += sizeof begin - 1;
        p += encode(p, text, len);
        memcpy(p, end, sizeof end - 1);
        p += sizeof end - 1;
        if (pass == 1) {
            memcpy(p, unwrap, sizeof unwrap - 1);
            p += sizeof unwrap - 1;
        }
    }
    *out_len = (size_t)(p - out);
    return out;
}
