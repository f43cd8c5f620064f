/* Models that were cut short or had bytes flipped: whatever stands in the files, opening them ends
 * in a model that can be used or in one line that names the file. Never in a crash, a hang, a leak
 * or an absurd allocation.
 *
 * Each model is copied into the scratch folder and damaged there by a process of its own, which
 * notes in shared memory what it is about to try:
 *
 *     test --fork--> one model: cut, open, use, close, ... flip, open, use, close, mend, ...
 *          <-wait--  how it ended, the most memory it had, and the note if it did not end well
 *
 * Without ATTUNE_FUZZ a sample of the models that come along; ATTUNE_FUZZ=all is everything there
 * is, here and beside the source tree. ATTUNE_FUZZ_SEED draws another sample; arguments name
 * models. */
#include <config.h>

#include <attune/generate.h>
#include <attune/tensors.h>

#include <dirent.h>
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

#include "engine/gguf.h"
#include "made.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

enum { MAX_FILES = 16, SECONDS = 60, MEGABYTES = SANITIZED ? 1500 : 400, FAULT = 99 };

/* One file of a model: as it was, and how much of it is a header. */
struct file {
    char name[64];
    int fd;
    unsigned char *bytes; /* [size] */
    size_t size, header;
};

struct wreck {
    const char *name;
    char path[128]; /* what is opened */
    bool tokenizer; /* no weights beside it */
    struct file files[MAX_FILES];
    size_t n_files;
    uint64_t random;
};

/* How much is tried. */
struct amount {
    int cuts;   /* of each file */
    int flips;  /* of each model */
    int tokens; /* of both, for tokenizers alone: their files are large */
};

static const struct amount sample = {30, 800, 60}, whole = {200, 10000, 200};
static const struct amount *amount = &sample;
static uint64_t seed = 20;
static char *const *only; /* names from the command line */

enum { NOTE = 1024 };
static struct shared { /* with the processes */
    char note[NOTE];   /* the case at hand, then what is wrong with it */
    size_t tried, opened;
} * shared;

static uint32_t draw(struct wreck *w, size_t below)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((w->random >> 33) % (below ? below : 1));
}

/* Ends the process: the case in the note is at fault. */
static void fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void fault(const char *format, ...)
{
    size_t n = strlen(shared->note);
    va_list args;

    n += (size_t)snprintf(shared->note + n, NOTE - n, ": ");
    va_start(args, format);
    vsnprintf(shared->note + n, NOTE - n, format, args);
    va_end(args);
    _exit(FAULT);
}

/* ---- what is done with one that opens ---- */
static void use_tokenizer(const struct attune_tokenizer *tk)
{
    static const char text[] = "The cat's 12 <b> h\xc3\xa9llo  \xe4\xbd\xa0\n";
    struct attune_tokenize_options options = {
        .add_special = true, .parse_special = true, .pair = "a b", .pair_len = 3};
    struct attune_tokens tokens = {0};
    struct attune_error err = {0};
    size_t n = attune_tokenizer_size(tk), len;
    char bytes[16], *back;

    if (attune_tokenize(&tokens, tk, text, sizeof text - 1, &options, &err) == ATTUNE_OK) {
        for (size_t i = 0; i < tokens.n; i++) {
            if (tokens.ids[i] < 0 || (size_t)tokens.ids[i] >= n) {
                fault("token %zu has id %d of %zu", i, (int)tokens.ids[i], n);
            }
            if (tokens.start[i] > tokens.end[i] || tokens.end[i] > sizeof text - 1) {
                fault("token %zu covers bytes %zu to %zu", i, tokens.start[i], tokens.end[i]);
            }
        }
        if (attune_detokenize(&back, &len, tk, tokens.ids, tokens.n, false, true, &err) ==
            ATTUNE_OK) {
            free(back);
        }
    } else if (strlen(err.text) < 10) {
        fault("'%s' says too little", err.text);
    }
    for (size_t i = 0; i < 8; i++) {
        attune_token_bytes(tk, (attune_token)(n * i / 7), bytes, sizeof bytes);
        attune_token_piece(tk, (attune_token)(n * i / 7));
    }
    attune_tokens_done(&tokens);
}

