#include <config.h>

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "wreck.h"

#include "engine/gguf.h"
#include "made.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum { SECONDS = 60, MEGABYTES = SANITIZED ? 1500 : 400, FAULT = 99, NOTE = 1024 };

/* How much is tried. */
struct amount {
    int cuts;  /* of each file */
    int flips; /* of each model */
    int swaps; /* of values in each JSON file */
    int large; /* of each, where a try takes long */
};

static const struct amount sample = {16, 320, 60, 40}, whole = {200, 10000, 4000, 200};
static const struct amount *amount = &sample;
static uint64_t seed = 20;

static struct shared { /* with the processes */
    char note[NOTE];   /* the case at hand, then what is wrong with it */
    size_t tried, opened;
} * shared;

bool wreck_begin(void)
{
    const char *how_much = getenv("ATTUNE_FUZZ"), *from = getenv("ATTUNE_FUZZ_SEED");

    amount = how_much && strcmp(how_much, "all") == 0 ? &whole : &sample;
    seed = from ? strtoull(from, NULL, 10) : seed;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared != MAP_FAILED;
}

bool wreck_whole(void)
{
    return amount == &whole;
}

size_t wreck_tried(void)
{
    return shared->tried;
}

size_t wreck_opened(void)
{
    return shared->opened;
}

void wreck_fault(const char *format, ...)
{
    size_t n = strlen(shared->note);
    va_list args;

    n += (size_t)snprintf(shared->note + n, NOTE - n, ": ");
    va_start(args, format);
    vsnprintf(shared->note + n, NOTE - n, format, args);
    va_end(args);
    _exit(FAULT);
}

typedef bool (*opener)(const struct wreck *w, bool thoroughly);

static uint32_t draw(struct wreck *w, size_t below)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((w->random >> 33) % (below ? below : 1));
}

