#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tui/input.h"

/* Every key as one word; what is not a plain key gets its own spelling. */
static void spell(char *out, size_t capacity, const struct key *key)
{
    char text[64];

    key_text(key, text, sizeof text);
    switch (key->kind) {
    case KEY_MOUSE:
        snprintf(out, capacity, "mouse(%d,%d,%d%s%s%s)", key->y, key->x, key->button,
                 key->press ? ",press" : "", key->drag ? ",drag" : "",
                 key->mods & MOD_CTRL ? ",ctrl" : "");
        break;
    case KEY_PASTE: snprintf(out, capacity, "paste(%.*s)", (int)key->paste_len, key->paste); break;
    case KEY_FOCUS_IN: snprintf(out, capacity, "in"); break;
    case KEY_FOCUS_OUT: snprintf(out, capacity, "out"); break;
    case KEY_PING: snprintf(out, capacity, "ping"); break;
    case KEY_BAD: snprintf(out, capacity, "bad"); break;
    default: snprintf(out, capacity, "%s", text);
    }
}

/* Feeds the bytes in chunks of every size; the keys must be the same. */
static void assert_keys(const char *bytes, size_t len, const char *expected)
{
    for (size_t chunk = 1; chunk <= len; chunk++) {
        struct input *in = input_new();
        struct key key;
        char all[1024] = "";

        for (size_t at = 0; at < len; at += chunk) {
            input_feed(in, bytes + at, len - at < chunk ? len - at : chunk);
            for (bool flush = false;;) {
                if (!input_next(in, &key, flush)) {
                    if (flush || at + chunk < len || !input_pending(in)) {
                        break;
                    }
                    flush = true;
                    continue;
                }
                char word[256];

                spell(word, sizeof word, &key);
                snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", all[0] ? " " : "",
                         word);
            }
        }
        assert_string_equal(all, expected);
        input_free(in);
    }
}

