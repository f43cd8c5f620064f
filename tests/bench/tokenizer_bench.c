/* Text to ids: how fast a megabyte of English goes through each kind of vocabulary, and how long a
 * vocabulary takes to open.
 *
 * tokenizer_bench [FILE [NAME]]: the text of FILE (- for made prose), the vocabulary NAME alone.
 * The bundled model's is always there, the others where ../shared/goldens is. */
#include <config.h>

#include "bench.h"

#include <attune/tokenizer.h>

#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { ROUNDS = 5, TEXT = 1 << 20, COMMON = 64, WORDS = 30000, LONGEST_WORD = 32 };

/* The kinds: what splits the text, what the model is. */
static const char *const vocabularies[] = {
    "../shared/goldens/tokenizers/gpt2/tokenizer.json",
    "../shared/goldens/tokenizers/gpt-neox/tokenizer.json",
    "../shared/goldens/tokenizers/llama-3-schema/tokenizer.json.gz",
    "../shared/goldens/tokenizers/qwen2/tokenizer.json.gz",
    "../shared/goldens/tokenizers/bloom-schema/tokenizer.json",
    "../shared/goldens/tokenizers/tinyllama/tokenizer.json",
    "../shared/goldens/tokenizers/llama-metaspace/tokenizer.json.gz",
    "../shared/goldens/tokenizers/t5-small/tokenizer.json",
    "../shared/goldens/tokenizers/flan-t5/tokenizer.json",
    "../shared/goldens/tokenizers/nmt-unigram/tokenizer.json",
    "../shared/goldens/tokenizers/albert-base-v2/tokenizer.json",
    "../shared/goldens/tokenizers/bert-base-cased/tokenizer.json",
    "../shared/goldens/tokenizers/bert-base-uncased/tokenizer.json",
    "../shared/goldens/gguf-vocab/ggml-vocab-llama-spm.gguf",
    "../shared/goldens/gguf-vocab/ggml-vocab-gpt-2.gguf",
    "../shared/goldens/gguf-vocab/ggml-vocab-bert-bge.gguf",
    "share/models/tiny-decoder.gguf",
};

static const char *const common[COMMON] = {
    "the",  "of",    "and",  "to",   "a",     "in",    "that",  "is",    "was",   "he",   "for",
    "it",   "with",  "as",   "his",  "on",    "be",    "at",    "by",    "I",     "this", "had",
    "not",  "are",   "but",  "from", "or",    "have",  "an",    "they",  "which", "one",  "you",
    "were", "her",   "all",  "she",  "there", "would", "their", "we",    "him",   "been", "has",
    "when", "who",   "will", "more", "no",    "if",    "out",   "so",    "said",  "what", "up",
    "its",  "about", "into", "than", "them",  "can",   "only",  "other", "it's",
};
static const char *const heads[] = {"con", "re", "in", "un", "pre", "ex", "st", "tr", "gr",
                                    "pl",  "ch", "sh", "th", "qu",  "m",  "b",  "d",  "f",
                                    "l",   "n",  "p",  "r",  "s",   "t",  "w",  "v",  "de"};
static const char *const hearts[] = {"a",   "e",   "i",   "o",   "u",   "ea",  "ou",  "ai",  "er",
                                     "ar",  "an",  "en",  "in",  "on",  "ist", "end", "act", "ent",
                                     "ess", "ort", "ind", "oll", "igh", "ove", "ick", "ell", "orm"};
static const char *const tails[] = {"",    "s",   "ed",   "ing",  "er",   "ly",  "tion", "ment",
                                    "al",  "y",   "ness", "able", "ity",  "ous", "ive",  "e",
                                    "ter", "ple", "ant",  "ism",  "ance", "'s",  "t",    "d"};

static uint64_t seed = 1;

static size_t below(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)((seed >> 33) % n);
}

#define PICK(list) list[below(sizeof list / sizeof *list)]

/* Prose whose words fall off as English does (Zipf: the k-th word is 1/k as frequent as the first);
 * a tenth of all words are rare, so that no memory of words met before makes it too easy. */
