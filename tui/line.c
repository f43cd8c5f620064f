/* Readline under a screen that is not its own. The order of the settings matters: with a redisplay
 * function of ours in place before the first install, readline never asks termcap and leaves
 * curses' terminal alone. Bytes come through a small queue that holds one key at a time; so every
 * key is done before the next is looked at. */
#include <config.h>

#include "line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <readline/chardefs.h>
#include <readline/history.h>
#include <readline/readline.h>

#include "cells.h"

enum { QUEUE_MOST = 64, MATCHES_MOST = 200 };

struct line_words {
    const char *prefix;
    char *list[MATCHES_MOST];
    int n, at;
};

static struct {
    bool open, active, done;
    char *history, *finished;
    long keep;
    FILE *sink;
    unsigned char queue[QUEUE_MOST];
    size_t head, tail;
    line_completer completer;
    void *user;
    struct line_words words;
    char *shown[MATCHES_MOST]; /* matches to list above the line */
    int n_shown;
} the;

static int next_byte(FILE *unused)
{
    return the.head < the.tail ? the.queue[the.head++] : EOF;
}

static int bytes_wait(void)
{
    return the.head < the.tail;
}

static void draw_later(void)
{
}

static void forget_matches(void)
{
    while (the.n_shown > 0) {
        free(the.shown[--the.n_shown]);
    }
}

static void show_matches(char **matches, int n, int longest)
{
    forget_matches();
    for (int i = 1; i <= n && the.n_shown < MATCHES_MOST; i++) {
        const char *slash = strrchr(matches[i], '/'); /* of files the last part is enough */
        char *copy = strdup(slash && slash[1] ? slash + 1 : matches[i]);

        if (copy) {
            the.shown[the.n_shown++] = copy;
        }
    }
}

void line_add_word(struct line_words *words, const char *word)
{
    char *copy;

    if (words->n < MATCHES_MOST && strncmp(word, words->prefix, strlen(words->prefix)) == 0 &&
        (copy = strdup(word))) {
        words->list[words->n++] = copy;
    }
}

static char *next_word(const char *text, int state)
{
    if (state == 0) {
        the.words.at = 0;
    }
    return the.words.at < the.words.n ? the.words.list[the.words.at++] : NULL;
}

static char **complete(const char *text, int start, int end)
{
    char *before = strndup(rl_line_buffer, (size_t)start);

    the.words = (struct line_words){.prefix = text};
    if (before) {
        the.completer(the.user, before, &the.words);
    }
    free(before);
    if (the.words.n > 0) {
        rl_attempted_completion_over = 1;
        return rl_completion_matches(text, next_word);
    }
    return NULL; /* file names */
}

static void on_line(char *line)
{
    the.done = true;
    the.finished = line;
}

int line_open(const char *history, long keep, line_completer completer, void *user)
{
    the.sink = fopen("/dev/null", "w");
    if (!the.sink) {
        return -1;
    }
    the.completer = completer;
    the.user = user;
    the.keep = keep;
    the.history = history ? strdup(history) : NULL;
    rl_readline_name = "attune";
    rl_instream = stdin;
    rl_outstream = the.sink;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_prep_term_function = NULL;
    rl_deprep_term_function = NULL;
    rl_getc_function = next_byte;
    rl_input_available_hook = bytes_wait;
    rl_redisplay_function = draw_later;
    rl_attempted_completion_function = complete;
    rl_completion_display_matches_hook = show_matches;
    rl_completion_query_items = 0;
    rl_completer_word_break_characters = " \t\"'";
    rl_completer_quote_characters = "\"'";
    if (the.history) {
        read_history(the.history);
    }
    using_history(); /* after the lines are in, else Up shows none */
    the.open = true;
    return 0;
}

static void stop(void)
{
    if (rl_undo_list) {
        rl_free_undo_list(); /* a line that is given up would keep it */
    }
    rl_callback_sigcleanup();
    rl_callback_handler_remove();
    the.active = false;
    forget_matches();
}

void line_close(void)
{
    if (!the.open) {
        return;
    }
    line_cancel();
    if (the.history) {
        stifle_history(the.keep > 0 ? (int)the.keep : 0);
        if (write_history(the.history) == 0) {
            chmod(the.history, S_IRUSR | S_IWUSR);
        }
    }
    rl_clear_history(); /* with what readline keeps in the entries */
    free(the.history);
    free(the.finished);
    fclose(the.sink);
    the.history = the.finished = NULL;
    the.open = false;
}

void line_begin(const char *text)
{
    if (!the.open) {
        return;
    }
    line_cancel();
    rl_callback_handler_install(":", on_line);
    rl_variable_bind("bell-style", "none");
    the.active = true;
    the.done = false;
    if (text[0]) {
        rl_insert_text(text);
    }
}

bool line_is_active(void)
{
    return the.active;
}

void line_cancel(void)
{
    if (the.active) {
        stop();
    }
}

