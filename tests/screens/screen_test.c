/* Runs every *.test of this folder: a script of keys and the screens that they must lead to. Each
 * script has a process, an emulated terminal, a home and a database of its own. `screen_test
 * --update [NAME...]` writes the screens it sees into the scripts; read the difference before
 * committing it. A line is a command:
 *
 * before the first of the others
 * - size ROWS COLS, term NAME, env NAME=VALUE, run ARGUMENTS
 * - model NAME CHECKPOINT TOKENIZER: a directory $HOME/NAME of both, which stand below $GOLDEN
 * - file NAME: the lines below, each after a |, into $HOME/NAME
 *
 * what happens
 * - keys TEXT <f5>, paste TEXT, mouse ..., resize R C, signal TERM
 *
 * what must be seen
 * - screen: the lines below, each after a |, are the whole screen
 * - line N TEXT: row N (from 0) is TEXT; contains TEXT; absent TEXT
 * - cell Y X WHAT...: fg=N bg=N bold reverse underline, and no other attribute
 * - cursor Y X
 * - quiet: nothing is sent while nothing happens
 * - sent MOST: at most so many bytes since the last keys
 * - ends STATUS: the program has ended so, and the terminal is as it was
 * - again: the same program once more, with the home it left
 *
 * $GOLDEN stands for the folder of small models. Where the numbers of a model would show, line and
 * contains are enough. */
#include <config.h>

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "script.h"

static bool updating;

/* ---- commands ---- */

static void do_size(struct script *s, char *arg)
{
    assert_int_equal(sscanf(arg, "%d %d", &s->rows, &s->cols), 2);
}

static void do_term(struct script *s, char *arg)
{
    script_env(s, "TERM", arg);
}

static void do_env(struct script *s, char *arg)
{
    char *equals = strchr(arg, '='), *value;

    assert_non_null(equals);
    *equals = '\0';
    value = script_word(s, equals + 1);
    script_env(s, arg, value);
    free(value);
}

static void make_folders(char *path, size_t from)
{
    for (char *at = path + from; *at; at++) {
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0700);
            *at = '/';
        }
    }
}

/* A checkpoint and a tokenizer of $GOLDEN as one model: $HOME/NAME. */
static void do_model(struct script *s, char *arg)
{
    static const char *const parts[] = {"config.json", "model.safetensors", "tokenizer.json"};
    const char *golden = getenv("ATTUNE_GOLDEN");
    char name[64], checkpoint[64], tokenizer[64], from[512], to[512];

    assert_int_equal(sscanf(arg, "%63s %63s %63s", name, checkpoint, tokenizer), 3);
    snprintf(to, sizeof to, "%s/%s/", s->home, name);
    make_folders(to, strlen(s->home) + 1);
    for (size_t i = 0; i < 3; i++) {
        if (i < 2) {
            snprintf(from, sizeof from, "%s/%s/%s", golden, checkpoint, parts[i]);
        } else {
            snprintf(from, sizeof from, "%s/%s", golden, tokenizer);
        }
        snprintf(to, sizeof to, "%s/%s/%s", s->home, name, parts[i]);
        assert_int_equal(symlink(from, to), 0);
    }
}

static void do_run(struct script *s, char *arg)
{
    for (char *word = strtok(arg, " "); word; word = strtok(NULL, " ")) {
        assert_true(s->n_args < ARGS_MOST);
        s->args[++s->n_args] = script_word(s, word);
    }
}

static void do_keys(struct script *s, char *arg)
{
    char bytes[4096];
    size_t n = emulator_keys(bytes, sizeof bytes, arg);

    if (n == 0) {
        script_fail(s, "no such key");
    }
    script_send(s, bytes, n);
}

static void do_paste(struct script *s, char *arg)
{
    char bytes[4096];
    int n = snprintf(bytes, sizeof bytes, "\033[200~%s\033[201~", arg);

    for (char *at = bytes; *at; at++) { /* terminals send carriage returns */
        if (at[0] == '\\' && at[1] == 'n') {
            memmove(at, at + 1, strlen(at));
            *at = '\r';
            n--;
        }
    }
    script_send(s, bytes, (size_t)n);
}

static void do_mouse(struct script *s, char *arg)
{
    int button, y, x;
    char bytes[64];

    assert_int_equal(sscanf(arg, "%d %d %d", &button, &y, &x), 3);
    script_send(s, bytes,
                (size_t)snprintf(bytes, sizeof bytes, "\033[<%d;%d;%dM", button, x + 1, y + 1));
}

static void do_resize(struct script *s, char *arg)
{
    int rows, cols;

    assert_int_equal(sscanf(arg, "%d %d", &rows, &cols), 2);
    script_see(s);
    emulator_resize(s->e, rows, cols);
    free(s->text);
    s->text = NULL;
}

