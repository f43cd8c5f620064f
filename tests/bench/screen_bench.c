/* How fast the screen answers: the first frame, a knob tick, a key while the model writes, and one
 * at the end of a long prompt until its tokens are counted and the next distribution stands there,
 * and the next head of such a prompt until its map is drawn.
 * Times are measured from outside, through a pseudo-terminal: from the byte sent to the cell that
 * shows it.
 *
 *   tests/bench/screen_bench ./attune MODEL [typing|heads [WORDS]]
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/screens/emulator.h"

enum {
    ROWS = 40,
    COLS = 120,
    TICKS = 60,
    KEYS = 300,
    TYPED = 60,
    WORDS = 960,
    PATIENCE_MS = 60000
};

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void report(const char *what, double *ms, int n)
{
    qsort(ms, (size_t)n, sizeof *ms, by_size);
    printf("%-44s median %7.2f ms   95%% %7.2f   99%% %7.2f   most %7.2f   (%d samples)\n", what,
           ms[n / 2], ms[n * 95 / 100], ms[n * 99 / 100], ms[n - 1], n);
    fflush(stdout);
}

static void press(struct emulator *e, const char *keys)
{
    char bytes[128];
    size_t n = emulator_keys(bytes, sizeof bytes, keys);

    emulator_send(e, bytes, n);
}

static bool shows(struct emulator *e, const char *text)
{
    char *screen = emulator_text(e);
    bool found = screen && strstr(screen, text);

    free(screen);
    return found;
}

/* Reads in steps of a millisecond until the text is there; the time it took, or a negative number.
 */
static double wait_text(struct emulator *e, const char *text, double since)
{
    while (now_ms() - since < PATIENCE_MS) {
        emulator_settle(e, 1, 1);
        if (shows(e, text)) {
            return now_ms() - since;
        }
    }
    return -1;
}

static double wait_cursor(struct emulator *e, int x, double since)
{
    int at_y, at_x;

    while (now_ms() - since < PATIENCE_MS) {
        emulator_settle(e, 1, 1);
        if (emulator_cursor(e, &at_y, &at_x) && at_x != x) {
            return now_ms() - since;
        }
    }
    return -1;
}

static struct emulator *start(char *attune, char *model, double *first_frame)
{
    static char test[] = "ATTUNE_TEST=1", term[] = "TERM=xterm-256color",
                db[] = "ATTUNE_DB=/dev/null/none";
    char *env[] = {test, term, db, NULL}, *argv[] = {attune, model, NULL};
    double since = now_ms();
    struct emulator *e = emulator_start(ROWS, COLS, argv, env);

    if (e) {
        *first_frame = wait_text(e, "Prompt", since);
        emulator_sync(e, PATIENCE_MS);
    }
    return e;
}

static void measure_ticks(struct emulator *e)
{
    double ms[TICKS];

    press(e, "<esc>");
    for (int i = 0; i < TICKS; i++) {
        double since = now_ms();

        press(e, i % 2 ? "<alt-t>" : "<alt-T>");
        emulator_sync(e, PATIENCE_MS);
        ms[i] = now_ms() - since;
    }
    report("a knob tick to the finished frame", ms, TICKS);
}

static void measure_keys(struct emulator *e)
{
    double ms[KEYS];
    int n = 0, y = 0, x = 0;

    press(e, "Once upon a time there was");
    emulator_sync(e, PATIENCE_MS);
    press(e, "<f5>");
    emulator_settle(e, 50, 300);
    while (n < KEYS && !shows(e, "ready")) {
        double since;

        emulator_settle(e, 1, 20);
        emulator_cursor(e, &y, &x);
        since = now_ms();
        press(e, n % 2 ? "<right>" : "<left>");
        ms[n] = wait_cursor(e, x, since);
        n += ms[n] >= 0;
    }
    if (n) {
        report("a key while the model writes", ms, n);
    } else {
        printf("the run was over before a key could be sent: take a larger model\n");
    }
    press(e, "<ctrl-c>");
}

