/* Made numbers for tests of arithmetic: always the same from one program start to the next. */
#ifndef ATTUNE_TESTS_MADE_ROWS_H
#define ATTUNE_TESTS_MADE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/quant.h"

uint32_t made_next(void);
size_t made_below(size_t n);
float made_uniform(float low, float high);

/* Rows of a type with the values that matter: any bits that mean finite numbers. free() */
unsigned char *made_rows(const struct quant_ops *type, size_t rows, size_t n);
/* Every byte of such rows becomes `byte`, but for the scales. */
void made_fill(unsigned char *w, const struct quant_ops *type, size_t rows, size_t n,
               unsigned char byte);

#endif