static void do_contains(struct script *s, char *arg)
{
    script_see(s);
    if (!strstr(s->text, arg)) {
        script_fail(s, arg);
    }
}

static void do_absent(struct script *s, char *arg)
{
    script_see(s);
    if (strstr(s->text, arg)) {
        script_fail(s, arg);
    }
}

static void do_line(struct script *s, char *arg)
{
    char *text;
    long row = strtol(arg, &text, 10);
    const char *got;
    size_t len;

    text += *text == ' ';
    script_see(s);
    got = script_row(s, (int)row, &len);
    if (strlen(text) != len || memcmp(got, text, len) != 0) {
        script_fail(s, arg);
    }
}

static void do_cell(struct script *s, char *arg)
{
    struct emulator_cell cell;
    int y, x, used = 0;
    char text[160];

    assert_int_equal(sscanf(arg, "%d %d %n", &y, &x, &used), 2);
    script_see(s);
    emulator_cell(s->e, y, x, &cell);
    snprintf(text, sizeof text, "%s fg=%d bg=%d%s%s%s", cell.text, cell.fg, cell.bg,
             cell.bold ? " bold" : "", cell.reverse ? " reverse" : "",
             cell.underline ? " underline" : "");
    if (strcmp(text, arg + used) != 0) {
        script_fail(s, text);
    }
}

static void do_cursor(struct script *s, char *arg)
{
    int y, x, at_y, at_x;

    assert_int_equal(sscanf(arg, "%d %d", &y, &x), 2);
    script_see(s);
    if (!emulator_cursor(s->e, &at_y, &at_x) || at_y != y || at_x != x) {
        script_fail(s, arg);
    }
}

static void do_quiet(struct script *s, char *arg)
{
    size_t before;

    script_see(s);
    before = emulator_received(s->e);
    script_sync(s);
    if (emulator_received(s->e) != before + PONG_BYTES) {
        script_fail(s, "something was sent although nothing changed");
    }
}

static void do_sent(struct script *s, char *arg)
{
    char text[64];
    size_t sent;

    script_see(s);
    sent = emulator_received(s->e) - s->sent_before - PONG_BYTES;
    snprintf(text, sizeof text, "%zu bytes were sent", sent);
    if (sent > strtoul(arg, NULL, 10)) {
        script_fail(s, text);
    }
}

static void do_signal(struct script *s, char *arg)
{
    static const struct {
        const char *name;
        int number;
    } table[] = {{"TERM", SIGTERM}, {"HUP", SIGHUP}, {"SEGV", SIGSEGV}, {"WINCH", SIGWINCH}};

    script_see(s);
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(table[i].name, arg) == 0) {
            emulator_signal(s->e, table[i].number);
        }
    }
    free(s->text);
    s->text = NULL;
}

static void do_ends(struct script *s, char *arg)
{
    int status = 0, code, y, x;
    char text[64];

    script_start(s);
    if (!emulator_wait(s->e, END_MS, &status)) {
        script_fail(s, "the program still runs");
    }
    s->ended = true;
    code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    snprintf(text, sizeof text, "it ended with status %d", code);
    if (code != atoi(arg)) {
        script_fail(s, text);
    }
    if (emulator_alternate(s->e)) {
        script_fail(s, "the alternate screen was not left");
    }
    if (!emulator_cursor(s->e, &y, &x)) {
        script_fail(s, "the cursor was left hidden");
    }
    free(s->text);
    s->text = emulator_text(s->e);
}

static void do_again(struct script *s, char *arg)
{
    if (!s->ended) {
        script_fail(s, "again comes after ends");
    }
    emulator_stop(s->e);
    free(s->text);
    s->e = NULL;
    s->text = NULL;
    s->ended = false;
    script_start(s);
}

static const struct {
    const char *name;
    void (*run)(struct script *s, char *arg);
} commands[] = {
    {"size", do_size},     {"term", do_term},         {"env", do_env},       {"run", do_run},
    {"model", do_model},   {"keys", do_keys},         {"paste", do_paste},   {"mouse", do_mouse},
    {"resize", do_resize}, {"contains", do_contains}, {"absent", do_absent}, {"line", do_line},
    {"cell", do_cell},     {"cursor", do_cursor},     {"quiet", do_quiet},   {"sent", do_sent},
    {"signal", do_signal}, {"ends", do_ends},
    {"again", do_again},
};