/* So many words, pasted and read. */
static bool paste(struct emulator *e, int n_words)
{
    static const char *const words[] = {"the", "cat", "sat", "on", "a", "mat", "and", "looked"};
    double since = now_ms();
    char *text = malloc((size_t)n_words * 8 + 16);
    size_t n = 0;

    if (!text) {
        return false;
    }
    n += (size_t)sprintf(text, "\x1b[200~");
    for (int i = 0; i < n_words; i++) {
        n += (size_t)sprintf(text + n, "%s%s", i ? " " : "", words[(i + i / 8) % 8]);
    }
    n += (size_t)sprintf(text + n, "\x1b[201~");
    emulator_send(e, text, n);
    emulator_sync(e, PATIENCE_MS);
    printf("%-44s %.0f ms\n", "the whole prompt, read for the first time", now_ms() - since);
    free(text);
    return true;
}

/* What model, how many tokens. */
static void print_status(struct emulator *e)
{
    char *text = emulator_text(e);

    printf("%-44s %.70s\n", "on the screen", text ? text : "");
    free(text);
}

/* One head after the other, until the map of each is on the screen. */
static void measure_heads(struct emulator *e, int n_words)
{
    double ms[TYPED];

    if (!paste(e, n_words)) {
        return;
    }
    press(e, "<f4>");
    emulator_sync(e, PATIENCE_MS);
    for (int i = 0; i < TYPED; i++) {
        double since = now_ms();

        press(e, i % 8 < 4 ? "}" : "{");
        emulator_sync(e, PATIENCE_MS);
        ms[i] = now_ms() - since;
    }
    print_status(e);
    report("the next head to its map", ms, TYPED);
}

/* A prompt of about a thousand tokens; then one character after the other at its end. The frame is
 * finished when nothing is left to compute for it. */
static void measure_typing(struct emulator *e)
{
    static const char typed[] = "er than the other one and so it went on ";
    double ms[TYPED], since;

    press(e, "<ctrl-x>screen typing prompt:50/tokens | dist<enter>");
    press(e, "<ctrl-x>screen typing<enter>");
    if (!paste(e, WORDS)) {
        return;
    }
    for (int i = 0; i < TYPED; i++) {
        const char key[2] = {typed[(size_t)i % (sizeof typed - 1)], '\0'};

        since = now_ms();
        emulator_send(e, key, 1);
        emulator_sync(e, PATIENCE_MS);
        ms[i] = now_ms() - since;
    }
    print_status(e);
    report("a key at the end of it to the distribution", ms, TYPED);
}

int main(int argc, char **argv)
{
    double first[9];
    struct emulator *e = NULL;
    int n = sizeof first / sizeof *first;
    bool heads;

    heads = argc > 3 && strcmp(argv[3], "heads") == 0;
    if (argc < 3 || argc > 5 || (argc > 3 && !heads && strcmp(argv[3], "typing") != 0)) {
        fprintf(stderr, "usage: %s ./attune MODEL [typing|heads [WORDS]]\n", argv[0]);
        return 2;
    }
    n = argc > 3 ? 1 : n;
    for (int i = 0; i < n; i++) {
        if (e) {
            emulator_stop(e);
        }
        e = start(argv[1], argv[2], &first[i]);
        if (!e) {
            fprintf(stderr, "%s does not start\n", argv[1]);
            return 1;
        }
    }
    if (argc == 3) {
        report("start to the first frame", first, n);
        measure_ticks(e);
        measure_keys(e);
    } else {
        emulator_settle(e, 300, PATIENCE_MS);
        emulator_sync(e, PATIENCE_MS);
        if (heads) {
            measure_heads(e, argc > 4 ? atoi(argv[4]) : WORDS);
        } else {
            measure_typing(e);
        }
    }
    emulator_stop(e);
    return 0;
}
