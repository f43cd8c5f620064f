/* forkpty and libvterm 0.1.4. The answer to the ping is looked for in the raw bytes, since that
 * library loses the front of an OSC string that comes in two pieces. */
#include <config.h>

#include "emulator.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vterm.h>

#include "tui/input.h"

static const char ping[] = "\033[7770~", pong[] = "\033]7770;pong\a";

struct emulator {
    pid_t pid;
    int fd, rows, cols, status;
    bool ended, cursor_shown, alternate;
    VTerm *vt;
    VTermScreen *screen;
    size_t matched, pongs, received;
};

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int set_property(VTermProp prop, VTermValue *value, void *user)
{
    struct emulator *e = user;

    if (prop == VTERM_PROP_CURSORVISIBLE) {
        e->cursor_shown = value->boolean;
    } else if (prop == VTERM_PROP_ALTSCREEN) {
        e->alternate = value->boolean;
    }
    return 1;
}

static void answer(const char *bytes, size_t len, void *user)
{
    struct emulator *e = user;

    emulator_send(e, bytes, len);
}

static void start_child(char *const argv[], char *const env[])
{
    static const char *const passed[] = {"PATH", "ATTUNE_DATADIR", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                         "TMPDIR"};
    char *kept[8], **list;
    size_t n = 0, extra = 0;

    while (env && env[extra]) {
        extra++;
    }
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
        const char *value = getenv(passed[i]);

        if (value && asprintf(&kept[n], "%s=%s", passed[i], value) > 0) {
            n++;
        }
    }
    list = calloc(n + extra + 3, sizeof *list);
    if (list) {
        static char locale[] = "LC_ALL=C.UTF-8", threads[] = "OPENBLAS_NUM_THREADS=1";

        memcpy(list, kept, n * sizeof *list);
        list[n++] = locale;
        list[n++] = threads;
        memcpy(list + n, env, extra * sizeof *list);
        execve(argv[0], argv, list);
        execvpe(argv[0], argv, list);
    }
    fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

struct emulator *emulator_start(int rows, int cols, char *const argv[], char *const env[])
{
    static VTermScreenCallbacks callbacks = {.settermprop = set_property};
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    struct emulator *e = calloc(1, sizeof *e);

    if (!e) {
        return NULL;
    }
    e->rows = rows;
    e->cols = cols;
    e->cursor_shown = true;
    e->pid = forkpty(&e->fd, NULL, NULL, &size);
    if (e->pid < 0) {
        free(e);
        return NULL;
    }
    if (e->pid == 0) {
        start_child(argv, env);
    }
    e->vt = vterm_new(rows, cols);
    vterm_set_utf8(e->vt, 1);
    vterm_output_set_callback(e->vt, answer, e);
    e->screen = vterm_obtain_screen(e->vt);
    vterm_screen_set_callbacks(e->screen, &callbacks, e);
    vterm_screen_enable_altscreen(e->screen, 1);
    vterm_screen_reset(e->screen, 1);
    return e;
}

void emulator_send(struct emulator *e, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(e->fd, bytes, len);

        if (n < 0 && errno != EINTR) {
            return;
        }
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

void emulator_signal(struct emulator *e, int number)
{
    if (e->pid > 0) {
        kill(e->pid, number);
    }
}

void emulator_resize(struct emulator *e, int rows, int cols)
{
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};

    e->rows = rows;
    e->cols = cols;
    vterm_set_size(e->vt, rows, cols);
    ioctl(e->fd, TIOCSWINSZ, &size);
}

/* Reads once, waiting at most ms; false if nothing came. */
static bool take(struct emulator *e, long ms)
{
    struct pollfd fd = {e->fd, POLLIN, 0};
    char bytes[16384];
    ssize_t n;

    if (e->ended || poll(&fd, 1, ms > 0 ? (int)ms : 0) <= 0) {
        return false;
    }
    n = read(e->fd, bytes, sizeof bytes);
    if (n <= 0) {
        e->ended = true;
        return false;
    }
    for (ssize_t i = 0; i < n; i++) {
        e->matched = bytes[i] == pong[e->matched] ? e->matched + 1 : bytes[i] == pong[0];
        if (!pong[e->matched]) {
            e->pongs++;
            e->matched = 0;
        }
    }
    e->received += (size_t)n;
    vterm_input_write(e->vt, bytes, (size_t)n);
    return true;
}