/* Whether the expected screen that follows is what is shown; *next moves behind it. */
static void check_screen(struct script *s, char **next)
{
    bool same = true;
    int row = 0, rows, cols;
    size_t len;

    script_see(s);
    emulator_size(s->e, &rows, &cols);
    for (; **next == '|'; row++) {
        char *line = *next + 1, *end = strchr(line, '\n');
        const char *got = script_row(s, row, &len);

        same &= end && (size_t)(end - line) == len && memcmp(line, got, len) == 0;
        *next = end ? end + 1 : line + strlen(line);
    }
    if (s->out) {
        for (row = 0; row < rows; row++) {
            const char *got = script_row(s, row, &len);

            fprintf(s->out, "|%.*s\n", (int)len, got);
        }
    } else if (!same || row != rows) {
        script_fail(s, "the screen is another one (above: what is shown)");
    }
}

/* The lines that follow into a file below the home. */
static void write_lines(struct script *s, const char *name, char **next)
{
    char path[600];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", s->home, name);
    make_folders(path, strlen(s->home) + 1);
    f = fopen(path, "w");
    assert_non_null(f);
    while (**next == '|') {
        size_t len = strcspn(*next, "\n");

        assert_int_equal(fwrite(*next + 1, 1, len - 1, f), len - 1);
        fputc('\n', f);
        if (s->out) {
            fprintf(s->out, "%.*s\n", (int)len, *next);
        }
        *next += len + ((*next)[len] == '\n');
    }
    fclose(f);
}

static void run_lines(struct script *s, char *text)
{
    char *next;

    for (char *line = text; *line; line = next) {
        char *end = strchr(line, '\n'), *arg;
        bool known = false;

        next = end ? end + 1 : line + strlen(line);
        if (end) {
            *end = '\0';
        }
        s->number++;
        if (s->out && *line != '|') {
            fprintf(s->out, "%s\n", line);
        }
        if (!*line || *line == '#') {
            continue;
        }
        if (strcmp(line, "screen") == 0 || strncmp(line, "file ", 5) == 0) {
            char *from = next;

            if (line[0] == 'f') {
                write_lines(s, line + 5, &next);
            } else {
                check_screen(s, &next);
            }
            for (char *at = from; at < next; at++) {
                s->number += *at == '\n';
            }
            continue;
        }
        arg = strchr(line, ' ');
        arg = arg ? (*arg = '\0', arg + 1) : line + strlen(line);
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
            if (strcmp(commands[i].name, line) == 0) {
                commands[i].run(s, arg);
                known = true;
            }
        }
        if (!known) {
            script_fail(s, "no such command");
        }
    }
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 18);

    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 18) - 1, f) > 0);
    fclose(f);
    return text;
}

static void a_script_leads_to_its_screens(void **state)
{
    struct script s = {.path = *state, .rows = 24, .cols = 80};
    const char *folder = getenv("TMPDIR");
    char *text = read_file(s.path), *updated = NULL;
    size_t len = 0;

    snprintf(s.home, sizeof s.home, "%s/attune-screen-XXXXXX", folder ? folder : "/tmp");
    assert_non_null(mkdtemp(s.home));
    s.out = updating ? open_memstream(&updated, &len) : NULL;
    run_lines(&s, text);
    if (s.out) {
        FILE *f;

        fclose(s.out);
        f = fopen(s.path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(updated, 1, len, f), len);
        fclose(f);
        free(updated);
    }
    free(text);
    script_finish(&s);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_wanted(const char *name, int argc, char **argv)
{
    bool any = false;

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            any = true;
            if (strncmp(name, argv[i], strlen(argv[i])) == 0) {
                return true;
            }
        }
    }
    return !any;
}

int main(int argc, char **argv)
{
    static struct CMUnitTest tests[SCRIPTS_MOST];
    static char *paths[SCRIPTS_MOST];
    const char *top = getenv("top_srcdir");
    char folder[1024];
    struct dirent *entry;
    size_t n = 0;
    DIR *dir;

    snprintf(folder, sizeof folder, "%s/tests/screens", top ? top : ".");
    dir = opendir(folder);
    updating = argc > 1 && strcmp(argv[1], "--update") == 0;
    while (dir && n < SCRIPTS_MOST && (entry = readdir(dir))) {
        const char *dot = strrchr(entry->d_name, '.');

        if (dot && strcmp(dot, ".test") == 0 && is_wanted(entry->d_name, argc, argv) &&
            asprintf(&paths[n], "%s/%s", folder, entry->d_name) > 0) {
            n++;
        }
    }
    if (dir) {
        closedir(dir);
    }
    qsort(paths, n, sizeof *paths, compare);
    for (size_t i = 0; i < n; i++) {
        tests[i] = (struct CMUnitTest){strrchr(paths[i], '/') + 1, a_script_leads_to_its_screens,
                                       NULL, NULL, paths[i]};
    }
    return n == 0 ? 1 : _cmocka_run_group_tests("screens", tests, n, NULL, NULL);
}
