/* Byte-level spelling (GPT-2): printable Latin-1 characters stand for themselves, the other 68
 * bytes for U+0100 and on, in order. */
#include <config.h>

#include "engine/tokenizer_parts.h"

#include "engine/unicode.h"

static bool stands_for_itself(uint32_t c)
{
    return (c >= 33 && c <= 126) || (c >= 161 && c <= 172) || (c >= 174 && c <= 255);
}

uint32_t spelled_char(unsigned char byte)
{
    if (stands_for_itself(byte)) {
        return byte;
    }
    return 256 + (byte <= 32 ? byte : byte < 161 ? 33 + (byte - 127u) : 67);
}

int spelled_byte(uint32_t c)
{
    if (stands_for_itself(c)) {
        return (int)c;
    }
    if (c < 256 || c > 256 + 67) {
        return -1;
    }
    c -= 256;
    return (int)(c <= 32 ? c : c < 67 ? 127 + (c - 33) : 173);
}

size_t spelled_write(char *out, const char *s, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        n += unicode_encode(out + n, spelled_char((unsigned char)s[i]));
    }
    return n;
}
