/* Curses, and curses only for drawing: input is read and decoded elsewhere.
 *
 * Life of the terminal: newterm on a private FILE, raw mode, modes on (paste, mouse, focus) ...
 * modes off, endwin. Four things can end it: term_close, exit (atexit), a fatal signal (its handler
 * writes the same strings by write and hands the signal on), and a stop, which is an end followed
 * by a new start. */
#include <config.h>

#include "term.h"

#include <attune/library.h>
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* One sequence each: some emulators obey only the first number of a joined one. */
static const char modes_on[] = "\033[?2004h\033[?1004h";
static const char mouse_on[] = "\033[?1002h\033[?1006h";
static const char mouse_off[] = "\033[?1006l\033[?1002l";
static const char modes_off[] = "\033[?1006l\033[?1002l\033[?1004l\033[?2004l";

/* Of <term.h>, whose struct term is another one. */
extern char *tigetstr(const char *name);

struct term {
    FILE *tty;
    SCREEN *screen;
    enum colour_tier tier;
    bool mouse;
    struct cell *shown; /* [shown_rows, shown_cols] what the terminal holds; NULL: unknown */
    int shown_rows, shown_cols;
    int log, saved_out, saved_err;
    bool log_is_memory;
};

/* Handlers see the terminal through these. */
static struct {
    struct term *term;
    volatile sig_atomic_t up;
    int tty, wake, saved_err;
    volatile sig_atomic_t flags[4];
    struct termios modes;
    char leave[128]; /* what leaves the screen: cursor, colours, alternate screen */
    size_t leave_len;
    struct sigaction before[NSIG];
} the;

static const struct {
    int number, flag;
} told[] = {{SIGWINCH, 0}, {SIGTERM, 1}, {SIGHUP, 1}, {SIGINT, 1}, {SIGTSTP, 2}, {SIGCONT, 3}};
static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

static void write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno != EINTR) {
            return;
        }
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
    }
}

static void on_signal(int number)
{
    int error = errno;

    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        if (told[i].number == number) {
            the.flags[told[i].flag] = 1;
        }
    }
    write_all(the.wake, (const char *)&(uint64_t){1}, sizeof(uint64_t));
    errno = error;
}

static void on_fatal(int number)
{
    if (the.up) {
        the.up = 0;
        write_all(the.tty, modes_off, sizeof modes_off - 1);
        write_all(the.tty, the.leave, the.leave_len);
        tcsetattr(the.tty, TCSANOW, &the.modes);
        dup2(the.saved_err, STDERR_FILENO);
    }
    sigaction(number, &the.before[number], NULL);
    raise(number);
}

static void set_handlers(void)
{
    struct sigaction action = {.sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    action.sa_handler = on_signal;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        sigaction(told[i].number, &action, &the.before[told[i].number]);
    }
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, &the.before[SIGPIPE]);
    action.sa_handler = on_fatal;
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        sigaction(fatal[i], &action, &the.before[fatal[i]]);
    }
}

static void restore_handlers(void)
{
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        sigaction(told[i].number, &the.before[told[i].number], NULL);
    }
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        sigaction(fatal[i], &the.before[fatal[i]], NULL);
    }
    sigaction(SIGPIPE, &the.before[SIGPIPE], NULL);
}

/* Keeps what the fatal handler must send: terminfo cannot be asked from there. */
static void keep_leaving(void)
{
    static const char *const names[] = {"sgr0", "rmkx", "rmcup", "cnorm"};

    the.leave_len = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *text = tigetstr(names[i]);
        size_t len = text && text != (char *)-1 ? strlen(text) : 0;

        if (the.leave_len + len < sizeof the.leave) {
            memcpy(the.leave + the.leave_len, text ? text : "", len);
            the.leave_len += len;
        }
    }
}

static void set_modes(struct term *t)
{
    write_all(fileno(t->tty), modes_on, sizeof modes_on - 1);
    if (t->mouse) {
        write_all(fileno(t->tty), mouse_on, sizeof mouse_on - 1);
    }
}

/* The cursor is shown once more at the end: some emulators keep its absence with the main screen.
 */