static const char *finish(void)
{
    HIST_ENTRY *last;

    stop();
    if (!the.finished) {
        return ""; /* end of file on an empty line: nothing to do */
    }
    last = history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    if (the.finished[0] && (!last || strcmp(last->line, the.finished) != 0)) {
        add_history(the.finished);
    }
    return the.finished;
}

static void feed(const char *bytes, size_t len)
{
    memcpy(the.queue, bytes, len);
    the.head = 0;
    the.tail = len;
    while (the.head < the.tail && !the.done) {
        rl_callback_read_char();
    }
}

const char *line_key(const struct key *key)
{
    bool was_searching = the.active && RL_ISSTATE(RL_STATE_ISEARCH);

    if (!the.active) {
        return NULL;
    }
    free(the.finished);
    the.finished = NULL;
    forget_matches();
    if (key->kind == KEY_PASTE) { /* text, never keys: a line break in it must not run anything */
        char *text = strndup(key->paste, key->paste_len);

        for (char *p = text; p && *p; p++) {
            *p = *p == '\n' || *p == '\t' ? ' ' : *p;
        }
        rl_begin_undo_group();
        rl_insert_text(text ? text : "");
        rl_end_undo_group();
        free(text);
        return NULL;
    }
    if (key->kind != KEY_CHAR && key->kind != KEY_NAMED) {
        return NULL;
    }
    if (key->kind == KEY_NAMED && key->code == NAMED_ESCAPE && key->mods == 0 && !was_searching &&
        strcmp(rl_get_keymap_name(rl_get_keymap()), "emacs") == 0) {
        line_cancel(); /* Alt with a letter arrives in one piece, so a lone one is meant to leave */
        return NULL;
    }
    /* A prefix in the middle of a search leaves readline 8.2 with a state that is gone: end the
     * search first. */
    if (was_searching && (key->raw[0] == 27 || key->raw[0] == CTRL('X'))) {
        feed("\033", 1);
    }
    if (key->raw_len > 1 || key->raw[0] != 27 || !was_searching) {
        feed(key->raw, key->raw_len);
    }
    return the.done ? finish() : NULL;
}

/* Columns of a stretch of the line, and its style where it is drawn. */
static int draw_part(struct canvas *c, struct rect r, int x, const char *text, size_t len,
                     struct style s)
{
    if (c) {
        canvas_text(c, r, 0, x, text, len, s);
    }
    return text_columns(text, len);
}

static void draw_matches(struct canvas *c, struct rect above)
{
    struct style plain = style_of(c, ROLE_STATUS);
    int widest = 4, columns, rows;

    for (int i = 0; i < the.n_shown; i++) {
        int width = text_columns(the.shown[i], strlen(the.shown[i])) + 2;

        widest = width > widest ? width : widest;
    }
    columns = above.cols / widest > 0 ? above.cols / widest : 1;
    rows = (the.n_shown + columns - 1) / columns;
    rows = rows > above.rows ? above.rows : rows;
    above.y += above.rows - rows;
    above.rows = rows;
    canvas_fill(c, above, ' ', plain);
    for (int i = 0; i < the.n_shown && i < rows * columns; i++) {
        canvas_print(c, above, i / columns, i % columns * widest, plain, " %s", the.shown[i]);
    }
}

void line_draw(struct canvas *c, struct rect row, struct rect above)
{
    struct style plain = style_of(c, ROLE_TEXT), dim = style_of(c, ROLE_DIM);
    const char *mode = rl_get_keymap_name(rl_get_keymap());
    const char *prompt = rl_display_prompt ? rl_display_prompt : ":";
    size_t point = (size_t)rl_point, end = (size_t)rl_end;
    int start, cursor, width = row.cols - (mode && strcmp(mode, "vi") == 0 ? 5 : 0), shift;

    if (the.n_shown > 0) {
        draw_matches(c, above);
    }
    canvas_fill(c, row, ' ', plain);
    start = draw_part(NULL, row, 0, prompt, strlen(prompt), plain);
    cursor = start + draw_part(NULL, row, 0, rl_line_buffer, point, plain);
    shift = cursor >= width ? cursor - width + 1 : 0;
    draw_part(c, row, -shift, prompt, strlen(prompt), style_of(c, ROLE_ACCENT));
    draw_part(c, row, start - shift, rl_line_buffer, end, plain);
    if (rl_mark_active_p() && rl_mark != rl_point) {
        size_t from = rl_mark < rl_point ? (size_t)rl_mark : point,
               to = rl_mark < rl_point ? point : (size_t)rl_mark;

        draw_part(c, row, start - shift + text_columns(rl_line_buffer, from), rl_line_buffer + from,
                  to - from, style_reverse(plain));
    }
    if (width < row.cols) {
        canvas_print(c, row, 0, width, dim, " vi ");
    }
    canvas_cursor(c, row, 0, cursor - shift);
}
