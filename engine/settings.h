/* The configuration of a model: one way to ask, whether the answer stands in config.json or in GGUF
 * metadata. Keys are alternatives separated by spaces, the first that is there counts:
 *
 *     settings_int(cfg, "num_attention_heads n_head .attention.head_count", SETTINGS_WANTED, 1,
 * 65536)
 *
 * A key with a dot in front is a GGUF key below the architecture ("llama.attention.head_count");
 * the others are members of config.json ("rope_scaling/factor" and "architectures/0" go deeper;
 * null counts as absent). The first failure is kept in status and err, and later calls go on: a
 * family reads all it needs, then looks once. */
#ifndef ATTUNE_ENGINE_SETTINGS_H
#define ATTUNE_ENGINE_SETTINGS_H

#include <attune/error.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

struct gguf;
struct pool;

struct settings {
    const struct gguf *gguf; /* one of these two */
    json_t *json;
    const char *file;         /* as messages show it */
    const char *architecture; /* GGUF: general.architecture; config.json: model_type */
    struct pool *pool;
    struct attune_error *err;
    int status;
};

enum { SETTINGS_WANTED = INT_MIN }; /* as the value for absent keys: absence is an error */

int settings_int(struct settings *cfg, const char *keys, int absent, int min, int max);
double settings_real(struct settings *cfg, const char *keys, double absent, double min, double max);
bool settings_bool(struct settings *cfg, const char *keys, bool absent);
const char *settings_text(struct settings *cfg, const char *keys, const char *absent);
bool settings_has(const struct settings *cfg, const char *keys);

/* Notes a failure of the field that keys name, unless there was one before. */
void settings_fail(struct settings *cfg, int status, const char *keys, const char *reason);

#endif