static void go_down(struct term *t)
{
    const char *cursor = tigetstr("cnorm");

    write_all(fileno(t->tty), modes_off, sizeof modes_off - 1);
    endwin();
    fflush(t->tty);
    if (cursor && cursor != (char *)-1) {
        write_all(fileno(t->tty), cursor, strlen(cursor));
    }
    the.up = 0;
}

static void at_exit(void)
{
    if (the.term && the.up) {
        go_down(the.term);
        tcflush(STDIN_FILENO, TCIFLUSH); /* the mouse may have spoken once more: not to the shell */
    }
}

static void open_log(struct term *t, const char *path, struct attune_error *err)
{
    t->log_is_memory = !path;
    t->log = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                  : memfd_create("attune-log", MFD_CLOEXEC);
    if (t->log < 0) {
        attune_error_set(err, ATTUNE_IO, 0, "%s: %s", path ? path : "log", strerror(errno));
    }
}

/* Says what was printed behind the screen's back: a library's complaint should not be lost. */
static void show_log(struct term *t)
{
    char text[4096];
    off_t size = t->log_is_memory ? lseek(t->log, 0, SEEK_END) : 0;
    ssize_t n;

    if (size > 0) {
        n = pread(t->log, text, sizeof text,
                  size > (off_t)sizeof text ? size - (off_t)sizeof text : 0);
        write_all(STDERR_FILENO, text, n > 0 ? (size_t)n : 0);
    }
}

static enum colour_tier pick_tier(int wanted)
{
    const char *no_color = getenv("NO_COLOR");
    enum colour_tier most = TIER_MONO;

    if (wanted == TIER_MONO || (wanted < 0 && no_color && no_color[0]) || !has_colors() ||
        start_color() == ERR) {
        return TIER_MONO;
    }
    if (COLORS >= 8 && use_default_colors() == OK) {
        most = COLORS >= 0x1000000 ? TIER_DIRECT : COLORS >= 256 ? TIER_256 : TIER_8;
    }
    if (wanted < 0 || wanted > (int)most) {
        return most;
    }
    /* Numbers below 0x1000000 mean other colours on a direct terminal: only its own tier and 8 fit
     * it. */
    return most == TIER_DIRECT && wanted == TIER_256 ? TIER_DIRECT : (enum colour_tier)wanted;
}

/* The entry lies in the folder terminfo beside an uninstalled program, or among the data. An empty
 * place in the list is the system's own. */
static void add_terminfo(void)
{
    const char *before = getenv("TERMINFO_DIRS");
    char exe[1024], *data = attune_library_datadir(), *list = NULL;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    char *slash;

    exe[n > 0 ? n : 0] = '\0';
    slash = strrchr(exe, '/');
    if (slash) {
        *slash = '\0';
    }
    if (asprintf(&list, "%s/terminfo:%s/terminfo:%s", exe, data ? data : "", before ? before : "") >
        0) {
        setenv("TERMINFO_DIRS", list, 1);
        free(list);
    }
    free(data);
}

/* attune-direct (attune-direct.ti) is the terminal with 24-bit colour; without it, or where the
 * terminal does not say that it has that, $TERM as it is. */
static SCREEN *open_screen(FILE *tty, int wanted)
{
    const char *term = getenv("TERM"), *colorterm = getenv("COLORTERM"),
               *no_color = getenv("NO_COLOR");
    bool says_direct =
        colorterm && (strcmp(colorterm, "truecolor") == 0 || strcmp(colorterm, "24bit") == 0);
    bool fits = strncmp(term, "xterm", 5) == 0 || strncmp(term, "tmux", 4) == 0;
    SCREEN *screen = NULL;

    if (fits &&
        (wanted == TIER_DIRECT || (wanted < 0 && says_direct && !(no_color && no_color[0])))) {
        add_terminfo();
        screen = newterm("attune-direct", tty, stdin);
    }
    return screen ? screen : newterm(NULL, tty, stdin);
}

static void read_size(void)
{
    struct winsize size;

    if (ioctl(the.tty, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0 &&
        (size.ws_row != LINES || size.ws_col != COLS)) {
        resize_term(size.ws_row, size.ws_col);
    }
}

int term_check(struct attune_error *err)
{
    static const char instead[] =
        "use a verb (attune run -p TEXT, attune tokenize, attune probs; attune --help lists them)";
    const char *name = getenv("TERM");

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0, "the screen needs a terminal: %s",
                                instead);
    }
    if (!name || !name[0] || strcmp(name, "dumb") == 0) {
        return attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                "the screen needs a terminal that can move its cursor, and TERM is "
                                "%s: %s",
                                name && name[0] ? name : "not set", instead);
    }
    return ATTUNE_OK;
}