static void every_form_is_understood(void **state)
{
    static const struct {
        const char *bytes, *keys;
    } rows[] = {
        {"aé日\U0001F600", "a é 日 \U0001F600"},
        {"\r\n\t\x7f\x08 \x01\x12\x1c",
         "enter ctrl-j tab backspace backspace space ctrl-a ctrl-r ctrl-\\"},
        {"\033[A\033OB\033[1;5C\033[1;3D\033[1;2H\033[F",
         "up down ctrl-right alt-left shift-home end"},
        {"\033[3~\033[2~\033[5~\033[6;5~\033[15~\033[24~",
         "delete insert pageup ctrl-pagedown f5 f12"},
        {"\033OP\033[[B\033[13~\033[1;2S\033[Z", "f1 f2 f3 shift-f4 backtab"},
        {"\033x\033X\033é\033\r\033\033[A", "alt-x alt-X alt-é alt-enter alt-up"},
        {"\033", "escape"},
        {"\033\033", "escape escape"},
        {"\033\033x", "escape alt-x"},
        {"\033[", "alt-["},
        {"\033O", "alt-O"},
        {"\033[97;5u\033[13;2u\033[97;2u\033[9;2u\033[27;5;114~",
         "ctrl-a shift-enter A backtab ctrl-r"},
        {"\033[<0;1;1M\033[<0;240;60m\033[<32;5;6M\033[<64;3;2M\033[<81;3;2M",
         "mouse(0,0,0,press) mouse(59,239,0) mouse(5,4,0,press,drag) mouse(1,2,64,press) "
         "mouse(1,2,65,press,ctrl)"},
        {"\033\033[7770~\033\033[200~x\033[201~", "escape ping escape paste(x)"},
        {"\033[I\033[O\033[7770~", "in out ping"},
        {"\033[200~a\r\nb\rc\n\td\033[31m\x03\033[201~x", "paste(a\nb\nc\n\td[31m) x"},
        {"\033[200~\033[201~", "paste()"},
        {"\xff"
         "a\xe4\xb8"
         "b\xc0\x80",
         "bad a bad bad b bad bad"},
        {"\xe4\xb8", "bad bad"},
        {"\xed\xa0\x80", "bad bad bad"},
        {"\033[?1;2cx\033[99~y\033[1\033[A", "bad x bad y bad up"},
        {"\033[12", "bad"},
        {"\033OM\033Ok\033Ox", "enter + 8"},
        {"\033[M !!", "mouse(0,0,0,press)"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_keys(rows[i].bytes, strlen(rows[i].bytes), rows[i].keys);
    }
    assert_keys("\0", 1, "ctrl-space");
}

static void endless_sequences_end(void **state)
{
    char bytes[300] = "\033[";

    memset(bytes + 2, '1', 200);
    strcpy(bytes + 202, "A");
    struct input *in = input_new();
    struct key key;

    input_feed(in, bytes, strlen(bytes));
    assert_true(input_next(in, &key, false));
    assert_int_equal(key.kind, KEY_BAD);
    input_free(in);
}

static void long_pastes_lose_nothing(void **state)
{
    struct input *in = input_new();
    struct key key;
    size_t n = 0;

    input_feed(in, "\033[200~", 6);
    for (int i = 0; i < 100000; i++) {
        input_feed(in, "日\r", 4);
        assert_false(input_next(in, &key, false));
        assert_false(input_pending(in));
        n += 4;
    }
    input_feed(in, "\033[201~", 6);
    assert_true(input_next(in, &key, false));
    assert_int_equal(key.kind, KEY_PASTE);
    assert_int_equal(key.paste_len, n);
    assert_memory_equal(key.paste, "日\n日\n", 8);
    input_free(in);
}

static void random_bytes_always_come_to_an_end(void **state)
{
    uint32_t seed = 7;
    struct input *in = input_new();
    struct key key;

    for (int i = 0; i < 20000; i++) {
        char bytes[16];

        for (size_t k = 0; k < sizeof bytes; k++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[k] = (seed >> 20 & 7) == 0   ? 27
                       : (seed >> 20 & 7) == 1 ? '['
                                               : (char)(seed >> 24);
        }
        input_feed(in, bytes, sizeof bytes);
        for (int n = 0; input_next(in, &key, i % 3 == 0); n++) {
            assert_true(n < 4096);
            assert_true(key.raw_len <= sizeof key.raw);
        }
    }
    input_free(in);
}

static void spellings_go_both_ways(void **state)
{
    static const struct {
        const char *text, *same;
    } rows[] = {
        {"a", "a"},
        {"A", "A"},
        {"shift-a", "A"},
        {"ctrl-R", "ctrl-r"},
        {"alt-x", "alt-x"},
        {"f5", "f5"},
        {"space", "space"},
        {"ctrl-space", "ctrl-space"},
        {"shift-tab", "backtab"},
        {"backtab", "backtab"},
        {"ctrl-alt-left", "ctrl-alt-left"},
        {"alt-ctrl-left", "ctrl-alt-left"},
        {"-", "-"},
        {"ctrl--", "ctrl--"},
        {"ctrl-m", "enter"},
        {"ctrl-i", "tab"},
        {"é", "é"},
        {":", ":"},
        {"shift-f3", "shift-f3"},
    };
    static const char *const wrong[] = {"",     "ctrl-", "ab",       "hyper-a", "f13",
                                        "\x01", "\xff",  "ctrl-up-", "f 1"};
    struct key key, again;
    char text[64];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(key_parse(&key, rows[i].text));
        assert_int_equal(key_text(&key, text, sizeof text), strlen(rows[i].same));
        assert_string_equal(text, rows[i].same);
        assert_true(key_parse(&again, text));
        assert_true(key_same(&key, &again));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(key_parse(&key, wrong[i]));
    }
    assert_int_equal(key_text(&again, text, 3), 8);
    assert_string_equal(text, "sh");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_understood),
        cmocka_unit_test(endless_sequences_end),
        cmocka_unit_test(long_pastes_lose_nothing),
        cmocka_unit_test(random_bytes_always_come_to_an_end),
        cmocka_unit_test(spellings_go_both_ways),
    };
    return cmocka_run_group_tests_name("input", tests, NULL, NULL);
}