static char *make_text(size_t *len)
{
    static char words[WORDS][LONGEST_WORD];
    char *text = malloc(TEXT + 128);
    size_t n = 0, until_stop = 1;
    bool begins = true;

    if (!text) {
        exit(1);
    }
    for (size_t i = 0; i < WORDS; i++) {
        if (i < COMMON) {
            snprintf(words[i], LONGEST_WORD, "%s", common[i]);
        } else {
            snprintf(words[i], LONGEST_WORD, "%s%s%s%s", PICK(heads), PICK(hearts),
                     below(3) ? "" : PICK(heads), PICK(tails));
        }
    }
    while (n < TEXT) {
        double u = (double)below(1 << 30) / (1 << 30);
        size_t word = (size_t)exp(u * log(WORDS)) - 1, start = n;

        if (below(60) == 0) {
            n += (size_t)sprintf(text + n, "%zu", below(3000));
        } else {
            n += (size_t)sprintf(text + n, "%s", words[word]);
        }
        if (begins && text[start] >= 'a') {
            text[start] = (char)(text[start] - 32);
        }
        begins = --until_stop == 0;
        if (begins) {
            until_stop = 6 + below(20);
            n += (size_t)sprintf(text + n, "%s", below(6) ? ". " : ".\n\n");
        } else {
            n += (size_t)sprintf(text + n, "%s",
                                 below(9)   ? " "
                                 : below(4) ? ", "
                                            : " \xe2\x80\x94 ");
        }
    }
    *len = n;
    return text;
}

static char *read_whole(const char *path, size_t *len)
{
    enum { MOST = 1 << 28 };
    gzFile file = gzopen(path, "rb"); /* reads what is not compressed as well */
    char *text = malloc(MOST);
    int n = file && text ? gzread(file, text, MOST) : -1;

    if (n < 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    gzclose(file);
    *len = (size_t)n;
    return text;
}

/* Milliseconds for the bytes and the JSON alone: what no reader that builds on the library can
 * beat. 0 where the file is no JSON. */
static double parse_alone(const char *path)
{
    double start = bench_cpu(), ms;
    size_t len;
    char *text = read_whole(path, &len);
    json_t *json = text[0] == '{' ? json_loadb(text, len, 0, NULL) : NULL;

    ms = json ? (bench_cpu() - start) * 1e3 : 0;
    json_decref(json);
    free(text);
    return ms;
}

static void measure(const char *name, const char *path, const char *text, size_t len)
{
    struct attune_tokenizer *tk = NULL;
    struct attune_tokens tokens = {0};
    struct attune_error err = {0};
    double load[ROUNDS], parse[ROUNDS], encode[ROUNDS], best = 1e9;

    for (int round = -1; round < ROUNDS; round++) {
        double start = bench_cpu(), seconds;

        attune_tokenizer_close(tk);
        if (attune_tokenizer_open(&tk, path, &err)) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
        seconds = bench_cpu() - start;
        if (round >= 0) {
            load[round] = seconds * 1e3;
            parse[round] = parse_alone(path);
        }
        start = bench_cpu();
        if (attune_tokenize(&tokens, tk, text, len, NULL, &err)) {
            fprintf(stderr, "%s: %s\n", name, err.text);
            exit(1);
        }
        seconds = bench_cpu() - start;
        if (round >= 0) {
            encode[round] = (double)len / 1e6 / seconds;
            best = seconds < best ? seconds : best;
        }
    }
    printf("%-26s %6zu ids  open %6.1f ms, JSON alone %5.1f  encode %6.1f MB/s, at best %6.1f  "
           "%.2f bytes a token\n",
           name, attune_tokenizer_size(tk), bench_median(load, ROUNDS), bench_median(parse, ROUNDS),
           bench_median(encode, ROUNDS), (double)len / 1e6 / best, (double)len / (double)tokens.n);
    attune_tokens_done(&tokens);
    attune_tokenizer_close(tk);
}

/* A directory's name, or that of a GGUF file. */
static char *name_of(const char *path, char buffer[4096])
{
    char *last;

    snprintf(buffer, 4096, "%s", path);
    last = strrchr(buffer, '/');
    if (strstr(last, ".json")) {
        *last = '\0';
        last = strrchr(buffer, '/');
    }
    last[1 + strcspn(last + 1, ".")] = '\0';
    return last + 1;
}

int main(int argc, char **argv)
{
    const char *top = getenv("top_srcdir");
    bool made = argc < 2 || strcmp(argv[1], "-") == 0;
    size_t len;
    char *text = made ? make_text(&len) : read_whole(argv[1], &len);
    char path[4096], buffer[4096];
    struct stat st;

    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++) {
        char *name = name_of(vocabularies[i], buffer);

        snprintf(path, sizeof path, "%s/%s", top ? top : ".", vocabularies[i]);
        if (stat(path, &st) == 0 && (argc < 3 || strcmp(argv[2], name) == 0)) {
            measure(name, path, text, len);
        }
    }
    free(text);
    return 0;
}
