/* Models and tokenizers that a case writes for itself, into a folder that is gone afterwards.
 * Included after cmocka. Paths are borrowed and stand until the fourth call after. */
#ifndef ATTUNE_TESTS_ENGINE_MADE_H
#define ATTUNE_TESTS_ENGINE_MADE_H

#include <attune/context.h>
#include <attune/tensors.h>
#include <attune/tokenizer.h>
#include <stdbool.h>

/* Set up and tear down a group of tests: the folder, in the current one. */
int made_begin(void **state);
int made_end(void **state);

extern char made_folder[];
const char *made_path(const char *name);   /* in the folder */
const char *golden_path(const char *name); /* among the reference answers that come along */

void made_bytes(const char *name, const void *bytes, size_t len);
void made_text(const char *name, const char *text);
void made_copy(const char *name, const char *from);

/* GPT-2's golden weights as the folder's model.safetensors, each as `change` leaves it: false drops
 * it. made_gpt2_config is the config.json that belongs to them. */
void made_gpt2(bool (*change)(struct attune_tensor *t));
extern const char made_gpt2_config[];

/* Fail the test unless the model opens, or is refused with these words in the line. */
struct attune_model *made_open(const char *path);
/* Its weights as evaluation finds them: rows in order. */
void made_settle(const struct attune_model *model);
void made_fails(const char *path, const char *words);

/* A tokenizer from the text of a tokenizer.json, which becomes the folder's. */
struct attune_tokenizer *made_tokenizer(const char *json);
void made_tokenizer_fails(const char *json, const char *words);

/* A byte-level vocabulary of all 256 bytes, three merges and <end>; the text is freed by the
 * caller. */
char *made_byte_level_json(void);
struct attune_tokenizer *made_byte_level(void);

/* What text becomes, written as "id:start-end id:start-end". */
void made_check(const struct attune_tokenizer *tk, const char *text, const char *want);
void made_check_bytes(const struct attune_tokenizer *tk, const char *text, size_t len,
                      const char *want);

/* The members of a tokenizer.json that spell a character model of a few letters, for files that are
 * about the steps around it. */
#define MADE_CHARS                                                                                 \
    "\"model\": {\"type\": \"BPE\", \"unk_token\": \"?\", \"vocab\": {\"?\": 0, \"a\": 1, \"b\": " \
    "2, \"-\": 3, \"ab\": 4, \"\xc3\xa9\": 5, \"e\": 6, \" \": 7, \"a-\": 8, \"-a\": 9, \"--\": "  \
    "10}, \"merges\": [\"a b\", \"a -\", \"- a\", \"- -\"]}"

#endif