/* Two tokens, by logits that may be anything. */
static void generate(struct attune_context *ctx)
{
    struct attune_generate_options options = {.max_tokens = 2};
    struct attune_generation *gen = NULL;
    struct attune_chain *chain = NULL;
    struct attune_step step;
    struct attune_error err = {0};

    if (attune_chain_parse(&chain, "temperature=0.8 top_k=9 top_p=0.9", &err) == ATTUNE_OK &&
        attune_generation_start(&gen, ctx, chain, &options, &err) == ATTUNE_OK) {
        while (attune_generation_next(gen, &step, NULL, &err) == 1) {
        }
    }
    attune_generation_free(gen);
    attune_chain_free(chain);
}

/* Thoroughly: with the context that the files ask for, and going on from there. */
static void use_model(const struct attune_model *model, bool thoroughly)
{
    const struct attune_model_info *info = attune_model_info(model);
    const attune_token ids[2] = {info->n_vocab > 1, info->n_vocab - 1};
    struct attune_context_options options = {
        .n_context = thoroughly ? 0 : 8, .n_threads = 1, .keep_hidden = true};
    struct attune_input input = {.ids = ids, .n = 2};
    struct attune_context *ctx;
    struct attune_error err = {0};
    float *row = malloc(((size_t)info->n_vocab + (size_t)info->d_model) * 2 * sizeof *row);

    if (info->kind == ATTUNE_SEQ2SEQ) {
        input.decoder_ids = ids;
        input.n_decoder = 2;
    }
    if (row && attune_context_new(&ctx, model, &options, &err) == ATTUNE_OK) {
        if (attune_context_sync(ctx, &input, NULL, &err) == ATTUNE_OK) {
            attune_context_logits(ctx, 0, 2, row, &err);
            attune_context_hidden(ctx, ATTUNE_STACK_SELF, 0, 0, 2, row, &err);
            if (thoroughly) {
                generate(ctx);
            }
        }
        attune_context_free(ctx);
    }
    if (err.status && strlen(err.text) < 10) {
        fault("'%s' says too little", err.text);
    }
    free(row);
    if (attune_model_tokenizer(model)) {
        use_tokenizer(attune_model_tokenizer(model));
    }
}

static void check_failure(int status, const struct attune_error *err)
{
    if (status != err->status || strlen(err->text) < 20) {
        fault("status %d with '%s'", status, err->text);
    }
    if (strncmp(err->text, made_folder, strlen(made_folder)) != 0) {
        fault("'%s' does not begin with the file", err->text);
    }
}

static void try_open(const struct wreck *w, bool check)
{
    struct attune_model_options options = {.check = check};
    struct attune_model *model = NULL;
    struct attune_tokenizer *tk = NULL;
    struct attune_error err = {0};
    int status;

    alarm(SECONDS);
    shared->tried++;
    status = w->tokenizer ? attune_tokenizer_open(&tk, w->path, &err)
                          : attune_model_open(&model, w->path, &options, NULL, &err);
    if (status != ATTUNE_OK) {
        check_failure(status, &err);
        return;
    }
    shared->opened++;
    if (w->tokenizer) {
        use_tokenizer(tk);
        attune_tokenizer_close(tk);
    } else {
        use_model(model, check);
        attune_model_close(model);
    }
}

/* ---- damage ---- */
static void put(const struct file *f, size_t at, const void *bytes, size_t len)
{
    if (pwrite(f->fd, bytes, len, (off_t)at) != (ssize_t)len) {
        fault("the scratch file cannot be written");
    }
}

