/* Failures as sentences: formatting, and keeping control bytes out of them. */
#include <config.h>

#include <attune/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *attune_status_text(int status)
{
    static const char *const texts[] = {
#define STATUS(name, text) text,
        ATTUNE_STATUS_LIST(STATUS)
#undef STATUS
    };
    _Static_assert(sizeof texts / sizeof *texts == ATTUNE_STATUS_COUNT, "a text for every code");
    return status >= 0 && status < ATTUNE_STATUS_COUNT ? texts[status] : "unknown error";
}

/* Length of the well-formed UTF-8 character at s that is fit to be shown, 0 if there is none. */
static size_t shown_char(const unsigned char *s, size_t len)
{
    uint32_t cp;
    size_t n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
               : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;

    if (n == 0 || n > len) {
        return 0;
    }
    cp = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return 0;
        }
        cp = cp << 6 | (s[i] & 0x3f);
    }
    if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (n == 3 && cp < 0x800) || (n == 4 && cp < 0x10000) ||
        cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000) || (cp >= 0x2028 && cp <= 0x202e) ||
        (cp >= 0x2066 && cp <= 0x2069)) {
        return 0;
    }
    return n;
}

static void copy_shown(char *to, size_t capacity, const char *from)
{
    static const char hex[] = "0123456789ABCDEF";
    const unsigned char *s = (const unsigned char *)from;
    size_t len = strlen(from), at = 0;

    while (len > 0) {
        size_t n = shown_char(s, len);
        size_t need = n ? n : 4;

        if (at + need >= capacity) {
            break;
        }
        if (n) {
            memcpy(to + at, s, n);
        } else {
            to[at] = '\\';
            to[at + 1] = 'x';
            to[at + 2] = hex[s[0] >> 4];
            to[at + 3] = hex[s[0] & 15];
            n = 1;
        }
        at += need;
        s += n;
        len -= n;
    }
    to[at] = '\0';
}

int attune_error_set(struct attune_error *err, int status, uint64_t where, const char *format, ...)
{
    if (err) {
        char raw[1024];
        va_list args;

        va_start(args, format);
        vsnprintf(raw, sizeof raw, format, args);
        va_end(args);
        err->status = status;
        err->where = where;
        copy_shown(err->text, sizeof err->text, raw);
    }
    return status;
}

void attune_error_prefix(struct attune_error *err, const char *prefix)
{
    if (err) {
        enum { LONGEST = 87 }; /* of a path its end, so that what follows has room */
        char raw[1024];
        size_t len = strlen(prefix);

        snprintf(raw, sizeof raw, "%s%s: %s", len > LONGEST ? "..." : "",
                 prefix + (len > LONGEST ? len - LONGEST : 0), err->text);
        copy_shown(err->text, sizeof err->text, raw);
    }
}
