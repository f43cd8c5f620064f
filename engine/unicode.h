/* Characters: UTF-8 in and out, and the classes that tokenizers ask for. */
#ifndef ATTUNE_ENGINE_UNICODE_H
#define ATTUNE_ENGINE_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at s: its length in bytes, 0 where the bytes are no well-formed UTF-8. */
size_t unicode_decode(const char *s, size_t len, uint32_t *c);
/* Writes c as UTF-8, returns the bytes written (at most 4). */
size_t unicode_encode(char *out, uint32_t c);
/* Bytes of the longest prefix that is well-formed UTF-8: len where all of it is. */
size_t unicode_valid(const char *s, size_t len);
/* How many bytes at s a lossy decoder replaces by one U+FFFD: the longest beginning of a character
 * that is cut short, else one byte (the Unicode Standard's "maximal subpart"). */
size_t unicode_subpart(const char *s, size_t len);

bool unicode_is_letter(uint32_t c); /* L */
bool unicode_is_mark(uint32_t c);   /* M */
bool unicode_is_number(uint32_t c); /* N */
bool unicode_is_word(uint32_t c);   /* \w of UTS 18: alphabetic, M, Nd, Pc, joiners */
bool unicode_is_space(uint32_t c);  /* the 25 code points with White_Space */

/* By the tables of BERT's normalizer and pre-tokenizer (unicode_bert.c). */
bool unicode_is_bert_punctuation(uint32_t c);
bool unicode_is_bert_accent(uint32_t c);
bool unicode_is_bert_mark(uint32_t c);
bool unicode_is_bert_removed(uint32_t c);
bool unicode_is_bert_ideograph(uint32_t c);

#endif
