/* Tokens and shares as people and programs read them: text with its bytes kept, bars of eighth
 * blocks. */
#include <config.h>

#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* RFC 4648, section 4. */
static json_t *base64(const unsigned char *bytes, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = malloc((len + 2) / 3 * 4 + 1), *to = out;
    json_t *text;

    if (!out) {
        return NULL;
    }
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t word = (uint32_t)bytes[i] << 16;

        word |= n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        word |= n > 2 ? bytes[i + 2] : 0;
        for (size_t k = 0; k < 4; k++) {
            *to++ = k <= n ? digits[word >> (18 - 6 * k) & 63] : '=';
        }
    }
    *to = '\0';
    text = json_string(out);
    free(out);
    return text;
}

char *cli_token_bytes(const struct attune_tokenizer *tk, attune_token id, size_t *len)
{
    char none[1];
    size_t need = tk ? attune_token_bytes(tk, id, none, 0) : 0;
    char *bytes = malloc(need + 1);

    *len = 0;
    if (bytes) {
        *len = need ? attune_token_bytes(tk, id, bytes, need) : 0;
        bytes[*len] = '\0';
    }
    return bytes;
}

void cli_json_set_bytes(json_t *object, const char *key, const char *bytes, size_t len)
{
    json_t *whole = json_stringn(bytes, len);

    if (whole) {
        json_object_set_new(object, key, whole);
    } else {
        json_object_set_new(object, key, cli_json_text(bytes, len));
        json_object_set_new(object, "bytes", base64((const unsigned char *)bytes, len));
    }
}

void cli_json_set_token(json_t *object, const struct attune_tokenizer *tk, attune_token id)
{
    size_t len;
    char *bytes = cli_token_bytes(tk, id, &len);

    if (!tk) {
        json_object_set_new(object, "token", json_null());
    } else if (bytes) {
        cli_json_set_bytes(object, "token", bytes, len);
    }
    free(bytes);
}

void cli_show_token(char *out, size_t capacity, const struct attune_tokenizer *tk, attune_token id,
                    int width)
{
    size_t len, n = 0;
    char *bytes = cli_token_bytes(tk, id, &len);
    struct attune_error shown = {0};
    int columns = 2;
    mbstate_t state = {0};

    attune_error_set(&shown, 0, 0, "%s", bytes ? bytes : "");
    free(bytes);
    out[n++] = '"';
    for (const char *s = shown.text; *s && columns < width && n + 8 < capacity;) {
        wchar_t c;
        size_t used = mbrtowc(&c, s, strlen(s), &state);
        bool whole = used > 0 && used < (size_t)-2;
        int cells = whole && wcwidth(c) >= 0 ? wcwidth(c) : 1;

        used = whole ? used : 1;
        if (columns + cells > width) {
            break;
        }
        memcpy(out + n, s, used);
        n += used;
        s += used;
        columns += cells;
    }
    out[n++] = '"';
    while (columns++ < width && n + 1 < capacity) {
        out[n++] = ' ';
    }
    out[n] = '\0';
}

void cli_show_bar(char *out, double share, int width)
{
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int eighths = share > 0 ? (int)(share * width * 8 + 0.5) : 0, cells = 0;

    eighths = eighths > width * 8 ? width * 8 : eighths;
    *out = '\0';
    for (; eighths >= 8; eighths -= 8, cells++) {
        strcat(out, "█");
    }
    if (eighths > 0) {
        strcat(out, parts[eighths]);
        cells++;
    }
    while (cells++ < width) {
        strcat(out, " ");
    }
}
