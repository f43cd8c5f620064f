/* A GGUF file in the making (version 3, little endian): metadata, then tensors by name and size,
 * then their data, which is written in place. The file appears under its name when it is whole. */
#ifndef ATTUNE_ENGINE_GGUF_WRITE_H
#define ATTUNE_ENGINE_GGUF_WRITE_H

#include <attune/progress.h>

#include "engine/gguf.h"

struct gguf_writer;

int gguf_write_new(struct gguf_writer **out, const char *path, struct attune_error *err);
/* Removes what is not committed. NULL is fine. */
void gguf_write_free(struct gguf_writer *w);

/* Failures of these are kept and come out of gguf_write_begin. */
void gguf_write_u32(struct gguf_writer *w, const char *key, uint32_t value);
void gguf_write_f32(struct gguf_writer *w, const char *key, float value);
void gguf_write_bool(struct gguf_writer *w, const char *key, bool value);
void gguf_write_text(struct gguf_writer *w, const char *key, const char *text);
void gguf_write_name(struct gguf_writer *w, const char *key, struct gguf_text text);
void gguf_write_bytes(struct gguf_writer *w, const char *key, const void *bytes, size_t n);
void gguf_write_texts(struct gguf_writer *w, const char *key, const struct gguf_text *texts,
                      size_t n);
void gguf_write_i32s(struct gguf_writer *w, const char *key, const int32_t *values, size_t n);
void gguf_write_f32s(struct gguf_writer *w, const char *key, const float *values, size_t n);
/* A value of another file as it is. */
void gguf_write_value(struct gguf_writer *w, struct gguf_text key, const struct gguf_value *value);
/* dims as in the file: fastest first. */
void gguf_write_tensor(struct gguf_writer *w, struct gguf_text name, uint32_t type, int n_dims,
                       const uint64_t *dims, uint64_t n_bytes);

/* Takes the room on disk. Afterwards gguf_write_data(i) is where tensor i goes, in the order given.
 */
int gguf_write_begin(struct gguf_writer *w, struct attune_error *err);
void *gguf_write_data(struct gguf_writer *w, size_t i);
/* Under which name it can be read until then. */
const char *gguf_write_path(const struct gguf_writer *w);
/* Cancelled, as progress says: the file is not there. */
int gguf_write_commit(struct gguf_writer *w, struct attune_progress *progress,
                      struct attune_error *err);

#endif