bool emulator_sync(struct emulator *e, int ms)
{
    long end = now_ms() + ms;
    size_t wanted = e->pongs + 1;

    emulator_send(e, ping, sizeof ping - 1);
    while (e->pongs < wanted && !e->ended && now_ms() < end) {
        take(e, end - now_ms());
    }
    vterm_screen_flush_damage(e->screen);
    return e->pongs >= wanted;
}

void emulator_settle(struct emulator *e, int quiet, int ms)
{
    long end = now_ms() + ms;

    while (now_ms() < end && take(e, quiet)) {
    }
    vterm_screen_flush_damage(e->screen);
}

bool emulator_wait(struct emulator *e, int ms, int *status)
{
    long end = now_ms() + ms;

    while (e->pid > 0 && now_ms() < end) {
        if (!take(e, 10) && waitpid(e->pid, &e->status, WNOHANG) == e->pid) {
            e->pid = 0;
        }
    }
    while (take(e, 0)) {
    }
    *status = e->status;
    return e->pid == 0;
}

int emulator_stop(struct emulator *e)
{
    int status;

    if (!e) {
        return 0;
    }
    if (e->pid > 0) {
        kill(e->pid, SIGKILL);
        waitpid(e->pid, &e->status, 0);
    }
    status = e->status;
    close(e->fd);
    vterm_free(e->vt);
    free(e);
    return status;
}

void emulator_size(const struct emulator *e, int *rows, int *cols)
{
    *rows = e->rows;
    *cols = e->cols;
}

static int32_t colour_number(const VTermColor *colour, bool is_fg)
{
    if (is_fg ? VTERM_COLOR_IS_DEFAULT_FG(colour) : VTERM_COLOR_IS_DEFAULT_BG(colour)) {
        return -1;
    }
    if (VTERM_COLOR_IS_INDEXED(colour)) {
        return colour->indexed.idx;
    }
    return 0x1000000 + (colour->rgb.red << 16 | colour->rgb.green << 8 | colour->rgb.blue);
}

static size_t encode(char *out, uint32_t cp)
{
    size_t n = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};

    for (size_t i = n; i-- > 1; cp >>= 6) {
        out[i] = (char)(0x80 | (cp & 0x3F));
    }
    out[0] = (char)(n == 1 ? cp : lead[n] | cp);
    return n;
}

void emulator_cell(const struct emulator *e, int y, int x, struct emulator_cell *out)
{
    VTermScreenCell cell;
    VTermPos at = {y, x};
    size_t len = 0;

    *out = (struct emulator_cell){.width = 1, .fg = -1, .bg = -1};
    if (!vterm_screen_get_cell(e->screen, at, &cell)) {
        return;
    }
    if (cell.chars[0] == (uint32_t)-1) { /* the right half of a wide one */
        out->width = 0;
        return;
    }
    for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i]; i++) {
        len += encode(out->text + len, cell.chars[i]);
    }
    if (len == 0) {
        out->text[0] = ' ';
    }
    out->width = cell.width;
    out->bold = cell.attrs.bold;
    out->reverse = cell.attrs.reverse;
    out->underline = cell.attrs.underline != 0;
    out->fg = colour_number(&cell.fg, true);
    out->bg = colour_number(&cell.bg, false);
}

bool emulator_cursor(const struct emulator *e, int *y, int *x)
{
    VTermPos at;

    vterm_state_get_cursorpos(vterm_obtain_state(e->vt), &at);
    *y = at.row;
    *x = at.col;
    return e->cursor_shown;
}

