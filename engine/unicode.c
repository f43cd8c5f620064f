/* UTF-8 by the table of well-formed sequences (Unicode Standard, table 3-7), classes from utf8proc.
 */
#include <config.h>

#include "engine/unicode.h"

#include <string.h>
#include <utf8proc.h>

/* Well-formed length at s, or 0 with *cut set to how many bytes begin a character that is cut
 * short. */
static size_t measure(const unsigned char *s, size_t len, size_t *cut)
{
    unsigned char low = 0x80, high = 0xbf;
    size_t need;

    *cut = 1;
    if (s[0] < 0x80) {
        return 1;
    }
    if (s[0] < 0xc2 || s[0] > 0xf4) {
        return 0;
    }
    need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : low;
    high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : high;
    for (size_t i = 1; i < need; i++) {
        if (i >= len || s[i] < low || s[i] > high) {
            *cut = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return need;
}

size_t unicode_decode(const char *s, size_t len, uint32_t *c)
{
    const unsigned char *b = (const unsigned char *)s;
    size_t cut, n;

    if (len == 0) {
        return 0;
    }
    n = measure(b, len, &cut);
    switch (n) {
    case 1: *c = b[0]; break;
    case 2: *c = (b[0] & 0x1fu) << 6 | (b[1] & 0x3fu); break;
    case 3: *c = (b[0] & 0x0fu) << 12 | (b[1] & 0x3fu) << 6 | (b[2] & 0x3fu); break;
    case 4:
        *c = (b[0] & 0x07u) << 18 | (b[1] & 0x3fu) << 12 | (b[2] & 0x3fu) << 6 | (b[3] & 0x3fu);
        break;
    default: *c = 0xfffd; break;
    }
    return n;
}

size_t unicode_encode(char *out, uint32_t c)
{
    unsigned char *b = (unsigned char *)out;

    if (c < 0x80) {
        b[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        b[0] = (unsigned char)(0xc0 | c >> 6);
        b[1] = (unsigned char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        b[0] = (unsigned char)(0xe0 | c >> 12);
        b[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        b[2] = (unsigned char)(0x80 | (c & 0x3f));
        return 3;
    }
    b[0] = (unsigned char)(0xf0 | c >> 18);
    b[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
    b[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
    b[3] = (unsigned char)(0x80 | (c & 0x3f));
    return 4;
}

size_t unicode_valid(const char *s, size_t len)
{
    static const uint64_t high_bits = 0x8080808080808080u;
    size_t i = 0, cut;

    while (i < len) {
        uint64_t word;
        size_t n;

        if (len - i >= sizeof word) {
            memcpy(&word, s + i, sizeof word);
            if ((word & high_bits) == 0) {
                i += sizeof word;
                continue;
            }
        }
        n = measure((const unsigned char *)s + i, len - i, &cut);
        if (n == 0) {
            break;
        }
        i += n;
    }
    return i;
}

size_t unicode_subpart(const char *s, size_t len)
{
    size_t cut;

    measure((const unsigned char *)s, len, &cut);
    return cut;
}

static unsigned category(uint32_t c)
{
    return 1u << utf8proc_category((utf8proc_int32_t)c);
}

#define OF(name) (1u << UTF8PROC_CATEGORY_##name)

bool unicode_is_letter(uint32_t c)
{
    return category(c) & (OF(LU) | OF(LL) | OF(LT) | OF(LM) | OF(LO));
}

bool unicode_is_mark(uint32_t c)
{
    return category(c) & (OF(MN) | OF(MC) | OF(ME));
}

bool unicode_is_number(uint32_t c)
{
    return category(c) & (OF(ND) | OF(NL) | OF(NO));
}

bool unicode_is_word(uint32_t c)
{
    return unicode_is_letter(c) || unicode_is_mark(c) ||
           (category(c) & (OF(ND) | OF(NL) | OF(PC))) || c == 0x200c || c == 0x200d ||
           (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
           (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

bool unicode_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}
