/* Storage types: the table, halves one by one, and rows packed here from known integers. */
#include <config.h>

#include "engine/quant.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <cmocka.h>

static void the_table_is_consistent(void **state)
{
    assert_true(quant_count() >= 5);
    for (size_t i = 0; i < quant_count(); i++) {
        const struct quant_ops *type = quant_at(i);

        assert_ptr_equal(quant_by_ggml(type->ggml_type), type);
        assert_ptr_equal(quant_by_name(type->name), type);
        if (type->dtype) {
            assert_ptr_equal(quant_by_dtype(type->dtype), type);
        }
        assert_true(type->block > 0 && type->block_bytes > 0);
        assert_int_equal(quant_row_bytes(type, 3 * (size_t)type->block), 3 * type->block_bytes);
        if (type->block > 1) {
            assert_int_equal(quant_row_bytes(type, (size_t)type->block + 1), 0);
        }
        if (type->block == 1) {
            assert_int_equal(quant_row_bytes(type, SIZE_MAX), 0);
        }
    }
    assert_null(quant_by_ggml(9999));
    assert_null(quant_by_dtype("F8"));
    assert_null(quant_by_name("q9_9"));
}

static void every_half_is_its_value(void **state)
{
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        uint16_t half = (uint16_t)bits;
        int exponent = half >> 10 & 31, fraction = half & 1023;
        double want = exponent == 0    ? ldexp(fraction, -24)
                      : exponent == 31 ? (fraction ? NAN : INFINITY)
                                       : ldexp(1024 + fraction, exponent - 25);
        float got = quant_half(&half), row;

        quant_by_ggml(1)->to_float(&row, &half, 1);
        if (isnan(want)) {
            assert_true(isnan(got) && isnan(row));
            continue;
        }
        assert_true(fabs((double)got) == want && (double)row == (double)got);
        assert_int_equal(signbit(got) != 0, half >> 15);
    }
}

static void floats_and_bfloats_are_copied(void **state)
{
    float in[5] = {0.0f, -1.5f, 3.25f, 1e-37f, -65280.0f}, out[5];
    uint16_t upper[5];

    quant_by_dtype("F32")->to_float(out, in, 5);
    assert_memory_equal(in, out, sizeof in);
    for (int i = 0; i < 5; i++) {
        uint32_t bits;

        memcpy(&bits, in + i, sizeof bits);
        upper[i] = (uint16_t)(bits >> 16);
    }
    quant_by_dtype("BF16")->to_float(out, upper, 5);
    for (int i = 0; i < 5; i++) {
        assert_true(fabsf(out[i] - in[i]) <= fabsf(in[i]) / 128);
    }
    assert_true(out[1] == -1.5f && out[4] == -65280.0f);
}

/* Blocks of 32 in all forms, packed bit by bit from v[32]: the twin of the readers. */
static void blocks_of_32_give_back_what_was_packed(void **state)
{
    static const struct {
        const char *name;
        int bits, shift; /* shift: what the stored integer is above the value */
        int minimum;     /* 1: a minimum follows the scale */
    } forms[] = {{"q4_0", 4, 8, 0}, {"q4_1", 4, 0, 1}, {"q5_0", 5, 16, 0}, {"q5_1", 5, 0, 1}};

    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        const struct quant_ops *type = quant_by_name(forms[f].name);
        unsigned char row[2 * 24] = {0};
        float out[64], d = 0.25f, m = forms[f].minimum ? -3.5f : 0.0f;
        size_t header = forms[f].minimum ? 4 : 2, high = forms[f].bits == 5 ? 4 : 0;

        for (int i = 0; i < 64; i++) {
            unsigned char *block = row + (size_t)(i / 32) * type->block_bytes;
            unsigned stored = (unsigned)(i * 7 + 3) % (1u << forms[f].bits);
            int j = i % 32;

            memcpy(block, "\x00\x34", 2); /* 0.25 */
            if (forms[f].minimum) {
                memcpy(block + 2, "\x00\xc3", 2); /* -3.5 */
            }
            block[header + high + (size_t)(j % 16)] |=
                (unsigned char)((stored & 15) << (j < 16 ? 0 : 4));
            if (high) {
                block[header + (size_t)(j / 8)] |= (unsigned char)((stored >> 4) << (j % 8));
            }
        }
        type->to_float(out, row, 64);
        for (int i = 0; i < 64; i++) {
            int stored = (i * 7 + 3) % (1 << forms[f].bits);

            assert_true(out[i] == d * (float)(stored - forms[f].shift) + m);
        }
    }
}