bool emulator_alternate(const struct emulator *e)
{
    return e->alternate;
}

size_t emulator_received(const struct emulator *e)
{
    return e->received;
}

char *emulator_text(const struct emulator *e)
{
    char *out = malloc((size_t)e->rows * ((size_t)e->cols * 32 + 1) + 1), *p = out;

    for (int y = 0; out && y < e->rows; y++) {
        char *end = p; /* behind the last cell that is no blank */

        for (int x = 0; x < e->cols; x++) {
            struct emulator_cell cell;
            size_t len;

            emulator_cell(e, y, x, &cell);
            len = strlen(cell.text);
            memcpy(p, cell.text, len);
            p += len;
            end = len > 0 && strcmp(cell.text, " ") != 0 ? p : end;
        }
        p = end;
        *p++ = '\n';
    }
    if (out) {
        *p = '\0';
    }
    return out;
}

/* What an xterm sends for a key. */
static size_t key_bytes(char *out, const struct key *key)
{
    static const char *const plain[NAMED_COUNT] = {
        [NAMED_ENTER] = "\r",       [NAMED_TAB] = "\t",         [NAMED_BACKTAB] = "\033[Z",
        [NAMED_ESCAPE] = "\033",    [NAMED_BACKSPACE] = "\x7f", [NAMED_DELETE] = "\033[3~",
        [NAMED_INSERT] = "\033[2~", [NAMED_UP] = "\033[A",      [NAMED_DOWN] = "\033[B",
        [NAMED_LEFT] = "\033[D",    [NAMED_RIGHT] = "\033[C",   [NAMED_HOME] = "\033[H",
        [NAMED_END] = "\033[F",     [NAMED_PAGEUP] = "\033[5~", [NAMED_PAGEDOWN] = "\033[6~",
        [NAMED_F1] = "\033OP",      [NAMED_F2] = "\033OQ",      [NAMED_F3] = "\033OR",
        [NAMED_F4] = "\033OS",      [NAMED_F5] = "\033[15~",    [NAMED_F6] = "\033[17~",
        [NAMED_F7] = "\033[18~",    [NAMED_F8] = "\033[19~",    [NAMED_F9] = "\033[20~",
        [NAMED_F10] = "\033[21~",   [NAMED_F11] = "\033[23~",   [NAMED_F12] = "\033[24~",
    };
    size_t n = 0;

    if (key->kind == KEY_NAMED && key->mods == 0) {
        memcpy(out, plain[key->code], strlen(plain[key->code]));
        return strlen(plain[key->code]);
    }
    if (key->kind == KEY_NAMED) { /* ESC [ 1;5C from ESC [ C, ESC [ 3;5~ from ESC [ 3~ */
        const char *form = plain[key->code];
        size_t len = strlen(form);

        if (len < 3) {
            out[n++] = 27;
            memcpy(out + n, form, len);
            return n + len;
        }
        return (size_t)sprintf(out, "\033[%.*s;%u%c", len > 3 ? (int)len - 3 : 1,
                               len > 3 ? form + 2 : "1", key->mods + 1, form[len - 1]);
    }
    if (key->mods & MOD_ALT) {
        out[n++] = 27;
    }
    if (key->mods & MOD_CTRL) {
        out[n++] = (char)(key->code == ' ' ? 0 : key->code & 0x1F);
        return n;
    }
    return n + encode(out + n, key->code);
}

size_t emulator_keys(char *out, size_t capacity, const char *text)
{
    size_t n = 0;

    while (*text && n + 40 < capacity) {
        const char *end = *text == '<' ? strchr(text, '>') : NULL;
        char name[32];
        struct key key;

        if (!end) {
            out[n++] = *text++;
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)(end - text - 1), text + 1);
        if (strcmp(name, "lt") == 0) {
            out[n++] = '<';
        } else if (key_parse(&key, name)) {
            n += key_bytes(out + n, &key);
        } else {
            return 0;
        }
        text = end + 1;
    }
    return n;
}
