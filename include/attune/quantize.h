/* A model in another storage type, as a GGUF file that other engines read as well.
 *
 * Matrices get the type asked for; what is small or delicate stays float32: vectors, positions, segments,
 * T5's distances. Rows that do not divide into the type's blocks fall back to one that fits: q4_k to q5_0,
 * q6_k to q8_0, and where not even 32 fit, to f16. q8_0, q4_0 and q5_0 come out byte for byte as ggml's
 * reference writes them; q4_k and q6_k hold the same format, with integers found by our own search
 * (engine/quant_fit.c). */
#ifndef ATTUNE_QUANTIZE_H
#define ATTUNE_QUANTIZE_H

#include <attune/model.h>

/* The types one can ask for, by number from 0; NULL past the last. "f32", "f16", "bf16", "q8_0", ... */
const char *attune_quantize_type(size_t i);

struct attune_quantize_result {
    size_t tensors, converted;    /* all of them; those that changed their type */
    uint64_t bytes_in, bytes_out; /* of the tensors */
    size_t fell_back;             /* to another type, since the rows did not divide */
    char note[256];               /* one line: what a GGUF file cannot hold of this model; "" as a rule */
};

/* Reads the model at `in` (a GGUF file, or a Hugging Face directory of a family that GGUF has: its numbers,
 * tokenizer and chat template come along, and are read back before the weights are written), writes the
 * file `out`, which appears when all of it is on disk. n_threads 0: as many as there are cores. Progress
 * counts bytes read. A type without a writer, an `out` that is `in`, a matrix that is quantised already:
 * an error that says so (from one quantised type to another would lose twice). */
int attune_quantize(struct attune_quantize_result *result, const char *in, const char *out, const char *type,
                    int n_threads, struct attune_progress *progress, struct attune_error *err);

#endif