/* Half of the cuts in the header, the others in what follows; the file only ever gets shorter. */
static void cut(const struct wreck *w, const struct file *f, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        size_t half = (size_t)n / 2, k = (size_t)i;
        size_t at = k < half ? f->header * k / half
                             : f->header + (f->size - f->header) * (k - half) / ((size_t)n - half);

        snprintf(shared->note, NOTE, "%s: %s cut at byte %zu", w->name, f->name, at);
        if (ftruncate(f->fd, (off_t)at) != 0) {
            fault("the scratch file cannot be cut");
        }
        try_open(w, false);
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

/* One byte, or now and then a few at once; seven of eight in the header. */
static void flip(struct wreck *w)
{
    const struct file *f = &w->files[draw(w, w->n_files)];
    size_t places[6], n = draw(w, 4) ? 1 : 2 + draw(w, 5), used;

    used = (size_t)snprintf(shared->note, NOTE, "%s: %s with", w->name, f->name);
    for (size_t i = 0; i < n; i++) {
        size_t at = draw(w, draw(w, 8) ? f->header : f->size);
        unsigned char byte = changed(w, f->bytes[at]);

        places[i] = at;
        put(f, at, &byte, 1);
        used += (size_t)snprintf(shared->note + used, NOTE - used, " byte %zu = 0x%02x", at, byte);
    }
    try_open(w, draw(w, 8) == 0);
    for (size_t i = 0; i < n; i++) {
        put(f, places[i], &f->bytes[places[i]], 1);
    }
}

static int free_descriptor(void)
{
    int fd = open("/dev/null", O_RDONLY);

    close(fd);
    return fd;
}

/* All that is tried with one model, in a process of its own. */
static void wreck(struct wreck *w)
{
    struct rlimit limit = {(rlim_t)1 << 31, (rlim_t)1 << 31};
    int fd = free_descriptor();

    if (!SANITIZED) { /* sanitizers take terabytes of addresses */
        setrlimit(RLIMIT_AS, &limit);
    }
    limit = (struct rlimit){0, 0};
    setrlimit(RLIMIT_CORE, &limit);
    for (size_t i = 0; i < w->n_files; i++) {
        cut(w, &w->files[i],
            w->tokenizer && amount->cuts > amount->tokens ? amount->tokens : amount->cuts);
    }
    for (int i = 0; i < (w->tokenizer ? amount->tokens : amount->flips); i++) {
        flip(w);
    }
    snprintf(shared->note, NOTE, "%s: mended", w->name);
    try_open(w, true);
    if (free_descriptor() != fd) {
        fault("files stay open");
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

static void run(struct wreck *w)
{
    struct rusage usage;
    int status;
    pid_t child;

    fflush(NULL);
    shared->note[0] = '\0';
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        wreck(w);
        exit(0); /* where a leak is noticed */
    }
    assert_int_equal(wait4(child, &status, 0, &usage), child);
    judge(status, usage.ru_maxrss);
}

/* ---- models and their files ---- */

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Bytes that are not weights. */
static size_t header_of(const struct file *f)
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
static void take_bytes(struct wreck *w, const char *name, void *bytes, size_t size)
{
    struct file *f = &w->files[w->n_files++];

    assert_true(w->n_files <= MAX_FILES);
    snprintf(f->name, sizeof f->name, "%.60s", name);
    f->bytes = bytes;
    f->size = size;
    f->fd = open(made_path(f->name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    assert_true(f->fd >= 0);
    put(f, 0, f->bytes, f->size);
    f->header = header_of(f);
}

static void take_file(struct wreck *w, const char *path)
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
    take_bytes(w, strrchr(path, '/') + 1, bytes, (size_t)st.st_size);
}

static void run_and_drop(struct wreck *w)
{
    snprintf(w->path, sizeof w->path, "%s",
             w->n_files == 1 ? made_path(w->files[0].name) : made_folder);
    w->random = seed;
    run(w);
    for (size_t i = 0; i < w->n_files; i++) {
        unlink(made_path(w->files[i].name));
        close(w->files[i].fd);
        free(w->files[i].bytes);
    }
}

static bool asked_for(const char *name)
{
    for (char *const *at = only; *at; at++) {
        if (strstr(name, *at)) {
            return true;
        }
    }
    return !*only;
}

/* What a model or a tokenizer is opened with. */
static int belongs(const struct dirent *entry)
{
    const char *s = entry->d_name;

    return strncmp(s, "golden.", 7) != 0 && !ends_with(s, "cases.json") &&
           (ends_with(s, ".gguf") || ends_with(s, ".safetensors") || ends_with(s, ".json") ||
            ends_with(s, ".json.gz"));
}

/* The models of a folder of folders, or the tokenizers. */
static void wreck_all(const char *root, const char *set, bool tokenizers)
{
    char folder[4096], name[512], path[8192];
    struct dirent **list, **inside;
    int n, n_inside;

    snprintf(folder, sizeof folder, "%s/%s", root, set);
    n = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        struct wreck w = {.name = name, .tokenizer = tokenizers};

        snprintf(name, sizeof name, "%s/%s", set, list[i]->d_name);
        snprintf(path, sizeof path, "%s/%s", root, name);
        n_inside = list[i]->d_name[0] != '.' && asked_for(name)
                       ? scandir(path, &inside, belongs, alphasort)
                       : 0;
        for (int k = 0; k < n_inside; k++) {
            snprintf(path, sizeof path, "%s/%s/%s", root, name, inside[k]->d_name);
            take_file(&w, path);
            free(inside[k]);
        }
        if (n_inside > 0) {
            free(inside);
            run_and_drop(&w);
        }
        free(list[i]);
    }
    if (n >= 0) {
        free(list);
    }
}

/* ---- cases ---- */
static void goldens_that_come_along(void **state)
{
    wreck_all(getenv("ATTUNE_GOLDEN"), "gguf", false);
    wreck_all(getenv("ATTUNE_GOLDEN"), "hf", false);
}

/* A directory with a tokenizer.json, which has more ids than the model has rows. */
static void a_directory_with_a_tokenizer(void **state)
{
    struct wreck w = {.name = "made/gpt2"};
    char *json = made_byte_level_json();

    take_file(&w, golden_path("hf/gpt2/config.json"));
    take_file(&w, golden_path("hf/gpt2/model.safetensors"));
    take_bytes(&w, "tokenizer.json", json, strlen(json));
    run_and_drop(&w);
}

static void tokenizers_of_every_kind(void **state)
{
    static const char *const files[] = {
        "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},"
        "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}]},"
        "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\","
        "\"prepend_scheme\":\"always\"},"
        "\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\"},"
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":"
        "\"A\","
        "\"type_id\":0}},{\"SpecialToken\":{\"id\":\"</"
        "s>\",\"type_id\":0}}],\"pair\":[{\"Sequence\":"
        "{\"id\":\"A\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}],"
        "\"special_tokens\":{\"</s>\":{\"id\":\"</s>\",\"ids\":[1],\"tokens\":[\"</s>\"]}}},"
        "\"added_tokens\":[{\"id\":1,\"content\":\"</s>\",\"special\":true}],"
        "\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"</s>\",0],"
        "[\"\\u2581\",-2.5],[\"a\",-3],[\"t\",-3.25],[\"\\u2581the\",-5],[\"he\",-4.5]]}}",

        "{\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},"
        "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
        "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[S]\",2],\"cls\":[\"[C]\",1]},"
        "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},"
        "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"?\",\"max_input_chars_per_word\":100,"
        "\"continuing_subword_prefix\":\"##\",\"vocab\":{\"?\":0,\"[C]\":1,\"[S]\":2,\"the\":3,"
        "\"##llo\":4,\"he\":5,\"cat\":6,\"'\":7,\"s\":8,\"1\":9,\"##2\":10}}}",

        "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":"
        "\"\\u2581\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\" "
        "\"},\"content\":\"\\u2581\"}]},"
        "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[^(\\\\s|[-])]+\"},"
        "\"behavior\":\"MergedWithNext\",\"invert\":false},"
        "\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"ByteFallback\"},{\"type\":"
        "\"Fuse\"},"
        "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]},"
        "\"added_tokens\":[{\"id\":9,\"content\":\"<b>\",\"lstrip\":true,\"normalized\":false}],"
        "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,\"byte_fallback\":"
        "true,"
        "\"vocab\":{\"<unk>\":0,\"<0xC3>\":1,\"<0xA9>\":2,\"\\u2581\":3,\"t\":4,\"h\":5,\"th\":6,"
        "\"e\":7,\"the\":8},\"merges\":[\"t h\",[\"th\",\"e\"]]}}",
    };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct wreck w = {.name = "made/tokenizer", .tokenizer = true};

        take_bytes(&w, "tokenizer.json", strdup(files[i]), strlen(files[i]));
        run_and_drop(&w);
    }
}

static void everything_beside_the_source_tree(void **state)
{
    char root[4096];

    if (amount == &whole) {
        snprintf(root, sizeof root, "%s/../shared/goldens", getenv("top_srcdir"));
        wreck_all(root, "gguf", false);
        wreck_all(root, "hf", false);
        wreck_all(root, "tokenizers", true);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokenizers_of_every_kind),
        cmocka_unit_test(a_directory_with_a_tokenizer),
        cmocka_unit_test(goldens_that_come_along),
        cmocka_unit_test(everything_beside_the_source_tree),
    };
    const char *how_much = getenv("ATTUNE_FUZZ"), *from = getenv("ATTUNE_FUZZ_SEED");
    int failed;

    only = argv + 1;
    amount = how_much && strcmp(how_much, "all") == 0 ? &whole : &sample;
    seed = from ? strtoull(from, NULL, 10) : seed;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return 1;
    }
    failed = cmocka_run_group_tests_name("model damage", tests, made_begin, made_end);
    printf("# %zu damaged models and tokenizers, %zu of them open all the same\n", shared->tried,
           shared->opened);
    return failed;
}