static void attempt(const struct wreck *w, opener open, bool thoroughly)
{
    alarm(SECONDS);
    shared->tried++;
    shared->opened += open(w, thoroughly);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static void put(const struct wreck_file *f, size_t at, const void *bytes, size_t len)
{
    if (pwrite(f->fd, bytes, len, (off_t)at) != (ssize_t)len) {
        wreck_fault("the scratch file cannot be written");
    }
}

/* Half of the cuts in the header, the others in what follows; the file only ever gets shorter. */
static void cut(const struct wreck *w, const struct wreck_file *f, int n, opener open)
{
    for (int i = n - 1; i >= 0; i--) {
        size_t half = (size_t)n / 2, k = (size_t)i;
        size_t at = k < half ? f->header * k / half
                             : f->header + (f->size - f->header) * (k - half) / ((size_t)n - half);

        snprintf(shared->note, NOTE, "%s: %s cut at byte %zu", w->name, f->name, at);
        if (ftruncate(f->fd, (off_t)at) != 0) {
            wreck_fault("the scratch file cannot be cut");
        }
        attempt(w, open, false);
    }
    put(f, 0, f->bytes, f->size);
}

static unsigned char changed(struct wreck *w, unsigned char byte)
{
    static const unsigned char telling[] = {0,   1,   0x7f, 0x80, 0xff, '"',
                                            '{', '[', '-',  '9',  'e',  ','};

    switch (draw(w, 3)) {
    case 0: return (unsigned char)(byte ^ 1u << draw(w, 8));
    case 1: return telling[draw(w, sizeof telling)];
    default: return (unsigned char)draw(w, 256);
    }
}

/* Numbers at the edge of what fits; 4 or 8 bytes of them wherever a number may stand. */
static size_t word(struct wreck *w, unsigned char out[8])
{
    static const uint64_t edges[] = {0,          1,          2,          0x7f,
                                     0xff,       0xffff,     0x7fffffff, 0x80000000,
                                     0xffffffff, UINT64_MAX, INT64_MAX,  (uint64_t)INT64_MAX + 1,
                                     1u << 20,   1u << 26,   0x3f800000, 0x7fc00000};
    uint64_t edge = edges[draw(w, sizeof edges / sizeof *edges)];

    memcpy(out, &edge, sizeof edge);
    return draw(w, 2) ? 4 : 8;
}

static void swap_word(struct wreck *w, opener open)
{
    const struct wreck_file *f = &w->files[draw(w, w->n_files)];
    unsigned char bytes[8];
    size_t len = word(w, bytes), at = draw(w, f->header);

    len = f->size - at < len ? f->size - at : len;
    snprintf(shared->note, NOTE, "%s: %s with %zu bytes from %zu of 0x%02x%02x%02x%02x...", w->name,
             f->name, len, at, bytes[0], bytes[1], bytes[2], bytes[3]);
    put(f, at, bytes, len);
    attempt(w, open, draw(w, 8) == 0);
    put(f, at, &f->bytes[at], len);
}

/* One byte, or now and then a few at once; seven of eight in the header. */
static void flip(struct wreck *w, opener open)
{
    const struct wreck_file *f = &w->files[draw(w, w->n_files)];
    size_t places[6], n = draw(w, 4) ? 1 : 2 + draw(w, 5), used;

    used = (size_t)snprintf(shared->note, NOTE, "%s: %s with", w->name, f->name);
    for (size_t i = 0; i < n; i++) {
        size_t at = draw(w, draw(w, 8) ? f->header : f->size);
        unsigned char byte = changed(w, f->bytes[at]);

        places[i] = at;
        put(f, at, &byte, 1);
        used += (size_t)snprintf(shared->note + used, NOTE - used, " byte %zu = 0x%02x", at, byte);
    }
    attempt(w, open, draw(w, 8) == 0);
    for (size_t i = 0; i < n; i++) {
        put(f, places[i], &f->bytes[places[i]], 1);
    }
}

/* The next number, word or string of a JSON text from `at` on; *end is where it ends. Returns the
 * size of the file where there is none. */
static size_t next_value(const struct wreck_file *f, size_t at, size_t *end)
{
    while (at < f->size && strchr(" \t\r\n,:[]{}", f->bytes[at])) {
        at++;
    }
    *end = at;
    if (at < f->size && f->bytes[at] == '"') {
        for (++*end; *end < f->size && f->bytes[*end] != '"'; ++*end) {
            *end += f->bytes[*end] == '\\';
        }
        *end = *end < f->size ? *end + 1 : f->size;
    } else {
        while (*end < f->size && !strchr(" \t\r\n,:[]{}", f->bytes[*end])) {
            ++*end;
        }
    }
    return at;
}

/* Every value of a JSON file in turn by one that is odd; n of all these, evenly. */
static void swap_values(const struct wreck *w, const struct wreck_file *f, int n, opener open)
{
    static const char *const odd[] = {
        "0",     "1",          "2",     "3",   "-1",   "7",
        "65536", "2147483647", "1e18",  "0.5", "1e-9", "true",
        "null",  "\"\"",       "\"x\"", "[]",  "{}",   "9223372036854775807",
    };
    enum { N_ODD = sizeof odd / sizeof *odd };
    size_t total = 0, i = 0, at, end;

    for (at = next_value(f, 0, &end); at < f->size; at = next_value(f, end, &end)) {
        total += N_ODD;
    }
    for (at = next_value(f, 0, &end); at < f->size; at = next_value(f, end, &end)) {
        for (size_t k = 0; k < N_ODD; k++, i++) {
            size_t len = strlen(odd[k]);

            if (total > (size_t)n && i * (size_t)n / total == (i + 1) * (size_t)n / total) {
                continue;
            }
            snprintf(shared->note, NOTE, "%s: %s with %s for %.*s", w->name, f->name, odd[k],
                     end - at < 80 ? (int)(end - at) : 80, (const char *)f->bytes + at);
            put(f, at, odd[k], len);
            put(f, at + len, f->bytes + end, f->size - end);
            if (ftruncate(f->fd, (off_t)(f->size - (end - at) + len)) != 0) {
                wreck_fault("the scratch file cannot be cut");
            }
            attempt(w, open, true);
        }
    }
    put(f, 0, f->bytes, f->size);
    if (ftruncate(f->fd, (off_t)f->size) != 0) {
        wreck_fault("the scratch file cannot be cut");
    }
}

static int free_descriptor(void)
{
    int fd = dup(STDERR_FILENO);

    close(fd);
    return fd;
}

/* Weights are mapped, tokenizers are read. */
static int limited(const struct wreck *w, int n)
{
    size_t most = w->tokenizer ? 1 << 14 : 1 << 20;
    bool large = false;

    for (size_t i = 0; i < w->n_files; i++) {
        large = large || w->files[i].size > most;
    }
    return large && n > amount->large ? amount->large : n;
}

/* All that is tried with one model, in a process of its own. */
static void wreck(struct wreck *w, opener open)
{
    struct rlimit limit = {(rlim_t)1 << 31, (rlim_t)1 << 31};
    int fd = free_descriptor();

    if (!SANITIZED) { /* sanitizers take terabytes of addresses */
        setrlimit(RLIMIT_AS, &limit);
    }
    limit = (struct rlimit){0, 0};
    setrlimit(RLIMIT_CORE, &limit);
    for (size_t i = 0; i < w->n_files; i++) {
        cut(w, &w->files[i], limited(w, amount->cuts), open);
        if (ends_with(w->files[i].name, ".json")) {
            swap_values(w, &w->files[i], limited(w, amount->swaps), open);
        }
    }
    for (int i = 0; i < limited(w, amount->flips); i++) {
        (i % 4 ? flip : swap_word)(w, open);
    }
    snprintf(shared->note, NOTE, "%s: mended", w->name);
    attempt(w, open, true);
    if (free_descriptor() != fd) {
        wreck_fault("files stay open");
    }
}

static void judge(int status, long kilobytes)
{
    if (WIFSIGNALED(status)) {
        fail_msg("%s: %s", shared->note,
                 WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
    }
    if (WEXITSTATUS(status) == FAULT) {
        fail_msg("%s", shared->note);
    }
    if (WEXITSTATUS(status) != 0) {
        fail_msg("%s: ends with %d: a sanitizer's report, or a leak on the way", shared->note,
                 WEXITSTATUS(status));
    }
    if (kilobytes / 1024 > MEGABYTES) {
        fail_msg("%s: %ld MB of memory on the way", shared->note, kilobytes / 1024);
    }
}

/* Bytes that are not weights. */
static size_t header_of(const struct wreck_file *f)
{
    size_t header = f->size;
    uint64_t len;

    if (ends_with(f->name, ".safetensors")) {
        memcpy(&len, f->bytes, sizeof len);
        header = (size_t)len + sizeof len;
    } else if (ends_with(f->name, ".gguf")) {
        struct gguf *file;

        assert_int_equal(gguf_open(&file, made_path(f->name), NULL), ATTUNE_OK);
        for (size_t i = 0; i < gguf_n_tensors(file); i++) {
            header -= (size_t)gguf_tensor_at(file, i)->n_bytes;
        }
        gguf_close(file);
    }
    assert_true(header > 0 && header <= f->size);
    return header;
}

/* A file of the scratch folder; the bytes are freed with it. */
void wreck_take_bytes(struct wreck *w, const char *name, void *bytes, size_t size)
{
    struct wreck_file *f = &w->files[w->n_files++];

    assert_true(w->n_files <= WRECK_FILES);
    snprintf(f->name, sizeof f->name, "%.60s", name);
    f->bytes = bytes;
    f->size = size;
    f->fd = open(made_path(f->name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(f->fd >= 0);
    put(f, 0, f->bytes, f->size);
    f->header = header_of(f);
}

void wreck_take_file(struct wreck *w, const char *path)
{
    FILE *f = fopen(path, "rb");
    void *bytes;
    struct stat st;

    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    bytes = malloc((size_t)st.st_size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)st.st_size, f), st.st_size);
    fclose(f);
    wreck_take_bytes(w, strrchr(path, '/') + 1, bytes, (size_t)st.st_size);
}

void wreck_run(struct wreck *w, opener open)
{
    struct rusage usage;
    int status;
    pid_t child;

    snprintf(w->path, sizeof w->path, "%s",
             w->n_files == 1 ? made_path(w->files[0].name) : made_folder);
    w->random = seed;
    fflush(NULL);
    shared->note[0] = '\0';
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wreck(w, open);
        exit(0); /* where a leak is noticed */
    }
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    for (size_t i = 0; i < w->n_files; i++) {
        unlink(made_path(w->files[i].name));
        close(w->files[i].fd);
        free(w->files[i].bytes);
    }
    judge(status, usage.ru_maxrss);
}