static void bytes_behind_a_scale(void **state)
{
    unsigned char row[34] = {0x00, 0x34};
    float out[32];

    for (int i = 0; i < 32; i++) {
        row[2 + i] = (unsigned char)(i * 11 - 128);
    }
    quant_by_name("q8_0")->to_float(out, row, 32);
    for (int i = 0; i < 32; i++) {
        assert_true(out[i] == 0.25f * (float)(signed char)(unsigned char)(i * 11 - 128));
    }
}

/* Element i of a block of 256, bit by bit: the twins of what unpack does with whole bytes. */
static double bits(unsigned value, int shift, int n)
{
    return value >> shift & ((1u << n) - 1);
}

static double scale_of_4k(const unsigned char *s, int g, bool minimum)
{
    const unsigned char *low = s + g + (g < 4 ? 0 : 4), *top = s + g - (g < 4 ? 0 : 4);

    if (g < 4) {
        return bits(s[g + (minimum ? 4 : 0)], 0, 6);
    }
    return minimum ? bits(*low, 4, 4) + 16 * bits(s[g], 6, 2)
                   : bits(*low, 0, 4) + 16 * bits(*top, 6, 2);
}

static double element(int type, const unsigned char *p, int i)
{
    int half = i / 128, quarter = i % 128 / 32, j = i % 32, group = i / 32;
    double low;

    switch (type) {
    case 2:
        return (double)quant_half(p + 80) * bits(p[i / 16], 0, 4) *
                   bits(p[16 + 32 * half + j], 2 * quarter, 2) -
               (double)quant_half(p + 82) * bits(p[i / 16], 4, 4);
    case 3:
        low = i / 16 < 8 ? bits(p[96 + i / 16], 0, 4) : bits(p[96 + i / 16 - 8], 4, 4);
        low += 16 * bits(p[104 + i / 16 % 4], 2 * (i / 16 / 4), 2) - 32;
        return (double)quant_half(p + 108) * low *
               (bits(p[32 + 32 * half + j], 2 * quarter, 2) + 4 * bits(p[j], group, 1) - 4);
    case 4:
    case 5:
        low = bits(p[(type == 4 ? 16 : 48) + 32 * (group / 2) + j], 4 * (group % 2), 4);
        low += type == 5 ? 16 * bits(p[16 + j], group, 1) : 0;
        return (double)quant_half(p) * scale_of_4k(p + 4, group, false) * low -
               (double)quant_half(p + 2) * scale_of_4k(p + 4, group, true);
    default:
        low = bits(p[64 * half + 32 * (quarter % 2) + j], 4 * (quarter / 2), 4);
        low += 16 * bits(p[128 + 32 * half + j], 2 * quarter, 2) - 32;
        return (double)quant_half(p + 208) * (double)(signed char)p[192 + i / 16] * low;
    }
}

static void blocks_of_256_are_read_bit_by_bit(void **state)
{
    static const struct {
        const char *name;
        int bits, scale, minimum;
    } types[] = {{"q2_k", 2, 80, 82},
                 {"q3_k", 3, 108, 108},
                 {"q4_k", 4, 0, 2},
                 {"q5_k", 5, 0, 2},
                 {"q6_k", 6, 208, 208}};
    uint64_t seed = 7;

    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        const struct quant_ops *type = quant_by_name(types[t].name);
        unsigned char block[256];
        float out[256];

        for (int round = 0; round < 20; round++) {
            for (size_t i = 0; i < sizeof block; i++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                block[i] = (unsigned char)(seed >> 56);
            }
            block[types[t].scale + 1] = (unsigned char)((block[types[t].scale + 1] & 0x80) | 0x2a);
            block[types[t].minimum + 1] =
                (unsigned char)((block[types[t].minimum + 1] & 0x80) | 0x2b);
            type->to_float(out, block, 256);
            for (int i = 0; i < 256; i++) {
                assert_true(out[i] == (float)element(types[t].bits, block, i));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_consistent),
        cmocka_unit_test(every_half_is_its_value),
        cmocka_unit_test(floats_and_bfloats_are_copied),
        cmocka_unit_test(blocks_of_32_give_back_what_was_packed),
        cmocka_unit_test(bytes_behind_a_scale),
        cmocka_unit_test(blocks_of_256_are_read_bit_by_bit),
    };
    return cmocka_run_group_tests_name("quant", tests, NULL, NULL);
}