int term_open(struct term **out, const struct term_options *options, struct attune_error *err)
{
    struct attune_error log_error = {0};
    static bool registered;
    struct term *t;
    int fd;

    *out = NULL;
    if (term_check(err) != ATTUNE_OK) {
        return ATTUNE_UNSUPPORTED;
    }
    unsetenv("LINES"); /* they would beat the real size */
    unsetenv("COLUMNS");
    t = calloc(1, sizeof *t);
    fd = t ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) : -1;
    if (!t || fd < 0 || !(t->tty = fdopen(fd, "w"))) {
        free(t);
        return attune_error_set(err, ATTUNE_MEMORY, 0, "out of memory");
    }
    open_log(t, options->log, &log_error);
    tcgetattr(fd, &the.modes);
    t->screen = t->log < 0 ? NULL : open_screen(t->tty, options->colour);
    if (!t->screen) {
        if (t->log >= 0) {
            close(t->log);
        }
        fclose(t->tty);
        free(t);
        return log_error.status ? attune_error_set(err, ATTUNE_IO, 0, "%s", log_error.text)
                                : attune_error_set(err, ATTUNE_UNSUPPORTED, 0,
                                                   "no terminfo entry for TERM=%s", getenv("TERM"));
    }
    raw();
    noecho();
    nonl();
    typeahead(-1);
    leaveok(stdscr, FALSE);
    t->tier = pick_tier(options->colour);
    t->mouse = !options->no_mouse;
    keep_leaving();
    fflush(stdout);
    fflush(stderr);
    t->saved_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    t->saved_err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    dup2(t->log, STDOUT_FILENO);
    dup2(t->log, STDERR_FILENO);
    the.tty = fd;
    the.saved_err = t->saved_err;
    the.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    the.term = t;
    the.up = 1;
    set_handlers();
    if (!registered) {
        registered = atexit(at_exit) == 0;
    }
    read_size();
    set_modes(t);
    *out = t;
    return ATTUNE_OK;
}

void term_close(struct term *t)
{
    if (!t) {
        return;
    }
    at_exit();
    restore_handlers();
    the.term = NULL;
    fflush(stdout);
    fflush(stderr);
    dup2(t->saved_out, STDOUT_FILENO);
    dup2(t->saved_err, STDERR_FILENO);
    close(t->saved_out);
    close(t->saved_err);
    show_log(t);
    close(t->log);
    close(the.wake);
    delscreen(t->screen);
    fclose(t->tty);
    free(t->shown);
    free(t);
}

enum colour_tier term_tier(const struct term *t)
{
    return t->tier;
}

void term_size(const struct term *t, int *rows, int *cols)
{
    *rows = LINES;
    *cols = COLS;
}

static int pair_of(const struct term *t, struct style s)
{
    int pair;

    if (t->tier == TIER_MONO || (s.fg < 0 && s.bg < 0)) {
        return 0;
    }
    pair = alloc_pair(s.fg, s.bg);
    return pair > 0 ? pair : 0; /* a cell with pair -1 prints garbage */
}

static void send_cell(struct term *t, int y, int x, const struct cell *cell)
{
    static const struct {
        uint16_t attr;
        attr_t curses;
    } map[] = {{ATTR_BOLD, A_BOLD},
               {ATTR_DIM, A_DIM},
               {ATTR_REVERSE, A_REVERSE},
               {ATTR_UNDERLINE, A_UNDERLINE}};
    wchar_t text[5] = {0};
    attr_t attrs = A_NORMAL;
    int pair = pair_of(t, cell->style);
    cchar_t c;

    for (int i = 0; i < cell->n; i++) {
        text[i] = (wchar_t)cell->cp[i];
    }
    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        attrs |= cell->style.attrs & map[i].attr ? map[i].curses : 0;
    }
    if (setcchar(&c, text, attrs, 0, &pair) == OK) {
        mvadd_wch(y, x, &c);
    }
}

/* A row where wide characters come or go is sent whole: curses repairs their neighbours by itself.
 */
static void send_row(struct term *t, int y, const struct cell *row, const struct cell *old,
                     int cols)
{
    bool whole = !old;

    for (int x = 0; !whole && x < cols; x++) {
        whole = row[x].width != 1 || old[x].width != 1;
    }
    if (whole && old && memcmp(row, old, (size_t)cols * sizeof *row) == 0) {
        return;
    }
    for (int x = 0; x < cols; x++) {
        if (row[x].n > 0 && (whole || memcmp(&row[x], &old[x], sizeof *row) != 0)) {
            send_cell(t, y, x, &row[x]);
        }
    }
}

void term_draw(struct term *t, const struct canvas *c)
{
    int rows = c->rows < LINES ? c->rows : LINES, cols = c->cols < COLS ? c->cols : COLS;
    size_t size = (size_t)c->rows * (size_t)c->cols * sizeof *c->cells;
    bool same_size = t->shown && t->shown_rows == c->rows && t->shown_cols == c->cols;

    for (int y = 0; y < rows; y++) {
        size_t at = (size_t)y * (size_t)c->cols;

        send_row(t, y, c->cells + at, same_size ? t->shown + at : NULL, cols);
    }
    if (!same_size) {
        free(t->shown);
        t->shown = malloc(size + 1);
        t->shown_rows = c->rows;
        t->shown_cols = c->cols;
    }
    if (t->shown) {
        memcpy(t->shown, c->cells, size);
    }
    curs_set(c->cursor_y >= 0 ? 1 : 0);
    if (c->cursor_y >= 0) {
        move(c->cursor_y, c->cursor_x);
    }
    wnoutrefresh(stdscr);
    doupdate();
}

void term_repaint(struct term *t)
{
    free(t->shown);
    t->shown = NULL;
    clearok(curscr, TRUE);
}

void term_write(struct term *t, const char *bytes, size_t len)
{
    fflush(t->tty);
    write_all(the.tty, bytes, len);
}

int term_fd(const struct term *t)
{
    return STDIN_FILENO;
}

size_t term_read(struct term *t, char *out, size_t capacity)
{
    ssize_t n;

    do {
        n = read(STDIN_FILENO, out, capacity);
    } while (n < 0 && errno == EINTR);
    return n > 0 ? (size_t)n : 0;
}

int term_signal_fd(const struct term *t)
{
    return the.wake;
}

unsigned term_signals(struct term *t)
{
    unsigned came = 0;
    uint64_t count;

    if (read(the.wake, &count, sizeof count) < 0) {
        return 0;
    }
    for (unsigned i = 0; i < sizeof the.flags / sizeof *the.flags; i++) {
        if (the.flags[i]) {
            the.flags[i] = 0;
            came |= 1u << i;
        }
    }
    if (came & (TERM_RESIZED | TERM_CONTINUED)) {
        read_size();
        term_repaint(t); /* without it rows of the old size stay */
    }
    return came;
}

void term_mouse(struct term *t, bool on)
{
    t->mouse = on;
    term_write(t, on ? mouse_on : mouse_off, sizeof mouse_on - 1);
}

static void go_up(struct term *t)
{
    reset_prog_mode();
    read_size();
    set_modes(t);
    term_repaint(t);
    the.up = 1;
}

void term_suspend(struct term *t)
{
    def_prog_mode();
    go_down(t);
    tcflush(STDIN_FILENO, TCIFLUSH);
    raise(SIGSTOP);
    go_up(t);
}

int term_run(struct term *t, char *const argv[])
{
    extern char **environ;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, saved_int, saved_quit;
    sigset_t none, defaults;
    int status = -1, failed;
    pid_t child;

    def_prog_mode();
    go_down(t);
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGINT);
    sigaddset(&defaults, SIGQUIT);
    sigaddset(&defaults, SIGPIPE);
    sigaction(SIGINT, &ignore, &saved_int);
    sigaction(SIGQUIT, &ignore, &saved_quit);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, the.tty, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, the.tty, STDERR_FILENO);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    failed = posix_spawnp(&child, argv[0], &files, &attr, argv, environ);
    while (!failed && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    sigaction(SIGINT, &saved_int, NULL);
    sigaction(SIGQUIT, &saved_quit, NULL);
    go_up(t);
    return failed || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}
